/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_def.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "size.h"
#include "strict_json.h"
#include "zone_def_parse.h"

struct member {
	const char *name;
	const char *required; /* what is expected, or NULL: may be left out */
	int (*parse)(struct def_parser *p, const char *path,
		     struct json_object *value);
};

static const char *const policy_names[] = {
	[ZONE_POLICY_DESTROY] = "destroy",
	[ZONE_POLICY_RESTART] = "restart",
	[ZONE_POLICY_PRESERVE] = "preserve",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *zone_def_policy_name(enum zone_policy policy)
{
	return policy_names[policy];
}

static const char name_hint[] = "1 to 63 letters, digits, '.', '_' and '-', "
				"the first a letter or digit; no uuid";
static const char vcpus_hint[] = "how many CPUs it has, as in 2";
static const char memory_hint[] =
	"a string with a unit and a multiple of 2M, as in \"256M\"";
static const char kernel_hint[] =
	"the path of its image, as in \"/var/lib/hvd/images/vmlinuz\"";
/* ---------------------------------------------------------- members */

static int parse_name(struct def_parser *p, const char *path,
		      struct json_object *value)
{
	const char *name;

	if (def_need_type(p, path, value, json_type_string, name_hint) < 0) {
		return -1;
	}
	name = json_object_get_string(value);
	if (!zone_def_name_valid(name)) {
		return DEF_REFUSE(p, path, name_hint,
				  "\"%.64s\" is not a zone name", name);
	}
	if (strcmp(name, "zone0") == 0) {
		return DEF_REFUSE(p, path, "choose another name",
				  "zone0 belongs to the root zone");
	}
	snprintf(p->def->name, sizeof(p->def->name), "%s", name);
	return 0;
}

static int parse_uuid(struct def_parser *p, const char *path,
		      struct json_object *value)
{
	static const char hint[] =
		"as in 6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48; "
		"leave it out to get a fresh one";

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	if (!uuid_parse(json_object_get_string(value), p->def->uuid) ||
	    uuid_is_null(p->def->uuid)) {
		return DEF_REFUSE(p, path, hint, "is not a UUID");
	}
	return 0;
}

/* N, or how many there are and how many of them may be on. */
static int parse_vcpus(struct def_parser *p, const char *path,
		       struct json_object *value)
{
	static const char hint[] = "an integer, or an object, as in "
				   "{\"max\": 4, \"on\": 2}";
	static const char *const names[] = { "max", "on", NULL };
	char at[ZERROR_PATH_MAX];
	struct json_object *on;
	int64_t number = 0;

	if (!json_object_is_type(value, json_type_object)) {
		if (def_get_int(p, path, value, 1, ZV_VCPUS_MAX, vcpus_hint,
				&number) < 0) {
			return -1;
		}
		p->def->vcpus = p->def->vcpus_on = (uint32_t)number;
		return 0;
	}
	if (def_only_members(p, path, value, "vcpus", names) < 0) {
		return -1;
	}
	zerror_path(at, "%s.max", path);
	if (!json_object_object_get_ex(value, "max", &on)) {
		return DEF_REFUSE(p, at, hint, "is missing");
	}
	if (def_get_int(p, at, on, 1, ZV_VCPUS_MAX, hint, &number) < 0) {
		return -1;
	}
	p->def->vcpus = p->def->vcpus_on = (uint32_t)number;
	zerror_path(at, "%s.on", path);
	if (json_object_object_get_ex(value, "on", &on)) {
		if (def_get_int(p, at, on, 1, p->def->vcpus, hint, &number) <
		    0) {
			return -1;
		}
		p->def->vcpus_on = (uint32_t)number;
	}
	return 0;
}

static int parse_memory(struct def_parser *p, const char *path,
			struct json_object *value)
{
	const char *wrong;
	uint64_t bytes = 0;

	if (def_need_type(p, path, value, json_type_string, memory_hint) < 0) {
		return -1;
	}
	wrong = size_parse(json_object_get_string(value), &bytes);
	if (wrong) {
		return DEF_REFUSE(p, path, memory_hint, "\"%.32s\": %s",
				  json_object_get_string(value), wrong);
	}
	if (bytes < ZONE_DEF_MEMORY_MIN || bytes > ZONE_DEF_MEMORY_MAX) {
		return DEF_REFUSE(p, path, memory_hint,
				  "must be 4M to 255G, not %.32s",
				  json_object_get_string(value));
	}
	if (bytes % ZV_CHUNK_SIZE != 0) {
		return DEF_REFUSE(p, path, memory_hint,
				  "must be a multiple of 2M, not %.32s",
				  json_object_get_string(value));
	}
	p->def->memory = bytes;
	return 0;
}

static int parse_kernel(struct def_parser *p, const char *path,
			struct json_object *value)
{
	return def_get_path(p, path, value, &p->def->kernel);
}

static int parse_initrd(struct def_parser *p, const char *path,
			struct json_object *value)
{
	return def_get_path(p, path, value, &p->def->initrd);
}

static int parse_dtb_overlay(struct def_parser *p, const char *path,
			     struct json_object *value)
{
	return def_get_path(p, path, value, &p->def->dtb_overlay);
}

static int parse_cmdline(struct def_parser *p, const char *path,
			 struct json_object *value)
{
	return def_get_text(p, path, value, ZONE_DEF_CMDLINE_MAX,
			    "what its kernel gets, as in \"quiet\"",
			    &p->def->cmdline);
}

static int parse_cpus(struct def_parser *p, const char *path,
		      struct json_object *value)
{
	static const char hint[] =
		"a list with one physical CPU per vCPU, as in [2, 3]; null for "
		"one that is chosen";
	size_t count;

	if (def_need_type(p, path, value, json_type_array, hint) < 0) {
		return -1;
	}
	count = json_object_array_length(value);
	if (count != p->def->vcpus) {
		return DEF_REFUSE(p, path, hint,
				  "has %zu entries for %u vCPU(s)", count,
				  p->def->vcpus);
	}
	for (size_t i = 0; i < count; i++) {
		char item[ZERROR_PATH_MAX];
		int64_t cpu = 0;

		zerror_path(item, "%s[%zu]", path, i);
		if (!json_object_array_get_idx(value, i)) { /* null */
			p->def->cpus[i] = ZV_PCPU_ANY;
			continue;
		}
		if (def_get_int(p, item, json_object_array_get_idx(value, i), 0,
				ZV_PCPUS_MAX - 1, hint, &cpu) < 0) {
			return -1;
		}
		p->def->cpus[i] = (uint32_t)cpu;
		p->def->pinned = true;
	}
	if (!p->def->pinned) { /* all of them null, which says nothing */
		memset(p->def->cpus, 0, sizeof(p->def->cpus));
	}
	return 0;
}

static int parse_priority(struct def_parser *p, const char *path,
			  struct json_object *value)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, 0, ZONE_DEF_PRIORITY_MAX,
			"the default is 8; zone0 has 16", &number) < 0) {
		return -1;
	}
	p->def->priority = (uint8_t)number;
	return 0;
}

static int parse_duration(struct def_parser *p, const char *path,
			  struct json_object *value, const char *hint,
			  uint64_t *ret_us)
{
	const char *wrong;

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	wrong = size_parse_duration(json_object_get_string(value), ret_us);
	if (wrong) {
		return DEF_REFUSE(p, path, hint, "\"%.32s\": %s",
				  json_object_get_string(value), wrong);
	}
	return 0;
}

static int parse_slice(struct def_parser *p, const char *path,
		       struct json_object *value)
{
	static const char hint[] =
		"a string from \"100us\" to \"1s\", as in \"5ms\"";
	uint64_t us = 0;

	if (parse_duration(p, path, value, hint, &us) < 0) {
		return -1;
	}
	if (us < ZONE_DEF_SLICE_MIN_US || us > ZONE_DEF_SLICE_MAX_US) {
		return DEF_REFUSE(p, path, hint, "must be 100us to 1s");
	}
	p->def->slice_us = (uint32_t)us;
	return 0;
}

static int parse_order(struct def_parser *p, const char *path,
		       struct json_object *value)
{
	int64_t order = 0;

	if (def_get_int(p, path, value, -ZONE_DEF_ORDER_MAX, ZONE_DEF_ORDER_MAX,
			"less is earlier; the default is 0", &order) < 0) {
		return -1;
	}
	p->def->autostart_order = (int32_t)order;
	return 0;
}

static int parse_delay(struct def_parser *p, const char *path,
		       struct json_object *value)
{
	static const char hint[] = "a string of at most an hour, as in \"10s\"";
	uint64_t us = 0;

	if (parse_duration(p, path, value, hint, &us) < 0) {
		return -1;
	}
	if (us > ZONE_DEF_DELAY_MAX_US) {
		return DEF_REFUSE(p, path, hint, "must be 0s to 3600s");
	}
	p->def->autostart_delay_us = us;
	return 0;
}

/* true, false or what true means in detail. */
static int parse_autostart(struct def_parser *p, const char *path,
			   struct json_object *value)
{
	static const char hint[] = "true, false or an object, as in "
				   "{\"order\": 10, \"delay\": \"5s\"}";
	static const char *const names[] = { "order", "delay", NULL };
	char at[ZERROR_PATH_MAX];
	struct json_object *item;

	if (json_object_is_type(value, json_type_boolean)) {
		p->def->autostart = json_object_get_boolean(value) != 0;
		return 0;
	}
	if (!json_object_is_type(value, json_type_object)) {
		return DEF_REFUSE(p, path, hint,
				  "must be a boolean or an object");
	}
	if (def_only_members(p, path, value, "autostart", names) < 0) {
		return -1;
	}
	p->def->autostart = true;
	zerror_path(at, "%s.order", path);
	if (json_object_object_get_ex(value, "order", &item) &&
	    parse_order(p, at, item) < 0) {
		return -1;
	}
	zerror_path(at, "%s.delay", path);
	if (json_object_object_get_ex(value, "delay", &item) &&
	    parse_delay(p, at, item) < 0) {
		return -1;
	}
	return 0;
}

static int parse_policy(struct def_parser *p, const char *path,
			struct json_object *value, enum zone_policy *ret_policy)
{
	unsigned int index = 0;

	if (def_get_word(p, path, value, policy_names, COUNT(policy_names),
			 &index) < 0) {
		return -1;
	}
	*ret_policy = (enum zone_policy)index;
	return 0;
}

static int parse_on_crash(struct def_parser *p, const char *path,
			  struct json_object *value)
{
	return parse_policy(p, path, value, &p->def->on_crash);
}

static int parse_on_reboot(struct def_parser *p, const char *path,
			   struct json_object *value)
{
	return parse_policy(p, path, value, &p->def->on_reboot);
}

static int parse_on_poweroff(struct def_parser *p, const char *path,
			     struct json_object *value)
{
	return parse_policy(p, path, value, &p->def->on_poweroff);
}

/* --------------------------------------------------------- the whole */

/* Parsed in this order: cpus and devices need vcpus. */
static const struct member members[] = {
	{ "name", name_hint, parse_name },
	{ "uuid", NULL, parse_uuid },
	{ "title", NULL, zone_about_title },
	{ "description", NULL, zone_about_description },
	{ "vcpus", vcpus_hint, parse_vcpus },
	{ "memory", memory_hint, parse_memory },
	{ "kernel", kernel_hint, parse_kernel },
	{ "initrd", NULL, parse_initrd },
	{ "dtb-overlay", NULL, parse_dtb_overlay },
	{ "cmdline", NULL, parse_cmdline },
	{ "cpus", NULL, parse_cpus },
	{ "priority", NULL, parse_priority },
	{ "slice", NULL, parse_slice },
	{ "autostart", NULL, parse_autostart },
	{ "on_crash", NULL, parse_on_crash },
	{ "on_reboot", NULL, parse_on_reboot },
	{ "on_poweroff", NULL, parse_on_poweroff },
	{ "devices", NULL, zone_devices_parse },
	{ "metadata", NULL, zone_about_metadata },
};

static void list_members(const char *names[COUNT(members) + 1])
{
	for (size_t i = 0; i < COUNT(members); i++) {
		names[i] = members[i].name;
	}
	names[COUNT(members)] = NULL;
}

const char *const *zone_def_members(void)
{
	static const char *names[COUNT(members) + 1];

	list_members(names);
	return names;
}

static int parse_members(struct def_parser *p, struct json_object *json)
{
	for (size_t i = 0; i < COUNT(members); i++) {
		struct json_object *value;
		char at[ZERROR_PATH_MAX];

		zerror_path(at, "%s.%s", p->root, members[i].name);
		if (!json_object_object_get_ex(json, members[i].name, &value)) {
			if (members[i].required) {
				return DEF_REFUSE(p, at, members[i].required,
						  "is missing");
			}
			continue;
		}
		if (members[i].parse(p, at, value) < 0) {
			return -1;
		}
	}
	return 0;
}

static struct zone_def *new_def(void)
{
	struct zone_def *def = calloc(1, sizeof(*def));

	if (!def) {
		return NULL;
	}
	def->priority = ZONE_DEF_PRIORITY_DEFAULT;
	def->on_crash = ZONE_POLICY_PRESERVE;
	def->on_reboot = ZONE_POLICY_RESTART;
	def->on_poweroff = ZONE_POLICY_DESTROY;
	zone_devices_default(def);
	def->cmdline = strdup("");
	if (!def->cmdline) {
		free(def);
		return NULL;
	}
	return def;
}

int zone_def_parse(struct json_object *json, const char *path,
		   struct zone_def **ret_def, struct zerror *ret_error)
{
	struct def_parser p = {
		.def = new_def(),
		.root = path,
		.error = ret_error,
	};
	const char *names[COUNT(members) + 1];

	if (!p.def) {
		return zerror_set(ret_error, ZERROR_INTERNAL, path, NULL,
				  "out of memory");
	}
	list_members(names);
	if (def_need_type(&p, path, json, json_type_object,
			  "a definition is an object") < 0 ||
	    def_only_members(&p, path, json, "a zone definition", names) < 0 ||
	    parse_members(&p, json) < 0) {
		zone_def_destroy(p.def);
		return -1;
	}
	*ret_def = p.def;
	return 0;
}

int zone_def_parse_text(const char *text, size_t len, struct zone_def **ret_def,
			struct zerror *ret_error)
{
	struct json_object *json;
	int rc;

	if (len > ZONE_DEF_TEXT_MAX) {
		return zerror_set(ret_error, ZERROR_TOO_LARGE, NULL, NULL,
				  "a definition has at most %u bytes",
				  ZONE_DEF_TEXT_MAX);
	}
	json = strict_json_parse(text, len, ret_error);
	if (!json) {
		return -1;
	}
	rc = zone_def_parse(json, "$", ret_def, ret_error);
	json_object_put(json);
	return rc;
}

bool zone_def_fits(struct json_object *json)
{
	size_t len = 0;

	json_object_to_json_string_length(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		&len);
	return len <= ZONE_DEF_TEXT_MAX;
}

void zone_def_destroy(struct zone_def *def)
{
	if (!def) {
		return;
	}
	zone_about_clear(&def->about);
	free(def->kernel);
	free(def->initrd);
	free(def->dtb_overlay);
	free(def->cmdline);
	zone_devices_clear(def);
	free(def);
}

static bool copy_text(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

struct zone_def *zone_def_copy(const struct zone_def *def)
{
	struct zone_def *copy = malloc(sizeof(*copy));

	if (!copy) {
		return NULL;
	}
	*copy = *def;
	copy->about = (struct zone_about){ 0 };
	copy->kernel = copy->initrd = copy->dtb_overlay = copy->cmdline = NULL;
	copy->device_count = 0;
	if (!zone_about_copy(&def->about, &copy->about) ||
	    !copy_text(def->kernel, &copy->kernel) ||
	    !copy_text(def->initrd, &copy->initrd) ||
	    !copy_text(def->dtb_overlay, &copy->dtb_overlay) ||
	    !copy_text(def->cmdline, &copy->cmdline) ||
	    !zone_devices_copy(def, copy)) {
		zone_def_destroy(copy);
		return NULL;
	}
	return copy;
}

static void add_text(struct json_object *json, const char *key,
		     const char *text)
{
	if (text) {
		json_object_object_add(json, key, json_object_new_string(text));
	}
}

static void add_placement(struct json_object *json, const struct zone_def *def)
{
	char slice[SIZE_TEXT_MAX];

	if (def->pinned) {
		struct json_object *cpus = json_object_new_array();

		for (uint32_t i = 0; i < def->vcpus; i++) {
			json_object_array_add(
				cpus,
				def->cpus[i] == ZV_PCPU_ANY
					? NULL
					: json_object_new_int64(def->cpus[i]));
		}
		json_object_object_add(json, "cpus", cpus);
	}
	json_object_object_add(json, "priority",
			       json_object_new_int64(def->priority));
	if (def->slice_us) {
		size_format_duration(def->slice_us, slice);
		add_text(json, "slice", slice);
	}
}

static struct json_object *autostart_to_json(const struct zone_def *def)
{
	struct json_object *json;
	char delay[SIZE_TEXT_MAX] = "0s";

	if (def->autostart_order == 0 && def->autostart_delay_us == 0) {
		return json_object_new_boolean(def->autostart);
	}
	json = json_object_new_object();
	json_object_object_add(json, "order",
			       json_object_new_int(def->autostart_order));
	if (def->autostart_delay_us) {
		size_format_duration(def->autostart_delay_us, delay);
	}
	add_text(json, "delay", delay);
	return json;
}

static struct json_object *vcpus_to_json(const struct zone_def *def)
{
	struct json_object *json;

	if (def->vcpus_on == def->vcpus) {
		return json_object_new_int64(def->vcpus);
	}
	json = json_object_new_object();
	json_object_object_add(json, "max", json_object_new_int64(def->vcpus));
	json_object_object_add(json, "on",
			       json_object_new_int64(def->vcpus_on));
	return json;
}

struct json_object *zone_def_to_json(const struct zone_def *def)
{
	struct json_object *json = json_object_new_object();
	char text[UUID_TEXT_SIZE];

	add_text(json, "name", def->name);
	if (!uuid_is_null(def->uuid)) {
		uuid_format(def->uuid, text);
		add_text(json, "uuid", text);
	}
	zone_about_to_json(&def->about, json);
	json_object_object_add(json, "vcpus", vcpus_to_json(def));
	size_format(def->memory, text);
	add_text(json, "memory", text);
	add_text(json, "kernel", def->kernel);
	add_text(json, "initrd", def->initrd);
	add_text(json, "dtb-overlay", def->dtb_overlay);
	add_text(json, "cmdline", def->cmdline);
	add_placement(json, def);
	json_object_object_add(json, "autostart", autostart_to_json(def));
	add_text(json, "on_crash", zone_def_policy_name(def->on_crash));
	add_text(json, "on_reboot", zone_def_policy_name(def->on_reboot));
	add_text(json, "on_poweroff", zone_def_policy_name(def->on_poweroff));
	json_object_object_add(json, "devices", zone_devices_to_json(def));
	zone_metadata_to_json(&def->about, json);
	return json;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool zone_def_equal(const struct zone_def *a, const struct zone_def *b)
{
	if (strcmp(a->name, b->name) != 0 ||
	    memcmp(a->uuid, b->uuid, sizeof(a->uuid)) != 0 ||
	    !zone_about_equal(&a->about, &b->about) || a->vcpus != b->vcpus ||
	    a->vcpus_on != b->vcpus_on || a->memory != b->memory ||
	    !same_text(a->kernel, b->kernel) ||
	    !same_text(a->initrd, b->initrd) ||
	    !same_text(a->dtb_overlay, b->dtb_overlay) ||
	    !same_text(a->cmdline, b->cmdline) || a->pinned != b->pinned ||
	    memcmp(a->cpus, b->cpus, sizeof(a->cpus)) != 0 ||
	    a->priority != b->priority || a->slice_us != b->slice_us ||
	    a->autostart != b->autostart ||
	    a->autostart_order != b->autostart_order ||
	    a->autostart_delay_us != b->autostart_delay_us ||
	    a->on_crash != b->on_crash || a->on_reboot != b->on_reboot ||
	    a->on_poweroff != b->on_poweroff) {
		return false;
	}
	return zone_devices_equal(a, b);
}
