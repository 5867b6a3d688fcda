/* SPDX-License-Identifier: BSD-2-Clause */
/* Monitors between a device and hvd: the test is all three. */
#include "display/display_hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/display_picture.h"
#include "display/display_sandbox.h"
#include "display/display_socket.h"
#include "display/display_tls.h"
#include "gpu/gpu_wire.h"
#include "support/event_pump.h"

#define HEADS 2u
#define MEMORY (1u << 20)

static struct {
	struct event_pump pump;
	struct display_hub hub;
	int device;
	int link[HEADS];
	unsigned int viewers; /* times that they were told */
	unsigned int monitors;
	uint32_t head;
	struct display_monitor monitor;
} t;

/* Nobody comes to see it here. */
int display_child_start(struct display_child *child,
			const struct display_child_task *task)
{
	(void)child;
	(void)task;
	return -ENOSYS;
}

void display_child_forget(struct display_child *child)
{
	(void)child;
}

int display_sandbox_child(void)
{
	return 0;
}

int display_viewer_run(void *argument)
{
	(void)argument;
	return 0;
}

int display_sandbox_tls(void)
{
	return 0;
}

int display_tls_run(void *argument)
{
	(void)argument;
	return 0;
}

static void on_viewers(struct display_hub *hub, size_t count)
{
	(void)hub;
	(void)count;
	t.viewers++;
}

static void on_shows(struct display_hub *hub, uint32_t head, uint32_t width,
		     uint32_t height)
{
	(void)hub;
	(void)head;
	(void)width;
	(void)height;
}

static void on_monitor(struct display_hub *hub, uint32_t head,
		       const struct display_monitor *monitor)
{
	(void)hub;
	t.monitors++;
	t.head = head;
	t.monitor = *monitor;
}

static void run(void)
{
	assert_true(event_pump_run(&t.pump));
}

static void send_to(int fd, const struct display_message *message)
{
	assert_int_equal(display_socket_send(fd, message), 0);
	run();
}

static void assert_quiet(int fd)
{
	struct display_message message;

	assert_int_equal(display_socket_receive(fd, &message), -EAGAIN);
}

static struct display_message hear(int fd, uint32_t type)
{
	struct display_message message;

	assert_int_equal(display_socket_receive(fd, &message), 0);
	assert_int_equal(message.type, type);
	return message;
}

static void attach_device(void)
{
	const struct display_message hello = {
		.type = DISPLAY_HELLO,
		.hello = { DISPLAY_VERSION, HEADS },
	};
	int pair[2];

	if (t.device >= 0) {
		close(t.device);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	t.device = pair[0];
	display_hub_set_device(&t.hub, pair[1]);
	send_to(t.device, &hello);
}

/* They are told what there is, which is nothing. */
static void open_monitors(void)
{
	assert_int_equal(display_hub_open_monitors(&t.hub, t.link), 0);
	run();
	for (uint32_t head = 0; head < HEADS; head++) {
		assert_int_equal(
			hear(t.link[head], DISPLAY_SCANOUT).scanout.format, 0);
		assert_int_equal(
			hear(t.link[head], DISPLAY_POINTER).pointer.format, 0);
		assert_quiet(t.link[head]);
	}
}

static int setup(void **state)
{
	static const uint8_t memory[MEMORY];

	(void)state;
	memset(&t, 0, sizeof(t));
	event_pump_init(&t.pump);
	t.device = -1;
	t.hub.loop = &t.pump.loop;
	t.hub.memory = memory;
	t.hub.memory_size = MEMORY;
	t.hub.heads = HEADS;
	t.hub.zone = "z";
	t.hub.on_viewers = on_viewers;
	t.hub.on_shows = on_shows;
	t.hub.on_monitor = on_monitor;
	display_hub_init(&t.hub);
	attach_device();
	open_monitors();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	display_hub_fini(&t.hub);
	close(t.device);
	for (uint32_t head = 0; head < HEADS; head++) {
		close(t.link[head]);
	}
	assert_int_equal(t.viewers, 0);
	assert_int_equal(event_pump_fini(&t.pump), 0);
	return 0;
}

static struct display_message monitor_of(const char *connector, uint32_t width,
					 uint32_t height)
{
	struct display_message message = {
		.type = DISPLAY_MONITOR,
		.monitor = { .width = width, .height = height },
	};

	strcpy(message.monitor.connector, connector);
	return message;
}

static struct display_message mode_of(uint32_t width, uint32_t height)
{
	return (struct display_message){
		.type = DISPLAY_MODE,
		.head = 77, /* its link says which it is */
		.mode = { width, height },
	};
}

static struct display_message pointer_on(uint32_t head, uint32_t x,
					 bool has_picture)
{
	return (struct display_message){
		.type = DISPLAY_POINTER,
		.head = head,
		.pointer = {
			.x = x,
			.y = 5,
			.has_picture = has_picture,
			.format = has_picture ? GPU_B8G8R8A8 : 0,
			.stride = 256,
		},
	};
}

static void each_is_told_of_its_head(void **state)
{
	const struct display_message scanout = {
		.type = DISPLAY_SCANOUT,
		.head = 1,
		.scanout = { GPU_B8G8R8X8, 100, 50, 400, 0 },
	};
	const struct display_message damage = {
		.type = DISPLAY_DAMAGE,
		.head = 1,
		.damage = { 1, 2, 3, 4 },
	};

	(void)state;
	send_to(t.device, &scanout);
	send_to(t.device, &damage);
	assert_int_equal(hear(t.link[1], DISPLAY_SCANOUT).scanout.width, 100);
	assert_int_equal(hear(t.link[1], DISPLAY_DAMAGE).damage.height, 4);
	assert_quiet(t.link[1]);
	assert_quiet(t.link[0]);
}

/* Which draws it, while viewers have their own. */
static void a_monitor_is_told_where_the_pointer_is(void **state)
{
	struct display_message message = pointer_on(0, 7, true);
	struct display_message told;

	(void)state;
	send_to(t.device, &message);
	told = hear(t.link[0], DISPLAY_POINTER);
	assert_int_equal(told.pointer.x, 7);
	assert_int_equal(told.pointer.has_picture, 1);
	(void)hear(t.link[1], DISPLAY_POINTER);
	/* Its picture once, and who does not have it hears nothing. */
	message = pointer_on(0, 8, false);
	send_to(t.device, &message);
	told = hear(t.link[0], DISPLAY_POINTER);
	assert_int_equal(told.pointer.x, 8);
	assert_int_equal(told.pointer.has_picture, 0);
	assert_quiet(t.link[1]);
	/* To another head it takes it along, and is where it is. */
	message = pointer_on(1, 9, false);
	send_to(t.device, &message);
	assert_int_equal(hear(t.link[0], DISPLAY_POINTER).pointer.format, 0);
	told = hear(t.link[1], DISPLAY_POINTER);
	assert_int_equal(told.pointer.x, 9);
	assert_int_equal(told.pointer.has_picture, 1);
	assert_int_equal(told.pointer.format, GPU_B8G8R8A8);
}

static void a_new_device_is_told_of_modes(void **state)
{
	struct display_message mode = mode_of(1920, 1080);
	struct display_message monitor = monitor_of("DP-1", 1920, 1080);
	struct display_message told;

	(void)state;
	send_to(t.link[1], &monitor);
	send_to(t.link[1], &mode);
	assert_int_equal(t.monitors, 1);
	assert_int_equal(t.head, 1);
	assert_string_equal(t.monitor.connector, "DP-1");
	told = hear(t.device, DISPLAY_MODE);
	assert_int_equal(told.head, 1);
	assert_int_equal(told.mode.width, 1920);
	attach_device();
	told = hear(t.device, DISPLAY_MODE);
	assert_int_equal(told.head, 1);
	assert_int_equal(told.mode.height, 1080);
	assert_quiet(t.device);
	/* Not of what has been plugged out. */
	monitor = monitor_of("", 0, 0);
	send_to(t.link[1], &monitor);
	attach_device();
	assert_quiet(t.device);
}

static void assert_refused(const struct display_message *message)
{
	struct display_message answer;
	unsigned int monitors = t.monitors;

	send_to(t.link[0], message);
	assert_int_equal(display_socket_receive(t.link[0], &answer), -EPIPE);
	assert_quiet(t.device);
	assert_int_equal(t.monitors, monitors);
	/* Both are given again. */
	close(t.link[0]);
	close(t.link[1]);
	open_monitors();
}

/* The process that has the card has no keys, and is no viewer. */
static void what_a_monitor_may_not_say_ends_its_link(void **state)
{
	struct display_message message = { .type = DISPLAY_KEY,
					   .key = { 30, 1 } };

	(void)state;
	assert_refused(&message);
	message = (struct display_message){ .type = DISPLAY_MOTION };
	assert_refused(&message);
	message = (struct display_message){
		.type = DISPLAY_HELLO,
		.hello = { DISPLAY_VERSION, 1 },
	};
	assert_refused(&message);
	message = mode_of(639, 480);
	assert_refused(&message);
	message = mode_of(4097, 480);
	assert_refused(&message);
	message = monitor_of("DP-1", DISPLAY_SIDE_MAX + 1, 1);
	assert_refused(&message);
	message = monitor_of("DP-1", 1, DISPLAY_SIDE_MAX + 1);
	assert_refused(&message);
	message = monitor_of("DP-1", 640, 480);
	memset(message.monitor.connector, 'x',
	       sizeof(message.monitor.connector));
	assert_refused(&message);
}

static void links_end_together(void **state)
{
	struct display_message message;

	(void)state;
	display_hub_close_monitors(&t.hub);
	for (uint32_t head = 0; head < HEADS; head++) {
		assert_int_equal(display_socket_receive(t.link[head], &message),
				 -EPIPE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_is_told_of_its_head, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_monitor_is_told_where_the_pointer_is, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_new_device_is_told_of_modes,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_a_monitor_may_not_say_ends_its_link, setup,
			teardown),
		cmocka_unit_test_setup_teardown(links_end_together, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
