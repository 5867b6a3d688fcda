/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hypervisor's trace says: see ZV_HC_TRACE_SET and ZV_HC_TRACE_READ.
 *
 * Each pCPU writes what happens on it into a ring of its own that has the last
 * ZV_TRACE_RING records.  A record is at a position, which counts the records
 * ever written by the pCPU.  Events belong to classes, which are switched on
 * and off together.
 */
#ifndef ZV_PUBLIC_TRACE_RECORD_H
#define ZV_PUBLIC_TRACE_RECORD_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define ZV_TRACE_RING 4096u /* records for each pCPU */

/* The class of an event, and its bit for ZV_HC_TRACE_SET. */
#define ZV_TRACE_CLASS(event) ((event) >> 4)
#define ZV_TRACE_BIT(event) (1u << ZV_TRACE_CLASS(event))

/*
 * Events.  zone and vcpu say whom it concerns, of INJECT it is who gets the
 * interrupt; the pCPU is the one that noted it.
 */
/* Class 0, run: the guest is entered, and left: detail = ZV_LEAVE_*. */
#define ZV_TRACE_ENTER 0x00u
#define ZV_TRACE_LEAVE 0x01u /* arg[0] = syndrome (ESR_EL2), 0 for IRQ */
/*
 * Class 1, sched.  SWITCH: this pCPU is the vCPU's now, or nobody's (zone =
 * ZV_TRACE_NONE).  READY: it may run, on pCPU arg[0].  BLOCK: it waits, for an
 * interrupt (detail = 0) or for its access (1), or is powered off (2).
 */
#define ZV_TRACE_SWITCH 0x10u
#define ZV_TRACE_READY 0x11u
#define ZV_TRACE_BLOCK 0x12u
/* Class 2, irq: arg[0] = INTID of an interrupt made pending. */
#define ZV_TRACE_INJECT 0x20u
/*
 * Class 3, io: what a write rang, arg[0] = bit; an access sent to zone0,
 * arg[0] = gpa, detail = size | write << 8; a write into the posted ring,
 * arg[0] = gpa.  Values are not told.
 */
#define ZV_TRACE_DOORBELL 0x30u
#define ZV_TRACE_FORWARD 0x31u
#define ZV_TRACE_POSTED 0x32u
/*
 * Class 4, hypercall, at its end: detail = ZV_HC_*, arg[0] = its result,
 * arg[1] = its first argument.
 */
#define ZV_TRACE_HYPERCALL 0x40u
/* Class 5, state: detail = ZV_ZONE_*, arg[0] = ZV_REASON_*. */
#define ZV_TRACE_STATE 0x50u

#define ZV_TRACE_CLASS_COUNT 6u
#define ZV_TRACE_ALL ((1u << ZV_TRACE_CLASS_COUNT) - 1)

#define ZV_TRACE_NONE 0xffffu /* no zone, or no vCPU in particular */

/* Why a guest was left, as far as the processor tells at once. */
#define ZV_LEAVE_IRQ 0u
#define ZV_LEAVE_WFX 1u
#define ZV_LEAVE_HVC 2u
#define ZV_LEAVE_SMC 3u
#define ZV_LEAVE_SYSREG 4u
#define ZV_LEAVE_ACCESS 5u /* a load or store that memory did not answer */
#define ZV_LEAVE_FETCH 6u
#define ZV_LEAVE_SERROR 7u
#define ZV_LEAVE_OTHER 8u

struct zv_trace_record {
	uint64_t time_ns; /* as zv_info.uptime_ns */
	uint16_t event; /* ZV_TRACE_* */
	uint16_t zone;
	uint16_t vcpu;
	uint16_t detail;
	uint64_t arg[2]; /* 0 where none is stated */
};

#ifndef __KERNEL__
_Static_assert(sizeof(struct zv_trace_record) == 32, "zv_trace_record");
#endif

#endif /* ZV_PUBLIC_TRACE_RECORD_H */
