/* SPDX-License-Identifier: BSD-2-Clause */
#include "console/console_port.h"

#include <stdio.h>

int console_port_init(struct console_port *port, struct state_area *area,
		      const char *name)
{
	*port = (struct console_port){ 0 };
	snprintf(port->name, sizeof(port->name), "%s", name);
	return state_log_open(area, port->name, &port->log);
}

void console_port_output(struct console_port *port, const void *buf, size_t len)
{
	log_ring_append(&port->log, buf, len);
	console_port_grown(port);
}

void console_port_grown(struct console_port *port)
{
	if (port->observer != NULL) {
		port->observer->grown(port->observer, port);
	}
}

void console_port_ready(struct console_port *port)
{
	if (port->observer != NULL) {
		port->observer->ready(port->observer, port);
	}
}

size_t console_port_input(struct console_port *port, const uint8_t *buf,
			  size_t len)
{
	return port->sink != NULL ? port->sink(port->sink_ctx, buf, len) : 0;
}
