// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fake page tables: an entry is its address, bit 0 valid, bit 1 table, bits
 * 4..7 the attributes.  Stage 2 has 40 bits with a root of two pages, stage 1
 * has 48 with one, so that both shapes of a root are tested.
 */
#include "fake.h"

#include <zv/arch/harness.h>
#include <zv/arch/mm.h>

#define PTE_VALID BIT(0)
#define PTE_IS_TABLE BIT(1)
#define PTE_ATTR_SHIFT 4
#define PTE_ADDR 0x000ffffffffff000ull

u64 fake_direct_map_offset;

void arch_pt_geometry(enum pt_stage stage, struct pt_geometry *ret)
{
	*ret = stage == PT_STAGE2 ? (struct pt_geometry){ .start_level = 1,
							  .root_order = 1,
							  .in_bits = 40,
							  .out_bits = 44 }
				  : (struct pt_geometry){ .start_level = 0,
							  .root_order = 0,
							  .in_bits = 48,
							  .out_bits = 44 };
}

u64 arch_pte_make_leaf(enum pt_stage stage, u32 level, paddr_t pa, u32 attrs)
{
	(void)stage;
	(void)level;
	return pa.v | PTE_VALID | ((u64)attrs << PTE_ATTR_SHIFT);
}

u64 arch_pte_make_table(enum pt_stage stage, paddr_t pa)
{
	(void)stage;
	return pa.v | PTE_VALID | PTE_IS_TABLE;
}

enum pte_kind arch_pte_kind(u64 pte, u32 level)
{
	(void)level;
	if ((pte & PTE_VALID) == 0) {
		return PTE_INVALID;
	}
	return (pte & PTE_IS_TABLE) != 0 ? PTE_TABLE : PTE_LEAF;
}

paddr_t arch_pte_addr(u64 pte, u32 level)
{
	(void)level;
	return pa_make(pte & PTE_ADDR);
}

u32 arch_pte_attrs(enum pt_stage stage, u64 pte)
{
	(void)stage;
	return (u32)(pte >> PTE_ATTR_SHIFT) & 0xfu;
}

/* Entries taken away since the last flush: none of them may be made anew. */
#define BROKEN_MAX 4096u
static const u64 *broken[BROKEN_MAX];

static bool is_broken(const u64 *p)
{
	for (u32 i = 0; i < MIN(fake_record.unflushed, BROKEN_MAX); i++) {
		if (broken[i] == p) {
			return true;
		}
	}
	return false;
}

void arch_pte_write(u64 *p, u64 v)
{
	if ((v & PTE_VALID) != 0) {
		fake_record.break_violations +=
			(*p & PTE_VALID) != 0 || is_broken(p);
	} else if ((*p & PTE_VALID) != 0) {
		if (fake_record.unflushed < BROKEN_MAX) {
			broken[fake_record.unflushed] = p;
		}
		fake_record.unflushed++;
	}
	*p = v;
}

void arch_stage1_activate(paddr_t root)
{
	(void)root;
}

void arch_tlb_flush_ipa(u16 vmid, u64 ipa, u64 size)
{
	(void)vmid;
	(void)ipa;
	(void)size;
	fake_record.flush_ipa++;
	fake_record.unflushed = 0;
}

void arch_tlb_flush_vmid(u16 vmid)
{
	(void)vmid;
	fake_record.flush_vmid++;
	fake_record.unflushed = 0;
}

void arch_tlb_flush_stage1(u64 va, u64 size)
{
	(void)va;
	(void)size;
	fake_record.flush_stage1++;
	fake_record.unflushed = 0;
}

void arch_dcache_clean(const void *va, size_t n)
{
	(void)va;
	fake_record.cleans++;
	fake_record.cleaned_bytes += n;
}

void arch_dcache_clean_invalidate(const void *va, size_t n)
{
	arch_dcache_clean(va, n);
}

void arch_icache_sync(const void *va, size_t n)
{
	(void)va;
	(void)n;
}

u64 arch_direct_map_offset(void)
{
	return fake_direct_map_offset;
}
