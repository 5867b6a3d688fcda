/* SPDX-License-Identifier: BSD-2-Clause */
#include "blk/nbd_lib.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whose functions <libnbd.h> declares. */
#define LIBRARY "libnbd.so.0"

static const struct {
	const char *name;
	size_t offset; /* of the pointer to it */
} functions[] = {
#define ROW(name) { "nbd_" #name, offsetof(struct nbd_lib, name) },
	NBD_LIB_FUNCTIONS(ROW)
#undef ROW
};

const struct nbd_lib *nbd_lib_load(void)
{
	static struct nbd_lib lib;
	static bool loaded;
	/* All symbols at once: later no file can be opened to look for one. */
	void *handle = loaded ? NULL : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (loaded || handle == NULL) {
		return loaded ? &lib : NULL;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *at = dlsym(handle, functions[i].name);

		if (at == NULL) {
			dlclose(handle);
			return NULL;
		}
		memcpy((char *)&lib + functions[i].offset, &at, sizeof(at));
	}
	loaded = true;
	return &lib;
}
