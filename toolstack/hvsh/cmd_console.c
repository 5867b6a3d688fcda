// SPDX-License-Identifier: BSD-2-Clause
/* The command that opens a console. */
#include "hvsh.h"

#include <string.h>

int cmd_console(struct context *ctx, const struct args *args)
{
	const char *from = args_value(args, "from");
	struct console_request request = {
		.zone = args->positionals[0],
		.options = { .device = args_value(args, "device") },
		.resume = from == NULL,
	};
	int status;

	if (from != NULL && strcmp(from, "end") == 0) {
		request.options.from = HVD_CONSOLE_FROM_END;
	}
	if (args_has(args, "force")) {
		request.options.flags |= HVD_CONSOLE_FORCE;
	}
	if (args_has(args, "readonly")) {
		request.options.flags |= HVD_CONSOLE_READONLY;
	}
	status = context_connect(ctx);
	return status != EXIT_OK ? status : console_session(ctx, &request);
}
