// SPDX-License-Identifier: BSD-2-Clause
/* What may stand in place of the last word: for the prompt and for shells. */
#include "hvsh.h"

#include <glob.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* Nobody waits longer than this for names after pressing Tab. */
#define ZONES_TIMEOUT_MS 1000

struct search {
	struct context *ctx;
	const char *prefix;
	complete_fn found;
	void *arg;
};

static void offer(const struct search *search, const char *candidate)
{
	if (strncmp(candidate, search->prefix, strlen(search->prefix)) == 0) {
		search->found(candidate, search->arg);
	}
}

static void offer_commands(const struct search *search)
{
	const struct command *command;

	for (command = commands; command->name != NULL; command++) {
		offer(search, command->name);
	}
}

static bool connect_quietly(struct context *ctx)
{
	if (ctx->conn == NULL) {
		ctx->conn = hvd_new(ctx->socket);
	}
	if (ctx->conn == NULL) {
		return false;
	}
	hvd_set_timeout(ctx->conn, ZONES_TIMEOUT_MS);
	return (hvd_is_connected(ctx->conn) && hvd_process(ctx->conn) == 0) ||
	       hvd_connect(ctx->conn) == 0;
}

static void offer_zones(const struct search *search)
{
	struct hvd_zone *zones;
	size_t count;

	if (!connect_quietly(search->ctx) ||
	    hvd_zone_list(search->ctx->conn, &zones, &count) != 0) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		offer(search, zones[i].name);
	}
	hvd_zone_list_free(zones, count);
}

static void offer_jobs(const struct search *search)
{
	struct hvd_job *jobs;
	size_t count;
	char id[24];

	if (!connect_quietly(search->ctx) ||
	    hvd_job_list(search->ctx->conn, &jobs, &count) != 0) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].cancellable) {
			snprintf(id, sizeof(id), "%" PRIu64, jobs[i].id);
			offer(search, id);
		}
	}
	hvd_job_list_free(jobs, count);
}

static void offer_files(const struct search *search)
{
	char pattern[512];
	size_t len = 0;
	glob_t matches;

	/* The prefix is meant literally. */
	for (const char *p = search->prefix; *p != '\0'; p++) {
		if (len + 4 > sizeof(pattern)) {
			return;
		}
		if (strchr("*?[\\", *p) != NULL) {
			pattern[len++] = '\\';
		}
		pattern[len++] = *p;
	}
	memcpy(pattern + len, "*", 2);
	if (glob(pattern, GLOB_MARK, NULL, &matches) == 0) {
		for (size_t i = 0; i < matches.gl_pathc; i++) {
			offer(search, matches.gl_pathv[i]);
		}
		globfree(&matches);
	}
}

static void offer_values(const struct search *search, const char *words)
{
	char word[64];
	size_t len;

	while (words != NULL && *words != '\0') {
		len = strcspn(words, "|");
		snprintf(word, sizeof(word), "%.*s", (int)len, words);
		offer(search, word);
		words += len + (words[len] == '|');
	}
}

/* All that may stand in front of VALUE, for a device of that type. */
static void offer_keys(const struct search *search, const char *type)
{
	static const struct {
		const char *type;
		const char *words;
	} keys[] = {
		{ "net", "link=up|link=down|mtu=|limits.rx-bytes-sec=|"
			 "limits.tx-bytes-sec=|limits.rx-packets-sec=|"
			 "limits.tx-packets-sec=|limits.burst-ms=" },
		{ "disk", "limits.total-iops-sec=|limits.read-iops-sec=|"
			  "limits.write-iops-sec=|limits.total-bytes-sec=|"
			  "limits.read-bytes-sec=|limits.write-bytes-sec=|"
			  "limits.burst-ms=" },
		{ "rng", "limits.total-bytes-sec=|limits.burst-ms=" },
		{ "gpu", "width=|height=" },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].type, type) == 0) {
			offer_values(search, keys[i].words);
		}
	}
}

struct devices {
	const struct search *search;
	enum operand operand;
	const char *device; /* that was typed, or NULL */
};

static void offer_device(const struct devices *devices, const char *name,
			 const char *type)
{
	if (devices->device != NULL) {
		if (devices->operand == OPERAND_CHANGES &&
		    strcmp(devices->device, name) == 0) {
			offer_keys(devices->search, type);
		}
	} else if (devices->operand == OPERAND_ANY_DEVICE ||
		   (devices->operand == OPERAND_CHANGES
			    ? strcmp(type, "console") != 0 &&
				      strcmp(type, "input") != 0
			    : strcmp(type, "disk") == 0)) {
		offer(devices->search, name);
	}
}

/* Of a zone that does not run. */
static void offer_defined(const struct devices *devices, const char *definition)
{
	struct json_object *def =
		definition != NULL ? json_tokener_parse(definition) : NULL;
	struct json_object *list = json_object_object_get(def, "devices");

	for (size_t i = 0; json_object_is_type(list, json_type_array) &&
			   i < json_object_array_length(list);
	     i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *name = json_object_get_string(
			json_object_object_get(one, "name"));
		const char *type = json_object_get_string(
			json_object_object_get(one, "type"));

		if (name != NULL && type != NULL) {
			offer_device(devices, name, type);
		}
	}
	json_object_put(def);
}

/*
 * Of the zone that was typed, its disks; or, all that can be set; or, when a
 * device was typed as well, the keys it has.
 */
static void offer_devices(const struct search *search, enum operand operand,
			  const char *zone, const char *device)
{
	const struct devices devices = { search, operand, device };
	struct hvd_zone_detail *detail;

	if (!connect_quietly(search->ctx) ||
	    hvd_zone_get(search->ctx->conn, zone, &detail) != 0) {
		return;
	}
	for (size_t i = 0; i < detail->device_count; i++) {
		offer_device(&devices, detail->devices[i].name,
			     detail->devices[i].type);
	}
	if (detail->device_count == 0 && operand == OPERAND_CHANGES) {
		offer_defined(&devices, detail->definition);
	}
	hvd_zone_detail_free(detail);
}

static void offer_key(void *arg, const char *name)
{
	offer(arg, name);
}

/* before: the first two that were typed already, or NULL. */
static void offer_operand(const struct search *search, enum operand operand,
			  const char *const before[2])
{
	switch (operand) {
	case OPERAND_DEVICE:
	case OPERAND_ANY_DEVICE:
	case OPERAND_CHANGES:
		if (before[0] != NULL) {
			offer_devices(search, operand, before[0], before[1]);
			break;
		}
		offer_zones(search);
		break;
	case OPERAND_ZONE:
		offer_zones(search);
		break;
	case OPERAND_ZONE_FILE:
		if (before[0] == NULL) {
			offer_zones(search);
			break;
		}
		offer_files(search);
		break;
	case OPERAND_COUNT:
	case OPERAND_CPUS:
	case OPERAND_MEMORY:
	case OPERAND_TWO_NAMES:
		if (before[0] == NULL) {
			offer_zones(search);
		}
		break;
	case OPERAND_FILE:
	case OPERAND_FILES:
		offer_files(search);
		break;
	case OPERAND_COMMAND:
		offer_commands(search);
		break;
	case OPERAND_LEVEL:
		offer_values(search, "error|warning|info|debug");
		break;
	case OPERAND_JOB:
		offer_jobs(search);
		break;
	case OPERAND_KEYS:
		if (before[0] == NULL) {
			offer_zones(search);
			break;
		}
		key_names(offer_key, (void *)(uintptr_t)search);
		break;
	case OPERAND_NEW_ZONE:
	case OPERAND_NONE:
		break;
	}
}

static void offer_options(const struct search *search,
			  const struct option *options)
{
	char word[64];

	for (; options->name != NULL; options++) {
		snprintf(word, sizeof(word), "--%s", options->name);
		offer(search, word);
	}
	offer(search, "--help");
}

/* The option that waits for a value after this word, or NULL. */
static const struct option *value_option(const struct option *options,
					 const char *word)
{
	for (; options->name != NULL; options++) {
		if (options->value == NULL) {
			continue;
		}
		if (strncmp(word, "--", 2) == 0 &&
		    strcmp(word + 2, options->name) == 0) {
			return options;
		}
		if (word[0] == '-' && word[1] == options->letter &&
		    word[1] != '\0' && word[2] == '\0') {
			return options;
		}
	}
	return NULL;
}

/* Returns the index of the command's word, or count - 1 if there is none. */
static int skip_globals(int count, const char *const *words)
{
	int at = 0;

	while (at < count - 1 && words[at][0] == '-') {
		at += value_option(global_options, words[at]) != NULL ? 2 : 1;
	}
	return at < count ? at : count;
}

/* ret_first: the first two of them, or NULL. */
static int count_operands(const struct command *command, int count,
			  const char *const *words, const char *ret_first[2])
{
	int operands = 0;

	ret_first[0] = ret_first[1] = NULL;
	for (int i = 1; i < count - 1; i++) {
		if (value_option(command->options, words[i]) != NULL) {
			i++;
		} else if (words[i][0] != '-' || words[i][1] == '\0') {
			if (operands < 2) {
				ret_first[operands] = words[i];
			}
			operands++;
		}
	}
	return operands;
}

static void complete_arguments(const struct search *search, int count,
			       const char *const *words)
{
	const struct command *command = command_find(words[0]);
	const struct option *option;
	const char *before[2];

	if (command == NULL) {
		return;
	}
	option = value_option(command->options, words[count - 2]);
	if (option != NULL && option->words == NULL &&
	    (strcmp(option->value, "FILE") == 0 ||
	     strncmp(option->value, "PATH", 4) == 0)) {
		offer_files(search);
	} else if (option != NULL) {
		offer_values(search, option->words);
	} else if (search->prefix[0] == '-') {
		offer_options(search, command->options);
	} else if (count_operands(command, count, words, before) <
		   command->operand_max) {
		offer_operand(search, command->operand, before);
	}
}

void complete_words(struct context *ctx, int count, const char *const *words,
		    complete_fn found, void *arg)
{
	struct search search = { ctx, "", found, arg };
	int at;

	if (count == 0) {
		offer_commands(&search);
		return;
	}
	search.prefix = words[count - 1];
	at = skip_globals(count, words);
	if (at >= count) {
		/* The value of a global option. */
		const struct option *option =
			value_option(global_options, words[count - 2]);

		if (option->words != NULL) {
			offer_values(&search, option->words);
		} else if (strcmp(option->name, "socket") == 0) {
			offer_files(&search);
		}
	} else if (at < count - 1) {
		complete_arguments(&search, count - at, words + at);
	} else if (search.prefix[0] == '-') {
		offer_options(&search, global_options);
	} else {
		offer_commands(&search);
	}
}
