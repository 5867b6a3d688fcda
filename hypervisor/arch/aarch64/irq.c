/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical interrupts: from the controller to whoever they are for. */
#include <zv/arch/cpu.h>
#include <zv/arch/irq.h>
#include <zv/gicv3.h>
#include <zv/irq.h>
#include <zv/log.h>
#include <zv/sched.h>
#include <zv/time.h>
#include <zv/vgic.h>
#include <zv/vtimer.h>
#include <zv/zone.h>

/* Then the main loop goes on; what is still pending makes an exit at once. */
#define BURST_MAX 16

void arch_ipi_send(u32 cpu, enum arch_ipi kind)
{
	gicv3_send_sgi(cpu,
		       kind == ARCH_IPI_KICK ? GIC_SGI_KICK : GIC_SGI_STOP);
}

static void finish(u32 intid)
{
	gicv3_drop(intid);
	gicv3_deactivate(intid);
}

static void handle_sgi(u32 intid)
{
	finish(intid);
	if (intid == GIC_SGI_KICK) {
		sched_ipi();
	} else if (intid == GIC_SGI_STOP) {
		arch_cpu_stop();
	}
}

static void handle_ppi(u32 intid)
{
	gicv3_drop(intid);
	if (intid == gicv3_ppi.virt_timer) {
		vtimer_irq();
		return;
	}
	if (intid == gicv3_ppi.hyp_timer) {
		timer_run();
	} else if (intid == gicv3_ppi.maintenance) {
		vgic_maintenance();
	} else {
		gicv3_disable(intid);
		log_ratelimited("private interrupt %u has no user: masked",
				intid);
	}
	gicv3_deactivate(intid);
}

static void handle_spi(u32 intid)
{
	u16 owner = irq_owner(intid);
	struct zone *z = owner == IRQ_OWNER_NONE ? NULL : zone_get(owner);

	gicv3_drop(intid);
	if (z == NULL) {
		gicv3_disable(intid);
		gicv3_deactivate(intid);
		log_ratelimited("interrupt %u has no owner: masked", intid);
		return;
	}
	vgic_inject_phys(z, intid);
	zone_put(z);
}

void arch_irq_handle(void)
{
	for (u32 i = 0; i < BURST_MAX; i++) {
		u32 intid = gicv3_ack();

		if (intid >= GIC_INTID_SPURIOUS) {
			return;
		}
		if (intid < 16) {
			handle_sgi(intid);
		} else if (intid < GIC_SPI_FIRST) {
			handle_ppi(intid);
		} else {
			handle_spi(intid);
		}
	}
}
