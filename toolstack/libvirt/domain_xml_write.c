/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing by the rows: first a tree, since rows of one element need not be
 * beside each other, then its text.  Names and attributes stand in the tree as
 * they are to be written, "zv:limits"; libxml2 does not write it.
 */
#include <json-c/printbuf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain_xml_rows.h"
#include "text.h"

static const xmlChar *chars(const char *text)
{
	return (const xmlChar *)text;
}

static void set_attribute(struct xml_out *out, xmlNode *element,
			  const char *name, const char *value)
{
	if (!out->failed && !xmlNewProp(element, chars(name), chars(value))) {
		out->failed = true;
	}
}

static bool has_our_prefix(const char *name)
{
	return strncmp(name, "zv:", 3) == 0;
}

xmlNode *xml_add(struct xml_out *out, xmlNode *element, const char *name)
{
	xmlNode *node;

	if (out->failed) {
		return NULL;
	}
	node = xmlNewChild(element, NULL, chars(name), NULL);
	if (!node) {
		out->failed = true;
		return NULL;
	}
	if (has_our_prefix(name) &&
	    !has_our_prefix((const char *)element->name)) {
		set_attribute(out, node, "xmlns:zv", DOMAIN_XML_NAMESPACE);
	}
	return node;
}

void xml_set(struct xml_out *out, xmlNode *element, const char *attribute,
	     const char *format, ...)
{
	char text[64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	set_attribute(out, element, attribute, text);
}

static xmlNode *last_child(const xmlNode *element, const char *name)
{
	for (xmlNode *n = element->last; n; n = n->prev) {
		if (n->type == XML_ELEMENT_NODE &&
		    strcmp((const char *)n->name, name) == 0) {
			return n;
		}
	}
	return NULL;
}

static void add_text(struct xml_out *out, xmlNode *element, const char *text)
{
	xmlNode *node = xmlNewText(chars(text));

	if (!node) {
		out->failed = true;
		return;
	}
	xmlAddChild(element, node);
}

void xml_put(struct xml_out *out, xmlNode *element, const char *path,
	     const char *text)
{
	char part[DOMAIN_XML_PATH_MAX];

	while (!out->failed && *path && *path != '@') {
		size_t len = strcspn(path, "/");
		xmlNode *child;

		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		child = last_child(element, part);
		element = child ? child : xml_add(out, element, part);
		path += len + (path[len] == '/');
	}
	if (out->failed || !text) {
		return;
	}
	if (*path == '@') {
		set_attribute(out, element, path + 1, text);
	} else {
		add_text(out, element, text);
	}
}

void xml_add_raw(struct xml_out *out, xmlNode *element, const char *xml)
{
	xmlNode *node = xmlNewComment(chars(xml)); /* no other one is made */

	if (!node) {
		out->failed = true;
		return;
	}
	xmlAddChild(element, node);
}

void xml_give(struct xml_out *out, const struct xml_group *group,
	      xmlNode *element, struct json_object *object)
{
	for (size_t i = 0; !out->failed && i < group->row_count; i++) {
		if (group->rows[i].give) {
			group->rows[i].give(out, element, &group->rows[i],
					    object);
		}
	}
}

/* ------------------------------------------------------------- the text */

struct printer {
	struct printbuf *text;
	bool failed;
};

static void print(struct printer *p, const char *text, size_t len)
{
	p->failed =
		p->failed || printbuf_memappend(p->text, text, (int)len) < 0;
}

static void print_text(struct printer *p, const char *text)
{
	print(p, text, strlen(text));
}

static const char *escape(char c, bool in_attribute)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\'':
		return in_attribute ? "&apos;" : NULL;
	/* What a reader would make a blank, or drop. */
	case '\n':
		return in_attribute ? "&#10;" : NULL;
	case '\t':
		return in_attribute ? "&#9;" : NULL;
	case '\r':
		return "&#13;";
	default:
		return NULL;
	}
}

/* XML 1.0, 2.2: no control characters but three, no U+FFFE and U+FFFF. */
static size_t char_len(const char *text, size_t left)
{
	size_t len = text_utf8_len(text, left);

	if ((len == 1 && (unsigned char)*text < ' ' &&
	     !strchr("\n\t\r", *text)) ||
	    (len == 3 && (memcmp(text, "\xef\xbf\xbe", 3) == 0 ||
			  memcmp(text, "\xef\xbf\xbf", 3) == 0))) {
		return 0;
	}
	return len;
}

static void print_escaped(struct printer *p, const char *text,
			  bool in_attribute)
{
	size_t left = strlen(text);

	while (left) {
		size_t len = char_len(text, left);
		const char *instead = len ? escape(*text, in_attribute) : "?";

		if (instead) {
			print_text(p, instead);
			len = 1;
		} else {
			print(p, text, len);
		}
		text += len;
		left -= len;
	}
}

static void print_indent(struct printer *p, unsigned int depth)
{
	static const char blanks[] = "                ";

	print(p, blanks, 2 * (depth < 8 ? depth : 8));
}

static void print_start(struct printer *p, const xmlNode *node)
{
	print_text(p, "<");
	print_text(p, (const char *)node->name);
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		print_text(p, " ");
		print_text(p, (const char *)a->name);
		print_text(p, "='");
		print_escaped(p,
			      a->children ? (const char *)a->children->content
					  : "",
			      true);
		print_text(p, "'");
	}
}

static void print_node(struct printer *p, const xmlNode *node,
		       unsigned int depth)
{
	const xmlNode *child = node->children;

	print_indent(p, depth);
	if (node->type == XML_COMMENT_NODE) { /* xml_add_raw() */
		print_text(p, (const char *)node->content);
		print_text(p, "\n");
		return;
	}
	print_start(p, node);
	if (!child) {
		print_text(p, "/>\n");
		return;
	}
	print_text(p, ">");
	if (child->type == XML_TEXT_NODE) {
		print_escaped(p, (const char *)child->content, false);
	} else {
		print_text(p, "\n");
		for (; child; child = child->next) {
			print_node(p, child, depth + 1);
		}
		print_indent(p, depth);
	}
	print_text(p, "</");
	print_text(p, (const char *)node->name);
	print_text(p, ">\n");
}

char *xml_print(const xmlNode *root)
{
	struct printer p = { .text = printbuf_new() };
	char *copy;

	if (!p.text) {
		return NULL;
	}
	print_node(&p, root, 0);
	copy = p.failed ? NULL : strdup(p.text->buf);
	printbuf_free(p.text);
	return copy;
}
