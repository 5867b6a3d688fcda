// SPDX-License-Identifier: BSD-2-Clause
/* Differences of texts, as diff -u tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "line_diff.h"

static void expect(const char *before, const char *after, const char *wanted)
{
	char *text = line_diff(before, after);

	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_same(void **state)
{
	(void)state;
	expect("", "", "");
	expect("a\n", "a\n", "");
	expect("a\nb\n", "a\nb", "");
}

static void test_one_line(void **state)
{
	(void)state;
	expect("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
	expect("a\n", "b\n", "@@ -1 +1 @@\n-a\n+b\n");
	expect("", "b\n", "@@ -0,0 +1 @@\n+b\n");
	expect("a\n", "", "@@ -1 +0,0 @@\n-a\n");
	expect("a\n\nb\n", "a\nb\n", "@@ -1,3 +1,2 @@\n a\n-\n b\n");
	/* What begins alike and ends alike may be the same line. */
	expect("a\n", "a\na\n", "@@ -1 +1,2 @@\n a\n+a\n");
	expect("a\na\n", "a\n", "@@ -1,2 +1 @@\n a\n-a\n");
}

static void test_longest_common_part(void **state)
{
	(void)state;
	expect("1\n2\n3\n4\n5\n", "2\n4\n9\n5\n1\n",
	       "@@ -1,5 +1,5 @@\n-1\n 2\n-3\n 4\n+9\n 5\n+1\n");
}

static void test_hunks(void **state)
{
	(void)state;
	/* Six lines between two changes: one hunk.  Seven: two. */
	expect("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
	       "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
	expect("0\na\n1\n2\n3\n4\n5\n6\n7\nb\n", "0\n1\n2\n3\n4\n5\n6\n7\nB\n",
	       "@@ -1,5 +1,4 @@\n 0\n-a\n 1\n 2\n 3\n"
	       "@@ -7,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

/* Lines "0", "1" ...; each that is a multiple of step is "x". */
static char *numbers(size_t count, size_t step)
{
	char *text = malloc(count * 8 + 1);
	size_t len = 0;

	assert_non_null(text);
	text[0] = '\0';
	for (size_t i = 1; i <= count; i++) {
		len += (size_t)(i % step == 0
					? sprintf(text + len, "x\n")
					: sprintf(text + len, "%zu\n", i));
	}
	return text;
}

static size_t count_kind(const char *text, char kind)
{
	size_t count = 0;

	for (; *text != '\0'; text += strcspn(text, "\n") + 1) {
		count += *text == kind;
	}
	return count;
}

/* A longer stretch is not compared; it is a result all the same. */
static void test_bound(void **state)
{
	static const struct {
		size_t lines, changed;
	} cases[] = { { LINE_DIFF_MAX, 2 }, { LINE_DIFF_MAX + 2, 0 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *a = numbers(cases[i].lines, LINE_DIFF_MAX);
		char *b = numbers(cases[i].lines, 1u << 20);
		char *text;

		/* Also the first line, so that little is alike. */
		a[0] = 'y';
		if (cases[i].changed == 0) {
			a[strlen(a) - 2] = 'y';
		}
		text = line_diff(a, b);
		assert_non_null(text);
		assert_int_equal(count_kind(text, '-'),
				 cases[i].changed != 0 ? cases[i].changed
						       : cases[i].lines);
		assert_int_equal(count_kind(text, '+'), count_kind(text, '-'));
		free(text);
		free(a);
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_longest_common_part),
		cmocka_unit_test(test_hunks),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
