/* SPDX-License-Identifier: BSD-2-Clause */
#include "io_process.h"

#include <errno.h>
#include <json-c/json.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "log.h"
#include "shadow_layout.h"
#include "strict_json.h"

#define USER "hvd-io"
#define READY_TIMEOUT_MS 10000u
#define STOP_TIMEOUT_MS 2000u
#define EXIT_TIMEOUT_MS 1000u
#define LINE_MAX_BYTES 8192u
#define READ_SIZE 4096u

/* One started process.  It outlives its place in struct io_process while its
 * handles close. */
struct io_child {
	struct io_process *io; /* NULL: of no interest any more */
	uv_process_t process;
	uv_pipe_t control;
	bool spawned; /* `process` is a handle to close */
	bool running;
	bool broken; /* killed by us, for the reason in last_error */
	bool explained; /* it told us what is in last_error */
	unsigned int open_handles;
	struct frame input;
};

struct message {
	uv_write_t request;
	char text[];
};

static void spawn(struct io_process *io);

/* ----------------------------------------------------- configuration */

static void add_uint(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add(json, key, json_object_new_uint64(value));
}

static void add_shadow(struct json_object *json, const char *key,
		       uint32_t shadow)
{
	struct json_object *device = json_object_new_object();

	add_uint(device, "shadow", shadow);
	json_object_object_add(json, key, device);
}

static struct json_object *device_config(const struct zone_device *device,
					 uint32_t number)
{
	struct shadow_slot slot = shadow_layout_slot(number);
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "type",
			       json_object_new_string(zone_def_device_type_name(
				       device->type)));
	json_object_object_add(json, "name",
			       json_object_new_string(device->name));
	add_uint(json, "slot", number);
	add_uint(json, "shadow", slot.shadow);
	add_uint(json, "offset", slot.offset);
	add_uint(json, "intid", slot.intid);
	add_uint(json, "doorbell", slot.doorbell);
	return json;
}

/*
 * The user that hvd-io becomes, if the machine has one for it.  Without, it
 * becomes nobody by itself; when hvd is not root there is nothing to give up.
 */
static void add_user(struct json_object *json, const char *zone)
{
	const struct passwd *user;

	if (geteuid() != 0) {
		return;
	}
	user = getpwnam(USER);
	if (user && user->pw_uid != 0 && user->pw_gid != 0) {
		add_uint(json, "uid", user->pw_uid);
		add_uint(json, "gid", user->pw_gid);
		return;
	}
	log_warning("%s: no unprivileged user and group " USER
		    ": the I/O process runs as nobody",
		    zone);
}

char *io_process_config(const struct zone_def *def)
{
	struct json_object *json = json_object_new_object();
	struct json_object *ram = json_object_new_array();
	struct json_object *extent = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	char *text;

	json_object_object_add(json, "cmd", json_object_new_string("config"));
	json_object_object_add(json, "zone", json_object_new_string(def->name));
	add_uint(json, "vcpus", def->vcpus);
	add_uint(extent, "gpa", ZV_A64_RAM_BASE);
	add_uint(extent, "size", def->memory);
	json_object_array_add(ram, extent);
	json_object_object_add(json, "ram", ram);
	add_shadow(json, "uart", SHADOW_LAYOUT_UART);
	add_shadow(json, "rtc", SHADOW_LAYOUT_RTC);
	add_shadow(json, "gpio", SHADOW_LAYOUT_GPIO);
	for (uint32_t i = 0; i < def->device_count; i++) {
		json_object_array_add(devices,
				      device_config(&def->devices[i], i));
	}
	json_object_object_add(json, "devices", devices);
	add_user(json, def->name);
	text = strdup(json_object_to_json_string_ext(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
	return text;
}

/* ------------------------------------------------------------- child */

static void on_child_handle_closed(uv_handle_t *handle)
{
	struct io_child *child = handle->data;

	if (--child->open_handles == 0) {
		frame_fini(&child->input);
		free(child);
	}
}

/* Closes what is open; the memory goes when libuv lets go of it. */
static void child_close(struct io_child *child)
{
	child->io = NULL;
	if (!uv_is_closing((uv_handle_t *)&child->control)) {
		uv_close((uv_handle_t *)&child->control,
			 on_child_handle_closed);
	}
	if (child->spawned && !uv_is_closing((uv_handle_t *)&child->process)) {
		uv_close((uv_handle_t *)&child->process,
			 on_child_handle_closed);
	}
}

static void on_sent(uv_write_t *request, int status)
{
	(void)status; /* a process that does not listen is noticed otherwise */
	free(request);
}

static int child_send(struct io_child *child, const char *text)
{
	size_t len = strlen(text);
	struct message *m = malloc(sizeof(*m) + len + 1);
	uv_buf_t buffer;

	if (!m) {
		return -1;
	}
	memcpy(m->text, text, len);
	m->text[len] = '\n';
	buffer = uv_buf_init(m->text, (unsigned int)len + 1);
	if (uv_write(&m->request, (uv_stream_t *)&child->control, &buffer, 1,
		     on_sent) < 0) {
		free(m);
		return -1;
	}
	return 0;
}

static void child_kill(struct io_child *child)
{
	if (child->running) {
		uv_process_kill(&child->process, SIGKILL);
	}
}

/* ------------------------------------------------------- supervision */

static void on_retry(uv_timer_t *timer)
{
	spawn(timer->data);
}

static void retry_later(struct io_process *io)
{
	uint64_t delay = backoff_next(&io->backoff, uv_now(io->loop));

	io->state = IO_WAITING;
	io->restarts++;
	uv_timer_start(&io->timer, on_retry, delay, 0);
}

/* There is no process (any more), for the reason in last_error. */
static void gone(struct io_process *io, bool may_retry)
{
	struct zerror error;

	uv_timer_stop(&io->timer);
	if (io->state == IO_STOPPING) {
		io->state = IO_NONE;
		io->ops->stopped(io);
		return;
	}
	log_warning("%s: the I/O process: %s", io->zone, io->last_error);
	if (may_retry) {
		retry_later(io);
		return;
	}
	io->state = IO_NONE;
	zerror_set(&error, ZERROR_INTERNAL, NULL,
		   "see hvd's log for what hvd-io said", "hvd-io: %s",
		   io->last_error);
	io->ops->failed(io, &error);
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal)
{
	struct io_child *child = process->data;
	struct io_process *io = child->io;

	child->running = false;
	child_close(child);
	if (!io) {
		return;
	}
	io->child = NULL;
	if (child->broken || child->explained) {
		/* last_error says why */
	} else if (signal) {
		snprintf(io->last_error, sizeof(io->last_error),
			 "was killed by signal %d", signal);
	} else {
		snprintf(io->last_error, sizeof(io->last_error),
			 "ended with status %d", (int)status);
	}
	gone(io, io->was_ready);
}

void io_process_replace(struct io_process *io, const char *why)
{
	if (!io->child) {
		return;
	}
	snprintf(io->last_error, sizeof(io->last_error), "%s", why);
	io->child->broken = true;
	child_kill(io->child);
}

static void on_silent(uv_timer_t *timer)
{
	io_process_replace(timer->data, "did not get ready in time");
}

/* Its socket ends when it does; if it lives on, it is of no use. */
static void on_no_exit(uv_timer_t *timer)
{
	io_process_replace(timer->data, "closed its socket");
}

/* -------------------------------------------------- what it tells us */

static const char *get_text(struct json_object *message, const char *key)
{
	struct json_object *value = json_object_object_get(message, key);

	return json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

static void handle_event(struct io_process *io, struct json_object *message)
{
	const char *event = get_text(message, "event");
	const char *text;

	if (!event) {
		io_process_replace(io, "said something without an event");
	} else if (strcmp(event, "ready") == 0) {
		bool restarted = io->was_ready && io->restarts > 0;

		if (io->state != IO_STARTING) {
			return;
		}
		uv_timer_stop(&io->timer);
		io->state = IO_READY;
		io->was_ready = true;
		io->last_error[0] = '\0';
		io->ops->ready(io, restarted);
	} else if (strcmp(event, "reset-done") == 0) {
		io->ops->reset_done(io);
	} else if (strcmp(event, "device-broken") == 0) {
		text = get_text(message, "error");
		log_info("%s: device %.64s is broken: %.256s", io->zone,
			 get_text(message, "device")
				 ? get_text(message, "device")
				 : "?",
			 text ? text : "no reason given");
	} else if (strcmp(event, "fatal") == 0) {
		text = get_text(message, "error");
		snprintf(io->last_error, sizeof(io->last_error), "%.255s",
			 text ? text : "it did not say why");
		io->child->explained = true;
	} else {
		log_debug("%s: hvd-io: unknown event %.64s", io->zone, event);
	}
}

static void handle_line(struct io_process *io, const char *line, size_t len)
{
	struct zerror error;
	struct json_object *message = strict_json_parse(line, len, &error);

	if (!json_object_is_type(message, json_type_object)) {
		io_process_replace(io, "said something that is not a message");
	} else {
		handle_event(io, message);
	}
	json_object_put(message);
}

static void on_child_alloc(uv_handle_t *handle, size_t suggested,
			   uv_buf_t *buffer)
{
	struct io_child *child = handle->data;
	size_t room = 0;
	char *base = frame_reserve(&child->input, READ_SIZE, &room);

	(void)suggested;
	*buffer = uv_buf_init(base, (unsigned int)room);
}

static void on_child_read(uv_stream_t *stream, ssize_t got,
			  const uv_buf_t *buffer)
{
	struct io_child *child = stream->data;
	char *line;
	size_t len;
	int rc = 0;

	(void)buffer;
	if (got < 0) {
		uv_read_stop(stream);
		if (child->io && child->io->state != IO_STOPPING) {
			uv_timer_start(&child->io->timer, on_no_exit,
				       EXIT_TIMEOUT_MS, 0);
		}
		return;
	}
	frame_commit(&child->input, (size_t)got);
	while (child->io && !child->broken) {
		rc = frame_next(&child->input, &line, &len);
		if (rc <= 0) {
			break;
		}
		handle_line(child->io, line, len);
	}
	if (rc < 0 && child->io) {
		io_process_replace(child->io, "said a line without end");
	}
}

/* ------------------------------------------------------------- start */

static int spawn_with(struct io_process *io, struct io_child *child,
		      int zone_fd)
{
	char *argv[] = { strdup(io->program), NULL };
	uv_stdio_container_t stdio[6] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
		  .data.stream = (uv_stream_t *)&child->control },
		{ .flags = UV_INHERIT_FD, .data.fd = zone_fd },
		{ .flags = UV_INHERIT_FD, .data.fd = io->console_fd },
	};
	uv_process_options_t options = {
		.exit_cb = on_child_exit,
		.file = io->program,
		.args = argv,
		.stdio_count = 6,
		.stdio = stdio,
		/* its own session: a signal to hvd's group is not for it */
		.flags = UV_PROCESS_DETACHED,
	};
	int rc;

	if (!argv[0]) {
		return UV_ENOMEM;
	}
	/* uv_spawn() makes the handle even when it fails after that */
	child->spawned = true;
	child->open_handles++;
	rc = uv_spawn(io->loop, &child->process, &options);
	free(argv[0]);
	return rc;
}

static int start_child(struct io_process *io, struct io_child *child)
{
	int zone_fd = io->ops->open_fd(io);
	int rc;

	if (zone_fd < 0) {
		snprintf(io->last_error, sizeof(io->last_error),
			 "no I/O fd of the zone: %s", strerror(-zone_fd));
		return -1;
	}
	rc = spawn_with(io, child, zone_fd);
	close(zone_fd);
	if (rc < 0) {
		snprintf(io->last_error, sizeof(io->last_error),
			 "%.160s cannot be started: %s", io->program,
			 uv_strerror(rc));
		return -1;
	}
	child->running = true;
	return 0;
}

static void spawn(struct io_process *io)
{
	struct io_child *child = calloc(1, sizeof(*child));

	io->state = IO_STARTING;
	if (!child) {
		snprintf(io->last_error, sizeof(io->last_error),
			 "out of memory");
		gone(io, io->was_ready);
		return;
	}
	child->io = io;
	child->open_handles = 1;
	child->process.data = child->control.data = child;
	frame_init(&child->input, LINE_MAX_BYTES);
	uv_pipe_init(io->loop, &child->control, 0);
	if (start_child(io, child) < 0) {
		child_close(child);
		gone(io, io->was_ready);
		return;
	}
	io->child = child;
	uv_timer_start(&io->timer, on_silent, READY_TIMEOUT_MS, 0);
	if (uv_read_start((uv_stream_t *)&child->control, on_child_alloc,
			  on_child_read) < 0 ||
	    child_send(child, io->config) < 0) {
		io_process_replace(io, "could not be told its zone");
	}
}

void io_process_init(struct io_process *io, uv_loop_t *loop,
		     const struct io_process_ops *ops, const char *program,
		     const char *zone)
{
	*io = (struct io_process){
		.ops = ops,
		.loop = loop,
		.program = program,
		.zone = zone,
		.console_fd = -1,
	};
	uv_timer_init(loop, &io->timer);
	io->timer.data = io;
}

void io_process_start(struct io_process *io, const struct zone_def *def,
		      int console_fd, bool adopted)
{
	free(io->config);
	io->config = io_process_config(def);
	io->console_fd = console_fd;
	io->was_ready = adopted;
	io->restarts = 0;
	io->backoff = (struct backoff){ 0 };
	io->last_error[0] = '\0';
	/* from the loop, so that no callback runs inside this call */
	io->state = IO_WAITING;
	uv_timer_start(&io->timer, on_retry, 0, 0);
}

/* -------------------------------------------------------------- stop */

static void on_stop_timeout(uv_timer_t *timer)
{
	struct io_process *io = timer->data;

	if (io->child) {
		log_warning("%s: the I/O process does not stop: killed",
			    io->zone);
		child_kill(io->child);
	}
}

static void on_nothing_to_stop(uv_timer_t *timer)
{
	gone(timer->data, false);
}

void io_process_stop(struct io_process *io)
{
	if (io->state == IO_STOPPING) {
		return;
	}
	io->state = IO_STOPPING;
	if (!io->child) {
		uv_timer_start(&io->timer, on_nothing_to_stop, 0, 0);
		return;
	}
	uv_timer_start(&io->timer, on_stop_timeout, STOP_TIMEOUT_MS, 0);
	if (child_send(io->child, "{\"cmd\":\"stop\"}") < 0) {
		child_kill(io->child);
	}
}

int io_process_command(struct io_process *io, const char *command)
{
	char line[64];

	if (io->state != IO_READY) {
		return -1;
	}
	snprintf(line, sizeof(line), "{\"cmd\":\"%s\"}", command);
	return child_send(io->child, line);
}

int io_process_pid(const struct io_process *io)
{
	return io->child && io->child->running
		       ? uv_process_get_pid(&io->child->process)
		       : 0;
}

void io_process_close(struct io_process *io, uv_close_cb on_closed)
{
	if (io->child) {
		child_close(io->child);
		io->child = NULL;
	}
	free(io->config);
	io->config = NULL;
	uv_close((uv_handle_t *)&io->timer, on_closed);
}
