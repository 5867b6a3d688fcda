/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_vencrypt.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Security types of RFC 6143, 7.1.2, and kinds of VeNCrypt. */
#define TYPE_NONE 1
#define TYPE_VNC 2
#define TYPE_VENCRYPT 19
#define KIND_X509_NONE 260u
#define KIND_X509_VNC 261u

#define VERSION_LEN 12u

static const char version[] = "RFB 003.008\n";

void display_vencrypt_wait(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	(void)poll(&pollfd, 1, -1);
}

static bool may_go_on(int fd, ssize_t n, short events)
{
	if (n < 0 && errno == EAGAIN) {
		display_vencrypt_wait(fd, events);
		return true;
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

static bool hear(int fd, void *ret, size_t len)
{
	uint8_t *at = ret;

	while (len != 0) {
		ssize_t n = read(fd, at, len);

		if (!may_go_on(fd, n, POLLIN)) {
			return false;
		}
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static bool say(int fd, const void *what, size_t len)
{
	const uint8_t *at = what;

	while (len != 0) {
		ssize_t n = write(fd, at, len);

		if (!may_go_on(fd, n, POLLOUT)) {
			return false;
		}
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/*
 * As RFC 6143, 7.1.2 has it of a server that has no security type for its client:
 * their number is none, in a byte or before 3.7 in four, and a reason follows.
 */
static void refuse_version(int fd, const char *theirs)
{
	static const uint8_t zeros[4];
	static const char reason[] = "TLS (VeNCrypt) is asked for here, which "
				     "takes a viewer with RFB 3.8";
	const uint8_t len[4] = { 0, 0, 0, sizeof(reason) - 1 };
	bool has_types = memcmp(theirs, "RFB 003.007\n", VERSION_LEN) == 0;

	(void)(say(fd, zeros, has_types ? 1 : sizeof(zeros)) &&
	       say(fd, len, sizeof(len)) &&
	       say(fd, reason, sizeof(reason) - 1));
}

static bool agree_on_version(int fd)
{
	char theirs[VERSION_LEN];

	if (!say(fd, version, VERSION_LEN) ||
	    !hear(fd, theirs, sizeof(theirs))) {
		return false;
	}
	/* Some say more than 3.8, and mean that. */
	if (memcmp(theirs, version, 8) != 0 ||
	    memcmp(theirs, version, VERSION_LEN - 1) < 0) {
		refuse_version(fd, theirs);
		return false;
	}
	return true;
}

static bool agree_on_vencrypt(int fd)
{
	static const uint8_t types[] = { 1, TYPE_VENCRYPT };
	static const uint8_t ours[] = { 0, 2 };
	uint8_t type;
	uint8_t theirs[2];
	uint8_t refused;

	if (!say(fd, types, sizeof(types)) || !hear(fd, &type, 1) ||
	    type != TYPE_VENCRYPT || !say(fd, ours, sizeof(ours)) ||
	    !hear(fd, theirs, sizeof(theirs))) {
		return false;
	}
	refused = memcmp(theirs, ours, sizeof(ours)) != 0;
	return say(fd, &refused, 1) && !refused;
}

static bool agree_on_kind(int fd, uint32_t kind)
{
	const uint8_t kinds[] = { 1, 0, 0, (uint8_t)(kind >> 8),
				  (uint8_t)kind };
	uint8_t theirs[4];
	uint8_t taken;

	if (!say(fd, kinds, sizeof(kinds)) ||
	    !hear(fd, theirs, sizeof(theirs))) {
		return false;
	}
	taken = memcmp(theirs, kinds + 1, sizeof(theirs)) == 0;
	return say(fd, &taken, 1) && taken;
}

bool display_vencrypt_offer(int fd, bool password)
{
	return agree_on_version(fd) && agree_on_vencrypt(fd) &&
	       agree_on_kind(fd, password ? KIND_X509_VNC : KIND_X509_NONE);
}

bool display_vencrypt_enter(int fd, bool password)
{
	const uint8_t type = password ? TYPE_VNC : TYPE_NONE;
	char theirs[VERSION_LEN];
	uint8_t types[UINT8_MAX];
	uint8_t count;

	return hear(fd, theirs, sizeof(theirs)) &&
	       memcmp(theirs, version, sizeof(theirs)) == 0 &&
	       say(fd, version, VERSION_LEN) && hear(fd, &count, 1) &&
	       hear(fd, types, count) && memchr(types, type, count) != NULL &&
	       say(fd, &type, 1);
}
