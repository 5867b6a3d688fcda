/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/virtio_net.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/container_of.h"
#include "net/net_internal.h"

#define NS_PER_MS 1000000ull

struct net_config { /* 5.1.4 */
	uint8_t mac[NET_MAC_SIZE];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
};

static struct virtio_net *from_dev(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_net, dev);
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* ------------------------------------------------------------------ limits */

uint64_t net_rates_wait_ns(const struct virtio_net *net,
			   const struct net_rates *rates)
{
	uint64_t now = net->now_ns();
	uint64_t bytes = rate_wait_ns(&rates->bytes, now);
	uint64_t packets = rate_wait_ns(&rates->packets, now);

	return bytes > packets ? bytes : packets;
}

void net_rates_charge(const struct virtio_net *net, struct net_rates *rates,
		      uint64_t bytes)
{
	uint64_t now;

	if (rates->bytes.per_second == 0 && rates->packets.per_second == 0) {
		return;
	}
	now = net->now_ns();
	rate_charge(&rates->bytes, bytes, now);
	rate_charge(&rates->packets, 1, now);
}

void net_flow_sleep(struct virtio_net *net, struct net_flow *flow, uint64_t ns)
{
	flow->waiting = true;
	event_timer(net->dev.loop, &flow->timer, ns / NS_PER_MS + 1);
}

bool net_flow_pauses(struct virtio_net *net, struct net_flow *flow,
		     const struct net_rates *rates)
{
	uint64_t ns;

	if (rates->bytes.per_second == 0 && rates->packets.per_second == 0) {
		return false;
	}
	ns = net_rates_wait_ns(net, rates);
	if (ns == 0) {
		return false;
	}
	net_flow_sleep(net, flow, ns);
	return true;
}

static void init_rates(struct virtio_net *net, struct net_rates *rates,
		       const struct net_limits *limits)
{
	uint64_t now = net->now_ns();

	rate_init(&rates->bytes, &limits->bytes, now);
	rate_init(&rates->packets, &limits->packets, now);
}

/* --------------------------------------------------------- pairs and events */

bool net_is_up(const struct virtio_net *net)
{
	return net->plugged && !net->lost;
}

static unsigned int events_wanted(const struct net_pair *pair)
{
	const struct virtio_net *net = pair->net;

	if (!net->running || pair->moved || !net_is_up(net) ||
	    pair->index >= net->pairs) {
		return 0;
	}
	return (pair->rx_starved || pair->rx.waiting ? 0 : EVENT_READ) |
	       (pair->tx_blocked ? EVENT_WRITE : 0);
}

void net_watch(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	unsigned int events = events_wanted(pair);

	if (events == pair->watched) {
		return;
	}
	pair->watched = events;
	if (events == 0) {
		event_unwatch(net->dev.loop, &pair->watch);
	} else if (event_watch(net->dev.loop, &pair->watch,
			       net->link->fd[pair->index], events) != 0) {
		pair->watched = 0;
		net_lost(net);
	}
}

static void on_link(struct event_watch *watch, unsigned int events)
{
	struct net_pair *pair = container_of(watch, struct net_pair, watch);

	if ((events & EVENT_WRITE) != 0 && pair->tx_blocked) {
		pair->tx_blocked = false;
		net_tx_run(pair);
	}
	if ((events & EVENT_READ) != 0) {
		net_rx_run(pair);
	}
	net_watch(pair);
}

static void on_rx_more(struct event_defer *defer)
{
	net_rx_run(container_of(defer, struct net_pair, rx.more));
}

static void on_tx_more(struct event_defer *defer)
{
	net_tx_run(container_of(defer, struct net_pair, tx.more));
}

static void on_rx_timer(struct event_timer *timer)
{
	struct net_pair *pair = container_of(timer, struct net_pair, rx.timer);

	pair->rx.waiting = false;
	net_rx_run(pair);
	net_watch(pair);
}

static void on_tx_timer(struct event_timer *timer)
{
	struct net_pair *pair = container_of(timer, struct net_pair, tx.timer);

	pair->tx.waiting = false;
	net_tx_run(pair);
}

static void on_ctrl_more(struct event_defer *defer)
{
	net_ctrl_run(container_of(defer, struct virtio_net, more_ctrl));
}

void net_quiet_pair(struct net_pair *pair)
{
	struct event_loop *loop = pair->net->dev.loop;

	if (pair->watched != 0) {
		event_unwatch(loop, &pair->watch);
		pair->watched = 0;
	}
	event_undefer(loop, &pair->rx.more);
	event_undefer(loop, &pair->tx.more);
	event_timer(loop, &pair->rx.timer, EVENT_NEVER);
	event_timer(loop, &pair->tx.timer, EVENT_NEVER);
	pair->rx.waiting = false;
	pair->tx.waiting = false;
	pair->tx_blocked = false;
	pair->rx_starved = false;
	pair->pending_len = 0;
	net_window_put_back(&pair->window,
			    &pair->net->dev.vq[net_rx_queue(pair)]);
}

static void quiet(struct virtio_net *net)
{
	net->running = false;
	net_path_end(net);
	event_undefer(net->dev.loop, &net->more_ctrl);
	for (uint32_t i = 0; i < net->link->pairs; i++) {
		net_quiet_pair(&net->pair[i]);
	}
}

void net_broken(struct virtio_net *net, const char *why)
{
	quiet(net);
	net->dev.transport->broken(&net->dev, why);
}

/* A device that is being made has no transport to tell. */
static void config_changed(struct virtio_net *net)
{
	if (net->dev.transport != NULL) {
		net->dev.transport->config_changed(&net->dev);
	}
}

/* What waits for the link waits for nothing now: it is dropped. */
static void cable_changed(struct virtio_net *net)
{
	for (uint32_t i = 0; i < net->link->pairs; i++) {
		struct net_pair *pair = &net->pair[i];

		pair->tx_blocked = false;
		net_path_choose(pair);
		net_watch(pair);
		if (net->running) {
			event_defer(net->dev.loop, &pair->rx.more);
			event_defer(net->dev.loop, &pair->tx.more);
		}
	}
	config_changed(net);
}

void net_lost(struct virtio_net *net)
{
	if (net->lost) {
		return;
	}
	net->lost = true;
	cable_changed(net);
	if (net->on_lost != NULL) {
		net->on_lost(net);
	}
}

/* --------------------------------------------------------------------- ops */

static uint64_t features_of_rings(struct virtio_net *net)
{
	return VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_ANNOUNCE |
	       (net->link->pairs > 1 ? VIRTIO_NET_F_MQ : 0) |
	       (net->link->ops->offloads(net->link) & NET_OFFLOADS);
}

static uint64_t net_features(struct virtio_device *dev)
{
	struct virtio_net *net = from_dev(dev);
	uint64_t features = features_of_rings(net) | VIRTIO_NET_F_MAC |
			    VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ |
			    VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA |
			    VIRTIO_NET_F_CTRL_VLAN | VIRTIO_NET_F_CTRL_MAC_ADDR;

	if (net->next_mtu != 0) {
		features |= VIRTIO_NET_F_MTU;
	}
	if ((features & NET_OFFLOADS_GUEST) != 0) {
		features |= VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;
	}
	return features;
}

/* The front-end adds its own, and offers no more of these than it wants. */
static uint64_t rings_features(struct virtio_device *dev)
{
	return features_of_rings(from_dev(dev)) | VIRTIO_NET_F_MTU;
}

/* Drops what a driver may not take without something else (5.1.3.1). */
static uint64_t consistent(uint64_t features)
{
	static const struct {
		uint64_t feature;
		uint64_t needs; /* one of these */
	} rules[] = {
		{ VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM },
		{ VIRTIO_NET_F_GUEST_ECN,
		  VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 },
		{ VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM },
		{ VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM },
		{ VIRTIO_NET_F_HOST_ECN,
		  VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 },
		{ VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_CTRL_RX_EXTRA, VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ },
		{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_VQ },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if ((features & rules[i].needs) == 0) {
			features &= ~rules[i].feature;
		}
	}
	return features;
}

static void net_config_read(struct virtio_device *dev, uint32_t offset,
			    void *ret, size_t len)
{
	struct virtio_net *net = from_dev(dev);
	uint16_t status = (uint16_t)((net_is_up(net) ? NET_STATUS_LINK_UP : 0) |
				     (net->announce ? NET_STATUS_ANNOUNCE : 0));
	struct net_config config = {
		.status = htole16(status),
		.max_virtqueue_pairs = htole16((uint16_t)net->link->pairs),
		.mtu = htole16(net->mtu),
	};

	memcpy(config.mac, net->filter.mac, sizeof(config.mac));
	memcpy(ret, (const uint8_t *)&config + offset, len);
}

/* As the driver finds the device after a reset. */
static void defaults(struct virtio_net *net)
{
	net_filter_init(&net->filter, net->default_mac);
	net->features = 0;
	net->offloads = 0;
	net->pairs = 1;
	net->ctrl = VIRTIO_QUEUES_MAX;
	net->tables = false;
	net->announce = false;
	net->mtu = net->next_mtu;
}

static void take_features(struct virtio_net *net, uint64_t features)
{
	/* That queue is there, but it is the front-end's. */
	net->features = consistent(
		features | (net->rings_only ? VIRTIO_NET_F_CTRL_VQ : 0));
	net->offloads = net->features & NET_OFFLOADS_GUEST;
	/* Nobody can add to what passes: so all does. */
	net->filter.vlans_all = (net->features & VIRTIO_NET_F_CTRL_VLAN) == 0;
	if (!net->rings_only && (net->features & VIRTIO_NET_F_CTRL_VQ) != 0) {
		net->ctrl = (net->features & VIRTIO_NET_F_MQ) != 0
				    ? 2 * net->link->pairs
				    : 2;
	}
}

/* Pairs that the driver has made. */
static uint32_t pairs_made(const struct virtio_net *net)
{
	return (net->features & VIRTIO_NET_F_MQ) != 0 ? net->link->pairs : 1;
}

/* Up to the last one of which the front-end has enabled a queue. */
static uint32_t pairs_enabled(const struct virtio_net *net)
{
	const struct virtio_device *dev = &net->dev;
	uint32_t i = pairs_made(net);

	while (i != 0 && !dev->vq[2 * i - 2].ready &&
	       (!dev->vq[2 * i - 1].ready ||
		(dev->discard & 1u << (2 * i - 1)) != 0)) {
		i--;
	}
	return i;
}

static int start_pairs(struct virtio_net *net)
{
	for (uint32_t i = 0; i < pairs_made(net); i++) {
		struct net_pair *pair = &net->pair[i];
		int rc = net_tx_resume(pair);

		if (rc != 0) {
			return rc;
		}
		vq_disable_kick(&net->dev.vq[net_rx_queue(pair)]);
	}
	return 0;
}

static int net_start(struct virtio_device *dev, uint64_t features)
{
	struct virtio_net *net = from_dev(dev);
	int rc;

	take_features(net, features);
	if (net->rings_only) {
		net->pairs = pairs_enabled(net);
	}
	net_ctrl_resume(net);
	rc = start_pairs(net);
	if (rc == 0) {
		rc = net_ctrl_apply(net);
	}
	if (rc != 0) {
		return rc;
	}
	net->running = true;
	/* Look at all queues once: a kick may have come before we did. */
	event_defer(dev->loop, &net->more_ctrl);
	for (uint32_t i = 0; i < pairs_made(net); i++) {
		event_defer(dev->loop, &net->pair[i].rx.more);
		event_defer(dev->loop, &net->pair[i].tx.more);
	}
	net_path_choose_all(net);
	if (memcmp(net->filter.mac, net->default_mac, NET_MAC_SIZE) != 0) {
		/* A predecessor showed the driver its own choice. */
		dev->transport->config_changed(dev);
	}
	return 0;
}

static void net_kick(struct virtio_device *dev, uint32_t q)
{
	struct virtio_net *net = from_dev(dev);

	if (!net->running) {
		return;
	}
	if (q == net->ctrl) {
		net_ctrl_run(net);
	} else if (q / 2 < pairs_made(net) && q % 2 == 0) {
		net_rx_kick(&net->pair[q / 2]);
	} else if (q / 2 < pairs_made(net)) {
		net_tx_run(&net->pair[q / 2]);
	}
}

static void net_queue_gone(struct virtio_device *dev, uint32_t q)
{
	struct virtio_net *net = from_dev(dev);

	if (q != net->ctrl && q / 2 < net->link->pairs) {
		net_path_choose(&net->pair[q / 2]);
	}
}

static void net_stop(struct virtio_device *dev, virtio_stop_cb done)
{
	struct virtio_net *net = from_dev(dev);

	quiet(net);
	defaults(net);
	done(dev);
}

/* Over vhost-user the position is the front-end's word. */
static uint64_t rings_mark_at(struct virtio_device *dev, uint32_t q,
			      uint16_t pos)
{
	(void)dev;
	return q % 2 == 1 ? pos : 0;
}

static int rings_set_mtu(struct virtio_device *dev, uint64_t mtu)
{
	return mtu <= UINT16_MAX
		       ? virtio_net_set_mtu(from_dev(dev), (uint16_t)mtu)
		       : -EINVAL;
}

static const struct virtio_device_ops rings_ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.discards = 0xaaaaaaaau, /* transmit queues */
	.features = rings_features,
	.start = net_start,
	.kick = net_kick,
	.stop = net_stop,
	.mark_at = rings_mark_at,
	.set_mtu = rings_set_mtu,
};

static const struct virtio_device_ops net_ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.config_len = sizeof(struct net_config),
	.features = net_features,
	.config_read = net_config_read,
	.start = net_start,
	.kick = net_kick,
	.stop = net_stop,
	.queue_gone = net_queue_gone,
};

/* --------------------------------------------------------------------- API */

static void init_pair(struct virtio_net *net, uint32_t index)
{
	struct net_pair *pair = &net->pair[index];

	pair->net = net;
	pair->index = index;
	pair->watch.cb = on_link;
	pair->rx.more.cb = on_rx_more;
	pair->tx.more.cb = on_tx_more;
	pair->rx.timer.cb = on_rx_timer;
	pair->tx.timer.cb = on_tx_timer;
}

int virtio_net_init(struct virtio_net *net, struct event_loop *loop,
		    struct net_link *link,
		    const struct virtio_net_config *config)
{
	if ((config->mac[0] & 1) != 0 || link->pairs == 0 ||
	    link->pairs > NET_PAIRS_MAX ||
	    (config->mtu != 0 && config->mtu < NET_MTU_MIN)) {
		return -EINVAL;
	}
	memset(net, 0, sizeof(*net));
	net->rings_only = config->rings_only;
	net->dev.ops = net->rings_only ? &rings_ops : &net_ops;
	net->dev.loop = loop;
	net->dev.queue_count = 2 * link->pairs + !net->rings_only;
	net->link = link;
	net->plugged = true;
	net->now_ns = config->now_ns != NULL ? config->now_ns : monotonic_ns;
	net->next_mtu = net->rings_only ? NET_MTU_DEFAULT : config->mtu;
	net->more_ctrl.cb = on_ctrl_more;
	memcpy(net->default_mac, config->mac, NET_MAC_SIZE);
	for (uint32_t i = 0; i < link->pairs; i++) {
		init_pair(net, i);
	}
	virtio_net_set_limits(net, &config->rx_limits, &config->tx_limits);
	defaults(net);
	return 0;
}

void virtio_net_set_plugged(struct virtio_net *net, bool plugged)
{
	if (net->plugged == plugged) {
		return;
	}
	net->plugged = plugged;
	(void)net->link->ops->set_carrier(net->link, plugged);
	cable_changed(net);
}

int virtio_net_set_mtu(struct virtio_net *net, uint16_t mtu)
{
	/* Whether there is one at all was told with the features. */
	if (mtu < NET_MTU_MIN || net->next_mtu == 0) {
		return -EINVAL;
	}
	net->next_mtu = mtu;
	if (net->running || net->mtu == mtu) {
		return 0;
	}
	net->mtu = mtu;
	config_changed(net);
	return 0;
}

void virtio_net_announce(struct virtio_net *net)
{
	if (!net->running || net->announce ||
	    (net->features & VIRTIO_NET_F_GUEST_ANNOUNCE) == 0) {
		return;
	}
	net->announce = true;
	net->dev.transport->config_changed(&net->dev);
}

/* Waits for nothing any more: it looks at the new limits. */
static void end_wait(struct virtio_net *net, struct net_flow *flow)
{
	if (flow->waiting) {
		event_timer(net->dev.loop, &flow->timer, EVENT_NEVER);
		flow->waiting = false;
		event_defer(net->dev.loop, &flow->more);
	}
}

void virtio_net_set_limits(struct virtio_net *net, const struct net_limits *rx,
			   const struct net_limits *tx)
{
	init_rates(net, &net->rx_rates, rx);
	init_rates(net, &net->tx_rates, tx);
	for (uint32_t i = 0; i < net->link->pairs; i++) {
		end_wait(net, &net->pair[i].rx);
		end_wait(net, &net->pair[i].tx);
	}
	net_path_choose_all(net);
}
