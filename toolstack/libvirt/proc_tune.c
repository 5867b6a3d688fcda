// SPDX-License-Identifier: BSD-2-Clause
/* Members of a domain's definition that clients change one by one. */
#include <inttypes.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "definition_edit.h"
#include "json.h"
#include "procedures.h"
#include "size.h"
#include "typed_param.h"

#define KIB_UNIT 2048u /* memory is a multiple of 2 MiB */
#define KIB_MAX (1ull << 40)

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

struct change {
	struct domain_ref ref;
	uint64_t value;
	uint32_t flags;
	uint32_t type;
	int64_t priority; /* -1: as it is */
	int64_t slice_us; /* -1: as it is */
	const char *what; /* for messages: it cannot change while it runs */
	definition_edit_fn edit;
};

/* Only of the definition: what runs keeps what it was started with. */
static void changed_later(struct call *call, struct json_object *zone)
{
	struct change *change = call->state;
	bool live;
	bool config;

	if (!call_impact(call, zone, change->flags & IMPACT, &live, &config)) {
		return;
	}
	if (live) {
		call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
			   "%s of a domain that runs is fixed: change its "
			   "configuration (--config), it holds from the next "
			   "start",
			   change->what);
		return;
	}
	call_edit_definition(call, &change->ref, change->edit);
}

static void begin_change(struct call *call, const struct change *wanted)
{
	struct change *change = call_keep(call, sizeof(*change), free);

	if (!change) {
		return;
	}
	*change = *wanted;
	call_hvd(call, "zone.get", domain_params(&change->ref), changed_later);
}

/* How many parameters of a domain a client wants: value. */
static void get_params(struct call *call, bool with_flags, call_step_fn step)
{
	struct change change = { 0 };
	struct change *kept;
	int32_t count;

	call_get_domain(call, &change.ref);
	count = xdr_get_i32(&call->args);
	change.flags = with_flags ? xdr_get_u32(&call->args) : 0;
	/* clients say themselves that they understand strings */
	change.flags &= ~(uint32_t)VIR_TYPED_PARAM_STRING_OKAY;
	if (!call_args_end(call) ||
	    !call_only_flags(call, change.flags, IMPACT)) {
		return;
	}
	if (count < 0) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "there are no %d parameters", count);
		return;
	}
	change.value = (uint64_t)count;
	kept = call_keep(call, sizeof(*kept), free);
	if (kept) {
		*kept = change;
		call_hvd(call, "zone.get", domain_params(&change.ref), step);
	}
}

/* ------------------------------------------------------------ autostart */

static int edit_autostart(struct call *call, struct json_object *definition,
			  struct vir_error_text *ret_error)
{
	const struct change *change = call->state;
	bool is = json_flag(definition, "autostart") ||
		  json_object_is_type(json_get(definition, "autostart"),
				      json_type_object);

	(void)ret_error;
	/* Its order and delay stay when it is switched on again. */
	if (is != (change->value != 0)) {
		json_put(definition, "autostart",
			 json_object_new_boolean(change->value != 0));
	}
	return 0;
}

static void set_autostart(struct call *call)
{
	struct domain_ref ref;
	struct change *change;
	int32_t on;

	call_get_domain(call, &ref);
	on = xdr_get_i32(&call->args);
	if (!call_args_end(call)) {
		return;
	}
	change = call_keep(call, sizeof(*change), free);
	if (!change) {
		return;
	}
	change->value = on != 0;
	call_edit_definition(call, &ref, edit_autostart);
}

/* --------------------------------------------------------------- memory */

static int edit_memory(struct call *call, struct json_object *definition,
		       struct vir_error_text *ret_error)
{
	const struct change *change = call->state;
	uint64_t now = json_size(definition, "memory") / 1024;
	char text[32];

	if (!(change->flags & VIR_DOMAIN_MEM_MAXIMUM) && change->value > now) {
		return vir_error_set(ret_error, VIR_ERR_INVALID_ARG,
				     "cannot set memory higher than max memory "
				     "(%" PRIu64 " KiB): raise that first",
				     now);
	}
	snprintf(text, sizeof(text), "%" PRIu64 "K", change->value);
	json_put(definition, "memory", json_object_new_string(text));
	return 0;
}

static void set_memory_to(struct call *call, uint64_t kib,
			  const struct domain_ref *ref, uint32_t flags)
{
	struct change change = { .ref = *ref,
				 .flags = flags,
				 .what = "the memory",
				 .edit = edit_memory };

	if (kib == 0 || kib > KIB_MAX) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "no domain has %" PRIu64 " KiB of memory", kib);
		return;
	}
	/* Up to what is possible, as other drivers do. */
	change.value = (kib + KIB_UNIT - 1) / KIB_UNIT * KIB_UNIT;
	begin_change(call, &change);
}

static void set_memory_with(struct call *call, bool with_flags, uint32_t flags)
{
	struct domain_ref ref;
	uint64_t kib;

	call_get_domain(call, &ref);
	kib = xdr_get_u64(&call->args);
	if (with_flags) {
		flags = xdr_get_u32(&call->args);
	}
	if (call_args_end(call) &&
	    call_only_flags(call, flags, IMPACT | VIR_DOMAIN_MEM_MAXIMUM)) {
		set_memory_to(call, kib, &ref, flags);
	}
}

static void set_memory(struct call *call)
{
	set_memory_with(call, false, VIR_DOMAIN_AFFECT_LIVE);
}

static void set_max_memory(struct call *call)
{
	set_memory_with(call, false, VIR_DOMAIN_MEM_MAXIMUM);
}

static void set_memory_flags(struct call *call)
{
	set_memory_with(call, true, 0);
}

static void got_max_memory(struct call *call, struct json_object *zone)
{
	xdr_put_u64(&call->reply,
		    (uint64_t)json_number(zone, "memory", 0) / 1024);
	call_reply(call);
}

static void get_max_memory(struct call *call)
{
	call_get_zone(call, false, 0, got_max_memory);
}

/* A zone's memory is its own from its start to its end: there are no limits. */
static void got_memory_limits(struct call *call, struct json_object *zone)
{
	static const char *const limits[] = {
		VIR_DOMAIN_MEMORY_HARD_LIMIT,
		VIR_DOMAIN_MEMORY_SOFT_LIMIT,
		VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT,
	};
	const uint64_t all = sizeof(limits) / sizeof(limits[0]);
	const struct change *change = call->state;
	struct json_object *definition;
	struct typed_list list;

	if (!call_one_definition(call, zone, change->flags, &definition)) {
		return;
	}
	typed_begin(&list, &call->reply);
	for (uint64_t i = 0; i < all && i < change->value; i++) {
		typed_put_ullong(&list, limits[i],
				 VIR_DOMAIN_MEMORY_PARAM_UNLIMITED);
	}
	typed_end(&list);
	xdr_put_i32(&call->reply, (int32_t)(change->value ? list.count : all));
	call_reply(call);
}

static void get_memory_limits(struct call *call)
{
	get_params(call, true, got_memory_limits);
}

/* --------------------------------------------------------- other members */

static void renamed(struct call *call, struct json_object *result)
{
	(void)result;
	xdr_put_i32(&call->reply, 0);
	call_reply(call);
}

static void rename_domain(struct call *call)
{
	struct json_object *params;
	struct domain_ref ref;
	const char *name;
	uint32_t flags;

	call_get_domain(call, &ref);
	name = xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) || !call_only_flags(call, flags, 0)) {
		return;
	}
	if (!name) {
		call_error(call, VIR_ERR_INVALID_ARG, "say the new name");
		return;
	}
	params = domain_params(&ref);
	json_put(params, "new_name", json_object_new_string(name));
	call_hvd(call, "zone.rename", params, renamed);
}

static const char *const ends[] = {
	[VIR_DOMAIN_LIFECYCLE_POWEROFF] = "on_poweroff",
	[VIR_DOMAIN_LIFECYCLE_REBOOT] = "on_reboot",
	[VIR_DOMAIN_LIFECYCLE_CRASH] = "on_crash",
};

static const char *const policies[] = {
	[VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY] = "destroy",
	[VIR_DOMAIN_LIFECYCLE_ACTION_RESTART] = "restart",
	[VIR_DOMAIN_LIFECYCLE_ACTION_PRESERVE] = "preserve",
};

static int edit_lifecycle(struct call *call, struct json_object *definition,
			  struct vir_error_text *ret_error)
{
	const struct change *change = call->state;

	(void)ret_error;
	json_put(definition, ends[change->type],
		 json_object_new_string(policies[change->value]));
	return 0;
}

static void set_lifecycle_action(struct call *call)
{
	struct change change = { .what = "what follows the end",
				 .edit = edit_lifecycle };

	call_get_domain(call, &change.ref);
	change.type = xdr_get_u32(&call->args);
	change.value = xdr_get_u32(&call->args);
	change.flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, change.flags, IMPACT)) {
		return;
	}
	if (change.type >= sizeof(ends) / sizeof(ends[0]) ||
	    change.value >= sizeof(policies) / sizeof(policies[0]) ||
	    !policies[change.value]) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "an end of a guest (poweroff, reboot, crash) leads "
			   "to destroy, restart or preserve");
		return;
	}
	begin_change(call, &change);
}

/* ------------------------------------------------------------- scheduler */

#define SCHEDULER_PARAMS 2u
#define PRIORITY_MAX 31u
#define PRIORITY_DEFAULT 8

static void got_scheduler_type(struct call *call, struct json_object *zone)
{
	(void)zone;
	xdr_put_string(&call->reply, "priority");
	xdr_put_i32(&call->reply, SCHEDULER_PARAMS);
	call_reply(call);
}

static void get_scheduler_type(struct call *call)
{
	call_get_zone(call, false, 0, got_scheduler_type);
}

static uint64_t slice_of(struct json_object *definition)
{
	uint64_t us = 0;

	return size_parse_duration(json_text(definition, "slice"), &us) ? 0
									: us;
}

/* slice_us 0: the hypervisor's own.  zone0 has another priority, and no definition. */
static void got_scheduler(struct call *call, struct json_object *zone)
{
	const struct change *change = call->state;
	struct json_object *definition;
	struct typed_list list;

	if (!call_one_definition(call, zone, change->flags, &definition)) {
		return;
	}
	typed_begin(&list, &call->reply);
	if (change->value > 0 && definition) {
		typed_put_uint(&list, "priority",
			       (uint32_t)json_number(definition, "priority",
						     PRIORITY_DEFAULT));
	}
	if (change->value > 1 && definition) {
		typed_put_ullong(&list, "slice_us", slice_of(definition));
	}
	typed_end(&list);
	call_reply(call);
}

static void get_scheduler(struct call *call)
{
	get_params(call, false, got_scheduler);
}

static void get_scheduler_flags(struct call *call)
{
	get_params(call, true, got_scheduler);
}

static int edit_scheduler(struct call *call, struct json_object *definition,
			  struct vir_error_text *ret_error)
{
	const struct change *change = call->state;
	char text[32];

	(void)ret_error;
	if (change->priority >= 0) {
		json_put(definition, "priority",
			 json_object_new_int64(change->priority));
	}
	if (change->slice_us == 0) {
		json_object_object_del(definition, "slice");
	} else if (change->slice_us > 0) {
		snprintf(text, sizeof(text), "%" PRId64 "us", change->slice_us);
		json_put(definition, "slice", json_object_new_string(text));
	}
	return 0;
}

/* One parameter; false: the call is answered. */
static bool take_param(struct call *call, const struct typed_param *param,
		       struct change *change)
{
	bool priority = strcmp(param->field, "priority") == 0;
	bool slice = strcmp(param->field, "slice_us") == 0;
	uint64_t value;

	if (!priority && !slice) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "there is no parameter '%s': priority, slice_us",
			   param->field);
		return false;
	}
	if (!typed_number(param, &value) ||
	    value > (priority ? PRIORITY_MAX : INT32_MAX)) {
		call_error(call, VIR_ERR_INVALID_ARG, "%s is a number, %s",
			   param->field,
			   priority ? "0 to 31" : "of microseconds");
		return false;
	}
	if (priority) {
		change->priority = (int64_t)value;
	} else {
		change->slice_us = (int64_t)value;
	}
	return true;
}

static void set_scheduler_with(struct call *call, bool with_flags)
{
	struct change change = { .what = "the scheduling",
				 .priority = -1,
				 .slice_us = -1,
				 .edit = edit_scheduler };
	struct typed_param params[SCHEDULER_PARAMS];
	uint32_t count;

	call_get_domain(call, &change.ref);
	count = typed_get(&call->args, params, SCHEDULER_PARAMS);
	change.flags = with_flags ? xdr_get_u32(&call->args) : 0;
	if (!call_args_end(call) ||
	    !call_only_flags(call, change.flags, IMPACT)) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!take_param(call, &params[i], &change)) {
			return;
		}
	}
	begin_change(call, &change);
}

static void set_scheduler(struct call *call)
{
	set_scheduler_with(call, false);
}

static void set_scheduler_flags(struct call *call)
{
	set_scheduler_with(call, true);
}

static const struct procedure rows[] = {
	{ 29, "DomainSetAutostart", set_autostart, 0, NULL },
	{ 17, "DomainGetMaxMemory", get_max_memory, PROC_READ, NULL },
	{ 30, "DomainSetMaxMemory", set_max_memory, 0, "while it is shut off" },
	{ 31, "DomainSetMemory", set_memory, 0,
	  "refused: memory is fixed while it runs" },
	{ 204, "DomainSetMemoryFlags", set_memory_flags, 0,
	  "`CONFIG`; memory and its maximum are one number" },
	{ 198, "DomainGetMemoryParameters", get_memory_limits, PROC_READ,
	  "without limits" },
	{ 56, "DomainGetSchedulerType", get_scheduler_type, PROC_READ,
	  "`priority`" },
	{ 57, "DomainGetSchedulerParameters", get_scheduler, PROC_READ,
	  "`priority`, `slice_us`; none of zone0's" },
	{ 223, "DomainGetSchedulerParametersFlags", get_scheduler_flags,
	  PROC_READ, "`LIVE`, `CONFIG`" },
	{ 58, "DomainSetSchedulerParameters", set_scheduler, 0,
	  "while it is shut off" },
	{ 219, "DomainSetSchedulerParametersFlags", set_scheduler_flags, 0,
	  "`CONFIG`; `slice_us` 0: the hypervisor's own" },
	{ 358, "DomainRename", rename_domain, 0, NULL },
	{ 390, "DomainSetLifecycleAction", set_lifecycle_action, 0,
	  "`CONFIG`; `DESTROY`, `RESTART`, `PRESERVE`" },
};

const struct procedure_group tune_procedures = {
	"Definitions", rows, sizeof(rows) / sizeof(rows[0])
};
