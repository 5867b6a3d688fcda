/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/io_config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <zv/platform_aarch64.h>

#include "core/virtio_mmio_regs.h"
#include "io/io_config_type.h"
#include "io/io_cursor.h"
#include "strict_json.h"

#define SPI_FIRST 32u

/* -------------------------------------------------------------------- ram */

static int parse_ram_entry(struct io_cursor *at, struct io_config *config)
{
	static const char *const known[] = { "gpa", "size", NULL };
	struct io_config_ram *ram = &config->ram[config->ram_count];

	if (io_cursor_check(at, known, NULL) != 0 ||
	    io_cursor_number(at, "gpa", 0, INT64_MAX, &ram->gpa) != 0 ||
	    io_cursor_number(at, "size", ZV_PAGE_SIZE, INT64_MAX, &ram->size) !=
		    0) {
		return -1;
	}
	if (ram->gpa % ZV_PAGE_SIZE != 0 || ram->size % ZV_PAGE_SIZE != 0) {
		return io_cursor_fail(at, "", "must consist of whole pages");
	}
	/* Offsets from ZV_MMAP_STATE on mean something else to mmap(). */
	if (ram->size > INT64_MAX / 2 || ram->gpa > INT64_MAX / 2 - ram->size) {
		return io_cursor_fail(at, "",
				      "lies outside of the address space");
	}
	for (size_t i = 0; i < config->ram_count; i++) {
		const struct io_config_ram *other = &config->ram[i];

		if (ram->gpa < other->gpa + other->size &&
		    other->gpa < ram->gpa + ram->size) {
			return io_cursor_fail(at, "",
					      "overlaps an earlier range");
		}
	}
	config->ram_count++;
	return 0;
}

static int get_array(const struct io_cursor *at, const char *key, size_t max,
		     struct json_object **ret)
{
	if (!json_object_object_get_ex(at->object, key, ret)) {
		return io_cursor_fail(at, key, "missing");
	}
	if (!json_object_is_type(*ret, json_type_array)) {
		return io_cursor_fail(at, key, "must be an array");
	}
	if (json_object_array_length(*ret) > max) {
		return io_cursor_fail(at, key, "has too many elements");
	}
	return 0;
}

/* Calls parse with a cursor on each element. */
static int parse_array(const struct io_cursor *at, const char *key, size_t max,
		       struct io_config *config,
		       int (*parse)(struct io_cursor *, struct io_config *))
{
	struct json_object *array;
	char path[64];

	if (get_array(at, key, max, &array) != 0) {
		return -1;
	}
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct io_cursor element = {
			.object = json_object_array_get_idx(array, i),
			.path = path,
			.error = at->error,
		};

		snprintf(path, sizeof(path), "$.%s[%zu]", key, i);
		if (parse(&element, config) != 0) {
			return -1;
		}
	}
	return 0;
}

/* ----------------------------------------------------------------- devices */

static int parse_platform(const struct io_cursor *at, const char *key,
			  uint32_t intid, struct io_config_platform *ret)
{
	static const char *const known[] = { "shadow", "intid", NULL };
	struct io_cursor inner = { .error = at->error };
	char path[32];

	if (!json_object_object_get_ex(at->object, key, &inner.object)) {
		return 0;
	}
	snprintf(path, sizeof(path), "$.%s", key);
	inner.path = path;
	ret->present = true;
	ret->intid = intid;
	if (io_cursor_check(&inner, known, NULL) != 0 ||
	    io_cursor_u32(&inner, "shadow", 0, ZV_SHADOWS_MAX - 1,
			  &ret->shadow) != 0 ||
	    io_cursor_optional(&inner, "intid", SPI_FIRST,
			       ZV_A64_INTID_COUNT - 1, &ret->intid) != 0) {
		return -1;
	}
	return 0;
}

static int find_type(const struct io_cursor *at,
		     const struct io_config_type **ret)
{
	struct json_object *type;

	if (!json_object_object_get_ex(at->object, "type", &type)) {
		return io_cursor_fail(at, "type", "missing");
	}
	*ret = json_object_is_type(type, json_type_string)
		       ? io_config_type_find(json_object_get_string(type))
		       : NULL;
	return *ret != NULL ? 0
			    : io_cursor_fail(at, "type",
					     "is no type of device that this "
					     "hvd-io knows");
}

static int check_unique(const struct io_cursor *at,
			const struct io_config *config,
			const struct io_config_device *device)
{
	if (strcmp(device->name, "uart0") == 0) {
		return io_cursor_fail(at, "name",
				      "uart0 is the name of the UART");
	}
	for (size_t i = 0; i < config->device_count; i++) {
		const struct io_config_device *other = &config->device[i];

		if (strcmp(other->name, device->name) == 0) {
			return io_cursor_fail(at, "name", "is taken");
		}
		if (other->slot == device->slot) {
			return io_cursor_fail(at, "slot", "is taken");
		}
		if (other->doorbell < device->doorbell + device->queues &&
		    device->doorbell < other->doorbell + other->queues) {
			return io_cursor_fail(at, "doorbell", "is taken");
		}
		if (device->fd < other->fd + (int)other->fd_count &&
		    other->fd < device->fd + (int)device->fd_count) {
			return io_cursor_fail(at, "fd", "is taken");
		}
	}
	return 0;
}

static int parse_fd(const struct io_cursor *at,
		    const struct io_config_type *type,
		    struct io_config_device *device)
{
	uint32_t fd = 0;

	device->fd = -1;
	if (!type->fd) {
		return json_object_object_get_ex(at->object, "fd", NULL)
			       ? io_cursor_fail(at, "fd",
						"a device of this type has "
						"none")
			       : 0;
	}
	if (io_cursor_u32(at, "fd", IO_CONFIG_FD_FIRST, IO_CONFIG_FD_LAST,
			  &fd) != 0) {
		return -1;
	}
	device->fd = (int)fd;
	device->fd_count = 1;
	return 0;
}

static int parse_device(struct io_cursor *at, struct io_config *config)
{
	static const char *const known[] = { "type",	 "name",   "slot",
					     "shadow",	 "offset", "intid",
					     "doorbell", "queues", "fd",
					     NULL };
	struct io_config_device *device = &config->device[config->device_count];
	const struct io_config_type *type;

	if (!json_object_is_type(at->object, json_type_object)) {
		return io_cursor_fail(at, "", "must be an object");
	}
	if (find_type(at, &type) != 0 ||
	    io_cursor_check(at, known, type->members) != 0 ||
	    io_cursor_name(at, "name", device->name, sizeof(device->name)) !=
		    0 ||
	    io_cursor_u32(at, "slot", 0, ZV_A64_VIRTIO_COUNT - 1,
			  &device->slot) != 0 ||
	    io_cursor_u32(at, "shadow", 0, ZV_SHADOWS_MAX - 1,
			  &device->shadow) != 0 ||
	    io_cursor_u32(at, "offset", 0, ZV_PAGE_SIZE - VIRTIO_MMIO_WINDOW,
			  &device->offset) != 0 ||
	    io_cursor_u32(at, "intid", SPI_FIRST, ZV_A64_INTID_COUNT - 1,
			  &device->intid) != 0 ||
	    io_cursor_u32(at, "queues", type->queues_min, type->queues_max,
			  &device->queues) != 0 ||
	    io_cursor_u32(at, "doorbell", 0, ZV_DOORBELLS_MAX - device->queues,
			  &device->doorbell) != 0 ||
	    parse_fd(at, type, device) != 0 ||
	    (type->parse != NULL && type->parse(at, device) != 0)) {
		return -1;
	}
	device->kind = type->kind;
	if (device->offset % VIRTIO_MMIO_WINDOW != 0) {
		return io_cursor_fail(at, "offset",
				      "must be a multiple of 512");
	}
	if (check_unique(at, config, device) != 0) {
		return -1;
	}
	config->device_count++;
	return 0;
}

/* -------------------------------------------------------------------- root */

static int check_command(const struct io_cursor *at, const char **ret)
{
	struct json_object *cmd;

	if (!json_object_is_type(at->object, json_type_object)) {
		return io_cursor_fail(at, "", "must be an object");
	}
	if (!json_object_object_get_ex(at->object, "cmd", &cmd)) {
		return io_cursor_fail(at, "cmd", "missing");
	}
	if (!json_object_is_type(cmd, json_type_string)) {
		return io_cursor_fail(at, "cmd", "must be a string");
	}
	*ret = json_object_get_string(cmd);
	return 0;
}

static int parse_ids(const struct io_cursor *at, struct io_config *config)
{
	bool uid = json_object_object_get_ex(at->object, "uid", NULL);
	bool gid = json_object_object_get_ex(at->object, "gid", NULL);

	config->drop = uid || gid;
	if (!config->drop) {
		return 0;
	}
	/* The largest number means "no change" to the kernel. */
	if (io_cursor_u32(at, "uid", 1, UINT32_MAX - 1, &config->uid) != 0 ||
	    io_cursor_u32(at, "gid", 1, UINT32_MAX - 1, &config->gid) != 0) {
		return -1;
	}
	return 0;
}

static int parse_root(const struct io_cursor *at, struct io_config *config)
{
	static const char *const known[] = { "cmd",  "zone", "vcpus", "ram",
					     "uart", "rtc",  "gpio",  "devices",
					     "uid",  "gid",  NULL };
	const char *cmd;

	if (check_command(at, &cmd) != 0) {
		return -1;
	}
	if (strcmp(cmd, "config") != 0) {
		return io_cursor_fail(at, "cmd",
				      "the first command must be \"config\"");
	}
	if (io_cursor_check(at, known, NULL) != 0 ||
	    io_cursor_name(at, "zone", config->zone, sizeof(config->zone)) !=
		    0 ||
	    io_cursor_u32(at, "vcpus", 1, ZV_VCPUS_MAX, &config->vcpus) != 0 ||
	    parse_array(at, "ram", GUEST_MEM_REGIONS_MAX, config,
			parse_ram_entry) != 0 ||
	    parse_platform(at, "uart", ZV_A64_INTID_UART, &config->uart) != 0 ||
	    parse_platform(at, "rtc", ZV_A64_INTID_RTC, &config->rtc) != 0 ||
	    parse_platform(at, "gpio", ZV_A64_INTID_GPIO, &config->gpio) != 0 ||
	    parse_array(at, "devices", IO_CONFIG_DEVICES_MAX, config,
			parse_device) != 0) {
		return -1;
	}
	return parse_ids(at, config);
}

int io_config_parse(const char *line, size_t len, struct io_config *ret,
		    struct zerror *ret_error)
{
	struct io_config config = { 0 };
	struct io_cursor at = { .path = "$", .error = ret_error };
	int rc;

	at.object = strict_json_parse(line, len, ret_error);
	if (at.object == NULL) {
		return -1;
	}
	rc = parse_root(&at, &config);
	json_object_put(at.object);
	if (rc == 0) {
		*ret = config;
	}
	return rc;
}

uint32_t io_config_disks(const struct io_config *config, enum io_store store)
{
	uint32_t count = 0;

	for (size_t i = 0; i < config->device_count; i++) {
		const struct io_config_device *device = &config->device[i];

		count += device->kind == IO_DEVICE_DISK &&
			 device->disk.store == store;
	}
	return count;
}

bool io_config_has_taps(const struct io_config *config)
{
	bool has = false;

	for (size_t i = 0; !has && i < config->device_count; i++) {
		has = config->device[i].kind == IO_DEVICE_NET &&
		      config->device[i].net.via == IO_LINK_TAP;
	}
	return has;
}

bool io_config_has_vhost(const struct io_config *config)
{
	bool has = false;

	for (size_t i = 0; !has && i < config->device_count; i++) {
		has = config->device[i].kind == IO_DEVICE_NET &&
		      config->device[i].net.vhost;
	}
	return has;
}

/* ---------------------------------------------------------------- commands */

static const struct io_config_device *
find_device(const struct io_config *config, const char *name)
{
	for (size_t i = 0; i < config->device_count; i++) {
		if (strcmp(config->device[i].name, name) == 0) {
			return &config->device[i];
		}
	}
	return NULL;
}

static int set_limits(const struct io_cursor *at,
		      const struct io_config_type *type,
		      struct io_settings *ret)
{
	struct io_cursor inner = { .path = "$.limits", .error = at->error };
	static const char *const none[] = { NULL };

	if (!json_object_object_get_ex(at->object, "limits", &inner.object)) {
		return 0;
	}
	if (type->limits == NULL) {
		return io_cursor_fail(at, "limits",
				      "such a device has no limits");
	}
	ret->has_limits = true;
	return io_cursor_check(&inner, none, type->limits) != 0
		       ? -1
		       : type->parse_limits(&inner, ret);
}

static int set_cable(const struct io_cursor *at,
		     const struct io_config_type *type, struct io_settings *ret)
{
	uint32_t mtu = 0;

	ret->has_link = json_object_object_get_ex(at->object, "link", NULL);
	if ((ret->has_link && io_cursor_bool(at, "link", &ret->link) != 0) ||
	    io_cursor_optional(at, "mtu", NET_MTU_MIN, UINT16_MAX, &mtu) != 0) {
		return -1;
	}
	ret->mtu = (uint16_t)mtu;
	return type->cable || (!ret->has_link && mtu == 0)
		       ? 0
		       : io_cursor_fail(at, ret->has_link ? "link" : "mtu",
					"such a device has no cable");
}

static int set_mode(const struct io_cursor *at,
		    const struct io_config_device *device,
		    const struct io_config_type *type, struct io_settings *ret)
{
	static const char *const keys[] = { "width", "height", "head" };
	const char *there = NULL;

	for (size_t i = 0; there == NULL && i < 3; i++) {
		if (json_object_object_get_ex(at->object, keys[i], NULL)) {
			there = keys[i];
		}
	}
	if (there == NULL) {
		return 0;
	}
	if (!type->modes) {
		return io_cursor_fail(at, there, "such a device has no heads");
	}
	ret->has_mode = true;
	return io_cursor_optional(at, "head", 0, device->gpu.heads - 1,
				  &ret->mode.head) != 0
		       ? -1
		       : io_config_mode(at, &ret->mode.width,
					&ret->mode.height);
}

static int parse_settings(const struct io_cursor *at,
			  const struct io_config *config,
			  struct io_command *ret)
{
	const struct io_config_device *device =
		find_device(config, ret->device);
	const struct io_config_type *type;
	struct io_settings *set = &ret->set;

	if (device == NULL) {
		return io_cursor_fail(at, "device", "there is none");
	}
	type = io_config_type_of(device->kind);
	if (set_cable(at, type, set) != 0 || set_limits(at, type, set) != 0 ||
	    set_mode(at, device, type, set) != 0) {
		return -1;
	}
	return set->has_link || set->mtu != 0 || set->has_limits ||
			       set->has_mode
		       ? 0
		       : io_cursor_fail(at, "", "sets nothing");
}

static int parse_keys(const struct io_cursor *at, struct io_keys *ret)
{
	struct json_object *keys;
	size_t count;

	ret->hold_ms = IO_KEYS_HOLD_MS;
	if (get_array(at, "keys", IO_KEYS_MAX, &keys) != 0 ||
	    io_cursor_optional(at, "hold-ms", 1, IO_KEYS_HOLD_MS_MAX,
			       &ret->hold_ms) != 0) {
		return -1;
	}
	count = json_object_array_length(keys);
	for (size_t i = 0; i < count; i++) {
		struct json_object *key = json_object_array_get_idx(keys, i);
		int64_t code = json_object_is_type(key, json_type_int)
				       ? json_object_get_int64(key)
				       : 0;

		if (code < 1 || code > DISPLAY_KEY_MAX) {
			return io_cursor_fail(at, "keys",
					      "must be numbers, 1 to 767");
		}
		ret->code[i] = (uint32_t)code;
	}
	ret->count = (uint32_t)count;
	return count != 0 ? 0 : io_cursor_fail(at, "keys", "is empty");
}

static int find_command(const struct io_cursor *at,
			const struct io_config *config, struct io_command *ret)
{
	static const char *const known[] = { "cmd", NULL };
	static const char *const of_device[] = { "device", NULL };
	static const char *const of_set[] = { "device", "link", "mtu",
					      "limits", "head", "width",
					      "height", NULL };
	static const char *const of_keys[] = { "device", "keys", "hold-ms",
					       NULL };
	static const struct {
		const char *name;
		enum io_command_kind kind;
		const char *const *members;
	} commands[] = {
		{ "powerkey", IO_COMMAND_POWERKEY, NULL },
		{ "reset", IO_COMMAND_RESET, NULL },
		{ "stop", IO_COMMAND_STOP, NULL },
		{ "resize", IO_COMMAND_RESIZE, of_device },
		{ "resume", IO_COMMAND_RESUME, of_device },
		{ "counters", IO_COMMAND_COUNTERS, of_device },
		{ "set", IO_COMMAND_SET, of_set },
		{ "keys", IO_COMMAND_KEYS, of_keys },
		{ "display", IO_COMMAND_DISPLAY, of_device },
	};
	const char *cmd;

	if (check_command(at, &cmd) != 0) {
		return -1;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(cmd, commands[i].name) != 0) {
			continue;
		}
		ret->kind = commands[i].kind;
		if (commands[i].members != NULL &&
		    io_cursor_name(at, "device", ret->device,
				   sizeof(ret->device)) != 0) {
			return -1;
		}
		if (io_cursor_check(at, known, commands[i].members) != 0) {
			return -1;
		}
		if (ret->kind == IO_COMMAND_KEYS) {
			return parse_keys(at, &ret->keys);
		}
		return ret->kind == IO_COMMAND_SET
			       ? parse_settings(at, config, ret)
			       : 0;
	}
	return io_cursor_fail(at, "cmd",
			      "must be powerkey, reset, stop, resize, resume, "
			      "counters, set, keys or display");
}

int io_command_parse(const struct io_config *config, const char *line,
		     size_t len, struct io_command *ret,
		     struct zerror *ret_error)
{
	struct io_cursor at = { .path = "$", .error = ret_error };
	int rc;

	*ret = (struct io_command){ 0 };
	at.object = strict_json_parse(line, len, ret_error);
	if (at.object == NULL) {
		return -1;
	}
	rc = find_command(&at, config, ret);
	json_object_put(at.object);
	return rc;
}
