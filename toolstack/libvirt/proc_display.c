// SPDX-License-Identifier: BSD-2-Clause
/* Screens of domains: pictures of them, and keys that are typed there. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "call.h"
#include "json.h"
#include "key_code.h"
#include "procedures.h"
#include "server.h"
#include "shot_folder.h"
#include "stream.h"

#define KEYS_MAX VIR_DOMAIN_SEND_KEY_MAX_KEYS
#define HOLD_DEFAULT_MS 100

/* ------------------------------------------------------------ screenshots */

static void free_screenshot(void *state)
{
	shot_folder_remove(state);
	free(state);
}

static void got_picture(struct call *call, struct json_object *result)
{
	const struct shot_folder *shot = call->state;
	int fd = open(shot->picture, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	(void)result;
	if (fd < 0) {
		call_error(call, VIR_ERR_OPERATION_FAILED,
			   "the picture cannot be read from %.200s: %s",
			   shot->picture, strerror(errno));
		return;
	}
	xdr_put_optional_string(&call->reply, "image/png");
	stream_open_file(call, fd);
}

static bool make_folder(struct call *call, struct shot_folder *shot)
{
	const char *parent = server_socket_dir(client_server(call->client));
	int rc = shot_folder_make(shot, parent);

	if (rc < 0) {
		call_error(call, VIR_ERR_OPERATION_FAILED,
			   "no folder for the picture can be made in %.200s: "
			   "%s",
			   parent, strerror(-rc));
	}
	return rc == 0;
}

static void screenshot(struct call *call)
{
	struct shot_folder *shot =
		call_keep(call, sizeof(*shot), free_screenshot);
	struct json_object *params;
	struct domain_ref ref;
	uint32_t head;
	uint32_t flags;

	if (!shot) {
		return;
	}
	call_get_domain(call, &ref);
	head = xdr_get_u32(&call->args);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) || !call_only_flags(call, flags, 0) ||
	    !make_folder(call, shot)) {
		return;
	}
	params = domain_params(&ref);
	json_put(params, "head", json_object_new_int64(head));
	json_put(params, "path", json_object_new_string(shot->picture));
	call_hvd(call, "display.screenshot", params, got_picture);
}

/* ----------------------------------------------------------- for a viewer */

struct graphics_wish {
	uint32_t head;
};

/* A connection to who shows it, or a negative errno value. */
static int connect_viewer(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;
	int rc;

	if (path[0] != '/') { /* others are not of files */
		return -ENOENT;
	}
	if (strlen(path) >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	/* One that has too many waiting is not waited for. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fcntl(fd, F_SETFL, 0) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static void got_heads(struct call *call, struct json_object *display)
{
	const struct graphics_wish *wish = call->state;
	struct json_object *heads = json_get(display, "heads");
	const char *path;
	int fd;

	if (!json_object_is_type(heads, json_type_array) ||
	    wish->head >= json_object_array_length(heads)) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "no graphics backend with index %u: the screen has "
			   "as many as it has heads",
			   wish->head);
		return;
	}
	path = json_text(json_object_array_get_idx(heads, wish->head),
			 "socket");
	fd = connect_viewer(path);
	if (fd < 0) {
		call_error(call, VIR_ERR_OPERATION_FAILED,
			   "the screen cannot be reached at %.200s: %s%s", path,
			   strerror(-fd),
			   fd == -EAGAIN ? ": viewers wait there, try again"
					 : "");
		return;
	}
	call_reply_fd(call, fd);
}

static void open_graphics_fd(struct call *call)
{
	struct graphics_wish *wish = call_keep(call, sizeof(*wish), free);
	struct domain_ref ref;
	uint32_t flags;

	if (!wish) {
		return;
	}
	call_get_domain(call, &ref);
	wish->head = xdr_get_u32(&call->args);
	flags = xdr_get_u32(&call->args);
	if (call_args_end(call) &&
	    call_only_flags(call, flags, VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH)) {
		call_hvd(call, "display.get", domain_params(&ref), got_heads);
	}
}

/* ------------------------------------------------------------------- keys */

static struct json_object *get_keys(struct call *call, uint32_t set,
				    const uint32_t *codes, uint32_t count)
{
	struct json_object *keys = json_object_new_array();

	for (uint32_t i = 0; keys && i < count; i++) {
		int key = key_code_of(set, codes[i]);

		if (key < 0) {
			call_error(call, VIR_ERR_INVALID_ARG,
				   "key code %u of this code set is not known: "
				   "use those of Linux, KEY_…",
				   codes[i]);
			json_object_put(keys);
			return NULL;
		}
		json_object_array_add(keys, json_object_new_int(key));
	}
	if (!keys) {
		call_no_memory(call);
	}
	return keys;
}

static void send_key(struct call *call)
{
	uint32_t codes[KEYS_MAX];
	struct json_object *params;
	struct json_object *keys;
	struct domain_ref ref;
	uint32_t set;
	uint32_t hold;
	uint32_t count;
	uint32_t flags;

	call_get_domain(call, &ref);
	set = xdr_get_u32(&call->args);
	hold = xdr_get_u32(&call->args);
	count = xdr_get_count(&call->args, KEYS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		codes[i] = xdr_get_u32(&call->args);
	}
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) || !call_only_flags(call, flags, 0)) {
		return;
	}
	if (!key_code_set_is_known(set)) {
		call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
			   "code set %u is not supported: use linux, usb, xt, "
			   "atset1 or qnum",
			   set);
		return;
	}
	keys = get_keys(call, set, codes, count);
	if (!keys) {
		return;
	}
	params = domain_params(&ref);
	json_put(params, "keys", keys);
	json_put(params, "hold_ms",
		 json_object_new_int64(hold ? hold : HOLD_DEFAULT_MS));
	call_hvd(call, "display.send_keys", params, call_step_done);
}

static const struct procedure rows[] = {
	{ 211, "DomainScreenshot", screenshot, 0,
	  "`image/png`; a screen is a head" },
	{ 226, "DomainSendKey", send_key, 0,
	  "code sets `linux` and `usb`, and of `xt`, `atset1` and `qnum` the "
	  "keys of one byte; all are held for 100 ms if nothing is said" },
	{ 343, "DomainOpenGraphicsFD", open_graphics_fd, 0,
	  "a connection to `hvd-display`; an index is a head. `SKIPAUTH` is taken, "
	  "and who has a password is asked for it all the same" },
};

const struct procedure_group display_procedures = {
	"Screens", rows, sizeof(rows) / sizeof(rows[0])
};
