// SPDX-License-Identifier: BSD-2-Clause
/* What a zone does in a second: the difference of two samples. */
#include "top.h"

#include <stdlib.h>
#include <string.h>

/* By how much a counter has grown; one that began anew has not. */
static bool grown(uint64_t before, uint64_t now, uint64_t *ret_by)
{
	*ret_by = now - before;
	return now >= before;
}

static uint64_t exits_before(const struct top_zone *before, const char *reason)
{
	for (size_t i = 0; i < before->exit_count; i++) {
		if (strcmp(before->exits[i].reason, reason) == 0) {
			return before->exits[i].count;
		}
	}
	return 0;
}

static int by_rate(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return left < right ? 1 : left > right ? -1 : 0;
}

/* Fills in the reasons; false if one of them began anew. */
static bool rate_exits(const struct top_zone *before,
		       const struct top_zone *now, double seconds,
		       struct top_rate *ret)
{
	struct {
		double rate;
		size_t index;
	} order[TOP_EXITS_MAX];
	uint64_t by;

	for (size_t i = 0; i < now->exit_count; i++) {
		if (!grown(exits_before(before, now->exits[i].reason),
			   now->exits[i].count, &by)) {
			return false;
		}
		order[i].rate = (double)by / seconds;
		order[i].index = i;
		ret->exits += order[i].rate;
	}
	qsort(order, now->exit_count, sizeof(order[0]), by_rate);
	for (size_t i = 0; i < now->exit_count; i++) {
		ret->by_reason[i].reason = now->exits[order[i].index].reason;
		ret->by_reason[i].rate = order[i].rate;
	}
	ret->reasons = now->exit_count;
	return true;
}

static double seconds_between(uint64_t before, uint64_t now)
{
	return now > before ? (double)(now - before) / 1e9 : 0;
}

static void rate_cpu(const struct top_zone *before, const struct top_zone *now,
		     struct top_rate *ret)
{
	double seconds = seconds_between(before->at_ns, now->at_ns);
	uint64_t guest, steal;

	if (!before->counted || !now->counted || seconds <= 0 ||
	    !grown(before->guest_ns, now->guest_ns, &guest) ||
	    !grown(before->steal_ns, now->steal_ns, &steal)) {
		return;
	}
	ret->known = rate_exits(before, now, seconds, ret);
	ret->cpu = (double)guest / seconds / 1e7;
	ret->steal = (double)steal / seconds / 1e7;
}

static const struct top_device *device_before(const struct top_zone *before,
					      const struct top_device *device)
{
	for (size_t i = 0; i < before->device_count; i++) {
		if (strcmp(before->devices[i].name, device->name) == 0) {
			return &before->devices[i];
		}
	}
	return NULL;
}

static bool rate_device(const struct top_zone *before,
			const struct top_device *now, struct top_rate *ret)
{
	const struct top_device *then = device_before(before, now);
	uint64_t ops, bytes;
	double seconds;

	if (then == NULL || !then->told || !now->told) {
		return false;
	}
	seconds = seconds_between(then->at_ns, now->at_ns);
	if (seconds <= 0 || !grown(then->ops, now->ops, &ops) ||
	    !grown(then->bytes, now->bytes, &bytes)) {
		return false;
	}
	ret->io += (double)ops / seconds;
	ret->io_bytes += (double)bytes / seconds;
	return true;
}

void top_rate(const struct top_zone *before, const struct top_zone *now,
	      struct top_rate *ret)
{
	*ret = (struct top_rate){ .known = false };
	if (before == NULL) {
		return;
	}
	rate_cpu(before, now, ret);
	/* A sum without one of them would look like a lull. */
	ret->io_known = now->device_count != 0;
	for (size_t i = 0; i < now->device_count; i++) {
		ret->io_known = rate_device(before, &now->devices[i], ret) &&
				ret->io_known;
	}
}
