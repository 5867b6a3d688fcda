/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who moves a pair's packets: the mover, if there is one, or this process.
 *
 *   ours -- nothing asks for us --> moved      buffers taken ahead go back
 *   moved -- cable out, a limit, pair or queue not in use, stop --> ours
 *
 * Either way the queues are at rest when they change hands: all chains that were
 * taken have been given back, and the next one is at the used index.  Two things
 * only we can do: hold packets back, and take them from a driver whose cable is
 * out.  A driver without mergeable buffers is ours, too: vhost-net would leave
 * the header's last field unwritten for it.
 */
#include <errno.h>
#include <unistd.h>

#include "core/container_of.h"
#include "net/net_internal.h"

static struct vq *rx_queue(struct net_pair *pair)
{
	return &pair->net->dev.vq[net_rx_queue(pair)];
}

static struct vq *tx_queue(struct net_pair *pair)
{
	return &pair->net->dev.vq[net_tx_queue(pair)];
}

static bool is_limited(const struct net_rates *rates)
{
	return rates->bytes.per_second != 0 || rates->packets.per_second != 0;
}

static bool is_for_mover(struct net_pair *pair)
{
	const struct virtio_net *net = pair->net;

	return net->mover != NULL && net->mover_error == 0 && net->running &&
	       net_is_up(net) && pair->index < net->pairs &&
	       rx_queue(pair)->ready && tx_queue(pair)->ready &&
	       (net->features & VIRTIO_NET_F_MRG_RXBUF) != 0 &&
	       !is_limited(&net->rx_rates) && !is_limited(&net->tx_rates);
}

/* ------------------------------------------------------------ to this process */

/* Where the mover, or who was here before, has left the queue. */
static int take_up(struct vq *vq, uint64_t features)
{
	struct vq_layout layout = vq->at;

	return vq->ready ? vq_init(vq, vq->gm, &layout, features) : 0;
}

static int resume(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	int rc = take_up(rx_queue(pair), net->features);

	if (rc == 0) {
		rc = take_up(tx_queue(pair), net->features);
	}
	if (rc != 0) {
		return rc;
	}
	vq_disable_kick(rx_queue(pair));
	event_defer(net->dev.loop, &pair->rx.more);
	event_defer(net->dev.loop, &pair->tx.more);
	return 0;
}

static void stop_mover(struct net_pair *pair)
{
	struct net_mover *mover = pair->net->mover;
	struct virtio_device *dev = &pair->net->dev;

	mover->ops->stop(mover, pair->index);
	dev->transport->reclaim(dev, net_rx_queue(pair));
	dev->transport->reclaim(dev, net_tx_queue(pair));
	pair->moved = false;
}

static void take_back(struct net_pair *pair)
{
	stop_mover(pair);
	if (resume(pair) != 0) {
		net_broken(pair->net, "malformed queue");
	}
}

/* --------------------------------------------------------------- to the mover */

static int start_mover(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	struct virtio_device *dev = &net->dev;
	struct net_mover_queue queue[2] = {
		{ .vq = rx_queue(pair) },
		{ .vq = tx_queue(pair) },
	};

	dev->transport->lend(dev, net_rx_queue(pair), &queue[0].events);
	dev->transport->lend(dev, net_tx_queue(pair), &queue[1].events);
	return net->mover->ops->start(net->mover, pair->index, net->features,
				      queue);
}

static void hand_over(struct net_pair *pair)
{
	struct virtio_net *net = pair->net;
	int rc;

	net->rx.dropped += pair->pending_len != 0;
	net_quiet_pair(pair);
	net_tx_note_moved(pair);
	pair->moved = true;
	rc = start_mover(pair);
	if (rc == 0) {
		return;
	}
	/* Not again: packets pass all the same, if not as fast. */
	net->mover_error = rc;
	take_back(pair);
	if (net->on_mover_lost != NULL) {
		net->on_mover_lost(net);
	}
}

void net_path_choose(struct net_pair *pair)
{
	bool moved = is_for_mover(pair);

	if (moved && !pair->moved) {
		hand_over(pair);
	} else if (!moved && pair->moved) {
		take_back(pair);
	}
}

void net_path_choose_all(struct virtio_net *net)
{
	for (uint32_t i = 0; i < net->link->pairs; i++) {
		net_path_choose(&net->pair[i]);
	}
}

/* --------------------------------------------------------------------- faults */

static bool had_fault(const struct virtio_net *net)
{
	uint64_t count;

	return read(net->mover->fault_fd, &count, sizeof(count)) ==
	       (ssize_t)sizeof(count);
}

void net_path_end(struct virtio_net *net)
{
	if (net->mover == NULL) {
		return;
	}
	for (uint32_t i = 0; i < net->link->pairs; i++) {
		if (net->pair[i].moved) {
			stop_mover(&net->pair[i]);
		}
	}
	/* What was wrong with these queues is not so with the next ones. */
	(void)had_fault(net);
}

static void on_fault(struct event_watch *watch, unsigned int events)
{
	struct virtio_net *net = container_of(watch, struct virtio_net, faults);

	(void)events;
	if (had_fault(net) && net->running) {
		net_broken(net, "malformed queue, says the kernel");
	}
}

int virtio_net_set_mover(struct virtio_net *net, struct net_mover *mover)
{
	net->mover = mover;
	net->faults.cb = on_fault;
	return event_watch(net->dev.loop, &net->faults, mover->fault_fd,
			   EVENT_READ);
}

void virtio_net_unset_mover(struct virtio_net *net)
{
	event_unwatch(net->dev.loop, &net->faults);
	net->mover = NULL;
}
