/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's definition in libvirt's words, <domain>, and back: functions of their
 * arguments alone, without a connection.
 *
 * What an element or an attribute becomes is a row of a table, and the same rows
 * read, write and make the table of docs/libvirt.md.  What no row names is
 * an error and never dropped in silence: who writes it wants something.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_DOMAIN_XML_H
#define ZV_TOOLSTACK_LIBVIRT_DOMAIN_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "vir_error.h"

struct json_object;

#define DOMAIN_XML_TEXT_MAX (4u << 20) /* as libvirt's longest string */
/*
 * What is kept of a domain is an entry of its definition's metadata; of a device it
 * is the member "xml".  No client sees either.
 */
#define DOMAIN_XML_KEPT_URI "urn:zonevisor:libvirt:1.0"

/*
 * A document to a definition as zone.define takes it; its values are checked
 * there.  0, or -1: VIR_ERR_XML_DETAIL if it is no XML, VIR_ERR_XML_ERROR for a
 * value that makes no sense, VIR_ERR_CONFIG_UNSUPPORTED for what a zone cannot
 * do, VIR_ERR_INVALID_ARG if it is too large.
 */
int domain_xml_parse(const char *xml, size_t len,
		     struct json_object **ret_definition,
		     struct vir_error_text *ret_error);

/* One device, <disk> ..., to a device of a definition; as above. */
int domain_xml_parse_device(const char *xml, size_t len,
			    struct json_object **ret_device,
			    struct vir_error_text *ret_error);

/*
 * detail is what zone.get answers.  With inactive it is the definition that is
 * kept, else the one that runs, with what holds only while it runs.  To free();
 * NULL: out of memory.
 */
char *domain_xml_format(struct json_object *detail, bool inactive);

/*
 * An element of <metadata> from a client's, which has no namespace: it and all in
 * it are of the namespace uri, by the prefix key.  0 and the text to free(), or -1
 * as domain_xml_parse().
 */
int domain_xml_metadata_make(const char *xml, const char *uri, const char *key,
			     char **ret_text, struct vir_error_text *ret_error);
/*
 * The other way: text without its namespace, to free().  What is no element of it
 * stays as it is.  NULL: out of memory.
 */
char *domain_xml_metadata_plain(const char *text, const char *uri);

enum domain_xml_status {
	DOMAIN_XML_USED, /* becomes part of the definition */
	DOMAIN_XML_FIXED, /* may say what is so in every zone */
	DOMAIN_XML_KEPT, /* changes nothing in a zone, and is given back */
	DOMAIN_XML_DERIVED, /* as it turns out; not part of a definition */
	DOMAIN_XML_REFUSED, /* an error that says what to do instead */
};

struct domain_xml_support {
	char path[128]; /* below <domain>: "devices/disk/driver/@cache" */
	enum domain_xml_status status;
	const char *how;
};

/* Everything that has a row, in the tables' order.  false: no more of them. */
bool domain_xml_support(size_t index, struct domain_xml_support *ret);
const char *domain_xml_status_name(enum domain_xml_status status);

#endif /* ZV_TOOLSTACK_LIBVIRT_DOMAIN_XML_H */
