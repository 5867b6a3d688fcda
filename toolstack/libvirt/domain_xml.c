/* SPDX-License-Identifier: BSD-2-Clause */
#include "domain_xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain_xml_rows.h"

/* --------------------------------------------------------------- reading */

static int refuse_root(const xmlNode *root, const char *wanted,
		       struct vir_error_text *ret_error)
{
	struct xml_place at = {
		.group = &domain_xml_domain,
		.node = root,
		.path = "",
		.error = ret_error,
	};

	return xml_refuse(&at, VIR_ERR_XML_ERROR,
			  "the document is a <%.64s>%s: %s is wanted",
			  (const char *)root->name,
			  root->ns ? " of a namespace" : "", wanted);
}

/* An entry of metadata like others, but not one that clients see. */
static int put_kept(const struct xml_place *at, xmlNode *kept)
{
	struct json_object *all = xml_member(at->object, "metadata");
	struct json_object *value;
	char *text;

	if (xml_kept_text(kept, &text) < 0) {
		return xml_out_of_memory(at->error);
	}
	if (!text) {
		return 0;
	}
	if (!all) {
		all = json_object_new_object();
		if (xml_set_member(at, "metadata", all) < 0) {
			free(text);
			return -1;
		}
	}
	value = json_object_new_string(text);
	free(text);
	if (!value ||
	    json_object_object_add(all, DOMAIN_XML_KEPT_URI, value) < 0) {
		json_object_put(value);
		return xml_out_of_memory(at->error);
	}
	return 0;
}

static int take_definition(const xmlNode *root, struct json_object *definition,
			   struct vir_error_text *ret_error)
{
	struct xml_place at = { .object = definition, .error = ret_error };
	xmlNode *kept = xml_kept_new();
	int rc;

	if (!kept) {
		return xml_out_of_memory(ret_error);
	}
	rc = xml_set_member(&at, "devices", json_object_new_array());
	if (!rc) {
		rc = xml_walk(&domain_xml_domain, root, definition, kept,
			      ret_error);
	}
	if (!rc) {
		rc = put_kept(&at, kept);
	}
	xml_kept_free(kept);
	return rc;
}

static int take_domain(const xmlNode *root, struct json_object **ret,
		       struct vir_error_text *ret_error)
{
	struct json_object *definition = json_object_new_object();

	if (root->ns || strcmp((const char *)root->name, "domain") != 0) {
		json_object_put(definition);
		return refuse_root(root, "a <domain>", ret_error);
	}
	if (!definition) {
		return xml_out_of_memory(ret_error);
	}
	if (take_definition(root, definition, ret_error) < 0) {
		json_object_put(definition);
		return -1;
	}
	*ret = definition;
	return 0;
}

int domain_xml_parse(const char *xml, size_t len,
		     struct json_object **ret_definition,
		     struct vir_error_text *ret_error)
{
	xmlDoc *doc = xml_read(xml, len, ret_error);
	int rc;

	if (!doc) {
		return -1;
	}
	rc = take_domain(xmlDocGetRootElement(doc), ret_definition, ret_error);
	xmlFreeDoc(doc);
	return rc;
}

static int take_device(const xmlNode *root, struct json_object **ret,
		       struct vir_error_text *ret_error)
{
	const struct xml_group *group =
		root->ns ? NULL : domain_xml_group((const char *)root->name);
	struct json_object *device;

	if (!group) {
		/* for the row that says what to do instead */
		struct domain_xml_support row;
		char path[DOMAIN_XML_PATH_MAX];

		snprintf(path, sizeof(path), "devices/%s",
			 (const char *)root->name);
		for (size_t i = 0; domain_xml_support(i, &row); i++) {
			if (strcmp(row.path, path) == 0 &&
			    row.status == DOMAIN_XML_REFUSED) {
				struct xml_place at = {
					.group = &domain_xml_domain,
					.node = root,
					.path = path,
					.error = ret_error,
				};

				return xml_refuse(&at,
						  VIR_ERR_CONFIG_UNSUPPORTED,
						  "not supported: %s", row.how);
			}
		}
		return refuse_root(root, "a device such as <disk>", ret_error);
	}
	device = xml_take_device(group, root, ret_error);
	if (!device) {
		return -1;
	}
	if (!group->type) {
		json_object_put(device);
		return refuse_root(root,
				   group == &domain_xml_graphics
					   ? "<video>, which is its device, or "
					     "a whole <domain>,"
					   : "a device that can be added",
				   ret_error);
	}
	*ret = device;
	return 0;
}

int domain_xml_parse_device(const char *xml, size_t len,
			    struct json_object **ret_device,
			    struct vir_error_text *ret_error)
{
	xmlDoc *doc = xml_read(xml, len, ret_error);
	int rc;

	if (!doc) {
		return -1;
	}
	rc = take_device(xmlDocGetRootElement(doc), ret_device, ret_error);
	xmlFreeDoc(doc);
	return rc;
}

/* --------------------------------------------------------------- writing */

/* A transient zone has none that is kept, and zone0 none at all. */
static struct json_object *definition_of(struct json_object *detail,
					 bool inactive)
{
	struct json_object *kept = xml_member(detail, "definition");
	struct json_object *running = xml_member(detail, "running_definition");

	if (inactive ? !kept : running != NULL) {
		kept = running;
	}
	return kept ? kept : detail;
}

static bool runs(struct json_object *detail)
{
	return xml_member(detail, "id") != NULL;
}

/* Its key has dots, which xml_member() would take for a path. */
static const char *kept_of(struct json_object *definition)
{
	struct json_object *text = NULL;

	json_object_object_get_ex(xml_member(definition, "metadata"),
				  DOMAIN_XML_KEPT_URI, &text);
	return json_object_get_string(text);
}

char *domain_xml_format(struct json_object *detail, bool inactive)
{
	struct xml_out out = {
		.detail = detail,
		.live = !inactive && runs(detail),
	};
	struct json_object *definition =
		definition_of(detail, inactive || !runs(detail));
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *root =
		doc ? xmlNewDocNode(doc, NULL, (const xmlChar *)"domain", NULL)
		    : NULL;
	xmlNode *kept = xml_kept_read(kept_of(definition));
	char *text = NULL;

	if (root) {
		xmlDocSetRootElement(doc, root);
		out.kept = kept;
		xml_give(&out, &domain_xml_domain, root, definition);
		xml_kept_merge(&out, &domain_xml_domain, root, kept);
		text = out.failed ? NULL : xml_print(root);
	}
	xml_kept_free(kept);
	xmlFreeDoc(doc);
	return text;
}
