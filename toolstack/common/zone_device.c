/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices of a definition: one table of members for each type. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zone_def_parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MEMBERS_MAX 16u

struct device_member {
	const char *name;
	/* NULL: name_device() has seen to it. */
	int (*parse)(struct def_parser *p, const char *path,
		     struct json_object *value, struct zone_device *device);
	bool live; /* can be changed in a zone that runs */
};

struct device_type {
	const char *name;
	uint32_t max; /* of them in a zone */
	struct device_member members[MEMBERS_MAX]; /* ends with name NULL */
	void (*set_defaults)(const struct zone_def *def,
			     struct zone_device *device);
	/* What depends on more than one member; NULL: nothing does. */
	int (*check)(struct def_parser *p, const char *path,
		     struct zone_device *device);
	/* The same, of a device with a live member changed. */
	int (*check_change)(struct def_parser *p, const char *path,
			    struct zone_device *device);
	void (*to_json)(const struct zone_device *device,
			struct json_object *json);
};

static const char *const on_error_names[] = {
	[ZONE_ON_ERROR_REPORT] = "report",
	[ZONE_ON_ERROR_PAUSE] = "pause",
	[ZONE_ON_ERROR_ENOSPACE] = "enospace",
};

static const char *const cache_names[] = { "writeback", "writethrough" };
static const char *const rng_sources[] = { "/dev/urandom", "/dev/hwrng" };

const char *zone_def_on_error_name(enum zone_on_error on_error)
{
	return on_error_names[on_error];
}

static void add_text(struct json_object *json, const char *key,
		     const char *text)
{
	json_object_object_add(json, key, json_object_new_string(text));
}

static void add_bool(struct json_object *json, const char *key, bool value)
{
	json_object_object_add(json, key, json_object_new_boolean(value));
}

static void add_int(struct json_object *json, const char *key, int64_t value)
{
	json_object_object_add(json, key, json_object_new_int64(value));
}

/* ---------------------------------------------------------- of each type */

/* Nobody here reads it; it belongs to the device as its name does. */
static int device_xml(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_device *device)
{
	char *text = NULL;

	if (def_get_text(p, path, value, ZONE_DEF_DEVICE_XML_MAX,
			 "what virthvdd keeps of the device: leave it out",
			 &text) < 0) {
		return -1;
	}
	free(device->xml);
	device->xml = text;
	return 0;
}

static void clear_device(struct zone_device *device)
{
	free(device->path);
	free(device->xml);
	free(device->gpu.vnc.password_file);
	free(device->gpu.vnc.tls);
	free(device->gpu.card);
	device->path = NULL;
	device->xml = NULL;
	device->gpu.vnc.password_file = NULL;
	device->gpu.vnc.tls = NULL;
	device->gpu.card = NULL;
}

/* --------------------------------------------------------------- disk */

static const char block_size_auto[] = "auto";

static int disk_path(struct def_parser *p, const char *path,
		     struct json_object *value, struct zone_device *device)
{
	if (def_get_path(p, path, value, &device->path) < 0) {
		return -1;
	}
	for (uint32_t i = 0; i < p->def->device_count; i++) {
		const struct zone_device *other = &p->def->devices[i];

		if (other->type == ZONE_DEVICE_DISK && other->path &&
		    strcmp(other->path, device->path) == 0) {
			return DEF_REFUSE(
				p, path, "give each disk an image of its own",
				"is the image of %s already", other->name);
		}
	}
	return 0;
}

static int disk_nbd(struct def_parser *p, const char *path,
		    struct json_object *value, struct zone_device *device)
{
	if (device->path) {
		return DEF_REFUSE(p, path, "leave one of both out",
				  "clashes with path: a disk has one source");
	}
	if (zone_nbd_parse(p, path, value, &device->nbd) < 0) {
		return -1;
	}
	for (uint32_t i = 0; i < p->def->device_count; i++) {
		const struct zone_device *other = &p->def->devices[i];

		if (zone_nbd_same(&other->nbd, &device->nbd)) {
			return DEF_REFUSE(
				p, path, "give each disk an export of its own",
				"is the export of %s already", other->name);
		}
	}
	return 0;
}

static int disk_readonly(struct def_parser *p, const char *path,
			 struct json_object *value, struct zone_device *device)
{
	return def_get_bool(p, path, value, &device->readonly);
}

static int disk_cache(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_device *device)
{
	unsigned int index = 0;

	if (def_get_word(p, path, value, cache_names, COUNT(cache_names),
			 &index) < 0) {
		return -1;
	}
	device->writethrough = index == 1;
	return 0;
}

static int disk_direct(struct def_parser *p, const char *path,
		       struct json_object *value, struct zone_device *device)
{
	if (zone_def_is_nbd(device)) {
		return DEF_REFUSE(p, path,
				  "leave it out: what is cached is the "
				  "server's business",
				  "belongs to a disk with a path");
	}
	return def_get_bool(p, path, value, &device->direct);
}

static int disk_discard(struct def_parser *p, const char *path,
			struct json_object *value, struct zone_device *device)
{
	return def_get_bool(p, path, value, &device->discard);
}

static int disk_queues(struct def_parser *p, const char *path,
		       struct json_object *value, struct zone_device *device)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, 1, ZONE_DEF_QUEUES_MAX,
			"leave it out to get one for each vCPU", &number) < 0) {
		return -1;
	}
	device->queues = (uint32_t)number;
	return 0;
}

static int disk_block_size(struct def_parser *p, const char *path,
			   struct json_object *value,
			   struct zone_device *device)
{
	static const char hint[] = "512, 4096, or \"auto\" for what suits the "
				   "image";
	int64_t number = 0;

	if (json_object_is_type(value, json_type_string) &&
	    strcmp(json_object_get_string(value), block_size_auto) == 0) {
		device->block_size = 0;
		return 0;
	}
	if (def_get_int(p, path, value, 512, 4096, hint, &number) < 0) {
		return -1;
	}
	if (number != 512 && number != 4096) {
		return DEF_REFUSE(p, path, hint, "cannot be %d", (int)number);
	}
	device->block_size = (uint32_t)number;
	return 0;
}

static int disk_serial(struct def_parser *p, const char *path,
		       struct json_object *value, struct zone_device *device)
{
	static const char hint[] = "1 to 20 printable ASCII characters";
	const char *text;
	size_t len;

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	text = json_object_get_string(value);
	len = (size_t)json_object_get_string_len(value);
	if (len == 0 || len > ZONE_DEF_SERIAL_MAX) {
		return DEF_REFUSE(p, path, hint, "has %zu characters", len);
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~') {
			return DEF_REFUSE(p, path, hint,
					  "has a character that is not "
					  "allowed");
		}
	}
	snprintf(device->serial, sizeof(device->serial), "%s", text);
	return 0;
}

static int disk_limits(struct def_parser *p, const char *path,
		       struct json_object *value, struct zone_device *device)
{
	static const enum zone_limit all[] = {
		ZONE_LIMIT_IOPS,  ZONE_LIMIT_READ_IOPS,	 ZONE_LIMIT_WRITE_IOPS,
		ZONE_LIMIT_BYTES, ZONE_LIMIT_READ_BYTES, ZONE_LIMIT_WRITE_BYTES,
	};

	return zone_limits_parse(p, path, value, device, "a disk's limits", all,
				 COUNT(all));
}

static int disk_on_error(struct def_parser *p, const char *path,
			 struct json_object *value, struct zone_device *device)
{
	unsigned int index = 0;

	if (def_get_word(p, path, value, on_error_names, COUNT(on_error_names),
			 &index) < 0) {
		return -1;
	}
	device->on_error = (enum zone_on_error)index;
	return 0;
}

static void disk_defaults(const struct zone_def *def,
			  struct zone_device *device)
{
	device->queues = def->vcpus < ZONE_DEF_QUEUES_MAX ? def->vcpus
							  : ZONE_DEF_QUEUES_MAX;
	device->direct = true;
	device->discard = true;
	snprintf(device->serial, sizeof(device->serial), "%.*s",
		 (int)ZONE_DEF_SERIAL_MAX, device->name);
}

static int disk_check(struct def_parser *p, const char *path,
		      struct zone_device *device)
{
	char at[ZERROR_PATH_MAX];

	if (device->path || zone_def_is_nbd(device)) {
		return 0;
	}
	zerror_path(at, "%s.path", path);
	return DEF_REFUSE(p, at,
			  "the image or block device, as in "
			  "\"/var/lib/hvd/images/root.img\"; or give \"nbd\", "
			  "an NBD server",
			  "is missing");
}

static void disk_to_json(const struct zone_device *device,
			 struct json_object *json)
{
	if (zone_def_is_nbd(device)) {
		zone_nbd_to_json(&device->nbd, json);
	} else {
		add_text(json, "path", device->path);
	}
	add_bool(json, "readonly", device->readonly);
	add_text(json, "cache", cache_names[device->writethrough]);
	if (!zone_def_is_nbd(device)) {
		add_bool(json, "direct", device->direct);
	}
	add_int(json, "queues", device->queues);
	add_text(json, "serial", device->serial);
	if (device->block_size) {
		add_int(json, "block-size", device->block_size);
	} else {
		add_text(json, "block-size", block_size_auto);
	}
	add_bool(json, "discard", device->discard);
	zone_def_limits_to_json(device, json);
	add_text(json, "on-error", on_error_names[device->on_error]);
}

/* ---------------------------------------------------------------- net */

static int net_limits(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_device *device)
{
	static const enum zone_limit all[] = {
		ZONE_LIMIT_RX_PACKETS,
		ZONE_LIMIT_TX_PACKETS,
		ZONE_LIMIT_RX_BYTES,
		ZONE_LIMIT_TX_BYTES,
	};

	return zone_limits_parse(p, path, value, device,
				 "a network device's limits", all, COUNT(all));
}

static void net_to_json(const struct zone_device *device,
			struct json_object *json)
{
	zone_net_to_json(device, json);
	zone_def_limits_to_json(device, json);
}

/* ---------------------------------------------------------------- rng */

static int set_source(struct def_parser *p, const char *path,
		      const char *source, struct zone_device *device)
{
	char *copy = strdup(source);

	if (!copy) {
		return zerror_set(p->error, ZERROR_INTERNAL, path, NULL,
				  "out of memory");
	}
	free(device->path);
	device->path = copy;
	return 0;
}

static int rng_source(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_device *device)
{
	unsigned int index = 0;

	return def_get_word(p, path, value, rng_sources, COUNT(rng_sources),
			    &index) < 0
		       ? -1
		       : set_source(p, path, rng_sources[index], device);
}

static int rng_limits(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_device *device)
{
	static const enum zone_limit bytes[] = { ZONE_LIMIT_BYTES };

	return zone_limits_parse(p, path, value, device, "an rng's limits",
				 bytes, COUNT(bytes));
}

static void rng_defaults(const struct zone_def *def, struct zone_device *device)
{
	(void)def;
	device->queues = 1; /* virtio 1.2, 5.4.2 */
}

static int rng_check(struct def_parser *p, const char *path,
		     struct zone_device *device)
{
	return device->path ? 0 : set_source(p, path, rng_sources[0], device);
}

static void rng_to_json(const struct zone_device *device,
			struct json_object *json)
{
	add_text(json, "source", device->path);
	zone_def_limits_to_json(device, json);
}

/* ------------------------------------------------------------ console */

static void console_defaults(const struct zone_def *def,
			     struct zone_device *device)
{
	(void)def;
	device->queues = 2; /* of one port: virtio 1.2, 5.3.2 */
}

/* -------------------------------------------------------------- types */

static const struct device_type types[] = {
	[ZONE_DEVICE_CONSOLE] = {
		.name = "console",
		.max = ZONE_DEF_CONSOLES_MAX,
		.members = {
			{ "name", NULL, false },
			{ "xml", device_xml, false },
		},
		.set_defaults = console_defaults,
	},
	[ZONE_DEVICE_DISK] = {
		.name = "disk",
		.max = ZONE_DEF_DEVICES_MAX,
		.members = {
			{ "name", NULL, false },
			{ "xml", device_xml, false },
			/* first, for what others depend on */
			{ "path", disk_path, false },
			{ "nbd", disk_nbd, false },
			{ "readonly", disk_readonly, false },
			{ "cache", disk_cache, false },
			{ "direct", disk_direct, false },
			{ "queues", disk_queues, false },
			{ "serial", disk_serial, false },
			{ "block-size", disk_block_size, false },
			{ "discard", disk_discard, false },
			{ "limits", disk_limits, true },
			{ "on-error", disk_on_error, false },
		},
		.set_defaults = disk_defaults,
		.check = disk_check,
		.to_json = disk_to_json,
	},
	[ZONE_DEVICE_NET] = {
		.name = "net",
		.max = ZONE_DEF_DEVICES_MAX,
		.members = {
			{ "name", NULL, false },
			{ "xml", device_xml, false },
			{ "bridge", zone_net_bridge, false },
			{ "user", zone_net_user, false },
			{ "forward", zone_forward_parse, false },
			{ "mac", zone_net_mac, false },
			{ "mtu", zone_net_mtu, true },
			{ "queues", zone_net_queues, false },
			{ "link", zone_net_link, true },
			{ "vhost", zone_net_vhost, false },
			{ "limits", net_limits, true },
		},
		.set_defaults = zone_net_defaults,
		.check = zone_net_check,
		.to_json = net_to_json,
	},
	[ZONE_DEVICE_RNG] = {
		.name = "rng",
		.max = ZONE_DEF_DEVICES_MAX,
		.members = {
			{ "name", NULL, false },
			{ "xml", device_xml, false },
			{ "source", rng_source, false },
			{ "limits", rng_limits, true },
		},
		.set_defaults = rng_defaults,
		.check = rng_check,
		.to_json = rng_to_json,
	},
	[ZONE_DEVICE_GPU] = {
		.name = "gpu",
		.max = 1,
		.members = {
			{ "name", NULL, false },
			{ "xml", device_xml, false },
			{ "heads", zone_gpu_heads, false },
			{ "width", zone_gpu_width, true },
			{ "height", zone_gpu_height, true },
			{ "memory", zone_gpu_memory, false },
			{ "vnc", zone_gpu_vnc, false },
			{ "card", zone_gpu_card, false },
		},
		.set_defaults = zone_gpu_defaults,
		.check = zone_gpu_check,
		.check_change = zone_gpu_check,
		.to_json = zone_gpu_to_json,
	},
	[ZONE_DEVICE_INPUT] = {
		.name = "input",
		.max = ZONE_DEF_INPUTS_MAX,
		.members = {
			{ "name", NULL, false },
			{ "xml", device_xml, false },
			{ "kind", zone_input_kind, false },
		},
		.set_defaults = zone_input_defaults,
		.check = zone_input_check,
		.to_json = zone_input_to_json,
	},
};

_Static_assert(COUNT(types) == ZONE_DEVICE_TYPES, "a row for each type");

const char *zone_def_device_type_name(enum zone_device_type type)
{
	return types[type].name;
}

const struct zone_device *zone_def_device(const struct zone_def *def,
					  const char *name)
{
	for (uint32_t i = 0; i < def->device_count; i++) {
		if (strcmp(def->devices[i].name, name) == 0) {
			return &def->devices[i];
		}
	}
	return NULL;
}

const struct zone_device *zone_def_gpu(const struct zone_def *def)
{
	for (uint32_t i = 0; i < def->device_count; i++) {
		if (def->devices[i].type == ZONE_DEVICE_GPU) {
			return &def->devices[i];
		}
	}
	return NULL;
}

/* "type" first, which every device has; then those of the type. */
static void list_members(const struct device_type *type,
			 const char *ret_names[MEMBERS_MAX + 2])
{
	size_t count = 0;

	ret_names[count++] = "type";
	for (const struct device_member *m = type->members; m->name; m++) {
		ret_names[count++] = m->name;
	}
	ret_names[count] = NULL;
}

const char *const *zone_def_device_members(enum zone_device_type type)
{
	static const char *names[MEMBERS_MAX + 2];

	list_members(&types[type], names);
	return names + 1;
}

/* ------------------------------------------------------------ parsing */

static bool name_taken(const struct zone_def *def, const char *name)
{
	/* uart0: every zone's own console */
	return strcmp(name, "uart0") == 0 || zone_def_device(def, name);
}

static int name_device(struct def_parser *p, const char *path,
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
				 types[ret->type].name, i);
			if (!name_taken(p->def, ret->name)) {
				break;
			}
		}
		return 0;
	}
	if (def_need_type(p, at, value, json_type_string, hint) < 0) {
		return -1;
	}
	name = json_object_get_string(value);
	if (!zone_def_name_valid(name) || strlen(name) >= sizeof(ret->name)) {
		return DEF_REFUSE(p, at, hint, "\"%.64s\" is not a device name",
				  name);
	}
	if (name_taken(p->def, name)) {
		return DEF_REFUSE(p, at, hint, "\"%s\" is taken", name);
	}
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return 0;
}

static int parse_members(struct def_parser *p, const char *path,
			 struct json_object *json, struct zone_device *device)
{
	const struct device_type *type = &types[device->type];

	for (const struct device_member *m = type->members; m->name; m++) {
		struct json_object *value;
		char at[ZERROR_PATH_MAX];

		zerror_path(at, "%s.%s", path, m->name);
		if (json_object_object_get_ex(json, m->name, &value) &&
		    m->parse && m->parse(p, at, value, device) < 0) {
			return -1;
		}
	}
	return type->check ? type->check(p, path, device) : 0;
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

static int check_count(struct def_parser *p, const char *path,
		       enum zone_device_type type)
{
	if (p->def->device_count == ZONE_DEF_DEVICES_MAX) {
		return DEF_REFUSE(p, path, NULL,
				  "makes more than %u virtio devices",
				  ZONE_DEF_DEVICES_MAX);
	}
	if (count_type(p->def, type) == types[type].max) {
		return DEF_REFUSE(p, path, NULL,
				  "makes more than %u devices of type %s",
				  types[type].max, types[type].name);
	}
	return 0;
}

static int parse_type(struct def_parser *p, const char *path,
		      struct json_object *json, enum zone_device_type type)
{
	struct zone_device *device = &p->def->devices[p->def->device_count];
	const char *names[MEMBERS_MAX + 2];
	char what[64];
	int rc;

	if (check_count(p, path, type) < 0) {
		return -1;
	}
	snprintf(what, sizeof(what), "a device of type %s", types[type].name);
	list_members(&types[type], names);
	*device = (struct zone_device){
		.type = type,
		.burst_ms = ZONE_DEF_BURST_MS,
	};
	if (def_only_members(p, path, json, what, names) < 0 ||
	    name_device(p, path, json, device) < 0) {
		return -1;
	}
	types[type].set_defaults(p->def, device);
	rc = parse_members(p, path, json, device);
	if (rc < 0) {
		clear_device(device);
		return -1;
	}
	p->def->device_count++;
	return 0;
}

static int parse_virtio(struct def_parser *p, const char *path,
			struct json_object *json, const char *name)
{
	char at[ZERROR_PATH_MAX];

	for (unsigned int i = 0; i < COUNT(types); i++) {
		if (strcmp(name, types[i].name) == 0) {
			return parse_type(p, path, json,
					  (enum zone_device_type)i);
		}
	}
	zerror_path(at, "%s.type", path);
	return DEF_REFUSE(p, at,
			  "this version knows console, disk, gpu, input, net, "
			  "rng and uart",
			  "\"%.32s\" is not a device type", name);
}

/* The UART is always there: naming it is allowed and changes nothing. */
static int parse_uart(struct def_parser *p, const char *path,
		      struct json_object *device, bool *seen)
{
	static const char *const allowed[] = { "type", NULL };

	if (*seen) {
		return DEF_REFUSE(p, path, "every zone has exactly one",
				  "is a second uart");
	}
	*seen = true;
	return def_only_members(p, path, device, "a device of type uart",
				allowed);
}

static int parse_device(struct def_parser *p, const char *path,
			struct json_object *device, bool *uart_seen)
{
	static const char hint[] = "as in {\"type\": \"console\"}";
	struct json_object *type;
	char at[ZERROR_PATH_MAX];

	if (def_need_type(p, path, device, json_type_object, hint) < 0) {
		return -1;
	}
	zerror_path(at, "%s.type", path);
	if (!json_object_object_get_ex(device, "type", &type)) {
		return DEF_REFUSE(p, at, hint, "is missing");
	}
	if (def_need_type(p, at, type, json_type_string, hint) < 0) {
		return -1;
	}
	if (strcmp(json_object_get_string(type), "uart") == 0) {
		return parse_uart(p, path, device, uart_seen);
	}
	return parse_virtio(p, path, device, json_object_get_string(type));
}

int zone_devices_parse(struct def_parser *p, const char *path,
		       struct json_object *value)
{
	bool uart_seen = false;

	if (def_need_type(p, path, value, json_type_array,
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

/* ------------------------------------------------- changes while it runs */

static const struct device_member *find_live(const struct zone_device *device,
					     const char *name)
{
	for (const struct device_member *m = types[device->type].members;
	     m->name; m++) {
		if (m->live && strcmp(m->name, name) == 0) {
			return m;
		}
	}
	return NULL;
}

/* The whole of them is given: what is left out is a limit no more. */
static void forget_limits(struct zone_device *device)
{
	memset(device->limits, 0, sizeof(device->limits));
	device->burst_ms = ZONE_DEF_BURST_MS;
}

static int change_member(struct def_parser *p, struct zone_device *device,
			 const char *name, struct json_object *value)
{
	const struct device_member *member = find_live(device, name);
	char at[ZERROR_PATH_MAX];

	zerror_path(at, "%s.%s", p->root, name);
	if (!member) {
		return zerror_set(
			p->error, ZERROR_UNSUPPORTED, at,
			"what can be set: hvsh help set; other members "
			"are changed in the definition (hvsh edit)",
			"%s: a device of type %s has no %.32s that "
			"can be set",
			device->name, types[device->type].name, name);
	}
	if (strcmp(name, "limits") == 0) {
		forget_limits(device);
	}
	return member->parse(p, at, value, device);
}

int zone_def_change_device(struct zone_def *def, const char *name,
			   struct json_object *changes,
			   struct zerror *ret_error)
{
	struct def_parser p = { def, "$", ret_error };
	const struct zone_device *found = zone_def_device(def, name);
	struct zone_device device;

	if (!found) {
		return zerror_set(
			ret_error, ZERROR_INVALID_PARAMS, "$.device",
			"list its devices to see their names (hvsh info)",
			"%s has no device %.64s", def->name, name);
	}
	device = *found; /* no member that is live has memory of its own */
	json_object_object_foreach (changes, key, value) {
		if (change_member(&p, &device, key, value) < 0) {
			return -1;
		}
	}
	if (types[device.type].check_change &&
	    types[device.type].check_change(&p, p.root, &device) < 0) {
		return -1;
	}
	def->devices[found - def->devices] = device;
	return 0;
}

int zone_def_set_uuid(struct zone_def *def, const uint8_t uuid[UUID_SIZE],
		      struct zerror *ret_error)
{
	struct def_parser p = { def, "$", ret_error };

	memcpy(def->uuid, uuid, sizeof(def->uuid));
	for (uint32_t i = 0; i < def->device_count; i++) {
		char path[ZERROR_PATH_MAX];

		zerror_path(path, "$.devices[%u]", i);
		if (def->devices[i].type == ZONE_DEVICE_NET &&
		    zone_net_check(&p, path, &def->devices[i]) < 0) {
			return -1;
		}
	}
	return 0;
}

/* --------------------------------------------------------- the others */

void zone_devices_default(struct zone_def *def)
{
	struct zone_device *device = &def->devices[0];

	*device = (struct zone_device){
		.type = ZONE_DEVICE_CONSOLE,
		.name = "console0",
		.burst_ms = ZONE_DEF_BURST_MS,
	};
	types[device->type].set_defaults(def, device);
	def->device_count = 1;
}

struct json_object *zone_devices_to_json(const struct zone_def *def)
{
	struct json_object *devices = json_object_new_array();

	for (uint32_t i = 0; i < def->device_count; i++) {
		const struct zone_device *device = &def->devices[i];
		struct json_object *json = json_object_new_object();

		add_text(json, "type", types[device->type].name);
		add_text(json, "name", device->name);
		if (types[device->type].to_json) {
			types[device->type].to_json(device, json);
		}
		if (device->xml) {
			add_text(json, "xml", device->xml);
		}
		json_object_array_add(devices, json);
	}
	return devices;
}

static bool copy_text(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

bool zone_devices_copy(const struct zone_def *from, struct zone_def *to)
{
	for (uint32_t i = 0; i < from->device_count; i++) {
		const struct zone_device *device = &from->devices[i];
		struct zone_device *copy = &to->devices[i];

		*copy = *device;
		copy->path = copy->xml = NULL;
		copy->gpu.vnc.password_file = copy->gpu.vnc.tls = NULL;
		copy->gpu.card = NULL;
		if (!copy_text(device->gpu.vnc.password_file,
			       &copy->gpu.vnc.password_file) ||
		    !copy_text(device->gpu.vnc.tls, &copy->gpu.vnc.tls) ||
		    !copy_text(device->gpu.card, &copy->gpu.card) ||
		    !copy_text(device->path, &copy->path) ||
		    !copy_text(device->xml, &copy->xml)) {
			clear_device(copy);
			return false;
		}
		to->device_count++;
	}
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_device(const struct zone_device *a,
			const struct zone_device *b)
{
	return a->type == b->type && strcmp(a->name, b->name) == 0 &&
	       a->queues == b->queues && same_text(a->path, b->path) &&
	       same_text(a->xml, b->xml) && zone_nbd_same(&a->nbd, &b->nbd) &&
	       memcmp(a->limits, b->limits, sizeof(a->limits)) == 0 &&
	       a->burst_ms == b->burst_ms && a->readonly == b->readonly &&
	       a->writethrough == b->writethrough && a->direct == b->direct &&
	       a->discard == b->discard && a->block_size == b->block_size &&
	       strcmp(a->serial, b->serial) == 0 &&
	       a->on_error == b->on_error && a->user == b->user &&
	       zone_forwards_equal(a, b) && strcmp(a->bridge, b->bridge) == 0 &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       a->mtu == b->mtu && a->link == b->link && a->vhost == b->vhost &&
	       zone_gpu_equal(&a->gpu, &b->gpu) && a->input == b->input;
}

bool zone_devices_equal(const struct zone_def *a, const struct zone_def *b)
{
	if (a->device_count != b->device_count) {
		return false;
	}
	for (uint32_t i = 0; i < a->device_count; i++) {
		if (!same_device(&a->devices[i], &b->devices[i])) {
			return false;
		}
	}
	return true;
}

void zone_devices_clear(struct zone_def *def)
{
	for (uint32_t i = 0; i < def->device_count; i++) {
		clear_device(&def->devices[i]);
	}
	def->device_count = 0;
}
