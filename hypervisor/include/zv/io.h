/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zone I/O: the I/O page, doorbells, shadow pages, the posted ring, injection.
 * It is all table: nothing here knows what a device is.  See the public
 * iopage.h and hypercall.h for the protocol.
 */
#ifndef ZV_IO_H
#define ZV_IO_H

#include <zv/abi_all.h>
#include <zv/spinlock.h>
#include <zv/types.h>

struct zone;
struct vcpu;
struct mmio_access;
enum mmio_result;

struct shadow_action {
	u8 write;
	u8 read;
	u16 count;
	u16 base;
	u16 word;
};

#define SHADOW_WORDS (ZV_PAGE_SIZE / 4)

struct shadow_page {
	u64 gpa;
	u32 flags; /* ZV_SHADOW_* */
	bool hidden; /* atomic update under way: readers fault and retry */
	paddr_t pa;
	u32 *word; /* the page, at EL2 */
	struct shadow_action *action; /* SHADOW_WORDS of them */
};

struct zone_io {
	struct spinlock lock;
	struct zv_io_page *page; /* NULL for zone0 */
	paddr_t page_pa;
	u32 posted_head; /* our own; the page's copy is output only */
	u32 shadow_count;
	struct shadow_page shadow[ZV_SHADOWS_MAX];
};

int io_zone_init(struct zone *z);
void io_zone_fini(struct zone *z);

/* Publishes state and raises ZV_PENDING_STATE. */
void io_state_changed(struct zone *z);

int io_shadow_create(struct zone *z, u64 gpa, u32 flags, u32 *ret_index);
int io_shadow_actions(struct zone *z, const struct zv_shadow_actions *a);
int io_shadow_update(struct zone *z, const struct zv_shadow_update *u);
int io_complete(struct zone *z, const struct zv_io_complete *c);
int io_inject(struct zone *z, u32 intid, u32 op, u32 addr, u32 mask);
int io_ring_kick(struct zone *z);
/* Zone reset: forgets accesses in flight. */
void io_zone_reset(struct zone *z);

/* Host page; boot. */
int io_host_init(paddr_t *ret_pa);
/* zone0's event interrupts: INTIDs first .. first + count - 1. */
void io_host_set_events(u32 first_intid, u32 count);
u32 io_host_event_intid(void);
u32 io_host_event_count(void);

#endif /* ZV_IO_H */
