// SPDX-License-Identifier: BSD-2-Clause
/* Methods about zones. */
#include "client_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void zone_fini(struct hvd_zone *zone)
{
	free(zone->name);
	free(zone->uuid);
	free(zone->state);
	free(zone->reason);
	free(zone->title);
}

/* On failure the caller finishes what has been read so far. */
static int zone_read(struct hvd_conn *conn, const char *method,
		     struct json_object *json, struct hvd_zone *zone)
{
	if (!hvd__json_copy(json, "name", &zone->name) ||
	    !hvd__json_copy(json, "uuid", &zone->uuid) ||
	    !hvd__json_copy(json, "state", &zone->state) ||
	    !hvd__json_copy(json, "reason", &zone->reason) ||
	    !hvd__json_copy(json, "title", &zone->title)) {
		return hvd__fail_nomem(conn);
	}
	if (zone->name == NULL || zone->uuid == NULL || zone->state == NULL) {
		return hvd__fail_reply(conn, method,
				       "lacks 'name', 'uuid' or 'state'");
	}
	zone->id = hvd__json_i64(json, "id", -1);
	zone->vcpus = (uint32_t)hvd__json_u64(json, "vcpus", 0);
	zone->memory = hvd__json_u64(json, "memory", 0);
	zone->autostart = hvd__json_bool(json, "autostart", false);
	zone->persistent = hvd__json_bool(json, "persistent", true);
	return 0;
}

void hvd_zone_list_free(struct hvd_zone *zones, size_t count)
{
	if (zones == NULL) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		zone_fini(&zones[i]);
	}
	free(zones);
}

static int list_read(struct hvd_conn *conn, struct json_object *list,
		     struct hvd_zone **ret_zones, size_t *ret_count)
{
	struct hvd_zone *zones;
	size_t count;
	int err;

	if (!json_object_is_type(list, json_type_array)) {
		return hvd__fail_reply(conn, "zone.list", "is not an array");
	}
	count = json_object_array_length(list);
	zones = calloc(count + 1, sizeof(*zones));
	if (zones == NULL) {
		return hvd__fail_nomem(conn);
	}
	for (size_t i = 0; i < count; i++) {
		err = zone_read(conn, "zone.list",
				json_object_array_get_idx(list, i), &zones[i]);
		if (err != 0) {
			hvd_zone_list_free(zones, count);
			return err;
		}
	}
	*ret_zones = zones;
	*ret_count = count;
	return 0;
}

int hvd_zone_list(struct hvd_conn *conn, struct hvd_zone **ret_zones,
		  size_t *ret_count)
{
	struct json_object *result;
	int err = hvd__invoke(conn, "zone.list", NULL, 0, &result);

	if (err != 0) {
		return err;
	}
	err = list_read(conn, result, ret_zones, ret_count);
	json_object_put(result);
	return err;
}

void hvd_zone_detail_free(struct hvd_zone_detail *zone)
{
	if (zone == NULL) {
		return;
	}
	zone_fini(&zone->zone);
	free(zone->fault);
	hvd__devices_free(zone->devices, zone->device_count);
	free(zone->definition);
	free(zone->json);
	free(zone);
}

static int fault_read(struct hvd_conn *conn, struct json_object *json,
		      struct hvd_zone_fault **ret_fault)
{
	struct hvd_zone_fault *fault;

	if (!json_object_is_type(json, json_type_object)) {
		return 0;
	}
	fault = calloc(1, sizeof(*fault));
	if (fault == NULL) {
		return hvd__fail_nomem(conn);
	}
	fault->vcpu = (uint32_t)hvd__json_u64(json, "vcpu", 0);
	fault->pc = hvd__json_u64(json, "pc", 0);
	fault->addr = hvd__json_u64(json, "addr", 0);
	fault->ipa = hvd__json_u64(json, "ipa", 0);
	fault->syndrome = hvd__json_u64(json, "syndrome", 0);
	*ret_fault = fault;
	return 0;
}

static int detail_read(struct hvd_conn *conn, struct json_object *json,
		       struct hvd_zone_detail *detail)
{
	struct json_object *info = hvd__json_get(json, "info");
	struct json_object *io = hvd__json_get(json, "io");
	int err = zone_read(conn, "zone.get", json, &detail->zone);

	if (err == 0) {
		err = fault_read(conn, hvd__json_get(info, "fault"),
				 &detail->fault);
	}
	if (err == 0) {
		err = hvd__devices_read(conn, hvd__json_get(json, "devices"),
					&detail->devices,
					&detail->device_count);
	}
	if (err != 0) {
		return err;
	}
	detail->generation = hvd__json_u64(json, "generation", 0);
	detail->cpu_time_ns = hvd__json_u64(info, "cpu_time_ns", 0);
	detail->vcpus_on = (uint32_t)hvd__json_u64(info, "vcpus_on", 0);
	detail->pages = hvd__json_u64(info, "pages", 0);
	detail->pages_granted = hvd__json_u64(info, "pages_granted", 0);
	detail->pages_overhead = hvd__json_u64(info, "pages_overhead", 0);
	detail->map_1g = hvd__json_u64(info, "map_1g", 0);
	detail->map_2m = hvd__json_u64(info, "map_2m", 0);
	detail->map_4k = hvd__json_u64(info, "map_4k", 0);
	detail->io_pid = hvd__json_i64(io, "pid", -1);
	detail->io_restarts = hvd__json_u64(io, "restarts", 0);
	detail->definition = hvd__json_text(hvd__json_get(json, "definition"));
	detail->json = hvd__json_text(json);
	if (detail->definition == NULL || detail->json == NULL) {
		return hvd__fail_nomem(conn);
	}
	return 0;
}

int hvd_zone_get(struct hvd_conn *conn, const char *name,
		 struct hvd_zone_detail **ret_zone)
{
	struct json_object *params = hvd__params_named("name", name);
	struct hvd_zone_detail *detail;
	struct json_object *result;
	int err;

	if (params == NULL) {
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "zone.get", params, 0, &result);
	if (err != 0) {
		return err;
	}
	detail = calloc(1, sizeof(*detail));
	err = detail != NULL ? detail_read(conn, result, detail)
			     : hvd__fail_nomem(conn);
	json_object_put(result);
	if (err != 0) {
		hvd_zone_detail_free(detail);
		return err;
	}
	*ret_zone = detail;
	return 0;
}

void hvd_zone_defined_free(struct hvd_zone_defined *defined)
{
	if (defined == NULL) {
		return;
	}
	free(defined->name);
	free(defined->uuid);
	free(defined);
}

static int defined_read(struct hvd_conn *conn, const char *method,
			struct json_object *json,
			struct hvd_zone_defined **ret_defined)
{
	struct hvd_zone_defined *defined = calloc(1, sizeof(*defined));
	int err = 0;

	if (defined == NULL || !hvd__json_copy(json, "name", &defined->name) ||
	    !hvd__json_copy(json, "uuid", &defined->uuid)) {
		err = hvd__fail_nomem(conn);
	} else if (defined->name == NULL || defined->uuid == NULL) {
		err = hvd__fail_reply(conn, method, "lacks 'name' or 'uuid'");
	}
	if (err != 0) {
		hvd_zone_defined_free(defined);
		return err;
	}
	defined->generation = hvd__json_u64(json, "generation", 0);
	*ret_defined = defined;
	return 0;
}

/* Takes params over.  ret_defined may be NULL. */
static int invoke_defined(struct hvd_conn *conn, const char *method,
			  struct json_object *params,
			  struct hvd_zone_defined **ret_defined)
{
	struct json_object *result;
	int err = hvd__invoke(conn, method, params, 0, &result);

	if (err != 0) {
		return err;
	}
	if (ret_defined != NULL) {
		err = defined_read(conn, method, result, ret_defined);
	}
	json_object_put(result);
	return err;
}

static int define_params(struct hvd_conn *conn, const char *text,
			 struct json_object **ret_params)
{
	struct json_object *definition = hvd__json_parse(text, strlen(text));
	struct json_object *params;

	if (!json_object_is_type(definition, json_type_object)) {
		json_object_put(definition);
		return hvd__fail(conn, -EINVAL, NULL,
				 "the definition is not a JSON object");
	}
	params = json_object_new_object();
	if (!hvd__params_add(params, "definition", definition)) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	*ret_params = params;
	return 0;
}

int hvd_zone_define(struct hvd_conn *conn, const char *definition_json,
		    struct hvd_zone_defined **ret_defined)
{
	struct json_object *params = NULL;
	int err = define_params(conn, definition_json, &params);

	if (err != 0) {
		return err;
	}
	return invoke_defined(conn, "zone.define", params, ret_defined);
}

/* NULL: no memory. */
static struct json_object *rename_params(const char *name, const char *new_name)
{
	struct json_object *params = hvd__params_named("name", name);

	if (params != NULL &&
	    !hvd__params_add(params, "new_name",
			     json_object_new_string(new_name))) {
		json_object_put(params);
		return NULL;
	}
	return params;
}

int hvd_zone_rename(struct hvd_conn *conn, const char *name,
		    const char *new_name)
{
	struct json_object *params = rename_params(name, new_name);

	return params != NULL
		       ? hvd__invoke(conn, "zone.rename", params, 0, NULL)
		       : hvd__fail_nomem(conn);
}

/* Takes the members of changes_json into params; 0 or a negative
 * errno value. */
static int add_changes(struct hvd_conn *conn, struct json_object *params,
		       const char *changes_json)
{
	struct json_object *changes =
		hvd__json_parse(changes_json, strlen(changes_json));
	bool good = true;

	if (!json_object_is_type(changes, json_type_object)) {
		json_object_put(changes);
		return hvd__fail(conn, -EINVAL, NULL,
				 "the changes are not a JSON object");
	}
	json_object_object_foreach (changes, key, value) {
		good = good &&
		       hvd__params_add(params, key, json_object_get(value));
	}
	json_object_put(changes);
	return good ? 0 : hvd__fail_nomem(conn);
}

int hvd_zone_clone(struct hvd_conn *conn, const char *name,
		   const char *new_name, const char *changes_json,
		   struct hvd_zone_defined **ret_defined)
{
	struct json_object *params = rename_params(name, new_name);
	int err = params != NULL ? 0 : hvd__fail_nomem(conn);

	if (err == 0 && changes_json != NULL) {
		err = add_changes(conn, params, changes_json);
	}
	if (err != 0) {
		json_object_put(params);
		return err;
	}
	return invoke_defined(conn, "zone.clone", params, ret_defined);
}

int hvd_zone_describe(struct hvd_conn *conn, const char *name,
		      const char *changes_json,
		      struct hvd_zone_defined **ret_defined)
{
	struct json_object *params = hvd__params_named("name", name);
	int err = params != NULL ? add_changes(conn, params, changes_json)
				 : hvd__fail_nomem(conn);

	if (err != 0) {
		json_object_put(params);
		return err;
	}
	return invoke_defined(conn, "zone.set", params, ret_defined);
}

static int check_start_flags(struct hvd_conn *conn, unsigned int flags)
{
	return (flags & ~HVD_START_PAUSED) == 0
		       ? 0
		       : hvd__fail(conn, -EINVAL, NULL,
				   "unknown start flags %#x",
				   flags & ~HVD_START_PAUSED);
}

/* Takes params over. */
static int start_with(struct hvd_conn *conn, const char *method,
		      struct json_object *params, unsigned int flags)
{
	if ((flags & HVD_START_PAUSED) != 0 &&
	    !hvd__params_add(params, "paused", json_object_new_boolean(true))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	return hvd__invoke(conn, method, params, 0, NULL);
}

int hvd_zone_start(struct hvd_conn *conn, const char *name, unsigned int flags)
{
	struct json_object *params;
	int err = check_start_flags(conn, flags);

	if (err != 0) {
		return err;
	}
	params = hvd__params_named("name", name);
	return params != NULL ? start_with(conn, "zone.start", params, flags)
			      : hvd__fail_nomem(conn);
}

int hvd_zone_create(struct hvd_conn *conn, const char *definition_json,
		    unsigned int flags)
{
	struct json_object *params = NULL;
	int err = check_start_flags(conn, flags);

	if (err == 0) {
		err = define_params(conn, definition_json, &params);
	}
	return err != 0 ? err : start_with(conn, "zone.create", params, flags);
}

static int shut_down(struct hvd_conn *conn, const char *name,
		     unsigned int wait_s, bool force)
{
	struct json_object *params = hvd__params_named("name", name);
	int extra_ms = wait_s > INT_MAX / 1000 ? INT_MAX : (int)wait_s * 1000;

	if (params == NULL ||
	    (wait_s != 0 && !hvd__params_add(params, "timeout",
					     json_object_new_uint64(wait_s))) ||
	    (force && !hvd__params_add(params, "force",
				       json_object_new_boolean(true)))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	return hvd__invoke(conn, "zone.shutdown", params, extra_ms, NULL);
}

int hvd_zone_shutdown(struct hvd_conn *conn, const char *name,
		      unsigned int wait_s)
{
	return shut_down(conn, name, wait_s, false);
}

int hvd_zone_stop(struct hvd_conn *conn, const char *name, unsigned int wait_s)
{
	return shut_down(conn, name, wait_s, true);
}

int hvd_zone_pin(struct hvd_conn *conn, const char *name, uint32_t vcpu,
		 uint32_t pcpu)
{
	struct json_object *params = hvd__params_named("name", name);

	if (params == NULL ||
	    !hvd__params_add(params, "vcpu", json_object_new_int64(vcpu)) ||
	    !hvd__params_add(params, "pcpu", json_object_new_int64(pcpu))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	return hvd__invoke(conn, "zone.pin", params, 0, NULL);
}

int hvd_zone_set_vcpus(struct hvd_conn *conn, const char *name, uint32_t vcpus)
{
	struct json_object *params = hvd__params_named("name", name);

	if (params == NULL ||
	    !hvd__params_add(params, "vcpus", json_object_new_int64(vcpus))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	return hvd__invoke(conn, "zone.set", params, 0, NULL);
}

int hvd_zone_undefine(struct hvd_conn *conn, const char *name)
{
	return hvd__invoke_named(conn, "zone.undefine", name);
}

int hvd_zone_reboot(struct hvd_conn *conn, const char *name)
{
	return hvd__invoke_named(conn, "zone.reboot", name);
}

int hvd_zone_reset(struct hvd_conn *conn, const char *name)
{
	return hvd__invoke_named(conn, "zone.reset", name);
}

int hvd_zone_destroy(struct hvd_conn *conn, const char *name)
{
	return hvd__invoke_named(conn, "zone.destroy", name);
}

int hvd_zone_pause(struct hvd_conn *conn, const char *name)
{
	return hvd__invoke_named(conn, "zone.pause", name);
}

int hvd_zone_resume(struct hvd_conn *conn, const char *name)
{
	return hvd__invoke_named(conn, "zone.resume", name);
}

static struct json_object *dump_params(const char *name, const char *path,
				       unsigned int flags)
{
	struct json_object *params = hvd__params_named("name", name);

	if (!hvd__params_add(params, "path", json_object_new_string(path)) ||
	    !hvd__params_add(params, "live",
			     json_object_new_boolean(flags & HVD_DUMP_LIVE)) ||
	    !hvd__params_add(params, "force",
			     json_object_new_boolean(flags & HVD_DUMP_FORCE))) {
		json_object_put(params);
		return NULL;
	}
	return params;
}

int hvd_zone_dump(struct hvd_conn *conn, const char *name, const char *path,
		  unsigned int flags, uint64_t *ret_size, uint64_t *ret_written)
{
	struct json_object *params = dump_params(name, path, flags);
	struct json_object *result;
	int err;

	if ((flags & ~(HVD_DUMP_LIVE | HVD_DUMP_FORCE)) != 0) {
		json_object_put(params);
		return hvd__fail(conn, -EINVAL, NULL, "unknown flags");
	}
	if (params == NULL) {
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "zone.dump", params, -1, &result);
	if (err != 0) {
		return err;
	}
	if (ret_size != NULL) {
		*ret_size = hvd__json_u64(result, "size", 0);
	}
	if (ret_written != NULL) {
		*ret_written = hvd__json_u64(result, "written", 0);
	}
	json_object_put(result);
	return 0;
}
