/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What describes a zone to people and programs and is none of its guest's business:
 * the members "title", "description" and "metadata".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zone_def_parse.h"

/* ------------------------------------------------------------- reading */

/* Other than the allowed ones. */
static bool has_control(const char *text, const char *allowed)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c < 0x20 || c == 0x7f) && !strchr(allowed, *p)) {
			return true;
		}
	}
	return false;
}

/* Replaces *ret_text; an empty text is none. */
static int get_text(struct def_parser *p, const char *path,
		    struct json_object *value, size_t max, const char *allowed,
		    const char *hint, char **ret_text)
{
	char *text = NULL;

	if (def_get_text(p, path, value, max, hint, &text) < 0) {
		return -1;
	}
	if (has_control(text, allowed)) {
		free(text);
		return DEF_REFUSE(p, path, hint, "has control characters");
	}
	if (!text[0]) {
		free(text);
		text = NULL;
	}
	free(*ret_text);
	*ret_text = text;
	return 0;
}

int zone_about_title(struct def_parser *p, const char *path,
		     struct json_object *value)
{
	return get_text(p, path, value, ZONE_DEF_TITLE_MAX, "",
			"a line of at most 255 bytes, as in \"the web shop\"",
			&p->def->about.title);
}

int zone_about_description(struct def_parser *p, const char *path,
			   struct json_object *value)
{
	return get_text(p, path, value, ZONE_DEF_DESCRIPTION_MAX, "\n\t",
			"a text of at most 4096 bytes, with line feeds if it "
			"has several lines",
			&p->def->about.description);
}

/* Where uri is, or else belongs. */
static uint32_t find(const struct zone_about *about, const char *uri,
		     bool *ret_found)
{
	uint32_t i = 0;
	int order = 1;

	while (i < about->metadata_count) {
		order = strcmp(about->metadata[i].uri, uri);
		if (order >= 0) {
			break;
		}
		i++;
	}
	*ret_found = i < about->metadata_count && order == 0;
	return i;
}

static void take_out(struct zone_about *about, uint32_t at)
{
	free(about->metadata[at].uri);
	free(about->metadata[at].text);
	about->metadata_count--;
	memmove(&about->metadata[at], &about->metadata[at + 1],
		(about->metadata_count - at) * sizeof(about->metadata[0]));
}

/* Takes text over.  uri is not there yet, and belongs there. */
static int put_in(struct def_parser *p, const char *path, uint32_t at,
		  const char *uri, char *text)
{
	struct zone_about *about = &p->def->about;
	char *copy;

	if (about->metadata_count == ZONE_DEF_METADATA_MAX) {
		free(text);
		return DEF_REFUSE(p, path, "take one away that nobody needs",
				  "is one too many: there can be %u",
				  ZONE_DEF_METADATA_MAX);
	}
	copy = strdup(uri);
	if (!copy) {
		free(text);
		return zerror_set(p->error, ZERROR_INTERNAL, path, NULL,
				  "out of memory");
	}
	memmove(&about->metadata[at + 1], &about->metadata[at],
		(about->metadata_count - at) * sizeof(about->metadata[0]));
	about->metadata[at] = (struct zone_metadata){ copy, text };
	about->metadata_count++;
	return 0;
}

static int set_entry(struct def_parser *p, const char *path, const char *uri,
		     struct json_object *value)
{
	struct zone_about *about = &p->def->about;
	size_t len = strlen(uri);
	char *text = NULL;
	bool found;
	uint32_t at;

	if (len == 0 || len > ZONE_DEF_URI_MAX || has_control(uri, "")) {
		return DEF_REFUSE(p, path,
				  "as in \"http://example.org/app/1.0\"",
				  "is not named by a URI of 1 to %u bytes",
				  ZONE_DEF_URI_MAX);
	}
	if (def_get_text(p, path, value, ZONE_DEF_METADATA_TEXT_MAX,
			 "a string with an XML element", &text) < 0) {
		return -1;
	}
	at = find(about, uri, &found);
	if (found) {
		free(about->metadata[at].text);
		about->metadata[at].text = text;
		return 0;
	}
	return put_in(p, path, at, uri, text);
}

static void entry_path(char ret_path[ZERROR_PATH_MAX], const char *path,
		       const char *uri)
{
	zerror_path(ret_path, "%s[\"%.64s\"]", path, uri);
}

static const char metadata_hint[] =
	"an object: a namespace's URI, and a string with an XML element, as in "
	"{\"http://example.org/app\": \"<app tier='2'/>\"}";

int zone_about_metadata(struct def_parser *p, const char *path,
			struct json_object *value)
{
	char at[ZERROR_PATH_MAX];

	if (def_need_type(p, path, value, json_type_object, metadata_hint) <
	    0) {
		return -1;
	}
	json_object_object_foreach (value, uri, text) {
		entry_path(at, path, uri);
		if (set_entry(p, at, uri, text) < 0) {
			return -1;
		}
	}
	return 0;
}

/* ------------------------------------------------------------- changes */

/* Those without a value first: they make room for the others. */
static int merge_metadata(struct def_parser *p, struct json_object *changes)
{
	static const char path[] = "$.metadata";
	char place[ZERROR_PATH_MAX];

	json_object_object_foreach (changes, old, none) {
		bool found;
		uint32_t at = find(&p->def->about, old, &found);

		if (!none && found) {
			take_out(&p->def->about, at);
		}
	}
	json_object_object_foreach (changes, uri, text) {
		entry_path(place, path, uri);
		if (text && set_entry(p, place, uri, text) < 0) {
			return -1;
		}
	}
	return 0;
}

int zone_def_describe(struct zone_def *def, struct json_object *changes,
		      struct zerror *ret_error)
{
	struct def_parser p = { def, "$", ret_error };
	struct json_object *value;

	if (json_object_object_get_ex(changes, "title", &value) &&
	    zone_about_title(&p, "$.title", value) < 0) {
		return -1;
	}
	if (json_object_object_get_ex(changes, "description", &value) &&
	    zone_about_description(&p, "$.description", value) < 0) {
		return -1;
	}
	if (json_object_object_get_ex(changes, "metadata", &value) &&
	    (def_need_type(&p, "$.metadata", value, json_type_object,
			   metadata_hint) < 0 ||
	     merge_metadata(&p, value) < 0)) {
		return -1;
	}
	value = zone_def_to_json(def);
	if (!zone_def_fits(value)) {
		json_object_put(value);
		return zerror_set(ret_error, ZERROR_TOO_LARGE, NULL,
				  "what describes the zone must be shorter",
				  "a definition has at most %u bytes",
				  ZONE_DEF_TEXT_MAX);
	}
	json_object_put(value);
	return 0;
}

/* ---------------------------------------------------------- the others */

static bool copy_text(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

bool zone_about_copy(const struct zone_about *from, struct zone_about *ret_to)
{
	struct zone_about to = { 0 };

	if (!copy_text(from->title, &to.title) ||
	    !copy_text(from->description, &to.description)) {
		zone_about_clear(&to);
		return false;
	}
	for (uint32_t i = 0; i < from->metadata_count; i++) {
		to.metadata_count++;
		if (!copy_text(from->metadata[i].uri, &to.metadata[i].uri) ||
		    !copy_text(from->metadata[i].text, &to.metadata[i].text)) {
			zone_about_clear(&to);
			return false;
		}
	}
	*ret_to = to;
	return true;
}

void zone_about_clear(struct zone_about *about)
{
	free(about->title);
	free(about->description);
	for (uint32_t i = 0; i < about->metadata_count; i++) {
		free(about->metadata[i].uri);
		free(about->metadata[i].text);
	}
	*about = (struct zone_about){ 0 };
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool zone_about_equal(const struct zone_about *a, const struct zone_about *b)
{
	if (!same_text(a->title, b->title) ||
	    !same_text(a->description, b->description) ||
	    a->metadata_count != b->metadata_count) {
		return false;
	}
	for (uint32_t i = 0; i < a->metadata_count; i++) {
		if (strcmp(a->metadata[i].uri, b->metadata[i].uri) != 0 ||
		    strcmp(a->metadata[i].text, b->metadata[i].text) != 0) {
			return false;
		}
	}
	return true;
}

static void tell_metadata(const char *uri, zone_about_change_fn tell, void *arg)
{
	char what[ZONE_DEF_URI_MAX + sizeof("metadata ")];

	snprintf(what, sizeof(what), "metadata %s", uri);
	tell(arg, what);
}

/* Both are in the order of their URIs. */
static void metadata_changes(const struct zone_about *before,
			     const struct zone_about *now,
			     zone_about_change_fn tell, void *arg)
{
	uint32_t i = 0;
	uint32_t j = 0;

	while (i < before->metadata_count || j < now->metadata_count) {
		const struct zone_metadata *old = &before->metadata[i];
		const struct zone_metadata *new = &now->metadata[j];
		int order = i == before->metadata_count ? 1
			    : j == now->metadata_count
				    ? -1
				    : strcmp(old->uri, new->uri);

		if (order != 0 || strcmp(old->text, new->text) != 0) {
			tell_metadata(order < 0 ? old->uri : new->uri, tell,
				      arg);
		}
		i += order <= 0;
		j += order >= 0;
	}
}

void zone_about_changes(const struct zone_about *before,
			const struct zone_about *now, zone_about_change_fn tell,
			void *arg)
{
	if (!same_text(before->title, now->title)) {
		tell(arg, "title");
	}
	if (!same_text(before->description, now->description)) {
		tell(arg, "description");
	}
	metadata_changes(before, now, tell, arg);
}

void zone_about_to_json(const struct zone_about *about,
			struct json_object *json)
{
	if (about->title) {
		json_object_object_add(json, "title",
				       json_object_new_string(about->title));
	}
	if (about->description) {
		json_object_object_add(
			json, "description",
			json_object_new_string(about->description));
	}
}

void zone_metadata_to_json(const struct zone_about *about,
			   struct json_object *json)
{
	struct json_object *metadata;

	if (about->metadata_count == 0) {
		return;
	}
	metadata = json_object_new_object();
	for (uint32_t i = 0; i < about->metadata_count; i++) {
		json_object_object_add(
			metadata, about->metadata[i].uri,
			json_object_new_string(about->metadata[i].text));
	}
	json_object_object_add(json, "metadata", metadata);
}
