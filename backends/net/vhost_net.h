/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's vhost-net as the mover of packets: one /dev/vhost-net for each
 * queue pair, and a thread that the kernel adds to this process for each.
 *
 * Guest memory, which the thread sees where this process has it mapped, and the
 * eventfd for faults are told once; a queue's place, position and events each
 * time.  What is done after init, the system call filter knows (sandbox.c).
 */
#ifndef ZV_BACKENDS_NET_VHOST_NET_H
#define ZV_BACKENDS_NET_VHOST_NET_H

#include "core/guest_mem.h"
#include "net/net_link.h"
#include "net/net_mover.h"

struct vhost_net {
	struct net_mover mover;
	const struct net_link *link;
	const struct guest_mem *gm;
	int fd[NET_PAIRS_MAX];
};

/*
 * fds: one for each pair of the link, which is a TAP with headers; they stay the
 * caller's.  The link and the memory, which is complete, must outlive this.  0;
 * -EOPNOTSUPP: the kernel's vhost-net knows too little; or -errno.
 */
int vhost_net_init(struct vhost_net *vhost, const int *fds,
		   const struct net_link *link, const struct guest_mem *gm);
/* Also after a failed init. */
void vhost_net_fini(struct vhost_net *vhost);

#endif /* ZV_BACKENDS_NET_VHOST_NET_H */
