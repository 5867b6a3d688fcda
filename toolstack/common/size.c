/* SPDX-License-Identifier: BSD-2-Clause */
#include "size.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t scale;
};

static const struct unit size_units[] = {
	{ "K", 1ull << 10 },   { "M", 1ull << 20 },   { "G", 1ull << 30 },
	{ "T", 1ull << 40 },   { "k", 1ull << 10 },   { "m", 1ull << 20 },
	{ "g", 1ull << 30 },   { "t", 1ull << 40 },   { "KiB", 1ull << 10 },
	{ "MiB", 1ull << 20 }, { "GiB", 1ull << 30 }, { "TiB", 1ull << 40 },
};

static const struct unit time_units[] = {
	{ "us", 1 },
	{ "ms", 1000 },
	{ "s", 1000000 },
};

static const char *parse(const char *text, const struct unit *units,
			 size_t unit_count, const char *bad_unit,
			 uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'),
					   &value)) {
			return "the number is too large";
		}
	}
	if (p == text) {
		return "it must start with a whole number";
	}
	if (*p == '.' || *p == ',') {
		return "fractions are not allowed; use a smaller unit";
	}
	for (size_t i = 0; i < unit_count; i++) {
		if (strcmp(p, units[i].name) != 0) {
			continue;
		}
		if (__builtin_mul_overflow(value, units[i].scale, &value)) {
			return "the number is too large";
		}
		*ret_value = value;
		return NULL;
	}
	return bad_unit;
}

const char *size_parse(const char *text, uint64_t *ret_bytes)
{
	return parse(text, size_units,
		     sizeof(size_units) / sizeof(size_units[0]),
		     "the unit must be K, M, G or T (1024-based), as in 256M",
		     ret_bytes);
}

const char *size_parse_duration(const char *text, uint64_t *ret_us)
{
	return parse(text, time_units,
		     sizeof(time_units) / sizeof(time_units[0]),
		     "the unit must be us, ms or s, as in 5ms", ret_us);
}

void size_format(uint64_t bytes, char ret_text[SIZE_TEXT_MAX])
{
	static const char units[] = "BKMGT";
	unsigned int unit = 0;

	while (bytes != 0 && bytes % 1024 == 0 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	snprintf(ret_text, SIZE_TEXT_MAX, "%" PRIu64 "%c", bytes, units[unit]);
}

void size_format_duration(uint64_t us, char ret_text[SIZE_TEXT_MAX])
{
	static const char *const units[] = { "us", "ms", "s" };
	unsigned int unit = 0;

	while (us != 0 && us % 1000 == 0 && unit < 2) {
		us /= 1000;
		unit++;
	}
	snprintf(ret_text, SIZE_TEXT_MAX, "%" PRIu64 "%s", us, units[unit]);
}
