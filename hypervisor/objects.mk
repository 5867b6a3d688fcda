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
hv-core-y += hypervisor/core/trace.c
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

# Boot, console and log; not part of the host stand-in, which has its own.
hv-aarch64-y += hypervisor/core/console.c
hv-aarch64-y += hypervisor/core/fdt_walk.c
hv-aarch64-y += hypervisor/core/fit.c
hv-aarch64-y += hypervisor/core/host_facts.c
hv-aarch64-y += hypervisor/core/log.c
hv-aarch64-y += hypervisor/core/main.c
hv-aarch64-y += hypervisor/core/mem_range.c
hv-aarch64-y += hypervisor/core/panic.c
hv-aarch64-y += hypervisor/core/stack_guard.c
hv-aarch64-y += hypervisor/core/zone0.c
hv-aarch64-y += hypervisor/core/zone0_fdt.c
hv-aarch64-y += hypervisor/core/zone0_ram.c
hv-aarch64-y += hypervisor/drivers/uart/pl011.c
hv-aarch64-y += hypervisor/lib/printf.c
hv-aarch64-y += hypervisor/lib/spinlock.c
hv-aarch64-y += hypervisor/lib/string.c
# EL2 itself.
hv-aarch64-y += hypervisor/arch/aarch64/boot.c
hv-aarch64-y += hypervisor/arch/aarch64/cpu.c
hv-aarch64-y += hypervisor/arch/aarch64/early_map.c
hv-aarch64-y += hypervisor/arch/aarch64/exception.S
hv-aarch64-y += hypervisor/arch/aarch64/exception.c
hv-aarch64-y += hypervisor/arch/aarch64/gicv3.c
hv-aarch64-y += hypervisor/arch/aarch64/head.S
hv-aarch64-y += hypervisor/arch/aarch64/irq.c
hv-aarch64-y += hypervisor/arch/aarch64/mm.c
hv-aarch64-y += hypervisor/arch/aarch64/psci_client.c
hv-aarch64-y += hypervisor/arch/aarch64/reset.c
hv-aarch64-y += hypervisor/arch/aarch64/smc.S
hv-aarch64-y += hypervisor/arch/aarch64/time.c

# Guests on aarch64: entry, traps, timers, the virtual GIC, firmware calls.
hv-aarch64-y += hypervisor/arch/aarch64/abort.c
hv-aarch64-y += hypervisor/arch/aarch64/decode.c
hv-aarch64-y += hypervisor/arch/aarch64/entry.S
hv-aarch64-y += hypervisor/arch/aarch64/fault.c
hv-aarch64-y += hypervisor/arch/aarch64/fp.S
hv-aarch64-y += hypervisor/arch/aarch64/idreg.c
hv-aarch64-y += hypervisor/arch/aarch64/psci.c
hv-aarch64-y += hypervisor/arch/aarch64/smccc.c
hv-aarch64-y += hypervisor/arch/aarch64/sysreg.c
hv-aarch64-y += hypervisor/arch/aarch64/trap.c
hv-aarch64-y += hypervisor/arch/aarch64/vcpu.c
hv-aarch64-y += hypervisor/arch/aarch64/vgic.c
hv-aarch64-y += hypervisor/arch/aarch64/vgic_lr.c
hv-aarch64-y += hypervisor/arch/aarch64/vgic_mmio.c
hv-aarch64-y += hypervisor/arch/aarch64/vtimer.c
hv-fp-y += hypervisor/arch/aarch64/fp.S
