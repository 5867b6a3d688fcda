/* SPDX-License-Identifier: BSD-2-Clause */
/* UART, clock and GPIO: the registers alone, and on a zone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/process.h"

static struct process *p;

static int setup(void **state)
{
	(void)state;
	p = process_new(NULL, NULL);
	return process_start(p);
}

static int teardown(void **state)
{
	(void)state;
	process_free(p);
	return 0;
}

static uint32_t shadow(uint32_t addr)
{
	return *fake_zone_word(&p->zone, addr);
}

static uint32_t get(uint32_t addr)
{
	return (uint32_t)fake_zone_forward(&p->zone, 0, addr, 4, false, 0);
}

static void set(uint32_t addr, uint32_t value)
{
	fake_zone_forward(&p->zone, 0, addr, 4, true, value);
}

/* -------------------------------------------------------------- PL011 alone */

static void pl011_defaults(void **state)
{
	struct pl011_state s;

	(void)state;
	pl011_reset(&s);
	assert_int_equal(pl011_read(&s, PL011_CR), 0x300);
	assert_int_equal(pl011_read(&s, PL011_IFLS), 0x12);
	assert_int_equal(pl011_read(&s, PL011_FR), 0x90);
	assert_int_equal(pl011_read(&s, 0xfe0), 0x11);
	assert_int_equal(pl011_read(&s, 0xfe8), 0x14);
	assert_int_equal(pl011_read(&s, 0xffc), 0xb1);
	assert_int_equal(pl011_read(&s, PL011_DR), 0);
	assert_int_equal(pl011_read(&s, 0x800), 0);
	assert_int_equal(pl011_read(&s, 3), 0);
}

static void pl011_transmit_interrupt(void **state)
{
	struct pl011_state s;

	(void)state;
	pl011_reset(&s);
	assert_int_equal(pl011_write(&s, PL011_DR, 0x141), 0x41);
	assert_int_equal(pl011_read(&s, PL011_RIS), PL011_INT_TX);
	assert_false(pl011_line(&s));
	assert_int_equal(pl011_write(&s, PL011_IMSC, PL011_INT_TX), -1);
	assert_true(pl011_line(&s));
	assert_int_equal(pl011_read(&s, PL011_MIS), PL011_INT_TX);
	pl011_write(&s, PL011_ICR, PL011_INT_TX);
	assert_false(pl011_line(&s));
	/* Read-only. */
	pl011_write(&s, PL011_RIS, 0x7ff);
	pl011_write(&s, PL011_MIS, 0x7ff);
	pl011_write(&s, PL011_FR, 0xff);
	assert_int_equal(pl011_read(&s, PL011_RIS), 0);
	assert_int_equal(pl011_read(&s, PL011_FR), 0x90);
}

static void pl011_fifo(void **state)
{
	static const uint8_t text[] = "0123456789abcdefghij";
	static const uint32_t levels[] = { 2, 4, 8, 12, 14 };
	struct pl011_state s;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		pl011_reset(&s);
		pl011_write(&s, PL011_LCR_H, PL011_LCR_H_FEN);
		pl011_write(&s, PL011_IFLS, i << 3);
		assert_int_equal(pl011_receive(&s, text, levels[i] - 1),
				 levels[i] - 1);
		assert_int_equal(s.ris, PL011_INT_RT);
		assert_int_equal(pl011_receive(&s, text, 1), 1);
		assert_int_equal(s.ris, PL011_INT_RT | PL011_INT_RX);
		pl011_read(&s, PL011_DR);
		assert_int_equal(s.ris, PL011_INT_RT);
		while ((pl011_read(&s, PL011_FR) & PL011_FR_RXFE) == 0) {
			pl011_read(&s, PL011_DR);
		}
		assert_int_equal(s.ris, 0);
	}
	assert_int_equal(pl011_receive(&s, text, 20), 16);
	assert_int_equal(pl011_read(&s, PL011_FR), 0xc0);
	assert_int_equal(pl011_receive(&s, text, 1), 0);
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(pl011_read(&s, PL011_DR), text[i]);
	}
	assert_int_equal(pl011_read(&s, PL011_DR), 0);
}

static void pl011_holding_register(void **state)
{
	struct pl011_state s;

	(void)state;
	pl011_reset(&s);
	assert_int_equal(pl011_receive(&s, (const uint8_t *)"ab", 2), 1);
	assert_int_equal(s.ris, PL011_INT_RT | PL011_INT_RX);
	assert_int_equal(pl011_read(&s, PL011_FR), 0xc0);
	assert_int_equal(pl011_receive(&s, (const uint8_t *)"b", 1), 0);
	/* FIFOs switched off while full: it still reads out, and takes none. */
	pl011_write(&s, PL011_LCR_H, PL011_LCR_H_FEN);
	assert_int_equal(pl011_receive(&s, (const uint8_t *)"bcd", 3), 3);
	pl011_write(&s, PL011_LCR_H, 0);
	assert_int_equal(pl011_receive(&s, (const uint8_t *)"e", 1), 0);
	assert_int_equal(pl011_read(&s, PL011_DR), 'a');
}

static void pl011_masks(void **state)
{
	struct pl011_state s;

	(void)state;
	pl011_reset(&s);
	for (uint32_t offset = 4; offset < 0x1000; offset += 4) {
		pl011_write(&s, offset, UINT32_MAX);
		assert_true(pl011_valid(&s));
	}
	assert_int_equal(pl011_read(&s, PL011_IBRD), 0xffff);
	assert_int_equal(pl011_read(&s, PL011_FBRD), 0x3f);
	assert_int_equal(pl011_read(&s, PL011_IMSC), 0x7ff);
	s.fifo_len = 17;
	assert_false(pl011_valid(&s));
}

/* ------------------------------------------------------------ UART on zone */

static void uart_output(void **state)
{
	int fd = process_connect(p, "{\"device\":\"uart0\"}\n");

	(void)state;
	(void)process_receive(p, fd);
	set(P_UART + PL011_IMSC, PL011_INT_TX);
	for (const char *at = "posted"; *at != '\0'; at++) {
		fake_zone_posted(&p->zone, P_UART + PL011_DR, (uint8_t)*at);
	}
	assert_false(p->zone.line[33]);
	assert_string_equal(process_receive(p, fd), "posted");
	assert_true(p->zone.line[33]);
	assert_int_equal(shadow(P_UART + PL011_MIS), PL011_INT_TX);
	set(P_UART + PL011_ICR, PL011_INT_TX);
	assert_false(p->zone.line[33]);
	assert_int_equal(shadow(P_UART + PL011_RIS), 0);
	/* Forwarded instead of posted is as good, at any width. */
	fake_zone_forward(&p->zone, 0, P_UART, 1, true, '!');
	assert_string_equal(process_receive(p, fd), "!");
	close(fd);
}

/* A burst of posted bytes costs one update, and none if nothing changes. */
static void uart_output_is_batched(void **state)
{
	uint32_t before = p->zone.updates;

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 30; i++) {
			fake_zone_posted(&p->zone, P_UART, 'x');
		}
		assert_true(event_pump_run(&p->pump));
	}
	assert_int_equal(p->zone.updates, before + 1);
}

static void uart_input(void **state)
{
	static const char text[] = "0123456789abcdefghijklmnop";
	int fd = process_connect(p, "{\"device\":\"uart0\",\"write\":true}\n");

	(void)state;
	set(P_UART + PL011_LCR_H, PL011_LCR_H_FEN);
	set(P_UART + PL011_IMSC, PL011_INT_RX | PL011_INT_RT);
	assert_int_equal(send(fd, text, 26, 0), 26);
	assert_true(event_pump_run(&p->pump));
	assert_true(p->zone.line[33]);
	assert_int_equal(shadow(P_UART + PL011_FR) & PL011_FR_RXFE, 0);
	for (size_t i = 0; i < 26; i++) {
		assert_int_equal(shadow(P_UART + PL011_FR) & PL011_FR_RXFE, 0);
		assert_int_equal(get(P_UART + PL011_DR), text[i]);
	}
	assert_int_equal(shadow(P_UART + PL011_FR), 0x90);
	assert_false(p->zone.line[33]);
	close(fd);
}

static void uart_restart(void **state)
{
	struct zv_event again;
	int fd = process_connect(p, "{\"device\":\"uart0\",\"write\":true}\n");

	(void)state;
	set(P_UART + PL011_LCR_H, PL011_LCR_H_FEN);
	set(P_UART + PL011_IMSC, PL011_INT_RX | PL011_INT_RT | PL011_INT_TX);
	assert_int_equal(send(fd, "xyz", 3, 0), 3);
	assert_true(event_pump_run(&p->pump));
	close(fd);
	assert_int_equal(get(P_UART + PL011_DR), 'x');
	/* The same read again gives the same byte and takes no other. */
	again = p->zone.slot[0].event;
	process_kill(p);
	p->zone.slot[0].waiting = true;
	p->zone.slot[0].event = again;
	p->zone.slot[0].value = 0;
	p->zone.line[33] = false;
	fake_zone_detach(&p->zone);
	assert_int_equal(process_start(p), 0);
	assert_int_equal(p->zone.slot[0].value, 'x');
	assert_true(p->zone.line[33]);
	assert_int_equal(get(P_UART + PL011_DR), 'y');
	assert_int_equal(get(P_UART + PL011_DR), 'z');
	assert_int_equal(shadow(P_UART + PL011_IMSC), 0x70);
	/* A transmit interrupt that may have been lost is given. */
	assert_true((shadow(P_UART + PL011_RIS) & PL011_INT_TX) != 0);
}

static void uart_zone_reset(void **state)
{
	(void)state;
	set(P_UART + PL011_IMSC, PL011_INT_TX);
	set(P_UART + PL011_DR, 'x');
	assert_true(p->zone.line[33]);
	io_process_reset(&p->io);
	assert_false(p->zone.line[33]);
	assert_int_equal(shadow(P_UART + PL011_IMSC), 0);
	assert_int_equal(shadow(P_UART + PL011_CR), 0x300);
}

/* ------------------------------------------------------------------- clock */

static uint32_t clock_now = 1000;

static uint32_t test_now(void)
{
	return clock_now;
}

static void clock_registers(void **state)
{
	struct pl031_state s;

	(void)state;
	pl031_reset(&s);
	assert_int_equal(pl031_read(&s, PL031_DR, 77), 77);
	assert_int_equal(pl031_read(&s, PL031_CR, 77), 1);
	assert_int_equal(pl031_read(&s, 0xfe0, 0), 0x31);
	assert_int_equal(pl031_alarm(&s, 77), PL031_NO_ALARM);
	pl031_write(&s, PL031_LR, 500, 77);
	assert_int_equal(pl031_read(&s, PL031_DR, 80), 503);
	pl031_write(&s, PL031_MR, 510, 80);
	assert_int_equal(pl031_alarm(&s, 80), 7);
	pl031_tick(&s, 86);
	assert_int_equal(pl031_read(&s, PL031_RIS, 86), 0);
	pl031_tick(&s, 90);
	assert_int_equal(pl031_read(&s, PL031_RIS, 90), 1);
	assert_false(pl031_line(&s));
	pl031_write(&s, PL031_IMSC, 1, 90);
	assert_true(pl031_line(&s));
	pl031_write(&s, PL031_ICR, 1, 90);
	assert_false(pl031_line(&s));
	/* In the past: nothing to wait for.  Now: at once. */
	pl031_write(&s, PL031_MR, 400, 90);
	assert_int_equal(pl031_alarm(&s, 90), PL031_NO_ALARM);
	pl031_write(&s, PL031_MR, 513, 90);
	assert_true(pl031_line(&s));
}

static void clock_on_zone(void **state)
{
	(void)state;
	p->io.rtc.now = test_now;
	clock_now = 1000;
	assert_int_equal(get(P_RTC + PL031_DR), 1000);
	set(P_RTC + PL031_LR, 5000);
	assert_int_equal(shadow(P_RTC + PL031_LR), 5000);
	set(P_RTC + PL031_IMSC, 1);
	set(P_RTC + PL031_MR, 5010);
	event_pump_advance(&p->pump, 9999);
	assert_false(p->zone.line[34]);
	/* The host's clock went back a little: it is waited for again. */
	clock_now = 1008;
	event_pump_advance(&p->pump, 1);
	assert_false(p->zone.line[34]);
	clock_now = 1010;
	event_pump_advance(&p->pump, 2000);
	assert_true(p->zone.line[34]);
	assert_int_equal(shadow(P_RTC + PL031_MIS), 1);
	set(P_RTC + PL031_ICR, 1);
	assert_false(p->zone.line[34]);
	/* What the guest set stays through a reset. */
	io_process_reset(&p->io);
	assert_int_equal(get(P_RTC + PL031_DR), 5010);
	assert_int_equal(shadow(P_RTC + PL031_IMSC), 0);
}

/* -------------------------------------------------------------------- GPIO */

static void gpio_registers(void **state)
{
	struct pl061_state s;

	(void)state;
	pl061_reset(&s);
	pl061_set_input(&s, 3, true);
	pl061_set_input(&s, 0, true);
	assert_int_equal(pl061_read(&s, 0x3fc), 9);
	assert_int_equal(pl061_read(&s, 8 << 2), 8);
	pl061_write(&s, PL061_DIR, 0xf0);
	pl061_write(&s, 0x3fc, 0xff);
	assert_int_equal(pl061_read(&s, 0x3fc), 0xf9);
	pl061_write(&s, 0x10 << 2, 0); /* only line 4 */
	assert_int_equal(pl061_read(&s, 0x3fc), 0xe9);
	assert_int_equal(pl061_read(&s, 0xfe0), 0x61);
}

static void gpio_edges_and_levels(void **state)
{
	struct pl061_state s;

	(void)state;
	pl061_reset(&s);
	pl061_write(&s, PL061_IEV, 8); /* rising */
	pl061_write(&s, PL061_IE, 8);
	pl061_set_input(&s, 3, true);
	assert_true(pl061_line(&s));
	pl061_write(&s, PL061_IC, 8);
	assert_false(pl061_line(&s));
	pl061_set_input(&s, 3, false);
	assert_false(pl061_line(&s));
	pl061_write(&s, PL061_IBE, 8); /* both */
	pl061_set_input(&s, 3, true);
	pl061_write(&s, PL061_IC, 8);
	pl061_set_input(&s, 3, false);
	assert_true(pl061_line(&s));
	pl061_write(&s, PL061_IC, 8);
	pl061_write(&s, PL061_IS, 8); /* level, high */
	assert_false(pl061_line(&s));
	pl061_set_input(&s, 3, true);
	pl061_write(&s, PL061_IC, 8);
	assert_true(pl061_line(&s));
	assert_int_equal(pl061_read(&s, PL061_MIS), 8);
	pl061_set_input(&s, 3, false);
	assert_false(pl061_line(&s));
}

static void power_key(void **state)
{
	(void)state;
	set(P_GPIO + PL061_IEV, 8);
	set(P_GPIO + PL061_IE, 8);
	io_process_power_key(&p->io);
	assert_true(p->zone.line[39]);
	assert_int_equal(shadow(P_GPIO + PL061_MIS), 8);
	assert_int_equal(get(P_GPIO + (8 << 2)), 8);
	set(P_GPIO + PL061_IC, 8);
	assert_false(p->zone.line[39]);
	event_pump_advance(&p->pump, GPIO_PRESS_MS - 1);
	assert_int_equal(get(P_GPIO + 0x3fc), 8);
	event_pump_advance(&p->pump, 1);
	assert_int_equal(get(P_GPIO + 0x3fc), 0);
	assert_false(p->zone.line[39]);
}

static void hold_on(unsigned int presses)
{
	for (unsigned int i = 0; i < presses; i++) {
		event_pump_advance(&p->pump, GPIO_PRESS_MS);
	}
}

static void power_key_waits_for_a_look(void **state)
{
	(void)state;
	io_process_power_key(&p->io);
	hold_on(2);
	assert_int_equal(get(P_GPIO + (4 << 2)), 0); /* of another line */
	hold_on(1);
	assert_int_equal(get(P_GPIO + (8 << 2)), 8);
	hold_on(1);
	assert_int_equal(get(P_GPIO + (8 << 2)), 0);
	/* pressed again: not seen yet, and not for ever */
	io_process_power_key(&p->io);
	hold_on(GPIO_PRESSES_MAX - 1);
	assert_int_equal(p->io.gpio.state.regs.input, 8);
	hold_on(1);
	assert_int_equal(p->io.gpio.state.regs.input, 0);
}

static void power_key_held_by_the_dead(void **state)
{
	(void)state;
	set(P_GPIO + PL061_IEV, 8);
	set(P_GPIO + PL061_IE, 8);
	io_process_power_key(&p->io);
	process_kill(p);
	p->zone.line[39] = false;
	assert_int_equal(process_start(p), 0);
	assert_true(p->zone.line[39]);
	assert_int_equal(get(P_GPIO + 0x3fc), 8);
	event_pump_advance(&p->pump, GPIO_PRESS_MS);
	assert_int_equal(get(P_GPIO + 0x3fc), 0);
}

#define PURE(name) cmocka_unit_test(name)
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PURE(pl011_defaults),
		PURE(pl011_transmit_interrupt),
		PURE(pl011_fifo),
		PURE(pl011_holding_register),
		PURE(pl011_masks),
		TEST(uart_output),
		TEST(uart_output_is_batched),
		TEST(uart_input),
		TEST(uart_restart),
		TEST(uart_zone_reset),
		PURE(clock_registers),
		TEST(clock_on_zone),
		PURE(gpio_registers),
		PURE(gpio_edges_and_levels),
		TEST(power_key),
		TEST(power_key_waits_for_a_look),
		TEST(power_key_held_by_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
