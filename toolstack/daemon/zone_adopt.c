/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a starting daemon finds: definitions on disk, records of zones that ran
 * under the last daemon, and the zones that exist in the hypervisor.  Zones are
 * matched by uuid.
 *
 *   exists  record           becomes
 *   yes     yes              adopted; its I/O process is replaced
 *   yes     no               listed under the hypervisor's name; can be ended
 *   CREATED not "held"       destroyed: its start was cut short
 *   DYING   any              destroyed: its end was cut short
 *   RUNNING to be started    adopted: that was done already
 *   yes     to be started    destroyed, then started: it was over, or being
 *                            built anew
 *   no      to be started    started
 *   no      yes              the record is removed
 */
#include "zone.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "privcmd.h"
#include "store.h"
#include "strict_json.h"
#include "zone_internal.h"

static const char *const intents[] = {
	[ZONE_INTENT_NONE] = "none",
	[ZONE_INTENT_STAY_OFF] = "stay-off",
	[ZONE_INTENT_REBOOT] = "reboot",
	[ZONE_INTENT_START] = "start",
	[ZONE_INTENT_START_HELD] = "start-held",
};

/* Takes a member out of json; -1 if it has the wrong type. */
static int take_uint(struct json_object *json, const char *key,
		     uint64_t *ret_value)
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, key, &value)) {
		return 0;
	}
	if (!json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < 0) {
		return -1;
	}
	*ret_value = json_object_get_uint64(value);
	json_object_object_del(json, key);
	return 0;
}

static int take_intent(struct json_object *json, enum zone_intent *ret_intent)
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, "intent", &value)) {
		return 0;
	}
	for (size_t i = 0; i < sizeof(intents) / sizeof(intents[0]); i++) {
		if (json_object_is_type(value, json_type_string) &&
		    strcmp(json_object_get_string(value), intents[i]) == 0) {
			*ret_intent = (enum zone_intent)i;
			json_object_object_del(json, "intent");
			return 0;
		}
	}
	return -1;
}

static int take_name(struct json_object *json, const char *key,
		     char ret_name[ZV_NAME_MAX])
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, key, &value)) {
		return 0;
	}
	if (!json_object_is_type(value, json_type_string) ||
	    !zone_def_name_valid(json_object_get_string(value))) {
		return -1;
	}
	snprintf(ret_name, ZV_NAME_MAX, "%s", json_object_get_string(value));
	json_object_object_del(json, key);
	return 0;
}

static int read_record(const char *text, size_t len, struct zone_record *ret,
		       struct zerror *ret_error)
{
	struct zone_record record = { .generation = 1 };
	struct json_object *json = strict_json_parse(text, len, ret_error);
	uint64_t resume = 0;
	uint64_t held = 0;
	int rc = -1;

	if (!json) {
		return -1;
	}
	if (!json_object_is_type(json, json_type_object) ||
	    take_uint(json, "generation", &record.generation) < 0 ||
	    take_uint(json, "held", &held) < 0 ||
	    take_uint(json, "resume", &resume) < 0 ||
	    take_uint(json, "restarts", &record.restarts) < 0 ||
	    take_name(json, "renamed-from", record.renamed_from) < 0 ||
	    take_intent(json, &record.intent) < 0) {
		zerror_set(ret_error, ZERROR_INVALID_DEFINITION, "$", NULL,
			   "not a definition");
	} else {
		rc = zone_def_parse(json, "$", &record.def, ret_error);
	}
	json_object_put(json);
	if (rc == 0) {
		record.held = held != 0;
		record.resume = resume != 0;
		*ret = record;
	}
	return rc;
}

char *zone_record_text(const struct zone_record *record)
{
	struct json_object *json = zone_def_to_json(record->def);
	char *text;

	json_object_object_add(json, "generation",
			       json_object_new_uint64(record->generation));
	if (record->held) {
		json_object_object_add(json, "held", json_object_new_int(1));
	}
	if (record->resume) {
		json_object_object_add(json, "resume", json_object_new_int(1));
	}
	if (record->restarts) {
		json_object_object_add(
			json, "restarts",
			json_object_new_uint64(record->restarts));
	}
	if (record->renamed_from[0]) {
		json_object_object_add(
			json, "renamed-from",
			json_object_new_string(record->renamed_from));
	}
	if (record->intent != ZONE_INTENT_NONE) {
		json_object_object_add(
			json, "intent",
			json_object_new_string(intents[record->intent]));
	}
	text = strdup(json_object_to_json_string_ext(
		json,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
	return text;
}

/* The error as one text for the log; one thread. */
static const char *one_text(const struct zerror *error)
{
	static char text[sizeof(error->message) + sizeof(error->path) + 4];

	snprintf(text, sizeof(text), "%s%s%s", error->path,
		 error->path[0] ? " " : "", error->message);
	return text;
}

/* -------------------------------------------------------- definitions */

/* A file without a uuid, put there by hand, gets one that stays. */
static int complete(struct daemon *daemon, const struct zone_record *stored,
		    struct zerror *ret_error)
{
	uint8_t uuid[UUID_SIZE];
	struct zerror error;
	char *text;

	if (!uuid_is_null(stored->def->uuid)) {
		return 0;
	}
	if (uuid_generate(uuid) < 0) {
		return zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
				  "no random numbers");
	}
	if (zone_def_set_uuid(stored->def, uuid, ret_error) < 0) {
		return -1;
	}
	text = zone_record_text(stored);
	if (!text || store_save(daemon->zones_dir, stored->def->name, text,
				&error) < 0) {
		log_warning("%s: its new uuid could not be saved",
			    stored->def->name);
	}
	free(text);
	return 0;
}

/* Is the file of another name since it was cut short?  Ends it then. */
static int end_rename(struct daemon *daemon, const char *file,
		      const struct zone_record *stored,
		      struct zerror *ret_error)
{
	const char *name = stored->def->name;

	if (strcmp(name, file) == 0) {
		return 0;
	}
	if (strcmp(stored->renamed_from, file) != 0) {
		return zerror_set(ret_error, ZERROR_INVALID_DEFINITION, NULL,
				  NULL, "the file must be called as the zone");
	}
	if (store_move(daemon->zones_dir, file, name, ret_error) < 0) {
		return -1;
	}
	log_info("%s: renamed to %s", file, name);
	return 0;
}

const char *zone_read_definition(const char *name, const char *text, size_t len,
				 struct zone_record *ret)
{
	struct zerror error;

	if (read_record(text, len, ret, &error) < 0) {
		return one_text(&error);
	}
	if (strcmp(ret->def->name, name) != 0) {
		zone_def_destroy(ret->def);
		return "the file must be called as the zone";
	}
	return NULL;
}

const char *zone_adopt_definition(struct daemon *daemon, const char *name,
				  const char *text, size_t len)
{
	struct zone_record stored;
	struct zerror error;
	struct zone *z;

	if (read_record(text, len, &stored, &error) < 0) {
		return one_text(&error);
	}
	if (end_rename(daemon, name, &stored, &error) < 0 ||
	    complete(daemon, &stored, &error) < 0) {
		zone_def_destroy(stored.def);
		return one_text(&error);
	}
	if (zone_find_uuid(daemon, stored.def->uuid)) {
		zone_def_destroy(stored.def);
		return "another zone has this uuid";
	}
	z = daemon->zone_count < ZONE_COUNT_MAX
		    ? zone_create(daemon, stored.def->name)
		    : NULL;
	if (!z) {
		zone_def_destroy(stored.def);
		return "too many zones";
	}
	z->def = stored.def;
	z->generation = stored.generation;
	memcpy(z->uuid, z->def->uuid, sizeof(z->uuid));
	return NULL;
}

static const char *found_definition(void *arg, const char *name,
				    const char *text, size_t len)
{
	return zone_adopt_definition(arg, name, text, len);
}

void zone_adopt_definitions(struct daemon *daemon)
{
	int rc = store_load(daemon->zones_dir, found_definition, daemon);

	if (rc < 0) {
		log_error("%s: %s", daemon->zones_dir, strerror(-rc));
	}
	log_info("%u zones defined", daemon->zone_count);
}

/* ------------------------------------------------------ running zones */

struct record {
	struct record *next;
	struct zone_record stored;
	bool used;
};

static const char *found_record(void *arg, const char *name, const char *text,
				size_t len)
{
	struct record **list = arg;
	struct record *record = calloc(1, sizeof(*record));
	struct zerror error;

	if (!record) {
		return "out of memory";
	}
	if (read_record(text, len, &record->stored, &error) < 0) {
		free(record);
		return one_text(&error);
	}
	if (strcmp(record->stored.def->name, name) != 0) {
		zone_def_destroy(record->stored.def);
		free(record);
		return "the file must be called as the zone";
	}
	record->next = *list;
	*list = record;
	return NULL;
}

static struct record *find_record(struct record *list,
				  const uint8_t uuid[UUID_SIZE])
{
	for (; list; list = list->next) {
		if (!list->used &&
		    memcmp(list->stored.def->uuid, uuid, UUID_SIZE) == 0) {
			return list;
		}
	}
	return NULL;
}

/* A name for a zone without a definition that no other zone has. */
static void free_name(struct daemon *daemon, const struct zv_zone_info *info,
		      char ret_name[ZV_NAME_MAX])
{
	char given[ZV_NAME_MAX];

	snprintf(given, sizeof(given), "%.*s", (int)sizeof(info->name),
		 info->name);
	if (!zone_def_name_valid(given) || strcmp(given, "zone0") == 0) {
		snprintf(given, sizeof(given), "zone-%u", info->id);
	}
	snprintf(ret_name, ZV_NAME_MAX, "%s", given);
	if (zone_find(daemon, ret_name)) {
		snprintf(ret_name, ZV_NAME_MAX, "%.50s-%u", given, info->id);
	}
}

static struct zone *zone_for(struct daemon *daemon,
			     const struct zv_zone_info *info,
			     const struct record *record)
{
	struct zone *z = zone_find_uuid(daemon, info->uuid);
	char name[ZV_NAME_MAX];

	if (z) {
		return z->state == ZONE_DEFINED ? z : NULL;
	}
	if (record && !zone_find(daemon, record->stored.def->name)) {
		snprintf(name, sizeof(name), "%s", record->stored.def->name);
	} else {
		free_name(daemon, info, name);
	}
	return zone_create(daemon, name);
}

static void adopt(struct daemon *daemon, const struct zv_zone_info *info,
		  struct record *records)
{
	struct record *record = find_record(records, info->uuid);
	struct zone *z = zone_for(daemon, info, record);
	bool named =
		z && record && strcmp(z->name, record->stored.def->name) == 0;
	int fd;

	if (!z) {
		log_warning("zone %u (%.63s): cannot be taken care of",
			    info->id, info->name);
		return;
	}
	/* Kept if the open fails: the zone runs, the next daemon needs it. */
	if (named) {
		record->used = true;
	}
	fd = privcmd_zone_open(daemon->device, info->id, info->uuid, 0);
	if (fd < 0) {
		log_warning("%s: cannot be opened: %s", z->name, strerror(-fd));
		zone_reap(z);
		return;
	}
	log_info("%s: found running as zone %u%s", z->name, info->id,
		 named ? "" : ", with no record of its devices");
	zone_take(z, fd, info, named ? &record->stored : NULL);
}

/* Takes the def of the record over.  NULL: another zone has the name. */
static struct zone *new_transient(struct daemon *daemon, struct zone_record *r)
{
	struct zone *z = zone_find(daemon, r->def->name)
				 ? NULL
				 : zone_create(daemon, r->def->name);

	if (z) {
		memcpy(z->uuid, r->def->uuid, sizeof(z->uuid));
		z->once = r->def;
		r->def = NULL;
	}
	return z;
}

/* It went away to be started again, and only the second half is missing. */
static bool start_missing(struct daemon *daemon, struct zone_record *r)
{
	struct zone *z = zone_find_uuid(daemon, r->def->uuid);
	bool begun;

	if (!zone_is_to_start(r->intent) ||
	    (z && (!z->def || z->state != ZONE_DEFINED))) {
		return false;
	}
	if (!z) { /* transient */
		z = new_transient(daemon, r);
		if (!z) {
			return false;
		}
	}
	backoff_restore(&z->restarts, r->restarts, uv_now(&daemon->loop));
	zone_start_anew(z, r->intent);
	begun = z->state != ZONE_DEFINED;
	zone_reap(z);
	return begun;
}

static void drop_record(struct daemon *daemon, struct zone_record *record)
{
	char name[ZV_NAME_MAX];
	struct zerror error;

	snprintf(name, sizeof(name), "%s", record->def->name);
	if (!start_missing(daemon, record)) {
		store_remove(daemon->running_dir, name, &error);
	}
}

static void drop_records(struct daemon *daemon, struct record *records)
{
	while (records) {
		struct record *next = records->next;

		if (!records->used) {
			drop_record(daemon, &records->stored);
		}
		zone_def_destroy(records->stored.def);
		free(records);
		records = next;
	}
}

void zone_adopt_running(struct daemon *daemon)
{
	struct record *records = NULL;
	struct zv_zone_info info;
	uint32_t id = ZV_ZONE0 + 1;

	store_load(daemon->running_dir, found_record, &records);
	while (id < ZV_ZONES_MAX &&
	       privcmd_zone_next(daemon->device, id, &info) == 0 &&
	       info.id >= id) {
		id = info.id + 1;
		adopt(daemon, &info, records);
	}
	drop_records(daemon, records);
}
