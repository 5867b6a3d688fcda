// SPDX-License-Identifier: BSD-2-Clause
/* Tables for people, fitted to the terminal. */
#include "hvsh.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* blanks between columns */
#define SHRINK_MIN 6 /* a column is not cut below this */
#define CUT_MARK "~"

void table_init(struct table *table, const struct column *columns,
		size_t column_count)
{
	*table = (struct table){ .columns = columns,
				 .column_count = column_count };
}

void table_fini(struct table *table)
{
	for (size_t i = 0; i < table->cell_count; i++) {
		free(table->cells[i].text);
	}
	free(table->cells);
	*table = (struct table){ 0 };
}

static void make_printable(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			*text = '?';
		}
	}
}

void table_add(struct table *table, enum paint paint, const char *fmt, ...)
{
	struct cell *grown;
	size_t capacity;
	char *text;
	va_list args;
	int len;

	if (table->cell_count == table->cell_capacity) {
		capacity = table->cell_capacity * 2 + 32;
		grown = realloc(table->cells, capacity * sizeof(*grown));
		if (grown == NULL) {
			exit(out_of_memory());
		}
		table->cells = grown;
		table->cell_capacity = capacity;
	}
	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0) {
		exit(out_of_memory());
	}
	make_printable(text);
	table->cells[table->cell_count++] = (struct cell){ text, paint };
}

/* Characters of UTF-8 text, taken as one column each. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++) {
		width += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return width;
}

/* Bytes of the first `width` characters. */
static size_t prefix_bytes(const char *text, size_t width)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && width-- == 0) {
			break;
		}
	}
	return i;
}

static void measure(const struct table *table, size_t *widths)
{
	size_t column, width;

	for (column = 0; column < table->column_count; column++) {
		widths[column] = text_width(table->columns[column].title);
	}
	for (size_t i = 0; i < table->cell_count; i++) {
		column = i % table->column_count;
		width = text_width(table->cells[i].text);
		if (width > widths[column]) {
			widths[column] = width;
		}
	}
}

static size_t total_width(const size_t *widths, size_t count)
{
	size_t total = (count - 1) * GAP;

	for (size_t i = 0; i < count; i++) {
		total += widths[i];
	}
	return total;
}

/* Takes from the widest column that may shrink, until it fits. */
static void shrink(const struct table *table, size_t *widths, size_t limit)
{
	size_t widest;

	while (total_width(widths, table->column_count) > limit) {
		widest = table->column_count;
		for (size_t i = 0; i < table->column_count; i++) {
			if (table->columns[i].shrink &&
			    widths[i] > SHRINK_MIN &&
			    (widest == table->column_count ||
			     widths[i] > widths[widest])) {
				widest = i;
			}
		}
		if (widest == table->column_count) {
			return;
		}
		widths[widest]--;
	}
}

static void put_blanks(FILE *out, size_t count)
{
	fprintf(out, "%*s", (int)count, "");
}

static void put_cell(FILE *out, const struct column *column, const char *text,
		     size_t width, bool last, enum paint paint, bool color)
{
	size_t used = text_width(text);
	size_t pad = used < width ? width - used : 0;
	size_t bytes = prefix_bytes(text, used > width ? width - 1 : width);

	if (column->right) {
		put_blanks(out, pad);
	}
	fprintf(out, "%s%.*s%s%s", paint_start(paint, color), (int)bytes, text,
		used > width ? CUT_MARK : "", paint_end(paint, color));
	/* No blanks at the end of a line. */
	if (last) {
		fputc('\n', out);
		return;
	}
	put_blanks(out, GAP + (column->right ? 0 : pad));
}

char *table_format(const struct table *table, size_t width, bool color)
{
	size_t widths[TABLE_COLUMNS];
	size_t count = table->column_count, size, column;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL) {
		return NULL;
	}
	measure(table, widths);
	if (width > 0) {
		shrink(table, widths, width);
	}
	for (column = 0; column < count; column++) {
		put_cell(out, &table->columns[column],
			 table->columns[column].title, widths[column],
			 column + 1 == count, PAINT_BOLD, color);
	}
	for (size_t i = 0; i < table->cell_count; i++) {
		column = i % count;
		put_cell(out, &table->columns[column], table->cells[i].text,
			 widths[column], column + 1 == count,
			 table->cells[i].paint, color);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void table_print(const struct table *table, bool color)
{
	char *text = table_format(table, term_width(), color);

	if (text == NULL) {
		exit(out_of_memory());
	}
	fputs(text, stdout);
	free(text);
}
