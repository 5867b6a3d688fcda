// SPDX-License-Identifier: BSD-2-Clause
/* Splits a line into words. */
#include "hvsh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Copies one word; *at goes behind it.  False: a quote is still open. */
static bool copy_word(const char **at, char **out)
{
	const char *from = *at;
	char *to = *out;
	char quote = '\0';

	for (; *from != '\0' && (quote != '\0' || !is_blank(*from)); from++) {
		if (quote == '\0' && (*from == '\'' || *from == '"')) {
			quote = *from;
		} else if (*from == quote) {
			quote = '\0';
		} else if (*from == '\\' && quote != '\'' && from[1] != '\0') {
			*to++ = *++from;
		} else {
			*to++ = *from;
		}
	}
	*to++ = '\0';
	*at = from;
	*out = to;
	return quote == '\0';
}

bool words_split(const char *line, struct words *ret_words,
		 struct args_error *ret_error)
{
	char *out;

	*ret_words = (struct words){ 0 };
	/* Each word and its end need no more room than it and its blank. */
	ret_words->buf = malloc(strlen(line) + 2);
	if (ret_words->buf == NULL) {
		snprintf(ret_error->text, sizeof(ret_error->text),
			 "out of memory");
		return false;
	}
	out = ret_words->buf;
	for (;;) {
		while (is_blank(*line)) {
			line++;
		}
		if (*line == '\0' || *line == '#') {
			return true;
		}
		if (ret_words->count == WORDS_MAX) {
			snprintf(ret_error->text, sizeof(ret_error->text),
				 "more than %d words", WORDS_MAX);
			return false;
		}
		ret_words->words[ret_words->count++] = out;
		if (!copy_word(&line, &out)) {
			ret_words->open = true;
			snprintf(ret_error->text, sizeof(ret_error->text),
				 "a quote is not closed");
			return false;
		}
	}
}

void words_fini(struct words *words)
{
	free(words->buf);
	*words = (struct words){ 0 };
}
