/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs of a zone that exists: to which physical CPU one goes (the hypervisor has
 * it on one at a time), and how many may be on.  The definition is another matter
 * (zone.define).
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "methods.h"
#include "privcmd.h"
#include "rpc.h"
#include "zone_internal.h"

/* What it runs with says the same, also to the definition's readers. */
static void note(struct zone_def *def, uint32_t vcpu, uint32_t pcpu)
{
	if (!def || vcpu >= def->vcpus) {
		return;
	}
	for (uint32_t i = 0; !def->pinned && i < def->vcpus; i++) {
		def->cpus[i] = ZV_PCPU_ANY;
	}
	def->pinned = true;
	def->cpus[vcpu] = pcpu;
}

void zone_pin_follow(struct zone *z, const struct zv_zone_info *info)
{
	struct zone_def *def = z->running_def;
	uint32_t limit = 0;

	for (uint32_t i = 0; def && def->pinned && i < def->vcpus; i++) {
		if (def->cpus[i] != ZV_PCPU_ANY) {
			def->cpus[i] = info->pcpu[i];
		}
	}
	if (def && privcmd_vcpu_limit(z->control_fd, &limit) == 0) {
		def->vcpus_on = limit;
	}
}

static int check_runs(const struct zone *z, const char *command,
		      struct zerror *ret_error)
{
	char hint[80];

	if (z->control_fd >= 0 && z->state != ZONE_DYING) {
		return 0;
	}
	snprintf(hint, sizeof(hint),
		 "change the definition (hvsh %s --config), or start it first",
		 command);
	return zerror_set(ret_error, ZERROR_INVALID_STATE, NULL, hint,
			  "%s does not run", z->name);
}

static int check_cpu(const struct zone *z, long long vcpu, long long pcpu,
		     struct zerror *ret_error)
{
	struct zv_zone_info info = { 0 };
	struct zv_info host = { 0 };

	if (vcpu < 0 || pcpu < 0) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS,
				  vcpu < 0 ? "$.vcpu" : "$.pcpu", NULL,
				  "CPUs are counted from 0");
	}
	if (check_runs(z, "vcpupin", ret_error) < 0) {
		return -1;
	}
	if (privcmd_zone_info(z->control_fd, &info) < 0 ||
	    privcmd_info(z->daemon->device, &host) < 0) {
		return zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
				  "the hypervisor does not say");
	}
	if (vcpu >= info.vcpu_count) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$.vcpu",
				  NULL, "%s has the vCPUs 0 to %u", z->name,
				  info.vcpu_count - 1);
	}
	if (pcpu >= host.pcpu_count) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$.pcpu",
				  NULL, "this machine has the CPUs 0 to %u",
				  host.pcpu_count - 1);
	}
	return 0;
}

static int pin(struct zone *z, uint32_t vcpu, uint32_t pcpu,
	       struct zerror *ret_error)
{
	int rc = privcmd_vcpu_pin(z->control_fd, vcpu, pcpu);

	if (rc == -ENOSYS || rc == -ENOTTY) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, NULL,
				  "change the definition; it holds from the "
				  "next start",
				  "this hypervisor moves no vCPUs");
	}
	if (rc < 0) {
		return zerror_set(ret_error, ZERROR_INTERNAL, NULL,
				  "see which CPUs are online (hvsh host)",
				  "%s: vCPU %u cannot go to CPU %u: %s",
				  z->name, vcpu, pcpu, strerror(-rc));
	}
	note(z->running_def, vcpu, pcpu);
	return 0;
}

void methods_zone_pin(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);
	long long vcpu = rpc_get_int(params, "vcpu", -1);
	long long pcpu = rpc_get_int(params, "pcpu", -1);
	struct zerror error;

	if (!z) {
		return;
	}
	if (check_cpu(z, vcpu, pcpu, &error) < 0 ||
	    pin(z, (uint32_t)vcpu, (uint32_t)pcpu, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	rpc_result(call, NULL);
}

static int set_vcpus(struct zone *z, long long wanted, struct zerror *ret_error)
{
	struct zv_zone_info info = { 0 };
	uint32_t count = (uint32_t)wanted;
	int rc;

	if (wanted < 1 || wanted > ZV_VCPUS_MAX) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$.vcpus",
				  NULL, "a zone has 1 to %u vCPUs",
				  ZV_VCPUS_MAX);
	}
	if (check_runs(z, "setvcpus", ret_error) < 0) {
		return -1;
	}
	if (privcmd_zone_info(z->control_fd, &info) == 0 &&
	    count > info.vcpu_count) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$.vcpus",
				  "raise its maximum for its next start (hvsh "
				  "setvcpus --config --maximum)",
				  "%s was started with at most %u vCPUs",
				  z->name, info.vcpu_count);
	}
	rc = privcmd_vcpu_limit(z->control_fd, &count);
	if (rc == -ENOSYS || rc == -ENOTTY) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, NULL,
				  "change the definition; it holds from the "
				  "next start",
				  "this hypervisor cannot keep vCPUs off");
	}
	if (rc < 0) {
		return zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
				  "%s: its vCPUs cannot be limited: %s",
				  z->name, strerror(-rc));
	}
	if (z->running_def) {
		z->running_def->vcpus_on = count;
	}
	return 0;
}

/* Those parameters that describe the zone. */
static struct json_object *described(struct json_object *params)
{
	static const char *const members[] = { "title", "description",
					       "metadata" };
	struct json_object *changes = json_object_new_object();
	struct json_object *value;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (json_object_object_get_ex(params, members[i], &value)) {
			json_object_object_add(changes, members[i],
					       json_object_get(value));
		}
	}
	return changes;
}

/* ret_def: as it is to be described; NULL: as it is. */
static int set(struct zone *z, struct json_object *params,
	       struct json_object *changes, struct zone_def **ret_def,
	       struct zerror *ret_error)
{
	bool has_vcpus = json_object_object_get_ex(params, "vcpus", NULL);
	struct zone_def *def = NULL;

	if (!has_vcpus && json_object_object_length(changes) == 0) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, NULL,
				  "give vcpus, title, description or metadata",
				  "nothing to set");
	}
	if (json_object_object_length(changes) > 0) {
		def = zone_describe_prepare(z, changes, ret_error);
		if (!def) {
			return -1;
		}
	}
	if (has_vcpus &&
	    set_vcpus(z, rpc_get_int(params, "vcpus", 0), ret_error) < 0) {
		zone_def_destroy(def);
		return -1;
	}
	*ret_def = def;
	return 0;
}

void methods_zone_set(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);
	struct json_object *changes;
	struct zone_def *def = NULL;
	struct zerror error;

	if (!z) {
		return;
	}
	changes = described(params);
	if (set(z, params, changes, &def, &error) < 0) {
		rpc_fail(call, &error);
	} else if (def) {
		zone_describe(z, def, call);
	} else {
		rpc_result(call, zone_defined_result(z));
	}
	json_object_put(changes);
}
