/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables: one walker for the hypervisor's stage-1 and the zones' stage-2,
 * driven by the geometry and the pure entry functions of arch/mm.h.  Blocks of
 * the largest size that fits; split and merged as mappings change.
 *
 * prepare may fail and allocates (a reserve of table pages); commit cannot
 * fail.  pgtable_map() and pgtable_unmap() do both.  The caller serialises
 * (zone->s2_lock).  Changes to live entries follow break-before-make.
 */
#ifndef ZV_PGTABLE_H
#define ZV_PGTABLE_H

#include <zv/types.h>

enum pt_stage {
	PT_STAGE1,
	PT_STAGE2
};

/* Mapping attributes; both stages. */
#define MAP_R BIT(0)
#define MAP_W BIT(1)
#define MAP_X BIT(2)
#define MAP_DEVICE BIT(3) /* Device-nGnRE; else Normal write-back */

struct pt_stats {
	u64 leaf_1g;
	u64 leaf_2m;
	u64 leaf_4k;
	u64 tables; /* pages, root included */
};

struct pgtable {
	enum pt_stage stage;
	u16 vmid; /* stage 2 */
	u16 owner; /* charged for table pages */
	bool merge; /* default: equal neighbours become one larger block */
	paddr_t root;
	struct pt_stats stats;
};

int pgtable_init(struct pgtable *pt, enum pt_stage stage, u16 vmid, u16 owner);
/* Frees every table page. No CPU may use the tables any more. */
void pgtable_fini(struct pgtable *pt);

/* -EEXIST if any of it is mapped, -ENOMEM, -EINVAL on alignment or range. */
int pgtable_map(struct pgtable *pt, u64 in, paddr_t out, u64 size, u32 attrs);
/* Unmaps what is mapped in the range; -ENOMEM if a split needs a page. */
int pgtable_unmap(struct pgtable *pt, u64 in, u64 size);
/* 0 and the translation with the bytes left in its leaf, or -ENOENT. */
int pgtable_lookup(const struct pgtable *pt, u64 in, paddr_t *ret_pa,
		   u32 *ret_attrs, u64 *ret_left);

/* The first leaf that ends above `in`, or -ENOENT. */
struct pt_leaf {
	u64 in;
	paddr_t pa;
	u64 size;
	u32 attrs;
};
int pgtable_next(const struct pgtable *pt, u64 in, struct pt_leaf *ret);

/*
 * Takes the translation of one page (a level 3 leaf) away for a moment and
 * gives it back.  The table page stays, so neither can fail; the caller keeps
 * the lock from one to the other.
 */
void pgtable_hide(struct pgtable *pt, u64 in);
void pgtable_show(struct pgtable *pt, u64 in, paddr_t pa, u32 attrs);

#endif /* ZV_PGTABLE_H */
