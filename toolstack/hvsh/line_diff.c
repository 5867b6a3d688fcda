// SPDX-License-Identifier: BSD-2-Clause
/*
 * What begins and ends alike is set aside; the longest common subsequence of the
 * rest, by the textbook's table, stays.  Definitions have some hundred lines.
 */
#include "line_diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT 3u

struct line {
	const char *text;
	size_t len;
};

struct lines {
	struct line *lines;
	size_t count;
};

/* One line of the result: of both (' '), only before ('-') or after ('+'). */
struct step {
	char kind;
	const struct line *line;
};

struct script {
	struct step *steps;
	size_t count;
};

static bool split(const char *text, struct lines *ret)
{
	size_t count = 0;

	for (const char *p = text; *p != '\0'; p++) {
		count += *p == '\n' || p[1] == '\0';
	}
	ret->count = 0;
	ret->lines = calloc(count + 1, sizeof(*ret->lines));
	while (ret->lines != NULL && *text != '\0') {
		size_t len = strcspn(text, "\n");

		ret->lines[ret->count++] = (struct line){ text, len };
		text += len + (text[len] == '\n');
	}
	return ret->lines != NULL;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void add(struct script *script, char kind, const struct line *lines,
		size_t count)
{
	for (size_t i = 0; i < count; i++) {
		script->steps[script->count++] =
			(struct step){ kind, &lines[i] };
	}
}

/* table[i][j]: length of the longest common part of a[i..] and b[j..]. */
static uint16_t *common_table(const struct lines *a, const struct lines *b)
{
	size_t width = b->count + 1;
	uint16_t *table = calloc((a->count + 1) * width, sizeof(*table));

	if (table == NULL) {
		return NULL;
	}
	for (size_t i = a->count; i-- > 0;) {
		uint16_t *row = &table[i * width];

		for (size_t j = b->count; j-- > 0;) {
			uint16_t down = row[width + j];

			if (same(&a->lines[i], &b->lines[j])) {
				row[j] = (uint16_t)(row[width + j + 1] + 1);
			} else {
				row[j] = down >= row[j + 1] ? down : row[j + 1];
			}
		}
	}
	return table;
}

static bool add_middle(struct script *script, const struct lines *a,
		       const struct lines *b)
{
	size_t width = b->count + 1, i = 0, j = 0;
	uint16_t *table = NULL;

	if (a->count <= LINE_DIFF_MAX && b->count <= LINE_DIFF_MAX) {
		table = common_table(a, b);
		if (table == NULL) {
			return false;
		}
	}
	while (table != NULL && i < a->count && j < b->count) {
		if (same(&a->lines[i], &b->lines[j])) {
			add(script, ' ', &a->lines[i++], 1);
			j++;
		} else if (table[(i + 1) * width + j] >=
			   table[i * width + j + 1]) {
			add(script, '-', &a->lines[i++], 1);
		} else {
			add(script, '+', &b->lines[j++], 1);
		}
	}
	add(script, '-', a->lines + i, a->count - i);
	add(script, '+', b->lines + j, b->count - j);
	free(table);
	return true;
}

static bool make_script(const struct lines *a, const struct lines *b,
			struct script *script)
{
	size_t head = 0, tail = 0;
	size_t least = a->count < b->count ? a->count : b->count;
	struct lines left, right;

	script->count = 0;
	script->steps = calloc(a->count + b->count + 1, sizeof(*script->steps));
	if (script->steps == NULL) {
		return false;
	}
	while (head < least && same(&a->lines[head], &b->lines[head])) {
		head++;
	}
	while (tail < least - head && same(&a->lines[a->count - 1 - tail],
					   &b->lines[b->count - 1 - tail])) {
		tail++;
	}
	left = (struct lines){ a->lines + head, a->count - head - tail };
	right = (struct lines){ b->lines + head, b->count - head - tail };
	add(script, ' ', a->lines, head);
	if (!add_middle(script, &left, &right)) {
		return false;
	}
	add(script, ' ', a->lines + a->count - tail, tail);
	return true;
}

/* As diff(1) counts: an empty range is named by the line before it. */
static void put_range(FILE *out, char sign, size_t first, size_t count)
{
	fprintf(out, " %c%zu", sign, count == 0 ? first : first + 1);
	if (count != 1) {
		fprintf(out, ",%zu", count);
	}
}

struct place {
	size_t step, before, after; /* how many are behind us */
};

static void go(const struct script *script, struct place *place)
{
	char kind = script->steps[place->step++].kind;

	place->before += kind != '+';
	place->after += kind != '-';
}

static void put_hunk(FILE *out, const struct script *script,
		     const struct place *from, const struct place *to)
{
	fputs("@@", out);
	put_range(out, '-', from->before, to->before - from->before);
	put_range(out, '+', from->after, to->after - from->after);
	fputs(" @@\n", out);
	for (size_t i = from->step; i < to->step; i++) {
		fprintf(out, "%c%.*s\n", script->steps[i].kind,
			(int)script->steps[i].line->len,
			script->steps[i].line->text);
	}
}

/* Where the next change is, or the end. */
static size_t next_change(const struct script *script, size_t at)
{
	while (at < script->count && script->steps[at].kind == ' ') {
		at++;
	}
	return at;
}

static void put_hunks(FILE *out, const struct script *script)
{
	struct place at = { 0 }, from;
	size_t change = next_change(script, 0), end;

	while (change < script->count) {
		while (at.step + CONTEXT < change) {
			go(script, &at);
		}
		from = at;
		/* Changes with little between them are one hunk. */
		do {
			end = change + 1;
			change = next_change(script, end);
		} while (change < script->count && change - end <= 2 * CONTEXT);
		end = end + CONTEXT < script->count ? end + CONTEXT
						    : script->count;
		while (at.step < end) {
			go(script, &at);
		}
		put_hunk(out, script, &from, &at);
	}
}

char *line_diff(const char *before, const char *after)
{
	struct lines a = { 0 }, b = { 0 };
	struct script script = { 0 };
	char *text = NULL;
	size_t size;
	FILE *out;

	if (split(before, &a) && split(after, &b) &&
	    make_script(&a, &b, &script)) {
		out = open_memstream(&text, &size);
		if (out != NULL) {
			put_hunks(out, &script);
			if (fclose(out) != 0) {
				free(text);
				text = NULL;
			}
		}
	}
	free(a.lines);
	free(b.lines);
	free(script.steps);
	return text;
}
