// SPDX-License-Identifier: BSD-2-Clause
#include "pool.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libxml/tree.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "domain_xml_rows.h"
#include "json.h"
#include "name_uuid.h"
#include "store.h"
#include "xml_text.h"

#define DEFAULT_NAME "default"
#define FILE_PREFIX "pool-"
#define FILE_NAME_SIZE (sizeof(FILE_PREFIX) + UUID_TEXT_SIZE)

/* A definition is looked for and written by one at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * Absolute and without "", "." and ".." in it: two paths that differ are two
 * folders as far as they say, and a volume's path begins with its pool's.
 */
static bool path_is_plain(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len < 2 || len >= POOL_PATH_MAX ||
	    !xml_can_hold(path)) {
		return false;
	}
	while (*path) {
		size_t part = strcspn(path + 1, "/");

		if (part == 0 || (part == 1 && path[1] == '.') ||
		    (part == 2 && path[1] == '.' && path[2] == '.')) {
			return false;
		}
		path += 1 + part;
	}
	return true;
}

static bool name_is_valid(const char *name)
{
	return strlen(name) < POOL_NAME_MAX && !strchr(name, '/') &&
	       xml_can_hold(name);
}

static void look(struct pool *pool)
{
	struct stat st;

	pool->active = pool->started && stat(pool->path, &st) == 0 &&
		       S_ISDIR(st.st_mode);
}

/* ---------------------------------------------------------- definitions */

struct listing {
	struct pool *pools;
	uint32_t count;
};

static const char *read_pool(struct json_object *json, struct pool *pool)
{
	const char *name = json_text(json, "name");
	const char *path = json_text(json, "path");

	if (!name_is_valid(name) || !path_is_plain(path) ||
	    !uuid_parse(json_text(json, "uuid"), pool->uuid)) {
		return "it is not a storage pool's";
	}
	strcpy(pool->name, name);
	strcpy(pool->path, path);
	pool->started = json_flag(json, "started");
	return NULL;
}

static const char *found(void *arg, const char *name, const char *text,
			 size_t len)
{
	struct listing *listing = arg;
	struct json_object *json;
	const char *wrong;

	(void)name;
	(void)len;
	if (listing->count == POOLS_MAX) {
		return "there are too many pools";
	}
	json = json_tokener_parse(text);
	wrong = read_pool(json, &listing->pools[listing->count]);
	json_object_put(json);
	listing->count += !wrong;
	return wrong;
}

static bool has(const struct listing *listing, const char *name)
{
	for (uint32_t i = 0; i < listing->count; i++) {
		if (strcmp(listing->pools[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static void add_default(const struct pool_store *store, struct listing *listing)
{
	struct pool *pool = &listing->pools[listing->count];

	if (!has(listing, DEFAULT_NAME) && path_is_plain(store->images)) {
		strcpy(pool->name, DEFAULT_NAME);
		strcpy(pool->path, store->images);
		name_uuid("pool", DEFAULT_NAME, pool->uuid);
		pool->started = true;
		listing->count++;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pool *)a)->name,
		      ((const struct pool *)b)->name);
}

/* With the lock held. */
static int load(const struct pool_store *store, struct listing *listing,
		struct vir_error_text *ret_error)
{
	int rc;

	listing->count = 0;
	listing->pools = calloc(POOLS_MAX + 1, sizeof(*listing->pools));
	if (!listing->pools) {
		return vir_error_set(ret_error, VIR_ERR_NO_MEMORY,
				     "out of memory");
	}
	rc = store_load(store->dir, found, listing);
	if (rc < 0 && rc != -ENOENT) {
		free(listing->pools);
		return vir_error_set(ret_error, VIR_ERR_OPERATION_FAILED,
				     "cannot read %s: %s", store->dir,
				     strerror(-rc));
	}
	add_default(store, listing);
	qsort(listing->pools, listing->count, sizeof(*listing->pools), by_name);
	return 0;
}

int pool_list(const struct pool_store *store, struct pool **ret_pools,
	      uint32_t *ret_count, struct vir_error_text *ret_error)
{
	struct listing listing;
	int rc;

	pthread_mutex_lock(&lock);
	rc = load(store, &listing, ret_error);
	pthread_mutex_unlock(&lock);
	if (rc < 0) {
		return rc;
	}
	for (uint32_t i = 0; i < listing.count; i++) {
		look(&listing.pools[i]);
	}
	*ret_pools = listing.pools;
	*ret_count = listing.count;
	return 0;
}

/* ---------------------------------------------------------------- finding */

static int find_in(const struct listing *listing, const uint8_t *uuid,
		   const char *name, struct pool *ret_pool,
		   struct vir_error_text *ret_error)
{
	char text[UUID_TEXT_SIZE] = "";

	for (uint32_t i = 0; i < listing->count; i++) {
		const struct pool *pool = &listing->pools[i];

		if (uuid ? memcmp(pool->uuid, uuid, UUID_SIZE) == 0
			 : strcmp(pool->name, name) == 0) {
			*ret_pool = *pool;
			return 0;
		}
	}
	if (uuid) {
		uuid_format(uuid, text);
	}
	return vir_error_set(ret_error, VIR_ERR_NO_STORAGE_POOL,
			     "no storage pool with matching %s '%s'",
			     uuid ? "uuid" : "name", uuid ? text : name);
}

/* With the lock held. */
static int find(const struct pool_store *store, const uint8_t *uuid,
		const char *name, struct pool *ret_pool,
		struct vir_error_text *ret_error)
{
	struct listing listing;
	int rc = load(store, &listing, ret_error);

	if (rc == 0) {
		rc = find_in(&listing, uuid, name, ret_pool, ret_error);
		free(listing.pools);
	}
	return rc;
}

int pool_find(const struct pool_store *store, const uint8_t *uuid,
	      const char *name, struct pool *ret_pool,
	      struct vir_error_text *ret_error)
{
	int rc;

	pthread_mutex_lock(&lock);
	rc = find(store, uuid, name, ret_pool, ret_error);
	pthread_mutex_unlock(&lock);
	if (rc == 0) {
		look(ret_pool);
	}
	return rc;
}

int pool_find_path(const struct pool_store *store, const char *path,
		   struct pool *ret_pool, const char **ret_name,
		   struct vir_error_text *ret_error)
{
	const char *slash = strrchr(path, '/');
	struct pool *pools;
	uint32_t count;
	int rc = -1;

	if (pool_list(store, &pools, &count, ret_error) < 0) {
		return -1;
	}
	for (uint32_t i = 0; slash && rc < 0 && i < count; i++) {
		size_t len = strlen(pools[i].path);

		if (pools[i].active && len == (size_t)(slash - path) &&
		    memcmp(pools[i].path, path, len) == 0) {
			*ret_pool = pools[i];
			*ret_name = slash + 1;
			rc = 0;
		}
	}
	free(pools);
	if (rc < 0) {
		vir_error_set(ret_error, VIR_ERR_NO_STORAGE_VOL,
			      "no storage vol with matching path '%s'", path);
	}
	return rc;
}

/* ---------------------------------------------------------------- changes */

static void file_name(const uint8_t *uuid, char ret_name[FILE_NAME_SIZE])
{
	strcpy(ret_name, FILE_PREFIX);
	uuid_format(uuid, ret_name + strlen(FILE_PREFIX));
}

static int set_error(struct vir_error_text *ret_error,
		     const struct zerror *error)
{
	return vir_error_set(ret_error, VIR_ERR_OPERATION_FAILED, "%s%s%s",
			     error->message, error->hint[0] ? ": " : "",
			     error->hint);
}

/* With the lock held. */
static int save(const struct pool_store *store, const struct pool *pool,
		struct vir_error_text *ret_error)
{
	struct json_object *json = json_object_new_object();
	char file[FILE_NAME_SIZE];
	char uuid[UUID_TEXT_SIZE];
	struct zerror error;
	int rc;

	file_name(pool->uuid, file);
	uuid_format(pool->uuid, uuid);
	json_put(json, "name", json_object_new_string(pool->name));
	json_put(json, "uuid", json_object_new_string(uuid));
	json_put(json, "path", json_object_new_string(pool->path));
	json_put(json, "started", json_object_new_boolean(pool->started));
	rc = store_make_dir(store->dir, 0755);
	if (rc < 0) {
		json_object_put(json);
		return vir_error_set(ret_error, VIR_ERR_OPERATION_FAILED,
				     "cannot make %s: %s", store->dir,
				     strerror(-rc));
	}
	rc = store_save(
		store->dir, file,
		json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY),
		&error);
	json_object_put(json);
	return rc < 0 ? set_error(ret_error, &error) : 0;
}

static int must_be_there(const struct pool *pool,
			 struct vir_error_text *ret_error)
{
	struct pool look_at = *pool;

	look_at.started = true;
	look(&look_at);
	return look_at.active
		       ? 0
		       : vir_error_set(ret_error, VIR_ERR_OPERATION_FAILED,
				       "storage pool '%s': there is no "
				       "folder %s: make it (virsh "
				       "pool-build)",
				       pool->name, pool->path);
}

/* May pool become what others are not? */
static int clashes(const struct listing *listing, struct pool *pool, bool start,
		   struct vir_error_text *ret_error)
{
	for (uint32_t i = 0; i < listing->count; i++) {
		struct pool other = listing->pools[i];
		bool name = strcmp(other.name, pool->name) == 0;
		bool uuid = memcmp(other.uuid, pool->uuid, UUID_SIZE) == 0;

		look(&other);
		if (name != uuid) {
			return vir_error_set(
				ret_error, VIR_ERR_OPERATION_FAILED,
				"pool '%s' already exists with another %s",
				other.name, name ? "uuid" : "name");
		}
		if (name && other.active) {
			if (start || strcmp(other.path, pool->path) != 0) {
				return vir_error_set(
					ret_error, VIR_ERR_OPERATION_INVALID,
					"storage pool '%s' is already active",
					other.name);
			}
			pool->started = true; /* as it is */
		}
		if (!name && strcmp(other.path, pool->path) == 0) {
			return vir_error_set(
				ret_error, VIR_ERR_OPERATION_FAILED,
				"pool '%s' has the folder %s already",
				other.name, other.path);
		}
	}
	if (listing->count >= POOLS_MAX) {
		return vir_error_set(ret_error, VIR_ERR_OPERATION_FAILED,
				     "there are %u storage pools: no more are "
				     "possible",
				     listing->count);
	}
	return 0;
}

int pool_define(const struct pool_store *store, struct pool *pool, bool start,
		struct vir_error_text *ret_error)
{
	struct listing listing;
	int rc;

	pool->started = start;
	if (start && must_be_there(pool, ret_error) < 0) {
		return -1;
	}
	pthread_mutex_lock(&lock);
	rc = load(store, &listing, ret_error);
	if (rc == 0) {
		rc = clashes(&listing, pool, start, ret_error);
		free(listing.pools);
	}
	if (rc == 0) {
		rc = save(store, pool, ret_error);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int pool_start(const struct pool_store *store, const uint8_t *uuid, bool start,
	       struct vir_error_text *ret_error)
{
	struct pool pool;
	int rc;

	pthread_mutex_lock(&lock);
	rc = find(store, uuid, NULL, &pool, ret_error);
	if (rc == 0) {
		look(&pool);
		/* One whose folder has gone can be stopped, too. */
		if (start ? pool.active : !pool.started) {
			rc = vir_error_set(ret_error, VIR_ERR_OPERATION_INVALID,
					   "storage pool '%s' is %s active",
					   pool.name,
					   start ? "already" : "not");
		}
	}
	if (rc == 0 && start) {
		rc = must_be_there(&pool, ret_error);
	}
	if (rc == 0) {
		pool.started = start;
		rc = save(store, &pool, ret_error);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int pool_undefine(const struct pool_store *store, const uint8_t *uuid,
		  struct vir_error_text *ret_error)
{
	char file[FILE_NAME_SIZE];
	struct zerror error;
	struct pool pool;
	int rc;

	pthread_mutex_lock(&lock);
	rc = find(store, uuid, NULL, &pool, ret_error);
	if (rc == 0) {
		look(&pool);
		if (pool.active) {
			rc = vir_error_set(ret_error, VIR_ERR_OPERATION_INVALID,
					   "storage pool '%s' is still active",
					   pool.name);
		}
	}
	if (rc == 0) {
		file_name(pool.uuid, file);
		if (store_remove(store->dir, file, &error) < 0) {
			rc = set_error(ret_error, &error);
		}
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int pool_build(const struct pool *pool, struct vir_error_text *ret_error)
{
	if (mkdir(pool->path, 0711) < 0 && errno != EEXIST) {
		return vir_error_set(ret_error, VIR_ERR_OPERATION_FAILED,
				     "cannot make %s: %s", pool->path,
				     strerror(errno));
	}
	return 0;
}

/* -------------------------------------------------------------------- XML */

static int read_xml(const xmlNode *root, struct pool *pool,
		    struct vir_error_text *ret_error)
{
	const char *type = xml_value(root, "@type");
	const char *name = xml_value(root, "name");
	const char *uuid = xml_value(root, "uuid");
	const char *path = xml_value(root, "target/path");
	size_t len;

	if (strcmp((const char *)root->name, "pool") != 0) {
		return vir_error_set(ret_error, VIR_ERR_XML_ERROR,
				     "<%.64s> is not <pool>",
				     (const char *)root->name);
	}
	if (!type || strcmp(type, "dir") != 0) {
		return vir_error_set(ret_error, VIR_ERR_CONFIG_UNSUPPORTED,
				     "<pool type='%.64s'>: there are pools of "
				     "type 'dir' only",
				     type ? type : "");
	}
	if (!name || !name_is_valid(name)) {
		return vir_error_set(ret_error, VIR_ERR_XML_ERROR,
				     "<name>: a pool's name has 1 to %u bytes "
				     "without '/' and control characters",
				     POOL_NAME_MAX - 1);
	}
	strcpy(pool->name, name);
	if (uuid ? !uuid_parse(uuid, pool->uuid)
		 : uuid_generate(pool->uuid) < 0) {
		return vir_error_set(ret_error, VIR_ERR_XML_ERROR,
				     "<uuid>: not a uuid");
	}
	len = path ? strlen(path) : 0;
	while (len > 1 && path[len - 1] == '/') {
		len--;
	}
	if (len >= POOL_PATH_MAX) {
		len = 0;
	}
	snprintf(pool->path, sizeof(pool->path), "%.*s", (int)len,
		 path ? path : "");
	if (!path_is_plain(pool->path)) {
		return vir_error_set(ret_error, VIR_ERR_XML_ERROR,
				     "<target><path>: a folder's absolute path "
				     "without '//', '.' and '..' in it");
	}
	return 0;
}

int pool_parse(const char *xml, struct pool *ret_pool,
	       struct vir_error_text *ret_error)
{
	xmlDoc *doc = xml_read(xml, strlen(xml), ret_error);
	struct pool pool = { 0 };
	int rc;

	if (!doc) {
		return -1;
	}
	rc = read_xml(xmlDocGetRootElement(doc), &pool, ret_error);
	xmlFreeDoc(doc);
	if (rc == 0) {
		*ret_pool = pool;
	}
	return rc;
}

void pool_space(const struct pool *pool, struct pool_space *ret_space)
{
	struct statvfs vfs;

	*ret_space = (struct pool_space){ 0 };
	if (pool->active && statvfs(pool->path, &vfs) == 0) {
		ret_space->capacity = (uint64_t)vfs.f_blocks * vfs.f_frsize;
		ret_space->available = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	}
}

char *pool_format(const struct pool *pool)
{
	char uuid[UUID_TEXT_SIZE];
	struct pool_space space;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to) {
		return NULL;
	}
	uuid_format(pool->uuid, uuid);
	pool_space(pool, &space);
	fputs("<pool type='dir'>\n", to);
	xml_put_element(to, 1, "name", pool->name);
	xml_put_element(to, 1, "uuid", uuid);
	fprintf(to,
		"  <capacity unit='bytes'>%" PRIu64 "</capacity>\n"
		"  <allocation unit='bytes'>%" PRIu64 "</allocation>\n"
		"  <available unit='bytes'>%" PRIu64 "</available>\n"
		"  <source>\n  </source>\n  <target>\n",
		space.capacity, space.capacity - space.available,
		space.available);
	xml_put_element(to, 2, "path", pool->path);
	fputs("  </target>\n</pool>\n", to);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
