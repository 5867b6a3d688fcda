/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of elements and attributes; private to domain_xml*.c. */
#ifndef ZV_TOOLSTACK_LIBVIRT_DOMAIN_XML_ROWS_H
#define ZV_TOOLSTACK_LIBVIRT_DOMAIN_XML_ROWS_H

#include <json-c/json.h>
#include <libvirt/virterror.h>
#include <libxml/tree.h>
#include <stdint.h>

#include "domain_xml.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of what a zone has and libvirt has no word for, prefix "zv". */
#define DOMAIN_XML_NAMESPACE "urn:zonevisor:domain:1.0"
#define DOMAIN_XML_PATH_MAX 128

/* A value's name there and here; the first is the one that is written. */
struct xml_word {
	const char *xml; /* NULL: the end */
	const char *json; /* of a boolean "true" or "false" */
};

/* Where reading is: at row, whose value is text, of node. */
struct xml_place {
	const struct xml_group *group;
	const struct xml_row *row;
	const xmlNode *node;
	const char *text; /* NULL if it is a tree */
	const char *path; /* from the group's element on */
	struct json_object *object; /* to be filled */
	struct vir_error_text *error;
};

/* What writing knows. */
struct xml_out {
	struct json_object *detail;
	bool live;
	bool failed; /* out of memory: from there on nothing is done */
	unsigned int console_count;
	const xmlNode *kept; /* of the domain; NULL: nothing */
};

enum xml_row_flag {
	XML_MANY = 1, /* more than one such element */
	XML_TREE = 2, /* what is below is not looked into */
};

struct xml_row {
	const char *path; /* "driver/@cache" below the group's element */
	enum domain_xml_status status;
	const char *how; /* for people; of a refused one the advice */
	const char *member; /* "limits.total-bytes-sec" */
	const struct xml_word *words;
	/* NULL: nothing to do, or the group's finish() sees to it. */
	int (*take)(const struct xml_place *at);
	/* NULL: it is not written, or another row does. */
	void (*give)(struct xml_out *out, xmlNode *element,
		     const struct xml_row *row, struct json_object *object);
	unsigned int flags; /* enum xml_row_flag */
};

/* An element with a table of its own: the domain, and each sort of device. */
struct xml_group {
	const char *name; /* "disk"; NULL: the domain */
	const char *type; /* of the device; NULL: none comes of it */
	const struct xml_row *rows;
	size_t row_count;
	/* After all rows; at->node is the element.  May be NULL. */
	int (*finish)(const struct xml_place *at);
};

extern const struct xml_group domain_xml_domain;
extern const struct xml_group domain_xml_disk;
extern const struct xml_group domain_xml_interface;
extern const struct xml_group domain_xml_console;
extern const struct xml_group domain_xml_serial;
extern const struct xml_group domain_xml_rng;
extern const struct xml_group domain_xml_graphics;
extern const struct xml_group domain_xml_video;
extern const struct xml_group domain_xml_input;
extern const struct xml_group domain_xml_controller;
extern const struct xml_group domain_xml_memballoon;

/* By the element's name; NULL: it has no table. */
const struct xml_group *domain_xml_group(const char *name);

/* ------------------------------------------------- rows of common kinds */

int xml_take_text(const struct xml_place *at);
int xml_take_int(const struct xml_place *at);
int xml_take_word(const struct xml_place *at);
int xml_take_bool(const struct xml_place *at);
int xml_take_fixed(const struct xml_place *at);
int xml_take_present(const struct xml_place *at); /* true */
int xml_take_bytes(const struct xml_place *at); /* per second; 0: no limit */
int xml_take_kib(const struct xml_place *at);
int xml_take_alias(const struct xml_place *at);

typedef void xml_give_fn(struct xml_out *out, xmlNode *element,
			 const struct xml_row *row, struct json_object *object);

xml_give_fn xml_give_text; /* and integers */
xml_give_fn xml_give_word;
xml_give_fn xml_give_bool;
xml_give_fn xml_give_fixed;
xml_give_fn xml_give_present;
xml_give_fn xml_give_bytes;
xml_give_fn xml_give_kib;
xml_give_fn xml_give_alias;
xml_give_fn xml_give_burst;

#define XML_TEXT(path, member)                                       \
	{                                                            \
		path, DOMAIN_XML_USED, "`" member "`", member, NULL, \
			xml_take_text, xml_give_text, 0              \
	}
#define XML_INT(path, member)                                        \
	{                                                            \
		path, DOMAIN_XML_USED, "`" member "`", member, NULL, \
			xml_take_int, xml_give_text, 0               \
	}
#define XML_BYTES(path, member)                                                \
	{                                                                      \
		path, DOMAIN_XML_USED,                                         \
			"`" member "`, rounded up to whole KiB", member, NULL, \
			xml_take_bytes, xml_give_bytes, 0                      \
	}
#define XML_WORDS(path, member, words, how)                               \
	{                                                                 \
		path, DOMAIN_XML_USED, how, member, words, xml_take_word, \
			xml_give_word, 0                                  \
	}
#define XML_BOOL(path, member, words, how)                                \
	{                                                                 \
		path, DOMAIN_XML_USED, how, member, words, xml_take_bool, \
			xml_give_bool, 0                                  \
	}
/* finish() does it. */
#define XML_LATER(path, how)                                          \
	{                                                             \
		path, DOMAIN_XML_USED, how, NULL, NULL, NULL, NULL, 0 \
	}
#define XML_FIXED(path, words, how)                                       \
	{                                                                 \
		path, DOMAIN_XML_FIXED, how, NULL, words, xml_take_fixed, \
			NULL, 0                                           \
	}
/* ... and it is written, in its first word. */
#define XML_SAID(path, words, how)                                        \
	{                                                                 \
		path, DOMAIN_XML_FIXED, how, NULL, words, xml_take_fixed, \
			xml_give_fixed, 0                                 \
	}
/* An element without a value that may be there. */
#define XML_TRUE(path, how)                                            \
	{                                                              \
		path, DOMAIN_XML_FIXED, how, NULL, NULL, NULL, NULL, 0 \
	}
#define XML_KEPT(path, how)                                           \
	{                                                             \
		path, DOMAIN_XML_KEPT, how, NULL, NULL, NULL, NULL, 0 \
	}
#define XML_KEPT_TREE(path, how)                                             \
	{                                                                    \
		path, DOMAIN_XML_KEPT, how, NULL, NULL, NULL, NULL, XML_TREE \
	}
#define XML_DERIVED(path, how)                                           \
	{                                                                \
		path, DOMAIN_XML_DERIVED, how, NULL, NULL, NULL, NULL, 0 \
	}
#define XML_REFUSED(path, how)                                           \
	{                                                                \
		path, DOMAIN_XML_REFUSED, how, NULL, NULL, NULL, NULL, 0 \
	}

extern const struct xml_word xml_yes[], xml_no[], xml_on[], xml_off[];
extern const struct xml_word xml_pty[], xml_virtio[];

/* ------------------------------------------------------------- reading */

/* Sets the error, with the place in the document before the text; -1. */
int xml_refuse(const struct xml_place *at, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* ... of something below at->node: path is "source/@file". */
int xml_refuse_below(const struct xml_place *at, const char *path, int code,
		     const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int xml_out_of_memory(struct vir_error_text *ret_error);

/* The first element of that name, or the next one beside it; NULL: none. */
const xmlNode *xml_child(const xmlNode *node, const char *name);
const xmlNode *xml_next(const xmlNode *node, const char *name);
/*
 * Value of "@type", "source/@file" or "memory" below node, in order of their
 * asking; NULL: it is not there.  It is the document's, which each of them
 * outlives.
 */
const char *xml_value(const xmlNode *node, const char *path);
/* Bytes of "KiB", "kb", "M": the letter in either case, as libvirt has it. */
bool xml_scale(const char *unit, uint64_t *ret_scale);
/* Decimal digits alone. */
bool xml_number(const char *text, uint64_t *ret_number);

/* NULL: none is of that path. */
const struct xml_row *xml_find_row(const struct xml_group *group,
				   const char *path);
/* Is it the beginning of a row's path, such as "os"? */
bool xml_is_above_rows(const struct xml_group *group, const char *path);

/* The document, or NULL with the error set. */
xmlDoc *xml_read(const char *xml, size_t len, struct vir_error_text *ret_error);

/*
 * node and all below it, by the group's rows, into object; what the rows keep
 * into kept, an empty element.
 */
int xml_walk(const struct xml_group *group, const xmlNode *node,
	     struct json_object *object, xmlNode *kept,
	     struct vir_error_text *ret_error);

/*
 * A device by its element, with what is kept of it; the caller puts it.  NULL:
 * the error is set.
 */
struct json_object *xml_take_device(const struct xml_group *group,
				    const xmlNode *node,
				    struct vir_error_text *ret_error);

/* ---------------------------------------------------------------- JSON */

/* NULL: there is none.  member: "limits.burst-ms". */
struct json_object *xml_member(struct json_object *object, const char *member);
const char *xml_member_text(struct json_object *object, const char *member);
bool xml_member_true(struct json_object *object, const char *member);
/* Takes value, which may be NULL: out of memory, -1. */
int xml_set_member(const struct xml_place *at, const char *member,
		   struct json_object *value);
int xml_set_text(const struct xml_place *at, const char *member,
		 const char *text);
int xml_set_int(const struct xml_place *at, const char *member, uint64_t value);
/* "50M"; rounded up to 1 KiB.  0: no limit, and no member. */
int xml_set_bytes(const struct xml_place *at, const char *member,
		  uint64_t bytes);

/* ------------------------------------------------------------- writing */

/* A new child element. */
xmlNode *xml_add(struct xml_out *out, xmlNode *element, const char *name);
void xml_set(struct xml_out *out, xmlNode *element, const char *attribute,
	     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* path below element, whose parts are made unless they are there. */
void xml_put(struct xml_out *out, xmlNode *element, const char *path,
	     const char *text);
/* Everything that the rows write. */
void xml_give(struct xml_out *out, const struct xml_group *group,
	      xmlNode *element, struct json_object *object);
/* One that stands in the document as it is, raw XML. */
void xml_add_raw(struct xml_out *out, xmlNode *element, const char *xml);
/* The text of the document; NULL: out of memory. */
char *xml_print(const xmlNode *root);

/* ------------------------------------------------- domain_xml_metadata.c */

int xml_take_metadata(const struct xml_place *at);
xml_give_fn xml_give_metadata;
int xml_take_odd_metadata(const struct xml_place *at);
xml_give_fn xml_give_odd_metadata;

/* ----------------------------------------------------- domain_xml_kept.c */

/* Its document is to be freed by xml_kept_free(); NULL: out of memory. */
xmlNode *xml_kept_new(void);
void xml_kept_free(xmlNode *kept);
/* Does an attribute or element of the row go there? */
bool xml_kept_row(const struct xml_row *row);
/* The element at->node, with whatever is in it. */
int xml_keep_tree(const struct xml_place *at, xmlNode *kept);
/* All of it, or NULL in *ret_text if there is nothing.  -1: out of memory. */
int xml_kept_text(xmlNode *kept, char **ret_text);
/* An element that there is even though nothing of it is kept. */
void xml_kept_mark(xmlNode *kept);

/* Text of above to what is in it, to be freed; NULL: nothing. */
xmlNode *xml_kept_read(const char *text);
/* Is there such an element right below <domain>? */
bool xml_kept_has(const struct xml_out *out, const char *name);
/* Puts what is kept where the rows have not written anything. */
void xml_kept_merge(struct xml_out *out, const struct xml_group *group,
		    xmlNode *element, const xmlNode *kept);
/* ... from its text, which may be NULL. */
void xml_kept_give(struct xml_out *out, const struct xml_group *group,
		   xmlNode *element, const char *text);

#endif /* ZV_TOOLSTACK_LIBVIRT_DOMAIN_XML_ROWS_H */
