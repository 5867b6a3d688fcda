/* SPDX-License-Identifier: BSD-2-Clause */
#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define REQUEST_SIZE 512u
#define ANSWER_SIZE 32768u /* what the kernel puts into one datagram */
#define PATIENCE_S 10 /* the kernel answers within the call that asks */

struct request {
	struct nlmsghdr head;
	struct ifinfomsg info;
	uint8_t attributes[REQUEST_SIZE];
};

_Static_assert(sizeof(struct nlmsghdr) % NLMSG_ALIGNTO == 0, "no gaps");
_Static_assert(sizeof(struct ifinfomsg) % NLMSG_ALIGNTO == 0, "no gaps");

int rtnl_open(struct rtnl *ret_rtnl)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rc;

	if (fd < 0) {
		return -errno;
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*ret_rtnl = (struct rtnl){ .fd = fd };
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	close(rtnl->fd);
	rtnl->fd = -1;
}

/* ----------------------------------------------------------------- requests */

static void begin(struct request *request, uint16_t type, uint16_t flags,
		  int index)
{
	memset(request, 0, sizeof(*request));
	request->head.nlmsg_len = NLMSG_LENGTH(sizeof(request->info));
	request->head.nlmsg_type = type;
	request->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->info.ifi_family = AF_UNSPEC;
	request->info.ifi_index = index;
}

/* Room enough is a matter of what this file asks, not of input. */
static struct rtattr *put(struct request *request, uint16_t type,
			  const void *data, size_t len)
{
	uint32_t at = NLMSG_ALIGN(request->head.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)((uint8_t *)request + at);

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len != 0) {
		memcpy(RTA_DATA(attribute), data, len);
	}
	request->head.nlmsg_len = at + (uint32_t)RTA_ALIGN(attribute->rta_len);
	return attribute;
}

static void put_text(struct request *request, uint16_t type, const char *text)
{
	put(request, type, text, strlen(text) + 1);
}

static void put_u32(struct request *request, uint16_t type, uint32_t value)
{
	put(request, type, &value, sizeof(value));
}

static void end(struct request *request, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)((uint8_t *)request +
				   request->head.nlmsg_len - (uint8_t *)nest);
}

/* ------------------------------------------------------------------ answers */

typedef void (*link_cb)(void *ctx, const struct rtnl_link *link);

static void copy_text(char *to, size_t room, const struct rtattr *from)
{
	size_t len = strnlen(RTA_DATA(from), RTA_PAYLOAD(from));

	len = len < room ? len : room - 1;
	memcpy(to, RTA_DATA(from), len);
	to[len] = '\0';
}

static void parse_kind(const struct rtattr *info, struct rtnl_link *link)
{
	const struct rtattr *at = RTA_DATA(info);
	unsigned int left = (unsigned int)RTA_PAYLOAD(info);

	for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == IFLA_INFO_KIND) {
			copy_text(link->kind, sizeof(link->kind), at);
		}
	}
}

static uint32_t u32_of(const struct rtattr *attribute)
{
	uint32_t value = 0;

	if (RTA_PAYLOAD(attribute) >= sizeof(value)) {
		memcpy(&value, RTA_DATA(attribute), sizeof(value));
	}
	return value;
}

static void parse_counters(const struct rtattr *at, struct rtnl_counters *ret)
{
	struct rtnl_link_stats64 stats;

	/* It grows with kernels; these come first. */
	if (RTA_PAYLOAD(at) <
	    offsetof(struct rtnl_link_stats64, tx_bytes) + sizeof(uint64_t)) {
		return;
	}
	memset(&stats, 0, sizeof(stats));
	memcpy(&stats, RTA_DATA(at),
	       RTA_PAYLOAD(at) < sizeof(stats) ? RTA_PAYLOAD(at)
					       : sizeof(stats));
	ret->rx_packets = stats.rx_packets;
	ret->rx_bytes = stats.rx_bytes;
	ret->tx_packets = stats.tx_packets;
	ret->tx_bytes = stats.tx_bytes;
}

static void parse_attribute(const struct rtattr *at, struct rtnl_link *link)
{
	switch (at->rta_type) {
	case IFLA_IFNAME:
		copy_text(link->name, sizeof(link->name), at);
		break;
	case IFLA_IFALIAS:
		copy_text(link->alias, sizeof(link->alias), at);
		break;
	case IFLA_LINKINFO:
		parse_kind(at, link);
		break;
	case IFLA_MTU:
		link->mtu = u32_of(at);
		break;
	case IFLA_MASTER:
		link->master = (int)u32_of(at);
		break;
	case IFLA_STATS64:
		parse_counters(at, &link->counters);
		break;
	case IFLA_ADDRESS:
		if (RTA_PAYLOAD(at) == sizeof(link->mac)) {
			memcpy(link->mac, RTA_DATA(at), sizeof(link->mac));
		}
		break;
	default:
		break;
	}
}

static void parse_link(const struct nlmsghdr *head, link_cb cb, void *ctx)
{
	const struct ifinfomsg *info = NLMSG_DATA(head);
	const struct rtattr *at = IFLA_RTA(info);
	unsigned int left = head->nlmsg_len - NLMSG_LENGTH(sizeof(*info));
	struct rtnl_link link = {
		.index = info->ifi_index,
		.up = (info->ifi_flags & IFF_UP) != 0,
	};

	for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		parse_attribute(at, &link);
	}
	cb(ctx, &link);
}

/* 1: there is more to come; 0: done; or a negative errno */
static int parse_answer(const struct nlmsghdr *head, link_cb cb, void *ctx)
{
	const struct nlmsgerr *error = NLMSG_DATA(head);

	if ((head->nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
		/* The list changed while it was read: it may have holes. */
		return -EAGAIN;
	}
	switch (head->nlmsg_type) {
	case NLMSG_ERROR:
		return head->nlmsg_len < NLMSG_LENGTH(sizeof(*error))
			       ? -EPROTO
			       : error->error;
	case NLMSG_DONE:
		return 0;
	case RTM_NEWLINK:
		if (cb != NULL &&
		    head->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg))) {
			parse_link(head, cb, ctx);
		}
		return 1;
	default:
		return 1;
	}
}

/* 1: there is more to come; 0: done; or a negative errno */
static int receive(struct rtnl *rtnl, link_cb cb, void *ctx)
{
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_SIZE];
	struct nlmsghdr *head = (struct nlmsghdr *)answer;
	ssize_t n = recv(rtnl->fd, answer, sizeof(answer), 0);
	unsigned int left;
	int rc = 1;

	if (n < 0) {
		/* Lost messages, or none in all that time: who knows what. */
		return errno == EINTR ? 1 : -errno;
	}
	left = (unsigned int)n;
	for (; rc > 0 && NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
		if (head->nlmsg_seq == rtnl->seq) {
			rc = parse_answer(head, cb, ctx);
		}
	}
	return rc;
}

/* Asks for an acknowledgement, too, so every request has an end. */
static int call(struct rtnl *rtnl, struct request *request, link_cb cb,
		void *ctx)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int rc;

	request->head.nlmsg_seq = ++rtnl->seq;
	request->head.nlmsg_flags |= NLM_F_ACK;
	do {
		rc = sendto(rtnl->fd, request, request->head.nlmsg_len, 0,
			    (struct sockaddr *)&kernel, sizeof(kernel)) < 0
			     ? -errno
			     : 1;
	} while (rc == -EINTR);
	while (rc > 0) {
		rc = receive(rtnl, cb, ctx);
	}
	return rc;
}

/* -------------------------------------------------------------------- calls */

static void copy_link(void *ctx, const struct rtnl_link *link)
{
	*(struct rtnl_link *)ctx = *link;
}

int rtnl_find(struct rtnl *rtnl, const char *name, struct rtnl_link *ret_link)
{
	struct rtnl_link found = { 0 };
	struct request request;
	int rc;

	if (strlen(name) >= IFNAMSIZ) {
		return -ENODEV;
	}
	begin(&request, RTM_GETLINK, 0, 0);
	put_text(&request, IFLA_IFNAME, name);
	rc = call(rtnl, &request, copy_link, &found);
	if (rc == 0 && found.index == 0) {
		rc = -ENODEV;
	}
	if (rc == 0) {
		*ret_link = found;
	}
	return rc;
}

struct port_search {
	int master;
	int found;
};

static void note_port(void *ctx, const struct rtnl_link *link)
{
	struct port_search *search = ctx;

	if (link->master == search->master && search->found == 0) {
		search->found = link->index;
	}
}

int rtnl_find_port(struct rtnl *rtnl, int master, int *ret_index)
{
	struct port_search search = { .master = master };
	struct request request;
	int rc;

	begin(&request, RTM_GETLINK, NLM_F_DUMP, 0);
	rc = call(rtnl, &request, note_port, &search);
	if (rc == 0) {
		*ret_index = search.found;
	}
	return rc;
}

int rtnl_add_bridge(struct rtnl *rtnl, const char *name, const uint8_t mac[6])
{
	struct request request;
	struct rtattr *info;

	begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	put_text(&request, IFLA_IFNAME, name);
	put(&request, IFLA_ADDRESS, mac, 6);
	info = put(&request, IFLA_LINKINFO, NULL, 0);
	put_text(&request, IFLA_INFO_KIND, "bridge");
	end(&request, info);
	return call(rtnl, &request, NULL, NULL);
}

static void put_no_ipv6(struct request *request)
{
	struct rtattr *families = put(request, IFLA_AF_SPEC, NULL, 0);
	struct rtattr *ipv6 = put(request, AF_INET6, NULL, 0);
	uint8_t none = IN6_ADDR_GEN_MODE_NONE;

	put(request, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	end(request, ipv6);
	end(request, families);
}

int rtnl_change(struct rtnl *rtnl, int index, const struct rtnl_change *change)
{
	struct request request;

	begin(&request, RTM_SETLINK, 0, index);
	if (change->up) {
		request.info.ifi_flags = IFF_UP;
		request.info.ifi_change = IFF_UP;
	}
	if (change->alias != NULL) {
		put(&request, IFLA_IFALIAS, change->alias,
		    strlen(change->alias));
	}
	if (change->mac != NULL) {
		put(&request, IFLA_ADDRESS, change->mac, 6);
	}
	if (change->mtu != 0) {
		put_u32(&request, IFLA_MTU, change->mtu);
	}
	if (change->master != 0) {
		put_u32(&request, IFLA_MASTER, (uint32_t)change->master);
	}
	if (change->no_ipv6) {
		put_no_ipv6(&request);
	}
	return call(rtnl, &request, NULL, NULL);
}

int rtnl_delete(struct rtnl *rtnl, int index)
{
	struct request request;

	begin(&request, RTM_DELLINK, 0, index);
	return call(rtnl, &request, NULL, NULL);
}

int rtnl_listen(struct rtnl *rtnl)
{
	int group = RTNLGRP_LINK;

	return setsockopt(rtnl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
			  sizeof(group)) < 0
		       ? -errno
		       : 0;
}

void rtnl_wait(struct rtnl *rtnl, int ms)
{
	struct pollfd fd = { .fd = rtnl->fd, .events = POLLIN };
	uint8_t some[ANSWER_SIZE];

	(void)poll(&fd, 1, ms);
	/* What it was is looked up; that some are lost is an error, too. */
	while (recv(rtnl->fd, some, sizeof(some), MSG_DONTWAIT) >= 0 ||
	       errno == ENOBUFS || errno == EINTR) {}
}
