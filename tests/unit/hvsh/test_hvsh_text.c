// SPDX-License-Identifier: BSD-2-Clause
/* What hvsh does with text: words, options, tables, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hvsh.h"

/* ---- words ---- */

static void expect_words(const char *line, int count, const char *const *words)
{
	struct args_error error;
	struct words split;

	assert_true(words_split(line, &split, &error));
	assert_int_equal(split.count, count);
	for (int i = 0; i < count; i++) {
		assert_string_equal(split.words[i], words[i]);
	}
	assert_null(split.words[count]);
	words_fini(&split);
}

#define WORDS(...)                                                \
	sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
		(const char *[])                                  \
	{                                                         \
		__VA_ARGS__                                       \
	}

static void test_words(void **state)
{
	(void)state;
	expect_words("", 0, NULL);
	expect_words("  \t\r\n", 0, NULL);
	expect_words("# all of it", 0, NULL);
	expect_words("list", WORDS("list"));
	expect_words(" list  --all \n", WORDS("list", "--all"));
	expect_words("a 'b c' \"d e\" f\\ g", WORDS("a", "b c", "d e", "f g"));
	expect_words("a'b'\"c\"d", WORDS("abcd"));
	expect_words("'' \"\"", WORDS("", ""));
	expect_words("'\\' \"\\\"\" \\#x", WORDS("\\", "\"", "#x"));
	expect_words("a#b # c", WORDS("a#b"));
	expect_words("end\\", WORDS("end\\"));
}

static void test_words_errors(void **state)
{
	struct args_error error;
	struct words words;
	char line[4 * WORDS_MAX] = "";

	(void)state;
	assert_false(words_split("list 'x", &words, &error));
	assert_true(words.open);
	assert_int_equal(words.count, 2);
	assert_string_equal(words.words[1], "x");
	words_fini(&words);
	for (int i = 0; i <= WORDS_MAX; i++) {
		strcat(line, "x ");
	}
	assert_false(words_split(line, &words, &error));
	assert_false(words.open);
	words_fini(&words);
}

/* ---- options ---- */

static const struct option options[] = {
	{ "all", 'a', NULL, NULL, "" },
	{ "timeout", 't', "N", NULL, "" },
	{ "from", '\0', "WHERE", "start|end", "" },
	{ NULL, '\0', NULL, NULL, NULL },
};

static bool parse(struct args *args, size_t max, int argc,
		  const char *const *argv)
{
	struct args_error error = { "" };
	bool good = args_parse(options, max, argc, argv, args, &error);

	assert_int_equal(good, error.text[0] == '\0');
	return good;
}

static void test_options(void **state)
{
	struct args args;

	(void)state;
	assert_true(parse(&args, 1, 0, NULL));
	assert_false(args_has(&args, "all"));
	assert_true(parse(&args, 1, WORDS("name", "--all", "-t", "5")));
	assert_true(args_has(&args, "all"));
	assert_string_equal(args_value(&args, "timeout"), "5");
	assert_string_equal(args.positionals[0], "name");
	assert_true(parse(&args, 0, WORDS("-at5", "--from=end")));
	assert_true(args_has(&args, "all"));
	assert_string_equal(args_value(&args, "timeout"), "5");
	assert_string_equal(args_value(&args, "from"), "end");
	assert_true(parse(&args, 0, WORDS("--timeout=")));
	assert_string_equal(args_value(&args, "timeout"), "");
	assert_true(parse(&args, 2, WORDS("--", "--all", "-")));
	assert_false(args_has(&args, "all"));
	assert_string_equal(args.positionals[1], "-");
	assert_true(parse(&args, 0, WORDS("-h")));
	assert_true(args.help);
	assert_true(parse(&args, 0, WORDS("--help")));
	assert_true(args.help);
	assert_null(args_value(&args, "nosuch"));
}

static void test_options_errors(void **state)
{
	struct args args;

	(void)state;
	assert_false(parse(&args, 1, WORDS("a", "b")));
	assert_false(parse(&args, 1, WORDS("--nosuch")));
	assert_false(parse(&args, 1, WORDS("--al")));
	assert_false(parse(&args, 1, WORDS("--all=yes")));
	assert_false(parse(&args, 1, WORDS("--timeout")));
	assert_false(parse(&args, 1, WORDS("-t")));
	assert_false(parse(&args, 1, WORDS("-ax")));
	assert_false(parse(&args, 1, WORDS("--from", "star")));
	assert_false(parse(&args, 1, WORDS("--from=|")));
	assert_false(parse(&args, 1, WORDS("--from=")));
}

static void test_leading_options(void **state)
{
	struct args_error error;
	struct args args;
	int used;

	(void)state;
	assert_true(args_parse_leading(options, WORDS("-t", "5", "cmd", "--x"),
				       &args, &used, &error));
	assert_int_equal(used, 2);
	assert_true(args_parse_leading(options, WORDS("-a", "--", "-t"), &args,
				       &used, &error));
	assert_int_equal(used, 2);
	assert_false(args_parse_leading(options, WORDS("--x"), &args, &used,
					&error));
}

static void test_numbers(void **state)
{
	uint64_t value = 77;

	(void)state;
	assert_true(parse_number("0", 0, &value));
	assert_int_equal(value, 0);
	assert_true(parse_number("18446744073709551615", UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	value = 77;
	assert_false(parse_number("18446744073709551616", UINT64_MAX, &value));
	assert_false(parse_number("", 9, &value));
	assert_false(parse_number("-1", UINT64_MAX, &value));
	assert_false(parse_number("+1", 9, &value));
	assert_false(parse_number(" 1", 9, &value));
	assert_false(parse_number("1x", 9, &value));
	assert_false(parse_number("10", 9, &value));
	assert_int_equal(value, 77);
}

/* ---- formats ---- */

static void expect_bytes(uint64_t bytes, const char *text)
{
	char buf[32];

	format_bytes(bytes, buf, sizeof(buf));
	assert_string_equal(buf, text);
}

static void expect_duration(uint64_t ns, const char *text)
{
	char buf[32];

	format_duration(ns, buf, sizeof(buf));
	assert_string_equal(buf, text);
}

static void test_formats(void **state)
{
	const uint64_t s = 1000000000;

	(void)state;
	expect_bytes(0, "0 B");
	expect_bytes(1023, "1023 B");
	expect_bytes(1024, "1 KiB");
	expect_bytes(512u << 20, "512 MiB");
	expect_bytes(1536u << 20, "1.5 GiB");
	expect_bytes(UINT64_MAX, "16384.0 PiB");
	expect_duration(0, "0.000 s");
	expect_duration(1500000000, "1.500 s");
	expect_duration(3661 * s, "01:01:01");
	expect_duration(93784 * s, "1d 02:03:04");
}

/* ---- tables ---- */

static const struct column columns[] = {
	{ "ID", true, false },
	{ "NAME", false, true },
	{ "NOTE", false, true },
};

static void expect_table(const char *const *cells, size_t count, size_t width,
			 const char *expected)
{
	struct table table;
	char *text;

	table_init(&table, columns, 3);
	for (size_t i = 0; i < count; i++) {
		table_add(&table, PAINT_NONE, "%s", cells[i]);
	}
	text = table_format(&table, width, false);
	assert_string_equal(text, expected);
	free(text);
	table_fini(&table);
}

static void test_table(void **state)
{
	const char *const cells[] = { "1", "a", "x", "10", "bcdef", "" };

	(void)state;
	expect_table(NULL, 0, 0, "ID  NAME  NOTE\n");
	expect_table(cells, 6, 0,
		     "ID  NAME   NOTE\n"
		     " 1  a      x\n"
		     "10  bcdef  \n");
}

static void test_table_shrinks(void **state)
{
	const char *const cells[] = { "1", "0123456789", "0123456789abcdef" };

	(void)state;
	/* All of it needs 2 + 2 + 10 + 2 + 16 columns. */
	expect_table(cells, 3, 32,
		     "ID  NAME        NOTE\n"
		     " 1  0123456789  0123456789abcdef\n");
	expect_table(cells, 3, 26,
		     "ID  NAME        NOTE\n"
		     " 1  0123456789  012345678~\n");
	expect_table(cells, 3, 20,
		     "ID  NAME     NOTE\n"
		     " 1  012345~  012345~\n");
	/* It is not made unreadable. */
	expect_table(cells, 3, 5,
		     "ID  NAME    NOTE\n"
		     " 1  01234~  01234~\n");
}

static void test_table_text(void **state)
{
	const char *const cells[] = { "1",
				      "\033[2J\n\x7f",
				      "gr\xc3\xbc\xc3\xbc"
				      "n",
				      "2",
				      "x",
				      "y" };

	(void)state;
	expect_table(cells, 6, 0,
		     "ID  NAME    NOTE\n"
		     " 1  ?[2J??  gr\xc3\xbc\xc3\xbcn\n"
		     " 2  x       y\n");
}

static void test_table_colors(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, columns + 1, 1);
	table_add(&table, PAINT_GOOD, "ok");
	text = table_format(&table, 0, true);
	assert_string_equal(text, "\033[1mNAME\033[0m\n\033[32mok\033[0m\n");
	free(text);
	table_fini(&table);
}

/* ---- the table of commands ---- */

static void test_commands(void **state)
{
	const struct command *command, *other;
	const struct option *option;
	char usage[200];

	(void)state;
	for (command = commands; command->name != NULL; command++) {
		assert_ptr_equal(command_find(command->name), command);
		assert_true(command->group < GROUP_COUNT);
		assert_non_null(command->run);
		assert_true(command->operand_min <= command->operand_max);
		assert_true(command->operand_max <= POSITIONALS_MAX);
		assert_int_equal(command->operand_max == 0,
				 command->operand == OPERAND_NONE);
		for (other = command + 1; other->name != NULL; other++) {
			assert_string_not_equal(command->name, other->name);
		}
		for (option = command->options; option->name != NULL;
		     option++) {
			assert_non_null(option->help);
			assert_true(option->words == NULL ||
				    option->value != NULL);
		}
		assert_true(option - command->options <= OPTIONS_MAX);
		command_usage(command, usage, sizeof(usage));
		assert_true(strlen(usage) < sizeof(usage) - 1);
	}
	assert_null(command_find("nosuch"));
	assert_ptr_equal(command_find("get"), command_find("info"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_errors),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_options_errors),
		cmocka_unit_test(test_leading_options),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_shrinks),
		cmocka_unit_test(test_table_text),
		cmocka_unit_test(test_table_colors),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
