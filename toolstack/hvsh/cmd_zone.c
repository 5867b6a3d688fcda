// SPDX-License-Identifier: BSD-2-Clause
/* Commands about zones: looking at them, and their life. */
#include "hvsh.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_DEFAULT_S 120
#define WAIT_MAX_S 86400
#define PAGE_BYTES 4096u /* of struct hvd_zone_detail */

static bool is_off(const char *state)
{
	return strcmp(state, HVD_STATE_DEFINED) == 0;
}

static const char *shown_state(const char *state)
{
	return is_off(state) ? "shut off" : state;
}

static void add_zone(struct table *table, const struct hvd_zone *zone,
		     bool titles)
{
	char memory[32];

	format_bytes(zone->memory, memory, sizeof(memory));
	if (zone->id >= 0) {
		table_add(table, PAINT_NONE, "%" PRId64, zone->id);
	} else {
		table_add(table, PAINT_NONE, "-");
	}
	table_add(table, PAINT_NONE, "%s", zone->name);
	table_add(table, paint_of_state(zone->state), "%s",
		  shown_state(zone->state));
	table_add(table, PAINT_NONE, "%" PRIu32, zone->vcpus);
	table_add(table, PAINT_NONE, "%s", memory);
	table_add(table, PAINT_NONE, "%s", zone->autostart ? "yes" : "no");
	table_add(table, PAINT_NONE, "%s",
		  zone->reason != NULL ? zone->reason
		  : zone->persistent   ? ""
				       : "transient");
	if (titles) {
		table_add(table, PAINT_NONE, "%s",
			  zone->title != NULL ? zone->title : "");
	}
}

static void print_zone_table(struct context *ctx, const struct hvd_zone *zones,
			     size_t count, bool running, bool titles)
{
	static const struct column columns[] = {
		{ "ID", true, false },	   { "NAME", false, true },
		{ "STATE", false, false }, { "VCPUS", true, false },
		{ "MEMORY", true, false }, { "AUTOSTART", false, false },
		{ "REASON", false, true }, { "TITLE", false, true },
	};
	size_t column_count = sizeof(columns) / sizeof(columns[0]);
	struct table table;

	table_init(&table, columns, column_count - (titles ? 0 : 1));
	for (size_t i = 0; i < count; i++) {
		if (!running || !is_off(zones[i].state)) {
			add_zone(&table, &zones[i], titles);
		}
	}
	table_print(&table, ctx->color);
	table_fini(&table);
}

/* The daemon's own objects, so that programs get all members. */
static int print_zone_json(struct context *ctx, bool running)
{
	struct json_object *list, *shown, *zone, *state;
	char *text;
	int err = hvd_call(ctx->conn, "zone.list", NULL, &text);

	if (err != 0) {
		return report(ctx, err, "list");
	}
	list = json_tokener_parse(text);
	free(text);
	shown = json_object_new_array();
	if (shown == NULL || !json_object_is_type(list, json_type_array)) {
		json_object_put(list);
		json_object_put(shown);
		complain("list: the daemon's answer is not a list");
		return EXIT_REQUEST;
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		zone = json_object_array_get_idx(list, i);
		if (running &&
		    json_object_object_get_ex(zone, "state", &state) &&
		    is_off(json_object_get_string(state))) {
			continue;
		}
		json_object_array_add(shown, json_object_get(zone));
	}
	print_json(json_object_to_json_string(shown));
	json_object_put(shown);
	json_object_put(list);
	return EXIT_OK;
}

static int show_list(struct context *ctx, const struct args *args)
{
	bool running = args_has(args, "running");
	struct hvd_zone *zones;
	size_t count;
	int err;

	if (args_has(args, "json")) {
		return print_zone_json(ctx, running);
	}
	err = hvd_zone_list(ctx->conn, &zones, &count);
	if (err != 0) {
		return report(ctx, err, "list");
	}
	print_zone_table(ctx, zones, count, running, args_has(args, "title"));
	hvd_zone_list_free(zones, count);
	return EXIT_OK;
}

int cmd_list(struct context *ctx, const struct args *args)
{
	int status = context_connect(ctx);

	if (status != EXIT_OK) {
		return status;
	}
	return args_has(args, "watch") ? watch(ctx, args, NULL, show_list)
				       : show_list(ctx, args);
}

#define FIELD "%-14s "

static void print_fault(const struct hvd_zone_fault *fault)
{
	printf(FIELD "vCPU %" PRIu32 " at pc %#" PRIx64 "\n",
	       "Fault:", fault->vcpu, fault->pc);
	printf(FIELD "address %#" PRIx64 ", IPA %#" PRIx64
		     ", syndrome %#" PRIx64 "\n",
	       "", fault->addr, fault->ipa, fault->syndrome);
}

/* How much it has, and by blocks of what sizes: large ones make its memory
 * accesses fast. */
static void print_memory(const struct hvd_zone_detail *detail)
{
	char ram[32], granted[32], overhead[32];

	format_bytes(detail->pages * PAGE_BYTES, ram, sizeof(ram));
	format_bytes(detail->pages_granted * PAGE_BYTES, granted,
		     sizeof(granted));
	format_bytes(detail->pages_overhead * PAGE_BYTES, overhead,
		     sizeof(overhead));
	printf(FIELD "%s, %s of it mapped by zone0\n", "RAM held:", ram,
	       granted);
	printf(FIELD "%s (page tables, I/O and shadow pages)\n",
	       "Overhead:", overhead);
	printf(FIELD "%" PRIu64 " x 1 GiB, %" PRIu64 " x 2 MiB, %" PRIu64
		     " x 4 KiB\n",
	       "Mapped as:", detail->map_1g, detail->map_2m, detail->map_4k);
}

static void print_run(const struct hvd_zone_detail *detail)
{
	char text[32];

	printf(FIELD "%" PRId64 "\n", "Id:", detail->zone.id);
	format_duration(detail->cpu_time_ns, text, sizeof(text));
	printf(FIELD "%s\n", "CPU time:", text);
	printf(FIELD "%" PRIu32 " of %" PRIu32 "\n",
	       "vCPUs on:", detail->vcpus_on, detail->zone.vcpus);
	if (detail->pages > 0) {
		print_memory(detail);
	}
	if (detail->io_pid >= 0) {
		printf(FIELD "pid %" PRId64 ", %" PRIu64 " restarts\n",
		       "I/O process:", detail->io_pid, detail->io_restarts);
	}
}

static const char *device_paint_state(const char *state)
{
	return strcmp(state, "ok") == 0 ? "running" : "crashed";
}

/* "10M", 500 */
static void print_limits(const char *text)
{
	struct json_object *limits = json_tokener_parse(text);
	const char *separator = ", limits ";

	if (!json_object_is_type(limits, json_type_object)) {
		json_object_put(limits);
		return;
	}
	json_object_object_foreach (limits, key, value) {
		fputs(separator, stdout);
		print_clean(key);
		putchar('=');
		print_clean(json_object_get_string(value));
		separator = " ";
	}
	json_object_put(limits);
}

/* ", forwards tcp 2222 to 22, udp 127.0.0.1:53 to 53" */
static void print_forward(const char *text)
{
	struct json_object *list = json_tokener_parse(text);
	const char *separator = ", forwards ";

	for (size_t i = 0; json_object_is_type(list, json_type_array) &&
			   i < json_object_array_length(list);
	     i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *address = json_object_get_string(
			json_object_object_get(one, "address"));

		fputs(separator, stdout);
		print_clean(json_object_get_string(
			json_object_object_get(one, "proto")));
		putchar(' ');
		if (address != NULL) {
			print_clean(address);
			putchar(':');
		}
		printf("%d to %d",
		       json_object_get_int(json_object_object_get(one, "port")),
		       json_object_get_int(json_object_object_get(one, "to")));
		separator = ", ";
	}
	json_object_put(list);
}

static void print_net(const struct hvd_device *device)
{
	fputs(", ", stdout);
	print_clean(device->mac);
	printf(", link %s, MTU %" PRId64, device->link ? "up" : "down",
	       device->mtu);
	if (device->tap != NULL && device->bridge != NULL) {
		fputs(", ", stdout);
		print_clean(device->tap);
		fputs(" on ", stdout);
		print_clean(device->bridge);
	} else if (device->user) {
		fputs(", user mode", stdout);
	}
	if (device->vhost) {
		fputs(", vhost", stdout);
	}
	if (device->forward != NULL) {
		print_forward(device->forward);
	}
}

static void print_device(struct context *ctx, const struct hvd_device *device)
{
	enum paint paint = paint_of_state(device_paint_state(device->state));
	char size[32];

	printf(FIELD "%s (%s) %s%s%s", "Device:", device->name, device->type,
	       paint_start(paint, ctx->color), device->state,
	       paint_end(paint, ctx->color));
	if (device->error != NULL) {
		fputs(": ", stdout);
		print_clean(device->error);
	}
	if (device->size >= 0) {
		format_bytes((uint64_t)device->size, size, sizeof(size));
		printf(", %s%s", size, device->readonly ? " read-only" : "");
	}
	if (device->path != NULL) {
		fputs(", ", stdout);
		print_clean(device->path);
	}
	if (device->mac != NULL) {
		print_net(device);
	}
	if (device->limits != NULL) {
		print_limits(device->limits);
	}
	putchar('\n');
}

/* ", order 5, delay 2s" if they are not what they are without. */
static void print_autostart(struct json_object *def)
{
	struct json_object *how = json_object_object_get(def, "autostart");
	struct json_object *order = json_object_object_get(how, "order");
	struct json_object *delay = json_object_object_get(how, "delay");

	if (order != NULL) {
		printf(", order %d", json_object_get_int(order));
	}
	if (delay != NULL) {
		fputs(", delay ", stdout);
		print_clean(json_object_get_string(delay));
	}
}

/* What becomes of it when it ends. */
static void print_policies(struct json_object *def)
{
	static const char *const policies[][2] = {
		{ "on_crash", "On crash:" },
		{ "on_reboot", "On reboot:" },
		{ "on_poweroff", "On power-off:" },
	};

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		struct json_object *what =
			json_object_object_get(def, policies[i][0]);

		if (what != NULL) {
			printf(FIELD, policies[i][1]);
			print_clean(json_object_get_string(what));
			putchar('\n');
		}
	}
}

/* Line by line. */
static void print_description(const char *text)
{
	const char *field = "Description:";

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char *line = strndup(text, len);

		printf(FIELD, field);
		print_clean(line != NULL ? line : "");
		putchar('\n');
		free(line);
		field = "";
		text += len + (text[len] == '\n');
	}
}

static void print_vcpus(const struct hvd_zone *zone, struct json_object *def)
{
	uint64_t on = definition_vcpus_on(def);

	printf(FIELD "%" PRIu32, "vCPUs:", zone->vcpus);
	if (on != 0 && on < zone->vcpus) {
		printf(", of which %" PRIu64 " may be on", on);
	}
	putchar('\n');
}

static void print_detail(struct context *ctx,
			 const struct hvd_zone_detail *detail)
{
	const struct hvd_zone *zone = &detail->zone;
	struct json_object *json = json_tokener_parse(detail->json);
	struct json_object *def = json_object_object_get(json, "definition");
	struct json_object *running =
		json_object_object_get(json, "running_definition");
	struct json_object *description;
	enum paint paint = paint_of_state(zone->state);
	char memory[32];

	format_bytes(zone->memory, memory, sizeof(memory));
	printf(FIELD "%s\n", "Name:", zone->name);
	printf(FIELD "%s\n", "UUID:", zone->uuid);
	if (zone->title != NULL) {
		printf(FIELD, "Title:");
		print_clean(zone->title);
		putchar('\n');
	}
	description = json_object_object_get(def != NULL ? def : running,
					     "description");
	if (description != NULL) {
		print_description(json_object_get_string(description));
	}
	printf(FIELD "%s%s%s", "State:", paint_start(paint, ctx->color),
	       shown_state(zone->state), paint_end(paint, ctx->color));
	if (zone->reason != NULL) {
		fputs(" (", stdout);
		print_clean(zone->reason);
		putchar(')');
	}
	putchar('\n');
	print_vcpus(zone, running != NULL ? running : def);
	printf(FIELD "%s\n", "Memory:", memory);
	printf(FIELD "%s\n", "Persistent:", zone->persistent ? "yes" : "no");
	printf(FIELD "%s", "Autostart:", zone->autostart ? "yes" : "no");
	print_autostart(def);
	putchar('\n');
	print_policies(running != NULL ? running : def);
	printf(FIELD "%" PRIu64 "\n", "Generation:", detail->generation);
	if (zone->id >= 0) {
		print_run(detail);
	}
	for (size_t i = 0; i < detail->device_count; i++) {
		print_device(ctx, &detail->devices[i]);
	}
	if (detail->fault != NULL) {
		print_fault(detail->fault);
	}
	json_object_put(json);
}

static int show_info(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	struct hvd_zone_detail *detail;
	int err = hvd_zone_get(ctx->conn, name, &detail);

	if (err != 0) {
		return report_zone(ctx, err, "info", name);
	}
	if (args_has(args, "json")) {
		print_json(detail->json);
	} else {
		print_detail(ctx, detail);
	}
	hvd_zone_detail_free(detail);
	return EXIT_OK;
}

int cmd_info(struct context *ctx, const struct args *args)
{
	int status = context_connect(ctx);

	if (status != EXIT_OK) {
		return status;
	}
	return args_has(args, "watch")
		       ? watch(ctx, args, args->positionals[0], show_info)
		       : show_info(ctx, args);
}

static int do_start(struct hvd_conn *conn, const char *name,
		    unsigned int paused)
{
	return hvd_zone_start(conn, name, paused != 0 ? HVD_START_PAUSED : 0);
}

/* Runs one request about one zone. */
static int run_request(struct context *ctx, const char *verb, const char *name,
		       int (*request)(struct hvd_conn *conn, const char *name,
				      unsigned int arg),
		       unsigned int arg)
{
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	progress_start(ctx, verb, name);
	err = request(ctx->conn, name, arg);
	progress_stop(ctx);
	return err == 0 ? EXIT_OK : report_zone(ctx, err, verb, name);
}

static int started(struct context *ctx, const struct args *args,
		   const char *name)
{
	struct console_request console = { .zone = name };

	if (!args_has(args, "console")) {
		printf("%s: started%s\n", name,
		       args_has(args, "paused") ? ", paused" : "");
		return EXIT_OK;
	}
	return console_session(ctx, &console);
}

int cmd_start(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	bool paused = args_has(args, "paused");
	int status = run_request(ctx, "start", name, do_start, paused);

	if (status != EXIT_OK) {
		return status;
	}
	return started(ctx, args, name);
}

/* A zone that is not defined. */
static int run_text(struct context *ctx, const struct args *args,
		    const char *text, const char *name)
{
	unsigned int flags = args_has(args, "paused") ? HVD_START_PAUSED : 0;
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	progress_start(ctx, "run", name);
	err = hvd_zone_create(ctx->conn, text, flags);
	progress_stop(ctx);
	return err != 0 ? report_file(ctx, err, "run", args->positionals[0])
			: started(ctx, args, name);
}

int cmd_run(struct context *ctx, const struct args *args)
{
	const char *file = args->positionals[0];
	int status = EXIT_REQUEST;
	char *text;
	char *name;

	if (args_has(args, "console") && strcmp(file, "-") == 0) {
		complain("run: a console needs the standard input that the "
			 "definition comes from");
		return EXIT_USAGE;
	}
	text = definition_read(file);
	name = text != NULL ? definition_name(file, text) : NULL;
	if (name != NULL) {
		status = run_text(ctx, args, text, name);
	}
	free(name);
	free(text);
	return status;
}

/* It was done: if it ended what somebody else had asked for is another question. */
static int tell_asked(struct context *ctx, const char *name, const char *what)
{
	struct hvd_zone_detail *detail;
	const struct hvd_zone *zone;

	printf("%s: asked to %s", name, what);
	if (hvd_zone_get(ctx->conn, name, &detail) == 0) {
		zone = &detail->zone;
		if (zone->reason != NULL &&
		    (strcmp(zone->state, HVD_STATE_SHUTTING_DOWN) == 0 ||
		     strcmp(zone->state, HVD_STATE_REBOOTING) == 0)) {
			fputs(", ", stdout);
			print_clean(zone->reason);
		}
		hvd_zone_detail_free(detail);
	}
	putchar('\n');
	return EXIT_OK;
}

int cmd_shutdown(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	bool force = args_has(args, "force");
	bool wait =
		force || args_has(args, "wait") || args_has(args, "timeout");
	uint64_t seconds;
	int status;

	if (!args_number(args, "timeout", WAIT_DEFAULT_S, WAIT_MAX_S,
			 &seconds)) {
		return EXIT_USAGE;
	}
	if (force && seconds == 0) {
		complain("shutdown: --force needs time for the guest");
		hint("'hvsh destroy %s' does not ask", name);
		return EXIT_USAGE;
	}
	if (wait && seconds == 0) {
		wait = false;
	}
	status = run_request(ctx, "shutdown", name,
			     force ? hvd_zone_stop : hvd_zone_shutdown,
			     wait ? (unsigned int)seconds : 0);
	if (status == EXIT_TIMEOUT) {
		hint("'hvsh destroy %s' stops it without asking", name);
	}
	if (status == EXIT_OK && !wait) {
		return tell_asked(ctx, name, "shut down");
	}
	if (status == EXIT_OK) {
		printf("%s: shut off\n", name);
	}
	return status;
}

static int do_reboot(struct hvd_conn *conn, const char *name, unsigned int arg)
{
	(void)arg;
	return hvd_zone_reboot(conn, name);
}

int cmd_reboot(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	int status = run_request(ctx, "reboot", name, do_reboot, 0);

	return status != EXIT_OK ? status : tell_asked(ctx, name, "reboot");
}

/* Requests that take a name and nothing else. */
struct plain_request {
	const char *verb;
	const char *done;
	int (*request)(struct hvd_conn *conn, const char *name);
};

static int run_plain(struct context *ctx, const struct args *args,
		     const struct plain_request *plain)
{
	const char *name = args->positionals[0];
	int err = context_connect(ctx);

	if (err != EXIT_OK) {
		return err;
	}
	progress_start(ctx, plain->verb, name);
	err = plain->request(ctx->conn, name);
	progress_stop(ctx);
	if (err != 0) {
		return report_zone(ctx, err, plain->verb, name);
	}
	printf("%s: %s\n", name, plain->done);
	return EXIT_OK;
}

#define PLAIN_COMMAND(verb, done)                                              \
	int cmd_##verb(struct context *ctx, const struct args *args)           \
	{                                                                      \
		static const struct plain_request plain = { #verb, done,       \
							    hvd_zone_##verb }; \
		return run_plain(ctx, args, &plain);                           \
	}

PLAIN_COMMAND(reset, "reset")
PLAIN_COMMAND(destroy, "stopped")
PLAIN_COMMAND(pause, "paused")

/* As with virsh, a zone that runs goes on without one. */
int cmd_undefine(struct context *ctx, const struct args *args)
{
	static const struct plain_request plain = { "undefine",
						    "definition deleted",
						    hvd_zone_undefine };
	struct hvd_zone_detail *detail;
	int status = run_plain(ctx, args, &plain);

	/* It was done: if there is more to say is another question. */
	if (status != EXIT_OK ||
	    hvd_zone_get(ctx->conn, args->positionals[0], &detail) != 0) {
		return status;
	}
	if (!is_off(detail->zone.state)) {
		printf("%s is still %s, transient now: it will be gone once it "
		       "is shut off\n",
		       detail->zone.name, shown_state(detail->zone.state));
	}
	hvd_zone_detail_free(detail);
	return EXIT_OK;
}

int cmd_resume(struct context *ctx, const struct args *args)
{
	static const struct plain_request plain = { "resume", "resumed",
						    hvd_zone_resume };

	return args->positional_count == 2
		       ? device_resume(ctx, args->positionals[0],
				       args->positionals[1])
		       : run_plain(ctx, args, &plain);
}

static int dump_to(struct context *ctx, const char *name, const char *path,
		   unsigned int flags)
{
	char size[32], written[32];
	uint64_t bytes, memory;
	int err;

	progress_start(ctx, "dump", name);
	err = hvd_zone_dump(ctx->conn, name, path, flags, &bytes, &memory);
	progress_stop(ctx);
	if (err == -ENOENT) { /* a path in other errors is that of the file */
		return report_zone(ctx, err, "dump", name);
	}
	if (err != 0) {
		return report(ctx, err, "dump %s", name);
	}
	format_bytes(bytes, size, sizeof(size));
	format_bytes(memory, written, sizeof(written));
	printf("%s: dumped to ", name);
	print_clean(path);
	printf(" (%s, %s of it not zero)\n", size, written);
	return EXIT_OK;
}

int cmd_dump(struct context *ctx, const struct args *args)
{
	/* The daemon has another working directory. */
	struct json_object *path = definition_path(args->positionals[1]);
	unsigned int flags = (args_has(args, "live") ? HVD_DUMP_LIVE : 0) |
			     (args_has(args, "force") ? HVD_DUMP_FORCE : 0);
	int status;

	if (path == NULL) {
		return EXIT_REQUEST;
	}
	status = context_connect(ctx);
	if (status == EXIT_OK) {
		status = dump_to(ctx, args->positionals[0],
				 json_object_get_string(path), flags);
	}
	json_object_put(path);
	return status;
}
