// SPDX-License-Identifier: BSD-2-Clause
/* The machine: its CPUs and its memory. */
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "json.h"
#include "procedures.h"

#define MODEL_CHARS 32u
#define VCPUS_MAX 32 /* of a zone */
#define PAGE_KIB 4u
#define PAGE_SIZES_MAX 64u

static void no_args(struct call *call, call_step_fn step)
{
	if (call_args_end(call)) {
		call_hvd(call, "host.info", NULL, step);
	}
}

static uint64_t memory_of(struct json_object *host, const char *key)
{
	return (uint64_t)json_number(host, key, 0);
}

/* One cell with one socket; how fast its cores are is not known. */
static void got_info(struct call *call, struct json_object *host)
{
	static const char model[MODEL_CHARS] = "aarch64";
	int32_t cpus = (int32_t)json_number(host, "pcpus", 0);

	for (size_t i = 0; i < MODEL_CHARS; i++) {
		xdr_put_i32(&call->reply, model[i]);
	}
	xdr_put_u64(&call->reply, memory_of(host, "memory.total") / 1024);
	xdr_put_i32(&call->reply, cpus);
	xdr_put_i32(&call->reply, 0); /* MHz */
	xdr_put_i32(&call->reply, 1); /* cells */
	xdr_put_i32(&call->reply, 1); /* sockets of each */
	xdr_put_i32(&call->reply, cpus); /* cores of each */
	xdr_put_i32(&call->reply, 1); /* threads of each */
	call_reply(call);
}

static void get_info(struct call *call)
{
	no_args(call, got_info);
}

struct map_wanted {
	bool map;
	bool online;
};

static void got_cpu_map(struct call *call, struct json_object *host)
{
	const struct map_wanted *wanted = call->state;
	uint32_t cpus = (uint32_t)json_number(host, "pcpus", 0);
	uint8_t map[CPUMAP_MAX] = { 0 };
	uint32_t bytes = (cpus + 7) / 8;

	if (bytes > sizeof(map)) {
		call_error(call, VIR_ERR_INTERNAL_ERROR, "hvd tells of %u CPUs",
			   cpus);
		return;
	}
	for (uint32_t i = 0; i < cpus; i++) {
		map[i / 8] |= (uint8_t)(1u << i % 8);
	}
	xdr_put_opaque(&call->reply, map, wanted->map ? bytes : 0);
	xdr_put_u32(&call->reply, wanted->online ? cpus : 0);
	xdr_put_i32(&call->reply, (int32_t)cpus);
	call_reply(call);
}

static void get_cpu_map(struct call *call)
{
	int32_t map = xdr_get_i32(&call->args);
	int32_t online = xdr_get_i32(&call->args);
	uint32_t flags = xdr_get_u32(&call->args);
	struct map_wanted *wanted;

	if (!call_args_end(call) || !call_only_flags(call, flags, 0)) {
		return;
	}
	wanted = call_keep(call, sizeof(*wanted), free);
	if (wanted) {
		wanted->map = map != 0;
		wanted->online = online != 0;
		call_hvd(call, "host.info", NULL, got_cpu_map);
	}
}

/* -------------------------------------------------------- time of the CPUs */

struct cpu_stats_wanted {
	int32_t count;
	uint64_t all_ns; /* that the CPUs have been on */
};

static void got_zones_times(struct call *call, struct json_object *zones)
{
	const struct cpu_stats_wanted *wanted = call->state;
	uint64_t used = 0;
	uint32_t given = wanted->count < 2 ? (uint32_t)wanted->count : 2;

	for (size_t i = 0; i < json_object_array_length(zones); i++) {
		used += (uint64_t)json_number(
			json_object_array_get_idx(zones, i), "info.cpu_time_ns",
			0);
	}
	used = used < wanted->all_ns ? used : wanted->all_ns;
	xdr_put_u32(&call->reply, given);
	if (given > 0) {
		xdr_put_string(&call->reply, VIR_NODE_CPU_STATS_USER);
		xdr_put_u64(&call->reply, used);
	}
	if (given > 1) {
		xdr_put_string(&call->reply, VIR_NODE_CPU_STATS_IDLE);
		xdr_put_u64(&call->reply, wanted->all_ns - used);
	}
	xdr_put_i32(&call->reply, (int32_t)(wanted->count ? given : 2));
	call_reply(call);
}

static void got_host_time(struct call *call, struct json_object *host)
{
	struct cpu_stats_wanted *wanted = call->state;
	struct json_object *params = json_object_new_object();

	wanted->all_ns = (uint64_t)json_number(host, "uptime_ns", 0) *
			 (uint64_t)json_number(host, "pcpus", 0);
	json_put(params, "detail", json_object_new_boolean(true));
	call_hvd(call, "zone.list", params, got_zones_times);
}

static void get_cpu_stats(struct call *call)
{
	int32_t cpu = xdr_get_i32(&call->args);
	int32_t count = xdr_get_i32(&call->args);
	uint32_t flags = xdr_get_u32(&call->args);
	struct cpu_stats_wanted *wanted;

	if (!call_args_end(call) || !call_only_flags(call, flags, 0)) {
		return;
	}
	if (count < 0 || cpu != VIR_NODE_CPU_STATS_ALL_CPUS) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "the time of one CPU is not known: ask for all");
		return;
	}
	wanted = call_keep(call, sizeof(*wanted), free);
	if (wanted) {
		wanted->count = count;
		call_hvd(call, "host.info", NULL, got_host_time);
	}
}

/* ---------------------------------------------------------------- memory */

struct stats_wanted {
	int32_t count;
};

static void got_memory_stats(struct call *call, struct json_object *host)
{
	const struct stats_wanted *wanted = call->state;
	static const struct {
		const char *field;
		const char *key;
	} rows[] = {
		{ VIR_NODE_MEMORY_STATS_TOTAL, "memory.total" },
		{ VIR_NODE_MEMORY_STATS_FREE, "memory.free" },
	};
	uint32_t count = sizeof(rows) / sizeof(rows[0]);
	uint32_t given = 0;

	if (wanted->count > 0) {
		given = (uint32_t)wanted->count < count
				? (uint32_t)wanted->count
				: count;
	}
	xdr_put_u32(&call->reply, given);
	for (uint32_t i = 0; i < given; i++) {
		xdr_put_string(&call->reply, rows[i].field);
		xdr_put_u64(&call->reply, memory_of(host, rows[i].key) / 1024);
	}
	xdr_put_i32(&call->reply, (int32_t)(wanted->count ? given : count));
	call_reply(call);
}

static void get_memory_stats(struct call *call)
{
	int32_t count = xdr_get_i32(&call->args);
	int32_t cell = xdr_get_i32(&call->args);
	uint32_t flags = xdr_get_u32(&call->args);
	struct stats_wanted *wanted;

	if (!call_args_end(call) || !call_only_flags(call, flags, 0)) {
		return;
	}
	if (count < 0 || (cell != VIR_NODE_MEMORY_STATS_ALL_CELLS && cell)) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "there is one cell, 0: not %d", cell);
		return;
	}
	wanted = call_keep(call, sizeof(*wanted), free);
	if (wanted) {
		wanted->count = count;
		call_hvd(call, "host.info", NULL, got_memory_stats);
	}
}

static void got_free_memory(struct call *call, struct json_object *host)
{
	xdr_put_u64(&call->reply, memory_of(host, "memory.free"));
	call_reply(call);
}

static void get_free_memory(struct call *call)
{
	no_args(call, got_free_memory);
}

static void got_cells(struct call *call, struct json_object *host)
{
	xdr_put_u32(&call->reply, 1);
	xdr_put_u64(&call->reply, memory_of(host, "memory.free"));
	call_reply(call);
}

static void get_cells_free_memory(struct call *call)
{
	int32_t start = xdr_get_i32(&call->args);
	int32_t max = xdr_get_i32(&call->args);

	if (!call_args_end(call)) {
		return;
	}
	if (start != 0 || max < 1) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "there is one cell, 0: not %d", start);
		return;
	}
	call_hvd(call, "host.info", NULL, got_cells);
}

/* All memory is handed out in pages of 4 KiB, whatever they are mapped as. */
static void got_pages(struct call *call, struct json_object *host)
{
	xdr_put_u32(&call->reply, 1);
	xdr_put_u64(&call->reply, memory_of(host, "memory.free") / 4096);
	call_reply(call);
}

static void get_free_pages(struct call *call)
{
	uint32_t count = xdr_get_count(&call->args, PAGE_SIZES_MAX);
	bool known = count == 1;
	uint32_t cells;
	uint32_t flags;
	int32_t start;

	for (uint32_t i = 0; i < count; i++) {
		known &= xdr_get_u32(&call->args) == PAGE_KIB;
	}
	start = xdr_get_i32(&call->args);
	cells = xdr_get_u32(&call->args);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) || !call_only_flags(call, flags, 0)) {
		return;
	}
	if (!known || (start != 0 && start != -1) || cells != 1) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "there is one cell, 0, with pages of %u KiB",
			   PAGE_KIB);
		return;
	}
	call_hvd(call, "host.info", NULL, got_pages);
}

/* ---------------------------------------------------------------- limits */

static void get_max_vcpus(struct call *call)
{
	xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	if (!call_args_end(call)) {
		return;
	}
	xdr_put_i32(&call->reply, VCPUS_MAX);
	call_reply(call);
}

/* No labels: two empty strings, as arrays of characters. */
static void get_security_model(struct call *call)
{
	if (!call_args_end(call)) {
		return;
	}
	xdr_put_u32(&call->reply, 0);
	xdr_put_u32(&call->reply, 0);
	call_reply(call);
}

static const struct procedure rows[] = {
	{ 6, "NodeGetInfo", get_info, PROC_READ,
	  "as one socket; the clock is not known" },
	{ 293, "NodeGetCPUMap", get_cpu_map, PROC_READ, NULL },
	{ 227, "NodeGetCPUStats", get_cpu_stats, PROC_READ,
	  "of all CPUs: `user` is what the zones that exist have used, `idle` "
	  "the rest" },
	{ 228, "NodeGetMemoryStats", get_memory_stats, PROC_READ,
	  "`total`, `free`" },
	{ 102, "NodeGetFreeMemory", get_free_memory, PROC_READ, NULL },
	{ 101, "NodeGetCellsFreeMemory", get_cells_free_memory, PROC_READ,
	  "one cell" },
	{ 340, "NodeGetFreePages", get_free_pages, PROC_READ, "of 4 KiB" },
	{ 5, "ConnectGetMaxVcpus", get_max_vcpus, PROC_READ, NULL },
	{ 122, "NodeGetSecurityModel", get_security_model, PROC_READ, "none" },
};

const struct procedure_group host_procedures = {
	"The machine", rows, sizeof(rows) / sizeof(rows[0])
};
