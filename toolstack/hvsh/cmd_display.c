// SPDX-License-Identifier: BSD-2-Clause
/* Commands about screens and keys. */
#include "hvsh.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suggest.h"

#define KEYS_MAX 15u /* as many words as there may be beside the zone */
#define HEADS_MAX 3u /* the number of the last one */
#define HOLD_MAX_MS 10000u
#define PLACE_MAX 160 /* an address and a port, or a socket */
#define VNC_PORT 5900 /* of display 0 */

static bool get_head(const struct args *args, uint32_t *ret_head)
{
	uint64_t head;

	if (!args_number(args, "head", 0, HEADS_MAX, &head)) {
		complain("%s: --head is not 0 to %u", args->command, HEADS_MAX);
		return false;
	}
	*ret_head = (uint32_t)head;
	return true;
}

/* ------------------------------------------------------------- screenshot */

static int shoot(struct context *ctx, const char *zone, uint32_t head,
		 const char *path, unsigned int flags)
{
	int err;

	progress_start(ctx, "screenshot", zone);
	err = hvd_display_screenshot(ctx->conn, zone, head, path, flags);
	progress_stop(ctx);
	if (err == -ENOENT) { /* a path in other errors is that of the file */
		return report_zone(ctx, err, "screenshot", zone);
	}
	if (err != 0) {
		return report(ctx, err, "screenshot %s", zone);
	}
	printf("%s: head %u is in ", zone, head);
	print_clean(path);
	printf("\n");
	return EXIT_OK;
}

int cmd_screenshot(struct context *ctx, const struct args *args)
{
	unsigned int flags = args_has(args, "force") ? HVD_SCREENSHOT_FORCE : 0;
	struct json_object *path;
	uint32_t head;
	int status;

	if (!get_head(args, &head)) {
		return EXIT_USAGE;
	}
	/* The daemon has another working directory. */
	path = definition_path(args->positionals[1]);
	if (path == NULL) {
		return EXIT_REQUEST;
	}
	status = context_connect(ctx);
	if (status == EXIT_OK) {
		status = shoot(ctx, args->positionals[0], head,
			       json_object_get_string(path), flags);
	}
	json_object_put(path);
	return status;
}

/* ---------------------------------------------------------------- display */

static void add_monitor(struct table *table,
			const struct hvd_display_head *head)
{
	if (head->connector == NULL) {
		table_add(table, PAINT_DIM, "-");
	} else if (head->mode_width == 0) {
		table_add(table, PAINT_NONE, "%s: %s", head->connector,
			  head->monitor_error != NULL ? head->monitor_error
						      : "dark");
	} else {
		table_add(table, PAINT_NONE, "%s %ux%u@%u", head->connector,
			  head->mode_width, head->mode_height, head->refresh);
	}
}

static void add_head(struct table *table, const struct hvd_display_head *head)
{
	table_add(table, PAINT_NONE, "%u", head->head);
	if (head->width != 0) {
		table_add(table, PAINT_NONE, "%ux%u", head->width,
			  head->height);
	} else {
		table_add(table, PAINT_DIM, "nothing");
	}
	if (head->port != 0) {
		table_add(table, PAINT_NONE, "%s", head->address);
		table_add(table, PAINT_NONE, "%u", head->port);
	} else {
		table_add(table, PAINT_DIM, "-");
		table_add(table, PAINT_DIM, "-");
	}
	table_add(table, PAINT_NONE, "%s", head->socket);
}

static void print_card(const struct hvd_display *display)
{
	printf("Card:      ");
	print_clean(display->card);
	if (display->card_error != NULL) {
		printf(": ");
		print_clean(display->card_error);
	}
	printf("\n");
}

static void print_display(const struct context *ctx,
			  const struct hvd_display *display)
{
	static const struct column columns[] = {
		{ "HEAD", true, false },     { "SHOWS", false, false },
		{ "ADDRESS", false, false }, { "PORT", true, false },
		{ "SOCKET", false, false },  { "MONITOR", false, false },
	};
	/* Without a card there is none. */
	size_t count =
		sizeof(columns) / sizeof(columns[0]) - (display->card == NULL);
	struct table table;

	table_init(&table, columns, count);
	for (size_t i = 0; i < display->head_count; i++) {
		add_head(&table, &display->heads[i]);
		if (display->card != NULL) {
			add_monitor(&table, &display->heads[i]);
		}
	}
	table_print(&table, ctx->color);
	table_fini(&table);
	printf("\nDevice:    %s\nViewers:   %u\nPassword:  %s\n",
	       display->device, display->viewers,
	       display->password ? "yes" : "no");
	printf("TLS:       %s%s\n", display->tls != NULL ? display->tls : "no",
	       display->viewer_certificates ? ", and viewers need a certificate"
					    : "");
	if (display->card != NULL) {
		print_card(display);
	}
	printf("Restarts:  %" PRIu64 "%s\n", display->restarts,
	       display->pid == 0 ? " (it is being started)" : "");
}

static int print_display_json(struct context *ctx, const char *zone)
{
	struct json_object *params = json_object_new_object();
	char *text;
	int err;

	json_object_object_add(params, "name", json_object_new_string(zone));
	err = hvd_call(ctx->conn, "display.get",
		       json_object_to_json_string(params), &text);
	json_object_put(params);
	if (err != 0) {
		return report_zone(ctx, err, "display", zone);
	}
	print_json(text);
	free(text);
	return EXIT_OK;
}

int cmd_display(struct context *ctx, const struct args *args)
{
	const char *zone = args->positionals[0];
	struct hvd_display *display;
	int status = context_connect(ctx);
	int err;

	if (status != EXIT_OK) {
		return status;
	}
	if (args_has(args, "json")) {
		return print_display_json(ctx, zone);
	}
	err = hvd_display_get(ctx->conn, zone, &display);
	if (err != 0) {
		return report_zone(ctx, err, "display", zone);
	}
	print_display(ctx, display);
	hvd_display_free(display);
	return EXIT_OK;
}

/* -------------------------------------------------------------------- vnc */

/* Where who is on this machine finds it. */
static const char *local_address(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0 ? "127.0.0.1"
	       : strcmp(address, "::") == 0    ? "[::1]"
					       : address;
}

/* The operand of each viewer, "" if it cannot; in the order of preference. */
struct viewer {
	const char *program;
	char operand[PLACE_MAX];
	const char
		*security; /* -SecurityTypes; NULL: no TLS, or it finds out */
	char authority[PATH_MAX]; /* -X509CA */
};

#define VIEWERS 3
#define VIEWER_WORDS 7u /* of a viewer's command line, and NULL */

/* TigerVNC's cannot show a certificate, and takes any that it is told to trust. */
static void use_tls(const struct hvd_display *display,
		    const struct hvd_display_head *head, struct viewer *ret)
{
	if (display->viewer_certificates) {
		snprintf(ret->operand, PLACE_MAX, "%s", head->socket);
		return;
	}
	ret->security = display->password ? "X509Vnc" : "X509None";
	snprintf(ret->authority, sizeof(ret->authority), "%s/server-cert.pem",
		 display->tls);
}

static void list_viewers(const struct hvd_display *display,
			 const struct hvd_display_head *head,
			 struct viewer ret[VIEWERS])
{
	const char *address;
	char bracketed[PLACE_MAX];

	ret[0] = (struct viewer){ .program = "vncviewer" };
	ret[1] = (struct viewer){ .program = "gvncviewer" };
	ret[2] = (struct viewer){ .program = "remote-viewer" };
	if (head->port == 0) {
		snprintf(ret[0].operand, PLACE_MAX, "%s", head->socket);
		return;
	}
	address = local_address(head->address);
	snprintf(bracketed, sizeof(bracketed),
		 strchr(address, ':') != NULL && address[0] != '[' ? "[%s]"
								   : "%s",
		 address);
	snprintf(ret[0].operand, PLACE_MAX, "%.100s::%u", bracketed,
		 head->port);
	snprintf(ret[1].operand, PLACE_MAX, "%.100s:%d", bracketed,
		 head->port - VNC_PORT);
	snprintf(ret[2].operand, PLACE_MAX, "vnc://%.100s:%u", bracketed,
		 head->port);
	if (display->tls != NULL) {
		use_tls(display, head, &ret[0]);
	}
}

static void list_words(const struct viewer *viewer,
		       const char *ret[VIEWER_WORDS])
{
	size_t count = 0;

	ret[count++] = viewer->program;
	if (viewer->security != NULL) {
		ret[count++] = "-SecurityTypes";
		ret[count++] = viewer->security;
		ret[count++] = "-X509CA";
		ret[count++] = viewer->authority;
	}
	ret[count++] = viewer->operand;
	ret[count] = NULL;
}

/* Does not come back. */
static void become_viewer(const struct viewer viewers[VIEWERS])
{
	for (int i = 0; i < VIEWERS; i++) {
		const char *words[VIEWER_WORDS];

		if (viewers[i].operand[0] != '\0') {
			list_words(&viewers[i], words);
			execvp(words[0], (char *const *)(uintptr_t)words);
		}
	}
	_exit(127);
}

static int run_viewer(const struct hvd_display *display,
		      const struct hvd_display_head *head)
{
	struct viewer viewers[VIEWERS];
	int status = -1;
	pid_t pid;

	list_viewers(display, head, viewers);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		become_viewer(viewers);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
	if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 127) {
		return status == 0 ? EXIT_OK : EXIT_REQUEST;
	}
	complain("vnc: there is no viewer that could be started");
	if (head->port == 0) {
		hint("install tigervnc-viewer, which can use a socket, or give "
		     "the gpu a port: \"vnc\": {} ('hvsh edit')");
	} else {
		hint("install tigervnc-viewer, gvncviewer or virt-viewer");
	}
	return EXIT_REQUEST;
}

static void print_way(const struct hvd_display *display,
		      const struct hvd_display_head *head)
{
	struct viewer viewers[VIEWERS];
	const char *words[VIEWER_WORDS];

	list_viewers(display, head, viewers);
	list_words(&viewers[0], words);
	if (head->port != 0) {
		printf("%s port %u%s%s%s\n", head->address, head->port,
		       display->tls != NULL ? ", with TLS" : "",
		       display->viewer_certificates
			       ? ", with a certificate of the viewer's"
			       : "",
		       display->password ? ", with a password" : "");
	}
	printf("%s\n\nHere:           ", head->socket);
	for (size_t i = 0; words[i] != NULL; i++) {
		printf(" %s", words[i]);
	}
	if (viewers[0].security != NULL) {
		printf("\nWith TLS:        the same from elsewhere, with a copy "
		       "of %s and HOST::%u",
		       viewers[0].authority, head->port);
	}
	printf("\nFrom elsewhere:  ssh -L 5999:%s HOST, then vncviewer "
	       "localhost::5999\n",
	       head->socket);
}

static int show_vnc(const struct args *args, const struct hvd_display *display,
		    uint32_t number)
{
	if (number >= display->head_count) {
		complain("vnc %s: there is no head %u", args->positionals[0],
			 number);
		hint("'hvsh display %s' shows them", args->positionals[0]);
		return EXIT_REQUEST;
	}
	if (args_has(args, "viewer")) {
		return run_viewer(display, &display->heads[number]);
	}
	print_way(display, &display->heads[number]);
	return EXIT_OK;
}

int cmd_vnc(struct context *ctx, const struct args *args)
{
	const char *zone = args->positionals[0];
	struct hvd_display *display;
	uint32_t head;
	int status;
	int err;

	if (!get_head(args, &head)) {
		return EXIT_USAGE;
	}
	status = context_connect(ctx);
	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_display_get(ctx->conn, zone, &display);
	if (err != 0) {
		return report_zone(ctx, err, "vnc", zone);
	}
	status = show_vnc(args, display, head);
	hvd_display_free(display);
	return status;
}

/* ---------------------------------------------------------------- sendkey */

static void offer_near(void *arg, const char *name)
{
	suggest_offer(arg, name);
}

static int unknown_key(const char *word)
{
	struct suggest near;

	suggest_start(&near, word);
	key_names(offer_near, &near);
	complain("sendkey: '%s' is no key", word);
	if (suggest_best(&near) != NULL) {
		hint("did you mean '%s'?", suggest_best(&near));
	} else {
		hint("as in ctrl alt del, KEY_ENTER, f1, a, or a code of "
		     "Linux' input-event-codes.h");
	}
	return EXIT_USAGE;
}

int cmd_sendkey(struct context *ctx, const struct args *args)
{
	const char *zone = args->positionals[0];
	size_t count = args->positional_count - 1;
	uint32_t keys[KEYS_MAX];
	uint64_t hold_ms;
	int status;
	int err;

	for (size_t i = 0; i < count; i++) {
		keys[i] = key_code(args->positionals[i + 1]);
		if (keys[i] == 0) {
			return unknown_key(args->positionals[i + 1]);
		}
	}
	if (!args_number(args, "hold", 0, HOLD_MAX_MS, &hold_ms)) {
		complain("sendkey: --hold is not 1 to %u milliseconds",
			 HOLD_MAX_MS);
		return EXIT_USAGE;
	}
	status = context_connect(ctx);
	if (status != EXIT_OK) {
		return status;
	}
	err = hvd_display_send_keys(ctx->conn, zone, keys, count,
				    (uint32_t)hold_ms);
	if (err != 0) {
		return report_zone(ctx, err, "sendkey", zone);
	}
	printf("%s: pressed\n", zone);
	return EXIT_OK;
}
