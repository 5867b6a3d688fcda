// SPDX-License-Identifier: BSD-2-Clause
/* Domains: which there are, how they are, and their life. */
#include <hvd.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zv/abi.h>

#include "call.h"
#include "domain_filter.h"
#include "domain_state.h"
#include "json.h"
#include "procedures.h"

/* ---------------------------------------------------------------- lists */

struct listing {
	uint32_t flags;
	int32_t max;
	bool want_results;
	bool active; /* of the lists by id or name */
};

static uint32_t count_matches(struct json_object *zones, uint32_t flags)
{
	uint32_t count = 0;

	for (size_t i = 0; i < json_object_array_length(zones); i++) {
		count += domain_matches(json_object_array_get_idx(zones, i),
					flags);
	}
	return count;
}

static struct listing *begin_listing(struct call *call)
{
	return call_keep(call, sizeof(struct listing), free);
}

static void listed_all(struct call *call, struct json_object *zones)
{
	const struct listing *listing = call->state;
	uint32_t count = count_matches(zones, listing->flags);

	xdr_put_u32(&call->reply, listing->want_results ? count : 0);
	for (size_t i = 0; i < json_object_array_length(zones); i++) {
		struct json_object *zone = json_object_array_get_idx(zones, i);

		if (listing->want_results &&
		    domain_matches(zone, listing->flags)) {
			put_domain(&call->reply, zone);
		}
	}
	xdr_put_u32(&call->reply, count);
	call_reply(call);
}

static void list_all(struct call *call)
{
	int32_t want = xdr_get_i32(&call->args);
	uint32_t flags = xdr_get_u32(&call->args);
	struct listing *listing;

	if (!call_args_end(call)) {
		return;
	}
	listing = begin_listing(call);
	if (listing) {
		listing->want_results = want;
		listing->flags = flags;
		call_hvd(call, "zone.list", NULL, listed_all);
	}
}

/* Ids of active domains, names of others. */
static void listed_old(struct call *call, struct json_object *zones)
{
	const struct listing *listing = call->state;
	uint32_t count = count_matches(zones, listing->flags);
	uint32_t left =
		count < (uint32_t)listing->max ? count : (uint32_t)listing->max;

	xdr_put_u32(&call->reply, left);
	for (size_t i = 0; left > 0; i++) {
		struct json_object *zone = json_object_array_get_idx(zones, i);

		if (!domain_matches(zone, listing->flags)) {
			continue;
		}
		left--;
		if (listing->active) {
			xdr_put_i32(&call->reply,
				    (int32_t)json_number(zone, "id", -1));
		} else {
			xdr_put_string(&call->reply, json_text(zone, "name"));
		}
	}
	call_reply(call);
}

static void list_old(struct call *call, bool active)
{
	int32_t max = xdr_get_i32(&call->args);
	struct listing *listing;

	if (!call_args_end(call)) {
		return;
	}
	listing = begin_listing(call);
	if (listing) {
		listing->max = max > 0 ? max : 0;
		listing->active = active;
		listing->flags = active ? VIR_CONNECT_LIST_DOMAINS_ACTIVE
					: VIR_CONNECT_LIST_DOMAINS_INACTIVE;
		call_hvd(call, "zone.list", NULL, listed_old);
	}
}

static void list_active(struct call *call)
{
	list_old(call, true);
}

static void list_defined(struct call *call)
{
	list_old(call, false);
}

static void counted_active(struct call *call, struct json_object *zones)
{
	xdr_put_u32(&call->reply,
		    count_matches(zones, VIR_CONNECT_LIST_DOMAINS_ACTIVE));
	call_reply(call);
}

static void count_active(struct call *call)
{
	if (call_args_end(call)) {
		call_hvd(call, "zone.list", NULL, counted_active);
	}
}

static void counted_defined(struct call *call, struct json_object *zones)
{
	xdr_put_u32(&call->reply,
		    count_matches(zones, VIR_CONNECT_LIST_DOMAINS_INACTIVE));
	call_reply(call);
}

static void count_defined(struct call *call)
{
	if (call_args_end(call)) {
		call_hvd(call, "zone.list", NULL, counted_defined);
	}
}

/* -------------------------------------------------------------- lookups */

static void looked_up(struct call *call, struct json_object *zone)
{
	put_domain(&call->reply, zone);
	call_reply(call);
}

static void lookup_by_uuid(struct call *call)
{
	const uint8_t *uuid = xdr_get_fixed(&call->args, UUID_SIZE);
	struct domain_ref ref = { 0 };

	if (!call_args_end(call)) {
		return;
	}
	uuid_format(uuid, ref.uuid_text);
	snprintf(call->subject, sizeof(call->subject), "uuid '%s'",
		 ref.uuid_text);
	call_hvd(call, "zone.get", domain_params(&ref), looked_up);
}

static void not_found(struct call *call)
{
	call_error(call, VIR_ERR_NO_DOMAIN, "no domain with matching %s",
		   call->subject);
}

/* zone.get takes a uuid for a name, too: no domain is called so. */
static void looked_up_name(struct call *call, struct json_object *zone)
{
	if (json_is(zone, "name", call->state)) {
		looked_up(call, zone);
	} else {
		not_found(call);
	}
}

static void lookup_by_name(struct call *call)
{
	const char *name = xdr_get_string(&call->args, PACKET_STRING_MAX);
	struct json_object *params;
	char *kept;

	if (!call_args_end(call)) {
		return;
	}
	snprintf(call->subject, sizeof(call->subject), "name '%s'", name);
	if (strlen(name) >= ZV_NAME_MAX) {
		not_found(call);
		return;
	}
	kept = call_keep(call, ZV_NAME_MAX, free);
	if (!kept) {
		return;
	}
	strcpy(kept, name);
	params = json_object_new_object();
	json_put(params, "name", json_object_new_string(name));
	call_hvd(call, "zone.get", params, looked_up_name);
}

static void looked_up_id(struct call *call, struct json_object *zones)
{
	const int32_t *id = call->state;

	for (size_t i = 0; i < json_object_array_length(zones); i++) {
		struct json_object *zone = json_object_array_get_idx(zones, i);

		if (json_number(zone, "id", -1) == *id) {
			looked_up(call, zone);
			return;
		}
	}
	not_found(call);
}

static void lookup_by_id(struct call *call)
{
	int32_t id = xdr_get_i32(&call->args);
	int32_t *kept;

	if (!call_args_end(call)) {
		return;
	}
	if (id < 0) {
		call_error(call, VIR_ERR_INVALID_ARG, "an id is not negative");
		return;
	}
	snprintf(call->subject, sizeof(call->subject), "id %d", id);
	kept = call_keep(call, sizeof(*kept), free);
	if (kept) {
		*kept = id;
		call_hvd(call, "zone.list", NULL, looked_up_id);
	}
}

/* ---------------------------------------------------------------- state */

static void got_info(struct call *call, struct json_object *zone)
{
	uint64_t memory = (uint64_t)json_number(zone, "memory", 0) / 1024;

	xdr_put_u32(&call->reply, (uint32_t)domain_state(zone, NULL));
	xdr_put_u64(&call->reply, memory); /* the most it may have, in KiB */
	xdr_put_u64(&call->reply, memory);
	xdr_put_u32(&call->reply, (uint32_t)json_number(zone, "vcpus", 0));
	xdr_put_u64(&call->reply,
		    (uint64_t)json_number(zone, "info.cpu_time_ns", 0));
	call_reply(call);
}

static void get_info(struct call *call)
{
	call_get_zone(call, false, 0, got_info);
}

static void got_state(struct call *call, struct json_object *zone)
{
	int reason;

	xdr_put_i32(&call->reply, domain_state(zone, &reason));
	xdr_put_i32(&call->reply, reason);
	call_reply(call);
}

static void get_state(struct call *call)
{
	call_get_zone(call, true, 0, got_state);
}

static void got_active(struct call *call, struct json_object *zone)
{
	xdr_put_i32(&call->reply, domain_is_active(zone));
	call_reply(call);
}

static void get_active(struct call *call)
{
	call_get_zone(call, false, 0, got_active);
}

static void got_persistent(struct call *call, struct json_object *zone)
{
	xdr_put_i32(&call->reply, json_flag(zone, "persistent"));
	call_reply(call);
}

static void get_persistent(struct call *call)
{
	call_get_zone(call, false, 0, got_persistent);
}

static void got_autostart(struct call *call, struct json_object *zone)
{
	xdr_put_i32(&call->reply, json_flag(zone, "autostart"));
	call_reply(call);
}

static void get_autostart(struct call *call)
{
	call_get_zone(call, false, 0, got_autostart);
}

static void got_os_type(struct call *call, struct json_object *zone)
{
	(void)zone;
	xdr_put_string(&call->reply, "hvm");
	call_reply(call);
}

static void get_os_type(struct call *call)
{
	call_get_zone(call, false, 0, got_os_type);
}

/* ----------------------------------------------------------------- life */

static void life(struct call *call, bool with_flags, uint32_t known,
		 const char *method)
{
	call_domain(call, with_flags, known, method, call_step_done);
}

static void create(struct call *call)
{
	life(call, false, 0, "zone.start");
}

static void created(struct call *call, struct json_object *result)
{
	struct domain_ref *ref = call->state;

	(void)result;
	call_hvd(call, "zone.get", domain_params(ref), looked_up);
}

static void create_with_flags(struct call *call)
{
	struct domain_ref ref;
	struct domain_ref *kept;
	struct json_object *params;
	uint32_t flags;

	call_get_domain(call, &ref);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, flags,
			     VIR_DOMAIN_START_PAUSED |
				     VIR_DOMAIN_START_FORCE_BOOT)) {
		return;
	}
	kept = call_keep(call, sizeof(*kept), free);
	if (!kept) {
		return;
	}
	*kept = ref;
	params = domain_params(&ref);
	json_put(params, "paused",
		 json_object_new_boolean(flags & VIR_DOMAIN_START_PAUSED));
	call_hvd(call, "zone.start", params, created);
}

static void destroy(struct call *call)
{
	life(call, false, 0, "zone.destroy");
}

static void destroy_flags(struct call *call)
{
	life(call, true, VIR_DOMAIN_DESTROY_GRACEFUL, "zone.destroy");
}

static void shut_down(struct call *call)
{
	life(call, false, 0, "zone.shutdown");
}

static void shut_down_flags(struct call *call)
{
	life(call, true, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN, "zone.shutdown");
}

static void reboot(struct call *call)
{
	life(call, true, VIR_DOMAIN_REBOOT_ACPI_POWER_BTN, "zone.reboot");
}

static void reset(struct call *call)
{
	life(call, true, 0, "zone.reset");
}

static void suspend(struct call *call)
{
	life(call, false, 0, "zone.pause");
}

static void resume(struct call *call)
{
	life(call, false, 0, "zone.resume");
}

static const struct procedure rows[] = {
	{ 273, "ConnectListAllDomains", list_all, PROC_READ, NULL },
	{ 37, "ConnectListDomains", list_active, PROC_READ, NULL },
	{ 51, "ConnectNumOfDomains", count_active, PROC_READ, NULL },
	{ 21, "ConnectListDefinedDomains", list_defined, PROC_READ, NULL },
	{ 25, "ConnectNumOfDefinedDomains", count_defined, PROC_READ, NULL },
	{ 22, "DomainLookupByID", lookup_by_id, PROC_READ, NULL },
	{ 23, "DomainLookupByName", lookup_by_name, PROC_READ, NULL },
	{ 24, "DomainLookupByUUID", lookup_by_uuid, PROC_READ, NULL },
	{ 16, "DomainGetInfo", get_info, PROC_READ, NULL },
	{ 212, "DomainGetState", get_state, PROC_READ, NULL },
	{ 150, "DomainIsActive", get_active, PROC_READ, NULL },
	{ 151, "DomainIsPersistent", get_persistent, PROC_READ, NULL },
	{ 15, "DomainGetAutostart", get_autostart, PROC_READ, NULL },
	{ 19, "DomainGetOSType", get_os_type, PROC_READ, "`hvm`" },
	{ 9, "DomainCreate", create, 0, NULL },
	{ 196, "DomainCreateWithFlags", create_with_flags, 0,
	  "`PAUSED`, `FORCE_BOOT`" },
	{ 12, "DomainDestroy", destroy, 0, NULL },
	{ 234, "DomainDestroyFlags", destroy_flags, 0, "`GRACEFUL`" },
	{ 33, "DomainShutdown", shut_down, 0, "presses the power key" },
	{ 258, "DomainShutdownFlags", shut_down_flags, 0, "`ACPI_POWER_BTN`" },
	{ 27, "DomainReboot", reboot, 0,
	  "presses the power key, then starts it again" },
	{ 245, "DomainReset", reset, 0, NULL },
	{ 34, "DomainSuspend", suspend, 0, NULL },
	{ 28, "DomainResume", resume, 0, NULL },
};

const struct procedure_group domain_procedures = {
	"Domains", rows, sizeof(rows) / sizeof(rows[0])
};
