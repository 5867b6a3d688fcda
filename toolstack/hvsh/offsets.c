// SPDX-License-Identifier: BSD-2-Clause
/*
 * Remembers how far each console has been shown: one small file for each
 * console, "ZONE-ID OFFSET".  It is a convenience: failures are silent.
 */
#include "hvsh.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes each folder of the path before its last slash. */
static bool make_parents(char *path)
{
	char *slash = path;

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		mkdir(path, 0700); /* it may be there already */
		*slash = '/';
	}
	slash = strrchr(path, '/');
	*slash = '\0';
	if (access(path, W_OK) != 0) {
		*slash = '/';
		return false;
	}
	*slash = '/';
	return true;
}

char *cache_path(const char *name)
{
	const char *dir = getenv("XDG_CACHE_HOME");
	const char *middle = "";
	char *path;

	/* The specification: relative paths are to be ignored. */
	if (dir == NULL || dir[0] != '/') {
		dir = getenv("HOME");
		middle = "/.cache";
	}
	if (dir == NULL || dir[0] != '/' ||
	    asprintf(&path, "%s%s/hvsh/%s", dir, middle, name) < 0) {
		return NULL;
	}
	if (!make_parents(path)) {
		free(path);
		return NULL;
	}
	return path;
}

/* The daemon's words become part of a file's name. */
static void append_safe(char *name, size_t size, const char *text)
{
	size_t len = strlen(name);

	for (; *text != '\0' && len + 1 < size; text++) {
		name[len++] = strchr("/.", *text) != NULL ? '_' : *text;
	}
	name[len] = '\0';
}

static char *offset_path(const struct offset_key *key)
{
	char name[160] = "console/";

	append_safe(name, sizeof(name), key->uuid);
	append_safe(name, sizeof(name), "-");
	append_safe(name, sizeof(name),
		    key->device != NULL ? key->device : "default");
	return cache_path(name);
}

bool offset_load(const struct offset_key *key, uint64_t *ret_offset)
{
	char *path = offset_path(key);
	uint64_t offset;
	int64_t zone_id;
	FILE *file;
	int count;

	if (path == NULL) {
		return false;
	}
	file = fopen(path, "re");
	free(path);
	if (file == NULL) {
		return false;
	}
	count = fscanf(file, "%" SCNd64 " %" SCNu64, &zone_id, &offset);
	fclose(file);
	if (count != 2 || zone_id != key->zone_id) {
		return false;
	}
	*ret_offset = offset;
	return true;
}

static bool write_offset(const char *path, int64_t zone_id, uint64_t offset)
{
	FILE *file = fopen(path, "we");
	bool good;

	if (file == NULL) {
		return false;
	}
	good = fprintf(file, "%" PRId64 " %" PRIu64 "\n", zone_id, offset) > 0;
	return fclose(file) == 0 && good;
}

void offset_save(const struct offset_key *key, uint64_t offset)
{
	char *path = offset_path(key);
	char *temporary;

	if (path == NULL) {
		return;
	}
	/* Two sessions on one console each leave a whole file. */
	if (asprintf(&temporary, "%s.%ld", path, (long)getpid()) >= 0) {
		if (!write_offset(temporary, key->zone_id, offset) ||
		    rename(temporary, path) != 0) {
			unlink(temporary);
		}
		free(temporary);
	}
	free(path);
}
