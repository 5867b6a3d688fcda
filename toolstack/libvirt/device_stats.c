// SPDX-License-Identifier: BSD-2-Clause
#include "device_stats.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

#include "json.h"

struct member {
	const char *key;
	size_t offset;
};

/* Sums that grow too large stay at the most there is. */
static void add(void *stats, const struct member *rows, size_t count,
		struct json_object *counters)
{
	for (size_t i = 0; i < count; i++) {
		int64_t *sum = (int64_t *)((char *)stats + rows[i].offset);

		if (__builtin_add_overflow(
			    *sum, json_number(counters, rows[i].key, 0), sum)) {
			*sum = INT64_MAX;
		}
	}
}

void disk_stats_add(struct disk_stats *stats, struct json_object *answer)
{
	static const struct member rows[] = {
		{ "reads", offsetof(struct disk_stats, reads) },
		{ "read-bytes", offsetof(struct disk_stats, read_bytes) },
		{ "latency.read.sum-ns", offsetof(struct disk_stats, read_ns) },
		{ "writes", offsetof(struct disk_stats, writes) },
		{ "write-bytes", offsetof(struct disk_stats, write_bytes) },
		{ "latency.write.sum-ns",
		  offsetof(struct disk_stats, write_ns) },
		{ "flushes", offsetof(struct disk_stats, flushes) },
		{ "latency.flush.sum-ns",
		  offsetof(struct disk_stats, flush_ns) },
		{ "errors", offsetof(struct disk_stats, errors) },
	};

	add(stats, rows, sizeof(rows) / sizeof(rows[0]),
	    json_get(answer, "counters"));
}

void net_stats_get(struct net_stats *stats, struct json_object *answer)
{
	static const struct member rows[] = {
		{ "rx-bytes", offsetof(struct net_stats, rx_bytes) },
		{ "rx-packets", offsetof(struct net_stats, rx_packets) },
		{ "rx-errors", offsetof(struct net_stats, rx_errors) },
		{ "rx-dropped", offsetof(struct net_stats, rx_dropped) },
		{ "tx-bytes", offsetof(struct net_stats, tx_bytes) },
		{ "tx-packets", offsetof(struct net_stats, tx_packets) },
		{ "tx-errors", offsetof(struct net_stats, tx_errors) },
		{ "tx-dropped", offsetof(struct net_stats, tx_dropped) },
	};

	*stats = (struct net_stats){ 0 };
	add(stats, rows, sizeof(rows) / sizeof(rows[0]),
	    json_get(answer, "counters"));
}

struct json_object *device_find(struct json_object *zone, const char *type,
				const char *name)
{
	struct json_object *devices = json_get(zone, "devices");
	size_t count = devices ? json_object_array_length(devices) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *device =
			json_object_array_get_idx(devices, i);

		if (json_is(device, "type", type) &&
		    (json_is(device, "name", name) ||
		     json_is(device, "path", name) ||
		     json_is(device, "tap", name) ||
		     strcasecmp(json_text(device, "mac"), name) == 0)) {
			return device;
		}
	}
	return NULL;
}
