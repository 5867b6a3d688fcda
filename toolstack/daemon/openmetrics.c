/* SPDX-License-Identifier: BSD-2-Clause */
#include "openmetrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16384u
#define LABELS_MAX 8u /* of ours, and the one that we add */

static char *reserve(struct openmetrics *m, size_t len)
{
	size_t room = m->room ? m->room : FIRST_ROOM;
	char *grown;

	if (m->failed) {
		return NULL;
	}
	while (room - m->len < len) {
		room *= 2;
	}
	if (room != m->room) {
		grown = realloc(m->text, room);
		if (!grown) {
			m->failed = true;
			return NULL;
		}
		m->text = grown;
		m->room = room;
	}
	return m->text + m->len;
}

static void put(struct openmetrics *m, const char *text, size_t len)
{
	char *at = reserve(m, len);

	if (at) {
		memcpy(at, text, len);
		m->len += len;
	}
}

static void put_text(struct openmetrics *m, const char *text)
{
	put(m, text, strlen(text));
}

static void __attribute__((format(printf, 2, 3)))
put_format(struct openmetrics *m, const char *format, ...)
{
	char text[64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put_text(m, text);
}

/* Of help and of a label's value: the same three, and in help a quote is none. */
static void put_escaped(struct openmetrics *m, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n') {
			put_text(m, "\\n");
			continue;
		}
		if (*text == '\\' || *text == '"') {
			put(m, "\\", 1);
		}
		put(m, text, 1);
	}
}

void openmetrics_begin(struct openmetrics *m,
		       const struct openmetrics_family *family)
{
	static const char *const types[] = {
		[OPENMETRICS_GAUGE] = "gauge",
		[OPENMETRICS_COUNTER] = "counter",
		[OPENMETRICS_HISTOGRAM] = "histogram",
		[OPENMETRICS_INFO] = "info",
		[OPENMETRICS_STATESET] = "stateset",
	};

	put_text(m, "# TYPE ");
	put_text(m, family->name);
	put_text(m, " ");
	put_text(m, types[family->type]);
	if (family->unit) {
		put_text(m, "\n# UNIT ");
		put_text(m, family->name);
		put_text(m, " ");
		put_text(m, family->unit);
	}
	put_text(m, "\n# HELP ");
	put_text(m, family->name);
	put_text(m, " ");
	put_escaped(m, family->help);
	put_text(m, "\n");
}

static void put_labels(struct openmetrics *m,
		       const struct openmetrics_label *labels)
{
	const char *before = "{";

	for (; labels && labels->name; labels++) {
		put_text(m, before);
		put_text(m, labels->name);
		put_text(m, "=\"");
		put_escaped(m, labels->value);
		put_text(m, "\"");
		before = ",";
	}
	put_text(m, before[0] == ',' ? "} " : " ");
}

static void put_name(struct openmetrics *m,
		     const struct openmetrics_family *family,
		     const char *suffix, const struct openmetrics_label *labels)
{
	put_text(m, family->name);
	put_text(m, suffix);
	put_labels(m, labels);
}

static const char *suffix_of(const struct openmetrics_family *family)
{
	switch (family->type) {
	case OPENMETRICS_COUNTER:
		return "_total";
	case OPENMETRICS_INFO:
		return "_info";
	case OPENMETRICS_GAUGE:
	case OPENMETRICS_HISTOGRAM:
	case OPENMETRICS_STATESET:
		break;
	}
	return "";
}

void openmetrics_number(struct openmetrics *m,
			const struct openmetrics_family *family,
			const struct openmetrics_label *labels, uint64_t value)
{
	put_name(m, family, suffix_of(family), labels);
	put_format(m, "%" PRIu64 "\n", value);
}

static void put_seconds(struct openmetrics *m, uint64_t ns)
{
	put_format(m, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000u,
		   ns % 1000000000u);
}

void openmetrics_ns(struct openmetrics *m,
		    const struct openmetrics_family *family,
		    const struct openmetrics_label *labels, uint64_t ns)
{
	put_name(m, family, suffix_of(family), labels);
	put_seconds(m, ns);
}

/* The labels and one more; how many there were. */
static size_t add_label(const struct openmetrics_label *labels,
			const char *name,
			struct openmetrics_label ret[LABELS_MAX + 1])
{
	size_t n = 0;

	while (n < LABELS_MAX - 1 && labels[n].name) {
		ret[n] = labels[n];
		n++;
	}
	ret[n].name = name;
	ret[n + 1] = (struct openmetrics_label){ 0 };
	return n;
}

uint64_t openmetrics_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void openmetrics_histogram(struct openmetrics *m,
			   const struct openmetrics_family *family,
			   const struct openmetrics_label *labels,
			   const uint64_t *bucket, size_t count,
			   uint64_t sum_ns)
{
	struct openmetrics_label all[LABELS_MAX + 1];
	size_t n = add_label(labels, "le", all);
	uint64_t sum = 0;
	char bound[32];

	for (size_t i = 0; i < count; i++) {
		sum = openmetrics_add(sum, bucket[i]);
		/* Eight digits are all that 2^24 / 10^6 has. */
		snprintf(bound, sizeof(bound), "%.8g",
			 (double)(1ull << i) / 1e6);
		all[n].value = i + 1 < count ? bound : "+Inf";
		put_name(m, family, "_bucket", all);
		put_format(m, "%" PRIu64 "\n", sum);
	}
	put_name(m, family, "_count", labels);
	put_format(m, "%" PRIu64 "\n", sum);
	put_name(m, family, "_sum", labels);
	put_seconds(m, sum_ns);
}

void openmetrics_state(struct openmetrics *m,
		       const struct openmetrics_family *family,
		       const struct openmetrics_label *labels,
		       const char *const *names, size_t count,
		       const char *state)
{
	struct openmetrics_label all[LABELS_MAX + 1];
	size_t n = add_label(labels, family->name, all);

	for (size_t i = 0; i < count; i++) {
		all[n].value = names[i];
		put_name(m, family, "", all);
		put_text(m, strcmp(names[i], state) == 0 ? "1\n" : "0\n");
	}
}

void openmetrics_end(struct openmetrics *m)
{
	put_text(m, "# EOF\n");
}
