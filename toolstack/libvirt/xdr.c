// SPDX-License-Identifier: BSD-2-Clause
#include "xdr.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define UNIT 4u /* RFC 4506, 3: everything is a multiple of it */
#define ROOM_FIRST 256u

/* ------------------------------------------------------------ reading */

void xdr_reader_init(struct xdr_reader *r, void *data, size_t len)
{
	r->at = data;
	r->end = r->at + len;
	r->failed = false;
}

static void *take(struct xdr_reader *r, size_t len)
{
	uint8_t *data = r->at;

	if (r->failed || len > (size_t)(r->end - r->at)) {
		r->failed = true;
		return NULL;
	}
	r->at += len;
	return data;
}

uint32_t xdr_get_u32(struct xdr_reader *r)
{
	const void *data = take(r, UNIT);
	uint32_t value = 0;

	if (data) {
		memcpy(&value, data, sizeof(value));
	}
	return be32toh(value);
}

int32_t xdr_get_i32(struct xdr_reader *r)
{
	return (int32_t)xdr_get_u32(r);
}

uint64_t xdr_get_u64(struct xdr_reader *r)
{
	const void *data = take(r, 2 * UNIT);
	uint64_t value = 0;

	if (data) {
		memcpy(&value, data, sizeof(value));
	}
	return be64toh(value);
}

double xdr_get_double(struct xdr_reader *r)
{
	uint64_t bits = xdr_get_u64(r);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

bool xdr_get_bool(struct xdr_reader *r)
{
	uint32_t value = xdr_get_u32(r);

	if (value > 1) {
		r->failed = true;
	}
	return !r->failed && value == 1;
}

uint32_t xdr_get_count(struct xdr_reader *r, uint32_t max)
{
	uint32_t count = xdr_get_u32(r);

	if (count > max) {
		r->failed = true;
	}
	return r->failed ? 0 : count;
}

/* len bytes and the padding after them, which must be zero (RFC 4506, 4.10). */
static uint8_t *take_padded(struct xdr_reader *r, uint32_t len)
{
	static const uint8_t zeros[UNIT];
	uint8_t *data = take(r, len);
	const void *padding = take(r, -len % UNIT);

	if (padding && memcmp(padding, zeros, -len % UNIT) != 0) {
		r->failed = true;
	}
	return r->failed ? NULL : data;
}

char *xdr_get_string(struct xdr_reader *r, uint32_t max)
{
	uint32_t len = xdr_get_count(r, max);
	uint8_t *data = take_padded(r, len);

	if (!data || memchr(data, '\0', len)) {
		r->failed = true;
		return NULL;
	}
	memmove(data - UNIT, data, len);
	data -= UNIT;
	data[len] = '\0';
	return (char *)data;
}

char *xdr_get_optional_string(struct xdr_reader *r, uint32_t max)
{
	return xdr_get_bool(r) ? xdr_get_string(r, max) : NULL;
}

const uint8_t *xdr_get_fixed(struct xdr_reader *r, uint32_t len)
{
	return take_padded(r, len);
}

const uint8_t *xdr_get_opaque(struct xdr_reader *r, uint32_t max,
			      uint32_t *ret_len)
{
	uint32_t len = xdr_get_count(r, max);
	const uint8_t *data = take_padded(r, len);

	if (data) {
		*ret_len = len;
	}
	return data;
}

bool xdr_is_complete(const struct xdr_reader *r)
{
	return !r->failed && r->at == r->end;
}

/* ------------------------------------------------------------ writing */

void xdr_writer_init(struct xdr_writer *w, size_t max)
{
	*w = (struct xdr_writer){ .max = max };
}

void xdr_writer_fini(struct xdr_writer *w)
{
	free(w->data);
	w->data = NULL;
	w->len = 0;
	w->room = 0;
}

/* Room for len more bytes; NULL: failed. */
static uint8_t *extend(struct xdr_writer *w, size_t len)
{
	size_t room = w->room > 0 ? w->room : ROOM_FIRST;
	uint8_t *data;

	if (w->failed || len > w->max - w->len) {
		w->failed = true;
		return NULL;
	}
	while (room < w->len + len) {
		room *= 2;
	}
	if (room > w->room) {
		data = realloc(w->data, room);
		if (!data) {
			w->failed = true;
			return NULL;
		}
		w->data = data;
		w->room = room;
	}
	data = w->data + w->len;
	w->len += len;
	return data;
}

void xdr_put_raw(struct xdr_writer *w, const void *data, size_t len)
{
	uint8_t *to = extend(w, len);

	if (to && len > 0) {
		memcpy(to, data, len);
	}
}

void xdr_put_u32(struct xdr_writer *w, uint32_t value)
{
	value = htobe32(value);
	xdr_put_raw(w, &value, sizeof(value));
}

void xdr_put_i32(struct xdr_writer *w, int32_t value)
{
	xdr_put_u32(w, (uint32_t)value);
}

void xdr_put_u64(struct xdr_writer *w, uint64_t value)
{
	value = htobe64(value);
	xdr_put_raw(w, &value, sizeof(value));
}

void xdr_put_double(struct xdr_writer *w, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	xdr_put_u64(w, bits);
}

void xdr_put_bool(struct xdr_writer *w, bool value)
{
	xdr_put_u32(w, value ? 1 : 0);
}

void xdr_put_fixed(struct xdr_writer *w, const void *data, size_t len)
{
	static const uint8_t zeros[UNIT];

	xdr_put_raw(w, data, len);
	xdr_put_raw(w, zeros, -len % UNIT);
}

void xdr_put_opaque(struct xdr_writer *w, const void *data, size_t len)
{
	if (len > w->max) {
		w->failed = true;
		return;
	}
	xdr_put_u32(w, (uint32_t)len);
	xdr_put_fixed(w, data, len);
}

void xdr_put_string(struct xdr_writer *w, const char *text)
{
	xdr_put_opaque(w, text, strlen(text));
}

void xdr_put_optional_string(struct xdr_writer *w, const char *text)
{
	xdr_put_bool(w, text);
	if (text) {
		xdr_put_string(w, text);
	}
}

void xdr_patch_u32(struct xdr_writer *w, size_t offset, uint32_t value)
{
	value = htobe32(value);
	if (!w->failed && offset + sizeof(value) <= w->len) {
		memcpy(w->data + offset, &value, sizeof(value));
	}
}
