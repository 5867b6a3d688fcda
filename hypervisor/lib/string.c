/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and string functions.  Only naturally aligned accesses: they also run
 * before the MMU is on, when all memory is Device memory.
 */
#include <zv/string.h>

/* Else the compiler makes memcpy() of the loop that is memcpy(). */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#define WORD sizeof(u64)

/* The bulk loops may alias whatever the caller stores there. */
typedef u64 __attribute__((may_alias)) word_t;

static bool words_aligned(const void *a, const void *b)
{
	return (((uintptr_t)a | (uintptr_t)b) & (WORD - 1)) == 0;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if (words_aligned(d, s)) {
		for (; n >= 4 * WORD; n -= 4 * WORD) {
			word_t *dw = (word_t *)(void *)d;
			const word_t *sw = (const word_t *)(const void *)s;
			u64 a = sw[0], b = sw[1], c = sw[2], e = sw[3];

			dw[0] = a;
			dw[1] = b;
			dw[2] = c;
			dw[3] = e;
			d += 4 * WORD;
			s += 4 * WORD;
		}
		for (; n >= WORD; n -= WORD) {
			*(word_t *)(void *)d = *(const word_t *)(const void *)s;
			d += WORD;
			s += WORD;
		}
	}
	while (n-- > 0) {
		*d++ = *s++;
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= n) {
		return memcpy(dst, src, n);
	}
	d += n;
	s += n;
	if (words_aligned(d, s)) {
		for (; n >= WORD; n -= WORD) {
			d -= WORD;
			s -= WORD;
			*(word_t *)(void *)d = *(const word_t *)(const void *)s;
		}
	}
	while (n-- > 0) {
		*--d = *--s;
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u8 *d = dst;
	u64 word = 0x0101010101010101ull * (u8)c;

	for (; n > 0 && ((uintptr_t)d & (WORD - 1)) != 0; n--) {
		*d++ = (u8)c;
	}
	for (; n >= 4 * WORD; n -= 4 * WORD) {
		word_t *dw = (word_t *)(void *)d;

		dw[0] = word;
		dw[1] = word;
		dw[2] = word;
		dw[3] = word;
		d += 4 * WORD;
	}
	while (n-- > 0) {
		*d++ = (u8)c;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a;
	const u8 *y = b;

	for (; n > 0; n--, x++, y++) {
		if (*x != *y) {
			return *x - *y;
		}
	}
	return 0;
}

/* The standard functions give up the const of what they search. */
static void *drop_const(const void *p)
{
	return (void *)(uintptr_t)p;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const u8 *p = s; n > 0; n--, p++) {
		if (*p == (u8)c) {
			return drop_const(p);
		}
	}
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p != '\0') {
		p++;
	}
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0') {
		n++;
	}
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b || *a == '\0') {
			return (u8)*a - (u8)*b;
		}
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c) {
			return drop_const(s);
		}
		if (*s == '\0') {
			return NULL;
		}
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c) {
			last = s;
		}
		if (*s == '\0') {
			return drop_const(last);
		}
	}
}
