/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store in memory whose requests complete when the test says so, in any
 * order, with any error.  A request takes effect when it completes.
 */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_TEST_STORE_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_TEST_STORE_H

#include "blk/blk_store.h"

#define TEST_STORE_MAX 1100u

struct test_store {
	struct blk_store store;
	uint8_t *disk; /* caps.size bytes, the caller's */
	bool at_once; /* complete inside submit() */
	int error; /* of those that complete at once */
	struct blk_request *pending[TEST_STORE_MAX];
	uint32_t count;
	uint32_t submitted;
	uint32_t uncommitted;
};

/* Everything is supported; change caps before a device uses it. */
void test_store_init(struct test_store *ts, uint8_t *disk, uint64_t size);
/* pending[i], which must be there.  error: 0 or -errno. */
void test_store_complete(struct test_store *ts, uint32_t i, int error);
/* The end of a batch of completions. */
void test_store_batch(struct test_store *ts);
/* All that is pending and what follows from it. */
void test_store_complete_all(struct test_store *ts);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_TEST_STORE_H */
