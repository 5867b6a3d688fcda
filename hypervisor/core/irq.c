// SPDX-License-Identifier: BSD-2-Clause
/* Which zone owns which physical interrupt. */
#include <zv/abi_all.h>
#include <zv/atomic.h>
#include <zv/errno.h>
#include <zv/irq.h>
#include <zv/mm.h>

static u16 *owner_table;
static u32 owner_count;

int irq_table_init(u32 intid_count)
{
	owner_table = hv_alloc(intid_count * sizeof(*owner_table), ZV_ZONE0);
	if (owner_table == NULL) {
		return -ENOMEM;
	}
	for (u32 i = 0; i < intid_count; i++) {
		owner_table[i] = IRQ_OWNER_NONE;
	}
	owner_count = intid_count;
	return 0;
}

u32 irq_table_count(void)
{
	return owner_count;
}

int irq_assign(u32 intid, u16 zone)
{
	if (intid >= owner_count ||
	    (zone != IRQ_OWNER_NONE && zone >= ZV_ZONES_MAX)) {
		return -EINVAL;
	}
	atomic_store_release(&owner_table[intid], zone);
	return 0;
}

u16 irq_owner(u32 intid)
{
	return intid < owner_count ? atomic_load_acquire(&owner_table[intid])
				   : (u16)IRQ_OWNER_NONE;
}
