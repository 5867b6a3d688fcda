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
#include "suggest.h"

struct parser {
	struct zone_def *def;
	const char *root;
	struct zerror *error;
};

struct member {
	const char *name;
	const char *required; /* what is expected, or NULL: may be left out */
	int (*parse)(struct parser *p, const char *path,
		     struct json_object *value);
};

static const char *const policy_names[] = {
	[ZONE_POLICY_DESTROY] = "destroy",
	[ZONE_POLICY_RESTART] = "restart",
	[ZONE_POLICY_PRESERVE] = "preserve",
};

static const struct {
	const char *name;
	uint32_t queues;
	uint32_t max; /* of them in a zone */
} device_types[] = {
	/* receive and transmit of one port: virtio 1.2, 5.3.2 */
	[ZONE_DEVICE_CONSOLE] = { "console", 2, ZONE_DEF_CONSOLES_MAX },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *zone_def_policy_name(enum zone_policy policy)
{
	return policy_names[policy];
}

const char *zone_def_device_type_name(enum zone_device_type type)
{
	return device_types[type].name;
}

uint32_t zone_def_device_queues(enum zone_device_type type)
{
	return device_types[type].queues;
}

/* "devices[1].type" of the path "$.devices[1].type". */
static const char *subject(const struct parser *p, const char *path)
{
	const char *member = path + strlen(p->root);

	return *member == '.' ? member + 1 : "the definition";
}

/* The message says of the member at path what is wrong: "must be ...". */
#define REFUSE(p, path, hint, format, ...)                                \
	zerror_set((p)->error, ZERROR_INVALID_DEFINITION, (path), (hint), \
		   "%s " format, subject((p), (path)), ##__VA_ARGS__)

static const char name_hint[] = "1 to 63 letters, digits, '.', '_' and '-', "
				"the first a letter or digit";
static const char vcpus_hint[] = "how many CPUs it has, as in 2";
static const char memory_hint[] =
	"a string with a unit and a multiple of 2M, as in \"256M\"";
static const char kernel_hint[] =
	"the path of its image, as in \"/var/lib/hvd/images/vmlinuz\"";
static const char path_hint[] = "write it from the root: /var/lib/…";

/* ------------------------------------------------ values of one type */

static const char *type_name(struct json_object *value)
{
	return value ? json_type_to_name(json_object_get_type(value)) : "null";
}

static int need_type(struct parser *p, const char *path,
		     struct json_object *value, enum json_type type,
		     const char *hint)
{
	if (json_object_is_type(value, type)) {
		return 0;
	}
	return REFUSE(p, path, hint, "must be of type %s, not %s",
		      json_type_to_name(type), type_name(value));
}

static int get_int(struct parser *p, const char *path,
		   struct json_object *value, int64_t min, int64_t max,
		   const char *hint, int64_t *ret_int)
{
	int64_t number;

	if (need_type(p, path, value, json_type_int, hint) < 0) {
		return -1;
	}
	number = json_object_get_int64(value);
	if (number < min || number > max) {
		return REFUSE(p, path, hint,
			      "must be %" PRId64 " to %" PRId64
			      ", not %" PRId64,
			      min, max, number);
	}
	*ret_int = number;
	return 0;
}

static int get_text(struct parser *p, const char *path,
		    struct json_object *value, size_t max, const char *hint,
		    char **ret_text)
{
	char *text;

	if (need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	if ((size_t)json_object_get_string_len(value) > max) {
		return REFUSE(p, path, NULL, "is longer than %zu bytes", max);
	}
	text = strdup(json_object_get_string(value));
	if (!text) {
		return zerror_set(p->error, ZERROR_INTERNAL, path, NULL,
				  "out of memory");
	}
	free(*ret_text);
	*ret_text = text;
	return 0;
}

static int get_path(struct parser *p, const char *path,
		    struct json_object *value, char **ret_text)
{
	if (get_text(p, path, value, ZONE_DEF_PATH_MAX, path_hint, ret_text) <
	    0) {
		return -1;
	}
	if ((*ret_text)[0] != '/') {
		return REFUSE(p, path, path_hint,
			      "must be an absolute path, not \"%.64s\"",
			      *ret_text);
	}
	return 0;
}

/* ---------------------------------------------------------- members */

bool zone_def_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= ZV_NAME_MAX ||
	    !isalnum((unsigned char)name[0])) {
		return false;
	}
	for (size_t i = 1; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!isalnum(c) && c != '.' && c != '_' && c != '-') {
			return false;
		}
	}
	return true;
}

static int parse_name(struct parser *p, const char *path,
		      struct json_object *value)
{
	const char *name;

	if (need_type(p, path, value, json_type_string, name_hint) < 0) {
		return -1;
	}
	name = json_object_get_string(value);
	if (!zone_def_name_valid(name)) {
		return REFUSE(p, path, name_hint,
			      "\"%.64s\" is not a zone name", name);
	}
	if (strcmp(name, "zone0") == 0) {
		return REFUSE(p, path, "choose another name",
			      "zone0 belongs to the root zone");
	}
	snprintf(p->def->name, sizeof(p->def->name), "%s", name);
	return 0;
}

static int parse_uuid(struct parser *p, const char *path,
		      struct json_object *value)
{
	static const char hint[] =
		"as in 6f0c1e5a-94d2-4c39-8a51-0f9b7c2d3e48; "
		"leave it out to get a fresh one";

	if (need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	if (!uuid_parse(json_object_get_string(value), p->def->uuid) ||
	    uuid_is_null(p->def->uuid)) {
		return REFUSE(p, path, hint, "is not a UUID");
	}
	return 0;
}

static int parse_vcpus(struct parser *p, const char *path,
		       struct json_object *value)
{
	int64_t number = 0;

	if (get_int(p, path, value, 1, ZV_VCPUS_MAX, vcpus_hint, &number) < 0) {
		return -1;
	}
	p->def->vcpus = (uint32_t)number;
	return 0;
}

static int parse_memory(struct parser *p, const char *path,
			struct json_object *value)
{
	const char *wrong;
	uint64_t bytes = 0;

	if (need_type(p, path, value, json_type_string, memory_hint) < 0) {
		return -1;
	}
	wrong = size_parse(json_object_get_string(value), &bytes);
	if (wrong) {
		return REFUSE(p, path, memory_hint, "\"%.32s\": %s",
			      json_object_get_string(value), wrong);
	}
	if (bytes < ZONE_DEF_MEMORY_MIN || bytes > ZONE_DEF_MEMORY_MAX) {
		return REFUSE(p, path, memory_hint,
			      "must be 4M to 255G, not %.32s",
			      json_object_get_string(value));
	}
	if (bytes % ZV_CHUNK_SIZE != 0) {
		return REFUSE(p, path, memory_hint,
			      "must be a multiple of 2M, not %.32s",
			      json_object_get_string(value));
	}
	p->def->memory = bytes;
	return 0;
}

static int parse_kernel(struct parser *p, const char *path,
			struct json_object *value)
{
	return get_path(p, path, value, &p->def->kernel);
}

static int parse_initrd(struct parser *p, const char *path,
			struct json_object *value)
{
	return get_path(p, path, value, &p->def->initrd);
}

static int parse_dtb_overlay(struct parser *p, const char *path,
			     struct json_object *value)
{
	return get_path(p, path, value, &p->def->dtb_overlay);
}

static int parse_cmdline(struct parser *p, const char *path,
			 struct json_object *value)
{
	return get_text(p, path, value, ZONE_DEF_CMDLINE_MAX,
			"what its kernel gets, as in \"quiet\"",
			&p->def->cmdline);
}

static int parse_cpus(struct parser *p, const char *path,
		      struct json_object *value)
{
	static const char hint[] =
		"a list with one physical CPU per vCPU, as in [2, 3]";
	size_t count;

	if (need_type(p, path, value, json_type_array, hint) < 0) {
		return -1;
	}
	count = json_object_array_length(value);
	if (count != p->def->vcpus) {
		return REFUSE(p, path, hint, "has %zu entries for %u vCPU(s)",
			      count, p->def->vcpus);
	}
	for (size_t i = 0; i < count; i++) {
		char item[ZERROR_PATH_MAX];
		int64_t cpu = 0;

		zerror_path(item, "%s[%zu]", path, i);
		if (get_int(p, item, json_object_array_get_idx(value, i), 0,
			    ZV_PCPUS_MAX - 1, hint, &cpu) < 0) {
			return -1;
		}
		p->def->cpus[i] = (uint32_t)cpu;
	}
	p->def->pinned = true;
	return 0;
}

static int parse_priority(struct parser *p, const char *path,
			  struct json_object *value)
{
	int64_t number = 0;

	if (get_int(p, path, value, 0, ZONE_DEF_PRIORITY_MAX,
		    "the default is 8; zone0 has 16", &number) < 0) {
		return -1;
	}
	p->def->priority = (uint8_t)number;
	return 0;
}

static int parse_slice(struct parser *p, const char *path,
		       struct json_object *value)
{
	static const char hint[] =
		"a string from \"100us\" to \"1s\", as in \"5ms\"";
	const char *wrong;
	uint64_t us = 0;

	if (need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	wrong = size_parse_duration(json_object_get_string(value), &us);
	if (wrong) {
		return REFUSE(p, path, hint, "\"%.32s\": %s",
			      json_object_get_string(value), wrong);
	}
	if (us < ZONE_DEF_SLICE_MIN_US || us > ZONE_DEF_SLICE_MAX_US) {
		return REFUSE(p, path, hint, "must be 100us to 1s");
	}
	p->def->slice_us = (uint32_t)us;
	return 0;
}

static int parse_autostart(struct parser *p, const char *path,
			   struct json_object *value)
{
	if (need_type(p, path, value, json_type_boolean, "true or false") < 0) {
		return -1;
	}
	p->def->autostart = json_object_get_boolean(value) != 0;
	return 0;
}

static int parse_policy(struct parser *p, const char *path,
			struct json_object *value, bool preserve,
			enum zone_policy *ret_policy)
{
	const char *hint = preserve ? "preserve, destroy or restart"
				    : "destroy or restart";
	size_t count = COUNT(policy_names) - (preserve ? 0 : 1);

	if (need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(json_object_get_string(value), policy_names[i]) ==
		    0) {
			*ret_policy = (enum zone_policy)i;
			return 0;
		}
	}
	return REFUSE(p, path, hint, "\"%.32s\" is not a policy",
		      json_object_get_string(value));
}

static int parse_on_crash(struct parser *p, const char *path,
			  struct json_object *value)
{
	return parse_policy(p, path, value, true, &p->def->on_crash);
}

static int parse_on_reboot(struct parser *p, const char *path,
			   struct json_object *value)
{
	return parse_policy(p, path, value, false, &p->def->on_reboot);
}

static int parse_on_poweroff(struct parser *p, const char *path,
			     struct json_object *value)
{
	return parse_policy(p, path, value, false, &p->def->on_poweroff);
}

/* ---------------------------------------------------------- devices */

static bool device_name_taken(const struct zone_def *def, const char *name)
{
	if (strcmp(name, "uart0") == 0) {
		return true; /* every zone's own console */
	}
	for (uint32_t i = 0; i < def->device_count; i++) {
		if (strcmp(def->devices[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int name_device(struct parser *p, const char *path,
		       struct json_object *device, struct zone_device *ret)
{
	static const char hint[] = "1 to 31 letters, digits, '.', '_' and "
				   "'-', different for each device";
	struct json_object *value;
	const char *name;
	char at[ZERROR_PATH_MAX];

	zerror_path(at, "%s.name", path);
	if (!json_object_object_get_ex(device, "name", &value)) {
		for (unsigned int i = 0; i <= ZONE_DEF_DEVICES_MAX; i++) {
			snprintf(ret->name, sizeof(ret->name), "%s%u",
				 device_types[ret->type].name, i);
			if (!device_name_taken(p->def, ret->name)) {
				break;
			}
		}
		return 0;
	}
	if (need_type(p, at, value, json_type_string, hint) < 0) {
		return -1;
	}
	name = json_object_get_string(value);
	if (!zone_def_name_valid(name) || strlen(name) >= sizeof(ret->name)) {
		return REFUSE(p, at, hint, "\"%.64s\" is not a device name",
			      name);
	}
	if (device_name_taken(p->def, name)) {
		return REFUSE(p, at, hint, "\"%s\" is taken", name);
	}
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return 0;
}

static bool is_one_of(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0) {
		names++;
	}
	return *names != NULL;
}

/* Every member of json must be one of names. */
static int only_members(struct parser *p, const char *path,
			struct json_object *json, const char *what,
			const char *const *names)
{
	json_object_object_foreach (json, key, value) {
		char at[ZERROR_PATH_MAX];
		char hint[SUGGEST_LEN_MAX + 32] = "check the spelling";
		struct suggest near;

		(void)value;
		if (is_one_of(names, key)) {
			continue;
		}
		suggest_start(&near, key);
		for (const char *const *name = names; *name; name++) {
			suggest_offer(&near, *name);
		}
		if (suggest_best(&near)) {
			snprintf(hint, sizeof(hint), "did you mean \"%s\"?",
				 suggest_best(&near));
		}
		zerror_path(at, "%s.%.64s", path, key);
		return REFUSE(p, at, hint, "is unknown: %s has no such member",
			      what);
	}
	return 0;
}

static uint32_t count_type(const struct zone_def *def,
			   enum zone_device_type type)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < def->device_count; i++) {
		count += def->devices[i].type == type;
	}
	return count;
}

/* The UART is always there: naming it is allowed and changes nothing. */
static int parse_uart(struct parser *p, const char *path,
		      struct json_object *device, bool *seen)
{
	static const char *const allowed[] = { "type", NULL };

	if (*seen) {
		return REFUSE(p, path, "every zone has exactly one",
			      "is a second uart");
	}
	*seen = true;
	return only_members(p, path, device, "a device of type uart", allowed);
}

static int parse_virtio(struct parser *p, const char *path,
			struct json_object *device, const char *type)
{
	static const char *const allowed[] = { "type", "name", NULL };
	struct zone_device *ret = &p->def->devices[p->def->device_count];
	char at[ZERROR_PATH_MAX];
	char what[64];

	for (size_t i = 0; i < COUNT(device_types); i++) {
		if (strcmp(type, device_types[i].name) != 0) {
			continue;
		}
		if (p->def->device_count == ZONE_DEF_DEVICES_MAX) {
			return REFUSE(p, path, NULL,
				      "makes more than %u virtio devices",
				      ZONE_DEF_DEVICES_MAX);
		}
		if (count_type(p->def, (enum zone_device_type)i) ==
		    device_types[i].max) {
			return REFUSE(p, path, NULL,
				      "makes more than %u devices of type %s",
				      device_types[i].max, type);
		}
		ret->type = (enum zone_device_type)i;
		snprintf(what, sizeof(what), "a device of type %s",
			 device_types[i].name);
		if (only_members(p, path, device, what, allowed) < 0 ||
		    name_device(p, path, device, ret) < 0) {
			return -1;
		}
		p->def->device_count++;
		return 0;
	}
	zerror_path(at, "%s.type", path);
	return REFUSE(p, at, "this version knows console and uart",
		      "\"%.32s\" is not a device type", type);
}

static int parse_device(struct parser *p, const char *path,
			struct json_object *device, bool *uart_seen)
{
	static const char hint[] = "as in {\"type\": \"console\"}";
	struct json_object *type;
	char at[ZERROR_PATH_MAX];

	if (need_type(p, path, device, json_type_object, hint) < 0) {
		return -1;
	}
	zerror_path(at, "%s.type", path);
	if (!json_object_object_get_ex(device, "type", &type)) {
		return REFUSE(p, at, hint, "is missing");
	}
	if (need_type(p, at, type, json_type_string, hint) < 0) {
		return -1;
	}
	if (strcmp(json_object_get_string(type), "uart") == 0) {
		return parse_uart(p, path, device, uart_seen);
	}
	return parse_virtio(p, path, device, json_object_get_string(type));
}

static int parse_devices(struct parser *p, const char *path,
			 struct json_object *value)
{
	bool uart_seen = false;

	if (need_type(p, path, value, json_type_array,
		      "as in [{\"type\": \"console\"}]") < 0) {
		return -1;
	}
	p->def->device_count = 0;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		char item[ZERROR_PATH_MAX];

		zerror_path(item, "%s[%zu]", path, i);
		if (parse_device(p, item, json_object_array_get_idx(value, i),
				 &uart_seen) < 0) {
			return -1;
		}
	}
	return 0;
}

/* --------------------------------------------------------- the whole */

/* Parsed in this order: cpus needs vcpus. */
static const struct member members[] = {
	{ "name", name_hint, parse_name },
	{ "uuid", NULL, parse_uuid },
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
	{ "devices", NULL, parse_devices },
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

static int parse_members(struct parser *p, struct json_object *json)
{
	for (size_t i = 0; i < COUNT(members); i++) {
		struct json_object *value;
		char at[ZERROR_PATH_MAX];

		zerror_path(at, "%s.%s", p->root, members[i].name);
		if (!json_object_object_get_ex(json, members[i].name, &value)) {
			if (members[i].required) {
				return REFUSE(p, at, members[i].required,
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
	def->device_count = 1;
	def->devices[0].type = ZONE_DEVICE_CONSOLE;
	snprintf(def->devices[0].name, sizeof(def->devices[0].name),
		 "console0");
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
	struct parser p = {
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
	if (need_type(&p, path, json, json_type_object,
		      "a definition is an object") < 0 ||
	    only_members(&p, path, json, "a zone definition", names) < 0 ||
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

void zone_def_destroy(struct zone_def *def)
{
	if (!def) {
		return;
	}
	free(def->kernel);
	free(def->initrd);
	free(def->dtb_overlay);
	free(def->cmdline);
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
	copy->kernel = copy->initrd = copy->dtb_overlay = copy->cmdline = NULL;
	if (!copy_text(def->kernel, &copy->kernel) ||
	    !copy_text(def->initrd, &copy->initrd) ||
	    !copy_text(def->dtb_overlay, &copy->dtb_overlay) ||
	    !copy_text(def->cmdline, &copy->cmdline)) {
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
				cpus, json_object_new_int64(def->cpus[i]));
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

static struct json_object *devices_to_json(const struct zone_def *def)
{
	struct json_object *devices = json_object_new_array();

	for (uint32_t i = 0; i < def->device_count; i++) {
		struct json_object *device = json_object_new_object();

		add_text(device, "type",
			 zone_def_device_type_name(def->devices[i].type));
		add_text(device, "name", def->devices[i].name);
		json_object_array_add(devices, device);
	}
	return devices;
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
	json_object_object_add(json, "vcpus",
			       json_object_new_int64(def->vcpus));
	size_format(def->memory, text);
	add_text(json, "memory", text);
	add_text(json, "kernel", def->kernel);
	add_text(json, "initrd", def->initrd);
	add_text(json, "dtb-overlay", def->dtb_overlay);
	add_text(json, "cmdline", def->cmdline);
	add_placement(json, def);
	json_object_object_add(json, "autostart",
			       json_object_new_boolean(def->autostart));
	add_text(json, "on_crash", zone_def_policy_name(def->on_crash));
	add_text(json, "on_reboot", zone_def_policy_name(def->on_reboot));
	add_text(json, "on_poweroff", zone_def_policy_name(def->on_poweroff));
	json_object_object_add(json, "devices", devices_to_json(def));
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
	    a->vcpus != b->vcpus || a->memory != b->memory ||
	    !same_text(a->kernel, b->kernel) ||
	    !same_text(a->initrd, b->initrd) ||
	    !same_text(a->dtb_overlay, b->dtb_overlay) ||
	    !same_text(a->cmdline, b->cmdline) || a->pinned != b->pinned ||
	    memcmp(a->cpus, b->cpus, sizeof(a->cpus)) != 0 ||
	    a->priority != b->priority || a->slice_us != b->slice_us ||
	    a->autostart != b->autostart || a->on_crash != b->on_crash ||
	    a->on_reboot != b->on_reboot || a->on_poweroff != b->on_poweroff ||
	    a->device_count != b->device_count) {
		return false;
	}
	for (uint32_t i = 0; i < a->device_count; i++) {
		if (a->devices[i].type != b->devices[i].type ||
		    strcmp(a->devices[i].name, b->devices[i].name) != 0) {
			return false;
		}
	}
	return true;
}
