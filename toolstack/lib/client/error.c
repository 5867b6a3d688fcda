// SPDX-License-Identifier: BSD-2-Clause
/* Errors: their codes, names and texts, and each thread's last one. */
#include "client_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct code_row {
	int code;
	int err;
	const char *name;
};

static const struct code_row daemon_codes[] = {
	{ HVD_ERROR_ZONE_NOT_FOUND, -ENOENT, "ZONE_NOT_FOUND" },
	{ HVD_ERROR_ZONE_EXISTS, -EEXIST, "ZONE_EXISTS" },
	{ HVD_ERROR_INVALID_STATE, -EBADFD, "INVALID_STATE" },
	{ HVD_ERROR_INVALID_DEFINITION, -EINVAL, "INVALID_DEFINITION" },
	{ HVD_ERROR_NO_MEMORY, -ENOMEM, "NO_MEMORY" },
	{ HVD_ERROR_NO_HYPERVISOR, -ENODEV, "NO_HYPERVISOR" },
	{ HVD_ERROR_IO, -EIO, "IO_ERROR" },
	{ HVD_ERROR_TIMEOUT, -ETIME, "TIMEOUT" },
	{ HVD_ERROR_PERMISSION, -EACCES, "PERMISSION" },
	{ HVD_ERROR_BUSY, -EBUSY, "BUSY" },
	{ HVD_ERROR_TOO_LARGE, -EFBIG, "TOO_LARGE" },
	{ HVD_ERROR_INTERNAL, -EREMOTEIO, "INTERNAL" },
	{ HVD_ERROR_UNSUPPORTED, -EOPNOTSUPP, "UNSUPPORTED" },
	{ HVD_ERROR_CANCELLED, -ECANCELED, "CANCELLED" },
	{ -32700, -EPROTO, "PARSE_ERROR" },
	{ -32600, -EPROTO, "INVALID_REQUEST" },
	{ -32601, -ENOSYS, "METHOD_NOT_FOUND" },
	{ -32602, -EINVAL, "INVALID_PARAMS" },
	{ -32603, -EREMOTEIO, "INTERNAL_ERROR" },
};

static const struct code_row local_codes[] = {
	{ -ECONNRESET, -ECONNRESET, "CONNECTION_LOST" },
	{ -ECONNREFUSED, -ECONNREFUSED, "NO_DAEMON" },
	{ -ENOENT, -ENOENT, "NO_DAEMON" },
	{ -EACCES, -EACCES, "PERMISSION" },
	{ -EPERM, -EPERM, "PERMISSION" },
	{ -ETIMEDOUT, -ETIMEDOUT, "TIMED_OUT" },
	{ -ECANCELED, -ECANCELED, "CANCELED" },
	{ -EINVAL, -EINVAL, "BAD_ARGUMENT" },
	{ -EMSGSIZE, -EMSGSIZE, "MESSAGE_TOO_LARGE" },
	{ -EPROTO, -EPROTO, "BAD_REPLY" },
	{ -ENOMEM, -ENOMEM, "OUT_OF_MEMORY" },
};

static const struct code_row *find_code(const struct code_row *rows,
					size_t count, int code)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].code == code) {
			return &rows[i];
		}
	}
	return NULL;
}

#define FIND_CODE(rows, code) \
	find_code(rows, sizeof(rows) / sizeof((rows)[0]), code)

static char *copy_text(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

static char *format_text(const char *fmt, va_list args)
{
	va_list again;
	char *text = NULL;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len >= 0) {
		text = malloc((size_t)len + 1);
	}
	if (text != NULL) {
		vsnprintf(text, (size_t)len + 1, fmt, args);
	}
	return text;
}

void hvd__error_fini(struct hvd__error *error)
{
	free(error->name);
	free(error->message);
	free(error->path);
	free(error->hint);
	*error = (struct hvd__error){ 0 };
}

static void error_vset(struct hvd__error *error, int err, const char *hint,
		       const char *fmt, va_list args)
{
	const struct code_row *row = FIND_CODE(local_codes, err);

	hvd__error_fini(error);
	error->code = err;
	error->name = copy_text(row != NULL ? row->name : "SYSTEM_ERROR");
	error->message = format_text(fmt, args);
	error->hint = copy_text(hint);
}

int hvd__error_set(struct hvd__error *error, int err, const char *hint,
		   const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_vset(error, err, hint, fmt, args);
	va_end(args);
	return err;
}

void hvd__error_from_json(struct hvd__error *error, struct json_object *json)
{
	struct json_object *data = hvd__json_get(json, "data");
	const char *name = hvd__json_string(data, "code");
	const char *message = hvd__json_string(json, "message");
	int64_t code = hvd__json_i64(json, "code", 0);
	const struct code_row *row;

	hvd__error_fini(error);
	/* 0 would read as success, and more than an int is nonsense. */
	if (code == 0 || code < INT32_MIN || code > INT32_MAX) {
		code = HVD_ERROR_INTERNAL;
	}
	error->code = (int)code;
	row = FIND_CODE(daemon_codes, error->code);
	if (name == NULL) {
		name = row != NULL ? row->name : "UNKNOWN";
	}
	error->name = copy_text(name);
	error->message = copy_text(
		message != NULL ? message : "the daemon gave no reason");
	error->path = copy_text(hvd__json_string(data, "path"));
	error->hint = copy_text(hvd__json_string(data, "hint"));
}

int hvd__error_errno(const struct hvd__error *error)
{
	const struct code_row *row = FIND_CODE(daemon_codes, error->code);

	if (row != NULL) {
		return row->err;
	}
	/* Errno values end at 4095; below are JSON-RPC's reserved codes. */
	if (error->code < 0 && error->code > -4096) {
		return error->code;
	}
	return -EREMOTEIO;
}

static struct hvd__error_slot *find_slot(struct hvd_conn *conn)
{
	struct hvd__error_slot *slot;

	for (slot = conn->errors; slot != NULL; slot = slot->next) {
		if (pthread_equal(slot->thread, pthread_self())) {
			return slot;
		}
	}
	return NULL;
}

static struct hvd__error_slot *need_slot(struct hvd_conn *conn)
{
	struct hvd__error_slot *slot = find_slot(conn);

	if (slot == NULL) {
		slot = calloc(1, sizeof(*slot));
		if (slot == NULL) {
			return NULL;
		}
		slot->thread = pthread_self();
		slot->next = conn->errors;
		conn->errors = slot;
	}
	return slot;
}

void hvd__error_publish_locked(struct hvd_conn *conn, struct hvd__error *error)
{
	struct hvd__error_slot *slot = need_slot(conn);

	if (slot == NULL) {
		hvd__error_fini(error);
		return;
	}
	hvd__error_fini(&slot->error);
	slot->error = *error;
	*error = (struct hvd__error){ 0 };
}

int hvd__fail(struct hvd_conn *conn, int err, const char *hint, const char *fmt,
	      ...)
{
	struct hvd__error error = { 0 };
	va_list args;

	va_start(args, fmt);
	error_vset(&error, err, hint, fmt, args);
	va_end(args);
	pthread_mutex_lock(&conn->lock);
	hvd__error_publish_locked(conn, &error);
	pthread_mutex_unlock(&conn->lock);
	return err;
}

int hvd__fail_nomem(struct hvd_conn *conn)
{
	return hvd__fail(conn, -ENOMEM, NULL, "out of memory");
}

int hvd__fail_reply(struct hvd_conn *conn, const char *method, const char *what)
{
	return hvd__fail(conn, -EPROTO,
			 "are hvd and libhvd of the same version?",
			 "the answer to %s %s", method, what);
}

const struct hvd_error *hvd_last_error(struct hvd_conn *conn)
{
	static const struct hvd_error none = { 0, "OK", "no error", NULL,
					       NULL };
	struct hvd__error_slot *slot;

	pthread_mutex_lock(&conn->lock);
	slot = find_slot(conn);
	pthread_mutex_unlock(&conn->lock);
	if (slot == NULL || slot->error.code == 0) {
		return &none;
	}
	/* The slot is this thread's own: nobody else touches its contents. */
	slot->view = (struct hvd_error){
		.code = slot->error.code,
		.name = slot->error.name != NULL ? slot->error.name : "UNKNOWN",
		.message = slot->error.message != NULL ? slot->error.message
						       : "out of memory",
		.path = slot->error.path,
		.hint = slot->error.hint,
	};
	return &slot->view;
}

void hvd__error_slots_free(struct hvd_conn *conn)
{
	struct hvd__error_slot *slot;

	while ((slot = conn->errors) != NULL) {
		conn->errors = slot->next;
		hvd__error_fini(&slot->error);
		free(slot);
	}
}
