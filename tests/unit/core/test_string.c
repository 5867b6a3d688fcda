/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/string.c under other names, compared with the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy my_memcpy
#define memmove my_memmove
#define memset my_memset
#define memcmp my_memcmp
#define memchr my_memchr
#define strlen my_strlen
#define strnlen my_strnlen
#define strcmp my_strcmp
#define strncmp my_strncmp
#define strchr my_strchr
#define strrchr my_strrchr
#include "../../../hypervisor/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

#define SIZE 96

static void fill(u8 *p, u8 seed)
{
	for (u32 i = 0; i < SIZE; i++) {
		p[i] = (u8)(seed + i * 7);
	}
}

/* All alignments of both ends, all lengths around the bulk loops' steps. */
static void copies(void **state)
{
	u8 *from = malloc(SIZE), *mine = malloc(SIZE), *libc = malloc(SIZE);

	(void)state;
	fill(from, 3);
	for (size_t d = 0; d < 9; d++) {
		for (size_t s = 0; s < 9; s++) {
			for (size_t n = 0; n + 9 <= SIZE; n++) {
				fill(mine, 99);
				fill(libc, 99);
				assert_ptr_equal(
					my_memcpy(mine + d, from + s, n),
					mine + d);
				memcpy(libc + d, from + s, n);
				assert_memory_equal(mine, libc, SIZE);
			}
		}
	}
	free(from);
	free(mine);
	free(libc);
}

static void moves_and_sets(void **state)
{
	u8 mine[SIZE], libc[SIZE];

	(void)state;
	for (size_t d = 0; d < 33; d++) {
		for (size_t s = 0; s < 33; s++) {
			for (size_t n = 0; n + 33 <= SIZE; n += 3) {
				fill(mine, 1);
				fill(libc, 1);
				my_memmove(mine + d, mine + s, n);
				memmove(libc + d, libc + s, n);
				assert_memory_equal(mine, libc, SIZE);
				my_memset(mine + d, (int)s + 250, n);
				memset(libc + d, (int)s + 250, n);
				assert_memory_equal(mine, libc, SIZE);
			}
		}
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void comparisons(void **state)
{
	static const char *word[] = { "",    "a",   "b",    "ab",
				      "abc", "abd", "\xff", "a\xff" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(word); i++) {
		assert_int_equal(my_strlen(word[i]), strlen(word[i]));
		assert_int_equal(my_strnlen(word[i], 2), strnlen(word[i], 2));
		for (size_t j = 0; j < ARRAY_SIZE(word); j++) {
			const char *a = word[i], *b = word[j];

			assert_int_equal(sign(my_strcmp(a, b)),
					 sign(strcmp(a, b)));
			assert_int_equal(sign(my_strncmp(a, b, 2)),
					 sign(strncmp(a, b, 2)));
			assert_int_equal(sign(my_memcmp(a, b, 1)),
					 sign(memcmp(a, b, 1)));
		}
	}
}

static void searches(void **state)
{
	static const char text[] = "abcabc";

	(void)state;
	for (int c = 0; c < 256; c++) {
		assert_ptr_equal(my_strchr(text, c), strchr(text, c));
		assert_ptr_equal(my_strrchr(text, c), strrchr(text, c));
		assert_ptr_equal(my_memchr(text, c, 4), memchr(text, c, 4));
	}
}

/* snprintf is the reference for all that both know. */
#define SAME(...)                                                              \
	do {                                                                   \
		char mine_[64], libc_[64];                                     \
		int n_ = zv_snprintf(mine_, sizeof(mine_), __VA_ARGS__);       \
		assert_int_equal(n_,                                           \
				 snprintf(libc_, sizeof(libc_), __VA_ARGS__)); \
		assert_string_equal(mine_, libc_);                             \
	} while (0)

static void formats(void **state)
{
	(void)state;
	SAME("plain 100%%");
	SAME("%d %d %d", 0, -1, INT32_MIN);
	SAME("%u %lu %zu", UINT32_MAX, UINT64_MAX, (size_t)7);
	SAME("%ld %lld", INT64_MIN, (long long)-5);
	SAME("%x %lx %016lx", 0xabcu, 0x123456789abcdeful, 0xfful);
	SAME("[%5d] [%-5d] [%05d]", 42, 42, 42);
	SAME("[%8s] [%-8s] [%s]", "abc", "abc", "abc");
	SAME("%c%c", 'x', 'y');
	SAME("%*d", 6, 12);
	SAME("%p", (void *)0x1234);
}

static void truncation(void **state)
{
	const char *volatile nothing = NULL;
	char buf[8];

	(void)state;
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(zv_snprintf(buf, 4, "%s", "abcdef"), 6);
	assert_memory_equal(buf, "abc\0xxxx", 8);
	assert_int_equal(zv_snprintf(buf, 1, "abc"), 3);
	assert_int_equal(buf[0], '\0');
	assert_int_equal(zv_snprintf(NULL, 0, "%d", 12345), 5);
	assert_int_equal(zv_snprintf(buf, sizeof(buf), "%s", nothing), 6);
	assert_string_equal(buf, "(null)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),      cmocka_unit_test(moves_and_sets),
		cmocka_unit_test(comparisons), cmocka_unit_test(searches),
		cmocka_unit_test(formats),     cmocka_unit_test(truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
