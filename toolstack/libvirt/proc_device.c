// SPDX-License-Identifier: BSD-2-Clause
/*
 * Devices as documents of their own: put into a definition, taken out of it, and
 * changed.  Of a domain that runs hvd can change what device.set knows, which is
 * kept in its definition, too.
 */
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call.h"
#include "definition_edit.h"
#include "domain_xml.h"
#include "json.h"
#include "procedures.h"

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

struct device_change {
	struct domain_ref ref;
	struct json_object *device; /* of a definition, from the document */
	const char *alias; /* instead; lives as long as the call */
	uint32_t flags;
	definition_edit_fn edit;
	bool is_update;
};

static void free_change(void *state)
{
	struct device_change *change = state;

	json_object_put(change->device);
	free(change);
}

/* ---------------------------------------------------------- finding devices */

static const char *type_of(struct json_object *device)
{
	return json_text(device, "type");
}

/* What a document names a device by: the MAC, or the name (a disk's target). */
static const char *key_of(struct json_object *device)
{
	return json_text(device, "mac")[0] ? "mac" : "name";
}

static bool is_same(struct json_object *device, struct json_object *wanted)
{
	const char *key = key_of(wanted);

	return json_is(device, "type", type_of(wanted)) &&
	       json_text(wanted, key)[0] &&
	       strcasecmp(json_text(device, key), json_text(wanted, key)) == 0;
}

/* Of input devices there are several kinds. */
static bool is_same_type(struct json_object *device, struct json_object *wanted)
{
	return json_is(device, "type", type_of(wanted)) &&
	       strcmp(json_text(device, "kind"), json_text(wanted, "kind")) ==
		       0;
}

/*
 * Its place among the devices of a definition, or -1.  A document without a name
 * means the only one of that type.
 */
static int find(struct json_object *definition, struct json_object *wanted)
{
	struct json_object *devices = json_get(definition, "devices");
	int count = devices ? (int)json_object_array_length(devices) : 0;
	bool named = json_text(wanted, key_of(wanted))[0];
	int found = -1;

	for (int i = 0; i < count; i++) {
		struct json_object *device =
			json_object_array_get_idx(devices, (size_t)i);

		if (is_same(device, wanted)) {
			return i;
		}
		if (!named && is_same_type(device, wanted)) {
			if (found >= 0) {
				return -1;
			}
			found = i;
		}
	}
	return found;
}

static int missing(struct json_object *wanted, struct vir_error_text *ret)
{
	return vir_error_set(ret, VIR_ERR_DEVICE_MISSING,
			     "no %s with %s '%.200s' found", type_of(wanted),
			     key_of(wanted), json_text(wanted, key_of(wanted)));
}

/*
 * By the alias of its document: "ua-" and the name, or, of a disk, which has one
 * only while it runs, "virtio-" and the name.
 */
static bool has_alias(struct json_object *device, const char *alias)
{
	const char *prefix =
		json_is(device, "type", "disk") ? "virtio-" : "ua-";
	size_t len = strlen(prefix);

	return strncmp(alias, prefix, len) == 0 && alias[len] &&
	       json_is(device, "name", alias + len);
}

static int find_alias(struct json_object *definition, const char *alias)
{
	struct json_object *devices = json_get(definition, "devices");
	int count = devices ? (int)json_object_array_length(devices) : 0;

	for (int i = 0; i < count; i++) {
		if (has_alias(json_object_array_get_idx(devices, (size_t)i),
			      alias)) {
			return i;
		}
	}
	return -1;
}

/* -------------------------------------------------------- in the definition */

static int attach_edit(struct call *call, struct json_object *definition,
		       struct vir_error_text *ret_error)
{
	const struct device_change *change = call->state;
	struct json_object *device = change->device;
	struct json_object *devices = json_get(definition, "devices");

	if (json_text(device, key_of(device))[0] &&
	    find(definition, device) >= 0) {
		return vir_error_set(ret_error, VIR_ERR_OPERATION_INVALID,
				     "there is a %s with %s '%.200s' already",
				     type_of(device), key_of(device),
				     json_text(device, key_of(device)));
	}
	if (!devices) {
		devices = json_object_new_array();
		json_put(definition, "devices", devices);
	}
	/* At the end, so that the others stay where the guest knows them. */
	if (!devices ||
	    json_object_array_add(devices, json_object_get(device)) < 0) {
		return vir_error_set(ret_error, VIR_ERR_NO_MEMORY, "%s", "");
	}
	return 0;
}

static int detach_edit(struct call *call, struct json_object *definition,
		       struct vir_error_text *ret_error)
{
	const struct device_change *change = call->state;
	int at = find(definition, change->device);

	if (at < 0) {
		return missing(change->device, ret_error);
	}
	json_object_array_del_idx(json_get(definition, "devices"), (size_t)at,
				  1);
	return 0;
}

static int detach_alias_edit(struct call *call, struct json_object *definition,
			     struct vir_error_text *ret_error)
{
	const struct device_change *change = call->state;
	int at = find_alias(definition, change->alias);

	if (at < 0) {
		return vir_error_set(ret_error, VIR_ERR_DEVICE_MISSING,
				     "no device found with alias '%.200s'",
				     change->alias);
	}
	json_object_array_del_idx(json_get(definition, "devices"), (size_t)at,
				  1);
	return 0;
}

/* <video> is the device, and says nothing of how others look at it. */
static void keep_graphics(struct json_object *device,
			  struct json_object *before)
{
	struct json_object *vnc = json_get(before, "vnc");

	if (vnc) {
		json_put(device, "vnc", json_object_get(vnc));
	}
}

static int update_edit(struct call *call, struct json_object *definition,
		       struct vir_error_text *ret_error)
{
	const struct device_change *change = call->state;
	struct json_object *devices = json_get(definition, "devices");
	int at = find(definition, change->device);
	struct json_object *before;

	if (at < 0) {
		return missing(change->device, ret_error);
	}
	before = json_object_array_get_idx(devices, (size_t)at);
	keep_graphics(change->device, before);
	/* It stays the device that it is. */
	if (!json_text(change->device, "name")[0]) {
		json_put(change->device, "name",
			 json_object_get(json_get(before, "name")));
	}
	json_object_array_put_idx(devices, (size_t)at,
				  json_object_get(change->device));
	return 0;
}

/* ----------------------------------------------------- while the domain runs */

static bool can_change(const char *member)
{
	static const char *const members[] = {
		"name", "limits", "link", "mtu", "width", "height",
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(member, members[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* The first member that would have to change and cannot; NULL: none. */
static const char *first_fixed(struct json_object *now,
			       struct json_object *wanted)
{
	json_object_object_foreach (wanted, member, value) {
		struct json_object *there = json_get(now, member);

		if (!can_change(member) && !json_object_equal(there, value)) {
			return member;
		}
	}
	return NULL;
}

/* Of what it says something. */
static void put_said(struct json_object *params, struct json_object *device,
		     const char *member)
{
	struct json_object *value = json_get(device, member);

	if (value) {
		json_put(params, member, json_object_get(value));
	}
}

static void set_device(struct call *call, struct json_object *now)
{
	const struct device_change *change = call->state;
	struct json_object *device = change->device;
	struct json_object *limits = json_get(device, "limits");
	struct json_object *link = json_get(device, "link");
	struct json_object *params = domain_params(&change->ref);

	json_put(params, "device", json_object_get(json_get(now, "name")));
	if (json_is(now, "type", "gpu")) {
		put_said(params, device, "width");
		put_said(params, device, "height");
	} else {
		json_put(params, "limits",
			 limits ? json_object_get(limits)
				: json_object_new_object());
	}
	if (json_is(now, "type", "net")) {
		/* Plugged in if nothing is said of it. */
		json_put(params, "link",
			 json_object_new_boolean(
				 !link || json_object_get_boolean(link)));
		put_said(params, device, "mtu");
	}
	call_hvd(call, "device.set", params, call_step_done);
}

/* Has it anything that could differ? */
static bool has_changes(struct json_object *now, struct json_object *wanted)
{
	return json_is(now, "type", "gpu")
		       ? json_get(wanted, "width") || json_get(wanted, "height")
		       : json_is(now, "type", "net") ||
				 json_is(now, "type", "disk") ||
				 json_is(now, "type", "rng");
}

static void update_live(struct call *call, struct json_object *zone)
{
	const struct device_change *change = call->state;
	struct json_object *definition = definition_of_run(zone);
	int at = find(definition, change->device);
	struct vir_error_text error;
	struct json_object *now;
	const char *fixed;

	if (at < 0) {
		missing(change->device, &error);
		call_error_text(call, &error);
		return;
	}
	now = json_object_array_get_idx(json_get(definition, "devices"),
					(size_t)at);
	fixed = first_fixed(now, change->device);
	if (fixed) {
		call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
			   "cannot change %s%s%s of a device while its domain "
			   "runs: use --config, and start it anew",
			   strcmp(fixed, "xml") == 0 ? "" : "'",
			   strcmp(fixed, "xml") == 0
				   ? "what is kept (an address, a boot order)"
				   : fixed,
			   strcmp(fixed, "xml") == 0 ? "" : "'");
	} else if (!has_changes(now, change->device)) {
		call_reply(call);
	} else {
		set_device(call, now);
	}
}

static void got_zone(struct call *call, struct json_object *zone)
{
	const struct device_change *change = call->state;
	bool live;
	bool config;

	if (!call_impact(call, zone, change->flags & IMPACT, &live, &config)) {
		return;
	}
	if (!live) {
		call_edit_definition(call, &change->ref, change->edit);
	} else if (change->is_update) {
		update_live(call, zone);
	} else {
		call_error(call, VIR_ERR_OPERATION_UNSUPPORTED,
			   "devices are there from a domain's start to its "
			   "end: use --config alone, and start it anew");
	}
}

/* ------------------------------------------------------------- procedures */

static void begin(struct call *call, bool with_flags, uint32_t known,
		  definition_edit_fn edit, bool is_update)
{
	struct device_change *change =
		call_keep(call, sizeof(*change), free_change);
	struct vir_error_text error;
	const char *xml;

	if (!change) {
		return;
	}
	call_get_domain(call, &change->ref);
	xml = xdr_get_string(&call->args, PACKET_STRING_MAX);
	change->flags =
		with_flags ? xdr_get_u32(&call->args) : VIR_DOMAIN_AFFECT_LIVE;
	change->edit = edit;
	change->is_update = is_update;
	if (!call_args_end(call) ||
	    !call_only_flags(call, change->flags, known | IMPACT)) {
		return;
	}
	if (domain_xml_parse_device(xml, strlen(xml), &change->device, &error) <
	    0) {
		call_error_text(call, &error);
		return;
	}
	call_hvd(call, "zone.get", domain_params(&change->ref), got_zone);
}

static void attach(struct call *call)
{
	begin(call, false, 0, attach_edit, false);
}

static void attach_flags(struct call *call)
{
	begin(call, true, 0, attach_edit, false);
}

static void detach(struct call *call)
{
	begin(call, false, 0, detach_edit, false);
}

static void detach_flags(struct call *call)
{
	begin(call, true, 0, detach_edit, false);
}

static void detach_alias(struct call *call)
{
	struct device_change *change =
		call_keep(call, sizeof(*change), free_change);

	if (!change) {
		return;
	}
	call_get_domain(call, &change->ref);
	change->alias = xdr_get_string(&call->args, PACKET_STRING_MAX);
	change->flags = xdr_get_u32(&call->args);
	change->edit = detach_alias_edit;
	if (call_args_end(call) &&
	    call_only_flags(call, change->flags, IMPACT)) {
		call_hvd(call, "zone.get", domain_params(&change->ref),
			 got_zone);
	}
}

/* There is no other way than by force. */
static void update_flags(struct call *call)
{
	begin(call, true, VIR_DOMAIN_DEVICE_MODIFY_FORCE, update_edit, true);
}

static const struct procedure rows[] = {
	{ 8, "DomainAttachDevice", attach, 0,
	  "refused: devices are there from the start on" },
	{ 160, "DomainAttachDeviceFlags", attach_flags, 0, "`CONFIG`" },
	{ 13, "DomainDetachDevice", detach, 0, "refused" },
	{ 161, "DomainDetachDeviceFlags", detach_flags, 0,
	  "`CONFIG`; a disk by its target, an interface by its MAC" },
	{ 392, "DomainDetachDeviceAlias", detach_alias, 0,
	  "`CONFIG`; `ua-NAME`, a disk's `virtio-NAME`" },
	{ 174, "DomainUpdateDeviceFlags", update_flags, 0,
	  "`CONFIG`; `LIVE`: `<link>`, `<mtu>`, `<bandwidth>`, `<iotune>` and "
	  "`<resolution>`, in the definition at once" },
};

const struct procedure_group device_procedures = {
	"Devices", rows, sizeof(rows) / sizeof(rows[0])
};
