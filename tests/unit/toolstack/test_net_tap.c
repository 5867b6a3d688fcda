/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TAP devices and bridges, for real, in a network namespace of our own.  Skips
 * where that, or a TAP, is not to be had.
 */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/link_tap.h"
#include "net/virtio_net.h"
#include "net_tap.h"
#include "rtnl.h"
#include "../backends/support/event_pump.h"
#include "../backends/support/ring_driver.h"

#define TYPE_TEST 0x88b5 /* for experiments (IEEE 802) */
#define PATIENCE_MS 2000

static const char *missing; /* what there is none of */
static struct rtnl rtnl;

static const uint8_t guest_mac[6] = { 0x5a, 1, 2, 3, 4, 5 };
static const uint8_t other_mac[6] = { 0x5a, 9, 9, 9, 9, 9 };

static int enter_namespace(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		missing = "a network namespace (CAP_SYS_ADMIN)";
		return 0;
	}
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		missing = "access to /dev/net/tun";
	}
	return rtnl_open(&rtnl);
}

static bool skips(void)
{
	if (missing != NULL) {
		print_message("skipped: needs %s\n", missing);
	}
	return missing != NULL;
}

#define NEEDS_NAMESPACE()       \
	do {                    \
		(void)state;    \
		if (skips()) {  \
			skip(); \
		}               \
	} while (0)

static struct net_tap_config config_of(uint32_t device, const char *bridge)
{
	struct net_tap_config config = {
		.zone = 7,
		.device = device,
		.bridge = bridge,
		.queues = 1,
		.path = "$.devices[2]",
	};

	memcpy(config.mac, device == 0 ? guest_mac : other_mac, 6);
	return config;
}

static struct net_tap must_open(const struct net_tap_config *config)
{
	struct net_tap tap;
	struct zerror error = { 0 };

	if (net_tap_open(config, &tap, &error) != 0) {
		print_message("%s\n", error.message);
		fail();
	}
	return tap;
}

static bool exists(const char *name)
{
	struct rtnl_link link;
	int rc = rtnl_find(&rtnl, name, &link);

	assert_true(rc == 0 || rc == -ENODEV);
	return rc == 0;
}

static struct rtnl_link look(const char *name)
{
	struct rtnl_link link;

	assert_int_equal(rtnl_find(&rtnl, name, &link), 0);
	return link;
}

static void delete (const char *name)
{
	assert_int_equal(rtnl_delete(&rtnl, look(name).index), 0);
}

/* ----------------------------------------------------------- TAP and bridge */

static void makes_and_removes(void **state)
{
	struct net_tap_config config = config_of(0, NULL);
	struct net_tap tap;
	struct rtnl_link link;
	struct rtnl_link bridge;

	NEEDS_NAMESPACE();
	config.mtu = 1400;
	tap = must_open(&config);
	assert_string_equal(tap.name, "zv7.0");
	link = look("zv7.0");
	bridge = look(NET_TAP_OWN_BRIDGE);
	assert_string_equal(bridge.kind, "bridge");
	assert_true(bridge.up);
	assert_string_equal(link.kind, "tun");
	assert_int_equal(link.master, bridge.index);
	assert_int_equal(link.mtu, 1400);
	assert_true(link.up);
	assert_int_equal(link.mac[0], 0xfe);
	assert_memory_equal(link.mac + 1, guest_mac + 1, 5);
	assert_int_equal(fcntl(tap.fd[0], F_GETFD), FD_CLOEXEC);
	/* In use: it stays. */
	assert_int_equal(net_tap_tidy(), 0);
	assert_true(exists(NET_TAP_OWN_BRIDGE));
	net_tap_close(&tap);
	assert_false(exists("zv7.0"));
	assert_int_equal(net_tap_tidy(), 0);
	assert_false(exists(NET_TAP_OWN_BRIDGE));
	assert_int_equal(net_tap_tidy(), 0);
}

static void last_one_out(void **state)
{
	struct net_tap_config config[2] = { config_of(0, NULL),
					    config_of(1, NET_TAP_OWN_BRIDGE) };
	struct net_tap tap[2];
	uint8_t mac[6];

	NEEDS_NAMESPACE();
	tap[0] = must_open(&config[0]);
	memcpy(mac, look(NET_TAP_OWN_BRIDGE).mac, 6);
	tap[1] = must_open(&config[1]);
	net_tap_close(&tap[0]);
	assert_int_equal(net_tap_tidy(), 0);
	/* With the address it always had. */
	assert_memory_equal(look(NET_TAP_OWN_BRIDGE).mac, mac, 6);
	net_tap_close(&tap[1]);
	assert_int_equal(net_tap_tidy(), 0);
	assert_false(exists(NET_TAP_OWN_BRIDGE));
}

static void bridge_of_others(void **state)
{
	struct net_tap_config config = config_of(0, "br-lan");
	struct zerror error = { 0 };
	struct net_tap tap;

	NEEDS_NAMESPACE();
	assert_int_equal(net_tap_open(&config, &tap, &error), -1);
	assert_int_equal(error.code, ZERROR_INVALID_DEFINITION);
	assert_string_equal(error.path, "$.devices[2].bridge");
	assert_non_null(strstr(error.message, "br-lan"));
	assert_true(error.hint[0] != '\0');
	assert_false(exists("zv7.0"));
	assert_int_equal(rtnl_add_bridge(&rtnl, "br-lan", other_mac), 0);
	assert_int_equal(rtnl_add_bridge(&rtnl, "br-lan", other_mac), -EEXIST);
	tap = must_open(&config);
	assert_int_equal(look("zv7.0").master, look("br-lan").index);
	assert_false(exists(NET_TAP_OWN_BRIDGE));
	net_tap_close(&tap);
	assert_int_equal(net_tap_tidy(), 0);
	assert_true(exists("br-lan"));
	delete ("br-lan");
	config.bridge = "lo";
	assert_int_equal(net_tap_open(&config, &tap, &error), -1);
	assert_non_null(strstr(error.message, "not a bridge"));
	config.bridge = "a-name-that-no-interface-can-have";
	assert_int_equal(net_tap_open(&config, &tap, &error), -1);
	assert_int_equal(error.code, ZERROR_INVALID_DEFINITION);
}

/* A guest may have a larger one than Linux's TAP can. */
static void mtu(void **state)
{
	struct net_tap_config config = config_of(0, NULL);
	struct net_tap tap;

	NEEDS_NAMESPACE();
	config.mtu = 65535;
	tap = must_open(&config);
	assert_int_equal(look("zv7.0").mtu, NET_TAP_MTU_MAX);
	assert_int_equal(net_tap_set_mtu(7, 0, 1400), 0);
	assert_int_equal(look("zv7.0").mtu, 1400);
	assert_int_equal(net_tap_set_mtu(7, 0, 65535), 0);
	assert_int_equal(look("zv7.0").mtu, NET_TAP_MTU_MAX);
	assert_int_equal(net_tap_set_mtu(7, 1, 1400), -ENODEV);
	net_tap_close(&tap);
	assert_int_equal(net_tap_set_mtu(7, 0, 1400), -ENODEV);
	assert_int_equal(net_tap_tidy(), 0);
}

/* Somebody's bridge of our name is used, but it is not ours to remove. */
static void own_name_of_others(void **state)
{
	struct net_tap_config config = config_of(0, NULL);
	struct net_tap tap;

	NEEDS_NAMESPACE();
	assert_int_equal(rtnl_add_bridge(&rtnl, NET_TAP_OWN_BRIDGE, other_mac),
			 0);
	tap = must_open(&config);
	net_tap_close(&tap);
	assert_int_equal(net_tap_tidy(), 0);
	assert_true(exists(NET_TAP_OWN_BRIDGE));
	delete (NET_TAP_OWN_BRIDGE);
}

static void name_taken(void **state)
{
	struct net_tap_config config = config_of(0, NULL);
	struct zerror error = { 0 };
	struct net_tap tap;
	struct net_tap again;

	NEEDS_NAMESPACE();
	config.queues = 2;
	tap = must_open(&config);
	assert_int_equal(net_tap_open(&config, &again, &error), -1);
	assert_int_equal(error.code, ZERROR_BUSY);
	assert_non_null(strstr(error.message, "zv7.0"));
	assert_true(error.hint[0] != '\0');
	net_tap_close(&tap);
	assert_int_equal(net_tap_tidy(), 0);
	/* A bridge of that name. */
	assert_int_equal(rtnl_add_bridge(&rtnl, "zv7.0", other_mac), 0);
	assert_int_equal(net_tap_open(&config, &again, &error), -1);
	assert_int_equal(error.code, ZERROR_BUSY);
	assert_false(exists(NET_TAP_OWN_BRIDGE));
	delete ("zv7.0");
}

static void bad_numbers(void **state)
{
	struct net_tap_config config = config_of(0, NULL);
	struct zerror error = { 0 };
	struct net_tap tap;

	(void)state;
	config.queues = 4;
	assert_int_equal(net_tap_open(&config, &tap, &error), -1);
	config.queues = 0;
	assert_int_equal(net_tap_open(&config, &tap, &error), -1);
	config.queues = 1;
	config.mtu = 60;
	assert_int_equal(net_tap_open(&config, &tap, &error), -1);
	config.mtu = 0;
	config.zone = UINT32_MAX;
	config.device = 1000;
	assert_int_equal(net_tap_open(&config, &tap, &error), -1);
	assert_int_equal(error.code, ZERROR_INVALID_DEFINITION);
}

/* What child() does, in a process of its own: its exit status. */
static int in_child(int (*child)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		_exit(child());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int open_and_die(void)
{
	struct net_tap_config config = config_of(0, NULL);
	struct zerror error;
	struct net_tap tap;

	if (net_tap_open(&config, &tap, &error) != 0) {
		return 1;
	}
	kill(getpid(), SIGKILL);
	return 1;
}

/* An hvd that was killed: the next one knows what is left for its own. */
static void owner_killed(void **state)
{
	struct net_tap_config config = config_of(0, NULL);
	struct net_tap tap;

	NEEDS_NAMESPACE();
	assert_int_equal(in_child(open_and_die), -SIGKILL);
	assert_false(exists("zv7.0"));
	assert_true(exists(NET_TAP_OWN_BRIDGE));
	tap = must_open(&config);
	net_tap_close(&tap);
	assert_int_equal(net_tap_tidy(), 0);
	assert_false(exists(NET_TAP_OWN_BRIDGE));
}

static int open_error(int code)
{
	struct net_tap_config config = config_of(0, NULL);
	struct zerror error = { 0 };
	struct net_tap tap;

	if (net_tap_open(&config, &tap, &error) != -1 || error.code != code ||
	    error.hint[0] == '\0' || strcmp(error.path, "$.devices[2]") != 0) {
		fprintf(stderr, "%d %s\n", error.code, error.message);
		return 1;
	}
	return 0;
}

static int open_without_right(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	if (syscall(SYS_capset, &head, none) < 0) {
		return 2;
	}
	return open_error(ZERROR_PERMISSION);
}

static void without_right(void **state)
{
	NEEDS_NAMESPACE();
	assert_int_equal(in_child(open_without_right), 0);
	assert_false(exists(NET_TAP_OWN_BRIDGE));
}

static int open_without_tun(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev/net", "tmpfs", 0, NULL) < 0) {
		return 2;
	}
	return open_error(ZERROR_UNSUPPORTED);
}

static void without_tun(void **state)
{
	NEEDS_NAMESPACE();
	assert_int_equal(in_child(open_without_tun), 0);
}

/* ------------------------------------------------------------------- packets */

struct packet {
	struct net_hdr hdr;
	uint8_t frame[NET_FRAME_MAX];
};

static bool wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, PATIENCE_MS) == 1;
}

/* The next frame for experiments; the kernel has things to say as well. */
static ssize_t read_frame(struct net_link *link, uint32_t q, struct packet *ret)
{
	for (;;) {
		struct iovec iov[2] = {
			{ ret, 26 },
			{ (uint8_t *)ret + 26, sizeof(*ret) - 26 },
		};
		ssize_t n;

		if (!wait_for(link->fd[q], POLLIN)) {
			return -ETIMEDOUT;
		}
		n = link->ops->read(link, q, iov, 2);
		if (n < 0 ||
		    (ret->frame[12] == TYPE_TEST >> 8 &&
		     ret->frame[13] == (TYPE_TEST & 0xff)) ||
		    (ret->frame[12] == 8 && ret->frame[23] == IPPROTO_TCP)) {
			return n;
		}
	}
}

static ssize_t write_frame(struct net_link *link, struct packet *packet,
			   size_t frame_len)
{
	struct iovec iov[3] = {
		{ &packet->hdr, sizeof(packet->hdr) },
		{ packet->frame, 14 },
		{ packet->frame + 14, frame_len - 14 },
	};

	return link->ops->write(link, 0, iov, 3);
}

static void make_frame(uint8_t *frame, const uint8_t *from, const uint8_t *to,
		       size_t len)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = TYPE_TEST >> 8;
	frame[13] = TYPE_TEST & 0xff;
	for (size_t i = 14; i < len; i++) {
		frame[i] = (uint8_t)(i * 7);
	}
}

/* A neighbour on the bridge that is no zone. */
static int open_peer(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(TYPE_TEST),
		.sll_ifindex = look(NET_TAP_OWN_BRIDGE).index,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			htons(TYPE_TEST));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	return fd;
}

static void link_moves_packets(void **state)
{
	static struct packet packet;
	struct net_tap_config config = config_of(0, NULL);
	struct net_tap tap;
	struct link_tap link;
	uint8_t bridge_mac[6];
	uint8_t frame[1514];
	int peer;

	NEEDS_NAMESPACE();
	tap = must_open(&config);
	memcpy(bridge_mac, look(NET_TAP_OWN_BRIDGE).mac, 6);
	assert_int_equal(link_tap_init(&link, tap.fd, 1), 0);
	assert_int_equal(link.link.ops->offloads(&link.link), NET_OFFLOADS);
	peer = open_peer();
	memset(&packet, 0, sizeof(packet));
	make_frame(packet.frame, guest_mac, bridge_mac, 1514);
	assert_int_equal(write_frame(&link.link, &packet, 1514), 1526);
	assert_true(wait_for(peer, POLLIN));
	assert_int_equal(recv(peer, frame, sizeof(frame), 0), 1514);
	assert_memory_equal(frame, packet.frame, 1514);
	make_frame(frame, bridge_mac, guest_mac, 900);
	assert_int_equal(send(peer, frame, 900, 0), 900);
	assert_int_equal(read_frame(&link.link, 0, &packet), 912);
	assert_memory_equal(packet.frame, frame, 900);
	assert_int_equal(packet.hdr.gso_type, 0);
	/* More than there is room for: as much as there is, and no more. */
	assert_int_equal(send(peer, frame, 900, 0), 900);
	assert_true(wait_for(tap.fd[0], POLLIN));
	{
		struct iovec iov = { &packet, 100 };

		assert_int_equal(link.link.ops->read(&link.link, 0, &iov, 1),
				 100);
		iov = (struct iovec){ &packet, 100 };
		assert_int_equal(link.link.ops->read(&link.link, 0, &iov, 1),
				 -EAGAIN);
	}
	/* The cable. */
	assert_int_equal(link.link.ops->set_carrier(&link.link, false), 0);
	(void)send(peer, frame, 900, 0);
	assert_int_equal(link.link.ops->set_carrier(&link.link, true), 0);
	close(peer);
	/* The device goes away under us. */
	delete ("zv7.0");
	{
		struct iovec iov = { &packet, sizeof(packet) };

		assert_int_equal(link.link.ops->read(&link.link, 0, &iov, 1),
				 -EBADFD);
	}
	memset(&packet, 0, sizeof(packet));
	assert_int_equal(write_frame(&link.link, &packet, 60), -EBADFD);
	net_tap_close(&tap);
	assert_int_equal(net_tap_tidy(), 0);
}

static uint32_t sum16(uint32_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	}
	if (len % 2 != 0) {
		sum += (uint32_t)at[len - 1] << 8;
	}
	while (sum >> 16 != 0) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* Of pseudo header, TCP header and data. */
static uint32_t tcp_sum(const uint8_t *ip, size_t tcp_len)
{
	return sum16(sum16((uint32_t)(6 + tcp_len), ip + 12, 8), ip + 20,
		     tcp_len);
}

#define TCP_DATA 4000u

/* One TCP segment of TCP_DATA bytes to be cut into pieces of 1000. */
static size_t make_tcp(struct packet *packet)
{
	uint8_t *ip = packet->frame + 14;
	uint8_t *tcp = ip + 20;
	uint32_t sum;

	memset(packet, 0, sizeof(*packet));
	make_frame(packet->frame, guest_mac, other_mac, 14 + 40 + TCP_DATA);
	packet->frame[12] = 8;
	packet->frame[13] = 0;
	memset(ip, 0, 40);
	ip[0] = 0x45;
	ip[2] = (40 + TCP_DATA) >> 8;
	ip[3] = (40 + TCP_DATA) & 0xff;
	ip[8] = 64;
	ip[9] = 6;
	ip[12] = ip[16] = 10;
	ip[15] = 1;
	ip[19] = 2;
	sum = ~sum16(0, ip, 20);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	tcp[1] = 1;
	tcp[3] = 2;
	tcp[12] = 0x50;
	tcp[13] = 0x10;
	/* What the checksum starts from: the pseudo header's sum. */
	sum = sum16(6 + 20 + TCP_DATA, ip + 12, 8);
	tcp[16] = (uint8_t)(sum >> 8);
	tcp[17] = (uint8_t)sum;
	packet->hdr = (struct net_hdr){
		.flags = NET_HDR_F_NEEDS_CSUM,
		.gso_type = NET_HDR_GSO_TCPV4,
		.hdr_len = 54,
		.gso_size = 1000,
		.csum_start = 34,
		.csum_offset = 16,
	};
	return 14 + 40 + TCP_DATA;
}

/* From zone to zone: whole if both can, else the kernel does the work. */
static void link_offloads(void **state)
{
	static struct packet packet;
	static struct packet got;
	struct net_tap_config config[2] = { config_of(0, NULL),
					    config_of(1, NULL) };
	struct net_tap tap[2];
	struct link_tap link[2];
	uint64_t tso = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4;
	size_t len;

	NEEDS_NAMESPACE();
	for (int i = 0; i < 2; i++) {
		tap[i] = must_open(&config[i]);
		assert_int_equal(link_tap_init(&link[i], tap[i].fd, 1), 0);
	}
	assert_int_equal(link[1].link.ops->set_offloads(&link[1].link, tso), 0);
	len = make_tcp(&packet);
	assert_int_equal(write_frame(&link[0].link, &packet, len), len + 12);
	assert_int_equal(read_frame(&link[1].link, 0, &got), len + 12);
	assert_int_equal(got.hdr.gso_type, NET_HDR_GSO_TCPV4);
	assert_int_equal(got.hdr.gso_size, 1000);
	assert_int_equal(got.hdr.flags, NET_HDR_F_NEEDS_CSUM);
	assert_memory_equal(got.frame, packet.frame, len);

	assert_int_equal(link[1].link.ops->set_offloads(&link[1].link, 0), 0);
	assert_int_equal(write_frame(&link[0].link, &packet, len), len + 12);
	for (size_t i = 0; i < TCP_DATA / 1000; i++) {
		assert_int_equal(read_frame(&link[1].link, 0, &got),
				 12 + 54 + 1000);
		assert_int_equal(got.hdr.gso_type, 0);
		assert_int_equal(got.hdr.flags & NET_HDR_F_NEEDS_CSUM, 0);
		assert_memory_equal(got.frame + 54,
				    packet.frame + 54 + 1000 * i, 1000);
		assert_int_equal(tcp_sum(got.frame + 14, 1020), 0xffff);
	}
	net_tap_close(&tap[0]);
	net_tap_close(&tap[1]);
	assert_int_equal(net_tap_tidy(), 0);
}

static void link_queues(void **state)
{
	static struct packet packet;
	struct net_tap_config config = config_of(0, NULL);
	struct net_tap tap;
	struct link_tap link;
	struct iovec iov;
	uint8_t frame[200];
	int peer;
	int one;

	NEEDS_NAMESPACE();
	config.queues = 3;
	tap = must_open(&config);
	assert_int_equal(link_tap_init(&link, tap.fd, 3), 0);
	/* Only the first is in use: all that comes, comes there. */
	peer = open_peer();
	for (uint8_t i = 0; i < 20; i++) {
		make_frame(frame, look(NET_TAP_OWN_BRIDGE).mac, guest_mac, 200);
		frame[6] = 0x5a;
		frame[11] = i;
		assert_int_equal(send(peer, frame, 200, 0), 200);
		assert_int_equal(read_frame(&link.link, 0, &packet), 212);
	}
	assert_int_equal(link.link.ops->set_pairs(&link.link, 3), 0);
	iov = (struct iovec){ &packet, sizeof(packet) };
	assert_int_equal(link.link.ops->read(&link.link, 2, &iov, 1), -EAGAIN);
	assert_int_equal(link.link.ops->set_pairs(&link.link, 2), 0);
	/* The next I/O process finds it as it was left. */
	assert_int_equal(link_tap_init(&link, tap.fd, 3), 0);
	assert_int_equal(link.attached, 1);
	assert_int_equal(link.link.ops->set_pairs(&link.link, 3), 0);
	/* Fds that do not belong together, or are no TAP. */
	assert_int_equal(link_tap_init(&link, tap.fd, 4), -EINVAL);
	assert_int_equal(link_tap_init(&link, tap.fd, 0), -EINVAL);
	assert_true(link_tap_init(&link, &peer, 1) < 0);
	one = dup(tap.fd[0]);
	net_tap_close(&tap);
	/* Its fd is passed on: it lives. */
	assert_true(exists("zv7.0"));
	close(one);
	assert_false(exists("zv7.0"));
	close(peer);
	assert_int_equal(net_tap_tidy(), 0);
}

/* ------------------------------------------------------------ whole device */

#define RAM 0x40000000ull
#define RAM_SIZE 0x20000ull

static void no_signal(struct virtio_device *dev, uint32_t q)
{
	(void)dev;
	(void)q;
}

static void no_news(struct virtio_device *dev)
{
	(void)dev;
}

static void no_break(struct virtio_device *dev, const char *why)
{
	(void)dev;
	fail_msg("%s", why);
}

static const struct virtio_transport_ops transport = {
	.signal = no_signal,
	.config_changed = no_news,
	.broken = no_break,
};

static void device_moves_packets(void **state)
{
	struct net_tap_config config = config_of(0, NULL);
	struct virtio_net_config net_config = { .mtu = 1500 };
	struct virtio_net *net;
	struct event_pump pump;
	struct ring_driver ring[3];
	struct guest_mem gm;
	struct net_tap tap;
	struct link_tap link;
	uint64_t marks[VIRTIO_QUEUES_MAX] = { 0 };
	uint8_t *ram;
	uint8_t frame[1514];
	uint8_t seen[1514];
	uint32_t head;
	uint32_t len;
	int peer;

	NEEDS_NAMESPACE();
	tap = must_open(&config);
	ram = calloc(1, RAM_SIZE);
	net = calloc(1, sizeof(*net));
	guest_mem_init(&gm);
	assert_int_equal(guest_mem_add(&gm, RAM, RAM_SIZE, ram), 0);
	event_pump_init(&pump);
	assert_int_equal(link_tap_init(&link, tap.fd, 1), 0);
	memcpy(net_config.mac, guest_mac, 6);
	assert_int_equal(
		virtio_net_init(net, &pump.loop, &link.link, &net_config), 0);
	net->dev.transport = &transport;
	net->dev.mark = marks;
	for (uint32_t q = 0; q < 3; q++) {
		ring_driver_init(&ring[q], &gm, RAM + 0x1000 * q, 16);
		assert_int_equal(vq_init(&net->dev.vq[q], &gm, &ring[q].at, 0),
				 0);
	}
	assert_int_equal(
		net->dev.ops->start(&net->dev,
				    NET_OFFLOADS | VIRTIO_NET_F_MRG_RXBUF),
		0);
	for (uint32_t i = 0; i < 16; i++) {
		ring_driver_desc(&ring[0], ring[0].at.desc, i,
				 RAM + 0x10000 + 2048 * i, 2048, VQ_DESC_WRITE,
				 0);
		ring_driver_offer(&ring[0], (uint16_t)i);
	}
	peer = open_peer();
	make_frame(frame, guest_mac, look(NET_TAP_OWN_BRIDGE).mac, 1514);
	memcpy(ram + 0x8000 + 12, frame, 1514);
	ring_driver_desc(&ring[1], ring[1].at.desc, 0, RAM + 0x8000, 1526, 0,
			 0);
	ring_driver_offer(&ring[1], 0);
	assert_true(event_pump_run(&pump));
	assert_true(ring_driver_take(&ring[1], &head, &len));
	assert_true(wait_for(peer, POLLIN));
	assert_int_equal(recv(peer, seen, sizeof(seen), 0), 1514);
	assert_memory_equal(seen, frame, 1514);

	make_frame(frame, look(NET_TAP_OWN_BRIDGE).mac, guest_mac, 700);
	assert_int_equal(send(peer, frame, 700, 0), 700);
	do {
		if (!ring_driver_take(&ring[0], &head, &len)) {
			assert_true(wait_for(tap.fd[0], POLLIN));
			assert_true(event_pump_run(&pump));
			assert_true(ring_driver_take(&ring[0], &head, &len));
		}
		memcpy(seen, ram + 0x10000 + 2048 * head + 12, 700);
	} while (seen[12] != TYPE_TEST >> 8);
	assert_int_equal(len, 712);
	assert_memory_equal(seen, frame, 700);
	assert_true(net->tx.packets == 1 && net->rx.packets >= 1);
	net->dev.ops->stop(&net->dev, no_news);
	assert_int_equal(event_pump_fini(&pump), 0);
	net_tap_close(&tap);
	close(peer);
	assert_int_equal(net_tap_tidy(), 0);
	free(net);
	free(ram);
}

static void waits_until_they_are_gone(void **state)
{
	struct net_tap_config config = config_of(1, NULL);
	struct net_tap tap;
	pid_t child;
	int pipes[2];
	char byte;

	NEEDS_NAMESPACE();
	assert_int_equal(net_tap_wait_gone(7, 2, 0), 0);
	tap = must_open(&config);
	assert_int_equal(net_tap_wait_gone(7, 1, 0), 0);
	assert_int_equal(net_tap_wait_gone(7, 2, 10), -ETIMEDOUT);
	/* In other hands by now, which open when we wait. */
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		close(pipes[1]);
		(void)!read(pipes[0], &byte, 1);
		_exit(0);
	}
	net_tap_close(&tap);
	close(pipes[0]);
	assert_int_equal(net_tap_wait_gone(7, 2, 10), -ETIMEDOUT);
	close(pipes[1]);
	assert_int_equal(net_tap_wait_gone(7, 2, PATIENCE_MS), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(net_tap_tidy(), 0);
	assert_false(exists(NET_TAP_OWN_BRIDGE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_and_removes),
		cmocka_unit_test(last_one_out),
		cmocka_unit_test(bridge_of_others),
		cmocka_unit_test(mtu),
		cmocka_unit_test(own_name_of_others),
		cmocka_unit_test(name_taken),
		cmocka_unit_test(bad_numbers),
		cmocka_unit_test(owner_killed),
		cmocka_unit_test(without_right),
		cmocka_unit_test(without_tun),
		cmocka_unit_test(link_moves_packets),
		cmocka_unit_test(waits_until_they_are_gone),
		cmocka_unit_test(link_offloads),
		cmocka_unit_test(link_queues),
		cmocka_unit_test(device_moves_packets),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
