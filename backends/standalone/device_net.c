/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device: a TAP that somebody has made, and virtio-net on it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/link_tap.h"
#include "net/virtio_net.h"
#include "standalone/device.h"

#define TUN_DEVICE "/dev/net/tun"

static struct {
	struct link_tap tap;
	struct virtio_net net;
	int fd[NET_PAIRS_MAX];
	uint32_t fds;
	void (*on_lost)(const char *why);
} nic;

/* --------------------------------------------------------------------- TAP */

static int open_queue(const char *name, int flags)
{
	struct ifreq ifr = { .ifr_flags = (short)flags };
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0) {
		return -errno;
	}
	memcpy(ifr.ifr_name, name, strlen(name));
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static const char *why_not_opened(int rc)
{
	switch (rc) {
	case -EPERM:
	case -EACCES:
		return "--tap: root, or the TAP's user with access to "
		       "" TUN_DEVICE ", is needed";
	case -EINVAL:
		return "--tap: a TAP is needed, with multi_queue for more than "
		       "one pair";
	default:
		return "--tap";
	}
}

static int open_queues(const char *name, uint32_t pairs)
{
	const int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

	for (uint32_t q = 0; q < pairs; q++) {
		int fd = open_queue(name, pairs > 1 ? flags | IFF_MULTI_QUEUE
						    : flags);

		/* One pair is enough for any TAP. */
		if (fd == -EINVAL && pairs == 1) {
			fd = open_queue(name, flags | IFF_MULTI_QUEUE);
		}
		if (fd < 0) {
			return fd;
		}
		nic.fd[nic.fds++] = fd;
	}
	return 0;
}

static int open_tap(const struct device_options *options, const char **ret_what)
{
	uint32_t pairs = options->pairs != 0 ? options->pairs : 1;
	int rc;

	if (strlen(options->tap) >= IFNAMSIZ) {
		*ret_what = "--tap";
		return -ENAMETOOLONG;
	}
	/* It would be made, and nobody would have set it up. */
	if (if_nametoindex(options->tap) == 0) {
		*ret_what = "--tap: make it with 'ip tuntap add NAME mode tap'";
		return -ENODEV;
	}
	rc = open_queues(options->tap, pairs);
	*ret_what = why_not_opened(rc);
	return rc;
}

static int take_fds(const struct device_options *options, const char **ret_what)
{
	*ret_what = "--tap-fd";
	for (uint32_t q = 0; q < options->tap_fds; q++) {
		int flags = fcntl(options->tap_fd[q], F_GETFL);

		if (flags < 0 || fcntl(options->tap_fd[q], F_SETFL,
				       flags | O_NONBLOCK) < 0) {
			return -errno;
		}
		nic.fd[nic.fds++] = options->tap_fd[q];
	}
	return 0;
}

static int open_link(const struct device_options *options,
		     const char **ret_what)
{
	int rc;

	if ((options->tap != NULL) == (options->tap_fds != 0)) {
		*ret_what = "either --tap or --tap-fd must be given";
		return -EINVAL;
	}
	if (options->tap == NULL && options->pairs != 0) {
		*ret_what = "--pairs: it goes with --tap";
		return -EINVAL;
	}
	rc = options->tap != NULL ? open_tap(options, ret_what)
				  : take_fds(options, ret_what);
	if (rc != 0) {
		return rc;
	}
	if (options->tap_fds != 0) {
		*ret_what = "--tap-fd: queues of one TAP, opened with "
			    "IFF_NO_PI, are needed";
	}
	return link_tap_init(&nic.tap, nic.fd, nic.fds);
}

/* ------------------------------------------------------------------- device */

static void on_lost(struct virtio_net *net)
{
	(void)net;
	/* A front-end that sees the connection end takes the cable out. */
	nic.on_lost("net: its TAP device is gone");
}

static int open_net(const struct device_options *options,
		    struct event_loop *loop, struct virtio_device **ret_dev,
		    const char **ret_what)
{
	const struct virtio_net_config config = { .rings_only = true };
	int rc = open_link(options, ret_what);

	if (rc == 0) {
		*ret_what = "the network device";
		rc = virtio_net_init(&nic.net, loop, &nic.tap.link, &config);
	}
	if (rc != 0) {
		return rc;
	}
	nic.on_lost = options->on_lost;
	nic.net.on_lost = on_lost;
	*ret_dev = &nic.net.dev;
	return 0;
}

static void close_net(void)
{
	for (uint32_t q = 0; q < nic.fds; q++) {
		close(nic.fd[q]);
	}
}

const struct device_kind device_net = { "net", "net", open_net, close_net };
