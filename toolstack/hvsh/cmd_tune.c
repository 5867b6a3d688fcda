// SPDX-License-Identifier: BSD-2-Clause
/* CPUs and memory of a zone that exists. */
#include "hvsh.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 63u
#define VCPUS_MAX 32u

/* ------------------------------------------------- changes of a definition */

static bool is_array(struct json_object *json)
{
	return json_object_is_type(json, json_type_array);
}

static void set(struct json_object *json, const char *key,
		struct json_object *value)
{
	json_object_object_del(json, key);
	json_object_object_add(json, key, value);
}

static void tell_when(const struct hvd_zone *zone)
{
	if (zone->id >= 0) {
		printf("%s: is %s; that holds from its next start\n",
		       zone->name, zone->state);
	}
}

/* json: what it is to be. */
static int put(struct context *ctx, const char *verb,
	       const struct hvd_zone_detail *detail, struct json_object *json)
{
	int err = definition_put(ctx, json_object_to_json_string(json),
				 detail->generation);

	if (err != 0) {
		return report_zone(ctx, err, verb, detail->zone.name);
	}
	tell_when(&detail->zone);
	return EXIT_OK;
}

static int change(struct context *ctx, const struct args *args,
		  void (*apply)(struct json_object *json, const void *arg),
		  const void *arg)
{
	struct hvd_zone_detail *detail;
	struct json_object *json;
	int status = definition_get(ctx, args->command, args->positionals[0],
				    &detail);

	if (status != EXIT_OK) {
		return status;
	}
	json = json_tokener_parse(detail->definition);
	apply(json, arg);
	status = put(ctx, args->command, detail, json);
	json_object_put(json);
	hvd_zone_detail_free(detail);
	return status;
}

/* ------------------------------------------------------------------ vCPUs */

static uint64_t number_of(struct json_object *json, const char *key)
{
	return json_object_get_uint64(json_object_object_get(json, key));
}

static void set_vcpus(struct json_object *json, uint64_t max, uint64_t on)
{
	struct json_object *vcpus;

	if (on == max) {
		set(json, "vcpus", json_object_new_int64((int64_t)max));
		return;
	}
	vcpus = json_object_new_object();
	json_object_object_add(vcpus, "max",
			       json_object_new_int64((int64_t)max));
	json_object_object_add(vcpus, "on", json_object_new_int64((int64_t)on));
	set(json, "vcpus", vcpus);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What was one for each vCPU, as it is without the member, is so again. */
static void follow_queues(struct json_object *json, uint64_t old)
{
	static const struct {
		const char *type;
		uint64_t max;
	} types[] = { { "disk", 8 }, { "net", 3 } };
	struct json_object *list = json_object_object_get(json, "devices");

	for (size_t i = 0; is_array(list) && i < json_object_array_length(list);
	     i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *type = json_object_get_string(
			json_object_object_get(one, "type"));

		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
			if (type != NULL && strcmp(types[k].type, type) == 0 &&
			    number_of(one, "queues") ==
				    least(old, types[k].max)) {
				json_object_object_del(one, "queues");
			}
		}
	}
}

static void follow_cpus(struct json_object *json, uint64_t max)
{
	struct json_object *old = json_object_object_get(json, "cpus");
	struct json_object *cpus;

	if (!is_array(old)) {
		return;
	}
	cpus = json_object_new_array();
	for (size_t i = 0; i < max; i++) {
		json_object_array_add(
			cpus,
			i < json_object_array_length(old)
				? json_object_get(
					  json_object_array_get_idx(old, i))
				: NULL);
	}
	set(json, "cpus", cpus);
}

/* arg: how many there are to be. */
static void apply_maximum(struct json_object *json, const void *arg)
{
	const uint64_t *max = arg;
	uint64_t old = definition_vcpus(json);
	uint64_t on = definition_vcpus_on(json);

	set_vcpus(json, *max, on == old ? *max : least(on, *max));
	follow_queues(json, old);
	follow_cpus(json, *max);
}

static void apply_on(struct json_object *json, const void *arg)
{
	const uint64_t *on = arg;
	uint64_t max = definition_vcpus(json);

	/* more than there are: hvd says that */
	set_vcpus(json, max, *on);
}

static int set_vcpus_live(struct context *ctx, const char *verb,
			  const struct hvd_zone_detail *detail, uint64_t count)
{
	const char *name = detail->zone.name;
	int err = hvd_zone_set_vcpus(ctx->conn, name, (uint32_t)count);

	if (err != 0) {
		return report_zone(ctx, err, verb, name);
	}
	printf("%s: %" PRIu64 " vCPU%s may be on; its guest takes them on- and "
	       "offline\n",
	       name, count, count == 1 ? "" : "s");
	if (detail->vcpus_on > count) {
		printf("%s: %" PRIu32 " are on, and stay so until the guest "
		       "itself takes them offline: echo 0 > "
		       "/sys/devices/system/cpu/cpu%" PRIu64 "/online\n",
		       name, detail->vcpus_on, count);
	}
	return EXIT_OK;
}

static int setvcpus(struct context *ctx, const struct args *args,
		    const struct hvd_zone_detail *detail, uint64_t count)
{
	bool maximum = args_has(args, "maximum");
	bool config = args_has(args, "config") || maximum;
	bool live = args_has(args, "live");
	int status = EXIT_OK;

	if (!live && !config) {
		live = detail->zone.id >= 0;
		config = !live;
	}
	if (live) {
		status = set_vcpus_live(ctx, args->command, detail, count);
	}
	if (status == EXIT_OK && config) {
		status = change(ctx, args, maximum ? apply_maximum : apply_on,
				&count);
	}
	return status;
}

int cmd_setvcpus(struct context *ctx, const struct args *args)
{
	const char *name = args->positionals[0];
	struct hvd_zone_detail *detail;
	uint64_t count;
	int status;
	int err;

	if (!parse_number(args->positionals[1], VCPUS_MAX, &count) ||
	    count == 0) {
		complain("%s: '%s' is not a number of vCPUs", args->command,
			 args->positionals[1]);
		return EXIT_USAGE;
	}
	if (args_has(args, "maximum") && args_has(args, "live")) {
		complain("%s: --maximum is fixed while a zone runs",
			 args->command);
		return EXIT_USAGE;
	}
	status = context_connect(ctx);
	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_zone_get(ctx->conn, name, &detail);
	if (err != 0) {
		return report_zone(ctx, err, args->command, name);
	}
	status = setvcpus(ctx, args, detail, count);
	hvd_zone_detail_free(detail);
	return status;
}

/* -------------------------------------------------------------- autostart */

/* An order and a delay stay. */
static void apply_autostart(struct json_object *json, const void *arg)
{
	const bool *wanted = arg;
	struct json_object *old = json_object_object_get(json, "autostart");

	if (!*wanted || !json_object_is_type(old, json_type_object)) {
		set(json, "autostart", json_object_new_boolean(*wanted));
	}
}

int cmd_autostart(struct context *ctx, const struct args *args)
{
	bool wanted = !args_has(args, "disable");
	struct hvd_zone_detail *detail;
	struct json_object *json;
	int status = definition_get(ctx, args->command, args->positionals[0],
				    &detail);
	int err;

	if (status != EXIT_OK) {
		return status;
	}
	json = json_tokener_parse(detail->definition);
	apply_autostart(json, &wanted);
	err = definition_put(ctx, json_object_to_json_string(json),
			     detail->generation);
	json_object_put(json);
	if (err != 0) {
		status =
			report_zone(ctx, err, args->command, detail->zone.name);
	}
	hvd_zone_detail_free(detail);
	return status;
}

/* ----------------------------------------------------------------- setmem */

static void apply_memory(struct json_object *json, const void *arg)
{
	set(json, "memory", json_object_new_string(arg));
}

int cmd_setmem(struct context *ctx, const struct args *args)
{
	return change(ctx, args, apply_memory, args->positionals[1]);
}

/* ---------------------------------------------------------------- vcpupin */

struct pin {
	uint64_t vcpu;
	uint64_t pcpu;
	bool any; /* no CPU in particular: hvd chooses */
	bool all; /* of the table: all vCPUs */
};

static void apply_pin(struct json_object *json, const void *arg)
{
	struct json_object *old = json_object_object_get(json, "cpus");
	struct json_object *cpus = json_object_new_array();
	const struct pin *pin = arg;

	for (uint64_t i = 0; i < definition_vcpus(json); i++) {
		struct json_object *one =
			is_array(old) ? json_object_array_get_idx(old, i)
				      : NULL;

		if (i == pin->vcpu) {
			one = pin->any ? NULL
				       : json_object_new_int64(
						 (int64_t)pin->pcpu);
		} else {
			json_object_get(one);
		}
		json_object_array_add(cpus, one);
	}
	set(json, "cpus", cpus);
}

static void add_cpu(struct table *table, struct json_object *list, size_t i,
		    const char *without)
{
	struct json_object *cpu =
		is_array(list) ? json_object_array_get_idx(list, i) : NULL;

	table_add(table, PAINT_NONE, "%s",
		  cpu != NULL ? json_object_get_string(cpu) : without);
}

static void print_pins(struct context *ctx, struct json_object *json,
		       const struct pin *pin)
{
	static const struct column columns[] = {
		{ "VCPU", true, false },
		{ "CPU", true, false },
		{ "DEFINITION", true, false },
	};
	struct json_object *info = json_object_object_get(json, "info");
	struct json_object *now = json_object_object_get(info, "pcpus");
	struct json_object *def = json_object_object_get(json, "definition");
	struct json_object *defined = json_object_object_get(def, "cpus");
	uint64_t count = is_array(now) ? json_object_array_length(now)
				       : definition_vcpus(json);
	struct table table;

	count = definition_vcpus(def) > count ? definition_vcpus(def) : count;
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint64_t i = 0; i < count; i++) {
		if (!pin->all && i != pin->vcpu) {
			continue;
		}
		table_add(&table, PAINT_NONE, "%" PRIu64, i);
		add_cpu(&table, now, i, "-");
		add_cpu(&table, defined, i, def != NULL ? "any" : "-");
	}
	table_print(&table, ctx->color);
	table_fini(&table);
}

static int pin_live(struct context *ctx, const struct args *args,
		    const struct pin *pin)
{
	const char *name = args->positionals[0];
	int err = hvd_zone_pin(ctx->conn, name, (uint32_t)pin->vcpu,
			       (uint32_t)pin->pcpu);

	if (err != 0) {
		return report_zone(ctx, err, args->command, name);
	}
	printf("%s: vCPU %" PRIu64 " goes to CPU %" PRIu64 "\n", name,
	       pin->vcpu, pin->pcpu);
	return EXIT_OK;
}

/* Has the definition, if there is one, that vCPU?  Says so if not. */
static bool is_defined(const struct args *args,
		       const struct hvd_zone_detail *detail, uint64_t vcpu)
{
	struct json_object *json = json_tokener_parse(detail->definition);
	uint64_t count = definition_vcpus(json);

	json_object_put(json);
	if (count == 0 || vcpu < count) {
		return true;
	}
	complain("%s %s: its definition has the vCPUs 0 to %" PRIu64,
		 args->command, detail->zone.name, count - 1);
	return false;
}

/* Without --live and --config: what it runs on if it runs, else its definition. */
static int pin_vcpu(struct context *ctx, const struct args *args,
		    const struct hvd_zone_detail *detail, const struct pin *pin)
{
	bool config = args_has(args, "config");
	bool live = args_has(args, "live");
	int status = EXIT_OK;

	if (!live && !config) {
		live = detail->zone.id >= 0;
		config = !live;
	}
	if (live && pin->any) {
		complain("%s: a vCPU that runs is on one CPU", args->command);
		hint("--config is about the next start");
		return EXIT_USAGE;
	}
	if (config && !is_defined(args, detail, pin->vcpu)) {
		return EXIT_REQUEST;
	}
	if (live) {
		status = pin_live(ctx, args, pin);
	}
	if (status == EXIT_OK && config) {
		status = change(ctx, args, apply_pin, pin);
	}
	return status;
}

static bool parse_pin(const struct args *args, struct pin *ret_pin)
{
	ret_pin->all = args->positional_count < 2;
	if (args->positional_count > 1 &&
	    !parse_number(args->positionals[1], CPUS_MAX, &ret_pin->vcpu)) {
		complain("%s: '%s' is not the number of a vCPU", args->command,
			 args->positionals[1]);
		return false;
	}
	ret_pin->any = args->positional_count > 2 &&
		       strcmp(args->positionals[2], "any") == 0;
	if (args->positional_count > 2 && !ret_pin->any &&
	    !parse_number(args->positionals[2], CPUS_MAX, &ret_pin->pcpu)) {
		complain("%s: '%s' is not the number of a CPU", args->command,
			 args->positionals[2]);
		hint("a vCPU is on one CPU at a time");
		return false;
	}
	return true;
}

int cmd_vcpupin(struct context *ctx, const struct args *args)
{
	struct hvd_zone_detail *detail;
	struct pin pin = { 0 };
	struct json_object *json;
	int status;
	int err;

	if (!parse_pin(args, &pin)) {
		return EXIT_USAGE;
	}
	status = context_connect(ctx);
	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_zone_get(ctx->conn, args->positionals[0], &detail);
	if (err != 0) {
		return report_zone(ctx, err, args->command,
				   args->positionals[0]);
	}
	if (args->positional_count > 2) {
		status = pin_vcpu(ctx, args, detail, &pin);
	} else {
		json = json_tokener_parse(detail->json);
		print_pins(ctx, json, &pin);
		json_object_put(json);
	}
	hvd_zone_detail_free(detail);
	return status;
}
