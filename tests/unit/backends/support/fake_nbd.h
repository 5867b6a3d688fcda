/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An NBD server in a process of its own that does as it is told, wrong things
 * included, and writes down what it is asked for.
 */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_FAKE_NBD_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_FAKE_NBD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* On the wire. */
#define FAKE_NBD_READONLY (1u << 1)
#define FAKE_NBD_FLUSH (1u << 2)
#define FAKE_NBD_FUA (1u << 3)
#define FAKE_NBD_TRIM (1u << 5)
#define FAKE_NBD_ZEROES (1u << 6)
#define FAKE_NBD_CMD_READ 0u
#define FAKE_NBD_CMD_WRITE 1u
#define FAKE_NBD_CMD_FLUSH 3u
#define FAKE_NBD_CMD_TRIM 4u
#define FAKE_NBD_CMD_ZEROES 6u

#define FAKE_NBD_SIZE (1u << 20)
#define FAKE_NBD_LOG 4096u

enum fake_nbd_how {
	FAKE_NBD_WELL,
	FAKE_NBD_BATCH, /* answers when nothing more comes */
	FAKE_NBD_WRONG_COOKIE,
	FAKE_NBD_WRONG_MAGIC,
	FAKE_NBD_HALF, /* of the data, then the end */
	FAKE_NBD_ERROR, /* `error` for all but the first `errors_after` */
	FAKE_NBD_LEAVE, /* after the first answer, with a request unread */
	FAKE_NBD_TWICE, /* each answer */
	FAKE_NBD_ENDLESS, /* the handshake: there is always more to say */
};

struct fake_nbd_command {
	uint16_t flags;
	uint16_t type;
	uint64_t offset;
	uint32_t length;
};

struct fake_nbd_plan {
	enum fake_nbd_how how;
	uint16_t flags; /* FAKE_NBD_READONLY... */
	uint64_t size; /* 0: FAKE_NBD_SIZE */
	uint32_t block[3]; /* minimum, preferred, maximum; 0: tells nothing */
	uint32_t error;
	uint32_t errors_after;
};

struct fake_nbd {
	struct fake_nbd_plan plan;
	uint8_t data[FAKE_NBD_SIZE];
	struct fake_nbd_command log[FAKE_NBD_LOG];
	uint32_t logged;
	uint32_t most; /* commands that came in one batch */
	pid_t pid;
};

/* NULL: no memory, no process; *ret_fd is the other end. */
struct fake_nbd *fake_nbd_start(const struct fake_nbd_plan *plan, int *ret_fd);
/* Ends it, if it has not yet. */
void fake_nbd_stop(struct fake_nbd *fake);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_FAKE_NBD_H */
