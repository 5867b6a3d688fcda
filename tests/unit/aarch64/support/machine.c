/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/arch/time.h>
#include <zv/arch/vcpu.h>
#include <zv/boot.h>
#include <zv/check.h>
#include <zv/el2.h>
#include <zv/errno.h>
#include <zv/gicv3.h>
#include <zv/guest.h>
#include <zv/irq.h>
#include <zv/log.h>
#include <zv/mm.h>
#include <zv/percpu.h>
#include <zv/platform_aarch64.h>
#include <zv/sched.h>
#include <zv/trace.h>
#include <zv/vgic.h>
#include <zv/vtimer.h>

struct a64_machine a64;
struct percpu percpu_table[ZV_PCPUS_MAX];
u32 percpu_count = A64_PCPUS;
struct zone *zone0;
struct gicv3_ppis gicv3_ppi = {
	.hyp_timer = 26,
	.virt_timer = 27,
	.phys_timer = 30,
	.maintenance = 25,
};
u64 a64_gicd;

static struct zone *zone;

/* ---------------------------------------------------- system registers */

#define REGS_MAX 256u

static struct {
	const char *name;
	u64 value[A64_PCPUS];
} regs[REGS_MAX];

static u64 *reg(const char *name)
{
	u32 hash = 5381;
	u32 i;

	for (const char *c = name; *c != '\0'; c++) {
		hash = hash * 33 + (u8)*c;
	}
	for (i = hash % REGS_MAX; regs[i].name != NULL;
	     i = (i + 1) % REGS_MAX) {
		if (strcmp(regs[i].name, name) == 0) {
			return &regs[i].value[a64.cpu];
		}
	}
	regs[i].name = name;
	return &regs[i].value[a64.cpu];
}

u64 a64_sysreg_read(const char *name)
{
	if (strcmp(name, "tpidr_el2") == 0) {
		return (u64)(uintptr_t)&percpu_table[a64.cpu];
	}
	if (strcmp(name, "cntpct_el0") == 0) {
		return a64.count;
	}
	if (strcmp(name, "cntv_ctl_el0") == 0) {
		u64 ctl = *reg(name) & 3;
		u64 now = a64.count - *reg("cntvoff_el2");

		return ctl | ((ctl & 1) != 0 && now >= *reg("cntv_cval_el0")
				      ? CNT_CTL_ISTATUS
				      : 0);
	}
	return *reg(name);
}

void a64_sysreg_write(const char *name, u64 value)
{
	*reg(name) = value;
}

void a64_tlbi(const char *op)
{
	a64.flushes += strcmp(op, "vmalls12e1is") == 0;
	a64.tlbi_vttbr = *reg("vttbr_el2");
}

/* ------------------------------------------------------- physical GIC */

static struct a64_line *line(u32 intid)
{
	assert(intid < A64_PHYS_INTIDS);
	return intid < 32 ? &a64.ppi[a64.cpu][intid] : &a64.spi[intid];
}

void gicv3_deactivate(u32 intid)
{
	/* Ending what is not active would be a bug. */
	assert(line(intid)->active);
	line(intid)->active = false;
	line(intid)->deactivations++;
}

void gicv3_enable(u32 intid)
{
	line(intid)->enabled = true;
}

void gicv3_disable(u32 intid)
{
	line(intid)->enabled = false;
}

void gicv3_set_pending(u32 intid, bool on)
{
	line(intid)->pending = on;
}

void gicv3_set_active(u32 intid, bool on)
{
	line(intid)->active = on;
}

bool gicv3_is_pending(u32 intid)
{
	return line(intid)->pending;
}

void gicv3_set_edge(u32 intid, bool edge)
{
	line(intid)->edge = edge;
}

void gicv3_route(u32 intid, u32 cpu)
{
	line(intid)->route = cpu;
}

u32 irq_table_count(void)
{
	return A64_PHYS_INTIDS;
}

u16 irq_owner(u32 intid)
{
	return a64.owner[intid];
}

bool a64_fire_spi(u32 intid)
{
	struct a64_line *l = &a64.spi[intid];

	if (!l->enabled || l->active) {
		l->pending = true;
		return false;
	}
	l->pending = false;
	l->active = true;
	vgic_inject_phys(zone, intid);
	return true;
}

bool a64_fire_timer(void)
{
	struct a64_line *l = line(27);

	if (l->active || !vtimer_level()) {
		return false;
	}
	l->active = true;
	vtimer_irq();
	return true;
}

/* -------------------------------------------------- virtual CPU interface */

static const char *const lr_name[A64_LRS] = {
	A64_STR(ICH_LR0_EL2),
	A64_STR(ICH_LR1_EL2),
	A64_STR(ICH_LR2_EL2),
	A64_STR(ICH_LR3_EL2),
};

#define LR_PENDING(lr) (((lr)&ICH_LR_PENDING) != 0)
#define LR_ACTIVE(lr) (((lr)&ICH_LR_ACTIVE) != 0)
#define LR_VALID(lr) (LR_PENDING(lr) || LR_ACTIVE(lr))
#define LR_PRIO(lr) ((u32)((lr) >> ICH_LR_PRIORITY_SHIFT) & 0xff)
#define EOICOUNT (1ull << 27)

static u32 running(void)
{
	u32 bits = (u32)*reg(A64_STR(ICH_AP1R0_EL2)) |
		   (u32)*reg(A64_STR(ICH_AP0R0_EL2));

	return bits == 0 ? 0xff : (u32)__builtin_ctz(bits) << 3;
}

u32 a64_lr_count_valid(void)
{
	u32 n = 0;

	for (u32 i = 0; i < A64_LRS; i++) {
		n += LR_VALID(*reg(lr_name[i]));
	}
	return n;
}

u32 a64_ack(void)
{
	u64 vmcr = *reg(A64_STR(ICH_VMCR_EL2));
	u32 best = 0x100;
	u64 *found = NULL;

	if ((*reg(A64_STR(ICH_HCR_EL2)) & ICH_HCR_EN) == 0) {
		return A64_SPURIOUS;
	}
	for (u32 i = 0; i < A64_LRS; i++) {
		u64 *lr = reg(lr_name[i]);
		u64 enable = (*lr & ICH_LR_GROUP1) != 0 ? 2 : 1;

		if (LR_PENDING(*lr) && !LR_ACTIVE(*lr) &&
		    (vmcr & enable) != 0 && LR_PRIO(*lr) < best) {
			best = LR_PRIO(*lr);
			found = lr;
		}
	}
	if (found == NULL || best >= (vmcr >> 24 & 0xff) || best >= running()) {
		return A64_SPURIOUS;
	}
	*found = (*found & ~ICH_LR_PENDING) | ICH_LR_ACTIVE;
	*reg((*found & ICH_LR_GROUP1) != 0 ? A64_STR(ICH_AP1R0_EL2)
					   : A64_STR(ICH_AP0R0_EL2)) |=
		BIT(best >> 3);
	return (u32)*found;
}

void a64_drop(u32 intid)
{
	u64 *ap1 = reg(A64_STR(ICH_AP1R0_EL2));
	u64 *ap0 = reg(A64_STR(ICH_AP0R0_EL2));

	(void)intid;
	if (*ap1 != 0 &&
	    (*ap0 == 0 || __builtin_ctzll(*ap1) < __builtin_ctzll(*ap0))) {
		*ap1 &= *ap1 - 1;
	} else if (*ap0 != 0) {
		*ap0 &= *ap0 - 1;
	}
}

static bool deactivate_lr(u32 intid)
{
	for (u32 i = 0; i < A64_LRS; i++) {
		u64 *lr = reg(lr_name[i]);

		if (LR_ACTIVE(*lr) && (u32)*lr == intid) {
			*lr &= ~ICH_LR_ACTIVE;
			if ((*lr & ICH_LR_HW) != 0) {
				line((u32)(*lr >> ICH_LR_PINTID_SHIFT) & 0x3ff)
					->active = false;
			}
			return true;
		}
	}
	return false;
}

void a64_eoi(u32 intid)
{
	a64_drop(intid);
	if (!deactivate_lr(intid)) {
		*reg(A64_STR(ICH_HCR_EL2)) += EOICOUNT;
	}
}

void a64_dir(struct vcpu *v, u32 intid)
{
	if ((*reg(A64_STR(ICH_HCR_EL2)) & ICH_HCR_TDIR) != 0) {
		vgic_write_dir(v, intid);
	} else if (!deactivate_lr(intid)) {
		*reg(A64_STR(ICH_HCR_EL2)) += EOICOUNT;
	}
}

bool a64_maintenance(void)
{
	u64 hcr = *reg(A64_STR(ICH_HCR_EL2));
	bool pending = false;
	bool ended = false;

	for (u32 i = 0; i < A64_LRS; i++) {
		u64 lr = *reg(lr_name[i]);

		/* The pending state, not "pending and active". */
		pending = pending || (LR_PENDING(lr) && !LR_ACTIVE(lr));
		ended = ended || (!LR_VALID(lr) && (lr & ICH_LR_EOI) != 0 &&
				  (lr & ICH_LR_HW) == 0);
	}
	return (hcr & ICH_HCR_EN) != 0 &&
	       (ended || ((hcr & ICH_HCR_NPIE) != 0 && !pending) ||
		((hcr & ICH_HCR_LRENPIE) != 0 && hcr / EOICOUNT != 0));
}

/* ---------------------------------------------------------- the core */

void spin_init(struct spinlock *l)
{
	l->taken = 0;
}

void spin_lock(struct spinlock *l)
{
	assert(l->taken == 0);
	l->taken = 1;
}

void spin_unlock(struct spinlock *l)
{
	assert(l->taken == 1);
	l->taken = 0;
}

void vcpu_kick(struct vcpu *v)
{
	a64.kicks[v->index]++;
	/* One that sleeps makes its pCPU pick again. */
	if (v->run == VCPU_IDLE) {
		v->run = VCPU_READY;
		percpu_get(v->pcpu)->rq.resched = true;
	}
}

void sched_send_ipis(void)
{
	this_cpu()->ipi_due = 0;
}

bool vcpu_is_on(const struct vcpu *v)
{
	return v->run != VCPU_OFF;
}

int vcpu_power_on(struct vcpu *v, u64 entry, u64 arg)
{
	a64.powered_on = v;
	a64.power_on_entry = entry;
	a64.power_on_arg = arg;
	return a64.power_on_result;
}

void vcpu_power_off_self(struct vcpu *v)
{
	v->run = VCPU_OFF;
}

void zone_guest_off(struct zone *z)
{
	(void)z;
	a64.offs++;
}

void zone_guest_reset(struct zone *z)
{
	(void)z;
	a64.resets++;
}

void zone_crash(struct vcpu *v, u32 reason, u64 addr, u64 ipa, u64 syndrome)
{
	(void)addr;
	(void)ipa;
	(void)syndrome;
	this_cpu()->rq.resched = true;
	v->zone->state = ZV_ZONE_CRASHED;
	a64.crash_reason = reason;
	a64.crashes++;
}

bool zone_mem_allows(struct zone *z, u64 gpa, u32 access)
{
	(void)z;
	(void)access;
	return gpa - A64_RAM_BASE < A64_RAM_SIZE ||
	       (a64.extra_page != 0 &&
		ALIGN_DOWN(gpa, PAGE_SIZE) == a64.extra_page);
}

int copy_from_zone(struct zone *z, u64 gpa, void *dst, size_t len)
{
	(void)z;
	if (gpa < A64_RAM_BASE || gpa - A64_RAM_BASE > A64_RAM_SIZE - len) {
		return -EFAULT;
	}
	memcpy(dst, &a64.ram[gpa - A64_RAM_BASE], len);
	return 0;
}

void *hv_alloc(size_t size, u16 owner)
{
	(void)owner;
	return calloc(1, size);
}

void hv_free(void *p, size_t size)
{
	(void)size;
	free(p);
}

int mmio_register(struct mmio_map *m, u64 gpa, u64 size, mmio_fn fn, void *ctx)
{
	m->region[m->count++] = (struct mmio_region){ gpa, size, fn, ctx };
	return 0;
}

static void mmio(struct vcpu *v, struct mmio_access *a)
{
	for (u32 i = 0; i < v->zone->mmio.count; i++) {
		struct mmio_region *r = &v->zone->mmio.region[i];

		if (a->gpa - r->gpa < r->size) {
			r->fn(v, a, r->ctx);
			return;
		}
	}
	abort(); /* no region */
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	t->fn = fn;
	t->queued = false;
}

void timer_arm(struct timer *t, u64 deadline_ns)
{
	t->deadline = deadline_ns;
	t->queued = true;
}

void timer_cancel(struct timer *t)
{
	t->queued = false;
}

void timer_cancel_wait(struct timer *t)
{
	timer_cancel(t);
}

/* One tick is one nanosecond. */
u64 arch_time_ns(void)
{
	return a64.count;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

bool ratelimit_ok(struct ratelimit *r)
{
	(void)r;
	return false;
}

void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

struct trace_switch trace_switch;

void trace_put_vcpu(u32 event, const struct vcpu *v, u32 detail, u64 arg0,
		    u64 arg1)
{
	struct zv_trace_record *r;

	assert(a64.traced < A64_TRACED_MAX);
	r = &a64.trace[a64.traced++];
	*r = (struct zv_trace_record){
		.event = (u16)event,
		.zone = v->zone->id,
		.vcpu = (u16)v->index,
		.detail = (u16)detail,
		.arg = { arg0, arg1 },
	};
}

/* ---------------------------------------------------- entry.S and fp.S */

u64 guest_enter(struct guest_regs *r)
{
	return a64.guest(r);
}

void guest_fp_save(struct guest_fp *fp)
{
	(void)fp;
}

void guest_fp_load(const struct guest_fp *fp)
{
	(void)fp;
}

static u64 at(u64 va)
{
	*reg("par_el1") =
		a64.at != NULL ? a64.at(va) : ALIGN_DOWN(va, PAGE_SIZE);
	return *reg("par_el1");
}

u64 guest_at_s1e1r(u64 va)
{
	return at(va);
}

u64 guest_at_s1e1w(u64 va)
{
	return at(va);
}

u64 guest_at_s1e0r(u64 va)
{
	return at(va);
}

u64 guest_at_s1e0w(u64 va)
{
	return at(va);
}

/* ------------------------------------------------------------- set-up */

static void host_layout(void)
{
	static struct host_facts facts;

	memset(&facts, 0, sizeof(facts));
	facts.gic.dist = (struct mem_range){ 0x2f000000, 0x10000 };
	/* Two regions: the frames of zone0 do not all lie together. */
	facts.gic.redist[0] = (struct mem_range){ 0x2f100000, 0x20000 };
	facts.gic.redist[1] = (struct mem_range){ 0x2f200000, 0x60000 };
	facts.gic.redist_count = 2;
	vgic_host_layout(&facts);
}

u64 a64_gicr(u32 vcpu)
{
	if (zone->id != ZV_ZONE0) {
		return ZV_A64_GICR_BASE + vcpu * ZV_A64_GICR_STRIDE;
	}
	return vcpu == 0 ? 0x2f100000 : 0x2f200000 + (vcpu - 1) * 0x20000ull;
}

struct zone *a64_setup(u16 zone_id, u32 vcpus)
{
	memset(&a64, 0, sizeof(a64));
	for (u32 i = 0; i < REGS_MAX; i++) {
		memset(regs[i].value, 0, sizeof(regs[i].value));
	}
	memset(percpu_table, 0, sizeof(percpu_table));
	for (u32 i = 0; i < A64_PHYS_INTIDS; i++) {
		/* Every fourth line is nobody's. */
		a64.owner[i] = i % 4 == 3 ? IRQ_OWNER_NONE : ZV_ZONE0;
	}
	host_layout();
	stage2_set_empty_root(pa_make(A64_EMPTY_ROOT));
	for (a64.cpu = 0; a64.cpu < A64_PCPUS; a64.cpu++) {
		percpu_table[a64.cpu].id = a64.cpu;
		percpu_table[a64.cpu].arch.mpidr = a64.cpu << 8;
		*reg("cntfrq_el0") = 1000000000;
		*reg("id_aa64mmfr0_el1") = 4; /* PARange: 44 bits */
		/* 4 LRs, 5 bits of preemption and priority, TDS. */
		*reg(A64_STR(ICH_VTR_EL2)) = (A64_LRS - 1) | 1ull << 19 |
					     1ull << 23 | 4ull << 26 |
					     4ull << 29;
		vgic_cpu_init();
	}
	a64_on(0);
	zone = calloc(1, sizeof(*zone));
	zone->id = zone_id;
	zone->vmid = A64_VMID;
	zone->s2.root = pa_make(A64_ROOT);
	zone->vcpu_count = vcpus;
	zone->state = ZV_ZONE_RUNNING;
	assert(arch_zone_init(zone) == 0);
	for (u32 i = 0; i < vcpus; i++) {
		struct vcpu *v = aligned_alloc(64, ALIGN_UP(sizeof(*v), 64ul));

		memset(v, 0, sizeof(*v));
		v->zone = zone;
		v->index = i;
		v->pcpu = i % A64_PCPUS;
		v->run = VCPU_RUNNING;
		zone->vcpus[i] = v;
		assert(arch_vcpu_init(v) == 0);
	}
	assert(arch_vic_init(zone) == 0);
	for (u32 i = 0; i < vcpus; i++) {
		arch_vcpu_reset(zone->vcpus[i], A64_RAM_BASE, 0);
	}
	a64_gicd = zone_id == ZV_ZONE0 ? 0x2f000000 : ZV_A64_GICD_BASE;
	return zone;
}

void a64_teardown(void)
{
	for (u32 i = 0; i < zone->vcpu_count; i++) {
		a64_on(zone->vcpus[i]->pcpu);
		if (this_cpu()->loaded == zone->vcpus[i]) {
			a64_put(zone->vcpus[i]);
		}
	}
	arch_vic_fini(zone);
	for (u32 i = 32; i < A64_PHYS_INTIDS; i++) {
		assert(!a64.spi[i].active);
		assert(!a64.spi[i].enabled);
	}
	for (u32 i = 0; i < A64_PCPUS; i++) {
		assert(!a64.ppi[i][27].active);
	}
	for (u32 i = 0; i < zone->vcpu_count; i++) {
		arch_vcpu_fini(zone->vcpus[i]);
		free(zone->vcpus[i]);
	}
	arch_zone_fini(zone);
	free(zone);
	zone = NULL;
}

void a64_on(u32 cpu)
{
	a64.cpu = cpu;
}

void a64_load(struct vcpu *v)
{
	a64_on(v->pcpu);
	assert(this_cpu()->loaded == NULL);
	this_cpu()->loaded = v;
	arch_vcpu_load(v);
}

void a64_put(struct vcpu *v)
{
	a64_on(v->pcpu);
	assert(this_cpu()->loaded == v);
	arch_vcpu_put(v);
	this_cpu()->loaded = NULL;
}

void a64_enter(struct vcpu *v)
{
	a64_on(v->pcpu);
	assert(this_cpu()->loaded == v);
	if ((v->arch.work & VCPU_WORK_VGIC) != 0) {
		vgic_flush(v);
	}
}

u64 a64_mmio_read(struct vcpu *v, u64 gpa, u8 size)
{
	struct mmio_access a = { .gpa = gpa, .size = size };

	a64_on(v->pcpu);
	mmio(v, &a);
	return a.value;
}

void a64_mmio_write(struct vcpu *v, u64 gpa, u8 size, u64 value)
{
	struct mmio_access a = {
		.gpa = gpa, .size = size, .value = value, .write = true
	};

	a64_on(v->pcpu);
	mmio(v, &a);
}
