/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's screens and keys: who shows them, and what can be asked of them.
 *
 *   screenshot: MAKE (job: the file) -> hvd-display writes -> CLOSE (job) -> answered
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump_file.h"
#include "log.h"
#include "rpc.h"
#include "zone_internal.h"

#define PASSWORD_FILE_MAX 4096u
#define KEYS_MS \
	10000u /* for an I/O process to let go of them, beside the hold */
#define VIEWERS_MS 1000u /* between two events */

static struct zone *zone_of(struct display_process *display)
{
	return (struct zone *)((char *)display -
			       offsetof(struct zone, display));
}

/* -------------------------------------------------------- the socket to it */

/* hvd-io gets one end, hvd-display the other. */
static void renew_output(struct zone *z)
{
	const struct zone_device *gpu = zone_def_gpu(z->running_def);
	int output;
	int viewer;

	if (io_resource_make_output(&output, &viewer) < 0) {
		return; /* there may be descriptors when either starts again */
	}
	if (io_process_set_output(&z->io, gpu, output) == 0) {
		display_process_give(&z->display, viewer);
	} else {
		close(viewer);
	}
	close(output);
}

static void on_wants_socket(struct display_process *display)
{
	struct zone *z = zone_of(display);

	if (z->io.state == IO_READY) {
		renew_output(z);
	} /* else when it is ready */
}

void zone_display_io_ready(struct zone *z)
{
	if (z->display.child && !z->display.connected) {
		renew_output(z);
	}
}

void zone_display_output(struct io_process *io, int viewer)
{
	struct zone *z =
		(struct zone *)((char *)io - offsetof(struct zone, io));

	display_process_give(&z->display, viewer);
}

/* ------------------------------------------------------------------ viewers */

static void tell_viewers(struct zone *z)
{
	unsigned int now = z->display.viewers;
	unsigned int before = z->viewers.told;

	if (now == before) {
		return;
	}
	z->viewers.told = now;
	uv_timer_start(&z->viewers.timer, zone_display_tell, VIEWERS_MS, 0);
	event_publish_display(&z->daemon->events, z,
			      now > before ? "connected" : "disconnected", now);
}

/* Whoever comes and goes all the time is not to fill the history of events. */
void zone_display_tell(uv_timer_t *timer)
{
	tell_viewers(timer->data);
}

static void on_viewers(struct display_process *display)
{
	struct zone *z = zone_of(display);

	if (!uv_is_active((uv_handle_t *)&z->viewers.timer)) {
		tell_viewers(z);
	}
}

const struct display_process_ops zone_display_ops = {
	.wants_socket = on_wants_socket,
	.viewers = on_viewers,
};

/* -------------------------------------------------------------------- start */

static bool is_everywhere(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* See display_listen.h. */
static const char *taken_by(void *arg, const char *address, uint16_t port)
{
	const struct zone *z = arg;

	for (const struct zone *other = z->daemon->zones; other;
	     other = other->next) {
		const struct display_listen *listen = &other->display.listen;
		const struct zone_device *gpu =
			other->running_def ? zone_def_gpu(other->running_def)
					   : NULL;

		if (other != z && gpu && listen->port && port >= listen->port &&
		    port < listen->port + gpu->gpu.heads &&
		    (is_everywhere(address) ||
		     is_everywhere(gpu->gpu.vnc.address) ||
		     strcmp(address, gpu->gpu.vnc.address) == 0)) {
			return other->name;
		}
	}
	return NULL;
}

/* The name of another zone that is shown there; NULL: none. */
static const char *card_taken_by(const struct zone *z, const char *card)
{
	for (const struct zone *other = z->daemon->zones; other;
	     other = other->next) {
		const char *theirs = other->display.card.path;

		if (other != z && theirs[0] &&
		    display_card_same(theirs, card)) {
			return other->name;
		}
	}
	return NULL;
}

/* Before the guest runs, which would be shown nowhere.  An fd, or -1. */
static int open_card(const struct zone *z, const char *card, const char *path,
		     struct zerror *ret_error)
{
	const char *owner = card_taken_by(z, card);
	char at[ZERROR_PATH_MAX];

	zerror_path(at, "%s.card", path);
	if (owner) {
		zerror_set(ret_error, ZERROR_BUSY, at,
			   "stop that zone first, or name another card",
			   "%.200s is taken by zone %s", card, owner);
		return -1;
	}
	return display_card_open(card, at, ret_error);
}

/* Viewers send others each in another way, and JSON does not take all of them. */
static bool is_ascii(const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] < ' ' || text[i] > '~') {
			return false;
		}
	}
	return true;
}

static int read_password(const char *file, const char *path, char *ret,
			 struct zerror *ret_error)
{
	static const char hint[] = "make it: one line with the password, "
				   "readable by its owner only";
	char text[PASSWORD_FILE_MAX];
	char at[ZERROR_PATH_MAX];
	struct stat st;
	ssize_t len = -1;
	int err;
	/* O_NONBLOCK: a FIFO in its place must not hold us up */
	int fd = open(file, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	zerror_path(at, "%s.vnc.password-file", path);
	if (fd >= 0 && fstat(fd, &st) == 0) {
		len = S_ISREG(st.st_mode) ? read(fd, text, sizeof(text) - 1)
					  : (errno = EINVAL, -1);
	}
	err = errno;
	if (fd >= 0) {
		close(fd);
	}
	if (len < 0) {
		return zerror_set(ret_error, ZERROR_IO_ERROR, at, hint,
				  "%.200s cannot be read: %s", file,
				  strerror(err));
	}
	text[len] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (text[0] == '\0') {
		return zerror_set(ret_error, ZERROR_IO_ERROR, at, hint,
				  "%.200s has no password in its first line",
				  file);
	}
	if (!is_ascii(text)) {
		explicit_bzero(text, sizeof(text));
		return zerror_set(ret_error, ZERROR_IO_ERROR, at,
				  "choose letters, digits and signs of ASCII: "
				  "viewers send no others alike",
				  "%.200s has a password with a character that "
				  "is not of ASCII",
				  file);
	}
	if (st.st_mode & (S_IRGRP | S_IROTH)) {
		log_warning("%s: others than its owner can read the password",
			    file);
	}
	snprintf(ret, DISPLAY_PASSWORD_MAX + 1, "%.*s",
		 (int)DISPLAY_PASSWORD_MAX, text);
	explicit_bzero(text, sizeof(text));
	return 0;
}

static int check_program(const char *program, const char *path,
			 struct zerror *ret_error)
{
	return access(program, X_OK) == 0
		       ? 0
		       : zerror_set(ret_error, ZERROR_UNSUPPORTED, path,
				    "install hvd-display in zone0, or take the "
				    "gpu out of the definition",
				    "zone0 does not have %.200s, which shows "
				    "screens: %s",
				    program, strerror(errno));
}

static int begin(struct zone *z, const struct zone_device *gpu, bool adopted,
		 struct zerror *ret_error)
{
	char password[DISPLAY_PASSWORD_MAX + 1] = "";
	struct vnc_tls tls = VNC_TLS_NONE;
	struct display_listen listen;
	char path[ZERROR_PATH_MAX];
	char video[PATH_MAX];
	int card = -1;

	display_process_stop(&z->display);
	zerror_path(path, "$.devices[%td]", gpu - z->running_def->devices);
	io_resource_video_path(z->daemon->video_dir, z->name, video);
	if (check_program(z->daemon->options.display_program, path, ret_error) <
		    0 ||
	    (gpu->gpu.vnc.password_file &&
	     read_password(gpu->gpu.vnc.password_file, path, password,
			   ret_error) < 0) ||
	    (gpu->gpu.vnc.tls && vnc_tls_open(gpu->gpu.vnc.tls, path, adopted,
					      &tls, ret_error) < 0)) {
		return -1;
	}
	if (gpu->gpu.card) {
		card = open_card(z, gpu->gpu.card, path, ret_error);
		/* The process of an earlier hvd may have it for a moment yet. */
		if (card < 0 && !adopted) {
			vnc_tls_close(&tls);
			return -1;
		}
	}
	if (display_listen_open(z->daemon->viewer_dir, z->name, gpu, path,
				adopted, taken_by, z, &listen, ret_error) < 0) {
		vnc_tls_close(&tls);
		if (card >= 0) {
			display_card_close(card);
		}
		return -1;
	}
	display_process_start(&z->display, &gpu->gpu, video, password, &tls,
			      &listen, card);
	explicit_bzero(password, sizeof(password));
	return 0;
}

/* A guest that runs goes on, whether somebody can see it or not. */
int zone_display_begin(struct zone *z, bool adopted, struct zerror *ret_error)
{
	const struct zone_device *gpu = zone_def_gpu(z->running_def);

	if (!gpu || begin(z, gpu, adopted, ret_error) == 0) {
		return 0;
	}
	if (!adopted) {
		return -1;
	}
	log_warning("%s: nobody can see its screens until it starts again: %s",
		    z->name, ret_error->message);
	return 0;
}

/* --------------------------------------------------------------- screenshot */

struct screenshot {
	uv_work_t work;
	struct daemon *daemon;
	uint8_t uuid[UUID_SIZE]; /* the zone may have gone meanwhile */
	struct rpc_call *call;
	uint32_t head;
	bool force;
	bool written;
	char path[PATH_MAX];
	struct dump_file file;
	struct zerror error; /* code 0: none */
};

static void on_make(uv_work_t *work)
{
	struct screenshot *s = work->data;
	const char *what;
	char text[32];
	int rc = dump_file_make(&s->file, s->path, s->force, &what);

	if (rc < 0) {
		snprintf(text, sizeof(text), "cannot %s", what);
		dump_file_fail(s->path, text, -rc, &s->error);
	}
}

static void on_close(uv_work_t *work)
{
	struct screenshot *s = work->data;
	const char *what = "write";
	char text[32];
	int rc = s->error.code ? 0 : dump_file_close(&s->file);

	if (rc == 0 && !s->error.code) {
		rc = dump_file_complete(&s->file, &what);
	}
	if (rc < 0) {
		snprintf(text, sizeof(text), "cannot %s", what);
		dump_file_fail(s->path, text, -rc, &s->error);
	}
	if (s->error.code) {
		dump_file_remove(&s->file);
	} else {
		dump_file_keep(&s->file);
	}
}

static void on_closed(uv_work_t *work, int status)
{
	struct screenshot *s = work->data;

	(void)status; /* nothing cancels queued work */
	if (s->error.code) {
		rpc_fail(s->call, &s->error);
	} else {
		rpc_result(s->call, NULL);
	}
	free(s);
}

static void end_shot(struct screenshot *s)
{
	if (uv_queue_work(&s->daemon->loop, &s->work, on_close, on_closed) <
	    0) {
		on_close(&s->work);
		on_closed(&s->work, 0);
	}
}

static void on_shot(void *user, const struct zerror *error)
{
	struct screenshot *s = user;

	if (error) {
		s->error = *error;
	}
	end_shot(s);
}

static void on_made(uv_work_t *work, int status)
{
	struct screenshot *s = work->data;
	struct zone *z = zone_find_uuid(s->daemon, s->uuid);

	(void)status; /* nothing cancels queued work */
	if (!s->error.code && z && z->display.on && !s->daemon->stopping) {
		display_process_shoot(&z->display, s->head, s->file.fd, on_shot,
				      s);
		return;
	}
	if (!s->error.code) {
		zerror_set(&s->error, ZERROR_INVALID_STATE, NULL, NULL,
			   "the zone ended meanwhile");
	}
	end_shot(s);
}

/* The zone's gpu, if there is one to ask; else the call has failed. */
static const struct zone_device *gpu_to_ask(struct zone *z,
					    struct rpc_call *call)
{
	const struct zone_def *def = z->running_def;
	const struct zone_device *gpu = def ? zone_def_gpu(def) : NULL;
	struct zerror error;

	if (gpu && z->display.on) {
		return gpu;
	}
	if (def && !gpu) {
		zerror_set(&error, ZERROR_UNSUPPORTED, NULL,
			   "give it one: {\"type\": \"gpu\"} among its devices "
			   "(hvsh edit)",
			   "%s has no screen", z->name);
	} else {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   z->state == ZONE_DEFINED ? "start it first" : NULL,
			   "%s shows nothing while it is %s", z->name,
			   z->state == ZONE_DEFINED ? "not running"
						    : zone_fsm_name(z->state));
	}
	rpc_fail(call, &error);
	return NULL;
}

void zone_screenshot(struct zone *z, uint32_t head, const char *path,
		     bool force, struct rpc_call *call)
{
	const struct zone_device *gpu = gpu_to_ask(z, call);
	struct screenshot *s;
	struct zerror error;

	if (!gpu) {
		return;
	}
	if (head >= gpu->gpu.heads) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.head",
			   "the first head is 0", "%s has %u head%s", z->name,
			   gpu->gpu.heads, gpu->gpu.heads == 1 ? "" : "s");
		rpc_fail(call, &error);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s) {
		s->work.data = s;
		s->daemon = z->daemon;
		s->call = call;
		s->head = head;
		s->force = force;
		s->file = (struct dump_file)DUMP_FILE_NONE;
		memcpy(s->uuid, z->uuid, sizeof(s->uuid));
		snprintf(s->path, sizeof(s->path), "%s", path);
	}
	if (!s ||
	    uv_queue_work(&z->daemon->loop, &s->work, on_make, on_made) < 0) {
		free(s);
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "hvd: out of memory");
		rpc_fail(call, &error);
	}
}

/* --------------------------------------------------------------------- keys */

static const struct zone_device *find_keyboard(const struct zone_def *def)
{
	for (uint32_t i = 0; def && i < def->device_count; i++) {
		if (def->devices[i].type == ZONE_DEVICE_INPUT &&
		    def->devices[i].input == ZONE_INPUT_KEYBOARD) {
			return &def->devices[i];
		}
	}
	return NULL;
}

static void end_keys(struct zone *z, const struct zerror *error)
{
	struct rpc_call *call = z->keys.call;

	if (!call) {
		return;
	}
	z->keys.call = NULL;
	uv_timer_stop(&z->keys.timer);
	if (error) {
		rpc_fail(call, error);
	} else {
		rpc_result(call, NULL);
	}
}

static void on_no_answer(uv_timer_t *timer)
{
	struct zone *z = timer->data;
	struct zerror error;

	zerror_set(&error, ZERROR_TIMEOUT, NULL,
		   "try again: it is being replaced",
		   "%s: its I/O process does not answer", z->name);
	/* Its late answer would be taken for that of the next keys. */
	io_process_replace(&z->io, "did not let go of keys in time");
	end_keys(z, &error);
}

void zone_keys_gone(struct zone *z, const struct zerror *error)
{
	z->keys.pressed = false;
	end_keys(z, error);
}

void zone_keys_done(struct io_process *io, uint32_t index)
{
	struct zone *z =
		(struct zone *)((char *)io - offsetof(struct zone, io));

	if (z->keys.pressed && index == z->keys.device) {
		z->keys.pressed = false;
		end_keys(z, NULL);
	}
}

void zone_keys_refused(struct zone *z, uint32_t index, const char *why)
{
	struct zerror error;

	if (z->keys.pressed && index == z->keys.device) {
		z->keys.pressed = false;
		zerror_set(&error, ZERROR_IO_ERROR, NULL, NULL,
			   "%s: %s: %.160s", z->name,
			   z->running_def->devices[index].name, why);
		end_keys(z, &error);
	}
}

static int cannot_press(const struct zone *z,
			const struct zone_device *keyboard,
			struct zerror *ret_error)
{
	if (!z->running_def) {
		return zerror_set(
			ret_error, ZERROR_INVALID_STATE, NULL,
			z->state == ZONE_DEFINED ? "start it first" : NULL,
			"%s hears no keys while it is %s", z->name,
			z->state == ZONE_DEFINED ? "not running"
						 : zone_fsm_name(z->state));
	}
	if (!keyboard) {
		return zerror_set(
			ret_error, ZERROR_UNSUPPORTED, NULL,
			"give it one: {\"type\": \"input\", \"kind\": "
			"\"keyboard\"} among its devices (hvsh edit)",
			"%s has no keyboard", z->name);
	}
	if (z->keys.pressed) {
		return zerror_set(ret_error, ZERROR_BUSY, NULL,
				  "try again in a moment",
				  "keys of %s are being pressed", z->name);
	}
	return 0;
}

void zone_send_keys(struct zone *z, struct json_object *keys, uint32_t hold_ms,
		    struct rpc_call *call)
{
	const struct zone_device *keyboard = find_keyboard(z->running_def);
	struct zerror error;

	if (cannot_press(z, keyboard, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	if (io_process_press(&z->io, keyboard, keys, hold_ms) < 0) {
		zerror_set(&error, ZERROR_BUSY, NULL, "try again in a moment",
			   "the I/O process of %s is being started", z->name);
		rpc_fail(call, &error);
		return;
	}
	z->keys.call = call;
	z->keys.pressed = true;
	z->keys.device = (uint32_t)(keyboard - z->running_def->devices);
	uv_timer_start(&z->keys.timer, on_no_answer, hold_ms + KEYS_MS, 0);
}

/* ---------------------------------------------------------------------- get */

/* NULL: it is shown on none. */
static struct json_object *
monitor_to_json(const struct display_monitor *monitor)
{
	struct json_object *json;

	if (!monitor->connector[0]) {
		return NULL;
	}
	json = json_object_new_object();
	json_object_object_add(json, "connector",
			       json_object_new_string(monitor->connector));
	if (monitor->width) {
		json_object_object_add(json, "width",
				       json_object_new_int64(monitor->width));
		json_object_object_add(json, "height",
				       json_object_new_int64(monitor->height));
		json_object_object_add(json, "refresh",
				       json_object_new_int64(monitor->refresh));
	}
	if (monitor->error[0]) {
		json_object_object_add(json, "error",
				       json_object_new_string(monitor->error));
	}
	return json;
}

static struct json_object *card_to_json(const struct display_card *card)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "path",
			       json_object_new_string(card->path));
	if (card->error[0]) {
		json_object_object_add(json, "error",
				       json_object_new_string(card->error));
	}
	return json;
}

static struct json_object *
head_to_json(const struct zone *z, const struct zone_gpu *gpu, uint32_t head)
{
	const struct display_process *display = &z->display;
	struct json_object *json = json_object_new_object();
	uint32_t width = display->head[head].width;
	char path[PATH_MAX];

	display_listen_path(z->daemon->viewer_dir, z->name, head, path);
	json_object_object_add(json, "head", json_object_new_int64(head));
	json_object_object_add(json, "width",
			       width ? json_object_new_int64(width) : NULL);
	json_object_object_add(
		json, "height",
		width ? json_object_new_int64(display->head[head].height)
		      : NULL);
	json_object_object_add(json, "socket", json_object_new_string(path));
	if (display->card.path[0]) {
		json_object_object_add(
			json, "monitor",
			monitor_to_json(&display->head[head].monitor));
	}
	if (display->listen.port) {
		json_object_object_add(
			json, "address",
			json_object_new_string(gpu->vnc.address));
		json_object_object_add(
			json, "port",
			json_object_new_int64(display->listen.port + head));
	}
	return json;
}

void zone_display_get(struct zone *z, struct rpc_call *call)
{
	const struct zone_device *gpu = gpu_to_ask(z, call);
	struct json_object *heads;
	struct json_object *json;
	int pid;

	if (!gpu) {
		return;
	}
	heads = json_object_new_array();
	for (uint32_t head = 0; head < gpu->gpu.heads; head++) {
		json_object_array_add(heads, head_to_json(z, &gpu->gpu, head));
	}
	json = json_object_new_object();
	json_object_object_add(json, "device",
			       json_object_new_string(gpu->name));
	json_object_object_add(json, "heads", heads);
	json_object_object_add(json, "viewers",
			       json_object_new_int64(z->display.viewers));
	json_object_object_add(
		json, "password",
		json_object_new_boolean(z->display.password[0] != '\0'));
	json_object_object_add(
		json, "tls",
		z->display.tls.fd >= 0
			? json_object_new_string(z->display.tls_folder)
			: NULL);
	json_object_object_add(
		json, "viewer_certificates",
		json_object_new_boolean(z->display.tls.authority != 0));
	if (z->display.card.path[0]) {
		json_object_object_add(json, "card",
				       card_to_json(&z->display.card));
	}
	pid = display_process_pid(&z->display);
	if (pid) {
		json_object_object_add(json, "pid", json_object_new_int64(pid));
	}
	json_object_object_add(json, "restarts",
			       json_object_new_int64(z->display.restarts));
	rpc_result(call, json);
}

/* -------------------------------------------------------------------- memory */

void zone_display_init(struct zone *z)
{
	display_process_init(&z->display, &z->daemon->loop, &zone_display_ops,
			     z->daemon->options.display_program, z->name);
	uv_timer_init(&z->daemon->loop, &z->keys.timer);
	uv_timer_init(&z->daemon->loop, &z->viewers.timer);
	z->keys.timer.data = z->viewers.timer.data = z;
}
