/* SPDX-License-Identifier: BSD-2-Clause */
/* What hvsh top has found out at one time (top_sample.c), for cmd_top.c. */
#ifndef ZV_TOOLSTACK_HVSH_TOP_H
#define ZV_TOOLSTACK_HVSH_TOP_H

#include "hvsh.h"

#define TOP_EXITS_MAX 32
#define TOP_WORD_MAX 32

struct top_exit {
	char reason[TOP_WORD_MAX];
	uint64_t count;
};

struct top_device {
	struct top_zone *zone;
	char name[TOP_WORD_MAX];
	bool told;
	uint64_t at_ns; /* when it was told */
	uint64_t ops; /* requests, or packets */
	uint64_t bytes;
	uint64_t silent_until; /* has not answered: is not asked before */
};

struct top_zone {
	struct top *top;
	char *name;
	char *state;
	int64_t id; /* -1: has none */
	uint64_t memory;
	bool counted; /* what follows is known */
	uint64_t at_ns;
	uint64_t guest_ns;
	uint64_t steal_ns;
	struct top_exit exits[TOP_EXITS_MAX];
	size_t exit_count;
	struct top_device *devices; /* disks and network devices */
	size_t device_count;
};

struct top {
	struct top_zone *zones;
	size_t zone_count;
	uint32_t pcpus; /* 0: unknown, as the memory */
	uint64_t memory_total;
	uint64_t memory_free;
	unsigned int pending; /* calls without an answer */
	uint64_t *calls; /* all that were made */
	size_t call_count;
	size_t call_room;
};

uint64_t top_now_ns(void);

/*
 * Asks the daemon; before: the sample before this one, or NULL.  0, or a negative
 * errno value, and ret is empty.  A device that does not answer in time is left out,
 * and not asked for a while.
 */
int top_sample(struct context *ctx, const struct top *before, struct top *ret);
void top_fini(struct top *top);

/* The same zone, in the same life, in an earlier sample; NULL: not there. */
const struct top_zone *top_zone_before(const struct top *before,
				       const struct top_zone *zone);

/* ---- top_rate.c ---- */

struct top_rate {
	bool known; /* cpu, steal, exits */
	double cpu; /* per cent of one CPU */
	double steal;
	double exits; /* a second */
	struct {
		const char *reason;
		double rate;
	} by_reason[TOP_EXITS_MAX]; /* most first */
	size_t reasons;
	bool io_known; /* of all its devices */
	double io; /* a second */
	double io_bytes;
};

void top_rate(const struct top_zone *before, const struct top_zone *now,
	      struct top_rate *ret);

#endif /* ZV_TOOLSTACK_HVSH_TOP_H */
