/* SPDX-License-Identifier: BSD-2-Clause */
#include "rng/virtio_rng.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/container_of.h"

#define REQUESTQ 0u

/* One turn of the loop: what a guest can make us do before others get theirs */
#define TURN_CHAINS 64u
#define TURN_BYTES (32u * 1024u)

#define EMPTY_MS 10u /* before a source that had nothing is asked again */
#define ERROR_MS 1000u

#define NS_PER_MS 1000000u
#define NS_PER_S 1000000000u

enum outcome {
	SERVED,
	IDLE, /* no buffer is there */
	LATER, /* a timer is set */
	WRONG, /* the driver broke a rule */
};

static struct virtio_rng *from_dev(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_rng, dev);
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void retry_in(struct virtio_rng *rng, uint64_t ms)
{
	rng->waiting = true;
	event_timer(rng->dev.loop, &rng->retry, ms);
}

static void tell_source(struct virtio_rng *rng, int error)
{
	if (rng->error != error && rng->config.on_source != NULL) {
		rng->config.on_source(rng->config.owner, error);
	}
	rng->error = error;
}

/* At most `most` bytes into the chain.  The count, 0, or a negative errno. */
static ssize_t fill_chain(struct virtio_rng *rng, size_t most)
{
	size_t done = 0;

	for (uint32_t i = 0; i < rng->chain.writable && done < most; i++) {
		const struct vq_seg *seg = &rng->chain.seg[i];
		size_t want = seg->len < most - done ? seg->len : most - done;
		ssize_t n = read(rng->config.fd, seg->base, want);

		if (n <= 0) {
			if (done != 0) {
				break;
			}
			return n < 0 ? -errno : -EIO; /* it never ends */
		}
		done += (size_t)n;
		if ((size_t)n < want) {
			break;
		}
	}
	return (ssize_t)done;
}

/* The source had nothing, for that reason. */
static void source_failed(struct virtio_rng *rng, int error)
{
	if (error == -EAGAIN || error == -EINTR) {
		retry_in(rng, EMPTY_MS);
		return;
	}
	tell_source(rng, error);
	retry_in(rng, ERROR_MS);
}

/* At once, so that the limit is overdrawn by no more than it allows at once. */
static size_t largest_piece(const struct virtio_rng *rng, size_t allowance)
{
	const struct rate_limit *limit = &rng->config.bytes_sec;
	uint64_t burst =
		limit->burst != 0 ? limit->burst : limit->per_second / 10 + 1;

	return limit->per_second != 0 && burst < allowance ? (size_t)burst
							   : allowance;
}

static enum outcome serve_one(struct virtio_rng *rng, size_t *allowance)
{
	struct vq *vq = &rng->dev.vq[REQUESTQ];
	uint64_t now = rng->config.now_ns();
	uint64_t wait = rate_wait_ns(&rng->rate, now);
	int rc = vq_pop(vq, &rng->chain);
	ssize_t n;

	if (rc <= 0) {
		return rc < 0 ? WRONG : IDLE;
	}
	/* 5.4.6.1: no buffers to be read; and one byte must fit (5.4.6.2). */
	if (rng->chain.readable != 0 || rng->chain.writable_len == 0) {
		return WRONG;
	}
	if (wait != 0) {
		vq_unpop(vq);
		retry_in(rng, wait / NS_PER_MS + 1);
		return LATER;
	}
	n = fill_chain(rng, largest_piece(rng, *allowance));
	if (n < 0) {
		vq_unpop(vq);
		source_failed(rng, (int)n);
		return LATER;
	}
	tell_source(rng, 0);
	rate_charge(&rng->rate, (uint64_t)n, now);
	rng->bytes += (uint64_t)n;
	*allowance -= (size_t)n;
	return vq_push(vq, rng->chain.head, (uint32_t)n) == 0 ? SERVED : WRONG;
}

static void serve(struct virtio_rng *rng)
{
	struct virtio_device *dev = &rng->dev;
	struct vq *vq = &dev->vq[REQUESTQ];
	enum outcome outcome = SERVED;
	size_t allowance = TURN_BYTES;

	if (!rng->running || rng->waiting || !vq->ready) {
		return;
	}
	for (unsigned int i = 0;
	     outcome == SERVED && i < TURN_CHAINS && allowance != 0; i++) {
		outcome = serve_one(rng, &allowance);
	}
	if (outcome == WRONG) {
		dev->transport->broken(dev, "malformed request queue");
		return;
	}
	dev->transport->signal(dev, REQUESTQ);
	if (outcome == SERVED || (outcome == IDLE && vq_enable_kick(vq))) {
		event_defer(dev->loop, &rng->more);
	}
}

static void on_more(struct event_defer *defer)
{
	serve(container_of(defer, struct virtio_rng, more));
}

static void on_retry(struct event_timer *timer)
{
	struct virtio_rng *rng = container_of(timer, struct virtio_rng, retry);

	rng->waiting = false;
	serve(rng);
}

static uint64_t rng_features(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

static int rng_start(struct virtio_device *dev, uint64_t features)
{
	struct virtio_rng *rng = from_dev(dev);

	(void)features;
	rng->running = true;
	/* A kick may have come before we did. */
	event_defer(dev->loop, &rng->more);
	return 0;
}

static void rng_kick(struct virtio_device *dev, uint32_t q)
{
	(void)q;
	serve(from_dev(dev));
}

static void rng_stop(struct virtio_device *dev, virtio_stop_cb done)
{
	struct virtio_rng *rng = from_dev(dev);

	rng->running = false;
	rng->waiting = false;
	event_undefer(dev->loop, &rng->more);
	event_timer(dev->loop, &rng->retry, EVENT_NEVER);
	done(dev);
}

static const struct virtio_device_ops rng_ops = {
	.name = "rng",
	.id = VIRTIO_ID_ENTROPY,
	.features = rng_features,
	.start = rng_start,
	.kick = rng_kick,
	.stop = rng_stop,
};

void virtio_rng_init(struct virtio_rng *rng, struct event_loop *loop,
		     const struct virtio_rng_config *config)
{
	memset(rng, 0, sizeof(*rng));
	rng->dev.ops = &rng_ops;
	rng->dev.loop = loop;
	rng->dev.queue_count = 1;
	rng->config = *config;
	if (rng->config.now_ns == NULL) {
		rng->config.now_ns = monotonic_ns;
	}
	rng->more.cb = on_more;
	rng->retry.cb = on_retry;
	rate_init(&rng->rate, &config->bytes_sec, rng->config.now_ns());
}

void virtio_rng_set_limit(struct virtio_rng *rng,
			  const struct rate_limit *bytes_sec)
{
	rng->config.bytes_sec = *bytes_sec;
	rate_init(&rng->rate, bytes_sec, rng->config.now_ns());
	/* What waits for the old limit looks at the new one. */
	if (rng->waiting) {
		event_timer(rng->dev.loop, &rng->retry, 0);
	}
}
