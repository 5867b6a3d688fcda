// SPDX-License-Identifier: BSD-2-Clause
/* The scheduler: who runs, when, and what a wake-up does. */
#include "core_test.h"

#include <zv/arch/irq.h>
#include <zv/arch/time.h>

#define US 1000ull
#define MS 1000000ull

/* Every entry runs for `burst` and ends by an exit of no meaning. */
static u64 burst = 100 * US;
static u64 ran_ns[8];

static void hog(struct vcpu *v, struct vcpu_exit *e)
{
	u64 left = percpu_get(v->pcpu)->arch.timer_deadline;

	/* The hardware timer would end it earlier. */
	left = left == UINT64_MAX ? burst : left - arch_time_ns();
	fake_time_advance(MIN(burst, left));
	ran_ns[v->zone->id] += MIN(burst, left);
	e->kind = VCPU_EXIT_NONE;
}

static struct zone *hog_zone(u8 priority)
{
	u32 cpu = 3;
	struct zone *z = test_zone(1, &cpu, priority);

	test_start(z, 1);
	return z;
}

static void run_for(u64 ns)
{
	u64 end = arch_time_ns() + ns;

	memset(ran_ns, 0, sizeof(ran_ns));
	fake_cpu_set(3);
	while (arch_time_ns() < end) {
		if (!sched_step()) {
			fake_time_advance(burst);
		}
	}
	fake_cpu_set(0);
}

static void test_alone_has_no_slice(void **state)
{
	struct zone *z = hog_zone(8);
	struct zv_counters counters;

	(void)state;
	fake_guest = hog;
	run_for(100 * MS);
	assert_int_equal(ran_ns[z->id], 100 * MS);
	assert_int_equal(percpu_get(3)->rq.slice_end, 0);
	assert_true(percpu_get(3)->arch.timer_deadline == UINT64_MAX);
	assert_false(z->vcpus[0]->trap_wfi);
	assert_int_equal(z->counters.switches, 1);
	zone_counters(z, &counters);
	assert_int_equal(counters.steal_ns, 0);
	/* It has never left its pCPU. */
	assert_int_equal(counters.guest_ns, 100 * MS);
	assert_int_equal(counters.vcpu_count, 1);
	assert_int_equal(counters.vcpu[0].guest_ns, 100 * MS);
	zone_put(z);
}

static void test_equals_share(void **state)
{
	struct zone *a = hog_zone(8);
	struct zone *b = hog_zone(8);
	struct zone *c = hog_zone(8);

	(void)state;
	fake_guest = hog;
	run_for(300 * MS);
	assert_in_range(ran_ns[a->id], 94 * MS, 106 * MS);
	assert_in_range(ran_ns[b->id], 94 * MS, 106 * MS);
	assert_in_range(ran_ns[c->id], 94 * MS, 106 * MS);
	assert_true(a->vcpus[0]->trap_wfi);
	assert_true(b->vcpus[0]->trap_wfi);
	/* 5 ms each, not a switch for every exit. */
	assert_in_range(a->counters.switches, 18, 24);
	zone_put(a);
	zone_put(b);
	zone_put(c);
}

/* A hog of higher priority takes most, but only one slice at a time. */
static void test_high_hog_does_not_starve(void **state)
{
	struct zone *high = hog_zone(20);
	struct zone *low = hog_zone(3);

	(void)state;
	fake_guest = hog;
	run_for(200 * MS);
	assert_in_range(ran_ns[low->id], 40 * MS, 110 * MS);
	assert_in_range(ran_ns[high->id], 90 * MS, 160 * MS);
	zone_put(high);
	zone_put(low);
}

/* Sleeps after 1 ms of work; the test wakes it again. */
static struct vcpu *sleeper[2];
static void bursty(struct vcpu *v, struct vcpu_exit *e)
{
	if (v == sleeper[0] || v == sleeper[1]) {
		fake_time_advance(MS);
		ran_ns[v->zone->id] += MS;
		e->kind = VCPU_EXIT_IDLE;
		/* The other one gets work at once. */
		vcpu_kick(v == sleeper[0] ? sleeper[1] : sleeper[0]);
		return;
	}
	hog(v, e);
}

/* Two that never use up a slice, but leave no gap between them. */
static void test_bursts_do_not_starve(void **state)
{
	struct zone *a = hog_zone(20);
	struct zone *b = hog_zone(20);
	struct zone *low = hog_zone(3);

	(void)state;
	sleeper[0] = a->vcpus[0];
	sleeper[1] = b->vcpus[0];
	fake_guest = bursty;
	run_for(1000 * MS);
	assert_in_range(ran_ns[low->id], 10 * MS, 100 * MS);
	assert_true(ran_ns[a->id] > 300 * MS);
	assert_true(ran_ns[b->id] > 300 * MS);
	zone_put(a);
	zone_put(b);
	zone_put(low);
}

static void idle_guest(struct vcpu *v, struct vcpu_exit *e)
{
	if (v == sleeper[0]) {
		ran_ns[v->zone->id]++;
		e->kind = VCPU_EXIT_IDLE;
		return;
	}
	hog(v, e);
}

static void step3(u32 count)
{
	fake_cpu_set(3);
	for (u32 i = 0; i < count; i++) {
		(void)sched_step();
	}
	fake_cpu_set(0);
}

static void test_wake_preempts_lower_at_once(void **state)
{
	struct zone *high = hog_zone(20);
	struct zone *low = hog_zone(3);

	(void)state;
	sleeper[0] = high->vcpus[0];
	fake_guest = idle_guest;
	memset(ran_ns, 0, sizeof(ran_ns));
	step3(6);
	assert_ptr_equal(percpu_get(3)->rq.current, low->vcpus[0]);
	assert_int_equal(ran_ns[high->id], 1);
	vcpu_kick(high->vcpus[0]);
	sched_send_ipis();
	assert_true(fake_record.ipis[3] > 0);
	step3(3);
	assert_int_equal(ran_ns[high->id], 2);
	zone_put(high);
	zone_put(low);
}

static void test_wake_of_an_equal_waits_a_millisecond(void **state)
{
	struct zone *a = hog_zone(8);
	struct zone *b = hog_zone(8);
	u64 start;

	(void)state;
	sleeper[0] = a->vcpus[0];
	fake_guest = idle_guest;
	step3(4);
	assert_ptr_equal(percpu_get(3)->rq.current, b->vcpus[0]);
	start = arch_time_ns();
	percpu_get(3)->rq.slice_start = start;
	memset(ran_ns, 0, sizeof(ran_ns));
	vcpu_kick(a->vcpus[0]);
	while (ran_ns[a->id] == 0) {
		step3(1);
		assert_true(arch_time_ns() - start <= 2 * MS);
	}
	assert_true(arch_time_ns() - start >= MS);
	zone_put(a);
	zone_put(b);
}

/* An interrupt between the guest's WFI and its going to sleep. */
static void kick_then_idle(struct vcpu *v, struct vcpu_exit *e)
{
	if (v->arch.runs == 1) {
		fake_cpu_set(0); /* another pCPU does it */
		vcpu_kick(v);
		fake_cpu_set(3);
	}
	e->kind = VCPU_EXIT_IDLE;
}

static void test_no_wake_is_lost(void **state)
{
	struct zone *z = hog_zone(8);

	(void)state;
	fake_guest = kick_then_idle;
	step3(8);
	assert_int_equal(z->vcpus[0]->arch.runs, 2);
	assert_int_equal(z->vcpus[0]->run, VCPU_IDLE);
	zone_put(z);
}

static void test_pending_interrupt_keeps_it_awake(void **state)
{
	struct zone *z = hog_zone(8);

	(void)state;
	sleeper[0] = z->vcpus[0];
	fake_guest = idle_guest;
	z->vcpus[0]->arch.irq_pending = true;
	step3(3);
	assert_int_equal(z->vcpus[0]->run, VCPU_RUNNING);
	z->vcpus[0]->arch.irq_pending = false;
	step3(2);
	assert_int_equal(z->vcpus[0]->run, VCPU_IDLE);
	zone_put(z);
}

static void test_kick_sends_one_ipi(void **state)
{
	struct zone *z = hog_zone(8);
	u32 before;

	(void)state;
	fake_guest = hog;
	step3(2);
	before = fake_record.ipis[3];
	vcpu_kick(z->vcpus[0]);
	vcpu_kick(z->vcpus[0]);
	vcpu_kick(z->vcpus[0]);
	sched_send_ipis();
	assert_int_equal(fake_record.ipis[3], before + 1);
	step3(2);
	vcpu_kick(z->vcpus[0]);
	sched_send_ipis();
	assert_int_equal(fake_record.ipis[3], before + 2);
	/* Its own pCPU needs none. */
	step3(2);
	fake_cpu_set(3);
	vcpu_kick(z->vcpus[0]);
	fake_cpu_set(0);
	sched_send_ipis();
	assert_int_equal(fake_record.ipis[3], before + 2);
	assert_true(z->vcpus[0]->kicked);
	zone_put(z);
}

static void test_wfi_trap_follows_company(void **state)
{
	struct zone *a = hog_zone(8);
	struct zone *b;

	(void)state;
	fake_guest = hog;
	step3(2);
	assert_false(a->vcpus[0]->trap_wfi);
	b = hog_zone(8);
	step3(2);
	assert_true(percpu_get(3)->rq.current->trap_wfi);
	(void)zone_stop(a);
	step3(4);
	assert_ptr_equal(percpu_get(3)->rq.current, b->vcpus[0]);
	assert_false(b->vcpus[0]->trap_wfi);
	assert_int_equal(percpu_get(3)->rq.slice_end, 0);
	zone_put(a);
	zone_put(b);
}

static bool is_pinned(const struct zone *z, u32 vcpu, u32 pcpu)
{
	struct zv_zone_info info;

	fake_check_invariants();
	zone_info((struct zone *)(uintptr_t)z, &info);
	return info.pcpu[vcpu] == pcpu && z->vcpus[vcpu]->pcpu == pcpu;
}

static void test_pin_arguments(void **state)
{
	u32 cpus[2] = { 1, 1 };
	struct zone *z = test_zone(2, cpus, 8);

	(void)state;
	assert_int_equal(hv(ZV_HC_VCPU_PIN, z->id, 2, 0, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_VCPU_PIN, z->id, 1ull << 32, 0, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_VCPU_PIN, z->id, 0, 4, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_VCPU_PIN, z->id, 0, ZV_PCPU_ANY, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_VCPU_PIN, z->id, 0, 1ull << 32, 0), -EINVAL);
	percpu_get(2)->online = false;
	assert_int_equal(hv(ZV_HC_VCPU_PIN, z->id, 0, 2, 0), -EINVAL);
	percpu_get(2)->online = true;
	assert_true(is_pinned(z, 0, 1));
	assert_int_equal(hv(ZV_HC_VCPU_PIN, z->id, 0, 2, 0), 0);
	fake_run_all(4);
	assert_true(is_pinned(z, 0, 2));
	assert_true(is_pinned(z, 1, 1));
	zone_put(z);
}

/* It runs alone, never comes out by itself, and is elsewhere after one IPI. */
static void test_a_running_vcpu_moves_at_once(void **state)
{
	struct zone *z = hog_zone(8);
	struct vcpu *v = z->vcpus[0];
	u32 before;

	(void)state;
	fake_guest = hog;
	step3(2);
	assert_ptr_equal(percpu_get(3)->loaded, v);
	before = fake_record.ipis[3];
	assert_int_equal(zone_vcpu_pin(z, 0, 2), 0);
	fake_check_invariants();
	sched_send_ipis();
	assert_int_equal(fake_record.ipis[3], before + 1);
	/* Put at the first turn, gone at the second. */
	step3(1);
	assert_null(percpu_get(3)->loaded);
	assert_int_equal(z->loaded, 0);
	fake_check_invariants();
	before = fake_record.ipis[2];
	step3(1);
	assert_true(is_pinned(z, 0, 2));
	assert_int_equal(fake_record.ipis[2], before + 1);
	assert_int_equal(percpu_get(3)->rq.assigned, 0);
	assert_int_equal(percpu_get(2)->rq.assigned, 1);
	assert_false(percpu_get(3)->rq.resched);
	before = v->arch.runs;
	assert_int_equal(fake_run_cpu(2, 2), 2); /* the IPI, then the vCPU */
	assert_int_equal(v->arch.runs, before + 1);
	assert_ptr_equal(percpu_get(2)->loaded, v);
	zone_put(z);
}

/* One for each state that a vCPU can be in when it is told to move. */
static void test_pin_in_any_state(void **state)
{
	struct zone *z = hog_zone(8);
	struct zone *busy = hog_zone(20);
	struct vcpu *v = z->vcpus[0];

	(void)state;
	fake_guest = hog;
	/* ready, behind another */
	step3(3);
	assert_int_equal(v->run, VCPU_READY);
	assert_int_equal(zone_vcpu_pin(z, 0, 1), 0);
	step3(2);
	assert_true(is_pinned(z, 0, 1));
	assert_int_equal(fake_run_cpu(1, 2), 2);
	assert_ptr_equal(percpu_get(1)->loaded, v);
	/* asleep: stays asleep, and wakes there */
	sleeper[0] = v;
	fake_guest = idle_guest;
	fake_run_cpu(1, 3);
	assert_int_equal(v->run, VCPU_IDLE);
	assert_int_equal(zone_vcpu_pin(z, 0, 2), 0);
	vcpu_kick(v); /* on its way */
	assert_int_equal(v->run, VCPU_READY);
	fake_check_invariants();
	fake_run_cpu(1, 3);
	assert_true(is_pinned(z, 0, 2));
	fake_run_cpu(2, 1);
	assert_int_equal(percpu_get(2)->loaded->run, VCPU_RUNNING);
	/* there and back before anybody looked */
	fake_run_cpu(2, 3);
	assert_int_equal(zone_vcpu_pin(z, 0, 1), 0);
	assert_int_equal(zone_vcpu_pin(z, 0, 2), 0);
	fake_check_invariants();
	fake_run_all(4);
	assert_true(is_pinned(z, 0, 2));
	vcpu_kick(v);
	fake_guest = hog;
	assert_int_equal(fake_run_cpu(2, 2), 2);
	/* paused, resumed on its way */
	assert_int_equal(zone_pause(z), -EAGAIN);
	assert_int_equal(zone_vcpu_pin(z, 0, 1), 0);
	fake_run_cpu(2, 1);
	assert_int_equal(zone_resume(z), 0);
	fake_check_invariants();
	fake_run_cpu(2, 2);
	assert_true(is_pinned(z, 0, 1));
	assert_int_equal(fake_run_cpu(1, 1), 1);
	/* off */
	assert_int_equal(zone_stop(z), -EAGAIN);
	fake_run_all(4);
	assert_int_equal(zone_vcpu_pin(z, 0, 3), 0);
	fake_run_all(4);
	assert_true(is_pinned(z, 0, 3));
	test_start(z, 1);
	step3(1);
	zone_put(busy);
	zone_put(z);
}

/* A zone that ends with a vCPU on its way is not freed before it is there. */
static void test_zone_ends_on_the_way(void **state)
{
	struct zone *z = hog_zone(8);
	u64 before = pages_free();
	u32 id = z->id;

	(void)state;
	fake_guest = hog;
	step3(2);
	assert_int_equal(zone_vcpu_pin(z, 0, 2), 0);
	assert_int_equal(zone_destroy_step(z), -EAGAIN);
	step3(1);
	fake_check_invariants();
	/* It has left its pCPU, which has not seen to the rest. */
	assert_int_equal(zone_destroy_step(z), -EAGAIN);
	test_destroy(z);
	assert_null(zone_get(id));
	assert_true(pages_free() > before);
	assert_int_equal(percpu_get(3)->rq.assigned, 0);
	assert_int_equal(percpu_get(2)->rq.assigned, 0);
}

/* Where the hypervisor puts a vCPU that says ANY counts who is where now. */
static void test_pin_counts_for_placement(void **state)
{
	struct zone *z = hog_zone(8);
	struct zone *next;

	(void)state;
	assert_int_equal(zone_vcpu_pin(z, 0, 2), 0);
	next = test_zone(1, NULL, 8);
	assert_int_equal(next->vcpus[0]->pcpu, 3);
	zone_put(next);
	zone_put(z);
	fake_run_all(4);
}

/* Beyond its limit no vCPU goes on; what is on there stays until it goes off. */
static void test_vcpu_limit(void **state)
{
	u32 cpus[3] = { 1, 2, 3 };
	struct zone *z = test_zone(3, cpus, 8);
	struct vcpu *last = z->vcpus[2];

	(void)state;
	assert_int_equal(hv(ZV_HC_VCPU_LIMIT, z->id, 0, 0, 0), 0);
	assert_int_equal(hv_result.out[0], 3);
	assert_int_equal(hv(ZV_HC_VCPU_LIMIT, z->id, 4, 0, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_VCPU_LIMIT, z->id, 1ull << 32, 0, 0),
			 -EINVAL);
	assert_int_equal(hv(ZV_HC_VCPU_LIMIT, z->id, 2, 0, 0), 0);
	assert_int_equal(hv_result.out[0], 2);
	test_start(z, 1);
	assert_int_equal(vcpu_power_on(last, 1, 2), -EPERM);
	assert_int_equal(vcpu_power_on(z->vcpus[1], 1, 2), 0);
	assert_int_equal(hv(ZV_HC_VCPU_LIMIT, z->id, 3, 0, 0), 0);
	assert_int_equal(vcpu_power_on(last, 1, 2), 0);
	fake_run_all(4);
	assert_int_equal(hv(ZV_HC_VCPU_LIMIT, z->id, 1, 0, 0), 0);
	assert_true(vcpu_is_on(last));
	assert_int_equal(vcpu_power_on(last, 1, 2), -EEXIST);
	vcpu_kick(last);
	fake_cpu_set(3);
	assert_true(sched_step());
	vcpu_power_off_self(last);
	fake_run_all(4);
	fake_cpu_set(0);
	assert_false(vcpu_is_on(last));
	assert_int_equal(vcpu_power_on(last, 1, 2), -EPERM);
	/* A reset changes nothing about it. */
	(void)zone_reset(z);
	fake_run_all(4);
	test_start(z, 1);
	assert_int_equal(vcpu_power_on(z->vcpus[1], 1, 2), -EPERM);
	assert_int_equal(hv(ZV_HC_VCPU_LIMIT, z->id, 0, 0, 0), 0);
	assert_int_equal(hv_result.out[0], 1);
	zone_put(z);
}

static void test_steal_time(void **state)
{
	struct zone *a = hog_zone(8);
	struct zone *b = hog_zone(8);
	struct zv_counters of_a;
	struct zv_counters of_b;
	struct zv_zone_info info;

	(void)state;
	fake_guest = hog;
	run_for(100 * MS);
	zone_counters(a, &of_a);
	zone_counters(b, &of_b);
	/* The one that runs and the one that waits, up to this moment. */
	assert_int_equal(of_a.guest_ns + of_b.guest_ns, 100 * MS);
	assert_int_equal(of_a.guest_ns + of_a.steal_ns, 100 * MS);
	assert_int_equal(of_b.guest_ns + of_b.steal_ns, 100 * MS);
	assert_in_range(of_a.steal_ns, 40 * MS, 60 * MS);
	assert_int_equal(of_a.vcpu[0].guest_ns, of_a.guest_ns);
	assert_int_equal(of_a.vcpu[0].steal_ns, of_a.steal_ns);
	assert_int_equal(of_a.vcpu[1].guest_ns, 0);
	zone_info(a, &info);
	assert_int_equal(info.cpu_time_ns, of_a.guest_ns);
	zone_put(a);
	zone_put(b);
}

/* A paused zone waits for nothing, and what it had waited is not forgotten. */
static void test_no_steal_while_held(void **state)
{
	struct zone *a = hog_zone(8);
	struct zone *b = hog_zone(8);
	struct zone *waits;
	struct zv_counters before;
	struct zv_counters after;

	(void)state;
	fake_guest = hog;
	run_for(2 * MS);
	waits = percpu_get(3)->rq.current == a->vcpus[0] ? b : a;
	zone_counters(waits, &before);
	assert_int_equal(before.steal_ns, MS);
	assert_int_equal(zone_pause(waits), 0);
	run_for(10 * MS);
	zone_counters(waits, &after);
	assert_int_equal(after.steal_ns, before.steal_ns);
	assert_int_equal(zone_resume(waits), 0);
	run_for(MS);
	zone_counters(waits, &after);
	assert_in_range(after.steal_ns, before.steal_ns, before.steal_ns + MS);
	assert_int_equal(after.steal_ns + after.guest_ns,
			 before.steal_ns + before.guest_ns + MS);
	assert_int_equal(zone_stop(waits), 0);
	run_for(MS);
	assert_true(!vcpu_is_on(waits->vcpus[0]));
	before = after;
	zone_counters(waits, &after);
	assert_int_equal(after.steal_ns, before.steal_ns);
	zone_put(a);
	zone_put(b);
}

static void test_power(void **state)
{
	u32 cpus[2] = { 3, 2 };
	struct zone *z = test_zone(2, cpus, 8);
	struct vcpu *v1 = z->vcpus[1];

	(void)state;
	assert_int_equal(vcpu_power_on(v1, 1, 2), -EAGAIN); /* not running */
	test_start(z, 1);
	assert_int_equal(vcpu_power_on(z->vcpus[0], 1, 2), -EEXIST);
	assert_false(vcpu_is_on(v1));
	assert_int_equal(vcpu_power_on(v1, 0x1234, 0x99), 0);
	assert_int_equal(v1->arch.pc, 0x1234);
	assert_int_equal(v1->arch.x[0], 0x99);
	assert_int_equal(vcpu_power_on(v1, 1, 2), -EEXIST);
	fake_run_all(8);
	assert_int_equal(v1->arch.runs, 1);
	/* Off, but still on its pCPU for a moment. */
	vcpu_kick(v1);
	fake_cpu_set(2);
	assert_true(sched_step());
	vcpu_power_off_self(v1);
	assert_int_equal(vcpu_power_on(v1, 5, 6), -EAGAIN);
	assert_false(sched_step());
	fake_cpu_set(0);
	assert_int_equal(vcpu_power_on(v1, 5, 6), 0);
	assert_int_equal(z->state, ZV_ZONE_RUNNING);
	vcpu_power_off_self(v1);
	vcpu_power_off_self(z->vcpus[0]);
	assert_int_equal(z->state, ZV_ZONE_OFF);
	assert_int_equal(z->reason, ZV_REASON_ALL_OFF);
	zone_put(z);
}

/* ------------------------------------------- who wakes by another's leaving */

static void host_idles(struct vcpu *v, struct vcpu_exit *e)
{
	if (v->zone == zone0) {
		v->arch.irq_pending = false;
		e->kind = VCPU_EXIT_IDLE;
		return;
	}
	hog(v, e);
}

static struct zone *runs_on(u32 cpu, u8 priority)
{
	struct zone *z = test_zone(1, &cpu, priority);

	test_start(z, 1);
	return z;
}

/*
 * z runs on `cpu`, zone0's first vCPU sleeps on pCPU 0, and z is paused from
 * elsewhere.  zone0 knows of that already, but not that z is quiet: when the
 * vCPU is put, and not before, zone0 is woken.
 */
static void must_leave(struct zone *z, u32 cpu)
{
	fake_guest = host_idles;
	(void)fake_run_cpu(0, 8);
	(void)fake_run_cpu(cpu, 8);
	assert_int_equal(zone0->vcpus[0]->run, VCPU_IDLE);
	fake_cpu_set(1);
	assert_int_equal(zone_pause(z), -EAGAIN);
	sched_send_ipis();
	assert_int_equal(zone0->vcpus[0]->run, VCPU_IDLE);
	z->io.page->pending = 0;
	(void)fake_host_take();
	/* The IPI has ended the guest's turn. */
	fake_cpu_set(cpu);
	arch_irq_handle();
	fake_cpu_set(0);
}

/* It sends itself no IPI, so a sleep would be one without end. */
static void test_leaving_wakes_its_own_pcpu(void **state)
{
	struct zone *z = runs_on(0, 8);
	const struct vcpu *host = zone0->vcpus[0];
	u32 runs;

	(void)state;
	must_leave(z, 0);
	runs = host->arch.runs;
	(void)fake_run_cpu(0, 8);
	assert_int_equal(host->arch.runs, runs + 1);
	zone_put(z);
}

/* The same when another is already to have the pCPU. */
static void test_leaving_wakes_before_a_lower_one(void **state)
{
	struct zone *z = runs_on(0, 8);
	struct zone *low = runs_on(0, 3);
	const struct vcpu *host = zone0->vcpus[0];
	u32 runs;
	u32 low_runs;

	(void)state;
	must_leave(z, 0);
	runs = host->arch.runs;
	low_runs = low->vcpus[0]->arch.runs;
	(void)fake_run_cpu(0, 2);
	assert_int_equal(host->arch.runs, runs + 1);
	assert_int_equal(low->vcpus[0]->arch.runs, low_runs);
	zone_put(z);
	zone_put(low);
}

/* Another pCPU is told before this one sleeps. */
static void test_leaving_wakes_another_pcpu(void **state)
{
	struct zone *z = runs_on(3, 8);
	u32 ipis;

	(void)state;
	must_leave(z, 3);
	ipis = fake_record.ipis[0];
	(void)fake_run_cpu(3, 8);
	assert_true(percpu_get(3)->arch.idle);
	assert_int_equal(fake_record.ipis[0], ipis + 1);
	assert_int_equal(zone0->vcpus[0]->run, VCPU_READY);
	zone_put(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		core_test(test_alone_has_no_slice),
		core_test(test_equals_share),
		core_test(test_high_hog_does_not_starve),
		core_test(test_bursts_do_not_starve),
		core_test(test_wake_preempts_lower_at_once),
		core_test(test_wake_of_an_equal_waits_a_millisecond),
		core_test(test_no_wake_is_lost),
		core_test(test_pending_interrupt_keeps_it_awake),
		core_test(test_kick_sends_one_ipi),
		core_test(test_wfi_trap_follows_company),
		core_test(test_pin_arguments),
		core_test(test_a_running_vcpu_moves_at_once),
		core_test(test_pin_in_any_state),
		core_test(test_zone_ends_on_the_way),
		core_test(test_pin_counts_for_placement),
		core_test(test_vcpu_limit),
		core_test(test_steal_time),
		core_test(test_no_steal_while_held),
		core_test(test_power),
		core_test(test_leaving_wakes_its_own_pcpu),
		core_test(test_leaving_wakes_before_a_lower_one),
		core_test(test_leaving_wakes_another_pcpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
