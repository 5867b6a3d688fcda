/* SPDX-License-Identifier: BSD-2-Clause */
/* From a member to the struct it is in. */
#ifndef ZV_BACKENDS_CORE_CONTAINER_OF_H
#define ZV_BACKENDS_CORE_CONTAINER_OF_H

#include <stddef.h>

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

#endif /* ZV_BACKENDS_CORE_CONTAINER_OF_H */
