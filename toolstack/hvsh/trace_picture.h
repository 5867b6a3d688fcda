/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A picture of a trace, in the Trace Event Format that ui.perfetto.dev and
 * chrome://tracing open: zones are processes and vCPUs their threads; one more
 * process has the CPUs of the machine.
 *
 * Records of each CPU come in their order.  Those of all are put in order
 * once everything earlier must have come: at each trace_picture_round(), up to
 * what had come at the one before.
 */
#ifndef ZV_TOOLSTACK_HVSH_TRACE_PICTURE_H
#define ZV_TOOLSTACK_HVSH_TRACE_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct hvd_trace_record;
struct trace_picture;

/* Writes to file, which stays the caller's.  NULL: no memory. */
struct trace_picture *trace_picture_new(FILE *file, size_t cpu_count);
void trace_picture_free(struct trace_picture *p);

/* The name of the zone with that number, perhaps after another one. */
void trace_picture_name(struct trace_picture *p, int64_t zone,
			const char *name);
/* A zone has come that has no name yet. */
bool trace_picture_wants_names(const struct trace_picture *p);

/* The next records of a CPU; lost: those before them that are gone.  False: no
 * memory. */
bool trace_picture_add(struct trace_picture *p, size_t cpu, uint64_t lost,
		       const struct hvd_trace_record *records, size_t count);
/* All CPUs have been asked; `behind`: that one had more than it gave. */
bool trace_picture_round(struct trace_picture *p, const bool *behind);
/* No more records: ends what is open, writes names and the end. */
bool trace_picture_end(struct trace_picture *p);

struct trace_sum {
	uint64_t records;
	uint64_t lost;
	uint64_t duration_ns; /* from the first record to the last */
};
struct trace_sum trace_picture_sum(const struct trace_picture *p);

#endif /* ZV_TOOLSTACK_HVSH_TRACE_PICTURE_H */
