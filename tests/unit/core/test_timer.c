// SPDX-License-Identifier: BSD-2-Clause
/* Software timers. */
#include "core_test.h"

#include <zv/arch/irq.h>
#include <zv/arch/time.h>
#include <zv/time.h>

static u32 order[16];
static u32 fired;

struct tagged {
	struct timer timer;
	u32 tag;
	u64 again_ns;
};

static void note(struct timer *t)
{
	struct tagged *g = container_of(t, struct tagged, timer);

	order[fired++ % 16] = g->tag;
	if (g->again_ns != 0) {
		timer_arm(t, arch_time_ns() + g->again_ns);
	}
}

static u64 hardware(u32 cpu)
{
	return percpu_get(cpu)->arch.timer_deadline;
}

static void make(struct tagged *g, u32 tag)
{
	timer_init(&g->timer, note);
	g->tag = tag;
	g->again_ns = 0;
	fired = 0;
}

static void test_in_order_of_time(void **state)
{
	struct tagged a, b, c;

	(void)state;
	make(&a, 1);
	make(&b, 2);
	make(&c, 3);
	fake_time_set(100);
	timer_arm(&a.timer, 300);
	timer_arm(&b.timer, 200);
	timer_arm(&c.timer, 300);
	assert_int_equal(hardware(0), 200);
	timer_run();
	assert_int_equal(fired, 0);
	fake_time_set(300);
	arch_irq_handle();
	assert_int_equal(fired, 3);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 1); /* of equals the first armed */
	assert_int_equal(order[2], 3);
	assert_true(hardware(0) == UINT64_MAX);
}

static void test_cancel(void **state)
{
	struct tagged a;

	(void)state;
	make(&a, 1);
	timer_cancel(&a.timer); /* never armed */
	timer_arm(&a.timer, 10);
	timer_cancel(&a.timer);
	timer_cancel(&a.timer);
	fake_time_set(20);
	timer_run();
	assert_int_equal(fired, 0);
}

static void test_rearm_moves(void **state)
{
	struct tagged a;

	(void)state;
	make(&a, 1);
	fake_time_set(0);
	timer_arm(&a.timer, 100);
	fake_cpu_set(1);
	timer_arm(&a.timer, 50);
	assert_int_equal(a.timer.cpu, 1);
	assert_true(list_empty(&percpu_get(0)->timers));
	assert_int_equal(hardware(1), 50);
	fake_cpu_set(0);
	fake_time_set(200);
	timer_run();
	assert_int_equal(fired, 0);
	fake_cpu_set(1);
	timer_run();
	assert_int_equal(fired, 1);
	fake_cpu_set(0);
}

static void test_cancel_from_another_cpu(void **state)
{
	struct tagged a;

	(void)state;
	make(&a, 1);
	fake_cpu_set(2);
	timer_arm(&a.timer, 5);
	fake_cpu_set(0);
	timer_cancel(&a.timer);
	assert_true(list_empty(&percpu_get(2)->timers));
}

static void test_one_run_is_bounded(void **state)
{
	struct tagged a;

	(void)state;
	make(&a, 1);
	a.again_ns = 0;
	timer_arm(&a.timer, 1);
	fake_time_set(1000);
	a.again_ns = 1;
	/* Arms itself for later than now: once. */
	timer_run();
	assert_int_equal(fired, 1);
	assert_int_equal(hardware(0), 1001);
	timer_cancel(&a.timer);
}

static void always(struct timer *t)
{
	fired++;
	timer_arm(t, 0);
}

static void test_past_deadlines_do_not_hang(void **state)
{
	struct timer t;

	(void)state;
	fired = 0;
	timer_init(&t, always);
	timer_arm(&t, 0);
	timer_run();
	assert_in_range(fired, 1, 1000);
	assert_int_equal(hardware(0), 0); /* fires again at once */
	timer_cancel(&t);
}

static const struct timer *running_inside;

static void look(struct timer *t)
{
	(void)t;
	running_inside = this_cpu()->timer_running;
}

/* Whoever frees a timer can tell that its callback is not running. */
static void test_cancel_wait(void **state)
{
	struct timer t;

	(void)state;
	timer_init(&t, look);
	timer_arm(&t, arch_time_ns() + 1000);
	timer_cancel_wait(&t);
	assert_false(t.queued);
	timer_arm(&t, arch_time_ns());
	timer_run();
	assert_ptr_equal(running_inside, &t);
	assert_null(this_cpu()->timer_running);
	timer_cancel_wait(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		core_test(test_in_order_of_time),
		core_test(test_cancel),
		core_test(test_rearm_moves),
		core_test(test_cancel_from_another_cpu),
		core_test(test_one_run_is_bounded),
		core_test(test_past_deadlines_do_not_hang),
		core_test(test_cancel_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
