// SPDX-License-Identifier: BSD-2-Clause
/* Commands from a prompt, with history and completion, or from a pipe. */
#include "hvsh.h"

#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define HISTORY_SIZE 1000
#define CANDIDATES_MAX 256
#define LIST_WIDTH 80

/* Who types "hvsh list" here, as in a shell, means "list". */
static void drop_own_name(struct words *words)
{
	if (words->count > 0 && strcmp(words->words[0], "hvsh") == 0) {
		words->count--;
		memmove(&words->words[0], &words->words[1],
			((size_t)words->count + 1) * sizeof(words->words[0]));
	}
}

/* Runs one line; EXIT_QUIT ends the shell. */
static int run_line(struct context *ctx, const char *line)
{
	struct args_error error;
	struct words words;
	int status = EXIT_OK;

	if (!words_split(line, &words, &error)) {
		complain("%s", error.text);
		words_fini(&words);
		return EXIT_USAGE;
	}
	drop_own_name(&words);
	if (words.count > 0) {
		status = command_run(ctx, words.count,
				     (const char *const *)words.words);
	}
	words_fini(&words);
	return status;
}

int batch(struct context *ctx)
{
	char *line = NULL;
	size_t size = 0;
	int status = EXIT_OK;

	while (status == EXIT_OK && signals_pending() == 0 &&
	       getline(&line, &size, stdin) >= 0) {
		status = run_line(ctx, line);
	}
	free(line);
	return status == EXIT_OK && signals_pending() != 0
		       ? signals_exit_status()
		       : status;
}

struct candidates {
	char *words[CANDIDATES_MAX];
	size_t count;
};

static void collect(const char *candidate, void *arg)
{
	struct candidates *candidates = arg;
	char *copy;

	if (candidates->count < CANDIDATES_MAX &&
	    (copy = strdup(candidate)) != NULL) {
		candidates->words[candidates->count++] = copy;
	}
}

static void candidates_fini(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++) {
		free(candidates->words[i]);
	}
}

static size_t common_length(const struct candidates *candidates)
{
	const char *first = candidates->words[0];
	size_t len = strlen(first), same;

	for (size_t i = 1; i < candidates->count; i++) {
		for (same = 0; same < len; same++) {
			if (candidates->words[i][same] != first[same]) {
				break;
			}
		}
		len = same;
	}
	return len;
}

static void show_candidates(const struct candidates *candidates)
{
	size_t width = 0, column = 0, len;

	for (size_t i = 0; i < candidates->count; i++) {
		len = strlen(candidates->words[i]) + 2;
		width = len > width ? len : width;
	}
	putchar('\n');
	for (size_t i = 0; i < candidates->count; i++) {
		if (column > 0 && column + width > LIST_WIDTH) {
			putchar('\n');
			column = 0;
		}
		printf("%-*s", (int)width, candidates->words[i]);
		column += width;
	}
	putchar('\n');
	fflush(stdout);
}

/* Puts in what all candidates share; a blank if there is but one. */
static unsigned char
insert_common(EditLine *el, const struct candidates *candidates, size_t typed)
{
	size_t len = common_length(candidates);
	const char *word = candidates->words[0];
	char insert[600];

	if (candidates->count > 1 && len <= typed) {
		show_candidates(candidates);
		return CC_REDISPLAY;
	}
	if (len < typed || len - typed + 2 > sizeof(insert)) {
		return CC_ERROR;
	}
	memcpy(insert, word + typed, len - typed);
	insert[len - typed] = '\0';
	if (candidates->count == 1 && (len == 0 || word[len - 1] != '/')) {
		strcat(insert, " ");
	}
	return el_insertstr(el, insert) == 0 ? CC_REFRESH : CC_ERROR;
}

static unsigned char complete_line(EditLine *el, const char *line)
{
	struct candidates candidates = { .count = 0 };
	struct args_error error;
	unsigned char result = CC_ERROR;
	struct context *ctx;
	struct words words;
	size_t len = strlen(line);
	char empty[] = "";

	el_get(el, EL_CLIENTDATA, &ctx);
	/* Of the errors only an open quote leaves words to complete. */
	if ((words_split(line, &words, &error) || words.open) &&
	    words.count < WORDS_MAX) {
		if (!words.open && (len == 0 || line[len - 1] == ' ')) {
			words.words[words.count++] = empty;
		}
		if (words.count > 1) {
			drop_own_name(&words);
		}
		complete_words(ctx, words.count,
			       (const char *const *)words.words, collect,
			       &candidates);
		if (candidates.count > 0) {
			result = insert_common(
				el, &candidates,
				strlen(words.words[words.count - 1]));
		}
	}
	words_fini(&words);
	candidates_fini(&candidates);
	return result;
}

static unsigned char on_complete(EditLine *el, wint_t key)
{
	const LineInfo *info = el_line(el);
	char *line =
		strndup(info->buffer, (size_t)(info->cursor - info->buffer));
	unsigned char result;

	(void)key;
	if (line == NULL) {
		return CC_ERROR;
	}
	result = complete_line(el, line);
	free(line);
	return result;
}

static char *prompt(EditLine *el)
{
	static char text[] = "hvsh> ";

	(void)el;
	return text;
}

static History *open_history(const char *file)
{
	History *hist = history_init();
	HistEvent event;

	if (hist == NULL) {
		return NULL;
	}
	history(hist, &event, H_SETSIZE, HISTORY_SIZE);
	history(hist, &event, H_SETUNIQUE, 1);
	if (file != NULL) {
		history(hist, &event, H_LOAD, file);
	}
	return hist;
}

static EditLine *open_editor(struct context *ctx, History *hist)
{
	EditLine *el = el_init("hvsh", stdin, stdout, stderr);

	if (el == NULL) {
		return NULL;
	}
	el_set(el, EL_CLIENTDATA, ctx);
	el_set(el, EL_PROMPT, prompt);
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_SIGNAL, 1);
	el_set(el, EL_HIST, history, hist);
	/* The narrow call would copy the strings, and never free them. */
	el_wset(el, EL_ADDFN, L"hvsh-complete", L"complete the word",
		on_complete);
	el_set(el, EL_BIND, "^I", "hvsh-complete", NULL);
	el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_source(el, NULL);
	return el;
}

static bool must_stop(void)
{
	return signals_pending() != 0 && signals_pending() != SIGINT;
}

static int prompt_loop(struct context *ctx, EditLine *el, History *hist)
{
	int status = EXIT_OK;
	HistEvent event;
	const char *line;
	int count;

	while (status != EXIT_QUIT && !must_stop()) {
		signals_clear();
		line = el_gets(el, &count);
		if (line == NULL || count <= 0) {
			putchar('\n');
			/* Ctrl-C forgets the line, all else ends the shell. */
			if (signals_pending() == SIGINT) {
				continue;
			}
			break;
		}
		if (line[strspn(line, " \t\n")] != '\0') {
			history(hist, &event, H_ENTER, line);
		}
		status = run_line(ctx, line);
	}
	return must_stop() ? signals_exit_status() : EXIT_OK;
}

int interactive(struct context *ctx)
{
	char *file = cache_path("history");
	History *hist = open_history(file);
	EditLine *el = open_editor(ctx, hist);
	HistEvent event;
	int status;

	if (hist == NULL || el == NULL) {
		if (el != NULL) {
			el_end(el);
		}
		if (hist != NULL) {
			history_end(hist);
		}
		free(file);
		return out_of_memory();
	}
	ctx->interactive = true;
	puts("Zonevisor shell. 'help' lists the commands, 'quit' leaves.");
	status = prompt_loop(ctx, el, hist);
	if (file != NULL) {
		history(hist, &event, H_SAVE, file);
	}
	el_end(el);
	history_end(hist);
	free(file);
	return status;
}
