// SPDX-License-Identifier: BSD-2-Clause
/*
 * The page table walker.  Every change is two walks over the same range: the
 * first only looks, says what would be in the way and how many table pages the
 * second may need; those are taken from the pool before anything is written.
 */
#include <zv/arch/mm.h>
#include <zv/check.h>
#include <zv/errno.h>
#include <zv/mm.h>
#include <zv/pgtable.h>
#include <zv/string.h>

#define LEVEL_LAST 3u
#define ENTRIES 512u

/*
 * Table pages, linked through their first word.  A walker that still knows a
 * dead table reads an aligned address there: an invalid entry everywhere.
 */
struct page_stack {
	paddr_t top;
	u64 count;
};

struct walk {
	struct pgtable *pt;
	struct pt_geometry geometry;
	u32 attrs;
	struct page_stack reserve;
	struct page_stack dead; /* freed after the TLB is flushed */
};

static u32 level_shift(u32 level)
{
	return PAGE_SHIFT + 9 * (LEVEL_LAST - level);
}

static u64 level_size(u32 level)
{
	return 1ull << level_shift(level);
}

static u64 in_end(const struct pt_geometry *g)
{
	return 1ull << g->in_bits;
}

static u32 table_entries(const struct pt_geometry *g, u32 level)
{
	if (level != g->start_level) {
		return ENTRIES;
	}
	return (u32)(in_end(g) >> level_shift(level));
}

/* Of the root and of the others alike: a root may have more, or fewer. */
static u32 table_index(const struct pt_geometry *g, u32 level, u64 in)
{
	return (u32)(in >> level_shift(level)) & (table_entries(g, level) - 1);
}

static void stack_push(struct page_stack *s, paddr_t pa)
{
	*(u64 *)pa_to_va(pa) = s->top.v;
	s->top = pa;
	s->count++;
}

/* The page comes out zeroed. */
static paddr_t stack_pop(struct page_stack *s)
{
	paddr_t pa = s->top;
	u64 *va = pa_to_va(pa);

	CHECK(s->count != 0);
	s->top = pa_make(*va);
	s->count--;
	*va = 0;
	return pa;
}

static void stack_free(struct page_stack *s)
{
	while (s->count != 0) {
		page_free(stack_pop(s), 0);
	}
}

static int stack_fill(struct page_stack *s, u64 count, u16 owner)
{
	while (s->count < count) {
		paddr_t pa;

		if (page_alloc_zeroed(0, FRAME_HV, owner, &pa) != 0) {
			stack_free(s);
			return -ENOMEM;
		}
		stack_push(s, pa);
	}
	return 0;
}

static void tlb_flush(const struct pgtable *pt, u64 in, u64 size)
{
	if (pt->stage == PT_STAGE2) {
		arch_tlb_flush_ipa(pt->vmid, in, size);
	} else {
		arch_tlb_flush_stage1(in, size);
	}
}

static void stats_leaf(struct pgtable *pt, u32 level, s64 n)
{
	u64 *count = level == 1	  ? &pt->stats.leaf_1g
		     : level == 2 ? &pt->stats.leaf_2m
				  : &pt->stats.leaf_4k;

	*count += (u64)n;
}

static u64 *table_of(u64 pte, u32 level)
{
	return pa_to_va(arch_pte_addr(pte, level));
}

static bool leaf_fits(u32 level, u64 in, u64 size, u64 out)
{
	return level != 0 && size == level_size(level) &&
	       IS_ALIGNED(in | out, level_size(level));
}

/* Where the entry of `in` ends, or the range if that is before. */
static u64 entry_end(u32 level, u64 in, u64 end)
{
	return MIN(ALIGN_DOWN(in, level_size(level)) + level_size(level), end);
}

int pgtable_init(struct pgtable *pt, enum pt_stage stage, u16 vmid, u16 owner)
{
	struct pt_geometry g;
	paddr_t root;
	int err;

	arch_pt_geometry(stage, &g);
	err = page_alloc_zeroed(g.root_order, FRAME_HV, owner, &root);
	if (err != 0) {
		return err;
	}
	*pt = (struct pgtable){
		.stage = stage,
		.vmid = vmid,
		.owner = owner,
		.merge = true,
		.root = root,
		.stats = { .tables = 1ull << g.root_order },
	};
	return 0;
}

static void table_free(struct pgtable *pt, const struct pt_geometry *g,
		       const u64 *table, u32 level)
{
	if (level == LEVEL_LAST) {
		return;
	}
	for (u32 i = 0; i < table_entries(g, level); i++) {
		if (arch_pte_kind(table[i], level) == PTE_TABLE) {
			table_free(pt, g, table_of(table[i], level), level + 1);
			page_free(arch_pte_addr(table[i], level), 0);
			pt->stats.tables--;
		}
	}
}

void pgtable_fini(struct pgtable *pt)
{
	struct pt_geometry g;

	arch_pt_geometry(pt->stage, &g);
	table_free(pt, &g, pa_to_va(pt->root), g.start_level);
	page_free(pt->root, g.root_order);
	CHECK(pt->stats.tables == 1ull << g.root_order);
	pt->stats = (struct pt_stats){ 0 };
}

/* table NULL: there is none yet, so nothing below is mapped. */
static int map_scan(const struct walk *w, const u64 *table, u32 level, u64 in,
		    u64 end, u64 out, u64 *tables)
{
	if (table == NULL && level == LEVEL_LAST) {
		return 0;
	}
	while (in < end) {
		u64 next = entry_end(level, in, end);
		u64 pte = table != NULL
				  ? table[table_index(&w->geometry, level, in)]
				  : 0;
		enum pte_kind kind =
			table != NULL ? arch_pte_kind(pte, level) : PTE_INVALID;
		const u64 *child = NULL;
		bool descend = false;
		int err;

		if (kind == PTE_LEAF) {
			return -EEXIST;
		}
		if (kind == PTE_TABLE) {
			child = table_of(pte, level);
			descend = true;
		} else if (level != LEVEL_LAST &&
			   !leaf_fits(level, in, next - in, out)) {
			(*tables)++;
			descend = true;
		}
		if (descend) {
			err = map_scan(w, child, level + 1, in, next, out,
				       tables);
			if (err != 0) {
				return err;
			}
		}
		out += next - in;
		in = next;
	}
	return 0;
}

/* True if the table maps one run of memory that a block at `level` could. */
static bool table_is_uniform(const struct walk *w, const u64 *child, u32 level)
{
	enum pt_stage stage = w->pt->stage;
	u64 step = level_size(level + 1);
	paddr_t first;

	if (arch_pte_kind(child[0], level + 1) != PTE_LEAF ||
	    arch_pte_kind(child[ENTRIES - 1], level + 1) != PTE_LEAF) {
		return false;
	}
	first = arch_pte_addr(child[0], level + 1);
	if (!IS_ALIGNED(first.v, level_size(level))) {
		return false;
	}
	for (u32 i = 1; i < ENTRIES; i++) {
		if (arch_pte_kind(child[i], level + 1) != PTE_LEAF ||
		    arch_pte_addr(child[i], level + 1).v !=
			    first.v + i * step ||
		    arch_pte_attrs(stage, child[i]) !=
			    arch_pte_attrs(stage, child[0])) {
			return false;
		}
	}
	return true;
}

/* The table behind *entry becomes one block if it can. */
static void table_merge(struct walk *w, u64 *entry, u32 level, u64 in)
{
	const u64 *child = table_of(*entry, level);
	paddr_t child_pa = arch_pte_addr(*entry, level);
	u64 base = ALIGN_DOWN(in, level_size(level));
	u64 leaf;

	if (!w->pt->merge || level == 0 || !table_is_uniform(w, child, level)) {
		return;
	}
	leaf = arch_pte_make_leaf(w->pt->stage, level,
				  arch_pte_addr(child[0], level + 1),
				  arch_pte_attrs(w->pt->stage, child[0]));
	/* Break before make: Arm ARM D8.17.1 (DDI 0487). */
	arch_pte_write(entry, 0);
	tlb_flush(w->pt, base, level_size(level));
	arch_pte_write(entry, leaf);
	stats_leaf(w->pt, level + 1, -(s64)ENTRIES);
	stats_leaf(w->pt, level, 1);
	w->pt->stats.tables--;
	stack_push(&w->dead, child_pa);
}

static void map_commit(struct walk *w, u64 *table, u32 level, u64 in, u64 end,
		       u64 out)
{
	while (in < end) {
		u64 next = entry_end(level, in, end);
		u64 *entry = &table[table_index(&w->geometry, level, in)];
		enum pte_kind kind = arch_pte_kind(*entry, level);

		if (kind == PTE_INVALID &&
		    leaf_fits(level, in, next - in, out)) {
			arch_pte_write(entry, arch_pte_make_leaf(
						      w->pt->stage, level,
						      pa_make(out), w->attrs));
			stats_leaf(w->pt, level, 1);
		} else {
			if (kind == PTE_INVALID) {
				paddr_t pa = stack_pop(&w->reserve);

				arch_pte_write(
					entry,
					arch_pte_make_table(w->pt->stage, pa));
				w->pt->stats.tables++;
			}
			map_commit(w, table_of(*entry, level), level + 1, in,
				   next, out);
			table_merge(w, entry, level, in);
		}
		out += next - in;
		in = next;
	}
}

static bool range_ok(const struct pt_geometry *g, u64 in, u64 size)
{
	return size != 0 && IS_ALIGNED(in | size, PAGE_SIZE) &&
	       in < in_end(g) && size <= in_end(g) - in;
}

int pgtable_map(struct pgtable *pt, u64 in, paddr_t out, u64 size, u32 attrs)
{
	struct walk w = { .pt = pt, .attrs = attrs };
	u64 tables = 0;
	u64 *root = pa_to_va(pt->root);
	u64 out_end;
	u32 top;
	int err;

	arch_pt_geometry(pt->stage, &w.geometry);
	top = w.geometry.start_level;
	out_end = 1ull << w.geometry.out_bits;
	if (!range_ok(&w.geometry, in, size) || !IS_ALIGNED(out.v, PAGE_SIZE) ||
	    out.v >= out_end || size > out_end - out.v) {
		return -EINVAL;
	}
	err = map_scan(&w, root, top, in, in + size, out.v, &tables);
	if (err != 0) {
		return err;
	}
	err = stack_fill(&w.reserve, tables, pt->owner);
	if (err != 0) {
		return err;
	}
	map_commit(&w, root, top, in, in + size, out.v);
	CHECK(w.reserve.count == 0);
	stack_free(&w.dead);
	return 0;
}

/* The entry that translates `in`, and its level; NULL if none does. */
static u64 *leaf_find(const struct pgtable *pt, const struct pt_geometry *g,
		      u64 in, u32 *ret_level)
{
	u64 *table = pa_to_va(pt->root);

	if (in >= in_end(g)) {
		return NULL;
	}
	for (u32 level = g->start_level; level <= LEVEL_LAST; level++) {
		u64 *entry = &table[table_index(g, level, in)];

		switch (arch_pte_kind(*entry, level)) {
		case PTE_LEAF:
			*ret_level = level;
			return entry;
		case PTE_TABLE:
			table = table_of(*entry, level);
			break;
		case PTE_INVALID:
			return NULL;
		}
	}
	return NULL;
}

/* How many tables it takes to have a boundary between leaves at `in`. */
static u64 split_tables(const struct walk *w, u64 in)
{
	u64 tables = 0;
	u32 level;

	if (leaf_find(w->pt, &w->geometry, in, &level) == NULL) {
		return 0;
	}
	while (!IS_ALIGNED(in, level_size(level))) {
		level++;
		tables++;
	}
	return tables;
}

static void leaf_split(struct walk *w, u64 *entry, u32 level, u64 in)
{
	struct pgtable *pt = w->pt;
	paddr_t pa = arch_pte_addr(*entry, level);
	u32 attrs = arch_pte_attrs(pt->stage, *entry);
	paddr_t child_pa = stack_pop(&w->reserve);
	u64 *child = pa_to_va(child_pa);

	for (u32 i = 0; i < ENTRIES; i++) {
		paddr_t at = pa_add(pa, i * level_size(level + 1));

		arch_pte_write(
			&child[i],
			arch_pte_make_leaf(pt->stage, level + 1, at, attrs));
	}
	/* Break before make, as in table_merge(). */
	arch_pte_write(entry, 0);
	tlb_flush(pt, ALIGN_DOWN(in, level_size(level)), level_size(level));
	arch_pte_write(entry, arch_pte_make_table(pt->stage, child_pa));
	stats_leaf(pt, level, -1);
	stats_leaf(pt, level + 1, ENTRIES);
	pt->stats.tables++;
}

static bool table_is_empty(const u64 *table, u32 level)
{
	for (u32 i = 0; i < ENTRIES; i++) {
		if (arch_pte_kind(table[i], level) != PTE_INVALID) {
			return false;
		}
	}
	return true;
}

static void unmap_commit(struct walk *w, u64 *table, u32 level, u64 in, u64 end)
{
	while (in < end) {
		u64 next = entry_end(level, in, end);
		u64 *entry = &table[table_index(&w->geometry, level, in)];
		enum pte_kind kind = arch_pte_kind(*entry, level);

		if (kind == PTE_LEAF && next - in == level_size(level)) {
			arch_pte_write(entry, 0);
			stats_leaf(w->pt, level, -1);
		} else if (kind != PTE_INVALID) {
			paddr_t child;

			if (kind == PTE_LEAF) {
				leaf_split(w, entry, level, in);
			}
			child = arch_pte_addr(*entry, level);
			unmap_commit(w, pa_to_va(child), level + 1, in, next);
			if (table_is_empty(pa_to_va(child), level + 1)) {
				arch_pte_write(entry, 0);
				w->pt->stats.tables--;
				stack_push(&w->dead, child);
			}
		}
		in = next;
	}
}

int pgtable_unmap(struct pgtable *pt, u64 in, u64 size)
{
	struct walk w = { .pt = pt };
	u64 tables;
	int err;

	arch_pt_geometry(pt->stage, &w.geometry);
	if (!range_ok(&w.geometry, in, size)) {
		return -EINVAL;
	}
	/* Both ends in one leaf share tables; the surplus goes back. */
	tables = split_tables(&w, in) + split_tables(&w, in + size);
	err = stack_fill(&w.reserve, tables, pt->owner);
	if (err != 0) {
		return err;
	}
	unmap_commit(&w, pa_to_va(pt->root), w.geometry.start_level, in,
		     in + size);
	tlb_flush(pt, in, size);
	stack_free(&w.dead);
	stack_free(&w.reserve);
	return 0;
}

int pgtable_lookup(const struct pgtable *pt, u64 in, paddr_t *ret_pa,
		   u32 *ret_attrs, u64 *ret_left)
{
	struct pt_geometry g;
	const u64 *entry;
	u64 offset;
	u32 level;

	arch_pt_geometry(pt->stage, &g);
	entry = leaf_find(pt, &g, in, &level);
	if (entry == NULL) {
		return -ENOENT;
	}
	offset = in & (level_size(level) - 1);
	*ret_pa = pa_add(arch_pte_addr(*entry, level), offset);
	*ret_attrs = arch_pte_attrs(pt->stage, *entry);
	*ret_left = level_size(level) - offset;
	return 0;
}

static int next_in_table(const struct pgtable *pt, const struct pt_geometry *g,
			 const u64 *table, u32 level, u64 in,
			 struct pt_leaf *ret)
{
	u64 size = level_size(level);

	for (u32 i = table_index(g, level, in); i < table_entries(g, level);
	     i++) {
		enum pte_kind kind = arch_pte_kind(table[i], level);

		if (kind == PTE_LEAF) {
			ret->in = ALIGN_DOWN(in, size);
			ret->pa = arch_pte_addr(table[i], level);
			ret->size = size;
			ret->attrs = arch_pte_attrs(pt->stage, table[i]);
			return 0;
		}
		if (kind == PTE_TABLE &&
		    next_in_table(pt, g, table_of(table[i], level), level + 1,
				  in, ret) == 0) {
			return 0;
		}
		in = ALIGN_DOWN(in, size) + size;
	}
	return -ENOENT;
}

int pgtable_next(const struct pgtable *pt, u64 in, struct pt_leaf *ret)
{
	struct pt_geometry g;

	arch_pt_geometry(pt->stage, &g);
	if (in >= in_end(&g)) {
		return -ENOENT;
	}
	return next_in_table(pt, &g, pa_to_va(pt->root), g.start_level, in,
			     ret);
}

void pgtable_hide(struct pgtable *pt, u64 in)
{
	struct pt_geometry g;
	u32 level = 0;
	u64 *entry;

	arch_pt_geometry(pt->stage, &g);
	entry = leaf_find(pt, &g, in, &level);
	CHECK(entry != NULL && level == LEVEL_LAST);
	arch_pte_write(entry, 0);
	tlb_flush(pt, in, PAGE_SIZE);
}

void pgtable_show(struct pgtable *pt, u64 in, paddr_t pa, u32 attrs)
{
	struct pt_geometry g;
	u64 *table = pa_to_va(pt->root);
	u32 level;

	arch_pt_geometry(pt->stage, &g);
	for (level = g.start_level; level < LEVEL_LAST; level++) {
		u64 pte = table[table_index(&g, level, in)];

		CHECK(arch_pte_kind(pte, level) == PTE_TABLE);
		table = table_of(pte, level);
	}
	table += table_index(&g, level, in);
	CHECK(arch_pte_kind(*table, level) == PTE_INVALID);
	arch_pte_write(table, arch_pte_make_leaf(pt->stage, level, pa, attrs));
}
