/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "privcmd.h"
#include "zone_internal.h"

struct zone *zone_find(struct daemon *daemon, const char *name)
{
	for (struct zone *z = daemon->zones; z; z = z->next) {
		if (strcmp(z->name, name) == 0) {
			return z;
		}
	}
	return NULL;
}

struct zone *zone_find_uuid(struct daemon *daemon,
			    const uint8_t uuid[UUID_SIZE])
{
	for (struct zone *z = daemon->zones; z; z = z->next) {
		if (memcmp(z->uuid, uuid, UUID_SIZE) == 0) {
			return z;
		}
	}
	return NULL;
}

/* A zone whose first definition is still being written does not exist yet. */
bool zone_is_known(const struct zone *z)
{
	return z->def || z->state != ZONE_DEFINED;
}

int zone_look_up(struct daemon *daemon, const char *ref, const char *path,
		 struct zone **ret_zone, struct zerror *ret_error)
{
	uint8_t uuid[UUID_SIZE];
	/* no zone is called so: zone_def_name_valid() */
	bool is_uuid = uuid_parse(ref, uuid);
	struct zone *z;

	if (is_uuid ? uuid_is_null(uuid) : strcmp(ref, "zone0") == 0) {
		*ret_zone = NULL;
		return 0;
	}
	z = is_uuid ? zone_find_uuid(daemon, uuid) : zone_find(daemon, ref);
	if (z && zone_is_known(z)) {
		*ret_zone = z;
		return 0;
	}
	return zerror_set(ret_error, ZERROR_ZONE_NOT_FOUND, path,
			  is_uuid ? "list the zones to see their uuids (hvsh "
				    "list --json)"
				  : "list the zones to see their names (hvsh "
				    "list)",
			  is_uuid ? "no zone has the uuid %.64s"
				  : "there is no zone %.64s",
			  ref);
}

struct zone *zone_create(struct daemon *daemon, const char *name)
{
	struct zone **place = &daemon->zones;
	struct zone *z = calloc(1, sizeof(*z));

	if (!z) {
		return NULL;
	}
	z->daemon = daemon;
	snprintf(z->name, sizeof(z->name), "%s", name);
	z->id = -1;
	z->control_fd = -1;
	z->console_fd = -1;
	uv_timer_init(&daemon->loop, &z->timer);
	uv_timer_init(&daemon->loop, &z->grace);
	uv_timer_init(&daemon->loop, &z->news.timer);
	uv_timer_init(&daemon->loop, &z->resize.timer);
	uv_timer_init(&daemon->loop, &z->set.timer);
	zone_counters_init(z);
	zone_display_init(z);
	z->timer.data = z->grace.data = z->news.timer.data = z;
	z->resize.timer.data = z->set.timer.data = z;
	io_process_init(&z->io, &daemon->loop, &zone_io_ops,
			daemon->options.io_program, z->name, daemon->video_dir);
	z->open_handles = 9 + DISPLAY_PROCESS_HANDLES;
	while (*place && strcmp((*place)->name, name) < 0) {
		place = &(*place)->next;
	}
	z->next = *place;
	*place = z;
	daemon->zone_count++;
	return z;
}

static void free_zone(struct zone *z)
{
	zone_def_destroy(z->def);
	zone_def_destroy(z->once);
	zone_def_destroy(z->running_def);
	free(z);
}

static void handle_closed(struct zone *z)
{
	if (--z->open_handles == 0) {
		free_zone(z);
	}
}

static void on_timer_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void on_io_closed(uv_handle_t *handle)
{
	struct io_process *io = handle->data;

	handle_closed((struct zone *)((char *)io - offsetof(struct zone, io)));
}

static void on_display_closed(uv_handle_t *handle)
{
	struct display_process *display = handle->data;

	handle_closed((struct zone *)((char *)display -
				      offsetof(struct zone, display)));
}

static void close_zone(struct zone *z)
{
	struct zone **place = &z->daemon->zones;
	struct zerror error;

	if (z->closing) {
		return;
	}
	z->closing = true;
	while (*place != z) {
		place = &(*place)->next;
	}
	*place = z->next;
	z->daemon->zone_count--;
	zerror_set(&error, ZERROR_IO_ERROR, NULL, NULL, "hvd stops");
	zone_counters_fail(z, &error);
	zone_disconnect(z);
	io_process_close(&z->io, on_io_closed);
	display_process_close(&z->display, on_display_closed);
	uv_close((uv_handle_t *)&z->keys.timer, on_timer_closed);
	uv_close((uv_handle_t *)&z->viewers.timer, on_timer_closed);
	uv_close((uv_handle_t *)&z->timer, on_timer_closed);
	uv_close((uv_handle_t *)&z->grace, on_timer_closed);
	uv_close((uv_handle_t *)&z->news.timer, on_timer_closed);
	uv_close((uv_handle_t *)&z->resize.timer, on_timer_closed);
	uv_close((uv_handle_t *)&z->set.timer, on_timer_closed);
	uv_close((uv_handle_t *)&z->counters.timer, on_timer_closed);
}

void zone_reap(struct zone *z)
{
	if (!z->def && z->state == ZONE_DEFINED && !z->job && !z->storing) {
		close_zone(z);
	}
}

void zone_close_all(struct daemon *daemon)
{
	struct zone *next;

	zone_autostart_close(daemon);
	job_close(daemon);
	zone_stop_close(daemon);
	zone_reload_close(daemon);
	for (struct zone *z = daemon->zones; z; z = next) {
		next = z->next;
		if (z->job || z->storing) {
			zone_cancel_job(z); /* closed when it is done */
		} else {
			close_zone(z);
		}
	}
}

/* ------------------------------------------------------------- JSON */

/* Of an object that we make: a literal, and added once. */
#define MEMBER (JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY)

static void add_text(struct json_object *json, const char *key,
		     const char *text)
{
	json_object_object_add_ex(json, key, json_object_new_string(text),
				  MEMBER);
}

static void add_uint(struct json_object *json, const char *key, uint64_t value)
{
	json_object_object_add_ex(json, key, json_object_new_uint64(value),
				  MEMBER);
}

struct json_object *zone_summary(const struct zone *z)
{
	const struct zone_def *def = z->running_def ? z->running_def : z->def;
	struct json_object *json = json_object_new_object();
	struct zv_zone_info info = { 0 };
	char uuid[UUID_TEXT_SIZE];

	if (!def && z->control_fd >= 0) {
		privcmd_zone_info(z->control_fd, &info);
	}
	uuid_format(z->uuid, uuid);
	add_text(json, "name", z->name);
	add_text(json, "uuid", uuid);
	if (def && def->about.title) {
		add_text(json, "title", def->about.title);
	}
	add_text(json, "state", zone_fsm_name(z->state));
	if (z->reason[0]) {
		add_text(json, "reason", z->reason);
	}
	if (z->id >= 0) {
		add_uint(json, "id", (uint64_t)z->id);
	}
	add_uint(json, "vcpus", def ? def->vcpus : info.vcpu_count);
	add_uint(json, "memory", def ? def->memory : info.pages * ZV_PAGE_SIZE);
	json_object_object_add(
		json, "autostart",
		json_object_new_boolean(z->def && z->def->autostart));
	json_object_object_add(json, "persistent",
			       json_object_new_boolean(z->def != NULL));
	return json;
}

static struct json_object *fault_to_json(const struct zv_zone_info *info)
{
	struct json_object *json = json_object_new_object();

	add_uint(json, "vcpu", info->fault_vcpu);
	add_uint(json, "pc", info->fault_pc);
	add_uint(json, "addr", info->fault_addr);
	add_uint(json, "ipa", info->fault_ipa);
	add_uint(json, "syndrome", info->fault_syndrome);
	return json;
}

static uint64_t count_bits(uint32_t mask)
{
	return (uint64_t)__builtin_popcount(mask);
}

struct json_object *zone_info_to_json(const struct zv_zone_info *info)
{
	struct json_object *json = json_object_new_object();
	struct json_object *pcpus = json_object_new_array();

	add_uint(json, "cpu_time_ns", info->cpu_time_ns);
	add_uint(json, "created_ns", info->created_ns);
	add_uint(json, "pages", info->pages);
	add_uint(json, "pages_granted", info->pages_granted);
	add_uint(json, "pages_overhead", info->pages_overhead);
	add_uint(json, "map_1g", info->map_1g);
	add_uint(json, "map_2m", info->map_2m);
	add_uint(json, "map_4k", info->map_4k);
	add_uint(json, "vcpus_on", count_bits(info->vcpus_on));
	add_uint(json, "vcpus_loaded", count_bits(info->vcpus_loaded));
	for (uint32_t i = 0; i < info->vcpu_count && i < ZV_VCPUS_MAX; i++) {
		json_object_array_add(pcpus,
				      json_object_new_int64(info->pcpu[i]));
	}
	json_object_object_add(json, "pcpus", pcpus);
	if (info->state == ZV_ZONE_CRASHED) {
		json_object_object_add(json, "fault", fault_to_json(info));
	}
	return json;
}

static struct json_object *io_to_json(const struct zone *z)
{
	struct json_object *json = json_object_new_object();
	int pid = io_process_pid(&z->io);

	if (pid) {
		add_uint(json, "pid", (uint64_t)pid);
	}
	add_uint(json, "restarts", z->io.restarts);
	return json;
}

struct json_object *zone_detail(const struct zone *z)
{
	struct json_object *json = zone_summary(z);
	struct zv_zone_info info = { 0 };

	add_uint(json, "generation", z->generation);
	json_object_object_add(json, "definition",
			       z->def ? zone_def_to_json(z->def) : NULL);
	if (z->running_def &&
	    !(z->def && zone_def_equal(z->def, z->running_def))) {
		json_object_object_add(json, "running_definition",
				       zone_def_to_json(z->running_def));
	}
	if (z->control_fd >= 0 &&
	    privcmd_zone_info(z->control_fd, &info) == 0) {
		json_object_object_add(json, "info", zone_info_to_json(&info));
	}
	if (z->running_def) {
		json_object_object_add(json, "io", io_to_json(z));
		json_object_object_add(json, "devices",
				       device_status_to_json(z->io.status,
							     z->id,
							     z->running_def));
	}
	return json;
}
