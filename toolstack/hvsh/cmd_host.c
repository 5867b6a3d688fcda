// SPDX-License-Identifier: BSD-2-Clause
/* Commands about the machine, the hypervisor and the daemon. */
#include "hvsh.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zv/version.h>

#define FIELD "%-20s "
/* How often a followed log is asked for more: it has no events. */
#define FOLLOW_MS 500

static int print_call(struct context *ctx, const char *verb, const char *method)
{
	char *text;
	int err = hvd_call(ctx->conn, method, NULL, &text);

	if (err != 0) {
		return report(ctx, err, "%s", verb);
	}
	print_json(text);
	free(text);
	return EXIT_OK;
}

static void print_memory(const char *title, uint64_t bytes)
{
	char text[32];

	format_bytes(bytes, text, sizeof(text));
	printf(FIELD "%s\n", title, text);
}

static void add_number(struct table *table, struct json_object *cpu,
		       const char *key)
{
	struct json_object *number = json_object_object_get(cpu, key);

	table_add(table, PAINT_NONE, "%s",
		  number != NULL ? json_object_get_string(number) : "-");
}

static void add_vcpus(struct table *table, struct json_object *list)
{
	char text[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (len < sizeof(text)) {
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, "%s%s:%s",
				i == 0 ? "" : " ",
				json_object_get_string(
					json_object_object_get(one, "zone")),
				json_object_get_string(
					json_object_object_get(one, "vcpu")));
		}
	}
	table_add(table, PAINT_NONE, "%s", text);
}

/* An older daemon does not tell. */
static void print_cpus(struct context *ctx, const char *text)
{
	static const struct column columns[] = {
		{ .title = "CPU", .right = true },
		{ .title = "PACKAGE", .right = true },
		{ .title = "CLUSTER", .right = true },
		{ .title = "CORE", .right = true },
		{ .title = "VCPUS", .shrink = true },
	};
	struct json_object *json = json_tokener_parse(text);
	struct json_object *cpus = json_object_object_get(json, "cpus");
	struct table table;

	if (json_object_is_type(cpus, json_type_array)) {
		table_init(&table, columns,
			   sizeof(columns) / sizeof(columns[0]));
		for (size_t i = 0; i < json_object_array_length(cpus); i++) {
			struct json_object *cpu =
				json_object_array_get_idx(cpus, i);

			add_number(&table, cpu, "cpu");
			add_number(&table, cpu, "package");
			add_number(&table, cpu, "cluster");
			add_number(&table, cpu, "core");
			add_vcpus(&table, json_object_object_get(cpu, "vcpus"));
		}
		putchar('\n');
		table_print(&table, ctx->color);
		table_fini(&table);
	}
	json_object_put(json);
}

int cmd_host(struct context *ctx, const struct args *args)
{
	struct hvd_host_info *info;
	char uptime[32];
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	if (args_has(args, "json")) {
		return print_call(ctx, "host", "host.info");
	}
	err = hvd_host_info(ctx->conn, &info);
	if (err != 0) {
		return report(ctx, err, "host");
	}
	format_duration(info->uptime_ns, uptime, sizeof(uptime));
	printf(FIELD "%s (ABI %s)\n",
	       "Hypervisor:", info->version != NULL ? info->version : "?",
	       info->abi != NULL ? info->abi : "?");
	printf(FIELD "%s\n", "Uptime:", uptime);
	printf(FIELD "%" PRIu32 "\n", "CPUs:", info->pcpus);
	printf(FIELD "%" PRIu32 ", zone0 included\n",
	       "Running zones:", info->zones);
	print_memory("Memory:", info->memory_total);
	print_memory("  hypervisor:", info->memory_hypervisor);
	print_memory("  zone0:", info->memory_zone0);
	print_memory("  other zones:", info->memory_zones);
	print_memory("  free:", info->memory_free);
	print_cpus(ctx, info->json);
	hvd_host_info_free(info);
	return EXIT_OK;
}

#define COUNTER_DEPTH 4

static void add_counters(struct table *table, struct json_object *json,
			 const char *prefix, int depth);

static void add_counter(struct table *table, struct json_object *value,
			const char *name, int depth)
{
	if (json_object_is_type(value, json_type_object) ||
	    json_object_is_type(value, json_type_array)) {
		if (depth < COUNTER_DEPTH) {
			add_counters(table, value, name, depth + 1);
		}
		return;
	}
	table_add(table, PAINT_NONE, "%s", name);
	table_add(table, PAINT_NONE, "%s", json_object_get_string(value));
}

/* Each number is a row named by the way to it: "exits.irq", "vcpus.0.x". */
static void add_counters(struct table *table, struct json_object *json,
			 const char *prefix, int depth)
{
	const char *dot = prefix[0] != '\0' ? "." : "";
	char name[160];

	if (json_object_is_type(json, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(json); i++) {
			snprintf(name, sizeof(name), "%s%s%zu", prefix, dot, i);
			add_counter(table, json_object_array_get_idx(json, i),
				    name, depth);
		}
		return;
	}
	json_object_object_foreach (json, key, value) {
		snprintf(name, sizeof(name), "%s%s%s", prefix, dot, key);
		add_counter(table, value, name, depth);
	}
}

static int print_counters(struct context *ctx, const char *text)
{
	static const struct column columns[] = {
		{ "COUNTER", false, true },
		{ "VALUE", true, false },
	};
	struct json_object *json = json_tokener_parse(text);
	struct json_object *latency;
	struct table table;

	if (!json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		complain("counters: the daemon's answer is not an object");
		return EXIT_REQUEST;
	}
	/* A table of its own. */
	latency = json_object_get(json_object_object_get(json, "latency"));
	json_object_object_del(json, "latency");
	table_init(&table, columns, 2);
	add_counters(&table, json, "", 0);
	table_print(&table, ctx->color);
	table_fini(&table);
	print_latency(latency);
	json_object_put(latency);
	json_object_put(json);
	return EXIT_OK;
}

int cmd_counters(struct context *ctx, const struct args *args)
{
	const char *zone = args->positionals[0];
	const char *device = args->positionals[1];
	char *text;
	int status = EXIT_OK, err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	err = device != NULL
		      ? hvd_device_counters(ctx->conn, zone, device, &text)
		      : hvd_counters(ctx->conn, zone, &text);
	if (err != 0) {
		return zone != NULL ? report_zone(ctx, err, "counters", zone)
				    : report(ctx, err, "counters");
	}
	if (args_has(args, "json")) {
		print_json(text);
	} else {
		status = print_counters(ctx, text);
	}
	free(text);
	return status;
}

static void print_text(const char *text)
{
	bool terminal = isatty(STDOUT_FILENO);
	unsigned char c;

	for (; *text != '\0'; text++) {
		c = (unsigned char)*text;
		putchar(terminal && c < ' ' && c != '\n' && c != '\t' ? '?'
								      : c);
	}
}

/* Prints what there is after *pos and moves it on. */
static int print_log(struct context *ctx, uint64_t *pos)
{
	struct hvd_log *log;
	int err = hvd_host_log(ctx->conn, *pos, &log);

	if (err != 0) {
		return report(ctx, err, "log");
	}
	if (*pos != HVD_LOG_START && log->first > *pos) {
		complain("log: %" PRIu64 " bytes were overwritten unread",
			 log->first - *pos);
	}
	print_text(log->text);
	*pos = log->pos;
	hvd_log_free(log);
	return finish_output(EXIT_OK);
}

int cmd_log(struct context *ctx, const struct args *args)
{
	struct pollfd pfd = { .fd = signals_fd(), .events = POLLIN };
	uint64_t pos = HVD_LOG_START;
	int status = context_connect(ctx);

	if (status != EXIT_OK) {
		return status;
	}
	status = print_log(ctx, &pos);
	if (!args_has(args, "follow")) {
		return status;
	}
	while (status == EXIT_OK && signals_pending() == 0) {
		poll(&pfd, 1, FOLLOW_MS);
		if (signals_pending() == 0) {
			status = print_log(ctx, &pos);
		}
	}
	return signals_pending() != 0 ? signals_follow_status() : status;
}

int cmd_log_level(struct context *ctx, const struct args *args)
{
	char *level;
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	err = hvd_log_level(ctx->conn, args->positionals[0], &level);
	if (err != 0) {
		return report(ctx, err, "log-level");
	}
	print_clean(level);
	putchar('\n');
	free(level);
	return EXIT_OK;
}

static int print_daemon_version(struct context *ctx)
{
	struct hvd_version_info *info;
	int err = hvd_version(ctx->conn, &info);

	if (err != 0) {
		return report(ctx, err, "version");
	}
	printf(FIELD "%s\n", "hvd:", info->version);
	printf(FIELD "%s\n", "ABI:", info->abi);
	printf(FIELD "%s\n",
	       "hypervisor:", info->hypervisor ? "connected" : "not connected");
	for (size_t i = 0; i < info->feature_count; i++) {
		printf(FIELD "%s\n", i == 0 ? "features:" : "",
		       info->features[i]);
	}
	hvd_version_free(info);
	return EXIT_OK;
}

int cmd_version(struct context *ctx, const struct args *args)
{
	int status;

	if (args_has(args, "json")) {
		status = context_connect(ctx);
		return status != EXIT_OK
			       ? status
			       : print_call(ctx, "version", "hvd.version");
	}
	/* What is known without the daemon comes first. */
	printf(FIELD "%s\n", "hvsh:", ZV_VERSION);
	printf(FIELD "%s\n", "libhvd:", hvd_library_version());
	status = context_connect(ctx);
	return status != EXIT_OK ? status : print_daemon_version(ctx);
}
