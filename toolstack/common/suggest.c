/* SPDX-License-Identifier: BSD-2-Clause */
#include "suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Beyond this even long words have little in common. */
#define LIMIT_MAX 3u
/* Fewer letters are a part of too many words. */
#define PART_MIN 3u

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
	/* Row i: the distances of a's first i characters from each beginning
	 * of b.  Swapped neighbours look two rows back. */
	size_t rows[3][SUGGEST_LEN_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];
	size_t a_len = strlen(a), b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++) {
		last[j] = j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = min(last[j], row[j - 1]) + 1;
			row[j] = min(row[j],
				     last[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
			    same(a[i - 2], b[j - 1])) {
				row[j] = min(row[j], before[j - 2] + 1);
			}
		}
		before = last;
		last = row;
		row = oldest;
	}
	return last[b_len];
}

void suggest_start(struct suggest *ret_suggest, const char *word)
{
	/* One mistake in a short word, one more for every four letters; all of
	 * a word of one letter would be a mistake. */
	*ret_suggest = (struct suggest){
		.word = word,
		.limit = min((strlen(word) + 2) / 4, LIMIT_MAX),
	};
}

void suggest_offer(struct suggest *s, const char *candidate)
{
	size_t distance;

	if (strlen(s->word) > SUGGEST_LEN_MAX ||
	    strlen(candidate) > SUGGEST_LEN_MAX) {
		return;
	}
	distance = suggest_distance(s->word, candidate);
	if (s->whole[0] == '\0' && strlen(s->word) >= PART_MIN &&
	    distance > s->limit && strcasestr(candidate, s->word) != NULL) {
		snprintf(s->whole, sizeof(s->whole), "%s", candidate);
	}
	if (distance <= s->limit &&
	    (s->best[0] == '\0' || distance < s->best_distance)) {
		s->best_distance = distance;
		snprintf(s->best, sizeof(s->best), "%s", candidate);
	}
}

const char *suggest_best(const struct suggest *s)
{
	return s->best[0] != '\0' ? s->best : NULL;
}

const char *suggest_second(const struct suggest *s)
{
	return s->best[0] != '\0' && s->whole[0] != '\0' ? s->whole : NULL;
}
