/* SPDX-License-Identifier: BSD-2-Clause */
#include "display/display_uevent.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KERNEL_GROUP 1u /* the other one is udev's */
#define MESSAGE_MAX 8192u /* more than the kernel puts into one */
#define MESSAGES_MAX 256u /* read at a time; poll() tells of the rest */

/*
 * Lets through what begins with "change@": nobody is woken by devices that come,
 * go, or find a driver.
 */
static int attach_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x6368616e, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 3),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x6e676540, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, MESSAGE_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program)) < 0
		       ? -errno
		       : 0;
}

int display_uevent_open(void)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = KERNEL_GROUP,
	};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);
	int rc;

	if (fd < 0) {
		return -errno;
	}
	rc = attach_filter(fd);
	if (rc == 0 &&
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		rc = -errno;
	}
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

bool display_uevent_is_card(const char *message, size_t len)
{
	static const char subsystem[] = "SUBSYSTEM=drm";
	size_t at = 0;

	while (at < len) {
		size_t rest = len - at;
		size_t text = strnlen(message + at, rest);

		/* With its end: "drm" is not the beginning of another. */
		if (text < rest && text == sizeof(subsystem) - 1 &&
		    memcmp(message + at, subsystem, text) == 0) {
			return true;
		}
		at += text + 1;
	}
	return false;
}

/* 1, 0 as in the header, -EAGAIN: there is none. */
static int read_one(int fd)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	char message[MESSAGE_MAX];
	ssize_t n =
		recvfrom(fd, message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC,
			 (struct sockaddr *)&from, &from_len);

	if (n < 0) {
		/* Who was not told has to look. */
		return errno == ENOBUFS ? 1 : errno == EINTR ? 0 : -errno;
	}
	/* Anybody may send to a socket, but the kernel is 0. */
	if (from_len != sizeof(from) || from.nl_pid != 0 ||
	    (size_t)n > sizeof(message)) {
		return 0;
	}
	return display_uevent_is_card(message, (size_t)n);
}

int display_uevent_read(int fd)
{
	bool changed = false;

	for (unsigned int i = 0; i < MESSAGES_MAX; i++) {
		int rc = read_one(fd);

		if (rc == -EAGAIN) {
			break;
		}
		if (rc < 0) {
			return rc;
		}
		changed |= rc == 1;
	}
	return changed;
}
