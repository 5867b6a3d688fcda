/* SPDX-License-Identifier: BSD-2-Clause */
/* The families of metrics: docs/reference/metrics.md lists them. */
#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <zv/version.h>

#include "methods.h"
#include "metrics_scrape.h"
#include "openmetrics.h"
#include "text.h"
#include "zone_fsm.h"

#define GAUGE OPENMETRICS_GAUGE
#define COUNTER OPENMETRICS_COUNTER

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --------------------------------------------------------- host, daemon */

static void one(struct openmetrics *to, const struct openmetrics_family *family,
		uint64_t value)
{
	openmetrics_begin(to, family);
	openmetrics_number(to, family, NULL, value);
}

static void write_daemon(const struct metrics_scrape *s, struct openmetrics *to)
{
	static const struct openmetrics_family info = { "zv_daemon",
							OPENMETRICS_INFO, NULL,
							"The daemon, hvd." };
	static const struct openmetrics_family clients = {
		"zv_daemon_clients", GAUGE, NULL,
		"Clients that are connected, by socket."
	};
	static const struct openmetrics_family requests = {
		"zv_daemon_requests", COUNTER, NULL,
		"Requests of clients, bad ones included."
	};
	static const struct openmetrics_family resident = {
		"zv_daemon_resident_memory_bytes", GAUGE, "bytes",
		"Memory that hvd has in RAM."
	};
	static const struct openmetrics_family cpu = {
		"zv_daemon_cpu_seconds", COUNTER, "seconds",
		"CPU time of hvd in zone0."
	};
	const struct openmetrics_label version[] = { { "version", ZV_VERSION },
						     { 0 } };
	const struct openmetrics_label control[] = { { "socket", "control" },
						     { 0 } };
	const struct openmetrics_label readonly[] = { { "socket", "readonly" },
						      { 0 } };

	openmetrics_begin(to, &info);
	openmetrics_number(to, &info, version, 1);
	openmetrics_begin(to, &clients);
	openmetrics_number(to, &clients, control, s->clients[0]);
	openmetrics_number(to, &clients, readonly, s->clients[1]);
	one(to, &requests, s->requests);
	one(to, &resident, s->resident);
	openmetrics_begin(to, &cpu);
	openmetrics_ns(to, &cpu, NULL, s->cpu_ns);
}

static void write_host_memory(const struct zv_info *info,
			      struct openmetrics *to)
{
	static const struct openmetrics_family ram = { "zv_host_ram_bytes",
						       GAUGE, "bytes",
						       "RAM of the machine." };
	static const struct openmetrics_family memory = {
		"zv_host_memory_bytes", GAUGE, "bytes",
		"Who has the machine's RAM; free is the pool for zones."
	};
	static const struct openmetrics_family chunks = {
		"zv_host_free_chunks", GAUGE, NULL,
		"Aligned pieces of 2 MiB in the pool, which zones are made of."
	};
	const struct {
		const char *owner;
		uint64_t pages;
	} owners[] = {
		{ "hypervisor", info->pages_hv },
		{ "zone0", info->pages_zone0 },
		{ "zones", info->pages_zones },
		{ "free", info->pages_free },
	};

	one(to, &ram, info->pages_ram * ZV_PAGE_SIZE);
	openmetrics_begin(to, &memory);
	for (size_t i = 0; i < COUNT(owners); i++) {
		const struct openmetrics_label labels[] = {
			{ "owner", owners[i].owner }, { 0 }
		};

		openmetrics_number(to, &memory, labels,
				   owners[i].pages * ZV_PAGE_SIZE);
	}
	one(to, &chunks, info->chunks_free);
}

static void write_host(const struct metrics_scrape *s, struct openmetrics *to)
{
	static const struct openmetrics_family up = {
		"zv_up", GAUGE, NULL,
		"1: hvd is connected to the hypervisor; 0: what comes from it is not here."
	};
	static const struct openmetrics_family host = { "zv_host",
							OPENMETRICS_INFO, NULL,
							"The hypervisor." };
	static const struct openmetrics_family pcpus = { "zv_host_pcpus", GAUGE,
							 NULL,
							 "Physical CPUs." };
	static const struct openmetrics_family uptime = {
		"zv_host_uptime_seconds", GAUGE, "seconds",
		"Since the hypervisor was started."
	};
	static const struct openmetrics_family zones = {
		"zv_host_zones", GAUGE, NULL,
		"Zones that exist in the hypervisor, zone0 included."
	};
	char version[sizeof(s->info.version) + 1];
	char abi[24];
	const struct openmetrics_label labels[] = { { "version", version },
						    { "abi", abi },
						    { 0 } };

	one(to, &up, s->connected);
	if (!s->connected) {
		return;
	}
	snprintf(version, sizeof(version), "%.*s", (int)sizeof(s->info.version),
		 s->info.version);
	text_sanitize(version, strlen(version), false);
	snprintf(abi, sizeof(abi), "%u.%u", s->info.abi >> 16,
		 s->info.abi & 0xffff);
	openmetrics_begin(to, &host);
	openmetrics_number(to, &host, labels, 1);
	one(to, &pcpus, s->info.pcpu_count);
	openmetrics_begin(to, &uptime);
	openmetrics_ns(to, &uptime, NULL, s->info.uptime_ns);
	one(to, &zones, s->info.zone_count);
	write_host_memory(&s->info, to);
}

/* ---------------------------------------------------------------- zones */

enum need {
	ALWAYS,
	EXISTS,
	COUNTED,
	HAS_IO,
	HAS_DISPLAY /* it runs and has a screen */
};
enum value {
	NUMBER,
	NS,
	PAGES
};

#define AT(field) offsetof(struct metrics_zone, field)

static const struct {
	struct openmetrics_family family;
	enum need need;
	enum value value;
	size_t at; /* of a uint64_t in struct metrics_zone */
} zone_metrics[] = {
	{ { "zv_zone_vcpus", GAUGE, NULL, "Virtual CPUs of the zone." },
	  ALWAYS,
	  NUMBER,
	  AT(vcpus) },
	{ { "zv_zone_memory_bytes", GAUGE, "bytes",
	    "Memory of the zone as it is defined." },
	  ALWAYS,
	  NUMBER,
	  AT(memory) },
	{ { "zv_zone_autostart", GAUGE, NULL,
	    "1: it is started with the machine." },
	  ALWAYS,
	  NUMBER,
	  AT(autostart) },
	{ { "zv_zone_definition_generation", GAUGE, NULL,
	    "Grows with each change of its definition." },
	  ALWAYS,
	  NUMBER,
	  AT(generation) },
	{ { "zv_zone_vcpus_on", GAUGE, NULL, "vCPUs that are powered on." },
	  EXISTS,
	  NUMBER,
	  AT(vcpus_on) },
	{ { "zv_zone_vcpus_loaded", GAUGE, NULL,
	    "vCPUs that were on a physical CPU at that moment." },
	  EXISTS,
	  NUMBER,
	  AT(vcpus_loaded) },
	{ { "zv_zone_ram_bytes", GAUGE, "bytes", "RAM that the zone has." },
	  EXISTS,
	  PAGES,
	  AT(info.pages) },
	{ { "zv_zone_granted_bytes", GAUGE, "bytes",
	    "RAM of the zone that zone0 has mapped." },
	  EXISTS,
	  PAGES,
	  AT(info.pages_granted) },
	{ { "zv_zone_overhead_bytes", GAUGE, "bytes",
	    "Memory that the hypervisor needs for the zone." },
	  EXISTS,
	  PAGES,
	  AT(info.pages_overhead) },
	{ { "zv_zone_cpu_seconds", COUNTER, "seconds",
	    "Time that its vCPUs had a physical CPU." },
	  COUNTED,
	  NS,
	  AT(counters.guest_ns) },
	{ { "zv_zone_steal_seconds", COUNTER, "seconds",
	    "Time that its vCPUs were runnable and had none." },
	  COUNTED,
	  NS,
	  AT(counters.steal_ns) },
	{ { "zv_zone_interrupts_injected", COUNTER, NULL,
	    "Virtual interrupts that were made pending." },
	  COUNTED,
	  NUMBER,
	  AT(counters.injected) },
	{ { "zv_zone_doorbells", COUNTER, NULL,
	    "Notifications of virtqueues." },
	  COUNTED,
	  NUMBER,
	  AT(counters.doorbells) },
	{ { "zv_zone_posted_writes", COUNTER, NULL,
	    "Writes for zone0 that nobody waits for." },
	  COUNTED,
	  NUMBER,
	  AT(counters.posted) },
	{ { "zv_zone_forwarded_accesses", COUNTER, NULL,
	    "Accesses that waited for zone0." },
	  COUNTED,
	  NUMBER,
	  AT(counters.forwarded) },
	{ { "zv_zone_events_raised", COUNTER, NULL,
	    "Event interrupts of zone0 that the zone caused." },
	  COUNTED,
	  NUMBER,
	  AT(counters.events_raised) },
	{ { "zv_zone_wakeups", COUNTER, NULL,
	    "Times that a vCPU became runnable." },
	  COUNTED,
	  NUMBER,
	  AT(counters.wakeups) },
	{ { "zv_zone_switches", COUNTER, NULL,
	    "Times that a vCPU was loaded on a physical CPU." },
	  COUNTED,
	  NUMBER,
	  AT(counters.switches) },
	{ { "zv_zone_hypercalls", COUNTER, NULL,
	    "Hypercalls, those that failed included." },
	  COUNTED,
	  NUMBER,
	  AT(counters.hypercalls) },
	{ { "zv_zone_hypercalls_failed", COUNTER, NULL,
	    "Hypercalls that failed." },
	  COUNTED,
	  NUMBER,
	  AT(counters.hypercalls_failed) },
	{ { "zv_zone_io_restarts", COUNTER, NULL,
	    "Times that its I/O process was replaced." },
	  HAS_IO,
	  NUMBER,
	  AT(io_restarts) },
	{ { "zv_zone_viewers", GAUGE, NULL,
	    "Viewers of its screens that are connected." },
	  HAS_DISPLAY,
	  NUMBER,
	  AT(viewers) },
	{ { "zv_zone_display_restarts", COUNTER, NULL,
	    "Times that its hvd-display was replaced." },
	  HAS_DISPLAY,
	  NUMBER,
	  AT(display_restarts) },
};

static bool is_known(const struct metrics_zone *z, enum need need)
{
	switch (need) {
	case EXISTS:
		return z->exists;
	case COUNTED:
		return z->counted;
	case HAS_IO:
		return z->has_io;
	case HAS_DISPLAY:
		return z->has_display;
	case ALWAYS:
		break;
	}
	return true;
}

static void write_zone_metric(const struct metrics_scrape *s, size_t row,
			      struct openmetrics *to)
{
	const struct openmetrics_family *family = &zone_metrics[row].family;

	openmetrics_begin(to, family);
	for (size_t i = 0; i < s->zone_count; i++) {
		const struct metrics_zone *z = &s->zones[i];
		const struct openmetrics_label labels[] = { { "zone", z->name },
							    { 0 } };
		uint64_t value;

		if (!is_known(z, zone_metrics[row].need)) {
			continue;
		}
		memcpy(&value, (const char *)z + zone_metrics[row].at,
		       sizeof(value));
		if (zone_metrics[row].value == NS) {
			openmetrics_ns(to, family, labels, value);
		} else {
			openmetrics_number(to, family, labels,
					   zone_metrics[row].value == PAGES
						   ? value * ZV_PAGE_SIZE
						   : value);
		}
	}
}

static void write_zone_state(const struct metrics_scrape *s,
			     struct openmetrics *to)
{
	static const struct openmetrics_family info = {
		"zv_zone", OPENMETRICS_INFO, NULL, "The zones hvd knows."
	};
	static const struct openmetrics_family state = { "zv_zone_state",
							 OPENMETRICS_STATESET,
							 NULL,
							 "State of the zone." };
	const char *names[ZONE_STATE_COUNT];

	for (int i = 0; i < ZONE_STATE_COUNT; i++) {
		names[i] = zone_fsm_name((enum zone_state)i);
	}
	openmetrics_begin(to, &info);
	for (size_t i = 0; i < s->zone_count; i++) {
		const struct openmetrics_label labels[] = {
			{ "zone", s->zones[i].name },
			{ "uuid", s->zones[i].uuid },
			{ 0 }
		};

		openmetrics_number(to, &info, labels, 1);
	}
	openmetrics_begin(to, &state);
	for (size_t i = 0; i < s->zone_count; i++) {
		const struct openmetrics_label labels[] = {
			{ "zone", s->zones[i].name }, { 0 }
		};

		openmetrics_state(to, &state, labels, names, ZONE_STATE_COUNT,
				  s->zones[i].state);
	}
}

static void write_vcpus(const struct metrics_scrape *s,
			const struct openmetrics_family *family, size_t at,
			struct openmetrics *to)
{
	openmetrics_begin(to, family);
	for (size_t i = 0; i < s->zone_count; i++) {
		const struct metrics_zone *z = &s->zones[i];
		char vcpu[16];
		const struct openmetrics_label labels[] = { { "zone", z->name },
							    { "vcpu", vcpu },
							    { 0 } };

		for (uint32_t v = 0; z->counted && v < ZV_VCPUS_MAX &&
				     v < z->counters.vcpu_count;
		     v++) {
			uint64_t ns;

			memcpy(&ns, (const char *)&z->counters.vcpu[v] + at,
			       sizeof(ns));
			snprintf(vcpu, sizeof(vcpu), "%u", v);
			openmetrics_ns(to, family, labels, ns);
		}
	}
}

static void write_exits(const struct metrics_scrape *s, struct openmetrics *to)
{
	static const struct openmetrics_family family = {
		"zv_zone_exits", COUNTER, NULL,
		"Times that a vCPU left its guest, by reason."
	};

	openmetrics_begin(to, &family);
	for (size_t i = 0; i < s->zone_count; i++) {
		const struct metrics_zone *z = &s->zones[i];

		for (uint32_t e = 0; z->counted && e < ZV_EXIT_COUNT; e++) {
			const struct openmetrics_label labels[] = {
				{ "zone", z->name },
				{ "reason", methods_exit_name(e) },
				{ 0 }
			};

			if (labels[1].value) {
				openmetrics_number(to, &family, labels,
						   z->counters.exits[e]);
			}
		}
	}
}

static void write_map(const struct metrics_scrape *s, struct openmetrics *to)
{
	static const struct openmetrics_family family = {
		"zv_zone_map_entries", GAUGE, NULL,
		"Entries of its second-stage tables, by what they map."
	};

	openmetrics_begin(to, &family);
	for (size_t i = 0; i < s->zone_count; i++) {
		const struct metrics_zone *z = &s->zones[i];
		const struct {
			const char *size;
			uint64_t count;
		} maps[] = { { "1g", z->info.map_1g },
			     { "2m", z->info.map_2m },
			     { "4k", z->info.map_4k } };

		for (size_t m = 0; z->exists && m < COUNT(maps); m++) {
			const struct openmetrics_label labels[] = {
				{ "zone", z->name },
				{ "size", maps[m].size },
				{ 0 }
			};

			openmetrics_number(to, &family, labels, maps[m].count);
		}
	}
}

static void write_zones(const struct metrics_scrape *s, struct openmetrics *to)
{
	static const struct openmetrics_family cpu = {
		"zv_zone_vcpu_cpu_seconds", COUNTER, "seconds",
		"Time that the vCPU had a physical CPU."
	};
	static const struct openmetrics_family steal = {
		"zv_zone_vcpu_steal_seconds", COUNTER, "seconds",
		"Time that the vCPU was runnable and had none."
	};

	write_zone_state(s, to);
	for (size_t i = 0; i < COUNT(zone_metrics); i++) {
		write_zone_metric(s, i, to);
	}
	write_vcpus(s, &cpu, offsetof(struct zv_vcpu_times, guest_ns), to);
	write_vcpus(s, &steal, offsetof(struct zv_vcpu_times, steal_ns), to);
	write_exits(s, to);
	write_map(s, to);
}

/* -------------------------------------------------------------- devices */

/* What hvd-io(8) tells of a device. */
static const struct {
	enum zone_device_type type;
	const char *counter;
	struct openmetrics_family family;
} device_metrics[] = {
	{ ZONE_DEVICE_DISK,
	  "reads",
	  { "zv_disk_reads", COUNTER, NULL, "Reads that were done." } },
	{ ZONE_DEVICE_DISK,
	  "read-bytes",
	  { "zv_disk_read_bytes", COUNTER, "bytes", "Bytes read." } },
	{ ZONE_DEVICE_DISK,
	  "writes",
	  { "zv_disk_writes", COUNTER, NULL, "Writes that were done." } },
	{ ZONE_DEVICE_DISK,
	  "write-bytes",
	  { "zv_disk_write_bytes", COUNTER, "bytes", "Bytes written." } },
	{ ZONE_DEVICE_DISK,
	  "flushes",
	  { "zv_disk_flushes", COUNTER, NULL, "Flushes that were done." } },
	{ ZONE_DEVICE_DISK,
	  "discards",
	  { "zv_disk_discards", COUNTER, NULL,
	    "Discards and zeroings that were done." } },
	{ ZONE_DEVICE_DISK,
	  "errors",
	  { "zv_disk_errors", COUNTER, NULL,
	    "Errors of what the disk works on." } },
	{ ZONE_DEVICE_DISK,
	  "refused",
	  { "zv_disk_refused", COUNTER, NULL,
	    "Requests that made no sense." } },
	{ ZONE_DEVICE_DISK,
	  "replayed",
	  { "zv_disk_replayed", COUNTER, NULL,
	    "Requests carried out again after a restart." } },
	{ ZONE_DEVICE_DISK,
	  "in-flight",
	  { "zv_disk_in_flight", GAUGE, NULL,
	    "Requests that have no answer yet." } },
	{ ZONE_DEVICE_NET,
	  "rx-packets",
	  { "zv_net_rx_packets", COUNTER, NULL, "Packets to the guest." } },
	{ ZONE_DEVICE_NET,
	  "rx-bytes",
	  { "zv_net_rx_bytes", COUNTER, "bytes", "Bytes to the guest." } },
	{ ZONE_DEVICE_NET,
	  "rx-dropped",
	  { "zv_net_rx_dropped", COUNTER, NULL,
	    "Packets to the guest that were dropped." } },
	{ ZONE_DEVICE_NET,
	  "rx-errors",
	  { "zv_net_rx_errors", COUNTER, NULL,
	    "Errors on the way to the guest." } },
	{ ZONE_DEVICE_NET,
	  "rx-filtered",
	  { "zv_net_rx_filtered", COUNTER, NULL,
	    "Packets that the driver does not want." } },
	{ ZONE_DEVICE_NET,
	  "tx-packets",
	  { "zv_net_tx_packets", COUNTER, NULL, "Packets from the guest." } },
	{ ZONE_DEVICE_NET,
	  "tx-bytes",
	  { "zv_net_tx_bytes", COUNTER, "bytes", "Bytes from the guest." } },
	{ ZONE_DEVICE_NET,
	  "tx-dropped",
	  { "zv_net_tx_dropped", COUNTER, NULL,
	    "Packets from the guest that were dropped." } },
	{ ZONE_DEVICE_NET,
	  "tx-errors",
	  { "zv_net_tx_errors", COUNTER, NULL,
	    "Errors on the way from the guest." } },
	{ ZONE_DEVICE_RNG,
	  "bytes",
	  { "zv_rng_bytes", COUNTER, "bytes",
	    "Random bytes that the guest got." } },
	{ ZONE_DEVICE_GPU,
	  "bytes",
	  { "zv_gpu_bytes", COUNTER, "bytes",
	    "Bytes of pictures copied from the guest." } },
	{ ZONE_DEVICE_GPU,
	  "flushes",
	  { "zv_gpu_flushes", COUNTER, NULL,
	    "Times that the guest had a picture shown." } },
	{ ZONE_DEVICE_INPUT,
	  "events",
	  { "zv_input_events", COUNTER, NULL,
	    "Events of keys and pointers that the guest got." } },
};

static void write_device_metric(const struct metrics_scrape *s, size_t row,
				struct openmetrics *to)
{
	const struct openmetrics_family *family = &device_metrics[row].family;

	openmetrics_begin(to, family);
	for (size_t i = 0; i < s->device_count; i++) {
		const struct metrics_device *d = &s->devices[i];
		const struct openmetrics_label labels[] = {
			{ "zone", d->zone->name }, { "device", d->name }, { 0 }
		};
		struct json_object *value;

		if (d->type == device_metrics[row].type &&
		    json_object_object_get_ex(
			    d->counters, device_metrics[row].counter, &value)) {
			openmetrics_number(to, family, labels,
					   json_object_get_uint64(value));
		}
	}
}

#define BUCKETS 26u /* of hvd-io; others would count in the last */

static void write_latency_of(const struct metrics_device *d,
			     const struct openmetrics_family *family,
			     struct openmetrics *to)
{
	struct json_object *latency =
		json_object_object_get(d->counters, "latency");

	if (!latency) {
		return;
	}
	json_object_object_foreach (latency, request, histogram) {
		const struct openmetrics_label labels[] = {
			{ "zone", d->zone->name },
			{ "device", d->name },
			{ "request", request },
			{ 0 }
		};
		struct json_object *buckets =
			json_object_object_get(histogram, "buckets");
		uint64_t bucket[BUCKETS] = { 0 };

		for (size_t i = 0; i < json_object_array_length(buckets); i++) {
			uint64_t *to_bucket =
				&bucket[i < BUCKETS ? i : BUCKETS - 1];

			*to_bucket = openmetrics_add(
				*to_bucket,
				json_object_get_uint64(
					json_object_array_get_idx(buckets, i)));
		}
		openmetrics_histogram(
			to, family, labels, bucket, BUCKETS,
			json_object_get_uint64(
				json_object_object_get(histogram, "sum-ns")));
	}
}

static void write_latency(const struct metrics_scrape *s,
			  struct openmetrics *to)
{
	static const struct openmetrics_family family = {
		"zv_disk_latency_seconds", OPENMETRICS_HISTOGRAM, "seconds",
		"From when a request is found in the ring to its answer there."
	};

	openmetrics_begin(to, &family);
	for (size_t i = 0; i < s->device_count; i++) {
		write_latency_of(&s->devices[i], &family, to);
	}
}

static void write_device_up(const struct metrics_scrape *s,
			    struct openmetrics *to)
{
	static const struct openmetrics_family up = {
		"zv_device_up", GAUGE, NULL,
		"1: its I/O process has told its counters; 0: they are not here."
	};

	openmetrics_begin(to, &up);
	for (size_t i = 0; i < s->device_count; i++) {
		const struct metrics_device *d = &s->devices[i];
		const struct openmetrics_label labels[] = {
			{ "zone", d->zone->name },
			{ "device", d->name },
			{ "type", zone_def_device_type_name(d->type) },
			{ 0 }
		};

		openmetrics_number(to, &up, labels, d->counters != NULL);
	}
}

static void write_device_state(const struct metrics_scrape *s,
			       struct openmetrics *to)
{
	static const struct openmetrics_family state = {
		"zv_device_state", OPENMETRICS_STATESET, NULL,
		"State of the device."
	};
	static const struct openmetrics_family size = { "zv_device_size_bytes",
							GAUGE, "bytes",
							"Size of the disk." };
	const char *names[DEVICE_BROKEN + 1];

	for (int i = 0; i <= DEVICE_BROKEN; i++) {
		names[i] = device_state_name((enum device_state)i);
	}
	openmetrics_begin(to, &state);
	for (size_t i = 0; i < s->device_count; i++) {
		const struct metrics_device *d = &s->devices[i];
		const struct openmetrics_label labels[] = {
			{ "zone", d->zone->name }, { "device", d->name }, { 0 }
		};

		openmetrics_state(to, &state, labels, names, COUNT(names),
				  d->state);
	}
	openmetrics_begin(to, &size);
	for (size_t i = 0; i < s->device_count; i++) {
		const struct metrics_device *d = &s->devices[i];
		const struct openmetrics_label labels[] = {
			{ "zone", d->zone->name }, { "device", d->name }, { 0 }
		};

		if (d->sized) {
			openmetrics_number(to, &size, labels, d->size);
		}
	}
}

void metrics_write(const struct metrics_scrape *s, struct openmetrics *to)
{
	write_daemon(s, to);
	write_host(s, to);
	write_zones(s, to);
	write_device_up(s, to);
	write_device_state(s, to);
	for (size_t i = 0; i < COUNT(device_metrics); i++) {
		write_device_metric(s, i, to);
	}
	write_latency(s, to);
	openmetrics_end(to);
}
