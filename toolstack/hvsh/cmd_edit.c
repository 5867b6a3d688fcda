// SPDX-License-Identifier: BSD-2-Clause
/*
 * The command that edits a definition.  The text is in a file of the user's own
 * until the daemon has taken it; after a failure the file is kept.
 */
#include "hvsh.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct edit {
	const char *name;
	uint64_t generation;
	char *before; /* what the file had at first */
	char *path;
};

enum outcome {
	OUTCOME_DONE, /* nothing is left to be kept */
	OUTCOME_WRONG, /* the user can correct it */
	OUTCOME_LOST, /* ... cannot */
};

static bool write_all(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len > 0) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR) {
			return false;
		}
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return true;
}

/* Nobody else can read it: mkstemps() makes files so. */
static bool make_file(struct edit *edit)
{
	static const char suffix[] = ".json"; /* for the editor's colours */
	const char *dir = getenv("TMPDIR");
	bool good;
	int fd;

	if (dir == NULL || dir[0] != '/') {
		dir = "/tmp";
	}
	if (asprintf(&edit->path, "%s/hvsh-XXXXXX%s", dir, suffix) < 0) {
		edit->path = NULL;
		out_of_memory();
		return false;
	}
	fd = mkstemps(edit->path, (int)strlen(suffix));
	if (fd < 0) {
		complain("cannot make a file in %s: %s", dir, strerror(errno));
		return false;
	}
	good = write_all(fd, edit->before);
	if (!good) {
		complain("cannot write %s: %s", edit->path, strerror(errno));
	}
	if (close(fd) != 0 || !good) {
		unlink(edit->path);
		return false;
	}
	return true;
}

/* Another name would make another zone and leave this one as it is. */
static bool check_name(const struct edit *edit, const char *text)
{
	struct json_object *json = json_tokener_parse(text);
	const char *name =
		json_object_get_string(json_object_object_get(json, "name"));
	bool same = name != NULL && strcmp(name, edit->name) == 0;

	json_object_put(json);
	if (!same) {
		complain("edit %s: the name must stay", edit->name);
		fprintf(stderr, "  at $.name in %s\n", edit->path);
		hint("'hvsh define' makes another zone");
	}
	return same;
}

static enum outcome give_to_daemon(struct context *ctx, const struct edit *edit,
				   const char *text, int *ret_status)
{
	int err;

	/* Editing takes its time: the daemon may be another by now. */
	*ret_status = context_connect(ctx);
	if (*ret_status != EXIT_OK) {
		return OUTCOME_WRONG;
	}
	err = definition_put(ctx, text, edit->generation);
	*ret_status = exit_status_of(err);
	if (err == 0) {
		return OUTCOME_DONE;
	}
	if (definition_was_changed(ctx)) {
		complain("edit %s: somebody else has changed the definition "
			 "meanwhile; nothing was overwritten",
			 edit->name);
		return OUTCOME_LOST;
	}
	report_file(ctx, err, "edit", edit->path);
	return OUTCOME_WRONG;
}

static bool is_same(const char *a, const char *b)
{
	struct json_object *x = json_tokener_parse(a);
	struct json_object *y = json_tokener_parse(b);
	bool same = json_object_equal(x, y) != 0;

	json_object_put(x);
	json_object_put(y);
	return same;
}

/* What the editor has left in the file. */
static enum outcome take(struct context *ctx, const struct edit *edit,
			 int *ret_status)
{
	enum outcome outcome = OUTCOME_WRONG;
	char *text = definition_read(edit->path);

	*ret_status = EXIT_REQUEST;
	if (text == NULL) {
		return OUTCOME_WRONG;
	}
	if (is_same(text, edit->before)) {
		printf("%s: not changed\n", edit->name);
		*ret_status = EXIT_OK;
		outcome = OUTCOME_DONE;
	} else if (check_name(edit, text)) {
		outcome = give_to_daemon(ctx, edit, text, ret_status);
	}
	free(text);
	return outcome;
}

/* Is there nothing in it that would be a pity? */
static bool is_untouched(const struct edit *edit)
{
	size_t len;
	char *text = file_read(edit->path, &len);
	bool same = text != NULL && strcmp(text, edit->before) == 0;

	free(text);
	return same;
}

static void end(const struct edit *edit, bool keep)
{
	if (!keep || is_untouched(edit)) {
		unlink(edit->path);
		return;
	}
	hint("what you wrote is in %s", edit->path);
}

static int edit_file(struct context *ctx, const struct edit *edit)
{
	enum outcome outcome = OUTCOME_LOST;
	int status;

	do {
		status = EXIT_REQUEST;
		if (!editor_run(edit->path)) {
			outcome = OUTCOME_LOST;
			break;
		}
		if (signals_pending() != 0) {
			outcome = OUTCOME_LOST;
			status = signals_exit_status();
			break;
		}
		outcome = take(ctx, edit, &status);
	} while (outcome == OUTCOME_WRONG && ask("edit again?"));
	end(edit, outcome != OUTCOME_DONE);
	return status;
}

int cmd_edit(struct context *ctx, const struct args *args)
{
	struct hvd_zone_detail *detail;
	struct edit edit = { 0 };
	int status = definition_get(ctx, "edit", args->positionals[0], &detail);

	if (status != EXIT_OK) {
		return status;
	}
	edit.name = detail->zone.name;
	edit.generation = detail->generation;
	edit.before = definition_format(detail->definition);
	if (edit.before == NULL) {
		status = out_of_memory();
	} else {
		status =
			make_file(&edit) ? edit_file(ctx, &edit) : EXIT_REQUEST;
	}
	free(edit.before);
	free(edit.path);
	hvd_zone_detail_free(detail);
	return status;
}
