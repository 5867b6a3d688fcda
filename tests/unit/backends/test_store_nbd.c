/* SPDX-License-Identifier: BSD-2-Clause */
/* NBD: against nbdkit, where it is installed, and against a server of our own */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "blk/nbd_lib.h"
#include "blk/store_nbd.h"
#include "core/container_of.h"
#include "core/event_uv.h"
#include "support/fake_nbd.h"

#define MIB (1024u * 1024u)
#define IOV_MAX_HERE 64u
#define ALL_FLAGS \
	(FAKE_NBD_FLUSH | FAKE_NBD_FUA | FAKE_NBD_TRIM | FAKE_NBD_ZEROES)

struct one {
	struct blk_request r;
	struct iovec iov[IOV_MAX_HERE];
	uint32_t done;
	int error;
};

struct fixture {
	uv_loop_t uv;
	struct event_uv ev;
	struct blk_store *store;
	struct fake_nbd *fake;
	pid_t nbdkit;
	int fd; /* ours, to a server */
	char path[64];
	int file;
	uint8_t *buffer; /* MIB */
	uint32_t batches;
	uint32_t lost;
	bool submitting;
};

static struct fixture *current;
static uint32_t drained;

static void on_one(struct blk_request *r, int error)
{
	struct one *one = container_of(r, struct one, r);

	assert_false(current->submitting);
	one->done++;
	one->error = error;
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

static void count_lost(void *owner)
{
	((struct fixture *)owner)->lost++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(uv_loop_init(&f->uv), 0);
	assert_int_equal(event_uv_init(&f->ev, &f->uv), 0);
	f->buffer = calloc(1, MIB);
	f->fd = -1;
	f->file = -1;
	drained = 0;
	current = f;
	*state = f;
	return 0;
}

static void kill_nbdkit(struct fixture *f)
{
	if (f->nbdkit > 0) {
		kill(f->nbdkit, SIGKILL);
		waitpid(f->nbdkit, NULL, 0);
		f->nbdkit = 0;
	}
}

static void close_store(struct fixture *f)
{
	if (f->store != NULL) {
		f->store->ops->close(f->store);
		f->store = NULL;
	}
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_store(f);
	if (f->fake != NULL) {
		fake_nbd_stop(f->fake);
	}
	kill_nbdkit(f);
	event_uv_fini(&f->ev);
	uv_run(&f->uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->uv), 0);
	if (f->fd >= 0) {
		close(f->fd);
	}
	if (f->file >= 0) {
		close(f->file);
		unlink(f->path);
	}
	free(f->buffer);
	free(f);
	return 0;
}

/* ----------------------------------------------------------------- servers */

static bool is_missing(const char *what, bool missing)
{
	if (missing) {
		print_message("%s is not installed here\n", what);
	}
	return missing;
}

#define NEEDS_LIBNBD()                                              \
	do {                                                        \
		if (is_missing("libnbd", nbd_lib_load() == NULL)) { \
			skip();                                     \
		}                                                   \
	} while (0)

#define NEEDS_NBDKIT()                                                 \
	do {                                                           \
		NEEDS_LIBNBD();                                        \
		if (is_missing("nbdkit",                               \
			       access("/usr/bin/nbdkit", X_OK) < 0)) { \
			skip();                                        \
		}                                                      \
	} while (0)

/* NULL ends its arguments. */
static void start_nbdkit(struct fixture *f, const char *const *args)
{
	const char *argv[16] = { "nbdkit", "-s", "--log=null" };
	int pair[2];

	for (size_t i = 0; args[i] != NULL; i++) {
		argv[3 + i] = args[i];
	}
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->nbdkit = fork();
	if (f->nbdkit == 0) {
		dup2(pair[1], STDIN_FILENO);
		dup2(pair[1], STDOUT_FILENO);
		execv("/usr/bin/nbdkit", (char **)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(f->nbdkit > 0);
	close(pair[1]);
	f->fd = pair[0];
}

#define START_NBDKIT(f, ...) \
	start_nbdkit(f, (const char *const[]){ __VA_ARGS__, NULL })

static int try_open(struct fixture *f, struct store_nbd_config *config)
{
	int rc;

	config->on_lost = count_lost;
	config->owner = f;
	rc = store_nbd_open(&f->ev.loop, f->fd, config, &f->store);
	if (rc == 0) {
		f->store->user = f;
		f->store->completed = count_batch;
	}
	close(f->fd);
	f->fd = -1;
	return rc;
}

static void open_plain(struct fixture *f)
{
	struct store_nbd_config config = { .discard = true };

	assert_int_equal(try_open(f, &config), 0);
}

static void start_fake(struct fixture *f, const struct fake_nbd_plan *plan)
{
	f->fake = fake_nbd_start(plan, &f->fd);
	assert_non_null(f->fake);
}

static int try_fake(struct fixture *f, const struct fake_nbd_plan *plan)
{
	struct store_nbd_config config = { .discard = true };

	start_fake(f, plan);
	return try_open(f, &config);
}

static void make_file(struct fixture *f)
{
	strcpy(f->path, "/tmp/nbd-XXXXXX");
	f->file = mkstemp(f->path);
	assert_true(f->file >= 0);
	assert_int_equal(ftruncate(f->file, MIB), 0);
}

/* ---------------------------------------------------------------- requests */

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
}

static void fill_simple(struct one *one, enum blk_op op, uint64_t offset,
			void *base, size_t len)
{
	fill(one, op, offset, len);
	add(one, base, len);
}

static void submit(struct fixture *f, struct one *one)
{
	f->submitting = true;
	f->store->ops->submit(f->store, &one->r);
	f->submitting = false;
}

static int finish_one(struct fixture *f, struct one *one)
{
	f->submitting = true;
	f->store->ops->commit(f->store);
	f->submitting = false;
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

static int erase(struct fixture *f, enum blk_op op, uint32_t flags,
		 uint64_t offset, uint64_t length)
{
	struct one e;

	fill(&e, op, offset, length);
	e.r.flags = flags;
	return run_one(f, &e);
}

static void drain(struct fixture *f)
{
	uint32_t before = drained;

	f->store->ops->drain(f->store, count_drained);
	while (drained == before) {
		uv_run(&f->uv, UV_RUN_ONCE);
	}
	assert_int_equal(drained, before + 1);
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

static uint32_t below(uint32_t n)
{
	static uint32_t seed = 12345;

	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Cuts the request's memory anywhere, into empty pieces too. */
static void cut(struct one *one, uint8_t *base, size_t len)
{
	while (one->r.iov_count < IOV_MAX_HERE - 1) {
		static const uint32_t sizes[] = { 1, 2, 512, 513, 4096, 30000 };
		size_t n = below(sizes[below(6)]) * (below(3) == 0 ? 1 : 512);

		n = n < len ? n : len;
		add(one, base, n);
		base += n;
		len -= n;
	}
	add(one, base, len);
}

/* -------------------------------------------------------------- real server */

/* What the disk holds, kept by us, while requests of all kinds go to it. */
static void play(struct fixture *f, uint32_t rounds)
{
	uint8_t *oracle = calloc(1, MIB);

	for (uint32_t i = 0; i < rounds; i++) {
		uint32_t block = f->store->caps.block_size;
		uint32_t offset = below(MIB / block) * block;
		uint32_t length = (1 + below(300000 / block)) * block;
		uint8_t *at = f->buffer + below(1000);
		struct one one;

		length = length < MIB - offset ? length : MIB - offset;
		length = length < MIB - 1000 ? length : MIB / 2;
		fill(&one, below(2) == 0 ? BLK_READ : BLK_WRITE, offset,
		     length);
		one.r.flags = below(2) == 0 ? BLK_F_STABLE : 0;
		switch (below(8)) {
		case 0:
			one.r.op = BLK_WRITE_ZEROES;
			one.r.flags |= below(2) == 0 ? BLK_F_UNMAP : 0;
			memset(oracle + offset, 0, length);
			break;
		case 1:
			one.r.op = BLK_FLUSH;
			one.r.length = 0;
			break;
		default:
			cut(&one, at, length);
			pattern(at, length, i);
			break;
		}
		if (one.r.op == BLK_WRITE) {
			memcpy(oracle + offset, at, length);
		}
		assert_int_equal(run_one(f, &one), 0);
		if (one.r.op == BLK_READ) {
			assert_memory_equal(at, oracle + offset, length);
		}
	}
	{
		struct one all;

		fill_simple(&all, BLK_READ, 0, f->buffer, MIB);
		assert_int_equal(run_one(f, &all), 0);
		assert_memory_equal(f->buffer, oracle, MIB);
	}
	free(oracle);
}

static void memory(void **state)
{
	struct fixture *f = *state;

	NEEDS_NBDKIT();
	START_NBDKIT(f, "memory", "1M");
	open_plain(f);
	assert_string_equal(f->store->ops->name, "nbd");
	assert_int_equal(f->store->caps.size, MIB);
	assert_int_equal(f->store->caps.block_size, 512);
	assert_true(f->store->caps.flush);
	assert_true(f->store->caps.discard);
	assert_true(f->store->caps.write_zeroes);
	assert_true(f->store->caps.unmap);
	assert_false(f->store->caps.readonly);
	play(f, 300);
	assert_true(f->batches >= 300);
	assert_int_equal(f->lost, 0);
}

static void a_file(void **state)
{
	struct fixture *f = *state;
	uint8_t *b = f->buffer;
	struct one w;

	NEEDS_NBDKIT();
	make_file(f);
	START_NBDKIT(f, "file", f->path);
	open_plain(f);
	memset(b, 0xaa, MIB);
	fill_simple(&w, BLK_WRITE, 0, b, MIB);
	w.r.flags = BLK_F_STABLE;
	assert_int_equal(run_one(f, &w), 0);
	assert_int_equal(erase(f, BLK_WRITE_ZEROES, BLK_F_UNMAP, 65536, 65536),
			 0);
	assert_int_equal(erase(f, BLK_WRITE_ZEROES, BLK_F_STABLE, 262144, 512),
			 0);
	assert_int_equal(erase(f, BLK_DISCARD, 0, 524288, 65536), 0);
	assert_int_equal(erase(f, BLK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(pread(f->file, b, MIB, 0), MIB);
	assert_true(all_are(b, 65536, 0xaa));
	assert_true(all_are(b + 65536, 65536, 0));
	assert_true(all_are(b + 131072, 131072, 0xaa));
	assert_true(all_are(b + 262144, 512, 0));
	assert_true(all_are(b + 262144 + 512, 262144 - 512, 0xaa));
	assert_true(all_are(b + 524288 + 65536, 524288 - 65536, 0xaa));
}

static void many_in_flight(void **state)
{
	struct fixture *f = *state;
	struct one *all = calloc(512, sizeof(*all));

	NEEDS_NBDKIT();
	START_NBDKIT(f, "--filter=delay", "memory", "1M", "delay-write=1ms",
		     "delay-read=1ms");
	open_plain(f);
	for (uint32_t i = 0; i < 512; i++) {
		pattern(f->buffer + 1024 * i, 1024, i);
		fill(&all[i], BLK_WRITE, 1024 * i, 1024);
		/* Every second one needs one of few buffers. */
		add(&all[i], f->buffer + 1024 * i, i % 2 == 0 ? 1024 : 100);
		if (i % 2 != 0) {
			add(&all[i], f->buffer + 1024 * i + 100, 924);
		}
		submit(f, &all[i]);
	}
	drain(f);
	for (uint32_t i = 0; i < 512; i++) {
		assert_int_equal(all[i].done, 1);
		assert_int_equal(all[i].error, 0);
	}
	for (uint32_t i = 0; i < 512; i++) {
		fill(&all[i], BLK_READ, 1024 * i, 1024);
		add(&all[i], f->buffer + MIB / 2 + 1024 * i, 300 + i / 2);
		add(&all[i], f->buffer + MIB / 2 + 1024 * i + 300 + i / 2,
		    724 - i / 2);
		submit(f, &all[i]);
	}
	drain(f);
	assert_memory_equal(f->buffer, f->buffer + MIB / 2, MIB / 2);
	f->store->ops->drain(f->store, count_drained);
	assert_int_equal(drained, 3);
	free(all);
}

static void errors_of_the_server(void **state)
{
	struct fixture *f = *state;
	struct one one;

	NEEDS_NBDKIT();
	START_NBDKIT(f, "--filter=error", "memory", "1M", "error=ENOSPC",
		     "error-pwrite-rate=100%");
	open_plain(f);
	for (uint32_t i = 0; i < 3; i++) {
		fill(&one, BLK_WRITE, 0, 8192);
		add(&one, f->buffer, 4096);
		add(&one, f->buffer + 8192, 4096);
		assert_int_equal(run_one(f, &one), -ENOSPC);
		fill_simple(&one, BLK_READ, 4096, f->buffer, 4096);
		assert_int_equal(run_one(f, &one), 0);
	}
	assert_int_equal(f->lost, 0);
}

static void a_killed_server(void **state)
{
	struct fixture *f = *state;
	struct one all[200];
	struct one late;

	NEEDS_NBDKIT();
	START_NBDKIT(f, "--filter=delay", "memory", "1M", "delay-read=600");
	open_plain(f);
	for (uint32_t i = 0; i < 200; i++) {
		fill(&all[i], BLK_READ, 4096 * i, 4096);
		add(&all[i], f->buffer + 4096 * i, i % 4 == 0 ? 100 : 2048);
		add(&all[i], f->buffer + 4096 * i + 2048,
		    i % 4 == 0 ? 3996 : 2048);
		submit(f, &all[i]);
	}
	f->store->ops->commit(f->store);
	for (uint32_t i = 0; i < 20; i++) {
		uv_run(&f->uv, UV_RUN_NOWAIT);
	}
	assert_int_equal(all[0].done, 0);
	kill_nbdkit(f);
	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(finish_one(f, &all[i]), -EIO);
	}
	assert_int_equal(f->lost, 1);
	fill_simple(&late, BLK_READ, 0, f->buffer, 4096);
	assert_int_equal(run_one(f, &late), -EIO);
	fill(&late, BLK_FLUSH, 0, 0);
	assert_int_equal(run_one(f, &late), -EIO);
	drain(f);
	assert_int_equal(f->lost, 1);
}

/* Nothing is under way, and it is noticed all the same. */
static void a_server_that_leaves(void **state)
{
	struct fixture *f = *state;

	NEEDS_NBDKIT();
	START_NBDKIT(f, "memory", "1M");
	open_plain(f);
	kill_nbdkit(f);
	while (f->lost == 0) {
		uv_run(&f->uv, UV_RUN_ONCE);
	}
	assert_int_equal(erase(f, BLK_DISCARD, 0, 0, 512), -EIO);
	assert_int_equal(f->lost, 1);
}

static void read_only(void **state)
{
	struct fixture *f = *state;
	struct store_nbd_config config = { 0 };
	struct one one;

	NEEDS_NBDKIT();
	START_NBDKIT(f, "-r", "memory", "1M");
	assert_int_equal(try_open(f, &config), -EROFS);
	kill_nbdkit(f);
	START_NBDKIT(f, "-r", "memory", "1M");
	config.readonly = true;
	config.discard = true;
	assert_int_equal(try_open(f, &config), 0);
	assert_true(f->store->caps.readonly);
	assert_false(f->store->caps.discard);
	assert_false(f->store->caps.write_zeroes);
	fill_simple(&one, BLK_READ, 4096, f->buffer, 4096);
	assert_int_equal(run_one(f, &one), 0);
	assert_int_equal(erase(f, BLK_FLUSH, 0, 0, 0), 0);
	fill_simple(&one, BLK_WRITE, 4096, f->buffer, 4096);
	assert_true(run_one(f, &one) < 0);
	assert_int_equal(f->lost, 0);
}

static void exports(void **state)
{
	struct fixture *f = *state;
	struct store_nbd_config config = { .export_name = "good" };

	NEEDS_NBDKIT();
	START_NBDKIT(f, "--filter=exportname", "memory", "1M",
		     "exportname-strict=true", "exportname=good");
	assert_int_equal(try_open(f, &config), 0);
	close_store(f);
	kill_nbdkit(f);
	START_NBDKIT(f, "--filter=exportname", "memory", "1M",
		     "exportname-strict=true", "exportname=good");
	config.export_name = "bad";
	assert_int_equal(try_open(f, &config), -ENOENT);
}

/* All that store_nbd_open() promises beside what errno(3) says. */
static void errors_are_explained(void **state)
{
	static const int errors[] = { -ELIBACC,	  -ENOENT, -EROFS,     -EINVAL,
				      -ETIMEDOUT, -EPROTO, -ECONNRESET };
	const char *hint = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		hint = NULL;
		assert_non_null(store_nbd_explain(errors[i], &hint));
		assert_non_null(hint);
	}
	hint = NULL;
	assert_null(store_nbd_explain(0, &hint));
	assert_null(store_nbd_explain(-ENOMEM, &hint));
	assert_null(hint);
}

static void closed_early(void **state)
{
	struct fixture *f = *state;
	struct one all[100];

	NEEDS_NBDKIT();
	START_NBDKIT(f, "--filter=delay", "memory", "1M", "delay-read=600");
	open_plain(f);
	for (uint32_t i = 0; i < 100; i++) {
		fill_simple(&all[i], BLK_READ, 0, f->buffer, 4096);
		submit(f, &all[i]);
	}
	f->store->ops->commit(f->store);
	uv_run(&f->uv, UV_RUN_NOWAIT);
	close_store(f);
	assert_int_equal(all[0].done, 0);
}

/* --------------------------------------------------------------- own server */

static void expect_log(const struct fixture *f, uint32_t i, uint16_t type,
		       uint16_t flags, uint64_t offset, uint32_t length)
{
	const struct fake_nbd_command *c = &f->fake->log[i];

	assert_true(__atomic_load_n(&f->fake->logged, __ATOMIC_ACQUIRE) > i);
	assert_int_equal(c->type, type);
	assert_int_equal(c->flags, flags);
	assert_int_equal(c->offset, offset);
	assert_int_equal(c->length, length);
}

#define FUA 1u
#define NO_HOLE 2u

static void write_two(struct fixture *f, uint32_t flags)
{
	struct one w;

	fill(&w, BLK_WRITE, 8192, 8192);
	w.r.flags = flags;
	add(&w, f->buffer, 4096);
	add(&w, f->buffer + 16384, 4096);
	assert_int_equal(run_one(f, &w), 0);
}

static void stable_by_fua(void **state)
{
	struct fixture *f = *state;

	NEEDS_LIBNBD();
	assert_int_equal(
		try_fake(f, &(struct fake_nbd_plan){ .flags = ALL_FLAGS }), 0);
	write_two(f, BLK_F_STABLE);
	expect_log(f, 0, FAKE_NBD_CMD_WRITE, FUA, 8192, 4096);
	expect_log(f, 1, FAKE_NBD_CMD_WRITE, FUA, 12288, 4096);
	write_two(f, 0);
	expect_log(f, 2, FAKE_NBD_CMD_WRITE, 0, 8192, 4096);
	expect_log(f, 3, FAKE_NBD_CMD_WRITE, 0, 12288, 4096);
	assert_int_equal(erase(f, BLK_WRITE_ZEROES, BLK_F_STABLE, 0, 512), 0);
	expect_log(f, 4, FAKE_NBD_CMD_ZEROES, FUA | NO_HOLE, 0, 512);
	assert_int_equal(erase(f, BLK_WRITE_ZEROES, BLK_F_UNMAP, 0, 512), 0);
	expect_log(f, 5, FAKE_NBD_CMD_ZEROES, 0, 0, 512);
	assert_int_equal(erase(f, BLK_DISCARD, BLK_F_STABLE, 0, 512), 0);
	expect_log(f, 6, FAKE_NBD_CMD_TRIM, FUA, 0, 512);
	assert_int_equal(f->fake->logged, 7);
}

static void stable_by_a_flush(void **state)
{
	struct fixture *f = *state;

	NEEDS_LIBNBD();
	assert_int_equal(try_fake(f,
				  &(struct fake_nbd_plan){
					  .flags = ALL_FLAGS & ~FAKE_NBD_FUA,
				  }),
			 0);
	write_two(f, BLK_F_STABLE);
	expect_log(f, 0, FAKE_NBD_CMD_WRITE, 0, 8192, 4096);
	expect_log(f, 1, FAKE_NBD_CMD_WRITE, 0, 12288, 4096);
	expect_log(f, 2, FAKE_NBD_CMD_FLUSH, 0, 0, 0);
	assert_int_equal(erase(f, BLK_WRITE_ZEROES, BLK_F_STABLE, 0, 512), 0);
	expect_log(f, 3, FAKE_NBD_CMD_ZEROES, NO_HOLE, 0, 512);
	expect_log(f, 4, FAKE_NBD_CMD_FLUSH, 0, 0, 0);
	write_two(f, 0);
	assert_int_equal(f->fake->logged, 7);
}

/* The write has worked, the flush that makes it stable has not. */
static void a_flush_that_fails(void **state)
{
	struct fixture *f = *state;
	struct one w;

	NEEDS_LIBNBD();
	assert_int_equal(try_fake(f,
				  &(struct fake_nbd_plan){
					  .how = FAKE_NBD_ERROR,
					  .flags = ALL_FLAGS & ~FAKE_NBD_FUA,
					  .error = EIO,
					  .errors_after = 1,
				  }),
			 0);
	fill_simple(&w, BLK_WRITE, 0, f->buffer, 4096);
	w.r.flags = BLK_F_STABLE;
	assert_int_equal(run_one(f, &w), -EIO);
	assert_int_equal(f->fake->logged, 2);
	assert_int_equal(f->lost, 0);
}

static void nothing_volatile(void **state)
{
	struct fixture *f = *state;

	NEEDS_LIBNBD();
	assert_int_equal(try_fake(f, &(struct fake_nbd_plan){ 0 }), 0);
	assert_false(f->store->caps.flush);
	assert_false(f->store->caps.discard);
	assert_false(f->store->caps.write_zeroes);
	assert_false(f->store->caps.unmap);
	write_two(f, BLK_F_STABLE);
	assert_int_equal(erase(f, BLK_FLUSH, 0, 0, 0), 0);
	assert_int_equal(f->fake->logged, 2);
}

static void whole_blocks(void **state)
{
	struct fixture *f = *state;
	const struct fake_nbd_plan plan = {
		.flags = ALL_FLAGS,
		.block = { 4096, 16384, 65536 },
	};

	NEEDS_LIBNBD();
	assert_int_equal(try_fake(f, &plan), 0);
	assert_int_equal(f->store->caps.block_size, 4096);
	assert_int_equal(f->store->caps.physical_size, 16384);
	play(f, 60);
	for (uint32_t i = 0; i < f->fake->logged; i++) {
		const struct fake_nbd_command *c = &f->fake->log[i];

		assert_int_equal(c->offset % 4096, 0);
		assert_int_equal(c->length % 4096, 0);
		assert_true(c->length <= 65536 ||
			    c->type == FAKE_NBD_CMD_ZEROES);
	}
}

static void long_erasing(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = 5ull << 30;

	NEEDS_LIBNBD();
	assert_int_equal(
		try_fake(f, &(struct fake_nbd_plan){ .flags = ALL_FLAGS,
						     .size = size }),
		0);
	assert_int_equal(erase(f, BLK_DISCARD, 0, 512, size - 512), 0);
	expect_log(f, 0, FAKE_NBD_CMD_TRIM, 0, 512, 1u << 30);
	expect_log(f, 4, FAKE_NBD_CMD_TRIM, 0, (4ull << 30) + 512,
		   (1u << 30) - 512);
	assert_int_equal(f->fake->logged, 5);
}

static void in_flight_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct store_nbd_config config = { .depth = 8 };
	struct one all[50];

	NEEDS_LIBNBD();
	start_fake(f, &(struct fake_nbd_plan){ .how = FAKE_NBD_BATCH });
	assert_int_equal(try_open(f, &config), 0);
	pattern(f->fake->data, MIB, 5);
	for (uint32_t i = 0; i < 50; i++) {
		fill(&all[i], BLK_READ, 4096 * i, 2048);
		add(&all[i], f->buffer + 4096 * i, 512);
		add(&all[i], f->buffer + 4096 * i + 512, 512);
		add(&all[i], f->buffer + 4096 * i + 1024, 1024);
		submit(f, &all[i]);
	}
	drain(f);
	assert_int_equal(f->fake->most, 8);
	assert_int_equal(f->fake->logged, 150);
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(all[i].error, 0);
		assert_memory_equal(f->buffer + 4096 * i,
				    f->fake->data + 4096 * i, 2048);
	}
	config.depth = STORE_NBD_DEPTH_MAX + 1;
	f->fd = dup(STDIN_FILENO);
	close_store(f);
	assert_int_equal(try_open(f, &config), -EINVAL);
}

static void block_sizes(void **state)
{
	static const struct {
		struct fake_nbd_plan plan;
		uint32_t asked;
		int rc;
	} cases[] = {
		{ { .block = { 4096, 4096, 65536 } }, 512, -EINVAL },
		{ { .block = { 4096, 4096, 65536 } }, 8192, 0 },
		{ { .block = { 1, 4096, 65536 } }, 0, 0 },
		{ { .block = { 1, 4096, 65536 } }, 1000, -EINVAL },
		{ { .block = { 1, 4096, 65536 } }, 131072, -EINVAL },
		{ { .block = { 512, 4096, 4096 } }, 8192, -EINVAL },
	};
	struct fixture *f = *state;

	NEEDS_LIBNBD();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_nbd_config config = {
			.block_size = cases[i].asked,
		};

		start_fake(f, &cases[i].plan);
		assert_int_equal(try_open(f, &config), cases[i].rc);
		close_store(f);
		fake_nbd_stop(f->fake);
		f->fake = NULL;
	}
}

/* ------------------------------------------------------------------ hostile */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void hung_handshakes(void **state)
{
	struct fixture *f = *state;
	struct store_nbd_config config = { .handshake_ms = 150 };
	uint64_t begin = now_ms();
	int pair[2];

	NEEDS_LIBNBD();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	f->fd = pair[0];
	assert_int_equal(try_open(f, &config), -ETIMEDOUT);
	close(pair[1]);
	/* One that always has something to say is no better. */
	start_fake(f, &(struct fake_nbd_plan){ .how = FAKE_NBD_ENDLESS });
	assert_int_equal(try_open(f, &config), -ETIMEDOUT);
	assert_true(now_ms() - begin >= 300);
	assert_true(now_ms() - begin < 60000);
}

static int say(struct fixture *f, const void *text, size_t len)
{
	struct store_nbd_config config = { .handshake_ms = 5000 };
	int pair[2];
	int rc;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(send(pair[1], text, len, MSG_NOSIGNAL), len);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	f->fd = pair[0];
	rc = try_open(f, &config);
	close(pair[1]);
	return rc;
}

static void strange_greetings(void **state)
{
	static uint8_t oldstyle[152] = "NBDMAGIC\0\0\x42\x02\x81\x86\x12\x53"
				       "\0\0\0\0\0\x10\0\0\0\0\0\1";
	struct fixture *f = *state;
	uint8_t noise[4096];

	NEEDS_LIBNBD();
	assert_int_equal(say(f, "", 0), -EPROTO);
	assert_int_equal(say(f, "NBDMAGIC", 8), -EPROTO);
	assert_int_equal(say(f, "HTTP/1.1 400 Bad Request\r\n\r\n", 28),
			 -EPROTO);
	/* It cannot be told which export. */
	assert_int_equal(say(f, oldstyle, sizeof(oldstyle)), -EPROTO);
	for (uint32_t round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(noise); i++) {
			noise[i] = (uint8_t)below(256);
		}
		if (round % 2 == 0) {
			memcpy(noise, "NBDMAGICIHAVEOPT\0\3", 18);
		}
		if (round % 4 == 0) {
			memcpy(noise + 18, "\0\3\xe8\x89\4\x55\x65\xa9\0\0\0\7",
			       12);
			memset(noise + 30, (int)below(2) * 128, 7);
		}
		assert_true(say(f, noise, sizeof(noise)) < 0);
	}
}

static void strange_exports(void **state)
{
	static const struct fake_nbd_plan plans[] = {
		{ .size = UINT64_MAX },
		{ .size = 1ull << 63 },
		{ .size = 1ull << 63, .block = { 512, 512, 512 } },
	};
	struct fixture *f = *state;

	NEEDS_LIBNBD();
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		assert_int_equal(try_fake(f, &plans[i]), -EPROTO);
		fake_nbd_stop(f->fake);
		f->fake = NULL;
	}
	/* Odd hints and sizes are taken for what they are. */
	assert_int_equal(try_fake(f,
				  &(struct fake_nbd_plan){
					  .size = 100000,
					  .block = { 1, 3000, 99999 },
				  }),
			 0);
	assert_int_equal(f->store->caps.size, 195 * 512);
	assert_int_equal(f->store->caps.physical_size % 512, 0);
}

/* Whatever it answers: the request fails, the store is dead, we live. */
static void strange_answers(void **state)
{
	static const enum fake_nbd_how ways[] = {
		FAKE_NBD_WRONG_COOKIE,
		FAKE_NBD_WRONG_MAGIC,
		FAKE_NBD_HALF,
	};
	struct fixture *f = *state;

	NEEDS_LIBNBD();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct one all[5];

		assert_int_equal(
			try_fake(f, &(struct fake_nbd_plan){ .how = ways[i] }),
			0);
		f->lost = 0;
		for (uint32_t j = 0; j < 5; j++) {
			fill_simple(&all[j], BLK_READ, 0, f->buffer, 8192);
			submit(f, &all[j]);
		}
		for (uint32_t j = 0; j < 5; j++) {
			assert_int_equal(finish_one(f, &all[j]), -EIO);
		}
		assert_int_equal(f->lost, 1);
		close_store(f);
		fake_nbd_stop(f->fake);
		f->fake = NULL;
	}
}

/* The socket has an answer and an error: both count. */
static void an_answer_before_the_end(void **state)
{
	struct fixture *f = *state;
	struct one all[2];
	siginfo_t info;

	NEEDS_LIBNBD();
	assert_int_equal(
		try_fake(f, &(struct fake_nbd_plan){ .how = FAKE_NBD_LEAVE }),
		0);
	for (uint32_t i = 0; i < 2; i++) {
		fill_simple(&all[i], BLK_READ, 0, f->buffer, 512);
		submit(f, &all[i]);
	}
	f->store->ops->commit(f->store);
	uv_run(&f->uv, UV_RUN_NOWAIT);
	assert_int_equal(
		waitid(P_PID, (id_t)f->fake->pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(finish_one(f, &all[0]), 0);
	assert_int_equal(finish_one(f, &all[1]), -EIO);
	assert_int_equal(f->lost, 1);
}

/* The second answer is one to nothing. */
static void an_answer_twice(void **state)
{
	struct fixture *f = *state;
	struct one w;

	NEEDS_LIBNBD();
	assert_int_equal(
		try_fake(f, &(struct fake_nbd_plan){ .how = FAKE_NBD_TWICE }),
		0);
	fill_simple(&w, BLK_WRITE, 0, f->buffer, 8192);
	assert_int_equal(run_one(f, &w), 0);
	while (f->lost == 0) {
		uv_run(&f->uv, UV_RUN_ONCE);
	}
	assert_int_equal(w.done, 1);
}

static void strange_errors(void **state)
{
	static const uint32_t errors[] = { 1,	       28,	   0x7fffffff,
					   0x80000000, 0xffffffff, 1000 };
	struct fixture *f = *state;

	NEEDS_LIBNBD();
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct one r;

		assert_int_equal(
			try_fake(f,
				 &(struct fake_nbd_plan){ .how = FAKE_NBD_ERROR,
							  .error = errors[i] }),
			0);
		fill_simple(&r, BLK_READ, 0, f->buffer, 512);
		assert_true(run_one(f, &r) < 0 && r.error > -4096);
		assert_true(errors[i] != 28 || r.error == -ENOSPC);
		assert_int_equal(f->lost, 0);
		close_store(f);
		fake_nbd_stop(f->fake);
		f->fake = NULL;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory),
		TEST(a_file),
		TEST(many_in_flight),
		TEST(errors_of_the_server),
		TEST(a_killed_server),
		TEST(a_server_that_leaves),
		TEST(read_only),
		TEST(exports),
		TEST(errors_are_explained),
		TEST(closed_early),
		TEST(stable_by_fua),
		TEST(stable_by_a_flush),
		TEST(a_flush_that_fails),
		TEST(nothing_volatile),
		TEST(whole_blocks),
		TEST(long_erasing),
		TEST(in_flight_is_bounded),
		TEST(block_sizes),
		TEST(hung_handshakes),
		TEST(strange_greetings),
		TEST(strange_exports),
		TEST(strange_answers),
		TEST(an_answer_before_the_end),
		TEST(an_answer_twice),
		TEST(strange_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
