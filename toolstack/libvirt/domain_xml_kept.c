/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a document says that changes nothing in a zone: addresses, a boot order,
 * an emulator.  It is kept beside the definition as a document with nothing else
 * in it, <kept>, and given back in its places.  By then the definition may have
 * been changed by others, so what the rows write comes first, and only what the
 * rows know to be kept is taken from there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain_xml_rows.h"

/* ------------------------------------------------------------- collecting */

xmlNode *xml_kept_new(void)
{
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *root =
		doc ? xmlNewDocNode(doc, NULL, (const xmlChar *)"kept", NULL)
		    : NULL;

	if (!root) {
		xmlFreeDoc(doc);
		return NULL;
	}
	xmlDocSetRootElement(doc, root);
	return root;
}

void xml_kept_free(xmlNode *kept)
{
	if (kept) {
		xmlFreeDoc(kept->doc);
	}
}

bool xml_kept_row(const struct xml_row *row)
{
	return !row->give && (row->status == DOMAIN_XML_KEPT ||
			      row->status == DOMAIN_XML_FIXED);
}

void xml_kept_mark(xmlNode *kept)
{
	kept->_private = kept;
}

static const char *value_of(const xmlAttr *attribute)
{
	return attribute->children && attribute->children->content
		       ? (const char *)attribute->children->content
		       : "";
}

/* As deep as the parser lets documents be. */
static bool copy(const xmlNode *node, xmlNode *parent)
{
	xmlNode *to = xmlNewChild(parent, NULL, node->name, NULL);

	if (!to) {
		return false;
	}
	xml_kept_mark(to);
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		if (!xmlNewProp(to, a->name, (const xmlChar *)value_of(a))) {
			return false;
		}
	}
	for (const xmlNode *n = node->children; n; n = n->next) {
		if (n->type == XML_ELEMENT_NODE && !copy(n, to)) {
			return false;
		}
	}
	return true;
}

/* Elements and attributes alone, of no namespace: so are all that libvirt has. */
static const char *find_odd(const xmlNode *node)
{
	const char *odd = node->ns ? "an element of a namespace" : NULL;

	for (const xmlAttr *a = node->properties; a && !odd; a = a->next) {
		odd = a->ns ? "an attribute of a namespace" : NULL;
	}
	for (const xmlNode *n = node->children; n && !odd; n = n->next) {
		if (n->type == XML_ELEMENT_NODE) {
			odd = find_odd(n);
		} else if (n->type != XML_COMMENT_NODE && !xmlIsBlankNode(n)) {
			odd = "text";
		}
	}
	return odd;
}

int xml_keep_tree(const struct xml_place *at, xmlNode *kept)
{
	const char *odd = find_odd(at->node);

	if (odd) {
		return xml_refuse(at, VIR_ERR_XML_ERROR,
				  "has %s in it, which libvirt does not know",
				  odd);
	}
	return copy(at->node, kept) ? 0 : xml_out_of_memory(at->error);
}

static const xmlNode *next_of_name(const xmlNode *node)
{
	const xmlNode *n = node->next;

	while (n && !xmlStrEqual(n->name, node->name)) {
		n = n->next;
	}
	return n;
}

/*
 * Without elements of which nothing is kept; but those before another one of
 * their name stay, which says which one that is.
 */
static void prune(xmlNode *node)
{
	for (xmlNode *n = node->last; n;) {
		xmlNode *prev = n->prev;

		if (!n->_private) {
			prune(n);
			if (!n->children && !n->properties &&
			    !next_of_name(n)) {
				xmlUnlinkNode(n);
				xmlFreeNode(n);
			}
		}
		n = prev;
	}
}

static int compare(const void *a, const void *b)
{
	const xmlNode *const *x = a;
	const xmlNode *const *y = b;
	int order = strcmp((const char *)(*x)->name, (const char *)(*y)->name);

	/* Those of one name stay in their order: sort() has noted it. */
	return order ? order : (int)(*x)->line - (int)(*y)->line;
}

/*
 * By their names, for the order in which they are given back is another one, and
 * the same document must give the same text.
 */
static bool sort(xmlNode *node)
{
	size_t count = xmlChildElementCount(node);
	xmlNode **all = calloc(count, sizeof(*all));
	xmlNode *next = node->children;
	bool good = all || !count;

	for (size_t i = 0; good && i < count; i++) {
		all[i] = next;
		next = next->next;
	}
	for (size_t i = 0; good && i < count; i++) {
		xmlUnlinkNode(all[i]);
		all[i]->line = (unsigned short)i; /* of at most 4096 */
	}
	if (all) {
		qsort(all, count, sizeof(*all), compare);
	}
	for (size_t i = 0; good && i < count; i++) {
		xmlAddChild(node, all[i]);
		good = all[i]->_private || !all[i]->children || sort(all[i]);
	}
	free(all);
	return good;
}

int xml_kept_text(xmlNode *kept, char **ret_text)
{
	*ret_text = NULL;
	prune(kept);
	if (!kept->children && !kept->properties) {
		return 0;
	}
	*ret_text = sort(kept) ? xml_print(kept) : NULL;
	return *ret_text ? 0 : -1;
}

/* ------------------------------------------------------------ giving back */

xmlNode *xml_kept_read(const char *text)
{
	struct vir_error_text error;
	xmlDoc *doc = text ? xml_read(text, strlen(text), &error) : NULL;

	return doc ? xmlDocGetRootElement(doc) : NULL;
}

/* Beside each other; NULL: there is none. */
static xmlNode *nth(const xmlNode *parent, const xmlChar *name,
		    unsigned int index)
{
	xmlNode *n = parent->children;

	for (; n; n = n->next) {
		if (n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, name) &&
		    index-- == 0) {
			break;
		}
	}
	return n;
}

static unsigned int index_of(const xmlNode *node)
{
	unsigned int index = 0;

	for (const xmlNode *n = node->prev; n; n = n->prev) {
		index += n->type == XML_ELEMENT_NODE &&
			 xmlStrEqual(n->name, node->name);
	}
	return index;
}

bool xml_kept_has(const struct xml_out *out, const char *name)
{
	return out->kept && nth(out->kept, (const xmlChar *)name, 0);
}

static void merge(struct xml_out *out, const struct xml_group *group,
		  xmlNode *element, const xmlNode *kept, const char *path);

static void merge_attributes(struct xml_out *out, const struct xml_group *group,
			     xmlNode *element, const xmlNode *kept,
			     const char *path)
{
	for (const xmlAttr *a = kept->properties; a; a = a->next) {
		char at[DOMAIN_XML_PATH_MAX];
		const struct xml_row *row;

		snprintf(at, sizeof(at), "%s%s@%s", path, *path ? "/" : "",
			 (const char *)a->name);
		row = xml_find_row(group, at);
		if (!row || !xml_kept_row(row) ||
		    xmlHasProp(element, a->name)) {
			continue;
		}
		xml_put(out, element, strchr(at, '@'), value_of(a));
	}
}

/*
 * The UART, which every zone has, how its screen is looked at, and controllers,
 * which are nothing to a zone.
 */
static void merge_device(struct xml_out *out, const struct xml_group *group,
			 xmlNode *devices, const xmlNode *kept)
{
	xmlNode *element = NULL;

	if (group == &domain_xml_serial || group == &domain_xml_graphics) {
		element = nth(devices, kept->name, 0);
	} else if (group == &domain_xml_controller) {
		element = xml_add(out, devices, group->name);
	}
	if (element) {
		merge(out, group, element, kept, "");
	}
}

static void merge_element(struct xml_out *out, const struct xml_group *group,
			  xmlNode *parent, const xmlNode *kept,
			  const char *path)
{
	const struct xml_row *row = xml_find_row(group, path);
	xmlNode *element = nth(parent, kept->name, index_of(kept));
	bool is_kept = row && xml_kept_row(row);

	if (row && (row->flags & XML_TREE)) {
		if (is_kept && !element && !copy(kept, parent)) {
			out->failed = true;
		}
		return;
	}
	if (!row && !xml_is_above_rows(group, path)) {
		return;
	}
	if (!element) {
		/* It was the definition's, which has changed. */
		if (row && !is_kept) {
			return;
		}
		element = xml_add(out, parent, (const char *)kept->name);
		if (element && is_kept && kept->children &&
		    kept->children->type == XML_TEXT_NODE &&
		    !xmlIsBlankNode(kept->children)) {
			xml_put(out, element, "",
				(const char *)kept->children->content);
		}
	}
	if (element) {
		merge(out, group, element, kept, path);
	}
}

static void merge(struct xml_out *out, const struct xml_group *group,
		  xmlNode *element, const xmlNode *kept, const char *path)
{
	merge_attributes(out, group, element, kept, path);
	for (const xmlNode *n = kept->children; n && !out->failed;
	     n = n->next) {
		const struct xml_group *device =
			!group->name && strcmp(path, "devices") == 0
				? domain_xml_group((const char *)n->name)
				: NULL;
		char below[DOMAIN_XML_PATH_MAX];

		if (n->type != XML_ELEMENT_NODE) {
			continue;
		}
		if (device) {
			merge_device(out, device, element, n);
			continue;
		}
		snprintf(below, sizeof(below), "%s%s%s", path, *path ? "/" : "",
			 (const char *)n->name);
		merge_element(out, group, element, n, below);
	}
}

void xml_kept_merge(struct xml_out *out, const struct xml_group *group,
		    xmlNode *element, const xmlNode *kept)
{
	if (kept && !out->failed) {
		merge(out, group, element, kept, "");
	}
}

void xml_kept_give(struct xml_out *out, const struct xml_group *group,
		   xmlNode *element, const char *text)
{
	xmlNode *kept = xml_kept_read(text);

	xml_kept_merge(out, group, element, kept);
	xml_kept_free(kept);
}
