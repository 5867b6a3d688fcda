// SPDX-License-Identifier: BSD-2-Clause
/*
 * Titles, descriptions, and other programs' elements.  They are the zone's, not
 * its run's, so there is one of each, which changes at once (zone.set).
 */
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "definition_edit.h"
#include "domain_xml.h"
#include "json.h"
#include "procedures.h"

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

static const char *const words[] = {
	[VIR_DOMAIN_METADATA_DESCRIPTION] = "description",
	[VIR_DOMAIN_METADATA_TITLE] = "title",
};

/* Strings live as long as the call. */
struct metadata_call {
	struct domain_ref ref;
	uint32_t type;
	uint32_t flags;
	const char *uri; /* of an element */
	struct json_object *params; /* of zone.set */
};

static void free_metadata_call(void *state)
{
	struct metadata_call *mc = state;

	json_object_put(mc->params);
	free(mc);
}

/* False: the call is answered. */
static bool check(struct call *call, const struct metadata_call *mc)
{
	if (!call_args_end(call) || !call_only_flags(call, mc->flags, IMPACT)) {
		return false;
	}
	if (mc->type > VIR_DOMAIN_METADATA_ELEMENT) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "unknown type of metadata %u", mc->type);
		return false;
	}
	if (mc->type == VIR_DOMAIN_METADATA_ELEMENT &&
	    (!mc->uri || !mc->uri[0])) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "an element needs the URI of its namespace");
		return false;
	}
	if (mc->uri && strcmp(mc->uri, DOMAIN_XML_KEPT_URI) == 0) {
		call_error(call, VIR_ERR_INVALID_ARG,
			   "the namespace " DOMAIN_XML_KEPT_URI
			   " is virthvdd's own: take another one");
		return false;
	}
	return true;
}

/* ---------------------------------------------------------------- reading */

static void not_there(struct call *call)
{
	call_error(call, VIR_ERR_NO_DOMAIN_METADATA,
		   "metadata not found: requested metadata element is not "
		   "present");
}

/* A URI is no path of keys, though it has dots. */
static const char *element_text(struct json_object *definition, const char *uri)
{
	struct json_object *text = NULL;

	json_object_object_get_ex(json_get(definition, "metadata"), uri, &text);
	return text ? json_object_get_string(text) : "";
}

static void put_element(struct call *call, const char *text, const char *uri)
{
	char *plain = domain_xml_metadata_plain(text, uri);

	if (!plain) {
		call_no_memory(call);
		return;
	}
	xdr_put_string(&call->reply, plain);
	free(plain);
	call_reply(call);
}

static void got_zone(struct call *call, struct json_object *zone)
{
	const struct metadata_call *mc = call->state;
	struct json_object *definition;
	const char *text;

	if (!call_one_definition(call, zone, mc->flags, &definition)) {
		return;
	}
	definition = json_get(zone, "definition");
	if (!definition) {
		definition = definition_of_run(zone);
	}
	if (mc->type == VIR_DOMAIN_METADATA_ELEMENT) {
		text = element_text(definition, mc->uri);
	} else {
		text = json_text(definition, words[mc->type]);
	}
	if (!text[0]) {
		not_there(call);
	} else if (mc->type == VIR_DOMAIN_METADATA_ELEMENT) {
		put_element(call, text, mc->uri);
	} else {
		xdr_put_string(&call->reply, text);
		call_reply(call);
	}
}

static void get_metadata(struct call *call)
{
	struct metadata_call *mc =
		call_keep(call, sizeof(*mc), free_metadata_call);

	if (!mc) {
		return;
	}
	call_get_domain(call, &mc->ref);
	mc->type = xdr_get_u32(&call->args);
	mc->uri = xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	mc->flags = xdr_get_u32(&call->args);
	if (check(call, mc)) {
		call_hvd(call, "zone.get", domain_params(&mc->ref), got_zone);
	}
}

/* ---------------------------------------------------------------- writing */

static void allowed(struct call *call, struct json_object *zone)
{
	struct metadata_call *mc = call->state;
	struct json_object *params = mc->params;
	bool live;
	bool config;

	if (call_impact(call, zone, mc->flags, &live, &config)) {
		mc->params = NULL;
		call_hvd(call, "zone.set", params, call_step_done);
	}
}

/* Nothing, or an empty text, takes it away.  False: the call is answered. */
static bool make_params(struct call *call, struct metadata_call *mc,
			const char *text, const char *key)
{
	struct json_object *element = NULL;
	struct json_object *all;
	struct vir_error_text error;
	char *whole = NULL;

	mc->params = domain_params(&mc->ref);
	if (mc->type != VIR_DOMAIN_METADATA_ELEMENT) {
		json_put(mc->params, words[mc->type],
			 json_object_new_string(text ? text : ""));
		return true;
	}
	if (text) {
		if (domain_xml_metadata_make(text, mc->uri, key ? key : "",
					     &whole, &error) < 0) {
			call_error_text(call, &error);
			return false;
		}
		element = json_object_new_string(whole);
		free(whole);
	}
	all = json_object_new_object();
	/* No text at all is null, which zone.set takes for an end of it. */
	json_object_object_add(all, mc->uri, element);
	json_put(mc->params, "metadata", all);
	return true;
}

static void set_metadata(struct call *call)
{
	struct metadata_call *mc =
		call_keep(call, sizeof(*mc), free_metadata_call);
	const char *text;
	const char *key;

	if (!mc) {
		return;
	}
	call_get_domain(call, &mc->ref);
	mc->type = xdr_get_u32(&call->args);
	text = xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	key = xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	mc->uri = xdr_get_optional_string(&call->args, PACKET_STRING_MAX);
	mc->flags = xdr_get_u32(&call->args);
	if (check(call, mc) && make_params(call, mc, text, key)) {
		call_hvd(call, "zone.get", domain_params(&mc->ref), allowed);
	}
}

static const struct procedure rows[] = {
	{ 265, "DomainGetMetadata", get_metadata, PROC_READ,
	  "one of each, for what runs and what is defined" },
	{ 264, "DomainSetMetadata", set_metadata, 0,
	  "at once for what runs and what is defined" },
};

const struct procedure_group metadata_procedures = {
	"Metadata", rows, sizeof(rows) / sizeof(rows[0])
};
