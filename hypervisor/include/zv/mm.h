/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory: the frame table and the page pool.
 *
 * Every 4 KiB frame of RAM has an 8-byte entry that says who owns it; that
 * table is the truth for every mapping decision.  Frames outside RAM (devices)
 * have no entry.  Free frames form a buddy system of orders 0..FRAME_ORDER_MAX
 * whose links lie in the free pages themselves, reached through the direct map.
 *
 * Threading: page_alloc/page_free take the pool lock (last in the lock order).
 * Owner fields change only by whoever allocates or frees the frame.
 */
#ifndef ZV_MM_H
#define ZV_MM_H

#include <zv/types.h>

#define FRAME_ORDER_CHUNK 9 /* 2 MiB */
#define FRAME_ORDER_MAX 18 /* 1 GiB */

enum frame_type {
	FRAME_NONE, /* firmware, holes: nobody may map it */
	FRAME_FREE,
	FRAME_HV, /* hypervisor private */
	FRAME_SHARED, /* hypervisor page that zone0 maps too (I/O page) */
	FRAME_ZONE, /* RAM of zone `owner` */
};

#define FRAME_GRANTED BIT(0) /* FRAME_ZONE: mapped by zone0 as well */

struct frame {
	u8 type; /* enum frame_type */
	u8 order; /* FRAME_FREE: of the block this frame heads, else 0xff */
	u8 flags;
	u8 reserved;
	u16 owner; /* zone id */
	u16 pad;
};
_Static_assert(sizeof(struct frame) == 8, "frame table entry");

struct mm_stats {
	u64 pages_ram;
	u64 pages_hv; /* FRAME_HV and FRAME_SHARED */
	u64 pages_zone0;
	u64 pages_zones;
	u64 pages_free;
	u64 chunks_free;
};

/*
 * Boot: frame_table_size() says how many bytes the table for `ram` needs; the
 * caller hands over memory for it.  All frames start as FRAME_NONE.
 * The ranges are sorted, page aligned and disjoint.
 */
struct mem_range {
	u64 start;
	u64 size;
};
#define MEM_RANGES_MAX 32
size_t frame_table_size(const struct mem_range *ram, u32 count);
void frame_table_init(const struct mem_range *ram, u32 count, void *table);
/* Boot: marks frames; FREE ones enter the pool. Must lie in RAM. */
void frame_mark(paddr_t pa, u64 size, enum frame_type type, u16 owner);

/* NULL when pa is not RAM. */
struct frame *frame_get(paddr_t pa);
/* True if every frame of the range is FRAME_ZONE and owned by the zone. */
bool frame_range_owned(paddr_t pa, u64 size, u16 zone);

/*
 * Allocates 2^order naturally aligned pages. Content is undefined except with
 * page_alloc_zeroed().  Returns 0 or -ENOMEM.
 */
int page_alloc(u32 order, enum frame_type type, u16 owner, paddr_t *ret_pa);
int page_alloc_zeroed(u32 order, enum frame_type type, u16 owner,
		      paddr_t *ret_pa);
/* These very pages, or -ENOMEM if they are not all free. */
int page_alloc_at(paddr_t pa, u32 order, enum frame_type type, u16 owner);
/* Start of some free block of the order, or -ENOMEM; a hint, nothing is held. */
int page_find(u32 order, paddr_t *ret_pa);
void page_free(paddr_t pa, u32 order);
void mm_stats(struct mm_stats *ret);

/* The direct map: all RAM of the pool, zone0 and zones, read-write at EL2. */
void *pa_to_va(paddr_t pa);
paddr_t va_to_pa(const void *va);

/* Small objects that live as long as a zone: whole zeroed pages. */
void *hv_alloc(size_t size, u16 owner); /* NULL if the pool is empty */
void hv_free(void *p, size_t size);

#endif /* ZV_MM_H */
