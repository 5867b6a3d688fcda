/* SPDX-License-Identifier: BSD-2-Clause */
#include "blk/virtio_blk.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/container_of.h"

/* One turn of the loop: what a guest can make us do before others get theirs */
#define TURN_REQUESTS 64u
#define TURN_PART 4u /* not worth a turn of its own if it is less */

#define ERROR_QUIET_MS 1000u

/*
 * Without indirect descriptors a chain is as long as the queue at most, which
 * is no longer than that in a zone, and two descriptors are the header's and the
 * status's.
 */
#define SEG_MAX (INFLIGHT_QUEUE_MAX - 2u)

/* The mark of queue 0: the cache mode that the driver has set. */
#define MARK_WRITEBACK (1u << 0)
#define MARK_VALID (1u << 1)

struct virtio_blk_req {
	struct blk_request request;
	struct virtio_blk *blk;
	struct virtio_blk_req *next; /* limited or held */
	uint8_t *status;
	uint64_t since; /* found in the ring */
	struct blk_latency *latency; /* NULL: not counted */
	uint32_t iov_len;
	uint16_t head;
	uint8_t queue;
	bool busy; /* popped, not pushed */
	struct iovec iov[VQ_SEGS_MAX];
};

struct config_space { /* 5.2.4, little-endian */
	uint64_t capacity;
	uint32_t size_max;
	uint32_t seg_max;
	uint16_t cylinders;
	uint8_t heads;
	uint8_t track_sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp;
	uint8_t alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback;
	uint8_t unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors;
	uint32_t max_discard_seg;
	uint32_t discard_sector_alignment;
	uint32_t max_write_zeroes_sectors;
	uint32_t max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[7];
};

#define CONFIG_LEN 60u /* up to the fields of secure erase */

_Static_assert(offsetof(struct config_space, writeback) == 32, "5.2.4");
_Static_assert(offsetof(struct config_space, write_zeroes_may_unmap) == 56,
	       "5.2.4");

static struct virtio_blk *from_dev(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_blk, dev);
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/*
 * The clock is read once for all that is taken from a queue in a turn, and once
 * for all that is answered in one.
 */
static uint64_t batch_now(struct virtio_blk *blk)
{
	if (blk->now == 0) {
		blk->now = blk->now_ns();
	}
	return blk->now;
}

/* What the store does from here on, or has done since, takes time. */
static void commit(struct virtio_blk *blk)
{
	blk->now = 0;
	blk->store->ops->commit(blk->store);
	blk->now = 0;
}

/* ------------------------------------------------------------------- lists */

static void list_init(struct virtio_blk_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_append(struct virtio_blk_list *list,
			struct virtio_blk_req *req)
{
	req->next = NULL;
	*list->last = req;
	list->last = &req->next;
}

static struct virtio_blk_req *list_take(struct virtio_blk_list *list)
{
	struct virtio_blk_req *req = list->first;

	if (req != NULL) {
		list->first = req->next;
		if (list->first == NULL) {
			list->last = &list->first;
		}
	}
	return req;
}

/* ---------------------------------------------------------------- answers */

static void release(struct virtio_blk_req *req)
{
	req->busy = false;
	req->blk->counters.in_flight--;
}

/* Whether a successor, or the next start, finds it and carries it out again. */
static bool recorded(const struct virtio_blk_req *req)
{
	return req->blk->dev.inflight[req->queue].area != NULL;
}

static void drop_all(struct virtio_blk_list *list)
{
	struct virtio_blk_req *req;

	while ((req = list_take(list)) != NULL) {
		release(req);
	}
}

/* Forgets what waits outside of the store; its record says it is in flight. */
static void drop_waiting(struct virtio_blk *blk)
{
	struct event_loop *loop = blk->dev.loop;

	drop_all(&blk->limited);
	drop_all(&blk->held);
	blk->held_told = false;
	blk->reported_told = false;
	(void)event_timer(loop, &blk->limit_timer, EVENT_NEVER);
	(void)event_timer(loop, &blk->quiet, EVENT_NEVER);
	event_undefer(loop, &blk->more);
	blk->to_run = 0;
	blk->to_signal = 0;
}

static void give_up(struct virtio_blk *blk)
{
	blk->running = false;
	blk->broken = true;
	drop_waiting(blk);
}

static void declare_broken(struct virtio_blk *blk, const char *why)
{
	if (blk->broken) {
		return;
	}
	give_up(blk);
	blk->dev.transport->broken(&blk->dev, why);
}

static void finish(struct virtio_blk_req *req, uint8_t status, uint32_t written)
{
	struct virtio_blk *blk = req->blk;
	uint32_t q = req->queue;

	if (!blk->broken) {
		*req->status = status;
		if (inflight_push(&blk->dev.inflight[q], &blk->dev.vq[q],
				  req->head, written + 1) != 0) {
			declare_broken(blk, "a used ring cannot be written");
		} else {
			blk->to_signal |= 1u << q;
			if (req->latency != NULL) {
				blk_latency_add(req->latency,
						batch_now(blk) - req->since);
			}
		}
	}
	release(req);
}

/* Once for a batch of answers. */
static void signal_queues(struct virtio_blk *blk)
{
	uint32_t queues = blk->to_signal;

	blk->to_signal = 0;
	/* A driver that resets the device wants to hear no more of it. */
	for (uint32_t q = 0; blk->running && queues != 0; q++, queues >>= 1) {
		if ((queues & 1) != 0) {
			blk->dev.transport->signal(&blk->dev, q);
		}
	}
}

/* ------------------------------------------------------------------- store */

static void submit(struct virtio_blk_req *req)
{
	struct virtio_blk *blk = req->blk;

	blk->in_store++;
	blk->store->ops->submit(blk->store, &req->request);
}

static void tell_error(struct virtio_blk *blk,
		       const struct blk_request *request, int error, bool held)
{
	bool *told = held ? &blk->held_told : &blk->reported_told;
	const struct virtio_blk_error report = {
		.op = request->op,
		.offset = request->offset,
		.error = error,
		.held = held,
	};

	if (*told) {
		return;
	}
	*told = true;
	if (!held) {
		(void)event_timer(blk->dev.loop, &blk->quiet, ERROR_QUIET_MS);
	}
	if (blk->on_error != NULL) {
		blk->on_error(blk, &report);
	}
}

static bool is_held(const struct virtio_blk *blk, int error)
{
	switch (blk->policy) {
	case VIRTIO_BLK_PAUSE:
		return true;
	case VIRTIO_BLK_PAUSE_FULL:
		return error == -ENOSPC || error == -EDQUOT;
	case VIRTIO_BLK_REPORT:
		break;
	}
	return false;
}

static void failed(struct virtio_blk_req *req, int error)
{
	struct virtio_blk *blk = req->blk;
	bool hold = is_held(blk, error) && (blk->running || recorded(req));

	blk->counters.errors++;
	if (!hold) {
		if (blk->running) {
			tell_error(blk, &req->request, error, false);
		}
		finish(req, VIRTIO_BLK_S_IOERR, 0);
	} else if (blk->running) {
		list_append(&blk->held, req);
		tell_error(blk, &req->request, error, true);
	} else {
		/* Stopping: a successor will try again. */
		release(req);
	}
}

static void count(struct virtio_blk_counters *counters,
		  const struct blk_request *request)
{
	switch (request->op) {
	case BLK_READ:
		counters->reads++;
		counters->bytes_read += request->length;
		break;
	case BLK_WRITE:
		counters->writes++;
		counters->bytes_written += request->length;
		break;
	case BLK_FLUSH:
		counters->flushes++;
		break;
	case BLK_DISCARD:
	case BLK_WRITE_ZEROES:
		counters->discards++;
		break;
	}
}

static void on_done(struct blk_request *request, int error)
{
	struct virtio_blk_req *req =
		container_of(request, struct virtio_blk_req, request);
	struct virtio_blk *blk = req->blk;

	blk->in_store--;
	if (error != 0) {
		failed(req, error);
		return;
	}
	count(&blk->counters, request);
	finish(req, VIRTIO_BLK_S_OK,
	       request->op == BLK_READ ? req->iov_len : 0);
}

static void end_stop(struct virtio_blk *blk)
{
	virtio_stop_cb done = blk->stopped;

	blk->stopped = NULL;
	blk->broken = false;
	blk->to_signal = 0;
	blk->writeback = blk->writeback_default;
	done(&blk->dev);
}

static void on_completed(struct blk_store *store)
{
	struct virtio_blk *blk = store->user;

	blk->now = 0;
	signal_queues(blk);
	if (blk->stopped != NULL && blk->in_store == 0) {
		end_stop(blk);
	}
}

/* ------------------------------------------------------------------ limits */

static void wait_for_limit(struct virtio_blk *blk, uint64_t ns)
{
	(void)event_timer(blk->dev.loop, &blk->limit_timer,
			  (ns + 999999) / 1000000);
}

/* 0, or how long to wait */
static uint64_t ask_limit(struct virtio_blk *blk, const struct blk_request *r)
{
	bool moves = r->op == BLK_READ || r->op == BLK_WRITE;

	if (!blk->limit.on || r->op == BLK_FLUSH) {
		return 0;
	}
	return blk_limit_take(&blk->limit, blk->now_ns(), r->op != BLK_READ,
			      moves ? r->length : 0);
}

static void admit(struct virtio_blk *blk, struct virtio_blk_req *req)
{
	uint64_t wait;

	if (!blk->limit.on) {
		submit(req);
		return;
	}
	if (blk->limited.first != NULL) {
		list_append(&blk->limited, req);
		return;
	}
	wait = ask_limit(blk, &req->request);
	if (wait != 0) {
		list_append(&blk->limited, req);
		wait_for_limit(blk, wait);
		return;
	}
	submit(req);
}

static void run_limited(struct virtio_blk *blk)
{
	while (blk->limited.first != NULL) {
		uint64_t wait = ask_limit(blk, &blk->limited.first->request);

		if (wait != 0) {
			wait_for_limit(blk, wait);
			break;
		}
		submit(list_take(&blk->limited));
	}
	commit(blk);
	signal_queues(blk);
}

static void on_limit_timer(struct event_timer *timer)
{
	run_limited(container_of(timer, struct virtio_blk, limit_timer));
}

/* ---------------------------------------------------------------- requests */

static bool writes_through(const struct virtio_blk *blk)
{
	/* A driver that knows nothing of caches must not have one (5.2.6.2). */
	return !blk->writeback ||
	       (blk->features &
		(VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_CONFIG_WCE)) == 0;
}

static uint32_t put_serial(const struct virtio_blk *blk,
			   const struct blk_command *command)
{
	const struct iovec *iov = command->request.iov;
	uint32_t done = 0;

	for (uint32_t i = 0; i < command->request.iov_count; i++) {
		size_t n = VIRTIO_BLK_ID_LEN - done;

		n = iov[i].iov_len < n ? iov[i].iov_len : n;
		memcpy(iov[i].iov_base, blk->serial + done, n);
		done += (uint32_t)n;
	}
	return done;
}

static void carry_out(struct virtio_blk_req *req,
		      const struct blk_command *command)
{
	struct virtio_blk *blk = req->blk;

	switch (command->action) {
	case BLK_ANSWER:
		blk->counters.refused += command->answer != VIRTIO_BLK_S_OK;
		finish(req, command->answer, 0);
		break;
	case BLK_IDENTIFY:
		finish(req, VIRTIO_BLK_S_OK, put_serial(blk, command));
		break;
	case BLK_STORE:
		req->iov_len = command->iov_len;
		req->request = command->request;
		req->since = batch_now(blk);
		if ((uint32_t)req->request.op < VIRTIO_BLK_LATENCIES) {
			req->latency = &blk->latency[req->request.op];
		}
		req->request.done = on_done;
		if ((req->request.op == BLK_WRITE ||
		     req->request.op == BLK_WRITE_ZEROES) &&
		    writes_through(blk)) {
			req->request.flags |= BLK_F_STABLE;
		}
		admit(blk, req);
		break;
	}
}

/* The chain at hand, of queue q.  0 or -EPROTO. */
static int take_chain(struct virtio_blk *blk, uint32_t q)
{
	uint16_t head = blk->chain.head;
	struct virtio_blk_req *req;
	struct blk_command command;
	int rc;

	if (head >= blk->dev.queue_size_max || blk->req[q][head].busy) {
		return -EPROTO;
	}
	req = &blk->req[q][head];
	rc = blk_command_parse(blk->dev.vq[q].gm, &blk->chain, &blk->disk,
			       req->iov, &command);
	if (rc != 0) {
		return rc;
	}
	req->blk = blk;
	req->queue = (uint8_t)q;
	req->head = head;
	req->status = command.status;
	req->busy = true;
	req->latency = NULL;
	blk->counters.in_flight++;
	carry_out(req, &command);
	return 0;
}

static void again_later(struct virtio_blk *blk, uint32_t q)
{
	blk->to_run |= 1u << q;
	event_defer(blk->dev.loop, &blk->more);
}

/*
 * A quarter of a long queue: while the store works on the rest, the driver takes
 * the answers and asks anew, and neither side has to be woken up for the other.
 */
static uint32_t turn_allowance(struct vq *vq)
{
	uint32_t waiting = vq_waiting(vq);
	uint32_t quarter = waiting < 4 * TURN_PART ? TURN_PART : waiting / 4;

	if (waiting < 2 * TURN_PART || quarter > TURN_REQUESTS) {
		return TURN_REQUESTS;
	}
	return quarter;
}

static void run_queue(struct virtio_blk *blk, uint32_t q)
{
	struct vq *vq = &blk->dev.vq[q];
	uint32_t left = turn_allowance(vq);
	int rc;

	vq_disable_kick(vq);
	do {
		rc = inflight_pop(&blk->dev.inflight[q], vq, &blk->chain);
		if (rc > 0 && take_chain(blk, q) != 0) {
			rc = -EPROTO;
		}
	} while (rc > 0 && --left != 0);
	commit(blk);
	if (rc < 0) {
		declare_broken(blk, "malformed request queue");
		return;
	}
	if (rc > 0 || vq_enable_kick(vq)) {
		again_later(blk, q);
	}
	signal_queues(blk);
}

static void on_more(struct event_defer *defer)
{
	struct virtio_blk *blk = container_of(defer, struct virtio_blk, more);
	uint32_t queues = blk->to_run;

	blk->to_run = 0;
	for (uint32_t q = 0; queues != 0; q++, queues >>= 1) {
		if ((queues & 1) != 0 && blk->running) {
			run_queue(blk, q);
		}
	}
}

/* Carries out again what an earlier process took and did not give back. */
static int replay(struct virtio_blk *blk, uint32_t q)
{
	struct vq *vq = &blk->dev.vq[q];
	uint16_t heads[VQ_SIZE_MAX];
	int n = inflight_resume(&blk->dev.inflight[q], vq, heads);

	for (int i = 0; i < n; i++) {
		if (vq_walk(vq, heads[i], &blk->chain) != 0 ||
		    take_chain(blk, q) != 0) {
			return -EPROTO;
		}
		blk->counters.replayed++;
	}
	return n < 0 ? n : 0;
}

/* --------------------------------------------------------------------- ops */

static uint64_t blk_features(struct virtio_device *dev)
{
	const struct virtio_blk *blk = from_dev(dev);

	return VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE |
	       VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_FLUSH |
	       VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_BLK_F_MQ |
	       (blk->disk.readonly ? VIRTIO_BLK_F_RO : 0) |
	       (blk->disk.discard ? VIRTIO_BLK_F_DISCARD : 0) |
	       (blk->disk.write_zeroes ? VIRTIO_BLK_F_WRITE_ZEROES : 0);
}

static uint8_t log2_of(uint32_t power)
{
	return (uint8_t)__builtin_ctz(power);
}

static void blk_config_read(struct virtio_device *dev, uint32_t offset,
			    void *ret, size_t len)
{
	const struct virtio_blk *blk = from_dev(dev);
	uint32_t block = blk->disk.block_size;
	uint32_t physical = blk->store->caps.physical_size;
	struct config_space config = {
		.capacity = htole64(blk->disk.sectors),
		.seg_max = htole32(SEG_MAX),
		.blk_size = htole32(block),
		.physical_block_exp = log2_of(physical / block),
		.min_io_size = htole16((uint16_t)(physical / block)),
		.writeback = blk->writeback,
		.num_queues = htole16((uint16_t)dev->queue_count),
	};

	if (blk->disk.discard) {
		config.max_discard_sectors = htole32(BLK_RANGE_SECTORS_MAX);
		config.max_discard_seg = htole32(1);
		config.discard_sector_alignment = htole32(block / BLK_SECTOR);
	}
	if (blk->disk.write_zeroes) {
		config.max_write_zeroes_sectors =
			htole32(BLK_RANGE_SECTORS_MAX);
		config.max_write_zeroes_seg = htole32(1);
		config.write_zeroes_may_unmap = blk->disk.unmap;
	}
	memcpy(ret, (const uint8_t *)&config + offset, len);
}

static void set_writeback(struct virtio_blk *blk, bool writeback)
{
	blk->writeback = writeback;
	__atomic_store_n(&blk->dev.mark[0],
			 MARK_VALID | (writeback ? MARK_WRITEBACK : 0),
			 __ATOMIC_RELEASE);
}

static void blk_config_write(struct virtio_device *dev, uint32_t offset,
			     const void *src, size_t len)
{
	struct virtio_blk *blk = from_dev(dev);
	uint8_t value;

	if (offset != offsetof(struct config_space, writeback) || len != 1) {
		return;
	}
	if (blk->running && (blk->features & VIRTIO_BLK_F_CONFIG_WCE) == 0) {
		return;
	}
	memcpy(&value, src, 1);
	set_writeback(blk, value != 0);
}

static uint64_t blk_mark_fresh(struct virtio_device *dev, uint32_t q)
{
	if (q != 0) {
		return 0;
	}
	return MARK_VALID | (from_dev(dev)->writeback ? MARK_WRITEBACK : 0);
}

static void resume_writeback(struct virtio_blk *blk)
{
	uint64_t mark = blk->dev.mark[0];

	if ((blk->features & VIRTIO_BLK_F_CONFIG_WCE) == 0) {
		blk->writeback = blk->writeback_default;
	} else if (blk->dev.vq[0].ready && (mark & MARK_VALID) != 0) {
		blk->writeback = (mark & MARK_WRITEBACK) != 0;
	}
}

static int blk_start(struct virtio_device *dev, uint64_t features)
{
	struct virtio_blk *blk = from_dev(dev);
	int rc = 0;

	blk->features = features;
	resume_writeback(blk);
	blk->running = true;
	blk->broken = false;
	for (uint32_t q = 0; rc == 0 && q < dev->queue_count; q++) {
		if (dev->vq[q].ready) {
			rc = replay(blk, q);
			/* A kick may have come before we listened. */
			again_later(blk, q);
		}
	}
	commit(blk);
	if (rc != 0) {
		give_up(blk);
		return rc;
	}
	signal_queues(blk);
	return 0;
}

static void blk_kick(struct virtio_device *dev, uint32_t q)
{
	struct virtio_blk *blk = from_dev(dev);

	if (blk->running) {
		run_queue(blk, q);
	}
}

/* What waits and is in no record ends now: limits or not, errors as errors. */
static void end_unrecorded(struct virtio_blk *blk)
{
	struct virtio_blk_req *req;

	while ((req = list_take(&blk->limited)) != NULL) {
		if (recorded(req)) {
			release(req);
		} else {
			submit(req);
		}
	}
	while ((req = list_take(&blk->held)) != NULL) {
		if (recorded(req)) {
			release(req);
		} else {
			finish(req, VIRTIO_BLK_S_IOERR, 0);
		}
	}
	commit(blk);
}

static void blk_stop(struct virtio_device *dev, virtio_stop_cb done)
{
	struct virtio_blk *blk = from_dev(dev);

	blk->running = false;
	end_unrecorded(blk);
	drop_waiting(blk);
	blk->stopped = done;
	if (blk->in_store == 0) {
		end_stop(blk);
	}
}

static const struct virtio_device_ops blk_ops = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.config_len = CONFIG_LEN,
	.tracked = true,
	.features = blk_features,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.start = blk_start,
	.kick = blk_kick,
	.stop = blk_stop,
	.mark_fresh = blk_mark_fresh,
};

/* -------------------------------------------------------------- the owner's */

static void on_quiet(struct event_timer *timer)
{
	struct virtio_blk *blk = container_of(timer, struct virtio_blk, quiet);

	blk->reported_told = false;
	(void)event_timer(blk->dev.loop, timer, EVENT_NEVER);
}

void virtio_blk_retry(struct virtio_blk *blk)
{
	struct virtio_blk_list list;
	struct virtio_blk_req *req;

	list_init(&list);
	/* What fails at once goes on hold again, and not round and round. */
	while ((req = list_take(&blk->held)) != NULL) {
		list_append(&list, req);
	}
	blk->held_told = false;
	while ((req = list_take(&list)) != NULL) {
		submit(req);
	}
	commit(blk);
	signal_queues(blk);
}

void virtio_blk_set_limits(struct virtio_blk *blk,
			   const struct blk_limit_config *limits)
{
	blk_limit_init(&blk->limit, limits, blk->now_ns());
	run_limited(blk);
}

int virtio_blk_resize(struct virtio_blk *blk, uint64_t sectors)
{
	if (sectors % (blk->disk.block_size / BLK_SECTOR) != 0 ||
	    sectors > UINT64_MAX / BLK_SECTOR) {
		return -EINVAL;
	}
	blk->disk.sectors = sectors;
	if (blk->dev.transport != NULL) {
		blk->dev.transport->config_changed(&blk->dev);
	}
	return 0;
}

static void take_config(struct virtio_blk *blk,
			const struct virtio_blk_config *config)
{
	const struct blk_store_caps *caps = &blk->store->caps;
	bool writable = !caps->readonly && !config->readonly;
	size_t len = config->serial != NULL
			     ? strnlen(config->serial, VIRTIO_BLK_ID_LEN)
			     : 0;

	blk->disk = (struct blk_disk){
		.sectors = caps->size / BLK_SECTOR,
		.block_size = caps->block_size,
		.readonly = !writable,
		.flush = caps->flush,
		.discard = writable && caps->discard,
		.write_zeroes = writable && caps->write_zeroes,
		.unmap = caps->unmap,
	};
	if (len != 0) {
		memcpy(blk->serial, config->serial, len);
	}
	blk->writeback = config->writeback;
	blk->writeback_default = config->writeback;
	blk->policy = config->policy;
	blk->on_error = config->on_error;
	blk->owner = config->owner;
	blk_limit_init(&blk->limit, &config->limits, blk->now_ns());
}

int virtio_blk_init(struct virtio_blk *blk, struct event_loop *loop,
		    struct blk_store *store,
		    const struct virtio_blk_config *config)
{
	uint32_t queues = config->queues != 0 ? config->queues : 1;

	memset(blk, 0, sizeof(*blk));
	if (queues > VIRTIO_QUEUES_MAX) {
		return -EINVAL;
	}
	blk->dev.ops = &blk_ops;
	blk->dev.loop = loop;
	blk->dev.queue_count = queues;
	blk->dev.queue_size_max = config->queue_size != 0 ? config->queue_size
							  : INFLIGHT_QUEUE_MAX;
	blk->store = store;
	blk->now_ns = monotonic_ns;
	blk->more.cb = on_more;
	blk->limit_timer.cb = on_limit_timer;
	blk->quiet.cb = on_quiet;
	list_init(&blk->limited);
	list_init(&blk->held);
	take_config(blk, config);
	for (uint32_t q = 0; q < queues; q++) {
		/* Pages of it exist once a guest has used them. */
		blk->req[q] =
			calloc(blk->dev.queue_size_max, sizeof(*blk->req[q]));
		if (blk->req[q] == NULL) {
			virtio_blk_fini(blk);
			return -ENOMEM;
		}
	}
	store->user = blk;
	store->completed = on_completed;
	return 0;
}

void virtio_blk_fini(struct virtio_blk *blk)
{
	if (blk->in_store != 0) {
		return;
	}
	for (uint32_t q = 0; q < VIRTIO_QUEUES_MAX; q++) {
		free(blk->req[q]);
		blk->req[q] = NULL;
	}
}
