/* SPDX-License-Identifier: BSD-2-Clause */
/* The device's end of the display socket: the test is the other end. */
#include "display/display_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/event_pump.h"

#define HEADS 2u

static struct {
	struct event_pump pump;
	struct display_link link;
	int peer;
	unsigned int heard;
	char last[64]; /* what was heard last, and its values */
	int32_t a;
	int32_t b;
	int32_t c;
	uint32_t down; /* keys and buttons */
	unsigned int wrongs;
} t;

static void note(const char *what, int32_t a, int32_t b, int32_t c)
{
	t.heard++;
	strcpy(t.last, what);
	t.a = a;
	t.b = b;
	t.c = c;
}

static void on_key(void *owner, uint32_t code, bool down)
{
	assert_ptr_equal(owner, &t);
	t.down += down ? 1u : -1u;
	note("key", (int32_t)code, down, 0);
}

static void on_motion(void *owner, uint32_t head, uint32_t x, uint32_t y)
{
	assert_ptr_equal(owner, &t);
	note("motion", (int32_t)head, (int32_t)x, (int32_t)y);
}

static void on_button(void *owner, uint32_t button, bool down)
{
	assert_ptr_equal(owner, &t);
	t.down += down ? 1u : -1u;
	note("button", (int32_t)button, down, 0);
}

static void on_wheel(void *owner, int32_t dx, int32_t dy)
{
	assert_ptr_equal(owner, &t);
	note("wheel", dx, dy, 0);
}

static void on_mode(void *owner, uint32_t head, uint32_t width, uint32_t height)
{
	assert_ptr_equal(owner, &t);
	note("mode", (int32_t)head, (int32_t)width, (int32_t)height);
}

static void on_wrong(void *owner, const char *why)
{
	assert_ptr_equal(owner, &t);
	assert_non_null(why);
	t.wrongs++;
}

static const struct display_link_ops ops = { on_key,   on_motion, on_button,
					     on_wheel, on_mode,	  on_wrong };

static void run(void)
{
	assert_true(event_pump_run(&t.pump));
}

static void connect_peer(void)
{
	int fd[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	t.peer = fd[1];
	assert_int_equal(display_link_connect(&t.link, fd[0]), 0);
	run();
}

static bool get(struct display_message *ret)
{
	return recv(t.peer, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret);
}

static struct display_message expect(uint32_t type, uint32_t head)
{
	struct display_message message = { 0 };

	assert_true(get(&message));
	assert_int_equal(message.type, type);
	assert_int_equal(message.head, head);
	return message;
}

static void expect_nothing(void)
{
	struct display_message message;

	assert_false(get(&message));
}

static void expect_greeting(void)
{
	struct display_message hello = expect(DISPLAY_HELLO, 0);

	assert_int_equal(hello.hello.version, DISPLAY_VERSION);
	assert_int_equal(hello.hello.heads, HEADS);
}

static void expect_all(void)
{
	expect_greeting();
	expect(DISPLAY_SCANOUT, 0);
	expect(DISPLAY_SCANOUT, 1);
	assert_int_equal(expect(DISPLAY_POINTER, t.link.pointer.scanout)
				 .pointer.has_picture,
			 1);
	expect_nothing();
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	event_pump_init(&t.pump);
	display_link_init(&t.link, &t.pump.loop, HEADS, &ops, &t);
	connect_peer();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	display_link_fini(&t.link);
	close(t.peer);
	return event_pump_fini(&t.pump) == 0 ? 0 : -1;
}

static const struct gpu_picture picture = { 2, 640, 480, 2560, 8192 };

static void show(uint32_t head, const struct gpu_picture *p)
{
	display_link_output.scanout(&t.link, head, p);
}

static void damage(uint32_t head, uint32_t x, uint32_t y, uint32_t w,
		   uint32_t h)
{
	display_link_output.damage(&t.link, head,
				   &(struct video_rect){ x, y, w, h });
}

static void send_raw(const void *message, size_t len)
{
	assert_int_equal(send(t.peer, message, len, MSG_NOSIGNAL), len);
	run();
}

static void tell(const struct display_message *message)
{
	send_raw(message, sizeof(*message));
}

/* ----------------------------------------------------------------- speaking */

static void begins_with_all(void **state)
{
	(void)state;
	expect_all();
}

static void tells_what_is_shown(void **state)
{
	struct display_message m;

	(void)state;
	expect_all();
	show(1, &picture);
	run();
	m = expect(DISPLAY_SCANOUT, 1);
	assert_int_equal(m.scanout.format, 2);
	assert_int_equal(m.scanout.width, 640);
	assert_int_equal(m.scanout.height, 480);
	assert_int_equal(m.scanout.stride, 2560);
	assert_int_equal(m.scanout.offset, 8192);
	damage(1, 10, 20, 30, 40);
	run();
	m = expect(DISPLAY_DAMAGE, 1);
	assert_int_equal(m.damage.x, 10);
	assert_int_equal(m.damage.y, 20);
	assert_int_equal(m.damage.width, 30);
	assert_int_equal(m.damage.height, 40);
	expect_nothing();
}

static void merges_the_damage_of_a_turn(void **state)
{
	struct display_message m;

	(void)state;
	show(0, &picture);
	run();
	while (get(&m)) {}
	damage(0, 100, 100, 10, 10);
	damage(0, 50, 200, 5, 50);
	damage(0, 60, 120, 5, 5);
	run();
	m = expect(DISPLAY_DAMAGE, 0);
	assert_int_equal(m.damage.x, 50);
	assert_int_equal(m.damage.y, 100);
	assert_int_equal(m.damage.width, 60);
	assert_int_equal(m.damage.height, 150);
	expect_nothing();
	/* All of a new picture has changed, whatever was before. */
	damage(0, 600, 400, 40, 80);
	show(0, &(struct gpu_picture){ 2, 64, 64, 256, 4096 });
	damage(0, 0, 0, 64, 64);
	run();
	expect(DISPLAY_SCANOUT, 0);
	expect_nothing();
}

static void tells_of_the_pointer(void **state)
{
	const struct gpu_picture cursor = { 1, 64, 64, 256, 12288 };
	struct gpu_pointer pointer = { 1, 5, 6, 7, 0xffffffff };
	struct display_message m;

	(void)state;
	expect_all();
	display_link_output.pointer(&t.link, &pointer, &cursor);
	/* Moved before that was told: the picture is not forgotten. */
	pointer.x = 9;
	display_link_output.pointer(&t.link, &pointer, NULL);
	run();
	m = expect(DISPLAY_POINTER, 1);
	assert_int_equal(m.pointer.x, 9);
	assert_int_equal(m.pointer.y, 6);
	assert_int_equal(m.pointer.hot_x, 7);
	assert_int_equal(m.pointer.hot_y, 63);
	assert_int_equal(m.pointer.has_picture, 1);
	assert_int_equal(m.pointer.format, 1);
	assert_int_equal(m.pointer.stride, 256);
	assert_int_equal(m.pointer.offset, 12288);
	display_link_output.pointer(&t.link, &pointer, NULL);
	run();
	m = expect(DISPLAY_POINTER, 1);
	assert_int_equal(m.pointer.has_picture, 0);
	assert_int_equal(m.pointer.offset, 0);
	expect_nothing();
}

static void outlasts_who_never_reads(void **state)
{
	const struct gpu_picture last = { 2, 320, 240, 1280, 65536 };
	struct display_message m;
	unsigned int got = 0;

	(void)state;
	show(0, &picture);
	for (uint32_t i = 0; i < 100000; i++) {
		damage(0, i % 640, i % 480, 1, 1);
		if (i % 3 == 0) {
			event_pump_turn(&t.pump);
		}
	}
	assert_true(t.link.full);
	run();
	show(1, &last);
	damage(1, 0, 0, 1, 1);
	/* It reads at last. */
	do {
		while (get(&m)) {
			got++;
		}
		run();
	} while (get(&m) && ++got < 100000);
	assert_true(got < 10000);
	assert_false(t.link.full);
	assert_int_equal(t.link.head[0].damage.width, 0);
	assert_int_equal(m.type, DISPLAY_SCANOUT);
	assert_int_equal(m.head, 1);
	assert_int_equal(m.scanout.offset, 65536);
	assert_int_equal(t.wrongs, 0);
	/* What it was told in the end covers what was merged meanwhile. */
	damage(0, 1, 1, 1, 1);
	run();
	expect(DISPLAY_DAMAGE, 0);
	expect_nothing();
}

static void a_full_socket_costs_no_turns(void **state)
{
	(void)state;
	show(0, &picture);
	while (!t.link.full) {
		damage(0, 0, 0, 1, 1);
		event_pump_turn(&t.pump);
	}
	run();
	damage(0, 0, 0, 1, 1);
	show(0, &picture);
	assert_false(event_pump_turn(&t.pump));
}

/* ------------------------------------------------------------------ hearing */

static void hears(void **state)
{
	struct display_message m = { .type = DISPLAY_KEY };

	(void)state;
	m.key = (struct display_key){ 30, 1 };
	tell(&m);
	assert_string_equal(t.last, "key");
	assert_int_equal(t.a, 30);
	assert_int_equal(t.b, 1);
	tell(&m); /* it is held */
	assert_int_equal(t.heard, 2);
	assert_int_equal(t.b, 1);
	m.key.down = 0;
	tell(&m);
	assert_int_equal(t.b, 0);
	tell(&m);
	assert_int_equal(t.heard, 3);
	m = (struct display_message){ .type = DISPLAY_MOTION, .head = 1 };
	m.motion = (struct display_motion){ DISPLAY_AXIS_MAX, 17, 0 };
	tell(&m);
	assert_string_equal(t.last, "motion");
	assert_int_equal(t.a, 1);
	assert_int_equal(t.b, DISPLAY_AXIS_MAX);
	assert_int_equal(t.c, 17);
	m.motion.buttons = 4;
	tell(&m);
	assert_string_equal(t.last, "button");
	assert_int_equal(t.a, 2);
	assert_int_equal(t.b, 1);
	m = (struct display_message){ .type = DISPLAY_WHEEL };
	m.wheel = (struct display_wheel){ -127, 127 };
	tell(&m);
	assert_string_equal(t.last, "wheel");
	assert_int_equal(t.a, -127);
	assert_int_equal(t.b, 127);
	m = (struct display_message){ .type = DISPLAY_MODE, .head = 1 };
	m.mode = (struct display_mode){ 4096, 480 };
	tell(&m);
	assert_string_equal(t.last, "mode");
	assert_int_equal(t.b, 4096);
	assert_int_equal(t.c, 480);
	assert_int_equal(t.wrongs, 0);
	assert_true(t.link.fd >= 0);
}

static void press_some(void)
{
	struct display_message m = { .type = DISPLAY_KEY };

	m.key = (struct display_key){ 1, 1 };
	tell(&m);
	m.key = (struct display_key){ DISPLAY_KEY_MAX, 1 };
	tell(&m);
	m = (struct display_message){ .type = DISPLAY_MOTION };
	m.motion.buttons = 0x11;
	tell(&m);
	assert_int_equal(t.down, 4);
}

static void lets_go_when_the_socket_ends(void **state)
{
	(void)state;
	press_some();
	close(t.peer);
	t.peer = -1;
	run();
	assert_int_equal(t.down, 0);
	assert_int_equal(t.link.fd, -1);
	assert_int_equal(t.wrongs, 0);
	/* Nobody looks; what goes on meanwhile is what the next one is told. */
	show(0, &picture);
	damage(0, 0, 0, 1, 1);
	run();
	connect_peer();
	expect_greeting();
	assert_int_equal(expect(DISPLAY_SCANOUT, 0).scanout.offset, 8192);
	expect(DISPLAY_SCANOUT, 1);
	expect(DISPLAY_POINTER, 0);
	expect_nothing();
}

static void another_socket_replaces_it(void **state)
{
	int old = t.peer;
	struct display_message m;

	(void)state;
	press_some();
	connect_peer();
	assert_int_equal(t.down, 0);
	expect_all();
	while (recv(old, &m, sizeof(m), 0) > 0) {}
	assert_int_equal(recv(old, &m, sizeof(m), 0), 0);
	close(old);
}

static void breaks(const struct display_message *m, size_t len)
{
	unsigned int heard;

	press_some();
	heard = t.heard;
	send_raw(m, len);
	assert_int_equal(t.wrongs, 1);
	assert_int_equal(t.link.fd, -1);
	assert_int_equal(t.down, 0);
	assert_int_equal(t.heard, heard + 4); /* letting go */
	t.wrongs = 0;
	close(t.peer);
	connect_peer();
}

static void breaks_key(uint32_t code, uint32_t down)
{
	struct display_message m = { .type = DISPLAY_KEY };

	m.key = (struct display_key){ code, down };
	breaks(&m, sizeof(m));
}

static void breaks_motion(uint32_t head, uint32_t x, uint32_t y, uint32_t down)
{
	struct display_message m = { .type = DISPLAY_MOTION, .head = head };

	m.motion = (struct display_motion){ x, y, down };
	breaks(&m, sizeof(m));
}

static void breaks_wheel(int32_t dx, int32_t dy)
{
	struct display_message m = { .type = DISPLAY_WHEEL };

	m.wheel = (struct display_wheel){ dx, dy };
	breaks(&m, sizeof(m));
}

static void breaks_mode(uint32_t head, uint32_t width, uint32_t height)
{
	struct display_message m = { .type = DISPLAY_MODE, .head = head };

	m.mode = (struct display_mode){ width, height };
	breaks(&m, sizeof(m));
}

static void takes_no_nonsense(void **state)
{
	struct display_message m[2] = { { .type = DISPLAY_WHEEL } };

	(void)state;
	breaks(m, 1);
	breaks(m, sizeof(m[0]) - 1);
	breaks(m, sizeof(m[0]) + 1);
	breaks(m, sizeof(m));
	for (uint32_t type = 0; type < 30; type++) {
		if (type < DISPLAY_KEY || type > DISPLAY_MODE) {
			m[0].type = type;
			breaks(m, sizeof(m[0]));
		}
	}
	breaks_key(0, 1);
	breaks_key(DISPLAY_KEY_MAX + 1, 1);
	breaks_key(UINT32_MAX, 1);
	breaks_key(30, 2);
	breaks_motion(HEADS, 0, 0, 0);
	breaks_motion(0, DISPLAY_AXIS_MAX + 1, 0, 0);
	breaks_motion(0, 0, DISPLAY_AXIS_MAX + 1, 0);
	breaks_motion(0, 0, 0, 32);
	breaks_wheel(128, 0);
	breaks_wheel(INT32_MIN, 0);
	breaks_wheel(0, 128);
	breaks_wheel(0, -128);
	breaks_mode(HEADS, 640, 480);
	breaks_mode(0, 639, 480);
	breaks_mode(0, 4097, 480);
	breaks_mode(0, 640, 479);
	breaks_mode(0, 640, 2161);
}

static void survives_garbage(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		struct display_message m;
		uint8_t *bytes = (uint8_t *)&m;

		for (size_t at = 0; at < sizeof(m); at++) {
			seed = seed * 1103515245u + 12345u;
			bytes[at] = (seed >> 16) % 5 == 0
					    ? (uint8_t)(seed >> 24)
					    : 0;
		}
		m.type = 14 + seed % 7;
		tell(&m);
		assert_in_range(t.down, 0, 5000);
		if (t.link.fd < 0) {
			assert_int_equal(t.down, 0);
			close(t.peer);
			connect_peer();
		}
	}
	assert_in_range(t.wrongs, 100, 5000);
}

static void much_takes_several_turns(void **state)
{
	struct display_message m = { .type = DISPLAY_WHEEL };

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(send(t.peer, &m, sizeof(m), 0), sizeof(m));
	}
	event_pump_turn(&t.pump);
	assert_int_equal(t.heard, 64);
	run();
	assert_int_equal(t.heard, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(begins_with_all),
		TEST(tells_what_is_shown),
		TEST(merges_the_damage_of_a_turn),
		TEST(tells_of_the_pointer),
		TEST(outlasts_who_never_reads),
		TEST(a_full_socket_costs_no_turns),
		TEST(hears),
		TEST(lets_go_when_the_socket_ends),
		TEST(another_socket_replaces_it),
		TEST(takes_no_nonsense),
		TEST(survives_garbage),
		TEST(much_takes_several_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
