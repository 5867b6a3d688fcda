// SPDX-License-Identifier: BSD-2-Clause
/* Domains as documents: what they are defined by, and how they are now. */
#include <hvd.h>
#include <json-c/json.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "definition_edit.h"
#include "domain_state.h"
#include "domain_xml.h"
#include "json.h"
#include "procedures.h"

/* How often a definition that others change meanwhile is looked at anew. */
#define TRIES 8u

/* A domain that is being defined or created. */
struct making {
	struct json_object *definition;
	struct domain_ref ref;
	struct json_object *zone;
	uint32_t flags;
	bool is_new; /* no domain has its uuid */
	unsigned int tries;
};

static void making_free(void *state)
{
	struct making *making = state;

	json_object_put(making->definition);
	json_object_put(making->zone);
	free(making);
}

/* ------------------------------------------------------------------ out */

static void reply_xml(struct call *call)
{
	const struct making *making = call->state;
	char *xml = domain_xml_format(making->zone,
				      making->flags & VIR_DOMAIN_XML_INACTIVE);

	if (!xml) {
		call_no_memory(call);
		return;
	}
	xdr_put_string(&call->reply, xml);
	free(xml);
	call_reply(call);
}

static void got_display(struct call *call, struct json_object *display)
{
	const struct making *making = call->state;

	json_put(making->zone, "display", json_object_get(display));
	reply_xml(call);
}

/* It has ended meanwhile. */
static void no_display(struct call *call, const struct hvd_error *error)
{
	(void)error;
	reply_xml(call);
}

static bool has_screen(struct json_object *definition)
{
	struct json_object *devices = json_get(definition, "devices");
	size_t count = devices ? json_object_array_length(devices) : 0;

	for (size_t i = 0; i < count; i++) {
		if (json_is(json_object_array_get_idx(devices, i), "type",
			    "gpu")) {
			return true;
		}
	}
	return false;
}

static void got_xml(struct call *call, struct json_object *zone)
{
	struct making *making = call->state;

	making->zone = json_object_get(zone);
	if (!(making->flags & VIR_DOMAIN_XML_INACTIVE) &&
	    domain_is_active(zone) && has_screen(definition_of_run(zone))) {
		call_hvd_or(call, "display.get", domain_params(&making->ref),
			    got_display, no_display);
	} else {
		reply_xml(call);
	}
}

static void get_xml(struct call *call)
{
	struct making *making;
	uint32_t flags;

	making = call_keep(call, sizeof(*making), making_free);
	if (!making) {
		return;
	}
	call_get_domain(call, &making->ref);
	flags = xdr_get_u32(&call->args);
	if (!call_args_end(call) ||
	    !call_only_flags(call, flags,
			     VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE |
				     VIR_DOMAIN_XML_UPDATE_CPU)) {
		return;
	}
	if ((flags & VIR_DOMAIN_XML_SECURE) &&
	    client_is_readonly(call->client)) {
		call_error(call, VIR_ERR_OPERATION_DENIED,
			   "VIR_DOMAIN_XML_SECURE is not for read only access");
		return;
	}
	making->flags = flags;
	call_hvd(call, "zone.get", domain_params(&making->ref), got_xml);
}

/* ------------------------------------------------------------------- in */

static void made(struct call *call, struct json_object *zone)
{
	put_domain(&call->reply, zone);
	call_reply(call);
}

static void look_up_made(struct call *call, struct json_object *result)
{
	const struct making *making = call->state;

	(void)result;
	call_hvd(call, "zone.get", domain_params(&making->ref), made);
}

/*
 * A document without a uuid is a new domain's, as libvirt has it, even if there
 * is one of that name; hvd would take it for a change of that one.
 */
static bool set_uuid(struct making *making)
{
	const char *text = json_text(making->definition, "uuid");

	if (!text[0]) {
		if (uuid_generate(making->ref.uuid) < 0) {
			return false;
		}
		uuid_format(making->ref.uuid, making->ref.uuid_text);
		json_put(making->definition, "uuid",
			 json_object_new_string(making->ref.uuid_text));
		return true;
	}
	if (uuid_parse(text, making->ref.uuid)) {
		uuid_format(making->ref.uuid, making->ref.uuid_text);
	}
	return true;
}

/* Reads the document and the flags; NULL: the call is answered. */
static struct making *read_document(struct call *call, bool with_flags,
				    uint32_t known)
{
	const char *xml = xdr_get_string(&call->args, PACKET_STRING_MAX);
	uint32_t flags = with_flags ? xdr_get_u32(&call->args) : 0;
	struct vir_error_text error;
	struct making *making;

	if (!call_args_end(call) || !call_only_flags(call, flags, known)) {
		return NULL;
	}
	making = call_keep(call, sizeof(*making), making_free);
	if (!making) {
		return NULL;
	}
	making->flags = flags;
	if (domain_xml_parse(xml, strlen(xml), &making->definition, &error) <
	    0) {
		call_error_text(call, &error);
		return NULL;
	}
	if (!set_uuid(making)) {
		call_error(call, VIR_ERR_INTERNAL_ERROR,
			   "the machine has no random numbers for a uuid");
		return NULL;
	}
	snprintf(call->subject, sizeof(call->subject), "uuid '%s' (%.40s)",
		 making->ref.uuid_text, json_text(making->definition, "name"));
	return making;
}

static void look_before_define(struct call *call);

/* Somebody else was faster: what he has made may matter. */
static void define_failed(struct call *call, const struct hvd_error *error)
{
	struct making *making = call->state;

	if (error->code == HVD_ERROR_INVALID_STATE && error->path &&
	    strcmp(error->path, "$.generation") == 0 &&
	    ++making->tries < TRIES) {
		look_before_define(call);
		return;
	}
	if (making->tries == TRIES && making->is_new) {
		call_error(call, VIR_ERR_OPERATION_FAILED,
			   "a domain '%s' exists with another uuid: give the "
			   "document that uuid, or another name",
			   json_text(making->definition, "name"));
		return;
	}
	call_error_hvd(call, error);
}

static void define_now(struct call *call, int64_t generation)
{
	struct making *making = call->state;
	struct json_object *params = json_object_new_object();

	json_put(params, "definition", json_object_get(making->definition));
	json_put(params, "generation", json_object_new_int64(generation));
	call_hvd_or(call, "zone.define", params, look_up_made, define_failed);
}

/* Whether a domain starts with the machine is no part of its document. */
static void define_over(struct call *call, struct json_object *zone)
{
	struct making *making = call->state;
	struct json_object *autostart = json_at(zone, "definition.autostart");
	const char *name = json_text(zone, "name");

	/* A document does not rename: that is DomainRename's. */
	if (strcmp(name, json_text(making->definition, "name")) != 0) {
		call_error(call, VIR_ERR_OPERATION_FAILED,
			   "uuid %s is that of domain '%s': give the document "
			   "that name, or no uuid",
			   making->ref.uuid_text, name);
		return;
	}
	making->is_new = false;
	if (autostart && !json_get(making->definition, "autostart")) {
		json_put(making->definition, "autostart",
			 json_object_get(autostart));
	}
	define_now(call, json_flag(zone, "persistent")
				 ? json_number(zone, "generation", 0)
				 : 0);
}

static void define_new(struct call *call, const struct hvd_error *error)
{
	struct making *making = call->state;

	if (error->code == HVD_ERROR_ZONE_NOT_FOUND) {
		making->is_new = true;
		define_now(call, 0);
	} else {
		call_error_hvd(call, error);
	}
}

static void look_before_define(struct call *call)
{
	const struct making *making = call->state;

	call_hvd_or(call, "zone.get", domain_params(&making->ref), define_over,
		    define_new);
}

static void define(struct call *call)
{
	if (read_document(call, false, 0)) {
		look_before_define(call);
	}
}

static void define_flags(struct call *call)
{
	/* What does not fit is refused in any case. */
	if (read_document(call, true, VIR_DOMAIN_DEFINE_VALIDATE)) {
		look_before_define(call);
	}
}

static void create(struct call *call)
{
	struct making *making = read_document(
		call, true,
		VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_FORCE_BOOT |
			VIR_DOMAIN_START_VALIDATE);
	struct json_object *params;

	if (!making) {
		return;
	}
	params = json_object_new_object();
	json_put(params, "definition", json_object_get(making->definition));
	json_put(params, "paused",
		 json_object_new_boolean(making->flags &
					 VIR_DOMAIN_START_PAUSED));
	call_hvd(call, "zone.create", params, look_up_made);
}

/* ------------------------------------------------------------- undefine */

static void undefine_domain(struct call *call, bool with_flags)
{
	struct domain_ref ref;
	uint32_t flags = 0;

	call_get_domain(call, &ref);
	if (with_flags) {
		flags = xdr_get_u32(&call->args);
	}
	/* Of all that flags ask to remove or to keep there is nothing. */
	if (call_args_end(call) &&
	    call_only_flags(call, flags,
			    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
				    VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
				    VIR_DOMAIN_UNDEFINE_NVRAM |
				    VIR_DOMAIN_UNDEFINE_KEEP_NVRAM |
				    VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
				    VIR_DOMAIN_UNDEFINE_TPM |
				    VIR_DOMAIN_UNDEFINE_KEEP_TPM)) {
		call_hvd(call, "zone.undefine", domain_params(&ref),
			 call_step_done);
	}
}

static void undefine(struct call *call)
{
	undefine_domain(call, false);
}

static void undefine_flags(struct call *call)
{
	undefine_domain(call, true);
}

static const struct procedure rows[] = {
	{ 14, "DomainGetXMLDesc", get_xml, PROC_READ,
	  "`SECURE`, `INACTIVE`, `UPDATE_CPU`" },
	{ 11, "DomainDefineXML", define, 0, NULL },
	{ 350, "DomainDefineXMLFlags", define_flags, 0,
	  "`VALIDATE`: elements are always checked" },
	{ 10, "DomainCreateXML", create, 0,
	  "`PAUSED`, `FORCE_BOOT`, `VALIDATE`; not `AUTODESTROY`" },
	{ 35, "DomainUndefine", undefine, 0,
	  "one that runs goes on as a transient domain" },
	{ 231, "DomainUndefineFlags", undefine_flags, 0, NULL },
};

const struct procedure_group xml_procedures = {
	"Documents", rows, sizeof(rows) / sizeof(rows[0])
};
