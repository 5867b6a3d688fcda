/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU of a zone that exists goes to another physical CPU.  The hypervisor has
 * a vCPU on one at a time; its definition is another matter (zone.define).
 */
#include <errno.h>
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

	for (uint32_t i = 0; def && def->pinned && i < def->vcpus; i++) {
		if (def->cpus[i] != ZV_PCPU_ANY) {
			def->cpus[i] = info->pcpu[i];
		}
	}
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
	if (z->control_fd < 0 || z->state == ZONE_DYING) {
		return zerror_set(ret_error, ZERROR_INVALID_STATE, NULL,
				  "change the definition (hvsh vcpupin "
				  "--config), or start it first",
				  "%s does not run", z->name);
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
