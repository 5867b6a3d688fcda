// SPDX-License-Identifier: BSD-2-Clause
/*
 * Shadow pages: register words that a guest reads without an exit and whose
 * writes do what the table says.
 *
 * The words change by single atomic stores, ORs and ANDs, with or without
 * io.lock; each change is cleaned to the point of coherency before anybody is
 * told, since the guest maps the page as Device memory.
 */
#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/arch/vcpu.h>
#include <zv/atomic.h>
#include <zv/check.h>
#include <zv/errno.h>
#include <zv/io.h>
#include <zv/mm.h>
#include <zv/string.h>
#include <zv/trace.h>
#include <zv/zone.h>

#define ACTIONS_SIZE (SHADOW_WORDS * sizeof(struct shadow_action))

/* An action is read while it may be replaced: in one piece. */
union action_word {
	u64 bits;
	struct shadow_action action;
};
_Static_assert(sizeof(struct shadow_action) == sizeof(u64),
	       "an action is one atomic load");

static struct shadow_action action_load(const struct shadow_page *p, u32 word)
{
	union action_word w = { .bits = atomic_load_relaxed(&p->action[word]) };

	return w.action;
}

static void action_store(struct shadow_page *p, u32 word,
			 const struct shadow_action *a)
{
	union action_word w = { .action = *a };

	atomic_store_relaxed(&p->action[word], w.bits);
}

static u32 addr_index(u32 addr)
{
	return addr >> PAGE_SHIFT;
}

static u32 addr_offset(u32 addr)
{
	return addr & (u32)~PAGE_MASK;
}

static struct shadow_page *page_at(struct zone *z, u32 addr)
{
	u32 index = addr_index(addr);

	if (index >= atomic_load_acquire(&z->io.shadow_count)) {
		return NULL;
	}
	return &z->io.shadow[index];
}

u32 *shadow_word(struct zone *z, u32 addr)
{
	struct shadow_page *p = page_at(z, addr);

	if (p == NULL || !IS_ALIGNED(addr, 4u)) {
		return NULL;
	}
	return &p->word[addr_offset(addr) / 4u];
}

/* --------------------------------------------------------- making, freeing */

static bool traps_reads(const struct shadow_page *p)
{
	return (p->flags & ZV_SHADOW_TRAP_READS) != 0;
}

static int page_build(struct zone *z, struct shadow_page *p)
{
	int err = page_alloc_zeroed(0, FRAME_HV, z->id, &p->pa);

	if (err != 0) {
		return err;
	}
	p->word = pa_to_va(p->pa);
	arch_dcache_clean_invalidate(p->word, PAGE_SIZE);
	p->action = hv_alloc(ACTIONS_SIZE, z->id);
	if (p->action == NULL) {
		page_free(p->pa, 0);
		return -ENOMEM;
	}
	return 0;
}

static void page_unbuild(struct shadow_page *p)
{
	hv_free(p->action, ACTIONS_SIZE);
	page_free(p->pa, 0);
	*p = (struct shadow_page){ 0 };
}

/* A page that traps reads is mapped nowhere, but must not lie in RAM. */
static int page_map(struct zone *z, const struct shadow_page *p)
{
	paddr_t pa;
	u64 left;
	u32 attrs;
	int err;

	spin_lock(&z->s2_lock);
	if (pgtable_lookup(&z->s2, p->gpa, &pa, &attrs, &left) == 0) {
		err = -EEXIST;
	} else if (traps_reads(p)) {
		err = 0;
	} else {
		err = pgtable_map(&z->s2, p->gpa, p->pa, PAGE_SIZE, MAP_R);
	}
	spin_unlock(&z->s2_lock);
	return err;
}

static int create_locked(struct zone *z, u64 gpa, u32 flags)
{
	struct zone_io *io = &z->io;
	struct shadow_page *p = &io->shadow[io->shadow_count];
	int err;

	if (io->shadow_count == ZV_SHADOWS_MAX) {
		return -ENOSPC;
	}
	if (mmio_overlaps(&z->mmio, gpa, PAGE_SIZE)) {
		return -EEXIST;
	}
	if (z->mmio.count == MMIO_REGIONS_MAX) {
		return -ENOSPC;
	}
	p->gpa = gpa;
	p->flags = flags;
	err = page_build(z, p);
	if (err != 0) {
		return err;
	}
	err = page_map(z, p);
	if (err != 0) {
		page_unbuild(p);
		return err;
	}
	err = mmio_register(&z->mmio, gpa, PAGE_SIZE, shadow_access, p);
	CHECK(err == 0); /* neither overlap nor want of room, see above */
	z->pages_overhead += 1 + ACTIONS_SIZE / PAGE_SIZE;
	atomic_store_release(&io->shadow_count, io->shadow_count + 1);
	return 0;
}

int io_shadow_create(struct zone *z, u64 gpa, u32 flags, u32 *ret_index)
{
	struct pt_geometry g;
	int err = -EBUSY;

	arch_pt_geometry(PT_STAGE2, &g);
	if ((flags & ~ZV_SHADOW_TRAP_READS) != 0 ||
	    !IS_ALIGNED(gpa, PAGE_SIZE) || gpa >= 1ull << g.in_bits) {
		return -EINVAL;
	}
	spin_lock(&z->lock);
	if (z->state == ZV_ZONE_CREATED) {
		err = create_locked(z, gpa, flags);
		if (err == 0) {
			*ret_index = z->io.shadow_count - 1;
		}
	}
	spin_unlock(&z->lock);
	return err;
}

void shadow_zone_fini(struct zone *z)
{
	for (u32 i = 0; i < z->io.shadow_count; i++) {
		page_unbuild(&z->io.shadow[i]);
	}
	z->io.shadow_count = 0;
}

/* ----------------------------------------------------------------- actions */

static bool action_is_ok(struct zone *z, const struct zv_shadow_action *a)
{
	const struct shadow_page *p = page_at(z, a->addr);

	if (p == NULL || !IS_ALIGNED(a->addr, 4u) || a->reserved != 0 ||
	    a->write > ZV_WR_POSTED || a->read > ZV_RD_FORWARD ||
	    (a->read != ZV_RD_SHADOW && !traps_reads(p))) {
		return false;
	}
	if (a->write == ZV_WR_DOORBELL) {
		if (a->count == 0 ||
		    (u32)a->base + a->count > ZV_DOORBELLS_MAX) {
			return false;
		}
	} else if (a->count != 0 || a->base != 0) {
		return false;
	}
	if (a->write == ZV_WR_W1C) {
		return a->word < PAGE_SIZE && IS_ALIGNED(a->word, 4u);
	}
	return a->word == 0;
}

int io_shadow_actions(struct zone *z, const struct zv_shadow_actions *a)
{
	if (a->count > ZV_SHADOW_ACTIONS_MAX || a->reserved != 0) {
		return -EINVAL;
	}
	for (u32 i = 0; i < a->count; i++) {
		if (!action_is_ok(z, &a->action[i])) {
			return -EINVAL;
		}
	}
	spin_lock(&z->io.lock);
	for (u32 i = 0; i < a->count; i++) {
		const struct zv_shadow_action *from = &a->action[i];
		struct shadow_action to = {
			.write = from->write,
			.read = from->read,
			.count = from->count,
			.base = from->base,
			.word = from->word,
		};

		action_store(page_at(z, from->addr),
			     addr_offset(from->addr) / 4u, &to);
	}
	spin_unlock(&z->io.lock);
	return 0;
}

/* ----------------------------------------------------------------- updates */

static bool words_are_ok(struct zone *z, const struct zv_shadow_word *word,
			 u32 count)
{
	if (count > ZV_SHADOW_WORDS_MAX) {
		return false;
	}
	for (u32 i = 0; i < count; i++) {
		if (shadow_word(z, word[i].addr) == NULL) {
			return false;
		}
	}
	return true;
}

/* The words are ok. Cleans each page once. */
static void words_apply_locked(struct zone *z,
			       const struct zv_shadow_word *word, u32 count)
{
	u32 dirty = 0;

	for (u32 i = 0; i < count; i++) {
		atomic_store_release(shadow_word(z, word[i].addr),
				     word[i].value);
		dirty |= 1u << addr_index(word[i].addr);
	}
	for (u32 i = 0; i < z->io.shadow_count; i++) {
		if ((dirty & (1u << i)) != 0) {
			arch_dcache_clean(z->io.shadow[i].word, PAGE_SIZE);
		}
	}
}

static u32 pages_touched(const struct zv_shadow_word *word, u32 count)
{
	u32 mask = 0;

	for (u32 i = 0; i < count; i++) {
		mask |= 1u << addr_index(word[i].addr);
	}
	return mask;
}

/* s2_lock is held until they are shown again, so a reader waits for it. */
static void pages_hide_locked(struct zone *z, u32 mask, bool hide)
{
	for (u32 i = 0; i < z->io.shadow_count; i++) {
		struct shadow_page *p = &z->io.shadow[i];

		if ((mask & (1u << i)) == 0 || traps_reads(p)) {
			continue;
		}
		p->hidden = hide;
		if (hide) {
			pgtable_hide(&z->s2, p->gpa);
		} else {
			pgtable_show(&z->s2, p->gpa, p->pa, MAP_R);
		}
	}
}

int io_shadow_update(struct zone *z, const struct zv_shadow_update *u)
{
	u32 mask = 0;

	if ((u->flags & ~ZV_UPDATE_ATOMIC) != 0 ||
	    !words_are_ok(z, u->word, u->count)) {
		return -EINVAL;
	}
	if ((u->flags & ZV_UPDATE_ATOMIC) != 0) {
		mask = pages_touched(u->word, u->count);
	}
	spin_lock(&z->s2_lock);
	spin_lock(&z->io.lock);
	pages_hide_locked(z, mask, true);
	words_apply_locked(z, u->word, u->count);
	pages_hide_locked(z, mask, false);
	spin_unlock(&z->io.lock);
	spin_unlock(&z->s2_lock);
	return 0;
}

static u64 size_mask(u8 size)
{
	return size >= 8 ? UINT64_MAX : BIT(size * 8u) - 1;
}

static int complete_locked(struct zone *z, const struct zv_io_complete *c,
			   u32 mask)
{
	struct vcpu *v = z->vcpus[c->vcpu];
	struct zv_io_page *page = z->io.page;

	if (v->io_wait != VCPU_IO_ANSWER || v->io_seq != c->seq) {
		return -ESTALE;
	}
	pages_hide_locked(z, mask, true);
	words_apply_locked(z, c->word, c->count);
	pages_hide_locked(z, mask, false);
	v->io_wait = VCPU_IO_NONE;
	v->io_result = (c->flags & ZV_COMPLETE_ABORT) != 0 ? VCPU_IO_ABORT
							   : VCPU_IO_DONE;
	if (!v->io_access.write) {
		v->io_access.value = c->value & size_mask(v->io_access.size);
	}
	atomic_store_release(&page->slot[c->vcpu].state, (u8)ZV_SLOT_FREE);
	(void)atomic_fetch_and(&page->slots_waiting, ~BIT(c->vcpu));
	vcpu_io_wake(v);
	return 0;
}

int io_complete(struct zone *z, const struct zv_io_complete *c)
{
	u32 mask = 0;
	int err;

	if (c->vcpu >= z->vcpu_count ||
	    (c->flags & ~(ZV_COMPLETE_ABORT | ZV_COMPLETE_ATOMIC)) != 0 ||
	    !words_are_ok(z, c->word, c->count)) {
		return -EINVAL;
	}
	if ((c->flags & ZV_COMPLETE_ATOMIC) != 0) {
		mask = pages_touched(c->word, c->count);
		spin_lock(&z->s2_lock);
	}
	spin_lock(&z->io.lock);
	err = complete_locked(z, c, mask);
	spin_unlock(&z->io.lock);
	if ((c->flags & ZV_COMPLETE_ATOMIC) != 0) {
		spin_unlock(&z->s2_lock);
	}
	return err;
}

/* --------------------------------------------------------------- injection */

int io_inject(struct zone *z, u32 intid, u32 op, u32 addr, u32 mask)
{
	static const enum virq_op virq_op[] = {
		[ZV_IRQ_PULSE] = VIRQ_PULSE,
		[ZV_IRQ_RAISE] = VIRQ_RAISE,
		[ZV_IRQ_LOWER] = VIRQ_LOWER,
	};
	u32 *word;

	if (op >= ARRAY_SIZE(virq_op)) {
		return -EINVAL;
	}
	if (mask != 0) {
		u32 old;

		word = shadow_word(z, addr);
		if (word == NULL) {
			return -EINVAL;
		}
		if (op == ZV_IRQ_LOWER) {
			old = atomic_fetch_and(word, ~mask);
		} else {
			old = atomic_fetch_or(word, mask);
		}
		arch_dcache_clean(word, sizeof(*word));
		/*
		 * The guest has not cleared any of what earlier edges told it.
		 * A new bit needs an edge of its own: the guest may have read
		 * the word already, and clears only what it has read.
		 */
		if (op == ZV_IRQ_PULSE && (old & mask) == mask) {
			return 0;
		}
	}
	return arch_virq_inject(z, intid, virq_op[op]);
}

/* ---------------------------------------------------- accesses of the guest */

static void clear_bits(struct shadow_page *p, const struct shadow_action *a,
		       const struct mmio_access *m)
{
	u32 *word = &p->word[a->word / 4u];
	u32 bits = (u32)m->value << (8u * (m->gpa & 3u));

	(void)atomic_fetch_and(word, ~bits);
	arch_dcache_clean(word, sizeof(*word));
}

static void ring_doorbell(struct zone *z, const struct shadow_action *a,
			  const struct mmio_access *m)
{
	/* A narrow write counts only where the value's low byte lies. */
	if ((m->gpa & 3u) == 0 && m->value < a->count) {
		io_doorbell(z, a->base + (u32)m->value);
	}
}

static enum mmio_result write_access(struct vcpu *v, struct shadow_page *p,
				     struct mmio_access *m, u32 addr)
{
	struct shadow_action a = action_load(p, addr_offset(addr) / 4u);
	struct zone *z = v->zone;

	m->value &= size_mask(m->size);
	switch (a.write) {
	case ZV_WR_FORWARD:
		return io_forward(v, m, addr);
	case ZV_WR_DOORBELL:
		zone_count(z, exits[ZV_EXIT_MMIO_DOORBELL]);
		ring_doorbell(z, &a, m);
		return MMIO_DONE;
	case ZV_WR_W1C:
		zone_count(z, exits[ZV_EXIT_MMIO_W1C]);
		clear_bits(p, &a, m);
		return MMIO_DONE;
	case ZV_WR_POSTED:
		return io_post(v, m, addr);
	default:
		zone_count(z, exits[ZV_EXIT_MMIO_SHADOW]);
		return MMIO_DONE;
	}
}

static enum mmio_result read_access(struct vcpu *v, struct shadow_page *p,
				    struct mmio_access *m, u32 addr)
{
	u32 word = addr_offset(addr) / 4u;
	u32 value;

	if (!traps_reads(p)) {
		/* It was hidden for an update; this waits until that is done. */
		return zone_mem_allows(v->zone, m->gpa, MAP_R) ? MMIO_RETRY
							       : MMIO_ABORT;
	}
	if (action_load(p, word).read == ZV_RD_FORWARD) {
		return io_forward(v, m, addr);
	}
	zone_count(v->zone, exits[ZV_EXIT_MMIO_SHADOW]);
	value = atomic_load_acquire(&p->word[word]);
	m->value = (value >> (8u * (m->gpa & 3u))) & size_mask(m->size);
	return MMIO_DONE;
}

__attribute__((noinline)) static enum mmio_result
do_access(struct vcpu *v, struct mmio_access *a, struct shadow_page *p)
{
	u32 index = (u32)(p - v->zone->io.shadow);
	u32 addr = ZV_SHADOW_ADDR(index, a->gpa - p->gpa);

	if (a->size > 4) {
		return MMIO_ABORT;
	}
	return a->write ? write_access(v, p, a, addr)
			: read_access(v, p, a, addr);
}

/* Apart, so that other accesses keep nothing for it. */
__attribute__((cold, noinline)) static enum mmio_result
access_traced(struct vcpu *v, struct mmio_access *a, struct shadow_page *p)
{
	struct shadow_action to =
		action_load(p, addr_offset((u32)(a->gpa - p->gpa)) / 4u);
	u64 value = a->value & size_mask(a->size);

	if (a->write && a->size <= 4 && to.write == ZV_WR_DOORBELL &&
	    (a->gpa & 3u) == 0 && value < to.count) {
		trace_vcpu(ZV_TRACE_DOORBELL, v, 0, to.base + value, 0);
	}
	return do_access(v, a, p);
}

enum mmio_result shadow_access(struct vcpu *v, struct mmio_access *a, void *ctx)
{
	if (trace_on(ZV_TRACE_DOORBELL)) {
		return access_traced(v, a, ctx);
	}
	return do_access(v, a, ctx);
}
