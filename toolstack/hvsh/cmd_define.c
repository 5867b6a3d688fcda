// SPDX-License-Identifier: BSD-2-Clause
/* Commands about zone definitions. */
#include "hvsh.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strict_json.h"
#include "zerror.h"

/* A definition is a page of text; this only keeps a mistake small. */
#define FILE_MAX (1u << 20)

/* NUL-terminated, to be freed; NULL after a complaint. */
static char *read_stream(FILE *file, const char *name, size_t *ret_len)
{
	char *text = malloc(FILE_MAX + 2);
	size_t len;

	if (text == NULL) {
		out_of_memory();
		return NULL;
	}
	len = fread(text, 1, FILE_MAX + 1, file);
	if (ferror(file)) {
		complain("cannot read %s: %s", name, strerror(errno));
	} else if (len > FILE_MAX) {
		complain("%s is larger than %u bytes", name, FILE_MAX);
	} else {
		text[len] = '\0';
		*ret_len = len;
		return text;
	}
	free(text);
	return NULL;
}

static char *read_file(const char *name, size_t *ret_len)
{
	FILE *file;
	char *text;

	if (strcmp(name, "-") == 0) {
		return read_stream(stdin, file_title(name), ret_len);
	}
	file = fopen(name, "re");
	if (file == NULL) {
		complain("cannot open %s: %s", name, strerror(errno));
		return NULL;
	}
	text = read_stream(file, name, ret_len);
	fclose(file);
	return text;
}

/* A member given twice is lost on the way to the daemon. */
static bool check_members(const char *name, const char *text, size_t len)
{
	struct zerror error;
	struct json_object *json = strict_json_parse(text, len, &error);

	if (json == NULL) {
		complain("%s: %s", file_title(name), error.message);
		if (error.hint[0] != '\0') {
			hint("%s", error.hint);
		}
		return false;
	}
	json_object_put(json);
	return true;
}

/* The daemon sees a parsed document only: places in the file are told here. */
static bool check_json(const char *name, const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *json;
	enum json_tokener_error error;
	const char *advice;
	size_t end, line = 1, column = 1;

	if (tokener == NULL) {
		out_of_memory();
		return false;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	json = json_tokener_parse_ex(tokener, text, (int)len + 1);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (error == json_tokener_success && end >= len &&
	    json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		return check_members(name, text, len);
	}
	json_object_put(json);
	for (size_t i = 0; i < end && i < len; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	complain("%s:%zu:%zu: %s", file_title(name), line, column,
		 error == json_tokener_success
			 ? "a definition is one JSON object"
			 : json_tokener_error_desc(error));
	advice = error == json_tokener_success
			 ? "it begins with { and ends with its }"
			 : strict_json_advice((int)error,
					      end < len ? text[end] : 0);
	if (advice != NULL) {
		hint("%s", advice);
	}
	return false;
}

static int define_text(struct context *ctx, const char *name, const char *text)
{
	struct hvd_zone_defined *defined;
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	err = hvd_zone_define(ctx->conn, text, &defined);
	if (err != 0) {
		return report_file(ctx, err, "define", name);
	}
	printf("%s: defined (generation %" PRIu64 ", %s)\n", defined->name,
	       defined->generation, defined->uuid);
	hvd_zone_defined_free(defined);
	return EXIT_OK;
}

int cmd_define(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	int status = EXIT_REQUEST;
	size_t len;
	char *text = read_file(name, &len);

	if (text == NULL) {
		return EXIT_REQUEST;
	}
	if (check_json(name, text, len)) {
		status = define_text(ctx, name, text);
	}
	free(text);
	return status;
}

int cmd_dumpdef(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	struct hvd_zone_detail *detail;
	int err = context_connect(ctx);
	bool good;

	if (err != EXIT_OK) {
		return err;
	}
	err = hvd_zone_get(ctx->conn, name, &detail);
	if (err != 0) {
		return report_zone(ctx, err, "dumpdef", name);
	}
	good = print_json(detail->definition);
	hvd_zone_detail_free(detail);
	if (!good) {
		complain("dumpdef %s: the daemon told no definition", name);
		return EXIT_REQUEST;
	}
	return EXIT_OK;
}
