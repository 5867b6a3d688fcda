// SPDX-License-Identifier: BSD-2-Clause
#include "typed_param.h"

#include "protocol.h"

void typed_begin(struct typed_list *list, struct xdr_writer *w)
{
	list->w = w;
	list->offset = w->len;
	list->count = 0;
	xdr_put_u32(w, 0);
}

void typed_end(struct typed_list *list)
{
	xdr_patch_u32(list->w, list->offset, list->count);
}

static struct xdr_writer *put(struct typed_list *list, const char *field,
			      int type)
{
	list->count++;
	xdr_put_string(list->w, field);
	xdr_put_i32(list->w, type);
	return list->w;
}

void typed_put_int(struct typed_list *list, const char *field, int32_t value)
{
	xdr_put_i32(put(list, field, VIR_TYPED_PARAM_INT), value);
}

void typed_put_uint(struct typed_list *list, const char *field, uint32_t value)
{
	xdr_put_u32(put(list, field, VIR_TYPED_PARAM_UINT), value);
}

void typed_put_llong(struct typed_list *list, const char *field, int64_t value)
{
	xdr_put_u64(put(list, field, VIR_TYPED_PARAM_LLONG), (uint64_t)value);
}

void typed_put_ullong(struct typed_list *list, const char *field,
		      uint64_t value)
{
	xdr_put_u64(put(list, field, VIR_TYPED_PARAM_ULLONG), value);
}

void typed_put_double(struct typed_list *list, const char *field, double value)
{
	xdr_put_double(put(list, field, VIR_TYPED_PARAM_DOUBLE), value);
}

void typed_put_bool(struct typed_list *list, const char *field, bool value)
{
	xdr_put_i32(put(list, field, VIR_TYPED_PARAM_BOOLEAN), value);
}

void typed_put_string(struct typed_list *list, const char *field,
		      const char *value)
{
	xdr_put_string(put(list, field, VIR_TYPED_PARAM_STRING), value);
}

static void get_value(struct xdr_reader *r, struct typed_param *param)
{
	switch (param->type) {
	case VIR_TYPED_PARAM_INT:
		param->value.i = xdr_get_i32(r);
		break;
	case VIR_TYPED_PARAM_UINT:
		param->value.ui = xdr_get_u32(r);
		break;
	case VIR_TYPED_PARAM_LLONG:
		param->value.l = (int64_t)xdr_get_u64(r);
		break;
	case VIR_TYPED_PARAM_ULLONG:
		param->value.ul = xdr_get_u64(r);
		break;
	case VIR_TYPED_PARAM_DOUBLE:
		param->value.d = xdr_get_double(r);
		break;
	case VIR_TYPED_PARAM_BOOLEAN:
		param->value.b = xdr_get_i32(r);
		break;
	case VIR_TYPED_PARAM_STRING:
		param->value.s = xdr_get_string(r, PACKET_STRING_MAX);
		break;
	default:
		r->failed = true;
	}
}

uint32_t typed_get(struct xdr_reader *r, struct typed_param *params,
		   uint32_t max)
{
	uint32_t count = xdr_get_count(r, max);

	for (uint32_t i = 0; i < count; i++) {
		params[i].field = xdr_get_string(r, TYPED_FIELD_MAX);
		params[i].type = xdr_get_i32(r);
		get_value(r, &params[i]);
	}
	return r->failed ? 0 : count;
}

bool typed_number(const struct typed_param *param, uint64_t *ret_value)
{
	int64_t value = 0;

	switch (param->type) {
	case VIR_TYPED_PARAM_INT:
		value = param->value.i;
		break;
	case VIR_TYPED_PARAM_UINT:
		value = param->value.ui;
		break;
	case VIR_TYPED_PARAM_LLONG:
		value = param->value.l;
		break;
	case VIR_TYPED_PARAM_ULLONG:
		*ret_value = param->value.ul;
		return true;
	default:
		return false;
	}
	*ret_value = (uint64_t)value;
	return value >= 0;
}
