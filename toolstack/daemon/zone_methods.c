/* SPDX-License-Identifier: BSD-2-Clause */
#include "methods.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "privcmd.h"
#include "rpc.h"
#include "session.h"
#include "text.h"
#include "zone.h"
#include "zone_internal.h"

#define TIMEOUT_MAX_S 86400
/* Bytes of an answer with all of all zones: half of what a session may hold. */
#define DETAILS_MAX (SESSION_OUTPUT_MAX / 2)

static struct daemon *daemon_of(const struct rpc_call *call)
{
	return session_daemon(rpc_call_user(call));
}

struct zone *methods_zone(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = NULL;
	struct zerror error;

	if (zone_look_up(daemon_of(call), rpc_get_string(params, "name"),
			 "$.name", &z, &error) < 0) {
		rpc_fail(call, &error);
	} else if (!z) {
		zerror_set(&error, ZERROR_UNSUPPORTED, "$.name",
			   "zone0 ends when the machine is shut down",
			   "zone0 is the root zone: its life is the machine's");
		rpc_fail(call, &error);
	}
	return z;
}

/* ---------------------------------------------------------- list, get */

static int zone0_info(struct daemon *daemon, struct zv_zone_info *ret_info)
{
	struct zerror error;

	if (daemon_connect(daemon, &error) < 0 ||
	    privcmd_zone_next(daemon->device, ZV_ZONE0, ret_info) < 0 ||
	    ret_info->id != ZV_ZONE0) {
		return -1;
	}
	return 0;
}

static struct json_object *zone0_summary(const struct zv_zone_info *info)
{
	struct json_object *json = json_object_new_object();
	char uuid[UUID_TEXT_SIZE];

	uuid_format(info->uuid, uuid);
	json_object_object_add(json, "name", json_object_new_string("zone0"));
	json_object_object_add(json, "uuid", json_object_new_string(uuid));
	json_object_object_add(json, "state",
			       json_object_new_string("running"));
	json_object_object_add(json, "id", json_object_new_int64(ZV_ZONE0));
	json_object_object_add(json, "vcpus",
			       json_object_new_int64(info->vcpu_count));
	json_object_object_add(
		json, "memory",
		json_object_new_uint64(info->pages * ZV_PAGE_SIZE));
	json_object_object_add(json, "autostart",
			       json_object_new_boolean(true));
	json_object_object_add(json, "persistent",
			       json_object_new_boolean(true));
	return json;
}

static struct json_object *zone0_detail(const struct zv_zone_info *info)
{
	struct json_object *json = zone0_summary(info);

	json_object_object_add(json, "generation", json_object_new_int64(0));
	json_object_object_add(json, "definition", NULL);
	json_object_object_add(json, "info", zone_info_to_json(info));
	return json;
}

static size_t length_of(struct json_object *json)
{
	size_t len = 0;

	json_object_to_json_string_length(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
		&len);
	return len;
}

/* Takes one over.  false: there is no room for it. */
static bool add_detail(struct json_object *list, struct json_object *one,
		       size_t *room)
{
	size_t len = length_of(one);

	if (len > *room) {
		json_object_put(one);
		return false;
	}
	*room -= len;
	json_object_array_add(list, one);
	return true;
}

static void list_details(struct rpc_call *call)
{
	struct json_object *list = json_object_new_array();
	struct daemon *daemon = daemon_of(call);
	size_t room = DETAILS_MAX;
	struct zv_zone_info info;
	struct zerror error;
	bool fits = true;

	if (zone0_info(daemon, &info) == 0) {
		fits = add_detail(list, zone0_detail(&info), &room);
	}
	for (const struct zone *z = daemon->zones; z && fits; z = z->next) {
		fits = !zone_is_known(z) ||
		       add_detail(list, zone_detail(z), &room);
	}
	if (fits) {
		rpc_result(call, list);
		return;
	}
	json_object_put(list);
	zerror_set(&error, ZERROR_TOO_LARGE, "$.detail",
		   "list them without detail, then get each (zone.get)",
		   "all of all zones has more than %u bytes", DETAILS_MAX);
	rpc_fail(call, &error);
}

void methods_zone_list(struct rpc_call *call, struct json_object *params)
{
	struct json_object *list;
	struct daemon *daemon = daemon_of(call);
	struct zv_zone_info info;

	if (rpc_get_bool(params, "detail")) {
		list_details(call);
		return;
	}
	list = json_object_new_array();
	if (zone0_info(daemon, &info) == 0) {
		json_object_array_add(list, zone0_summary(&info));
	}
	for (const struct zone *z = daemon->zones; z; z = z->next) {
		if (zone_is_known(z)) {
			json_object_array_add(list, zone_summary(z));
		}
	}
	rpc_result(call, list);
}

static void get_zone0(struct rpc_call *call)
{
	struct zv_zone_info info;
	struct zerror error;

	if (daemon_connect(daemon_of(call), &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	if (zone0_info(daemon_of(call), &info) < 0) {
		zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
			   "the hypervisor does not say");
		rpc_fail(call, &error);
		return;
	}
	rpc_result(call, zone0_detail(&info));
}

void methods_zone_get(struct rpc_call *call, struct json_object *params)
{
	struct zerror error;
	struct zone *z;

	if (zone_look_up(daemon_of(call), rpc_get_string(params, "name"),
			 "$.name", &z, &error) < 0) {
		rpc_fail(call, &error);
	} else if (z) {
		rpc_result(call, zone_detail(z));
	} else {
		get_zone0(call);
	}
}

/* --------------------------------------------------- define, undefine */

/* Name and uuid belong together, whoever had them first. */
static int check_identity(struct daemon *daemon, struct zone_def *def,
			  struct zone *z, struct zerror *ret_error)
{
	const struct zone *other;
	uint8_t fresh[UUID_SIZE];
	char uuid[UUID_TEXT_SIZE];

	if (uuid_is_null(def->uuid)) {
		if (z) {
			return zone_def_set_uuid(def, z->uuid, ret_error);
		}
		return uuid_generate(fresh) == 0
			       ? zone_def_set_uuid(def, fresh, ret_error)
			       : zerror_set(ret_error, ZERROR_INTERNAL, NULL,
					    NULL, "no random numbers");
	}
	uuid_format(def->uuid, uuid);
	if (z && memcmp(z->uuid, def->uuid, sizeof(def->uuid)) != 0) {
		return zerror_set(ret_error, ZERROR_ZONE_EXISTS, "$.uuid",
				  "leave the uuid out to replace it",
				  "zone %s exists with another uuid", z->name);
	}
	other = zone_find_uuid(daemon, def->uuid);
	if (other && other != z) {
		return zerror_set(ret_error, ZERROR_ZONE_EXISTS, "$.uuid",
				  "leave the uuid out to get a fresh one",
				  "zone %s has the uuid %s", other->name, uuid);
	}
	return 0;
}

/* Who read a definition and changes it must not undo what others did. */
static int check_generation(const struct zone *z, struct json_object *params,
			    struct zerror *ret_error)
{
	uint64_t now = z && z->def ? z->generation : 0;
	struct json_object *wanted;

	if (!json_object_object_get_ex(params, "generation", &wanted)) {
		return 0;
	}
	if (json_object_get_int64(wanted) < 0) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS,
				  "$.generation", NULL,
				  "generation cannot be negative");
	}
	if (json_object_get_uint64(wanted) == now) {
		return 0;
	}
	return now == 0 ? zerror_set(ret_error, ZERROR_INVALID_STATE,
				     "$.generation", "define it anew",
				     "there is no such definition any more")
			: zerror_set(ret_error, ZERROR_INVALID_STATE,
				     "$.generation", "read it again (zone.get)",
				     "the definition of %s has generation %llu",
				     z->name, (unsigned long long)now);
}

/* A zone for def: z, or a new one if that is NULL.  NULL: the call has failed. */
static struct zone *zone_of_def(struct rpc_call *call, struct zone *z,
				struct zone_def *def)
{
	struct daemon *daemon = daemon_of(call);
	struct zerror error;

	if (check_identity(daemon, def, z, &error) < 0) {
		goto fail;
	}
	if (!z && daemon->zone_count >= ZONE_COUNT_MAX) {
		zerror_set(&error, ZERROR_TOO_LARGE, NULL, "undefine some",
			   "there are %u zones already", ZONE_COUNT_MAX);
		goto fail;
	}
	if (!z) {
		z = zone_create(daemon, def->name);
		if (!z) {
			zerror_set(&error, ZERROR_INTERNAL, NULL, NULL,
				   "hvd: out of memory");
			goto fail;
		}
		memcpy(z->uuid, def->uuid, sizeof(z->uuid));
	}
	return z;
fail:
	rpc_fail(call, &error);
	return NULL;
}

void methods_define(struct rpc_call *call, struct zone *z, struct zone_def *def)
{
	z = zone_of_def(call, z, def);
	if (z) {
		zone_define(z, def, call);
	} else {
		zone_def_destroy(def);
	}
}

/* The parameter; NULL: the call has failed. */
static struct zone_def *get_definition(struct rpc_call *call,
				       struct json_object *params)
{
	struct json_object *json = json_object_object_get(params, "definition");
	struct zone_def *def = NULL;
	struct zerror error;

	if (!zone_def_fits(json)) {
		zerror_set(&error, ZERROR_TOO_LARGE, "$.definition", NULL,
			   "a definition has at most %u bytes",
			   ZONE_DEF_TEXT_MAX);
	} else if (zone_def_parse(json, "$", &def, &error) == 0) {
		return def;
	}
	rpc_fail(call, &error);
	return NULL;
}

void methods_zone_create(struct rpc_call *call, struct json_object *params)
{
	struct zone_def *def = get_definition(call, params);
	const struct zone *other;
	struct zerror error;
	struct zone *z;

	if (!def) {
		return;
	}
	other = zone_find(daemon_of(call), def->name);
	if (other) {
		zerror_set(&error, ZERROR_ZONE_EXISTS, "$.name",
			   "start that one, or choose another name",
			   "there is a zone %s already", other->name);
		rpc_fail(call, &error);
		zone_def_destroy(def);
		return;
	}
	z = zone_of_def(call, NULL, def);
	if (z) {
		zone_run(z, def, rpc_get_bool(params, "paused"), call);
	} else {
		zone_def_destroy(def);
	}
}

void methods_zone_define(struct rpc_call *call, struct json_object *params)
{
	struct zone_def *def = get_definition(call, params);
	struct zerror error;
	struct zone *z;

	if (!def) {
		return;
	}
	z = zone_find(daemon_of(call), def->name);
	if (check_generation(z, params, &error) < 0) {
		zone_def_destroy(def);
		rpc_fail(call, &error);
		return;
	}
	methods_define(call, z, def);
}

int methods_new_name(struct rpc_call *call, const char *name)
{
	const struct zone *other = zone_find(daemon_of(call), name);
	struct zerror error;

	if (!zone_def_name_valid(name) || strcmp(name, "zone0") == 0) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.new_name",
			   "1 to 63 letters, digits, dots, dashes and "
			   "underscores, the first a letter or a digit; no "
			   "uuid",
			   "no zone can be called %.64s", name);
	} else if (other) {
		zerror_set(&error, ZERROR_ZONE_EXISTS, "$.new_name",
			   "choose another name, or rename that zone first",
			   "there is a zone %s already", other->name);
	} else {
		return 0;
	}
	rpc_fail(call, &error);
	return -1;
}

void methods_zone_rename(struct rpc_call *call, struct json_object *params)
{
	const char *new_name = rpc_get_string(params, "new_name");
	struct zone *z = methods_zone(call, params);

	if (z && methods_new_name(call, new_name) == 0) {
		zone_rename(z, new_name, call);
	}
}

void methods_zone_undefine(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_undefine(z, call);
	}
}

/* --------------------------------------------------------- life cycle */

void methods_zone_start(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_start(z, rpc_get_bool(params, "paused"), call);
	}
}

void methods_zone_shutdown(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);
	long long timeout = rpc_get_int(params, "timeout", 0);
	struct zerror error;

	if (!z) {
		return;
	}
	if (timeout < 0 || timeout > TIMEOUT_MAX_S) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.timeout", NULL,
			   "timeout must be 0 to %d seconds", TIMEOUT_MAX_S);
		rpc_fail(call, &error);
		return;
	}
	zone_shutdown(z, (unsigned int)timeout, rpc_get_bool(params, "force"),
		      call);
}

void methods_zone_reboot(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_reboot(z, call);
	}
}

void methods_zone_reset(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_reset(z, call);
	}
}

void methods_zone_destroy(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_destroy(z, call);
	}
}

void methods_zone_pause(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_pause(z, call);
	}
}

void methods_zone_resume(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_resume(z, call);
	}
}

/* Of a file that hvd is to write.  NULL: the call has failed. */
static const char *get_path(struct rpc_call *call, struct json_object *params)
{
	const char *path = rpc_get_string(params, "path");
	struct zerror error;

	if (path[0] == '/' && strlen(path) < PATH_MAX) {
		return path;
	}
	zerror_set(&error, ZERROR_INVALID_PARAMS, "$.path",
		   "it is one of zone0, where hvd may write",
		   "path must be absolute, of less than %d bytes", PATH_MAX);
	rpc_fail(call, &error);
	return NULL;
}

void methods_zone_dump(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);
	const char *path = z ? get_path(call, params) : NULL;

	if (path) {
		zone_dump_to(z, path, rpc_get_bool(params, "live"),
			     rpc_get_bool(params, "force"), call);
	}
}

/* ------------------------------------------------------- screens, keys */

void methods_display_get(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_display_get(z, call);
	}
}

/* A number of that range; false: the call has failed. */
static bool get_number(struct rpc_call *call, struct json_object *params,
		       const char *name, long long fallback, long long min,
		       long long max, uint32_t *ret)
{
	long long value = rpc_get_int(params, name, fallback);
	char path[ZERROR_PATH_MAX];
	struct zerror error;

	*ret = (uint32_t)value;
	if (value >= min && value <= max) {
		return true;
	}
	zerror_path(path, "$.%s", name);
	zerror_set(&error, ZERROR_INVALID_PARAMS, path, NULL,
		   "%s must be %lld to %lld", name, min, max);
	rpc_fail(call, &error);
	return false;
}

void methods_display_screenshot(struct rpc_call *call,
				struct json_object *params)
{
	struct zone *z = methods_zone(call, params);
	const char *path = z ? get_path(call, params) : NULL;
	uint32_t head;

	if (path && get_number(call, params, "head", 0, 0,
			       ZONE_DEF_HEADS_MAX - 1, &head)) {
		zone_screenshot(z, head, path, rpc_get_bool(params, "force"),
				call);
	}
}

#define KEYS_MAX 16u /* pressed at once */
#define KEY_CODE_MAX 0x2ff /* Linux: KEY_MAX */
#define HOLD_MS 100
#define HOLD_MAX_MS 10000

static int check_keys(struct json_object *keys, struct zerror *ret_error)
{
	size_t count = json_object_array_length(keys);
	char path[ZERROR_PATH_MAX];

	if (count == 0 || count > KEYS_MAX) {
		return zerror_set(ret_error, ZERROR_INVALID_PARAMS, "$.keys",
				  "one after another: call it again",
				  "keys must be 1 to %u codes", KEYS_MAX);
	}
	for (size_t i = 0; i < count; i++) {
		struct json_object *key = json_object_array_get_idx(keys, i);

		if (!json_object_is_type(key, json_type_int) ||
		    json_object_get_int64(key) < 1 ||
		    json_object_get_int64(key) > KEY_CODE_MAX) {
			zerror_path(path, "$.keys[%zu]", i);
			return zerror_set(ret_error, ZERROR_INVALID_PARAMS,
					  path,
					  "those of Linux' input-event-codes.h "
					  "(KEY_ENTER is 28)",
					  "is no code of a key: they are 1 to "
					  "%d",
					  KEY_CODE_MAX);
		}
	}
	return 0;
}

void methods_display_send_keys(struct rpc_call *call,
			       struct json_object *params)
{
	struct zone *z = methods_zone(call, params);
	struct json_object *keys = json_object_object_get(params, "keys");
	struct zerror error;
	uint32_t hold_ms;

	if (!z || !get_number(call, params, "hold_ms", HOLD_MS, 1, HOLD_MAX_MS,
			      &hold_ms)) {
		return;
	}
	if (check_keys(keys, &error) < 0) {
		rpc_fail(call, &error);
		return;
	}
	zone_send_keys(z, keys, hold_ms, call);
}

/* ------------------------------------------------------------ devices */

void methods_device_counters(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_device_counters(z, rpc_get_string(params, "device"), call);
	}
}

void methods_device_resize(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_resize_device(z, rpc_get_string(params, "device"), call);
	}
}

void methods_device_set(struct rpc_call *call, struct json_object *params)
{
	static const char *const members[] = { "link", "mtu", "limits", "width",
					       "height" };
	struct zone *z = methods_zone(call, params);
	struct json_object *changes;
	struct json_object *value;
	struct zerror error;

	if (!z) {
		return;
	}
	changes = json_object_new_object();
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (json_object_object_get_ex(params, members[i], &value)) {
			json_object_object_add(changes, members[i],
					       json_object_get(value));
		}
	}
	if (json_object_object_length(changes) > 0) {
		zone_set_device(z, rpc_get_string(params, "device"), changes,
				call);
	} else {
		zerror_set(&error, ZERROR_INVALID_PARAMS, NULL,
			   "give link, mtu, limits, width or height",
			   "nothing to set");
		rpc_fail(call, &error);
	}
	json_object_put(changes);
}

void methods_device_resume(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);

	if (z) {
		zone_resume_device(z, rpc_get_string(params, "device"), call);
	}
}

/* ----------------------------------------------------------- consoles */

static const char *default_console(const struct zone_def *def)
{
	for (uint32_t i = 0; i < def->device_count; i++) {
		if (def->devices[i].type == ZONE_DEVICE_CONSOLE) {
			return def->devices[i].name;
		}
	}
	return "uart0";
}

static bool has_console(const struct zone_def *def, const char *name)
{
	if (strcmp(name, "uart0") == 0) {
		return true;
	}
	for (uint32_t i = 0; i < def->device_count; i++) {
		if (def->devices[i].type == ZONE_DEVICE_CONSOLE &&
		    strcmp(def->devices[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static bool valid_from(struct json_object *from)
{
	const char *word;

	if (!from) {
		return true;
	}
	if (json_object_is_type(from, json_type_int)) {
		return json_object_get_int64(from) >= 0;
	}
	word = json_object_get_string(from);
	return strcmp(word, "start") == 0 || strcmp(word, "end") == 0;
}

/*
 * The rest of the parameters is for the I/O process, which gets them from the
 * client's first line on the socket: it alone knows who writes and how much
 * output there is.
 */
void methods_zone_attach(struct rpc_call *call, struct json_object *params)
{
	struct zone *z = methods_zone(call, params);
	const char *device = rpc_get_string(params, "device");
	struct json_object *result;
	struct zerror error;
	char path[PATH_MAX];

	if (!z) {
		return;
	}
	if (!valid_from(json_object_object_get(params, "from"))) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.from", NULL,
			   "from must be \"start\", \"end\" or an offset");
	} else if (!z->running_def || z->console_fd < 0) {
		zerror_set(&error, ZERROR_INVALID_STATE, NULL,
			   z->state == ZONE_DEFINED ? "start it first" : NULL,
			   "%s has no consoles while it is %s", z->name,
			   z->state == ZONE_DEFINED ? "not running"
						    : zone_fsm_name(z->state));
	} else if (device && !has_console(z->running_def, device)) {
		zerror_set(&error, ZERROR_INVALID_PARAMS, "$.device",
			   "uart0 is always there; see the definition's "
			   "devices for others",
			   "%s has no console %.64s", z->name, device);
	} else {
		zone_console_path(z, path);
		result = json_object_new_object();
		json_object_object_add(result, "socket",
				       json_object_new_string(path));
		json_object_object_add(
			result, "device",
			json_object_new_string(
				device ? device
				       : default_console(z->running_def)));
		rpc_result(call, result);
		return;
	}
	rpc_fail(call, &error);
}
