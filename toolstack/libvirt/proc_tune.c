// SPDX-License-Identifier: BSD-2-Clause
/* Members of a domain's definition that clients change one by one. */
#include <inttypes.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>

#include "call.h"
#include "definition_edit.h"
#include "json.h"
#include "procedures.h"

#define KIB_UNIT 2048u /* memory is a multiple of 2 MiB */
#define KIB_MAX (1ull << 40)

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

struct change {
	struct domain_ref ref;
	uint64_t value;
	uint32_t flags;
	uint32_t type;
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

static const struct procedure rows[] = {
	{ 29, "DomainSetAutostart", set_autostart, 0, NULL },
	{ 17, "DomainGetMaxMemory", get_max_memory, PROC_READ, NULL },
	{ 30, "DomainSetMaxMemory", set_max_memory, 0, "while it is shut off" },
	{ 31, "DomainSetMemory", set_memory, 0,
	  "refused: memory is fixed while it runs" },
	{ 204, "DomainSetMemoryFlags", set_memory_flags, 0,
	  "`CONFIG`; memory and its maximum are one number" },
	{ 358, "DomainRename", rename_domain, 0, NULL },
	{ 390, "DomainSetLifecycleAction", set_lifecycle_action, 0,
	  "`CONFIG`; `DESTROY`, `RESTART`, `PRESERVE`" },
};

const struct procedure_group tune_procedures = {
	"Definitions", rows, sizeof(rows) / sizeof(rows[0])
};
