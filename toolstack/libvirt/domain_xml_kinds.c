/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of common kinds: a value in the XML, a member in the definition. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain_xml_rows.h"
#include "size.h"

const struct xml_word xml_yes[] = { { "yes", "true" }, { NULL, NULL } };
const struct xml_word xml_no[] = { { "no", "false" }, { NULL, NULL } };
const struct xml_word xml_on[] = { { "on", "true" }, { NULL, NULL } };
const struct xml_word xml_off[] = { { "off", "false" }, { NULL, NULL } };
const struct xml_word xml_pty[] = { { "pty", NULL }, { NULL, NULL } };
const struct xml_word xml_virtio[] = { { "virtio", NULL }, { NULL, NULL } };

/* ------------------------------------------------------------- members */

struct json_object *xml_member(struct json_object *object, const char *member)
{
	char part[DOMAIN_XML_PATH_MAX];

	while (object && *member) {
		size_t len = strcspn(member, ".");

		snprintf(part, sizeof(part), "%.*s", (int)len, member);
		if (!json_object_is_type(object, json_type_object) ||
		    !json_object_object_get_ex(object, part, &object)) {
			return NULL;
		}
		member += len + (member[len] == '.');
	}
	return object;
}

const char *xml_member_text(struct json_object *object, const char *member)
{
	struct json_object *value = xml_member(object, member);

	return value ? json_object_get_string(value) : NULL;
}

bool xml_member_true(struct json_object *object, const char *member)
{
	return json_object_get_boolean(xml_member(object, member)) != 0;
}

int xml_set_member(const struct xml_place *at, const char *member,
		   struct json_object *value)
{
	struct json_object *object = at->object;
	const char *dot = strchr(member, '.');

	if (value && dot) { /* one level is all there is */
		char part[DOMAIN_XML_PATH_MAX];

		snprintf(part, sizeof(part), "%.*s", (int)(dot - member),
			 member);
		if (!json_object_object_get_ex(at->object, part, &object)) {
			object = json_object_new_object();
			if (!object || json_object_object_add(at->object, part,
							      object) < 0) {
				json_object_put(object);
				object = NULL;
			}
		}
		member = dot + 1;
	}
	if (!value || !object ||
	    json_object_object_add(object, member, value) < 0) {
		json_object_put(value);
		return xml_out_of_memory(at->error);
	}
	return 0;
}

int xml_set_text(const struct xml_place *at, const char *member,
		 const char *text)
{
	return xml_set_member(at, member, json_object_new_string(text));
}

int xml_set_int(const struct xml_place *at, const char *member, uint64_t value)
{
	return xml_set_member(at, member,
			      json_object_new_int64(value > INT64_MAX
							    ? INT64_MAX
							    : (int64_t)value));
}

int xml_set_bytes(const struct xml_place *at, const char *member,
		  uint64_t bytes)
{
	char text[SIZE_TEXT_MAX];

	if (bytes == 0) {
		return 0;
	}
	if (bytes > INT64_MAX) {
		return xml_refuse(at, VIR_ERR_XML_ERROR,
				  "the number is too large");
	}
	size_format((bytes + 1023) / 1024 * 1024, text);
	return xml_set_text(at, member, text);
}

/* -------------------------------------------------------------- reading */

int xml_take_text(const struct xml_place *at)
{
	return xml_set_text(at, at->row->member, at->text);
}

/* Negative ones, too. */
int xml_take_int(const struct xml_place *at)
{
	const char *text = at->text + strspn(at->text, " \t\n");
	uint64_t number;

	if (!xml_number(text + (*text == '-'), &number) || number > INT32_MAX) {
		return xml_refuse(at, VIR_ERR_XML_ERROR,
				  "\"%.64s\" is not a number that fits",
				  at->text);
	}
	return xml_set_member(at, at->row->member,
			      json_object_new_int64(*text == '-'
							    ? -(int64_t)number
							    : (int64_t)number));
}

/* Without the blanks that an editor may have put around it. */
static bool is_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	text += strspn(text, " \t\n");
	return strncmp(text, word, len) == 0 &&
	       text[len + strspn(text + len, " \t\n")] == '\0';
}

static int refuse_word(const struct xml_place *at)
{
	char words[160] = "";
	size_t used = 0;

	for (const struct xml_word *w = at->row->words; w->xml; w++) {
		used += (size_t)snprintf(words + used, sizeof(words) - used,
					 "%s\"%s\"", used ? ", " : "", w->xml);
		if (used >= sizeof(words)) {
			break;
		}
	}
	return xml_refuse(at, VIR_ERR_CONFIG_UNSUPPORTED,
			  "\"%.64s\" is not supported: only %s", at->text,
			  words);
}

static const struct xml_word *find_word(const struct xml_place *at)
{
	for (const struct xml_word *w = at->row->words; w->xml; w++) {
		if (is_word(at->text, w->xml)) {
			return w;
		}
	}
	return NULL;
}

int xml_take_word(const struct xml_place *at)
{
	const struct xml_word *word = find_word(at);

	return word ? xml_set_text(at, at->row->member, word->json)
		    : refuse_word(at);
}

int xml_take_bool(const struct xml_place *at)
{
	const struct xml_word *word = find_word(at);

	return word ? xml_set_member(at, at->row->member,
				     json_object_new_boolean(
					     strcmp(word->json, "true") == 0))
		    : refuse_word(at);
}

int xml_take_fixed(const struct xml_place *at)
{
	return find_word(at) ? 0 : refuse_word(at);
}

int xml_take_present(const struct xml_place *at)
{
	return xml_set_member(at, at->row->member,
			      json_object_new_boolean(true));
}

static int take_bytes(const struct xml_place *at, uint64_t unit)
{
	uint64_t number;

	if (!xml_number(at->text, &number) ||
	    __builtin_mul_overflow(number, unit, &number)) {
		return xml_refuse(at, VIR_ERR_XML_ERROR,
				  "\"%.64s\" is not a number that fits",
				  at->text);
	}
	return xml_set_bytes(at, at->row->member, number);
}

int xml_take_bytes(const struct xml_place *at)
{
	return take_bytes(at, 1);
}

int xml_take_kib(const struct xml_place *at)
{
	return take_bytes(at, 1024);
}

/*
 * libvirt keeps an alias that begins with "ua-", the user's; others it gives
 * itself while the domain runs.
 */
int xml_take_alias(const struct xml_place *at)
{
	static const char prefix[] = "ua-";

	return strncmp(at->text, prefix, 3) == 0
		       ? xml_set_text(at, "name", at->text + 3)
		       : 0;
}

/* -------------------------------------------------------------- writing */

void xml_give_text(struct xml_out *out, xmlNode *element,
		   const struct xml_row *row, struct json_object *object)
{
	const char *text = xml_member_text(object, row->member);

	if (text && *text) {
		xml_put(out, element, row->path, text);
	}
}

/* of a string, or the text of a boolean */
void xml_give_word(struct xml_out *out, xmlNode *element,
		   const struct xml_row *row, struct json_object *object)
{
	const char *text = xml_member_text(object, row->member);

	for (const struct xml_word *w = row->words; text && w->xml; w++) {
		if (strcmp(w->json, text) == 0) {
			xml_put(out, element, row->path, w->xml);
			return;
		}
	}
}

void xml_give_bool(struct xml_out *out, xmlNode *element,
		   const struct xml_row *row, struct json_object *object)
{
	xml_give_word(out, element, row, object);
}

void xml_give_fixed(struct xml_out *out, xmlNode *element,
		    const struct xml_row *row, struct json_object *object)
{
	(void)object;
	xml_put(out, element, row->path, row->words[0].xml);
}

void xml_give_present(struct xml_out *out, xmlNode *element,
		      const struct xml_row *row, struct json_object *object)
{
	if (xml_member_true(object, row->member)) {
		xml_put(out, element, row->path, NULL);
	}
}

static void give_bytes(struct xml_out *out, xmlNode *element,
		       const struct xml_row *row, struct json_object *object,
		       uint64_t unit)
{
	const char *text = xml_member_text(object, row->member);
	char number[24];
	uint64_t bytes;

	if (text && !size_parse(text, &bytes)) {
		snprintf(number, sizeof(number), "%" PRIu64, bytes / unit);
		xml_put(out, element, row->path, number);
	}
}

void xml_give_bytes(struct xml_out *out, xmlNode *element,
		    const struct xml_row *row, struct json_object *object)
{
	give_bytes(out, element, row, object, 1);
}

void xml_give_kib(struct xml_out *out, xmlNode *element,
		  const struct xml_row *row, struct json_object *object)
{
	give_bytes(out, element, row, object, 1024);
}

void xml_give_alias(struct xml_out *out, xmlNode *element,
		    const struct xml_row *row, struct json_object *object)
{
	const char *name = xml_member_text(object, "name");
	char alias[DOMAIN_XML_PATH_MAX];

	if (name) {
		snprintf(alias, sizeof(alias), "ua-%s", name);
		xml_put(out, element, row->path, alias);
	}
}

/* The default says nothing. */
void xml_give_burst(struct xml_out *out, xmlNode *element,
		    const struct xml_row *row, struct json_object *object)
{
	struct json_object *value = xml_member(object, row->member);

	if (value && json_object_get_int64(value) != 100) {
		xml_give_text(out, element, row, object);
	}
}
