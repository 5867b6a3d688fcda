/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request is carried out in steps, each of which is one entry of the ring: a
 * transfer that came out short is continued, a fallocate() that the file does
 * not know is replaced by something slower.
 *
 * Where a request is: `ready` (its next step wants an entry of the ring), in
 * the ring (`unsent` until the kernel has taken the entry), `later` (a step to
 * be tried again in a moment) or `bounced` (it waits for a buffer).  There are
 * never more steps in the ring than it has entries, so neither side of it can
 * overflow.
 */
#include "blk/store_uring.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/container_of.h"

#define BOUNCE_COUNT 4u
#define BOUNCE_SIZE (128u * 1024u)
#define BLOCK_SIZE_MAX 65536u
#define RETRY_MS 1u
/*
 * What a step moves at most: the kernel copies what is in the page cache within
 * the system call, and neither commands nor a kill come through meanwhile.
 */
#define STEP_MAX (4u * 1024u * 1024u)

#define ZEROS_SIZE 65536u
#define ZEROS_IOV 16u

enum how {
	HOW_DIRECT, /* iov as it is */
	HOW_BOUNCE, /* through priv.buffer */
	HOW_SYNC,
	HOW_PUNCH,
	HOW_ZERO_RANGE,
	HOW_ZEROS, /* zeros are written */
};

struct request_list {
	struct blk_request *first;
	struct blk_request **last;
};

struct store_uring {
	struct blk_store store;
	struct event_loop *loop;
	struct io_uring ring;
	struct event_watch watch;
	bool watched; /* the ring, for it has not always been empty */
	struct event_defer enter;
	struct event_timer retry;
	uint32_t depth;
	uint32_t in_ring;
	uint32_t outstanding; /* requests */
	int dead; /* -errno: the ring cannot be used any more */
	bool no_punch; /* what the file turned out not to know */
	bool no_zero_range;
	uint32_t mem_align; /* 0: buffers may lie anywhere */
	uint32_t len_align;
	struct request_list ready;
	struct request_list unsent;
	struct request_list later;
	struct request_list bounced;
	void (*drained)(struct blk_store *store);
	uint8_t *bounce; /* BOUNCE_COUNT buffers */
	uint32_t bounce_free; /* as bits */
	struct iovec zeros[ZEROS_IOV];
};

static uint8_t zeros[ZEROS_SIZE] __attribute__((aligned(4096)));

static struct store_uring *from_store(struct blk_store *store)
{
	return container_of(store, struct store_uring, store);
}

/* ------------------------------------------------------------------- lists */

static void list_init(struct request_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_append(struct request_list *list, struct blk_request *r)
{
	r->priv.next = NULL;
	*list->last = r;
	list->last = &r->priv.next;
}

static struct blk_request *list_take(struct request_list *list)
{
	struct blk_request *r = list->first;

	if (r != NULL) {
		list->first = r->priv.next;
		if (list->first == NULL) {
			list->last = &list->first;
		}
	}
	return r;
}

static void list_move(struct request_list *to, struct request_list *from)
{
	struct blk_request *r;

	while ((r = list_take(from)) != NULL) {
		list_append(to, r);
	}
}

/* ----------------------------------------------------------------- buffers */

static bool fits_direct_io(const struct store_uring *su,
			   const struct blk_request *r)
{
	if (su->mem_align == 0) {
		return true;
	}
	for (uint32_t i = 0; i < r->iov_count; i++) {
		if (((uintptr_t)r->iov[i].iov_base & (su->mem_align - 1)) !=
			    0 ||
		    (r->iov[i].iov_len & (su->len_align - 1)) != 0) {
			return false;
		}
	}
	return true;
}

static bool take_bounce(struct store_uring *su, struct blk_request *r)
{
	unsigned int i;

	if (su->bounce_free == 0) {
		return false;
	}
	i = (unsigned int)__builtin_ctz(su->bounce_free);
	su->bounce_free &= ~(1u << i);
	r->priv.buffer = su->bounce + (size_t)i * BOUNCE_SIZE;
	return true;
}

/* False: it waits for a buffer. */
static bool use_bounce(struct store_uring *su, struct blk_request *r)
{
	r->priv.how = HOW_BOUNCE;
	if (take_bounce(su, r)) {
		return true;
	}
	list_append(&su->bounced, r);
	return false;
}

static void give_bounce(struct store_uring *su, struct blk_request *r)
{
	size_t at = (size_t)((uint8_t *)r->priv.buffer - su->bounce);
	struct blk_request *next;

	r->priv.buffer = NULL;
	su->bounce_free |= 1u << (at / BOUNCE_SIZE);
	next = list_take(&su->bounced);
	if (next != NULL) {
		(void)take_bounce(su, next);
		list_append(&su->ready, next);
	}
}

/* Copies between the buffer and iov from where the request is, which stays. */
static void copy_bounce(struct blk_request *r, uint32_t len)
{
	uint8_t *buffer = r->priv.buffer;
	uint32_t i = r->priv.iov_at;

	while (len != 0) {
		const struct iovec *iov = &r->iov[i++];
		size_t n = iov->iov_len < len ? iov->iov_len : len;

		if (r->op == BLK_READ) {
			memcpy(iov->iov_base, buffer, n);
		} else {
			memcpy(buffer, iov->iov_base, n);
		}
		buffer += n;
		len -= (uint32_t)n;
	}
}

/* Moves len bytes on in iov; an element may be left cut. */
static void advance(struct blk_request *r, size_t len)
{
	r->priv.moved += len;
	while (r->iov != NULL && len != 0) {
		struct iovec *iov = &r->iov[r->priv.iov_at];

		if (len < iov->iov_len) {
			iov->iov_base = (uint8_t *)iov->iov_base + len;
			iov->iov_len -= len;
			return;
		}
		len -= iov->iov_len;
		*iov = r->priv.iov_saved;
		if (++r->priv.iov_at < r->iov_count) {
			r->priv.iov_saved = iov[1];
		}
	}
}

/* ------------------------------------------------------------------- steps */

static void finish(struct store_uring *su, struct blk_request *r, int error)
{
	if (r->iov != NULL && r->priv.iov_at < r->iov_count) {
		r->iov[r->priv.iov_at] = r->priv.iov_saved;
	}
	if (r->priv.buffer != NULL) {
		give_bounce(su, r);
	}
	su->outstanding--;
	r->done(r, error);
}

static uint32_t left_up_to(const struct blk_request *r, uint32_t max)
{
	uint64_t left = r->length - r->priv.moved;

	return left < max ? (uint32_t)left : max;
}

/* How many elements one step is made of, *ret_len bytes in all. */
static uint32_t elements_of_step(const struct blk_request *r, uint32_t *ret_len)
{
	const struct iovec *iov = &r->iov[r->priv.iov_at];
	uint32_t left = r->iov_count - r->priv.iov_at;
	uint32_t count = 0;
	uint32_t len = 0;

	while (count < left && iov[count].iov_len <= STEP_MAX - len) {
		len += (uint32_t)iov[count++].iov_len;
	}
	/* Else the first part of one. */
	*ret_len = count != 0 ? len : STEP_MAX;
	return count != 0 ? count : 1;
}

static void prepare_direct(struct io_uring_sqe *sqe, struct blk_request *r)
{
	const struct iovec *iov = &r->iov[r->priv.iov_at];
	uint64_t offset = r->offset + r->priv.moved;
	uint32_t count = elements_of_step(r, &r->priv.step);

	if (count == 1 && r->op == BLK_READ) {
		io_uring_prep_read(sqe, 0, iov->iov_base, r->priv.step, offset);
	} else if (count == 1) {
		io_uring_prep_write(sqe, 0, iov->iov_base, r->priv.step,
				    offset);
	} else if (r->op == BLK_READ) {
		io_uring_prep_readv(sqe, 0, iov, count, offset);
	} else {
		io_uring_prep_writev(sqe, 0, iov, count, offset);
	}
}

static void prepare_bounce(struct io_uring_sqe *sqe, struct blk_request *r)
{
	uint64_t offset = r->offset + r->priv.moved;

	r->priv.step = left_up_to(r, BOUNCE_SIZE);
	if (r->op == BLK_READ) {
		io_uring_prep_read(sqe, 0, r->priv.buffer, r->priv.step,
				   offset);
	} else {
		copy_bounce(r, r->priv.step);
		io_uring_prep_write(sqe, 0, r->priv.buffer, r->priv.step,
				    offset);
	}
}

static void prepare_zeros(struct store_uring *su, struct io_uring_sqe *sqe,
			  struct blk_request *r)
{
	uint64_t offset = r->offset + r->priv.moved;
	uint32_t count;

	r->priv.step = left_up_to(r, ZEROS_SIZE * ZEROS_IOV);
	if (r->priv.step < ZEROS_SIZE) {
		io_uring_prep_write(sqe, 0, zeros, r->priv.step, offset);
		return;
	}
	count = r->priv.step / ZEROS_SIZE;
	r->priv.step = count * ZEROS_SIZE;
	io_uring_prep_writev(sqe, 0, su->zeros, count, offset);
}

static void prepare(struct store_uring *su, struct io_uring_sqe *sqe,
		    struct blk_request *r)
{
	bool writes = true;

	switch ((enum how)r->priv.how) {
	case HOW_DIRECT:
		prepare_direct(sqe, r);
		writes = r->op == BLK_WRITE;
		break;
	case HOW_BOUNCE:
		prepare_bounce(sqe, r);
		writes = r->op == BLK_WRITE;
		break;
	case HOW_ZEROS:
		prepare_zeros(su, sqe, r);
		break;
	case HOW_SYNC:
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
		writes = false;
		break;
	case HOW_PUNCH:
		io_uring_prep_fallocate(
			sqe, 0, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)r->offset, (off_t)r->length);
		writes = false;
		break;
	case HOW_ZERO_RANGE:
		io_uring_prep_fallocate(
			sqe, 0, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			(off_t)r->offset, (off_t)r->length);
		writes = false;
		break;
	}
	if (writes && (r->flags & BLK_F_STABLE) != 0) {
		sqe->rw_flags = RWF_DSYNC;
	}
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, r);
}

/* fallocate() has no flag for it. */
static bool wants_sync(const struct blk_request *r)
{
	return r->op == BLK_WRITE_ZEROES && (r->flags & BLK_F_STABLE) != 0;
}

static void start_zeroing(struct store_uring *su, struct blk_request *r)
{
	if ((r->flags & BLK_F_UNMAP) != 0 && !su->no_punch) {
		r->priv.how = HOW_PUNCH;
	} else {
		r->priv.how = su->no_zero_range ? HOW_ZEROS : HOW_ZERO_RANGE;
	}
}

static void next_step(struct store_uring *su, struct blk_request *r)
{
	list_append(&su->ready, r);
	event_defer(su->loop, &su->enter);
}

static void transferred(struct store_uring *su, struct blk_request *r,
			uint32_t len)
{
	if (len == 0 || len > r->priv.step) {
		/* The file ends before the disk does. */
		finish(su, r, -EIO);
		return;
	}
	if (r->priv.how == HOW_BOUNCE && r->op == BLK_READ) {
		copy_bounce(r, len);
	}
	advance(r, len);
	if (r->priv.moved == r->length) {
		finish(su, r, 0);
	} else if (su->mem_align != 0 &&
		   (r->priv.moved & (su->len_align - 1)) != 0) {
		/* Likewise, and O_DIRECT cannot go on from here. */
		finish(su, r, -EIO);
	} else if (r->priv.how != HOW_DIRECT || fits_direct_io(su, r) ||
		   use_bounce(su, r)) {
		/* What is left of a buffer may lie where O_DIRECT cannot. */
		next_step(su, r);
	}
}

/* Another way to do what the file does not know; false if there is none. */
static bool fall_back(struct store_uring *su, struct blk_request *r)
{
	switch ((enum how)r->priv.how) {
	case HOW_PUNCH:
		su->no_punch = true;
		if (r->op == BLK_DISCARD) {
			/* It is a hint: nothing done is done as well. */
			finish(su, r, 0);
			return true;
		}
		break;
	case HOW_ZERO_RANGE:
		su->no_zero_range = true;
		break;
	default:
		return false;
	}
	start_zeroing(su, r);
	next_step(su, r);
	return true;
}

static void retry_soon(struct store_uring *su)
{
	(void)event_timer(su->loop, &su->retry, RETRY_MS);
}

static void step_done(struct store_uring *su, struct blk_request *r, int res)
{
	switch (res) {
	case -EINTR:
		next_step(su, r);
		return;
	case -EAGAIN:
		list_append(&su->later, r);
		retry_soon(su);
		return;
	case -EOPNOTSUPP:
		if (fall_back(su, r)) {
			return;
		}
		break;
	}
	if (res < 0) {
		finish(su, r, res);
		return;
	}
	switch ((enum how)r->priv.how) {
	case HOW_DIRECT:
	case HOW_BOUNCE:
	case HOW_ZEROS:
		transferred(su, r, (uint32_t)res);
		break;
	case HOW_PUNCH:
	case HOW_ZERO_RANGE:
		if (wants_sync(r)) {
			r->priv.how = HOW_SYNC;
			next_step(su, r);
			break;
		}
		finish(su, r, 0);
		break;
	case HOW_SYNC:
		finish(su, r, 0);
		break;
	}
}

/* -------------------------------------------------------------------- ring */

static void batch_end(struct store_uring *su)
{
	void (*drained)(struct blk_store * store) = su->drained;

	if (su->store.completed != NULL) {
		su->store.completed(&su->store);
	}
	if (drained != NULL && su->outstanding == 0) {
		su->drained = NULL;
		drained(&su->store);
	}
}

/*
 * What the page cache or memory holds is done when it is submitted.  While
 * that is true of everything, the loop need not hear of the ring: each entry
 * would wake it for nothing.
 */
static void watch_ring(struct store_uring *su)
{
	if (su->in_ring != 0 && !su->watched) {
		su->watched = event_watch(su->loop, &su->watch,
					  su->ring.ring_fd, EVENT_READ) == 0;
	}
}

/* The caller looks at nothing of su after this: its user may have closed it. */
static void reap(struct store_uring *su)
{
	/* No more than are in there: others may come while we work. */
	uint32_t budget = su->in_ring;
	struct io_uring_cqe *cqe;
	bool any = false;

	while (budget-- != 0 && io_uring_peek_cqe(&su->ring, &cqe) == 0) {
		struct blk_request *r = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&su->ring, cqe);
		su->in_ring--;
		any = true;
		step_done(su, r, res);
	}
	watch_ring(su);
	if (su->ready.first != NULL) {
		event_defer(su->loop, &su->enter);
	}
	if (any) {
		batch_end(su);
	}
}

static void on_ring(struct event_watch *watch, unsigned int events)
{
	(void)events;
	reap(container_of(watch, struct store_uring, watch));
}

static void fill_ring(struct store_uring *su)
{
	while (su->in_ring < su->depth && su->ready.first != NULL) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&su->ring);
		struct blk_request *r;

		if (sqe == NULL) {
			break;
		}
		r = list_take(&su->ready);
		prepare(su, sqe, r);
		list_append(&su->unsent, r);
		su->in_ring++;
	}
}

/* Nothing can be submitted any more: what the kernel has not got fails. */
static void die(struct store_uring *su, int error)
{
	struct request_list list;
	struct blk_request *r;

	su->dead = error;
	list_init(&list);
	while ((r = list_take(&su->unsent)) != NULL) {
		su->in_ring--;
		list_append(&list, r);
	}
	list_move(&list, &su->ready);
	list_move(&list, &su->later);
	list_move(&list, &su->bounced);
	while ((r = list_take(&list)) != NULL) {
		finish(su, r, error);
	}
}

static void send_ring(struct store_uring *su)
{
	while (su->unsent.first != NULL) {
		int n = io_uring_submit(&su->ring);

		if (n == -EINTR) {
			continue;
		}
		if (n == 0 || n == -EAGAIN || n == -EBUSY || n == -ENOMEM) {
			retry_soon(su);
			return;
		}
		if (n < 0) {
			die(su, n);
			return;
		}
		while (n-- > 0) {
			(void)list_take(&su->unsent);
		}
	}
}

static void on_enter(struct event_defer *defer)
{
	struct store_uring *su = container_of(defer, struct store_uring, enter);

	if (su->dead != 0) {
		die(su, su->dead);
		batch_end(su);
		return;
	}
	fill_ring(su);
	send_ring(su);
	if (su->dead != 0) {
		watch_ring(su);
		batch_end(su);
		return;
	}
	/* What was in the page cache is here already. */
	reap(su);
}

static void on_retry(struct event_timer *timer)
{
	struct store_uring *su = container_of(timer, struct store_uring, retry);

	list_move(&su->ready, &su->later);
	event_defer(su->loop, &su->enter);
}

/* --------------------------------------------------------------------- ops */

static void uring_submit(struct blk_store *store, struct blk_request *r)
{
	struct store_uring *su = from_store(store);

	memset(&r->priv, 0, sizeof(r->priv));
	su->outstanding++;
	switch (r->op) {
	case BLK_READ:
	case BLK_WRITE:
		r->priv.iov_saved = r->iov[0];
		if (fits_direct_io(su, r)) {
			r->priv.how = HOW_DIRECT;
			break;
		}
		if (!use_bounce(su, r)) {
			return;
		}
		break;
	case BLK_FLUSH:
		r->priv.how = HOW_SYNC;
		break;
	case BLK_DISCARD:
		if (su->no_punch) {
			finish(su, r, 0);
			return;
		}
		r->priv.how = HOW_PUNCH;
		break;
	case BLK_WRITE_ZEROES:
		start_zeroing(su, r);
		break;
	}
	list_append(&su->ready, r);
}

static void uring_commit(struct blk_store *store)
{
	struct store_uring *su = from_store(store);

	if (su->ready.first != NULL) {
		event_defer(su->loop, &su->enter);
	}
}

static void uring_drain(struct blk_store *store,
			void (*drained)(struct blk_store *store))
{
	struct store_uring *su = from_store(store);

	if (su->outstanding == 0) {
		drained(store);
		return;
	}
	su->drained = drained;
	uring_commit(store);
}

static void uring_close(struct blk_store *store)
{
	struct store_uring *su = from_store(store);

	event_unwatch(su->loop, &su->watch);
	event_undefer(su->loop, &su->enter);
	(void)event_timer(su->loop, &su->retry, EVENT_NEVER);
	io_uring_queue_exit(&su->ring);
	if (su->bounce != NULL && su->in_ring == 0) {
		munmap(su->bounce, (size_t)BOUNCE_COUNT * BOUNCE_SIZE);
	}
	free(su);
}

static const struct blk_store_ops uring_ops = {
	.name = "uring",
	.submit = uring_submit,
	.commit = uring_commit,
	.drain = uring_drain,
	.close = uring_close,
};

/* -------------------------------------------------------------------- open */

static bool is_block_size(uint32_t size)
{
	return size >= BLK_SECTOR && size <= BLOCK_SIZE_MAX &&
	       (size & (size - 1)) == 0;
}

/* Tries it out, where the kernel does not tell. */
static uint32_t probe_direct_io(int fd)
{
	void *buffer = NULL;
	uint32_t size;

	if (posix_memalign(&buffer, BLOCK_SIZE_MAX, BLOCK_SIZE_MAX) != 0) {
		return 0;
	}
	for (size = BLK_SECTOR; size <= BLOCK_SIZE_MAX; size *= 2) {
		if (pread(fd, buffer, size, 0) >= 0) {
			break;
		}
	}
	free(buffer);
	return size;
}

static int find_direct_io(struct store_uring *su, int fd, int flags)
{
	struct statx stx = { 0 };

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN) != 0 &&
	    stx.stx_dio_offset_align != 0) {
		su->mem_align = stx.stx_dio_mem_align;
		su->len_align = stx.stx_dio_offset_align;
	} else {
		su->len_align = probe_direct_io(fd);
		su->mem_align = su->len_align > 4096 ? su->len_align : 4096;
	}
	if (su->len_align <= su->store.caps.block_size) {
		return 0;
	}
	/* The guest may use smaller blocks: by way of the page cache, then. */
	su->mem_align = su->len_align = 0;
	return fcntl(fd, F_SETFL, flags & ~O_DIRECT) < 0 ? -errno : 0;
}

/* Beyond the end there is nothing to lose. */
static bool can_punch(int fd, const struct stat *st)
{
	off_t end = (st->st_size | (off_t)(BLOCK_SIZE_MAX - 1)) + 1;

	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, end,
			 BLOCK_SIZE_MAX) == 0;
}

static int look_at_device(struct blk_store_caps *caps, int fd)
{
	unsigned int physical = 0;
	int block = 0;

	if (ioctl(fd, BLKGETSIZE64, &caps->size) < 0 ||
	    ioctl(fd, BLKSSZGET, &block) < 0 ||
	    ioctl(fd, BLKPBSZGET, &physical) < 0) {
		return -errno;
	}
	if (caps->block_size == 0) {
		caps->block_size = (uint32_t)block;
	}
	caps->physical_size = physical;
	return caps->block_size < (uint32_t)block ? -EINVAL : 0;
}

static int look_at_file(struct store_uring *su, int fd,
			const struct store_uring_config *config)
{
	struct blk_store_caps *caps = &su->store.caps;
	int flags = fcntl(fd, F_GETFL);
	struct stat st;
	int rc;

	if (flags < 0 || fstat(fd, &st) < 0) {
		return -errno;
	}
	if ((flags & O_ACCMODE) == O_WRONLY ||
	    ((flags & O_ACCMODE) == O_RDONLY && !config->readonly)) {
		return -EACCES;
	}
	/* When a guest read is nobody's business; only the owner may say so. */
	(void)fcntl(fd, F_SETFL, flags | O_NOATIME);
	caps->block_size = config->block_size;
	caps->readonly = config->readonly;
	if (S_ISBLK(st.st_mode)) {
		rc = look_at_device(caps, fd);
		if (rc != 0) {
			return rc;
		}
	} else if (S_ISREG(st.st_mode)) {
		caps->size = (uint64_t)st.st_size;
		caps->physical_size = (uint32_t)st.st_blksize;
		if (caps->block_size == 0) {
			caps->block_size = BLK_SECTOR;
		}
		su->no_punch = caps->readonly || !can_punch(fd, &st);
	} else {
		return -ENOTBLK;
	}
	if (!is_block_size(caps->block_size)) {
		return -EINVAL;
	}
	if (!is_block_size(caps->physical_size) ||
	    caps->physical_size < caps->block_size) {
		caps->physical_size = caps->block_size;
	}
	caps->size -= caps->size % caps->block_size;
	caps->flush = !caps->readonly;
	caps->write_zeroes = !caps->readonly;
	caps->discard = !caps->readonly && config->discard && !su->no_punch;
	caps->unmap = caps->discard;
	return (flags & O_DIRECT) != 0 ? find_direct_io(su, fd, flags) : 0;
}

/* All that the ring may do once it is enabled: see the list of steps. */
static int restrict_ring(struct io_uring *ring)
{
	static const uint8_t ops[] = {
		IORING_OP_READ,	  IORING_OP_READV, IORING_OP_WRITE,
		IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE,
	};
	struct io_uring_restriction rules[sizeof(ops) + 2];
	unsigned int n = 0;

	memset(rules, 0, sizeof(rules));
	for (size_t i = 0; i < sizeof(ops); i++) {
		rules[n].opcode = IORING_RESTRICTION_SQE_OP;
		rules[n++].sqe_op = ops[i];
	}
	rules[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	rules[n++].sqe_flags = IOSQE_FIXED_FILE;
	rules[n].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	rules[n++].sqe_flags = IOSQE_FIXED_FILE;
	/* liburing 2.3 declares a function for it, but does not export it. */
	return io_uring_register((unsigned int)ring->ring_fd,
				 IORING_REGISTER_RESTRICTIONS, rules, n);
}

static int make_ring(struct store_uring *su, int fd)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
	};
	int rc = io_uring_queue_init_params(su->depth, &su->ring, &params);

	if (rc != 0) {
		return rc == -EINVAL || rc == -ENOSYS ? -EOPNOTSUPP : rc;
	}
	rc = io_uring_register_files(&su->ring, &fd, 1);
	if (rc == 0) {
		rc = restrict_ring(&su->ring);
	}
	if (rc == 0) {
		rc = io_uring_register((unsigned int)su->ring.ring_fd,
				       IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	}
	if (rc == 0) {
		/* Made here, so that watch_ring() cannot fail. */
		rc = event_watch(su->loop, &su->watch, su->ring.ring_fd, 0);
	}
	if (rc != 0) {
		io_uring_queue_exit(&su->ring);
	}
	return rc;
}

static int make_bounce(struct store_uring *su)
{
	void *at;

	if (su->mem_align == 0) {
		return 0;
	}
	at = mmap(NULL, (size_t)BOUNCE_COUNT * BOUNCE_SIZE,
		  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		return -ENOMEM;
	}
	su->bounce = at;
	su->bounce_free = (1u << BOUNCE_COUNT) - 1;
	return 0;
}

int store_uring_open(struct event_loop *loop, int fd,
		     const struct store_uring_config *config,
		     struct blk_store **ret)
{
	struct store_uring *su = calloc(1, sizeof(*su));
	int rc;

	if (su == NULL) {
		return -ENOMEM;
	}
	su->store.ops = &uring_ops;
	su->loop = loop;
	su->watch.cb = on_ring;
	su->enter.cb = on_enter;
	su->retry.cb = on_retry;
	list_init(&su->ready);
	list_init(&su->unsent);
	list_init(&su->later);
	list_init(&su->bounced);
	for (uint32_t i = 0; i < ZEROS_IOV; i++) {
		su->zeros[i] = (struct iovec){ zeros, ZEROS_SIZE };
	}
	su->depth = config->depth != 0 ? config->depth : STORE_URING_DEPTH;
	rc = su->depth <= STORE_URING_DEPTH_MAX ? 0 : -EINVAL;
	if (rc == 0) {
		rc = look_at_file(su, fd, config);
	}
	if (rc == 0) {
		rc = make_bounce(su);
	}
	if (rc == 0) {
		rc = make_ring(su, fd);
	}
	if (rc != 0) {
		if (su->bounce != NULL) {
			munmap(su->bounce, (size_t)BOUNCE_COUNT * BOUNCE_SIZE);
		}
		free(su);
		return rc;
	}
	*ret = &su->store;
	return 0;
}
