/* SPDX-License-Identifier: BSD-2-Clause */
/* A net_link whose cable is a socket pair for each queue pair. */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_PIPE_LINK_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_PIPE_LINK_H

#include "net/net_link.h"

struct pipe_link {
	struct net_link link;
	int peer[NET_PAIRS_MAX]; /* the other ends */
	uint64_t can; /* what offloads() says */
	/* As last set. */
	uint64_t offloads;
	uint32_t pairs;
	bool carrier;
	int fail_read; /* -errno of the next reads; 0: none */
	int fail_write;
	int fail_flush;
	int fail_set; /* of set_offloads() and set_pairs() */
	bool swallow; /* takes whatever is written, and forgets it */
	unsigned int reads; /* calls */
	int pieces; /* of the room of the last */
};

void pipe_link_init(struct pipe_link *pipe, uint32_t pairs, uint64_t can);
void pipe_link_fini(struct pipe_link *pipe);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_PIPE_LINK_H */
