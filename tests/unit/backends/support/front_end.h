/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end of vhost-user, for tests: a front-end that has a guest's memory
 * in a memfd, two regions of it, with a driver for two rings, and that sends
 * whatever the test wants.  What it relies on itself ends the test if it fails.
 */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_FRONT_END_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_FRONT_END_H

#include "event_pump.h"
#include "ring_driver.h"
#include "test_device.h"
#include "transport/vhost_user/vhost_user.h"

#define FE_LOW 0x40000000ull
#define FE_LOW_SIZE 0x10000ull
#define FE_HIGH 0x80000000ull
#define FE_HIGH_SIZE 0x8000ull
#define FE_UVA 0x7f1234560000ull /* of the low region; the high one follows */
#define FE_HIGH_UVA (FE_UVA + FE_LOW_SIZE)
#define FE_RING(q) (FE_LOW + 0x4000ull * (q))
#define FE_DATA FE_HIGH
#define FE_RING_SIZE 16u

struct front_end {
	struct event_pump pump;
	struct test_device device;
	struct vhost_user vu;
	int fd; /* our end of the socket, or -1 */
	int mem_fd;
	uint8_t *ram;
	struct guest_mem gm; /* the driver's view */
	struct ring_driver ring[TEST_DEVICE_QUEUES];
	int kick[TEST_DEVICE_QUEUES];
	int call[TEST_DEVICE_QUEUES];
	int err[TEST_DEVICE_QUEUES];
	int inflight_fd;
	struct vhost_user_inflight inflight;
	uint32_t ended;
	char log[320]; /* the last line */
};

struct front_end *front_end_new(void);
void front_end_free(struct front_end *fe);
/*
 * Another device instead of the test's own, on fe->pump and with as many queues;
 * before a connection, and until front_end_kill().
 */
void front_end_serve(struct front_end *fe, struct virtio_device *dev);
/* A new connection; the device's side is connected. */
void front_end_connect(struct front_end *fe);
void front_end_hang_up(struct front_end *fe);
/* As if the backend's process had been killed and started again. */
void front_end_kill(struct front_end *fe);
void front_end_run(struct front_end *fe);

/* ----------------------------------------------------------------- messages */
void front_end_send(struct front_end *fe, uint32_t request, uint32_t flags,
		    const void *payload, size_t size, const int *fds,
		    size_t fd_count);
/* The answer's size, or -1 if there is none; *ret_fd may be NULL. */
int front_end_receive(struct front_end *fe, uint32_t request, void *ret,
		      size_t room, int *ret_fd);
/* Sends and lets the backend act; no answer is wanted. */
void front_end_tell(struct front_end *fe, uint32_t request, const void *payload,
		    size_t size);
void front_end_u64(struct front_end *fe, uint32_t request, uint64_t value);
void front_end_state(struct front_end *fe, uint32_t request, uint32_t index,
		     uint32_t num);
void front_end_ring_fd(struct front_end *fe, uint32_t request, uint64_t word,
		       int fd);
/* UINT64_MAX if there is no answer */
uint64_t front_end_ask(struct front_end *fe, uint32_t request);

/* ------------------------------------------------------ the usual sequences */
void front_end_negotiate(struct front_end *fe, uint64_t features,
			 uint64_t protocol);
void front_end_send_table(struct front_end *fe);
/* Asks for a new inflight buffer. */
void front_end_make_tracking(struct front_end *fe);
/* Gives the buffer that there is. */
void front_end_give_tracking(struct front_end *fe);
void front_end_set_ring(struct front_end *fe, uint32_t q, uint16_t base);
/* All of the above that the device has, with fresh rings, and both enabled. */
void front_end_bring_up(struct front_end *fe);

/* --------------------------------------------------------------- the driver */
/* A request at descriptors i and i + 1: one byte in, one byte out. */
void front_end_offer(struct front_end *fe, uint32_t q, uint16_t i,
		     uint8_t value);
void front_end_kick(struct front_end *fe, uint32_t q);
uint8_t front_end_result(struct front_end *fe, uint32_t q, uint16_t i);
/* What an eventfd has counted since last asked. */
uint64_t front_end_count(int fd);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_FRONT_END_H */
