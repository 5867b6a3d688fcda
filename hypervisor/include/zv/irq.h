/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical interrupts and their owners.  INTIDs are 32-bit; the table is sized
 * by what the controller reports.
 */
#ifndef ZV_IRQ_H
#define ZV_IRQ_H

#include <zv/types.h>

struct zone;

#define IRQ_OWNER_NONE 0xffffu

/* Boot, after the controller is known. */
int irq_table_init(u32 intid_count);
u32 irq_table_count(void);
/* Gives the line to a zone (same INTID inside it), IRQ_OWNER_NONE takes it. */
int irq_assign(u32 intid, u16 zone);
u16 irq_owner(u32 intid);

#endif /* ZV_IRQ_H */
