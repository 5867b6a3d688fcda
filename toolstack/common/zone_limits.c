/* SPDX-License-Identifier: BSD-2-Clause */
/* The member "limits" of devices: how much per second. */
#include <string.h>

#include "size.h"
#include "zone_def_parse.h"

static const char *const limit_names[] = {
	[ZONE_LIMIT_IOPS] = "total-iops-sec",
	[ZONE_LIMIT_READ_IOPS] = "read-iops-sec",
	[ZONE_LIMIT_WRITE_IOPS] = "write-iops-sec",
	[ZONE_LIMIT_RX_PACKETS] = "rx-packets-sec",
	[ZONE_LIMIT_TX_PACKETS] = "tx-packets-sec",
	[ZONE_LIMIT_BYTES] = "total-bytes-sec",
	[ZONE_LIMIT_READ_BYTES] = "read-bytes-sec",
	[ZONE_LIMIT_WRITE_BYTES] = "write-bytes-sec",
	[ZONE_LIMIT_RX_BYTES] = "rx-bytes-sec",
	[ZONE_LIMIT_TX_BYTES] = "tx-bytes-sec",
};

const char *zone_def_limit_name(enum zone_limit limit)
{
	return limit_names[limit];
}

static bool is_bytes(enum zone_limit limit)
{
	return limit >= ZONE_LIMIT_BYTES;
}

static int parse_bytes(struct def_parser *p, const char *path,
		       struct json_object *value, uint64_t *ret)
{
	static const char hint[] = "a string with a unit, as in \"50M\"";
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
	if (bytes == 0 || bytes > ZONE_DEF_BYTES_SEC_MAX) {
		return DEF_REFUSE(p, path, hint, "must be 1K to 1T, not %.32s",
				  json_object_get_string(value));
	}
	*ret = bytes;
	return 0;
}

static int parse_count(struct def_parser *p, const char *path,
		       struct json_object *value, uint64_t *ret)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, 1, ZONE_DEF_IOPS_MAX,
			"how many per second, as in 500", &number) < 0) {
		return -1;
	}
	*ret = (uint64_t)number;
	return 0;
}

static int parse_burst(struct def_parser *p, const char *path,
		       struct json_object *value, struct zone_device *device)
{
	int64_t number = 0;

	if (def_get_int(p, path, value, 1, ZONE_DEF_BURST_MS_MAX,
			"how many milliseconds' worth may go at once",
			&number) < 0) {
		return -1;
	}
	device->burst_ms = (uint32_t)number;
	return 0;
}

int zone_limits_parse(struct def_parser *p, const char *path,
		      struct json_object *value, struct zone_device *device,
		      const char *what, const enum zone_limit *limits,
		      size_t count)
{
	const char *names[ZONE_LIMIT_COUNT + 2];
	char at[ZERROR_PATH_MAX];
	struct json_object *item;
	size_t given = 0;

	for (size_t i = 0; i < count; i++) {
		names[i] = limit_names[limits[i]];
	}
	names[count] = "burst-ms";
	names[count + 1] = NULL;
	if (def_need_type(p, path, value, json_type_object,
			  "as in {\"total-bytes-sec\": \"50M\"}") < 0 ||
	    def_only_members(p, path, value, what, names) < 0) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t *limit = &device->limits[limits[i]];

		if (!json_object_object_get_ex(value, names[i], &item)) {
			continue;
		}
		given++;
		zerror_path(at, "%s.%s", path, names[i]);
		if ((is_bytes(limits[i]) ? parse_bytes : parse_count)(
			    p, at, item, limit) < 0) {
			return -1;
		}
	}
	if (!json_object_object_get_ex(value, "burst-ms", &item)) {
		return 0;
	}
	zerror_path(at, "%s.burst-ms", path);
	if (given == 0) {
		return DEF_REFUSE(p, at, "add a limit, or leave it out",
				  "belongs to a limit, and there is none");
	}
	return parse_burst(p, at, item, device);
}

static bool has_limits(const struct zone_device *device)
{
	for (size_t i = 0; i < ZONE_LIMIT_COUNT; i++) {
		if (device->limits[i]) {
			return true;
		}
	}
	return false;
}

void zone_def_limits_to_json(const struct zone_device *device,
			     struct json_object *json)
{
	struct json_object *limits;
	char text[SIZE_TEXT_MAX];

	if (!has_limits(device)) {
		return;
	}
	limits = json_object_new_object();
	for (unsigned int i = 0; i < ZONE_LIMIT_COUNT; i++) {
		struct json_object *value;

		if (!device->limits[i]) {
			continue;
		}
		if (is_bytes((enum zone_limit)i)) {
			size_format(device->limits[i], text);
			value = json_object_new_string(text);
		} else {
			value = json_object_new_uint64(device->limits[i]);
		}
		json_object_object_add(limits, limit_names[i], value);
	}
	json_object_object_add(limits, "burst-ms",
			       json_object_new_int64(device->burst_ms));
	json_object_object_add(json, "limits", limits);
}
