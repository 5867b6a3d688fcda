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
		return signals_exit_status();
	default:
		return EXIT_REQUEST;
	}
}

int report(struct context *ctx, int err, const char *fmt, ...)
{
	const struct hvd_error *error = hvd_last_error(ctx->conn);
	char *what;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&what, fmt, args);
	va_end(args);
	if (len < 0) {
		return out_of_memory();
	}
	if (err == -ECANCELED) {
		complain("%s: interrupted; the daemon may still finish it",
			 what);
	} else {
		complain("%s: %s", what, error->message);
	}
	free(what);
	if (error->path != NULL) {
		fputs("  at ", stderr);
		put_clean(error->path);
		fputc('\n', stderr);
	}
	if (error->hint != NULL) {
		hint("%s", error->hint);
	}
	return exit_status_of(err);
}

int finish_output(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		clearerr(stdout);
		complain("cannot write the output: %s", strerror(errno));
		return status == EXIT_OK ? EXIT_REQUEST : status;
	}
	return status;
}
