/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <metadata>: elements of other programs, each of a namespace of its own, kept
 * as text that declares the namespaces it uses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain_xml_rows.h"

static const char member[] = "metadata";

static int put(const struct xml_place *at, const char *uri, const char *text)
{
	struct json_object *all = xml_member(at->object, member);
	struct json_object *value;

	if (strcmp(uri, DOMAIN_XML_KEPT_URI) == 0) {
		return xml_refuse(at, VIR_ERR_XML_ERROR,
				  "the namespace " DOMAIN_XML_KEPT_URI
				  " is virthvdd's own: take another one");
	}
	if (!all) {
		all = json_object_new_object();
		if (xml_set_member(at, member, all) < 0) {
			return -1;
		}
	}
	if (json_object_object_get_ex(all, uri, NULL)) {
		return xml_refuse(at, VIR_ERR_XML_ERROR,
				  "has two elements of the namespace %.200s",
				  uri);
	}
	value = json_object_new_string(text);
	if (!value || json_object_object_add(all, uri, value) < 0) {
		json_object_put(value);
		return xml_out_of_memory(at->error);
	}
	return 0;
}

/* In a document of its own, where namespaces from further up are declared. */
static int put_copy(const struct xml_place *at, xmlNode *node)
{
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *copy = doc ? xmlDocCopyNode(node, doc, 1) : NULL;
	xmlBuffer *text = copy ? xmlBufferCreate() : NULL;
	int rc;

	if (copy) {
		xmlDocSetRootElement(doc, copy);
	}
	if (text && xmlNodeDump(text, doc, copy, 0, 0) >= 0) {
		rc = put(at, (const char *)node->ns->href,
			 (const char *)xmlBufferContent(text));
	} else {
		rc = xml_out_of_memory(at->error);
	}
	xmlBufferFree(text);
	xmlFreeDoc(doc);
	return rc;
}

int xml_take_metadata(const struct xml_place *at)
{
	for (xmlNode *n = at->node->children; n; n = n->next) {
		if (n->type != XML_ELEMENT_NODE) {
			if (n->type == XML_TEXT_NODE && !xmlIsBlankNode(n)) {
				return xml_refuse(at, VIR_ERR_XML_ERROR,
						  "there should be no text "
						  "here");
			}
			continue;
		}
		if (!n->ns || !n->ns->href || !n->ns->href[0]) {
			return xml_refuse(at, VIR_ERR_XML_ERROR,
					  "<%.64s> has no namespace: give it "
					  "one (xmlns)",
					  (const char *)n->name);
		}
		if (put_copy(at, n) < 0) {
			return -1;
		}
	}
	return 0;
}

/* The only thing below node, or NULL. */
static const xmlNode *only_child(const xmlNode *node)
{
	return node && node->children && !node->children->next &&
			       node->children->type == XML_ELEMENT_NODE
		       ? node->children
		       : NULL;
}

/*
 * Can it stand in <metadata> as it is, and come back?  It is read at the depth
 * at which it will be.
 */
static bool is_element(const char *uri, const char *text)
{
	static const char format[] = "<m><m>%s</m></m>";
	struct vir_error_text error;
	size_t size = strlen(text) + sizeof(format);
	char *whole = malloc(size);
	const xmlNode *node;
	xmlDoc *doc;
	bool good;

	if (!whole) {
		return false;
	}
	doc = xml_read(whole, (size_t)snprintf(whole, size, format, text),
		       &error);
	node = doc ? only_child(only_child(xmlDocGetRootElement(doc))) : NULL;
	good = node && node->ns && node->ns->href &&
	       strcmp((const char *)node->ns->href, uri) == 0;
	xmlFreeDoc(doc);
	free(whole);
	return good;
}

static void give(struct xml_out *out, xmlNode *element, struct json_object *all,
		 bool odd)
{
	xmlNode *parent = NULL;

	json_object_object_foreach (all, uri, value) {
		const char *text = json_object_get_string(value);

		if (!text || strcmp(uri, DOMAIN_XML_KEPT_URI) == 0 ||
		    is_element(uri, text) == odd) {
			continue;
		}
		if (odd) {
			xmlNode *node;

			xml_put(out, element, "zv:zone", NULL);
			parent = out->failed ? NULL : element->last;
			node = parent ? xml_add(out, parent, "zv:metadata")
				      : NULL;
			if (node) {
				xml_put(out, node, "@namespace", uri);
				xml_put(out, node, "", text);
			}
			continue;
		}
		parent = parent ? parent : xml_add(out, element, member);
		if (parent) {
			xml_add_raw(out, parent, text);
		}
	}
}

void xml_give_metadata(struct xml_out *out, xmlNode *element,
		       const struct xml_row *row, struct json_object *object)
{
	struct json_object *all = xml_member(object, row->member);

	if (json_object_is_type(all, json_type_object)) {
		give(out, element, all, false);
	}
}

int xml_take_odd_metadata(const struct xml_place *at)
{
	const char *uri = xml_value(at->node, "@namespace");

	return uri ? put(at, uri, at->text)
		   : xml_refuse(at, VIR_ERR_XML_ERROR,
				"has no namespace attribute");
}

void xml_give_odd_metadata(struct xml_out *out, xmlNode *element,
			   const struct xml_row *row,
			   struct json_object *object)
{
	struct json_object *all = xml_member(object, row->member);

	if (json_object_is_type(all, json_type_object)) {
		give(out, element, all, true);
	}
}

/* ------------------------------------------------------- one, by itself */

static char *print(xmlNode *node)
{
	xmlBuffer *text = xmlBufferCreate();
	char *copy = NULL;

	if (text && xmlNodeDump(text, node->doc, node, 0, 0) >= 0) {
		copy = strdup((const char *)xmlBufferContent(text));
	}
	xmlBufferFree(text);
	return copy;
}

/* All that have no namespace; not deep, as xml_read() has seen to. */
static void set_namespace(xmlNode *node, xmlNs *ns)
{
	if (node->type == XML_ELEMENT_NODE && !node->ns) {
		xmlSetNs(node, ns);
	}
	for (xmlNode *n = node->children; n; n = n->next) {
		set_namespace(n, ns);
	}
}

int domain_xml_metadata_make(const char *xml, const char *uri, const char *key,
			     char **ret_text, struct vir_error_text *ret_error)
{
	xmlDoc *doc = xml_read(xml, strlen(xml), ret_error);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNs *ns;

	if (!root) {
		return -1;
	}
	ns = xmlValidateNCName((const xmlChar *)key, 0) == 0
		     ? xmlNewNs(root, (const xmlChar *)uri,
				(const xmlChar *)key)
		     : NULL;
	if (!ns) {
		xmlFreeDoc(doc);
		return vir_error_set(ret_error, VIR_ERR_INVALID_ARG,
				     "'%.64s' cannot be the prefix of the "
				     "element's namespace",
				     key);
	}
	set_namespace(root, ns);
	*ret_text = print(root);
	xmlFreeDoc(doc);
	return *ret_text ? 0 : xml_out_of_memory(ret_error);
}

static bool is_of(const xmlNs *ns, const char *uri)
{
	return ns && ns->href && strcmp((const char *)ns->href, uri) == 0;
}

/* Whether an attribute still has the namespace. */
static bool clear_namespace(xmlNode *node, const char *uri)
{
	bool used = false;

	if (node->type != XML_ELEMENT_NODE) {
		return false;
	}
	if (is_of(node->ns, uri)) {
		node->ns = NULL;
	}
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		used |= is_of(a->ns, uri);
	}
	for (xmlNode *n = node->children; n; n = n->next) {
		used |= clear_namespace(n, uri);
	}
	return used;
}

static void remove_declaration(xmlNode *root, const char *uri)
{
	for (xmlNs **at = &root->nsDef; *at; at = &(*at)->next) {
		xmlNs *ns = *at;

		if (is_of(ns, uri)) {
			*at = ns->next;
			xmlFreeNs(ns);
			return;
		}
	}
}

char *domain_xml_metadata_plain(const char *text, const char *uri)
{
	struct vir_error_text error;
	xmlDoc *doc = xml_read(text, strlen(text), &error);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	char *plain;

	if (!root || !is_of(root->ns, uri)) {
		xmlFreeDoc(doc);
		return strdup(text);
	}
	if (!clear_namespace(root, uri)) {
		remove_declaration(root, uri);
	}
	plain = print(root);
	xmlFreeDoc(doc);
	return plain;
}
