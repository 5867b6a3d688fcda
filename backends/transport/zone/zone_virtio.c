/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/zone/zone_virtio.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/container_of.h"

/* Of queues that nothing is recorded of. */
#define QUEUE_SIZE_MAX 256u
#define RECORD_KIND_VIRTIO 0x100u /* | device id */

_Static_assert(sizeof(struct zone_virtio_state) <= STATE_RECORD_MAX, "record");
_Static_assert(VIRTIO_QUEUES_MAX <= STATE_MARKS, "a mark per queue");
_Static_assert(VIRTIO_QUEUES_MAX <= STATE_SLOT_QUEUES, "a place per queue");
_Static_assert(VIRTIO_MMIO_WORDS + VIRTIO_CONFIG_MAX / 4 <= ZONE_WINDOW_WORDS,
	       "all words of a window");

static struct zone_virtio *from_window(struct zone_window *window)
{
	return container_of(window, struct zone_virtio, window);
}

static struct zone_virtio *from_device(struct virtio_device *dev)
{
	return dev->transport_data;
}

/* ------------------------------------------------------- transport to guest */

static void raise_interrupt(struct zone_virtio *zv, uint32_t mask)
{
	struct zone_port *port = zv->window.io->port;
	struct zv_ioc_inject inject = {
		.intid = zv->window.intid,
		.op = ZV_IRQ_PULSE,
		.addr = ZV_SHADOW_ADDR(zv->window.shadow,
				       zv->window.offset +
					       VIRTIO_MMIO_INTERRUPT_STATUS),
		.mask = mask,
	};

	port->ops->inject(port, &inject);
}

static void signal_queue(struct virtio_device *dev, uint32_t q)
{
	struct zone_virtio *zv = from_device(dev);
	uint64_t one = 1;

	if (zv->started && q < zv->info.queue_count &&
	    vq_should_signal(&dev->vq[q])) {
		/* The kernel empties the counter at once: it is never full. */
		ssize_t rc = write(zv->irq_fd, &one, sizeof(one));

		(void)rc;
	}
}

static void stop_queues(struct zone_virtio *zv)
{
	for (uint32_t q = 0; q < zv->info.queue_count; q++) {
		vq_fini(&zv->dev->vq[q]);
	}
}

static void config_changed(struct virtio_device *dev)
{
	struct zone_virtio *zv = from_device(dev);

	zv->state.regs.config_generation++;
	zone_window_commit(&zv->window);
	zone_window_publish(&zv->window, true);
	if (virtio_mmio_regs_live(&zv->state.regs)) {
		raise_interrupt(zv, VIRTIO_INTERRUPT_CONFIG);
	}
}

/* 2.1.2: the status says so, and a live driver gets a config interrupt. */
static void broken(struct virtio_device *dev, const char *why)
{
	struct zone_virtio *zv = from_device(dev);
	bool known = (zv->state.regs.status & VIRTIO_STATUS_NEEDS_RESET) != 0;
	bool tell = virtio_mmio_regs_break(&zv->state.regs);

	stop_queues(zv);
	zone_window_commit(&zv->window);
	zone_window_publish(&zv->window, false);
	if (tell) {
		raise_interrupt(zv, VIRTIO_INTERRUPT_CONFIG);
	}
	if (!known && zv->on_broken != NULL) {
		zv->on_broken(zv, why);
	}
}

static void lend(struct virtio_device *dev, uint32_t q,
		 struct virtio_queue_events *ret)
{
	struct zone_virtio *zv = from_device(dev);

	/* It stays a watch: to reclaim it takes nothing that could fail. */
	(void)event_watch(dev->loop, &zv->queue[q].watch, zv->queue[q].fd, 0);
	*ret = (struct virtio_queue_events){
		.kick = zv->queue[q].fd,
		.call = zv->irq_fd,
	};
}

static void reclaim(struct virtio_device *dev, uint32_t q)
{
	struct zone_virtio *zv = from_device(dev);

	(void)event_watch(dev->loop, &zv->queue[q].watch, zv->queue[q].fd,
			  EVENT_READ | EVENT_EDGE);
}

static const struct virtio_transport_ops zone_transport_ops = {
	.signal = signal_queue,
	.config_changed = config_changed,
	.broken = broken,
	.lend = lend,
	.reclaim = reclaim,
};

/* ------------------------------------------------------ guest to transport */

static void on_doorbell(struct event_watch *watch, unsigned int events)
{
	struct zone_virtio_queue *queue =
		container_of(watch, struct zone_virtio_queue, watch);
	struct zone_virtio *zv = queue->zv;
	uint64_t count;

	if ((events & EVENT_EDGE) == 0 &&
	    read(queue->fd, &count, sizeof(count)) != sizeof(count)) {
		return;
	}
	if (zv->started && !zv->stopping && zv->dev->vq[queue->index].ready) {
		zv->dev->ops->kick(zv->dev, queue->index);
	}
}

/* Binds the ready queues and starts the device, afresh or where it was. */
static void start_device(struct zone_virtio *zv)
{
	const struct virtio_mmio_state *regs = &zv->state.regs;
	uint64_t features = regs->driver_features;

	for (uint32_t q = 0; q < zv->info.queue_count; q++) {
		if (regs->queue[q].ready == 0) {
			continue;
		}
		if (vq_init(&zv->dev->vq[q], zv->gm, &regs->queue[q].layout,
			    features) != 0) {
			broken(zv->dev, "a queue lies outside of guest memory");
			return;
		}
	}
	zv->started = true;
	if (zv->dev->ops->start(zv->dev, features) != 0) {
		broken(zv->dev, "the queues do not match the device's state");
	}
}

static void on_stopped(struct virtio_device *dev)
{
	struct zone_virtio *zv = from_device(dev);

	zv->started = false;
	stop_queues(zv);
	if (zv->stopping) {
		zv->stopping = false;
		zone_window_ready(&zv->window);
	}
}

/* true if it has stopped at once */
static bool stop_device(struct zone_virtio *zv)
{
	if (!zv->started) {
		return true;
	}
	zv->dev->ops->stop(zv->dev, on_stopped);
	zv->stopping = zv->started;
	return !zv->stopping;
}

static void config_write(struct zone_virtio *zv,
			 const struct zone_access *access)
{
	uint32_t at = access->offset - VIRTIO_MMIO_CONFIG;

	if (zv->dev->ops->config_write != NULL) {
		zv->dev->ops->config_write(zv->dev, at, &access->value,
					   access->size);
	}
}

/*
 * A queue begins at position 0.  This is durable before the record says that
 * the queue is ready, so a queue found ready always has its positions.
 */
static void make_queue(struct zone_virtio *zv)
{
	uint32_t q = zv->state.regs.queue_sel;
	uint64_t mark = zv->dev->ops->mark_fresh != NULL
				? zv->dev->ops->mark_fresh(zv->dev, q)
				: 0;

	__atomic_store_n(&zv->dev->mark[q], mark, __ATOMIC_RELEASE);
	if (zv->dev->inflight[q].area != NULL) {
		inflight_fresh(zv->dev->inflight[q].area,
			       zv->state.regs.queue[q].layout.size);
	}
	/* A bad layout is found, and told, when the device starts. */
	(void)vq_clear(zv->gm, &zv->state.regs.queue[q].layout);
}

static void drop_queue(struct zone_virtio *zv, uint32_t q)
{
	vq_fini(&zv->dev->vq[q]);
	if (zv->started && zv->dev->ops->queue_gone != NULL) {
		zv->dev->ops->queue_gone(zv->dev, q);
	}
}

static void virtio_access(struct zone_window *window,
			  struct zone_access *access)
{
	struct zone_virtio *zv = from_window(window);

	if (!access->write) {
		access->value = 0;
		return;
	}
	switch (virtio_mmio_regs_write(&zv->info, &zv->state.regs,
				       access->offset, access->size,
				       access->value)) {
	case VIRTIO_MMIO_RESET:
		zone_window_clear_word(window, VIRTIO_MMIO_INTERRUPT_STATUS);
		zv->want_stop = true;
		zv->want_start = false;
		break;
	case VIRTIO_MMIO_START:
		zv->want_start = true;
		break;
	case VIRTIO_MMIO_QUEUE_ENABLE:
		make_queue(zv);
		break;
	case VIRTIO_MMIO_QUEUE_DISABLE:
		drop_queue(zv, zv->state.regs.queue_sel);
		break;
	case VIRTIO_MMIO_CONFIG_WRITE:
		config_write(zv, access);
		break;
	case VIRTIO_MMIO_NONE:
		break;
	}
}

static bool virtio_settle(struct zone_window *window)
{
	struct zone_virtio *zv = from_window(window);

	if (zv->want_stop) {
		zv->want_stop = false;
		if (!stop_device(zv)) {
			return false;
		}
	}
	if (zv->want_start) {
		zv->want_start = false;
		start_device(zv);
	}
	return true;
}

static size_t config_words(struct zone_virtio *zv, struct zone_word *ret)
{
	uint32_t len = zv->info.config_len;
	size_t n = 0;

	for (uint32_t at = 0; at < len; at += 4) {
		uint32_t value = 0;
		size_t part = len - at < 4 ? len - at : 4;

		zv->dev->ops->config_read(zv->dev, at, &value, part);
		ret[n++] = (struct zone_word){ VIRTIO_MMIO_CONFIG + at, value };
	}
	return n;
}

static size_t virtio_words(struct zone_window *window,
			   struct zone_word ret[ZONE_WINDOW_WORDS])
{
	struct zone_virtio *zv = from_window(window);
	struct virtio_mmio_word words[VIRTIO_MMIO_WORDS];
	size_t n;

	virtio_mmio_regs_words(&zv->info, &zv->state.regs, words);
	for (n = 0; n < VIRTIO_MMIO_WORDS; n++) {
		ret[n] = (struct zone_word){ words[n].offset, words[n].value };
	}
	return n + config_words(zv, ret + n);
}

/* -------------------------------------------------------------------- life */

static enum state_found virtio_load(struct zone_window *window,
				    enum state_found found)
{
	struct zone_virtio *zv = from_window(window);

	zv->dev->mark = window->record.mark;
	for (uint32_t q = 0; zv->dev->ops->tracked && q < zv->info.queue_count;
	     q++) {
		zv->dev->inflight[q].area =
			state_inflight(window->io->area, zv->slot, q);
	}
	if (found == STATE_RESUMED &&
	    virtio_mmio_regs_valid(&zv->info, &zv->state.regs)) {
		if (zv->state.regs.status == 0) {
			/* A reset may have been cut short. */
			zone_window_clear_word(window,
					       VIRTIO_MMIO_INTERRUPT_STATUS);
		}
		return STATE_RESUMED;
	}
	memset(&zv->state, 0, sizeof(zv->state));
	if (found == STATE_FRESH) {
		return STATE_FRESH;
	}
	/* A driver may be using it, with rings we know nothing of. */
	zv->state.regs.status =
		VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
		VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK |
		VIRTIO_STATUS_NEEDS_RESET;
	return STATE_LOST;
}

static int bind_eventfds(struct zone_virtio *zv)
{
	struct zone_io *io = zv->window.io;
	struct zv_ioc_irqfd irq = {
		.fd = zv->irq_fd,
		.intid = zv->window.intid,
		.addr = ZV_SHADOW_ADDR(zv->window.shadow,
				       zv->window.offset +
					       VIRTIO_MMIO_INTERRUPT_STATUS),
		.mask = VIRTIO_INTERRUPT_USED,
	};
	int rc = io->port->ops->irqfd(io->port, &irq);

	for (uint32_t q = 0; rc == 0 && q < zv->info.queue_count; q++) {
		struct zv_ioc_ioeventfd bell = {
			.fd = zv->queue[q].fd,
			.doorbell = zv->doorbell + q,
		};

		rc = event_watch(io->loop, &zv->queue[q].watch, zv->queue[q].fd,
				 EVENT_READ | EVENT_EDGE);
		if (rc == 0) {
			rc = io->port->ops->ioeventfd(io->port, &bell);
		}
	}
	return rc;
}

static int virtio_attach(struct zone_window *window, enum state_found found)
{
	struct zone_virtio *zv = from_window(window);
	int rc = bind_eventfds(zv);

	if (rc != 0) {
		return rc;
	}
	if (found == STATE_LOST) {
		raise_interrupt(zv, VIRTIO_INTERRUPT_CONFIG);
	}
	if (found != STATE_RESUMED) {
		return 0;
	}
	if ((zv->state.regs.status & VIRTIO_STATUS_NEEDS_RESET) != 0) {
		/* Its interrupt may not have been sent. */
		raise_interrupt(zv, VIRTIO_INTERRUPT_CONFIG);
		return 0;
	}
	if (!virtio_mmio_regs_live(&zv->state.regs)) {
		return 0;
	}
	start_device(zv);
	/*
	 * What was pushed or rung just before the end may not have been
	 * noticed: look at every queue, and signal once whatever is there.  What
	 * the device shows may be another thing than its predecessor last did.
	 */
	for (uint32_t q = 0; q < zv->info.queue_count; q++) {
		if (zv->started && zv->dev->vq[q].ready) {
			zv->dev->ops->kick(zv->dev, q);
		}
	}
	raise_interrupt(zv, VIRTIO_INTERRUPT_USED | VIRTIO_INTERRUPT_CONFIG);
	return 0;
}

static void stopped_for_good(struct virtio_device *dev)
{
	struct zone_virtio *zv = from_device(dev);

	zv->started = false;
	stop_queues(zv);
}

static void virtio_detach(struct zone_window *window)
{
	struct zone_virtio *zv = from_window(window);

	if (zv->started) {
		zv->stopping = false;
		zv->dev->ops->stop(zv->dev, stopped_for_good);
	}
	for (uint32_t q = 0; q < zv->info.queue_count; q++) {
		event_unwatch(window->io->loop, &zv->queue[q].watch);
	}
}

static void virtio_reset(struct zone_window *window)
{
	struct zone_virtio *zv = from_window(window);

	memset(&zv->state.regs, 0, sizeof(zv->state.regs));
	zone_window_clear_word(window, VIRTIO_MMIO_INTERRUPT_STATUS);
	zv->want_start = false;
	zv->want_stop = !zv->stopping;
}

static const struct zone_window_ops virtio_ops = {
	.load = virtio_load,
	.attach = virtio_attach,
	.detach = virtio_detach,
	.access = virtio_access,
	.settle = virtio_settle,
	.words = virtio_words,
	.reset = virtio_reset,
};

static int open_eventfds(struct zone_virtio *zv)
{
	zv->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (zv->irq_fd < 0) {
		return -errno;
	}
	for (uint32_t q = 0; q < zv->info.queue_count; q++) {
		zv->queue[q].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (zv->queue[q].fd < 0) {
			return -errno;
		}
	}
	return 0;
}

static uint32_t queue_size_max(const struct virtio_device *dev)
{
	uint32_t max = dev->ops->tracked ? INFLIGHT_QUEUE_MAX : QUEUE_SIZE_MAX;

	return dev->queue_size_max != 0 && dev->queue_size_max < max
		       ? dev->queue_size_max
		       : max;
}

int zone_virtio_init(struct zone_virtio *zv, struct virtio_device *dev,
		     struct guest_mem *gm,
		     const struct zone_virtio_place *place)
{
	int rc;

	memset(zv, 0, sizeof(*zv));
	zv->dev = dev;
	zv->gm = gm;
	zv->doorbell = place->doorbell;
	zv->slot = place->slot;
	zv->irq_fd = -1;
	zv->info = (struct virtio_mmio_info){
		.device_id = dev->ops->id,
		.queue_count = dev->queue_count,
		.queue_size_max = queue_size_max(dev),
		.config_len = dev->ops->config_len,
		.features = dev->ops->features(dev) | ZONE_VIRTIO_FEATURES,
	};
	for (uint32_t q = 0; q < VIRTIO_QUEUES_MAX; q++) {
		zv->queue[q].zv = zv;
		zv->queue[q].index = q;
		zv->queue[q].fd = -1;
		zv->queue[q].watch.cb = on_doorbell;
	}
	zv->window = (struct zone_window){
		.ops = &virtio_ops,
		.shadow = place->shadow,
		.offset = place->offset,
		.size = VIRTIO_MMIO_WINDOW,
		.record_index = STATE_RECORD_VIRTIO + place->slot,
		.record_kind = RECORD_KIND_VIRTIO | dev->ops->id,
		.intid = place->intid,
		.state_size = sizeof(zv->state),
		.replay = &zv->state.replay,
	};
	dev->transport = &zone_transport_ops;
	dev->transport_data = zv;
	dev->mark = zv->marks;
	rc = open_eventfds(zv);
	if (rc != 0) {
		zone_virtio_fini(zv);
	}
	return rc;
}

void zone_virtio_fini(struct zone_virtio *zv)
{
	for (uint32_t q = 0; q < VIRTIO_QUEUES_MAX; q++) {
		if (zv->queue[q].fd >= 0) {
			close(zv->queue[q].fd);
			zv->queue[q].fd = -1;
		}
	}
	if (zv->irq_fd >= 0) {
		close(zv->irq_fd);
		zv->irq_fd = -1;
	}
}
