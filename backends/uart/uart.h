/* SPDX-License-Identifier: BSD-2-Clause */
/* A zone's PL011, on a shadow page that traps reads; transmit is posted. */
#ifndef ZV_BACKENDS_UART_UART_H
#define ZV_BACKENDS_UART_UART_H

#include "console/console_port.h"
#include "transport/zone/zone_io.h"
#include "uart/pl011.h"

/* In the restart area. */
struct uart_state {
	struct zone_replay replay;
	struct pl011_state regs;
};

struct uart {
	struct zone_window window;
	struct uart_state state;
	struct console_port *port;
	struct event_defer room; /* the FIFO has been read from */
};

void uart_init(struct uart *uart, struct console_port *port, uint32_t shadow,
	       uint32_t intid);

#endif /* ZV_BACKENDS_UART_UART_H */
