/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OpenMetrics 1.0 text (the exposition format of Prometheus and others): families
 * one after another, each begun once and followed by its samples.
 *
 * Names and units are ours, literals; values of labels may be anybody's and are
 * escaped.
 */
#ifndef ZV_TOOLSTACK_DAEMON_OPENMETRICS_H
#define ZV_TOOLSTACK_DAEMON_OPENMETRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPENMETRICS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

struct openmetrics {
	char *text; /* free() it; not terminated */
	size_t len;
	size_t room;
	bool failed; /* out of memory: text is of no use */
};

enum openmetrics_type {
	OPENMETRICS_GAUGE,
	OPENMETRICS_COUNTER,
	OPENMETRICS_HISTOGRAM,
	OPENMETRICS_INFO,
	OPENMETRICS_STATESET,
};

struct openmetrics_family {
	const char *name; /* ends with "_" and the unit, if there is one */
	enum openmetrics_type type;
	const char *unit; /* NULL: none */
	const char *help;
};

struct openmetrics_label {
	const char *name; /* NULL ends the list */
	const char *value;
};

void openmetrics_begin(struct openmetrics *m,
		       const struct openmetrics_family *family);

/* A sample of a family: its name gets the suffix of the type. */
void openmetrics_number(struct openmetrics *m,
			const struct openmetrics_family *family,
			const struct openmetrics_label *labels, uint64_t value);
/* In seconds. */
void openmetrics_ns(struct openmetrics *m,
		    const struct openmetrics_family *family,
		    const struct openmetrics_label *labels, uint64_t ns);

/* No more than fits, for counts that may be lies: a sum must not fall. */
uint64_t openmetrics_add(uint64_t a, uint64_t b);

/*
 * In seconds; bucket[i]: how many were at most 2^i microseconds and in none
 * before; what lies beyond the first count - 1 has no bound.
 */
void openmetrics_histogram(struct openmetrics *m,
			   const struct openmetrics_family *family,
			   const struct openmetrics_label *labels,
			   const uint64_t *bucket, size_t count,
			   uint64_t sum_ns);
/* The one of names that is at hand; labels has room for one more at its end. */
void openmetrics_state(struct openmetrics *m,
		       const struct openmetrics_family *family,
		       const struct openmetrics_label *labels,
		       const char *const *names, size_t count,
		       const char *state);

void openmetrics_end(struct openmetrics *m);

#endif /* ZV_TOOLSTACK_DAEMON_OPENMETRICS_H */
