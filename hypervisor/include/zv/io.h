/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zone I/O: the I/O page, doorbells, shadow pages, the posted ring, injection.
 * It is all table: nothing here knows what a device is.  See the public
 * iopage.h and hypercall.h for the protocol.
 */
#ifndef ZV_IO_H
#define ZV_IO_H

#include <zv/abi_all.h>
#include <zv/mmio.h>
#include <zv/spinlock.h>
#include <zv/types.h>

struct zone;
struct vcpu;
struct mmio_access;

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
	u64 *action; /* SHADOW_WORDS of struct shadow_action */
};

struct zone_io {
	struct spinlock lock;
	struct zv_io_page *page; /* NULL for zone0 */
	paddr_t page_pa;
	u32 posted_head; /* our own; the page's copy is output only */
	u32 ring_wait; /* mask: vCPUs that sleep for room; the page's is a hint */
	u32 shadow_count;
	struct shadow_page shadow[ZV_SHADOWS_MAX];
};

int io_zone_init(struct zone *z);
/* Takes the I/O page from zone0; may be called again. */
void io_zone_hide(struct zone *z);
/* After io_zone_hide(), and nothing can translate through zone.s2 any more. */
void io_zone_fini(struct zone *z);

/* A guest's access to a shadow page; ctx: struct shadow_page. */
enum mmio_result shadow_access(struct vcpu *v, struct mmio_access *a,
			       void *ctx);
void shadow_zone_fini(struct zone *z);
/* The word at a shadow address, NULL if there is none (or it is misaligned). */
u32 *shadow_word(struct zone *z, u32 addr);

/* Ways out of a guest's access; v's own exit. */
enum mmio_result io_forward(struct vcpu *v, const struct mmio_access *a,
			    u32 addr);
enum mmio_result io_post(struct vcpu *v, const struct mmio_access *a, u32 addr);
void io_doorbell(struct zone *z, u32 bit);

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
