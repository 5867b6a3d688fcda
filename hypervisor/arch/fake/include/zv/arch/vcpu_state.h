/* SPDX-License-Identifier: BSD-2-Clause */
/* Fake architecture: a guest is a C function that produces exits. */
#ifndef ZV_ARCH_VCPU_STATE_H
#define ZV_ARCH_VCPU_STATE_H

#include <zv/types.h>

struct arch_vcpu {
	bool live; /* between arch_vcpu_init() and _fini() */
	bool loaded;
	bool irq_pending;
	u64 pc;
	u64 x[4];
	u32 runs; /* times it was entered */
	/* The last answers to its exits. */
	u32 mmio_done;
	u32 mmio_aborts;
	u32 mmio_retries;
	u64 mmio_value;
	u32 hypercalls;
	s64 hypercall_ret;
	u64 hypercall_out[3];
};

#endif /* ZV_ARCH_VCPU_STATE_H */
