/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes: the regular files in a pool's folder.  A symbolic link is none, so
 * that nothing leads out of it, nor is what is hidden or has a name that XML cannot
 * hold.  Functions block; any thread.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_VOLUME_H
#define ZV_TOOLSTACK_LIBVIRT_VOLUME_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool.h"
#include "vir_error.h"

struct volume {
	char name[NAME_MAX + 1];
	char path[POOL_PATH_MAX + NAME_MAX + 1]; /* its key, too */
	uint64_t capacity; /* what a guest sees */
	uint64_t allocation; /* what it takes on the disk */
	unsigned int mode;
	unsigned int owner;
	unsigned int group;
	bool qcow2; /* by its first bytes; else it is taken for raw */
};

/* What a file is to become. */
struct volume_plan {
	char name[NAME_MAX + 1];
	uint64_t capacity;
	uint64_t allocation;
};

/* Names, sorted; at most LIST_MAX.  free() each, and the array. */
int volume_names(const struct pool *pool, char ***ret_names,
		 uint32_t *ret_count, struct vir_error_text *ret_error);
void volume_names_free(char **names, uint32_t count);

int volume_get(const struct pool *pool, const char *name,
	       struct volume *ret_volume, struct vir_error_text *ret_error);

int volume_parse(const char *xml, struct volume_plan *ret_plan,
		 struct vir_error_text *ret_error);

/* Only a raw one that is not there yet; on the disk afterwards, or not there. */
int volume_create(const struct pool *pool, const struct volume_plan *plan,
		  struct vir_error_text *ret_error);

/*
 * The same with the contents of another one, which no running zone may write to,
 * and at least its size; what is not reserved there is not here.  It gives up when
 * *gone becomes true.
 */
int volume_clone(const struct pool *pool, const struct volume_plan *plan,
		 const struct pool *from, const char *from_name,
		 const atomic_bool *gone, struct vir_error_text *ret_error);

/* Not one that a running zone has. */
int volume_delete(const struct pool *pool, const char *name,
		  struct vir_error_text *ret_error);

/* Its XML; NULL: out of memory. */
char *volume_format(const struct volume *volume);

#endif /* ZV_TOOLSTACK_LIBVIRT_VOLUME_H */
