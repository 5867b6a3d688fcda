/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_hub.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/container_of.h"
#include "display/display_picture.h"
#include "display/display_sandbox.h"
#include "display/display_socket.h"

/* Between two reports of sizes: a guest may change them as fast as it likes. */
#define NEWS_MS 250u
/* So many times in that time their number is told at once, and then at its end. */
#define COUNTS_AT_ONCE 10u
/* Between two lines in the log: strangers may knock as often as they like. */
#define REFUSAL_SECONDS 10

static bool get_bit(const uint8_t *bits, uint32_t i)
{
	return (bits[i / 8] >> i % 8 & 1) != 0;
}

static void set_bit(uint8_t *bits, uint32_t i, bool on)
{
	uint8_t bit = (uint8_t)(1u << i % 8);

	bits[i / 8] = on ? bits[i / 8] | bit : bits[i / 8] & (uint8_t)~bit;
}

/* --------------------------------------------------------------- to device */

static void drop_device(struct display_hub *hub, const char *why)
{
	if (hub->device < 0) {
		return;
	}
	if (why != NULL) {
		fprintf(stderr, "hvd-display: %s: device: %s\n", hub->zone,
			why);
	}
	event_unwatch(hub->loop, &hub->watch);
	close(hub->device);
	hub->device = -1;
}

/* Of keys and buttons of the device before, nothing is pressed any more. */
static void forget_input(struct display_hub *hub)
{
	memset(hub->releases, 0, sizeof(hub->releases));
	memset(hub->motion_due, 0, sizeof(hub->motion_due));
	memset(hub->mode_due, 0, sizeof(hub->mode_due));
	for (size_t i = 0; i < DISPLAY_LOOKS_MAX; i++) {
		memset(hub->viewers[i].keys, 0, sizeof(hub->viewers[i].keys));
		hub->viewers[i].motion.buttons = 0;
	}
}

/* false: it is to wait until the device reads. */
static bool send_device(struct display_hub *hub,
			const struct display_message *message)
{
	int rc;

	if (hub->device < 0) {
		return true;
	}
	rc = display_socket_send(hub->device, message);
	if (rc == -EAGAIN) {
		return false;
	}
	/* That it has gone is heard of when it is read from. */
	return true;
}

static void wait_for_device(struct display_hub *hub)
{
	if (!hub->waiting && hub->device >= 0) {
		hub->waiting = true;
		(void)event_watch(hub->loop, &hub->watch, hub->device,
				  EVENT_READ | EVENT_WRITE);
	}
}

static bool flush_releases(struct display_hub *hub)
{
	for (uint32_t code = 1; code <= DISPLAY_KEY_MAX; code++) {
		const struct display_message message = {
			.type = DISPLAY_KEY,
			.key = { .code = code, .down = 0 },
		};

		if (get_bit(hub->releases, code)) {
			if (!send_device(hub, &message)) {
				return false;
			}
			set_bit(hub->releases, code, false);
		}
	}
	return true;
}

static bool flush_head(struct display_hub *hub, uint32_t head)
{
	const struct display_message motion = {
		.type = DISPLAY_MOTION,
		.head = head,
		.motion = hub->motion[head],
	};
	const struct display_message mode = {
		.type = DISPLAY_MODE,
		.head = head,
		.mode = hub->mode[head],
	};

	if (hub->motion_due[head]) {
		if (!send_device(hub, &motion)) {
			return false;
		}
		hub->motion_due[head] = false;
	}
	if (hub->mode_due[head]) {
		if (!send_device(hub, &mode)) {
			return false;
		}
		hub->mode_due[head] = false;
	}
	return true;
}

/* What was due; keys first, since nothing else is worse to have stuck. */
static void flush_device(struct display_hub *hub)
{
	if (!flush_releases(hub)) {
		return;
	}
	for (uint32_t head = 0; head < hub->heads; head++) {
		if (!flush_head(hub, head)) {
			return;
		}
	}
	hub->waiting = false;
	if (hub->device >= 0) {
		(void)event_watch(hub->loop, &hub->watch, hub->device,
				  EVENT_READ);
	}
}

/* A press that finds no room is none; a release is due until it is sent. */
static void on_key(struct display_hub_viewer *viewer,
		   const struct display_message *message)
{
	struct display_hub *hub = viewer->hub;
	uint32_t code = message->key.code;
	bool down = message->key.down != 0;

	if (down) {
		if (!hub->waiting && send_device(hub, message)) {
			set_bit(viewer->keys, code, true);
		}
		return;
	}
	if (!get_bit(viewer->keys, code)) {
		return;
	}
	set_bit(viewer->keys, code, false);
	if (hub->waiting || !send_device(hub, message)) {
		set_bit(hub->releases, code, true);
		wait_for_device(hub);
	}
}

static void on_motion(struct display_hub_viewer *viewer,
		      const struct display_message *message)
{
	struct display_hub *hub = viewer->hub;

	viewer->motion = message->motion;
	if (hub->waiting || !send_device(hub, message)) {
		hub->motion[viewer->head] = message->motion;
		hub->motion_due[viewer->head] = true;
		wait_for_device(hub);
	}
}

static void on_mode(struct display_hub_viewer *viewer,
		    const struct display_message *message)
{
	struct display_hub *hub = viewer->hub;

	if (hub->waiting || !send_device(hub, message)) {
		hub->mode[viewer->head] = message->mode;
		hub->mode_due[viewer->head] = true;
		wait_for_device(hub);
	}
}

static void let_go(struct display_hub_viewer *viewer)
{
	struct display_message message = { .head = viewer->head };

	for (uint32_t code = 1; code <= DISPLAY_KEY_MAX; code++) {
		if (get_bit(viewer->keys, code)) {
			message.type = DISPLAY_KEY;
			message.key = (struct display_key){ code, 0 };
			on_key(viewer, &message);
		}
	}
	if (viewer->motion.buttons != 0) {
		message.type = DISPLAY_MOTION;
		message.motion = viewer->motion;
		message.motion.buttons = 0;
		on_motion(viewer, &message);
	}
}

/* -------------------------------------------------------------- to viewers */

/* Whoever comes and goes as fast as he can is not to make hvd hear of nothing else */
static void tell_count(struct display_hub *hub)
{
	if (hub->counts_told == COUNTS_AT_ONCE) {
		hub->count_due = true;
		return;
	}
	if (hub->counts_told++ == 0) {
		(void)event_timer(hub->loop, &hub->recount, NEWS_MS);
	}
	hub->on_viewers(hub, hub->count);
}

static void on_recount(struct event_timer *timer)
{
	struct display_hub *hub =
		container_of(timer, struct display_hub, recount);
	bool due = hub->count_due;

	(void)event_timer(hub->loop, timer, EVENT_NEVER);
	hub->counts_told = 0;
	hub->count_due = false;
	if (due) {
		tell_count(hub);
	}
}

static void close_viewer(struct display_hub_viewer *viewer)
{
	struct display_hub *hub = viewer->hub;

	if (viewer->fd < 0) {
		return;
	}
	event_unwatch(hub->loop, &viewer->watch);
	close(viewer->fd);
	viewer->fd = -1;
	let_go(viewer);
	if (viewer->entered) {
		viewer->entered = false;
		hub->count--;
		tell_count(hub);
	}
}

static struct display_pointer
pointer_of(const struct display_hub_viewer *viewer)
{
	const struct display_hub *hub = viewer->hub;

	return hub->pointer_head == viewer->head
		       ? hub->pointer
		       : (struct display_pointer){ .has_picture = 1 };
}

/* false: it is to wait until the viewer reads. */
static bool send_viewer(struct display_hub_viewer *viewer,
			const struct display_message *message)
{
	return display_socket_send(viewer->fd, message) != -EAGAIN;
}

/* A monitor's picture is one already: it takes what the guest draws. */
static bool send_scanout(struct display_hub_viewer *viewer)
{
	const struct display_hub *hub = viewer->hub;
	const struct display_message message = {
		.type = DISPLAY_SCANOUT,
		.head = viewer->head,
		.scanout = viewer->is_monitor ? hub->shown[viewer->head]
					      : hub->seen[viewer->head],
	};

	if (viewer->scanout_due && !send_viewer(viewer, &message)) {
		return false;
	}
	viewer->scanout_due = false;
	return true;
}

static bool send_pointer(struct display_hub_viewer *viewer)
{
	struct display_message message = {
		.type = DISPLAY_POINTER,
		.head = viewer->head,
		.pointer = pointer_of(viewer),
	};

	message.pointer.has_picture = viewer->pointer_picture_due;
	if (viewer->pointer_due && !send_viewer(viewer, &message)) {
		return false;
	}
	viewer->pointer_due = viewer->pointer_picture_due = false;
	return true;
}

/* All that was not told at its time, as one rectangle. */
static bool send_damage(struct display_hub_viewer *viewer)
{
	const struct display_message message = {
		.type = DISPLAY_DAMAGE,
		.head = viewer->head,
		.damage = viewer->damage,
	};

	if (viewer->damage.width != 0 && !send_viewer(viewer, &message)) {
		return false;
	}
	viewer->damage.width = 0;
	return true;
}

/* What is due, as far as there is room. */
static void flush_viewer(struct display_hub_viewer *viewer)
{
	bool done;

	if (viewer->fd < 0) {
		return;
	}
	done = send_scanout(viewer) && send_pointer(viewer) &&
	       send_damage(viewer);
	if (done == viewer->waiting) {
		viewer->waiting = !done;
		(void)event_watch(viewer->hub->loop, &viewer->watch, viewer->fd,
				  EVENT_READ | (done ? 0 : EVENT_WRITE));
	}
}

/* Each part, or, if there is no room, those that are left in one. */
static void tell_parts(struct display_hub_viewer *viewer,
		       const struct display_damage *parts, size_t count)
{
	struct display_message message = {
		.type = DISPLAY_DAMAGE,
		.head = viewer->head,
	};
	size_t told = 0;

	while (!viewer->waiting && told + 1 < count) {
		message.part = (struct display_part){ parts[told], 1 };
		if (!send_viewer(viewer, &message)) {
			break;
		}
		told++;
	}
	while (told < count) {
		display_damage_add(&viewer->damage, &parts[told++]);
	}
	flush_viewer(viewer);
}

/* ------------------------------------------------------------- from device */

/* true: there was something to tell. */
static bool tell_sizes(struct display_hub *hub)
{
	bool told = false;

	for (uint32_t head = 0; head < hub->heads; head++) {
		const struct display_scanout *shown = &hub->shown[head];
		uint32_t width = shown->format != 0 ? shown->width : 0;
		uint32_t height = shown->format != 0 ? shown->height : 0;

		if (hub->told[head].width != width ||
		    hub->told[head].height != height) {
			hub->told[head].width = width;
			hub->told[head].height = height;
			hub->on_shows(hub, head, width, height);
			told = true;
		}
	}
	return told;
}

/* What came since, and so on until nothing does. */
static void on_news(struct event_timer *timer)
{
	struct display_hub *hub = container_of(timer, struct display_hub, news);

	hub->news_due = tell_sizes(hub);
	(void)event_timer(hub->loop, timer,
			  hub->news_due ? NEWS_MS : EVENT_NEVER);
}

static struct display_hub_viewer *monitor_of(struct display_hub *hub,
					     uint32_t head)
{
	return &hub->viewers[DISPLAY_VIEWERS_MAX + head];
}

static bool is_of(const struct display_hub_viewer *viewer, uint32_t head)
{
	return viewer->fd >= 0 && viewer->head == head;
}

static bool has_viewers(const struct display_hub *hub, uint32_t head)
{
	for (size_t i = 0; i < DISPLAY_VIEWERS_MAX; i++) {
		if (is_of(&hub->viewers[i], head)) {
			return true;
		}
	}
	return false;
}

/* What of it has changed, so far as that can be told. */
static void compare(struct display_hub *hub, uint32_t head,
		    const struct display_damage *damage)
{
	struct display_damage parts[DISPLAY_COPY_PARTS] = { *damage };
	size_t count = 1;

	if (display_copy_has(&hub->copy, head, &hub->shown[head])) {
		count = display_copy_update(&hub->copy, head, hub->memory,
					    &hub->shown[head], damage, parts);
	}
	for (size_t i = 0; i < DISPLAY_VIEWERS_MAX; i++) {
		struct display_hub_viewer *viewer = &hub->viewers[i];

		if (is_of(viewer, head) && !viewer->scanout_due) {
			tell_parts(viewer, parts, count);
		}
	}
}

/* For viewers, of which there are or will be some. */
static void take_copy(struct display_hub *hub, uint32_t head)
{
	display_copy_take(&hub->copy, head, hub->memory, &hub->shown[head],
			  &hub->seen[head]);
}

static void show_viewers(struct display_hub *hub, uint32_t head)
{
	const struct display_damage all = {
		.width = hub->shown[head].width,
		.height = hub->shown[head].height,
	};

	if (!has_viewers(hub, head)) {
		return;
	}
	/* Another buffer perhaps, but not another screen. */
	if (display_copy_has(&hub->copy, head, &hub->shown[head])) {
		compare(hub, head, &all);
		return;
	}
	take_copy(hub, head);
	for (size_t i = 0; i < DISPLAY_VIEWERS_MAX; i++) {
		struct display_hub_viewer *viewer = &hub->viewers[i];

		if (is_of(viewer, head)) {
			viewer->scanout_due = true;
			/* All of it is new anyway. */
			viewer->damage.width = 0;
			flush_viewer(viewer);
		}
	}
}

static void on_scanout(struct display_hub *hub,
		       const struct display_message *message)
{
	struct display_hub_viewer *monitor = monitor_of(hub, message->head);

	hub->shown[message->head] = message->scanout;
	if (!hub->news_due && tell_sizes(hub)) {
		hub->news_due = true;
		(void)event_timer(hub->loop, &hub->news, NEWS_MS);
	}
	show_viewers(hub, message->head);
	monitor->scanout_due = true;
	monitor->damage.width = 0;
	flush_viewer(monitor);
}

static void on_damage(struct display_hub *hub,
		      const struct display_message *message)
{
	struct display_hub_viewer *monitor = monitor_of(hub, message->head);

	if (has_viewers(hub, message->head)) {
		compare(hub, message->head, &message->damage);
	}
	if (!monitor->scanout_due) {
		display_damage_add(&monitor->damage, &message->damage);
		flush_viewer(monitor);
	}
}

/* Most draw it where they point at: they need not know of its moves. */
static void on_pointer(struct display_hub *hub,
		       const struct display_message *message)
{
	bool picture = message->pointer.has_picture != 0 ||
		       message->head != hub->pointer_head;

	hub->pointer_head = message->head;
	if (message->pointer.has_picture != 0) {
		hub->pointer = message->pointer;
	}
	hub->pointer.x = message->pointer.x;
	hub->pointer.y = message->pointer.y;
	hub->pointer.hot_x = message->pointer.hot_x;
	hub->pointer.hot_y = message->pointer.hot_y;
	for (size_t i = 0; i < DISPLAY_LOOKS_MAX; i++) {
		struct display_hub_viewer *viewer = &hub->viewers[i];

		if (picture ||
		    (viewer->follows && viewer->head == message->head)) {
			viewer->pointer_due = true;
			viewer->pointer_picture_due |= picture;
			flush_viewer(viewer);
		}
	}
}

static bool pointer_fits(const struct display_pointer *pointer, uint64_t memory)
{
	const struct display_scanout picture = {
		.format = pointer->format,
		.width = DISPLAY_POINTER_SIDE,
		.height = DISPLAY_POINTER_SIDE,
		.stride = pointer->stride,
		.offset = pointer->offset,
	};

	return pointer->has_picture <= 1 &&
	       pointer->hot_x < DISPLAY_POINTER_SIDE &&
	       pointer->hot_y < DISPLAY_POINTER_SIDE &&
	       (pointer->has_picture == 0 ||
		display_picture_fits(&picture, memory));
}

/* A device that is new knows of what is in the definition only. */
static void offer_modes(struct display_hub *hub)
{
	for (size_t i = 0; i < DISPLAY_LOOKS_MAX; i++) {
		struct display_hub_viewer *viewer = &hub->viewers[i];
		const struct display_message message = {
			.type = DISPLAY_MODE,
			.head = viewer->head,
			.mode = viewer->mode,
		};

		if (viewer->fd >= 0 && viewer->mode.width != 0) {
			on_mode(viewer, &message);
		}
	}
}

/* false: it is none that a device may send now. */
static bool take_from_device(struct display_hub *hub,
			     const struct display_message *message)
{
	if (!hub->greeted) {
		hub->greeted = message->type == DISPLAY_HELLO &&
			       message->hello.version == DISPLAY_VERSION &&
			       message->hello.heads == hub->heads;
		if (hub->greeted) {
			offer_modes(hub);
		}
		return hub->greeted;
	}
	if (message->head >= hub->heads) {
		return false;
	}
	switch (message->type) {
	case DISPLAY_SCANOUT:
		if (!display_picture_fits(&message->scanout,
					  hub->memory_size)) {
			return false;
		}
		on_scanout(hub, message);
		return true;
	case DISPLAY_DAMAGE:
		if (!display_damage_fits(&message->damage,
					 &hub->shown[message->head])) {
			return false;
		}
		on_damage(hub, message);
		return true;
	case DISPLAY_POINTER:
		if (!pointer_fits(&message->pointer, hub->memory_size)) {
			return false;
		}
		on_pointer(hub, message);
		return true;
	default:
		return false;
	}
}

static void on_device(struct event_watch *watch, unsigned int events)
{
	struct display_hub *hub =
		container_of(watch, struct display_hub, watch);
	struct display_message message;
	int rc;

	if ((events & EVENT_WRITE) != 0) {
		flush_device(hub);
	}
	rc = display_socket_receive(hub->device, &message);
	if (rc == 0 && !take_from_device(hub, &message)) {
		rc = -EPROTO;
	}
	if (rc == -EPROTO) {
		drop_device(hub, "sent what it must not; its socket is closed");
	} else if (rc != 0 && rc != -EAGAIN) {
		drop_device(hub, NULL);
	}
}

void display_hub_set_device(struct display_hub *hub, int fd)
{
	int rc;

	drop_device(hub, NULL);
	forget_input(hub);
	hub->greeted = false;
	hub->waiting = false;
	hub->device = fd;
	hub->watch.cb = on_device;
	rc = event_watch(hub->loop, &hub->watch, fd, EVENT_READ);
	if (rc != 0) {
		drop_device(hub, strerror(-rc));
	}
}

/* ------------------------------------------------------------ from viewers */

static bool in_range(const struct display_message *m)
{
	switch (m->type) {
	case DISPLAY_KEY:
		return m->key.code >= 1 && m->key.code <= DISPLAY_KEY_MAX &&
		       m->key.down <= 1;
	case DISPLAY_MOTION:
		return m->motion.x <= DISPLAY_AXIS_MAX &&
		       m->motion.y <= DISPLAY_AXIS_MAX &&
		       m->motion.buttons < 1u << DISPLAY_BUTTON_COUNT;
	case DISPLAY_WHEEL:
		return m->wheel.dx >= -1 && m->wheel.dx <= 1 &&
		       m->wheel.dy >= -1 && m->wheel.dy <= 1;
	case DISPLAY_MODE:
		return m->mode.width >= DISPLAY_MODE_WIDTH_MIN &&
		       m->mode.width <= DISPLAY_MODE_WIDTH_MAX &&
		       m->mode.height >= DISPLAY_MODE_HEIGHT_MIN &&
		       m->mode.height <= DISPLAY_MODE_HEIGHT_MAX;
	default:
		return false;
	}
}

static void on_entered(struct display_hub_viewer *viewer)
{
	struct display_hub *hub = viewer->hub;

	if (!viewer->entered) {
		viewer->entered = true;
		hub->count++;
		tell_count(hub);
	}
}

/* Its process reads what strangers send: it is believed no more than they. */
static bool take_from_viewer(struct display_hub_viewer *viewer,
			     struct display_message *message)
{
	struct display_hub *hub = viewer->hub;

	if (message->type == DISPLAY_HELLO) {
		on_entered(viewer);
		return true;
	}
	if (message->type == DISPLAY_POINTER) {
		viewer->follows = true;
		viewer->pointer_due = true;
		flush_viewer(viewer);
		return true;
	}
	if (!in_range(message)) {
		return false;
	}
	message->head = viewer->head;
	switch (message->type) {
	case DISPLAY_KEY:
		on_key(viewer, message);
		break;
	case DISPLAY_MOTION:
		on_motion(viewer, message);
		break;
	case DISPLAY_MODE:
		on_mode(viewer, message);
		break;
	default:
		if (!hub->waiting) {
			(void)send_device(hub, message);
		}
		break;
	}
	return true;
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool take_from_monitor(struct display_hub_viewer *viewer,
			      struct display_message *message)
{
	struct display_hub *hub = viewer->hub;

	message->head = viewer->head;
	switch (message->type) {
	case DISPLAY_MONITOR:
		if (!is_text(message->monitor.connector,
			     sizeof(message->monitor.connector)) ||
		    message->monitor.width > DISPLAY_SIDE_MAX ||
		    message->monitor.height > DISPLAY_SIDE_MAX) {
			return false;
		}
		if (message->monitor.width == 0) {
			viewer->mode.width = 0;
		}
		hub->on_monitor(hub, viewer->head, &message->monitor);
		return true;
	case DISPLAY_MODE:
		if (!in_range(message)) {
			return false;
		}
		viewer->mode = message->mode;
		on_mode(viewer, message);
		return true;
	default:
		return false;
	}
}

static void on_viewer(struct event_watch *watch, unsigned int events)
{
	struct display_hub_viewer *viewer =
		container_of(watch, struct display_hub_viewer, watch);
	struct display_message message;
	int rc;

	if ((events & EVENT_WRITE) != 0) {
		flush_viewer(viewer);
	}
	rc = display_socket_receive(viewer->fd, &message);
	if (rc == 0 &&
	    !(viewer->is_monitor ? take_from_monitor(viewer, &message)
				 : take_from_viewer(viewer, &message))) {
		rc = -EPROTO;
	}
	if (rc != 0 && rc != -EAGAIN) {
		/* It ends when it notices; its place is taken until then. */
		close_viewer(viewer);
	}
}

static void on_viewer_end(struct display_child *child, int status)
{
	struct display_hub_viewer *viewer =
		container_of(child, struct display_hub_viewer, child);

	(void)status;
	close_viewer(viewer);
}

/* Its viewer notices; its place is taken until then. */
static void on_proxy_end(struct display_child *child, int status)
{
	(void)child;
	(void)status;
}

static struct display_hub_viewer *free_place(struct display_hub *hub)
{
	for (size_t i = 0; i < DISPLAY_VIEWERS_MAX; i++) {
		if (hub->viewers[i].child.pid == 0 &&
		    hub->viewers[i].proxy.pid == 0) {
			return &hub->viewers[i];
		}
	}
	return NULL;
}

static int start_viewer(struct display_hub *hub,
			struct display_hub_viewer *viewer, int fd)
{
	char title[96];
	struct display_viewer what = {
		.memory = hub->memory,
		.memory_size = hub->memory_size,
		.title = title,
		.password = hub->password,
		.shown = hub->seen[viewer->head],
		.pointer = pointer_of(viewer),
	};
	struct display_child_task task = {
		.fd_count = 2,
		.sandbox = display_sandbox_child,
		.work = display_viewer_run,
		.argument = &what,
	};
	int link[2];
	int rc;

	if (hub->heads > 1) {
		snprintf(title, sizeof(title), "%s (%u)", hub->zone,
			 viewer->head);
	} else {
		snprintf(title, sizeof(title), "%s", hub->zone);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0) {
		return -errno;
	}
	task.fds[0] = fd;
	task.fds[1] = link[1];
	rc = display_child_start(&viewer->child, &task);
	close(link[1]);
	viewer->fd = link[0];
	if (rc == 0) {
		rc = event_watch(hub->loop, &viewer->watch, viewer->fd,
				 EVENT_READ);
	}
	if (rc != 0) {
		close(link[0]);
		viewer->fd = -1;
	}
	return rc;
}

/*
 * TLS is spoken in a process of its own, which has the private key, and the other
 * one takes apart what comes out of it.  Each ends when the other does.
 */
static int start_tls_viewer(struct display_hub *hub,
			    struct display_hub_viewer *viewer, int fd)
{
	struct display_tls_task what = {
		.files = *hub->tls,
		.password = hub->password != NULL,
	};
	struct display_child_task task = {
		.fds = { fd, -1, hub->tls->fd },
		.fd_count = 3,
		.sandbox = display_sandbox_tls,
		.work = display_tls_run,
		.argument = &what,
	};
	const int on = 1;
	int pair[2];
	int rc;

	/* Else the last bytes of what it shows wait for those before. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       pair) < 0) {
		return -errno;
	}
	task.fds[1] = pair[0];
	rc = display_child_start(&viewer->proxy, &task);
	if (rc == 0) {
		rc = start_viewer(hub, viewer, pair[1]);
	}
	close(pair[0]);
	close(pair[1]);
	return rc;
}

static void log_refusal(struct display_hub *hub, int rc)
{
	struct timespec now;

	hub->refused++;
	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0 ||
	    (hub->refused_since != 0 &&
	     now.tv_sec - hub->refused_since < REFUSAL_SECONDS)) {
		return;
	}
	fprintf(stderr,
		"hvd-display: %s: viewers turned away: %u; of the last one: "
		"%s\n",
		hub->zone, hub->refused,
		rc == -EBUSY ? "16 are there" : strerror(-rc));
	hub->refused = 0;
	hub->refused_since = now.tv_sec;
}

void display_hub_add(struct display_hub *hub, uint32_t head, int fd, bool tls)
{
	struct display_hub_viewer *viewer = free_place(hub);
	int rc = -EBUSY;

	if (viewer != NULL) {
		*viewer = (struct display_hub_viewer){
			.hub = hub,
			.head = head,
			.fd = -1,
			.child = { .loop = hub->loop, .on_end = on_viewer_end },
			.proxy = { .loop = hub->loop, .on_end = on_proxy_end },
			.watch = { .cb = on_viewer },
		};
		/* While nobody looks it is not kept up to date. */
		if (!has_viewers(hub, head)) {
			take_copy(hub, head);
		}
		rc = tls ? start_tls_viewer(hub, viewer, fd)
			 : start_viewer(hub, viewer, fd);
	}
	if (rc != 0) {
		log_refusal(hub, rc);
	}
	close(fd);
}

/* ---------------------------------------------------------------- monitors */

/* What it has to be told at first is all. */
static int open_monitor(struct display_hub *hub, uint32_t head, int *ret_link)
{
	struct display_hub_viewer *viewer = monitor_of(hub, head);
	int link[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0) {
		return -errno;
	}
	*viewer = (struct display_hub_viewer){
		.hub = hub,
		.head = head,
		.fd = link[0],
		.watch = { .cb = on_viewer },
		.is_monitor = true,
		.follows = true,
		.scanout_due = true,
		.pointer_due = true,
		.pointer_picture_due = true,
	};
	rc = event_watch(hub->loop, &viewer->watch, viewer->fd, EVENT_READ);
	if (rc != 0) {
		close(link[0]);
		close(link[1]);
		viewer->fd = -1;
		return rc;
	}
	*ret_link = link[1];
	flush_viewer(viewer);
	return 0;
}

int display_hub_open_monitors(struct display_hub *hub, int *ret_links)
{
	uint32_t head = 0;
	int rc = 0;

	display_hub_close_monitors(hub);
	while (rc == 0 && head < hub->heads) {
		rc = open_monitor(hub, head, &ret_links[head]);
		head += rc == 0;
	}
	while (rc != 0 && head > 0) {
		close(ret_links[--head]);
	}
	if (rc != 0) {
		display_hub_close_monitors(hub);
	}
	return rc;
}

void display_hub_close_monitors(struct display_hub *hub)
{
	for (uint32_t head = 0; head < DISPLAY_HEADS_MAX; head++) {
		close_viewer(monitor_of(hub, head));
	}
}

/* -------------------------------------------------------------------- life */

void display_hub_init(struct display_hub *hub)
{
	hub->device = -1;
	hub->news.cb = on_news;
	hub->recount.cb = on_recount;
	for (size_t i = 0; i < DISPLAY_LOOKS_MAX; i++) {
		hub->viewers[i].hub = hub;
		hub->viewers[i].fd = -1;
	}
}

void display_hub_fini(struct display_hub *hub)
{
	drop_device(hub, NULL);
	if (hub->news_due) {
		(void)event_timer(hub->loop, &hub->news, EVENT_NEVER);
	}
	for (size_t i = 0; i < DISPLAY_LOOKS_MAX; i++) {
		close_viewer(&hub->viewers[i]);
		display_child_forget(&hub->viewers[i].child);
		display_child_forget(&hub->viewers[i].proxy);
	}
	(void)event_timer(hub->loop, &hub->recount, EVENT_NEVER);
}
