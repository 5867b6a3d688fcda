/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storage pools: folders, which files of our own tell of.  Nothing is kept in
 * memory.  Functions block; any thread.
 *
 * A pool that is called "default" is always there, unless another one is called
 * so: hvd's folder of images, where virt-install puts disks that are given a size only.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_POOL_H
#define ZV_TOOLSTACK_LIBVIRT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uuid.h"
#include "vir_error.h"

#define POOL_NAME_MAX 200u /* bytes, NUL included */
#define POOL_PATH_MAX 1024u
#define POOLS_MAX 256u

struct pool {
	char name[POOL_NAME_MAX];
	char path[POOL_PATH_MAX];
	uint8_t uuid[UUID_SIZE];
	bool started; /* by its definition */
	bool active; /* started, and the folder is there */
};

/* What is kept where. */
struct pool_store {
	char dir[POOL_PATH_MAX]; /* of definitions */
	char images[POOL_PATH_MAX]; /* folder of the default pool */
};

/* All of them, by name.  free() them.  0, or -1 with the error set. */
int pool_list(const struct pool_store *store, struct pool **ret_pools,
	      uint32_t *ret_count, struct vir_error_text *ret_error);

/* By uuid, or if that is NULL by name.  0, or -1 with the error set. */
int pool_find(const struct pool_store *store, const uint8_t *uuid,
	      const char *name, struct pool *ret_pool,
	      struct vir_error_text *ret_error);

/* The active one whose folder path is in; *ret_name: its file there. */
int pool_find_path(const struct pool_store *store, const char *path,
		   struct pool *ret_pool, const char **ret_name,
		   struct vir_error_text *ret_error);

/* Its XML, from a client.  A uuid is made if it has none. */
int pool_parse(const char *xml, struct pool *ret_pool,
	       struct vir_error_text *ret_error);

/*
 * Defines it: one of the same name and uuid is replaced; if it is active it has to
 * have the same folder, and stays so.  With
 * start it is active afterwards, for which its folder has to be there.
 */
int pool_define(const struct pool_store *store, struct pool *pool, bool start,
		struct vir_error_text *ret_error);

int pool_start(const struct pool_store *store, const uint8_t *uuid, bool start,
	       struct vir_error_text *ret_error);
int pool_undefine(const struct pool_store *store, const uint8_t *uuid,
		  struct vir_error_text *ret_error);

/* Makes the folder, not those it is in. */
int pool_build(const struct pool *pool, struct vir_error_text *ret_error);

struct pool_space {
	uint64_t capacity;
	uint64_t available;
};

/* Of its file system; nothing of one that is not active. */
void pool_space(const struct pool *pool, struct pool_space *ret_space);

/* Its XML; NULL: out of memory. */
char *pool_format(const struct pool *pool);

#endif /* ZV_TOOLSTACK_LIBVIRT_POOL_H */
