/* SPDX-License-Identifier: BSD-2-Clause */
#include "io_user.h"

#include <pwd.h>
#include <stddef.h>

bool io_user_find(uid_t *ret_uid, gid_t *ret_gid)
{
	struct passwd *found = NULL;
	struct passwd user;
	char text[4096];

	if (getpwnam_r(IO_USER_NAME, &user, text, sizeof(text), &found) != 0 ||
	    found == NULL || user.pw_uid == 0 || user.pw_gid == 0) {
		return false;
	}
	*ret_uid = user.pw_uid;
	*ret_gid = user.pw_gid;
	return true;
}
