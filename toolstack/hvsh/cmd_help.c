// SPDX-License-Identifier: BSD-2-Clause
/* Commands about the shell itself. */
#include "hvsh.h"

#include <stdio.h>
#include <string.h>

#define HELP_WIDTH 78

static void print_option(const struct option *option)
{
	char left[48];

	snprintf(left, sizeof(left), "%s%c%s --%s%s%s",
		 option->letter != '\0' ? "-" : " ",
		 option->letter != '\0' ? option->letter : ' ',
		 option->letter != '\0' ? "," : " ", option->name,
		 option->value != NULL ? " " : "",
		 option->words != NULL	 ? option->words
		 : option->value != NULL ? option->value
					 : "");
	printf("  %-24s %s\n", left, option->help);
}

static void print_options(const struct option *options)
{
	for (; options->name != NULL; options++) {
		print_option(options);
	}
	printf("  %-24s %s\n", "-h, --help", "print this help");
}

static int name_width(void)
{
	const struct command *command;
	size_t width = 0;

	for (command = commands; command->name != NULL; command++) {
		if (strlen(command->name) > width) {
			width = strlen(command->name);
		}
	}
	return (int)width;
}

static void print_group(enum group group)
{
	const struct command *command;

	printf("\n%s\n", group_title(group));
	for (command = commands; command->name != NULL; command++) {
		if (command->group == group) {
			printf("  %-*s  %s\n", name_width(), command->name,
			       command->summary);
		}
	}
}

void help_overview(void)
{
	puts("usage: hvsh [OPTION]... [COMMAND [ARGUMENT]...]\n\n"
	     "The shell of Zonevisor. Without a command it reads commands: "
	     "with a prompt\nfrom a terminal, else one a line.");
	for (int group = 0; group < GROUP_COUNT; group++) {
		print_group((enum group)group);
	}
	puts("\nOptions");
	print_options(global_options);
	puts("\n'hvsh help COMMAND' explains a command; see also hvsh(1).\n"
	     "Exit status: 0 done, 1 refused, 2 usage, 3 no connection, "
	     "4 out of time,\n5 there is a difference, 130 interrupted.");
}

/* Breaks a paragraph at blanks. */
static void print_wrapped(const char *text)
{
	size_t used = 0, len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (used > 0 && used + 1 + len > HELP_WIDTH) {
			putchar('\n');
			used = 0;
		}
		printf("%s%.*s", used > 0 ? " " : "", (int)len, text);
		used += len + (used > 0);
		text += len;
		text += *text == ' ';
	}
	putchar('\n');
}

void help_command(const struct command *command)
{
	char usage[USAGE_MAX];

	command_usage(command, usage, sizeof(usage));
	printf("usage: hvsh %s\n\n%s\n", usage, command->summary);
	if (command->help != NULL) {
		print_wrapped(command->help);
	}
	if (command->alias != NULL) {
		printf("\nAlso called '%s'.\n", command->alias);
	}
	puts("\nOptions");
	print_options(command->options);
}

int cmd_help(struct context *ctx, const struct args *args)
{
	const struct command *command;

	(void)ctx;
	if (args->positional_count == 0) {
		help_overview();
		return EXIT_OK;
	}
	command = command_find(args->positionals[0]);
	if (command == NULL) {
		command_unknown(args->positionals[0]);
		return EXIT_USAGE;
	}
	help_command(command);
	return EXIT_OK;
}

int cmd_quit(struct context *ctx, const struct args *args)
{
	(void)ctx;
	(void)args;
	return EXIT_QUIT;
}
