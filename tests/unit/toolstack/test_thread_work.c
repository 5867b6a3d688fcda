/* SPDX-License-Identifier: BSD-2-Clause */
/* libvirt/thread_work: how many threads a share has, and what is given up. */
#include "thread_work.h"

#include <stdatomic.h>

#include "cmocka_all.h"

#define WORKS 6u
#define SHARE 2u

struct piece {
	struct thread_work work;
	atomic_bool ran;
	bool done;
};

static struct {
	uv_loop_t loop;
	struct thread_share share;
	struct piece pieces[WORKS];
	struct piece other;
	uv_sem_t begun;
	uv_sem_t go_on;
	atomic_uint running;
	atomic_uint most;
} t;

static void run(struct thread_work *work)
{
	unsigned int now = atomic_fetch_add(&t.running, 1) + 1;

	if (now > atomic_load(&t.most)) {
		atomic_store(&t.most, now);
	}
	((struct piece *)work)->ran = true;
	uv_sem_post(&t.begun);
	uv_sem_wait(&t.go_on);
	atomic_fetch_sub(&t.running, 1);
}

static void run_other(struct thread_work *work)
{
	((struct piece *)work)->ran = true;
}

static void done(struct thread_work *work)
{
	struct piece *piece = (struct piece *)work;

	assert_false(piece->done);
	piece->done = true;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	uv_loop_init(&t.loop);
	uv_sem_init(&t.begun, 0);
	uv_sem_init(&t.go_on, 0);
	thread_share_init(&t.share, SHARE);
	for (unsigned int i = 0; i < WORKS; i++) {
		t.pieces[i].work.run = run;
		t.pieces[i].work.done = done;
		thread_work_begin(&t.pieces[i].work, &t.loop, &t.share);
	}
	for (unsigned int i = 0; i < SHARE; i++) {
		uv_sem_wait(&t.begun);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uv_sem_destroy(&t.begun);
	uv_sem_destroy(&t.go_on);
	return uv_loop_close(&t.loop);
}

static void finish(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uv_sem_post(&t.go_on);
	}
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_null(t.share.first);
	for (unsigned int i = 0; i < SHARE; i++) {
		assert_null(t.share.running[i]);
	}
}

/* While a share has all it may have others go on. */
static void test_a_share(void **state)
{
	(void)state;
	t.other.work.run = run_other;
	t.other.work.done = done;
	thread_work_begin(&t.other.work, &t.loop, NULL);
	while (!t.other.done) {
		uv_run(&t.loop, UV_RUN_ONCE);
	}
	assert_int_equal(atomic_load(&t.running), SHARE);
	finish(WORKS);
	for (unsigned int i = 0; i < WORKS; i++) {
		assert_true(t.pieces[i].ran && t.pieces[i].done);
	}
	assert_int_equal(atomic_load(&t.most), SHARE);
}

static void test_giving_up(void **state)
{
	(void)state;
	thread_work_cancel(&t.pieces[0].work); /* too late */
	thread_work_cancel(&t.pieces[3].work);
	thread_work_cancel(&t.pieces[WORKS - 1].work); /* the last one */
	assert_true(t.pieces[3].done && t.pieces[WORKS - 1].done);
	assert_false(t.pieces[0].done);
	finish(WORKS - 2);
	for (unsigned int i = 0; i < WORKS; i++) {
		assert_true(t.pieces[i].done);
		assert_int_equal(t.pieces[i].ran, i != 3 && i != WORKS - 1);
	}
}

/* Who waits behind all that another one wants gets the next thread. */
static void test_users(void **state)
{
	(void)state;
	t.other.work.run = run;
	t.other.work.done = done;
	t.other.work.user = &t.other;
	thread_work_begin(&t.other.work, &t.loop, &t.share);
	uv_sem_post(&t.go_on);
	while (t.other.work.link) {
		uv_run(&t.loop, UV_RUN_ONCE);
	}
	for (unsigned int i = SHARE; i < WORKS; i++) {
		assert_non_null(t.pieces[i].work.link);
	}
	finish(WORKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_share, setup, teardown),
		cmocka_unit_test_setup_teardown(test_giving_up, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_users, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
