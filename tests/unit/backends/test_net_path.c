/* SPDX-License-Identifier: BSD-2-Clause */
/* Who moves a network device's packets: a kernel made of a few lines, or us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/virtio_net.h"
#include "support/event_pump.h"
#include "support/pipe_link.h"
#include "support/ring_driver.h"

#define RAM 0x40000000ull
#define RAM_SIZE 0x200000ull
#define RING_SPACE 0x2000ull
#define RING_SIZE 16u
#define BUFFERS (RAM + 8 * RING_SPACE)
#define BUFFER_SIZE 2048u
#define FRAME 64u
#define PAIRS 2u

#define USUAL (VIRTIO_NET_F_MRG_RXBUF | VIRTIO_F_VERSION_1)
#define MQ (USUAL | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ)

struct kernel {
	struct net_mover mover;
	struct virtio_device *dev;
	bool has[PAIRS];
	uint16_t position[2 * PAIRS]; /* by queue */
	uint64_t features;
	unsigned int starts;
	unsigned int stops;
	int refuses; /* what start() returns */
};

static struct world {
	struct guest_mem gm;
	uint8_t *ram;
	struct event_pump pump;
	struct pipe_link pipe;
	struct virtio_net *net;
	struct kernel kernel;
	struct ring_driver ring[2 * PAIRS + 1];
	uint64_t marks[VIRTIO_QUEUES_MAX];
	bool lent[2 * PAIRS];
	unsigned int losses;
	const char *broken;
	bool stopped;
} * w;

/* ---------------------------------------------------------------- transport */

static void on_signal(struct virtio_device *dev, uint32_t q)
{
	(void)vq_should_signal(&dev->vq[q]);
}

static void on_config(struct virtio_device *dev)
{
	(void)dev;
}

static void on_broken(struct virtio_device *dev, const char *why)
{
	w->broken = why;
	for (uint32_t q = 0; q < dev->queue_count; q++) {
		vq_fini(&dev->vq[q]);
	}
}

static void on_lend(struct virtio_device *dev, uint32_t q,
		    struct virtio_queue_events *ret)
{
	(void)dev;
	assert_false(w->lent[q]);
	w->lent[q] = true;
	*ret = (struct virtio_queue_events){ .kick = 100 + (int)q, .call = 99 };
}

static void on_reclaim(struct virtio_device *dev, uint32_t q)
{
	(void)dev;
	assert_true(w->lent[q]);
	/* Not before the kernel is done with it. */
	assert_false(w->kernel.has[q / 2]);
	w->lent[q] = false;
}

static void on_stopped(struct virtio_device *dev)
{
	(void)dev;
	w->stopped = true;
}

static const struct virtio_transport_ops transport = {
	.signal = on_signal,
	.config_changed = on_config,
	.broken = on_broken,
	.lend = on_lend,
	.reclaim = on_reclaim,
};

/* --------------------------------------------------------------- the kernel */

static int kernel_start(struct net_mover *mover, uint32_t pair,
			uint64_t features,
			const struct net_mover_queue queue[2])
{
	struct kernel *kernel = (struct kernel *)mover;

	assert_false(kernel->has[pair]);
	if (kernel->refuses != 0) {
		return kernel->refuses;
	}
	for (uint32_t i = 0; i < 2; i++) {
		/* At rest: nothing taken is missing in the used ring. */
		assert_true(queue[i].vq->ready);
		assert_int_equal(queue[i].vq->last_avail,
				 queue[i].vq->used_idx);
		assert_int_equal(queue[i].events.kick, 100 + 2 * pair + i);
		assert_int_equal(queue[i].events.call, 99);
		kernel->position[2 * pair + i] = queue[i].vq->used_idx;
	}
	kernel->features = features;
	kernel->has[pair] = true;
	kernel->starts++;
	return 0;
}

static void kernel_stop(struct net_mover *mover, uint32_t pair)
{
	struct kernel *kernel = (struct kernel *)mover;

	kernel->has[pair] = false;
	kernel->stops++;
}

static const struct net_mover_ops kernel_ops = {
	.start = kernel_start,
	.stop = kernel_stop,
};

/* Takes count chains of queue q and gives them back. */
static void kernel_moves(uint32_t q, uint32_t count)
{
	struct vq vq;

	assert_true(w->kernel.has[q / 2]);
	assert_int_equal(vq_init(&vq, &w->gm, &w->ring[q].at, 0), 0);
	assert_int_equal(vq.used_idx, w->kernel.position[q]);
	while (count-- != 0) {
		uint16_t head;

		assert_int_equal(vq_head_at(&vq, vq.used_idx, &head), 0);
		assert_int_equal(vq_push(&vq, head, 0), 0);
	}
	w->kernel.position[q] = vq.used_idx;
}

/* -------------------------------------------------------------------- world */

static void on_mover_lost(struct virtio_net *net)
{
	(void)net;
	w->losses++;
}

static void make_net(void)
{
	struct virtio_net_config config = { .mac = { 0x52, 0, 0, 0, 0, 1 } };

	w->net = malloc(sizeof(*w->net));
	assert_int_equal(
		virtio_net_init(w->net, &w->pump.loop, &w->pipe.link, &config),
		0);
	w->net->dev.transport = &transport;
	w->net->dev.mark = w->marks;
	w->net->on_mover_lost = on_mover_lost;
	w->kernel.dev = &w->net->dev;
	assert_int_equal(virtio_net_set_mover(w->net, &w->kernel.mover), 0);
}

static int setup(void **state)
{
	(void)state;
	w = calloc(1, sizeof(*w));
	w->ram = calloc(1, RAM_SIZE);
	guest_mem_init(&w->gm);
	assert_int_equal(guest_mem_add(&w->gm, RAM, RAM_SIZE, w->ram), 0);
	event_pump_init(&w->pump);
	pipe_link_init(&w->pipe, PAIRS, NET_OFFLOADS);
	w->kernel.mover = (struct net_mover){
		.ops = &kernel_ops,
		.fault_fd = eventfd(0, EFD_NONBLOCK),
	};
	make_net();
	return 0;
}

static void stop(void)
{
	w->stopped = false;
	w->net->dev.ops->stop(&w->net->dev, on_stopped);
	assert_true(w->stopped);
	for (uint32_t q = 0; q < 2 * PAIRS; q++) {
		assert_false(w->lent[q]);
		assert_false(w->kernel.has[q / 2]);
	}
}

static int teardown(void **state)
{
	(void)state;
	stop();
	virtio_net_unset_mover(w->net);
	close(w->kernel.mover.fault_fd);
	assert_int_equal(event_pump_fini(&w->pump), 0);
	pipe_link_fini(&w->pipe);
	free(w->net);
	free(w->ram);
	free(w);
	return 0;
}

/* Binds the rings that are there: a start, or a start over. */
static int bind_rings(uint64_t features)
{
	for (uint32_t q = 0; q < w->net->dev.queue_count; q++) {
		assert_int_equal(
			vq_init(&w->net->dev.vq[q], &w->gm, &w->ring[q].at, 0),
			0);
	}
	return w->net->dev.ops->start(&w->net->dev, features);
}

static void start(uint64_t features)
{
	for (uint32_t q = 0; q < w->net->dev.queue_count; q++) {
		ring_driver_init(&w->ring[q], &w->gm, RAM + q * RING_SPACE,
				 RING_SIZE);
		w->marks[q] = 0;
	}
	assert_int_equal(bind_rings(features), 0);
	assert_true(event_pump_run(&w->pump));
}

static uint64_t buffer_of(uint32_t q, uint16_t head)
{
	return BUFFERS + (q * RING_SIZE + head) * BUFFER_SIZE;
}

/* A packet to send, or a buffer to receive into. */
static void offer(uint32_t q)
{
	uint16_t head = w->ring[q].avail_idx % RING_SIZE;
	bool rx = q % 2 == 0;

	ring_driver_desc(&w->ring[q], w->ring[q].at.desc, head,
			 buffer_of(q, head),
			 rx ? BUFFER_SIZE : NET_HDR_SIZE + FRAME,
			 rx ? VQ_DESC_WRITE : 0, 0);
	ring_driver_offer(&w->ring[q], head);
}

static void kick(uint32_t q)
{
	w->net->dev.ops->kick(&w->net->dev, q);
	assert_true(event_pump_run(&w->pump));
}

/* How many packets came out of the link's other end. */
static unsigned int sent(uint32_t pair)
{
	uint8_t packet[NET_HDR_SIZE + FRAME];
	unsigned int count = 0;

	while (recv(w->pipe.peer[pair], packet, sizeof(packet), 0) > 0) {
		count++;
	}
	return count;
}

static void arrive(uint32_t pair)
{
	uint8_t packet[NET_HDR_SIZE + FRAME] = { 0 };

	memset(packet + NET_HDR_SIZE, 0xff, 6); /* broadcast */
	assert_int_equal(send(w->pipe.peer[pair], packet, sizeof(packet), 0),
			 sizeof(packet));
	assert_true(event_pump_run(&w->pump));
}

static void limit(uint64_t tx_packets)
{
	struct net_limits none = { 0 };
	struct net_limits tx = {
		.packets = { .per_second = tx_packets, .burst = 100 },
	};

	virtio_net_set_limits(w->net, &none, tx_packets != 0 ? &tx : &none);
	assert_true(event_pump_run(&w->pump));
}

static int set_pairs(uint16_t pairs)
{
	struct ring_driver *ring = &w->ring[2 * PAIRS];
	uint64_t at = buffer_of(2 * PAIRS, 0);
	uint8_t command[4] = { NET_CTRL_MQ, NET_CTRL_MQ_VQ_PAIRS_SET,
			       (uint8_t)pairs, 0 };

	memcpy(guest_mem_map(&w->gm, at, 4), command, 4);
	ring_driver_desc(ring, ring->at.desc, 0, at, 4, VQ_DESC_NEXT, 1);
	ring_driver_desc(ring, ring->at.desc, 1, at + 8, 1, VQ_DESC_WRITE, 0);
	ring_driver_offer(ring, 0);
	kick(2 * PAIRS);
	return *(uint8_t *)guest_mem_map(&w->gm, at + 8, 1);
}

/* -------------------------------------------------------------------- tests */

static void kernel_gets_the_queues(void **state)
{
	(void)state;
	start(USUAL);
	assert_true(w->kernel.has[0]);
	assert_false(w->kernel.has[1]);
	assert_true(w->lent[0] && w->lent[1]);
	assert_int_equal(w->kernel.features, USUAL);
	/* Whatever wakes us, we leave them alone. */
	offer(0);
	offer(1);
	kick(0);
	kick(1);
	arrive(0);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 0);
	assert_int_equal(ring_driver_used_idx(&w->ring[1]), 0);
	assert_int_equal(sent(0), 0);
	assert_int_equal(w->pipe.reads, 0);
	stop();
	assert_int_equal(w->kernel.stops, 1);
}

static void not_without_mergeable_buffers(void **state)
{
	(void)state;
	start(VIRTIO_F_VERSION_1);
	assert_false(w->kernel.has[0]);
	offer(1);
	kick(1);
	assert_int_equal(sent(0), 1);
}

static void limits_need_us(void **state)
{
	(void)state;
	start(USUAL);
	for (int i = 0; i < 5; i++) {
		offer(1);
	}
	kernel_moves(1, 3);
	/* From where the kernel was, each packet once. */
	limit(1000);
	assert_false(w->kernel.has[0]);
	assert_int_equal(ring_driver_used_idx(&w->ring[1]), 5);
	assert_int_equal(sent(0), 2);
	assert_int_equal(w->marks[1], 5);
	offer(0);
	kick(0);
	arrive(0);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 1);
	/* And back: buffers that we took ahead are the kernel's. */
	offer(0);
	offer(0);
	kick(0);
	offer(1);
	limit(0);
	assert_true(w->kernel.has[0]);
	assert_int_equal(w->kernel.position[0], 1);
	assert_int_equal(sent(0), 0);
	kernel_moves(0, 2);
	kernel_moves(1, 1);
	assert_int_equal(w->kernel.starts, 2);
}

static void limits_of_both_ways(void **state)
{
	struct net_limits none = { 0 };
	struct net_limits bytes = {
		.bytes = { .per_second = 1000, .burst = 100 },
	};

	(void)state;
	start(USUAL);
	virtio_net_set_limits(w->net, &bytes, &none);
	assert_false(w->kernel.has[0]);
	virtio_net_set_limits(w->net, &none, &bytes);
	assert_false(w->kernel.has[0]);
	virtio_net_set_limits(w->net, &none, &none);
	assert_true(w->kernel.has[0]);
}

static void cable_out(void **state)
{
	(void)state;
	start(USUAL);
	virtio_net_set_plugged(w->net, false);
	assert_true(event_pump_run(&w->pump));
	assert_false(w->kernel.has[0]);
	/* What the driver sends goes nowhere, but is taken. */
	offer(1);
	kick(1);
	assert_int_equal(ring_driver_used_idx(&w->ring[1]), 1);
	assert_int_equal(sent(0), 0);
	offer(0);
	arrive(0);
	virtio_net_set_plugged(w->net, true);
	assert_true(event_pump_run(&w->pump));
	assert_true(w->kernel.has[0]);
	assert_int_equal(w->kernel.position[1], 1);
	assert_int_equal(ring_driver_used_idx(&w->ring[0]), 0);
	assert_int_equal(w->pipe.reads, 0);
}

static void pairs_in_use(void **state)
{
	(void)state;
	start(MQ);
	assert_true(w->kernel.has[0]);
	assert_false(w->kernel.has[1]);
	assert_int_equal(set_pairs(2), NET_CTRL_OK);
	assert_true(w->kernel.has[0] && w->kernel.has[1]);
	offer(3);
	kernel_moves(3, 1);
	assert_int_equal(set_pairs(1), NET_CTRL_OK);
	assert_true(w->kernel.has[0]);
	assert_false(w->kernel.has[1]);
	assert_int_equal(set_pairs(2), NET_CTRL_OK);
	assert_int_equal(w->kernel.position[3], 1);
}

static void queue_taken_away(void **state)
{
	(void)state;
	start(USUAL);
	offer(1);
	offer(1);
	kernel_moves(1, 1);
	vq_fini(&w->net->dev.vq[0]);
	w->net->dev.ops->queue_gone(&w->net->dev, 0);
	assert_false(w->kernel.has[0]);
	assert_true(event_pump_run(&w->pump));
	/* The other one goes on. */
	assert_int_equal(sent(0), 1);
	assert_null(w->broken);
}

static void malformed_queue(void **state)
{
	uint64_t one = 1;

	(void)state;
	start(USUAL);
	assert_int_equal(write(w->kernel.mover.fault_fd, &one, sizeof(one)),
			 sizeof(one));
	assert_true(event_pump_run(&w->pump));
	assert_non_null(w->broken);
	assert_false(w->kernel.has[0]);
	/* A fault of the queues before is none of these. */
	w->broken = NULL;
	assert_int_equal(write(w->kernel.mover.fault_fd, &one, sizeof(one)),
			 sizeof(one));
	stop();
	start(USUAL);
	assert_null(w->broken);
	assert_true(w->kernel.has[0]);
}

static void kernel_refuses(void **state)
{
	(void)state;
	w->kernel.refuses = -ENOMEM;
	start(USUAL);
	assert_int_equal(w->losses, 1);
	assert_int_equal(w->net->mover_error, -ENOMEM);
	assert_false(w->lent[0] || w->lent[1]);
	offer(1);
	kick(1);
	assert_int_equal(sent(0), 1);
	/* It is not asked again. */
	limit(1000);
	limit(0);
	assert_int_equal(w->losses, 1);
}

/*
 * A process is killed, and another takes over: nothing is left but memory, marks
 * and link, and the kernel let go of the queues when the process's files were
 * closed.
 */
static int restart(uint64_t features)
{
	struct virtio_net *old = w->net;

	for (uint32_t q = 0; q < 2 * PAIRS; q++) {
		w->lent[q] = false;
		w->kernel.has[q / 2] = false;
	}
	make_net();
	memset(&old->pair[0].moved, 0, sizeof(old->pair[0].moved));
	memset(&old->pair[1].moved, 0, sizeof(old->pair[1].moved));
	old->dev.ops->stop(&old->dev, on_stopped);
	event_unwatch(&w->pump.loop, &old->faults);
	free(old);
	return bind_rings(features);
}

static void killed_while_the_kernel_has_them(void **state)
{
	(void)state;
	start(USUAL);
	for (int i = 0; i < 4; i++) {
		offer(1);
		offer(0);
	}
	kernel_moves(1, 3);
	kernel_moves(0, 2);
	assert_int_equal(restart(USUAL), 0);
	assert_true(w->kernel.has[0]);
	assert_int_equal(w->kernel.position[1], 3);
	assert_int_equal(w->kernel.position[0], 2);
	kernel_moves(1, 1);
	/* ... and by one that has to do it itself. */
	for (int i = 0; i < 2; i++) {
		offer(1);
	}
	kernel_moves(1, 1);
	w->kernel.refuses = -EBUSY;
	assert_int_equal(restart(USUAL), 0);
	assert_true(event_pump_run(&w->pump));
	assert_int_equal(sent(0), 1);
	assert_int_equal(w->marks[1], 6);
	assert_int_equal(ring_driver_used_idx(&w->ring[1]), 6);
}

/* What was begun by this process is not begun again by the kernel. */
static void killed_around_a_packet(void **state)
{
	(void)state;
	start(VIRTIO_F_VERSION_1);
	offer(1);
	offer(1);
	/* Taken and noted, perhaps sent, not given back. */
	w->marks[1] = 1;
	assert_int_equal(restart(USUAL), 0);
	assert_true(w->kernel.has[0]);
	assert_int_equal(w->kernel.position[1], 1);
	kernel_moves(1, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernel_gets_the_queues),
		TEST(not_without_mergeable_buffers),
		TEST(limits_need_us),
		TEST(limits_of_both_ways),
		TEST(cable_out),
		TEST(pairs_in_use),
		TEST(queue_taken_away),
		TEST(malformed_queue),
		TEST(kernel_refuses),
		TEST(killed_while_the_kernel_has_them),
		TEST(killed_around_a_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
