// SPDX-License-Identifier: BSD-2-Clause
#include "definition_edit.h"

#include <hvd.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "domain_state.h"
#include "json.h"

#define BUSY_MS 20u /* until hvd is asked anew, while it stores another */

/* The time until the next try.  It outlives a call whose client has gone. */
struct definition_wait {
	uv_timer_t timer;
	struct call *call; /* while the timer is active */
};

static void begin(struct call *call);

/* ------------------------------------------------- somebody else's changes */

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void definition_edit_fini(struct call *call)
{
	struct definition_wait *wait = call->edit.wait;

	if (wait) {
		call->edit.wait = NULL;
		uv_close((uv_handle_t *)&wait->timer, on_closed);
	}
}

static void on_time(uv_timer_t *timer)
{
	struct definition_wait *wait = timer->data;
	struct call *call = wait->call;

	definition_edit_fini(call);
	begin(call);
}

static void begin_later(struct call *call)
{
	struct definition_wait *wait = calloc(1, sizeof(*wait));

	if (!wait) {
		call_no_memory(call);
		return;
	}
	uv_timer_init(client_loop(call->client), &wait->timer);
	wait->timer.data = wait;
	wait->call = call;
	call->edit.wait = wait;
	uv_timer_start(&wait->timer, on_time, BUSY_MS, 0);
}

static void not_stored(struct call *call, const struct hvd_error *error)
{
	bool again = ++call->edit.tries < DEFINITION_EDIT_TRIES;

	if (again && error->code == HVD_ERROR_BUSY) {
		begin_later(call);
	} else if (again && error->code == HVD_ERROR_INVALID_STATE &&
		   error->path && strcmp(error->path, "$.generation") == 0) {
		begin(call);
	} else {
		call_error_hvd(call, error);
	}
}

static void got(struct call *call, struct json_object *zone)
{
	struct json_object *definition = NULL;
	struct vir_error_text error;
	struct json_object *params;

	if (!json_get(zone, "definition")) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "%s has no persistent configuration: define it "
			   "first",
			   json_text(zone, "name"));
		return;
	}
	if (json_object_deep_copy(json_get(zone, "definition"), &definition,
				  NULL) < 0) {
		call_no_memory(call);
		return;
	}
	if (call->edit.fn(call, definition, &error) < 0) {
		json_object_put(definition);
		call_error_text(call, &error);
		return;
	}
	params = json_object_new_object();
	json_put(params, "definition", definition);
	json_put(params, "generation",
		 json_object_new_int64(json_number(zone, "generation", 0)));
	call_hvd_or(call, "zone.define", params, call_step_done, not_stored);
}

static void begin(struct call *call)
{
	struct json_object *params = json_object_new_object();

	json_put(params, "name", json_object_new_string(call->edit.uuid));
	call_hvd(call, "zone.get", params, got);
}

void call_edit_definition(struct call *call, const struct domain_ref *ref,
			  definition_edit_fn edit)
{
	call->edit.fn = edit;
	call->edit.tries = 0;
	memcpy(call->edit.uuid, ref->uuid_text, sizeof(call->edit.uuid));
	begin(call);
}

struct json_object *definition_of_run(struct json_object *zone)
{
	struct json_object *running = json_get(zone, "running_definition");

	return running ? running : json_get(zone, "definition");
}

bool call_impact(struct call *call, struct json_object *zone, uint32_t flags,
		 bool *ret_live, bool *ret_config)
{
	bool active = domain_is_active(zone);
	bool live = flags & VIR_DOMAIN_AFFECT_LIVE;
	bool config = flags & VIR_DOMAIN_AFFECT_CONFIG;

	if (!live && !config) {
		live = active;
		config = !active;
	}
	if (live && !active) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "domain is not running");
		return false;
	}
	if (config && !json_flag(zone, "persistent")) {
		call_error(call, VIR_ERR_OPERATION_INVALID,
			   "transient domains do not have any persistent "
			   "config");
		return false;
	}
	*ret_live = live;
	*ret_config = config;
	return true;
}

bool call_one_definition(struct call *call, struct json_object *zone,
			 uint32_t flags, struct json_object **ret_definition)
{
	bool live;
	bool config;

	if ((flags & VIR_DOMAIN_AFFECT_LIVE) &&
	    (flags & VIR_DOMAIN_AFFECT_CONFIG)) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "flags 'VIR_DOMAIN_AFFECT_LIVE' and "
			   "'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive");
		return false;
	}
	if (!call_impact(call, zone, flags, &live, &config)) {
		return false;
	}
	*ret_definition =
		live ? definition_of_run(zone) : json_get(zone, "definition");
	return true;
}
