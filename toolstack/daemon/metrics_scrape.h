/* SPDX-License-Identifier: BSD-2-Clause */
/* What a scrape has found, between metrics.c and metrics_families.c. */
#ifndef ZV_TOOLSTACK_DAEMON_METRICS_SCRAPE_H
#define ZV_TOOLSTACK_DAEMON_METRICS_SCRAPE_H

#include <stdbool.h>
#include <stdint.h>

#include <zv/abi.h>

#include "device_status.h"
#include "uuid.h"
#include "zone_def.h"

struct json_object;
struct metrics;
struct openmetrics;

struct metrics_zone {
	char name[ZV_NAME_MAX];
	char uuid[UUID_TEXT_SIZE];
	const char *state;
	uint64_t vcpus;
	uint64_t memory;
	uint64_t autostart;
	uint64_t generation;
	bool exists; /* in the hypervisor: info is known */
	bool counted; /* ... and counters */
	bool has_io; /* io_restarts is known */
	bool has_display; /* viewers and display_restarts are known */
	uint64_t vcpus_on;
	uint64_t vcpus_loaded;
	uint64_t io_restarts;
	uint64_t viewers;
	uint64_t display_restarts;
	struct zv_zone_info info;
	struct zv_counters counters;
};

struct metrics_device {
	struct metrics_scrape *scrape;
	const struct metrics_zone *zone;
	enum zone_device_type type;
	char name[ZONE_DEF_DEVICE_NAME_MAX];
	const char *state;
	bool sized;
	uint64_t size;
	struct json_object *counters; /* NULL: its I/O process has not told */
};

struct metrics_scrape {
	struct metrics *metrics; /* NULL: it is over */
	unsigned int pending; /* devices that have not answered */
	bool connected;
	struct zv_info info; /* connected */
	uint64_t clients[2]; /* of the socket, and the read-only one */
	uint64_t requests;
	uint64_t resident; /* bytes */
	uint64_t cpu_ns;
	struct metrics_zone *zones;
	size_t zone_count;
	struct metrics_device *devices;
	size_t device_count;
};

void metrics_write(const struct metrics_scrape *scrape, struct openmetrics *to);

#endif /* ZV_TOOLSTACK_DAEMON_METRICS_SCRAPE_H */
