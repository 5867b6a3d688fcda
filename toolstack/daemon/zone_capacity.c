/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_capacity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

#define NAMED_MAX 3u /* the largest; the rest is counted */

struct text {
	char at[384];
	size_t len;
};

static void add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->at + text->len, sizeof(text->at) - text->len,
			format, args);
	va_end(args);
	text->len += len < 0 ? 0 : (size_t)len;
	if (text->len >= sizeof(text->at)) {
		text->len = sizeof(text->at) - 1;
	}
}

static void add_size(struct text *text, uint64_t bytes)
{
	char size[SIZE_TEXT_MAX];

	size_format(bytes, size);
	add(text, "%s", size);
}

static int by_memory(const void *a, const void *b)
{
	const struct zone_share *x = a;
	const struct zone_share *y = b;

	return x->memory == y->memory  ? strcmp(x->name, y->name)
	       : x->memory > y->memory ? -1
				       : 1;
}

/* "linux1 has 1G, rt has 128M and 2 more have 64M" */
static void add_owners(struct text *text, const struct zone_share *zones,
		       uint32_t count)
{
	uint64_t rest = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (i >= NAMED_MAX) {
			rest += zones[i].memory;
			continue;
		}
		add(text, "%s%.63s has ", i == 0 ? ": " : ", ", zones[i].name);
		add_size(text, zones[i].memory);
	}
	if (count > NAMED_MAX) {
		add(text, " and %u more have ", count - NAMED_MAX);
		add_size(text, rest);
	}
}

/* The smallest one whose end would be enough; zones are sorted.  NULL: none. */
static const struct zone_share *enough(const struct zone_share *zones,
				       uint32_t count, uint64_t missing)
{
	const struct zone_share *found = NULL;

	for (uint32_t i = 0; i < count && zones[i].memory >= missing; i++) {
		found = &zones[i];
	}
	return found;
}

static void advise(struct text *hint, const struct zone_share *zones,
		   uint32_t count, uint64_t missing, uint64_t usable)
{
	const struct zone_share *one = enough(zones, count, missing);
	bool fits = usable >= ZONE_DEF_MEMORY_MIN;

	if (one) {
		add(hint, "shut down %.63s", one->name);
	} else if (count > 1) {
		add(hint, "shut down several of them");
	}
	if (fits) {
		add(hint, "%sgive this one at most ", hint->len ? ", or " : "");
		add_size(hint, usable);
	}
	if (!one) {
		add(hint,
		    "%swhat zone0 has is set when the machine boots (hvsh host)",
		    hint->len ? "; " : "");
	}
}

static int check_memory(const struct zone_def *def, const struct zv_info *info,
			const struct zone_share *zones, uint32_t count,
			struct zerror *ret_error)
{
	uint64_t usable = info->chunks_free * ZV_CHUNK_SIZE;
	uint64_t free_bytes = info->pages_free * ZV_PAGE_SIZE;
	struct text text = { .len = 0 };
	struct text hint = { .len = 0 };

	if (def->memory <= usable) {
		return 0;
	}
	add(&text, "needs ");
	add_size(&text, def->memory);
	add(&text, ", the pool has ");
	if (def->memory <= free_bytes) {
		add_size(&text, free_bytes);
		add(&text, " free, but only ");
		add_size(&text, usable);
		add(&text, " of it in 2M chunks");
	} else {
		add_size(&text, usable);
		add(&text, " free in 2M chunks");
	}
	add_owners(&text, zones, count);
	advise(&hint, zones, count, def->memory - usable, usable);
	return zerror_set(ret_error, ZERROR_NO_MEMORY, "$.memory", hint.at,
			  "%s", text.at);
}

static int check_cpus(const struct zone_def *def, const struct zv_info *info,
		      struct zerror *ret_error)
{
	char path[ZERROR_PATH_MAX];

	for (uint32_t i = 0; def->pinned && i < def->vcpus; i++) {
		if (def->cpus[i] == ZV_PCPU_ANY ||
		    def->cpus[i] < info->pcpu_count) {
			continue;
		}
		zerror_path(path, "$.cpus[%u]", i);
		return zerror_set(
			ret_error, ZERROR_INVALID_DEFINITION, path,
			"leave cpus out to have them chosen; vCPUs can "
			"share one",
			"vCPU %u cannot be on CPU %u: this machine has "
			"the CPUs 0 to %u",
			i, def->cpus[i], info->pcpu_count - 1);
	}
	return 0;
}

int zone_capacity_check(const struct zone_def *def, const struct zv_info *info,
			struct zone_share *zones, uint32_t count,
			struct zerror *ret_error)
{
	if (check_cpus(def, info, ret_error) < 0) {
		return -1;
	}
	if (info->zone_count >= ZV_ZONES_MAX) {
		return zerror_set(ret_error, ZERROR_NO_MEMORY, NULL,
				  "shut one down",
				  "%u zones run already: there are no more "
				  "numbers for them",
				  info->zone_count - 1);
	}
	qsort(zones, count, sizeof(*zones), by_memory);
	return check_memory(def, info, zones, count, ret_error);
}
