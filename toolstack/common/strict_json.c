/* SPDX-License-Identifier: BSD-2-Clause */
#include "strict_json.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

struct level {
	struct json_object *keys; /* set of members seen; NULL in an array */
	unsigned int index; /* array: the element we are in */
	const char *key; /* object: the member we are in, owned by keys */
	bool want_key;
};

/* Walks a text that json-c accepted, so it need not check the grammar. */
struct scan {
	const char *text;
	size_t len;
	size_t at;
	unsigned int depth;
	struct level level[STRICT_JSON_DEPTH + 1];
	struct zerror *error;
};

static void add_path(char *path, size_t room, const struct scan *s,
		     unsigned int depth, const char *last)
{
	size_t used = (size_t)snprintf(path, room, "$");

	for (unsigned int i = 0; i < depth && used < room; i++) {
		const struct level *l = &s->level[i];

		if (i + 1 == depth && last) {
			snprintf(path + used, room - used, ".%s", last);
			return;
		}
		used += (size_t)(l->keys ? snprintf(path + used, room - used,
						    ".%s", l->key ? l->key : "")
					 : snprintf(path + used, room - used,
						    "[%u]", l->index));
	}
}

static void place(const char *text, size_t at, unsigned int *ret_line,
		  unsigned int *ret_column)
{
	unsigned int line = 1;
	size_t start = 0;

	for (size_t i = 0; i < at; i++) {
		if (text[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	*ret_line = line;
	*ret_column = (unsigned int)(at - start) + 1;
}

static int fail_hint(const char *text, size_t at, const char *what,
		     const char *hint, struct zerror *ret_error)
{
	unsigned int line;
	unsigned int column;

	place(text, at, &line, &column);
	return zerror_set(ret_error, ZERROR_PARSE, NULL, hint,
			  "not valid JSON: line %u, column %u: %s", line,
			  column, what);
}

static int fail_at(const char *text, size_t at, const char *what,
		   struct zerror *ret_error)
{
	return fail_hint(text, at, what, NULL, ret_error);
}

static const char *advice_of_character(char at)
{
	switch (at) {
	case '}':
	case ']':
		return "there is no comma after the last one: look before it";
	case '/':
	case '#':
		return "JSON has no comments";
	default:
		return "texts are in double quotes; true, false, null and "
		       "numbers are not";
	}
}

const char *strict_json_advice(int error, char at)
{
	switch (error) {
	case json_tokener_continue:
	case json_tokener_error_parse_eof:
		return "close what was opened: look for a missing }, ] or \"";
	case json_tokener_error_parse_object_key_name:
		return at == '}' ? advice_of_character(at)
				 : "names of members are in double quotes";
	case json_tokener_error_parse_object_key_sep:
		return "a member is \"name\": value";
	case json_tokener_error_parse_object_value_sep:
	case json_tokener_error_parse_array:
		return "a comma is missing before it, or a } or ]";
	case json_tokener_error_parse_number:
		return at == ']' || at == '}'
			       ? advice_of_character(at)
			       : "a number with a unit is a text: \"512M\"";
	case json_tokener_error_parse_boolean:
	case json_tokener_error_parse_null:
		return "write true, false and null in small letters, and texts "
		       "in double quotes";
	case json_tokener_error_parse_string:
		return "write \\\\ for a backslash in a text";
	case json_tokener_error_parse_utf8_string:
		return "save the file as UTF-8";
	case json_tokener_success:
	case json_tokener_error_parse_unexpected:
	case json_tokener_error_parse_comment:
		return advice_of_character(at);
	default:
		return NULL;
	}
}

/* Leaves s->at behind the closing quote. */
static int scan_string(struct scan *s, size_t *ret_start, bool *ret_escaped)
{
	size_t start = s->at++;
	bool escaped = false;

	while (s->at < s->len && s->text[s->at] != '"') {
		if ((unsigned char)s->text[s->at] < 0x20) {
			return fail_hint(s->text, s->at,
					 "a control character inside a string",
					 "a text ends on the line where it "
					 "begins; write \\n for a new line",
					 s->error);
		}
		if (s->text[s->at] == '\\') {
			escaped = true;
			if (strncmp(s->text + s->at, "\\u0000", 6) == 0) {
				return fail_at(s->text, s->at,
					       "\\u0000 is not allowed",
					       s->error);
			}
			s->at++;
		}
		s->at++;
	}
	s->at++;
	*ret_start = start;
	*ret_escaped = escaped;
	return 0;
}

/* The member's name as a json string, unescaped. */
static struct json_object *key_object(const char *quoted, size_t len,
				      bool escaped)
{
	struct json_tokener *tok;
	struct json_object *key;

	if (!escaped) {
		return json_object_new_string_len(quoted + 1, (int)len - 2);
	}
	tok = json_tokener_new();
	if (!tok) {
		return NULL;
	}
	key = json_tokener_parse_ex(tok, quoted, (int)len);
	json_tokener_free(tok);
	return key;
}

static int add_key(struct scan *s, size_t start, bool escaped)
{
	struct level *l = &s->level[s->depth - 1];
	struct json_object *key =
		key_object(s->text + start, s->at - start, escaped);
	const char *name = key ? json_object_get_string(key) : NULL;
	char path[ZERROR_PATH_MAX];
	int rc = 0;

	if (!name) {
		rc = fail_at(s->text, start, "bad member name", s->error);
	} else if (json_object_object_get_ex(l->keys, name, NULL)) {
		add_path(path, sizeof(path), s, s->depth, name);
		rc = zerror_set(s->error, ZERROR_PARSE, path,
				"keep one of them",
				"member \"%.64s\" is there twice", name);
	} else {
		json_object_object_add(l->keys, name, key);
		key = NULL;
		/* the table's own copy of the name stays put */
		l->key = json_object_get_string(
			json_object_object_get(l->keys, name));
		l->want_key = false;
	}
	json_object_put(key);
	return rc;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *p)
{
	size_t count = 0;

	while (is_digit(p[count])) {
		count++;
	}
	return count;
}

/* RFC 8259, section 6; json-c takes "1." too.  The text ends in NUL. */
static int scan_number(struct scan *s)
{
	const char *p = s->text + s->at;
	bool good;

	p += *p == '-';
	good = digits(p) == 1 || (digits(p) > 1 && *p != '0');
	p += digits(p);
	if (*p == '.') {
		good = good && digits(p + 1) > 0;
		p += 1 + digits(p + 1);
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		good = good && digits(p) > 0;
		p += digits(p);
	}
	if (!good) {
		return fail_at(s->text, s->at, "a malformed number", s->error);
	}
	s->at = (size_t)(p - s->text);
	return 0;
}

static int scan_token(struct scan *s)
{
	struct level *l = s->depth ? &s->level[s->depth - 1] : NULL;
	char c = s->text[s->at];
	size_t start = 0;
	bool escaped = false;

	switch (c) {
	case '{':
	case '[':
		if (s->depth == STRICT_JSON_DEPTH) {
			return fail_at(s->text, s->at, "nested too deep",
				       s->error);
		}
		s->level[s->depth++] = (struct level){
			.keys = c == '{' ? json_object_new_object() : NULL,
			.want_key = c == '{',
		};
		break;
	case '}':
	case ']':
		json_object_put(l->keys);
		s->depth--;
		break;
	case ',':
		l->index++;
		l->want_key = l->keys != NULL;
		break;
	case '"':
		if (scan_string(s, &start, &escaped) < 0) {
			return -1;
		}
		return l && l->want_key ? add_key(s, start, escaped) : 0;
	default:
		if (c == '-' || is_digit(c)) {
			return scan_number(s);
		}
		/* white space, colons, and the letters of true, false, null;
		 * json-c takes more: 'text', NaN, Infinity */
		if (!strchr(" \t\r\n:truefalsn", c)) {
			return fail_hint(s->text, s->at, "unexpected character",
					 advice_of_character(c), s->error);
		}
		break;
	}
	s->at++;
	return 0;
}

static int scan_text(const char *text, size_t len, struct zerror *ret_error)
{
	struct scan s = { .text = text, .len = len, .error = ret_error };
	int rc = 0;

	while (s.at < s.len && rc == 0) {
		rc = scan_token(&s);
	}
	while (s.depth > 0) {
		json_object_put(s.level[--s.depth].keys);
	}
	return rc;
}

static bool only_blanks(const char *text, size_t from, size_t len)
{
	return strspn(text + from, " \t\r\n") == len - from;
}

struct json_object *strict_json_parse(const char *text, size_t len,
				      struct zerror *ret_error)
{
	struct json_tokener *tok;
	struct json_object *object;
	enum json_tokener_error error;
	size_t end;

	if (len >= INT_MAX) {
		zerror_set(ret_error, ZERROR_TOO_LARGE, NULL, NULL,
			   "the text is too large");
		return NULL;
	}
	if (strlen(text) != len) {
		fail_at(text, strlen(text), "a NUL byte", ret_error);
		return NULL;
	}
	tok = json_tokener_new_ex(STRICT_JSON_DEPTH + 1);
	if (!tok) {
		zerror_set(ret_error, ZERROR_INTERNAL, NULL, NULL,
			   "out of memory");
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
					    JSON_TOKENER_VALIDATE_UTF8);
	/* The NUL tells the tokener that a number at the end is complete. */
	object = json_tokener_parse_ex(tok, text, (int)len + 1);
	error = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);

	if (error != json_tokener_success) {
		end = end < len ? end : len;
		fail_hint(text, end,
			  error == json_tokener_continue
				  ? "the text ends too early"
				  : json_tokener_error_desc(error),
			  strict_json_advice(error, text[end]), ret_error);
	} else if (end < len && !only_blanks(text, end, len)) {
		fail_at(text, end, "something follows the value", ret_error);
	} else if (!object) {
		fail_at(text, 0, "null is not a message or a definition",
			ret_error);
	} else if (scan_text(text, len, ret_error) == 0) {
		return object;
	}
	json_object_put(object);
	return NULL;
}
