/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-blk (virtio 1.2, section 5.2): requests of a hostile guest become
 * requests of a store, with the guest's buffers as they are.
 *
 * A request's life: popped from its queue and recorded as in flight -> (waits
 * for the limits) -> in the store -> (held after an error, if the policy says
 * so, and submitted again) -> status byte written, pushed.  What was recorded
 * and not pushed when the process died is carried out again by the next one.
 *
 * Each queue has a request struct per descriptor, made by virtio_blk_init();
 * nothing is allocated later.
 */
#ifndef ZV_BACKENDS_BLK_VIRTIO_BLK_H
#define ZV_BACKENDS_BLK_VIRTIO_BLK_H

#include "blk/blk_command.h"
#include "blk/blk_latency.h"
#include "blk/blk_limit.h"
#include "blk/blk_store.h"
#include "core/virtio_device.h"

#define VIRTIO_BLK_F_SEG_MAX (1ull << 2)
#define VIRTIO_BLK_F_RO (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE (1ull << 6)
#define VIRTIO_BLK_F_FLUSH (1ull << 9)
#define VIRTIO_BLK_F_TOPOLOGY (1ull << 10)
#define VIRTIO_BLK_F_CONFIG_WCE (1ull << 11)
#define VIRTIO_BLK_F_MQ (1ull << 12)
#define VIRTIO_BLK_F_DISCARD (1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)

enum virtio_blk_policy {
	VIRTIO_BLK_REPORT, /* the guest sees the error */
	VIRTIO_BLK_PAUSE, /* the request waits for virtio_blk_retry() */
	VIRTIO_BLK_PAUSE_FULL, /* waits if the store is full, else reports */
};

struct virtio_blk;

struct virtio_blk_error {
	enum blk_op op;
	uint64_t offset;
	int error; /* -errno */
	bool held; /* it waits for virtio_blk_retry() */
};

struct virtio_blk_config {
	uint32_t queues; /* 1 .. VIRTIO_QUEUES_MAX; 0: 1 */
	uint32_t queue_size; /* at most; 0: what a zone has room for */
	const char *serial; /* NULL: empty; cut after VIRTIO_BLK_ID_LEN */
	bool readonly; /* also if the store is not */
	/*
	 * Completed writes may be lost on a power cut until the guest flushes,
	 * as on any disk with a cache.  Else every write is stable when it
	 * completes.  The guest may switch.
	 */
	bool writeback;
	enum virtio_blk_policy policy;
	struct blk_limit_config limits;
	/*
	 * NULL, or called on an error of the store: for the first of a burst,
	 * which ends after a second (reported) or by virtio_blk_retry() (held).
	 */
	void (*on_error)(struct virtio_blk *blk,
			 const struct virtio_blk_error *error);
	void *owner;
};

struct virtio_blk_counters {
	uint64_t reads;
	uint64_t writes;
	uint64_t flushes;
	uint64_t discards; /* and write zeroes */
	uint64_t bytes_read;
	uint64_t bytes_written;
	uint64_t errors; /* of the store */
	uint64_t refused; /* requests that made no sense */
	uint64_t replayed; /* done again after a restart */
	uint32_t in_flight; /* popped, not pushed */
};

/* Of blk_op BLK_READ, BLK_WRITE and BLK_FLUSH. */
#define VIRTIO_BLK_LATENCIES 3u

struct virtio_blk_req;

struct virtio_blk_list {
	struct virtio_blk_req *first;
	struct virtio_blk_req **last;
};

struct virtio_blk {
	struct virtio_device dev;
	struct blk_store *store;
	struct virtio_blk_counters counters;
	/*
	 * From when a request was found in the ring to its answer there, also
	 * of those that failed.
	 */
	struct blk_latency latency[VIRTIO_BLK_LATENCIES];
	void *owner;

	/* The rest is private. */
	struct virtio_blk_req *req[VIRTIO_QUEUES_MAX]; /* by head */
	struct blk_disk disk;
	uint64_t features; /* negotiated */
	char serial[VIRTIO_BLK_ID_LEN];
	bool writeback;
	bool writeback_default;
	bool running;
	bool broken; /* till stop(): nothing more is pushed */
	virtio_stop_cb stopped; /* not NULL: stop() waits for the store */
	uint32_t in_store;
	uint32_t to_signal; /* queues, as bits */
	uint32_t to_run; /* queues with work left, as bits */
	struct event_defer more;
	struct blk_limit limit;
	struct virtio_blk_list limited;
	struct event_timer limit_timer;
	uint64_t (*now_ns)(void);
	uint64_t now; /* of the batch at hand; 0: not asked for yet */
	enum virtio_blk_policy policy;
	void (*on_error)(struct virtio_blk *blk,
			 const struct virtio_blk_error *error);
	struct virtio_blk_list held;
	bool held_told;
	bool reported_told; /* till quiet ends */
	struct event_timer quiet;
	struct vq_chain chain;
};

/*
 * The store becomes the device's to use; closing it is the caller's business,
 * after virtio_blk_fini().  serial is copied.  0, -EINVAL or -ENOMEM.
 */
int virtio_blk_init(struct virtio_blk *blk, struct event_loop *loop,
		    struct blk_store *store,
		    const struct virtio_blk_config *config);
/*
 * After stop().  If its done callback has not come (the process is about to
 * end), nothing of the device may be used any more and memory is kept for what
 * is under way.
 */
void virtio_blk_fini(struct virtio_blk *blk);

/*
 * The disk has another size now, which the store must have already.  Requests
 * under way are not checked again.  -EINVAL: not whole blocks.
 */
int virtio_blk_resize(struct virtio_blk *blk, uint64_t sectors);

/* Submits again what errors have put on hold. */
void virtio_blk_retry(struct virtio_blk *blk);

/* From now on; requests that wait are looked at again. */
void virtio_blk_set_limits(struct virtio_blk *blk,
			   const struct blk_limit_config *limits);

#endif /* ZV_BACKENDS_BLK_VIRTIO_BLK_H */
