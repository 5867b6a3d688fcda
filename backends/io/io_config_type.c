/* SPDX-License-Identifier: BSD-2-Clause */
#include "io/io_config_type.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/virtio_device.h"
#include "io/io_cursor.h"
#include "net/net_hdr.h"
#include "net_mac.h"

#define MS_PER_S 1000u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse_console(const struct io_cursor *at,
			 struct io_config_device *ret)
{
	uint32_t cols = 0;
	uint32_t rows = 0;

	if (io_cursor_optional(at, "cols", 1, UINT16_MAX, &cols) != 0 ||
	    io_cursor_optional(at, "rows", 1, UINT16_MAX, &rows) != 0) {
		return -1;
	}
	if ((cols == 0) != (rows == 0)) {
		return io_cursor_fail(at, "cols", "goes with rows");
	}
	ret->console.cols = (uint16_t)cols;
	ret->console.rows = (uint16_t)rows;
	return 0;
}

/* burst_ms: how long an idle time is made up for. */
static int optional_rate(const struct io_cursor *at, const char *key,
			 uint32_t burst_ms, struct rate_limit *ret)
{
	if (!json_object_object_get_ex(at->object, key, NULL)) {
		return 0;
	}
	if (io_cursor_number(at, key, 1, IO_CONFIG_RATE_MAX,
			     &ret->per_second) != 0) {
		return -1;
	}
	ret->burst = ret->per_second * burst_ms / MS_PER_S;
	if (ret->burst == 0) {
		ret->burst = 1;
	}
	return 0;
}

static int get_burst(const struct io_cursor *at, uint32_t *ret)
{
	*ret = IO_CONFIG_BURST_MS;
	return io_cursor_optional(at, "burst-ms", 1, IO_CONFIG_BURST_MS_MAX,
				  ret);
}

static int rng_limits(const struct io_cursor *at, struct rate_limit *ret)
{
	uint32_t burst_ms;

	return get_burst(at, &burst_ms) != 0
		       ? -1
		       : optional_rate(at, "total-bytes-sec", burst_ms, ret);
}

static int parse_rng(const struct io_cursor *at, struct io_config_device *ret)
{
	return rng_limits(at, &ret->rng.bytes_sec);
}

static int set_rng_limits(const struct io_cursor *at, struct io_settings *ret)
{
	return rng_limits(at, &ret->limits.rng);
}

/* One of count words; what is wrong if it is none of them. */
static int parse_word(const struct io_cursor *at, const char *key,
		      const char *const *words, size_t count, const char *wrong,
		      size_t *ret)
{
	struct json_object *value = json_object_object_get(at->object, key);

	for (size_t i = 0; i < count; i++) {
		if (json_object_is_type(value, json_type_string) &&
		    strcmp(json_object_get_string(value), words[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return io_cursor_fail(at, key, wrong);
}

static int parse_on_error(const struct io_cursor *at, enum io_on_error *ret)
{
	static const char *const names[] = {
		[IO_ON_ERROR_REPORT] = "report",
		[IO_ON_ERROR_PAUSE] = "pause",
		[IO_ON_ERROR_PAUSE_FULL] = "enospace",
	};
	size_t i = 0;

	if (parse_word(at, "on-error", names, COUNT(names),
		       "must be report, pause or enospace", &i) != 0) {
		return -1;
	}
	*ret = (enum io_on_error)i;
	return 0;
}

/* Any text: the guest gets the bytes. */
static int parse_serial(const struct io_cursor *at, char *ret)
{
	struct json_object *value =
		json_object_object_get(at->object, "serial");

	if (!json_object_is_type(value, json_type_string) ||
	    json_object_get_string_len(value) > (int)IO_CONFIG_SERIAL_MAX) {
		return io_cursor_fail(at, "serial",
				      "must be a string of at most 20 bytes");
	}
	snprintf(ret, IO_CONFIG_SERIAL_MAX + 1, "%s",
		 json_object_get_string(value));
	return 0;
}

static int parse_export(const struct io_cursor *at, char *ret)
{
	struct json_object *value;

	if (!json_object_object_get_ex(at->object, "export", &value)) {
		return 0;
	}
	if (!json_object_is_type(value, json_type_string) ||
	    json_object_get_string_len(value) > (int)IO_CONFIG_EXPORT_MAX) {
		return io_cursor_fail(at, "export",
				      "must be a string of at most 255 bytes");
	}
	snprintf(ret, IO_CONFIG_EXPORT_MAX + 1, "%s",
		 json_object_get_string(value));
	return 0;
}

static int parse_store(const struct io_cursor *at, struct io_config_disk *disk)
{
	static const char *const names[] = {
		[IO_STORE_FILE] = "file",
		[IO_STORE_NBD] = "nbd",
	};
	size_t i = IO_STORE_FILE;

	if (json_object_object_get_ex(at->object, "store", NULL) &&
	    parse_word(at, "store", names, COUNT(names), "must be file or nbd",
		       &i) != 0) {
		return -1;
	}
	disk->store = (enum io_store)i;
	if (disk->store != IO_STORE_NBD &&
	    json_object_object_get_ex(at->object, "export", NULL)) {
		return io_cursor_fail(at, "export", "goes with store nbd");
	}
	return parse_export(at, disk->export_name);
}

static int disk_limits(const struct io_cursor *at, struct blk_limit_config *ret)
{
	static const char *const keys[BLK_LIMIT_KINDS] = {
		[BLK_LIMIT_OPS] = "total-iops-sec",
		[BLK_LIMIT_READ_OPS] = "read-iops-sec",
		[BLK_LIMIT_WRITE_OPS] = "write-iops-sec",
		[BLK_LIMIT_BYTES] = "total-bytes-sec",
		[BLK_LIMIT_READ_BYTES] = "read-bytes-sec",
		[BLK_LIMIT_WRITE_BYTES] = "write-bytes-sec",
	};

	uint32_t burst_ms;
	int rc = get_burst(at, &burst_ms);

	for (size_t i = 0; rc == 0 && i < BLK_LIMIT_KINDS; i++) {
		rc = optional_rate(at, keys[i], burst_ms, &ret->rate[i]);
	}
	return rc;
}

static int set_disk_limits(const struct io_cursor *at, struct io_settings *ret)
{
	return disk_limits(at, &ret->limits.disk);
}

static int parse_disk(const struct io_cursor *at, struct io_config_device *ret)
{
	struct io_config_disk *disk = &ret->disk;

	if (parse_store(at, disk) != 0 ||
	    io_cursor_bool(at, "readonly", &disk->readonly) != 0 ||
	    io_cursor_bool(at, "writeback", &disk->writeback) != 0 ||
	    io_cursor_bool(at, "discard", &disk->discard) != 0 ||
	    io_cursor_optional(at, "block-size", 512, 4096,
			       &disk->block_size) != 0 ||
	    parse_on_error(at, &disk->on_error) != 0 ||
	    parse_serial(at, disk->serial) != 0 ||
	    disk_limits(at, &disk->limits) != 0) {
		return -1;
	}
	if ((disk->block_size & (disk->block_size - 1)) != 0) {
		return io_cursor_fail(at, "block-size",
				      "must be a power of two");
	}
	return 0;
}

static int net_limits(const struct io_cursor *at,
		      struct io_config_net_limits *ret)
{
	uint32_t burst_ms;

	if (get_burst(at, &burst_ms) != 0 ||
	    optional_rate(at, "rx-bytes-sec", burst_ms, &ret->rx.bytes) != 0 ||
	    optional_rate(at, "tx-bytes-sec", burst_ms, &ret->tx.bytes) != 0 ||
	    optional_rate(at, "rx-packets-sec", burst_ms, &ret->rx.packets) !=
		    0 ||
	    optional_rate(at, "tx-packets-sec", burst_ms, &ret->tx.packets) !=
		    0) {
		return -1;
	}
	return 0;
}

static int set_net_limits(const struct io_cursor *at, struct io_settings *ret)
{
	return net_limits(at, &ret->limits.net);
}

static int parse_mac(const struct io_cursor *at, uint8_t ret[NET_MAC_SIZE])
{
	struct json_object *value = json_object_object_get(at->object, "mac");

	if (!json_object_is_type(value, json_type_string) ||
	    !net_mac_parse(json_object_get_string(value), ret) ||
	    !net_mac_is_usable(ret)) {
		return io_cursor_fail(at, "mac",
				      "must be a unicast Ethernet address");
	}
	return 0;
}

/*
 * A receive and a transmit queue for each of a TAP's fds, and one for control;
 * then a vhost-net for each, perhaps.
 */
static int parse_pairs(const struct io_cursor *at, struct io_config_device *ret)
{
	if (ret->queues % 2 == 0) {
		return io_cursor_fail(at, "queues", "must be odd");
	}
	ret->fd_count = ret->queues / 2 * (ret->net.vhost ? 2 : 1);
	return (uint32_t)ret->fd + ret->fd_count - 1 <= IO_CONFIG_FD_LAST
		       ? 0
		       : io_cursor_fail(at, "fd", "leaves no room for others");
}

static int parse_via(const struct io_cursor *at, struct io_config_device *ret)
{
	static const char *const names[] = {
		[IO_LINK_TAP] = "tap",
		[IO_LINK_STREAM] = "stream",
	};
	size_t i = IO_LINK_TAP;

	if (json_object_object_get_ex(at->object, "via", NULL) &&
	    parse_word(at, "via", names, COUNT(names), "must be tap or stream",
		       &i) != 0) {
		return -1;
	}
	ret->net.via = (enum io_link)i;
	if (ret->net.via == IO_LINK_STREAM && ret->net.vhost) {
		return io_cursor_fail(at, "vhost", "goes with via tap");
	}
	return ret->net.via == IO_LINK_TAP || ret->fd_count == 1
		       ? 0
		       : io_cursor_fail(at, "queues",
					"must be 3: a stream has one pair");
}

static int parse_net(const struct io_cursor *at, struct io_config_device *ret)
{
	uint32_t mtu;

	if (json_object_object_get_ex(at->object, "vhost", NULL) &&
	    io_cursor_bool(at, "vhost", &ret->net.vhost) != 0) {
		return -1;
	}
	if (parse_pairs(at, ret) != 0 || parse_via(at, ret) != 0 ||
	    parse_mac(at, ret->net.mac) != 0 ||
	    io_cursor_u32(at, "mtu", NET_MTU_MIN, UINT16_MAX, &mtu) != 0 ||
	    io_cursor_bool(at, "link", &ret->net.link) != 0) {
		return -1;
	}
	ret->net.mtu = (uint16_t)mtu;
	return net_limits(at, &ret->net.limits);
}

/* The video memory, and the socket to who shows it. */
static int parse_gpu(const struct io_cursor *at, struct io_config_device *ret)
{
	ret->fd_count = 2;
	if ((uint32_t)ret->fd + ret->fd_count - 1 > IO_CONFIG_FD_LAST) {
		return io_cursor_fail(at, "fd", "leaves no room for the other");
	}
	return io_cursor_u32(at, "heads", 1, DISPLAY_HEADS_MAX,
			     &ret->gpu.heads) != 0
		       ? -1
		       : io_config_mode(at, &ret->gpu.width, &ret->gpu.height);
}

static int parse_input(const struct io_cursor *at, struct io_config_device *ret)
{
	static const char *const names[] = {
		[INPUT_KEYBOARD] = "keyboard",
		[INPUT_TABLET] = "tablet",
		[INPUT_MOUSE] = "mouse",
	};
	size_t i = 0;

	if (parse_word(at, "kind", names, COUNT(names),
		       "must be keyboard, tablet or mouse", &i) != 0) {
		return -1;
	}
	ret->input.kind = (enum input_kind)i;
	return 0;
}

int io_config_mode(const struct io_cursor *at, uint32_t *ret_width,
		   uint32_t *ret_height)
{
	return io_cursor_u32(at, "width", DISPLAY_MODE_WIDTH_MIN,
			     DISPLAY_MODE_WIDTH_MAX, ret_width) != 0
		       ? -1
		       : io_cursor_u32(at, "height", DISPLAY_MODE_HEIGHT_MIN,
				       DISPLAY_MODE_HEIGHT_MAX, ret_height);
}

#define RNG_LIMITS "total-bytes-sec", "burst-ms"
#define DISK_LIMITS                                                     \
	"total-iops-sec", "read-iops-sec", "write-iops-sec",            \
		"total-bytes-sec", "read-bytes-sec", "write-bytes-sec", \
		"burst-ms"
#define NET_LIMITS                                                          \
	"rx-bytes-sec", "tx-bytes-sec", "rx-packets-sec", "tx-packets-sec", \
		"burst-ms"

static const char *const console_members[] = { "cols", "rows", NULL };
static const char *const rng_members[] = { RNG_LIMITS, NULL };
static const char *const disk_members[] = {
	"readonly", "writeback", "discard", "block-size", "on-error",
	"serial",   "store",	 "export",  DISK_LIMITS,  NULL,
};
static const char *const disk_limit_members[] = { DISK_LIMITS, NULL };
static const char *const net_members[] = { "mac",   "mtu",	"link", "via",
					   "vhost", NET_LIMITS, NULL };
static const char *const net_limit_members[] = { NET_LIMITS, NULL };

static const char *const gpu_members[] = { "heads", "width", "height", NULL };
static const char *const input_members[] = { "kind", NULL };

static const struct io_config_type types[] = {
	{
		.name = "console",
		.kind = IO_DEVICE_CONSOLE,
		.queues_min = 2, /* of one port: virtio 1.2, 5.3.2 */
		.queues_max = 2,
		.members = console_members,
		.parse = parse_console,
	},
	{
		.name = "rng",
		.kind = IO_DEVICE_RNG,
		.queues_min = 1, /* 5.4.2 */
		.queues_max = 1,
		.fd = true,
		.members = rng_members,
		.parse = parse_rng,
		.limits = rng_members,
		.parse_limits = set_rng_limits,
	},
	{
		.name = "disk",
		.kind = IO_DEVICE_DISK,
		.queues_min = 1, /* 5.2.2 */
		.queues_max = VIRTIO_QUEUES_MAX,
		.fd = true,
		.members = disk_members,
		.parse = parse_disk,
		.limits = disk_limit_members,
		.parse_limits = set_disk_limits,
	},
	{
		.name = "net",
		.kind = IO_DEVICE_NET,
		.queues_min = 3, /* 5.1.2 */
		.queues_max = 2 * NET_PAIRS_MAX + 1,
		.fd = true,
		.members = net_members,
		.parse = parse_net,
		.limits = net_limit_members,
		.parse_limits = set_net_limits,
		.cable = true,
	},
	{
		.name = "gpu",
		.kind = IO_DEVICE_GPU,
		.queues_min = 2, /* 5.7.2 */
		.queues_max = 2,
		.fd = true,
		.members = gpu_members,
		.parse = parse_gpu,
		.modes = true,
	},
	{
		.name = "input",
		.kind = IO_DEVICE_INPUT,
		.queues_min = 2, /* 5.8.2 */
		.queues_max = 2,
		.members = input_members,
		.parse = parse_input,
	},
};

const struct io_config_type *io_config_type_of(enum io_device_kind kind)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (types[i].kind == kind) {
			return &types[i];
		}
	}
	return NULL;
}

const struct io_config_type *io_config_type_find(const char *name)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (strcmp(types[i].name, name) == 0) {
			return &types[i];
		}
	}
	return NULL;
}
