/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/vhost.h>
/* The number of the bit there, the bit here. */
#undef VIRTIO_F_VERSION_1

#include "net/vhost_net.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/container_of.h"
#include "net/net_hdr.h"

#define QUEUES 2u /* of a pair: receive and transmit, in that order */
#define NO_FD (-1)

/* All that concerns rings and headers; offloads are between driver and TAP. */
#define FEATURES                                                    \
	(VIRTIO_F_VERSION_1 | VQ_F_INDIRECT_DESC | VQ_F_EVENT_IDX | \
	 VIRTIO_NET_F_MRG_RXBUF)

static struct vhost_net *from_mover(struct net_mover *mover)
{
	return container_of(mover, struct vhost_net, mover);
}

static int request(int fd, unsigned long what, const void *arg)
{
	return ioctl(fd, what, arg) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------- queues */

static uint64_t place(const struct vhost_net *vhost, uint64_t gpa)
{
	return (uintptr_t)guest_mem_map(vhost->gm, gpa, 1);
}

static int set_backend(int fd, uint32_t index, int backend)
{
	struct vhost_vring_file file = { .index = index, .fd = backend };

	return request(fd, VHOST_NET_SET_BACKEND, &file);
}

static int set_events(int fd, uint32_t index,
		      const struct virtio_queue_events *events)
{
	struct vhost_vring_file call = { .index = index, .fd = events->call };
	struct vhost_vring_file kick = { .index = index, .fd = events->kick };
	int rc = request(fd, VHOST_SET_VRING_CALL, &call);

	return rc != 0 ? rc : request(fd, VHOST_SET_VRING_KICK, &kick);
}

static int set_queue(const struct vhost_net *vhost, int fd, uint32_t index,
		     const struct net_mover_queue *queue)
{
	const struct vq_layout *at = &queue->vq->at;
	struct vhost_vring_state size = { .index = index, .num = at->size };
	struct vhost_vring_state position = {
		.index = index,
		.num = queue->vq->used_idx,
	};
	struct vhost_vring_addr address = {
		.index = index,
		.desc_user_addr = place(vhost, at->desc),
		.avail_user_addr = place(vhost, at->avail),
		.used_user_addr = place(vhost, at->used),
	};
	int rc = request(fd, VHOST_SET_VRING_NUM, &size);

	if (rc == 0) {
		rc = request(fd, VHOST_SET_VRING_BASE, &position);
	}
	if (rc == 0) {
		rc = request(fd, VHOST_SET_VRING_ADDR, &address);
	}
	return rc == 0 ? set_events(fd, index, &queue->events) : rc;
}

static void stop(struct net_mover *mover, uint32_t pair)
{
	static const struct virtio_queue_events none = { NO_FD, NO_FD };
	struct vhost_net *vhost = from_mover(mover);

	for (uint32_t i = 0; i < QUEUES; i++) {
		/* Waits for the thread to be done with the queue. */
		(void)set_backend(vhost->fd[pair], i, NO_FD);
		(void)set_events(vhost->fd[pair], i, &none);
	}
}

/* A kick may have come while nobody listened. */
static void look_once(const struct virtio_queue_events *events)
{
	uint64_t one = 1;
	ssize_t rc = write(events->kick, &one, sizeof(one));

	(void)rc;
}

static int start(struct net_mover *mover, uint32_t pair, uint64_t features,
		 const struct net_mover_queue queue[2])
{
	struct vhost_net *vhost = from_mover(mover);
	int fd = vhost->fd[pair];
	int rc;

	features &= FEATURES;
	rc = request(fd, VHOST_SET_FEATURES, &features);
	for (uint32_t i = 0; rc == 0 && i < QUEUES; i++) {
		rc = set_queue(vhost, fd, i, &queue[i]);
	}
	for (uint32_t i = 0; rc == 0 && i < QUEUES; i++) {
		rc = set_backend(fd, i, vhost->link->fd[pair]);
	}
	if (rc != 0) {
		stop(mover, pair);
		return rc;
	}
	for (uint32_t i = 0; i < QUEUES; i++) {
		look_once(&queue[i].events);
	}
	return 0;
}

static const struct net_mover_ops vhost_ops = {
	.start = start,
	.stop = stop,
};

/* --------------------------------------------------------------------- init */

union memory {
	struct vhost_memory table;
	uint8_t room[sizeof(struct vhost_memory) +
		     GUEST_MEM_REGIONS_MAX *
			     sizeof(struct vhost_memory_region)];
};

static int set_memory(const struct vhost_net *vhost, int fd)
{
	union memory memory = {
		.table.nregions = (uint32_t)vhost->gm->region_count,
	};

	for (size_t i = 0; i < vhost->gm->region_count; i++) {
		const struct guest_mem_region *region = &vhost->gm->region[i];

		memory.table.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = region->gpa,
			.memory_size = region->size,
			.userspace_addr = (uintptr_t)region->base,
		};
	}
	return request(fd, VHOST_SET_MEM_TABLE, &memory.table);
}

static int set_up(const struct vhost_net *vhost, int fd)
{
	uint64_t features = 0;
	int rc = request(fd, VHOST_GET_FEATURES, &features);

	if (rc == 0 && (features & FEATURES) != FEATURES) {
		rc = -EOPNOTSUPP;
	}
	if (rc == 0) {
		rc = request(fd, VHOST_SET_OWNER, NULL);
	}
	if (rc == 0) {
		rc = set_memory(vhost, fd);
	}
	for (uint32_t i = 0; rc == 0 && i < QUEUES; i++) {
		struct vhost_vring_file fault = {
			.index = i,
			.fd = vhost->mover.fault_fd,
		};

		rc = request(fd, VHOST_SET_VRING_ERR, &fault);
	}
	return rc;
}

int vhost_net_init(struct vhost_net *vhost, const int *fds,
		   const struct net_link *link, const struct guest_mem *gm)
{
	int rc = 0;

	*vhost = (struct vhost_net){
		.mover = {
			.ops = &vhost_ops,
			.fault_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		},
		.link = link,
		.gm = gm,
	};
	if (vhost->mover.fault_fd < 0) {
		return -errno;
	}
	for (uint32_t i = 0; rc == 0 && i < link->pairs; i++) {
		vhost->fd[i] = fds[i];
		rc = set_up(vhost, fds[i]);
	}
	return rc;
}

void vhost_net_fini(struct vhost_net *vhost)
{
	if (vhost->mover.fault_fd >= 0) {
		close(vhost->mover.fault_fd);
		vhost->mover.fault_fd = NO_FD;
	}
}
