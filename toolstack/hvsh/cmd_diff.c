// SPDX-License-Identifier: BSD-2-Clause
/* The command that compares definitions. */
#include "hvsh.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line_diff.h"

static enum paint paint_of_line(const char *line)
{
	switch (line[0]) {
	case '-':
		return PAINT_BAD;
	case '+':
		return PAINT_GOOD;
	case '@':
		return PAINT_DIM;
	default:
		return PAINT_NONE;
	}
}

static void print_lines(const struct context *ctx, const char *text)
{
	while (*text != '\0') {
		enum paint paint = paint_of_line(text);
		size_t len = strcspn(text, "\n");

		printf("%s%.*s%s\n", paint_start(paint, ctx->color), (int)len,
		       text, paint_end(paint, ctx->color));
		text += len + 1;
	}
}

struct side {
	char *text; /* of which line_diff() is told */
	const char *name, *what; /* above it; what: "" or a remark */
};

static int print_difference(const struct context *ctx, const struct side *from,
			    const struct side *to)
{
	char *text;
	bool differs;

	if (from->text == NULL || to->text == NULL) {
		return EXIT_REQUEST;
	}
	text = line_diff(from->text, to->text);
	if (text == NULL) {
		return out_of_memory();
	}
	differs = text[0] != '\0';
	if (differs) {
		printf("--- %s%s\n+++ %s%s\n", from->name, from->what, to->name,
		       to->what);
		print_lines(ctx, text);
	}
	free(text);
	return differs ? EXIT_DIFFERENT : EXIT_OK;
}

/* What the next start will change. */
static int diff_running(const struct context *ctx,
			const struct hvd_zone_detail *detail)
{
	const char *name = detail->zone.name;
	struct json_object *json, *running;
	struct side from = { NULL, name, " (running)" };
	struct side to = { NULL, name, " (defined)" };
	int status;

	if (strcmp(detail->zone.state, HVD_STATE_DEFINED) == 0) {
		complain("diff %s: the zone is not running", name);
		hint("'hvsh diff %s FILE' compares with a file", name);
		return EXIT_REQUEST;
	}
	json = json_tokener_parse(detail->json);
	/* The daemon tells it if it is another. */
	if (!json_object_object_get_ex(json, "running_definition", &running)) {
		json_object_put(json);
		return EXIT_OK;
	}
	from.text = definition_format(json_object_to_json_string(running));
	to.text = definition_format(detail->definition);
	status = print_difference(ctx, &from, &to);
	free(from.text);
	free(to.text);
	json_object_put(json);
	return status;
}

/* What defining the file would change. */
static int diff_file(const struct context *ctx,
		     const struct hvd_zone_detail *detail, const char *file)
{
	struct side from = { NULL, detail->zone.name, " (defined)" };
	struct side to = { NULL, file_title(file), "" };
	char *text = definition_read(file);
	int status;

	if (text == NULL) {
		return EXIT_REQUEST;
	}
	from.text = definition_format(detail->definition);
	to.text = definition_complete(file, text, detail->zone.uuid);
	status = print_difference(ctx, &from, &to);
	free(from.text);
	free(to.text);
	free(text);
	return status;
}

int cmd_diff(struct context *ctx, const struct args *args)
{
	struct hvd_zone_detail *detail;
	int status = definition_get(ctx, "diff", args->positionals[0], &detail);

	if (status != EXIT_OK) {
		return status;
	}
	status = args->positional_count == 2
			 ? diff_file(ctx, detail, args->positionals[1])
			 : diff_running(ctx, detail);
	hvd_zone_detail_free(detail);
	return status;
}
