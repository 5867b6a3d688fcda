/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One console of a guest, between a device model and the people who look at
 * it.  Output goes into a log and never waits.  Input is offered to the device
 * (the sink), which takes what it has room for and says when there is more.
 */
#ifndef ZV_BACKENDS_CONSOLE_CONSOLE_PORT_H
#define ZV_BACKENDS_CONSOLE_CONSOLE_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "core/log_ring.h"
#include "core/state_area.h"

struct console_port;

/* The side of the people. */
struct console_observer {
	void (*grown)(struct console_observer *observer,
		      struct console_port *port);
	void (*ready)(struct console_observer *observer,
		      struct console_port *port);
};

struct console_port {
	char name[STATE_NAME_MAX];
	struct log_ring log;
	/* The device: takes up to len bytes and returns how many. */
	size_t (*sink)(void *ctx, const uint8_t *buf, size_t len);
	void *sink_ctx;
	struct console_observer *observer;
};

/* -ENOSPC when the area has no log left. */
int console_port_init(struct console_port *port, struct state_area *area,
		      const char *name);

/* From the device. */
void console_port_output(struct console_port *port, const void *buf,
			 size_t len);
/* The log has grown by other means. */
void console_port_grown(struct console_port *port);
/* The sink has room again. */
void console_port_ready(struct console_port *port);

/* From the observer: how many bytes the device took. */
size_t console_port_input(struct console_port *port, const uint8_t *buf,
			  size_t len);

#endif /* ZV_BACKENDS_CONSOLE_CONSOLE_PORT_H */
