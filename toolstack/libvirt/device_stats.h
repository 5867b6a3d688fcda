/* SPDX-License-Identifier: BSD-2-Clause */
/* What hvd counts of a zone's devices (device.counters), in libvirt's groups. */
#ifndef ZV_TOOLSTACK_LIBVIRT_DEVICE_STATS_H
#define ZV_TOOLSTACK_LIBVIRT_DEVICE_STATS_H

#include <stdint.h>

struct call;
struct domain_ref;
struct json_object;

struct disk_stats {
	int64_t reads;
	int64_t read_bytes;
	int64_t read_ns;
	int64_t writes;
	int64_t write_bytes;
	int64_t write_ns;
	int64_t flushes;
	int64_t flush_ns;
	int64_t errors;
};

/* As the guest sees them. */
struct net_stats {
	int64_t rx_bytes;
	int64_t rx_packets;
	int64_t rx_errors;
	int64_t rx_dropped;
	int64_t tx_bytes;
	int64_t tx_packets;
	int64_t tx_errors;
	int64_t tx_dropped;
};

/* Adds what device.counters answered. */
void disk_stats_add(struct disk_stats *stats, struct json_object *answer);
void net_stats_get(struct net_stats *stats, struct json_object *answer);

/*
 * The device of a zone that runs, by its name, by what it works on (path, mac) or
 * by its end in zone0 (tap); NULL: it has none such.
 */
struct json_object *device_find(struct json_object *zone, const char *type,
				const char *name);

#endif /* ZV_TOOLSTACK_LIBVIRT_DEVICE_STATS_H */
