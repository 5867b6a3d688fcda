/* SPDX-License-Identifier: BSD-2-Clause */
/* daemon/quota_queue: who has to wait, and who goes on first. */
#include "quota_queue.h"

#include "cmocka_all.h"

#define CLIENTS 3u

struct client {
	struct quota_waiter waiter;
};

static struct {
	uv_loop_t loop;
	struct quota_queue queue;
	struct quota_table table;
	struct client clients[CLIENTS];
	char order[8]; /* "012": who was served, one after the other */
	unsigned int count;
	unsigned int max;
} t;

/* Each is served until so many were, and waits again after each time. */
static void serve(struct quota_waiter *waiter)
{
	struct client *client = (struct client *)waiter;

	assert_null(waiter->link);
	assert_false(quota_queue_late(&t.queue, waiter->quota));
	t.order[t.count++] = (char)('0' + (client - t.clients));
	rate_charge(&waiter->quota->rate, 1, quota_queue_now(&t.queue));
	if (t.count < t.max) {
		quota_queue_wait(&t.queue, waiter);
	} else {
		for (unsigned int i = 0; i < CLIENTS; i++) {
			quota_queue_leave(&t.queue, &t.clients[i].waiter);
		}
	}
}

/* Clients of one user, which has had all it may have at once. */
static int setup(void **state)
{
	const struct quota_limits limits = { .by_user = true,
					     .connections = CLIENTS,
					     .per_second = 1000 };

	(void)state;
	memset(&t, 0, sizeof(t));
	uv_loop_init(&t.loop);
	quota_queue_init(&t.queue, &t.loop);
	quota_table_init(&t.table, &limits);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		t.clients[i].waiter.quota =
			quota_join(&t.table, 1000, quota_queue_now(&t.queue));
		t.clients[i].waiter.go_on = serve;
	}
	assert_false(quota_queue_late(&t.queue, t.clients[0].waiter.quota));
	rate_charge(&t.clients[0].waiter.quota->rate,
		    limits.per_second * QUOTA_BURST_S + 1,
		    quota_queue_now(&t.queue));
	assert_true(quota_queue_late(&t.queue, t.clients[0].waiter.quota));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	quota_queue_close(&t.queue);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	quota_table_fini(&t.table);
	return uv_loop_close(&t.loop);
}

static void test_one_after_the_other(void **state)
{
	(void)state;
	t.max = 7;
	for (unsigned int i = 0; i < CLIENTS; i++) {
		quota_queue_wait(&t.queue, &t.clients[i].waiter);
	}
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_string_equal(t.order, "0120120");
}

/* From the middle, from the end, and who does not wait. */
static void test_who_leaves_is_not_served(void **state)
{
	(void)state;
	t.max = 2;
	for (unsigned int i = 0; i < CLIENTS; i++) {
		quota_queue_wait(&t.queue, &t.clients[i].waiter);
	}
	quota_queue_leave(&t.queue, &t.clients[1].waiter);
	quota_queue_leave(&t.queue, &t.clients[1].waiter);
	quota_queue_leave(&t.queue, &t.clients[2].waiter);
	quota_queue_wait(&t.queue, &t.clients[1].waiter);
	uv_run(&t.loop, UV_RUN_DEFAULT);
	assert_string_equal(t.order, "01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_after_the_other, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_who_leaves_is_not_served,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
