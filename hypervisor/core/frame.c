// SPDX-License-Identifier: BSD-2-Clause
/* The frame table: who owns each 4 KiB of RAM. */
#include "page_pool.h"

#include <zv/arch/mm.h>
#include <zv/check.h>
#include <zv/mm.h>

static struct {
	u64 start;
	u64 end;
	struct frame *frame; /* of the page at `start` */
} range_table[MEM_RANGES_MAX];
static u32 range_count;

size_t frame_table_size(const struct mem_range *ram, u32 count)
{
	u64 pages = 0;

	for (u32 i = 0; i < count; i++) {
		pages += ram[i].size >> PAGE_SHIFT;
	}
	return pages * sizeof(struct frame);
}

void frame_table_init(const struct mem_range *ram, u32 count, void *table)
{
	struct frame *next = table;
	u64 pages_ram = 0;
	u64 end = 0;

	CHECK(count <= MEM_RANGES_MAX);
	for (u32 i = 0; i < count; i++) {
		u64 pages = ram[i].size >> PAGE_SHIFT;

		CHECK(IS_ALIGNED(ram[i].start | ram[i].size, PAGE_SIZE));
		CHECK(ram[i].start >= end);
		end = ram[i].start + ram[i].size;
		range_table[i].start = ram[i].start;
		range_table[i].end = end;
		range_table[i].frame = next;
		/* Adjacent ranges have adjacent entries: see page_alloc.c. */
		for (u64 p = 0; p < pages; p++) {
			next[p] = (struct frame){ .type = FRAME_NONE,
						  .order = FRAME_ORDER_NONE };
		}
		next += pages;
		pages_ram += pages;
	}
	range_count = count;
	page_pool_init(pages_ram);
}

struct frame *frame_get(paddr_t pa)
{
	for (u32 i = 0; i < range_count; i++) {
		if (pa.v >= range_table[i].start && pa.v < range_table[i].end) {
			u64 page = (pa.v - range_table[i].start) >> PAGE_SHIFT;

			return &range_table[i].frame[page];
		}
	}
	return NULL;
}

bool frame_range_owned(paddr_t pa, u64 size, u16 zone)
{
	u64 first = ALIGN_DOWN(pa.v, PAGE_SIZE);

	if (size == 0 || pa.v + (size - 1) < pa.v) {
		return false;
	}
	for (u64 at = first; at <= pa.v + (size - 1); at += PAGE_SIZE) {
		const struct frame *f = frame_get(pa_make(at));

		if (f == NULL || f->type != FRAME_ZONE || f->owner != zone) {
			return false;
		}
	}
	return true;
}

void *pa_to_va(paddr_t pa)
{
	/* The direct map is the one place where an address becomes a pointer. */
	return (void *)(uintptr_t)(pa.v + arch_direct_map_offset());
}

paddr_t va_to_pa(const void *va)
{
	return pa_make((u64)(uintptr_t)va - arch_direct_map_offset());
}
