// SPDX-License-Identifier: BSD-2-Clause
/* Zones: life cycle, memory, copying. */
#include "core_test.h"

#include <zv/arch/cpu.h>
#include <zv/arch/time.h>
#include <zv/log.h>

static void busy(struct vcpu *v, struct vcpu_exit *e)
{
	(void)v;
	e->kind = VCPU_EXIT_NONE;
}

/* One turn of the pCPU's loop. */
static void turn(u32 cpu, u32 count)
{
	fake_cpu_set(cpu);
	for (u32 i = 0; i < count; i++) {
		(void)sched_step();
	}
	fake_cpu_set(0);
}

static bool state_event(struct zone *z)
{
	return (z->io.page->pending & ZV_PENDING_STATE) != 0;
}

static struct zone *loaded_zone(void)
{
	u32 cpus[2] = { 2, 3 };
	struct zone *z = test_zone(2, cpus, 8);

	fake_guest = busy;
	test_start(z, 2);
	turn(2, 3);
	turn(3, 3);
	assert_int_equal(z->loaded, 3);
	return z;
}

/* ------------------------------------------------------------- life cycle */

static void test_create_and_destroy_leave_nothing(void **state)
{
	u64 before = pages_free();

	(void)state;
	for (u32 i = 0; i < 20; i++) {
		struct zone *z = test_zone(1 + i % 4, NULL, 8);

		assert_int_equal(z->id, 1);
		assert_true(pages_free() < before);
		test_populate(z, RAM_GPA, MIB(4));
		fake_check_invariants();
		fake_record.flush_vmid = 0;
		test_destroy(z);
		assert_int_equal(fake_record.flush_vmid, 1);
		assert_int_equal(pages_free(), before);
	}
	assert_int_equal(zone_total(), 1);
}

static void test_ids_run_out(void **state)
{
	struct zv_zone_create a = test_create_args(1);
	u32 count = 0;
	u16 id;
	int err;

	(void)state;
	while ((err = zone_create(&a, &id)) == 0) {
		count++;
		assert_int_equal(id, count);
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(count, ZV_ZONES_MAX - 1);
	assert_int_equal(zone_next(17), 17);
	assert_int_equal(zone_next(ZV_ZONES_MAX), -ESRCH);
	assert_null(zone_get(ZV_ZONES_MAX));
	assert_null(zone_get(UINT64_MAX));
}

/* Wherever memory ends, what was taken comes back. */
static void test_create_without_memory(void **state)
{
	struct zv_zone_create a = test_create_args(4);
	u64 total = pages_free();
	paddr_t *all = test_calloc(total, sizeof(*all));
	u64 held = 0;
	int err;
	u16 id;

	(void)state;
	while (page_alloc(0, FRAME_HV, 0, &all[held]) == 0) {
		held++;
	}
	do {
		u64 before = pages_free();

		err = zone_create(&a, &id);
		if (err != 0) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(pages_free(), before);
			assert_int_equal(zone_total(), 1);
			assert_true(held != 0);
			page_free(all[--held], 0);
		}
	} while (err != 0);
	assert_true(total - held > 4);
	while (held != 0) {
		page_free(all[--held], 0);
	}
	test_destroy(zone_get(id));
	test_free(all);
}

static void test_bad_create_arguments(void **state)
{
	struct zv_zone_create a;
	u16 id;

	(void)state;
#define REFUSED(change)                                          \
	do {                                                     \
		a = test_create_args(2);                         \
		change;                                          \
		assert_int_equal(zone_create(&a, &id), -EINVAL); \
	} while (0)
	REFUSED(a.name[0] = 0);
	REFUSED(memset(a.name, 'x', sizeof(a.name)));
	REFUSED(a.name[1] = '\n');
	REFUSED(a.name[1] = (char)0x80);
	REFUSED(a.flags = 1);
	REFUSED(a.vcpu_count = 0);
	REFUSED(a.vcpu_count = ZV_VCPUS_MAX + 1);
	REFUSED(a.event_index = 2);
	REFUSED(a.priority = 32);
	REFUSED(a.reserved0[2] = 1);
	REFUSED(a.reserved1 = 1);
	REFUSED(a.slice_us = 99);
	REFUSED(a.slice_us = 1000001);
	REFUSED(a.pcpu[1] = 4);
	REFUSED(a.pcpu[1] = 0x7fffffff);
	REFUSED(a.pcpu[2] = 1);
	REFUSED(percpu_get(3)->online = false; a.pcpu[0] = 3);
	percpu_get(3)->online = true;
#undef REFUSED
	assert_int_equal(zone_total(), 1);
}

static void test_placement_spreads(void **state)
{
	struct zone *z = test_zone(4, NULL, 8);
	u32 mask = 0;

	(void)state;
	/* zone0 is on 0 and 1. */
	for (u32 i = 0; i < 4; i++) {
		mask |= 1u << z->vcpus[i]->pcpu;
	}
	assert_int_equal(z->vcpus[0]->pcpu, 3);
	assert_int_equal(z->vcpus[1]->pcpu, 2);
	assert_int_equal(mask & 0xc, 0xc);
	zone_put(z);
}

static void test_start_needs_a_boot_vcpu(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	struct zv_vcpu_state s = { .pc = 0x1000, .x = { 1, 2, 3, 4 } };

	(void)state;
	assert_int_equal(zone_start(z), -EINVAL);
	assert_int_equal(zone_vcpu_set(z, 0, &s), 0);
	assert_int_equal(zone_start(z), -EINVAL);
	s.flags = ZV_VCPU_ON;
	assert_int_equal(zone_vcpu_set(z, 0, &s), 0);
	assert_int_equal(zone_start(z), 0);
	assert_int_equal(zone_start(z), -EBUSY);
	assert_int_equal(z->vcpus[0]->arch.pc, 0x1000);
	assert_int_equal(z->vcpus[0]->arch.x[3], 4);
	assert_int_equal(z->arch.resets, 1);
	assert_int_equal(zone_vcpu_set(z, 0, &s), -EBUSY);
	assert_int_equal(zone_vcpu_get(z, 0, &s), -EBUSY);
	zone_put(z);
}

static void test_bad_vcpu_state(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	struct zv_vcpu_state s = { .flags = 2 };

	(void)state;
	assert_int_equal(zone_vcpu_set(z, 0, &s), -EINVAL);
	s.flags = 0;
	s.reserved = 1;
	assert_int_equal(zone_vcpu_set(z, 0, &s), -EINVAL);
	s.reserved = 0;
	assert_int_equal(zone_vcpu_set(z, 1, &s), -EINVAL);
	assert_int_equal(zone_vcpu_get(z, 1, &s), -EINVAL);
	assert_int_equal(zone_vcpu_get(z, 0, &s), 0);
	zone_put(z);
}

/* Pause asks, and the last vCPU to leave says when it is done. */
static void test_pause_until_quiet(void **state)
{
	struct zone *z = loaded_zone();
	u64 ran;

	(void)state;
	assert_int_equal(zone_pause(z), -EAGAIN);
	assert_int_equal(z->state, ZV_ZONE_PAUSED);
	sched_send_ipis();
	assert_true(fake_record.ipis[2] != 0 && fake_record.ipis[3] != 0);
	assert_int_equal(zone_resume(z), -EAGAIN);
	assert_int_equal(z->state, ZV_ZONE_PAUSED);
	turn(2, 2);
	z->io.page->pending = 0;
	assert_int_equal(zone_pause(z), -EAGAIN);
	assert_false(state_event(z));
	turn(3, 2);
	assert_true(state_event(z));
	assert_int_equal(zone_pause(z), 0);
	ran = z->vcpus[0]->arch.runs;
	turn(2, 5);
	assert_int_equal(z->vcpus[0]->arch.runs, ran);

	fake_time_advance(5000);
	assert_int_equal(zone_resume(z), 0);
	assert_int_equal(z->arch.skipped_ns, 5000);
	turn(2, 5);
	assert_true(z->vcpus[0]->arch.runs > ran);
	assert_int_equal(zone_resume(z), -EBUSY);
	zone_put(z);
}

static void test_wake_while_paused(void **state)
{
	struct zone *z = loaded_zone();
	struct vcpu *v = z->vcpus[0];

	(void)state;
	fake_guest = NULL;
	turn(2, 4);
	assert_int_equal(v->run, VCPU_IDLE);
	(void)zone_pause(z);
	turn(3, 4);
	assert_int_equal(zone_pause(z), 0);
	vcpu_kick(v);
	assert_int_equal(v->run, VCPU_READY);
	fake_check_invariants();
	turn(2, 4);
	assert_int_equal(v->run, VCPU_READY);
	assert_int_equal(zone_resume(z), 0);
	turn(2, 4);
	assert_int_equal(v->run, VCPU_IDLE);
	zone_put(z);
}

static void test_stop_reset_start(void **state)
{
	struct zone *z = loaded_zone();
	u32 seq = z->state_seq;

	(void)state;
	assert_int_equal(zone_stop(z), -EAGAIN);
	assert_int_equal(z->state, ZV_ZONE_OFF);
	assert_int_equal(z->reason, ZV_REASON_STOPPED);
	assert_int_equal(zone_stop(z), -EAGAIN);
	assert_int_equal(z->state_seq, seq + 1);
	assert_int_equal(z->io.page->state, ZV_ZONE_OFF);
	assert_int_equal(z->io.page->state_seq, seq + 1);
	/* Neither new state nor start while a vCPU is still there. */
	{
		struct zv_vcpu_state s = { .flags = ZV_VCPU_ON };

		assert_int_equal(zone_vcpu_set(z, 0, &s), -EAGAIN);
		z->vcpus[0]->boot_on = true;
		assert_int_equal(zone_start(z), -EAGAIN);
		z->vcpus[0]->boot_on = false;
	}
	turn(2, 3);
	turn(3, 3);
	assert_int_equal(zone_stop(z), 0);
	assert_false(vcpu_is_on(z->vcpus[0]));
	assert_int_equal(zone_reset(z), 0);
	assert_int_equal(z->state, ZV_ZONE_RESETTING);
	assert_int_equal(z->reason, ZV_REASON_FORCED_RESET);
	assert_int_equal(zone_pause(z), -EBUSY);
	test_start(z, 1);
	assert_int_equal(z->arch.resets, 2);
	assert_int_equal(z->state, ZV_ZONE_RUNNING);
	zone_put(z);
}

static void test_created_cannot_stop(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);

	(void)state;
	assert_int_equal(zone_stop(z), -EBUSY);
	assert_int_equal(zone_reset(z), -EBUSY);
	assert_int_equal(zone_pause(z), -EBUSY);
	assert_int_equal(zone_resume(z), -EBUSY);
	zone_put(z);
}

static void test_guest_off_and_reset(void **state)
{
	struct zone *z = loaded_zone();

	(void)state;
	fake_cpu_set(2);
	zone_guest_off(z);
	fake_cpu_set(0);
	assert_int_equal(z->state, ZV_ZONE_OFF);
	assert_int_equal(z->reason, ZV_REASON_GUEST_OFF);
	/* The other vCPU was a moment late. */
	zone_guest_reset(z);
	assert_int_equal(z->reason, ZV_REASON_GUEST_OFF);
	turn(2, 3);
	turn(3, 3);
	test_start(z, 1);
	zone_guest_reset(z);
	assert_int_equal(z->state, ZV_ZONE_RESETTING);
	assert_int_equal(z->reason, ZV_REASON_GUEST_RESET);
	zone_put(z);
}

static void test_crash_is_recorded_once(void **state)
{
	struct zone *z = loaded_zone();
	struct zv_zone_info info;

	(void)state;
	z->vcpus[1]->arch.pc = 0x4444;
	zone_crash(z->vcpus[1], ZV_REASON_BAD_TRAP, 1, 2, 3);
	zone_crash(z->vcpus[0], ZV_REASON_BAD_ENTRY, 7, 8, 9);
	zone_info(z, &info);
	assert_int_equal(info.state, ZV_ZONE_CRASHED);
	assert_int_equal(info.reason, ZV_REASON_BAD_TRAP);
	assert_int_equal(info.fault_vcpu, 1);
	assert_int_equal(info.fault_pc, 0x4444);
	assert_int_equal(info.fault_addr, 1);
	assert_int_equal(info.fault_ipa, 2);
	assert_int_equal(info.fault_syndrome, 3);
	assert_int_equal(info.vcpus_on, 3);
	turn(2, 3);
	turn(3, 3);
	assert_int_equal(z->loaded, 0);
	assert_int_equal(zone_start(z), -EBUSY);
	assert_int_equal(zone_reset(z), 0);
	test_start(z, 1);
	zone_put(z);
}

/* What zone0's `hvsh log` shows of it. */
static void test_reasons_are_told_in_words(void **state)
{
	struct zone *z = loaded_zone();
	char text[1024];
	u64 pos = UINT64_MAX;
	u64 first;
	size_t n;

	(void)state;
	/* Earlier tests may have used up what a second may say. */
	fake_time_advance(2000000000);
	(void)log_read(&pos, text, 0, &first);
	zone_crash(z->vcpus[1], ZV_REASON_BAD_TRAP, 1, 2, 3);
	n = log_read(&pos, text, sizeof(text) - 1, &first);
	text[n] = '\0';
	assert_non_null(strstr(text, "crashed, reason 17: an exception that "
				     "cannot be handled\n"));
	assert_int_equal(zone_reset(z), -EAGAIN);
	turn(2, 3);
	turn(3, 3);
	assert_int_equal(zone_reset(z), 0);
	test_start(z, 1);
	n = log_read(&pos, text, sizeof(text) - 1, &first);
	text[n] = '\0';
	assert_non_null(strstr(text, ": running\n"));
	zone_put(z);
}

static void test_zone0_moves_the_machine(void **state)
{
	(void)state;
	assert_true(FAKE_EXPECT_PANIC(zone_guest_off(zone0)));
	assert_int_equal(fake_reset_kind, ARCH_RESET_OFF);
	assert_true(FAKE_EXPECT_PANIC(zone_guest_reset(zone0)));
	assert_int_equal(fake_reset_kind, ARCH_RESET_REBOOT);
}

static void test_zone0_crash_leaves_others_running(void **state)
{
	struct zone *z = loaded_zone();
	u32 ran = z->vcpus[0]->arch.runs;

	(void)state;
	zone_crash(zone0->vcpus[0], ZV_REASON_BAD_TRAP, 0, 0, 0);
	assert_int_equal(zone0->state, ZV_ZONE_CRASHED);
	turn(2, 5);
	assert_true(z->vcpus[0]->arch.runs > ran);
	zone_put(z);
}

static void test_destroy_waits_for_the_vcpus(void **state)
{
	u64 before = pages_free();
	struct zone *z = loaded_zone();

	(void)state;
	assert_int_equal(zone_destroy_step(z), -EAGAIN);
	assert_int_equal(z->state, ZV_ZONE_DYING);
	turn(2, 3);
	assert_int_equal(zone_destroy_step(z), -EAGAIN);
	assert_int_equal(zone_stop(z), -EBUSY);
	assert_int_equal(zone_start(z), -EBUSY);
	turn(3, 3);
	assert_int_equal(zone_destroy_step(z), 0);
	assert_null(zone_get(z->id));
	zone_put(z);
	assert_int_equal(pages_free(), before);
}

static void test_destroy_waits_for_references(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	struct zone *other = zone_get(z->id);

	(void)state;
	assert_int_equal(zone_destroy_step(z), -EAGAIN);
	zone_put(other);
	assert_int_equal(zone_destroy_step(z), 0);
	zone_put(z);
}

/* ----------------------------------------------------------------- memory */

static void test_populate_in_chunks(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	u64 done;

	(void)state;
	assert_int_equal(zone_mem_populate(z, RAM_GPA, MIB(12), &done), 0);
	assert_int_equal(done, MIB(8));
	assert_int_equal(z->pages, MIB(8) / PAGE_SIZE);
	assert_int_equal(zone_mem_populate(z, RAM_GPA + MIB(6), MIB(4), &done),
			 -EEXIST);
	assert_int_equal(zone_mem_populate(z, RAM_GPA + 1, MIB(2), &done),
			 -EINVAL);
	assert_int_equal(zone_mem_populate(z, RAM_GPA, MIB(1), &done), -EINVAL);
	assert_int_equal(zone_mem_populate(z, RAM_GPA, 0, &done), -EINVAL);
	assert_int_equal(zone_mem_populate(z, 1ull << 40, MIB(2), &done),
			 -EINVAL);
	assert_int_equal(
		zone_mem_populate(z, RAM_GPA, UINT64_MAX - MIB(2) + 1, &done),
		-EINVAL);
	/* The interrupt controller is there. */
	assert_int_equal(zone_mem_populate(z, 0x08000000, MIB(2), &done),
			 -EEXIST);
	test_start(z, 1);
	assert_int_equal(zone_mem_populate(z, GIB(2), MIB(2), &done), -EBUSY);
	zone_put(z);
}
static void test_populate_takes_what_there_is(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	u64 at = RAM_GPA;
	u64 done;
	int err;

	(void)state;
	while ((err = zone_mem_populate(z, at, GIB(1), &done)) == 0) {
		at += done;
	}
	assert_int_equal(err, -ENOMEM);
	assert_true(at - RAM_GPA >= MIB(24));
	fake_check_invariants();
	test_destroy(z);
}

static void test_memory_is_zeroed_and_cleaned(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	u64 value = 1;
	paddr_t pa;

	(void)state;
	assert_int_equal(page_alloc(11, FRAME_HV, 0, &pa), 0);
	memset(pa_to_va(pa), 0xff, MIB(8));
	page_free(pa, 11);
	fake_record.cleaned_bytes = 0;
	test_populate(z, RAM_GPA, MIB(24));
	assert_int_equal(fake_record.cleaned_bytes, MIB(24));
	for (u64 at = 0; at < MIB(24); at += 4096 - 8) {
		assert_int_equal(copy_from_zone(z, RAM_GPA + at, &value, 8), 0);
		assert_int_equal(value, 0);
	}
	zone_put(z);
}

static void test_neighbours_stay_neighbours(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	paddr_t first, pa;
	u32 attrs;
	u64 left;

	(void)state;
	test_populate(z, RAM_GPA, MIB(16));
	assert_int_equal(pgtable_lookup(&z->s2, RAM_GPA, &first, &attrs, &left),
			 0);
	for (u64 at = 0; at < MIB(16); at += MIB(2)) {
		assert_int_equal(pgtable_lookup(&z->s2, RAM_GPA + at, &pa,
						&attrs, &left),
				 0);
		assert_int_equal(pa.v, first.v + at);
	}
	assert_int_equal(z->s2.stats.leaf_2m, 8);
	zone_put(z);
}

static void test_grant_and_revoke(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	struct zv_zone_info info;
	u64 before;
	u64 pa = 0;
	u64 again = 0;

	(void)state;
	test_populate(z, RAM_GPA, MIB(8));
	before = pages_free();
	assert_int_equal(zone_mem_grant(z, RAM_GPA + MIB(2) + 123, &pa), 0);
	assert_true(pa != 0 && IS_ALIGNED(pa, MIB(2)));
	assert_int_equal(zone_mem_grant(z, RAM_GPA + MIB(2), &again), -EEXIST);
	assert_int_equal(again, pa);
	assert_int_equal(zone_mem_grant(z, RAM_GPA + MIB(8), &pa), -ENOENT);
	assert_true(zone_mem_allows(zone0, again, MAP_R | MAP_W));
	assert_false(zone_mem_allows(zone0, again, MAP_X));
	zone_info(z, &info);
	assert_int_equal(info.pages_granted, 512);
	fake_check_invariants();
	assert_int_equal(zone_mem_revoke(z, RAM_GPA), -ENOENT);
	assert_int_equal(zone_destroy_step(z), -EBUSY);
	assert_int_equal(z->state, ZV_ZONE_DYING);
	assert_int_equal(zone_mem_grant(z, RAM_GPA, &pa), -EBUSY);
	assert_int_equal(zone_mem_revoke(z, RAM_GPA + MIB(2)), 0);
	assert_int_equal(zone_mem_revoke(z, RAM_GPA + MIB(2)), -ENOENT);
	assert_false(zone_mem_allows(zone0, again, MAP_R));
	assert_int_equal(pages_free(), before);
	test_destroy(z);
}

/* A shadow page is no RAM, and zone0 cannot have it. */
static void test_shadow_pages_are_not_granted(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	u32 index;
	u64 pa;
	u64 size;

	(void)state;
	assert_int_equal(io_shadow_create(z, MIB(512), 0, &index), 0);
	assert_int_equal(zone_mem_grant(z, MIB(512), &pa), -ENOENT);
	assert_int_equal(zone_mem_next(z, 0, &pa, &size), -ENOENT);
	zone_put(z);
}

static void test_extents(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	u32 index;
	u64 gpa, size;

	(void)state;
	test_populate(z, RAM_GPA, MIB(6));
	test_populate(z, RAM_GPA + MIB(8), MIB(2));
	assert_int_equal(io_shadow_create(z, RAM_GPA + MIB(6), 0, &index), 0);
	assert_int_equal(zone_mem_next(z, 0, &gpa, &size), 0);
	assert_int_equal(gpa, RAM_GPA);
	assert_int_equal(size, MIB(6));
	assert_int_equal(zone_mem_next(z, RAM_GPA + MIB(1), &gpa, &size), 0);
	assert_int_equal(gpa, RAM_GPA + MIB(1));
	assert_int_equal(size, MIB(5));
	assert_int_equal(zone_mem_next(z, RAM_GPA + MIB(6), &gpa, &size), 0);
	assert_int_equal(gpa, RAM_GPA + MIB(8));
	assert_int_equal(size, MIB(2));
	assert_int_equal(zone_mem_next(z, RAM_GPA + MIB(10), &gpa, &size),
			 -ENOENT);
	assert_int_equal(zone_mem_next(z, UINT64_MAX, &gpa, &size), -ENOENT);
	zone_put(z);
}

static void test_destroy_in_steps(void **state)
{
	static const struct fake_config big = { .ram_size = MIB(128) };
	u64 before;
	struct zone *z;
	u32 steps = 0;
	int err;

	(void)state;
	fake_machine_fini();
	fake_machine_init(&big);
	before = pages_free();
	z = test_zone(1, NULL, 8);
	test_populate(z, RAM_GPA, MIB(100));
	do {
		u64 free_now = pages_free();

		err = zone_destroy_step(z);
		if (err != 0) {
			fake_check_invariants();
		}
		assert_true(pages_free() - free_now <= MIB(32) / PAGE_SIZE);
		steps++;
	} while (err == -EAGAIN);
	assert_int_equal(err, 0);
	assert_true(steps >= 4);
	zone_put(z);
	assert_int_equal(pages_free(), before);
}

/* ---------------------------------------------------------------- copying */

static void test_copy_zone0(void **state)
{
	u64 a = 0x1122334455667788, b = 0;
	struct zone *z = test_zone(1, NULL, 8);
	u64 pa;

	(void)state;
	assert_int_equal(copy_to_zone(zone0, BUF_GPA, &a, 8), 0);
	assert_int_equal(copy_from_zone(zone0, BUF_GPA, &b, 8), 0);
	assert_int_equal(a, b);
	/* Hypervisor memory, other zones', granted or not, and no RAM. */
	assert_int_equal(copy_from_zone(zone0, va_to_pa(z).v, &b, 8), -EFAULT);
	assert_int_equal(copy_to_zone(zone0, z->io.page_pa.v, &b, 8), -EFAULT);
	test_populate(z, RAM_GPA, MIB(2));
	assert_int_equal(zone_mem_grant(z, RAM_GPA, &pa), 0);
	assert_int_equal(copy_to_zone(zone0, pa, &b, 8), -EFAULT);
	assert_int_equal(copy_from_zone(zone0, 0, &b, 8), -EFAULT);
	assert_int_equal(copy_from_zone(zone0, UINT64_MAX - 3, &b, 8), -EFAULT);
	assert_int_equal(zone_mem_revoke(z, RAM_GPA), 0);
	zone_put(z);
}

static void test_copy_zone(void **state)
{
	struct zone *z = test_zone(1, NULL, 8);
	u8 in[5000], out[5000];
	u32 index;

	(void)state;
	test_populate(z, RAM_GPA, MIB(2));
	for (u32 i = 0; i < sizeof(in); i++) {
		in[i] = (u8)(i * 7);
	}
	/* Across a page. */
	assert_int_equal(copy_to_zone(z, RAM_GPA + 100, in, 4096), 0);
	assert_int_equal(copy_from_zone(z, RAM_GPA + 100, out, 4096), 0);
	assert_memory_equal(in, out, 4096);
	assert_int_equal(copy_from_zone(z, RAM_GPA, out, 4097), -EFAULT);
	assert_int_equal(copy_from_zone(z, RAM_GPA + MIB(2) - 8, out, 16),
			 -EFAULT);
	assert_int_equal(copy_from_zone(z, RAM_GPA - 8, out, 8), -EFAULT);
	assert_int_equal(io_shadow_create(z, RAM_GPA + MIB(2), 0, &index), 0);
	assert_int_equal(copy_to_zone(z, RAM_GPA + MIB(2), in, 8), -EFAULT);
	zone_put(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		core_test(test_create_and_destroy_leave_nothing),
		core_test(test_ids_run_out),
		core_test(test_create_without_memory),
		core_test(test_bad_create_arguments),
		core_test(test_placement_spreads),
		core_test(test_start_needs_a_boot_vcpu),
		core_test(test_bad_vcpu_state),
		core_test(test_pause_until_quiet),
		core_test(test_wake_while_paused),
		core_test(test_stop_reset_start),
		core_test(test_created_cannot_stop),
		core_test(test_guest_off_and_reset),
		core_test(test_crash_is_recorded_once),
		core_test(test_reasons_are_told_in_words),
		core_test(test_zone0_moves_the_machine),
		core_test(test_zone0_crash_leaves_others_running),
		core_test(test_destroy_waits_for_the_vcpus),
		core_test(test_destroy_waits_for_references),
		core_test(test_populate_in_chunks),
		core_test(test_populate_takes_what_there_is),
		core_test(test_memory_is_zeroed_and_cleaned),
		core_test(test_neighbours_stay_neighbours),
		core_test(test_grant_and_revoke),
		core_test(test_shadow_pages_are_not_granted),
		core_test(test_extents),
		core_test(test_destroy_in_steps),
		core_test(test_copy_zone0),
		core_test(test_copy_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
