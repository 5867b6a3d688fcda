/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XML from a socket.  A document type is where entities and files to include
 * come from, so one that has it is refused where it begins, before anything of
 * it is acted on.
 */
#include <libxml/parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "domain_xml_rows.h"

int xml_out_of_memory(struct vir_error_text *ret_error)
{
	return vir_error_set(ret_error, VIR_ERR_NO_MEMORY, "out of memory");
}

/* ----------------------------------------------------------- documents */

static void stop_at_doctype(void *context, const xmlChar *name,
			    const xmlChar *external, const xmlChar *system)
{
	xmlParserCtxt *parser = context;

	(void)name;
	(void)external;
	(void)system;
	parser->_private = parser; /* says which error it was */
	xmlStopParser(parser);
}

static void tell_why(xmlParserCtxt *parser, struct vir_error_text *ret_error)
{
	const xmlError *why = xmlCtxtGetLastError(parser);
	const char *text = why && why->message ? why->message : "it is empty";

	if (parser->_private) {
		vir_error_set(ret_error, VIR_ERR_XML_DETAIL,
			      "the XML has a document type (<!DOCTYPE>): leave "
			      "it out");
		return;
	}
	if (why && why->code == XML_ERR_NO_MEMORY) {
		xml_out_of_memory(ret_error);
		return;
	}
	vir_error_set(ret_error, VIR_ERR_XML_DETAIL,
		      "the XML cannot be read: line %d: %.*s",
		      why ? why->line : 0, (int)strcspn(text, "\n"), text);
}

xmlDoc *xml_read(const char *xml, size_t len, struct vir_error_text *ret_error)
{
	static const int options = XML_PARSE_NONET | XML_PARSE_NOERROR |
				   XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |
				   XML_PARSE_COMPACT | XML_PARSE_IGNORE_ENC;
	xmlParserCtxt *parser;
	xmlDoc *doc;

	if (len > DOMAIN_XML_TEXT_MAX) {
		vir_error_set(ret_error, VIR_ERR_INVALID_ARG,
			      "the XML has %zu bytes: at most %u are allowed",
			      len, DOMAIN_XML_TEXT_MAX);
		return NULL;
	}
	parser = xmlNewParserCtxt();
	if (!parser) {
		xml_out_of_memory(ret_error);
		return NULL;
	}
	parser->sax->internalSubset = stop_at_doctype;
	/* Strings on the wire are UTF-8, whatever the document says. */
	doc = xmlCtxtReadMemory(parser, xml, (int)len, NULL, "UTF-8", options);
	if (doc && (parser->_private || !xmlDocGetRootElement(doc))) {
		xmlFreeDoc(doc);
		doc = NULL;
	}
	if (!doc) {
		tell_why(parser, ret_error);
	}
	xmlFreeParserCtxt(parser);
	return doc;
}

/* ---------------------------------------------------- a way through them */

static bool is_called(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !node->ns &&
	       strcmp((const char *)node->name, name) == 0;
}

static const xmlNode *find(const xmlNode *node, const char *name)
{
	while (node && !is_called(node, name)) {
		node = node->next;
	}
	return node;
}

const xmlNode *xml_child(const xmlNode *node, const char *name)
{
	return find(node->children, name);
}

const xmlNode *xml_next(const xmlNode *node, const char *name)
{
	return find(node->next, name);
}

/* Walking has seen to it that there are not two texts around a comment. */
static const char *text_of(const xmlNode *node)
{
	for (node = node->children; node; node = node->next) {
		if (node->type == XML_TEXT_NODE && !xmlIsBlankNode(node)) {
			return (const char *)node->content;
		}
	}
	return "";
}

static const char *attribute(const xmlNode *node, const char *name)
{
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		if (!a->ns && strcmp((const char *)a->name, name) == 0) {
			return a->children && a->children->content
				       ? (const char *)a->children->content
				       : "";
		}
	}
	return NULL;
}

const char *xml_value(const xmlNode *node, const char *path)
{
	char part[DOMAIN_XML_PATH_MAX];

	while (node && *path && *path != '@') {
		size_t len = strcspn(path, "/");

		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		node = xml_child(node, part);
		path += len + (path[len] == '/');
	}
	if (!node) {
		return NULL;
	}
	return *path == '@' ? attribute(node, path + 1) : text_of(node);
}

bool xml_number(const char *text, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *p = text + strspn(text, " \t\n");
	const char *first = p;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*p - '0'),
					   &number)) {
			return false;
		}
	}
	if (p == first || p[strspn(p, " \t\n")] != '\0') {
		return false;
	}
	*ret_number = number;
	return true;
}

/* --------------------------------------------------------------- errors */

/* "devices/disk/driver/@cache (line 7): ..." */
static int refuse(const struct xml_place *at, const char *path, int code,
		  const char *format, va_list args)
{
	char text[VIR_ERROR_MESSAGE_SIZE];
	const char *name = at->group->name;

	vsnprintf(text, sizeof(text), format, args);
	return vir_error_set(at->error, code, "%s%s%s%s (line %ld): %s",
			     name    ? "devices/"
			     : *path ? ""
				     : "domain",
			     name ? name : "", name && *path ? "/" : "", path,
			     xmlGetLineNo(at->node), text);
}

int xml_refuse(const struct xml_place *at, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	refuse(at, at->path, code, format, args);
	va_end(args);
	return -1;
}

int xml_refuse_below(const struct xml_place *at, const char *path, int code,
		     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	refuse(at, path, code, format, args);
	va_end(args);
	return -1;
}
