/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where hvd writes a screenshot for us: a folder of each call's own, beside the
 * sockets.  Who is killed leaves it to the next process.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_SHOT_FOLDER_H
#define ZV_TOOLSTACK_LIBVIRT_SHOT_FOLDER_H

#include <limits.h>

#define SHOT_FOLDER_PICTURE "/screen.png"

struct shot_folder {
	char dir[PATH_MAX]; /* "": there is none */
	char picture[PATH_MAX + sizeof(SHOT_FOLDER_PICTURE)];
};

/* In that folder, which is root's: 0 or -errno. */
int shot_folder_make(struct shot_folder *folder, const char *parent);

/* With the picture, if it is there; hvd may be about to make it. */
void shot_folder_remove(const struct shot_folder *folder);

/* All that a process left which served the same sockets. */
void shot_folder_remove_left(const char *parent);

#endif /* ZV_TOOLSTACK_LIBVIRT_SHOT_FOLDER_H */
