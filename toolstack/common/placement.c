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
		      uint32_t vcpu_count, uint32_t pcpu[ZV_VCPUS_MAX])
{
	uint32_t own[ZV_PCPUS_MAX] = { 0 };

	for (uint32_t vcpu = 0; vcpu < vcpu_count; vcpu++) {
		if (pcpu[vcpu] < ZV_PCPUS_MAX) {
			own[pcpu[vcpu]]++;
		}
	}
	for (uint32_t vcpu = 0; vcpu < vcpu_count; vcpu++) {
		uint32_t best = 0;

		if (pcpu[vcpu] != ZV_PCPU_ANY) {
			continue;
		}
		for (uint32_t cpu = 1; cpu < pcpu_count; cpu++) {
			if (is_better(cpu, best, own, load)) {
				best = cpu;
			}
		}
		own[best]++;
		pcpu[vcpu] = best;
	}
}

static bool runs_on(const uint32_t *pcpu, uint32_t vcpu_count, uint32_t cpu)
{
	for (uint32_t i = 0; i < vcpu_count; i++) {
		if (pcpu[i] == cpu) {
			return true;
		}
	}
	return false;
}

uint32_t placement_event(const uint32_t *pcpu, uint32_t vcpu_count,
			 uint32_t first, uint32_t event_count)
{
	for (uint32_t i = 0; i < event_count; i++) {
		uint32_t event = (first % event_count + i) % event_count;

		if (!runs_on(pcpu, vcpu_count, event)) {
			return event;
		}
	}
	return event_count != 0 ? first % event_count : 0;
}
