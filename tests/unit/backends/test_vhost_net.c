/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel's vhost-net is told, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/vhost.h>
/* The number of the bit there, the bit here. */
#undef VIRTIO_F_VERSION_1

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/net_hdr.h"
#include "net/vhost_net.h"

#define RAM 0x40000000ull
#define RAM_SIZE 0x10000ull
#define VHOST_FD 1000 /* and one more for each pair */
#define TAP_FD 2000
#define ALL                                                         \
	(VIRTIO_F_VERSION_1 | VQ_F_INDIRECT_DESC | VQ_F_EVENT_IDX | \
	 VIRTIO_NET_F_MRG_RXBUF)

struct kernel_queue {
	uint32_t num;
	uint32_t base;
	struct vhost_vring_addr addr;
	int kick;
	int call;
	int err;
	int tap;
};

struct kernel {
	bool owned;
	uint64_t features;
	uint32_t regions;
	struct vhost_memory_region region[GUEST_MEM_REGIONS_MAX];
	struct kernel_queue queue[2];
};

static struct kernel kernel[NET_PAIRS_MAX];
static uint64_t can; /* VHOST_GET_FEATURES */
static unsigned long fails; /* this request, with EFAULT */
static uint32_t fails_from; /* ... of this queue on */
static uint8_t ram[2][RAM_SIZE] __attribute__((aligned(16)));
static struct guest_mem gm;
static struct net_link link_of = { .pairs = 2, .fd = { TAP_FD, TAP_FD + 1 } };
static const int fds[] = { VHOST_FD, VHOST_FD + 1 };
static struct vhost_net vhost;

static bool has_backend(const struct kernel *k)
{
	return k->queue[0].tap >= 0 || k->queue[1].tap >= 0;
}

static int queue_request(struct kernel *k, unsigned long what, void *arg)
{
	struct vhost_vring_state *state = arg;
	struct vhost_vring_addr *addr = arg;
	struct vhost_vring_file *file = arg;
	struct kernel_queue *queue = &k->queue[*(uint32_t *)arg];

	assert_true(*(uint32_t *)arg < 2);
	assert_true(k->owned);
	switch (what) {
	case VHOST_SET_VRING_NUM:
	case VHOST_SET_VRING_BASE:
		assert_int_equal(queue->tap, -1); /* the kernel's EBUSY */
		*(what == VHOST_SET_VRING_NUM ? &queue->num : &queue->base) =
			state->num;
		return 0;
	case VHOST_SET_VRING_ADDR:
		queue->addr = *addr;
		return 0;
	case VHOST_SET_VRING_KICK:
		queue->kick = file->fd;
		return 0;
	case VHOST_SET_VRING_CALL:
		queue->call = file->fd;
		return 0;
	case VHOST_SET_VRING_ERR:
		queue->err = file->fd;
		return 0;
	case VHOST_NET_SET_BACKEND:
		queue->tap = file->fd;
		return 0;
	default:
		fail_msg("request %#lx", what);
		return -1;
	}
}

static void set_table(struct kernel *k, const struct vhost_memory *table)
{
	assert_true(k->owned);
	assert_int_equal(table->padding, 0);
	k->regions = table->nregions;
	memcpy(k->region, table->regions,
	       table->nregions * sizeof(table->regions[0]));
}

int __wrap_ioctl(int fd, unsigned long what, ...);

int __wrap_ioctl(int fd, unsigned long what, ...)
{
	struct kernel *k = &kernel[fd - VHOST_FD];
	va_list args;
	void *arg;

	va_start(args, what);
	arg = va_arg(args, void *);
	va_end(args);
	assert_in_range(fd, VHOST_FD, VHOST_FD + 1);
	if (what == fails &&
	    (fails_from == 0 || *(uint32_t *)arg >= fails_from)) {
		errno = EFAULT;
		return -1;
	}
	if (what == VHOST_GET_FEATURES) {
		*(uint64_t *)arg = can;
	} else if (what == VHOST_SET_OWNER) {
		assert_false(k->owned);
		k->owned = true;
	} else if (what == VHOST_SET_MEM_TABLE) {
		set_table(k, arg);
	} else if (what == VHOST_SET_FEATURES) {
		assert_false(has_backend(k));
		k->features = *(uint64_t *)arg;
	} else {
		return queue_request(k, what, arg);
	}
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(kernel, 0, sizeof(kernel));
	for (uint32_t i = 0; i < NET_PAIRS_MAX; i++) {
		kernel[i].queue[0].tap = kernel[i].queue[1].tap = -1;
	}
	can = ~0ull;
	fails = 0;
	fails_from = 0;
	guest_mem_init(&gm);
	assert_int_equal(guest_mem_add(&gm, RAM, RAM_SIZE, ram[0]), 0);
	assert_int_equal(guest_mem_add(&gm, 4 * RAM, RAM_SIZE, ram[1]), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vhost_net_fini(&vhost);
	return 0;
}

static int init(void)
{
	return vhost_net_init(&vhost, fds, &link_of, &gm);
}

static struct vq queues[2];

/* The queues of a pair, with the kick eventfds given. */
static int start(uint32_t pair, const int kick[2], int call)
{
	struct net_mover_queue queue[2];

	for (uint32_t i = 0; i < 2; i++) {
		queues[i] = (struct vq){
			.at = { .size = 64u << i,
				.desc = 4 * RAM + 0x1000 * i,
				.avail = RAM + 0x2000 + 0x1000 * i,
				.used = RAM + 0x8000 + 0x1000 * i },
			.ready = true,
			.last_avail = (uint16_t)(65530 + i),
			.used_idx = (uint16_t)(65530 + i),
		};
		queue[i] = (struct net_mover_queue){
			.vq = &queues[i],
			.events = { .kick = kick[i], .call = call },
		};
	}
	return vhost.mover.ops->start(
		&vhost.mover, pair,
		ALL | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_CTRL_VQ, queue);
}

static void what_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(init(), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(kernel[i].owned);
		assert_int_equal(kernel[i].regions, 2);
		assert_int_equal(kernel[i].region[1].guest_phys_addr, 4 * RAM);
		assert_int_equal(kernel[i].region[1].memory_size, RAM_SIZE);
		assert_int_equal(kernel[i].region[1].userspace_addr,
				 (uintptr_t)ram[1]);
		assert_int_equal(kernel[i].queue[0].err, vhost.mover.fault_fd);
		assert_int_equal(kernel[i].queue[1].err, vhost.mover.fault_fd);
		assert_false(has_backend(&kernel[i]));
	}
}

static void a_pair_starts_and_stops(void **state)
{
	const int kick[2] = { eventfd(0, EFD_NONBLOCK),
			      eventfd(0, EFD_NONBLOCK) };
	const struct kernel *k = &kernel[1];
	uint64_t count;

	(void)state;
	assert_int_equal(init(), 0);
	assert_int_equal(start(1, kick, 77), 0);
	/* Offloads and control queue are not its business. */
	assert_int_equal(k->features, ALL);
	for (uint32_t i = 0; i < 2; i++) {
		const struct kernel_queue *queue = &k->queue[i];

		assert_int_equal(queue->num, 64u << i);
		assert_int_equal(queue->base, 65530 + i);
		assert_int_equal(queue->addr.desc_user_addr,
				 (uintptr_t)ram[1] + 0x1000 * i);
		assert_int_equal(queue->addr.avail_user_addr,
				 (uintptr_t)ram[0] + 0x2000 + 0x1000 * i);
		assert_int_equal(queue->addr.used_user_addr,
				 (uintptr_t)ram[0] + 0x8000 + 0x1000 * i);
		assert_int_equal(queue->call, 77);
		assert_int_equal(queue->kick, kick[i]);
		assert_int_equal(queue->tap, TAP_FD + 1);
		/* Told to look: a kick may have been missed. */
		assert_int_equal(read(kick[i], &count, sizeof(count)),
				 sizeof(count));
	}
	assert_false(has_backend(&kernel[0]));
	vhost.mover.ops->stop(&vhost.mover, 1);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(k->queue[i].tap, -1);
		assert_int_equal(k->queue[i].kick, -1);
		assert_int_equal(k->queue[i].call, -1);
	}
	assert_int_equal(start(1, kick, 77), 0);
	close(kick[0]);
	close(kick[1]);
}

static void too_little(void **state)
{
	(void)state;
	can &= ~VQ_F_EVENT_IDX;
	assert_int_equal(init(), -EOPNOTSUPP);
	assert_false(kernel[0].owned);
}

static void failures_at_init(void **state)
{
	static const unsigned long requests[] = {
		VHOST_GET_FEATURES,
		VHOST_SET_OWNER,
		VHOST_SET_MEM_TABLE,
		VHOST_SET_VRING_ERR,
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		setup(state);
		fails = requests[i];
		assert_int_equal(init(), -EFAULT);
		vhost_net_fini(&vhost);
	}
}

/* All or nothing. */
static void failures_at_start(void **state)
{
	static const unsigned long requests[] = {
		VHOST_SET_FEATURES,    VHOST_SET_VRING_NUM,
		VHOST_SET_VRING_BASE,  VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_CALL,  VHOST_SET_VRING_KICK,
		VHOST_NET_SET_BACKEND,
	};
	const int kick[2] = { 3000, 3001 };

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		setup(state);
		assert_int_equal(init(), 0);
		fails = requests[i];
		assert_int_equal(start(0, kick, 77), -EFAULT);
		assert_false(has_backend(&kernel[0]));
		vhost_net_fini(&vhost);
	}
}

static void the_second_queue_is_refused(void **state)
{
	const int kick[2] = { 3000, 3001 };

	(void)state;
	assert_int_equal(init(), 0);
	fails = VHOST_SET_VRING_KICK;
	fails_from = 1;
	assert_int_equal(start(0, kick, 77), -EFAULT);
	assert_int_equal(kernel[0].queue[0].kick, -1);
	fails = 0;
	assert_int_equal(start(0, kick, 77), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_told_once), TEST(a_pair_starts_and_stops),
		TEST(too_little),	 TEST(failures_at_init),
		TEST(failures_at_start), TEST(the_second_queue_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
