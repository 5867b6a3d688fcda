// SPDX-License-Identifier: BSD-2-Clause
/* Commands about zone definitions. */
#include "hvsh.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

/* What it runs with, which is told where its definition differs, or NULL. */
static struct json_object *
running_definition(const struct hvd_zone_detail *zone)
{
	struct json_object *json = json_tokener_parse(zone->json);
	struct json_object *found = NULL;

	if (json_object_object_get_ex(json, "running_definition", &found)) {
		json_object_get(found);
	}
	json_object_put(json);
	return found;
}

/* A running zone goes on as it is: who changes its definition may expect else. */
static void tell_if_running(struct context *ctx, const char *name)
{
	struct hvd_zone_detail *detail;
	struct json_object *running;

	if (hvd_zone_get(ctx->conn, name, &detail) != 0) {
		return;
	}
	running = running_definition(detail);
	if (running != NULL) {
		printf("%s: is %s and stays as it is until it is shut down and "
		       "started; 'hvsh diff %s' shows what differs\n",
		       name, detail->zone.state, name);
	}
	json_object_put(running);
	hvd_zone_detail_free(detail);
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
	tell_if_running(ctx, defined->name);
	hvd_zone_defined_free(defined);
	return EXIT_OK;
}

int cmd_define(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	char *text = definition_read(name);
	int status;

	if (text == NULL) {
		return EXIT_REQUEST;
	}
	status = define_text(ctx, name, text);
	free(text);
	return status;
}

int cmd_dumpdef(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	struct hvd_zone_detail *detail;
	struct json_object *running;
	int status = context_connect(ctx);
	int err;

	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_zone_get(ctx->conn, name, &detail);
	if (err != 0) {
		return report_zone(ctx, err, "dumpdef", name);
	}
	running = detail->zone.persistent ? NULL : running_definition(detail);
	if (running != NULL) {
		print_json(json_object_to_json_string(running));
	} else if (detail->definition[0] == '{') {
		print_json(detail->definition);
	} else {
		complain("dumpdef %s: the daemon told no definition", name);
		status = EXIT_REQUEST;
	}
	json_object_put(running);
	hvd_zone_detail_free(detail);
	return status;
}

/* An option's value becomes a member. */
static void take(struct json_object *changes, const char *key,
		 const struct args *args, const char *option)
{
	if (args_has(args, option)) {
		json_object_object_add(
			changes, key,
			json_object_new_string(args_value(args, option)));
	}
}

static int describe(struct context *ctx, const char *name,
		    struct json_object *changes)
{
	struct hvd_zone_defined *defined;
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	err = hvd_zone_describe(ctx->conn, name,
				json_object_to_json_string(changes), &defined);
	if (err != 0) {
		return report_zone(ctx, err, "describe", name);
	}
	printf("%s: described\n", defined->name);
	hvd_zone_defined_free(defined);
	return EXIT_OK;
}

int cmd_describe(struct context *ctx, const struct args *args)
{
	struct json_object *changes = json_object_new_object();
	const char *name = args->positionals[0];
	int status = EXIT_USAGE;

	take(changes, "title", args, "title");
	take(changes, "description", args, "text");
	if (json_object_object_length(changes) > 0) {
		status = describe(ctx, name, changes);
	} else {
		complain("describe %s: neither --title nor --text is given",
			 name);
		hint("'hvsh info' shows what they are");
	}
	json_object_put(changes);
	return status;
}
