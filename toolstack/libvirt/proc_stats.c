// SPDX-License-Identifier: BSD-2-Clause
/* Statistics of one domain.  Those of all of them are in proc_all_stats.c. */
#include <errno.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "device_stats.h"
#include "domain_stats.h"
#include "domain_state.h"
#include "json.h"
#include "procedures.h"
#include "typed_param.h"

#define NAME_MAX_BYTES 4096

struct device_call {
	struct domain_ref ref;
	char name[NAME_MAX_BYTES]; /* "": all disks */
	int32_t max;
	uint64_t size;
	struct json_object *zone;
	size_t next; /* disk to ask */
	struct disk_stats disk;
	void (*put)(struct call *call);
};

static void free_device_call(void *state)
{
	struct device_call *dc = state;

	json_object_put(dc->zone);
	free(dc);
}

/* False: the call is answered. */
static bool check_running(struct call *call, struct json_object *zone)
{
	if (domain_is_active(zone)) {
		return true;
	}
	call_error(call, VIR_ERR_OPERATION_INVALID, "domain is not running");
	return false;
}

/* Arguments that begin with a domain and a device; NULL: they are wrong. */
static struct device_call *begin(struct call *call)
{
	struct device_call *dc = call_keep(call, sizeof(*dc), free_device_call);
	const char *name;

	if (!dc) {
		return NULL;
	}
	call_get_domain(call, &dc->ref);
	name = xdr_get_string(&call->args, NAME_MAX_BYTES - 1);
	strcpy(dc->name, name ? name : "");
	return dc;
}

/* The device; NULL: the call is answered. */
static struct json_object *
get_device(struct call *call, struct json_object *zone, const char *type)
{
	const struct device_call *dc = call->state;
	struct json_object *device;

	if (!check_running(call, zone)) {
		return NULL;
	}
	device = device_find(zone, type, dc->name);
	if (!device) {
		call_error(call, VIR_ERR_INVALID_ARG, "%s has no %s %.200s",
			   json_text(zone, "name"), type, dc->name);
	}
	return device;
}

static struct json_object *device_params(const struct domain_ref *ref,
					 struct json_object *device)
{
	struct json_object *params = domain_params(ref);

	json_put(params, "device",
		 json_object_new_string(json_text(device, "name")));
	return params;
}

/* ---------------------------------------------------------------- disks */

static void put_stats(struct call *call)
{
	const struct device_call *dc = call->state;
	const struct disk_stats *disk = &dc->disk;

	xdr_put_u64(&call->reply, (uint64_t)disk->reads);
	xdr_put_u64(&call->reply, (uint64_t)disk->read_bytes);
	xdr_put_u64(&call->reply, (uint64_t)disk->writes);
	xdr_put_u64(&call->reply, (uint64_t)disk->write_bytes);
	xdr_put_u64(&call->reply, (uint64_t)disk->errors);
	call_reply(call);
}

/* As many as the client has room for; if that is none, how many there are. */
static void put_stats_params(struct call *call)
{
	const struct device_call *dc = call->state;
	const struct disk_stats *disk = &dc->disk;
	const struct {
		const char *field;
		int64_t value;
	} rows[] = {
		{ VIR_DOMAIN_BLOCK_STATS_READ_REQ, disk->reads },
		{ VIR_DOMAIN_BLOCK_STATS_READ_BYTES, disk->read_bytes },
		{ VIR_DOMAIN_BLOCK_STATS_READ_TOTAL_TIMES, disk->read_ns },
		{ VIR_DOMAIN_BLOCK_STATS_WRITE_REQ, disk->writes },
		{ VIR_DOMAIN_BLOCK_STATS_WRITE_BYTES, disk->write_bytes },
		{ VIR_DOMAIN_BLOCK_STATS_WRITE_TOTAL_TIMES, disk->write_ns },
		{ VIR_DOMAIN_BLOCK_STATS_FLUSH_REQ, disk->flushes },
		{ VIR_DOMAIN_BLOCK_STATS_FLUSH_TOTAL_TIMES, disk->flush_ns },
		{ VIR_DOMAIN_BLOCK_STATS_ERRS, disk->errors },
	};
	const int32_t count = sizeof(rows) / sizeof(rows[0]);
	int32_t given = dc->max < count ? dc->max : count;
	struct typed_list list;

	typed_begin(&list, &call->reply);
	for (int32_t i = 0; i < given; i++) {
		typed_put_llong(&list, rows[i].field, rows[i].value);
	}
	typed_end(&list);
	xdr_put_i32(&call->reply, given > 0 ? given : count);
	call_reply(call);
}

static void ask_next_disk(struct call *call);

static void disk_told(struct call *call, struct json_object *answer)
{
	struct device_call *dc = call->state;

	disk_stats_add(&dc->disk, answer);
	ask_next_disk(call);
}

/* The one that was named, or each. */
static void ask_next_disk(struct call *call)
{
	struct device_call *dc = call->state;
	struct json_object *devices = json_get(dc->zone, "devices");
	struct json_object *named = NULL;

	if (dc->name[0]) {
		named = device_find(dc->zone, "disk", dc->name);
	}
	while (devices && dc->next < json_object_array_length(devices)) {
		struct json_object *device =
			json_object_array_get_idx(devices, dc->next++);

		if (json_is(device, "type", "disk") &&
		    (!named || device == named)) {
			call_hvd(call, "device.counters",
				 device_params(&dc->ref, device), disk_told);
			return;
		}
	}
	dc->put(call);
}

static void ask_disks(struct call *call, struct json_object *zone)
{
	struct device_call *dc = call->state;

	if (dc->name[0] ? get_device(call, zone, "disk") != NULL
			: check_running(call, zone)) {
		dc->zone = json_object_get(zone);
		ask_next_disk(call);
	}
}

static void block_stats(struct call *call)
{
	struct device_call *dc = begin(call);

	if (dc && call_args_end(call)) {
		dc->put = put_stats;
		call_hvd(call, "zone.get", domain_params(&dc->ref), ask_disks);
	}
}

static void block_stats_flags(struct call *call)
{
	struct device_call *dc = begin(call);
	uint32_t flags;

	if (!dc) {
		return;
	}
	dc->max = xdr_get_i32(&call->args);
	flags = xdr_get_u32(&call->args);
	if (call_args_end(call) &&
	    call_only_flags(call, flags, VIR_TYPED_PARAM_STRING_OKAY)) {
		dc->put = put_stats_params;
		call_hvd(call, "zone.get", domain_params(&dc->ref), ask_disks);
	}
}

static void got_block_info(struct call *call, struct json_object *zone)
{
	struct json_object *disk = get_device(call, zone, "disk");
	uint64_t size;

	if (!disk) {
		return;
	}
	size = (uint64_t)json_number(disk, "size", 0);
	xdr_put_u64(&call->reply, size); /* allocation */
	xdr_put_u64(&call->reply, size); /* capacity */
	xdr_put_u64(&call->reply, size); /* physical */
	call_reply(call);
}

static void block_info(struct call *call)
{
	struct device_call *dc = begin(call);
	uint32_t flags;

	if (!dc) {
		return;
	}
	flags = xdr_get_u32(&call->args);
	if (call_args_end(call) && call_only_flags(call, flags, 0)) {
		call_hvd(call, "zone.get", domain_params(&dc->ref),
			 got_block_info);
	}
}

static void resized(struct call *call, struct json_object *answer)
{
	const struct device_call *dc = call->state;
	uint64_t size = (uint64_t)json_number(answer, "size", 0);

	if (size == dc->size) {
		call_reply(call);
		return;
	}
	call_error(
		call, VIR_ERR_OPERATION_UNSUPPORTED,
		"%s has %llu bytes, which the guest knows by now: change the "
		"size of what it works on first (truncate, lvextend)",
		dc->name, (unsigned long long)size);
}

static void look_at_size(struct call *call, struct json_object *zone)
{
	const struct device_call *dc = call->state;
	struct json_object *disk = get_device(call, zone, "disk");

	if (disk) {
		call_hvd(call, "device.resize", device_params(&dc->ref, disk),
			 resized);
	}
}

static void block_resize(struct call *call)
{
	struct device_call *dc = begin(call);
	uint32_t flags;

	if (!dc) {
		return;
	}
	dc->size = xdr_get_u64(&call->args);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, flags, VIR_DOMAIN_BLOCK_RESIZE_BYTES)) {
		return;
	}
	if (!(flags & VIR_DOMAIN_BLOCK_RESIZE_BYTES) &&
	    __builtin_mul_overflow(dc->size, 1024u, &dc->size)) {
		call_error(call, VIR_ERR_OVERFLOW, "no disk is that large");
		return;
	}
	call_hvd(call, "zone.get", domain_params(&dc->ref), look_at_size);
}

/* The reason has errno's words, as hvd-io gives them. */
static int disk_error(struct json_object *device)
{
	const char *reason = json_text(device, "error");

	return strstr(reason, strerror(ENOSPC)) ||
			       strstr(reason, strerror(EDQUOT))
		       ? VIR_DOMAIN_DISK_ERROR_NO_SPACE
		       : VIR_DOMAIN_DISK_ERROR_UNSPEC;
}

static void got_disk_errors(struct call *call, struct json_object *zone)
{
	const struct device_call *dc = call->state;
	struct json_object *devices = json_get(zone, "devices");
	size_t offset = call->reply.len;
	uint32_t disks = 0;
	uint32_t failed = 0;

	if (!check_running(call, zone)) {
		return;
	}
	xdr_put_u32(&call->reply, 0);
	for (size_t i = 0; devices && i < json_object_array_length(devices);
	     i++) {
		struct json_object *device =
			json_object_array_get_idx(devices, i);

		if (!json_is(device, "type", "disk")) {
			continue;
		}
		disks++;
		if (!json_is(device, "state", "ok") &&
		    failed < (uint32_t)dc->max) {
			failed++;
			xdr_put_string(&call->reply, json_text(device, "name"));
			xdr_put_i32(&call->reply, disk_error(device));
		}
	}
	xdr_patch_u32(&call->reply, offset, failed);
	xdr_put_u32(&call->reply, dc->max ? failed : disks);
	call_reply(call);
}

static void disk_errors(struct call *call)
{
	struct device_call *dc = call_keep(call, sizeof(*dc), free_device_call);
	uint32_t max;
	uint32_t flags;

	if (!dc) {
		return;
	}
	call_get_domain(call, &dc->ref);
	max = xdr_get_u32(&call->args);
	flags = xdr_get_u32(&call->args);
	dc->max = max < LIST_MAX ? (int32_t)max : (int32_t)LIST_MAX;
	if (call_args_end(call) && call_only_flags(call, flags, 0)) {
		call_hvd(call, "zone.get", domain_params(&dc->ref),
			 got_disk_errors);
	}
}

/* ------------------------------------------------------------- networks */

static void net_told(struct call *call, struct json_object *answer)
{
	struct net_stats net;

	net_stats_get(&net, answer);
	xdr_put_u64(&call->reply, (uint64_t)net.rx_bytes);
	xdr_put_u64(&call->reply, (uint64_t)net.rx_packets);
	xdr_put_u64(&call->reply, (uint64_t)net.rx_errors);
	xdr_put_u64(&call->reply, (uint64_t)net.rx_dropped);
	xdr_put_u64(&call->reply, (uint64_t)net.tx_bytes);
	xdr_put_u64(&call->reply, (uint64_t)net.tx_packets);
	xdr_put_u64(&call->reply, (uint64_t)net.tx_errors);
	xdr_put_u64(&call->reply, (uint64_t)net.tx_dropped);
	call_reply(call);
}

static void ask_net(struct call *call, struct json_object *zone)
{
	const struct device_call *dc = call->state;
	struct json_object *net = get_device(call, zone, "net");

	if (net) {
		call_hvd(call, "device.counters", device_params(&dc->ref, net),
			 net_told);
	}
}

static void interface_stats(struct call *call)
{
	struct device_call *dc = begin(call);

	if (dc && call_args_end(call)) {
		call_hvd(call, "zone.get", domain_params(&dc->ref), ask_net);
	}
}

/* ------------------------------------------------------ memory and CPUs */

struct numbers_call {
	struct domain_ref ref;
	uint32_t max;
};

static void got_memory(struct call *call, struct json_object *zone)
{
	const struct numbers_call *nc = call->state;
	const struct {
		int32_t tag;
		uint64_t kib;
	} rows[] = {
		{ VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON,
		  (uint64_t)json_number(zone, "memory", 0) / 1024 },
		{ VIR_DOMAIN_MEMORY_STAT_RSS,
		  (uint64_t)json_number(zone, "info.pages", 0) * 4 },
	};
	uint32_t count = sizeof(rows) / sizeof(rows[0]);

	if (!check_running(call, zone)) {
		return;
	}
	count = nc->max < count ? nc->max : count;
	xdr_put_u32(&call->reply, count);
	for (uint32_t i = 0; i < count; i++) {
		xdr_put_i32(&call->reply, rows[i].tag);
		xdr_put_u64(&call->reply, rows[i].kib);
	}
	call_reply(call);
}

static void memory_stats(struct call *call)
{
	struct numbers_call *nc = call_keep(call, sizeof(*nc), free);
	uint32_t flags;

	if (!nc) {
		return;
	}
	call_get_domain(call, &nc->ref);
	nc->max = xdr_get_u32(&call->args);
	flags = xdr_get_u32(&call->args);
	if (call_args_end(call) && call_only_flags(call, flags, 0)) {
		call_hvd(call, "zone.get", domain_params(&nc->ref), got_memory);
	}
}

static void got_cpu_time(struct call *call, struct json_object *zone)
{
	const struct numbers_call *nc = call->state;
	struct typed_list list;

	if (!check_running(call, zone)) {
		return;
	}
	typed_begin(&list, &call->reply);
	if (nc->max > 0) {
		typed_put_ullong(
			&list, VIR_DOMAIN_CPU_STATS_CPUTIME,
			(uint64_t)json_number(zone, "info.cpu_time_ns", 0));
	}
	typed_end(&list);
	xdr_put_i32(&call->reply, 1);
	call_reply(call);
}

/* A vCPU may have been on several CPUs: the times of one are not kept. */
static void cpu_stats(struct call *call)
{
	struct numbers_call *nc = call_keep(call, sizeof(*nc), free);
	int32_t start;
	uint32_t flags;

	if (!nc) {
		return;
	}
	call_get_domain(call, &nc->ref);
	nc->max = xdr_get_u32(&call->args);
	start = xdr_get_i32(&call->args);
	xdr_get_u32(&call->args); /* 1 if start is -1, as clients see to */
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, flags, VIR_TYPED_PARAM_STRING_OKAY)) {
		return;
	}
	if (start != -1) {
		call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
			   "what each CPU did for a domain is not known: ask "
			   "for the total, or for the times of its vCPUs");
		return;
	}
	call_hvd(call, "zone.get", domain_params(&nc->ref), got_cpu_time);
}

static const struct procedure rows[] = {
	{ 344, "ConnectGetAllDomainStats", all_domain_stats, PROC_READ,
	  "`state`, `cpu`, `balloon`, `vcpu`, `net`, `block`" },
	{ 64, "DomainBlockStats", block_stats, PROC_READ,
	  "a disk by its target or path; of all disks without one" },
	{ 243, "DomainBlockStatsFlags", block_stats_flags, PROC_READ, NULL },
	{ 194, "DomainGetBlockInfo", block_info, PROC_READ,
	  "of a domain that runs; holes count as allocated" },
	{ 251, "DomainBlockResize", block_resize, 0,
	  "tells the guest of a size that the image has already" },
	{ 263, "DomainGetDiskErrors", disk_errors, PROC_READ, NULL },
	{ 65, "DomainInterfaceStats", interface_stats, PROC_READ,
	  "a device by its target, MAC or name" },
	{ 159, "DomainMemoryStats", memory_stats, PROC_READ,
	  "`actual` and `rss`" },
	{ 262, "DomainGetCPUStats", cpu_stats, PROC_READ, "the total only" },
};

const struct procedure_group stats_procedures = {
	"Statistics", rows, sizeof(rows) / sizeof(rows[0])
};
