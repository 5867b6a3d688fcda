/* SPDX-License-Identifier: BSD-2-Clause */
#include "suggest.h"

#include "cmocka_all.h"

static void test_distance(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		size_t distance;
	} cases[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "list", "list", 0 },
		{ "LIST", "list", 0 },
		{ "lsit", "list", 1 },
		{ "lst", "list", 1 },
		{ "lisst", "list", 1 },
		{ "lost", "list", 1 },
		{ "tsil", "list", 3 },
		{ "kitten", "sitting", 3 },
		{ "ab", "ba", 1 },
		{ "memroy", "memory", 1 },
		{ "on-crash", "on_crash", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(suggest_distance(cases[i].a, cases[i].b),
				 cases[i].distance);
		assert_int_equal(suggest_distance(cases[i].b, cases[i].a),
				 cases[i].distance);
	}
}

static const char *nearest(const char *word)
{
	static const char *const words[] = { "list",   "start",	      "reset",
					     "resume", "dtb-overlay", "z1",
					     "z2" };
	static struct suggest s;

	suggest_start(&s, word);
	for (size_t i = 0; i < COUNT(words); i++) {
		suggest_offer(&s, words[i]);
	}
	return suggest_best(&s);
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(nearest("lsit"), "list");
	assert_string_equal(nearest("LIST"), "list");
	assert_string_equal(nearest("strat"), "start");
	assert_string_equal(nearest("rest"), "reset");
	assert_string_equal(nearest("rseume"), "resume");
	assert_string_equal(nearest("dtb_overly"), "dtb-overlay");
	assert_string_equal(nearest("z3"), "z1");
	assert_null(nearest(""));
	assert_null(nearest("x"));
	assert_null(nearest("stop"));
	assert_null(nearest("frobnicate"));
}

static void test_two(void **state)
{
	static const char *const words[] = { "cpus", "vcpus", "io-cpus" };
	struct suggest s;

	(void)state;
	suggest_start(&s, "cpu");
	for (size_t i = 0; i < COUNT(words); i++) {
		suggest_offer(&s, words[i]);
	}
	assert_string_equal(suggest_best(&s), "cpus");
	assert_string_equal(suggest_second(&s), "vcpus");
	suggest_start(&s, "Cpu");
	suggest_offer(&s, "vcpus");
	assert_null(suggest_best(&s));
	assert_null(suggest_second(&s));
	suggest_start(&s, "vcpu");
	for (size_t i = 0; i < COUNT(words); i++) {
		suggest_offer(&s, words[i]);
	}
	assert_string_equal(suggest_best(&s), "vcpus");
	assert_null(suggest_second(&s));
}

/* Words of any length are compared in room of a fixed size. */
static void test_long_words(void **state)
{
	char word[SUGGEST_LEN_MAX + 2];
	struct suggest s;

	(void)state;
	memset(word, 'a', sizeof(word));
	word[SUGGEST_LEN_MAX + 1] = '\0';
	suggest_start(&s, word);
	suggest_offer(&s, word);
	assert_null(suggest_best(&s));
	suggest_start(&s, word + 1);
	suggest_offer(&s, word);
	assert_null(suggest_best(&s));
	suggest_offer(&s, word + 1);
	assert_string_equal(suggest_best(&s), word + 1);
	suggest_start(&s, word + 1);
	suggest_offer(&s, word + 4);
	assert_string_equal(suggest_best(&s), word + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_long_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
