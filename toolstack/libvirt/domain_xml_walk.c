/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading by the rows: every element and attribute has one, or is refused. */
#include <stdio.h>
#include <string.h>

#include "domain_xml_rows.h"

#define DEPTH_MAX 16u /* no row is as deep */
#define ELEMENTS_MAX 4096u

struct walk {
	const struct xml_group *group;
	struct json_object *object;
	struct vir_error_text *error;
	unsigned int elements;
};

static const struct xml_group *const device_groups[] = {
	&domain_xml_disk,	&domain_xml_interface, &domain_xml_console,
	&domain_xml_serial,	&domain_xml_rng,       &domain_xml_controller,
	&domain_xml_memballoon,
};

const struct xml_group *domain_xml_group(const char *name)
{
	for (size_t i = 0; i < COUNT(device_groups); i++) {
		if (strcmp(device_groups[i]->name, name) == 0) {
			return device_groups[i];
		}
	}
	return NULL;
}

static const struct xml_row *find_row(const struct xml_group *group,
				      const char *path)
{
	for (size_t i = 0; i < group->row_count; i++) {
		if (strcmp(group->rows[i].path, path) == 0) {
			return &group->rows[i];
		}
	}
	return NULL;
}

/* Is it the beginning of a row's path, such as "os"? */
static bool is_above_rows(const struct xml_group *group, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < group->row_count; i++) {
		if (strncmp(group->rows[i].path, path, len) == 0 &&
		    group->rows[i].path[len] == '/') {
			return true;
		}
	}
	return false;
}

static int take_row(const struct xml_place *at)
{
	const struct xml_row *row = at->row;

	if (row->status == DOMAIN_XML_REFUSED) {
		return xml_refuse(at, VIR_ERR_CONFIG_UNSUPPORTED,
				  "not supported: %s", row->how);
	}
	return row->take ? row->take(at) : 0;
}

static int unknown(const struct xml_place *at, const char *what)
{
	return xml_refuse(at, VIR_ERR_CONFIG_UNSUPPORTED,
			  "this %s is not supported: leave it out", what);
}

/* ------------------------------------------------------------ attributes */

static int take_attribute(struct walk *w, const xmlNode *node, const char *path,
			  const xmlAttr *attribute)
{
	char at_path[DOMAIN_XML_PATH_MAX];
	struct xml_place at = {
		.group = w->group,
		.node = node,
		.path = at_path,
		.object = w->object,
		.error = w->error,
	};

	snprintf(at_path, sizeof(at_path), "%s%s@%s%s%s", path,
		 *path ? "/" : "",
		 attribute->ns && attribute->ns->prefix
			 ? (const char *)attribute->ns->prefix
			 : "",
		 attribute->ns ? ":" : "", (const char *)attribute->name);
	at.row = find_row(w->group, at_path);
	if (!at.row) {
		return unknown(&at, "attribute");
	}
	at.text = xml_value(node, strchr(at_path, '@'));
	return take_row(&at);
}

static int take_attributes(struct walk *w, const xmlNode *node,
			   const char *path)
{
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		if (take_attribute(w, node, path, a) < 0) {
			return -1;
		}
	}
	return 0;
}

/* -------------------------------------------------------------- elements */

static bool is_ours(const xmlNs *ns)
{
	return ns->href &&
	       strcmp((const char *)ns->href, DOMAIN_XML_NAMESPACE) == 0;
}

static bool same_name(const xmlNode *a, const xmlNode *b)
{
	return a->type == XML_ELEMENT_NODE && a->ns == b->ns &&
	       xmlStrEqual(a->name, b->name);
}

static bool is_second(const xmlNode *node)
{
	for (const xmlNode *n = node->prev; n; n = n->prev) {
		if (same_name(n, node)) {
			return true;
		}
	}
	return false;
}

/* An element's own text, which is not that of elements below it. */
static int check_texts(const struct xml_place *at, bool has_value)
{
	unsigned int count = 0;

	for (const xmlNode *n = at->node->children; n; n = n->next) {
		if (n->type == XML_ENTITY_REF_NODE) {
			return xml_refuse(at, VIR_ERR_XML_ERROR,
					  "has an entity that is unknown");
		}
		count += n->type == XML_TEXT_NODE && !xmlIsBlankNode(n);
	}
	if (count > has_value) {
		return xml_refuse(at, VIR_ERR_XML_ERROR,
				  has_value ? "a comment interrupts its value"
					    : "there should be no text here");
	}
	return 0;
}

static int take_elements(struct walk *w, const xmlNode *node, const char *path,
			 unsigned int depth);

/* Does the row, or what finish() makes of it, want the element's text? */
static bool has_value(const struct xml_row *row)
{
	return row && (row->take || row->status == DOMAIN_XML_IGNORED ||
		       row->status == DOMAIN_XML_USED);
}

static int take_device_element(struct walk *w, const xmlNode *node,
			       const struct xml_group *group)
{
	struct json_object *devices = xml_member(w->object, "devices");
	struct json_object *device = xml_take_device(group, node, w->error);

	if (!device) {
		return -1;
	}
	/* The UART is in every zone, and other things are no devices of it. */
	if (!group->type ||
	    strcmp(xml_member_text(device, "type"), "uart") == 0) {
		json_object_put(device);
		return 0;
	}
	if (!devices || json_object_array_add(devices, device) < 0) {
		json_object_put(device);
		return xml_out_of_memory(w->error);
	}
	return 0;
}

static int take_element(struct walk *w, const xmlNode *node, const char *path,
			unsigned int depth)
{
	const struct xml_group *device = NULL;
	struct xml_place at = {
		.group = w->group,
		.row = find_row(w->group, path),
		.node = node,
		.path = path,
		.object = w->object,
		.error = w->error,
	};

	if (++w->elements > ELEMENTS_MAX || depth > DEPTH_MAX) {
		return xml_refuse(&at, VIR_ERR_XML_ERROR,
				  depth > DEPTH_MAX
					  ? "elements are too deep here"
					  : "there are more than %u elements",
				  ELEMENTS_MAX);
	}
	if (!w->group->name && strncmp(path, "devices/", 8) == 0) {
		device = domain_xml_group(path + 8);
	}
	if (device) {
		return take_device_element(w, node, device);
	}
	if (!at.row && !is_above_rows(w->group, path)) {
		return unknown(&at, "element");
	}
	if (at.row && at.row->status == DOMAIN_XML_REFUSED) {
		return take_row(&at);
	}
	if (is_second(node) && !(at.row && (at.row->flags & XML_MANY))) {
		return xml_refuse(&at, VIR_ERR_XML_ERROR, "is there twice");
	}
	if (at.row && (at.row->flags & XML_TREE)) {
		return take_row(&at);
	}
	if (check_texts(&at, has_value(at.row)) < 0) {
		return -1;
	}
	at.text = xml_value(node, "");
	if (at.row && take_row(&at) < 0) {
		return -1;
	}
	return take_attributes(w, node, path) < 0
		       ? -1
		       : take_elements(w, node, path, depth + 1);
}

static int take_elements(struct walk *w, const xmlNode *node, const char *path,
			 unsigned int depth)
{
	for (const xmlNode *n = node->children; n; n = n->next) {
		char below[DOMAIN_XML_PATH_MAX];

		if (n->type != XML_ELEMENT_NODE) {
			continue; /* check_texts() has seen to texts */
		}
		snprintf(below, sizeof(below), "%s%s%s%s", path,
			 *path ? "/" : "",
			 !n->ns		  ? ""
			 : is_ours(n->ns) ? "zv:"
					  : "foreign:",
			 (const char *)n->name);
		if (take_element(w, n, below, depth) < 0) {
			return -1;
		}
	}
	return 0;
}

int xml_walk(const struct xml_group *group, const xmlNode *node,
	     struct json_object *object, struct vir_error_text *ret_error)
{
	struct walk w = {
		.group = group,
		.object = object,
		.error = ret_error,
	};
	struct xml_place at = {
		.group = group,
		.node = node,
		.path = "",
		.object = object,
		.error = ret_error,
	};

	if (check_texts(&at, false) < 0 || take_attributes(&w, node, "") < 0 ||
	    take_elements(&w, node, "", 1) < 0) {
		return -1;
	}
	return group->finish ? group->finish(&at) : 0;
}

struct json_object *xml_take_device(const struct xml_group *group,
				    const xmlNode *node,
				    struct vir_error_text *ret_error)
{
	struct json_object *device = json_object_new_object();
	struct xml_place at = { .object = device, .error = ret_error };

	if (!device ||
	    (group->type && xml_set_text(&at, "type", group->type) < 0)) {
		json_object_put(device);
		xml_out_of_memory(ret_error);
		return NULL;
	}
	if (xml_walk(group, node, device, ret_error) < 0) {
		json_object_put(device);
		return NULL;
	}
	return device;
}

/* --------------------------------------------------------- what there is */

static bool nth_row(const struct xml_group *group, size_t *index,
		    struct domain_xml_support *ret)
{
	const struct xml_row *row;

	if (*index >= group->row_count) {
		*index -= group->row_count;
		return false;
	}
	row = &group->rows[*index];
	snprintf(ret->path, sizeof(ret->path), "%s%s%s%s",
		 group->name ? "devices/" : "", group->name ? group->name : "",
		 group->name ? "/" : "", row->path);
	ret->status = row->status;
	ret->how = row->how;
	return true;
}

bool domain_xml_support(size_t index, struct domain_xml_support *ret)
{
	if (nth_row(&domain_xml_domain, &index, ret)) {
		return true;
	}
	for (size_t i = 0; i < COUNT(device_groups); i++) {
		if (nth_row(device_groups[i], &index, ret)) {
			return true;
		}
	}
	return false;
}

const char *domain_xml_status_name(enum domain_xml_status status)
{
	static const char *const names[] = {
		[DOMAIN_XML_USED] = "used",
		[DOMAIN_XML_FIXED] = "fixed",
		[DOMAIN_XML_IGNORED] = "ignored",
		[DOMAIN_XML_REFUSED] = "refused",
	};

	return names[status];
}
