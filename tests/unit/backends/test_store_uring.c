/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files by io_uring: real ones, in a directory of our own and in memory.  The
 * source is included, to look at the ring and to spoil it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include <fcntl.h>
#include <sys/stat.h>

static uint32_t told_align; /* 0: what the kernel says */

/* As on a file system whose device has sectors of that size. */
static int test_statx(int fd, const char *path, int flags, unsigned int mask,
		      struct statx *ret)
{
	int rc = statx(fd, path, flags, mask, ret);

	if (rc == 0 && told_align != 0) {
		ret->stx_mask |= STATX_DIOALIGN;
		ret->stx_dio_mem_align = 512;
		ret->stx_dio_offset_align = told_align;
	}
	return rc;
}

#define statx(...) test_statx(__VA_ARGS__)
#include "blk/store_uring.c"
#undef statx

#include "core/event_uv.h"

#define MIB (1024u * 1024u)

struct one {
	struct blk_request r;
	struct iovec iov[8];
	struct iovec before[8];
	uint32_t done;
	int error;
};

struct fixture {
	uv_loop_t uv;
	struct event_uv ev;
	char path[64];
	int fd;
	struct blk_store *store;
	struct store_uring *su;
	uint8_t *buffer; /* MIB, aligned */
	uint32_t batches;
};

static int probe_error;
static uint32_t drained;

static void on_one(struct blk_request *r, int error)
{
	struct one *one = container_of(r, struct one, r);

	one->done++;
	one->error = error;
	assert_memory_equal(one->iov, one->before, sizeof(one->iov));
}

static void count_batch(struct blk_store *store)
{
	((struct fixture *)store->user)->batches++;
}

static void count_drained(struct blk_store *store)
{
	(void)store;
	drained++;
}

static void open_store(struct fixture *f,
		       const struct store_uring_config *config)
{
	assert_int_equal(
		store_uring_open(&f->ev.loop, f->fd, config, &f->store), 0);
	f->su = from_store(f->store);
	f->store->user = f;
	f->store->completed = count_batch;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *dir = getenv("TMPDIR");

	assert_int_equal(uv_loop_init(&f->uv), 0);
	assert_int_equal(event_uv_init(&f->ev, &f->uv), 0);
	snprintf(f->path, sizeof(f->path), "%s/store-XXXXXX",
		 dir != NULL && strlen(dir) < 40 ? dir : "/tmp");
	f->fd = mkstemp(f->path);
	assert_true(f->fd >= 0);
	assert_int_equal(ftruncate(f->fd, MIB), 0);
	f->buffer = aligned_alloc(4096, MIB);
	memset(f->buffer, 0, MIB);
	drained = 0;
	told_align = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->store != NULL) {
		f->store->ops->close(f->store);
	}
	event_uv_fini(&f->ev);
	uv_run(&f->uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->uv), 0);
	close(f->fd);
	unlink(f->path);
	free(f->buffer);
	free(f);
	return 0;
}

static bool can_do(void)
{
	if (probe_error != 0) {
		print_message("io_uring is not to be had here: %s\n",
			      strerror(-probe_error));
	}
	return probe_error == 0;
}

#define NEEDS_URING()            \
	do {                     \
		if (!can_do()) { \
			skip();  \
		}                \
	} while (0)

/* Opens the file again with O_DIRECT; false if its filesystem has none. */
static bool open_direct(struct fixture *f)
{
	close(f->fd);
	f->fd = open(f->path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (f->fd < 0) {
		print_message("no O_DIRECT here: %s\n", strerror(errno));
		f->fd = open(f->path, O_RDWR | O_CLOEXEC);
		return false;
	}
	return true;
}

static void fill(struct one *one, enum blk_op op, uint64_t offset,
		 uint64_t length)
{
	memset(one, 0, sizeof(*one));
	one->r.op = op;
	one->r.offset = offset;
	one->r.length = length;
	one->r.done = on_one;
}

static void add(struct one *one, void *base, size_t len)
{
	one->iov[one->r.iov_count] = (struct iovec){ base, len };
	one->r.iov = one->iov;
	one->r.iov_count++;
	memcpy(one->before, one->iov, sizeof(one->iov));
}

static void fill_simple(struct one *one, enum blk_op op, uint64_t offset,
			void *base, size_t len)
{
	fill(one, op, offset, len);
	add(one, base, len);
}

static void submit(struct fixture *f, struct one *one)
{
	f->store->ops->submit(f->store, &one->r);
}

/* Runs until one is done; returns its error. */
static int finish_one(struct fixture *f, struct one *one)
{
	f->store->ops->commit(f->store);
	while (one->done == 0) {
		uv_run(&f->uv, UV_RUN_ONCE);
	}
	assert_int_equal(one->done, 1);
	return one->error;
}

static int run_one(struct fixture *f, struct one *one)
{
	submit(f, one);
	return finish_one(f, one);
}

static void pattern(uint8_t *at, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		at[i] = (uint8_t)(i * 7 + i / 256 + seed);
	}
}

static bool all_are(const uint8_t *at, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i] != value) {
			return false;
		}
	}
	return true;
}

static void file_is(struct fixture *f, off_t offset, const uint8_t *expect,
		    size_t len)
{
	uint8_t *got = aligned_alloc(4096, (len + 4095) / 4096 * 4096);

	assert_int_equal(pread(f->fd, got, len, offset), len);
	assert_memory_equal(got, expect, len);
	free(got);
}

/* --------------------------------------------------------------- transfers */

static void transfers(struct fixture *f)
{
	struct one w;
	struct one r;
	uint8_t *b = f->buffer;

	pattern(b, 64 * 1024, 3);
	fill(&w, BLK_WRITE, 8192, 12288);
	add(&w, b, 4096);
	add(&w, b + 16384, 8192);
	assert_int_equal(run_one(f, &w), 0);
	file_is(f, 8192, b, 4096);
	file_is(f, 12288, b + 16384, 8192);
	fill(&r, BLK_READ, 12288, 4096);
	add(&r, b + 512 * 1024, 4096);
	assert_int_equal(run_one(f, &r), 0);
	assert_memory_equal(b + 512 * 1024, b + 16384, 4096);
	fill(&r, BLK_READ, 0, 16384);
	add(&r, b + 256 * 1024, 8192);
	add(&r, b + 512 * 1024, 8192);
	assert_int_equal(run_one(f, &r), 0);
	assert_true(all_are(b + 256 * 1024, 8192, 0));
	assert_memory_equal(b + 512 * 1024, b, 4096);
	fill(&w, BLK_FLUSH, 0, 0);
	assert_int_equal(run_one(f, &w), 0);
	fill_simple(&w, BLK_WRITE, MIB - 4096, b, 4096);
	w.r.flags = BLK_F_STABLE;
	assert_int_equal(run_one(f, &w), 0);
	file_is(f, MIB - 4096, b, 4096);
	assert_int_equal(f->batches, 5);
}

static void through_the_page_cache(void **state)
{
	NEEDS_URING();
	open_store(*state, &(struct store_uring_config){ 0 });
	transfers(*state);
}

static void direct(void **state)
{
	struct fixture *f = *state;

	NEEDS_URING();
	if (!open_direct(f)) {
		skip();
	}
	open_store(f, &(struct store_uring_config){ .block_size = 4096 });
	assert_int_not_equal(f->su->mem_align, 0);
	transfers(f);
}

/* The guest may write 512 bytes, the file system's device cannot. */
static void not_so_direct(void **state)
{
	struct fixture *f = *state;

	NEEDS_URING();
	if (!open_direct(f)) {
		skip();
	}
	told_align = 4096;
	open_store(f, &(struct store_uring_config){ 0 });
	assert_int_equal(f->store->caps.block_size, 512);
	assert_int_equal(f->su->mem_align, 0);
	assert_int_equal(fcntl(f->fd, F_GETFL) & O_DIRECT, 0);
	transfers(f);
	f->store->ops->close(f->store);
	if (!open_direct(f)) {
		skip();
	}
	open_store(f, &(struct store_uring_config){ .block_size = 4096 });
	assert_int_equal(f->su->mem_align, 512);
	assert_int_not_equal(fcntl(f->fd, F_GETFL) & O_DIRECT, 0);
}

static void direct_unaligned(void **state)
{
	struct fixture *f = *state;
	uint8_t *b = f->buffer;
	struct one w[10];
	struct one r;

	NEEDS_URING();
	if (!open_direct(f)) {
		skip();
	}
	open_store(f, &(struct store_uring_config){ .block_size = 4096 });
	pattern(b, MIB / 2, 9);
	/* More than a buffer holds, cut where no block ends. */
	fill(&w[0], BLK_WRITE, 0, 300 * 1024);
	add(&w[0], b + 1, 100 * 1024 + 13);
	add(&w[0], b + 1 + 100 * 1024 + 13, 200 * 1024 - 13);
	assert_int_equal(run_one(f, &w[0]), 0);
	file_is(f, 0, b + 1, 300 * 1024);
	fill(&r, BLK_READ, 4096, 200 * 1024);
	add(&r, b + MIB / 2 + 3, 5);
	add(&r, b + MIB / 2 + 8, 200 * 1024 - 5);
	assert_int_equal(run_one(f, &r), 0);
	assert_memory_equal(b + MIB / 2 + 3, b + 1 + 4096, 200 * 1024);
	assert_int_equal(b[MIB / 2 + 2], 0);
	assert_int_equal(b[MIB / 2 + 3 + 200 * 1024], 0);
	/* Aligned, but not of whole blocks. */
	fill(&r, BLK_READ, 0, 4096);
	add(&r, b + MIB / 2, 100);
	add(&r, b + MIB / 2 + 8192, 3996);
	submit(f, &r);
	assert_int_equal(r.r.priv.how, HOW_BOUNCE);
	assert_int_equal(finish_one(f, &r), 0);
	assert_memory_equal(b + MIB / 2 + 8192, b + 1 + 100, 3996);
	/* More than there are buffers, and one that needs none. */
	for (uint32_t i = 0; i < 10; i++) {
		fill_simple(&w[i], BLK_WRITE, i * 4096,
			    b + i * 4096 + (i == 9 ? 0 : 8 * i + 1), 4096);
		submit(f, &w[i]);
	}
	assert_int_equal(f->su->bounce_free, 0);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(finish_one(f, &w[i]), 0);
		file_is(f, i * 4096, w[i].iov[0].iov_base, 4096);
	}
	assert_int_equal(f->su->bounce_free, (1u << BOUNCE_COUNT) - 1);
}

static void the_file_ends_early(void **state)
{
	struct fixture *f = *state;
	struct one r;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	assert_int_equal(ftruncate(f->fd, 10000), 0);
	fill(&r, BLK_READ, 8192, 4096);
	add(&r, f->buffer, 512);
	add(&r, f->buffer + 512, 3584);
	assert_int_equal(run_one(f, &r), -EIO);
	fill_simple(&r, BLK_READ, 16384, f->buffer, 4096);
	assert_int_equal(run_one(f, &r), -EIO);
	fill_simple(&r, BLK_READ, 4096, f->buffer, 4096);
	assert_int_equal(run_one(f, &r), 0);
}

static void the_file_ends_early_direct(void **state)
{
	struct fixture *f = *state;
	struct one r;

	NEEDS_URING();
	if (!open_direct(f)) {
		skip();
	}
	open_store(f, &(struct store_uring_config){ .block_size = 4096 });
	assert_int_equal(ftruncate(f->fd, 10000), 0);
	fill_simple(&r, BLK_READ, 8192, f->buffer, 8192);
	assert_int_equal(run_one(f, &r), -EIO);
	fill_simple(&r, BLK_READ, 8192, f->buffer + 1, 8192);
	assert_int_equal(run_one(f, &r), -EIO);
}

/* The first part fits, the rest is tried and refused. */
static void short_writes_go_on(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit;
	struct rlimit old;
	struct one w;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	pattern(f->buffer, 65536, 1);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 40960 + 512;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fill(&w, BLK_WRITE, 32768, 16384);
	add(&w, f->buffer, 1000);
	add(&w, f->buffer + 1000, 15384);
	assert_int_equal(run_one(f, &w), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	file_is(f, 32768, f->buffer, 8192 + 512);
}

/* What a transfer that came out short leaves to do, at every cut. */
static void any_cut(void **state)
{
	struct fixture *f = *state;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	pattern(f->buffer, 8192, 1);
	assert_int_equal(pwrite(f->fd, f->buffer, 8192, 0), 8192);
	for (uint32_t cut = 1; cut < 2024; cut += 31) {
		uint8_t *to = f->buffer + 65536;
		struct one r;

		fill(&r, BLK_READ, 512, 2048);
		add(&r, to, 100);
		add(&r, to + 200, 924);
		add(&r, to + 2000, 1000);
		add(&r, to + 4000, 24);
		memset(to, 0, 8192);
		submit(f, &r);
		/* As if the kernel had read the first bytes and no more. */
		assert_ptr_equal(list_take(&f->su->ready), &r.r);
		r.r.priv.step = 2048;
		step_done(f->su, &r.r, (int)cut);
		assert_int_equal(finish_one(f, &r), 0);
		assert_true(cut >= 100 || to[cut] == f->buffer[512 + cut]);
		assert_memory_equal(to + 4000, f->buffer + 512 + 2024, 24);
		assert_int_equal(to[100], 0);
		assert_int_equal(to[4024], 0);
		if (cut < 1024) {
			assert_memory_equal(to + 2000, f->buffer + 512 + 1024,
					    1000);
		}
	}
}

/* A guest may describe gigabytes: the process is not to be gone for as long. */
static void large_requests_go_step_by_step(void **state)
{
	/* Whole elements that fit, then parts of one that does not. */
	const struct {
		uint32_t bytes;
		uint8_t opcode;
		uint32_t len; /* bytes, or elements */
	} steps[] = {
		{ 4 * MIB, IORING_OP_READV, 2 },
		{ 512, IORING_OP_READ, 512 },
		{ 4 * MIB, IORING_OP_READ, 4 * MIB },
		{ 3 * MIB - 512, IORING_OP_READ, 3 * MIB - 512 },
	};
	struct fixture *f = *state;
	struct io_uring_sqe sqe;
	struct one r;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	/* Nothing is read: it is about what the kernel would be told. */
	fill(&r, BLK_READ, 0, 11 * MIB);
	add(&r, f->buffer, 3 * MIB);
	add(&r, f->buffer, MIB);
	add(&r, f->buffer, 512);
	add(&r, f->buffer, 7 * MIB - 512);
	submit(f, &r);
	for (uint32_t i = 0; i < 4; i++) {
		assert_ptr_equal(list_take(&f->su->ready), &r.r);
		memset(&sqe, 0, sizeof(sqe));
		prepare(f->su, &sqe, &r.r);
		assert_int_equal(r.r.priv.step, steps[i].bytes);
		assert_int_equal(sqe.opcode, steps[i].opcode);
		assert_int_equal(sqe.len, steps[i].len);
		assert_int_equal(r.done, 0);
		step_done(f->su, &r.r, (int)steps[i].bytes);
	}
	assert_int_equal(r.done, 1);
	assert_int_equal(r.error, 0);
}

/* The rest begins where no direct I/O may: it goes on through a buffer. */
static void a_cut_where_direct_io_cannot_go_on(void **state)
{
	struct fixture *f = *state;
	uint8_t *to;
	struct one held[BOUNCE_COUNT];
	struct one r;

	NEEDS_URING();
	pattern(f->buffer, 65536, 3);
	assert_int_equal(pwrite(f->fd, f->buffer, 65536, 0), 65536);
	assert_int_equal(fsync(f->fd), 0);
	if (!open_direct(f)) {
		skip();
	}
	open_store(f, &(struct store_uring_config){ .block_size = 4096 });
	/* A kernel that does not tell is taken to want more than it may. */
	f->su->mem_align = 8192;
	to = f->buffer + 131072;
	to += -(uintptr_t)to & 8191;
	for (uint32_t busy = 0; busy < 2; busy++) {
		memset(to, 0, 65536);
		fill(&r, BLK_READ, 8192, 24576);
		add(&r, to, 16384);
		add(&r, to + 32768, 8192);
		submit(f, &r);
		assert_int_equal(r.r.priv.how, HOW_DIRECT);
		assert_ptr_equal(list_take(&f->su->ready), &r.r);
		for (uint32_t i = 0; i < BOUNCE_COUNT * busy; i++) {
			fill_simple(&held[i], BLK_READ, 0, to + 40961, 4096);
			submit(f, &held[i]);
		}
		memcpy(to, f->buffer + 8192, 4096);
		r.r.priv.step = 24576;
		step_done(f->su, &r.r, 4096);
		assert_int_equal(r.r.priv.how, HOW_BOUNCE);
		assert_int_equal(r.r.priv.buffer == NULL, busy);
		assert_int_equal(finish_one(f, &r), 0);
		assert_memory_equal(to, f->buffer + 8192, 16384);
		assert_memory_equal(to + 32768, f->buffer + 24576, 8192);
		assert_int_equal(f->su->bounce_free, (1u << BOUNCE_COUNT) - 1);
	}
}

static void again(void **state)
{
	struct fixture *f = *state;
	struct one r;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	pattern(f->buffer, 512, 1);
	assert_int_equal(pwrite(f->fd, f->buffer, 512, 0), 512);
	fill_simple(&r, BLK_READ, 0, f->buffer + 512, 512);
	submit(f, &r);
	(void)list_take(&f->su->ready);
	step_done(f->su, &r.r, -EINTR);
	assert_ptr_equal(list_take(&f->su->ready), &r.r);
	step_done(f->su, &r.r, -EAGAIN);
	assert_null(f->su->ready.first);
	assert_int_equal(r.done, 0);
	assert_int_equal(finish_one(f, &r), 0);
	assert_memory_equal(f->buffer, f->buffer + 512, 512);
	/* More bytes than were asked for: nobody believes that. */
	fill_simple(&r, BLK_READ, 0, f->buffer + 512, 512);
	submit(f, &r);
	(void)list_take(&f->su->ready);
	r.r.priv.step = 512;
	step_done(f->su, &r.r, 513);
	assert_int_equal(r.error, -EIO);
}

static void stable_writes(void **state)
{
	struct fixture *f = *state;
	struct io_uring_sqe sqe;
	struct one w;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	for (uint32_t stable = 0; stable < 2; stable++) {
		fill_simple(&w, BLK_WRITE, 0, f->buffer, 512);
		w.r.flags = stable != 0 ? BLK_F_STABLE : 0;
		submit(f, &w);
		memset(&sqe, 0, sizeof(sqe));
		prepare(f->su, &sqe, &w.r);
		assert_int_equal(sqe.opcode, IORING_OP_WRITE);
		assert_int_equal(sqe.rw_flags, stable != 0 ? RWF_DSYNC : 0);
		assert_int_equal(finish_one(f, &w), 0);
	}
	/* fallocate() takes no such flag: a sync follows. */
	fill(&w, BLK_WRITE_ZEROES, 0, 4096);
	w.r.flags = BLK_F_STABLE;
	submit(f, &w);
	assert_ptr_equal(list_take(&f->su->ready), &w.r);
	step_done(f->su, &w.r, 0);
	assert_int_equal(w.r.priv.how, HOW_SYNC);
	assert_int_equal(finish_one(f, &w), 0);
}

/* --------------------------------------------------------- discard, zeroes */

static void erases(struct fixture *f)
{
	struct one e;
	struct stat full;
	struct stat st;
	uint8_t *b = f->buffer;

	memset(b, 0xaa, MIB);
	assert_int_equal(pwrite(f->fd, b, MIB, 0), MIB);
	assert_int_equal(fsync(f->fd), 0);
	assert_int_equal(fstat(f->fd, &full), 0);
	assert_true(f->store->caps.discard);
	fill(&e, BLK_DISCARD, 65536, 65536);
	assert_int_equal(run_one(f, &e), 0);
	assert_int_equal(fstat(f->fd, &st), 0);
	assert_true(st.st_blocks <= full.st_blocks - 65536 / 512);
	assert_int_equal(st.st_size, MIB);
	full = st;
	fill(&e, BLK_WRITE_ZEROES, 262144, 65536);
	e.r.flags = BLK_F_UNMAP;
	assert_int_equal(run_one(f, &e), 0);
	assert_int_equal(fstat(f->fd, &st), 0);
	assert_true(st.st_blocks <= full.st_blocks - 65536 / 512);
	full = st;
	fill(&e, BLK_WRITE_ZEROES, 512 * 1024 + 512, 200 * 1024);
	assert_int_equal(run_one(f, &e), 0);
	assert_int_equal(fstat(f->fd, &st), 0);
	assert_true(st.st_blocks >= full.st_blocks);
	assert_int_equal(pread(f->fd, b, MIB, 0), MIB);
	assert_true(all_are(b, 65536, 0xaa));
	assert_true(all_are(b + 65536, 65536, 0));
	assert_true(all_are(b + 131072, 131072, 0xaa));
	assert_true(all_are(b + 262144, 65536, 0));
	assert_true(all_are(b + 327680, 512 * 1024 + 512 - 327680, 0xaa));
	assert_true(all_are(b + 512 * 1024 + 512, 200 * 1024, 0));
	assert_int_equal(b[512 * 1024 + 512 + 200 * 1024], 0xaa);
	assert_int_equal(b[MIB - 1], 0xaa);
}

static void erases_a_file(void **state)
{
	struct fixture *f = *state;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ .discard = true });
	if (f->su->no_punch) {
		print_message("no holes in files here\n");
		skip();
	}
	erases(f);
}

/* Memory knows holes but no zeroing: zeros are written. */
static void erases_memory(void **state)
{
	struct fixture *f = *state;

	NEEDS_URING();
	close(f->fd);
	f->fd = memfd_create("disk", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	assert_int_equal(ftruncate(f->fd, MIB), 0);
	open_store(f, &(struct store_uring_config){ .discard = true });
	erases(f);
	assert_true(f->su->no_zero_range);
}

/* Where there are no holes either. */
static void erases_without_holes(void **state)
{
	struct fixture *f = *state;
	struct one e;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ .discard = true });
	memset(f->buffer, 0xaa, 8192);
	assert_int_equal(pwrite(f->fd, f->buffer, 8192, 0), 8192);
	fill(&e, BLK_WRITE_ZEROES, 4096, 4096);
	e.r.flags = BLK_F_UNMAP;
	f->su->no_punch = false;
	submit(f, &e);
	(void)list_take(&f->su->ready);
	assert_int_equal(e.r.priv.how, HOW_PUNCH);
	step_done(f->su, &e.r, -EOPNOTSUPP);
	assert_int_equal(e.r.priv.how, HOW_ZERO_RANGE);
	assert_ptr_equal(list_take(&f->su->ready), &e.r);
	step_done(f->su, &e.r, -EOPNOTSUPP);
	assert_int_equal(e.r.priv.how, HOW_ZEROS);
	assert_int_equal(finish_one(f, &e), 0);
	assert_int_equal(pread(f->fd, f->buffer, 8192, 0), 8192);
	assert_true(all_are(f->buffer, 4096, 0xaa));
	assert_true(all_are(f->buffer + 4096, 4096, 0));
	/* A discard is a hint: it always succeeds. */
	fill(&e, BLK_DISCARD, 0, 4096);
	submit(f, &e);
	assert_int_equal(e.done, 1);
	assert_int_equal(e.error, 0);
	f->su->no_punch = false;
	fill(&e, BLK_DISCARD, 0, 4096);
	submit(f, &e);
	(void)list_take(&f->su->ready);
	step_done(f->su, &e.r, -EOPNOTSUPP);
	assert_int_equal(e.done, 1);
	assert_int_equal(e.error, 0);
	/* Other errors are errors. */
	f->su->no_punch = false;
	fill(&e, BLK_DISCARD, 0, 4096);
	submit(f, &e);
	(void)list_take(&f->su->ready);
	step_done(f->su, &e.r, -ENOSPC);
	assert_int_equal(e.error, -ENOSPC);
}

/* The file as a block device; -1 if we may not make one. */
static int loop_device(struct fixture *f)
{
	struct loop_config config = {
		.fd = (uint32_t)f->fd,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	char path[32];
	int n = -1;
	int fd;

	if (control >= 0) {
		n = ioctl(control, LOOP_CTL_GET_FREE);
		close(control);
	}
	snprintf(path, sizeof(path), "/dev/loop%d", n);
	fd = n < 0 ? -1 : open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		print_message("no loop devices here: %s\n", strerror(errno));
	}
	return fd;
}

static void a_block_device(void **state)
{
	struct fixture *f = *state;
	const struct store_uring_config small = { .block_size = 512,
						  .discard = true };
	struct one w;
	int fd;

	NEEDS_URING();
	fd = loop_device(f);
	if (fd < 0) {
		skip();
	}
	close(f->fd);
	f->fd = fd;
	open_store(f, &small);
	assert_int_equal(f->store->caps.size, MIB);
	assert_true(f->store->caps.discard);
	transfers(f);
	memset(f->buffer, 0xaa, MIB);
	assert_int_equal(pwrite(f->fd, f->buffer, MIB, 0), MIB);
	fill(&w, BLK_DISCARD, 65536, 65536);
	assert_int_equal(run_one(f, &w), 0);
	fill(&w, BLK_WRITE_ZEROES, 131072, 65536);
	assert_int_equal(run_one(f, &w), 0);
	fill(&w, BLK_WRITE_ZEROES, 262144, 65536);
	w.r.flags = BLK_F_UNMAP | BLK_F_STABLE;
	assert_int_equal(run_one(f, &w), 0);
	assert_int_equal(pread(f->fd, f->buffer, MIB, 0), MIB);
	assert_true(all_are(f->buffer, 65536, 0xaa));
	assert_true(all_are(f->buffer + 131072, 65536, 0));
	assert_true(all_are(f->buffer + 196608, 65536, 0xaa));
	assert_true(all_are(f->buffer + 262144, 65536, 0));
	assert_true(all_are(f->buffer + 327680, MIB - 327680, 0xaa));
}

/* ---------------------------------------------------------------- the ring */

static void many_at_once(struct fixture *f, uint32_t count)
{
	struct one *all = calloc(count, sizeof(*all));

	for (uint32_t i = 0; i < count; i++) {
		pattern(f->buffer + 1024 * i, 1024, i);
		fill_simple(&all[i], BLK_WRITE, 1024 * i, f->buffer + 1024 * i,
			    1024);
		submit(f, &all[i]);
	}
	f->store->ops->commit(f->store);
	/* Nothing goes to the kernel but from the loop. */
	assert_int_equal(f->su->in_ring, 0);
	f->store->ops->drain(f->store, count_drained);
	while (drained == 0) {
		uv_run(&f->uv, UV_RUN_ONCE);
		assert_true(f->su->in_ring <= f->su->depth);
	}
	assert_int_equal(drained, 1);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(all[i].done, 1);
		assert_int_equal(all[i].error, 0);
		file_is(f, 1024 * i, f->buffer + 1024 * i, 1024);
	}
	assert_int_equal(f->su->outstanding, 0);
	f->store->ops->drain(f->store, count_drained);
	assert_int_equal(drained, 2);
	free(all);
}

static void in_flight_128(void **state)
{
	NEEDS_URING();
	open_store(*state, &(struct store_uring_config){ 0 });
	many_at_once(*state, 128);
}

static void more_than_the_ring_holds(void **state)
{
	NEEDS_URING();
	open_store(*state, &(struct store_uring_config){ .depth = 4 });
	many_at_once(*state, 300);
}

/* Flushes are never done in the call that submits them. */
static void more_than_the_kernel_may_have(void **state)
{
	struct fixture *f = *state;
	struct one all[100];

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ .depth = 4 });
	for (uint32_t i = 0; i < 100; i++) {
		fill(&all[i], BLK_FLUSH, 0, 0);
		submit(f, &all[i]);
	}
	f->store->ops->commit(f->store);
	f->store->ops->drain(f->store, count_drained);
	while (drained == 0) {
		uv_run(&f->uv, UV_RUN_ONCE);
		assert_true(f->su->in_ring <= f->su->depth);
	}
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(all[i].done, 1);
		assert_int_equal(all[i].error, 0);
	}
}

static int raw_step(struct fixture *f, uint8_t opcode, uint8_t flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&f->su->ring);
	struct io_uring_cqe *cqe;
	int res;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->flags = flags;
	sqe->fd = (flags & IOSQE_FIXED_FILE) != 0 ? 0 : f->fd;
	sqe->addr = (uintptr_t)f->buffer;
	sqe->len = 512;
	assert_int_equal(io_uring_submit(&f->su->ring), 1);
	assert_int_equal(io_uring_wait_cqe(&f->su->ring, &cqe), 0);
	res = cqe->res;
	io_uring_cqe_seen(&f->su->ring, cqe);
	return res;
}

/* What seccomp cannot see. */
static void the_ring_is_restricted(void **state)
{
	static const uint8_t allowed[] = {
		IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
		IORING_OP_READ,	 IORING_OP_WRITE,  IORING_OP_FALLOCATE,
	};
	struct fixture *f = *state;
	int fds[1];

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	assert_int_equal(raw_step(f, IORING_OP_READ, IOSQE_FIXED_FILE), 512);
	assert_int_equal(raw_step(f, IORING_OP_READ, 0), -EACCES);
	assert_int_equal(
		raw_step(f, IORING_OP_READ, IOSQE_FIXED_FILE | IOSQE_ASYNC),
		-EACCES);
	for (uint32_t op = 0; op < IORING_OP_LAST; op++) {
		if (memchr(allowed, (int)op, sizeof(allowed)) == NULL) {
			assert_int_equal(
				raw_step(f, (uint8_t)op, IOSQE_FIXED_FILE),
				-EACCES);
		}
	}
	fds[0] = f->fd;
	assert_int_equal(io_uring_unregister_files(&f->su->ring), -EACCES);
	assert_int_equal(io_uring_register_files(&f->su->ring, fds, 1),
			 -EACCES);
	assert_int_equal(io_uring_register_eventfd(&f->su->ring, f->fd),
			 -EACCES);
}

/* The kernel takes no more: everybody is told, and nobody waits for ever. */
static void a_dead_ring(void **state)
{
	struct fixture *f = *state;
	struct one w[4];
	int fd;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ .depth = 2 });
	fd = f->su->ring.enter_ring_fd;
	f->su->ring.enter_ring_fd = -1;
	for (uint32_t i = 0; i < 3; i++) {
		fill_simple(&w[i], BLK_WRITE, 0, f->buffer, 512);
		submit(f, &w[i]);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(finish_one(f, &w[i]), -EBADF);
	}
	fill_simple(&w[3], BLK_WRITE, 0, f->buffer, 512);
	assert_int_equal(run_one(f, &w[3]), -EBADF);
	assert_int_equal(f->su->outstanding, 0);
	assert_int_equal(f->batches, 2);
	f->su->ring.enter_ring_fd = fd;
}

static void closed_with_work_left(void **state)
{
	struct fixture *f = *state;
	struct one w[2];

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	fill_simple(&w[0], BLK_WRITE, 0, f->buffer, 512);
	fill_simple(&w[1], BLK_WRITE, 0, f->buffer, 512);
	submit(f, &w[0]);
	f->store->ops->commit(f->store);
	fill_ring(f->su);
	send_ring(f->su);
	submit(f, &w[1]);
	f->store->ops->close(f->store);
	f->store = NULL;
	assert_int_equal(w[0].done + w[1].done, 0);
}

/* ----------------------------------------------------------------- opening */

static int try_open(struct fixture *f, int fd,
		    const struct store_uring_config *config)
{
	struct blk_store *store;
	int rc = store_uring_open(&f->ev.loop, fd, config, &store);

	if (rc == 0) {
		store->ops->close(store);
	}
	return rc;
}

static void opening(void **state)
{
	struct fixture *f = *state;
	const struct store_uring_config plain = { 0 };
	const struct store_uring_config readonly = { .readonly = true };
	const struct store_uring_config odd = { .block_size = 1000 };
	const struct store_uring_config small = { .block_size = 256 };
	const struct store_uring_config large = { .block_size = 131072 };
	const struct store_uring_config deep = { .depth = 4096 };
	int fd[2];

	NEEDS_URING();
	assert_int_equal(try_open(f, f->fd, &plain), 0);
	assert_int_equal(try_open(f, f->fd, &readonly), 0);
	assert_int_equal(try_open(f, f->fd, &odd), -EINVAL);
	assert_int_equal(try_open(f, f->fd, &small), -EINVAL);
	assert_int_equal(try_open(f, f->fd, &large), -EINVAL);
	assert_int_equal(try_open(f, f->fd, &deep), -EINVAL);
	assert_int_equal(try_open(f, -1, &plain), -EBADF);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(try_open(f, fd[0], &readonly), -ENOTBLK);
	close(fd[0]);
	close(fd[1]);
	fd[0] = open(f->path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(try_open(f, fd[0], &plain), -EACCES);
	assert_int_equal(try_open(f, fd[0], &readonly), 0);
	close(fd[0]);
	fd[0] = open(f->path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(try_open(f, fd[0], &plain), -EACCES);
	close(fd[0]);
}

static void capabilities(void **state)
{
	struct fixture *f = *state;

	NEEDS_URING();
	assert_int_equal(ftruncate(f->fd, MIB + 4095), 0);
	open_store(f, &(struct store_uring_config){ .block_size = 4096 });
	assert_int_equal(f->store->caps.size, MIB);
	assert_int_equal(f->store->caps.block_size, 4096);
	assert_true(f->store->caps.physical_size >= 4096);
	assert_false(f->store->caps.readonly);
	assert_true(f->store->caps.flush);
	assert_true(f->store->caps.write_zeroes);
	/* Not asked for. */
	assert_false(f->store->caps.discard);
	assert_false(f->store->caps.unmap);
	f->store->ops->close(f->store);
	open_store(f, &(struct store_uring_config){ .readonly = true,
						    .discard = true });
	assert_int_equal(f->store->caps.size, MIB + 4095 / 512 * 512);
	assert_true(f->store->caps.readonly);
	assert_false(f->store->caps.flush);
	assert_false(f->store->caps.write_zeroes);
	assert_false(f->store->caps.discard);
}

/* The caller's fd is not needed any more, and the file stays in use. */
static void the_fd_may_be_closed(void **state)
{
	struct fixture *f = *state;
	struct one w;

	NEEDS_URING();
	open_store(f, &(struct store_uring_config){ 0 });
	close(f->fd);
	f->fd = open(f->path, O_RDWR | O_CLOEXEC);
	pattern(f->buffer, 512, 5);
	fill_simple(&w, BLK_WRITE, 1024, f->buffer, 512);
	assert_int_equal(run_one(f, &w), 0);
	file_is(f, 1024, f->buffer, 512);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(through_the_page_cache),
		TEST(direct),
		TEST(not_so_direct),
		TEST(direct_unaligned),
		TEST(the_file_ends_early),
		TEST(the_file_ends_early_direct),
		TEST(short_writes_go_on),
		TEST(any_cut),
		TEST(large_requests_go_step_by_step),
		TEST(a_cut_where_direct_io_cannot_go_on),
		TEST(again),
		TEST(stable_writes),
		TEST(erases_a_file),
		TEST(erases_memory),
		TEST(erases_without_holes),
		TEST(a_block_device),
		TEST(in_flight_128),
		TEST(more_than_the_ring_holds),
		TEST(more_than_the_kernel_may_have),
		TEST(the_ring_is_restricted),
		TEST(a_dead_ring),
		TEST(closed_with_work_left),
		TEST(opening),
		TEST(capabilities),
		TEST(the_fd_may_be_closed),
	};
	struct io_uring ring;

	probe_error = io_uring_queue_init(1, &ring, 0);
	if (probe_error == 0) {
		io_uring_queue_exit(&ring);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
