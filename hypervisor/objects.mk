# SPDX-License-Identifier: BSD-2-Clause

# Zones, memory, scheduling, I/O, hypercalls.
hv-core-y += hypervisor/core/frame.c
hv-core-y += hypervisor/core/hvcall.c
hv-core-y += hypervisor/core/io.c
hv-core-y += hypervisor/core/irq.c
hv-core-y += hypervisor/core/mmio.c
hv-core-y += hypervisor/core/page_alloc.c
hv-core-y += hypervisor/core/percpu.c
hv-core-y += hypervisor/core/pgtable.c
hv-core-y += hypervisor/core/sched.c
hv-core-y += hypervisor/core/shadow.c
hv-core-y += hypervisor/core/timer.c
hv-core-y += hypervisor/core/vcpu.c
hv-core-y += hypervisor/core/zone.c
hv-core-y += hypervisor/core/zone_info.c
hv-core-y += hypervisor/core/zone_mem.c
hv-core-y += hypervisor/core/zone_state.c

# The host stand-in: what core tests and fuzzers are linked with.
hv-fake-y += hypervisor/arch/fake/cpu.c
hv-fake-y += hypervisor/arch/fake/invariants.c
hv-fake-y += hypervisor/arch/fake/irq.c
hv-fake-y += hypervisor/arch/fake/lock.c
hv-fake-y += hypervisor/arch/fake/log.c
hv-fake-y += hypervisor/arch/fake/machine.c
hv-fake-y += hypervisor/arch/fake/mm.c
hv-fake-y += hypervisor/arch/fake/vcpu.c
