// SPDX-License-Identifier: BSD-2-Clause
/* The command that makes a definition of options. */
#include "hvsh.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 128 /* of a device's option, not of a path */

static struct json_object *text_of(const char *text)
{
	return json_object_new_string(text);
}

/* The next word of a list with commas; false at its end. */
static bool next_word(const char **list, char ret_word[WORD_MAX])
{
	size_t len = strcspn(*list, ",");

	if (**list == '\0') {
		return false;
	}
	snprintf(ret_word, WORD_MAX, "%.*s", (int)len, *list);
	*list += len + ((*list)[len] == ',');
	return true;
}

/* PATH[,readonly][,queues=N] */
static bool fill_disk(struct json_object *device, const char *value)
{
	static const char queues[] = "queues=";
	size_t len = strcspn(value, ",");
	char *path = strndup(value, len);
	struct json_object *json = path != NULL ? definition_path(path) : NULL;
	const char *rest = value + len + (value[len] == ',');
	char word[WORD_MAX];
	uint64_t number;

	free(path);
	if (json == NULL) {
		return false;
	}
	json_object_object_add(device, "type", text_of("disk"));
	json_object_object_add(device, "path", json);
	while (next_word(&rest, word)) {
		if (strcmp(word, "readonly") == 0) {
			json_object_object_add(device, "readonly",
					       json_object_new_boolean(true));
		} else if (strncmp(word, queues, strlen(queues)) == 0 &&
			   parse_number(word + strlen(queues), INT_MAX,
					&number)) {
			json_object_object_add(
				device, "queues",
				json_object_new_int64((int64_t)number));
		} else {
			complain("option --disk: '%s' is neither readonly nor "
				 "queues=N",
				 word);
			hint("the path of a disk that has a comma is for "
			     "'hvsh define'");
			return false;
		}
	}
	return true;
}

/* [BRIDGE][,user] */
static bool fill_net(struct json_object *device, const char *value)
{
	bool bridge = false;
	char word[WORD_MAX];

	json_object_object_add(device, "type", text_of("net"));
	while (next_word(&value, word)) {
		if (strcmp(word, "user") == 0) {
			json_object_object_add(device, "user",
					       json_object_new_boolean(true));
		} else if (word[0] != '\0' && !bridge) {
			bridge = true;
			json_object_object_add(device, "bridge", text_of(word));
		} else if (word[0] != '\0') {
			complain("option --net: '%s' is one word too many",
				 word);
			return false;
		}
	}
	return true;
}

/* In the order given: that is the order of the guest's names. */
static bool add_devices(struct json_object *definition, const struct args *args)
{
	struct json_object *list, *device;
	bool good = true;

	if (args->many_count == 0) {
		return true; /* the default: a console */
	}
	list = json_object_new_array();
	json_object_object_add(definition, "devices", list);
	device = json_object_new_object();
	json_object_object_add(device, "type", text_of("console"));
	json_object_array_add(list, device);
	for (size_t i = 0; good && i < args->many_count; i++) {
		device = json_object_new_object();
		json_object_array_add(list, device);
		good = strcmp(args->many[i].option->name, "disk") == 0
			       ? fill_disk(device, args->many[i].value)
			       : fill_net(device, args->many[i].value);
	}
	return good;
}

static bool add_file(struct json_object *definition, const struct args *args,
		     const char *member)
{
	const char *path = args_value(args, member);
	struct json_object *json;

	if (path == NULL) {
		return true;
	}
	json = definition_path(path);
	json_object_object_add(definition, member, json);
	return json != NULL;
}

static bool fill(struct json_object *definition, const struct args *args)
{
	uint64_t vcpus;

	if (!args_number(args, "vcpus", 0, INT_MAX, &vcpus)) {
		return false;
	}
	json_object_object_add(definition, "name",
			       text_of(args->positionals[0]));
	json_object_object_add(definition, "vcpus",
			       json_object_new_int64((int64_t)vcpus));
	json_object_object_add(definition, "memory",
			       text_of(args_value(args, "memory")));
	if (!add_file(definition, args, "kernel") ||
	    !add_file(definition, args, "initrd")) {
		return false;
	}
	if (args_has(args, "cmdline")) {
		json_object_object_add(definition, "cmdline",
				       text_of(args_value(args, "cmdline")));
	}
	if (args_has(args, "autostart")) {
		json_object_object_add(definition, "autostart",
				       json_object_new_boolean(true));
	}
	return add_devices(definition, args);
}

static int define_new(struct context *ctx, const char *verb, const char *name,
		      const char *text)
{
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	err = definition_put(ctx, text, 0);
	if (err != 0 && definition_was_changed(ctx)) {
		complain("%s %s: there is a zone of that name", verb, name);
		hint("'hvsh edit %s' changes it", name);
		return EXIT_REQUEST;
	}
	return err != 0 ? report_zone(ctx, err, verb, name) : EXIT_OK;
}

int definition_make(struct context *ctx, const char *verb,
		    struct json_object *definition, bool print)
{
	const char *text = json_object_to_json_string(definition);
	const char *name = json_object_get_string(
		json_object_object_get(definition, "name"));
	char title[WORD_MAX];
	char *complete;
	int status = EXIT_OK;

	snprintf(title, sizeof(title), "the definition of %s", name);
	complete = definition_complete(title, text, NULL);
	if (complete == NULL) {
		return EXIT_REQUEST;
	}
	free(complete);
	if (print) {
		print_json(text);
	} else {
		status = define_new(ctx, verb, name, text);
	}
	return status;
}

/* Other tools' "create" takes a file, as "define" does here. */
static void hint_of_create(const char *name)
{
	if (strchr(name, '.') != NULL || strchr(name, '/') != NULL) {
		hint("'hvsh define %s' takes a definition from a file", name);
	} else {
		hint("'hvsh help create' lists the options");
	}
}

/* The status of a usage error, or 0. */
static int check_usage(const struct args *args)
{
	static const char *const needed[] = { "vcpus", "memory", "kernel" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!args_has(args, needed[i])) {
			complain("create: option --%s is missing", needed[i]);
			hint_of_create(args->positionals[0]);
			return EXIT_USAGE;
		}
	}
	if (args_has(args, "print") && args_has(args, "start")) {
		complain("create: --print defines nothing that --start could "
			 "start");
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static int start(struct context *ctx, const char *name)
{
	int err;

	progress_start(ctx, "start", name);
	err = hvd_zone_start(ctx->conn, name, 0);
	progress_stop(ctx);
	if (err != 0) {
		return report_zone(ctx, err, "start", name);
	}
	printf("%s: started\n", name);
	return EXIT_OK;
}

int cmd_create(struct context *ctx, const struct args *args)
{
	struct json_object *definition;
	int status = check_usage(args);

	if (status != EXIT_OK) {
		return status;
	}
	definition = json_object_new_object();
	status = fill(definition, args)
			 ? definition_make(ctx, "create", definition,
					   args_has(args, "print"))
			 : EXIT_USAGE;
	json_object_put(definition);
	if (status == EXIT_OK && args_has(args, "start")) {
		status = start(ctx, args->positionals[0]);
	}
	return status;
}
