// SPDX-License-Identifier: BSD-2-Clause
/* Methods about the daemon and the host. */
#include "client_internal.h"

#include <stdlib.h>
#include <string.h>

static bool copy_features(struct json_object *list,
			  struct hvd_version_info *info)
{
	struct json_object *item;
	size_t count;
	char *copy;

	if (!json_object_is_type(list, json_type_array)) {
		return true;
	}
	count = json_object_array_length(list);
	if (count == 0) {
		return true;
	}
	info->features = calloc(count, sizeof(*info->features));
	if (info->features == NULL) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		item = json_object_array_get_idx(list, i);
		if (!json_object_is_type(item, json_type_string)) {
			continue;
		}
		copy = strdup(json_object_get_string(item));
		if (copy == NULL) {
			return false;
		}
		info->features[info->feature_count++] = copy;
	}
	return true;
}

void hvd_version_free(struct hvd_version_info *info)
{
	if (info == NULL) {
		return;
	}
	for (size_t i = 0; i < info->feature_count; i++) {
		free(info->features[i]);
	}
	free(info->features);
	free(info->version);
	free(info->abi);
	free(info);
}

int hvd_version(struct hvd_conn *conn, struct hvd_version_info **ret_info)
{
	struct hvd_version_info *info;
	struct json_object *result;
	int err = hvd__invoke(conn, "hvd.version", NULL, 0, &result);

	if (err != 0) {
		return err;
	}
	info = calloc(1, sizeof(*info));
	if (info == NULL ||
	    !hvd__json_copy(result, "version", &info->version) ||
	    !hvd__json_copy(result, "abi", &info->abi) ||
	    !copy_features(hvd__json_get(result, "features"), info)) {
		err = hvd__fail_nomem(conn);
	} else if (info->version == NULL || info->abi == NULL) {
		err = hvd__fail_reply(conn, "hvd.version",
				      "lacks 'version' or 'abi'");
	} else {
		info->hypervisor = hvd__json_bool(result, "connected", false);
	}
	json_object_put(result);
	if (err != 0) {
		hvd_version_free(info);
		return err;
	}
	*ret_info = info;
	return 0;
}

void hvd_host_info_free(struct hvd_host_info *info)
{
	if (info == NULL) {
		return;
	}
	free(info->version);
	free(info->abi);
	free(info->json);
	free(info);
}

int hvd_host_info(struct hvd_conn *conn, struct hvd_host_info **ret_info)
{
	struct json_object *result, *memory;
	struct hvd_host_info *info;
	int err = hvd__invoke(conn, "host.info", NULL, 0, &result);

	if (err != 0) {
		return err;
	}
	info = calloc(1, sizeof(*info));
	if (info != NULL) {
		info->json = strdup(json_object_to_json_string(result));
	}
	if (info == NULL || info->json == NULL ||
	    !hvd__json_copy(result, "version", &info->version) ||
	    !hvd__json_copy(result, "abi", &info->abi)) {
		json_object_put(result);
		hvd_host_info_free(info);
		return hvd__fail_nomem(conn);
	}
	memory = hvd__json_get(result, "memory");
	info->pcpus = (uint32_t)hvd__json_u64(result, "pcpus", 0);
	info->zones = (uint32_t)hvd__json_u64(result, "zones", 0);
	info->uptime_ns = hvd__json_u64(result, "uptime_ns", 0);
	info->memory_total = hvd__json_u64(memory, "total", 0);
	info->memory_hypervisor = hvd__json_u64(memory, "hypervisor", 0);
	info->memory_zone0 = hvd__json_u64(memory, "zone0", 0);
	info->memory_zones = hvd__json_u64(memory, "zones", 0);
	info->memory_free = hvd__json_u64(memory, "free", 0);
	json_object_put(result);
	*ret_info = info;
	return 0;
}

void hvd_log_free(struct hvd_log *log)
{
	if (log == NULL) {
		return;
	}
	free(log->text);
	free(log);
}

int hvd_host_log(struct hvd_conn *conn, uint64_t pos, struct hvd_log **ret_log)
{
	struct json_object *params = json_object_new_object();
	struct json_object *result;
	struct hvd_log *log;
	int err;

	if (params == NULL ||
	    (pos != HVD_LOG_START &&
	     !hvd__params_add(params, "pos", json_object_new_uint64(pos)))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	err = hvd__invoke(conn, "host.log", params, 0, &result);
	if (err != 0) {
		return err;
	}
	log = calloc(1, sizeof(*log));
	if (log == NULL || !hvd__json_copy(result, "text", &log->text)) {
		err = hvd__fail_nomem(conn);
	} else if (log->text == NULL) {
		err = hvd__fail_reply(conn, "host.log", "lacks 'text'");
	} else {
		log->first = hvd__json_u64(result, "first", 0);
		log->pos = hvd__json_u64(result, "pos", 0);
	}
	json_object_put(result);
	if (err != 0) {
		hvd_log_free(log);
		return err;
	}
	*ret_log = log;
	return 0;
}

static int call_for_text(struct hvd_conn *conn, const char *method,
			 struct json_object *params, char **ret_json)
{
	struct json_object *result;
	char *text;
	int err = hvd__invoke(conn, method, params, 0, &result);

	if (err != 0) {
		return err;
	}
	text = hvd__json_text(result);
	json_object_put(result);
	if (text == NULL) {
		return hvd__fail_nomem(conn);
	}
	*ret_json = text;
	return 0;
}

int hvd_counters(struct hvd_conn *conn, const char *zone, char **ret_json)
{
	struct json_object *params = NULL;

	if (zone != NULL) {
		params = hvd__params_named("zone", zone);
		if (params == NULL) {
			return hvd__fail_nomem(conn);
		}
	}
	return call_for_text(conn, "host.counters", params, ret_json);
}

int hvd_discover(struct hvd_conn *conn, char **ret_json)
{
	return call_for_text(conn, "rpc.discover", NULL, ret_json);
}

int hvd_log_level(struct hvd_conn *conn, const char *level, char **ret_level)
{
	struct json_object *params = NULL, *result;
	char *text;
	int err;

	if (level != NULL) {
		params = hvd__params_named("level", level);
		if (params == NULL) {
			return hvd__fail_nomem(conn);
		}
	}
	err = hvd__invoke(conn, "log.level", params, 0, &result);
	if (err != 0) {
		return err;
	}
	if (!hvd__json_copy(result, "level", &text)) {
		err = hvd__fail_nomem(conn);
	} else if (text == NULL) {
		err = hvd__fail_reply(conn, "log.level", "lacks 'level'");
	} else if (ret_level != NULL) {
		*ret_level = text;
	} else {
		free(text);
	}
	json_object_put(result);
	return err;
}
