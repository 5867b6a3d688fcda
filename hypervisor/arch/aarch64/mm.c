/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translation table formats and maintenance (DDI 0487, D8): VMSAv8-64, 4 KiB
 * granule, 48-bit descriptors.
 */
#include <zv/arch/mm.h>
#include <zv/atomic.h>
#include <zv/el2.h>
#include <zv/mm.h>
#include <zv/sysreg.h>

#define PTE_VALID BIT(0)
#define PTE_TABLE_OR_PAGE BIT(1)
#define PTE_ADDR_MASK 0x0000fffffffff000ull
#define PTE_SH_INNER (3ull << 8)
#define PTE_AF BIT(10)
#define PTE_XN BIT(54)
/* Stage 1, EL2 */
#define PTE_S1_ATTR_SHIFT 2
#define PTE_S1_ATTR_MASK (7ull << PTE_S1_ATTR_SHIFT)
#define PTE_S1_AP1_RES1 BIT(6)
#define PTE_S1_RO BIT(7)
/* Stage 2 */
#define PTE_S2_ATTR_SHIFT 2
#define PTE_S2_ATTR_MASK (15ull << PTE_S2_ATTR_SHIFT)
#define PTE_S2_NORMAL_WB 15ull
#define PTE_S2_DEVICE_NGNRE 1ull
#define PTE_S2_R BIT(6)
#define PTE_S2_W BIT(7)

#define LEVEL_PAGE 3
#define PA_BITS_MAX 48
/* Level 1 with 16 concatenated tables (D8.2.2). */
#define LEVEL1_BITS 39
#define LEVEL1_BITS_MAX 43
/* Above this many pages one TLBI of everything is cheaper. */
#define TLBI_PAGES_MAX 512

static paddr_t empty_root;

u32 el2_pa_bits(void)
{
	static const u8 bits[] = { 32, 36, 40, 42, 44, PA_BITS_MAX };
	u32 range = sysreg_field(read_sysreg(id_aa64mmfr0_el1), 0);

	return bits[MIN(range, (u32)ARRAY_SIZE(bits) - 1)];
}

void arch_pt_geometry(enum pt_stage stage, struct pt_geometry *ret)
{
	u32 bits = el2_pa_bits();

	*ret = (struct pt_geometry){ .in_bits = bits, .out_bits = bits };
	if (stage == PT_STAGE1) {
		ret->in_bits = EL2_VA_BITS;
	} else if (bits <= LEVEL1_BITS_MAX) {
		ret->start_level = 1;
		ret->root_order = bits > LEVEL1_BITS ? bits - LEVEL1_BITS : 0;
	}
}

u64 el2_stage2_vtcr(void)
{
	struct pt_geometry g;
	u64 range = sysreg_field(read_sysreg(id_aa64mmfr0_el1), 0);
	u64 sl0;

	arch_pt_geometry(PT_STAGE2, &g);
	/* SL0 counts down: 1 starts at level 1, 2 at level 0. */
	sl0 = 2 - g.start_level;
	return VTCR_RES1 | VTCR_T0SZ(g.in_bits) | sl0 << VTCR_SL0_SHIFT |
	       VTCR_IRGN0_WBWA | VTCR_ORGN0_WBWA | VTCR_SH0_INNER |
	       VTCR_TG0_4K | MIN(range, 5ull) << VTCR_PS_SHIFT;
}

static u64 stage1_bits(u32 attrs)
{
	u64 index = (attrs & MAP_DEVICE) != 0 ? MAIR_DEVICE : MAIR_NORMAL;
	u64 pte = index << PTE_S1_ATTR_SHIFT | PTE_S1_AP1_RES1;

	pte |= (attrs & MAP_W) == 0 ? PTE_S1_RO : 0;
	return pte;
}

static u64 stage2_bits(u32 attrs)
{
	u64 type = (attrs & MAP_DEVICE) != 0 ? PTE_S2_DEVICE_NGNRE
					     : PTE_S2_NORMAL_WB;
	u64 pte = type << PTE_S2_ATTR_SHIFT;

	pte |= (attrs & MAP_R) != 0 ? PTE_S2_R : 0;
	pte |= (attrs & MAP_W) != 0 ? PTE_S2_W : 0;
	return pte;
}

u64 arch_pte_make_leaf(enum pt_stage stage, u32 level, paddr_t pa, u32 attrs)
{
	u64 pte = pa.v | PTE_VALID | PTE_AF;

	pte |= level == LEVEL_PAGE ? PTE_TABLE_OR_PAGE : 0;
	pte |= (attrs & MAP_DEVICE) == 0 ? PTE_SH_INNER : 0;
	pte |= (attrs & MAP_X) == 0 ? PTE_XN : 0;
	pte |= stage == PT_STAGE1 ? stage1_bits(attrs) : stage2_bits(attrs);
	return pte;
}

u64 arch_pte_make_table(enum pt_stage stage, paddr_t pa)
{
	(void)stage;
	return pa.v | PTE_VALID | PTE_TABLE_OR_PAGE;
}

enum pte_kind arch_pte_kind(u64 pte, u32 level)
{
	if ((pte & PTE_VALID) == 0) {
		return PTE_INVALID;
	}
	if (level == LEVEL_PAGE) {
		return (pte & PTE_TABLE_OR_PAGE) != 0 ? PTE_LEAF : PTE_INVALID;
	}
	return (pte & PTE_TABLE_OR_PAGE) != 0 ? PTE_TABLE : PTE_LEAF;
}

paddr_t arch_pte_addr(u64 pte, u32 level)
{
	(void)level;
	return pa_make(pte & PTE_ADDR_MASK);
}

static u32 stage1_attrs(u64 pte)
{
	u64 index = (pte & PTE_S1_ATTR_MASK) >> PTE_S1_ATTR_SHIFT;
	u32 attrs = MAP_R;

	attrs |= (pte & PTE_S1_RO) == 0 ? (u32)MAP_W : 0;
	attrs |= index == MAIR_DEVICE ? (u32)MAP_DEVICE : 0;
	return attrs;
}

static u32 stage2_attrs(u64 pte)
{
	u64 type = (pte & PTE_S2_ATTR_MASK) >> PTE_S2_ATTR_SHIFT;
	u32 attrs = 0;

	attrs |= (pte & PTE_S2_R) != 0 ? (u32)MAP_R : 0;
	attrs |= (pte & PTE_S2_W) != 0 ? (u32)MAP_W : 0;
	attrs |= type == PTE_S2_DEVICE_NGNRE ? (u32)MAP_DEVICE : 0;
	return attrs;
}

u32 arch_pte_attrs(enum pt_stage stage, u64 pte)
{
	u32 attrs = stage == PT_STAGE1 ? stage1_attrs(pte) : stage2_attrs(pte);

	return attrs | ((pte & PTE_XN) == 0 ? (u32)MAP_X : 0);
}

void arch_pte_write(u64 *p, u64 v)
{
	atomic_store_relaxed(p, v);
	/* D8.2.6: a DSB makes it visible to walks, the ISB to this CPU's own. */
	dsb(ishst);
	isb();
}

void arch_stage1_activate(paddr_t root)
{
	write_sysreg(root.v, ttbr0_el2);
	isb();
	tlbi(alle2);
	dsb(nsh);
	isb();
}

void stage2_set_empty_root(paddr_t root)
{
	empty_root = root;
}

void stage2_leave(void)
{
	write_sysreg(empty_root.v, vttbr_el2);
	isb();
}

/*
 * The operations act on the VMID in VTTBR_EL2, so it is loaded for a moment.
 * Meanwhile the CPU may still walk speculatively for EL1 (also out of an AT
 * instruction it speculates: the errata of Cortex-A57, A72 and A76), with the
 * stage-1 registers of whatever vCPU is loaded.  Were the root that vCPU's, such
 * a walk would leave its translations behind under this VMID.  So the root is
 * an empty one: every walk ends in a fault, and faults are not cached.
 */
static u64 vmid_enter(u16 vmid)
{
	u64 old = read_sysreg(vttbr_el2);

	/* Table changes before the invalidation, on all CPUs. */
	dsb(ishst);
	write_sysreg((u64)vmid << VTTBR_VMID_SHIFT | empty_root.v, vttbr_el2);
	isb();
	return old;
}

static void vmid_leave(u64 old)
{
	dsb(ish);
	isb();
	write_sysreg(old, vttbr_el2);
	isb();
}

void arch_tlb_flush_ipa(u16 vmid, u64 ipa, u64 size)
{
	u64 pages = MAX(size, PAGE_SIZE) >> PAGE_SHIFT;
	u64 old;

	if (pages > TLBI_PAGES_MAX) {
		arch_tlb_flush_vmid(vmid);
		return;
	}
	old = vmid_enter(vmid);
	for (u64 i = 0; i < pages; i++) {
		tlbi_va(ipas2e1is, (ipa >> PAGE_SHIFT) + i);
	}
	/* Then the combined entries, which stage-1 addresses tag (D8.13.5). */
	dsb(ish);
	tlbi(vmalle1is);
	vmid_leave(old);
}

void arch_tlb_flush_vmid(u16 vmid)
{
	u64 old = vmid_enter(vmid);

	tlbi(vmalls12e1is);
	vmid_leave(old);
}

void arch_tlb_flush_stage1(u64 va, u64 size)
{
	u64 pages = MAX(size, PAGE_SIZE) >> PAGE_SHIFT;

	dsb(ishst);
	if (pages > TLBI_PAGES_MAX) {
		tlbi(alle2is);
	} else {
		for (u64 i = 0; i < pages; i++) {
			tlbi_va(vae2is, (va >> PAGE_SHIFT) + i);
		}
	}
	dsb(ish);
	isb();
}

/* CTR_EL0: log2 of words in the smallest line of the data caches. */
static u64 dcache_line(void)
{
	return 4ull << sysreg_field(read_sysreg(ctr_el0), 16);
}

#define for_each_line(p, va, n)                           \
	for (u64 line_ = dcache_line(),                   \
		 p = (u64)(uintptr_t)(va) & ~(line_ - 1), \
		 end_ = (u64)(uintptr_t)(va) + (n);       \
	     p < end_; p += line_)

void arch_dcache_clean(const void *va, size_t n)
{
	for_each_line(p, va, n)
	{
		dc(cvac, p);
	}
	dsb(sy);
}

void arch_dcache_clean_invalidate(const void *va, size_t n)
{
	for_each_line(p, va, n)
	{
		dc(civac, p);
	}
	dsb(sy);
}

void arch_icache_sync(const void *va, size_t n)
{
	for_each_line(p, va, n)
	{
		dc(cvau, p);
	}
	dsb(ish);
	/* All of it: right for aliasing (VIPT) instruction caches as well. */
	ic(ialluis);
	dsb(ish);
	isb();
}

u64 arch_direct_map_offset(void)
{
	return EL2_DIRECT_VA;
}
