/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual GICv3 of a zone (IHI 0069): distributor and redistributors in
 * software, the CPU interface in the list registers (LRs).
 *
 * An interrupt is in at most one vCPU's queue: when it is active, or pending
 * and enabled.  Its state is the union of what the software bits below say and
 * of what its LR says; writing an LR moves the bits there ("fill"), reading it
 * back returns them ("fold").  So an event that arrives meanwhile only sets a
 * software bit and nothing is lost or taken twice.
 *
 * Fill and fold happen on the pCPU that has the vCPU loaded.  Everybody else
 * changes the bits under the zone's vgic lock, sets VCPU_WORK_VGIC in the vCPU
 * and kicks it.  An exit that changes nothing touches no LR.
 *
 * A physical interrupt stays active at the GIC from its acknowledgement at EL2
 * until the guest deactivates its own: by the LR's HW bit where the LR shows
 * it, by gicv3_deactivate() elsewhere.  `phys` and `lr_hw` say who owes that.
 */
#ifndef ZV_AARCH64_VGIC_H
#define ZV_AARCH64_VGIC_H

#include <zv/list.h>
#include <zv/spinlock.h>
#include <zv/types.h>

struct host_facts;
struct mmio_access;
struct vcpu;
struct zone;

#define VGIC_PRIVATE 32u /* SGIs 0..15, PPIs 16..31 */
#define VGIC_SGIS 16u
#define VGIC_INTIDS_MAX 1020u
#define VGIC_LRS_MAX 16u
#define VGIC_APRS_MAX 4u

struct vgic_irq {
	struct list node; /* in the queue of queued_on */
	struct vcpu *queued_on; /* NULL: in no queue */
	struct vcpu *target; /* NULL: routed to no vCPU of the zone */
	u32 intid;
	u32 router; /* SPIs: affinity 3.2.1.0, a byte each */
	bool router_any; /* GICD_IROUTER.Interrupt_Routing_Mode */
	u8 priority;
	bool group1;
	bool edge;
	bool enabled;
	bool latch; /* pending: an edge, or written to ISPENDR */
	bool line; /* level of the input */
	bool active;
	bool phys; /* the physical line is active, software owes the end */
	/* What the LR was given. */
	bool in_lr;
	bool lr_latch;
	bool lr_active;
	bool lr_hw;
	/* Cleared by another vCPU while it was in the LR. */
	bool drop_latch;
	bool drop_active;
};

struct vgic_cpu {
	struct list queue;
	u32 queued; /* its length */
	struct vgic_irq *lr_irq[VGIC_LRS_MAX];
	/* vgic_flush(): the registers outside the lock. */
	u64 lr[VGIC_LRS_MAX];
	bool sampled;
	bool timer_level;
	u32 lr_used; /* LRs 0..lr_used-1 may hold something */
	bool live; /* the hardware has its CPU interface */
	bool asleep; /* GICR_WAKER.ProcessorSleep */
	u64 hcr; /* ICH_HCR_EL2 as written */
	u64 vmcr;
	u64 apr[2][VGIC_APRS_MAX]; /* by group */
	struct vgic_irq private[VGIC_PRIVATE];
};

#define VGIC_REDISTS_MAX 8

/* A range of redistributor frames. */
struct vgic_region {
	u64 base;
	u32 first; /* vCPU of its first frame */
};

struct vgic {
	struct spinlock lock;
	u32 ctlr; /* GICD_CTLR: the group enables */
	u32 intid_count;
	u32 rwp; /* mask: vCPUs that have not seen a disable yet */
	struct vgic_irq *spi; /* INTID 32 is the first */
	u64 dist_base;
	struct vgic_region redist[VGIC_REDISTS_MAX];
};

/* ------------------------------------------------------ boot, per pCPU */
/* Where the host's GIC is: zone0's virtual one stands in its place. */
void vgic_host_layout(const struct host_facts *facts);
/* Once the physical CPU interface is on. */
void vgic_cpu_init(void);

/* ------------------------------------------- from arch_irq_handle() */
void vgic_maintenance(void);
/* A line of the zone was acknowledged; it stays active. */
void vgic_inject_phys(struct zone *z, u32 intid);

/* ------------------------------------------------- from the vCPU code */
void vgic_vcpu_init(struct vcpu *v);
/* CPU interface and private interrupts' state; the vCPU is not loaded. */
void vgic_vcpu_reset(struct vcpu *v);
/* All vCPUs and the distributor; the zone is quiet. */
void vgic_reset(struct zone *z);
void vgic_load(struct vcpu *v);
void vgic_put(struct vcpu *v);
/* VCPU_WORK_VGIC was set: brings the LRs up to date. */
void vgic_flush(struct vcpu *v);
/* True if the guest would take an interrupt, PSTATE aside. */
bool vgic_pending(struct vcpu *v);

/* ICC_SGI1R_EL1 and, all_groups false, ICC_SGI0R_EL1 / ICC_ASGI1R_EL1. */
void vgic_sgi(struct vcpu *v, u64 value, bool all_groups);
/* The CPU interface registers that trap while LRs are short. */
void vgic_write_dir(struct vcpu *v, u64 value);
u64 vgic_read_ctlr(struct vcpu *v);
void vgic_write_ctlr(struct vcpu *v, u64 value);
u64 vgic_read_pmr(struct vcpu *v);
void vgic_write_pmr(struct vcpu *v, u64 value);
u64 vgic_read_rpr(struct vcpu *v);

/*
 * An access to the distributor, answered without the way through the core's
 * table (where it is registered all the same).  False: not there.
 */
bool vgic_mmio(struct vcpu *v, struct mmio_access *a);

/* Level of a private line of v (timers). */
void vgic_set_private_line(struct vcpu *v, u32 intid, bool level);

#endif /* ZV_AARCH64_VGIC_H */
