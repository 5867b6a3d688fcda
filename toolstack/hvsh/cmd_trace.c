// SPDX-License-Identifier: BSD-2-Clause
/* The command that draws what vCPUs do. */
#include "hvsh.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trace_picture.h"

/* How long a CPU's ring is left to fill before it is asked again. */
#define ROUND_MS 20
/* Answers of one CPU in a round, then it is the turn of the others. */
#define READS_MAX 16
/* An answer that goes on that far has been cut off. */
#define ANSWER_FULL 512
#define CLASSES_MAX 16

struct tracing {
	struct context *ctx;
	const char *output;
	FILE *file;
	struct trace_picture *picture;
	uint64_t *pos;
	bool *behind;
	size_t cpu_count;
	bool more; /* some CPU had more than it could give */
	int signalled; /* the exit status of the signal that ended it, or 0 */
};

/* ----------------------------------------------------------- what to trace */

static const char *const all_classes[] = {
	"run", "sched", "irq", "io", "hypercall", "state", NULL,
};

/* Splits text at its commas, in place; the daemon knows the words. */
static bool split_classes(char *text, const char *ret_classes[CLASSES_MAX + 1])
{
	char *rest = text;
	size_t count = 0;

	while (rest != NULL && count < CLASSES_MAX) {
		ret_classes[count++] = strsep(&rest, ",");
	}
	ret_classes[count] = NULL;
	return rest == NULL;
}

static int begin(struct tracing *t, const char *events)
{
	const char *classes[CLASSES_MAX + 1];
	char *copy = NULL;
	int err;

	if (events != NULL) {
		copy = strdup(events);
		if (copy == NULL) {
			return out_of_memory();
		}
		if (!split_classes(copy, classes)) {
			complain("trace: --events names too many classes");
			free(copy);
			return EXIT_USAGE;
		}
	}
	err = hvd_trace_set(t->ctx->conn,
			    events != NULL ? classes : all_classes, &t->pos,
			    &t->cpu_count);
	free(copy);
	if (err != 0) {
		return report(t->ctx, err, "trace");
	}
	t->behind = calloc(t->cpu_count + 1, sizeof(*t->behind));
	t->picture = trace_picture_new(t->file, t->cpu_count);
	return t->behind == NULL || t->picture == NULL ? out_of_memory()
						       : EXIT_OK;
}

/* ---------------------------------------------------------------- reading */

/* A signal ends the trace, and the call that waited for an answer. */
static bool ended(int err)
{
	return err == -ECANCELED && signals_pending() != 0;
}

static int learn_names(struct tracing *t)
{
	struct hvd_zone *zones;
	size_t count;
	int err = hvd_zone_list(t->ctx->conn, &zones, &count);

	if (err != 0) {
		return err;
	}
	for (size_t i = 0; i < count; i++) {
		trace_picture_name(t->picture, zones[i].id, zones[i].name);
	}
	hvd_zone_list_free(zones, count);
	return 0;
}

static int read_cpu(struct tracing *t, size_t cpu)
{
	struct hvd_trace *trace;
	uint64_t advance;
	bool ok;
	int err;

	t->behind[cpu] = true;
	for (int i = 0; i < READS_MAX; i++) {
		err = hvd_trace_read(t->ctx->conn, (uint32_t)cpu, t->pos[cpu],
				     &trace);
		if (err != 0) {
			return err;
		}
		ok = trace_picture_add(t->picture, cpu, trace->lost,
				       trace->records, trace->record_count);
		advance = trace->pos - t->pos[cpu] - trace->lost;
		t->pos[cpu] = trace->pos;
		hvd_trace_free(trace);
		if (!ok) {
			return -ENOMEM;
		}
		if (advance < ANSWER_FULL) {
			t->behind[cpu] = false;
			return 0;
		}
	}
	t->more = true;
	return 0;
}

static int round_of_reading(struct tracing *t)
{
	int err = 0;

	t->more = false;
	for (size_t cpu = 0; err == 0 && cpu < t->cpu_count; cpu++) {
		err = read_cpu(t, cpu);
	}
	if (err == 0 && trace_picture_wants_names(t->picture)) {
		err = learn_names(t);
	}
	if (err == 0 && !trace_picture_round(t->picture, t->behind)) {
		err = -EIO;
	}
	return err;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What has come since; another signal ends that, too. */
static int last_round(struct tracing *t)
{
	int err;

	if (signals_pending() != 0) {
		t->signalled = signals_exit_status();
		signals_clear();
	}
	err = round_of_reading(t);
	return ended(err) ? 0 : err;
}

/* Until a signal or, if not 0, for that many seconds. */
static int follow(struct tracing *t, uint64_t seconds)
{
	struct pollfd pfd = { .fd = signals_fd(), .events = POLLIN };
	uint64_t end = now_ms() + seconds * 1000;
	int err;

	do {
		err = round_of_reading(t);
		if (err != 0) {
			break;
		}
		poll(&pfd, 1, t->more ? 0 : ROUND_MS);
	} while (signals_pending() == 0 && (seconds == 0 || now_ms() < end));
	return err == 0 || ended(err) ? last_round(t) : err;
}

/* -------------------------------------------------------------------- end */

static int cannot_write(const struct tracing *t)
{
	complain("trace: %s: %s", t->output, strerror(errno));
	return EXIT_REQUEST;
}

/* Writes the end, whatever has ended it, so that the file can be opened. */
static int finish(struct tracing *t, int err)
{
	struct trace_sum sum;
	char duration[32];
	int status = EXIT_OK;

	if (err == -ENOMEM) {
		status = out_of_memory();
	} else if (err != 0 && ferror(t->file) == 0) {
		status = report(t->ctx, err, "trace");
	}
	if (!trace_picture_end(t->picture)) {
		return cannot_write(t);
	}
	sum = trace_picture_sum(t->picture);
	format_duration(sum.duration_ns, duration, sizeof(duration));
	printf("%s: %" PRIu64 " records in %s", t->output, sum.records,
	       duration);
	if (sum.lost != 0) {
		printf(", %" PRIu64 " lost", sum.lost);
	}
	putchar('\n');
	return status;
}

/* The prompt goes on with the connection, which must not trace any longer. */
static void stop(struct tracing *t)
{
	signals_clear();
	if (hvd_is_connected(t->ctx->conn)) {
		(void)hvd_trace_set(t->ctx->conn, NULL, NULL, NULL);
	}
}

static int run(struct tracing *t, const char *events, uint64_t seconds)
{
	int status = begin(t, events);

	if (status != EXIT_OK) {
		return status;
	}
	status = finish(t, follow(t, seconds));
	stop(t);
	/* Ctrl-C is how this is meant to end. */
	if (status == EXIT_OK && t->signalled != EXIT_INTERRUPTED) {
		status = t->signalled;
	}
	return status;
}

int cmd_trace(struct context *ctx, const struct args *args)
{
	struct tracing t = { .ctx = ctx, .output = args_value(args, "output") };
	uint64_t seconds;
	int status;

	if (!args_number(args, "seconds", 0, INT32_MAX, &seconds)) {
		return EXIT_USAGE;
	}
	if (t.output == NULL) {
		complain("trace: --output is missing");
		hint("hvsh trace --seconds 5 --output trace.json");
		return EXIT_USAGE;
	}
	status = context_connect(ctx);
	if (status != EXIT_OK) {
		return status;
	}
	t.file = fopen(t.output, "we");
	if (t.file == NULL) {
		return cannot_write(&t);
	}
	status = run(&t, args_value(args, "events"), seconds);
	if (fclose(t.file) != 0 && status == EXIT_OK) {
		status = cannot_write(&t);
	}
	trace_picture_free(t.picture);
	free(t.behind);
	free(t.pos);
	return status;
}
