// SPDX-License-Identifier: BSD-2-Clause
/* Storage: folders as pools, the files in them as volumes. */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "pool.h"
#include "procedures.h"
#include "storage_call.h"
#include "volume.h"

static int no_memory(struct storage_call *s)
{
	return vir_error_set(&s->error, VIR_ERR_NO_MEMORY, "out of memory");
}

/* XML that is to be freed. */
static int put_xml(struct storage_call *s, char *xml)
{
	if (!xml) {
		return no_memory(s);
	}
	xdr_put_string(&s->reply, xml);
	free(xml);
	return 0;
}

static void put_pool(struct storage_call *s, const struct pool *pool)
{
	xdr_put_string(&s->reply, pool->name);
	xdr_put_fixed(&s->reply, pool->uuid, UUID_SIZE);
}

/* The pool of the arguments. */
static int get_pool(struct storage_call *s, struct pool *ret_pool)
{
	return pool_find(&s->store, s->uuid, NULL, ret_pool, &s->error);
}

/* ---------------------------------------------------------- lists of pools */

/* Of two flags that mean the opposite, one alone asks for something. */
static bool wants(uint32_t flags, uint32_t yes, uint32_t no, bool is)
{
	return !(flags & yes) == !(flags & no) || is == !!(flags & yes);
}

/* Bits of types that are not folders. */
#define OTHER_TYPES                                \
	(VIR_CONNECT_LIST_STORAGE_POOLS_FS |       \
	 VIR_CONNECT_LIST_STORAGE_POOLS_NETFS |    \
	 VIR_CONNECT_LIST_STORAGE_POOLS_LOGICAL |  \
	 VIR_CONNECT_LIST_STORAGE_POOLS_DISK |     \
	 VIR_CONNECT_LIST_STORAGE_POOLS_ISCSI |    \
	 VIR_CONNECT_LIST_STORAGE_POOLS_SCSI |     \
	 VIR_CONNECT_LIST_STORAGE_POOLS_MPATH |    \
	 VIR_CONNECT_LIST_STORAGE_POOLS_RBD |      \
	 VIR_CONNECT_LIST_STORAGE_POOLS_SHEEPDOG | \
	 VIR_CONNECT_LIST_STORAGE_POOLS_GLUSTER |  \
	 VIR_CONNECT_LIST_STORAGE_POOLS_ZFS |      \
	 VIR_CONNECT_LIST_STORAGE_POOLS_VSTORAGE | \
	 VIR_CONNECT_LIST_STORAGE_POOLS_ISCSI_DIRECT)

static bool matches(const struct pool *pool, uint32_t flags)
{
	return wants(flags, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE,
		     VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE, pool->active) &&
	       wants(flags, VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT,
		     VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT, true) &&
	       wants(flags, VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART,
		     VIR_CONNECT_LIST_STORAGE_POOLS_NO_AUTOSTART,
		     pool->started) &&
	       (!(flags & OTHER_TYPES) ||
		(flags & VIR_CONNECT_LIST_STORAGE_POOLS_DIR));
}

/* Leaves only those that match. */
static int list_pools(struct storage_call *s, uint32_t flags,
		      struct pool **ret_pools, uint32_t *ret_count)
{
	uint32_t all;

	if (pool_list(&s->store, ret_pools, &all, &s->error) < 0) {
		return -1;
	}
	*ret_count = 0;
	for (uint32_t i = 0; i < all; i++) {
		if (matches(&(*ret_pools)[i], flags)) {
			(*ret_pools)[(*ret_count)++] = (*ret_pools)[i];
		}
	}
	return 0;
}

static int run_list_all(struct storage_call *s)
{
	struct pool *pools;
	uint32_t count;

	if (list_pools(s, s->flags, &pools, &count) < 0) {
		return -1;
	}
	xdr_put_u32(&s->reply, s->number ? count : 0);
	for (uint32_t i = 0; s->number && i < count; i++) {
		put_pool(s, &pools[i]);
	}
	xdr_put_u32(&s->reply, count);
	free(pools);
	return 0;
}

static int put_names(struct storage_call *s, uint32_t flags)
{
	struct pool *pools;
	uint32_t count;

	if (list_pools(s, flags, &pools, &count) < 0) {
		return -1;
	}
	if (s->number < 0 || count > (uint32_t)s->number) {
		count = s->number < 0 ? 0 : (uint32_t)s->number;
	}
	xdr_put_u32(&s->reply, count);
	for (uint32_t i = 0; i < count; i++) {
		xdr_put_string(&s->reply, pools[i].name);
	}
	free(pools);
	return 0;
}

static int put_count(struct storage_call *s, uint32_t flags)
{
	struct pool *pools;
	uint32_t count;

	if (list_pools(s, flags, &pools, &count) < 0) {
		return -1;
	}
	xdr_put_u32(&s->reply, count);
	free(pools);
	return 0;
}

static int run_list_active(struct storage_call *s)
{
	return put_names(s, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE);
}

static int run_count_active(struct storage_call *s)
{
	return put_count(s, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE);
}

static int run_list_defined(struct storage_call *s)
{
	return put_names(s, VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE);
}

static int run_count_defined(struct storage_call *s)
{
	return put_count(s, VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE);
}

/* -------------------------------------------------------------- one pool */

static int run_pool_by_name(struct storage_call *s)
{
	struct pool pool;

	if (pool_find(&s->store, NULL, s->text, &pool, &s->error) < 0) {
		return -1;
	}
	put_pool(s, &pool);
	return 0;
}

static int run_pool_by_uuid(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0) {
		return -1;
	}
	put_pool(s, &pool);
	return 0;
}

static int run_pool_by_volume(struct storage_call *s)
{
	s->text = s->volume_pool;
	return run_pool_by_name(s);
}

static int run_pool_xml(struct storage_call *s)
{
	struct pool pool;

	return get_pool(s, &pool) < 0 ? -1 : put_xml(s, pool_format(&pool));
}

static int run_pool_info(struct storage_call *s)
{
	struct pool_space space;
	struct pool pool;

	if (get_pool(s, &pool) < 0) {
		return -1;
	}
	pool_space(&pool, &space);
	xdr_put_u32(&s->reply, pool.active ? VIR_STORAGE_POOL_RUNNING
					   : VIR_STORAGE_POOL_INACTIVE);
	xdr_put_u64(&s->reply, space.capacity);
	xdr_put_u64(&s->reply, space.capacity - space.available);
	xdr_put_u64(&s->reply, space.available);
	return 0;
}

static int run_pool_active(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0) {
		return -1;
	}
	xdr_put_i32(&s->reply, pool.active);
	return 0;
}

static int run_pool_persistent(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0) {
		return -1;
	}
	xdr_put_i32(&s->reply, 1);
	return 0;
}

/* What is started is so after the next start of the machine, too. */
static int run_pool_autostart(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0) {
		return -1;
	}
	xdr_put_i32(&s->reply, pool.started);
	return 0;
}

static int run_pool_set_autostart(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0) {
		return -1;
	}
	if (pool.started != !!s->number) {
		return vir_error_set(
			&s->error, VIR_ERR_OPERATION_UNSUPPORTED,
			"a pool that is started stays so after a reboot, one "
			"that is stopped does not start: virsh pool-%s %s",
			s->number ? "start" : "destroy", pool.name);
	}
	return 0;
}

static int define(struct storage_call *s, bool start)
{
	struct pool pool;

	if (pool_parse(s->text, &pool, &s->error) < 0) {
		return -1;
	}
	if (start &&
	    (s->flags & (VIR_STORAGE_POOL_CREATE_WITH_BUILD |
			 VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE)) &&
	    pool_build(&pool, &s->error) < 0) {
		return -1;
	}
	if (pool_define(&s->store, &pool, start, &s->error) < 0) {
		return -1;
	}
	put_pool(s, &pool);
	storage_event(s, &pool, VIR_STORAGE_POOL_EVENT_DEFINED);
	if (start) {
		storage_event(s, &pool, VIR_STORAGE_POOL_EVENT_STARTED);
	}
	return 0;
}

static int run_pool_define(struct storage_call *s)
{
	return define(s, false);
}

static int run_pool_create_xml(struct storage_call *s)
{
	return define(s, true);
}

static int run_pool_create(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0 ||
	    (s->flags != 0 && pool_build(&pool, &s->error) < 0) ||
	    pool_start(&s->store, s->uuid, true, &s->error) < 0) {
		return -1;
	}
	storage_event(s, &pool, VIR_STORAGE_POOL_EVENT_STARTED);
	return 0;
}

static int run_pool_build(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0 || pool_build(&pool, &s->error) < 0) {
		return -1;
	}
	storage_event(s, &pool, VIR_STORAGE_POOL_EVENT_CREATED);
	return 0;
}

static int run_pool_destroy(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0 ||
	    pool_start(&s->store, s->uuid, false, &s->error) < 0) {
		return -1;
	}
	storage_event(s, &pool, VIR_STORAGE_POOL_EVENT_STOPPED);
	return 0;
}

static int run_pool_undefine(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0 ||
	    pool_undefine(&s->store, s->uuid, &s->error) < 0) {
		return -1;
	}
	storage_event(s, &pool, VIR_STORAGE_POOL_EVENT_UNDEFINED);
	return 0;
}

/* Nothing is kept that could be old. */
static int run_pool_refresh(struct storage_call *s)
{
	struct pool pool;

	if (get_pool(s, &pool) < 0) {
		return -1;
	}
	if (!pool.active) {
		return vir_error_set(&s->error, VIR_ERR_OPERATION_INVALID,
				     "storage pool '%s' is not active",
				     pool.name);
	}
	storage_event(s, &pool, STORAGE_REFRESHED);
	return 0;
}

/* --------------------------------------------------------------- volumes */

static void put_volume(struct storage_call *s, const struct pool *pool,
		       const char *name)
{
	char key[sizeof(((struct volume *)0)->path)];

	snprintf(key, sizeof(key), "%s/%s", pool->path, name);
	xdr_put_string(&s->reply, pool->name);
	xdr_put_string(&s->reply, name);
	xdr_put_string(&s->reply, key);
}

static int list_volumes(struct storage_call *s, struct pool *pool,
			char ***ret_names, uint32_t *ret_count)
{
	return get_pool(s, pool) < 0
		       ? -1
		       : volume_names(pool, ret_names, ret_count, &s->error);
}

static int run_count_volumes(struct storage_call *s)
{
	struct pool pool;
	uint32_t count;
	char **names;

	if (list_volumes(s, &pool, &names, &count) < 0) {
		return -1;
	}
	volume_names_free(names, count);
	xdr_put_u32(&s->reply, count);
	return 0;
}

static int run_list_volumes(struct storage_call *s)
{
	uint32_t max = s->number < 0 ? 0 : (uint32_t)s->number;
	struct pool pool;
	uint32_t count;
	char **names;

	if (list_volumes(s, &pool, &names, &count) < 0) {
		return -1;
	}
	xdr_put_u32(&s->reply, count < max ? count : max);
	for (uint32_t i = 0; i < count && i < max; i++) {
		xdr_put_string(&s->reply, names[i]);
	}
	volume_names_free(names, count);
	return 0;
}

static int run_list_all_volumes(struct storage_call *s)
{
	struct pool pool;
	uint32_t count;
	char **names;

	if (list_volumes(s, &pool, &names, &count) < 0) {
		return -1;
	}
	xdr_put_u32(&s->reply, s->number ? count : 0);
	for (uint32_t i = 0; s->number && i < count; i++) {
		put_volume(s, &pool, names[i]);
	}
	volume_names_free(names, count);
	xdr_put_u32(&s->reply, count);
	return 0;
}

static int run_volume_by_name(struct storage_call *s)
{
	struct volume volume;
	struct pool pool;

	if (get_pool(s, &pool) < 0 ||
	    volume_get(&pool, s->text, &volume, &s->error) < 0) {
		return -1;
	}
	put_volume(s, &pool, volume.name);
	return 0;
}

/* Its key is its path. */
static int run_volume_by_path(struct storage_call *s)
{
	struct volume volume;
	struct pool pool;
	const char *name;

	if (pool_find_path(&s->store, s->text, &pool, &name, &s->error) < 0 ||
	    volume_get(&pool, name, &volume, &s->error) < 0) {
		return -1;
	}
	put_volume(s, &pool, volume.name);
	return 0;
}

/* The volume of the arguments. */
static int get_volume(struct storage_call *s, struct pool *ret_pool,
		      struct volume *ret_volume)
{
	if (pool_find(&s->store, NULL, s->volume_pool, ret_pool, &s->error) <
	    0) {
		return -1;
	}
	return volume_get(ret_pool, s->volume, ret_volume, &s->error);
}

static int run_volume_info(struct storage_call *s)
{
	struct volume volume;
	struct pool pool;

	if (get_volume(s, &pool, &volume) < 0) {
		return -1;
	}
	xdr_put_i32(&s->reply, VIR_STORAGE_VOL_FILE);
	xdr_put_u64(&s->reply, volume.capacity);
	xdr_put_u64(&s->reply, volume.allocation);
	return 0;
}

static int run_volume_xml(struct storage_call *s)
{
	struct volume volume;
	struct pool pool;

	return get_volume(s, &pool, &volume) < 0
		       ? -1
		       : put_xml(s, volume_format(&volume));
}

static int run_volume_path(struct storage_call *s)
{
	struct volume volume;
	struct pool pool;

	if (get_volume(s, &pool, &volume) < 0) {
		return -1;
	}
	xdr_put_string(&s->reply, volume.path);
	return 0;
}

static int run_volume_create(struct storage_call *s)
{
	struct volume_plan plan;
	struct pool pool;

	if (get_pool(s, &pool) < 0 ||
	    volume_parse(s->text, &plan, &s->error) < 0 ||
	    volume_create(&pool, &plan, &s->error) < 0) {
		return -1;
	}
	put_volume(s, &pool, plan.name);
	return 0;
}

static int run_volume_clone(struct storage_call *s)
{
	struct volume_plan plan;
	struct volume volume;
	struct pool from;
	struct pool pool;

	if (get_pool(s, &pool) < 0 || get_volume(s, &from, &volume) < 0 ||
	    volume_parse(s->text, &plan, &s->error) < 0) {
		return -1;
	}
	if (volume.qcow2) {
		return vir_error_set(&s->error, VIR_ERR_OPERATION_UNSUPPORTED,
				     "storage vol '%s' is a qcow2 image: zones "
				     "take raw images only",
				     volume.path);
	}
	if (volume_clone(&pool, &plan, &from, volume.name, &s->gone,
			 &s->error) < 0) {
		return -1;
	}
	put_volume(s, &pool, plan.name);
	return 0;
}

static int run_volume_delete(struct storage_call *s)
{
	struct volume volume;
	struct pool pool;

	return get_volume(s, &pool, &volume) < 0
		       ? -1
		       : volume_delete(&pool, volume.name, &s->error);
}

/* ------------------------------------------------- arguments of each one */

static void on_list_all(struct call *call)
{
	storage_call(call, "if", UINT32_MAX, run_list_all);
}

static void on_count_active(struct call *call)
{
	storage_call(call, "", 0, run_count_active);
}

static void on_list_active(struct call *call)
{
	storage_call(call, "i", 0, run_list_active);
}

static void on_count_defined(struct call *call)
{
	storage_call(call, "", 0, run_count_defined);
}

static void on_list_defined(struct call *call)
{
	storage_call(call, "i", 0, run_list_defined);
}

static void on_pool_by_name(struct call *call)
{
	storage_call(call, "s", 0, run_pool_by_name);
}

static void on_pool_by_uuid(struct call *call)
{
	storage_call(call, "u", 0, run_pool_by_uuid);
}

static void on_pool_by_volume(struct call *call)
{
	storage_call(call, "v", 0, run_pool_by_volume);
}

static void on_pool_xml(struct call *call)
{
	storage_call(call, "pf", VIR_STORAGE_XML_INACTIVE, run_pool_xml);
}

static void on_pool_info(struct call *call)
{
	storage_call(call, "p", 0, run_pool_info);
}

static void on_pool_active(struct call *call)
{
	storage_call(call, "p", 0, run_pool_active);
}

static void on_pool_persistent(struct call *call)
{
	storage_call(call, "p", 0, run_pool_persistent);
}

static void on_pool_autostart(struct call *call)
{
	storage_call(call, "p", 0, run_pool_autostart);
}

static void on_pool_set_autostart(struct call *call)
{
	storage_call(call, "pi", 0, run_pool_set_autostart);
}

static void on_pool_create_xml(struct call *call)
{
	storage_call(call, "sf",
		     VIR_STORAGE_POOL_CREATE_WITH_BUILD |
			     VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE,
		     run_pool_create_xml);
}

static void on_pool_define(struct call *call)
{
	storage_call(call, "sf", 0, run_pool_define);
}

static void on_pool_create(struct call *call)
{
	storage_call(call, "pf",
		     VIR_STORAGE_POOL_CREATE_WITH_BUILD |
			     VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE,
		     run_pool_create);
}

static void on_pool_build(struct call *call)
{
	storage_call(call, "pf", VIR_STORAGE_POOL_BUILD_NO_OVERWRITE,
		     run_pool_build);
}

static void on_pool_destroy(struct call *call)
{
	storage_call(call, "p", 0, run_pool_destroy);
}

static void on_pool_undefine(struct call *call)
{
	storage_call(call, "p", 0, run_pool_undefine);
}

static void on_pool_refresh(struct call *call)
{
	storage_call(call, "pf", 0, run_pool_refresh);
}

static void on_count_volumes(struct call *call)
{
	storage_call(call, "p", 0, run_count_volumes);
}

static void on_list_volumes(struct call *call)
{
	storage_call(call, "pi", 0, run_list_volumes);
}

static void on_list_all_volumes(struct call *call)
{
	storage_call(call, "pif", 0, run_list_all_volumes);
}

static void on_volume_by_name(struct call *call)
{
	storage_call(call, "ps", 0, run_volume_by_name);
}

static void on_volume_by_key(struct call *call)
{
	storage_call(call, "s", 0, run_volume_by_path);
}

static void on_volume_by_path(struct call *call)
{
	storage_call(call, "s", 0, run_volume_by_path);
}

static void on_volume_info(struct call *call)
{
	storage_call(call, "v", 0, run_volume_info);
}

static void on_volume_xml(struct call *call)
{
	storage_call(call, "vf", 0, run_volume_xml);
}

static void on_volume_path(struct call *call)
{
	storage_call(call, "v", 0, run_volume_path);
}

static void on_volume_create(struct call *call)
{
	storage_call(call, "psf", 0, run_volume_create);
}

static void on_volume_clone(struct call *call)
{
	storage_call(call, "psvf", 0, run_volume_clone);
}

static void on_volume_delete(struct call *call)
{
	storage_call(call, "vf", 0, run_volume_delete);
}

static const struct procedure rows[] = {
	{ 281, "ConnectListAllStoragePools", on_list_all, PROC_READ,
	  "folders: pools of type `dir`" },
	{ 71, "ConnectNumOfStoragePools", on_count_active, PROC_READ, NULL },
	{ 72, "ConnectListStoragePools", on_list_active, PROC_READ, NULL },
	{ 73, "ConnectNumOfDefinedStoragePools", on_count_defined, PROC_READ,
	  NULL },
	{ 74, "ConnectListDefinedStoragePools", on_list_defined, PROC_READ,
	  NULL },
	{ 84, "StoragePoolLookupByName", on_pool_by_name, PROC_READ,
	  "`default` is `/var/lib/hvd/images`" },
	{ 85, "StoragePoolLookupByUUID", on_pool_by_uuid, PROC_READ, NULL },
	{ 86, "StoragePoolLookupByVolume", on_pool_by_volume, PROC_READ, NULL },
	{ 88, "StoragePoolGetXMLDesc", on_pool_xml, PROC_READ, NULL },
	{ 87, "StoragePoolGetInfo", on_pool_info, PROC_READ,
	  "its file system's room" },
	{ 154, "StoragePoolIsActive", on_pool_active, PROC_READ,
	  "started, and the folder is there" },
	{ 155, "StoragePoolIsPersistent", on_pool_persistent, PROC_READ,
	  "always" },
	{ 89, "StoragePoolGetAutostart", on_pool_autostart, PROC_READ,
	  "what is started stays so" },
	{ 90, "StoragePoolSetAutostart", on_pool_set_autostart, 0,
	  "only to what it is" },
	{ 76, "StoragePoolCreateXML", on_pool_create_xml, 0,
	  "persistent; `BUILD`, `BUILD_NO_OVERWRITE`" },
	{ 77, "StoragePoolDefineXML", on_pool_define, 0,
	  "type `dir`: a name, a uuid, `<target><path>`; the rest is not looked at" },
	{ 78, "StoragePoolCreate", on_pool_create, 0,
	  "`BUILD`, `BUILD_NO_OVERWRITE`" },
	{ 79, "StoragePoolBuild", on_pool_build, 0, "makes the folder" },
	{ 80, "StoragePoolDestroy", on_pool_destroy, 0, "its files stay" },
	{ 82, "StoragePoolUndefine", on_pool_undefine, 0,
	  "its files stay; `default` is there again then" },
	{ 83, "StoragePoolRefresh", on_pool_refresh, 0,
	  "nothing is kept that could be old" },
	{ 91, "StoragePoolNumOfVolumes", on_count_volumes, PROC_READ,
	  "regular files; no symbolic links" },
	{ 92, "StoragePoolListVolumes", on_list_volumes, PROC_READ, NULL },
	{ 282, "StoragePoolListAllVolumes", on_list_all_volumes, PROC_READ,
	  NULL },
	{ 95, "StorageVolLookupByName", on_volume_by_name, PROC_READ, NULL },
	{ 96, "StorageVolLookupByKey", on_volume_by_key, PROC_READ,
	  "the path" },
	{ 97, "StorageVolLookupByPath", on_volume_by_path, PROC_READ,
	  "of an active pool" },
	{ 98, "StorageVolGetInfo", on_volume_info, PROC_READ, NULL },
	{ 99, "StorageVolGetXMLDesc", on_volume_xml, PROC_READ,
	  "`raw`, or `qcow2` by its first bytes" },
	{ 100, "StorageVolGetPath", on_volume_path, PROC_READ, NULL },
	{ 93, "StorageVolCreateXML", on_volume_create, 0,
	  "`raw` files of mode 0600" },
	{ 125, "StorageVolCreateXMLFrom", on_volume_clone, 0,
	  "of a `raw` one that no running domain writes to; holes stay" },
	{ 94, "StorageVolDelete", on_volume_delete, 0,
	  "not of a running domain" },
};

const struct procedure_group storage_procedures = {
	"Storage", rows, sizeof(rows) / sizeof(rows[0])
};
