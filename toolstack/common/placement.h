/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where vCPUs run when the definition does not say: two vCPUs of a zone on
 * different physical CPUs if there are enough, then away from CPU 0 (where
 * zone0 does its interrupts), then where the fewest vCPUs are.
 */
#ifndef ZV_TOOLSTACK_COMMON_PLACEMENT_H
#define ZV_TOOLSTACK_COMMON_PLACEMENT_H

#include <stdint.h>

#include <zv/abi.h>

/*
 * load[]: vCPUs of all zones per physical CPU; pcpu_count 1..ZV_PCPUS_MAX.  Of
 * pcpu[], what is not ZV_PCPU_ANY stays.
 */
void placement_choose(const uint32_t load[ZV_PCPUS_MAX], uint32_t pcpu_count,
		      uint32_t vcpu_count, uint32_t pcpu[ZV_VCPUS_MAX]);

/*
 * Which of zone0's event interrupts, each of which has a CPU of zone0, a zone
 * raises: one of a CPU where none of its vCPUs runs, if there is one, so that
 * its guest goes on while its I/O is done.  first spreads zones.
 */
uint32_t placement_event(const uint32_t *pcpu, uint32_t vcpu_count,
			 uint32_t first, uint32_t event_count);

#endif /* ZV_TOOLSTACK_COMMON_PLACEMENT_H */
