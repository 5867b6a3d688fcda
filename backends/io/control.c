/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/control.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/container_of.h"

/* The longest is of a disk whose counters are all about to overflow. */
#define LINE_SENT_MAX 4096u

static void end(struct control *control)
{
	control_stop(control);
	if (control->on_end != NULL) {
		control->on_end(control);
	}
}

/* Hands over the lines that are whole; on_line may stop the control. */
static void take_lines(struct control *control)
{
	char *newline;

	while (control->watch.impl != NULL &&
	       (newline = memchr(control->line, '\n', control->len)) != NULL) {
		size_t used = (size_t)(newline - control->line) + 1;

		*newline = '\0';
		control->on_line(control, control->line, used - 1);
		control->len -= used;
		memmove(control->line, control->line + used, control->len);
	}
}

int control_take_fd(struct control *control)
{
	int fd = -1;

	if (control->fd_count != 0) {
		fd = control->fds[0];
		control->fd_count--;
		memmove(control->fds, control->fds + 1,
			control->fd_count * sizeof(control->fds[0]));
	}
	return fd;
}

static void close_fds(struct control *control)
{
	while (control->fd_count != 0) {
		close(control_take_fd(control));
	}
}

static void keep_fds(struct control *control, struct cmsghdr *cmsg)
{
	size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fds[CONTROL_FDS_MAX];

	memcpy(fds, CMSG_DATA(cmsg), count * sizeof(fds[0]));
	for (size_t i = 0; i < count; i++) {
		if (control->fd_count < CONTROL_FDS_MAX) {
			control->fds[control->fd_count++] = fds[i];
		} else {
			close(fds[i]);
		}
	}
}

static ssize_t receive(struct control *control)
{
	union {
		char room[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} rights;
	struct iovec iov = { control->line + control->len,
			     CONTROL_LINE_MAX - control->len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights),
	};
	ssize_t n = recvmsg(control->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0) {
		for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg != NULL;
		     cmsg = CMSG_NXTHDR(&msg, cmsg)) {
			if (cmsg->cmsg_level == SOL_SOCKET &&
			    cmsg->cmsg_type == SCM_RIGHTS) {
				keep_fds(control, cmsg);
			}
		}
	}
	return n;
}

static void on_readable(struct event_watch *watch, unsigned int events)
{
	struct control *control = container_of(watch, struct control, watch);
	ssize_t n = receive(control);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		end(control);
		return;
	}
	control->len += (size_t)n;
	take_lines(control);
	if (control->len == 0) {
		close_fds(control);
	}
	if (control->len == CONTROL_LINE_MAX) {
		/* Not our daemon: nothing it says can be told apart. */
		end(control);
	}
}

int control_init(struct control *control, struct event_loop *loop, int fd)
{
	memset(control, 0, sizeof(*control));
	control->loop = loop;
	control->fd = fd;
	control->watch.cb = on_readable;
	return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int control_start(struct control *control)
{
	return event_watch(control->loop, &control->watch, control->fd,
			   EVENT_READ);
}

void control_stop(struct control *control)
{
	event_unwatch(control->loop, &control->watch);
	close_fds(control);
}

static void add(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

void control_send(struct control *control, struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(
		object,
		JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t len = strlen(text);
	char line[LINE_SENT_MAX];

	if (len + 1 <= sizeof(line)) {
		ssize_t n;

		memcpy(line, text, len);
		line[len] = '\n';
		/* A stream socket takes a line this short whole or not. */
		n = send(control->fd, line, len + 1,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)n;
	}
	json_object_put(object);
}

void control_send_event(struct control *control, const char *event)
{
	struct json_object *object = json_object_new_object();

	add(object, "event", event);
	control_send(control, object);
}

void control_send_fatal(struct control *control, const struct zerror *error,
			const char *device)
{
	struct json_object *object = json_object_new_object();

	add(object, "event", "fatal");
	add(object, "error", error->message);
	if (error->path[0] != '\0') {
		add(object, "path", error->path);
	}
	if (error->hint[0] != '\0') {
		add(object, "hint", error->hint);
	}
	if (device != NULL) {
		add(object, "device", device);
	}
	control_send(control, object);
}

void control_send_device(struct control *control,
			 const struct control_device *device)
{
	struct json_object *object = json_object_new_object();

	add(object, "event", "device");
	add(object, "device", device->name);
	add(object, "state", device->state);
	if (device->why != NULL) {
		add(object, "error", device->why);
	}
	if (device->lost) {
		json_object_object_add(object, "lost",
				       json_object_new_boolean(true));
	}
	if (device->has_size) {
		json_object_object_add(object, "size",
				       json_object_new_uint64(device->size));
	}
	control_send(control, object);
}

void control_send_resized(struct control *control, const char *device,
			  uint64_t size)
{
	struct json_object *object = json_object_new_object();

	add(object, "event", "resized");
	add(object, "device", device);
	json_object_object_add(object, "size", json_object_new_uint64(size));
	control_send(control, object);
}

void control_send_done(struct control *control, const char *event,
		       const char *device)
{
	struct json_object *object = json_object_new_object();

	add(object, "event", event);
	add(object, "device", device);
	control_send(control, object);
}

static void add_uint(struct json_object *object, const char *key,
		     uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

/* Empty buckets at the end are left out. */
static struct json_object *latencies(const struct io_counters *all)
{
	struct json_object *object = json_object_new_object();

	for (uint32_t i = 0; i < all->latencies; i++) {
		const struct io_latency *l = &all->latency[i];
		struct json_object *one = json_object_new_object();
		struct json_object *buckets = json_object_new_array();
		uint32_t n = l->buckets;

		while (n != 0 && l->bucket[n - 1] == 0) {
			n--;
		}
		for (uint32_t b = 0; b < n; b++) {
			json_object_array_add(
				buckets, json_object_new_uint64(l->bucket[b]));
		}
		add_uint(one, "sum-ns", l->sum_ns);
		json_object_object_add(one, "buckets", buckets);
		json_object_object_add(object, l->name, one);
	}
	return object;
}

void control_send_counters(struct control *control, const char *device,
			   const struct io_counters *all)
{
	struct json_object *object = json_object_new_object();
	struct json_object *counters = json_object_new_object();

	add(object, "event", "counters");
	add(object, "device", device);
	for (uint32_t i = 0; i < all->count; i++) {
		add_uint(counters, all->counter[i].name, all->counter[i].value);
	}
	if (all->latencies != 0) {
		json_object_object_add(counters, "latency", latencies(all));
	}
	json_object_object_add(object, "counters", counters);
	control_send(control, object);
}

void control_send_refused(struct control *control, const char *device,
			  const char *why)
{
	struct json_object *object = json_object_new_object();

	add(object, "event", "refused");
	add(object, "device", device);
	add(object, "error", why);
	control_send(control, object);
}
