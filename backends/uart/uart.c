/* SPDX-License-Identifier: BSD-2-Clause */
#include "uart/uart.h"

#include <string.h>

#include "core/container_of.h"

#define RECORD_KIND_UART 0x201u

_Static_assert(sizeof(struct uart_state) <= STATE_RECORD_MAX, "record");

static struct uart *from_window(struct zone_window *window)
{
	return container_of(window, struct uart, window);
}

static void write_reg(struct uart *uart, uint32_t offset, uint32_t value)
{
	int byte = pl011_write(&uart->state.regs, offset, value);
	uint8_t out = (uint8_t)byte;

	if (byte >= 0) {
		console_port_output(uart->port, &out, 1);
	}
}

static void uart_access(struct zone_window *window, struct zone_access *access)
{
	struct uart *uart = from_window(window);

	/* Narrow accesses to a register act on its low bits. */
	if (access->write) {
		write_reg(uart, access->offset, access->value);
		return;
	}
	access->value = pl011_read(&uart->state.regs, access->offset);
	event_defer(window->io->loop, &uart->room);
}

static void uart_posted(struct zone_window *window, uint32_t offset,
			uint32_t value)
{
	write_reg(from_window(window), offset, value);
}

static bool uart_settle(struct zone_window *window)
{
	zone_window_line(window, pl011_line(&from_window(window)->state.regs));
	return true;
}

static void on_room(struct event_defer *defer)
{
	console_port_ready(container_of(defer, struct uart, room)->port);
}

/* A person typed. */
static size_t uart_sink(void *ctx, const uint8_t *buf, size_t len)
{
	struct uart *uart = ctx;
	size_t n = pl011_receive(&uart->state.regs, buf, len);

	if (n != 0) {
		zone_window_commit(&uart->window);
		uart_settle(&uart->window);
		zone_window_publish(&uart->window, false);
	}
	return n;
}

static size_t uart_words(struct zone_window *window,
			 struct zone_word ret[ZONE_WINDOW_WORDS])
{
	struct pl011_word words[PL011_WORDS];

	pl011_words(&from_window(window)->state.regs, words);
	for (size_t i = 0; i < PL011_WORDS; i++) {
		ret[i] = (struct zone_word){ words[i].offset, words[i].value };
	}
	return PL011_WORDS;
}

static enum state_found uart_load(struct zone_window *window,
				  enum state_found found)
{
	struct uart *uart = from_window(window);

	if (found == STATE_RESUMED && pl011_valid(&uart->state.regs)) {
		/* The interrupt for bytes taken just before may not be in it. */
		uart->state.regs.ris |= PL011_INT_TX;
		return STATE_RESUMED;
	}
	memset(&uart->state, 0, sizeof(uart->state));
	pl011_reset(&uart->state.regs);
	return found == STATE_FRESH ? STATE_FRESH : STATE_LOST;
}

static int uart_attach(struct zone_window *window, enum state_found found)
{
	struct uart *uart = from_window(window);

	(void)found;
	uart->port->sink = uart_sink;
	uart->port->sink_ctx = uart;
	uart_settle(window);
	return 0;
}

static void uart_detach(struct zone_window *window)
{
	struct uart *uart = from_window(window);

	uart->port->sink = NULL;
	event_undefer(window->io->loop, &uart->room);
}

static void uart_reset(struct zone_window *window)
{
	pl011_reset(&from_window(window)->state.regs);
}

static const struct zone_window_ops uart_ops = {
	.load = uart_load,
	.attach = uart_attach,
	.detach = uart_detach,
	.access = uart_access,
	.settle = uart_settle,
	.words = uart_words,
	.posted = uart_posted,
	.reset = uart_reset,
};

void uart_init(struct uart *uart, struct console_port *port, uint32_t shadow,
	       uint32_t intid)
{
	memset(uart, 0, sizeof(*uart));
	uart->port = port;
	uart->room.cb = on_room;
	uart->window = (struct zone_window){
		.ops = &uart_ops,
		.shadow = shadow,
		.size = ZV_PAGE_SIZE,
		.record_index = STATE_RECORD_UART,
		.record_kind = RECORD_KIND_UART,
		.intid = intid,
		.state_size = sizeof(uart->state),
		.replay = &uart->state.replay,
	};
}
