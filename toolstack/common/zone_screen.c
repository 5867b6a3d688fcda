/* SPDX-License-Identifier: BSD-2-Clause */
/* The members of devices of type "gpu" and "input". */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "size.h"
#include "zone_def_parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MIB (1ull << 20)
#define PAGE 4096ull
/*
 * Of video memory: what lists the pictures, the guest's memory behind them, and
 * pointers.
 */
#define VIDEO_OVERHEAD (512ull << 10)

static const char *const input_names[] = {
	[ZONE_INPUT_KEYBOARD] = "keyboard",
	[ZONE_INPUT_TABLET] = "tablet",
	[ZONE_INPUT_MOUSE] = "mouse",
};

static const char port_auto[] = "auto";

const char *zone_def_input_name(enum zone_input input)
{
	return input_names[input];
}

/* ---------------------------------------------------------------- gpu */

int zone_gpu_heads(struct def_parser *p, const char *path,
		   struct json_object *value, struct zone_device *device)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, 1, ZONE_DEF_HEADS_MAX,
			"how many screens it has", &number) < 0) {
		return -1;
	}
	device->gpu.heads = (uint32_t)number;
	return 0;
}

static int get_side(struct def_parser *p, const char *path,
		    struct json_object *value, uint32_t min, uint32_t max,
		    uint32_t *ret)
{
	static const char hint[] = "an even number of pixels: 640x480 to "
				   "4096x2160";
	int64_t number = 0;

	if (def_get_int(p, path, value, min, max, hint, &number) < 0) {
		return -1;
	}
	if (number % 2 != 0) {
		return DEF_REFUSE(p, path, hint, "cannot be odd");
	}
	*ret = (uint32_t)number;
	return 0;
}

int zone_gpu_width(struct def_parser *p, const char *path,
		   struct json_object *value, struct zone_device *device)
{
	return get_side(p, path, value, ZONE_DEF_WIDTH_MIN, ZONE_DEF_WIDTH_MAX,
			&device->gpu.width);
}

int zone_gpu_height(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device)
{
	return get_side(p, path, value, ZONE_DEF_HEIGHT_MIN,
			ZONE_DEF_HEIGHT_MAX, &device->gpu.height);
}

int zone_gpu_memory(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device)
{
	static const char hint[] = "a string with a unit, \"4M\" to \"256M\"";
	const char *wrong;
	uint64_t bytes = 0;

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	wrong = size_parse(json_object_get_string(value), &bytes);
	if (wrong) {
		return DEF_REFUSE(p, path, hint, "\"%.32s\": %s",
				  json_object_get_string(value), wrong);
	}
	if (bytes < ZONE_DEF_VIDEO_MIN || bytes > ZONE_DEF_VIDEO_MAX ||
	    bytes % MIB != 0) {
		return DEF_REFUSE(p, path, hint,
				  "must be 4M to 256M, in whole M, not %.32s",
				  json_object_get_string(value));
	}
	device->gpu.memory = bytes;
	return 0;
}

static int vnc_port(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_vnc *vnc)
{
	static const char hint[] = "a number of 1024 to 65535, or \"auto\" for "
				   "the first that is free from 5900 on";
	int64_t number = 0;

	if (json_object_is_type(value, json_type_string) &&
	    strcmp(json_object_get_string(value), port_auto) == 0) {
		vnc->port = 0;
		return 0;
	}
	if (def_get_int(p, path, value, ZONE_DEF_VNC_PORT_MIN, UINT16_MAX, hint,
			&number) < 0) {
		return -1;
	}
	vnc->port = (uint16_t)number;
	return 0;
}

/* In the one way that there is to write it. */
static int vnc_address(struct def_parser *p, const char *path,
		       struct json_object *value, struct zone_vnc *vnc)
{
	static const char hint[] =
		"an address of zone0, as in \"127.0.0.1\", "
		"\"0.0.0.0\" or \"::\": names are not looked "
		"up";
	static const int families[] = { AF_INET, AF_INET6 };
	struct in6_addr address; /* either fits */

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(families); i++) {
		if (inet_pton(families[i], json_object_get_string(value),
			      &address) == 1) {
			inet_ntop(families[i], &address, vnc->address,
				  sizeof(vnc->address));
			return 0;
		}
	}
	return DEF_REFUSE(p, path, hint,
			  "\"%.64s\" is neither an IPv4 nor an IPv6 address",
			  json_object_get_string(value));
}

static int vnc_password_file(struct def_parser *p, const char *path,
			     struct json_object *value, struct zone_vnc *vnc)
{
	return def_get_path(p, path, value, &vnc->password_file);
}

static int vnc_tls(struct def_parser *p, const char *path,
		   struct json_object *value, struct zone_vnc *vnc)
{
	return def_get_path(p, path, value, &vnc->tls);
}

int zone_gpu_vnc(struct def_parser *p, const char *path,
		 struct json_object *value, struct zone_device *device)
{
	static const struct {
		const char *name;
		int (*parse)(struct def_parser *p, const char *path,
			     struct json_object *value, struct zone_vnc *vnc);
	} members[] = {
		{ "port", vnc_port },
		{ "address", vnc_address },
		{ "password-file", vnc_password_file },
		{ "tls", vnc_tls },
	};
	static const char *const names[] = { "port", "address", "password-file",
					     "tls", NULL };
	struct zone_vnc *vnc = &device->gpu.vnc;

	if (def_need_type(p, path, value, json_type_object,
			  "as in {\"port\": \"auto\"}") < 0 ||
	    def_only_members(p, path, value, "vnc", names) < 0) {
		return -1;
	}
	vnc->on = true;
	snprintf(vnc->address, sizeof(vnc->address), "127.0.0.1");
	for (size_t i = 0; i < COUNT(members); i++) {
		struct json_object *member;
		char at[ZERROR_PATH_MAX];

		zerror_path(at, "%s.%s", path, members[i].name);
		if (json_object_object_get_ex(value, members[i].name,
					      &member) &&
		    members[i].parse(p, at, member, vnc) < 0) {
			return -1;
		}
	}
	return 0;
}

int zone_gpu_card(struct def_parser *p, const char *path,
		  struct json_object *value, struct zone_device *device)
{
	return def_get_path(p, path, value, &device->gpu.card);
}

void zone_gpu_defaults(const struct zone_def *def, struct zone_device *device)
{
	(void)def;
	device->queues = 2; /* virtio 1.2, 5.7.2 */
	device->gpu.heads = 1;
	device->gpu.width = 1280;
	device->gpu.height = 800;
	device->gpu.memory = 16 * MIB;
}

static uint64_t needed_memory(const struct zone_gpu *gpu)
{
	uint64_t picture = 4ull * gpu->width * gpu->height;

	picture = (picture + PAGE - 1) / PAGE * PAGE;
	return (VIDEO_OVERHEAD + gpu->heads * picture + MIB - 1) / MIB * MIB;
}

int zone_gpu_check(struct def_parser *p, const char *path,
		   struct zone_device *device)
{
	const struct zone_gpu *gpu = &device->gpu;
	uint64_t needed = needed_memory(gpu);
	char at[ZERROR_PATH_MAX];

	if (gpu->memory < needed) {
		zerror_path(at, "%s.memory", path);
		return DEF_REFUSE(
			p, at,
			"twice as much lets a guest draw one picture while it "
			"shows another",
			"needs %lluM: %u head%s of %ux%u",
			(unsigned long long)(needed / MIB), gpu->heads,
			gpu->heads == 1 ? "" : "s", gpu->width, gpu->height);
	}
	if (gpu->vnc.port + gpu->heads - 1 > UINT16_MAX) {
		zerror_path(at, "%s.vnc.port", path);
		return DEF_REFUSE(p, at, "choose a lower one",
				  "leaves no ports for %u heads", gpu->heads);
	}
	return 0;
}

static void vnc_to_json(const struct zone_vnc *vnc, struct json_object *json)
{
	struct json_object *ret = json_object_new_object();

	json_object_object_add(ret, "port",
			       vnc->port ? json_object_new_int(vnc->port)
					 : json_object_new_string(port_auto));
	json_object_object_add(ret, "address",
			       json_object_new_string(vnc->address));
	if (vnc->password_file) {
		json_object_object_add(
			ret, "password-file",
			json_object_new_string(vnc->password_file));
	}
	if (vnc->tls) {
		json_object_object_add(ret, "tls",
				       json_object_new_string(vnc->tls));
	}
	json_object_object_add(json, "vnc", ret);
}

void zone_gpu_to_json(const struct zone_device *device,
		      struct json_object *json)
{
	const struct zone_gpu *gpu = &device->gpu;
	char memory[SIZE_TEXT_MAX];

	size_format(gpu->memory, memory);
	json_object_object_add(json, "heads",
			       json_object_new_int64(gpu->heads));
	json_object_object_add(json, "width",
			       json_object_new_int64(gpu->width));
	json_object_object_add(json, "height",
			       json_object_new_int64(gpu->height));
	json_object_object_add(json, "memory", json_object_new_string(memory));
	if (gpu->vnc.on) {
		vnc_to_json(&gpu->vnc, json);
	}
	if (gpu->card) {
		json_object_object_add(json, "card",
				       json_object_new_string(gpu->card));
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool zone_gpu_equal(const struct zone_gpu *a, const struct zone_gpu *b)
{
	return a->heads == b->heads && a->width == b->width &&
	       a->height == b->height && a->memory == b->memory &&
	       a->vnc.on == b->vnc.on && a->vnc.port == b->vnc.port &&
	       strcmp(a->vnc.address, b->vnc.address) == 0 &&
	       same_text(a->vnc.password_file, b->vnc.password_file) &&
	       same_text(a->vnc.tls, b->vnc.tls) && same_text(a->card, b->card);
}

/* -------------------------------------------------------------- input */

int zone_input_kind(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device)
{
	unsigned int index = 0;

	if (def_get_word(p, path, value, input_names, COUNT(input_names),
			 &index) < 0) {
		return -1;
	}
	device->input = (enum zone_input)index;
	return 0;
}

/* What it cannot be until somebody has said it. */
#define NO_KIND ((enum zone_input)COUNT(input_names))

void zone_input_defaults(const struct zone_def *def, struct zone_device *device)
{
	(void)def;
	device->queues = 2; /* virtio 1.2, 5.8.2 */
	device->input = NO_KIND;
}

int zone_input_check(struct def_parser *p, const char *path,
		     struct zone_device *device)
{
	char at[ZERROR_PATH_MAX];

	if (device->input != NO_KIND) {
		return 0;
	}
	zerror_path(at, "%s.kind", path);
	return DEF_REFUSE(p, at,
			  "\"keyboard\", \"tablet\" (what a screen wants) or "
			  "\"mouse\"",
			  "is missing");
}

void zone_input_to_json(const struct zone_device *device,
			struct json_object *json)
{
	json_object_object_add(
		json, "kind",
		json_object_new_string(input_names[device->input]));
}
