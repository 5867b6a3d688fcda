/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_nbd.h"

#include <endian.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTION_ABORT 2u
#define OPTION_GO 7u
#define REPLY_ACK 1u
#define REPLY_INFO 3u
#define REPLY_UNSUPPORTED 0x80000001u
#define QUIET_MS 100
#define BATCH_MAX 512u

struct request {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
} __attribute__((packed));

struct reply {
	uint32_t magic;
	uint32_t error;
	uint64_t cookie;
} __attribute__((packed));

static void get(int fd, void *at, size_t len)
{
	uint8_t *to = at;

	while (len != 0) {
		ssize_t n = read(fd, to, len);

		if (n <= 0) {
			_exit(0);
		}
		to += n;
		len -= (size_t)n;
	}
}

static void put(int fd, const void *at, size_t len)
{
	const uint8_t *from = at;

	while (len != 0) {
		ssize_t n = send(fd, from, len, MSG_NOSIGNAL);

		if (n <= 0) {
			_exit(0);
		}
		from += n;
		len -= (size_t)n;
	}
}

static void put_option_reply(int fd, uint32_t option, uint32_t type,
			     const void *data, uint32_t len)
{
	struct {
		uint64_t magic;
		uint32_t option;
		uint32_t type;
		uint32_t len;
	} __attribute__((packed)) head = {
		htobe64(0x0003e889045565a9u),
		htobe32(option),
		htobe32(type),
		htobe32(len),
	};

	put(fd, &head, sizeof(head));
	put(fd, data, len);
}

static void go(const struct fake_nbd_plan *plan, int fd)
{
	struct {
		uint16_t info;
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed)) export = {
		0,
		htobe64(plan->size != 0 ? plan->size : FAKE_NBD_SIZE),
		htobe16(plan->flags | 1),
	};
	struct {
		uint16_t info;
		uint32_t block[3];
	} __attribute__((packed)) sizes = {
		htobe16(3),
		{ htobe32(plan->block[0]), htobe32(plan->block[1]),
		  htobe32(plan->block[2]) },
	};

	put_option_reply(fd, OPTION_GO, REPLY_INFO, &export, sizeof(export));
	if (plan->block[0] != 0) {
		put_option_reply(fd, OPTION_GO, REPLY_INFO, &sizes,
				 sizeof(sizes));
	}
	put_option_reply(fd, OPTION_GO, REPLY_ACK, NULL, 0);
}

static void talk(int fd)
{
	put(fd, "NBDMAGICIHAVEOPT\0\3", 18);
	for (;;) {
		/* The start of an answer that goes on and on. */
		put_option_reply(fd, OPTION_GO, REPLY_INFO, "\0\7xx", 4);
	}
}

static void handshake(const struct fake_nbd_plan *plan, int fd)
{
	static uint8_t data[65536];
	struct {
		uint64_t magic;
		uint32_t option;
		uint32_t len;
	} __attribute__((packed)) head;
	uint32_t flags;

	put(fd, "NBDMAGICIHAVEOPT\0\3", 18);
	get(fd, &flags, sizeof(flags));
	for (;;) {
		get(fd, &head, sizeof(head));
		if (be32toh(head.len) > sizeof(data)) {
			_exit(1);
		}
		get(fd, data, be32toh(head.len));
		if (be32toh(head.option) == OPTION_GO) {
			go(plan, fd);
			return;
		}
		if (be32toh(head.option) == OPTION_ABORT) {
			_exit(0);
		}
		put_option_reply(fd, be32toh(head.option), REPLY_UNSUPPORTED,
				 NULL, 0);
	}
}

static void carry_out(struct fake_nbd *fake, int fd, struct request *r)
{
	static uint8_t payload[33u << 20];

	get(fd, r, sizeof(*r));
	r->flags = be16toh(r->flags);
	r->type = be16toh(r->type);
	r->offset = be64toh(r->offset);
	r->length = be32toh(r->length);
	if (fake->logged < FAKE_NBD_LOG) {
		fake->log[fake->logged] =
			(struct fake_nbd_command){ r->flags, r->type, r->offset,
						   r->length };
		__atomic_store_n(&fake->logged, fake->logged + 1,
				 __ATOMIC_RELEASE);
	}
	if (r->type == FAKE_NBD_CMD_WRITE) {
		get(fd, payload, r->length);
		if (r->offset + r->length <= FAKE_NBD_SIZE) {
			memcpy(fake->data + r->offset, payload, r->length);
		}
	} else if (r->type == FAKE_NBD_CMD_ZEROES &&
		   r->offset + r->length <= FAKE_NBD_SIZE) {
		memset(fake->data + r->offset, 0, r->length);
	}
}

static bool more_comes(int fd, int timeout)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout) > 0;
}

static void answer(struct fake_nbd *fake, int fd, const struct request *r)
{
	const struct fake_nbd_plan *plan = &fake->plan;
	struct reply reply = { htobe32(0x67446698), 0, r->cookie };
	uint32_t length = r->length;

	if (plan->how == FAKE_NBD_LEAVE) {
		(void)more_comes(fd, -1);
	}
	if (plan->how == FAKE_NBD_ERROR && fake->logged > plan->errors_after) {
		reply.error = htobe32(plan->error);
	} else if (plan->how == FAKE_NBD_WRONG_COOKIE) {
		reply.cookie = ~reply.cookie;
	} else if (plan->how == FAKE_NBD_WRONG_MAGIC) {
		reply.magic = ~reply.magic;
	} else if (plan->how == FAKE_NBD_HALF) {
		length /= 2;
	}
	put(fd, &reply, sizeof(reply));
	if (r->type == FAKE_NBD_CMD_READ && reply.error == 0) {
		put(fd, fake->data + r->offset, length);
	}
	if (plan->how == FAKE_NBD_HALF || plan->how == FAKE_NBD_LEAVE) {
		_exit(0);
	}
	if (plan->how == FAKE_NBD_TWICE) {
		put(fd, &reply, sizeof(reply));
	}
}

static void serve(struct fake_nbd *fake, int fd)
{
	static struct request batch[BATCH_MAX];

	for (;;) {
		uint32_t n = 0;

		do {
			carry_out(fake, fd, &batch[n++]);
		} while (fake->plan.how == FAKE_NBD_BATCH && n < BATCH_MAX &&
			 more_comes(fd, QUIET_MS));
		fake->most = n > fake->most ? n : fake->most;
		/* The last first: order is nobody's right. */
		while (n != 0) {
			answer(fake, fd, &batch[--n]);
		}
	}
}

struct fake_nbd *fake_nbd_start(const struct fake_nbd_plan *plan, int *ret_fd)
{
	struct fake_nbd *fake =
		mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int pair[2];
	pid_t pid;

	if (fake == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		return NULL;
	}
	fake->plan = *plan;
	pid = fork();
	if (pid < 0) {
		return NULL;
	}
	if (pid == 0) {
		close(pair[0]);
		if (plan->how == FAKE_NBD_ENDLESS) {
			talk(pair[1]);
		}
		handshake(plan, pair[1]);
		serve(fake, pair[1]);
	}
	/* The memory is the child's as well, so it is not for fork() to write. */
	fake->pid = pid;
	close(pair[1]);
	*ret_fd = pair[0];
	return fake;
}

void fake_nbd_stop(struct fake_nbd *fake)
{
	kill(fake->pid, SIGKILL);
	waitpid(fake->pid, NULL, 0);
	munmap(fake, sizeof(*fake));
}
