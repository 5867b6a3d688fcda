/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/link_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/container_of.h"
#include "net/net_hdr.h"

static struct link_tap *from_link(struct net_link *link)
{
	return container_of(link, struct link_tap, link);
}

static int control(int fd, unsigned long request, unsigned long arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static uint64_t tap_offloads(struct net_link *link)
{
	return from_link(link)->offloads;
}

static unsigned long tun_offloads(uint64_t offloads)
{
	unsigned long flags = 0;

	flags |= (offloads & VIRTIO_NET_F_GUEST_CSUM) != 0 ? TUN_F_CSUM : 0;
	flags |= (offloads & VIRTIO_NET_F_GUEST_TSO4) != 0 ? TUN_F_TSO4 : 0;
	flags |= (offloads & VIRTIO_NET_F_GUEST_TSO6) != 0 ? TUN_F_TSO6 : 0;
	flags |= (offloads & VIRTIO_NET_F_GUEST_ECN) != 0 ? TUN_F_TSO_ECN : 0;
	return flags;
}

/* A property of the device, so one of its queues is enough. */
static int tap_set_offloads(struct net_link *link, uint64_t offloads)
{
	return from_link(link)->headers ? control(link->fd[0], TUNSETOFFLOAD,
						  tun_offloads(offloads))
					: 0;
}

static int attach(int fd, bool on)
{
	struct ifreq ifr = {
		.ifr_flags = (short)(on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE),
	};

	return ioctl(fd, TUNSETQUEUE, &ifr) < 0 ? -errno : 0;
}

static int tap_set_pairs(struct net_link *link, uint32_t count)
{
	struct link_tap *tap = from_link(link);
	int rc = 0;

	while (rc == 0 && tap->attached < count) {
		rc = attach(link->fd[tap->attached], true);
		tap->attached += rc == 0;
	}
	while (rc == 0 && tap->attached > count) {
		rc = attach(link->fd[tap->attached - 1], false);
		tap->attached -= rc == 0;
	}
	return rc;
}

static int tap_set_carrier(struct net_link *link, bool up)
{
	int on = up;

	return ioctl(link->fd[0], TUNSETCARRIER, &on) < 0 ? -errno : 0;
}

/* Without headers on the device: the caller's is made up, or left out. */
static void leave_header_out(struct iovec *iov)
{
	iov[0].iov_base = (uint8_t *)iov[0].iov_base + NET_HDR_SIZE;
	iov[0].iov_len -= NET_HDR_SIZE;
}

static ssize_t result(ssize_t n)
{
	/* Gone with its namespace, or deleted. */
	if (n < 0 && (errno == EBADFD || errno == ENODEV || errno == EBADF)) {
		return -EBADFD;
	}
	return n < 0 ? -errno : n;
}

static ssize_t tap_read(struct net_link *link, uint32_t q, struct iovec *iov,
			int count)
{
	ssize_t n;

	if (from_link(link)->headers) {
		return result(readv(link->fd[q], iov, count));
	}
	memset(iov[0].iov_base, 0, NET_HDR_SIZE);
	leave_header_out(iov);
	n = result(readv(link->fd[q], iov, count));
	return n < 0 ? n : n + (ssize_t)NET_HDR_SIZE;
}

static ssize_t tap_write(struct net_link *link, uint32_t q, struct iovec *iov,
			 int count)
{
	if (!from_link(link)->headers) {
		leave_header_out(iov);
	}
	return result(writev(link->fd[q], iov, count));
}

static const struct net_link_ops tap_ops = {
	.offloads = tap_offloads,
	.set_offloads = tap_set_offloads,
	.set_pairs = tap_set_pairs,
	.set_carrier = tap_set_carrier,
	.read = tap_read,
	.write = tap_write,
};

/* What the device is and what its name is; both say that it is a TAP. */
static int check_queue(int fd, struct ifreq *ret)
{
	int flags = fcntl(fd, F_GETFL);

	memset(ret, 0, sizeof(*ret));
	if (flags < 0 || ioctl(fd, TUNGETIFF, ret) < 0) {
		return -errno;
	}
	if ((flags & O_NONBLOCK) == 0 || (ret->ifr_flags & IFF_TAP) == 0 ||
	    (ret->ifr_flags & IFF_NO_PI) == 0) {
		return -EINVAL;
	}
	return 0;
}

/* Headers as virtio 1 has them: little-endian, with num_buffers. */
static int set_headers(int fd)
{
	int size = NET_HDR_SIZE;
	int on = 1;

	if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ||
	    ioctl(fd, TUNSETVNETLE, &on) < 0) {
		return -errno;
	}
	return 0;
}

/* The offloads the kernel knows; what it sends us is decided later. */
static uint64_t probe_offloads(int fd)
{
	uint64_t csum = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM;
	uint64_t segments = VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |
			    VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
	uint64_t ecn = VIRTIO_NET_F_HOST_ECN | VIRTIO_NET_F_GUEST_ECN;
	uint64_t found = 0;

	if (control(fd, TUNSETOFFLOAD, tun_offloads(csum)) == 0) {
		found = csum;
	}
	if (control(fd, TUNSETOFFLOAD, tun_offloads(csum | segments)) == 0) {
		found = csum | segments;
	}
	if (control(fd, TUNSETOFFLOAD, tun_offloads(csum | segments | ecn)) ==
	    0) {
		found = csum | segments | ecn;
	}
	(void)control(fd, TUNSETOFFLOAD, 0);
	return found;
}

int link_tap_init(struct link_tap *tap, const int *fds, uint32_t count)
{
	struct ifreq first;
	struct ifreq other;
	int rc;

	if (count == 0 || count > NET_PAIRS_MAX) {
		return -EINVAL;
	}
	/* An earlier process may have left some out of use. */
	for (uint32_t q = 0; q < count; q++) {
		(void)attach(fds[q], true);
	}
	rc = check_queue(fds[0], &first);
	for (uint32_t q = 1; rc == 0 && q < count; q++) {
		rc = check_queue(fds[q], &other);
		if (rc == 0 &&
		    (strncmp(first.ifr_name, other.ifr_name, IFNAMSIZ) != 0 ||
		     (other.ifr_flags & IFF_MULTI_QUEUE) == 0)) {
			rc = -EINVAL;
		}
	}
	if (rc != 0) {
		return rc;
	}
	memset(tap, 0, sizeof(*tap));
	tap->link.ops = &tap_ops;
	tap->link.pairs = count;
	tap->attached = count;
	tap->headers = (first.ifr_flags & IFF_VNET_HDR) != 0;
	for (uint32_t q = 0; q < count; q++) {
		tap->link.fd[q] = fds[q];
		rc = tap->headers && rc == 0 ? set_headers(fds[q]) : rc;
	}
	if (rc != 0) {
		return rc;
	}
	if (tap->headers) {
		tap->offloads = probe_offloads(fds[0]);
	}
	(void)tap_set_carrier(&tap->link, true);
	return tap_set_pairs(&tap->link, 1);
}
