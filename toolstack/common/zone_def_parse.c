/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone_def_parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"

static const char path_hint[] = "write it from the root: /var/lib/…";

/* "devices[1].type" of the path "$.devices[1].type". */
const char *def_subject(const struct def_parser *p, const char *path)
{
	const char *member = path + strlen(p->root);

	return *member == '.' ? member + 1 : "the definition";
}

static const char *type_name(struct json_object *value)
{
	return value ? json_type_to_name(json_object_get_type(value)) : "null";
}

int def_need_type(struct def_parser *p, const char *path,
		  struct json_object *value, enum json_type type,
		  const char *hint)
{
	if (json_object_is_type(value, type)) {
		return 0;
	}
	return DEF_REFUSE(p, path, hint, "must be of type %s, not %s",
			  json_type_to_name(type), type_name(value));
}

int def_get_int(struct def_parser *p, const char *path,
		struct json_object *value, int64_t min, int64_t max,
		const char *hint, int64_t *ret_int)
{
	int64_t number;

	if (def_need_type(p, path, value, json_type_int, hint) < 0) {
		return -1;
	}
	number = json_object_get_int64(value);
	if (number < min || number > max) {
		return DEF_REFUSE(p, path, hint,
				  "must be %" PRId64 " to %" PRId64
				  ", not %" PRId64,
				  min, max, number);
	}
	*ret_int = number;
	return 0;
}

int def_get_text(struct def_parser *p, const char *path,
		 struct json_object *value, size_t max, const char *hint,
		 char **ret_text)
{
	char *text;

	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	if ((size_t)json_object_get_string_len(value) > max) {
		return DEF_REFUSE(p, path, NULL, "is longer than %zu bytes",
				  max);
	}
	text = strdup(json_object_get_string(value));
	if (!text) {
		return zerror_set(p->error, ZERROR_INTERNAL, path, NULL,
				  "out of memory");
	}
	free(*ret_text);
	*ret_text = text;
	return 0;
}

int def_get_path(struct def_parser *p, const char *path,
		 struct json_object *value, char **ret_text)
{
	if (def_get_text(p, path, value, ZONE_DEF_PATH_MAX, path_hint,
			 ret_text) < 0) {
		return -1;
	}
	if ((*ret_text)[0] != '/') {
		return DEF_REFUSE(p, path, path_hint,
				  "must be an absolute path, not \"%.64s\"",
				  *ret_text);
	}
	return 0;
}

int def_get_bool(struct def_parser *p, const char *path,
		 struct json_object *value, bool *ret_bool)
{
	if (def_need_type(p, path, value, json_type_boolean, "true or false") <
	    0) {
		return -1;
	}
	*ret_bool = json_object_get_boolean(value) != 0;
	return 0;
}

int def_get_word(struct def_parser *p, const char *path,
		 struct json_object *value, const char *const *words,
		 size_t count, unsigned int *ret_index)
{
	char hint[128];
	size_t len = 0;

	hint[0] = '\0';
	for (size_t i = 0; i < count && len < sizeof(hint); i++) {
		len += (size_t)snprintf(hint + len, sizeof(hint) - len,
					"%s\"%s\"",
					i == 0		 ? ""
					: i + 1 == count ? " or "
							 : ", ",
					words[i]);
	}
	if (def_need_type(p, path, value, json_type_string, hint) < 0) {
		return -1;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(json_object_get_string(value), words[i]) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	return DEF_REFUSE(p, path, hint, "cannot be \"%.32s\"",
			  json_object_get_string(value));
}

static bool is_one_of(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name) != 0) {
		names++;
	}
	return *names != NULL;
}

/* Nothing is near: what there is.  Cut at the end of a name if they are many. */
static void list_names(const char *const *names, char *ret_hint, size_t size)
{
	size_t len = (size_t)snprintf(ret_hint, size, "there are");

	for (size_t i = 0; names[i]; i++) {
		size_t more = strlen(names[i]) + 2;

		if (len + more + strlen(", …") >= size) {
			snprintf(ret_hint + len, size - len, ", …");
			return;
		}
		len += (size_t)snprintf(ret_hint + len, size - len, "%s%s",
					i == 0 ? " " : ", ", names[i]);
	}
}

/* Every member of json must be one of names. */
int def_only_members(struct def_parser *p, const char *path,
		     struct json_object *json, const char *what,
		     const char *const *names)
{
	json_object_object_foreach (json, key, value) {
		char at[ZERROR_PATH_MAX];
		char hint[sizeof(p->error->hint)];
		struct suggest near;

		(void)value;
		if (is_one_of(names, key)) {
			continue;
		}
		suggest_start(&near, key);
		for (const char *const *name = names; *name; name++) {
			suggest_offer(&near, *name);
		}
		if (suggest_second(&near)) {
			snprintf(hint, sizeof(hint),
				 "did you mean \"%s\" or \"%s\"?",
				 suggest_best(&near), suggest_second(&near));
		} else if (suggest_best(&near)) {
			snprintf(hint, sizeof(hint), "did you mean \"%s\"?",
				 suggest_best(&near));
		} else {
			list_names(names, hint, sizeof(hint));
		}
		zerror_path(at, "%s.%.64s", path, key);
		return DEF_REFUSE(p, at, hint,
				  "is unknown: %s has no such member", what);
	}
	return 0;
}
