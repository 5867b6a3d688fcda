// SPDX-License-Identifier: BSD-2-Clause
/* Commands about what is under way. */
#include "hvsh.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void format_elapsed(double since, char *buf, size_t size)
{
	struct timespec now;
	double seconds;

	clock_gettime(CLOCK_REALTIME, &now);
	seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - since;
	if (since <= 0 || seconds < 0) {
		snprintf(buf, size, "-"); /* unknown, or the clock was set */
		return;
	}
	format_duration((uint64_t)(seconds * 1e9), buf, size);
}

static void add_job(struct table *table, const struct hvd_job *job)
{
	char progress[48], elapsed[32];

	format_progress(job->done, job->total, progress, sizeof(progress));
	format_elapsed(job->since, elapsed, sizeof(elapsed));
	table_add(table, PAINT_NONE, "%" PRIu64, job->id);
	table_add(table, PAINT_NONE, "%s", job->kind);
	table_add(table, PAINT_NONE, "%s", job->zone);
	table_add(table, PAINT_NONE, "%s", elapsed);
	table_add(table, PAINT_NONE, "%s", progress);
	table_add(table, PAINT_NONE, "%s", job->cancellable ? "yes" : "no");
	table_add(table, PAINT_NONE, "%s", job->by);
}

static int print_jobs(struct context *ctx)
{
	static const struct column columns[] = {
		{ "ID", true, false },	      { "JOB", false, false },
		{ "ZONE", false, true },      { "SINCE", true, false },
		{ "PROGRESS", false, false }, { "CANCEL", false, false },
		{ "BY", false, true },
	};
	struct hvd_job *jobs;
	struct table table;
	size_t count;
	int err = hvd_job_list(ctx->conn, &jobs, &count);

	if (err != 0) {
		return report(ctx, err, "jobs");
	}
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < count; i++) {
		add_job(&table, &jobs[i]);
	}
	table_print(&table, ctx->color);
	table_fini(&table);
	hvd_job_list_free(jobs, count);
	return EXIT_OK;
}

static int show_jobs(struct context *ctx, const struct args *args)
{
	char *text;
	int err;

	if (!args_has(args, "json")) {
		return print_jobs(ctx);
	}
	err = hvd_call(ctx->conn, "job.list", NULL, &text);
	if (err != 0) {
		return report(ctx, err, "jobs");
	}
	print_json(text);
	free(text);
	return EXIT_OK;
}

int cmd_jobs(struct context *ctx, const struct args *args)
{
	int status = context_connect(ctx);

	if (status != EXIT_OK) {
		return status;
	}
	return args_has(args, "watch") ? watch(ctx, args, NULL, show_jobs)
				       : show_jobs(ctx, args);
}

int cmd_cancel(struct context *ctx, const struct args *args)
{
	const char *text = args->positionals[0];
	uint64_t id;
	int err;

	if (!parse_number(text, INT64_MAX, &id) || id == 0) {
		complain("cancel: %s is no job's number", text);
		hint("'hvsh jobs' shows them");
		return EXIT_USAGE;
	}
	err = context_connect(ctx);
	if (err != EXIT_OK) {
		return err;
	}
	err = hvd_job_cancel(ctx->conn, id);
	if (err != 0) {
		return report(ctx, err, "cancel %s", text);
	}
	printf("job %" PRIu64 ": asked to end\n", id);
	return EXIT_OK;
}
