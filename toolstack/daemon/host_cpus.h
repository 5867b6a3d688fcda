/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's CPUs: where each is, and which vCPUs are on it. */
#ifndef ZV_TOOLSTACK_DAEMON_HOST_CPUS_H
#define ZV_TOOLSTACK_DAEMON_HOST_CPUS_H

#include <stdint.h>

struct daemon;
struct json_object;

/*
 * {cpu, package?, cluster?, core?, vcpus: [{zone, vcpu}]} of each of count CPUs.
 * zone0 has a vCPU on each, of the same number (docs/decisions/0003): so what its
 * kernel knows of the places of its CPUs holds for the machine's.
 */
struct json_object *host_cpus_to_json(const struct daemon *daemon,
				      uint32_t count);

#endif /* ZV_TOOLSTACK_DAEMON_HOST_CPUS_H */
