// SPDX-License-Identifier: BSD-2-Clause
/* Shadow pages, doorbells, the posted ring, forwarded accesses, injection. */
#include "core_test.h"

#include <zv/mmio.h>

static struct zone *zone;
static struct zv_io_page *page;
static u32 plain; /* index of a page that is read without an exit */
static u32 trapping; /* of one whose reads trap */

#define TRAP_GPA 0x09000000ull
#define VIRTIO_INTID 48u

/* The vCPU makes the one access of `script` again until it is answered. */
static struct mmio_access script;
static u32 script_made;

static void one_access(struct vcpu *v, struct vcpu_exit *e)
{
	u32 answered = v->arch.mmio_done + v->arch.mmio_aborts;

	if (v->zone != zone || answered != 0) {
		e->kind = VCPU_EXIT_IDLE;
		return;
	}
	script_made++;
	e->kind = VCPU_EXIT_MMIO;
	e->mmio = script;
}

static void turn(u32 count)
{
	fake_cpu_set(3);
	for (u32 i = 0; i < count; i++) {
		(void)sched_step();
	}
	fake_cpu_set(0);
}

static struct vcpu *vcpu(void)
{
	return zone->vcpus[0];
}

static int setup(void **state)
{
	u32 cpu = 3;

	machine_setup(state);
	zone = test_zone(1, &cpu, 8);
	page = zone->io.page;
	assert_int_equal(io_shadow_create(zone, SHADOW_GPA, 0, &plain), 0);
	assert_int_equal(io_shadow_create(zone, TRAP_GPA, ZV_SHADOW_TRAP_READS,
					  &trapping),
			 0);
	test_populate(zone, RAM_GPA, MIB(2));
	page->pending = 0;
	script_made = 0;
	return 0;
}

static int teardown(void **state)
{
	zone_put(zone);
	return machine_teardown(state);
}

#define io_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void act(struct zv_shadow_action a)
{
	struct zv_shadow_actions all = { .count = 1, .action = { a } };

	assert_int_equal(io_shadow_actions(zone, &all), 0);
}

static void word_set(u32 addr, u32 value)
{
	struct zv_shadow_update u = { .count = 1, .word = { { addr, value } } };

	assert_int_equal(io_shadow_update(zone, &u), 0);
}

static u32 word_get(u32 addr)
{
	return *shadow_word(zone, addr);
}

static enum mmio_result do_access(u64 gpa, u8 size, bool write, u64 value,
				  u64 *ret)
{
	struct mmio_access a = {
		.gpa = gpa, .size = size, .write = write, .value = value
	};
	enum mmio_result r = mmio_dispatch(vcpu(), &a);

	if (ret != NULL) {
		*ret = a.value;
	}
	return r;
}

static enum mmio_result wr(u64 gpa, u8 size, u64 value)
{
	return do_access(gpa, size, true, value, NULL);
}

/* Runs the guest until its access sleeps or is answered. */
static void guest_access(u64 gpa, u8 size, bool write, u64 value)
{
	script = (struct mmio_access){
		.gpa = gpa, .size = size, .write = write, .value = value
	};
	fake_guest = one_access;
	if (zone->state != ZV_ZONE_RUNNING) {
		test_start(zone, 1);
	}
	turn(4);
}

/* ----------------------------------------------------------- shadow pages */

static void test_create_checks(void **state)
{
	u32 i;

	(void)state;
	assert_int_equal(io_shadow_create(zone, SHADOW_GPA, 0, &i), -EEXIST);
	assert_int_equal(io_shadow_create(zone, RAM_GPA, 0, &i), -EEXIST);
	assert_int_equal(
		io_shadow_create(zone, RAM_GPA, ZV_SHADOW_TRAP_READS, &i),
		-EEXIST);
	assert_int_equal(io_shadow_create(zone, 0x08000000, 0, &i), -EEXIST);
	assert_int_equal(io_shadow_create(zone, 0x1008, 0, &i), -EINVAL);
	assert_int_equal(io_shadow_create(zone, 0x1000, 2, &i), -EINVAL);
	assert_int_equal(io_shadow_create(zone, 1ull << 40, 0, &i), -EINVAL);
	for (u32 n = 2; n < ZV_SHADOWS_MAX; n++) {
		assert_int_equal(io_shadow_create(zone, n * PAGE_SIZE, 0, &i),
				 0);
		assert_int_equal(i, n);
	}
	assert_int_equal(io_shadow_create(zone, 0x100000, 0, &i), -ENOSPC);
	test_start(zone, 1);
	assert_int_equal(io_shadow_create(zone, 0x200000, 0, &i), -EBUSY);
	/* Memory does not go over a page that is mapped nowhere, either. */
}

static void test_populate_avoids_trapping_pages(void **state)
{
	u64 done;

	(void)state;
	assert_int_equal(zone_mem_populate(zone, 0x09000000, MIB(2), &done),
			 -EEXIST);
}

static void test_create_without_memory(void **state)
{
	u64 total = pages_free();
	paddr_t *all = test_calloc(total, sizeof(*all));
	u64 held = 0;
	u32 i;
	int err;

	(void)state;
	while (page_alloc(0, FRAME_HV, 0, &all[held]) == 0) {
		held++;
	}
	/* A table of its own, for it is far from all else. */
	while ((err = io_shadow_create(zone, GIB(700), 0, &i)) != 0) {
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(pages_free(), total - held);
		assert_int_equal(zone->io.shadow_count, 2);
		page_free(all[--held], 0);
	}
	assert_true(total - held >= 4);
	while (held != 0) {
		page_free(all[--held], 0);
	}
	test_free(all);
}

static void test_stage2_is_read_only(void **state)
{
	(void)state;
	assert_true(zone_mem_allows(zone, SHADOW_GPA, MAP_R));
	assert_false(zone_mem_allows(zone, SHADOW_GPA, MAP_W));
	assert_false(zone_mem_allows(zone, SHADOW_GPA, MAP_X));
	assert_false(zone_mem_allows(zone, TRAP_GPA, MAP_R));
	assert_false(zone_mem_allows(zone0, zone->io.shadow[0].pa.v, MAP_R));
}

static void test_action_checks(void **state)
{
	static const struct zv_shadow_action bad[] = {
		{ .addr = ZV_SHADOW_ADDR(2, 0) },
		{ .addr = 2 },
		{ .addr = UINT32_MAX - 3 },
		{ .write = ZV_WR_POSTED + 1 },
		{ .read = ZV_RD_FORWARD + 1, .addr = ZV_SHADOW_ADDR(1, 0) },
		{ .read = ZV_RD_FORWARD }, /* page does not trap reads */
		{ .reserved = 1 },
		{ .write = ZV_WR_DOORBELL },
		{ .write = ZV_WR_DOORBELL, .count = 1, .base = 1024 },
		{ .write = ZV_WR_DOORBELL, .count = 1024, .base = 1 },
		{ .write = ZV_WR_DOORBELL, .count = 65535, .base = 65535 },
		{ .write = ZV_WR_DOORBELL, .count = 1, .word = 4 },
		{ .write = ZV_WR_W1C, .word = 4096 },
		{ .write = ZV_WR_W1C, .word = 2 },
		{ .write = ZV_WR_W1C, .count = 1 },
		{ .write = ZV_WR_FORWARD, .base = 1 },
	};
	struct zv_shadow_actions all = {
		.count = 2,
		.action = { { .addr = 8, .write = ZV_WR_POSTED } },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		all.action[1] = bad[i];
		assert_int_equal(io_shadow_actions(zone, &all), -EINVAL);
	}
	/* None of a bad list is applied. */
	assert_int_equal(wr(SHADOW_GPA + 8, 4, 1), MMIO_DONE);
	assert_int_equal(page->posted_head, 0);
	all.count = ZV_SHADOW_ACTIONS_MAX + 1;
	assert_int_equal(io_shadow_actions(zone, &all), -EINVAL);
	all.count = 1;
	all.reserved = 1;
	assert_int_equal(io_shadow_actions(zone, &all), -EINVAL);
}

static void test_update_checks(void **state)
{
	struct zv_shadow_update u = { .count = 2, .word = { { 0, 7 } } };

	(void)state;
	u.word[1].addr = ZV_SHADOW_ADDR(2, 0);
	assert_int_equal(io_shadow_update(zone, &u), -EINVAL);
	u.word[1].addr = 6;
	assert_int_equal(io_shadow_update(zone, &u), -EINVAL);
	assert_int_equal(word_get(0), 0);
	u.word[1].addr = 4;
	u.flags = 2;
	assert_int_equal(io_shadow_update(zone, &u), -EINVAL);
	u.flags = 0;
	u.count = ZV_SHADOW_WORDS_MAX + 1;
	assert_int_equal(io_shadow_update(zone, &u), -EINVAL);
	u.count = 2;
	fake_record.cleans = 0;
	assert_int_equal(io_shadow_update(zone, &u), 0);
	assert_int_equal(word_get(0), 7);
	assert_int_equal(fake_record.cleans, 1);
}

/* While the words change no one can read, and a reader that faulted retries. */
static u32 hidden_seen;
static void look_hidden(const struct spinlock *l, bool taken)
{
	paddr_t pa;
	u32 attrs;
	u64 left;

	if (l == &zone->io.lock && !taken) {
		return;
	}
	if (pgtable_lookup(&zone->s2, SHADOW_GPA, &pa, &attrs, &left) != 0) {
		hidden_seen++;
	}
}

static void test_atomic_update(void **state)
{
	struct zv_shadow_update u = {
		.count = 2,
		.flags = ZV_UPDATE_ATOMIC,
		.word = { { 0, 1 }, { ZV_SHADOW_ADDR(1, 0), 2 } },
	};
	struct pt_stats before = zone->s2.stats;

	(void)state;
	hidden_seen = 0;
	fake_record.flush_ipa = 0;
	fake_lock_hook = look_hidden;
	assert_int_equal(io_shadow_update(zone, &u), 0);
	fake_lock_hook = NULL;
	assert_int_equal(hidden_seen, 0); /* shown again before any unlock */
	assert_int_equal(fake_record.flush_ipa, 1);
	assert_memory_equal(&before, &zone->s2.stats, sizeof(before));
	assert_int_equal(do_access(SHADOW_GPA, 4, false, 0, NULL), MMIO_RETRY);
	assert_int_equal(word_get(0), 1);
	assert_int_equal(word_get(ZV_SHADOW_ADDR(1, 0)), 2);
}

static void test_trapped_reads(void **state)
{
	u64 value;

	(void)state;
	word_set(ZV_SHADOW_ADDR(1, 8), 0x44332211);
	assert_int_equal(do_access(TRAP_GPA + 8, 4, false, 0, &value),
			 MMIO_DONE);
	assert_int_equal(value, 0x44332211);
	assert_int_equal(do_access(TRAP_GPA + 10, 2, false, 0, &value),
			 MMIO_DONE);
	assert_int_equal(value, 0x4433);
	assert_int_equal(do_access(TRAP_GPA + 9, 1, false, 0, &value),
			 MMIO_DONE);
	assert_int_equal(value, 0x22);
	assert_int_equal(do_access(TRAP_GPA + 8, 8, false, 0, &value),
			 MMIO_ABORT);
	assert_int_equal(zone->counters.exits[ZV_EXIT_MMIO_SHADOW], 3);
}

static void test_ignored_writes(void **state)
{
	(void)state;
	word_set(0, 5);
	assert_int_equal(wr(SHADOW_GPA, 4, 9), MMIO_DONE);
	assert_int_equal(wr(SHADOW_GPA, 8, 9), MMIO_ABORT);
	assert_int_equal(word_get(0), 5);
	assert_int_equal(page->pending, 0);
}

/* --------------------------------------------------------------- doorbells */

static void test_doorbell(void **state)
{
	(void)state;
	act((struct zv_shadow_action){ .addr = 0x50,
				       .write = ZV_WR_DOORBELL,
				       .count = 3,
				       .base = 62 });
	fake_record.pulses = 0;
	assert_int_equal(wr(SHADOW_GPA + 0x50, 4, 0), MMIO_DONE);
	assert_true(page->doorbell[0] == 1ull << 62);
	assert_int_equal(page->pending, ZV_PENDING_DOORBELL);
	assert_int_equal(fake_record.pulses, 1);
	/* Raised already: one interrupt serves many. */
	assert_int_equal(wr(SHADOW_GPA + 0x50, 4, 2), MMIO_DONE);
	assert_true(page->doorbell[1] == 1);
	assert_int_equal(fake_record.pulses, 1);
	/* Beyond count, and high parts of the word: nothing. */
	assert_int_equal(wr(SHADOW_GPA + 0x50, 4, 3), MMIO_DONE);
	assert_int_equal(wr(SHADOW_GPA + 0x50, 4, 0x100000001), MMIO_DONE);
	assert_int_equal(wr(SHADOW_GPA + 0x52, 2, 1), MMIO_DONE);
	assert_int_equal(wr(SHADOW_GPA + 0x51, 1, 1), MMIO_DONE);
	assert_true(page->doorbell[1] == 1);
	/* 0x1_0000_0001 is truncated to the access: value 1. */
	assert_true(page->doorbell[0] == 3ull << 62);
	page->doorbell[0] = 0;
	assert_int_equal(wr(SHADOW_GPA + 0x50, 1, 1), MMIO_DONE);
	assert_true(page->doorbell[0] == 1ull << 63);
	assert_int_equal(zone->counters.doorbells, 4);
}

/* zone0 takes host bit, pending and detail; the next one raises anew. */
static void test_raising_again(void **state)
{
	u64 before;

	(void)state;
	act((struct zv_shadow_action){ .write = ZV_WR_DOORBELL, .count = 8 });
	(void)wr(SHADOW_GPA, 4, 1);
	before = zone->counters.events_raised;
	/* pending taken, host bit not: zone0 will look anyway. */
	page->pending = 0;
	page->doorbell[0] = 0;
	(void)wr(SHADOW_GPA, 4, 1);
	assert_int_equal(page->pending, ZV_PENDING_DOORBELL);
	assert_int_equal(zone->counters.events_raised, before);
	/* Both taken. */
	page->pending = 0;
	page->doorbell[0] = 0;
	fake_host_take();
	(void)wr(SHADOW_GPA, 4, 1);
	assert_int_equal(zone->counters.events_raised, before + 1);
	assert_int_equal(zone0->arch.edges[256], zone->counters.events_raised);
}

/* --------------------------------------------------------------------- W1C */

static void test_write_one_to_clear(void **state)
{
	(void)state;
	act((struct zv_shadow_action){
		.addr = 0x64, .write = ZV_WR_W1C, .word = 0x60 });
	word_set(0x60, 0xff03);
	fake_record.cleans = 0;
	assert_int_equal(wr(SHADOW_GPA + 0x64, 4, 1), MMIO_DONE);
	assert_int_equal(word_get(0x60), 0xff02);
	assert_int_equal(fake_record.cleans, 1);
	/* The bytes that were written, at their place. */
	assert_int_equal(wr(SHADOW_GPA + 0x65, 1, 0x0f), MMIO_DONE);
	assert_int_equal(word_get(0x60), 0xf002);
	assert_int_equal(wr(SHADOW_GPA + 0x64, 1, 0xff02), MMIO_DONE);
	assert_int_equal(word_get(0x60), 0xf000);
	assert_int_equal(word_get(0x64), 0);
}

/* ------------------------------------------------------------------ posted */

static void fill_ring(void)
{
	act((struct zv_shadow_action){ .addr = 4, .write = ZV_WR_POSTED });
	for (u32 i = 0; i < ZV_POSTED_COUNT; i++) {
		assert_int_equal(wr(SHADOW_GPA + 4, 4, i), MMIO_DONE);
	}
}

static void test_posted(void **state)
{
	(void)state;
	fill_ring();
	assert_int_equal(page->posted_head, ZV_POSTED_COUNT);
	assert_int_equal(page->posted[0].addr, 4);
	assert_int_equal(page->posted[255].value, 255);
	assert_int_equal(page->pending, ZV_PENDING_POSTED);
	page->posted_tail = 1;
	assert_int_equal(wr(SHADOW_GPA + 6, 2, 0x1234), MMIO_DONE);
	assert_int_equal(page->posted[0].addr, 6);
	assert_int_equal(page->posted[0].value, 0x1234);
	assert_int_equal(zone->counters.posted, 257);
}

static void test_full_ring_sleeps_and_loses_nothing(void **state)
{
	(void)state;
	fill_ring();
	guest_access(SHADOW_GPA + 4, 4, true, 999);
	/* zone_start() left the ring as it was. */
	assert_int_equal(vcpu()->run, VCPU_IO);
	assert_int_equal(vcpu()->io_wait, VCPU_IO_RING);
	assert_int_equal(page->posted_wait, 1);
	assert_int_equal(script_made, 1);
	fake_check_invariants();
	/* An answer to an access that is none. */
	{
		struct zv_io_complete c = { .seq = vcpu()->io_seq };

		assert_int_equal(io_complete(zone, &c), -ESTALE);
	}
	/* A kick without room: it tries, and sleeps again. */
	assert_int_equal(io_ring_kick(zone), 0);
	turn(4);
	assert_int_equal(script_made, 2);
	assert_int_equal(vcpu()->run, VCPU_IO);
	page->posted_tail += 1;
	assert_int_equal(io_ring_kick(zone), 0);
	assert_int_equal(page->posted_wait, 0);
	turn(4);
	assert_int_equal(script_made, 3);
	assert_int_equal(vcpu()->arch.mmio_done, 1);
	assert_int_equal(vcpu()->arch.mmio_retries, 2);
	assert_int_equal(page->posted[0].value, 999);
}

/* zone0 makes room after the first look, before it could see the wish. */
static void make_room(const struct spinlock *l, bool taken)
{
	(void)l;
	if (!taken && page->posted_wait != 0) {
		page->posted_tail++;
	}
}

static void test_nonsense_tail_is_no_room(void **state)
{
	(void)state;
	fill_ring();
	page->posted_tail = ZV_POSTED_COUNT + 1; /* ahead of us */
	guest_access(SHADOW_GPA + 4, 4, true, 999);
	assert_int_equal(vcpu()->run, VCPU_IO);
	page->posted_tail = 5;
	page->posted_head = 0; /* ours counts, not what the page says */
	fake_lock_hook = make_room;
	assert_int_equal(io_ring_kick(zone), 0);
	fake_lock_hook = NULL;
	turn(4);
	assert_int_equal(page->posted_head, ZV_POSTED_COUNT + 1);
}

/* --------------------------------------------------------------- forwarded */

static void test_forwarded_write(void **state)
{
	struct zv_io_complete c = { .count = 1, .word = { { 0x70, 0xabc } } };
	struct zv_io_slot *slot = &page->slot[0];

	(void)state;
	act((struct zv_shadow_action){ .addr = 0x70, .write = ZV_WR_FORWARD });
	guest_access(SHADOW_GPA + 0x71, 1, true, 0x5aa);
	assert_int_equal(vcpu()->run, VCPU_IO);
	assert_int_equal(zone->loaded, 0);
	assert_int_equal(slot->state, ZV_SLOT_WAITING);
	assert_int_equal(slot->gpa, SHADOW_GPA + 0x71);
	assert_int_equal(slot->value, 0xaa);
	assert_int_equal(slot->addr, 0x71);
	assert_int_equal(slot->size, 1);
	assert_int_equal(slot->write, 1);
	assert_int_equal(slot->seq, 1);
	assert_int_equal(page->slots_waiting, 1);
	assert_true((page->pending & ZV_PENDING_ACCESS) != 0);
	fake_check_invariants();
	/* zone0 may scribble: our copy counts. */
	memset(slot, 0xff, sizeof(*slot));
	c.seq = 1;
	assert_int_equal(io_complete(zone, &c), 0);
	assert_int_equal(word_get(0x70), 0xabc);
	assert_int_equal(slot->state, ZV_SLOT_FREE);
	assert_int_equal(page->slots_waiting, 0);
	assert_int_equal(io_complete(zone, &c), -ESTALE);
	turn(3);
	assert_int_equal(vcpu()->arch.mmio_done, 1);
	assert_int_equal(script_made, 1);
}

static void test_forwarded_read(void **state)
{
	struct zv_io_complete c = { .seq = 1, .value = 0x123456789abcdef0 };

	(void)state;
	act((struct zv_shadow_action){ .addr = ZV_SHADOW_ADDR(1, 0),
				       .read = ZV_RD_FORWARD });
	guest_access(TRAP_GPA, 2, false, 0);
	assert_int_equal(page->slot[0].write, 0);
	assert_int_equal(page->slot[0].addr, ZV_SHADOW_ADDR(1, 0));
	assert_int_equal(io_complete(zone, &c), 0);
	turn(3);
	assert_int_equal(vcpu()->arch.mmio_value, 0xdef0);
}

static void test_completion_checks(void **state)
{
	struct zv_io_complete c = { .seq = 1, .count = 2 };

	(void)state;
	act((struct zv_shadow_action){ .addr = 0x70, .write = ZV_WR_FORWARD });
	guest_access(SHADOW_GPA + 0x70, 4, true, 1);
	c.word[0] = (struct zv_shadow_word){ 0, 9 };
	c.word[1] = (struct zv_shadow_word){ ZV_SHADOW_ADDR(9, 0), 9 };
	assert_int_equal(io_complete(zone, &c), -EINVAL);
	assert_int_equal(word_get(0), 0);
	c.count = 1;
	c.vcpu = 1;
	assert_int_equal(io_complete(zone, &c), -EINVAL);
	c.vcpu = 0;
	c.flags = 4;
	assert_int_equal(io_complete(zone, &c), -EINVAL);
	c.flags = 0;
	c.count = ZV_SHADOW_WORDS_MAX + 1;
	assert_int_equal(io_complete(zone, &c), -EINVAL);
	c.count = 1;
	c.seq = 2;
	assert_int_equal(io_complete(zone, &c), -ESTALE);
	assert_int_equal(word_get(0), 0);
	assert_int_equal(vcpu()->run, VCPU_IO);
	c.seq = 1;
	c.flags = ZV_COMPLETE_ABORT | ZV_COMPLETE_ATOMIC;
	fake_record.flush_ipa = 0;
	assert_int_equal(io_complete(zone, &c), 0);
	assert_int_equal(fake_record.flush_ipa, 1);
	assert_int_equal(word_get(0), 9);
	turn(3);
	assert_int_equal(vcpu()->arch.mmio_aborts, 1);
	assert_int_equal(vcpu()->arch.mmio_done, 0);
}

/* zone0 answers on another pCPU before the vCPU has left its own. */
static void answer_early(const struct spinlock *l, bool taken)
{
	struct zv_io_complete c = { .seq = 1 };

	if (l == &zone->io.lock && !taken &&
	    page->slot[0].state == ZV_SLOT_WAITING) {
		fake_lock_hook = NULL;
		fake_cpu_set(0);
		assert_int_equal(io_complete(zone, &c), 0);
		fake_cpu_set(3);
	}
}

static void test_answer_before_it_sleeps(void **state)
{
	(void)state;
	act((struct zv_shadow_action){ .addr = 0x70, .write = ZV_WR_FORWARD });
	fake_lock_hook = answer_early;
	guest_access(SHADOW_GPA + 0x70, 4, true, 1);
	assert_null(fake_lock_hook);
	turn(4);
	assert_int_equal(vcpu()->arch.mmio_done, 1);
	assert_int_equal(script_made, 1);
	assert_int_equal(vcpu()->run, VCPU_IDLE);
}

static void test_completion_while_paused(void **state)
{
	struct zv_io_complete c = { .seq = 1 };

	(void)state;
	act((struct zv_shadow_action){ .addr = 0x70, .write = ZV_WR_FORWARD });
	guest_access(SHADOW_GPA + 0x70, 4, true, 1);
	assert_int_equal(zone_pause(zone), 0);
	assert_int_equal(io_complete(zone, &c), 0);
	turn(3);
	assert_int_equal(vcpu()->arch.mmio_done, 0);
	fake_check_invariants();
	assert_int_equal(zone_resume(zone), 0);
	turn(3);
	assert_int_equal(vcpu()->arch.mmio_done, 1);
}

static void test_reset_forgets_accesses(void **state)
{
	struct zv_io_complete c = { .seq = 1 };

	(void)state;
	act((struct zv_shadow_action){ .addr = 0x70, .write = ZV_WR_FORWARD });
	act((struct zv_shadow_action){
		.addr = 0x50, .write = ZV_WR_DOORBELL, .count = 1 });
	guest_access(SHADOW_GPA + 0x70, 4, true, 1);
	(void)wr(SHADOW_GPA + 0x50, 4, 0);
	assert_int_equal(zone_reset(zone), 0);
	assert_int_equal(page->slot[0].state, ZV_SLOT_FREE);
	assert_int_equal(page->slots_waiting, 0);
	assert_int_equal(page->doorbell[0], 0);
	assert_int_equal(io_complete(zone, &c), -ESTALE);
	assert_int_equal(io_ring_kick(zone), 0);
	/* The next access is a new one. */
	guest_access(SHADOW_GPA + 0x70, 4, true, 1);
	assert_int_equal(page->slot[0].seq, 2);
	assert_int_equal(io_complete(zone, &c), -ESTALE);
}

/* Another pCPU resets the zone while this one is about to make an access. */
static void access_in_a_reset(struct vcpu *v, struct vcpu_exit *e)
{
	if (v->zone == zone && script_made == 0) {
		fake_cpu_set(0);
		assert_int_equal(zone_reset(zone), -EAGAIN);
		fake_cpu_set(3);
	}
	one_access(v, e);
}

/* A reset is done when its device models can be reset, too. */
static void test_reset_leaves_no_access_behind(void **state)
{
	(void)state;
	act((struct zv_shadow_action){ .addr = 0x70, .write = ZV_WR_FORWARD });
	script = (struct mmio_access){
		.gpa = SHADOW_GPA + 0x70, .size = 4, .write = true, .value = 1
	};
	fake_guest = access_in_a_reset;
	test_start(zone, 1);
	turn(4);
	assert_int_equal(script_made, 1);
	assert_int_equal(page->slot[0].seq, 1);
	assert_int_equal(zone_reset(zone), 0);
	assert_int_equal(page->slot[0].state, ZV_SLOT_FREE);
	assert_int_equal(page->slots_waiting, 0);
	fake_check_invariants();
	/* The next run makes its own. */
	guest_access(SHADOW_GPA + 0x70, 4, true, 1);
	assert_int_equal(page->slot[0].seq, 2);
	assert_int_equal(page->slot[0].state, ZV_SLOT_WAITING);
}

/* --------------------------------------------------------------- injection */

static void test_pulse(void **state)
{
	const u32 *edges = &zone->arch.edges[VIRTIO_INTID];

	(void)state;
	assert_int_equal(io_inject(zone, VIRTIO_INTID, ZV_IRQ_PULSE, 0x60, 1),
			 0);
	assert_int_equal(word_get(0x60), 1);
	assert_int_equal(*edges, 1);
	/* Not cleared yet: no more edges for it. */
	assert_int_equal(io_inject(zone, VIRTIO_INTID, ZV_IRQ_PULSE, 0x60, 1),
			 0);
	assert_int_equal(word_get(0x60), 1);
	assert_int_equal(*edges, 1);
	word_set(0x60, 0);
	assert_int_equal(io_inject(zone, VIRTIO_INTID, ZV_IRQ_PULSE, 0x60, 1),
			 0);
	assert_int_equal(*edges, 2);
	/* Without a mask: always; the address means nothing. */
	assert_int_equal(io_inject(zone, VIRTIO_INTID, ZV_IRQ_PULSE, 77, 0), 0);
	assert_int_equal(*edges, 3);
}

/*
 * The guest has read the word and will clear what it read.  A bit that is set
 * in between stays, so there has to be another edge for it, or the word would
 * never be 0 again and all later edges were kept back.
 */
static void test_pulse_of_another_bit(void **state)
{
	const u32 *edges = &zone->arch.edges[VIRTIO_INTID];
	u32 read;

	(void)state;
	assert_int_equal(io_inject(zone, VIRTIO_INTID, ZV_IRQ_PULSE, 0x60, 1),
			 0);
	read = word_get(0x60);
	assert_int_equal(io_inject(zone, VIRTIO_INTID, ZV_IRQ_PULSE, 0x60, 3),
			 0);
	assert_int_equal(*edges, 2);
	word_set(0x60, word_get(0x60) & ~read);
	assert_int_equal(io_inject(zone, VIRTIO_INTID, ZV_IRQ_PULSE, 0x60, 1),
			 0);
	assert_int_equal(word_get(0x60), 3);
	assert_int_equal(*edges, 3);
}

static void test_level(void **state)
{
	(void)state;
	assert_int_equal(io_inject(zone, 33, ZV_IRQ_RAISE, 0x60, 0x10), 0);
	assert_true(zone->arch.level[33]);
	assert_int_equal(word_get(0x60), 0x10);
	word_set(0x60, 0x30);
	assert_int_equal(io_inject(zone, 33, ZV_IRQ_LOWER, 0x60, 0x10), 0);
	assert_false(zone->arch.level[33]);
	assert_int_equal(word_get(0x60), 0x20);
}

static void test_injection_checks(void **state)
{
	(void)state;
	assert_int_equal(io_inject(zone, 48, 3, 0, 0), -EINVAL);
	assert_int_equal(io_inject(zone, 48, UINT32_MAX, 0, 0), -EINVAL);
	assert_int_equal(io_inject(zone, 48, ZV_IRQ_PULSE, 2, 1), -EINVAL);
	assert_int_equal(
		io_inject(zone, 48, ZV_IRQ_PULSE, ZV_SHADOW_ADDR(2, 0), 1),
		-EINVAL);
	assert_int_equal(io_inject(zone, 48, ZV_IRQ_PULSE, UINT32_MAX - 3, 1),
			 -EINVAL);
	assert_int_equal(io_inject(zone, 31, ZV_IRQ_PULSE, 0, 0), -EINVAL);
	assert_int_equal(io_inject(zone, 288, ZV_IRQ_PULSE, 0, 0), -EINVAL);
	assert_int_equal(zone->arch.edges[48], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		io_test(test_create_checks),
		io_test(test_populate_avoids_trapping_pages),
		io_test(test_create_without_memory),
		io_test(test_stage2_is_read_only),
		io_test(test_action_checks),
		io_test(test_update_checks),
		io_test(test_atomic_update),
		io_test(test_trapped_reads),
		io_test(test_ignored_writes),
		io_test(test_doorbell),
		io_test(test_raising_again),
		io_test(test_write_one_to_clear),
		io_test(test_posted),
		io_test(test_full_ring_sleeps_and_loses_nothing),
		io_test(test_nonsense_tail_is_no_room),
		io_test(test_forwarded_write),
		io_test(test_forwarded_read),
		io_test(test_completion_checks),
		io_test(test_answer_before_it_sleeps),
		io_test(test_completion_while_paused),
		io_test(test_reset_forgets_accesses),
		io_test(test_reset_leaves_no_access_behind),
		io_test(test_pulse),
		io_test(test_pulse_of_another_bit),
		io_test(test_level),
		io_test(test_injection_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
