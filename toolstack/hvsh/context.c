// SPDX-License-Identifier: BSD-2-Clause
/* The connection that commands use. */
#include "hvsh.h"

#include <limits.h>
#include <stdio.h>

#include "uuid.h"

static int timeout_ms(const struct context *ctx)
{
	if (ctx->timeout_s == 0) {
		return -1;
	}
	return ctx->timeout_s > INT_MAX / 1000 ? INT_MAX
					       : ctx->timeout_s * 1000;
}

int context_connect(struct context *ctx)
{
	const struct hvd_error *error;

	if (ctx->conn == NULL) {
		ctx->conn = hvd_new(ctx->socket);
		if (ctx->conn == NULL) {
			return out_of_memory();
		}
	}
	hvd_set_timeout(ctx->conn, timeout_ms(ctx));
	/* Also makes signals end each wait from now on. */
	progress_stop(ctx);
	/* Between two commands the daemon may have been restarted. */
	if (hvd_is_connected(ctx->conn) && hvd_process(ctx->conn) == 0) {
		return EXIT_OK;
	}
	if (hvd_connect(ctx->conn) == 0) {
		return EXIT_OK;
	}
	error = hvd_last_error(ctx->conn);
	complain("%s", error->message);
	if (error->hint != NULL) {
		hint("%s", error->hint);
	}
	return EXIT_CONNECT;
}

void context_zone_name(struct context *ctx, const char *given,
		       char ret_name[ZONE_NAME_MAX])
{
	struct hvd_zone_detail *detail;
	uint8_t uuid[UUID_SIZE];

	snprintf(ret_name, ZONE_NAME_MAX, "%s", given);
	if (uuid_parse(given, uuid) &&
	    hvd_zone_get(ctx->conn, given, &detail) == 0) {
		snprintf(ret_name, ZONE_NAME_MAX, "%s", detail->zone.name);
		hvd_zone_detail_free(detail);
	}
}

void context_fini(struct context *ctx)
{
	hvd_close(ctx->conn);
	ctx->conn = NULL;
}
