// SPDX-License-Identifier: BSD-2-Clause
/* Parsing of options and operands. */
#include "hvsh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suggest.h"

static size_t option_count(const struct option *options)
{
	size_t count = 0;

	while (options[count].name != NULL) {
		count++;
	}
	return count;
}

static int find_long(const struct option *options, const char *name, size_t len)
{
	for (size_t i = 0; i < option_count(options); i++) {
		if (strlen(options[i].name) == len &&
		    strncmp(options[i].name, name, len) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static int find_letter(const struct option *options, char letter)
{
	for (size_t i = 0; i < option_count(options); i++) {
		if (letter != '\0' && options[i].letter == letter) {
			return (int)i;
		}
	}
	return -1;
}

/* Is value one of words ("a|b|c")? */
static bool is_word_of(const char *words, const char *value)
{
	size_t len = strlen(value);

	while (words != NULL) {
		if (len > 0 && strncmp(words, value, len) == 0 &&
		    (words[len] == '|' || words[len] == '\0')) {
			return true;
		}
		words = strchr(words, '|');
		words = words != NULL ? words + 1 : NULL;
	}
	return false;
}

struct parser {
	const struct option *options;
	struct args *args;
	int argc;
	const char *const *argv;
	int at;
	struct args_error *error;
};

#define FAIL(error, ...) \
	(snprintf((error)->text, sizeof((error)->text), __VA_ARGS__), false)

static bool is_many(const struct option *option)
{
	size_t len = option->value != NULL ? strlen(option->value) : 0;

	return len > 3 && strcmp(option->value + len - 3, "...") == 0;
}

static bool set_option(struct parser *p, int index, const char *value)
{
	const struct option *option = &p->options[index];

	if (option->value == NULL) {
		if (value != NULL) {
			return FAIL(p->error, "option --%s takes no value",
				    option->name);
		}
		value = "";
	} else if (value == NULL) {
		if (p->at + 1 >= p->argc) {
			return FAIL(p->error, "option --%s needs a value: %s",
				    option->name, option->value);
		}
		value = p->argv[++p->at];
	}
	if (option->words != NULL && !is_word_of(option->words, value)) {
		return FAIL(p->error, "option --%s: '%.40s' is not one of %s",
			    option->name, value, option->words);
	}
	if (is_many(option) && p->args->many_count == MANY_MAX) {
		return FAIL(p->error, "option --%s: one too many",
			    option->name);
	}
	if (is_many(option)) {
		p->args->many[p->args->many_count].option = option;
		p->args->many[p->args->many_count++].value = value;
	}
	p->args->values[index] = value;
	return true;
}

static bool unknown_option(struct parser *p, const char *word, size_t len)
{
	char name[SUGGEST_LEN_MAX + 1];
	struct suggest near;

	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	suggest_start(&near, name);
	for (size_t i = 0; i < option_count(p->options); i++) {
		suggest_offer(&near, p->options[i].name);
	}
	suggest_offer(&near, "help");
	if (suggest_best(&near) == NULL) {
		return FAIL(p->error, "unknown option --%s", name);
	}
	return FAIL(p->error, "unknown option --%s; did you mean --%s?", name,
		    suggest_best(&near));
}

static bool parse_long(struct parser *p, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
	int index = find_long(p->options, word, len);

	if (index >= 0) {
		return set_option(p, index, equals != NULL ? equals + 1 : NULL);
	}
	if (strcmp(word, "help") == 0) {
		p->args->help = true;
		return true;
	}
	return unknown_option(p, word, len);
}

/* "-fn5": letters without values, then perhaps one with. */
static bool parse_letters(struct parser *p, const char *letters)
{
	int index;

	for (; *letters != '\0'; letters++) {
		index = find_letter(p->options, *letters);
		if (index < 0 && *letters == 'h') {
			p->args->help = true;
			continue;
		}
		if (index < 0) {
			return FAIL(p->error, "unknown option -%c", *letters);
		}
		if (p->options[index].value != NULL) {
			return set_option(p, index,
					  letters[1] != '\0' ? letters + 1
							     : NULL);
		}
		if (!set_option(p, index, NULL)) {
			return false;
		}
	}
	return true;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

static bool parse_option(struct parser *p)
{
	const char *word = p->argv[p->at];

	return word[1] == '-' ? parse_long(p, word + 2)
			      : parse_letters(p, word + 1);
}

bool args_parse(const struct option *options, size_t positionals_max, int argc,
		const char *const *argv, struct args *ret_args,
		struct args_error *ret_error)
{
	struct parser p = { options, ret_args, argc, argv, 0, ret_error };
	bool options_end = false;

	*ret_args = (struct args){ .options = options };
	for (; p.at < argc; p.at++) {
		if (!options_end && strcmp(argv[p.at], "--") == 0) {
			options_end = true;
		} else if (!options_end && is_option(argv[p.at])) {
			if (!parse_option(&p)) {
				return false;
			}
		} else if (ret_args->positional_count == positionals_max) {
			return FAIL(ret_error, "one word too many: '%.60s'",
				    argv[p.at]);
		} else {
			ret_args->positionals[ret_args->positional_count++] =
				argv[p.at];
		}
	}
	return true;
}

bool args_parse_leading(const struct option *options, int argc,
			const char *const *argv, struct args *ret_args,
			int *ret_used, struct args_error *ret_error)
{
	struct parser p = { options, ret_args, argc, argv, 0, ret_error };

	*ret_args = (struct args){ .options = options };
	while (p.at < argc && is_option(argv[p.at])) {
		if (strcmp(argv[p.at], "--") == 0) {
			p.at++;
			break;
		}
		if (!parse_option(&p)) {
			return false;
		}
		p.at++;
	}
	*ret_used = p.at;
	return true;
}

const char *args_value(const struct args *args, const char *name)
{
	int index = find_long(args->options, name, strlen(name));

	return index >= 0 ? args->values[index] : NULL;
}

bool args_has(const struct args *args, const char *name)
{
	return args_value(args, name) != NULL;
}

bool parse_number(const char *text, uint64_t max, uint64_t *ret_value)
{
	unsigned long long value;
	char *end;

	/* strtoull() would take signs and blanks. */
	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value > max) {
		return false;
	}
	*ret_value = value;
	return true;
}

bool args_number(const struct args *args, const char *name, uint64_t def,
		 uint64_t max, uint64_t *ret_value)
{
	const char *text = args_value(args, name);

	if (text == NULL) {
		*ret_value = def;
		return true;
	}
	if (parse_number(text, max, ret_value)) {
		return true;
	}
	complain("option --%s: '%s' is not a number from 0 to %llu", name, text,
		 (unsigned long long)max);
	return false;
}
