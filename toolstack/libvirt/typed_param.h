/* SPDX-License-Identifier: BSD-2-Clause */
/* Typed parameters of libvirt's API (virTypedParameter) on the wire. */
#ifndef ZV_TOOLSTACK_LIBVIRT_TYPED_PARAM_H
#define ZV_TOOLSTACK_LIBVIRT_TYPED_PARAM_H

#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <stdint.h>

#include "xdr.h"

/* A list that is being written; its length is put in front of it at the end. */
struct typed_list {
	struct xdr_writer *w;
	size_t offset;
	uint32_t count;
};

void typed_begin(struct typed_list *list, struct xdr_writer *w);
void typed_end(struct typed_list *list);

void typed_put_int(struct typed_list *list, const char *field, int32_t value);
void typed_put_uint(struct typed_list *list, const char *field, uint32_t value);
void typed_put_llong(struct typed_list *list, const char *field, int64_t value);
void typed_put_ullong(struct typed_list *list, const char *field,
		      uint64_t value);
void typed_put_double(struct typed_list *list, const char *field, double value);
void typed_put_bool(struct typed_list *list, const char *field, bool value);
void typed_put_string(struct typed_list *list, const char *field,
		      const char *value);

/* One that was read; strings live as long as the reader's buffer. */
struct typed_param {
	const char *field;
	int type; /* virTypedParameterType */
	union {
		int32_t i;
		uint32_t ui;
		int64_t l;
		uint64_t ul;
		double d;
		bool b;
		const char *s;
	} value;
};

/*
 * Reads a list of at most max into params and returns how many there are; what
 * fails shows in the reader.
 */
uint32_t typed_get(struct xdr_reader *r, struct typed_param *params,
		   uint32_t max);

/* A whole number of whatever type that is not negative; false: it is none. */
bool typed_number(const struct typed_param *param, uint64_t *ret_value);

#endif /* ZV_TOOLSTACK_LIBVIRT_TYPED_PARAM_H */
