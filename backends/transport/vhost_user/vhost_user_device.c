/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings and the device: what runs, and how it starts and comes to rest. */
#include <errno.h>
#include <unistd.h>

#include "core/container_of.h"
#include "core/virtio_mmio_regs.h"
#include "transport/vhost_user/vhost_user_internal.h"

static struct vhost_user *from_device(struct virtio_device *dev)
{
	return dev->transport_data;
}

static void poke(int fd)
{
	const uint64_t one = 1;

	if (fd >= 0) {
		/* Full means that there is a signal nobody has taken yet. */
		(void)!write(fd, &one, sizeof(one));
	}
}

uint64_t vhost_user_features(const struct vhost_user *vu)
{
	return vu->dev->ops->features(vu->dev) | VIRTIO_F_VERSION_1 |
	       VQ_F_INDIRECT_DESC | VQ_F_EVENT_IDX |
	       VHOST_USER_F_PROTOCOL_FEATURES;
}

uint32_t vhost_user_queue_size_max(const struct vhost_user *vu)
{
	uint32_t max = vu->dev->queue_size_max;

	return max != 0 ? max : VQ_SIZE_MAX;
}

/* --------------------------------------------- from the device to the guest */

static void signal_queue(struct virtio_device *dev, uint32_t q)
{
	struct vhost_user *vu = from_device(dev);

	if (q < dev->queue_count && vu->ring[q].running &&
	    vq_should_signal(&dev->vq[q])) {
		poke(vu->ring[q].call);
	}
}

static void config_changed(struct virtio_device *dev)
{
	struct vhost_user *vu = from_device(dev);

	vu->config_due = vu->open && !vu->closing;
	vhost_user_tell_config(vu);
}

/* The queues are taken from the device, which stop() is called for later. */
static void release_queues(struct vhost_user *vu)
{
	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		if (vu->ring[q].running) {
			vu->ring[q].pos = vu->dev->vq[q].last_avail;
			vu->ring[q].running = false;
			vq_fini(&vu->dev->vq[q]);
		}
	}
	event_timer(vu->loop, &vu->poll, EVENT_NEVER);
}

static void broken(struct virtio_device *dev, const char *why)
{
	struct vhost_user *vu = from_device(dev);

	if (vu->broken) {
		return;
	}
	vu->broken = true;
	vu->status |= VIRTIO_STATUS_NEEDS_RESET;
	release_queues(vu);
	for (uint32_t q = 0; q < dev->queue_count; q++) {
		poke(vu->ring[q].err);
	}
	/* A guest can do this at will: it is not to fill anybody's log. */
	if (!vu->broken_told) {
		vu->broken_told = true;
		vhost_user_log(vu, "%s: device broken until reset: %s",
			       dev->ops->name, why);
	}
}

const struct virtio_transport_ops vhost_user_transport_ops = {
	.signal = signal_queue,
	.config_changed = config_changed,
	.broken = broken,
};

/* -------------------------------------------------------------------- kicks */

static void kick(struct vhost_user_ring *ring)
{
	struct vhost_user *vu = ring->vu;

	if (ring->running && !vu->stopping) {
		vu->dev->ops->kick(vu->dev, ring->index);
	}
}

static void on_kick(struct event_watch *watch, unsigned int events)
{
	struct vhost_user_ring *ring =
		container_of(watch, struct vhost_user_ring, watch);
	uint64_t count;
	ssize_t n = read(ring->kick, &count, sizeof(count));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		/* The end of a pipe: no more kicks, and no more waking up. */
		event_unwatch(ring->vu->loop, watch);
		return;
	}
	/* One that comes before the ring runs is made up for by its start. */
	kick(ring);
}

static bool polled(const struct vhost_user_ring *ring)
{
	return ring->running && ring->kick < 0;
}

static void poll_later(struct vhost_user *vu)
{
	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		if (polled(&vu->ring[q])) {
			event_timer(vu->loop, &vu->poll, VHOST_USER_POLL_MS);
			return;
		}
	}
}

static void on_poll(struct event_timer *timer)
{
	struct vhost_user *vu = container_of(timer, struct vhost_user, poll);

	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		if (polled(&vu->ring[q])) {
			kick(&vu->ring[q]);
		}
	}
	poll_later(vu);
}

static void replace(int *fd, int by)
{
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = by;
}

int vhost_user_ring_kick(struct vhost_user_ring *ring, int fd)
{
	event_unwatch(ring->vu->loop, &ring->watch);
	replace(&ring->kick, fd);
	return fd < 0 ? 0
		      : event_watch(ring->vu->loop, &ring->watch, fd,
				    EVENT_READ);
}

void vhost_user_ring_call(struct vhost_user_ring *ring, int fd)
{
	replace(&ring->call, fd);
	if (ring->running) {
		/* Nobody may have heard of what was given back until now. */
		poke(fd);
	}
}

void vhost_user_ring_err(struct vhost_user_ring *ring, int fd)
{
	replace(&ring->err, fd);
}

void vhost_user_ring_init(struct vhost_user *vu, uint32_t index)
{
	vu->poll.cb = on_poll;
	vu->ring[index] = (struct vhost_user_ring){
		.vu = vu,
		.index = index,
		.moved = true,
		.kick = -1,
		.call = -1,
		.err = -1,
		.watch = { .cb = on_kick },
	};
}

/* ----------------------------------------------------------- start and stop */

static bool is_enabled(const struct vhost_user_ring *ring)
{
	if (ring->enable == VHOST_USER_ENABLE_UNSAID) {
		return (ring->vu->features & VHOST_USER_F_PROTOCOL_FEATURES) ==
		       0;
	}
	return ring->enable == VHOST_USER_ENABLE_ON;
}

/*
 * "Ring states": a ring of network packets to be sent is emptied while it is
 * disabled.  Before the front-end has said so, it is not: packets sent in the
 * moment before it enables the ring would be lost.
 */
static bool is_emptied(const struct vhost_user_ring *ring)
{
	return ring->enable == VHOST_USER_ENABLE_OFF &&
	       (ring->vu->dev->ops->discards & 1u << ring->index) != 0;
}

static bool can_run(const struct vhost_user_ring *ring)
{
	return ring->started && ring->size != 0 && ring->placed &&
	       (is_enabled(ring) || is_emptied(ring));
}

static int translate(struct vhost_user_ring *ring, const char *what,
		     uint64_t uva, uint64_t *ret_gpa)
{
	if (vhost_user_mem_gpa(&ring->vu->mem, uva, ret_gpa) != 0) {
		return vhost_user_wrong(
			ring->vu, "ring %u: %s: 0x%llx is in no memory region",
			ring->index, what, (unsigned long long)uva);
	}
	return 0;
}

/* The chains that are in flight already are the device's to take up. */
static int bind_tracking(struct vhost_user_ring *ring)
{
	struct vhost_user *vu = ring->vu;
	struct virtio_device *dev = vu->dev;
	uint32_t q = ring->index;

	if (!dev->ops->tracked) {
		return 0;
	}
	dev->inflight[q] = (struct inflight){
		.area = vhost_user_tracking_area(&vu->tracking, q),
	};
	if (vhost_user_tracking_prepare(&vu->tracking, q, ring->size,
					dev->vq[q].used_idx) != 0) {
		return vhost_user_wrong(
			vu,
			"ring %u: num: %u, but the inflight area has queue size %u",
			q, ring->size, vu->tracking.queue_size);
	}
	return 0;
}

static uint64_t mark_at(const struct vhost_user_ring *ring)
{
	struct virtio_device *dev = ring->vu->dev;

	if (dev->ops->mark_at != NULL) {
		return dev->ops->mark_at(dev, ring->index, ring->pos);
	}
	return dev->ops->mark_fresh != NULL
		       ? dev->ops->mark_fresh(dev, ring->index)
		       : 0;
}

/* 0; or vhost_user_wrong(); what the guest has done wrong is broken(). */
static int bind_ring(struct vhost_user_ring *ring)
{
	struct vhost_user *vu = ring->vu;
	struct virtio_device *dev = vu->dev;
	struct vq *vq = &dev->vq[ring->index];
	struct vq_layout at = { .size = ring->size };
	int rc = translate(ring, "descriptor", ring->addr.desc, &at.desc);

	if (rc == 0) {
		rc = translate(ring, "available", ring->addr.avail, &at.avail);
	}
	if (rc == 0) {
		rc = translate(ring, "used", ring->addr.used, &at.used);
	}
	if (rc != 0) {
		return rc;
	}
	if (vq_init(vq, &vu->mem.gm, &at, vu->features) != 0) {
		broken(dev, "a ring is not aligned or leaves its region");
		return 0;
	}
	vq->last_avail = ring->pos;
	ring->running = true;
	if (is_emptied(ring)) {
		dev->discard |= 1u << ring->index;
	}
	if (ring->moved) {
		ring->moved = false;
		dev->mark[ring->index] = mark_at(ring);
	}
	return bind_tracking(ring);
}

static int bind_rings(struct vhost_user *vu)
{
	vu->dev->discard = 0;
	for (uint32_t q = 0; q < vu->dev->queue_count && !vu->broken; q++) {
		int rc = can_run(&vu->ring[q]) ? bind_ring(&vu->ring[q]) : 0;

		if (rc != 0) {
			release_queues(vu);
			return rc;
		}
	}
	return 0;
}

static bool any(const struct vhost_user *vu,
		bool (*is)(const struct vhost_user_ring *ring))
{
	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		if (is(&vu->ring[q])) {
			return true;
		}
	}
	return false;
}

static bool is_started(const struct vhost_user_ring *ring)
{
	return ring->started;
}

/* What was made available or given back before may not have been noticed. */
static void look_at_all(struct vhost_user *vu)
{
	for (uint32_t q = 0; q < vu->dev->queue_count; q++) {
		struct vhost_user_ring *ring = &vu->ring[q];

		if (ring->running && vu->dev->vq[q].used_idx != 0) {
			poke(ring->call);
		}
		kick(ring);
	}
	poll_later(vu);
}

int vhost_user_settle(struct vhost_user *vu)
{
	struct virtio_device *dev = vu->dev;
	uint64_t features = vu->features & ~VHOST_USER_F_PROTOCOL_FEATURES;
	int rc;

	if (vu->broken && !any(vu, is_started)) {
		vu->broken = false;
		vu->status &= (uint8_t)~VIRTIO_STATUS_NEEDS_RESET;
	}
	if (vu->running || vu->closing || vu->broken || !any(vu, can_run)) {
		return 0;
	}
	if ((features & VIRTIO_F_VERSION_1) == 0) {
		broken(dev, "the driver does not know VIRTIO_F_VERSION_1");
		return 0;
	}
	rc = bind_rings(vu);
	if (rc != 0 || vu->broken) {
		return rc;
	}
	vu->running = true;
	if (dev->ops->start(dev, features) != 0) {
		broken(dev, "the rings do not match the device's state");
		return 0;
	}
	look_at_all(vu);
	return 0;
}

static void on_stopped(struct virtio_device *dev)
{
	struct vhost_user *vu = from_device(dev);

	release_queues(vu);
	vu->running = false;
	vu->stopping = false;
	/* Not from here, which may be the middle of the device's work. */
	event_defer(vu->loop, &vu->go_on);
}

bool vhost_user_stop(struct vhost_user *vu)
{
	if (vu->running && !vu->stopping) {
		vu->stopping = true;
		vu->dev->ops->stop(vu->dev, on_stopped);
	}
	if (!vu->running) {
		event_undefer(vu->loop, &vu->go_on);
	}
	return !vu->running;
}

/* ---------------------------------------------------------- backend channel */

void vhost_user_tell_config(struct vhost_user *vu)
{
	int rc;

	if (!vu->config_due || vu->backend_fd < 0 ||
	    (vu->protocol_features & VHOST_USER_PROTOCOL_F_CONFIG) == 0) {
		return;
	}
	rc = vhost_user_wire_send(vu->backend_fd,
				  VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
				  VHOST_USER_VERSION, NULL, 0, -1);
	if (rc == -EAGAIN) {
		(void)event_watch(vu->loop, &vu->backend, vu->backend_fd,
				  EVENT_WRITE);
		return;
	}
	event_unwatch(vu->loop, &vu->backend);
	vu->config_due = false;
	if (rc != 0) {
		replace(&vu->backend_fd, -1);
	}
}
