/* SPDX-License-Identifier: BSD-2-Clause */
#include "front_end.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/vhost_user/fault_guard.h"

#define RAM_SIZE (FE_LOW_SIZE + FE_HIGH_SIZE)

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

static void on_end(struct vhost_user *vu)
{
	((struct front_end *)vu->owner)->ended++;
}

static void on_log(struct vhost_user *vu, const char *line)
{
	struct front_end *fe = vu->owner;

	(void)snprintf(fe->log, sizeof(fe->log), "%s", line);
}

void front_end_serve(struct front_end *fe, struct virtio_device *dev)
{
	vhost_user_init(&fe->vu, dev, &fe->pump.loop);
	fe->vu.owner = fe;
	fe->vu.on_end = on_end;
	fe->vu.on_log = on_log;
}

static void start_backend(struct front_end *fe)
{
	event_pump_init(&fe->pump);
	test_device_init(&fe->device, &fe->pump.loop);
	front_end_serve(fe, &fe->device.dev);
}

struct front_end *front_end_new(void)
{
	struct front_end *fe = calloc(1, sizeof(*fe));

	must(fe != NULL, "calloc");
	must(fault_guard_install() == 0, "fault_guard_install");
	fe->mem_fd = memfd_create("guest", MFD_CLOEXEC);
	must(fe->mem_fd >= 0 && ftruncate(fe->mem_fd, RAM_SIZE) == 0, "memfd");
	fe->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fe->mem_fd, 0);
	must(fe->ram != MAP_FAILED, "mmap");
	guest_mem_init(&fe->gm);
	guest_mem_add(&fe->gm, FE_LOW, FE_LOW_SIZE, fe->ram);
	guest_mem_add(&fe->gm, FE_HIGH, FE_HIGH_SIZE, fe->ram + FE_LOW_SIZE);
	for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
		fe->kick[q] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		fe->call[q] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		fe->err[q] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		must(fe->err[q] >= 0, "eventfd");
	}
	fe->inflight_fd = -1;
	fe->fd = -1;
	start_backend(fe);
	return fe;
}

void front_end_run(struct front_end *fe)
{
	must(event_pump_run(&fe->pump), "the loop does not come to rest");
}

void front_end_connect(struct front_end *fe)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0,
	     "socketpair");
	fe->fd = pair[0];
	fe->ended = 0;
	fe->log[0] = '\0';
	must(vhost_user_connect(&fe->vu, pair[1]) == 0, "connect");
}

void front_end_hang_up(struct front_end *fe)
{
	if (fe->fd >= 0) {
		close(fe->fd);
		fe->fd = -1;
	}
	front_end_run(fe);
}

void front_end_kill(struct front_end *fe)
{
	test_device_forget(&fe->device);
	/* Whatever the orderly end does to shared memory is not to be seen. */
	fe->device.hold = true;
	vhost_user_disconnect(&fe->vu, "killed");
	front_end_hang_up(fe);
	must(!fe->vu.open, "it goes on");
	must(event_pump_fini(&fe->pump) == 0, "a watch or timer was left");
	start_backend(fe);
}

void front_end_free(struct front_end *fe)
{
	front_end_hang_up(fe);
	test_device_finish(&fe->device, SIZE_MAX);
	front_end_run(fe);
	must(!fe->vu.open, "it goes on");
	must(event_pump_fini(&fe->pump) == 0, "a watch or timer was left");
	for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
		close(fe->kick[q]);
		close(fe->call[q]);
		close(fe->err[q]);
	}
	if (fe->inflight_fd >= 0) {
		close(fe->inflight_fd);
	}
	munmap(fe->ram, RAM_SIZE);
	close(fe->mem_fd);
	free(fe);
}

/* ----------------------------------------------------------------- messages */

void front_end_send(struct front_end *fe, uint32_t request, uint32_t flags,
		    const void *payload, size_t size, const int *fds,
		    size_t fd_count)
{
	uint8_t message[1024];
	struct vhost_user_header header = { request, flags, (uint32_t)size };
	uint8_t control[CMSG_SPACE(32 * sizeof(int))] = { 0 };
	struct iovec iov = { message, sizeof(header) + size };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	must(size <= sizeof(message) - sizeof(header) && fd_count <= 32,
	     "message");
	memcpy(message, &header, sizeof(header));
	if (size != 0) {
		memcpy(message + sizeof(header), payload, size);
	}
	if (fd_count != 0) {
		struct cmsghdr *cmsg = (struct cmsghdr *)(void *)control;

		mh.msg_control = control;
		mh.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof(int));
	}
	/* It may have hung up on us. */
	(void)!sendmsg(fe->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int front_end_receive(struct front_end *fe, uint32_t request, void *ret,
		      size_t room, int *ret_fd)
{
	uint8_t message[1024];
	struct vhost_user_header header;
	uint8_t control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { message, sizeof(message) };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;
	int fd = -1;

	front_end_run(fe);
	n = recvmsg(fe->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < (ssize_t)sizeof(header)) {
		return -1;
	}
	memcpy(&header, message, sizeof(header));
	must(header.request == request && header.flags == 5 &&
		     header.size + sizeof(header) == (size_t)n &&
		     header.size <= room,
	     "the answer");
	memcpy(ret, message + sizeof(header), header.size);
	if (CMSG_FIRSTHDR(&mh) != NULL) {
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(fd));
	}
	if (ret_fd != NULL) {
		*ret_fd = fd;
	} else if (fd >= 0) {
		close(fd);
	}
	return (int)header.size;
}

void front_end_tell(struct front_end *fe, uint32_t request, const void *payload,
		    size_t size)
{
	front_end_send(fe, request, VHOST_USER_VERSION, payload, size, NULL, 0);
	front_end_run(fe);
}

void front_end_u64(struct front_end *fe, uint32_t request, uint64_t value)
{
	front_end_tell(fe, request, &value, sizeof(value));
}

void front_end_state(struct front_end *fe, uint32_t request, uint32_t index,
		     uint32_t num)
{
	struct vhost_user_vring_state state = { index, num };

	front_end_tell(fe, request, &state, sizeof(state));
}

void front_end_ring_fd(struct front_end *fe, uint32_t request, uint64_t word,
		       int fd)
{
	front_end_send(fe, request, VHOST_USER_VERSION, &word, sizeof(word),
		       &fd, fd >= 0 ? 1 : 0);
	front_end_run(fe);
}

uint64_t front_end_ask(struct front_end *fe, uint32_t request)
{
	uint64_t value;

	front_end_tell(fe, request, NULL, 0);
	return front_end_receive(fe, request, &value, sizeof(value), NULL) == 8
		       ? value
		       : UINT64_MAX;
}

/* ------------------------------------------------------ the usual sequences */

void front_end_negotiate(struct front_end *fe, uint64_t features,
			 uint64_t protocol)
{
	front_end_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, protocol);
	front_end_tell(fe, VHOST_USER_SET_OWNER, NULL, 0);
	front_end_u64(fe, VHOST_USER_SET_FEATURES, features);
}

void front_end_send_table(struct front_end *fe)
{
	struct vhost_user_mem_table table = {
		.count = 2,
		.region = {
			{ FE_LOW, FE_LOW_SIZE, FE_UVA, 0 },
			{ FE_HIGH, FE_HIGH_SIZE, FE_HIGH_UVA, FE_LOW_SIZE },
		},
	};
	int fds[2] = { fe->mem_fd, fe->mem_fd };

	front_end_send(fe, VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION, &table,
		       8 + 2 * sizeof(table.region[0]), fds, 2);
	front_end_run(fe);
}

void front_end_make_tracking(struct front_end *fe)
{
	struct vhost_user_inflight ask = {
		.num_queues = TEST_DEVICE_QUEUES,
		.queue_size = FE_RING_SIZE,
	};

	if (fe->inflight_fd >= 0) {
		close(fe->inflight_fd);
	}
	front_end_tell(fe, VHOST_USER_GET_INFLIGHT_FD, &ask, sizeof(ask));
	must(front_end_receive(fe, VHOST_USER_GET_INFLIGHT_FD, &fe->inflight,
			       sizeof(fe->inflight),
			       &fe->inflight_fd) == sizeof(fe->inflight) &&
		     fe->inflight_fd >= 0,
	     "GET_INFLIGHT_FD");
}

void front_end_give_tracking(struct front_end *fe)
{
	front_end_send(fe, VHOST_USER_SET_INFLIGHT_FD, VHOST_USER_VERSION,
		       &fe->inflight, sizeof(fe->inflight), &fe->inflight_fd,
		       1);
	front_end_run(fe);
}

static uint64_t to_uva(uint64_t gpa)
{
	return gpa - FE_LOW + FE_UVA;
}

void front_end_set_ring(struct front_end *fe, uint32_t q, uint16_t base)
{
	const struct vq_layout *at = &fe->ring[q].at;
	struct vhost_user_vring_addr addr = {
		.index = q,
		.desc = to_uva(at->desc),
		.used = to_uva(at->used),
		.avail = to_uva(at->avail),
	};

	front_end_state(fe, VHOST_USER_SET_VRING_NUM, q, at->size);
	front_end_state(fe, VHOST_USER_SET_VRING_BASE, q, base);
	front_end_tell(fe, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_ERR, q, fe->err[q]);
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_KICK, q, fe->kick[q]);
	front_end_ring_fd(fe, VHOST_USER_SET_VRING_CALL, q, fe->call[q]);
	front_end_state(fe, VHOST_USER_SET_VRING_ENABLE, q, 1);
}

void front_end_bring_up(struct front_end *fe)
{
	uint64_t features = front_end_ask(fe, VHOST_USER_GET_FEATURES);
	uint64_t protocol = front_end_ask(fe, VHOST_USER_GET_PROTOCOL_FEATURES);

	front_end_negotiate(fe, features, protocol);
	if ((protocol & VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) != 0) {
		front_end_make_tracking(fe);
		front_end_give_tracking(fe);
	}
	front_end_send_table(fe);
	for (uint32_t q = 0; q < TEST_DEVICE_QUEUES; q++) {
		ring_driver_init(&fe->ring[q], &fe->gm, FE_RING(q),
				 FE_RING_SIZE);
		front_end_set_ring(fe, q, 0);
		(void)front_end_count(fe->call[q]);
	}
}

/* --------------------------------------------------------------- the driver */

static uint64_t data_at(uint32_t q, uint16_t i)
{
	return FE_DATA + 0x1000ull * q + 16ull * i;
}

void front_end_offer(struct front_end *fe, uint32_t q, uint16_t i,
		     uint8_t value)
{
	struct ring_driver *ring = &fe->ring[q];
	uint64_t at = data_at(q, i);
	uint8_t *data = guest_mem_map(&fe->gm, at, 2);

	data[0] = value;
	data[1] = 0;
	ring_driver_desc(ring, ring->at.desc, i, at, 1, VQ_DESC_NEXT,
			 (uint16_t)(i + 1));
	ring_driver_desc(ring, ring->at.desc, i + 1u, at + 1, 1, VQ_DESC_WRITE,
			 0);
	ring_driver_offer(ring, i);
}

void front_end_kick(struct front_end *fe, uint32_t q)
{
	uint64_t one = 1;

	must(write(fe->kick[q], &one, sizeof(one)) == sizeof(one), "kick");
	front_end_run(fe);
}

uint8_t front_end_result(struct front_end *fe, uint32_t q, uint16_t i)
{
	return *(uint8_t *)guest_mem_map(&fe->gm, data_at(q, i) + 1, 1);
}

uint64_t front_end_count(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}
