/* SPDX-License-Identifier: BSD-2-Clause */
#include "io_process.h"

#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd_message.h"
#include "frame.h"
#include "io_opening.h"
#include "io_reconnect.h"
#include "log.h"
#include "strict_json.h"

#define READY_TIMEOUT_MS 10000u /* beside what NBD servers take */
/* The zone waits for it: a start a second is what it may cost at most. */
#define RESTART_MAX_MS 1000u
#define RECONNECT_MAX_MS 2000u
#define STOP_TIMEOUT_MS 2000u
#define EXIT_TIMEOUT_MS 1000u
#define LINE_MAX_BYTES 8192u
#define READ_SIZE 4096u
/* No process has as much to say; one that has is not to keep hvd busy. */
#define LINES_MAX 1000u
#define LINES_MS 1000u /* in so much time */
#define COUNTERS_MAX 32
#define COUNTER_NAME_MAX 31u
#define HISTOGRAMS_MAX 4
#define HISTOGRAM_BUCKETS_MAX 32u
#define UNREAD_MAX 65536u /* bytes of what it was told and has not read */

/* One started process.  It outlives its place in struct io_process while its
 * handles close. */
struct io_child {
	struct io_process *io; /* NULL: of no interest any more */
	uv_process_t process;
	uv_pipe_t control;
	uv_timer_t pause; /* active: it is not listened to */
	uint64_t since; /* lines are counted; loop time, ms */
	unsigned int lines;
	unsigned int asked; /* commands: each may be answered by a line */
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

static void begin(struct io_process *io);

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
		uv_close((uv_handle_t *)&child->pause, on_child_handle_closed);
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
	struct message *m;
	uv_buf_t buffer;

	/* One that does not listen is not to fill our memory. */
	if (uv_stream_get_write_queue_size((uv_stream_t *)&child->control) >
	    UNREAD_MAX) {
		return -1;
	}
	m = malloc(sizeof(*m) + len + 1);
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
	child->asked++;
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
	begin(timer->data);
}

static void retry_later(struct io_process *io)
{
	uint64_t delay = backoff_next(&io->backoff, uv_now(io->loop));

	io->state = IO_WAITING;
	io->restarts++;
	uv_timer_start(&io->timer, on_retry, delay, 0);
}

static void cannot_start(struct io_process *io)
{
	struct zerror error = io->error;

	io->state = IO_NONE;
	if (error.code == ZERROR_NONE) {
		zerror_set(&error, ZERROR_INTERNAL, NULL,
			   "see hvd's log for what hvd-io said", "hvd-io: %s",
			   io->last_error);
	}
	io->ops->failed(io, &error);
}

/* What is tried in vain for a night is not to fill the log. */
static void log_gone(struct io_process *io)
{
	if (strcmp(io->last_error, io->logged) != 0) {
		log_warning("%s: the I/O process: %s", io->zone,
			    io->last_error);
		snprintf(io->logged, sizeof(io->logged), "%s", io->last_error);
	} else {
		log_debug("%s: the I/O process: again", io->zone);
	}
}

static void drop_reconnect(struct io_process *io)
{
	io_reconnect_drop(io->reconnect);
	io->reconnect = NULL;
}

/* There is no process (any more), for the reason in last_error. */
static void gone(struct io_process *io, bool may_retry)
{
	uv_timer_stop(&io->timer);
	drop_reconnect(io);
	device_status_reset(io->status, io->def);
	io->ops->gone(io);
	if (io->state == IO_STOPPING) {
		/* Hearing of it may have been what made the owner stop it. */
		uv_timer_stop(&io->timer);
		io->state = IO_NONE;
		io->ops->stopped(io);
		return;
	}
	log_gone(io);
	if (may_retry) {
		retry_later(io);
	} else {
		cannot_start(io);
	}
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

/* ------------------------------------- networks and servers that were lost */

static bool has_lost_server(const struct io_process *io)
{
	for (uint32_t i = 0; i < io->def->device_count; i++) {
		if (io->status[i].lost) {
			return true;
		}
	}
	return false;
}

static bool has_lost_network(const struct io_process *io)
{
	for (uint32_t i = 0; i < io->def->device_count; i++) {
		if (io->def->devices[i].user &&
		    io->status[i].state == DEVICE_ERROR) {
			return true;
		}
	}
	return false;
}

static void on_renew(uv_timer_t *timer)
{
	io_process_replace(timer->data, "makes way for one with a new network");
}

/* It is a guest's other devices that pay for it: not at once, again and again. */
static void renew_networks(struct io_process *io)
{
	if (io->state == IO_READY && has_lost_network(io) &&
	    !uv_is_active((uv_handle_t *)&io->timer)) {
		uv_timer_start(&io->timer, on_renew,
			       backoff_next(&io->renewals, uv_now(io->loop)),
			       0);
	}
}

/* All it has under way is carried out again by the next one. */
static void on_servers_back(void *owner)
{
	struct io_process *io = owner;

	io->reconnect = NULL;
	io_process_replace(io, "its NBD server is there again");
}

/* The process may have told of it before it was ready. */
static void reconnect_what_is_lost(struct io_process *io)
{
	if (io->state != IO_READY || !has_lost_server(io)) {
		return;
	}
	if (!io->reconnect) {
		io->reconnect = io_reconnect_start(
			io->loop, io->def, io->status, &io->reconnect_backoff,
			on_servers_back, io);
	}
	if (!io->reconnect) {
		io_process_replace(io, "lost its NBD server");
	}
}

/* -------------------------------------------------- what it tells us */

static const char *get_text(struct json_object *message, const char *key)
{
	struct json_object *value = json_object_object_get(message, key);

	return json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

/* Its place in the definition, or -1. */
static int find_device(const struct io_process *io, struct json_object *message)
{
	const char *name = get_text(message, "device");
	const struct zone_device *device =
		name ? zone_def_device(io->def, name) : NULL;

	return device ? (int)(device - io->def->devices) : -1;
}

static void handle_device(struct io_process *io, struct json_object *message)
{
	int index = find_device(io, message);
	bool changed;

	if (index < 0 ||
	    device_status_update(&io->status[index], &io->def->devices[index],
				 message, &changed) < 0) {
		io_process_replace(io, "said nonsense of a device");
		return;
	}
	if (changed) {
		io->ops->device(io, (uint32_t)index);
		renew_networks(io);
	}
	reconnect_what_is_lost(io);
}

static void handle_resized(struct io_process *io, struct json_object *message)
{
	int index = find_device(io, message);
	bool changed;

	if (index < 0 ||
	    device_status_resize(&io->status[index], message, &changed) < 0) {
		io_process_replace(io, "said nonsense of a device");
	} else {
		io->ops->resized(io, (uint32_t)index, changed);
	}
}

static void handle_set(struct io_process *io, struct json_object *message)
{
	int index = find_device(io, message);

	if (index >= 0) {
		io->ops->set(io, (uint32_t)index);
	}
}

static void handle_keys(struct io_process *io, struct json_object *message)
{
	int index = find_device(io, message);

	if (index >= 0) {
		io->ops->keys(io, (uint32_t)index);
	}
}

static bool is_counter_name(const char *name)
{
	return strlen(name) <= COUNTER_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name);
}

/* It is written back as it came: what is no number must not pass for one. */
static bool is_count(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) &&
	       json_object_get_int64(value) >= 0;
}

/* NULL: that is no histogram. */
static struct json_object *copy_histogram(struct json_object *from)
{
	struct json_object *sum = json_object_object_get(from, "sum-ns");
	struct json_object *buckets = json_object_object_get(from, "buckets");
	struct json_object *ret;
	struct json_object *list;

	if (!is_count(sum) || !json_object_is_type(buckets, json_type_array) ||
	    json_object_array_length(buckets) > HISTOGRAM_BUCKETS_MAX) {
		return NULL;
	}
	for (size_t i = 0; i < json_object_array_length(buckets); i++) {
		if (!is_count(json_object_array_get_idx(buckets, i))) {
			return NULL;
		}
	}
	ret = json_object_new_object();
	list = json_object_new_array();
	json_object_object_add(ret, "sum-ns", json_object_get(sum));
	for (size_t i = 0; i < json_object_array_length(buckets); i++) {
		json_object_array_add(
			list,
			json_object_get(json_object_array_get_idx(buckets, i)));
	}
	json_object_object_add(ret, "buckets", list);
	return ret;
}

static int copy_latency(struct json_object *from, struct json_object *counters)
{
	struct json_object *ret = json_object_new_object();

	json_object_object_add(counters, "latency", ret);
	if (!json_object_is_type(from, json_type_object) ||
	    json_object_object_length(from) > HISTOGRAMS_MAX) {
		return -1;
	}
	json_object_object_foreach (from, name, value) {
		struct json_object *one = NULL;

		if (is_counter_name(name) &&
		    json_object_is_type(value, json_type_object)) {
			one = copy_histogram(value);
		}
		if (!one) {
			return -1;
		}
		json_object_object_add(ret, name, one);
	}
	return 0;
}

/* -1: that is no list of counters; else a copy without surprises. */
static int copy_counters(struct json_object *counters, struct json_object *ret)
{
	if (!json_object_is_type(counters, json_type_object) ||
	    json_object_object_length(counters) > COUNTERS_MAX) {
		return -1;
	}
	json_object_object_foreach (counters, name, value) {
		if (strcmp(name, "latency") == 0) {
			if (copy_latency(value, ret) < 0) {
				return -1;
			}
			continue;
		}
		if (!is_counter_name(name) || !is_count(value)) {
			return -1;
		}
		json_object_object_add(ret, name, json_object_get(value));
	}
	return 0;
}

static void handle_counters(struct io_process *io, struct json_object *message)
{
	struct json_object *counters = json_object_new_object();
	int index = find_device(io, message);

	if (index < 0 ||
	    copy_counters(json_object_object_get(message, "counters"),
			  counters) < 0) {
		io_process_replace(io, "said nonsense of a device");
		json_object_put(counters);
	} else {
		io->ops->counters(io, (uint32_t)index, counters);
	}
}

static void handle_refusal(struct io_process *io, struct json_object *message)
{
	int index = find_device(io, message);
	const char *why = get_text(message, "error");

	if (index >= 0) {
		io->ops->refused(io, (uint32_t)index,
				 why ? why : "no reason given");
	}
}

/* It knows no paths, and calls its devices by name. */
static void handle_fatal(struct io_process *io, struct json_object *message)
{
	const char *text = get_text(message, "error");
	int index = find_device(io, message);
	char name[IO_RESOURCE_NAME_MAX];
	char path[ZERROR_PATH_MAX];

	io->child->explained = true;
	if (!text) {
		text = "it did not say why";
	}
	if (index < 0 || !io_resource_has_name(&io->def->devices[index])) {
		snprintf(io->last_error, sizeof(io->last_error), "%.255s",
			 text);
		return;
	}
	io_resource_path(io->def, (uint32_t)index, path);
	io_resource_name(&io->def->devices[index], name);
	zerror_set(&io->error, ZERROR_IO_ERROR, path, get_text(message, "hint"),
		   "hvd-io: %.160s (%.200s)", text, name);
	snprintf(io->last_error, sizeof(io->last_error), "%.160s (%.90s)", text,
		 name);
}

static void handle_event(struct io_process *io, struct json_object *message)
{
	const char *event = get_text(message, "event");

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
		io->last_error[0] = io->logged[0] = '\0';
		io->ops->ready(io, restarted);
		renew_networks(io);
		reconnect_what_is_lost(io);
	} else if (strcmp(event, "reset-done") == 0) {
		device_status_mended(io->status, io->def);
		io->ops->reset_done(io);
	} else if (strcmp(event, "device") == 0) {
		handle_device(io, message);
	} else if (strcmp(event, "resized") == 0) {
		handle_resized(io, message);
	} else if (strcmp(event, "counters") == 0) {
		handle_counters(io, message);
	} else if (strcmp(event, "set") == 0) {
		handle_set(io, message);
	} else if (strcmp(event, "keys") == 0) {
		handle_keys(io, message);
	} else if (strcmp(event, "refused") == 0) {
		handle_refusal(io, message);
	} else if (strcmp(event, "fatal") == 0) {
		handle_fatal(io, message);
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
			  const uv_buf_t *buffer);

static void on_pause_over(uv_timer_t *timer)
{
	struct io_child *child = timer->data;

	if (child->io && uv_read_start((uv_stream_t *)&child->control,
				       on_child_alloc, on_child_read) < 0) {
		io_process_replace(child->io, "cannot be listened to");
	}
}

/* What it says next waits, in its socket; then it is told of no room. */
static void pause_if_noisy(struct io_child *child, unsigned int lines)
{
	uint64_t now = uv_now(child->io->loop);

	if (now - child->since >= LINES_MS) {
		child->since = now;
		child->lines = 0;
	}
	child->lines += lines > child->asked ? lines - child->asked : 0;
	child->asked -= lines < child->asked ? lines : child->asked;
	if (child->lines > LINES_MAX) {
		log_debug("%s: hvd-io says too much at a time",
			  child->io->zone);
		uv_read_stop((uv_stream_t *)&child->control);
		uv_timer_start(&child->pause, on_pause_over,
			       LINES_MS - (now - child->since), 0);
	}
}

static void on_child_read(uv_stream_t *stream, ssize_t got,
			  const uv_buf_t *buffer)
{
	struct io_child *child = stream->data;
	unsigned int lines = 0;
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
		lines++;
	}
	if (rc < 0 && child->io) {
		io_process_replace(child->io, "said a line without end");
	} else if (child->io) {
		pause_if_noisy(child, lines);
	}
}

/* ------------------------------------------------------------- start */

static int spawn_with(struct io_process *io, struct io_child *child,
		      const struct io_opening *opening)
{
	int fds[IO_RESOURCE_FDS_MAX];
	uint32_t fd_count =
		io_resources_fds(io_opening_resources(opening), fds);
	char *argv[] = { strdup(io->program), NULL };
	uv_stdio_container_t stdio[IO_PROCESS_RESOURCE_FD +
				   IO_RESOURCE_FDS_MAX] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
		  .data.stream = (uv_stream_t *)&child->control },
		{ .flags = UV_INHERIT_FD,
		  .data.fd = io_opening_zone_fd(opening) },
		{ .flags = UV_INHERIT_FD, .data.fd = io->console_fd },
	};
	uv_process_options_t options = {
		.exit_cb = on_child_exit,
		.file = io->program,
		.args = argv,
		.stdio_count = IO_PROCESS_RESOURCE_FD + (int)fd_count,
		.stdio = stdio,
		/* its own session: a signal to hvd's group is not for it */
		.flags = UV_PROCESS_DETACHED,
	};
	int rc;

	if (!argv[0]) {
		return UV_ENOMEM;
	}
	for (uint32_t i = 0; i < fd_count; i++) {
		stdio[IO_PROCESS_RESOURCE_FD + i] = (uv_stdio_container_t){
			.flags = UV_INHERIT_FD,
			.data.fd = fds[i],
		};
	}
	/* uv_spawn() makes the handle even when it fails after that */
	child->spawned = true;
	child->open_handles++;
	rc = uv_spawn(io->loop, &child->process, &options);
	free(argv[0]);
	return rc;
}

static int start_child(struct io_process *io, struct io_child *child,
		       const struct io_opening *opening)
{
	int rc = spawn_with(io, child, opening);

	if (rc < 0) {
		snprintf(io->last_error, sizeof(io->last_error),
			 "%.160s cannot be started: %s", io->program,
			 uv_strerror(rc));
		return -1;
	}
	child->running = true;
	return 0;
}

static void out_of_memory(struct io_process *io)
{
	snprintf(io->last_error, sizeof(io->last_error), "out of memory");
	gone(io, io->was_ready);
}

/* hvd-io knows what it waited for, so it is to give up first. */
static uint64_t ready_timeout(const struct zone_def *def)
{
	uint64_t ms = READY_TIMEOUT_MS;

	for (uint32_t i = 0; i < def->device_count; i++) {
		if (zone_def_is_nbd(&def->devices[i])) {
			ms += IO_PROCESS_NBD_MS;
		}
	}
	return ms;
}

static int configure(struct io_process *io, struct io_child *child,
		     const struct io_resources *resources)
{
	char *line = io_process_config(io->def, resources);
	int rc = line ? child_send(child, line) : -1;

	free(line);
	return rc;
}

static void note_vhost(struct io_process *io,
		       const struct io_resources *resources)
{
	for (uint32_t i = 0; i < resources->count; i++) {
		const struct io_resource *r = &resources->item[i];

		io->status[r->device].vhost = r->vhost.count > 0;
	}
}

/* With the opening goes all that hvd has open of what the devices work on. */
static void spawn(struct io_process *io, struct io_opening *opening)
{
	struct io_child *child = calloc(1, sizeof(*child));
	bool configured;
	int viewer;
	int rc;

	io->opening = NULL;
	if (!child) {
		io_opening_drop(opening);
		out_of_memory(io);
		return;
	}
	child->io = io;
	child->open_handles = 2;
	child->process.data = child->control.data = child->pause.data = child;
	frame_init(&child->input, LINE_MAX_BYTES);
	uv_pipe_init(io->loop, &child->control, 0);
	uv_timer_init(io->loop, &child->pause);
	rc = start_child(io, child, opening);
	configured = rc == 0 &&
		     configure(io, child, io_opening_resources(opening)) == 0;
	note_vhost(io, io_opening_resources(opening));
	viewer = rc == 0 ? io_opening_take_viewer(opening) : -1;
	io_opening_drop(opening);
	if (viewer >= 0) {
		io->ops->output(io, viewer);
	}
	if (rc < 0) {
		child_close(child);
		gone(io, io->was_ready);
		return;
	}
	io->child = child;
	uv_timer_start(&io->timer, on_silent, ready_timeout(io->def), 0);
	if (uv_read_start((uv_stream_t *)&child->control, on_child_alloc,
			  on_child_read) < 0 ||
	    !configured) {
		io_process_replace(io, "could not be told its zone");
	}
}

static int on_open_zone(void *owner)
{
	struct io_process *io = owner;

	return io->ops->open_fd(io);
}

static void on_identified(void *owner, const struct io_resources *resources)
{
	struct io_process *io = owner;

	io->resources = *resources;
}

static const char *on_user_of(void *owner, const struct io_resource *resource,
			      bool dying)
{
	struct io_process *io = owner;

	return io->ops->user_of(io, resource, dying);
}

static void on_opened(void *owner, struct io_opening *opening)
{
	spawn(owner, opening);
}

static void on_open_failed(void *owner, const struct zerror *error)
{
	struct io_process *io = owner;

	io->opening = NULL;
	io->error = *error;
	snprintf(io->last_error, sizeof(io->last_error), "%.255s",
		 error->message);
	gone(io, io->was_ready);
}

static const struct io_opening_ops opening_ops = {
	.open_zone = on_open_zone,
	.identified = on_identified,
	.user_of = on_user_of,
	.opened = on_opened,
	.failed = on_open_failed,
};

static void begin(struct io_process *io)
{
	io->state = IO_STARTING;
	io->error = (struct zerror){ 0 };
	io->opening = io_opening_start(io->loop, &opening_ops, io, io->zone_id,
				       io->def, io->video_dir, io->was_ready);
	if (!io->opening) {
		out_of_memory(io);
	}
}

void io_process_init(struct io_process *io, uv_loop_t *loop,
		     const struct io_process_ops *ops, const char *program,
		     const char *zone, const char *video_dir)
{
	*io = (struct io_process){
		.ops = ops,
		.loop = loop,
		.program = program,
		.zone = zone,
		.video_dir = video_dir,
		.console_fd = -1,
	};
	uv_timer_init(loop, &io->timer);
	io->timer.data = io;
}

void io_process_start(struct io_process *io, uint32_t zone_id,
		      const struct zone_def *def, int console_fd, bool adopted)
{
	io->def = def;
	io->zone_id = zone_id;
	io->resources.count = 0;
	device_status_reset(io->status, NULL);
	io->console_fd = console_fd;
	io->was_ready = adopted;
	io->restarts = 0;
	io->backoff = (struct backoff){ .longest_ms = RESTART_MAX_MS };
	io->renewals = (struct backoff){ 0 };
	io->reconnect_backoff =
		(struct backoff){ .longest_ms = RECONNECT_MAX_MS };
	io->last_error[0] = io->logged[0] = '\0';
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

static void drop_opening(struct io_process *io)
{
	io_opening_drop(io->opening);
	io->opening = NULL;
}

void io_process_stop(struct io_process *io)
{
	if (io->state == IO_STOPPING) {
		return;
	}
	io->state = IO_STOPPING;
	drop_opening(io);
	drop_reconnect(io);
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

int io_process_device_command(struct io_process *io, const char *command,
			      const struct zone_device *device)
{
	char line[128];

	if (io->state != IO_READY) {
		return -1;
	}
	/* no name needs escaping: zone_def_name_valid() */
	snprintf(line, sizeof(line), "{\"cmd\":\"%s\",\"device\":\"%s\"}",
		 command, device->name);
	return child_send(io->child, line);
}

int io_process_set_device(struct io_process *io,
			  const struct zone_device *device,
			  const struct io_process_changes *changes)
{
	uint32_t lines = changes->mode ? device->gpu.heads : 1;
	int rc = 0;

	if (io->state != IO_READY) {
		return -1;
	}
	for (uint32_t head = 0; rc == 0 && head < lines; head++) {
		char *line = io_process_set_line(device, head, changes);

		rc = line ? child_send(io->child, line) : -1;
		free(line);
	}
	return rc;
}

/* What it was told before has been sent: it would have had to be asleep long. */
int io_process_set_output(struct io_process *io,
			  const struct zone_device *device, int output)
{
	uv_stream_t *control;
	uv_os_fd_t fd;
	char line[128];

	if (io->state != IO_READY) {
		return -1;
	}
	control = (uv_stream_t *)&io->child->control;
	if (uv_stream_get_write_queue_size(control) > 0 ||
	    uv_fileno((uv_handle_t *)control, &fd) < 0) {
		return -1;
	}
	/* no name needs escaping: zone_def_name_valid() */
	snprintf(line, sizeof(line), "{\"cmd\":\"display\",\"device\":\"%s\"}",
		 device->name);
	return fd_message_send(fd, line, output);
}

int io_process_press(struct io_process *io, const struct zone_device *device,
		     struct json_object *keys, uint32_t hold_ms)
{
	char *line;
	int rc;

	if (io->state != IO_READY) {
		return -1;
	}
	line = io_process_keys_line(device, keys, hold_ms);
	rc = line ? child_send(io->child, line) : -1;
	free(line);
	return rc;
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
	drop_opening(io);
	drop_reconnect(io);
	uv_close((uv_handle_t *)&io->timer, on_closed);
}
