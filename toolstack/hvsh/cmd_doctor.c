// SPDX-License-Identifier: BSD-2-Clause
/* Looks whether zones can run here, and says what to do where they cannot. */
#include "hvsh.h"

#include <dirent.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zv/version.h>

#define FINDINGS_MAX 16
#define IO_USER "hvd-io"
#define DEFINITIONS "/etc/hvd/zones"
#define USER_NET_PROGRAM "passt"
/* What a small zone needs. */
#define LITTLE_MEMORY (32ull << 20)

enum level {
	LEVEL_OK,
	LEVEL_NOTE, /* something that some zones want is not there */
	LEVEL_BAD, /* no zone can run */
};

struct finding {
	const char *check;
	enum level level;
	char *detail;
	const char *mend; /* or NULL */
};

struct doctor {
	struct context *ctx;
	const char *root; /* where this machine's files are */
	struct finding findings[FINDINGS_MAX];
	size_t count;
	bool connected; /* to the daemon */
	char *daemon_hint; /* if not */
};

static void found(struct doctor *d, const char *check, enum level level,
		  const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static void found(struct doctor *d, const char *check, enum level level,
		  const char *mend, const char *fmt, ...)
{
	struct finding *f = &d->findings[d->count];
	va_list args;

	if (d->count == FINDINGS_MAX) {
		return;
	}
	va_start(args, fmt);
	if (vasprintf(&f->detail, fmt, args) < 0) {
		f->detail = NULL;
	}
	va_end(args);
	f->check = check;
	f->level = level;
	f->mend = level == LEVEL_OK ? NULL : mend;
	d->count++;
}

static bool exists(const struct doctor *d, const char *path)
{
	char full[PATH_MAX];

	return (size_t)snprintf(full, sizeof(full), "%s%s", d->root, path) <
		       sizeof(full) &&
	       access(full, F_OK) == 0;
}

/* ------------------------------------------------- what is on the machine */

static void check_module(struct doctor *d)
{
	if (exists(d, "/dev/zonevisor")) {
		found(d, "module", LEVEL_OK, NULL, "/dev/zonevisor is there");
	} else if (exists(d, "/sys/module/zonevisor")) {
		found(d, "module", LEVEL_BAD,
		      "see whether udev or mdev runs, or mount devtmpfs on /dev",
		      "loaded, but there is no /dev/zonevisor");
	} else {
		found(d, "module", LEVEL_BAD,
		      "modprobe zonevisor; if that fails 'dmesg' tells why: on "
		      "a machine without the hypervisor it cannot work",
		      "zonevisor.ko is not loaded");
	}
}

static void check_io_user(struct doctor *d)
{
	if (getpwnam(IO_USER) != NULL) {
		found(d, "user", LEVEL_OK, NULL, "there is a user " IO_USER);
	} else {
		found(d, "user", LEVEL_NOTE,
		      "make a system user " IO_USER ", which nothing else uses",
		      "no user " IO_USER ": I/O processes share nobody's");
	}
}

static void check_file(struct doctor *d, const char *check, const char *path,
		       const char *without, const char *mend)
{
	if (exists(d, path)) {
		found(d, check, LEVEL_OK, NULL, "%s is there", path);
	} else {
		found(d, check, LEVEL_NOTE, mend, "no %s: %s", path, without);
	}
}

static bool in_path(const char *program)
{
	const char *at = getenv("PATH");
	char full[PATH_MAX];

	while (at != NULL && *at != '\0') {
		size_t len = strcspn(at, ":");
		int n = snprintf(full, sizeof(full), "%.*s/%s", (int)len, at,
				 program);

		if (n > 0 && (size_t)n < sizeof(full) &&
		    access(full, X_OK) == 0) {
			return true;
		}
		at += len + (at[len] == ':');
	}
	return false;
}

static void check_machine(struct doctor *d)
{
	check_module(d);
	check_io_user(d);
	check_file(d, "bridged network", "/dev/net/tun",
		   "zones have no bridged network devices", "modprobe tun");
	check_file(d, "fast network", "/dev/vhost-net",
		   "I/O processes move the packets, which costs more",
		   "modprobe vhost_net");
	if (in_path(USER_NET_PROGRAM)) {
		found(d, "user network", LEVEL_OK, NULL,
		      USER_NET_PROGRAM " is there");
	} else {
		found(d, "user network", LEVEL_NOTE,
		      "install the package '" USER_NET_PROGRAM "'",
		      "no " USER_NET_PROGRAM
		      ": zones have no network devices in user mode");
	}
}

/* ------------------------------------------------------ what the daemon says */

static void check_daemon(struct doctor *d)
{
	const struct hvd_error *error;

	if (d->ctx->conn == NULL) {
		d->ctx->conn = hvd_new(d->ctx->socket);
	}
	if (d->ctx->conn == NULL) {
		found(d, "daemon", LEVEL_BAD, NULL, "out of memory");
		return;
	}
	if (hvd_is_connected(d->ctx->conn) || hvd_connect(d->ctx->conn) == 0) {
		d->connected = context_connect(d->ctx) == EXIT_OK;
	}
	if (d->connected) {
		found(d, "daemon", LEVEL_OK, NULL, "hvd answers at %s",
		      hvd_path(d->ctx->conn));
		return;
	}
	error = hvd_last_error(d->ctx->conn);
	d->daemon_hint = error->hint != NULL ? strdup(error->hint) : NULL;
	found(d, "daemon", LEVEL_BAD, d->daemon_hint, "%s", error->message);
}

static void failed(struct doctor *d, const char *check)
{
	found(d, check, LEVEL_BAD, "look into hvd's log", "%s",
	      hvd_last_error(d->ctx->conn)->message);
}

static void check_version(struct doctor *d)
{
	struct hvd_version_info *info;

	if (hvd_version(d->ctx->conn, &info) != 0) {
		failed(d, "versions");
		return;
	}
	found(d, "versions",
	      strcmp(info->version, ZV_VERSION) == 0 ? LEVEL_OK : LEVEL_NOTE,
	      "restart hvd after an upgrade: zones go on running",
	      "hvsh %s, hvd %s", ZV_VERSION, info->version);
	if (info->hypervisor) {
		found(d, "hypervisor", LEVEL_OK, NULL, "connected, ABI %s",
		      info->abi);
	} else {
		found(d, "hypervisor", LEVEL_BAD,
		      "boot this machine with the hypervisor, and load "
		      "zonevisor.ko",
		      "hvd is not connected to one");
	}
	hvd_version_free(info);
}

static void check_memory(struct doctor *d)
{
	struct hvd_host_info *info;
	char text[32];

	if (hvd_host_info(d->ctx->conn, &info) != 0) {
		/* Without a hypervisor, which has been told. */
		return;
	}
	format_bytes(info->memory_free, text, sizeof(text));
	found(d, "memory",
	      info->memory_free >= LITTLE_MEMORY ? LEVEL_OK : LEVEL_NOTE,
	      "end a zone, or leave zone0 less memory: docs/architecture.md",
	      "%s free for zones", text);
	hvd_host_info_free(info);
}

static bool is_known(const struct hvd_zone *zones, size_t count,
		     const char *file)
{
	size_t len = strlen(file) - strlen(".json");

	for (size_t i = 0; i < count; i++) {
		if (strlen(zones[i].name) == len &&
		    strncmp(zones[i].name, file, len) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_definition(const char *file)
{
	const char *end = strrchr(file, '.');

	return file[0] != '.' && end != NULL && strcmp(end, ".json") == 0;
}

/* The daemon leaves out what it cannot read, and what is not called as its zone. */
static void check_definitions(struct doctor *d, const struct hvd_zone *zones,
			      size_t count)
{
	unsigned int left_out = 0;
	char path[PATH_MAX];
	char first[256] = "";
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s" DEFINITIONS, d->root);
	dir = opendir(path);
	if (dir == NULL) {
		return; /* another place, or none to look at */
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!is_definition(entry->d_name) ||
		    is_known(zones, count, entry->d_name)) {
			continue;
		}
		if (left_out++ == 0) {
			snprintf(first, sizeof(first), "%.255s", entry->d_name);
		}
	}
	closedir(dir);
	if (left_out == 0) {
		found(d, "definitions", LEVEL_OK, NULL, "all files are read");
	} else {
		found(d, "definitions", LEVEL_NOTE,
		      "hvd's log says why; 'hvsh define FILE' says where it is "
		      "wrong",
		      "%u left out: %s%s", left_out, first,
		      left_out > 1 ? " and others" : "");
	}
}

static void check_zones(struct doctor *d)
{
	const char *name = NULL;
	struct hvd_zone *zones;
	unsigned int crashed = 0;
	size_t count;

	if (hvd_zone_list(d->ctx->conn, &zones, &count) != 0) {
		failed(d, "zones");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(zones[i].state, "crashed") == 0) {
			crashed++;
			name = zones[i].name;
		}
	}
	if (crashed == 0) {
		found(d, "zones", LEVEL_OK, NULL, "%zu, none has crashed",
		      count);
	} else {
		found(d, "zones", LEVEL_NOTE,
		      "'hvsh info NAME' tells where; 'hvsh start' or 'hvsh "
		      "destroy' ends it",
		      "%u crashed: %s%s", crashed, name,
		      crashed > 1 ? " and others" : "");
	}
	check_definitions(d, zones, count);
	hvd_zone_list_free(zones, count);
}

/* ------------------------------------------------------------------- output */

static const char *level_name(enum level level)
{
	static const char *const names[] = {
		[LEVEL_OK] = "ok",
		[LEVEL_NOTE] = "note",
		[LEVEL_BAD] = "bad",
	};

	return names[level];
}

static void print_findings(const struct doctor *d)
{
	static const enum paint paints[] = {
		[LEVEL_OK] = PAINT_GOOD,
		[LEVEL_NOTE] = PAINT_WARN,
		[LEVEL_BAD] = PAINT_BAD,
	};

	for (size_t i = 0; i < d->count; i++) {
		const struct finding *f = &d->findings[i];
		enum paint paint = paints[f->level];

		printf("%s%-4s%s  %-16s ", paint_start(paint, d->ctx->color),
		       level_name(f->level), paint_end(paint, d->ctx->color),
		       f->check);
		print_clean(f->detail != NULL ? f->detail : "?");
		putchar('\n');
		if (f->mend != NULL) {
			printf("%-24s", "");
			print_clean(f->mend);
			putchar('\n');
		}
	}
}

static void print_findings_json(const struct doctor *d)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < d->count; i++) {
		const struct finding *f = &d->findings[i];
		struct json_object *one = json_object_new_object();

		json_object_object_add(one, "check",
				       json_object_new_string(f->check));
		json_object_object_add(
			one, "level",
			json_object_new_string(level_name(f->level)));
		json_object_object_add(
			one, "detail",
			json_object_new_string(f->detail != NULL ? f->detail
								 : "?"));
		if (f->mend != NULL) {
			json_object_object_add(one, "mend",
					       json_object_new_string(f->mend));
		}
		json_object_array_add(all, one);
	}
	print_json(json_object_to_json_string(all));
	json_object_put(all);
}

int cmd_doctor(struct context *ctx, const struct args *args)
{
	const char *root = args_value(args, "root");
	struct doctor d = { .ctx = ctx, .root = root != NULL ? root : "" };
	bool bad = false;

	check_machine(&d);
	check_daemon(&d);
	if (d.connected) {
		check_version(&d);
		check_memory(&d);
		check_zones(&d);
	}
	if (args_has(args, "json")) {
		print_findings_json(&d);
	} else {
		print_findings(&d);
	}
	for (size_t i = 0; i < d.count; i++) {
		bad = bad || d.findings[i].level == LEVEL_BAD;
		free(d.findings[i].detail);
	}
	free(d.daemon_hint);
	return !d.connected ? EXIT_CONNECT : bad ? EXIT_REQUEST : EXIT_OK;
}
