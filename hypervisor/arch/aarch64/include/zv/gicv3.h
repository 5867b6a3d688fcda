/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of the physical GICv3 (IHI 0069).  Everything is non-secure group 1.
 * EOImode is 1: gicv3_drop() ends the priority, gicv3_deactivate() the active
 * state, so that a line can stay active until a guest's own deactivation (a
 * list register with HW=1) ends it.
 *
 * For INTIDs below 32 the calls act on the calling pCPU's redistributor.
 * INTIDs are checked by the caller against arch_irq_count(); others panic.
 *
 * arch_irq_handle() drops every interrupt it acknowledges, then:
 *   SGI, hypervisor timer, maintenance, unowned SPI: deactivates it;
 *   virtual timer, owned SPI: leaves it active to vtimer_irq() and
 *   vgic_inject_phys(), which see to the deactivation.
 */
#ifndef ZV_AARCH64_GICV3_H
#define ZV_AARCH64_GICV3_H

#include <zv/types.h>

struct host_facts;

#define GIC_SGI_KICK 0u
#define GIC_SGI_STOP 1u
#define GIC_SPI_FIRST 32u
#define GIC_INTID_SPURIOUS 1020u /* and above: nothing to handle */

#define GIC_PRIORITY_IPI 0x80u
#define GIC_PRIORITY_DEFAULT 0xa0u

/* Boot, before arch_irq_init(): where the controller is. 0 or -errno. */
int gicv3_setup(const struct host_facts *facts);

u32 gicv3_ack(void);
void gicv3_drop(u32 intid);
void gicv3_deactivate(u32 intid);
void gicv3_send_sgi(u32 cpu, u32 sgi);

void gicv3_enable(u32 intid);
/* Complete on return: no new signal of it after this. */
void gicv3_disable(u32 intid);
void gicv3_set_pending(u32 intid, bool on);
void gicv3_set_active(u32 intid, bool on);
bool gicv3_is_pending(u32 intid);
bool gicv3_is_active(u32 intid);
bool gicv3_is_edge(u32 intid);
void gicv3_set_edge(u32 intid, bool edge);
void gicv3_set_priority(u32 intid, u32 priority);
/* SPIs: which pCPU takes it. */
void gicv3_route(u32 intid, u32 cpu);

/* INTIDs of the private lines, from the host tree. */
struct gicv3_ppis {
	u32 hyp_timer;
	u32 virt_timer;
	u32 phys_timer;
	u32 maintenance;
};
extern struct gicv3_ppis gicv3_ppi;

#endif /* ZV_AARCH64_GICV3_H */
