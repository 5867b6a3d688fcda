// SPDX-License-Identifier: BSD-2-Clause
#include <ctype.h>
#include <string.h>

#include "uuid.h"
#include "zone_def.h"

bool zone_def_name_valid(const char *name)
{
	size_t len = strlen(name);
	uint8_t uuid[UUID_SIZE];

	if (len == 0 || len >= ZV_NAME_MAX ||
	    !isalnum((unsigned char)name[0]) || uuid_parse(name, uuid)) {
		return false;
	}
	for (size_t i = 1; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!isalnum(c) && c != '.' && c != '_' && c != '-') {
			return false;
		}
	}
	return true;
}
