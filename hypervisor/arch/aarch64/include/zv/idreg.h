/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ID registers as guests see them: the CPU's, less what is not offered.  All
 * are in one group, op0 3, op1 0, CRn 0, CRm 1..7 (HCR_EL2.TID3).
 */
#ifndef ZV_AARCH64_IDREG_H
#define ZV_AARCH64_IDREG_H

#include <zv/types.h>

#define IDREG_CRM_FIRST 1u
#define IDREG_COUNT 56u /* CRm 1..7, op2 0..7 */

/* Index of a register of the group. */
#define IDREG(crm, op2) (((crm)-IDREG_CRM_FIRST) * 8u + (op2))

/* Pure: what a guest reads where the hardware has `value`. */
u64 idreg_sanitise(u32 index, u64 value);
/* Reads and sanitises the registers of this CPU. */
void idreg_init(void);
u64 idreg_read(u32 index);

#endif /* ZV_AARCH64_IDREG_H */
