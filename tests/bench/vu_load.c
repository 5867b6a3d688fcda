/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vu_load: reads or writes 4 KiB blocks at random on a disk that another process
 * serves over vhost-user, DEPTH at once, as a Linux driver would: indirect
 * descriptors, event_idx, all that has been answered taken at once, one kick
 * for all that is asked anew.  It can flush, so the disk may have a cache.
 *
 *   vu_load --socket PATH --depth N (--requests N | --seconds N)
 *           [--write | --verify] [--pid PID]
 *
 * --write: each 64-bit word of a block becomes the block's number.  --verify:
 * it is, and a read that brings anything else is a failure.  --pid: the server,
 * whose CPU time is told, that of all its threads.  Prints one line of JSON.
 */
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../unit/backends/support/ring_driver.h"
#include "blk/virtio_blk.h"
#include "core/virtio_device.h"
#include "transport/vhost_user/vhost_user_msg.h"

#define DEPTH_MAX 128u
#define BLOCK 4096u
#define SECTORS_PER_BLOCK 8u
#define WORDS (BLOCK / 8u)
#define PATIENCE 30u /* seconds without an end in sight */

/* The guest's memory: the ring, what each request has, the blocks. */
#define BASE 0x40000000ull
#define SLOTS (BASE + 0x10000ull)
#define SLOT_SIZE 128u
#define BLOCKS (BASE + 0x20000ull)
#define RAM_SIZE (0x20000ull + DEPTH_MAX * (uint64_t)BLOCK)

/* Of a slot: three descriptors, then these. */
#define AT_HEADER 64u
#define AT_STATUS 96u

#define WANTED_FEATURES                                             \
	(VIRTIO_F_VERSION_1 | VQ_F_INDIRECT_DESC | VQ_F_EVENT_IDX | \
	 VIRTIO_BLK_F_FLUSH | VHOST_USER_F_PROTOCOL_FEATURES)
#define WANTED_PROTOCOL                                            \
	(VHOST_USER_PROTOCOL_F_CONFIG | VHOST_USER_PROTOCOL_F_MQ | \
	 VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD)

struct header { /* 5.2.6, little-endian */
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

struct load {
	const char *socket;
	uint32_t depth;
	uint64_t requests; /* 0: as many as the time allows */
	uint32_t seconds;
	long pid;
	bool write;
	bool verify;

	int fd;
	int mem_fd;
	int kick;
	int call;
	uint8_t *ram;
	struct guest_mem gm;
	struct ring_driver ring;
	bool tracked;
	uint64_t blocks; /* of the disk */
	uint64_t random;
	uint64_t block[DEPTH_MAX]; /* what each slot is about */
	uint16_t
		told; /* the available index when the need of a kick was seen */

	uint64_t asked;
	uint64_t answered;
	uint64_t kicks;
	uint64_t calls;
};

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2)))
__attribute__((noreturn));

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("vu_load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(EXIT_FAILURE);
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		fail("%s: %s", what, strerror(errno));
	}
}

/* ------------------------------------------------------------------ messages */

static void send_message(struct load *load, uint32_t request,
			 const void *payload, uint32_t size, int fd)
{
	struct vhost_user_header header = { request, VHOST_USER_VERSION, size };
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ (void *)(uintptr_t)payload, size },
	};
	union {
		struct cmsghdr cmsg;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control = { .cmsg = {
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS,
			      .cmsg_len = CMSG_LEN(sizeof(int)),
		      } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.cmsg), &fd, sizeof(fd));
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control.room);
	}
	must(sendmsg(load->fd, &mh, MSG_NOSIGNAL) ==
		     (ssize_t)(sizeof(header) + size),
	     "a message to the server");
}

/* At least min bytes of payload; *ret_fd may be NULL. */
static void receive_answer(struct load *load, uint32_t request, void *ret,
			   size_t room, size_t min, int *ret_fd)
{
	struct vhost_user_header header;
	struct iovec iov = { &header, sizeof(header) };
	union {
		struct cmsghdr cmsg;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *cmsg;

	/* Some servers write the payload separately: it may come later. */
	if (recvmsg(load->fd, &mh, MSG_CMSG_CLOEXEC | MSG_WAITALL) !=
		    (ssize_t)sizeof(header) ||
	    header.request != request || header.size < min ||
	    header.size > room ||
	    recv(load->fd, ret, header.size, MSG_WAITALL) !=
		    (ssize_t)header.size) {
		fail("no answer to request %u", request);
	}
	if (ret_fd == NULL) {
		return;
	}
	cmsg = CMSG_FIRSTHDR(&mh);
	if (cmsg == NULL || cmsg->cmsg_type != SCM_RIGHTS) {
		fail("no descriptor in answer to request %u", request);
	}
	memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(*ret_fd));
}

static void send_u64(struct load *load, uint32_t request, uint64_t value,
		     int fd)
{
	send_message(load, request, &value, sizeof(value), fd);
}

static void send_state(struct load *load, uint32_t request, uint32_t num)
{
	struct vhost_user_vring_state state = { 0, num };

	send_message(load, request, &state, sizeof(state), -1);
}

static uint64_t ask(struct load *load, uint32_t request)
{
	uint64_t value;

	send_message(load, request, NULL, 0, -1);
	receive_answer(load, request, &value, sizeof(value), sizeof(value),
		       NULL);
	return value;
}

/* ------------------------------------------------------------------ bring-up */

static void connect_server(struct load *load)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(load->socket) >= sizeof(addr.sun_path)) {
		fail("--socket: it is too long");
	}
	memcpy(addr.sun_path, load->socket, strlen(load->socket));
	load->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(load->fd >= 0, "socket");
	/* The socket has a name a moment before its server listens. */
	while (connect(load->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		must(errno == ECONNREFUSED, load->socket);
		(void)poll(NULL, 0, 10);
	}
}

static void negotiate(struct load *load)
{
	uint64_t features = ask(load, VHOST_USER_GET_FEATURES);
	uint64_t protocol;

	if ((features & WANTED_FEATURES) != WANTED_FEATURES) {
		fail("the server's features are 0x%" PRIx64, features);
	}
	protocol =
		ask(load, VHOST_USER_GET_PROTOCOL_FEATURES) & WANTED_PROTOCOL;
	load->tracked = (protocol & VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) != 0;
	send_u64(load, VHOST_USER_SET_PROTOCOL_FEATURES, protocol, -1);
	send_message(load, VHOST_USER_SET_OWNER, NULL, 0, -1);
	send_u64(load, VHOST_USER_SET_FEATURES, WANTED_FEATURES, -1);
}

static void read_capacity(struct load *load)
{
	struct vhost_user_config config = { .size = 8 };
	uint64_t sectors;

	send_message(load, VHOST_USER_GET_CONFIG, &config,
		     VHOST_USER_CONFIG_HEADER + 8, -1);
	receive_answer(load, VHOST_USER_GET_CONFIG, &config, sizeof(config),
		       VHOST_USER_CONFIG_HEADER + 8, NULL);
	memcpy(&sectors, config.data, sizeof(sectors));
	load->blocks = le64toh(sectors) / SECTORS_PER_BLOCK;
	if (load->blocks == 0) {
		fail("the disk is empty");
	}
}

static void give_tracking(struct load *load)
{
	struct vhost_user_inflight area = {
		.num_queues = 1,
		.queue_size = DEPTH_MAX,
	};
	int fd;

	send_message(load, VHOST_USER_GET_INFLIGHT_FD, &area, sizeof(area), -1);
	receive_answer(load, VHOST_USER_GET_INFLIGHT_FD, &area, sizeof(area),
		       VHOST_USER_INFLIGHT_SHORT, &fd);
	area.num_queues = 1;
	area.queue_size = DEPTH_MAX;
	send_message(load, VHOST_USER_SET_INFLIGHT_FD, &area, sizeof(area), fd);
	close(fd);
}

static void make_memory(struct load *load)
{
	load->mem_fd = memfd_create("guest", MFD_CLOEXEC);
	must(load->mem_fd >= 0 && ftruncate(load->mem_fd, RAM_SIZE) == 0,
	     "memfd_create");
	load->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, load->mem_fd, 0);
	must(load->ram != MAP_FAILED, "mmap");
	guest_mem_init(&load->gm);
	(void)guest_mem_add(&load->gm, BASE, RAM_SIZE, load->ram);
	ring_driver_init(&load->ring, &load->gm, BASE, DEPTH_MAX);
	load->kick = eventfd(0, EFD_CLOEXEC);
	load->call = eventfd(0, EFD_CLOEXEC);
	must(load->kick >= 0 && load->call >= 0, "eventfd");
}

static uint64_t to_uva(const struct load *load, uint64_t gpa)
{
	return (uint64_t)(uintptr_t)load->ram + (gpa - BASE);
}

static void give_ring(struct load *load)
{
	struct vhost_user_mem_table table = {
		.count = 1,
		.region = { { BASE, RAM_SIZE, to_uva(load, BASE), 0 } },
	};
	struct vhost_user_vring_addr addr = {
		.desc = to_uva(load, load->ring.at.desc),
		.avail = to_uva(load, load->ring.at.avail),
		.used = to_uva(load, load->ring.at.used),
	};

	send_message(load, VHOST_USER_SET_MEM_TABLE, &table,
		     8 + sizeof(table.region[0]), load->mem_fd);
	send_state(load, VHOST_USER_SET_VRING_NUM, DEPTH_MAX);
	send_state(load, VHOST_USER_SET_VRING_BASE, 0);
	send_message(load, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
	send_u64(load, VHOST_USER_SET_VRING_KICK, 0, load->kick);
	send_u64(load, VHOST_USER_SET_VRING_CALL, 0, load->call);
	send_state(load, VHOST_USER_SET_VRING_ENABLE, 1);
	/* Its answer tells that all of the above has been done. */
	(void)ask(load, VHOST_USER_GET_FEATURES);
}

/* ------------------------------------------------------------------- driver */

static uint64_t next_random(struct load *load)
{
	/* xorshift64: the same order of blocks for each server */
	load->random ^= load->random << 13;
	load->random ^= load->random >> 7;
	load->random ^= load->random << 17;
	return load->random;
}

static void *slot_at(struct load *load, uint32_t slot, uint32_t offset)
{
	return load->ram + (SLOTS - BASE) + (uint64_t)slot * SLOT_SIZE + offset;
}

static uint64_t *block_at(struct load *load, uint32_t slot)
{
	return (uint64_t *)(void *)(load->ram + (BLOCKS - BASE) +
				    (uint64_t)slot * BLOCK);
}

static void prepare_slot(struct load *load, uint32_t slot)
{
	uint64_t table = SLOTS + (uint64_t)slot * SLOT_SIZE;
	struct ring_driver *ring = &load->ring;

	ring_driver_desc(ring, table, 0, table + AT_HEADER,
			 sizeof(struct header), VQ_DESC_NEXT, 1);
	ring_driver_desc(ring, table, 1, BLOCKS + (uint64_t)slot * BLOCK, BLOCK,
			 VQ_DESC_NEXT | (load->write ? 0 : VQ_DESC_WRITE), 2);
	ring_driver_desc(ring, table, 2, table + AT_STATUS, 1, VQ_DESC_WRITE,
			 0);
	ring_driver_desc(ring, ring->at.desc, slot, table,
			 3 * sizeof(struct vq_desc), VQ_DESC_INDIRECT, 0);
}

static void request(struct load *load, uint32_t slot)
{
	uint64_t block = next_random(load) % load->blocks;
	struct header header = {
		.type = htole32(load->write ? VIRTIO_BLK_T_OUT
					    : VIRTIO_BLK_T_IN),
		.sector = htole64(block * SECTORS_PER_BLOCK),
	};
	uint64_t *words = block_at(load, slot);

	load->block[slot] = block;
	memcpy(slot_at(load, slot, AT_HEADER), &header, sizeof(header));
	*(uint8_t *)slot_at(load, slot, AT_STATUS) = 0xff;
	if (load->write) {
		for (uint32_t i = 0; i < WORDS; i++) {
			words[i] = htole64(block);
		}
	} else {
		/* What was read before must not pass for what is read now. */
		words[0] = ~block;
		words[WORDS - 1] = ~block;
	}
	ring_driver_offer(&load->ring, (uint16_t)slot);
	load->asked++;
}

static void kick_if_wanted(struct load *load)
{
	const uint64_t one = 1;
	uint16_t event;

	/* 2.7.10: the index must be visible before the wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = ring_driver_avail_event(&load->ring);
	if ((uint16_t)(load->ring.avail_idx - event - 1) <
	    (uint16_t)(load->ring.avail_idx - load->told)) {
		must(write(load->kick, &one, sizeof(one)) == sizeof(one),
		     "kick");
		load->kicks++;
	}
	load->told = load->ring.avail_idx;
}

static void check(struct load *load, uint32_t slot, uint32_t len)
{
	uint8_t status = *(uint8_t *)slot_at(load, slot, AT_STATUS);
	const uint64_t *words = block_at(load, slot);
	uint64_t wrong = 0;

	if (status != 0 || len != (load->write ? 1 : BLOCK + 1)) {
		fail("block %" PRIu64 ": status %u, %u bytes",
		     load->block[slot], status, len);
	}
	for (uint32_t i = 0; load->verify && i < WORDS; i++) {
		wrong |= words[i] ^ htole64(load->block[slot]);
	}
	if (wrong != 0) {
		fail("block %" PRIu64 " holds something else",
		     load->block[slot]);
	}
}

/* Takes all there is; how many, their slots in done. */
static uint32_t take_answers(struct load *load, uint32_t *done)
{
	uint32_t count = 0;
	uint32_t slot;
	uint32_t len;

	do {
		while (ring_driver_take(&load->ring, &slot, &len)) {
			if (slot >= load->depth || count == load->depth) {
				fail("the used ring names head %u", slot);
			}
			check(load, slot, len);
			done[count++] = slot;
		}
		ring_driver_set_used_event(&load->ring, load->ring.seen_used);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (ring_driver_used_idx(&load->ring) != load->ring.seen_used);
	load->answered += count;
	return count;
}

static void wait_for_call(struct load *load)
{
	struct pollfd pfd = { load->call, POLLIN, 0 };
	uint64_t count;

	/* The server has the same file and may have made it non-blocking. */
	while (read(load->call, &count, sizeof(count)) != sizeof(count)) {
		must(errno == EAGAIN && poll(&pfd, 1, -1) == 1, "call");
	}
	load->calls += count;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool is_over(const struct load *load, uint64_t end)
{
	return load->requests != 0 ? load->asked == load->requests
				   : now_ns() >= end;
}

static void run(struct load *load)
{
	uint64_t end = now_ns() + load->seconds * 1000000000ull;
	uint32_t done[DEPTH_MAX];
	uint32_t count = load->depth;

	for (uint32_t i = 0; i < load->depth; i++) {
		prepare_slot(load, i);
		done[i] = i;
	}
	for (;;) {
		bool over = is_over(load, end);

		for (uint32_t i = 0; i < count && !over; i++) {
			request(load, done[i]);
			over = load->asked == load->requests;
		}
		if (load->answered == load->asked) {
			return;
		}
		kick_if_wanted(load);
		wait_for_call(load);
		count = take_answers(load, done);
	}
}

/* ----------------------------------------------------------------- CPU time */

/* Of all threads that there are and were, in microseconds. */
static uint64_t cpu_time_us(long pid)
{
	char path[64];
	char text[1024];
	unsigned long user;
	unsigned long kernel;
	const char *rest;
	FILE *file;

	if (pid == 0) {
		return 0;
	}
	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	file = fopen(path, "re");
	must(file != NULL && fgets(text, sizeof(text), file) != NULL, path);
	(void)fclose(file);
	/* The name, the second field, may hold anything. */
	rest = strrchr(text, ')');
	if (rest == NULL ||
	    sscanf(rest + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		   &user, &kernel) != 2) {
		fail("%s: not as expected", path);
	}
	return (user + kernel) * 1000000u / (unsigned long)sysconf(_SC_CLK_TCK);
}

/* --------------------------------------------------------------------- main */

static const struct option options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "depth", required_argument, NULL, 'd' },
	{ "requests", required_argument, NULL, 'r' },
	{ "seconds", required_argument, NULL, 't' },
	{ "pid", required_argument, NULL, 'p' },
	{ "verify", no_argument, NULL, 'v' },
	{ "write", no_argument, NULL, 'w' },
	{ NULL, 0, NULL, 0 },
};

static void parse(struct load *load, int argc, char **argv)
{
	int id;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (id) {
		case 's':
			load->socket = optarg;
			break;
		case 'd':
			load->depth = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			load->requests = strtoull(optarg, NULL, 10);
			break;
		case 't':
			load->seconds = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			load->pid = strtol(optarg, NULL, 10);
			break;
		case 'v':
			load->verify = true;
			break;
		case 'w':
			load->write = true;
			break;
		default:
			exit(EXIT_FAILURE);
		}
	}
	if (load->socket == NULL || load->depth == 0 ||
	    load->depth > DEPTH_MAX || (load->write && load->verify) ||
	    (load->requests == 0) == (load->seconds == 0)) {
		fail("--socket, --depth up to %u, --requests or --seconds, and "
		     "not --write with --verify",
		     DEPTH_MAX);
	}
}

static void on_alarm(int signum)
{
	static const char text[] = "vu_load: the server does not answer\n";

	(void)signum;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	static struct load load = { .random = 88172645463325252ull };
	uint64_t begin;
	uint64_t cpu;

	parse(&load, argc, argv);
	signal(SIGALRM, on_alarm);
	alarm(load.seconds + PATIENCE);
	connect_server(&load);
	negotiate(&load);
	read_capacity(&load);
	make_memory(&load);
	if (load.tracked) {
		give_tracking(&load);
	}
	give_ring(&load);
	cpu = cpu_time_us(load.pid);
	begin = now_ns();
	run(&load);
	printf("{\"requests\":%" PRIu64 ",\"ns\":%" PRIu64
	       ",\"cpu_us\":%" PRIu64 ",\"kicks\":%" PRIu64
	       ",\"calls\":%" PRIu64 ",\"tracked\":%s}\n",
	       load.answered, now_ns() - begin, cpu_time_us(load.pid) - cpu,
	       load.kicks, load.calls, load.tracked ? "true" : "false");
	return EXIT_SUCCESS;
}
