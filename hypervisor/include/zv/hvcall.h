/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercall dispatch: one table row per call says who may make it.
 */
#ifndef ZV_HVCALL_H
#define ZV_HVCALL_H

#include <zv/types.h>

struct vcpu;

struct hvcall_result {
	s64 ret; /* 0, a count, or -errno */
	u64 out[3];
};

/*
 * nr: ZV_HC_*, without what the architecture's convention adds to it (on
 * aarch64 ZV_HC_BASE); nr and args as the guest gave them: nothing is trusted.
 */
void hvcall(struct vcpu *v, u32 nr, const u64 arg[5],
	    struct hvcall_result *ret);

#endif /* ZV_HVCALL_H */
