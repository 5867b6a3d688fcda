/* SPDX-License-Identifier: BSD-2-Clause */
#include "placement.h"

#include <stdbool.h>

static bool is_better(uint32_t a, uint32_t b, const uint32_t *own,
		      const uint32_t *load)
{
	if (own[a] != own[b]) {
		return own[a] < own[b];
	}
	if ((a == 0) != (b == 0)) {
		return b == 0;
	}
	return load[a] < load[b];
}

void placement_choose(const uint32_t load[ZV_PCPUS_MAX], uint32_t pcpu_count,
		      uint32_t vcpu_count, uint32_t ret_pcpu[ZV_VCPUS_MAX])
{
	uint32_t own[ZV_PCPUS_MAX] = { 0 };

	for (uint32_t vcpu = 0; vcpu < vcpu_count; vcpu++) {
		uint32_t best = 0;

		for (uint32_t cpu = 1; cpu < pcpu_count; cpu++) {
			if (is_better(cpu, best, own, load)) {
				best = cpu;
			}
		}
		own[best]++;
		ret_pcpu[vcpu] = best;
	}
}
