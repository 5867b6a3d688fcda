/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/string.h>

/* Where the text goes: counts everything, stores what fits. */
struct sink {
	char *buf;
	size_t size;
	size_t len;
};

struct spec {
	bool zero; /* pad with zeros */
	bool left;
	u32 width;
	u32 longs; /* 0 int, 1 and more 64-bit */
};

#define WIDTH_MAX 64u
#define DIGITS_MAX 20 /* of 2^64 - 1 in decimal */

static void put(struct sink *o, char c)
{
	if (o->len + 1 < o->size) {
		o->buf[o->len] = c;
	}
	o->len++;
}

static void pad(struct sink *o, char c, size_t have, size_t want)
{
	for (; have < want; have++) {
		put(o, c);
	}
}

static void put_string(struct sink *o, const struct spec *sp, const char *s)
{
	size_t n;

	if (s == NULL) {
		s = "(null)";
	}
	n = strlen(s);
	if (!sp->left) {
		pad(o, ' ', n, sp->width);
	}
	for (size_t i = 0; i < n; i++) {
		put(o, s[i]);
	}
	if (sp->left) {
		pad(o, ' ', n, sp->width);
	}
}

static void put_number(struct sink *o, const struct spec *sp, u64 v, u32 base,
		       const char *prefix)
{
	char digits[DIGITS_MAX];
	size_t n = 0;
	size_t len;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v != 0);
	len = n + strlen(prefix);
	if (!sp->zero && !sp->left) {
		pad(o, ' ', len, sp->width);
	}
	for (; *prefix != '\0'; prefix++) {
		put(o, *prefix);
	}
	if (sp->zero && !sp->left) {
		pad(o, '0', len, sp->width);
	}
	while (n > 0) {
		put(o, digits[--n]);
	}
	if (sp->left) {
		pad(o, ' ', len, sp->width);
	}
}

static const char *parse_spec(const char *f, struct spec *sp, va_list *ap)
{
	*sp = (struct spec){ 0 };
	for (; *f == '0' || *f == '-'; f++) {
		sp->zero |= *f == '0';
		sp->left |= *f == '-';
	}
	if (*f == '*') {
		int w = va_arg(*ap, int);

		sp->width = w > 0 ? MIN((u32)w, WIDTH_MAX) : 0;
		f++;
	}
	for (; *f >= '0' && *f <= '9'; f++) {
		sp->width = MIN(sp->width * 10 + (u32)(*f - '0'), WIDTH_MAX);
	}
	for (; *f == 'l' || *f == 'z'; f++) {
		sp->longs++;
	}
	return f;
}

static void put_signed(struct sink *o, const struct spec *sp, va_list *ap)
{
	s64 v = sp->longs != 0 ? va_arg(*ap, s64) : va_arg(*ap, int);

	if (v < 0) {
		put_number(o, sp, 0 - (u64)v, 10, "-");
	} else {
		put_number(o, sp, (u64)v, 10, "");
	}
}

static u64 next_unsigned(const struct spec *sp, va_list *ap)
{
	return sp->longs != 0 ? va_arg(*ap, u64) : va_arg(*ap, unsigned int);
}

static void put_conversion(struct sink *o, const struct spec *sp, char c,
			   va_list *ap)
{
	char one[2] = { 0 };

	switch (c) {
	case 'd':
	case 'i':
		put_signed(o, sp, ap);
		break;
	case 'u':
		put_number(o, sp, next_unsigned(sp, ap), 10, "");
		break;
	case 'x':
		put_number(o, sp, next_unsigned(sp, ap), 16, "");
		break;
	case 'p':
		put_number(o, sp, (u64)(uintptr_t)va_arg(*ap, void *), 16,
			   "0x");
		break;
	case 's':
		put_string(o, sp, va_arg(*ap, const char *));
		break;
	case 'c':
		one[0] = (char)va_arg(*ap, int);
		put_string(o, sp, one);
		break;
	default: /* "%%", and what is not known shows itself */
		put(o, c);
		break;
	}
}

int zv_vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct sink o = { .buf = buf, .size = size };
	va_list ap;

	va_copy(ap, args);
	for (; *fmt != '\0'; fmt++) {
		struct spec sp;

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &sp, &ap);
		if (*fmt == '\0') {
			break;
		}
		put_conversion(&o, &sp, *fmt, &ap);
	}
	va_end(ap);
	if (size > 0) {
		buf[MIN(o.len, size - 1)] = '\0';
	}
	return (int)o.len;
}

int zv_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = zv_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
