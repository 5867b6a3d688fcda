/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-console with one port (virtio 1.2, section 5.3).
 *
 * Output is exact across a kill.  The transmit queue's mark holds, in one word,
 * how many chains have been taken (low 16 bits) and where in the log the next
 * one begins (the rest), so what is in the log beyond that is how much of the
 * chain has been copied.  The mark moves before the chain is given back; that
 * last step is repeated after a restart if the used index lags behind.
 */
#ifndef ZV_BACKENDS_CONSOLE_VIRTIO_CONSOLE_H
#define ZV_BACKENDS_CONSOLE_VIRTIO_CONSOLE_H

#include "console/console_port.h"
#include "core/virtio_device.h"

#define VIRTIO_CONSOLE_F_SIZE (1ull << 0)

#define VIRTIO_CONSOLE_RX 0u
#define VIRTIO_CONSOLE_TX 1u

struct virtio_console {
	struct virtio_device dev;
	struct console_port *port;
	struct event_defer more; /* work left for another turn of the loop */
	bool running;
	uint16_t cols; /* 0: the size is not known */
	uint16_t rows;
	struct vq_chain chain;
};

/* cols and rows: both 0, or the size of the terminal. */
void virtio_console_init(struct virtio_console *console,
			 struct event_loop *loop, struct console_port *port,
			 uint16_t cols, uint16_t rows);

#endif /* ZV_BACKENDS_CONSOLE_VIRTIO_CONSOLE_H */
