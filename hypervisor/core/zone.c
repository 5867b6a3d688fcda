// SPDX-License-Identifier: BSD-2-Clause
/* The zone table, and how zones are made and unmade. */
#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/arch/time.h>
#include <zv/arch/vcpu.h>
#include <zv/atomic.h>
#include <zv/check.h>
#include <zv/errno.h>
#include <zv/log.h>
#include <zv/mm.h>
#include <zv/percpu.h>
#include <zv/sched.h>
#include <zv/string.h>
#include <zv/trace.h>
#include <zv/zone.h>

/* Shorter slices would only switch, longer ones only stutter. */
#define SLICE_MIN_US 100u
#define SLICE_MAX_US 1000000u

#define REF_BASE 1u /* the table's */

struct zone *zone0;

static struct spinlock zone_table_lock = SPINLOCK_INIT;
static struct zone *zone_table[ZV_ZONES_MAX];
/* An id is taken before the zone is complete and until its TLB is clean. */
static bool zone_id_used[ZV_ZONES_MAX];
static u32 zones_alive;
static u32 pcpu_vcpus[ZV_PCPUS_MAX]; /* vCPUs placed on each pCPU */

/* ------------------------------------------------------------ references */

struct zone *zone_get(u64 id)
{
	struct zone *z = NULL;

	if (id >= ZV_ZONES_MAX) {
		return NULL;
	}
	spin_lock(&zone_table_lock);
	z = zone_table[id];
	if (z != NULL) {
		zone_hold(z);
	}
	spin_unlock(&zone_table_lock);
	return z;
}

void zone_hold(struct zone *z)
{
	(void)atomic_fetch_add(&z->refs, 1u);
}

int zone_next(u64 id)
{
	int found = -ESRCH;

	spin_lock(&zone_table_lock);
	for (; id < ZV_ZONES_MAX; id++) {
		if (zone_table[id] != NULL) {
			found = (int)id;
			break;
		}
	}
	spin_unlock(&zone_table_lock);
	return found;
}

u32 zone_total(void)
{
	return atomic_load_relaxed(&zones_alive);
}

static int id_take(u16 *ret_id)
{
	int err = -ENOSPC;

	spin_lock(&zone_table_lock);
	for (u16 id = 0; id < ZV_ZONES_MAX; id++) {
		if (!zone_id_used[id]) {
			zone_id_used[id] = true;
			*ret_id = id;
			err = 0;
			break;
		}
	}
	spin_unlock(&zone_table_lock);
	return err;
}

static void id_give(u16 id)
{
	spin_lock(&zone_table_lock);
	zone_id_used[id] = false;
	spin_unlock(&zone_table_lock);
}

/* From then on z may be gone at any moment: zone0 may destroy what it can name. */
static void zone_publish(struct zone *z)
{
	trace_zone(ZV_TRACE_STATE, z, ZV_ZONE_CREATED, ZV_REASON_NONE);
	spin_lock(&zone_table_lock);
	zone_table[z->id] = z;
	zones_alive++;
	spin_unlock(&zone_table_lock);
}

/* ------------------------------------------------------------- placement */

/* The online pCPU with the fewest vCPUs; of equals the last, as zone0's
 * interrupts mostly go to the first. */
static u32 pcpu_choose_locked(void)
{
	u32 best = this_cpu()->id;

	for (u32 i = 0; i < percpu_count; i++) {
		if (percpu_get(i)->online &&
		    pcpu_vcpus[i] <= pcpu_vcpus[best]) {
			best = i;
		}
	}
	return best;
}

static void vcpus_place(struct zone *z, const u32 *pcpu)
{
	spin_lock(&zone_table_lock);
	for (u32 i = 0; i < z->vcpu_count; i++) {
		u32 cpu =
			pcpu[i] == ZV_PCPU_ANY ? pcpu_choose_locked() : pcpu[i];

		z->vcpus[i]->pcpu = cpu;
		z->vcpus[i]->place = cpu;
		pcpu_vcpus[cpu]++;
	}
	spin_unlock(&zone_table_lock);
}

static void vcpus_unplace(struct zone *z)
{
	spin_lock(&zone_table_lock);
	for (u32 i = 0; i < z->vcpu_count; i++) {
		pcpu_vcpus[z->vcpus[i]->place]--;
	}
	spin_unlock(&zone_table_lock);
}

int zone_vcpu_pin(struct zone *z, u64 vcpu, u64 pcpu)
{
	struct vcpu *v;

	if (vcpu >= z->vcpu_count || pcpu >= percpu_count ||
	    !percpu_get((u32)pcpu)->online) {
		return -EINVAL;
	}
	v = z->vcpus[vcpu];
	spin_lock(&zone_table_lock);
	pcpu_vcpus[v->place]--;
	pcpu_vcpus[pcpu]++;
	v->place = (u32)pcpu;
	sched_move(v, v->place);
	spin_unlock(&zone_table_lock);
	return 0;
}

/* ----------------------------------------------------- making and unmaking */

static void vcpus_fini(struct zone *z, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		arch_vcpu_fini(z->vcpus[i]);
		hv_free(z->vcpus[i], sizeof(struct vcpu));
		z->vcpus[i] = NULL;
	}
}

static int vcpus_init(struct zone *z)
{
	for (u32 i = 0; i < z->vcpu_count; i++) {
		struct vcpu *v = hv_alloc(sizeof(*v), z->id);
		int err = -ENOMEM;

		if (v != NULL) {
			v->zone = z;
			v->index = i;
			v->run = VCPU_OFF;
			v->held = true; /* until the zone starts */
			v->move_to = ZV_PCPU_ANY;
			list_init(&v->run_node);
			list_init(&v->move_node);
			z->vcpus[i] = v;
			err = arch_vcpu_init(v);
		}
		if (err != 0) {
			hv_free(v, sizeof(*v));
			z->vcpus[i] = NULL;
			vcpus_fini(z, i);
			return err;
		}
	}
	return 0;
}

static u64 pages_of(size_t size)
{
	u64 pages = 1;

	while (pages * PAGE_SIZE < size) {
		pages *= 2; /* as hv_alloc() rounds */
	}
	return pages;
}

/* Everything that does not depend on where the zone's description is from. */
static int zone_build(struct zone *z, const u32 *pcpu)
{
	int err;

	spin_init(&z->lock);
	spin_init(&z->s2_lock);
	spin_init(&z->io.lock);
	z->vmid = z->id;
	z->refs = REF_BASE;
	z->state = ZV_ZONE_CREATED;
	z->vcpu_limit = z->vcpu_count;
	z->created_ns = arch_time_ns();
	err = pgtable_init(&z->s2, PT_STAGE2, z->vmid, z->id);
	if (err != 0) {
		return err;
	}
	err = arch_zone_init(z);
	if (err != 0) {
		goto err_pgtable;
	}
	err = vcpus_init(z);
	if (err != 0) {
		goto err_arch;
	}
	vcpus_place(z, pcpu);
	err = arch_vic_init(z);
	if (err != 0) {
		goto err_vcpus;
	}
	err = io_zone_init(z);
	if (err != 0) {
		goto err_vic;
	}
	z->pages_overhead += pages_of(sizeof(*z)) +
			     z->vcpu_count * pages_of(sizeof(struct vcpu));
	return 0;

err_vic:
	arch_vic_fini(z);
err_vcpus:
	vcpus_unplace(z);
	vcpus_fini(z, z->vcpu_count);
err_arch:
	arch_zone_fini(z);
err_pgtable:
	pgtable_fini(&z->s2);
	return err;
}

static void zone_free(struct zone *z)
{
	u16 id = z->id;

	/* Nobody can translate through stage-2 now: the TLB, then the tables. */
	arch_tlb_flush_vmid(z->vmid);
	io_zone_fini(z);
	arch_vic_fini(z);
	vcpus_unplace(z);
	vcpus_fini(z, z->vcpu_count);
	arch_zone_fini(z);
	pgtable_fini(&z->s2);
	hv_free(z, sizeof(*z));
	id_give(id);
}

void zone_put(struct zone *z)
{
	if (atomic_fetch_sub(&z->refs, 1u) == 1) {
		zone_free(z);
	}
}

int zone_remove(struct zone *z)
{
	int err = -EAGAIN;

	spin_lock(&zone_table_lock);
	if (atomic_load_acquire(&z->refs) == REF_BASE + 1) {
		zone_table[z->id] = NULL;
		zones_alive--;
		(void)atomic_fetch_sub(&z->refs, REF_BASE);
		err = 0;
	}
	spin_unlock(&zone_table_lock);
	return err;
}

int zone_create_root(u32 vcpu_count, struct zone **ret_zone)
{
	u32 pcpu[ZV_VCPUS_MAX];
	struct zone *z;
	u16 id;
	int err;

	if (vcpu_count == 0 || vcpu_count > ZV_VCPUS_MAX) {
		return -EINVAL;
	}
	err = id_take(&id);
	CHECK(err == 0 && id == ZV_ZONE0);
	z = hv_alloc(sizeof(*z), id);
	if (z == NULL) {
		return -ENOMEM;
	}
	z->id = id;
	z->vcpu_count = vcpu_count;
	z->priority = ZONE_PRIORITY_ZONE0;
	z->slice_ns = ZONE_SLICE_DEFAULT_US * 1000ull;
	memcpy(z->name, "zone0", sizeof("zone0"));
	for (u32 i = 0; i < vcpu_count; i++) {
		pcpu[i] = i;
	}
	err = zone_build(z, pcpu);
	if (err != 0) {
		hv_free(z, sizeof(*z));
		id_give(id);
		return err;
	}
	/*
	 * Grants come and go while zone0 runs: no neighbour's translation may
	 * vanish for a moment because blocks are merged or split.
	 */
	z->s2.merge = false;
	zone0 = z;
	zone_publish(z);
	*ret_zone = z;
	return 0;
}

/* The name goes into logs and terminals. */
static bool name_is_ok(const char *name)
{
	size_t len = strnlen(name, ZV_NAME_MAX);

	if (len == 0 || len == ZV_NAME_MAX) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (name[i] < 0x20 || name[i] > 0x7e) {
			return false;
		}
	}
	return true;
}

static bool args_are_ok(const struct zv_zone_create *a)
{
	if (!name_is_ok(a->name) || a->flags != 0 || a->vcpu_count == 0 ||
	    a->vcpu_count > ZV_VCPUS_MAX || a->priority > 31 ||
	    (a->reserved0[0] | a->reserved0[1] | a->reserved0[2]) != 0 ||
	    a->reserved1 != 0 || a->event_index >= io_host_event_count()) {
		return false;
	}
	if (a->slice_us != 0 &&
	    (a->slice_us < SLICE_MIN_US || a->slice_us > SLICE_MAX_US)) {
		return false;
	}
	for (u32 i = 0; i < ZV_VCPUS_MAX; i++) {
		u32 cpu = a->pcpu[i];

		if (i >= a->vcpu_count) {
			if (cpu != 0 && cpu != ZV_PCPU_ANY) {
				return false;
			}
		} else if (cpu != ZV_PCPU_ANY &&
			   (cpu >= percpu_count || !percpu_get(cpu)->online)) {
			return false;
		}
	}
	return true;
}

int zone_create(const struct zv_zone_create *args, u16 *ret_id)
{
	struct zone *z;
	u16 id;
	int err;

	if (!args_are_ok(args)) {
		return -EINVAL;
	}
	err = id_take(&id);
	if (err != 0) {
		return err;
	}
	z = hv_alloc(sizeof(*z), id);
	if (z == NULL) {
		err = -ENOMEM;
		goto err_id;
	}
	z->id = id;
	z->vcpu_count = args->vcpu_count;
	z->priority = args->priority;
	z->event_index = args->event_index;
	z->slice_ns = 1000ull * (args->slice_us != 0 ? args->slice_us
						     : ZONE_SLICE_DEFAULT_US);
	memcpy(z->name, args->name, sizeof(z->name));
	memcpy(z->uuid, args->uuid, sizeof(z->uuid));
	err = zone_build(z, args->pcpu);
	if (err != 0) {
		goto err_free;
	}
	zone_publish(z);
	*ret_id = id;
	return 0;

err_free:
	hv_free(z, sizeof(*z));
err_id:
	id_give(id);
	return err;
}
