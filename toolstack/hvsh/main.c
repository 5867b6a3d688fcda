// SPDX-License-Identifier: BSD-2-Clause
/* hvsh: starts with the words of the command line. */
#include "hvsh.h"

#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zv/version.h>

#define TIMEOUT_DEFAULT_S 120

/* https://no-color.org: set and not empty means no colours. */
static bool want_color(const char *when)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (when != NULL && strcmp(when, "auto") != 0) {
		return strcmp(when, "always") == 0;
	}
	return isatty(STDOUT_FILENO) &&
	       (no_color == NULL || no_color[0] == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

static bool set_globals(struct context *ctx, const struct args *args)
{
	uint64_t timeout;

	if (!args_number(args, "timeout", TIMEOUT_DEFAULT_S, INT_MAX / 1000,
			 &timeout)) {
		return false;
	}
	ctx->timeout_s = (int)timeout;
	ctx->socket = args_value(args, "socket");
	ctx->color = want_color(args_value(args, "color"));
	return true;
}

static void print_candidate(const char *candidate, void *arg)
{
	(void)arg;
	puts(candidate);
}

/* The words may begin with global options of their own: --socket counts. */
static int print_completion(struct context *ctx, int argc,
			    const char *const *argv)
{
	struct args_error error;
	struct args args;
	int used;

	if (argc > 0 && args_parse_leading(global_options, argc - 1, argv,
					   &args, &used, &error)) {
		if (args_has(&args, "socket")) {
			ctx->socket = args_value(&args, "socket");
		}
	}
	complete_words(ctx, argc, argv, print_candidate, NULL);
	return finish_output(EXIT_OK);
}

static int run(struct context *ctx, const struct args *globals, int argc,
	       const char *const *argv)
{
	if (args_has(globals, "complete")) {
		return print_completion(ctx, argc, argv);
	}
	if (globals->help) {
		help_overview();
		return finish_output(EXIT_OK);
	}
	if (args_has(globals, "version")) {
		puts("hvsh " ZV_VERSION);
		return finish_output(EXIT_OK);
	}
	if (argc > 0) {
		return command_run(ctx, argc, argv);
	}
	return isatty(STDIN_FILENO) ? interactive(ctx) : batch(ctx);
}

int main(int argc, char **argv)
{
	/* Words are never changed. */
	const char *const *words = (const char *const *)argv;
	struct context ctx = { 0 };
	struct args_error error;
	struct args globals;
	int used, status;

	setlocale(LC_CTYPE, "");
	if (!args_parse_leading(global_options, argc - 1, words + 1, &globals,
				&used, &error)) {
		complain("%s", error.text);
		hint("'hvsh --help' lists options and commands");
		return EXIT_USAGE;
	}
	if (!set_globals(&ctx, &globals)) {
		return EXIT_USAGE;
	}
	signals_init();
	status = run(&ctx, &globals, argc - 1 - used, words + 1 + used);
	context_fini(&ctx);
	return status == EXIT_QUIT ? EXIT_OK : status;
}
