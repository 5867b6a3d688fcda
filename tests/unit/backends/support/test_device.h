/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device for tests of transports: two queues, chains in flight recorded, and
 * requests that end when the test says so.  A request copies what can be read
 * to what can be written.  Queue 1 is emptied while it is disabled.
 */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_TEST_DEVICE_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_TEST_DEVICE_H

#include "core/virtio_device.h"

#define TEST_DEVICE_QUEUES 2u
#define TEST_DEVICE_CONFIG 16u
#define TEST_DEVICE_QUEUE_SIZE 64u
#define TEST_DEVICE_PENDING (TEST_DEVICE_QUEUES * TEST_DEVICE_QUEUE_SIZE)
#define TEST_DEVICE_FEATURE (1ull << 3)

struct test_request {
	uint32_t q;
	struct vq_chain chain;
};

struct test_device {
	struct virtio_device dev;
	bool running;
	bool hold; /* requests wait for test_device_finish() */
	bool refuse; /* start() fails */
	virtio_stop_cb stopped; /* who waits for the last request */
	struct test_request pending[TEST_DEVICE_PENDING];
	size_t pending_count;
	uint32_t executed; /* requests, also those done again */
	uint32_t starts;
	uint32_t stops;
	uint64_t features;
	uint64_t mtu;
	uint8_t config[TEST_DEVICE_CONFIG];
};

void test_device_init(struct test_device *device, struct event_loop *loop);
/* From now on one with nothing recorded and no configuration. */
void test_device_make_plain(struct test_device *device);
/* Ends up to count requests, oldest first. */
void test_device_finish(struct test_device *device, size_t count);
/* Ends the i-th of those pending; nobody waits for the last one. */
void test_device_finish_at(struct test_device *device, size_t i);
/* As if killed: what is pending is forgotten. */
void test_device_forget(struct test_device *device);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_TEST_DEVICE_H */
