/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "rtnl.h"

#define TUN_DEVICE "/dev/net/tun"
#define BRIDGE_MARK "made by hvd for its zones"
/* What is seen of the network may be out of date, but not again and again. */
#define ATTEMPTS 4

/* Held from looking at the bridge until it is used, or removed. */
static pthread_mutex_t bridge_lock = PTHREAD_MUTEX_INITIALIZER;

/* -------------------------------------------------------------------- errors */

static int no_right(const struct net_tap_config *config, const char *what,
		    struct zerror *ret_error)
{
	return zerror_set(ret_error, ZERROR_PERMISSION, config->path,
			  "run hvd as root, or give it CAP_NET_ADMIN and "
			  "access to " TUN_DEVICE,
			  "no permission to %s", what);
}

static int failed(const struct net_tap_config *config, const char *what,
		  const char *name, int rc, struct zerror *ret_error)
{
	return rc == -EPERM || rc == -EACCES
		       ? no_right(config, what, ret_error)
		       : zerror_set(ret_error, ZERROR_IO_ERROR, config->path,
				    NULL, "cannot %s '%s': %s", what, name,
				    strerror(-rc));
}

static int no_tun(const struct net_tap_config *config, int rc,
		  struct zerror *ret_error)
{
	if (rc == -ENOENT || rc == -ENODEV || rc == -ENXIO) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, config->path,
				  "load the kernel module 'tun' in zone0",
				  "zone0 has no " TUN_DEVICE
				  ", which a network device needs");
	}
	return failed(config, "open", TUN_DEVICE, rc, ret_error);
}

static int no_tap(const struct net_tap_config *config, const char *name, int rc,
		  struct zerror *ret_error)
{
	if (rc == -EBUSY) {
		return zerror_set(ret_error, ZERROR_BUSY, config->path,
				  "an earlier I/O process of the zone may "
				  "still be ending; otherwise rename or delete "
				  "that interface",
				  "there is a network interface '%s' already",
				  name);
	}
	return failed(config, "create the TAP device", name, rc, ret_error);
}

static int bad_bridge(const struct net_tap_config *config, const char *why,
		      struct zerror *ret_error)
{
	char path[ZERROR_PATH_MAX];

	zerror_path(path, "%s.bridge",
		    config->path != NULL ? config->path : "$");
	return zerror_set(ret_error, ZERROR_INVALID_DEFINITION, path,
			  "make the bridge first (ip link add NAME type "
			  "bridge), or leave 'bridge' out to get hvd's own",
			  "'%s' %s", config->bridge, why);
}

/* ----------------------------------------------------------------------- TAP */

static int open_queue(const char *name, short flags)
{
	struct ifreq ifr = { .ifr_flags = flags };
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0) {
		return -errno;
	}
	memcpy(ifr.ifr_name, name, IFNAMSIZ);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int open_queues(const struct net_tap_config *config, struct net_tap *tap,
		       struct zerror *ret_error)
{
	short flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

	if (access(TUN_DEVICE, F_OK) < 0) {
		return no_tun(config, -errno, ret_error);
	}
	if (config->queues > 1) {
		flags |= IFF_MULTI_QUEUE;
	}
	for (uint32_t q = 0; q < config->queues; q++) {
		/* The first one must not join what somebody else made. */
		short one = (short)(q == 0 ? flags | IFF_TUN_EXCL : flags);
		int fd = open_queue(tap->name, one);

		if (fd == -ENODEV || fd == -ENXIO) {
			return no_tun(config, fd, ret_error);
		}
		if (fd < 0) {
			return no_tap(config, tap->name, fd, ret_error);
		}
		tap->fd[tap->queues++] = fd;
	}
	return 0;
}

/* -------------------------------------------------------------------- bridge */

/* A fixed one: else it is the lowest of the ports', which come and go. */
static int bridge_mac(uint8_t ret_mac[NET_MAC_BYTES])
{
	uint8_t random[UUID_SIZE];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
		return -EIO;
	}
	net_mac_default(random, NET_TAP_OWN_BRIDGE, ret_mac);
	return 0;
}

static int make_bridge(struct rtnl *rtnl, struct rtnl_link *ret_bridge)
{
	struct rtnl_change change = { .alias = BRIDGE_MARK, .up = true };
	uint8_t mac[NET_MAC_BYTES];
	int rc = bridge_mac(mac);

	if (rc == 0) {
		rc = rtnl_add_bridge(rtnl, NET_TAP_OWN_BRIDGE, mac);
	}
	if (rc == 0) {
		rc = rtnl_find(rtnl, NET_TAP_OWN_BRIDGE, ret_bridge);
	}
	if (rc != 0) {
		return rc;
	}
	rc = rtnl_change(rtnl, ret_bridge->index, &change);
	if (rc != 0) {
		(void)rtnl_delete(rtnl, ret_bridge->index);
	}
	return rc;
}

static bool is_own(const struct net_tap_config *config)
{
	return config->bridge == NULL ||
	       strcmp(config->bridge, NET_TAP_OWN_BRIDGE) == 0;
}

static int own_bridge(struct rtnl *rtnl, const struct net_tap_config *config,
		      struct rtnl_link *ret_bridge, struct zerror *ret_error)
{
	int rc = rtnl_find(rtnl, NET_TAP_OWN_BRIDGE, ret_bridge);

	if (rc == -ENODEV) {
		rc = make_bridge(rtnl, ret_bridge);
	}
	if (rc == -EOPNOTSUPP) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, config->path,
				  "load the kernel module 'bridge' in zone0",
				  "zone0's kernel cannot make a bridge");
	}
	if (rc != 0) {
		return failed(config, "make the bridge", NET_TAP_OWN_BRIDGE, rc,
			      ret_error);
	}
	if (strcmp(ret_bridge->kind, "bridge") != 0) {
		return zerror_set(ret_error, ZERROR_BUSY, config->path,
				  "rename that interface, or name another "
				  "bridge in the zone's definition",
				  "'" NET_TAP_OWN_BRIDGE "' is not a bridge");
	}
	return 0;
}

static int find_bridge(struct rtnl *rtnl, const struct net_tap_config *config,
		       struct rtnl_link *ret_bridge, struct zerror *ret_error)
{
	int rc;

	if (is_own(config)) {
		return own_bridge(rtnl, config, ret_bridge, ret_error);
	}
	rc = rtnl_find(rtnl, config->bridge, ret_bridge);
	if (rc == -ENODEV) {
		return bad_bridge(config, "does not exist", ret_error);
	}
	if (rc != 0) {
		return failed(config, "look at", config->bridge, rc, ret_error);
	}
	return strcmp(ret_bridge->kind, "bridge") == 0
		       ? 0
		       : bad_bridge(config, "is not a bridge", ret_error);
}

static int join_bridge(struct rtnl *rtnl, const struct net_tap_config *config,
		       const struct rtnl_link *tap, struct zerror *ret_error)
{
	struct rtnl_change change = { 0 };
	struct rtnl_link bridge;
	int rc = -ENODEV;

	for (int i = 0; rc == -ENODEV && i < ATTEMPTS; i++) {
		if (find_bridge(rtnl, config, &bridge, ret_error) != 0) {
			return -1;
		}
		change.master = bridge.index;
		rc = rtnl_change(rtnl, tap->index, &change);
	}
	return rc == 0 ? 0
		       : failed(config, "add a port to the bridge", bridge.name,
				rc, ret_error);
}

/* ---------------------------------------------------------------------- setup */

static uint32_t tap_mtu(uint32_t mtu)
{
	return mtu < NET_TAP_MTU_MAX ? mtu : NET_TAP_MTU_MAX;
}

static int set_up(struct rtnl *rtnl, const struct net_tap_config *config,
		  const struct rtnl_link *tap, struct zerror *ret_error)
{
	uint8_t mac[NET_MAC_BYTES];
	struct rtnl_change look = {
		.alias = "a network device of an hvd zone",
		.mac = mac,
		.mtu = config->mtu != 0 ? tap_mtu(config->mtu)
					: NET_TAP_MTU_DEFAULT,
	};
	struct rtnl_change no_ipv6 = { .no_ipv6 = true };
	struct rtnl_change up = { .up = true };
	int rc;

	net_mac_of_host_end(config->mac, mac);
	rc = rtnl_change(rtnl, tap->index, &look);
	if (rc != 0) {
		return failed(config, "set address and MTU of", tap->name, rc,
			      ret_error);
	}
	/* zone0 is no party on this cable.  Without IPv6 it fails: fine. */
	(void)rtnl_change(rtnl, tap->index, &no_ipv6);
	pthread_mutex_lock(&bridge_lock);
	rc = join_bridge(rtnl, config, tap, ret_error);
	pthread_mutex_unlock(&bridge_lock);
	if (rc != 0) {
		return rc;
	}
	rc = rtnl_change(rtnl, tap->index, &up);
	return rc == 0 ? 0
		       : failed(config, "bring up", tap->name, rc, ret_error);
}

static int connect_tap(const struct net_tap_config *config,
		       const struct net_tap *tap, struct zerror *ret_error)
{
	struct rtnl rtnl;
	struct rtnl_link link;
	int rc = rtnl_open(&rtnl);

	if (rc != 0) {
		return failed(config, "open", "rtnetlink", rc, ret_error);
	}
	rc = rtnl_find(&rtnl, tap->name, &link);
	rc = rc == 0 ? set_up(&rtnl, config, &link, ret_error)
		     : failed(config, "find", tap->name, rc, ret_error);
	rtnl_close(&rtnl);
	return rc;
}

static int make_name(uint32_t zone, uint32_t device, char ret_name[IFNAMSIZ])
{
	return snprintf(ret_name, IFNAMSIZ, "zv%u.%u", zone, device);
}

void net_tap_name(uint32_t zone, uint32_t device, char ret_name[IFNAMSIZ])
{
	(void)make_name(zone, device, ret_name);
}

static int check(const struct net_tap_config *config, struct net_tap *ret_tap,
		 struct zerror *ret_error)
{
	if (make_name(config->zone, config->device, ret_tap->name) >=
		    (int)sizeof(ret_tap->name) ||
	    config->queues == 0 || config->queues > NET_TAP_QUEUES_MAX ||
	    (config->mtu != 0 && config->mtu < NET_TAP_MTU_MIN)) {
		return zerror_set(ret_error, ZERROR_INVALID_DEFINITION,
				  config->path, NULL,
				  "no such network device: number %u, %u "
				  "queues, MTU %u",
				  config->device, config->queues, config->mtu);
	}
	return 0;
}

int net_tap_open(const struct net_tap_config *config, struct net_tap *ret_tap,
		 struct zerror *ret_error)
{
	struct net_tap tap = { .queues = 0 };

	if (check(config, &tap, ret_error) != 0) {
		return -1;
	}
	if (open_queues(config, &tap, ret_error) != 0 ||
	    connect_tap(config, &tap, ret_error) != 0) {
		net_tap_close(&tap);
		(void)net_tap_tidy();
		return -1;
	}
	*ret_tap = tap;
	return 0;
}

void net_tap_close(struct net_tap *tap)
{
	for (uint32_t q = 0; q < tap->queues; q++) {
		close(tap->fd[q]);
	}
	tap->queues = 0;
}

/* On 0 rtnl is open. */
static int find_tap(uint32_t zone, uint32_t device, struct rtnl *rtnl,
		    struct rtnl_link *ret_link)
{
	char name[IFNAMSIZ];
	int rc = rtnl_open(rtnl);

	if (rc != 0) {
		return rc;
	}
	net_tap_name(zone, device, name);
	rc = rtnl_find(rtnl, name, ret_link);
	if (rc != 0) {
		rtnl_close(rtnl);
	}
	return rc;
}

int net_tap_set_mtu(uint32_t zone, uint32_t device, uint32_t mtu)
{
	struct rtnl_change change = { .mtu = tap_mtu(mtu) };
	struct rtnl rtnl;
	struct rtnl_link link;
	int rc = find_tap(zone, device, &rtnl, &link);

	if (rc == 0) {
		rc = rtnl_change(&rtnl, link.index, &change);
		rtnl_close(&rtnl);
	}
	return rc;
}

int net_tap_counters(uint32_t zone, uint32_t device,
		     struct net_tap_counters *ret)
{
	struct rtnl rtnl;
	struct rtnl_link link;
	int rc = find_tap(zone, device, &rtnl, &link);

	if (rc != 0) {
		return rc;
	}
	rtnl_close(&rtnl);
	*ret = (struct net_tap_counters){
		.rx_packets = link.counters.tx_packets,
		.rx_bytes = link.counters.tx_bytes,
		.tx_packets = link.counters.rx_packets,
		.tx_bytes = link.counters.rx_bytes,
	};
	return 0;
}

/* ------------------------------------------------------------------- the end */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_gone(struct rtnl *rtnl, struct rtnl *news, const char *name,
		     int64_t until)
{
	struct rtnl_link link;
	int rc;

	while ((rc = rtnl_find(rtnl, name, &link)) == 0) {
		int64_t left = until - now_ms();

		if (left <= 0) {
			return -ETIMEDOUT;
		}
		rtnl_wait(news, (int)left);
	}
	return rc == -ENODEV ? 0 : rc;
}

int net_tap_wait_gone(uint32_t zone, uint32_t count, unsigned int ms)
{
	int64_t until = now_ms() + ms;
	struct rtnl rtnl;
	struct rtnl news;
	int rc = rtnl_open(&rtnl);

	if (rc != 0) {
		return rc;
	}
	rc = rtnl_open(&news);
	if (rc == 0) {
		/* Before the first look, so that nothing falls in between. */
		rc = rtnl_listen(&news);
		for (uint32_t i = 0; rc == 0 && i < count; i++) {
			char name[IFNAMSIZ];

			net_tap_name(zone, i, name);
			rc = wait_gone(&rtnl, &news, name, until);
		}
		rtnl_close(&news);
	}
	rtnl_close(&rtnl);
	return rc;
}

/* ----------------------------------------------------------------------- tidy */

static int remove_if_unused(struct rtnl *rtnl)
{
	struct rtnl_link bridge;
	int port;
	int rc = rtnl_find(rtnl, NET_TAP_OWN_BRIDGE, &bridge);

	if (rc == -ENODEV) {
		return 0;
	}
	if (rc != 0) {
		return rc;
	}
	if (strcmp(bridge.kind, "bridge") != 0 ||
	    strcmp(bridge.alias, BRIDGE_MARK) != 0) {
		return 0;
	}
	rc = rtnl_find_port(rtnl, bridge.index, &port);
	if (rc != 0 || port != 0) {
		return rc;
	}
	return rtnl_delete(rtnl, bridge.index);
}

static int tidy(void)
{
	struct rtnl rtnl;
	int rc = rtnl_open(&rtnl);

	if (rc != 0) {
		return rc;
	}
	pthread_mutex_lock(&bridge_lock);
	rc = remove_if_unused(&rtnl);
	pthread_mutex_unlock(&bridge_lock);
	rtnl_close(&rtnl);
	return rc;
}

int net_tap_tidy(void)
{
	int rc = -EAGAIN;

	for (int i = 0; rc == -EAGAIN && i < ATTEMPTS; i++) {
		rc = tidy();
	}
	return rc;
}
