/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of EL2 before there is memory for a real one.  early_map_init() runs
 * with the MMU off and at the load address: everything it and its callees touch
 * must be reached PC-relative (no table of pointers, no string), and lies in
 * .bss.early.  Entries are only ever added, so nothing needs invalidating.
 */
#include <zv/arch/mm.h>
#include <zv/atomic.h>
#include <zv/el2.h>
#include <zv/errno.h>
#include <zv/mm.h>
#include <zv/sysreg.h>

#define EARLY __attribute__((section(".bss.early")))
#define NO_GUARD __attribute__((optimize("no-stack-protector")))
#define TABLES 40
#define ENTRIES 512
#define LAST_LEVEL 3
#define PTE_AP_EL0 BIT(6)
#define PTE_PXN BIT(53)
#define PTE_XN BIT(54)

extern char image_start[], text_end[], rodata_end[], data_end[];
extern char early_start[], stack_guard_start[], boot_stack_base[], image_end[];

/* The first table is the root. */
EARLY __attribute__((aligned(4096))) u64 early_root[TABLES][ENTRIES];
EARLY static u32 tables_used;
EARLY static u64 load_pa; /* of the image */
EARLY static bool for_el2;

/* What to add to a physical address of the image to reach it now. */
static u64 image_offset(void)
{
	return (u64)(uintptr_t)image_start - load_pa;
}

static u32 level_shift(u32 level)
{
	return PAGE_SHIFT + 9 * (LAST_LEVEL - level);
}

NO_GUARD static u64 *new_table(void)
{
	u64 *t;

	if (tables_used == TABLES) {
		return NULL;
	}
	t = early_root[tables_used++];
	for (u32 i = 0; i < ENTRIES; i++) {
		atomic_store_relaxed(&t[i], 0);
	}
	return t;
}

NO_GUARD static u64 *next_table(u64 *entry)
{
	u64 *t;

	if (*entry != 0) {
		return (u64 *)(uintptr_t)(arch_pte_addr(*entry, 0).v +
					  image_offset());
	}
	t = new_table();
	if (t != NULL) {
		u64 pa = (u64)(uintptr_t)t - image_offset();

		/* The table's zeroes before the entry that leads to them. */
		dsb(ishst);
		arch_pte_write(entry,
			       arch_pte_make_table(PT_STAGE1, pa_make(pa)));
	}
	return t;
}

/* At EL1, AP[1] would make a page EL0's and XN needs both of its bits. */
static u64 leaf(u32 level, paddr_t pa, u32 attrs)
{
	u64 pte = arch_pte_make_leaf(PT_STAGE1, level, pa, attrs);

	if (!for_el2) {
		pte &= ~PTE_AP_EL0;
		pte |= (pte & PTE_XN) != 0 ? PTE_PXN : 0;
	}
	return pte;
}

static u32 best_level(u64 va, u64 pa, u64 size)
{
	for (u32 level = 1; level < LAST_LEVEL; level++) {
		u64 block = BIT(level_shift(level));

		if (IS_ALIGNED(va | pa, block) && size >= block) {
			return level;
		}
	}
	return LAST_LEVEL;
}

NO_GUARD int early_map(u64 va, paddr_t pa, u64 size, u32 attrs)
{
	while (size > 0) {
		u32 want = best_level(va, pa.v, size);
		u64 step = BIT(level_shift(want));
		u64 *t = early_root[0];

		for (u32 level = 0; level < want; level++) {
			u64 i = va >> level_shift(level) & (ENTRIES - 1);

			t = next_table(&t[i]);
			if (t == NULL) {
				return -ENOMEM;
			}
		}
		arch_pte_write(&t[va >> level_shift(want) & (ENTRIES - 1)],
			       leaf(want, pa, attrs));
		va += step;
		pa = pa_add(pa, step);
		size -= step;
	}
	return 0;
}

NO_GUARD void
early_image_parts(void (*fn)(u64 va, u64 size, u32 attrs, void *arg), void *arg)
{
	const char *start = image_start;
	u64 text = (u64)(text_end - start);
	u64 rodata = (u64)(rodata_end - start);
	u64 guard = (u64)(stack_guard_start - start);
	u64 stack = (u64)(boot_stack_base - start);
	u64 end = (u64)(image_end - start);

	fn(EL2_IMAGE_VA, text, MAP_R | MAP_X, arg);
	fn(EL2_IMAGE_VA + text, rodata - text, MAP_R, arg);
	fn(EL2_IMAGE_VA + rodata, guard - rodata, MAP_R | MAP_W, arg);
	fn(EL2_IMAGE_VA + stack, end - stack, MAP_R | MAP_W, arg);
}

NO_GUARD static void map_part(u64 va, u64 size, u32 attrs, void *arg)
{
	(void)arg;
	/* Always pages, as the tables are enough for an image of any size. */
	early_map(va, pa_make(va - EL2_IMAGE_VA + load_pa), size, attrs);
}

NO_GUARD void early_map_init(u64 image_pa, u64 el2)
{
	load_pa = image_pa;
	for_el2 = el2 != 0;
	tables_used = 0;
	new_table();
	early_image_parts(map_part, NULL);
	early_map(image_pa, pa_make(image_pa), PAGE_SIZE, MAP_R | MAP_X);
	dsb(ish);
}

paddr_t early_image_pa(void)
{
	return pa_make(load_pa);
}
