/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of <string.h> the hypervisor and libfdt need, and printf. */
#ifndef ZV_STRING_H
#define ZV_STRING_H

#include <stdarg.h>
#include <zv/types.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* %c %s %d %u %x %p with l, ll, z, width and 0-padding; always terminates. */
__attribute__((format(printf, 3, 4))) int zv_snprintf(char *buf, size_t size,
						      const char *fmt, ...);
int zv_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

#endif /* ZV_STRING_H */
