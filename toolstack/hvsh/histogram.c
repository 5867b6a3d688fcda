// SPDX-License-Identifier: BSD-2-Clause
/*
 * How long requests of a device took: a line for each power of two of
 * microseconds, from the first that any has taken to the last.
 */
#include "hvsh.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

#define BAR 40
#define BUCKETS 26u /* the last has no upper bound */

static uint64_t bucket(struct json_object *buckets, size_t i)
{
	return json_object_get_uint64(json_object_array_get_idx(buckets, i));
}

void format_latency(uint64_t us, char *buf, size_t size)
{
	if (us < 1000) {
		snprintf(buf, size, "%" PRIu64 " us", us);
	} else if (us < 1000000) {
		snprintf(buf, size, "%.1f ms", (double)us / 1e3);
	} else {
		snprintf(buf, size, "%.1f s", (double)us / 1e6);
	}
}

static void print_bucket(size_t i, uint64_t count, uint64_t most)
{
	static const char bar[BAR + 1] =
		"########################################";
	int len = (int)((double)count / (double)most * BAR);
	char bound[24];

	format_latency(1ull << (i + 1 < BUCKETS ? i : BUCKETS - 2), bound,
		       sizeof(bound));
	len = len == 0 && count != 0 ? 1 : len;
	printf("  %s %9s %10" PRIu64 "%s%.*s\n", i + 1 < BUCKETS ? "<=" : "> ",
	       bound, count, len != 0 ? "  " : "", len, bar);
}

static void print_histogram(const char *name, struct json_object *histogram)
{
	struct json_object *buckets = NULL, *sum = NULL;
	uint64_t count = 0, most = 0;
	size_t first = BUCKETS, last = 0;
	char mean[24];

	if (!json_object_is_type(histogram, json_type_object) ||
	    !json_object_object_get_ex(histogram, "buckets", &buckets) ||
	    !json_object_object_get_ex(histogram, "sum-ns", &sum) ||
	    !json_object_is_type(buckets, json_type_array)) {
		return;
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		uint64_t n = bucket(buckets, i);

		count += n;
		most = n > most ? n : most;
		first = n != 0 && first == BUCKETS ? i : first;
		last = n != 0 ? i : last;
	}
	if (count == 0) {
		return;
	}
	format_latency(json_object_get_uint64(sum) / count / 1000, mean,
		       sizeof(mean));
	printf("\n");
	print_clean(name);
	printf(": %" PRIu64 " requests, %s on average\n", count, mean);
	for (size_t i = first; i <= last; i++) {
		print_bucket(i, bucket(buckets, i), most);
	}
}

void print_latency(struct json_object *latency)
{
	if (json_object_is_type(latency, json_type_object)) {
		json_object_object_foreach (latency, name, histogram) {
			print_histogram(name, histogram);
		}
	}
}
