// SPDX-License-Identifier: BSD-2-Clause
/* What hvsh says: results, complaints, JSON. */
#include "hvsh.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "suggest.h"

/* A name that is near is worth no longer wait. */
#define ZONES_TIMEOUT_MS 1000

static const char *const paints[] = {
	[PAINT_NONE] = "",	   [PAINT_GOOD] = "\033[32m",
	[PAINT_WARN] = "\033[33m", [PAINT_BAD] = "\033[31m",
	[PAINT_DIM] = "\033[2m",   [PAINT_BOLD] = "\033[1m",
};

const char *paint_start(enum paint paint, bool color)
{
	return color ? paints[paint] : "";
}

const char *paint_end(enum paint paint, bool color)
{
	return color && paint != PAINT_NONE ? "\033[0m" : "";
}

enum paint paint_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum paint paint;
	} rows[] = {
		{ HVD_STATE_RUNNING, PAINT_GOOD },
		{ HVD_STATE_PAUSED, PAINT_WARN },
		{ HVD_STATE_STARTING, PAINT_WARN },
		{ HVD_STATE_SHUTTING_DOWN, PAINT_WARN },
		{ HVD_STATE_REBOOTING, PAINT_WARN },
		{ HVD_STATE_CRASHED, PAINT_BAD },
		{ HVD_STATE_PRESERVED, PAINT_WARN },
		{ HVD_STATE_DYING, PAINT_DIM },
		{ HVD_STATE_DEFINED, PAINT_DIM },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].state, state) == 0) {
			return rows[i].paint;
		}
	}
	return PAINT_NONE;
}

void format_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B",   "KiB", "MiB",
					     "GiB", "TiB", "PiB" };
	size_t unit = 0;
	uint64_t scale = 1;

	while (unit + 1 < sizeof(units) / sizeof(units[0]) &&
	       bytes / scale >= 1024) {
		scale *= 1024;
		unit++;
	}
	if (bytes % scale == 0) {
		snprintf(buf, size, "%llu %s",
			 (unsigned long long)(bytes / scale), units[unit]);
	} else {
		snprintf(buf, size, "%.1f %s", (double)bytes / (double)scale,
			 units[unit]);
	}
}

void format_progress(uint64_t done, uint64_t total, char *buf, size_t size)
{
	char bytes[32];

	if (total == 0) {
		snprintf(buf, size, "-");
		return;
	}
	format_bytes(total, bytes, sizeof(bytes));
	/* All of it only when it is all of it. */
	snprintf(buf, size, "%u%% of %s",
		 (unsigned int)((double)done * 100 / (double)total), bytes);
}

void format_duration(uint64_t ns, char *buf, size_t size)
{
	unsigned long long s = ns / 1000000000u;

	if (s < 60) {
		snprintf(buf, size, "%llu.%03u s", s,
			 (unsigned int)(ns / 1000000u % 1000u));
	} else if (s < 86400) {
		snprintf(buf, size, "%02llu:%02llu:%02llu", s / 3600,
			 s / 60 % 60, s % 60);
	} else {
		snprintf(buf, size, "%llud %02llu:%02llu:%02llu", s / 86400,
			 s / 3600 % 24, s / 60 % 60, s % 60);
	}
}

void format_time(double seconds, char *buf, size_t size)
{
	time_t whole = (time_t)seconds;
	struct tm tm;
	char text[32];

	if (seconds <= 0 || localtime_r(&whole, &tm) == NULL ||
	    strftime(text, sizeof(text), "%F %T", &tm) == 0) {
		snprintf(buf, size, "-");
		return;
	}
	snprintf(buf, size, "%s.%03u", text,
		 (unsigned int)((seconds - (double)whole) * 1000));
}

void print_clean(const char *text)
{
	for (; *text != '\0'; text++) {
		putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?'
								    : *text);
	}
}

bool print_json(const char *text)
{
	struct json_object *json = json_tokener_parse(text);
	const char *pretty;

	/* A null is JSON, but nothing that is printed here. */
	if (json == NULL) {
		return false;
	}
	pretty = json_object_to_json_string_ext(
		json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (pretty != NULL) {
		puts(pretty);
	}
	json_object_put(json);
	return pretty != NULL;
}

/* To a terminal: messages may carry text of a guest's choice. */
static void put_clean(const char *text)
{
	for (; *text != '\0'; text++) {
		fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text,
		      stderr);
	}
}

static void put_line(const char *prefix, const char *fmt, va_list args)
{
	char *text;

	/* Results printed before come before. */
	fflush(stdout);
	fputs(prefix, stderr);
	if (vasprintf(&text, fmt, args) >= 0) {
		put_clean(text);
		free(text);
	}
	fputc('\n', stderr);
}

void complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line("hvsh: ", fmt, args);
	va_end(args);
}

void hint(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_line("  hint: ", fmt, args);
	va_end(args);
}

int out_of_memory(void)
{
	complain("out of memory");
	return EXIT_REQUEST;
}

int exit_status_of(int err)
{
	switch (err) {
	case 0:
		return EXIT_OK;
	case -ECONNRESET:
		return EXIT_CONNECT;
	case -ETIME:
	case -ETIMEDOUT:
		return EXIT_TIMEOUT;
	case -ECANCELED:
		/* By a signal that we got, or by somebody else. */
		return signals_pending() != 0 ? signals_exit_status()
					      : EXIT_REQUEST;
	default:
		return EXIT_REQUEST;
	}
}

const char *file_title(const char *file)
{
	return strcmp(file, "-") == 0 ? "standard input" : file;
}

static void complain_error(struct context *ctx, int err, const char *what)
{
	if (err == -ECANCELED &&
	    hvd_last_error(ctx->conn)->code != HVD_ERROR_CANCELLED) {
		complain("%s: interrupted; the daemon may still finish it",
			 what);
	} else {
		complain("%s: %s", what, hvd_last_error(ctx->conn)->message);
	}
}

static void hint_error(struct context *ctx)
{
	const struct hvd_error *error = hvd_last_error(ctx->conn);

	if (error->hint != NULL) {
		hint("%s", error->hint);
	}
}

int report(struct context *ctx, int err, const char *fmt, ...)
{
	char *what;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&what, fmt, args);
	va_end(args);
	if (len < 0) {
		return out_of_memory();
	}
	complain_error(ctx, err, what);
	free(what);
	hint_error(ctx);
	return exit_status_of(err);
}

/* A path as the user knows it: counted from the definition, not from the
 * request that carried it. */
static void put_place(const char *path, const char *of, const char *where)
{
	static const char prefix[] = "$.definition";
	size_t len = strlen(prefix);

	if (strncmp(path, prefix, len) == 0 &&
	    (path[len] == '.' || path[len] == '\0')) {
		fputs("  at $", stderr);
		put_clean(path + len);
	} else {
		fputs("  at ", stderr);
		put_clean(path);
	}
	fprintf(stderr, " in %s", of);
	put_clean(where);
	fputc('\n', stderr);
}

/* Else a path is about the request, which hvsh wrote and not the user. */
static bool is_about_definition(const struct hvd_error *error)
{
	static const char device[] = "$.devices[";

	switch (error->code) {
	case HVD_ERROR_ZONE_EXISTS:
		return error->path != NULL &&
		       strcmp(error->path, "$.new_name") != 0;
	case HVD_ERROR_INVALID_DEFINITION:
	case HVD_ERROR_NO_MEMORY:
	case HVD_ERROR_IO:
	case HVD_ERROR_TOO_LARGE:
		return error->path != NULL;
	default:
		return error->path != NULL &&
		       strncmp(error->path, device, strlen(device)) == 0;
	}
}

/* Asks the daemon again: libhvd's last error is then another. */
static bool find_near(struct context *ctx, const char *name,
		      struct suggest *near)
{
	struct hvd_zone *zones;
	size_t count;

	suggest_start(near, name);
	hvd_set_timeout(ctx->conn, ZONES_TIMEOUT_MS);
	if (hvd_zone_list(ctx->conn, &zones, &count) != 0) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		suggest_offer(near, zones[i].name);
	}
	hvd_zone_list_free(zones, count);
	return suggest_best(near) != NULL;
}

static void hint_unknown_zone(struct context *ctx, const char *name)
{
	const char *hint_text = hvd_last_error(ctx->conn)->hint;
	char *kept = hint_text != NULL ? strdup(hint_text) : NULL;
	struct suggest near;

	if (find_near(ctx, name, &near)) {
		hint("did you mean %s?", suggest_best(&near));
	} else if (kept != NULL) {
		hint("%s", kept);
	}
	free(kept);
}

static int report_place(struct context *ctx, int err, const char *verb,
			const char *name, const char *of, const char *where)
{
	const struct hvd_error *error;
	char *what;

	if (asprintf(&what, "%s %s", verb, name) < 0) {
		return out_of_memory();
	}
	complain_error(ctx, err, what);
	free(what);
	error = hvd_last_error(ctx->conn);
	if (is_about_definition(error)) {
		put_place(error->path, of, where);
	}
	if (error->code == HVD_ERROR_ZONE_NOT_FOUND) {
		hint_unknown_zone(ctx, name);
	} else {
		hint_error(ctx);
	}
	return exit_status_of(err);
}

int report_zone(struct context *ctx, int err, const char *verb,
		const char *name)
{
	return report_place(ctx, err, verb, name, "the definition of ", name);
}

int report_new(struct context *ctx, int err, const char *verb, const char *name,
	       const char *new_name)
{
	return report_place(ctx, err, verb, name, "the definition of ",
			    new_name);
}

int report_file(struct context *ctx, int err, const char *verb,
		const char *file)
{
	return report_place(ctx, err, verb, file, "", file_title(file));
}

int finish_output(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		clearerr(stdout);
		if (signals_pending() != 0) {
			/* Who reads is slow, and somebody waits no longer. */
			return status == EXIT_OK ? signals_exit_status()
						 : status;
		}
		complain("cannot write the output: %s", strerror(errno));
		return status == EXIT_OK ? EXIT_REQUEST : status;
	}
	return status;
}
