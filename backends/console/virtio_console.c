/* SPDX-License-Identifier: BSD-2-Clause */
#include "console/virtio_console.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "core/container_of.h"

/* One turn of the loop: what a guest can make us do before others get theirs */
#define TURN_CHAINS 64u
#define TURN_BYTES (256u * 1024u)

/* virtio 1.2, 5.3.4 */
struct console_config {
	uint16_t cols;
	uint16_t rows;
	uint32_t max_nr_ports;
	uint32_t emerg_wr;
};

#define MARK_POS_BITS 48u
#define MARK_POS_MASK ((1ull << MARK_POS_BITS) - 1)

static uint64_t mark_make(uint64_t log_pos, uint16_t avail)
{
	return log_pos << 16 | avail;
}

static struct virtio_console *from_dev(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_console, dev);
}

static void again_later(struct virtio_console *console)
{
	event_defer(console->dev.loop, &console->more);
}

/* ------------------------------------------------------------------ output */

static void set_mark(struct virtio_console *console, uint16_t avail)
{
	__atomic_store_n(&console->dev.mark[VIRTIO_CONSOLE_TX],
			 mark_make(log_ring_tail(&console->port->log), avail),
			 __ATOMIC_RELEASE);
}

/* Bytes of the chain at hand that are in the log already. */
static uint64_t chain_progress(const struct virtio_console *console)
{
	uint64_t start = console->dev.mark[VIRTIO_CONSOLE_TX] >> 16;

	return (log_ring_tail(&console->port->log) - start) & MARK_POS_MASK;
}

/*
 * Copies the chain into the log, starting where the log says we were.  Returns
 * the bytes copied; *ret_whole is false if the allowance ended before it did.
 */
static size_t copy_chain(struct virtio_console *console, size_t allowance,
			 bool *ret_whole)
{
	const struct vq_chain *chain = &console->chain;
	uint64_t skip = chain_progress(console);
	size_t copied = 0;

	for (uint32_t i = 0; i < chain->readable; i++) {
		const uint8_t *at = chain->seg[i].base;
		size_t left = chain->seg[i].len;
		size_t over = skip < left ? (size_t)skip : left;

		skip -= over;
		at += over;
		left -= over;
		while (left != 0 && copied < allowance) {
			size_t n = log_ring_append_piece(&console->port->log,
							 at, left);

			copied += n;
			at += n;
			left -= n;
		}
		if (left != 0) {
			*ret_whole = false;
			return copied;
		}
	}
	*ret_whole = true;
	return copied;
}

/* 1: go on; 0: enough for this turn or the queue is empty; or -EPROTO */
static int take_output(struct virtio_console *console, size_t *allowance)
{
	struct vq *vq = &console->dev.vq[VIRTIO_CONSOLE_TX];
	int rc = vq_pop(vq, &console->chain);
	bool whole;
	size_t copied;

	if (rc <= 0) {
		return rc;
	}
	copied = copy_chain(console, *allowance, &whole);
	*allowance -= copied < *allowance ? copied : *allowance;
	if (!whole) {
		vq_unpop(vq);
		again_later(console);
		return 0;
	}
	set_mark(console, vq->last_avail);
	return vq_push(vq, console->chain.head, 0) == 0 ? 1 : -EPROTO;
}

static void run_output(struct virtio_console *console)
{
	struct virtio_device *dev = &console->dev;
	struct vq *vq = &dev->vq[VIRTIO_CONSOLE_TX];
	size_t allowance = TURN_BYTES;
	unsigned int chains = 0;
	int rc;

	do {
		rc = take_output(console, &allowance);
		if (++chains == TURN_CHAINS && rc > 0) {
			again_later(console);
			break;
		}
	} while (rc > 0);
	console_port_grown(console->port);
	if (rc < 0) {
		dev->transport->broken(dev, "malformed transmit queue");
		return;
	}
	dev->transport->signal(dev, VIRTIO_CONSOLE_TX);
	if (rc == 0 && !console->more.queued && vq_enable_kick(vq)) {
		again_later(console);
	}
}

/* Takes up the transmit queue where the mark says an earlier process was. */
static int resume_output(struct virtio_console *console)
{
	struct vq *vq = &console->dev.vq[VIRTIO_CONSOLE_TX];
	uint16_t avail = (uint16_t)console->dev.mark[VIRTIO_CONSOLE_TX];
	uint16_t head;

	if (!vq->ready) {
		return 0;
	}
	switch ((uint16_t)(avail - vq->used_idx)) {
	case 0:
		break;
	case 1:
		/* Killed between the mark and the push. */
		if (vq_head_at(vq, vq->used_idx, &head) != 0 ||
		    vq_push(vq, head, 0) != 0) {
			return -EPROTO;
		}
		break;
	default:
		return -EPROTO;
	}
	vq->last_avail = avail;
	return 0;
}

/* ------------------------------------------------------------------- input */

static size_t fill_chain(const struct vq_chain *chain, const uint8_t *buf,
			 size_t len)
{
	size_t done = 0;

	for (uint32_t i = 0; i < chain->writable && done < len; i++) {
		const struct vq_seg *seg = &chain->seg[chain->readable + i];
		size_t n = len - done < seg->len ? len - done : seg->len;

		memcpy(seg->base, buf + done, n);
		done += n;
	}
	return done;
}

/* 1: *done has grown or may yet; 0: no buffer; or -EPROTO */
static int give_input(struct virtio_console *console, const uint8_t *buf,
		      size_t len, size_t *done)
{
	struct vq *vq = &console->dev.vq[VIRTIO_CONSOLE_RX];
	int rc = vq_pop(vq, &console->chain);
	size_t n;

	if (rc < 0) {
		return rc;
	}
	if (rc == 0) {
		return vq_enable_kick(vq) ? 1 : 0;
	}
	n = fill_chain(&console->chain, buf + *done, len - *done);
	*done += n;
	return vq_push(vq, console->chain.head, (uint32_t)n) == 0 ? 1 : -EPROTO;
}

static size_t console_sink(void *ctx, const uint8_t *buf, size_t len)
{
	struct virtio_console *console = ctx;
	struct virtio_device *dev = &console->dev;
	unsigned int chains = 0;
	size_t done = 0;
	int rc = 1;

	if (!console->running || !dev->vq[VIRTIO_CONSOLE_RX].ready) {
		return 0;
	}
	while (rc > 0 && done < len && chains++ < TURN_CHAINS) {
		rc = give_input(console, buf, len, &done);
	}
	if (rc < 0) {
		dev->transport->broken(dev, "malformed receive queue");
		return done;
	}
	if (done != 0) {
		dev->transport->signal(dev, VIRTIO_CONSOLE_RX);
	}
	if (rc > 0 && done < len) {
		again_later(console);
	} else if (rc > 0) {
		vq_disable_kick(&dev->vq[VIRTIO_CONSOLE_RX]);
	}
	return done;
}

/* --------------------------------------------------------------------- ops */

static void on_more(struct event_defer *defer)
{
	struct virtio_console *console =
		container_of(defer, struct virtio_console, more);

	if (!console->running) {
		return;
	}
	run_output(console);
	console_port_ready(console->port);
}

static uint64_t console_features(struct virtio_device *dev)
{
	return from_dev(dev)->cols != 0 ? VIRTIO_CONSOLE_F_SIZE : 0;
}

static void console_config_read(struct virtio_device *dev, uint32_t offset,
				void *ret, size_t len)
{
	struct console_config config = {
		.cols = htole16(from_dev(dev)->cols),
		.rows = htole16(from_dev(dev)->rows),
		.max_nr_ports = htole32(1),
	};

	memcpy(ret, (const uint8_t *)&config + offset, len);
}

static int console_start(struct virtio_device *dev, uint64_t features)
{
	struct virtio_console *console = from_dev(dev);
	int rc = resume_output(console);

	(void)features;
	if (rc != 0) {
		return rc;
	}
	console->running = true;
	/* Look at both queues once: a kick may have come before we did. */
	again_later(console);
	return 0;
}

static void console_kick(struct virtio_device *dev, uint32_t q)
{
	struct virtio_console *console = from_dev(dev);

	if (!console->running) {
		return;
	}
	if (q == VIRTIO_CONSOLE_TX) {
		run_output(console);
	} else {
		console_port_ready(console->port);
	}
}

static void console_stop(struct virtio_device *dev, virtio_stop_cb done)
{
	struct virtio_console *console = from_dev(dev);

	console->running = false;
	event_undefer(dev->loop, &console->more);
	done(dev);
}

static uint64_t console_mark_at(struct virtio_device *dev, uint32_t q,
				uint16_t pos)
{
	uint64_t tail = log_ring_tail(&from_dev(dev)->port->log);

	return q == VIRTIO_CONSOLE_TX ? mark_make(tail, pos) : 0;
}

static uint64_t console_mark_fresh(struct virtio_device *dev, uint32_t q)
{
	return console_mark_at(dev, q, 0);
}

static const struct virtio_device_ops console_ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.config_len = sizeof(struct console_config),
	.features = console_features,
	.config_read = console_config_read,
	.start = console_start,
	.kick = console_kick,
	.stop = console_stop,
	.mark_fresh = console_mark_fresh,
	.mark_at = console_mark_at,
};

void virtio_console_init(struct virtio_console *console,
			 struct event_loop *loop, struct console_port *port,
			 uint16_t cols, uint16_t rows)
{
	memset(console, 0, sizeof(*console));
	console->dev.ops = &console_ops;
	console->dev.loop = loop;
	console->dev.queue_count = 2;
	console->port = port;
	console->more.cb = on_more;
	console->cols = cols;
	console->rows = rows;
	port->sink = console_sink;
	port->sink_ctx = console;
}
