/* SPDX-License-Identifier: BSD-2-Clause */
/* Keyboard, tablet and mouse: what a driver is told of them, and when. */
#include "input/virtio_input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/input.h>
#include <linux/virtio_input.h>
#include <stdlib.h>
#include <string.h>

#include "support/event_pump.h"
#include "support/ring_driver.h"

#define RAM 0x10000ull
#define RAM_SIZE 0x20000ull
#define STATUS_RING (RAM + 0x4000)
#define DATA (RAM + 0x8000)
#define STATUS_DATA (RAM + 0xc000)
#define QUEUE 64u
#define STATUS_QUEUE 128u

static struct {
	struct event_pump pump;
	struct guest_mem gm;
	struct virtio_input input;
	struct ring_driver ring[2];
	uint8_t *ram;
	uint64_t mark[VIRTIO_QUEUES_MAX];
	unsigned int signals;
	unsigned int broken;
} t;

static void on_signal(struct virtio_device *dev, uint32_t q)
{
	t.signals += vq_should_signal(&dev->vq[q]);
}

static void on_broken(struct virtio_device *dev, const char *why)
{
	assert_non_null(why);
	vq_fini(&dev->vq[0]);
	vq_fini(&dev->vq[1]);
	t.broken++;
}

static const struct virtio_transport_ops transport = {
	.signal = on_signal,
	.broken = on_broken,
};

static void run(void)
{
	assert_true(event_pump_run(&t.pump));
}

/* A process on what there is. */
static void serve(enum input_kind kind)
{
	virtio_input_init(&t.input, &t.pump.loop, kind, "input0");
	t.input.dev.transport = &transport;
	t.input.dev.mark = t.mark;
}

static void start(void)
{
	for (uint32_t q = 0; q < 2; q++) {
		assert_int_equal(vq_init(&t.input.dev.vq[q], &t.gm,
					 &t.ring[q].at, VQ_F_EVENT_IDX),
				 0);
	}
	assert_int_equal(t.input.dev.ops->start(&t.input.dev, 0), 0);
	run();
}

/* The driver makes its queues. */
static void make_queues(void)
{
	ring_driver_init(&t.ring[0], &t.gm, RAM, QUEUE);
	ring_driver_init(&t.ring[1], &t.gm, STATUS_RING, STATUS_QUEUE);
	for (uint32_t q = 0; q < 2; q++) {
		t.mark[q] = t.input.dev.ops->mark_fresh(&t.input.dev, q);
	}
}

static void begin_at_rest(enum input_kind kind)
{
	memset(&t, 0, sizeof(t));
	t.ram = calloc(1, RAM_SIZE);
	event_pump_init(&t.pump);
	guest_mem_init(&t.gm);
	assert_int_equal(guest_mem_add(&t.gm, RAM, RAM_SIZE, t.ram), 0);
	serve(kind);
	make_queues();
}

static void begin(enum input_kind kind)
{
	begin_at_rest(kind);
	start();
}

static void on_stopped(struct virtio_device *dev)
{
	assert_ptr_equal(dev, &t.input.dev);
}

static void stop(void)
{
	t.input.dev.ops->stop(&t.input.dev, on_stopped);
}

static void end(void)
{
	stop();
	assert_int_equal(event_pump_fini(&t.pump), 0);
	free(t.ram);
}

/* As after a kill: nothing is left but memory and marks. */
static void succeed(void)
{
	enum input_kind kind = t.input.kind;

	assert_true(event_pump_fini(&t.pump) == 0);
	event_pump_init(&t.pump);
	serve(kind);
	start();
}

static void offer(uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		uint16_t i = t.ring[0].avail_idx % QUEUE;

		ring_driver_desc(&t.ring[0], t.ring[0].at.desc, i,
				 DATA + 8u * i, 8, VQ_DESC_WRITE, 0);
		ring_driver_offer(&t.ring[0], i);
	}
	t.input.dev.ops->kick(&t.input.dev, 0);
	run();
}

static bool take(struct virtio_input_event *ret)
{
	uint32_t head;
	uint32_t len;

	if (!ring_driver_take(&t.ring[0], &head, &len)) {
		return false;
	}
	assert_int_equal(len, 8);
	memcpy(ret, t.ram + (DATA - RAM) + 8u * head, 8);
	return true;
}

static void expect(uint16_t type, uint16_t code, int32_t value)
{
	struct virtio_input_event event;

	assert_true(take(&event));
	assert_int_equal(event.type, type);
	assert_int_equal(event.code, code);
	assert_int_equal((int32_t)event.value, value);
}

static void expect_key(uint16_t code, int32_t value)
{
	expect(EV_KEY, code, value);
	expect(EV_SYN, SYN_REPORT, 0);
}

static void expect_pair(uint16_t type, uint16_t a, int32_t av, uint16_t b,
			int32_t bv)
{
	expect(type, a, av);
	expect(type, b, bv);
	expect(EV_SYN, SYN_REPORT, 0);
}

static void expect_nothing(void)
{
	struct virtio_input_event event;

	assert_false(take(&event));
}

/* ------------------------------------------------------------------- config */

static struct virtio_input_config ask(uint8_t select, uint8_t subsel)
{
	struct virtio_input_config config;

	t.input.dev.ops->config_write(&t.input.dev, 0, &select, 1);
	t.input.dev.ops->config_write(&t.input.dev, 1, &subsel, 1);
	/* Whoever serves it then: the driver reads it afterwards. */
	serve(t.input.kind);
	for (uint32_t at = 0; at < sizeof(config); at += 4) {
		t.input.dev.ops->config_read(&t.input.dev, at,
					     (uint8_t *)&config + at, 4);
	}
	assert_int_equal(config.select, select);
	assert_int_equal(config.subsel, subsel);
	for (size_t i = config.size; i < sizeof(config.u); i++) {
		assert_int_equal(config.u.bitmap[i], 0);
	}
	return config;
}

static bool has(const struct virtio_input_config *config, uint32_t bit)
{
	return (config->u.bitmap[bit / 8] & 1u << bit % 8) != 0;
}

static void says_who_it_is(void **state)
{
	struct virtio_input_config c;

	(void)state;
	begin_at_rest(INPUT_KEYBOARD);
	assert_int_equal(t.input.dev.ops->config_len, sizeof(c));
	c = ask(VIRTIO_INPUT_CFG_ID_NAME, 0);
	assert_int_equal(c.size, strlen("Zonevisor keyboard"));
	assert_memory_equal(c.u.string, "Zonevisor keyboard", c.size);
	c = ask(VIRTIO_INPUT_CFG_ID_SERIAL, 0);
	assert_int_equal(c.size, 6);
	assert_memory_equal(c.u.string, "input0", 6);
	c = ask(VIRTIO_INPUT_CFG_ID_DEVIDS, 0);
	assert_int_equal(c.size, 8);
	assert_int_equal(c.u.ids.bustype, BUS_VIRTUAL);
	assert_int_equal(c.u.ids.product, 1);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_UNSET, 0).size, 0);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_PROP_BITS, 0).size, 0);
	assert_int_equal(ask(0xff, 0xff).size, 0);
	free(t.ram);
}

static void a_keyboard_has_keys(void **state)
{
	struct virtio_input_config c;

	(void)state;
	begin_at_rest(INPUT_KEYBOARD);
	c = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_KEY);
	assert_int_equal(c.size, 32);
	assert_false(has(&c, 0));
	for (uint32_t code = 1; code <= 248; code++) {
		assert_true(has(&c, code));
	}
	assert_false(has(&c, 249));
	c = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_LED);
	assert_int_equal(c.size, 1);
	assert_int_equal(c.u.bitmap[0], 7);
	/* The guest does not repeat keys by itself. */
	for (uint8_t type = 0; type < EV_CNT; type++) {
		if (type != EV_KEY && type != EV_LED) {
			c = ask(VIRTIO_INPUT_CFG_EV_BITS, type);
			assert_int_equal(c.size, 0);
		}
	}
	assert_int_equal(ask(VIRTIO_INPUT_CFG_ABS_INFO, ABS_X).size, 0);
	free(t.ram);
}

static void check_buttons(void)
{
	struct virtio_input_config c = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_KEY);

	assert_int_equal(c.size, 35);
	for (uint32_t code = 0; code < 35 * 8; code++) {
		assert_int_equal(has(&c, code),
				 code >= BTN_LEFT && code <= BTN_EXTRA);
	}
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_LED).size, 0);
}

static void a_tablet_has_axes(void **state)
{
	struct virtio_input_config c;

	(void)state;
	begin_at_rest(INPUT_TABLET);
	check_buttons();
	c = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_ABS);
	assert_int_equal(c.size, 1);
	assert_int_equal(c.u.bitmap[0], 1u << ABS_X | 1u << ABS_Y);
	c = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_REL);
	assert_int_equal(c.size, 2);
	assert_int_equal(c.u.bitmap[0], 1u << REL_HWHEEL);
	assert_int_equal(c.u.bitmap[1], 1u << (REL_WHEEL - 8));
	for (uint8_t axis = ABS_X; axis <= ABS_Y; axis++) {
		c = ask(VIRTIO_INPUT_CFG_ABS_INFO, axis);
		assert_int_equal(c.size, sizeof(c.u.abs));
		assert_int_equal(c.u.abs.min, 0);
		assert_int_equal(c.u.abs.max, 32767);
	}
	assert_int_equal(ask(VIRTIO_INPUT_CFG_ABS_INFO, ABS_Z).size, 0);
	free(t.ram);
}

static void a_mouse_moves(void **state)
{
	struct virtio_input_config c;

	(void)state;
	begin_at_rest(INPUT_MOUSE);
	check_buttons();
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_ABS).size, 0);
	c = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_REL);
	assert_int_equal(c.size, 2);
	assert_int_equal(c.u.bitmap[0],
			 1u << REL_X | 1u << REL_Y | 1u << REL_HWHEEL);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_ABS_INFO, ABS_X).size, 0);
	free(t.ram);
}

static void only_the_question_can_be_written(void **state)
{
	static const uint8_t ones[136] = { 1, 2, 0xff, 0xff };
	uint8_t config[136];

	(void)state;
	begin_at_rest(INPUT_KEYBOARD);
	t.input.dev.ops->config_write(&t.input.dev, 0, ones, 4);
	assert_int_equal(t.mark[7], 0x0201);
	t.input.dev.ops->config_write(&t.input.dev, 2, ones, 4);
	t.input.dev.ops->config_write(&t.input.dev, 132, ones, 4);
	assert_int_equal(t.mark[7], 0x0201);
	t.input.dev.ops->config_read(&t.input.dev, 0, config, 136);
	assert_int_equal(config[2], strlen("Zonevisor keyboard"));
	free(t.ram);
}

/* ------------------------------------------------------------------- events */

static void types(void **state)
{
	(void)state;
	begin(INPUT_KEYBOARD);
	offer(16);
	expect_nothing();
	virtio_input_key(&t.input, KEY_A, true);
	expect_key(KEY_A, 1);
	assert_int_equal(t.signals, 1);
	virtio_input_key(&t.input, KEY_A, true); /* is held */
	expect_key(KEY_A, 2);
	virtio_input_key(&t.input, KEY_A, false);
	expect_key(KEY_A, 0);
	virtio_input_key(&t.input, KEY_A, false);
	/* It does not have these. */
	virtio_input_key(&t.input, 0, true);
	virtio_input_key(&t.input, 249, true);
	virtio_input_key(&t.input, UINT32_MAX, true);
	virtio_input_button(&t.input, 0, true);
	virtio_input_at(&t.input, 1, 1);
	virtio_input_by(&t.input, 1, 1);
	virtio_input_wheel(&t.input, 1, 1);
	expect_nothing();
	assert_int_equal(t.input.events, 6);
	end();
}

/* Held keys do not pile up before a guest that is late. */
static void repeats_do_not_wait(void **state)
{
	(void)state;
	begin(INPUT_KEYBOARD);
	for (unsigned int i = 0; i < 10; i++) {
		virtio_input_key(&t.input, KEY_A, true);
	}
	offer(16);
	expect_key(KEY_A, 1);
	expect_nothing();
	virtio_input_key(&t.input, KEY_A, true);
	expect_key(KEY_A, 2);
	end();
}

static void points(void **state)
{
	(void)state;
	begin(INPUT_TABLET);
	offer(32);
	virtio_input_at(&t.input, 0, 0);
	expect_pair(EV_ABS, ABS_X, 0, ABS_Y, 0);
	virtio_input_at(&t.input, 32767, 5);
	expect_pair(EV_ABS, ABS_X, 32767, ABS_Y, 5);
	virtio_input_at(&t.input, 32767, 5);
	virtio_input_button(&t.input, 4, true);
	expect_key(BTN_EXTRA, 1);
	virtio_input_wheel(&t.input, 0, -2);
	expect_pair(EV_REL, REL_HWHEEL, 0, REL_WHEEL, -2);
	virtio_input_button(&t.input, INPUT_BUTTONS, true);
	virtio_input_key(&t.input, KEY_A, true);
	virtio_input_by(&t.input, 1, 1);
	virtio_input_wheel(&t.input, 0, 0);
	expect_nothing();
	end();
}

static void moves(void **state)
{
	(void)state;
	begin(INPUT_MOUSE);
	offer(16);
	virtio_input_by(&t.input, -3, 4);
	expect_pair(EV_REL, REL_X, -3, REL_Y, 4);
	virtio_input_at(&t.input, 1, 1);
	virtio_input_by(&t.input, 0, 0);
	expect_nothing();
	end();
}

/* A mouse whose driver has given buffers, and has none left. */
static void begin_without_buffers(void)
{
	begin(INPUT_MOUSE);
	offer(3);
	virtio_input_by(&t.input, 1, 1);
	expect_pair(EV_REL, REL_X, 1, REL_Y, 1);
}

static void merges_what_waits(void **state)
{
	(void)state;
	begin_without_buffers();
	for (int i = 0; i < 1000; i++) {
		virtio_input_by(&t.input, 2, -1);
	}
	virtio_input_button(&t.input, 0, true);
	virtio_input_by(&t.input, 7, 7);
	virtio_input_wheel(&t.input, 1, 1);
	virtio_input_wheel(&t.input, 1, -3);
	assert_int_equal(t.input.count, 4);
	offer(1);
	expect(EV_REL, REL_X, 2000);
	/* The guest has seen the half of it: the next is another. */
	offer(20);
	expect(EV_REL, REL_Y, -1000);
	expect(EV_SYN, SYN_REPORT, 0);
	expect_key(BTN_LEFT, 1);
	expect_pair(EV_REL, REL_X, 7, REL_Y, 7);
	expect_pair(EV_REL, REL_HWHEEL, 2, REL_WHEEL, -2);
	expect_nothing();
	end();
}

static void what_was_seen_is_not_merged(void **state)
{
	(void)state;
	begin(INPUT_TABLET);
	offer(1);
	virtio_input_at(&t.input, 1, 2);
	expect(EV_ABS, ABS_X, 1);
	virtio_input_at(&t.input, 3, 4);
	offer(8);
	expect(EV_ABS, ABS_Y, 2);
	expect(EV_SYN, SYN_REPORT, 0);
	expect_pair(EV_ABS, ABS_X, 3, ABS_Y, 4);
	expect_nothing();
	end();
}

static void merged_moves_have_an_end(void **state)
{
	(void)state;
	begin_without_buffers();
	for (int i = 0; i < 5; i++) {
		virtio_input_by(&t.input, INT32_MAX / 2, INT32_MIN / 2);
	}
	offer(3);
	expect_pair(EV_REL, REL_X, 1 << 20, REL_Y, -(1 << 20));
	end();
}

static void no_key_hangs(void **state)
{
	(void)state;
	begin(INPUT_KEYBOARD);
	offer(4);
	virtio_input_key(&t.input, KEY_A, true);
	virtio_input_key(&t.input, KEY_B, true);
	expect_key(KEY_A, 1);
	expect_key(KEY_B, 1);
	/* More than waits, with these two in it. */
	virtio_input_key(&t.input, KEY_A, false);
	virtio_input_key(&t.input, KEY_C, true);
	for (unsigned int i = 0; i < INPUT_FRAMES; i++) {
		virtio_input_key(&t.input, KEY_D, i % 2 == 0);
	}
	assert_true(t.input.lost);
	assert_int_equal(t.input.count, 0);
	virtio_input_key(&t.input, KEY_E, true);
	offer(60);
	expect_key(KEY_A, 0);
	expect_key(KEY_E, 1);
	expect_key(KEY_C, 1);
	expect_nothing();
	assert_false(t.input.lost);
	virtio_input_key(&t.input, KEY_B, false);
	expect_key(KEY_B, 0);
	end();
}

static void tells_more_than_fits(void **state)
{
	unsigned int down = 0;
	struct virtio_input_event event;

	(void)state;
	begin(INPUT_KEYBOARD);
	for (uint32_t code = 1; code <= INPUT_KEY_LAST; code++) {
		virtio_input_key(&t.input, code, true);
	}
	while (down < INPUT_KEY_LAST) {
		offer(QUEUE);
		while (take(&event)) {
			down += event.type == EV_KEY && event.value == 1;
		}
	}
	assert_int_equal(down, INPUT_KEY_LAST);
	offer(QUEUE);
	expect_nothing();
	end();
}

static void tells_where_after_a_flood(void **state)
{
	(void)state;
	begin(INPUT_TABLET);
	for (int i = 0; i < 100; i++) {
		virtio_input_at(&t.input, i, 2 * i);
		virtio_input_button(&t.input, 0, i % 2 == 0);
	}
	offer(60);
	expect_pair(EV_ABS, ABS_X, 99, ABS_Y, 198);
	expect_nothing();
	end();
}

static void a_flood_of_its_own_takes_turns(void **state)
{
	(void)state;
	begin(INPUT_KEYBOARD);
	for (uint32_t code = 1; code <= INPUT_KEY_LAST; code++) {
		virtio_input_key(&t.input, code, true);
	}
	for (uint16_t i = 0; i < QUEUE; i++) {
		ring_driver_desc(&t.ring[0], t.ring[0].at.desc, i,
				 DATA + 8u * i, 8, VQ_DESC_WRITE, 0);
	}
	/* A driver that takes back at once what it gave. */
	for (uint32_t i = 0; i < 2 * QUEUE; i++) {
		ring_driver_offer(&t.ring[0], i % QUEUE);
		if (i == QUEUE - 1) {
			t.input.dev.ops->kick(&t.input.dev, 0);
			assert_int_equal(t.input.events, QUEUE);
		}
	}
	run();
	assert_int_equal(t.input.events, 2 * QUEUE);
	end();
}

/* -------------------------------------------------- drivers and successors */

static void a_successor_lets_go(void **state)
{
	(void)state;
	begin(INPUT_KEYBOARD);
	offer(20);
	virtio_input_key(&t.input, KEY_LEFTCTRL, true);
	virtio_input_key(&t.input, KEY_C, true);
	virtio_input_key(&t.input, KEY_C, false);
	virtio_input_key(&t.input, KEY_MICMUTE, true);
	expect_key(KEY_LEFTCTRL, 1);
	expect_key(KEY_C, 1);
	expect_key(KEY_C, 0);
	expect_key(KEY_MICMUTE, 1);
	succeed();
	expect(EV_SYN, SYN_REPORT, 0);
	expect_key(KEY_LEFTCTRL, 0);
	expect_key(KEY_MICMUTE, 0);
	expect_nothing();
	/* And what is down then is known. */
	virtio_input_key(&t.input, KEY_C, true);
	expect_key(KEY_C, 1);
	end();
}

static void a_successor_ends_what_was_begun(void **state)
{
	(void)state;
	begin(INPUT_MOUSE);
	offer(1);
	virtio_input_button(&t.input, 1, true);
	expect(EV_KEY, BTN_RIGHT, 1);
	succeed();
	offer(5);
	expect(EV_SYN, SYN_REPORT, 0);
	expect_key(BTN_RIGHT, 0);
	expect_nothing();
	end();
}

static void a_new_driver_knows_nothing(void **state)
{
	(void)state;
	begin(INPUT_KEYBOARD);
	offer(4);
	virtio_input_key(&t.input, KEY_A, true);
	virtio_input_key(&t.input, KEY_B, true);
	stop();
	virtio_input_key(&t.input, KEY_A, false);
	virtio_input_key(&t.input, KEY_Z, true);
	make_queues();
	start();
	offer(10);
	/* What is held is held for it too. */
	expect_key(KEY_Z, 1);
	expect_key(KEY_B, 1);
	expect_nothing();
	end();
}

/* -------------------------------------------------------------- wrong rings */

static void offer_wrong(uint16_t flags, uint32_t len)
{
	begin(INPUT_KEYBOARD);
	ring_driver_desc(&t.ring[0], t.ring[0].at.desc, 0, DATA, len, flags, 1);
	ring_driver_desc(&t.ring[0], t.ring[0].at.desc, 1, DATA, 8,
			 VQ_DESC_WRITE, 0);
	ring_driver_offer(&t.ring[0], 0);
	t.input.dev.ops->kick(&t.input.dev, 0);
	virtio_input_key(&t.input, KEY_A, true);
	run();
	assert_int_equal(t.broken, 1);
	expect_nothing();
	virtio_input_key(&t.input, KEY_B, true);
	run();
	assert_int_equal(t.broken, 1);
	end();
}

static void refuses_wrong_buffers(void **state)
{
	(void)state;
	offer_wrong(0, 8); /* to be read */
	offer_wrong(VQ_DESC_NEXT, 8); /* also to be read */
	offer_wrong(VQ_DESC_WRITE, 7); /* no room */
}

static void offer_status(uint16_t i, uint16_t flags, uint32_t len)
{
	ring_driver_desc(&t.ring[1], t.ring[1].at.desc, i, STATUS_DATA, len,
			 flags, 0);
	ring_driver_offer(&t.ring[1], i);
}

static void takes_lamps(void **state)
{
	uint32_t head;
	uint32_t len;

	(void)state;
	begin(INPUT_KEYBOARD);
	for (uint16_t i = 0; i < STATUS_QUEUE; i++) {
		offer_status(i, 0, 8);
	}
	t.input.dev.ops->kick(&t.input.dev, 1);
	assert_int_equal(ring_driver_used_idx(&t.ring[1]), STATUS_QUEUE / 2);
	run();
	for (uint16_t i = 0; i < STATUS_QUEUE; i++) {
		assert_true(ring_driver_take(&t.ring[1], &head, &len));
		assert_int_equal(head, i);
		assert_int_equal(len, 0);
	}
	assert_int_equal(t.broken, 0);
	end();
}

static void refuses_wrong_lamps(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(INPUT_KEYBOARD);
		ring_driver_desc(&t.ring[1], t.ring[1].at.desc, 1, STATUS_DATA,
				 8, VQ_DESC_WRITE, 0);
		if (i == 0) {
			offer_status(0, 0, 7);
		} else { /* with room for an answer */
			ring_driver_desc(&t.ring[1], t.ring[1].at.desc, 0,
					 STATUS_DATA, 8, VQ_DESC_NEXT, 1);
			ring_driver_offer(&t.ring[1], 0);
		}
		t.input.dev.ops->kick(&t.input.dev, 1);
		run();
		assert_int_equal(t.broken, 1);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_who_it_is),
		cmocka_unit_test(a_keyboard_has_keys),
		cmocka_unit_test(a_tablet_has_axes),
		cmocka_unit_test(a_mouse_moves),
		cmocka_unit_test(only_the_question_can_be_written),
		cmocka_unit_test(types),
		cmocka_unit_test(repeats_do_not_wait),
		cmocka_unit_test(points),
		cmocka_unit_test(moves),
		cmocka_unit_test(merges_what_waits),
		cmocka_unit_test(what_was_seen_is_not_merged),
		cmocka_unit_test(merged_moves_have_an_end),
		cmocka_unit_test(no_key_hangs),
		cmocka_unit_test(tells_more_than_fits),
		cmocka_unit_test(tells_where_after_a_flood),
		cmocka_unit_test(a_flood_of_its_own_takes_turns),
		cmocka_unit_test(a_successor_lets_go),
		cmocka_unit_test(a_successor_ends_what_was_begun),
		cmocka_unit_test(a_new_driver_knows_nothing),
		cmocka_unit_test(refuses_wrong_buffers),
		cmocka_unit_test(takes_lamps),
		cmocka_unit_test(refuses_wrong_lamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
