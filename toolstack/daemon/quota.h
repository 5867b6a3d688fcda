/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one client may have of a socket: connections, and requests per second.
 * A client is a connection; or, where anybody may connect, a user: whoever opens
 * many connections, or one after the other, has no more by that.
 *
 * A user's quota is therefore kept after the last connection has gone, until
 * there is nothing left to remember: its bucket is full again, and the log could
 * have a line about it.  What is to be
 * forgotten goes when somebody joins; until then who has left can be charged.
 * The caller brings the time: nanoseconds of a clock that never goes back.
 */
#ifndef ZV_TOOLSTACK_DAEMON_QUOTA_H
#define ZV_TOOLSTACK_DAEMON_QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/rate.h"

#define QUOTA_BURST_S 2u /* so much of its rate may come at once */
#define QUOTA_QUIET_NS 1000000000ull /* between two lines of the log about it */

struct quota_limits {
	bool by_user;
	unsigned int connections;
	uint64_t per_second; /* requests; 0: no limit */
};

struct quota {
	struct quota *next;
	uid_t uid;
	unsigned int connections;
	struct rate rate; /* of requests: charged and asked by the caller */
	bool told; /* that it has to wait: the caller's */
	uint64_t quiet_until_ns;
	unsigned int untold; /* since then */
};

struct quota_table {
	struct quota_limits limits;
	struct quota *quotas;
};

void quota_table_init(struct quota_table *table,
		      const struct quota_limits *limits);
void quota_table_fini(struct quota_table *table);

/* One more connection.  NULL: out of memory. */
struct quota *quota_join(struct quota_table *table, uid_t uid, uint64_t now_ns);
void quota_leave(struct quota *quota);

/*
 * May the log have a line about what it has done?  If so *ret_untold is how often it
 * might not, since it last might.
 */
bool quota_may_tell(struct quota *quota, uint64_t now_ns,
		    unsigned int *ret_untold);

/* There is one connection too many. */
bool quota_exceeded(const struct quota_table *table, const struct quota *quota);

#endif /* ZV_TOOLSTACK_DAEMON_QUOTA_H */
