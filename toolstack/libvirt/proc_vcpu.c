// SPDX-License-Identifier: BSD-2-Clause
/* vCPUs of a domain: how many, and on which physical CPUs. */
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "definition_edit.h"
#include "domain_state.h"
#include "json.h"
#include "procedures.h"

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)
#define VCPUS_MAX 4096u /* zone0 has as many as the machine */

struct vcpu_call {
	struct domain_ref ref;
	uint32_t flags;
	uint32_t vcpu; /* or how many */
	int32_t pcpu; /* -1: any */
	const uint8_t *map;
	uint32_t map_len; /* of one */
	uint32_t count; /* of maps, or infos */
	bool config;
	definition_edit_fn edit; /* of the configuration */
	struct json_object *zone;
};

static void free_state(void *state)
{
	struct vcpu_call *v = state;

	json_object_put(v->zone);
	free(v);
}

static struct vcpu_call *keep(struct call *call, const struct vcpu_call *args)
{
	struct vcpu_call *v = call_keep(call, sizeof(*v), free_state);

	if (v) {
		*v = *args;
	}
	return v;
}

static void changed_live(struct call *call, struct json_object *result)
{
	struct vcpu_call *v = call->state;

	if (v->config) {
		call_edit_definition(call, &v->ref, v->edit);
	} else {
		call_step_done(call, result);
	}
}

/* If it is live by hvd's method, whose params are used up; then the configuration. */
static void change(struct call *call, bool live, const char *method,
		   struct json_object *params)
{
	if (live) {
		call_hvd(call, method, params, changed_live);
	} else {
		json_object_put(params);
		changed_live(call, NULL);
	}
}

/* ------------------------------------------------------------- how many */

/* "vcpus" is a number, or an object with "max" and "on". */
static uint32_t vcpus_of(struct json_object *definition, bool maximum)
{
	int64_t both = json_number(definition, "vcpus", 0);

	return (uint32_t)(both ? both
			       : json_number(definition,
					     maximum ? "vcpus.max" : "vcpus.on",
					     0));
}

static void got_count(struct call *call, struct json_object *zone)
{
	const struct vcpu_call *v = call->state;
	struct json_object *definition;

	if (!call_one_definition(call, zone, v->flags & IMPACT, &definition)) {
		return;
	}
	xdr_put_i32(&call->reply,
		    definition ? (int32_t)vcpus_of(
					 definition,
					 v->flags & VIR_DOMAIN_VCPU_MAXIMUM)
			       : (int32_t)json_number(zone, "vcpus", 0));
	call_reply(call);
}

static void get_count(struct call *call, bool with_flags, uint32_t flags)
{
	struct vcpu_call args = { .flags = flags };

	call_get_domain(call, &args.ref);
	if (with_flags) {
		args.flags = xdr_get_u32(&call->args);
	}
	if (call_args_end(call) &&
	    call_only_flags(call, args.flags,
			    IMPACT | VIR_DOMAIN_VCPU_MAXIMUM) &&
	    keep(call, &args)) {
		call_hvd(call, "zone.get", domain_params(&args.ref), got_count);
	}
}

static void get_vcpus_flags(struct call *call)
{
	get_count(call, true, 0);
}

static void get_max_vcpus(struct call *call)
{
	get_count(call, false, VIR_DOMAIN_VCPU_MAXIMUM);
}

/* One entry of "cpus" for each vCPU. */
static void resize_cpus(struct json_object *definition, uint32_t count)
{
	struct json_object *cpus = json_get(definition, "cpus");
	size_t now = cpus ? json_object_array_length(cpus) : 0;

	if (now > count) {
		json_object_array_del_idx(cpus, count, now - count);
	}
	for (; cpus && now < count; now++) {
		json_object_array_add(cpus, NULL);
	}
}

static int edit_count(struct call *call, struct json_object *definition,
		      struct vir_error_text *ret_error)
{
	const struct vcpu_call *v = call->state;
	uint32_t max = vcpus_of(definition, true);
	uint32_t on = vcpus_of(definition, false);
	struct json_object *vcpus;

	if (v->flags & VIR_DOMAIN_VCPU_MAXIMUM) {
		max = v->vcpu;
		on = on < max ? on : max;
		resize_cpus(definition, max);
	} else {
		on = v->vcpu;
	}
	if (on > max) {
		return vir_error_set(ret_error, VIR_ERR_INVALID_ARG,
				     "requested vcpus is greater than max "
				     "allowable vcpus for the persistent "
				     "domain: %u > %u",
				     on, max);
	}
	vcpus = json_object_new_object();
	json_put(vcpus, "max", json_object_new_int64(max));
	json_put(vcpus, "on", json_object_new_int64(on));
	json_put(definition, "vcpus", vcpus);
	return 0;
}

static void set_count_of(struct call *call, struct json_object *zone)
{
	struct vcpu_call *v = call->state;
	struct json_object *params;
	bool live;

	if (!call_impact(call, zone, v->flags & IMPACT, &live, &v->config)) {
		return;
	}
	if (live && (v->flags & VIR_DOMAIN_VCPU_MAXIMUM)) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "the maximum of a domain that runs is fixed: change "
			   "its configuration (--config), it holds from the "
			   "next start");
		return;
	}
	v->edit = edit_count;
	params = domain_params(&v->ref);
	json_put(params, "vcpus", json_object_new_int64(v->vcpu));
	change(call, live, "zone.set", params);
}

static void set_count(struct call *call, bool with_flags, uint32_t flags)
{
	struct vcpu_call args = { .flags = flags };

	call_get_domain(call, &args.ref);
	args.vcpu = xdr_get_u32(&call->args);
	if (with_flags) {
		args.flags = xdr_get_u32(&call->args);
	}
	if (!call_args_end(call) ||
	    !call_only_flags(call, args.flags,
			     IMPACT | VIR_DOMAIN_VCPU_MAXIMUM)) {
		return;
	}
	if (args.vcpu == 0) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "a domain has at least one vCPU");
		return;
	}
	if (keep(call, &args)) {
		call_hvd(call, "zone.get", domain_params(&args.ref),
			 set_count_of);
	}
}

static void set_vcpus(struct call *call)
{
	set_count(call, false, VIR_DOMAIN_AFFECT_LIVE);
}

static void set_vcpus_flags(struct call *call)
{
	set_count(call, true, 0);
}

/* ---------------------------------------------------------------- where */

static int32_t number_at(struct json_object *list, uint32_t index,
			 int32_t missing)
{
	struct json_object *item =
		json_object_is_type(list, json_type_array)
			? json_object_array_get_idx(list, index)
			: NULL;

	return json_object_is_type(item, json_type_int)
		       ? json_object_get_int(item)
		       : missing;
}

/* Bit pcpu of a map, or (-1) those of all CPUs. */
static void put_map(struct xdr_writer *w, uint32_t len, int32_t pcpu,
		    uint32_t pcpus)
{
	uint8_t map[CPUMAP_MAX] = { 0 };
	uint32_t from = pcpu < 0 ? 0 : (uint32_t)pcpu;
	uint32_t to = pcpu < 0 ? pcpus : from + 1;

	for (uint32_t i = from; i < to && i / 8 < len; i++) {
		map[i / 8] |= (uint8_t)(1u << i % 8);
	}
	xdr_put_raw(w, map, len);
}

/* Maps, which are one array of bytes together. */
static void put_maps(struct call *call, struct json_object *cpus,
		     uint32_t count, uint32_t pcpus)
{
	const struct vcpu_call *v = call->state;
	uint32_t bytes = count * v->map_len;

	xdr_put_u32(&call->reply, bytes);
	for (uint32_t i = 0; i < count; i++) {
		put_map(&call->reply, v->map_len, number_at(cpus, i, -1),
			pcpus);
	}
	xdr_put_raw(&call->reply, "\0\0\0", -bytes % 4);
}

/* How many maps of which length are wanted; false: the call is answered. */
static bool check_maps(struct call *call, int32_t count, int32_t len, int least)
{
	if (count > 0 && count <= (int32_t)VCPUS_MAX && len >= least &&
	    len <= (int32_t)CPUMAP_MAX) {
		return true;
	}
	call_error(call, VIR_ERR_INVALID_ARG,
		   "there are no %d maps of %d bytes: at most %u of %u", count,
		   len, VCPUS_MAX, CPUMAP_MAX);
	return false;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Those that may not be on are offline. */
static void got_times(struct call *call, struct json_object *counters)
{
	const struct vcpu_call *v = call->state;
	struct json_object *running = definition_of_run(v->zone);
	struct json_object *pcpus = json_at(v->zone, "info.pcpus");
	struct json_object *times = json_get(counters, "vcpus");
	uint32_t all = (uint32_t)json_number(v->zone, "vcpus", 0);
	uint32_t on = running ? vcpus_of(running, false) : all;
	uint32_t count = least(v->count, all);

	xdr_put_u32(&call->reply, count);
	for (uint32_t i = 0; i < count; i++) {
		xdr_put_u32(&call->reply, i);
		xdr_put_i32(&call->reply,
			    i < on ? VIR_VCPU_RUNNING : VIR_VCPU_OFFLINE);
		xdr_put_u64(&call->reply,
			    (uint64_t)json_number(
				    json_object_array_get_idx(times, i),
				    "guest_ns", 0));
		xdr_put_i32(&call->reply, number_at(pcpus, i, -1));
	}
	put_maps(call, pcpus, v->map_len ? count : 0, 0);
	call_reply(call);
}

static void got_vcpus(struct call *call, struct json_object *zone)
{
	struct vcpu_call *v = call->state;
	struct json_object *params = json_object_new_object();

	if (!domain_is_active(zone)) {
		json_object_put(params);
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "cannot retrieve vcpu information for inactive "
			   "domain");
		return;
	}
	v->zone = json_object_get(zone);
	json_put(params, "zone", json_object_new_string(v->ref.uuid_text));
	call_hvd(call, "host.counters", params, got_times);
}

static void get_vcpus(struct call *call)
{
	struct vcpu_call args = { 0 };
	int32_t count;
	int32_t len;

	call_get_domain(call, &args.ref);
	count = xdr_get_i32(&call->args);
	len = xdr_get_i32(&call->args);
	if (!call_args_end(call) || !check_maps(call, count, len, 0)) {
		return;
	}
	args.count = (uint32_t)count;
	args.map_len = (uint32_t)len;
	if (keep(call, &args)) {
		call_hvd(call, "zone.get", domain_params(&args.ref), got_vcpus);
	}
}

/* Where each may be: while it runs, on the one CPU where it is. */
static void got_pins(struct call *call, struct json_object *host)
{
	const struct vcpu_call *v = call->state;
	uint32_t count =
		least(v->count, (uint32_t)json_number(v->zone, "vcpus", 0));
	struct json_object *definition = json_get(v->zone, "definition");
	struct json_object *cpus = json_at(v->zone, "info.pcpus");

	if (v->config && definition) {
		count = least(v->count, vcpus_of(definition, true));
		cpus = json_get(definition, "cpus");
	}
	put_maps(call, cpus, count, (uint32_t)json_number(host, "pcpus", 0));
	xdr_put_i32(&call->reply, (int32_t)count);
	call_reply(call);
}

static void got_pinned_zone(struct call *call, struct json_object *zone)
{
	struct vcpu_call *v = call->state;
	struct json_object *definition;

	if (!call_one_definition(call, zone, v->flags, &definition)) {
		return;
	}
	v->config = (v->flags & VIR_DOMAIN_AFFECT_CONFIG) ||
		    !domain_is_active(zone);
	v->zone = json_object_get(zone);
	call_hvd(call, "host.info", NULL, got_pins);
}

static void get_pin_info(struct call *call)
{
	struct vcpu_call args = { 0 };
	int32_t count;
	int32_t len;

	call_get_domain(call, &args.ref);
	count = xdr_get_i32(&call->args);
	len = xdr_get_i32(&call->args);
	args.flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, args.flags, IMPACT) ||
	    !check_maps(call, count, len, 1)) {
		return;
	}
	args.count = (uint32_t)count;
	args.map_len = (uint32_t)len;
	if (keep(call, &args)) {
		call_hvd(call, "zone.get", domain_params(&args.ref),
			 got_pinned_zone);
	}
}

/* ------------------------------------------------------------------ pin */

static int edit_pin(struct call *call, struct json_object *definition,
		    struct vir_error_text *ret_error)
{
	const struct vcpu_call *v = call->state;
	uint32_t count = vcpus_of(definition, true);
	struct json_object *cpus;

	if (v->vcpu >= count) {
		return vir_error_set(ret_error, VIR_ERR_INVALID_ARG,
				     "vcpu %u is out of range of persistent "
				     "cpu count %u",
				     v->vcpu, count);
	}
	if (!json_get(definition, "cpus")) {
		json_put(definition, "cpus", json_object_new_array());
		resize_cpus(definition, count);
	}
	cpus = json_get(definition, "cpus");
	if (!cpus ||
	    json_object_array_put_idx(
		    cpus, v->vcpu,
		    v->pcpu < 0 ? NULL : json_object_new_int(v->pcpu)) < 0) {
		return vir_error_set(ret_error, VIR_ERR_NO_MEMORY,
				     "out of memory");
	}
	return 0;
}

static void pin_zone(struct call *call, struct json_object *zone)
{
	struct vcpu_call *v = call->state;
	struct json_object *params;
	bool live;

	if (!call_impact(call, zone, v->flags, &live, &v->config)) {
		return;
	}
	if (live && v->pcpu < 0) {
		call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
			   "a vCPU that runs is on one physical CPU: name one, "
			   "or change the configuration (--config)");
		return;
	}
	v->edit = edit_pin;
	params = domain_params(&v->ref);
	json_put(params, "vcpu", json_object_new_int64(v->vcpu));
	json_put(params, "pcpu", json_object_new_int(v->pcpu));
	change(call, live, "zone.pin", params);
}

/* One CPU, or all of the machine: anywhere.  Bits beyond these do not matter. */
static void got_machine(struct call *call, struct json_object *host)
{
	struct vcpu_call *v = call->state;
	uint32_t pcpus = (uint32_t)json_number(host, "pcpus", 0);
	uint32_t count = 0;

	for (uint32_t i = 0; i < pcpus && i / 8 < v->map_len; i++) {
		if (v->map[i / 8] & 1u << i % 8) {
			v->pcpu = (int32_t)i;
			count++;
		}
	}
	if (count != 1 && count != pcpus) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "a vCPU is pinned to one physical CPU of 0 to %u, "
			   "or to all: not to %u of them",
			   pcpus - 1, count);
		return;
	}
	/* with a single CPU in the machine both mean the same */
	if (count != 1) {
		v->pcpu = -1;
	}
	call_hvd(call, "zone.get", domain_params(&v->ref), pin_zone);
}

static void pin(struct call *call, bool with_flags, uint32_t flags)
{
	struct vcpu_call args = { .flags = flags };

	call_get_domain(call, &args.ref);
	args.vcpu = xdr_get_u32(&call->args);
	args.map = xdr_get_opaque(&call->args, CPUMAP_MAX, &args.map_len);
	if (with_flags) {
		args.flags = xdr_get_u32(&call->args);
	}
	if (call_args_end(call) && call_only_flags(call, args.flags, IMPACT) &&
	    keep(call, &args)) {
		call_hvd(call, "host.info", NULL, got_machine);
	}
}

static void pin_vcpu(struct call *call)
{
	pin(call, false, VIR_DOMAIN_AFFECT_LIVE);
}

static void pin_vcpu_flags(struct call *call)
{
	pin(call, true, 0);
}

static const struct procedure rows[] = {
	{ 18, "DomainGetMaxVcpus", get_max_vcpus, PROC_READ, NULL },
	{ 200, "DomainGetVcpusFlags", get_vcpus_flags, PROC_READ,
	  "`LIVE`, `CONFIG`, `MAXIMUM`" },
	{ 32, "DomainSetVcpus", set_vcpus, 0, NULL },
	{ 199, "DomainSetVcpusFlags", set_vcpus_flags, 0,
	  "`LIVE`, `CONFIG`, `MAXIMUM`; the guest brings them online" },
	{ 20, "DomainGetVcpus", get_vcpus, PROC_READ, NULL },
	{ 230, "DomainGetVcpuPinInfo", get_pin_info, PROC_READ,
	  "while it runs, the one CPU where each is" },
	{ 26, "DomainPinVcpu", pin_vcpu, 0, "to one CPU" },
	{ 225, "DomainPinVcpuFlags", pin_vcpu_flags, 0,
	  "to one CPU, or with `CONFIG` to all: anywhere" },
};

const struct procedure_group vcpu_procedures = {
	"vCPUs", rows, sizeof(rows) / sizeof(rows[0])
};
