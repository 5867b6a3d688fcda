/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the parts of virtio-net: virtio_net.c, net_rx.c, net_tx.c, net_ctrl.c */
#ifndef ZV_BACKENDS_NET_NET_INTERNAL_H
#define ZV_BACKENDS_NET_NET_INTERNAL_H

#include "net/virtio_net.h"

/* One turn of the loop: what a guest can make us do before others get theirs */
#define NET_TURN_PACKETS 64u
#define NET_TURN_BYTES (256u * 1024u)

/* A driver broke a rule: nothing moves until it resets the device. */
void net_broken(struct virtio_net *net, const char *why);
/* The link is gone: the cable is out for good. */
void net_lost(struct virtio_net *net);
/* Whether packets pass at all. */
bool net_is_up(const struct virtio_net *net);
/* The pair does nothing, and has taken nothing, until it is told to. */
void net_quiet_pair(struct net_pair *pair);
/* Watches for what the pair waits for, and for nothing else. */
void net_watch(struct net_pair *pair);

/* How long a direction has to pause. */
uint64_t net_rates_wait_ns(const struct virtio_net *net,
			   const struct net_rates *rates);
void net_rates_charge(const struct virtio_net *net, struct net_rates *rates,
		      uint64_t bytes);
/* True if the direction has to pause, for which its timer is set. */
bool net_flow_pauses(struct virtio_net *net, struct net_flow *flow,
		     const struct net_rates *rates);
void net_flow_sleep(struct virtio_net *net, struct net_flow *flow, uint64_t ns);

/* Sends or gets what there is, within one turn's allowance. */
void net_rx_run(struct net_pair *pair);
void net_rx_kick(struct net_pair *pair);
void net_tx_run(struct net_pair *pair);
/* Takes the transmit queue up where an earlier process was: 0 or -EPROTO. */
int net_tx_resume(struct net_pair *pair);

/* ... or notes that they are the mover's: its place is the used index. */
void net_tx_note_moved(struct net_pair *pair);

/* Something changed that decides on who moves the pair's packets. */
void net_path_choose(struct net_pair *pair);
void net_path_choose_all(struct virtio_net *net);
/* The mover lets go of all queues. */
void net_path_end(struct virtio_net *net);

void net_ctrl_run(struct virtio_net *net);
/* The driver's wishes, as the marks tell them. */
void net_ctrl_resume(struct virtio_net *net);
/* Turns the wishes about the link into what it does: 0 or -errno. */
int net_ctrl_apply(struct virtio_net *net);

static inline uint32_t net_rx_queue(const struct net_pair *pair)
{
	return 2 * pair->index;
}

static inline uint32_t net_tx_queue(const struct net_pair *pair)
{
	return 2 * pair->index + 1;
}

#endif /* ZV_BACKENDS_NET_NET_INTERNAL_H */
