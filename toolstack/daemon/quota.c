/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota.h"

#include <stdlib.h>

void quota_table_init(struct quota_table *table,
		      const struct quota_limits *limits)
{
	*table = (struct quota_table){ .limits = *limits };
}

void quota_table_fini(struct quota_table *table)
{
	while (table->quotas) {
		struct quota *quota = table->quotas;

		table->quotas = quota->next;
		free(quota);
	}
}

static bool says_nothing(const struct quota_table *table,
			 const struct quota *quota, uint64_t now_ns)
{
	return quota->connections == 0 &&
	       (!table->limits.by_user || (rate_is_full(&quota->rate, now_ns) &&
					   quota->quiet_until_ns <= now_ns));
}

static void forget(struct quota_table *table, uint64_t now_ns)
{
	struct quota **link = &table->quotas;

	while (*link) {
		struct quota *quota = *link;

		if (says_nothing(table, quota, now_ns)) {
			*link = quota->next;
			free(quota);
		} else {
			link = &quota->next;
		}
	}
}

static struct quota *find(struct quota_table *table, uid_t uid)
{
	struct quota *quota = table->limits.by_user ? table->quotas : NULL;

	while (quota && quota->uid != uid) {
		quota = quota->next;
	}
	return quota;
}

struct quota *quota_join(struct quota_table *table, uid_t uid, uint64_t now_ns)
{
	const struct rate_limit limit = {
		.per_second = table->limits.per_second,
		.burst = table->limits.per_second * QUOTA_BURST_S,
	};
	struct quota *quota;

	forget(table, now_ns);
	quota = find(table, uid);
	if (!quota) {
		quota = calloc(1, sizeof(*quota));
		if (!quota) {
			return NULL;
		}
		quota->uid = uid;
		rate_init(&quota->rate, &limit, now_ns);
		quota->next = table->quotas;
		table->quotas = quota;
	}
	quota->connections++;
	return quota;
}

void quota_leave(struct quota *quota)
{
	quota->connections--;
}

bool quota_may_tell(struct quota *quota, uint64_t now_ns,
		    unsigned int *ret_untold)
{
	if (now_ns < quota->quiet_until_ns) {
		quota->untold++;
		return false;
	}
	*ret_untold = quota->untold;
	quota->untold = 0;
	quota->quiet_until_ns = now_ns + QUOTA_QUIET_NS;
	return true;
}

bool quota_exceeded(const struct quota_table *table, const struct quota *quota)
{
	return quota->connections > table->limits.connections;
}
