/* SPDX-License-Identifier: BSD-2-Clause */
#include "display_process.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd_message.h"
#include "frame.h"
#include "io_user.h"
#include "log.h"
#include "strict_json.h"
#include "text.h"
#include "video_file.h"

#define READY_TIMEOUT_MS 10000u
#define RESTART_MAX_MS 10000u
#define SHOT_TIMEOUT_MS 30000u /* of each: they are written one by one */
#define LEAVE_MS 1000u /* for one whose socket has ended */
#define LINE_MAX_BYTES 8192u
#define READ_SIZE 4096u
#define LINES_MAX 1000u /* in a second: no process has as much to say */
#define SHOTS_MAX 8u /* so many wait at hvd-display */
#define VIEWERS_MAX 100000
#define SIDE_MAX 16384
#define REFRESH_MAX 10000

/* One started process.  It outlives its place in struct display_process. */
struct display_child {
	struct display_process *display; /* NULL: of no interest any more */
	uv_process_t process;
	uv_pipe_t control;
	uv_timer_t leave; /* then it is killed */
	uint64_t since; /* lines are counted; loop time, ms */
	unsigned int lines;
	unsigned int open_handles;
	bool spawned; /* `process` is a handle to close */
	bool running;
	bool closed;
	bool ready;
	bool broken; /* killed by us, for the reason in last_error */
	struct frame input;
};

struct display_shot {
	struct display_shot *next;
	uint64_t id;
	display_shot_cb told;
	void *user;
};

static void begin(struct display_process *display);

/* --------------------------------------------------------------- the child */

static void on_child_handle_closed(uv_handle_t *handle)
{
	struct display_child *child = handle->data;

	if (--child->open_handles == 0) {
		frame_fini(&child->input);
		free(child);
	}
}

/* Closes what is open; the memory goes when libuv lets go of it. */
static void child_close(struct display_child *child)
{
	child->display = NULL;
	if (!child->closed) {
		child->closed = true;
		uv_close((uv_handle_t *)&child->leave, on_child_handle_closed);
		if (!uv_is_closing((uv_handle_t *)&child->control)) {
			uv_close((uv_handle_t *)&child->control,
				 on_child_handle_closed);
		}
		if (child->spawned) {
			uv_close((uv_handle_t *)&child->process,
				 on_child_handle_closed);
		}
	}
}

static void child_kill(struct display_child *child)
{
	if (child->running) {
		uv_process_kill(&child->process, SIGKILL);
	}
}

static void on_leave(uv_timer_t *timer)
{
	child_kill(timer->data);
}

/* Its socket ends, and so does it. */
static void child_dismiss(struct display_child *child)
{
	child->display = NULL;
	uv_close((uv_handle_t *)&child->control, on_child_handle_closed);
	uv_timer_start(&child->leave, on_leave, LEAVE_MS, 0);
}

void display_process_replace(struct display_process *display, const char *why)
{
	if (!display->child || display->child->broken) {
		return;
	}
	snprintf(display->last_error, sizeof(display->last_error), "%s", why);
	display->child->broken = true;
	child_kill(display->child);
}

/* Takes json over.  fd: goes along, -1: none. */
static void say(struct display_process *display, struct json_object *json,
		int fd)
{
	uv_os_fd_t control;

	if (uv_fileno((uv_handle_t *)&display->child->control, &control) < 0 ||
	    fd_message_send(
		    control,
		    json_object_to_json_string_ext(
			    json, JSON_C_TO_STRING_PLAIN |
					  JSON_C_TO_STRING_NOSLASHESCAPE),
		    fd) < 0) {
		display_process_replace(display, "does not listen");
	}
	json_object_put(json);
}

static void add_uint(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add(json, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *json, const char *key,
		     const char *text)
{
	json_object_object_add(json, key, json_object_new_string(text));
}

static struct json_object *command(const char *name)
{
	struct json_object *json = json_object_new_object();

	add_text(json, "cmd", name);
	return json;
}

/* ---------------------------------------------------------------- pictures */

static void on_no_shot(uv_timer_t *timer)
{
	display_process_replace(timer->data, "did not write a picture in time");
}

static void end_shot(struct display_process *display, uint64_t id,
		     const struct zerror *error)
{
	struct display_shot **place = &display->shots;
	struct display_shot *shot;

	while (*place && (*place)->id != id) {
		place = &(*place)->next;
	}
	shot = *place;
	if (!shot) {
		return;
	}
	*place = shot->next;
	if (!display->shots) {
		uv_timer_stop(&display->patience);
	} else if (
		!shot->next) { /* the oldest: now it is the next one's turn */
		uv_timer_start(&display->patience, on_no_shot, SHOT_TIMEOUT_MS,
			       0);
	}
	shot->told(shot->user, error);
	free(shot);
}

static void fail_shots(struct display_process *display, const char *why)
{
	struct zerror error;

	zerror_set(&error, ZERROR_IO_ERROR, NULL, "try again in a moment",
		   "%s: %s", display->zone, why);
	while (display->shots) {
		end_shot(display, display->shots->id, &error);
	}
}

static unsigned int count_shots(const struct display_process *display)
{
	unsigned int count = 0;

	for (struct display_shot *s = display->shots; s; s = s->next) {
		count++;
	}
	return count;
}

static int cannot_shoot(const struct display_process *display,
			struct zerror *ret_error)
{
	if (!display->child || display->child->broken) {
		return zerror_set(
			ret_error, ZERROR_BUSY, NULL, "try again in a moment",
			"hvd-display of %s is being started", display->zone);
	}
	if (count_shots(display) >= SHOTS_MAX) {
		return zerror_set(ret_error, ZERROR_BUSY, NULL,
				  "wait for those that were asked for",
				  "%u pictures of %s are being written",
				  SHOTS_MAX, display->zone);
	}
	return 0;
}

void display_process_shoot(struct display_process *display, uint32_t head,
			   int fd, display_shot_cb told, void *user)
{
	struct display_shot *shot = NULL;
	struct json_object *json;
	struct zerror error;

	if (cannot_shoot(display, &error) < 0) {
		told(user, &error);
		return;
	}
	shot = malloc(sizeof(*shot));
	if (!shot) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		told(user, &error);
		return;
	}
	*shot = (struct display_shot){ display->shots, ++display->last_shot,
				       told, user };
	if (!display->shots) {
		uv_timer_start(&display->patience, on_no_shot, SHOT_TIMEOUT_MS,
			       0);
	}
	display->shots = shot;
	json = command("screenshot");
	add_uint(json, "id", shot->id);
	add_uint(json, "head", head);
	say(display, json, fd);
}

/* ------------------------------------------------------------- supervision */

static void forget_pictures(struct display_process *display)
{
	memset(display->head, 0, sizeof(display->head));
	if (display->viewers) {
		display->viewers = 0;
		display->ops->viewers(display);
	}
}

static void on_retry(uv_timer_t *timer)
{
	begin(timer->data);
}

/* What is tried in vain for a night is not to fill the log. */
static void log_gone(struct display_process *display)
{
	if (strcmp(display->last_error, display->logged) != 0) {
		log_warning("%s: hvd-display: %s", display->zone,
			    display->last_error);
		snprintf(display->logged, sizeof(display->logged), "%s",
			 display->last_error);
	}
}

/* There is no process (any more), for the reason in last_error. */
static void gone(struct display_process *display)
{
	display->child = NULL;
	display->connected = display->pending >= 0;
	display_card_release(&display->card);
	log_gone(display);
	display->restarts++;
	uv_timer_start(&display->timer, on_retry,
		       backoff_next(&display->backoff, uv_now(display->loop)),
		       0);
	forget_pictures(display);
	fail_shots(display, "hvd-display ended meanwhile");
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal)
{
	struct display_child *child = process->data;
	struct display_process *display = child->display;

	child->running = false;
	if (display && !child->broken && signal) {
		snprintf(display->last_error, sizeof(display->last_error),
			 "was killed by signal %d", signal);
	} else if (display && !child->broken && !display->last_error[0]) {
		snprintf(display->last_error, sizeof(display->last_error),
			 "ended with status %d", (int)status);
	}
	child_close(child);
	if (display) {
		gone(display);
	}
}

static void on_silent(uv_timer_t *timer)
{
	display_process_replace(timer->data, "did not get ready in time");
}

/* --------------------------------------------------------- what it tells us */

static int get_number(struct json_object *message, const char *key, int64_t max,
		      int64_t *ret)
{
	struct json_object *value = json_object_object_get(message, key);

	if (!json_object_is_type(value, json_type_int)) {
		return -1;
	}
	*ret = json_object_get_int64(value);
	return *ret >= 0 && *ret <= max ? 0 : -1;
}

/* The text, made fit to be shown, or what to say without one. */
static void get_text(struct json_object *message, const char *key,
		     const char *otherwise, char *ret, size_t size)
{
	struct json_object *value = json_object_object_get(message, key);

	snprintf(ret, size, "%s",
		 json_object_is_type(value, json_type_string)
			 ? json_object_get_string(value)
			 : otherwise);
	text_sanitize(ret, strlen(ret), false);
}

static void handle_ready(struct display_process *display,
			 struct json_object *message)
{
	(void)message;
	if (!display->child->ready) {
		display->child->ready = true;
		display->last_error[0] = display->logged[0] = '\0';
		uv_timer_stop(&display->timer);
	}
}

static void handle_viewers(struct display_process *display,
			   struct json_object *message)
{
	int64_t count;

	if (get_number(message, "count", VIEWERS_MAX, &count) < 0) {
		display_process_replace(display, "said nonsense of viewers");
	} else if (display->viewers != (unsigned int)count) {
		display->viewers = (unsigned int)count;
		display->ops->viewers(display);
	}
}

static void handle_shows(struct display_process *display,
			 struct json_object *message)
{
	int64_t width;
	int64_t height;
	int64_t head;

	if (get_number(message, "head", display->heads - 1, &head) < 0 ||
	    get_number(message, "width", SIDE_MAX, &width) < 0 ||
	    get_number(message, "height", SIDE_MAX, &height) < 0) {
		display_process_replace(display, "said nonsense of a head");
		return;
	}
	display->head[head].width = height ? (uint32_t)width : 0;
	display->head[head].height = width ? (uint32_t)height : 0;
}

static void handle_monitor(struct display_process *display,
			   struct json_object *message)
{
	struct display_monitor monitor;
	int64_t width;
	int64_t height;
	int64_t refresh;
	int64_t head;

	if (get_number(message, "head", display->heads - 1, &head) < 0 ||
	    get_number(message, "width", SIDE_MAX, &width) < 0 ||
	    get_number(message, "height", SIDE_MAX, &height) < 0 ||
	    get_number(message, "refresh", REFRESH_MAX, &refresh) < 0) {
		display_process_replace(display, "said nonsense of a monitor");
		return;
	}
	monitor.width = height ? (uint32_t)width : 0;
	monitor.height = width ? (uint32_t)height : 0;
	monitor.refresh = (uint32_t)refresh;
	get_text(message, "connector", "", monitor.connector,
		 sizeof(monitor.connector));
	get_text(message, "reason", "", monitor.error, sizeof(monitor.error));
	display->head[head].monitor = monitor;
	display_card_shows(&display->card);
}

static void handle_no_card(struct display_process *display,
			   struct json_object *message)
{
	char why[160];

	get_text(message, "reason", "it did not say why", why, sizeof(why));
	for (uint32_t head = 0; head < display->heads; head++) {
		memset(&display->head[head].monitor, 0,
		       sizeof(display->head[head].monitor));
	}
	display_card_lost(&display->card, why);
}

static void handle_shot(struct display_process *display,
			struct json_object *message)
{
	int64_t id;

	if (get_number(message, "id", INT64_MAX, &id) < 0) {
		display_process_replace(display, "said nonsense of a picture");
	} else {
		end_shot(display, (uint64_t)id, NULL);
	}
}

static void handle_refusal(struct display_process *display,
			   struct json_object *message)
{
	struct zerror error;
	char why[160];
	int64_t id;

	if (get_number(message, "id", INT64_MAX, &id) < 0) {
		display_process_replace(display, "said nonsense of a picture");
		return;
	}
	get_text(message, "reason", "no reason given", why, sizeof(why));
	zerror_set(&error, ZERROR_IO_ERROR, NULL, NULL, "%s: %s", display->zone,
		   why);
	end_shot(display, (uint64_t)id, &error);
}

static void handle_fatal(struct display_process *display,
			 struct json_object *message)
{
	get_text(message, "error", "it did not say why", display->last_error,
		 sizeof(display->last_error));
}

static void handle_event(struct display_process *display,
			 struct json_object *message)
{
	static const struct {
		const char *name;
		void (*handle)(struct display_process *display,
			       struct json_object *message);
	} events[] = {
		{ "ready", handle_ready },     { "viewers", handle_viewers },
		{ "shows", handle_shows },     { "screenshot", handle_shot },
		{ "refused", handle_refusal }, { "fatal", handle_fatal },
		{ "monitor", handle_monitor }, { "no-card", handle_no_card },
	};
	char name[32];

	get_text(message, "event", "", name, sizeof(name));
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(name, events[i].name) == 0) {
			events[i].handle(display, message);
			return;
		}
	}
	log_debug("%s: hvd-display: unknown event %s", display->zone, name);
}

static void handle_line(struct display_process *display, const char *line,
			size_t len)
{
	struct zerror error;
	struct json_object *message = strict_json_parse(line, len, &error);

	if (!json_object_is_type(message, json_type_object)) {
		display_process_replace(display,
					"said something that is not a message");
	} else {
		handle_event(display, message);
	}
	json_object_put(message);
}

static void on_child_alloc(uv_handle_t *handle, size_t suggested,
			   uv_buf_t *buffer)
{
	struct display_child *child = handle->data;
	size_t room = 0;
	char *base = frame_reserve(&child->input, READ_SIZE, &room);

	(void)suggested;
	*buffer = uv_buf_init(base, (unsigned int)room);
}

static bool is_noisy(struct display_child *child)
{
	uint64_t now = uv_now(child->display->loop);

	if (now - child->since >= 1000) {
		child->since = now;
		child->lines = 0;
	}
	return ++child->lines > LINES_MAX;
}

static void on_child_read(uv_stream_t *stream, ssize_t got,
			  const uv_buf_t *buffer)
{
	struct display_child *child = stream->data;
	char *line;
	size_t len;
	int rc = 0;

	(void)buffer;
	if (got < 0) {
		uv_read_stop(stream);
		/* if it lives on, it is of no use */
		uv_timer_start(&child->leave, on_leave, LEAVE_MS, 0);
		return;
	}
	frame_commit(&child->input, (size_t)got);
	while (child->display && !child->broken) {
		rc = frame_next(&child->input, &line, &len);
		if (rc <= 0) {
			break;
		}
		if (is_noisy(child)) {
			display_process_replace(child->display,
						"said too much at a time");
			break;
		}
		handle_line(child->display, line, len);
	}
	if (rc < 0) {
		display_process_replace(child->display,
					"said a line without end");
	}
}

/* -------------------------------------------------------------------- start */

static int spawn(struct display_process *display, struct display_child *child,
		 int video)
{
	char *argv[] = { strdup(display->program), NULL };
	uv_stdio_container_t stdio[DISPLAY_LISTEN_FD + DISPLAY_LISTEN_MAX] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
		  .data.stream = (uv_stream_t *)&child->control },
		{ .flags = UV_INHERIT_FD, .data.fd = video },
	};
	uv_process_options_t options = {
		.exit_cb = on_child_exit,
		.file = display->program,
		.args = argv,
		.stdio_count = DISPLAY_LISTEN_FD + (int)display->listen.count,
		.stdio = stdio,
		/* its own session: a signal to hvd's group is not for it */
		.flags = UV_PROCESS_DETACHED,
	};
	int rc;

	if (!argv[0]) {
		return UV_ENOMEM;
	}
	for (unsigned int i = 0; i < display->listen.count; i++) {
		stdio[DISPLAY_LISTEN_FD + i] = (uv_stdio_container_t){
			.flags = UV_INHERIT_FD,
			.data.fd = display->listen.socket[i].fd,
		};
	}
	/* uv_spawn() makes the handle even when it fails after that */
	child->spawned = true;
	child->open_handles++;
	rc = uv_spawn(display->loop, &child->process, &options);
	free(argv[0]);
	return rc;
}

static struct display_child *child_new(struct display_process *display)
{
	struct display_child *child = calloc(1, sizeof(*child));

	if (!child) {
		return NULL;
	}
	child->display = display;
	child->open_handles = 2;
	child->process.data = child->control.data = child->leave.data = child;
	frame_init(&child->input, LINE_MAX_BYTES);
	uv_pipe_init(display->loop, &child->control, 0);
	uv_timer_init(display->loop, &child->leave);
	return child;
}

static void add_tls(struct json_object *json, const struct vnc_tls *tls)
{
	struct json_object *sizes = json_object_new_object();

	add_uint(sizes, "certificate", tls->certificate);
	add_uint(sizes, "key", tls->key);
	if (tls->authority) {
		add_uint(sizes, "authority", tls->authority);
	}
	json_object_object_add(json, "tls", sizes);
}

/* They may have been renewed since the process before was started. */
static void renew_tls(struct display_process *display)
{
	struct vnc_tls tls;
	struct zerror error;

	if (!display->tls_folder[0] || !display->restarts) {
		return;
	}
	if (vnc_tls_open(display->tls_folder, "", true, &tls, &error) == 0) {
		vnc_tls_close(&display->tls);
		display->tls = tls;
	} else {
		log_warning("%s: goes on with its old certificates: %s",
			    display->zone, error.message);
	}
}

static void configure(struct display_process *display)
{
	struct json_object *json = command("config");
	struct json_object *list = json_object_new_array();
	uid_t uid;
	gid_t gid;

	add_text(json, "zone", display->zone);
	add_uint(json, "heads", display->heads);
	add_uint(json, "memory", display->memory);
	for (unsigned int i = 0; i < display->listen.count; i++) {
		struct json_object *item = json_object_new_object();

		add_uint(item, "head", display->listen.socket[i].head);
		add_uint(item, "fd", DISPLAY_LISTEN_FD + i);
		if (display->tls.fd >= 0 && display->listen.socket[i].tcp) {
			json_object_object_add(item, "tls",
					       json_object_new_boolean(true));
		}
		json_object_array_add(list, item);
	}
	json_object_object_add(json, "listen", list);
	if (display->password[0]) {
		add_text(json, "password", display->password);
	}
	if (display->tls.fd >= 0) {
		add_tls(json, &display->tls);
	}
	if (display->card.path[0]) {
		json_object_object_add(json, "card",
				       json_object_new_boolean(true));
	}
	if (geteuid() == 0 && io_user_find(&uid, &gid)) {
		add_uint(json, "uid", uid);
		add_uint(json, "gid", gid);
	}
	say(display, json, display->tls.fd);
}

static void send_socket(struct display_process *display)
{
	say(display, command("device"), display->pending);
	close(display->pending);
	display->pending = -1;
}

/* hvd keeps it, too: to take it away again at once. */
static void send_card(struct display_process *display)
{
	int fd = display_card_take(&display->card);

	if (fd >= 0) {
		say(display, command("card"), fd);
	}
}

/* A process that is yet to be started is given it then. */
static void on_card_wanted(struct display_card *card)
{
	struct display_process *display =
		(struct display_process *)((char *)card -
					   offsetof(struct display_process,
						    card));

	if (display->child && !display->child->broken) {
		send_card(display);
	}
}

static void fail_start(struct display_process *display,
		       struct display_child *child, const char *why)
{
	snprintf(display->last_error, sizeof(display->last_error),
		 "%.160s cannot be started: %s", display->program, why);
	if (child) {
		child_close(child);
	}
	gone(display);
}

static void note_video(struct display_process *display, int video)
{
	struct stat st = { 0 };

	fstat(video, &st);
	display->video_device = st.st_dev;
	display->video_inode = st.st_ino;
}

/* Somebody removed it, and there is another one now. */
static bool has_other_video(const struct display_process *display)
{
	struct stat st;

	return stat(display->video, &st) == 0 &&
	       (st.st_dev != display->video_device ||
		st.st_ino != display->video_inode);
}

static void begin(struct display_process *display)
{
	struct display_child *child = child_new(display);
	int video = video_file_open_readonly(display->video);
	int rc = video < 0 ? video : child ? 0 : UV_ENOMEM;

	display->last_error[0] = '\0';
	renew_tls(display);
	if (rc == 0) {
		rc = spawn(display, child, video);
	}
	if (video >= 0) {
		note_video(display, video);
		close(video);
	}
	if (rc < 0) {
		fail_start(display, child, uv_strerror(rc));
		return;
	}
	child->running = true;
	display->child = child;
	uv_timer_start(&display->timer, on_silent, READY_TIMEOUT_MS, 0);
	configure(display);
	if (uv_read_start((uv_stream_t *)&child->control, on_child_alloc,
			  on_child_read) < 0) {
		display_process_replace(display, "cannot be listened to");
	}
	send_card(display);
	if (display->pending >= 0) {
		send_socket(display);
	} else if (!display->connected) {
		display->ops->wants_socket(display);
	}
}

void display_process_give(struct display_process *display, int fd)
{
	if (!display->on) {
		close(fd);
		return;
	}
	if (display->pending >= 0) {
		close(display->pending);
	}
	display->pending = fd;
	display->connected = true;
	if (display->child && has_other_video(display)) {
		display_process_replace(display, "had another video memory");
	}
	if (display->child && !display->child->broken) {
		send_socket(display);
	} else if (!display->child &&
		   !uv_is_active((uv_handle_t *)&display->timer)) {
		begin(display);
	}
}

/* ---------------------------------------------------------------------- API */

void display_process_init(struct display_process *display, uv_loop_t *loop,
			  const struct display_process_ops *ops,
			  const char *program, const char *zone)
{
	*display = (struct display_process){
		.ops = ops,
		.loop = loop,
		.program = program,
		.zone = zone,
		.pending = -1,
		.tls = VNC_TLS_NONE,
		.backoff = { .longest_ms = RESTART_MAX_MS },
	};
	uv_timer_init(loop, &display->timer);
	uv_timer_init(loop, &display->patience);
	display->timer.data = display->patience.data = display;
	display_card_init(&display->card, loop, zone, on_card_wanted);
	display->card.timer.data = display; /* whose handle it is */
}

void display_process_start(struct display_process *display,
			   const struct zone_gpu *gpu, const char *video,
			   const char *password, const struct vnc_tls *tls,
			   const struct display_listen *listen, int card)
{
	display->on = true;
	display_card_hold(&display->card, gpu->card ? gpu->card : "", card);
	display->heads = gpu->heads;
	display->memory = gpu->memory;
	snprintf(display->video, sizeof(display->video), "%s", video);
	snprintf(display->password, sizeof(display->password), "%s", password);
	snprintf(display->tls_folder, sizeof(display->tls_folder), "%s",
		 gpu->vnc.tls ? gpu->vnc.tls : "");
	display->tls = *tls;
	display->listen = *listen;
	display->connected = false;
	display->restarts = 0;
	display->backoff = (struct backoff){ .longest_ms = RESTART_MAX_MS };
	display->logged[0] = display->last_error[0] = '\0';
}

void display_process_stop(struct display_process *display)
{
	if (!display->on) {
		return;
	}
	display->on = false;
	uv_timer_stop(&display->timer);
	if (display->child) {
		child_dismiss(display->child);
		display->child = NULL;
	}
	if (display->pending >= 0) {
		close(display->pending);
		display->pending = -1;
	}
	display->connected = false;
	explicit_bzero(display->password, sizeof(display->password));
	vnc_tls_close(&display->tls);
	display_listen_close(&display->listen);
	display_card_release(&display->card);
	display->card.path[0] = '\0';
	forget_pictures(display);
	fail_shots(display, "it was stopped");
}

int display_process_pid(const struct display_process *display)
{
	return display->child && display->child->running
		       ? uv_process_get_pid(&display->child->process)
		       : 0;
}

void display_process_close(struct display_process *display,
			   uv_close_cb on_closed)
{
	struct display_child *child = display->child;

	display->child = NULL;
	display_process_stop(display);
	if (child) {
		child_close(child);
	}
	uv_close((uv_handle_t *)&display->timer, on_closed);
	uv_close((uv_handle_t *)&display->patience, on_closed);
	uv_close((uv_handle_t *)&display->card.timer, on_closed);
}
