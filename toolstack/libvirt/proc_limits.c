// SPDX-License-Identifier: BSD-2-Clause
/*
 * The limits of disks and network devices.  hvd changes those of a zone that runs
 * and of its definition at once, so a client cannot have one without the other.
 */
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "device_stats.h"
#include "domain_state.h"
#include "json.h"
#include "procedures.h"
#include "size.h"
#include "typed_param.h"

#define NAME_SIZE 4096
#define PARAMS_MAX 32u
#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

/* What a parameter is here.  Those of a group are set together. */
struct limit {
	const char *field;
	const char *name;
	unsigned int group;
	uint32_t unit; /* bytes; 0: it counts requests */
};

struct kind {
	const char *type;
	const struct limit *limits;
	size_t count;
	bool kib; /* numbers are 32 bits wide */
};

static const struct limit disk_limits[] = {
	{ VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC, "total-bytes-sec", 0, 1 },
	{ VIR_DOMAIN_BLOCK_IOTUNE_READ_BYTES_SEC, "read-bytes-sec", 0, 1 },
	{ VIR_DOMAIN_BLOCK_IOTUNE_WRITE_BYTES_SEC, "write-bytes-sec", 0, 1 },
	{ VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC, "total-iops-sec", 1, 0 },
	{ VIR_DOMAIN_BLOCK_IOTUNE_READ_IOPS_SEC, "read-iops-sec", 1, 0 },
	{ VIR_DOMAIN_BLOCK_IOTUNE_WRITE_IOPS_SEC, "write-iops-sec", 1, 0 },
};

static const struct limit net_limits[] = {
	{ VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, "rx-bytes-sec", 0, 1024 },
	{ VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE, "tx-bytes-sec", 1, 1024 },
};

static const struct kind disk_kind = {
	"disk", disk_limits, sizeof(disk_limits) / sizeof(disk_limits[0]), false
};
static const struct kind net_kind = {
	"net", net_limits, sizeof(net_limits) / sizeof(net_limits[0]), true
};

struct limits_call {
	const struct kind *kind;
	struct domain_ref ref;
	char device[NAME_SIZE];
	uint32_t flags;
	int32_t room; /* of a reading client, in parameters */
	struct typed_param params[PARAMS_MAX];
	uint32_t count;
};

/* The definition's device, NULL: there is none. */
static struct json_object *find_defined(struct json_object *zone,
					const struct limits_call *lc)
{
	return device_find(json_get(zone, "definition"), lc->kind->type,
			   lc->device);
}

/* The device that the flags are about; NULL: the call is answered. */
static struct json_object *find(struct call *call, struct json_object *zone)
{
	const struct limits_call *lc = call->state;
	bool active = domain_is_active(zone);
	bool config = (lc->flags & VIR_DOMAIN_AFFECT_CONFIG) ||
		      (!active && !(lc->flags & VIR_DOMAIN_AFFECT_LIVE));
	struct json_object *device;

	if ((lc->flags & VIR_DOMAIN_AFFECT_LIVE) && !active) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "domain is not running");
		return NULL;
	}
	if (config && !json_flag(zone, "persistent")) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "transient domains do not have any persistent "
			   "config");
		return NULL;
	}
	device = config ? find_defined(zone, lc)
			: device_find(zone, lc->kind->type, lc->device);
	if (!device) {
		call_error(call, VIR_ERR_INVALID_ARG, "%s has no %s %.200s",
			   json_text(zone, "name"), lc->kind->type, lc->device);
	}
	return device;
}

/* ---------------------------------------------------------------- reads */

static uint64_t limit_value(struct json_object *device,
			    const struct limit *limit)
{
	struct json_object *limits = json_get(device, "limits");

	return limit->unit ? json_size(limits, limit->name) / limit->unit
			   : (uint64_t)json_number(limits, limit->name, 0);
}

static void put_limits(struct call *call, struct json_object *zone)
{
	const struct limits_call *lc = call->state;
	struct json_object *device = find(call, zone);
	const struct kind *kind;
	struct typed_list list;
	size_t given;

	if (!device) {
		return;
	}
	kind = lc->kind;
	given = lc->room > 0 ? (size_t)lc->room : 0;
	given = given < kind->count ? given : kind->count;
	typed_begin(&list, &call->reply);
	for (size_t i = 0; i < given; i++) {
		const struct limit *limit = &kind->limits[i];
		uint64_t value = limit_value(device, limit);

		if (kind->kib) {
			typed_put_uint(&list, limit->field, (uint32_t)value);
		} else {
			typed_put_ullong(&list, limit->field, value);
		}
	}
	typed_end(&list);
	xdr_put_i32(&call->reply, (int32_t)(given ? given : kind->count));
	call_reply(call);
}

/* The beginning of all: NULL: the call is answered. */
static struct limits_call *begin(struct call *call, const struct kind *kind,
				 bool optional)
{
	struct limits_call *lc = call_keep(call, sizeof(*lc), free);
	const char *device;

	if (!lc) {
		return NULL;
	}
	lc->kind = kind;
	call_get_domain(call, &lc->ref);
	device = optional ? xdr_get_optional_string(&call->args, NAME_SIZE - 1)
			  : xdr_get_string(&call->args, NAME_SIZE - 1);
	strcpy(lc->device, device ? device : "");
	return lc;
}

static void get(struct call *call, const struct kind *kind)
{
	struct limits_call *lc = begin(call, kind, kind == &disk_kind);

	if (!lc) {
		return;
	}
	lc->room = xdr_get_i32(&call->args);
	lc->flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, lc->flags,
			     IMPACT | VIR_TYPED_PARAM_STRING_OKAY)) {
		return;
	}
	if ((lc->flags & IMPACT) == IMPACT) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "ask for the live or for the persistent limits");
		return;
	}
	call_hvd(call, "zone.get", domain_params(&lc->ref), put_limits);
}

static void get_disk(struct call *call)
{
	get(call, &disk_kind);
}

static void get_net(struct call *call)
{
	get(call, &net_kind);
}

/* --------------------------------------------------------------- writes */

static const struct limit *find_limit(const struct kind *kind,
				      const char *field)
{
	for (size_t i = 0; i < kind->count; i++) {
		if (strcmp(kind->limits[i].field, field) == 0) {
			return &kind->limits[i];
		}
	}
	return NULL;
}

/* A copy of the device's limits without those of the groups that are set. */
static struct json_object *limits_that_stay(const struct limits_call *lc,
					    struct json_object *device)
{
	struct json_object *now = json_get(device, "limits");
	struct json_object *limits = json_object_new_object();

	if (now) {
		json_object_object_foreach (now, key, value) {
			json_put(limits, key, json_object_get(value));
		}
	}
	for (uint32_t i = 0; i < lc->count; i++) {
		unsigned int group =
			find_limit(lc->kind, lc->params[i].field)->group;

		for (size_t j = 0; j < lc->kind->count; j++) {
			if (lc->kind->limits[j].group == group) {
				json_object_object_del(
					limits, lc->kind->limits[j].name);
			}
		}
	}
	return limits;
}

static void add_limit(struct json_object *limits, const struct limit *limit,
		      uint64_t value)
{
	char text[SIZE_TEXT_MAX];

	if (value == 0) {
		return; /* unlimited */
	}
	if (limit->unit) {
		/* hvd takes whole KiB. */
		size_format((value * limit->unit + 1023) / 1024 * 1024, text);
		json_put(limits, limit->name, json_object_new_string(text));
	} else {
		json_put(limits, limit->name, json_object_new_uint64(value));
	}
}

static void set_limits(struct call *call, struct json_object *zone)
{
	const struct limits_call *lc = call->state;
	struct json_object *device = find(call, zone);
	struct json_object *limits;
	struct json_object *params;
	uint64_t value;

	if (!device) {
		return;
	}
	if (domain_is_active(zone) &&
	    (lc->flags & IMPACT) == VIR_DOMAIN_AFFECT_CONFIG) {
		call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
			   "limits change in the definition and in the domain "
			   "that runs at once: affect both");
		return;
	}
	limits = limits_that_stay(lc, device);
	for (uint32_t i = 0; i < lc->count; i++) {
		typed_number(&lc->params[i], &value);
		add_limit(limits, find_limit(lc->kind, lc->params[i].field),
			  value);
	}
	/* A burst belongs to a limit. */
	if (limits && json_object_object_length(limits) == 1) {
		json_object_object_del(limits, "burst-ms");
	}
	params = domain_params(&lc->ref);
	json_put(params, "device",
		 json_object_new_string(json_text(device, "name")));
	json_put(params, "limits", limits);
	call_hvd(call, "device.set", params, call_step_done);
}

/* False: the call is answered. */
static bool check_params(struct call *call)
{
	const struct limits_call *lc = call->state;

	for (uint32_t i = 0; i < lc->count; i++) {
		const struct typed_param *param = &lc->params[i];
		const struct limit *limit = find_limit(lc->kind, param->field);
		uint64_t value = 0;

		if (!limit) {
			call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
				   "there is no limit %s", param->field);
			return false;
		}
		if (!typed_number(param, &value) || value > 1ull << 50) {
			call_error(call, VIR_ERR_INVALID_ARG,
				   "%s is no number that is possible",
				   param->field);
			return false;
		}
	}
	return true;
}

static void set(struct call *call, const struct kind *kind)
{
	struct limits_call *lc = begin(call, kind, false);

	if (!lc) {
		return;
	}
	lc->count = typed_get(&call->args, lc->params, PARAMS_MAX);
	lc->flags = xdr_get_u32(&call->args);
	if (call_args_end(call) && call_only_flags(call, lc->flags, IMPACT) &&
	    check_params(call)) {
		call_hvd(call, "zone.get", domain_params(&lc->ref), set_limits);
	}
}

static void set_disk(struct call *call)
{
	set(call, &disk_kind);
}

static void set_net(struct call *call)
{
	set(call, &net_kind);
}

static const struct procedure rows[] = {
	{ 253, "DomainGetBlockIoTune", get_disk, PROC_READ, NULL },
	{ 252, "DomainSetBlockIoTune", set_disk, 0,
	  "bytes (rounded up to KiB) and requests per second, live and in the definition at once" },
	{ 257, "DomainGetInterfaceParameters", get_net, PROC_READ,
	  "`average`" },
	{ 256, "DomainSetInterfaceParameters", set_net, 0,
	  "`average`, live and in the definition at once" },
};

const struct procedure_group limits_procedures = {
	"Limits", rows, sizeof(rows) / sizeof(rows[0])
};
