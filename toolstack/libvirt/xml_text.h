/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing XML as text. */
#ifndef ZV_TOOLSTACK_LIBVIRT_XML_TEXT_H
#define ZV_TOOLSTACK_LIBVIRT_XML_TEXT_H

#include <stdbool.h>
#include <stdio.h>

/* Can XML hold it: UTF-8 without control characters, and not empty. */
bool xml_can_hold(const char *text);

/* Text of an element, or an attribute's value in '' or "". */
void xml_put_text(FILE *to, const char *text);

/* <name>text</name>, so many levels deep, on a line of its own. */
void xml_put_element(FILE *to, int level, const char *name, const char *text);

#endif /* ZV_TOOLSTACK_LIBVIRT_XML_TEXT_H */
