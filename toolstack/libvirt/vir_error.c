// SPDX-License-Identifier: BSD-2-Clause
#include "vir_error.h"

#include <hvd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "xdr.h"

int vir_error_set(struct vir_error_text *error, int code, const char *format,
		  ...)
{
	va_list args;

	error->code = code;
	va_start(args, format);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	/* Part of it may be what a client sent. */
	text_sanitize(error->message, strlen(error->message), true);
	return -1;
}

/* The codes that clients look at are those of libvirt's own drivers. */
static int code_of(int hvd_code)
{
	static const struct {
		int hvd;
		int vir;
	} rows[] = {
		{ HVD_ERROR_ZONE_NOT_FOUND, VIR_ERR_NO_DOMAIN },
		{ HVD_ERROR_ZONE_EXISTS, VIR_ERR_OPERATION_FAILED },
		{ HVD_ERROR_INVALID_STATE, VIR_ERR_OPERATION_INVALID },
		{ HVD_ERROR_INVALID_DEFINITION, VIR_ERR_CONFIG_UNSUPPORTED },
		{ HVD_ERROR_NO_MEMORY, VIR_ERR_NO_MEMORY },
		{ HVD_ERROR_NO_HYPERVISOR, VIR_ERR_OPERATION_FAILED },
		{ HVD_ERROR_IO, VIR_ERR_SYSTEM_ERROR },
		{ HVD_ERROR_TIMEOUT, VIR_ERR_OPERATION_TIMEOUT },
		{ HVD_ERROR_PERMISSION, VIR_ERR_OPERATION_DENIED },
		{ HVD_ERROR_BUSY, VIR_ERR_OPERATION_FAILED },
		{ HVD_ERROR_TOO_LARGE, VIR_ERR_RESOURCE_BUSY },
		{ HVD_ERROR_INTERNAL, VIR_ERR_INTERNAL_ERROR },
		{ HVD_ERROR_UNSUPPORTED, VIR_ERR_OPERATION_UNSUPPORTED },
		{ HVD_ERROR_CANCELLED, VIR_ERR_OPERATION_ABORTED },
		{ -32602, VIR_ERR_INVALID_ARG },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].hvd == hvd_code) {
			return rows[i].vir;
		}
	}
	return hvd_code < 0 ? VIR_ERR_OPERATION_FAILED : VIR_ERR_INTERNAL_ERROR;
}

void vir_error_of_hvd(const struct hvd_error *from, const char *subject,
		      struct vir_error_text *ret_error)
{
	if (from->code == HVD_ERROR_ZONE_NOT_FOUND && subject) {
		vir_error_set(ret_error, VIR_ERR_NO_DOMAIN,
			      "no domain with matching %s", subject);
		return;
	}
	vir_error_set(ret_error, code_of(from->code), "%s%s%s%s%s",
		      from->message, from->path ? " at " : "",
		      from->path ? from->path : "", from->hint ? ": " : "",
		      from->hint ? from->hint : "");
}

/* How the messages of libvirt's own drivers begin, which people look for. */
static const char *prefix_of(int code)
{
	static const struct {
		int code;
		const char *prefix;
	} rows[] = {
		{ VIR_ERR_NO_DOMAIN, "Domain not found: " },
		{ VIR_ERR_OPERATION_INVALID,
		  "Requested operation is not valid: " },
		{ VIR_ERR_OPERATION_FAILED, "operation failed: " },
		{ VIR_ERR_OPERATION_UNSUPPORTED, "Operation not supported: " },
		{ VIR_ERR_OPERATION_DENIED, "operation forbidden: " },
		{ VIR_ERR_OPERATION_TIMEOUT, "Timed out during operation: " },
		{ VIR_ERR_CONFIG_UNSUPPORTED, "unsupported configuration: " },
		{ VIR_ERR_XML_ERROR, "XML error: " },
		{ VIR_ERR_INVALID_ARG, "invalid argument: " },
		{ VIR_ERR_INTERNAL_ERROR, "internal error: " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code) {
			return rows[i].prefix;
		}
	}
	return "";
}

void vir_error_put(struct xdr_writer *w, const struct vir_error_text *error)
{
	char text[VIR_ERROR_MESSAGE_SIZE + 64];

	snprintf(text, sizeof(text), "%s%s", prefix_of(error->code),
		 error->message);
	xdr_put_i32(w, error->code);
	xdr_put_i32(w, VIR_FROM_RPC);
	xdr_put_optional_string(w, text);
	xdr_put_i32(w, VIR_ERR_ERROR);
	xdr_put_bool(w, false); /* domain */
	xdr_put_optional_string(w, text); /* str1 */
	xdr_put_bool(w, false); /* str2 */
	xdr_put_bool(w, false); /* str3 */
	xdr_put_i32(w, 0); /* int1 */
	xdr_put_i32(w, 0); /* int2 */
	xdr_put_bool(w, false); /* network */
}
