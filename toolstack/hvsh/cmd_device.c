// SPDX-License-Identifier: BSD-2-Clause
/* Commands about one device of a zone. */
#include "hvsh.h"

#include <stdio.h>

int device_resume(struct context *ctx, const char *zone, const char *device)
{
	int status = context_connect(ctx);
	int err;

	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_device_resume(ctx->conn, zone, device);
	if (err != 0) {
		return report_zone(ctx, err, "resume", zone);
	}
	printf("%s: %s goes on\n", zone, device);
	return EXIT_OK;
}

int cmd_resize(struct context *ctx, const struct args *args)
{
	const char *zone = args->positionals[0];
	const char *device = args->positionals[1];
	int status = context_connect(ctx);
	char text[32];
	uint64_t size;
	int err;

	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_device_resize(ctx->conn, zone, device, &size);
	if (err != 0) {
		return report_zone(ctx, err, "resize", zone);
	}
	format_bytes(size, text, sizeof(text));
	printf("%s: %s has %s\n", zone, device, text);
	return EXIT_OK;
}
