/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XDR (RFC 4506) as libvirt's RPC uses it: a reader over a buffer of its owner
 * and a writer that grows.  Neither has to be asked after each step: what fails
 * once fails for good, and reads give zeros from then on.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_XDR_H
#define ZV_TOOLSTACK_LIBVIRT_XDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xdr_reader {
	uint8_t *at;
	uint8_t *end;
	bool failed;
};

void xdr_reader_init(struct xdr_reader *r, void *data, size_t len);

uint32_t xdr_get_u32(struct xdr_reader *r);
int32_t xdr_get_i32(struct xdr_reader *r);
uint64_t xdr_get_u64(struct xdr_reader *r);
double xdr_get_double(struct xdr_reader *r);
bool xdr_get_bool(struct xdr_reader *r); /* 0 or 1, else it fails */

/* The number of elements that follow, at most max. */
uint32_t xdr_get_count(struct xdr_reader *r, uint32_t max);

/*
 * A string of at most max bytes without NUL inside.  It is moved to where its
 * length was, so that there is room for its end: it lives as long as the buffer
 * and can be read once.  NULL: failed.
 */
char *xdr_get_string(struct xdr_reader *r, uint32_t max);
/* The same behind a flag; NULL: not there, or failed. */
char *xdr_get_optional_string(struct xdr_reader *r, uint32_t max);

/* Bytes in the buffer; NULL: failed. */
const uint8_t *xdr_get_fixed(struct xdr_reader *r, uint32_t len);
const uint8_t *xdr_get_opaque(struct xdr_reader *r, uint32_t max,
			      uint32_t *ret_len);

/* All has been read, and none of it failed. */
bool xdr_is_complete(const struct xdr_reader *r);

struct xdr_writer {
	uint8_t *data;
	size_t len;
	size_t room;
	size_t max; /* it fails beyond */
	bool failed;
};

void xdr_writer_init(struct xdr_writer *w, size_t max);
void xdr_writer_fini(struct xdr_writer *w);

void xdr_put_u32(struct xdr_writer *w, uint32_t value);
void xdr_put_i32(struct xdr_writer *w, int32_t value);
void xdr_put_u64(struct xdr_writer *w, uint64_t value);
void xdr_put_double(struct xdr_writer *w, double value);
void xdr_put_bool(struct xdr_writer *w, bool value);
void xdr_put_string(struct xdr_writer *w, const char *text);
/* NULL: there is none. */
void xdr_put_optional_string(struct xdr_writer *w, const char *text);
void xdr_put_fixed(struct xdr_writer *w, const void *data, size_t len);
void xdr_put_opaque(struct xdr_writer *w, const void *data, size_t len);
/* Bytes as they are, without padding. */
void xdr_put_raw(struct xdr_writer *w, const void *data, size_t len);
/* Overwrites what was put at offset. */
void xdr_patch_u32(struct xdr_writer *w, size_t offset, uint32_t value);

#endif /* ZV_TOOLSTACK_LIBVIRT_XDR_H */
