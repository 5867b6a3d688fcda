/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few questions and orders about network interfaces that hvd has for the
 * kernel: rtnetlink(7), one request at a time, each answered before the call
 * returns.  A struct rtnl belongs to one thread.
 */
#ifndef ZV_TOOLSTACK_DAEMON_RTNL_H
#define ZV_TOOLSTACK_DAEMON_RTNL_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct rtnl {
	int fd;
	uint32_t seq;
};

#define RTNL_KIND_SIZE 16
#define RTNL_ALIAS_SIZE 64

struct rtnl_counters { /* as zone0 sees it: rx comes in there */
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t tx_bytes;
};

struct rtnl_link {
	int index;
	int master; /* 0: none */
	bool up;
	uint32_t mtu;
	uint8_t mac[6];
	char name[IFNAMSIZ];
	char kind[RTNL_KIND_SIZE]; /* "bridge", "tun"; empty: hardware */
	char alias[RTNL_ALIAS_SIZE]; /* longer ones are cut */
	struct rtnl_counters counters;
};

/* What to change; a member that is 0 or NULL stays as it is. */
struct rtnl_change {
	const char *alias;
	const uint8_t *mac;
	uint32_t mtu;
	int master;
	bool up;
	bool no_ipv6; /* no link-local address of its own */
};

/* All of these return 0 or a negative errno. */
int rtnl_open(struct rtnl *ret_rtnl);
void rtnl_close(struct rtnl *rtnl);

/* -ENODEV: there is no such interface. */
int rtnl_find(struct rtnl *rtnl, const char *name, struct rtnl_link *ret_link);
/*
 * The first interface that is a port of it; *ret_index 0: there is none.
 * -EAGAIN: the list changed meanwhile; open anew to try again.
 */
int rtnl_find_port(struct rtnl *rtnl, int master, int *ret_index);
/* -EEXIST: the name is taken. */
int rtnl_add_bridge(struct rtnl *rtnl, const char *name, const uint8_t mac[6]);
int rtnl_change(struct rtnl *rtnl, int index, const struct rtnl_change *change);
int rtnl_delete(struct rtnl *rtnl, int index);

/* Makes rtnl one that hears of all changes of links, and does nothing else. */
int rtnl_listen(struct rtnl *rtnl);
/* Returns when something has changed, or after so much time. */
void rtnl_wait(struct rtnl *rtnl, int ms);

#endif /* ZV_TOOLSTACK_DAEMON_RTNL_H */
