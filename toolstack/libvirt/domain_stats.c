// SPDX-License-Identifier: BSD-2-Clause
/*
 * hvd is asked about one domain after the other, and of each only what the groups
 * that the client wants need.  A domain that is gone meanwhile is left out; what a
 * device does not tell (its I/O process is being started) is left out, too.
 */
#include "domain_stats.h"

#include <hvd.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "device_stats.h"
#include "domain_filter.h"
#include "domain_state.h"
#include "json.h"
#include "typed_param.h"

#define FILTERS                                         \
	(VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |     \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_INACTIVE |   \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_PERSISTENT | \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_TRANSIENT |  \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_RUNNING |    \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_PAUSED |     \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_SHUTOFF |    \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_OTHER)
#define FLAGS                                                 \
	(FILTERS | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT | \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_BACKING |          \
	 VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS)
#define GROUPS                                                 \
	(VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL | \
	 VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_VCPU |    \
	 VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK)

#define NAMED_MAX 1024u /* domains that a call is about */

struct all_stats {
	uint32_t groups;
	uint32_t flags;
	uint8_t (*uuids)[UUID_SIZE]; /* of those that are named; NULL: all */
	size_t named;
	struct json_object *zones; /* that it is about, in detail */
	size_t next;
	/* Of the answer. */
	size_t offset;
	uint32_t records;
	/* Of the domain that it is about now. */
	struct domain_ref ref;
	struct json_object *zone;
	struct typed_list list;
	const char *type; /* of device: NULL: not begun */
	size_t device;
	uint32_t number;
	bool silent; /* its I/O process: waited for once, not for each device */
};

static void free_stats(void *state)
{
	struct all_stats *stats = state;

	json_object_put(stats->zone);
	json_object_put(stats->zones);
	free(stats->uuids);
	free(stats);
}

static void next_domain(struct call *call);
static void next_device(struct call *call);

/* "net.0.rx.bytes" */
static const char *field(char buffer[static TYPED_FIELD_MAX], const char *group,
			 uint32_t number, const char *name)
{
	snprintf(buffer, TYPED_FIELD_MAX, "%s.%u.%s", group, number, name);
	return buffer;
}

static void put_numbered(struct all_stats *stats, const char *group,
			 uint32_t number, const char *name, uint64_t value)
{
	char buffer[TYPED_FIELD_MAX];

	typed_put_ullong(&stats->list, field(buffer, group, number, name),
			 value);
}

static void put_text(struct all_stats *stats, const char *group,
		     const char *name, const char *value)
{
	char buffer[TYPED_FIELD_MAX];

	typed_put_string(&stats->list,
			 field(buffer, group, stats->number, name), value);
}

/* -------------------------------------------------------------- devices */

static void put_disk(struct all_stats *stats, struct json_object *device)
{
	const char *path = json_text(device, "path");
	uint64_t size = (uint64_t)json_number(device, "size", 0);

	put_text(stats, "block", "name", json_text(device, "name"));
	if (path[0]) {
		put_text(stats, "block", "path", path);
	}
	put_numbered(stats, "block", stats->number, "allocation", size);
	put_numbered(stats, "block", stats->number, "capacity", size);
	put_numbered(stats, "block", stats->number, "physical", size);
}

static void put_disk_counters(struct all_stats *stats,
			      struct json_object *answer)
{
	struct disk_stats disk = { 0 };

	disk_stats_add(&disk, answer);
	const struct {
		const char *name;
		int64_t value;
	} rows[] = {
		{ "rd.reqs", disk.reads },
		{ "rd.bytes", disk.read_bytes },
		{ "rd.times", disk.read_ns },
		{ "wr.reqs", disk.writes },
		{ "wr.bytes", disk.write_bytes },
		{ "wr.times", disk.write_ns },
		{ "fl.reqs", disk.flushes },
		{ "fl.times", disk.flush_ns },
		{ "errors", disk.errors },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_numbered(stats, "block", stats->number, rows[i].name,
			     (uint64_t)rows[i].value);
	}
}

static void put_net(struct all_stats *stats, struct json_object *device)
{
	const char *tap = json_text(device, "tap");

	put_text(stats, "net", "name",
		 tap[0] ? tap : json_text(device, "name"));
}

static void put_net_counters(struct all_stats *stats,
			     struct json_object *answer)
{
	struct net_stats net;

	net_stats_get(&net, answer);
	const struct {
		const char *name;
		int64_t value;
	} rows[] = {
		{ "rx.bytes", net.rx_bytes }, { "rx.pkts", net.rx_packets },
		{ "rx.errs", net.rx_errors }, { "rx.drop", net.rx_dropped },
		{ "tx.bytes", net.tx_bytes }, { "tx.pkts", net.tx_packets },
		{ "tx.errs", net.tx_errors }, { "tx.drop", net.tx_dropped },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_numbered(stats, "net", stats->number, rows[i].name,
			     (uint64_t)rows[i].value);
	}
}

static void device_told(struct call *call, struct json_object *answer)
{
	struct all_stats *stats = call->state;

	if (strcmp(stats->type, "disk") == 0) {
		put_disk_counters(stats, answer);
	} else {
		put_net_counters(stats, answer);
	}
	stats->number++;
	next_device(call);
}

static void device_silent(struct call *call, const struct hvd_error *error)
{
	struct all_stats *stats = call->state;

	(void)error;
	stats->silent = true;
	stats->number++;
	next_device(call);
}

static uint32_t count_devices(struct json_object *zone, const char *type)
{
	struct json_object *devices = json_get(zone, "devices");
	uint32_t count = 0;

	for (size_t i = 0; devices && i < json_object_array_length(devices);
	     i++) {
		count += json_is(json_object_array_get_idx(devices, i), "type",
				 type);
	}
	return count;
}

/* The other type, if that is wanted; false: both are over. */
static bool next_type(struct all_stats *stats)
{
	bool begun = stats->type != NULL;

	if (!begun && (stats->groups & VIR_DOMAIN_STATS_INTERFACE)) {
		stats->type = "net";
		typed_put_uint(&stats->list, "net.count",
			       count_devices(stats->zone, "net"));
	} else if ((!begun || strcmp(stats->type, "net") == 0) &&
		   (stats->groups & VIR_DOMAIN_STATS_BLOCK)) {
		stats->type = "disk";
		typed_put_uint(&stats->list, "block.count",
			       count_devices(stats->zone, "disk"));
	} else {
		return false;
	}
	stats->device = 0;
	stats->number = 0;
	return true;
}

/* The device to go on with; NULL: there are no more of its type. */
static struct json_object *find_device(struct all_stats *stats)
{
	struct json_object *devices = json_get(stats->zone, "devices");

	while (stats->type && devices &&
	       stats->device < json_object_array_length(devices)) {
		struct json_object *device =
			json_object_array_get_idx(devices, stats->device++);

		if (json_is(device, "type", stats->type)) {
			return device;
		}
	}
	return NULL;
}

/* The next device of either type; NULL: there are no more. */
static struct json_object *begin_device(struct all_stats *stats)
{
	struct json_object *device = find_device(stats);

	while (!device && next_type(stats)) {
		device = find_device(stats);
	}
	if (device && strcmp(stats->type, "disk") == 0) {
		put_disk(stats, device);
	} else if (device) {
		put_net(stats, device);
	}
	return device;
}

/* Whether hvd was asked; if not, there are no more of them. */
static bool ask_device(struct call *call)
{
	struct all_stats *stats = call->state;
	struct json_object *device = begin_device(stats);
	struct json_object *params;

	while (device && stats->silent) {
		stats->number++;
		device = begin_device(stats);
	}
	if (!device) {
		typed_end(&stats->list);
		return false;
	}
	params = domain_params(&stats->ref);
	json_put(params, "device",
		 json_object_new_string(json_text(device, "name")));
	call_hvd_or(call, "device.counters", params, device_told,
		    device_silent);
	return true;
}

static void next_device(struct call *call)
{
	if (!ask_device(call)) {
		next_domain(call);
	}
}

/* -------------------------------------------------------------- domains */

static void put_vcpus(struct all_stats *stats, struct json_object *counters)
{
	struct json_object *vcpus = json_get(counters, "vcpus");
	uint32_t count = (uint32_t)json_number(stats->zone, "vcpus", 0);
	uint32_t on = (uint32_t)json_number(stats->zone, "info.vcpus_on", 0);
	char buffer[TYPED_FIELD_MAX];

	for (uint32_t i = 0; vcpus && i < json_object_array_length(vcpus);
	     i++) {
		struct json_object *vcpu = json_object_array_get_idx(vcpus, i);

		/* Which of them are off is not known. */
		if (on == count) {
			typed_put_int(&stats->list,
				      field(buffer, "vcpu", i, "state"),
				      VIR_VCPU_RUNNING);
		}
		put_numbered(stats, "vcpu", i, "time",
			     (uint64_t)json_number(vcpu, "guest_ns", 0));
		put_numbered(stats, "vcpu", i, "wait",
			     (uint64_t)json_number(vcpu, "steal_ns", 0));
	}
}

static void vcpus_told(struct call *call, struct json_object *counters)
{
	put_vcpus(call->state, counters);
	next_device(call);
}

static void vcpus_silent(struct call *call, const struct hvd_error *error)
{
	(void)error;
	next_device(call);
}

static void put_simple(struct all_stats *stats, struct json_object *zone)
{
	uint64_t kib = (uint64_t)json_number(zone, "memory", 0) / 1024;
	int reason;
	int state = domain_state(zone, &reason);

	if (stats->groups & VIR_DOMAIN_STATS_STATE) {
		typed_put_int(&stats->list, "state.state", state);
		typed_put_int(&stats->list, "state.reason", reason);
	}
	if ((stats->groups & VIR_DOMAIN_STATS_CPU_TOTAL) &&
	    domain_is_active(zone)) {
		typed_put_ullong(
			&stats->list, "cpu.time",
			(uint64_t)json_number(zone, "info.cpu_time_ns", 0));
	}
	if (stats->groups & VIR_DOMAIN_STATS_BALLOON) {
		typed_put_ullong(&stats->list, "balloon.current", kib);
		typed_put_ullong(&stats->list, "balloon.maximum", kib);
	}
	if (stats->groups & VIR_DOMAIN_STATS_VCPU) {
		uint32_t vcpus = (uint32_t)json_number(zone, "vcpus", 0);

		typed_put_uint(
			&stats->list, "vcpu.current",
			(uint32_t)json_number(zone, "info.vcpus_on", vcpus));
		typed_put_uint(&stats->list, "vcpu.maximum", vcpus);
	}
}

/* Whether hvd was asked for more of it; if not, all of it is in the reply. */
static bool begin_domain(struct call *call, struct json_object *zone)
{
	struct all_stats *stats = call->state;
	struct json_object *params;

	if (!domain_matches(zone, stats->flags & FILTERS)) {
		return false;
	}
	json_object_put(stats->zone);
	stats->zone = json_object_get(zone);
	snprintf(stats->ref.uuid_text, sizeof(stats->ref.uuid_text), "%s",
		 json_text(zone, "uuid"));
	stats->type = NULL;
	stats->device = 0;
	stats->silent = false;
	stats->records++;
	put_domain(&call->reply, zone);
	typed_begin(&stats->list, &call->reply);
	put_simple(stats, zone);
	if (!(stats->groups & VIR_DOMAIN_STATS_VCPU) ||
	    !domain_is_active(zone)) {
		return ask_device(call);
	}
	params = json_object_new_object();
	json_put(params, "zone", json_object_new_string(stats->ref.uuid_text));
	call_hvd_or(call, "host.counters", params, vcpus_told, vcpus_silent);
	return true;
}

static void next_domain(struct call *call)
{
	struct all_stats *stats = call->state;
	size_t count = json_object_array_length(stats->zones);

	/* An answer that is too long already gets no longer. */
	while (stats->next < count && !call->reply.failed) {
		if (begin_domain(call, json_object_array_get_idx(
					       stats->zones, stats->next++))) {
			return;
		}
	}
	xdr_patch_u32(&call->reply, stats->offset, stats->records);
	call_reply(call);
}

static size_t find_uuid(uint8_t (*uuids)[UUID_SIZE], size_t count,
			const uint8_t *uuid)
{
	size_t i = 0;

	while (i < count && memcmp(uuids[i], uuid, UUID_SIZE) != 0) {
		i++;
	}
	return i;
}

/* Those that are named, each once and in their order, and there. */
static struct json_object *pick(const struct all_stats *stats,
				struct json_object *zones)
{
	size_t count = json_object_array_length(zones);
	uint8_t(*uuids)[UUID_SIZE] = calloc(count ? count : 1, UUID_SIZE);
	struct json_object *picked = json_object_new_array();

	for (size_t i = 0; uuids && i < count; i++) {
		uuid_parse(
			json_text(json_object_array_get_idx(zones, i), "uuid"),
			uuids[i]);
	}
	for (size_t i = 0; uuids && i < stats->named; i++) {
		size_t at = find_uuid(uuids, count, stats->uuids[i]);

		if (at < count &&
		    find_uuid(stats->uuids, i, stats->uuids[i]) == i) {
			json_object_array_add(
				picked,
				json_object_get(
					json_object_array_get_idx(zones, at)));
		}
	}
	free(uuids);
	return picked;
}

static void listed(struct call *call, struct json_object *zones)
{
	struct all_stats *stats = call->state;

	stats->zones =
		stats->named ? pick(stats, zones) : json_object_get(zones);
	if (!stats->zones) {
		call_no_memory(call);
		return;
	}
	next_domain(call);
}

static void found(struct call *call, struct json_object *zone)
{
	struct all_stats *stats = call->state;

	stats->zones = json_object_new_array();
	if (!stats->zones) {
		call_no_memory(call);
		return;
	}
	if (zone) {
		json_object_array_add(stats->zones, json_object_get(zone));
	}
	next_domain(call);
}

static void not_found(struct call *call, const struct hvd_error *error)
{
	if (error->code == HVD_ERROR_ZONE_NOT_FOUND) {
		found(call, NULL);
	} else {
		call_error_hvd(call, error);
	}
}

/* Of one domain that is named hvd need not tell about all. */
static void ask_for_zones(struct call *call)
{
	struct all_stats *stats = call->state;
	struct json_object *params = json_object_new_object();
	char uuid[UUID_TEXT_SIZE];

	if (stats->named == 1) {
		uuid_format(stats->uuids[0], uuid);
		json_put(params, "name", json_object_new_string(uuid));
		call_hvd_or(call, "zone.get", params, found, not_found);
		return;
	}
	json_put(params, "detail", json_object_new_boolean(true));
	call_hvd(call, "zone.list", params, listed);
}

/* False: the call is answered. */
static bool read_domains(struct call *call)
{
	struct all_stats *stats = call->state;
	uint32_t count = xdr_get_count(&call->args, NAMED_MAX);
	struct domain_ref ref;

	stats->uuids = calloc(count ? count : 1, UUID_SIZE);
	if (!stats->uuids) {
		call_no_memory(call);
		return false;
	}
	for (uint32_t i = 0; i < count && !call->args.failed; i++) {
		call_get_domain(call, &ref);
		memcpy(stats->uuids[i], ref.uuid, UUID_SIZE);
	}
	call->subject[0] = '\0';
	stats->named = count;
	return true;
}

void all_domain_stats(struct call *call)
{
	struct all_stats *stats = call_keep(call, sizeof(*stats), free_stats);

	if (!stats || !read_domains(call)) {
		return;
	}
	stats->groups = xdr_get_u32(&call->args);
	stats->flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, stats->flags, FLAGS)) {
		return;
	}
	if ((stats->flags & VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS) &&
	    (stats->groups & ~(uint32_t)GROUPS)) {
		call_error(call, VIR_ERR_ARGUMENT_UNSUPPORTED,
			   "statistics 0x%x are not kept",
			   stats->groups & ~(uint32_t)GROUPS);
		return;
	}
	if (!stats->groups) {
		stats->groups = GROUPS;
	}
	stats->offset = call->reply.len;
	xdr_put_u32(&call->reply, 0);
	ask_for_zones(call);
}
