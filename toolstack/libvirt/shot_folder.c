/* SPDX-License-Identifier: BSD-2-Clause */
#include "shot_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define PREFIX "virthvdd-"
#define TEMPLATE PREFIX "XXXXXX"

static int set(struct shot_folder *folder, const char *parent, const char *name)
{
	int len = snprintf(folder->dir, sizeof(folder->dir), "%s/%s", parent,
			   name);

	if (len < 0 || (size_t)len >= sizeof(folder->dir)) {
		folder->dir[0] = '\0';
		return -ENAMETOOLONG;
	}
	snprintf(folder->picture, sizeof(folder->picture), "%s%s", folder->dir,
		 SHOT_FOLDER_PICTURE);
	return 0;
}

int shot_folder_make(struct shot_folder *folder, const char *parent)
{
	int rc = set(folder, parent, TEMPLATE);

	if (rc == 0 && !mkdtemp(folder->dir)) {
		rc = -errno;
		folder->dir[0] = '\0';
	}
	if (rc == 0) {
		memcpy(folder->picture, folder->dir, strlen(folder->dir));
	}
	return rc;
}

void shot_folder_remove(const struct shot_folder *folder)
{
	if (!folder->dir[0]) {
		return;
	}
	unlink(folder->picture);
	if (rmdir(folder->dir) < 0 && errno == ENOTEMPTY) {
		/* It has just been made, once and for all. */
		unlink(folder->picture);
		rmdir(folder->dir);
	}
}

void shot_folder_remove_left(const char *parent)
{
	struct shot_folder folder;
	struct dirent *entry;
	DIR *stream = opendir(parent);

	while (stream && (entry = readdir(stream))) {
		if (entry->d_type == DT_DIR &&
		    strlen(entry->d_name) == strlen(TEMPLATE) &&
		    strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
		    set(&folder, parent, entry->d_name) == 0) {
			log_info("removing %s, of a screenshot that was not "
				 "finished",
				 folder.dir);
			shot_folder_remove(&folder);
		}
	}
	if (stream) {
		closedir(stream);
	}
}
