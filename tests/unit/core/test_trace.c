// SPDX-License-Identifier: BSD-2-Clause
/* The trace: what is noted, and that a reader gets it whole or not at all. */
#include "core_test.h"

#include <zv/atomic.h>
#include <zv/trace.h>

#include <pthread.h>
#include <sched.h>

#define BIT_OF(event) ZV_TRACE_BIT(event)
#define RING_BYTES (ZV_TRACE_RING * sizeof(struct zv_trace_record))
#define RING_ORDER 5u
#define ROOM (ZV_PAGE_SIZE / sizeof(struct zv_trace_record))

static struct zv_trace_record *const none;

/* One page of records of a pCPU through the hypercall. */
static s64 read_page(u32 cpu, u64 pos)
{
	return hv(ZV_HC_TRACE_READ, cpu, BUF_GPA, ZV_PAGE_SIZE, pos);
}

static const struct zv_trace_record *page(void)
{
	return buf_at(BUF_GPA);
}

static void set(u32 classes)
{
	assert_int_equal(hv(ZV_HC_TRACE_SET, classes, 0, 0, 0), 0);
}

/* Notes n records of pCPU 0 whose arguments count on from `from`. */
static void put(u64 from, u64 n)
{
	fake_cpu_set(0);
	for (u64 i = 0; i < n; i++) {
		trace_vcpu(ZV_TRACE_INJECT, zone0->vcpus[0], 0, from + i,
			   ~(from + i));
	}
}

static void check(const struct zv_trace_record *r, u64 n, u64 from)
{
	for (u64 i = 0; i < n; i++) {
		assert_int_equal(r[i].event, ZV_TRACE_INJECT);
		assert_int_equal(r[i].arg[0], from + i);
		assert_int_equal(r[i].arg[1], ~(from + i));
	}
}

/* ----------------------------------------------------------------- switch */

/* No lock and no list may share what every entry of a guest looks at. */
_Static_assert(sizeof(trace_switch) >= 64 &&
		       _Alignof(struct trace_switch) >= 64,
	       "a cache line of its own");

static void test_off(void **state)
{
	u64 before = pages_free();

	(void)state;
	put(0, 10);
	fake_run_all(16);
	for (u32 cpu = 0; cpu < percpu_count; cpu++) {
		assert_int_equal(read_page(cpu, 0), 0);
		assert_int_equal(hv_result.out[0], 0);
		assert_int_equal(hv_result.out[1], 0);
		assert_ptr_equal(percpu_get(cpu)->trace.record, none);
	}
	assert_int_equal(hv(ZV_HC_TRACE_SET, 0, 0, 0, 0), 0);
	assert_int_equal(pages_free(), before);
}

static void test_switch(void **state)
{
	u64 before = pages_free();
	u64 size = percpu_count * ZV_TRACE_RING *
		   sizeof(struct zv_trace_record) / PAGE_SIZE;

	(void)state;
	assert_int_equal(
		hv(ZV_HC_TRACE_SET, 1u << ZV_TRACE_CLASS_COUNT, 0, 0, 0),
		-EINVAL);
	assert_int_equal(hv(ZV_HC_TRACE_SET, 1ull << 32, 0, 0, 0), -EINVAL);
	assert_int_equal(trace_switch.classes, 0);
	set(BIT_OF(ZV_TRACE_ENTER));
	put(0, 10); /* of another class */
	assert_int_equal(read_page(0, 0), 0);
	set(BIT_OF(ZV_TRACE_INJECT));
	put(5, 3);
	assert_int_equal(read_page(0, 0), 3);
	check(page(), 3, 5);
	/* Made once, and as much as is said. */
	set(ZV_TRACE_ALL & ~BIT_OF(ZV_TRACE_HYPERCALL));
	assert_int_equal(before - pages_free(), size);
	assert_int_equal(read_page(0, 0), 3);
	fake_check_invariants();
	/* What there was is gone, and positions go on. */
	set(0);
	assert_int_equal(pages_free(), before);
	put(0, 10);
	assert_int_equal(read_page(0, 0), 0);
	assert_int_equal(hv_result.out[0], 3);
	assert_int_equal(hv_result.out[1], 3);
	set(ZV_TRACE_ALL);
	/* A call is noted when it is over, and has begun while that is on. */
	assert_int_equal(hv(ZV_HC_ZONE_NEXT, 77, 0, 0, 0), -ESRCH);
	assert_int_equal(read_page(0, 0), 1);
	assert_int_equal(hv_result.out[1], 3);
	assert_int_equal(page()->event, ZV_TRACE_HYPERCALL);
	assert_int_equal(page()->detail, ZV_HC_ZONE_NEXT);
	assert_int_equal((s64)page()->arg[0], -ESRCH);
	assert_int_equal(page()->arg[1], 77);
	set(0);
}

static void test_no_memory(void **state)
{
	paddr_t pa;

	u64 left;

	(void)state;
	for (u32 order = FRAME_ORDER_MAX + 1; order-- > 0;) {
		while (page_alloc(order, FRAME_HV, ZV_ZONE0, &pa) == 0) {}
	}
	/* Enough for all but the last. */
	for (u32 i = 0; i + 1 < percpu_count; i++) {
		page_free(pa_make(FAKE_RAM_BASE + MIB(8) + i * RING_BYTES),
			  RING_ORDER);
	}
	left = pages_free();
	assert_int_equal(hv(ZV_HC_TRACE_SET, ZV_TRACE_ALL, 0, 0, 0), -ENOMEM);
	assert_int_equal(pages_free(), left);
	assert_int_equal(trace_switch.classes, 0);
	put(0, 1);
	assert_int_equal(read_page(0, 0), 0);
}

/* Switched on by another pCPU; its store of the ring has not arrived. */
static void test_no_ring_yet(void **state)
{
	(void)state;
	trace_switch.classes = ZV_TRACE_ALL;
	put(0, 1);
	assert_int_equal(read_page(0, 0), 0);
	trace_switch.classes = 0;
}

/* ---------------------------------------------------------------- reading */

static void test_arguments(void **state)
{
	(void)state;
	set(BIT_OF(ZV_TRACE_INJECT));
	put(0, 100);
	assert_int_equal(hv(ZV_HC_TRACE_READ, percpu_count, BUF_GPA, 4096, 0),
			 -EINVAL);
	assert_int_equal(hv(ZV_HC_TRACE_READ, 1ull << 32, BUF_GPA, 4096, 0),
			 -EINVAL);
	assert_int_equal(hv(ZV_HC_TRACE_READ, 0, BUF_GPA, 31, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_TRACE_READ, 0, BUF_GPA + 1, 64, 0), -EINVAL);
	assert_int_equal(hv(ZV_HC_TRACE_READ, 0, BUF_GPA + 8, 4096, 0),
			 -EINVAL);
	assert_int_equal(hv(ZV_HC_TRACE_READ, 0, 0x1000, 4096, 0), -EFAULT);
	/* Whole records only. */
	memset(buf_at(BUF_GPA), 0x55, 4096);
	assert_int_equal(hv(ZV_HC_TRACE_READ, 0, BUF_GPA, 95, 7), 2);
	assert_int_equal(hv_result.out[0], 9);
	assert_int_equal(hv_result.out[1], 7);
	check(page(), 2, 7);
	assert_int_equal(page()[2].arg[0], 0x5555555555555555);
}

static void test_positions(void **state)
{
	(void)state;
	set(BIT_OF(ZV_TRACE_INJECT));
	put(0, ROOM + 20);
	assert_int_equal(read_page(0, 0), ROOM);
	check(page(), ROOM, 0);
	assert_int_equal(hv_result.out[0], ROOM);
	assert_int_equal(read_page(0, ROOM), 20);
	check(page(), 20, ROOM);
	assert_int_equal(read_page(0, ROOM + 20), 0);
	assert_int_equal(hv_result.out[0], ROOM + 20);
	/* A position of the future is the end. */
	assert_int_equal(read_page(0, UINT64_MAX), 0);
	assert_int_equal(hv_result.out[0], ROOM + 20);
	/* Each pCPU has its own. */
	assert_int_equal(read_page(1, 0), 0);
	assert_int_equal(hv_result.out[0], 0);
}

/* What the ring has no room for is told as lost, by the first position. */
static void test_wrap(void **state)
{
	u64 pos = 10;
	u64 total = 3 * ZV_TRACE_RING + 17;
	u64 got = 0;
	s64 n;

	(void)state;
	set(BIT_OF(ZV_TRACE_INJECT));
	put(0, total);
	while ((n = read_page(0, pos)) > 0) {
		if (got == 0) {
			/* One less: the next record is written over it. */
			assert_int_equal(hv_result.out[1],
					 total - ZV_TRACE_RING + 1);
		} else {
			assert_int_equal(hv_result.out[1], pos);
		}
		check(page(), (u64)n, hv_result.out[1]);
		pos = hv_result.out[0];
		got += (u64)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(pos, total);
	assert_int_equal(got, ZV_TRACE_RING - 1);
}

/* A full ring whose writer has begun with the next record. */
static void test_half_written(void **state)
{
	(void)state;
	set(BIT_OF(ZV_TRACE_INJECT));
	put(0, ZV_TRACE_RING);
	percpu_get(0)->trace.record[0].arg[0] = 0x77;
	assert_int_equal(read_page(0, 0), ROOM);
	assert_int_equal(hv_result.out[1], 1);
	check(page(), ROOM, 1);
}

#define READS 20000u

static bool writer_stop;

static void *writer(void *arg)
{
	u64 next = 0;

	(void)arg;
	while (!atomic_load_relaxed(&writer_stop)) {
		put(next, 64);
		next += 64;
	}
	return NULL;
}

/*
 * A reader always at the heels of a writer on another CPU: records that are
 * overwritten while they are copied must not get through.
 */
static void test_torn(void **state)
{
	struct zv_trace_record buf[64];
	pthread_t thread;
	u32 reads = 0;
	u32 overtaken = 0;

	(void)state;
	set(BIT_OF(ZV_TRACE_INJECT));
	writer_stop = false;
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	/* Ends with both: enough reads, and some that were overtaken. */
	while (reads < READS || overtaken < 10) {
		u64 pos = 0;
		u64 first;
		u32 n = trace_read(0, &pos, buf, ARRAY_SIZE(buf), &first);

		check(buf, n, first);
		assert_int_equal(pos, first + n);
		reads++;
		overtaken += first > 0 && n < ARRAY_SIZE(buf);
		if (n == 0) {
			sched_yield();
		}
	}
	atomic_store_relaxed(&writer_stop, true);
	pthread_join(thread, NULL);
}

/*
 * Switched off while its pCPU is writing: nobody writes into memory that the
 * pool has given to somebody else.
 */
static void test_switched_off_while_written(void **state)
{
	static const u64 pattern = 0x5555555555555555;
	pthread_t thread;
	u32 written = 0;
	u32 changed;
	paddr_t pa;

	(void)state;
	writer_stop = false;
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	/* Enough, and often enough while there was something to write. */
	for (u32 i = 0; i < 500 || written < 100; i++) {
		struct trace_ring *ring = &percpu_get(0)->trace;
		u64 head = atomic_load_relaxed(&ring->head);
		u64 *mine;

		assert_int_equal(trace_set(ZV_TRACE_ALL), 0);
		mine = (u64 *)atomic_load_relaxed(&ring->record);
		for (u32 spin = 0; spin < 100; spin++) {
			if (atomic_load_relaxed(&ring->head) != head) {
				written++;
				break;
			}
			sched_yield();
		}
		assert_int_equal(trace_set(0), 0);
		pa = va_to_pa(mine);
		assert_int_equal(page_alloc_at(pa, RING_ORDER, FRAME_HV, 0), 0);
		memset(mine, 0x55, RING_BYTES);
		sched_yield();
		changed = 0;
		for (u32 w = 0; w < RING_BYTES / sizeof(*mine); w++) {
			changed += atomic_load_relaxed(&mine[w]) != pattern;
		}
		assert_int_equal(changed, 0);
		page_free(pa, RING_ORDER);
	}
	atomic_store_relaxed(&writer_stop, true);
	pthread_join(thread, NULL);
}

static u32 waits;
static u64 free_while_written;

/* It is done after a while. */
static void go_on(void)
{
	free_while_written = pages_free();
	if (++waits == 3) {
		percpu_get(2)->trace.writing = false;
	}
}

/* The same, and the pCPU takes its time. */
static void test_waits_for_the_writer(void **state)
{
	u64 before = pages_free();
	u64 ring = RING_BYTES / PAGE_SIZE;

	(void)state;
	waits = 0;
	set(ZV_TRACE_ALL);
	percpu_get(2)->trace.writing = true;
	fake_relax_hook = go_on;
	assert_int_equal(trace_set(0), 0);
	assert_int_equal(waits, 3);
	/* Only those of the pCPUs before it were gone. */
	assert_int_equal(free_while_written,
			 before - (percpu_count - 2) * ring);
	assert_int_equal(pages_free(), before);
}

/* ----------------------------------------------------------------- events */

static u32 of_zone[256]; /* records of the zone under test, by event */

static void count_events(u32 zone)
{
	/* Else the reading would be seen, too. */
	set(BIT_OF(ZV_TRACE_POSTED));
	memset(of_zone, 0, sizeof(of_zone));
	for (u32 cpu = 0; cpu < percpu_count; cpu++) {
		u64 time = 0;
		u64 pos = 0;
		s64 n;

		while ((n = read_page(cpu, pos)) > 0) {
			for (s64 i = 0; i < n; i++) {
				assert_true(page()[i].time_ns >= time);
				time = page()[i].time_ns;
				of_zone[page()[i].event & 0xff] +=
					page()[i].zone == zone;
			}
			pos = hv_result.out[0];
		}
		assert_int_equal(n, 0);
	}
}

static u32 guest_turn;

/* Writes to a doorbell, to zone0 and to the ring, calls, and sleeps. */
static void busy_guest(struct vcpu *v, struct vcpu_exit *e)
{
	static const u32 offset[] = { 0, 4, 8 };

	v->arch.irq_pending = false;
	e->kind = VCPU_EXIT_IDLE;
	if (v->zone == zone0) {
		return;
	}
	fake_time_advance(1000);
	if (guest_turn < ARRAY_SIZE(offset)) {
		e->kind = VCPU_EXIT_MMIO;
		e->mmio = (struct mmio_access){
			.gpa = SHADOW_GPA + offset[guest_turn],
			.size = 4,
			.write = true,
		};
	} else if (guest_turn == ARRAY_SIZE(offset)) {
		e->kind = VCPU_EXIT_HYPERCALL;
		e->hypercall.nr = ZV_HC_VERSION;
	}
	guest_turn++;
}

static void set_actions(struct zone *z)
{
	struct zv_shadow_actions a = {
		.count = 3,
		.action = {
			{ .addr = 0, .write = ZV_WR_DOORBELL, .count = 1 },
			{ .addr = 4, .write = ZV_WR_POSTED },
			{ .addr = 8, .write = ZV_WR_FORWARD },
		},
	};

	assert_int_equal(io_shadow_actions(z, &a), 0);
}

static void complete(struct zone *z)
{
	struct zv_io_complete c = { .seq = z->vcpus[0]->io_seq };

	assert_int_equal(z->vcpus[0]->run, VCPU_IO);
	assert_int_equal(io_complete(z, &c), 0);
}

static void test_events(void **state)
{
	static const u32 pcpu[] = { 1 };
	struct zone *z;
	u32 index;

	(void)state;
	fake_guest = busy_guest;
	guest_turn = 0;
	set(ZV_TRACE_ALL);
	z = test_zone(1, pcpu, 8);
	assert_int_equal(io_shadow_create(z, SHADOW_GPA, 0, &index), 0);
	set_actions(z);
	test_start(z, 1);
	fake_run_all(16);
	complete(z);
	fake_run_all(16);
	assert_int_equal(io_inject(z, 48, ZV_IRQ_PULSE, 0, 0), 0);
	fake_run_all(16);
	assert_int_equal(zone_pause(z), 0);
	assert_int_equal(zone_stop(z), 0);
	count_events(z->id);
	/* CREATED, RUNNING, PAUSED, OFF. */
	assert_int_equal(of_zone[ZV_TRACE_STATE], 4);
	assert_int_equal(of_zone[ZV_TRACE_DOORBELL], 1);
	assert_int_equal(of_zone[ZV_TRACE_POSTED], 1);
	assert_int_equal(of_zone[ZV_TRACE_FORWARD], 1);
	assert_int_equal(of_zone[ZV_TRACE_HYPERCALL], 1);
	assert_int_equal(of_zone[ZV_TRACE_INJECT], 1);
	/* Its start, the answer, the interrupt. */
	assert_int_equal(of_zone[ZV_TRACE_READY], 3);
	/* For the answer, for interrupts, and off. */
	assert_int_equal(of_zone[ZV_TRACE_BLOCK], 4);
	assert_int_equal(of_zone[ZV_TRACE_SWITCH], 3);
	assert_int_equal(of_zone[ZV_TRACE_ENTER], z->vcpus[0]->arch.runs);
	assert_int_equal(of_zone[ZV_TRACE_LEAVE], z->vcpus[0]->arch.runs);
	zone_put(z);
}

/* What is said of an event. */
static void test_details(void **state)
{
	static const u32 pcpu[] = { 1 };
	static const struct {
		u32 event;
		u32 detail;
		u64 arg0;
	} expected[] = {
		{ ZV_TRACE_SWITCH, 0, 0 },
		{ ZV_TRACE_ENTER, 0, 0 },
		{ ZV_TRACE_LEAVE, ZV_LEAVE_ACCESS, 0 },
		{ ZV_TRACE_DOORBELL, 0, 0 },
		{ ZV_TRACE_ENTER, 0, 0 },
		{ ZV_TRACE_LEAVE, ZV_LEAVE_ACCESS, 0 },
		{ ZV_TRACE_POSTED, 0, SHADOW_GPA + 4 },
		{ ZV_TRACE_ENTER, 0, 0 },
		{ ZV_TRACE_LEAVE, ZV_LEAVE_ACCESS, 0 },
		{ ZV_TRACE_FORWARD, 4 | 1 << 8, SHADOW_GPA + 8 },
		{ ZV_TRACE_BLOCK, 1, 0 },
		{ ZV_TRACE_SWITCH, 0, 0 },
	};
	struct zone *z;
	u32 index;

	(void)state;
	fake_guest = busy_guest;
	guest_turn = 0;
	z = test_zone(1, pcpu, 8);
	assert_int_equal(io_shadow_create(z, SHADOW_GPA, 0, &index), 0);
	set_actions(z);
	test_start(z, 1);
	set(ZV_TRACE_ALL & ~BIT_OF(ZV_TRACE_INJECT));
	fake_run_cpu(1, 16);
	assert_int_equal(read_page(1, 0), ARRAY_SIZE(expected));
	for (u32 i = 0; i < ARRAY_SIZE(expected); i++) {
		bool nobody = i == ARRAY_SIZE(expected) - 1;

		assert_int_equal(page()[i].event, expected[i].event);
		assert_int_equal(page()[i].detail, expected[i].detail);
		assert_int_equal(page()[i].arg[0], expected[i].arg0);
		assert_int_equal(page()[i].zone,
				 nobody ? ZV_TRACE_NONE : z->id);
		assert_int_equal(page()[i].vcpu, nobody ? ZV_TRACE_NONE : 0);
	}
	zone_put(z);
}

/* Another pCPU of zone0 destroys the zone as soon as there is one. */
static void destroy_early(const struct spinlock *l, bool taken)
{
	struct zone *z;
	paddr_t pa;

	(void)l;
	if (taken) {
		return;
	}
	fake_lock_hook = NULL;
	z = zone_get(1);
	if (z == NULL) {
		fake_lock_hook = destroy_early;
		return;
	}
	pa = va_to_pa(z);
	test_destroy(z);
	assert_int_equal(page_alloc_at(pa, 0, FRAME_HV, 0), 0);
	memset(z, 0x55, PAGE_SIZE);
	page_free(pa, 0);
}

/* Nothing is read of a zone that may be gone already. */
static void test_destroyed_while_it_is_made(void **state)
{
	struct zv_zone_create args = test_create_args(1);
	u16 id;

	(void)state;
	set(BIT_OF(ZV_TRACE_STATE));
	fake_lock_hook = destroy_early;
	assert_int_equal(zone_create(&args, &id), 0);
	assert_null(fake_lock_hook);
	assert_null(zone_get(1));
	assert_int_equal(read_page(0, 0), 2);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(page()[i].zone, 1);
		assert_int_equal(page()[i].event, ZV_TRACE_STATE);
	}
	assert_int_equal(page()[0].detail, ZV_ZONE_CREATED);
	assert_int_equal(page()[1].detail, ZV_ZONE_DYING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		core_test(test_off),
		core_test(test_switch),
		core_test(test_no_memory),
		core_test(test_no_ring_yet),
		core_test(test_arguments),
		core_test(test_positions),
		core_test(test_wrap),
		core_test(test_half_written),
		core_test(test_torn),
		core_test(test_switched_off_while_written),
		core_test(test_waits_for_the_writer),
		core_test(test_events),
		core_test(test_details),
		core_test(test_destroyed_while_it_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
