/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/io_config.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <zv/platform_aarch64.h>

#include "core/virtio_mmio_regs.h"
#include "strict_json.h"

#define CONSOLE_QUEUES 2u
#define SPI_FIRST 32u

/* A JSON object, where it is, and where to report what is wrong with it. */
struct cursor {
	struct json_object *object;
	const char *path;
	struct zerror *error;
};

static int fail(const struct cursor *at, const char *key, const char *what)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s%s", at->path, key[0] ? "." : "",
		 key);
	return zerror_set(at->error, ZERROR_INVALID_DEFINITION, path,
			  "hvd and hvd-io must be of the same version", "%s",
			  what);
}

static bool is_listed(const char *key, const char *const *known)
{
	for (; *known != NULL; known++) {
		if (strcmp(key, *known) == 0) {
			return true;
		}
	}
	return false;
}

static int check_object(const struct cursor *at, const char *const *known)
{
	if (!json_object_is_type(at->object, json_type_object)) {
		return fail(at, "", "must be an object");
	}
	json_object_object_foreach (at->object, key, value) {
		(void)value;
		if (!is_listed(key, known)) {
			return fail(at, key, "unknown member");
		}
	}
	return 0;
}

static int get_number(const struct cursor *at, const char *key, uint64_t min,
		      uint64_t max, uint64_t *ret)
{
	struct json_object *value;
	char what[96];

	if (!json_object_object_get_ex(at->object, key, &value)) {
		return fail(at, key, "missing");
	}
	/* Negative numbers come out of get_uint64 as 0: look at the sign. */
	if (!json_object_is_type(value, json_type_int) ||
	    (json_object_get_int64(value) < 0) ||
	    json_object_get_uint64(value) < min ||
	    json_object_get_uint64(value) > max) {
		snprintf(what, sizeof(what),
			 "must be a whole number from %llu to %llu",
			 (unsigned long long)min, (unsigned long long)max);
		return fail(at, key, what);
	}
	*ret = json_object_get_uint64(value);
	return 0;
}

static int get_u32(const struct cursor *at, const char *key, uint32_t min,
		   uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;
	int rc = get_number(at, key, min, max, &value);

	if (rc == 0) {
		*ret = (uint32_t)value;
	}
	return rc;
}

/* Leaves *ret alone if the member is not there. */
static int get_optional(const struct cursor *at, const char *key, uint32_t min,
			uint32_t max, uint32_t *ret)
{
	return json_object_object_get_ex(at->object, key, NULL)
		       ? get_u32(at, key, min, max, ret)
		       : 0;
}

static bool name_ok(const char *name, size_t size)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return len != 0 && name[len] == '\0' && len < size;
}

static int get_name(const struct cursor *at, const char *key, char *ret,
		    size_t size)
{
	struct json_object *value;

	if (!json_object_object_get_ex(at->object, key, &value)) {
		return fail(at, key, "missing");
	}
	if (!json_object_is_type(value, json_type_string) ||
	    !name_ok(json_object_get_string(value), size)) {
		return fail(at, key, "must be a name of letters, digits, _.-");
	}
	snprintf(ret, size, "%s", json_object_get_string(value));
	return 0;
}

/* -------------------------------------------------------------------- ram */

static int parse_ram_entry(struct cursor *at, struct io_config *config)
{
	static const char *const known[] = { "gpa", "size", NULL };
	struct io_config_ram *ram = &config->ram[config->ram_count];

	if (check_object(at, known) != 0 ||
	    get_number(at, "gpa", 0, INT64_MAX, &ram->gpa) != 0 ||
	    get_number(at, "size", ZV_PAGE_SIZE, INT64_MAX, &ram->size) != 0) {
		return -1;
	}
	if (ram->gpa % ZV_PAGE_SIZE != 0 || ram->size % ZV_PAGE_SIZE != 0) {
		return fail(at, "", "must consist of whole pages");
	}
	/* Offsets from ZV_MMAP_STATE on mean something else to mmap(). */
	if (ram->size > INT64_MAX / 2 || ram->gpa > INT64_MAX / 2 - ram->size) {
		return fail(at, "", "lies outside of the address space");
	}
	for (size_t i = 0; i < config->ram_count; i++) {
		const struct io_config_ram *other = &config->ram[i];

		if (ram->gpa < other->gpa + other->size &&
		    other->gpa < ram->gpa + ram->size) {
			return fail(at, "", "overlaps an earlier range");
		}
	}
	config->ram_count++;
	return 0;
}

static int get_array(const struct cursor *at, const char *key, size_t max,
		     struct json_object **ret)
{
	if (!json_object_object_get_ex(at->object, key, ret)) {
		return fail(at, key, "missing");
	}
	if (!json_object_is_type(*ret, json_type_array)) {
		return fail(at, key, "must be an array");
	}
	if (json_object_array_length(*ret) > max) {
		return fail(at, key, "has too many elements");
	}
	return 0;
}

/* Calls parse with a cursor on each element. */
static int parse_array(const struct cursor *at, const char *key, size_t max,
		       struct io_config *config,
		       int (*parse)(struct cursor *, struct io_config *))
{
	struct json_object *array;
	char path[64];

	if (get_array(at, key, max, &array) != 0) {
		return -1;
	}
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct cursor element = {
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

static int parse_platform(const struct cursor *at, const char *key,
			  uint32_t intid, struct io_config_platform *ret)
{
	static const char *const known[] = { "shadow", "intid", NULL };
	struct cursor inner = { .error = at->error };
	char path[32];

	if (!json_object_object_get_ex(at->object, key, &inner.object)) {
		return 0;
	}
	snprintf(path, sizeof(path), "$.%s", key);
	inner.path = path;
	ret->present = true;
	ret->intid = intid;
	if (check_object(&inner, known) != 0 ||
	    get_u32(&inner, "shadow", 0, ZV_SHADOWS_MAX - 1, &ret->shadow) !=
		    0 ||
	    get_optional(&inner, "intid", SPI_FIRST, ZV_A64_INTID_COUNT - 1,
			 &ret->intid) != 0) {
		return -1;
	}
	return 0;
}

static int check_type(const struct cursor *at)
{
	struct json_object *type;

	if (!json_object_object_get_ex(at->object, "type", &type)) {
		return fail(at, "type", "missing");
	}
	if (!json_object_is_type(type, json_type_string) ||
	    strcmp(json_object_get_string(type), "console") != 0) {
		return fail(at, "type", "must be \"console\"");
	}
	return 0;
}

static int check_unique(const struct cursor *at, const struct io_config *config,
			const struct io_config_console *console)
{
	if (strcmp(console->name, "uart0") == 0) {
		return fail(at, "name", "uart0 is the name of the UART");
	}
	for (size_t i = 0; i < config->console_count; i++) {
		const struct io_config_console *other = &config->console[i];

		if (strcmp(other->name, console->name) == 0) {
			return fail(at, "name", "is taken");
		}
		if (other->slot == console->slot) {
			return fail(at, "slot", "is taken");
		}
		if (other->doorbell < console->doorbell + CONSOLE_QUEUES &&
		    console->doorbell < other->doorbell + CONSOLE_QUEUES) {
			return fail(at, "doorbell", "is taken");
		}
	}
	return 0;
}

static int parse_size(const struct cursor *at,
		      struct io_config_console *console)
{
	uint32_t cols = 0;
	uint32_t rows = 0;

	if (get_optional(at, "cols", 1, UINT16_MAX, &cols) != 0 ||
	    get_optional(at, "rows", 1, UINT16_MAX, &rows) != 0) {
		return -1;
	}
	if ((cols == 0) != (rows == 0)) {
		return fail(at, "cols", "goes with rows");
	}
	console->cols = (uint16_t)cols;
	console->rows = (uint16_t)rows;
	return 0;
}

static int parse_device(struct cursor *at, struct io_config *config)
{
	static const char *const known[] = { "type",	 "name",   "slot",
					     "shadow",	 "offset", "intid",
					     "doorbell", "cols",   "rows",
					     NULL };
	struct io_config_console *console =
		&config->console[config->console_count];

	if (check_object(at, known) != 0 || check_type(at) != 0 ||
	    get_name(at, "name", console->name, sizeof(console->name)) != 0 ||
	    get_u32(at, "slot", 0, ZV_A64_VIRTIO_COUNT - 1, &console->slot) !=
		    0 ||
	    get_u32(at, "shadow", 0, ZV_SHADOWS_MAX - 1, &console->shadow) !=
		    0 ||
	    get_u32(at, "offset", 0, ZV_PAGE_SIZE - VIRTIO_MMIO_WINDOW,
		    &console->offset) != 0 ||
	    get_u32(at, "intid", SPI_FIRST, ZV_A64_INTID_COUNT - 1,
		    &console->intid) != 0 ||
	    get_u32(at, "doorbell", 0, ZV_DOORBELLS_MAX - CONSOLE_QUEUES,
		    &console->doorbell) != 0 ||
	    parse_size(at, console) != 0) {
		return -1;
	}
	if (console->offset % VIRTIO_MMIO_WINDOW != 0) {
		return fail(at, "offset", "must be a multiple of 512");
	}
	if (check_unique(at, config, console) != 0) {
		return -1;
	}
	config->console_count++;
	return 0;
}

/* -------------------------------------------------------------------- root */

static int check_command(const struct cursor *at, const char **ret)
{
	struct json_object *cmd;

	if (!json_object_is_type(at->object, json_type_object)) {
		return fail(at, "", "must be an object");
	}
	if (!json_object_object_get_ex(at->object, "cmd", &cmd)) {
		return fail(at, "cmd", "missing");
	}
	if (!json_object_is_type(cmd, json_type_string)) {
		return fail(at, "cmd", "must be a string");
	}
	*ret = json_object_get_string(cmd);
	return 0;
}

static int parse_ids(const struct cursor *at, struct io_config *config)
{
	bool uid = json_object_object_get_ex(at->object, "uid", NULL);
	bool gid = json_object_object_get_ex(at->object, "gid", NULL);

	config->drop = uid || gid;
	if (!config->drop) {
		return 0;
	}
	/* The largest number means "no change" to the kernel. */
	if (get_u32(at, "uid", 1, UINT32_MAX - 1, &config->uid) != 0 ||
	    get_u32(at, "gid", 1, UINT32_MAX - 1, &config->gid) != 0) {
		return -1;
	}
	return 0;
}

static int parse_root(const struct cursor *at, struct io_config *config)
{
	static const char *const known[] = { "cmd",  "zone", "vcpus", "ram",
					     "uart", "rtc",  "gpio",  "devices",
					     "uid",  "gid",  NULL };
	const char *cmd;

	if (check_command(at, &cmd) != 0) {
		return -1;
	}
	if (strcmp(cmd, "config") != 0) {
		return fail(at, "cmd", "the first command must be \"config\"");
	}
	if (check_object(at, known) != 0 ||
	    get_name(at, "zone", config->zone, sizeof(config->zone)) != 0 ||
	    get_u32(at, "vcpus", 1, ZV_VCPUS_MAX, &config->vcpus) != 0 ||
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
	struct cursor at = { .path = "$", .error = ret_error };
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

static int find_command(const struct cursor *at, enum io_command *ret)
{
	static const char *const known[] = { "cmd", NULL };
	static const struct {
		const char *name;
		enum io_command command;
	} commands[] = {
		{ "powerkey", IO_COMMAND_POWERKEY },
		{ "reset", IO_COMMAND_RESET },
		{ "stop", IO_COMMAND_STOP },
	};
	const char *cmd;

	if (check_command(at, &cmd) != 0 || check_object(at, known) != 0) {
		return -1;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(cmd, commands[i].name) == 0) {
			*ret = commands[i].command;
			return 0;
		}
	}
	return fail(at, "cmd", "must be powerkey, reset or stop");
}

int io_command_parse(const char *line, size_t len, enum io_command *ret,
		     struct zerror *ret_error)
{
	struct cursor at = { .path = "$", .error = ret_error };
	int rc;

	at.object = strict_json_parse(line, len, ret_error);
	if (at.object == NULL) {
		return -1;
	}
	rc = find_command(&at, ret);
	json_object_put(at.object);
	return rc;
}
