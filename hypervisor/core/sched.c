// SPDX-License-Identifier: BSD-2-Clause
/*
 * The scheduler and the main loop of a pCPU.
 *
 * `rq.current` is the vCPU that has the pCPU.  Others only change run states
 * and set rq.resched (with an IPI); the pCPU itself decides in pick() and is
 * the only one to load and put.  A vCPU's bit in zone.loaded is set in pick(),
 * under the queue's lock, before its state is in the hardware, and cleared
 * after it has left: whoever holds a vCPU and then sees the bit clear knows
 * that it does not run and will not.
 */
#include <zv/arch/cpu.h>
#include <zv/arch/irq.h>
#include <zv/arch/mm.h>
#include <zv/arch/time.h>
#include <zv/arch/vcpu.h>
#include <zv/atomic.h>
#include <zv/check.h>
#include <zv/hvcall.h>
#include <zv/mmio.h>
#include <zv/sched.h>
#include <zv/time.h>
#include <zv/trace.h>
#include <zv/zone.h>

/* How long an equal keeps the pCPU when another wakes. */
#define SCHED_GUARD_NS 1000000ull
/* Ready for so long: goes first, whatever its priority. */
#define SCHED_STARVED_NS 50000000ull

static struct timer slice_timer[ZV_PCPUS_MAX];

static struct vcpu *vcpu_of(struct list *node)
{
	return container_of(node, struct vcpu, run_node);
}

static struct runqueue *rq_of(const struct vcpu *v)
{
	return &percpu_get(v->pcpu)->rq;
}

/* Locks the queue of v's pCPU, which may be another one a moment before. */
static struct percpu *rq_lock(const struct vcpu *v)
{
	for (;;) {
		u32 pcpu = atomic_load_acquire(&v->pcpu);
		struct percpu *cpu = percpu_get(pcpu);

		spin_lock(&cpu->rq.lock);
		if (atomic_load_relaxed(&v->pcpu) == pcpu) {
			return cpu;
		}
		spin_unlock(&cpu->rq.lock);
	}
}

static bool is_moving(const struct vcpu *v)
{
	return v->move_to != ZV_PCPU_ANY;
}

static s32 key_of(const struct vcpu *v)
{
	return v->penalty ? -1 : (s32)v->zone->priority;
}

static bool is_queued(const struct vcpu *v)
{
	return !list_empty(&v->run_node);
}

static void slice_over(struct timer *t)
{
	(void)t;
	atomic_store_relaxed(&this_cpu()->rq.resched, true);
}

void sched_cpu_init(struct percpu *cpu)
{
	spin_init(&cpu->rq.lock);
	list_init(&cpu->rq.ready);
	list_init(&cpu->rq.leaving);
	cpu->rq.has_leaving = false;
	cpu->rq.current = NULL;
	cpu->rq.slice_end = 0;
	cpu->rq.guard_end = 0;
	cpu->rq.assigned = 0;
	cpu->rq.resched = true;
	cpu->loaded = NULL;
	timer_init(&slice_timer[cpu->id], slice_over);
}

/* Asks the pCPU of the queue to pick again. */
static void resched_locked(struct percpu *cpu)
{
	atomic_store_release(&cpu->rq.resched, true);
	if (cpu != this_cpu()) {
		this_cpu()->ipi_due |= BIT(cpu->id);
	}
}

static bool goes_before(const struct vcpu *v, const struct vcpu *other,
			bool first)
{
	if (key_of(v) != key_of(other)) {
		return key_of(v) > key_of(other);
	}
	return first && !other->boost;
}

/* first: ahead of its equals, but for those that woke before it. */
static void enqueue_locked(struct runqueue *rq, struct vcpu *v, bool first)
{
	struct list *at = rq->ready.next;

	while (at != &rq->ready && !goes_before(v, vcpu_of(at), first)) {
		at = at->next;
	}
	list_insert_before(at, &v->run_node);
}

/* v may become ready, be it blocked or already on its way out of its pCPU. */
static void make_ready_locked(struct percpu *cpu, struct vcpu *v, bool boost)
{
	struct runqueue *rq = &cpu->rq;

	v->run = VCPU_READY;
	v->ready_since = arch_time_ns();
	if (v->held || is_moving(v)) {
		return;
	}
	trace_vcpu(ZV_TRACE_READY, v, 0, v->pcpu, 0);
	v->boost = boost;
	enqueue_locked(rq, v, boost);
	/* A lower one that finds a slice running just waits its turn. */
	if (rq->current == NULL || rq->current == v || rq->slice_end == 0 ||
	    key_of(v) >= key_of(rq->current)) {
		resched_locked(cpu);
	}
}

/* The number of vCPUs that may want the pCPU has changed. */
static void assigned_changed_locked(struct percpu *cpu, s32 n)
{
	struct runqueue *rq = &cpu->rq;

	rq->assigned += (u32)n;
	if (rq->current != NULL) {
		resched_locked(cpu);
	}
}

void sched_attach(struct vcpu *v)
{
	struct percpu *cpu = rq_lock(v);

	CHECK(v->run == VCPU_OFF && !is_queued(v));
	v->penalty = false;
	v->run = VCPU_IDLE;
	if (!v->held) {
		assigned_changed_locked(cpu, 1);
	}
	spin_unlock(&cpu->rq.lock);
}

/* v no longer waits for its pCPU, without having got it. */
static void end_wait_locked(struct vcpu *v)
{
	if (v->run == VCPU_READY && !v->held) {
		v->steal_ns += arch_time_ns() - v->ready_since;
	}
}

void sched_detach(struct vcpu *v)
{
	struct percpu *cpu = rq_lock(v);

	if (v->run != VCPU_OFF) {
		end_wait_locked(v);
		trace_vcpu(ZV_TRACE_BLOCK, v, 2, 0, 0);
		v->run = VCPU_OFF;
		list_remove(&v->run_node);
		if (!v->held) {
			assigned_changed_locked(cpu, -1);
		}
		if (cpu->rq.current == v) {
			resched_locked(cpu);
		}
	}
	spin_unlock(&cpu->rq.lock);
}

void sched_wake(struct vcpu *v)
{
	struct percpu *cpu = rq_lock(v);

	if (v->run == VCPU_IDLE || v->run == VCPU_IO) {
		zone_count(v->zone, wakeups);
		make_ready_locked(cpu, v, true);
	}
	spin_unlock(&cpu->rq.lock);
}

void sched_kick(struct vcpu *v, bool fresh)
{
	struct percpu *cpu = rq_lock(v);

	if (v->run == VCPU_IDLE) {
		zone_count(v->zone, wakeups);
		make_ready_locked(cpu, v, true);
	} else if (v->run == VCPU_RUNNING && fresh && cpu != this_cpu()) {
		/* Once for each time `kicked` was clear is enough. */
		this_cpu()->ipi_due |= BIT(cpu->id);
	}
	spin_unlock(&cpu->rq.lock);
}

void sched_block_self(struct vcpu *v, enum vcpu_run why)
{
	struct runqueue *rq = rq_of(v);

	CHECK(why == VCPU_IDLE || why == VCPU_IO);
	spin_lock(&rq->lock);
	/*
	 * Powered off or woken meanwhile: stay as it is.  An interrupt that
	 * came after the guest was last entered has set `kicked`.
	 */
	if (v->run == VCPU_RUNNING &&
	    !(why == VCPU_IDLE && atomic_load_acquire(&v->kicked))) {
		trace_vcpu(ZV_TRACE_BLOCK, v, why == VCPU_IO, 0, 0);
		v->run = why;
		rq->resched = true;
	}
	spin_unlock(&rq->lock);
}

void sched_hold(struct vcpu *v)
{
	struct percpu *cpu = rq_lock(v);

	if (!v->held) {
		end_wait_locked(v);
		v->held = true;
		list_remove(&v->run_node);
		if (v->run != VCPU_OFF) {
			assigned_changed_locked(cpu, -1);
		}
		if (cpu->rq.current == v) {
			resched_locked(cpu);
		}
	}
	spin_unlock(&cpu->rq.lock);
}

void sched_release(struct vcpu *v)
{
	struct percpu *cpu = rq_lock(v);

	if (v->held) {
		v->held = false;
		if (v->run != VCPU_OFF) {
			assigned_changed_locked(cpu, 1);
		}
		if (v->run == VCPU_READY) {
			make_ready_locked(cpu, v, false);
		}
	}
	spin_unlock(&cpu->rq.lock);
}

void sched_times(const struct vcpu *v, struct zv_vcpu_times *ret)
{
	struct percpu *cpu = rq_lock(v);
	u64 now = arch_time_ns();

	ret->guest_ns = v->guest_ns;
	ret->steal_ns = v->steal_ns;
	if (cpu->rq.current == v) {
		ret->guest_ns += now - v->run_since;
	} else if (v->run == VCPU_READY && !v->held) {
		ret->steal_ns += now - v->ready_since;
	}
	spin_unlock(&cpu->rq.lock);
}

/* ------------------------------------------------------ to another pCPU */

void sched_move(struct vcpu *v, u32 pcpu)
{
	struct percpu *cpu = rq_lock(v);

	if (is_moving(v)) {
		v->move_to = pcpu;
	} else if (pcpu != cpu->id) {
		zone_hold(v->zone); /* until it is there */
		v->move_to = pcpu;
		list_remove(&v->run_node);
		list_push_back(&cpu->rq.leaving, &v->move_node);
		atomic_store_relaxed(&cpu->rq.has_leaving, true);
		resched_locked(cpu);
	}
	spin_unlock(&cpu->rq.lock);
}

/* One that has left this pCPU already; NULL: none. */
static struct vcpu *next_to_go(struct percpu *cpu)
{
	struct runqueue *rq = &cpu->rq;
	struct vcpu *found = NULL;

	spin_lock(&rq->lock);
	list_for_each (node, &rq->leaving) {
		struct vcpu *v = container_of(node, struct vcpu, move_node);

		if (v != rq->current && v != cpu->loaded) {
			found = v;
			break;
		}
	}
	if (found != NULL) {
		list_remove(&found->move_node);
	}
	atomic_store_relaxed(&rq->has_leaving, !list_empty(&rq->leaving));
	spin_unlock(&rq->lock);
	return found;
}

/*
 * From the moment that v->pcpu is another, everybody uses the other queue; what
 * v counts for in `assigned` follows by the same amount.
 */
static void go(struct percpu *from, struct vcpu *v)
{
	struct zone *z = v->zone;
	struct percpu *to;
	s32 counts;

	/*
	 * Other vCPUs of its zone may have left translations of their own there,
	 * by the same VMID.
	 */
	arch_tlb_flush_vmid(z->vmid);

	spin_lock(&from->rq.lock);
	to = percpu_get(v->move_to);
	counts = v->run != VCPU_OFF && !v->held;
	assigned_changed_locked(from, -counts);
	v->move_to = ZV_PCPU_ANY;
	atomic_store_release(&v->pcpu, to->id);
	spin_unlock(&from->rq.lock);

	spin_lock(&to->rq.lock);
	assigned_changed_locked(to, counts);
	/* It may have been woken there meanwhile, or be on its way again. */
	if (v->pcpu == to->id && v->run == VCPU_READY && !v->held &&
	    !is_moving(v) && !is_queued(v)) {
		u64 since = v->ready_since;

		make_ready_locked(to, v, true);
		v->ready_since = since;
	}
	spin_unlock(&to->rq.lock);
	zone_put(z);
}

static void let_leave(struct percpu *cpu)
{
	struct vcpu *v = next_to_go(cpu);

	while (v != NULL) {
		go(cpu, v);
		v = next_to_go(cpu);
	}
}

void sched_ipi(void)
{
	/* What the sender wants is in rq.resched and vcpu.kicked. */
}

/* ------------------------------------------------------------- picking */

/* `current` no longer has the pCPU. */
static void leave_locked(struct runqueue *rq, u64 now)
{
	struct vcpu *v = rq->current;

	v->guest_ns += now - v->run_since;
	rq->current = NULL;
}

static bool must_yield(const struct runqueue *rq, u64 now)
{
	const struct vcpu *v = rq->current;
	const struct vcpu *head;

	if (list_empty(&rq->ready)) {
		return false;
	}
	if (rq->slice_end != 0 && now >= rq->slice_end) {
		return true;
	}
	if (now < rq->guard_end) {
		return false;
	}
	head = vcpu_of(rq->ready.next);
	if (key_of(head) != key_of(v)) {
		return key_of(head) > key_of(v);
	}
	return head->boost && now - rq->slice_start >= SCHED_GUARD_NS;
}

/* current goes back into the queue because another is to run. */
static void preempt_locked(struct runqueue *rq, u64 now)
{
	struct vcpu *v = rq->current;
	bool used_up = rq->slice_end != 0 && now >= rq->slice_end;

	leave_locked(rq, now);
	v->run = VCPU_READY;
	v->ready_since = now;
	v->boost = false;
	v->penalty = used_up &&
		     key_of(vcpu_of(rq->ready.prev)) < (s32)v->zone->priority;
	/* Cut short: next among its equals.  Used up: after them. */
	enqueue_locked(rq, v, !used_up);
}

/* Who goes first; a vCPU that has waited too long before all others. */
static struct vcpu *first_locked(struct runqueue *rq, u64 now,
				 bool *ret_starved)
{
	struct vcpu *oldest = NULL;

	*ret_starved = false;
	if (list_empty(&rq->ready)) {
		return NULL;
	}
	list_for_each (node, &rq->ready) {
		if (oldest == NULL ||
		    vcpu_of(node)->ready_since < oldest->ready_since) {
			oldest = vcpu_of(node);
		}
	}
	if (now - oldest->ready_since >= SCHED_STARVED_NS) {
		*ret_starved = true;
		return oldest;
	}
	return vcpu_of(rq->ready.next);
}

static void take_locked(struct runqueue *rq, u64 now)
{
	bool starved;
	struct vcpu *v = first_locked(rq, now, &starved);
	struct zone *z;

	rq->current = v;
	rq->slice_end = 0;
	rq->guard_end = 0;
	if (v == NULL) {
		return;
	}
	z = v->zone;
	list_remove(&v->run_node);
	v->steal_ns += now - v->ready_since;
	v->run = VCPU_RUNNING;
	v->run_since = now;
	v->penalty = false;
	v->boost = false;
	rq->slice_start = now;
	if (starved) {
		rq->guard_end = now + SCHED_GUARD_NS;
	}
	atomic_fetch_or(&z->loaded, 1u << v->index);
}

/* When pick() has to look again, with the pCPU in the hands of `current`. */
static u64 deadline_locked(const struct runqueue *rq, u64 now)
{
	const struct vcpu *head = vcpu_of(rq->ready.next);
	u64 guard = rq->slice_start + SCHED_GUARD_NS;
	u64 deadline = rq->slice_end;

	if (head->boost && key_of(head) == key_of(rq->current) && guard > now) {
		deadline = MIN(deadline, guard);
	}
	if (key_of(head) >= key_of(rq->current) && rq->guard_end > now) {
		deadline = MIN(deadline, rq->guard_end);
	}
	return deadline;
}

static void slice_update_locked(struct percpu *cpu, u64 now)
{
	struct runqueue *rq = &cpu->rq;
	struct timer *t = &slice_timer[cpu->id];

	if (rq->current == NULL || list_empty(&rq->ready)) {
		rq->slice_end = 0;
		timer_cancel(t);
		return;
	}
	if (rq->slice_end == 0) {
		rq->slice_end = now + rq->current->zone->slice_ns;
	}
	timer_arm(t, deadline_locked(rq, now));
}

static struct vcpu *pick(struct percpu *cpu)
{
	struct runqueue *rq = &cpu->rq;
	struct vcpu *v;
	u64 now;

	spin_lock(&rq->lock);
	rq->resched = false;
	now = arch_time_ns();
	v = rq->current;
	if (v != NULL && v->run != VCPU_RUNNING) {
		leave_locked(rq, now);
	} else if (v != NULL && (v->held || is_moving(v))) {
		leave_locked(rq, now);
		v->run = VCPU_READY;
		v->ready_since = now;
	} else if (v != NULL && must_yield(rq, now)) {
		preempt_locked(rq, now);
	}
	if (rq->current == NULL) {
		take_locked(rq, now);
	}
	slice_update_locked(cpu, now);
	/* Who is loaded yet goes the next time. */
	rq->resched = atomic_load_relaxed(&rq->has_leaving);
	v = rq->current;
	if (v != NULL) {
		atomic_store_relaxed(&v->trap_wfi, rq->assigned > 1);
	}
	spin_unlock(&rq->lock);
	return v;
}

/* ------------------------------------------------------------ main loop */

void sched_send_ipis(void)
{
	struct percpu *cpu = this_cpu();

	while (cpu->ipi_due != 0) {
		u32 to = (u32)__builtin_ctzll(cpu->ipi_due);

		cpu->ipi_due &= cpu->ipi_due - 1;
		arch_ipi_send(to, ARCH_IPI_KICK);
	}
}

static void put_loaded(struct percpu *cpu)
{
	struct vcpu *v = cpu->loaded;
	struct zone *z = v->zone;
	u32 bit = 1u << v->index;

	arch_vcpu_put(v);
	cpu->loaded = NULL;
	/*
	 * The last one out says so, if somebody may be waiting for that.  The
	 * reference keeps the zone while the event is raised: a zone that is
	 * quiet may be destroyed at any moment.
	 */
	zone_hold(z);
	if (atomic_fetch_and(&z->loaded, ~bit) == bit) {
		atomic_fence();
		if (atomic_load_acquire(&z->state) != ZV_ZONE_RUNNING) {
			io_state_changed(z);
		}
	}
	zone_put(z);
}

__attribute__((cold, noinline)) static void note_switch(const struct vcpu *v)
{
	if (v != NULL) {
		trace_put_vcpu(ZV_TRACE_SWITCH, v, 0, 0, 0);
	} else {
		trace_put_zone(ZV_TRACE_SWITCH, NULL, 0, 0);
	}
}

static void switch_to(struct percpu *cpu, struct vcpu *v)
{
	if (cpu->loaded != NULL) {
		put_loaded(cpu);
	}
	if (v != NULL) {
		zone_count(v->zone, switches);
		cpu->loaded = v;
		arch_vcpu_load(v);
	}
	if (trace_on(ZV_TRACE_SWITCH)) {
		note_switch(v);
	}
}

static void do_mmio(struct vcpu *v, struct mmio_access *a)
{
	switch (mmio_dispatch(v, a)) {
	case MMIO_DONE:
		arch_vcpu_mmio_done(v, a);
		break;
	case MMIO_ABORT:
		arch_vcpu_mmio_abort(v);
		break;
	case MMIO_RETRY:
		arch_vcpu_mmio_retry(v);
		break;
	case MMIO_SLEEP:
		break;
	}
}

static void do_hypercall(struct vcpu *v, const struct vcpu_exit *e)
{
	struct hvcall_result r = { 0 };

	hvcall(v, e->hypercall.nr, e->hypercall.arg, &r);
	arch_vcpu_hypercall_done(v, r.ret, r.out);
}

static void enter(struct vcpu *v)
{
	struct vcpu_exit e;

	/* From here on a new interrupt sets it again. */
	if (atomic_load_relaxed(&v->kicked)) {
		(void)atomic_exchange(&v->kicked, false);
		atomic_fence();
	}
	arch_vcpu_run(v, &e);
	switch (e.kind) {
	case VCPU_EXIT_NONE:
		break;
	case VCPU_EXIT_IRQ:
		zone_count(v->zone, exits[ZV_EXIT_IRQ]);
		arch_irq_handle();
		break;
	case VCPU_EXIT_IDLE:
		zone_count(v->zone, exits[ZV_EXIT_IDLE]);
		if (!arch_vcpu_irq_pending(v)) {
			sched_block_self(v, VCPU_IDLE);
		}
		break;
	case VCPU_EXIT_MMIO:
		do_mmio(v, &e.mmio);
		break;
	case VCPU_EXIT_HYPERCALL:
		do_hypercall(v, &e);
		break;
	case VCPU_EXIT_YIELD:
		atomic_store_relaxed(&this_cpu()->rq.resched, true);
		break;
	}
}

bool sched_step(void)
{
	struct percpu *cpu = this_cpu();
	struct vcpu *v = cpu->rq.current;

	if (v == NULL || atomic_load_acquire(&cpu->rq.resched)) {
		if (atomic_load_relaxed(&cpu->rq.has_leaving)) {
			let_leave(cpu);
		}
		v = pick(cpu);
		if (v != cpu->loaded) {
			switch_to(cpu, v);
			/*
			 * Putting one may have woken another of this pCPU, and
			 * no IPI tells it so.
			 */
			if (atomic_load_acquire(&cpu->rq.resched)) {
				return true;
			}
		}
		if (v == NULL) {
			u64 since = arch_time_ns();

			sched_send_ipis();
			arch_cpu_idle();
			cpu->idle_ns += arch_time_ns() - since;
			arch_irq_handle();
			return false;
		}
		vcpu_io_finish(v);
	}
	enter(v);
	return true;
}

void sched_loop(void)
{
	for (;;) {
		(void)sched_step();
	}
}
