/* SPDX-License-Identifier: BSD-2-Clause */
/* Arch contract: memory. The entry functions are pure. */
#ifndef ZV_ARCH_MM_H
#define ZV_ARCH_MM_H

#include <zv/pgtable.h>
#include <zv/types.h>

struct pt_geometry {
	u32 start_level; /* 0..2; leaf pages are level 3 */
	u32 root_order; /* log2 of pages of the (concatenated) root */
	u32 in_bits; /* input address size */
	u32 out_bits;
};
/* 4 KiB granule, 9 bits per level; blocks at levels 1 and 2. */
void arch_pt_geometry(enum pt_stage stage, struct pt_geometry *ret);

enum pte_kind {
	PTE_INVALID,
	PTE_LEAF,
	PTE_TABLE
};
u64 arch_pte_make_leaf(enum pt_stage stage, u32 level, paddr_t pa, u32 attrs);
u64 arch_pte_make_table(enum pt_stage stage, paddr_t pa);
enum pte_kind arch_pte_kind(u64 pte, u32 level);
paddr_t arch_pte_addr(u64 pte, u32 level);
u32 arch_pte_attrs(enum pt_stage stage, u64 pte);
/* Single-copy atomic store, visible to the walkers on return. */
void arch_pte_write(u64 *p, u64 v);

void arch_stage1_activate(paddr_t root);
/* Complete on return, all CPUs.  size 0 in flush_ipa: one page. */
void arch_tlb_flush_ipa(u16 vmid, u64 ipa, u64 size);
void arch_tlb_flush_vmid(u16 vmid);
void arch_tlb_flush_stage1(u64 va, u64 size);
/* To the point of coherency; what a guest reads as Device must be cleaned. */
void arch_dcache_clean(const void *va, size_t n);
void arch_dcache_clean_invalidate(const void *va, size_t n);
void arch_icache_sync(const void *va, size_t n);

/* The direct map: VA = PA + this. */
u64 arch_direct_map_offset(void);

#endif /* ZV_ARCH_MM_H */
