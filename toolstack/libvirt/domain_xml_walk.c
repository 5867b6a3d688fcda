/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading by the rows: every element and attribute has one, or is refused. */
#include <stdio.h>
#include <stdlib.h>
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
	&domain_xml_serial,	&domain_xml_rng,       &domain_xml_graphics,
	&domain_xml_video,	&domain_xml_input,     &domain_xml_controller,
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

const struct xml_row *xml_find_row(const struct xml_group *group,
				   const char *path)
{
	for (size_t i = 0; i < group->row_count; i++) {
		if (strcmp(group->rows[i].path, path) == 0) {
			return &group->rows[i];
		}
	}
	return NULL;
}

bool xml_is_above_rows(const struct xml_group *group, const char *path)
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
			  const xmlAttr *attribute, xmlNode *kept)
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
	at.row = xml_find_row(w->group, at_path);
	if (!at.row) {
		return unknown(&at, "attribute");
	}
	at.text = xml_value(node, strchr(at_path, '@'));
	if (take_row(&at) < 0) {
		return -1;
	}
	if (xml_kept_row(at.row) &&
	    !xmlNewProp(kept, attribute->name, (const xmlChar *)at.text)) {
		return xml_out_of_memory(at.error);
	}
	return 0;
}

static int take_attributes(struct walk *w, const xmlNode *node,
			   const char *path, xmlNode *kept)
{
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		if (take_attribute(w, node, path, a, kept) < 0) {
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
			 unsigned int depth, xmlNode *kept);

/* Does the row, or what finish() makes of it, want the element's text? */
static bool has_value(const struct xml_row *row)
{
	return row && (row->take || row->status == DOMAIN_XML_KEPT ||
		       row->status == DOMAIN_XML_DERIVED ||
		       row->status == DOMAIN_XML_USED);
}

/* An element of the same name, for what is kept of node.  NULL: the error is set */
static xmlNode *add_kept(struct walk *w, const xmlNode *node, xmlNode *parent)
{
	xmlNode *kept = xmlNewChild(parent, NULL, node->name, NULL);

	if (!kept) {
		xml_out_of_memory(w->error);
	}
	return kept;
}

/*
 * The UART is in every zone, and other things are no devices of it: what is kept
 * of them is the domain's.
 */
static int take_no_device(struct walk *w, const xmlNode *node,
			  const struct xml_group *group, xmlNode *kept_parent)
{
	struct json_object *none = json_object_new_object();
	xmlNode *kept = add_kept(w, node, kept_parent);
	int rc;

	if (!none || !kept) {
		rc = xml_out_of_memory(w->error);
	} else {
		if (group == &domain_xml_controller) {
			xml_kept_mark(kept);
		}
		rc = xml_walk(group, node, none, kept, w->error);
	}
	json_object_put(none);
	return rc;
}

static int refuse_second(struct walk *w, const xmlNode *node,
			 const struct xml_group *group, const char *advice)
{
	struct xml_place at = {
		.group = group,
		.node = node,
		.path = "",
		.error = w->error,
	};

	return xml_refuse(&at, VIR_ERR_CONFIG_UNSUPPORTED,
			  "is there twice: a zone has one %s", advice);
}

/* The device that <graphics> and <video> are of.  NULL: the error is set. */
static struct json_object *screen_of(struct walk *w)
{
	struct json_object *devices = xml_member(w->object, "devices");
	size_t count = devices ? json_object_array_length(devices) : 0;
	struct json_object *device = NULL;
	struct xml_place at = { .error = w->error };

	for (size_t i = 0; i < count; i++) {
		device = json_object_array_get_idx(devices, i);
		if (strcmp(xml_member_text(device, "type"),
			   domain_xml_video.type) == 0) {
			return device;
		}
	}
	device = json_object_new_object();
	at.object = device;
	if (device && devices && json_object_array_add(devices, device) == 0) {
		return xml_set_text(&at, "type", domain_xml_video.type) < 0
			       ? NULL
			       : device;
	}
	json_object_put(device);
	xml_out_of_memory(w->error);
	return NULL;
}

static int fill_device(const struct xml_group *group, const xmlNode *node,
		       struct json_object *device, xmlNode *kept,
		       struct vir_error_text *ret_error)
{
	struct xml_place at = { .object = device, .error = ret_error };
	char *text;
	int rc = 0;

	if (!device || !kept) {
		return xml_out_of_memory(ret_error);
	}
	if ((group->type && xml_set_text(&at, "type", group->type) < 0) ||
	    xml_walk(group, node, device, kept, ret_error) < 0) {
		return -1;
	}
	if (xml_kept_text(kept, &text) < 0) {
		return xml_out_of_memory(ret_error);
	}
	if (text) {
		rc = xml_set_text(&at, "xml", text);
	}
	free(text);
	return rc;
}

/* What is kept of <video> is the device's, of <graphics> the domain's. */
static int take_screen(struct walk *w, const xmlNode *node,
		       const struct xml_group *group, xmlNode *kept_parent)
{
	struct json_object *device = screen_of(w);
	xmlNode *kept;
	int rc;

	if (!device) {
		return -1;
	}
	if (group == &domain_xml_graphics) {
		kept = add_kept(w, node, kept_parent);
		return kept ? xml_walk(group, node, device, kept, w->error)
			    : -1;
	}
	kept = xml_kept_new();
	rc = fill_device(group, node, device, kept, w->error);
	xml_kept_free(kept);
	return rc;
}

static int take_device_element(struct walk *w, const xmlNode *node,
			       const struct xml_group *group, xmlNode *kept)
{
	bool is_screen =
		group == &domain_xml_graphics || group == &domain_xml_video;
	struct json_object *devices = xml_member(w->object, "devices");
	struct json_object *device;

	if (group == &domain_xml_serial && is_second(node)) {
		return refuse_second(w, node, group,
				     "UART; more ports are <console>s with "
				     "target type virtio");
	}
	if (is_screen && is_second(node)) {
		return refuse_second(w, node, group,
				     "screen; more of them are its heads: "
				     "<model heads='2'/>");
	}
	if (is_screen) {
		return take_screen(w, node, group, kept);
	}
	if (!group->type || group == &domain_xml_serial) {
		return take_no_device(w, node, group, kept);
	}
	device = xml_take_device(group, node, w->error);
	if (!device) {
		return -1;
	}
	/* <serial> once more, as libvirt has it */
	if (strcmp(xml_member_text(device, "type"), "uart") == 0) {
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
			unsigned int depth, xmlNode *kept_parent)
{
	const struct xml_group *device = NULL;
	struct xml_place at = {
		.group = w->group,
		.row = xml_find_row(w->group, path),
		.node = node,
		.path = path,
		.object = w->object,
		.error = w->error,
	};
	xmlNode *kept;

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
		return take_device_element(w, node, device, kept_parent);
	}
	if (!at.row && !xml_is_above_rows(w->group, path)) {
		return unknown(&at, "element");
	}
	if (at.row && at.row->status == DOMAIN_XML_REFUSED) {
		return take_row(&at);
	}
	if (is_second(node) && !(at.row && (at.row->flags & XML_MANY))) {
		return xml_refuse(&at, VIR_ERR_XML_ERROR, "is there twice");
	}
	if (at.row && (at.row->flags & XML_TREE)) {
		return xml_kept_row(at.row) ? xml_keep_tree(&at, kept_parent)
					    : take_row(&at);
	}
	if (check_texts(&at, has_value(at.row)) < 0) {
		return -1;
	}
	at.text = xml_value(node, "");
	if (at.row && take_row(&at) < 0) {
		return -1;
	}
	kept = add_kept(w, node, kept_parent);
	if (!kept) {
		return -1;
	}
	if (at.row && xml_kept_row(at.row)) {
		xml_kept_mark(kept);
		if (*at.text) {
			xmlNodeAddContent(kept, (const xmlChar *)at.text);
		}
	}
	return take_attributes(w, node, path, kept) < 0
		       ? -1
		       : take_elements(w, node, path, depth + 1, kept);
}

static int take_elements(struct walk *w, const xmlNode *node, const char *path,
			 unsigned int depth, xmlNode *kept)
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
		if (take_element(w, n, below, depth, kept) < 0) {
			return -1;
		}
	}
	return 0;
}

int xml_walk(const struct xml_group *group, const xmlNode *node,
	     struct json_object *object, xmlNode *kept,
	     struct vir_error_text *ret_error)
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

	if (check_texts(&at, false) < 0 ||
	    take_attributes(&w, node, "", kept) < 0 ||
	    take_elements(&w, node, "", 1, kept) < 0) {
		return -1;
	}
	return group->finish ? group->finish(&at) : 0;
}

struct json_object *xml_take_device(const struct xml_group *group,
				    const xmlNode *node,
				    struct vir_error_text *ret_error)
{
	struct json_object *device = json_object_new_object();
	xmlNode *kept = xml_kept_new();

	if (fill_device(group, node, device, kept, ret_error) < 0) {
		json_object_put(device);
		device = NULL;
	}
	xml_kept_free(kept);
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
		[DOMAIN_XML_KEPT] = "kept",
		[DOMAIN_XML_DERIVED] = "derived",
		[DOMAIN_XML_REFUSED] = "refused",
	};

	return names[status];
}
