/* SPDX-License-Identifier: BSD-2-Clause */
#include "gnutls_lib.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whose functions <gnutls/gnutls.h> declares. */
#define LIBRARY "libgnutls.so.30"

static const struct {
	const char *name;
	size_t offset; /* of the pointer to it */
} functions[] = {
#define ROW(name) { "gnutls_" #name, offsetof(struct gnutls_lib, name) },
	GNUTLS_LIB_FUNCTIONS(ROW)
#undef ROW
};

const struct gnutls_lib *gnutls_lib_load(void)
{
	static struct gnutls_lib lib;
	static bool loaded;
	void *handle = loaded ? NULL : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (loaded || !handle) {
		return loaded ? &lib : NULL;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *at = dlsym(handle, functions[i].name);

		if (!at) {
			dlclose(handle);
			return NULL;
		}
		memcpy((char *)&lib + functions[i].offset, &at, sizeof(at));
	}
	loaded = true;
	return &lib;
}
