// SPDX-License-Identifier: BSD-2-Clause
/* A definition that is in a file: reading it, and what is wrong with it. */
#include "hvsh.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "strict_json.h"
#include "uuid.h"
#include "zerror.h"
#include "zone_def.h"

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

char *file_read(const char *name, size_t *ret_len)
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
bool definition_check(const char *name, const char *text, size_t len)
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

char *definition_read(const char *file)
{
	size_t len;
	char *text = file_read(file, &len);

	if (text == NULL || definition_check(file, text, len)) {
		return text;
	}
	free(text);
	return NULL;
}

char *definition_format(const char *text)
{
	struct json_object *json = json_tokener_parse(text);
	char *formatted = NULL;

	if (json == NULL ||
	    asprintf(&formatted, "%s\n",
		     json_object_to_json_string_ext(
			     json,
			     JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
				     JSON_C_TO_STRING_NOSLASHESCAPE)) < 0) {
		formatted = NULL;
	}
	json_object_put(json);
	return formatted;
}

struct json_object *definition_path(const char *path)
{
	struct json_object *json = NULL;
	char dir[PATH_MAX];
	char *whole;

	if (path[0] == '/') {
		return json_object_new_string(path);
	}
	if (getcwd(dir, sizeof(dir)) == NULL) {
		complain("the path of the working directory is unknown: %s",
			 strerror(errno));
	} else if (asprintf(&whole, "%s/%s", dir, path) < 0) {
		out_of_memory();
	} else {
		json = json_object_new_string(whole);
		free(whole);
	}
	return json;
}

/* As report_file() says it of what the daemon refuses. */
static void complain_of(const char *file, const struct zerror *error)
{
	complain("%s: %s", file_title(file), error->message);
	if (error->path[0] != '\0') {
		fprintf(stderr, "  at %s in %s\n", error->path,
			file_title(file));
	}
	if (error->hint[0] != '\0') {
		hint("%s", error->hint);
	}
}

char *definition_complete(const char *file, const char *text, const char *uuid)
{
	struct json_object *json;
	uint8_t bytes[UUID_SIZE];
	char *complete = NULL;
	struct zone_def *def;
	struct zerror error;

	if (zone_def_parse_text(text, strlen(text), &def, &error) < 0) {
		complain_of(file, &error);
		return NULL;
	}
	if (uuid != NULL && uuid_is_null(def->uuid) &&
	    uuid_parse(uuid, bytes) &&
	    zone_def_set_uuid(def, bytes, &error) < 0) {
		complain_of(file, &error);
	} else {
		json = zone_def_to_json(def);
		complete = definition_format(json_object_to_json_string(json));
		json_object_put(json);
	}
	zone_def_destroy(def);
	return complete;
}

char *definition_name(const char *file, const char *text)
{
	struct json_object *json = json_tokener_parse(text);
	struct json_object *name = json_object_object_get(json, "name");
	char *copy = NULL;

	if (json_object_is_type(name, json_type_string)) {
		copy = strdup(json_object_get_string(name));
	} else {
		complain("%s: the definition lacks a name", file_title(file));
	}
	json_object_put(json);
	return copy;
}

int definition_get(struct context *ctx, const char *verb, const char *name,
		   struct hvd_zone_detail **ret_detail)
{
	struct hvd_zone_detail *detail;
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	err = hvd_zone_get(ctx->conn, name, &detail);
	if (err != 0) {
		return report_zone(ctx, err, verb, name);
	}
	if (detail->definition == NULL || detail->definition[0] != '{') {
		complain("%s %s: the daemon told no definition", verb, name);
		hvd_zone_detail_free(detail);
		return EXIT_REQUEST;
	}
	*ret_detail = detail;
	return EXIT_OK;
}

int definition_put(struct context *ctx, const char *text, uint64_t generation)
{
	struct json_object *params = json_object_new_object();
	struct json_object *definition = json_tokener_parse(text);
	struct json_object *result = NULL;
	char *answer = NULL;
	int err;

	if (params == NULL || definition == NULL) {
		json_object_put(params);
		json_object_put(definition);
		return -ENOMEM;
	}
	json_object_object_add(params, "definition", definition);
	json_object_object_add(params, "generation",
			       json_object_new_uint64(generation));
	err = hvd_call(ctx->conn, "zone.define",
		       json_object_to_json_string(params), &answer);
	if (err == 0) {
		result = json_tokener_parse(answer);
		fputs(json_object_get_string(
			      json_object_object_get(definition, "name")),
		      stdout);
		printf(": defined (generation %llu)\n",
		       (unsigned long long)json_object_get_uint64(
			       json_object_object_get(result, "generation")));
	}
	json_object_put(result);
	json_object_put(params);
	free(answer);
	return err;
}

bool definition_was_changed(struct context *ctx)
{
	const struct hvd_error *error = hvd_last_error(ctx->conn);

	return error->code == HVD_ERROR_INVALID_STATE && error->path != NULL &&
	       strcmp(error->path, "$.generation") == 0;
}

uint64_t definition_vcpus(struct json_object *json)
{
	struct json_object *vcpus = json_object_object_get(json, "vcpus");
	struct json_object *max;

	/* {"max": 4, "on": 2}, or 4 */
	return json_object_get_uint64(
		json_object_object_get_ex(vcpus, "max", &max) ? max : vcpus);
}

uint64_t definition_vcpus_on(struct json_object *json)
{
	struct json_object *vcpus = json_object_object_get(json, "vcpus");
	struct json_object *on;

	return json_object_object_get_ex(vcpus, "on", &on)
		       ? json_object_get_uint64(on)
		       : definition_vcpus(json);
}
