/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/boot.h>
#include <zv/boot.h>
#include <zv/console.h>
#include <zv/log.h>
#include <zv/pl011.h>

#define UART_SIZE 0x1000

static struct pl011 uart;
static bool found;
static bool enabled;

void console_init(const void *fdt)
{
	struct host_facts facts;
	void *base;

	if (!host_facts_uart(fdt, &facts)) {
		return;
	}
	base = arch_map_device(pa_make(facts.uart.base), UART_SIZE);
	pl011_init(&uart, base);
	found = true;
	enabled = true;
}

void console_enable(bool on)
{
	if (on && found) {
		pl011_enable(&uart);
	}
	enabled = on && found;
}

void console_write(const char *s, size_t n)
{
	if (!enabled) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n') {
			pl011_putc(&uart, '\r');
		}
		pl011_putc(&uart, s[i]);
	}
}
