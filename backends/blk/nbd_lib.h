/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libnbd, loaded by the first store that needs it.  It brings seventeen
 * libraries along, 45 MB with TLS and tables of all scripts of the world, which
 * a process without NBD disks is better off without; nor must it be installed
 * for one.
 *
 * A member is the function of libnbd with nbd_ before its name: see libnbd(3).
 */
#ifndef ZV_BACKENDS_BLK_NBD_LIB_H
#define ZV_BACKENDS_BLK_NBD_LIB_H

#include <libnbd.h>

#define NBD_LIB_FUNCTIONS(X)    \
	X(aio_connect_socket)   \
	X(aio_disconnect)       \
	X(aio_flush)            \
	X(aio_get_direction)    \
	X(aio_get_fd)           \
	X(aio_is_closed)        \
	X(aio_is_connecting)    \
	X(aio_is_dead)          \
	X(aio_is_ready)         \
	X(aio_notify_read)      \
	X(aio_notify_write)     \
	X(aio_pread)            \
	X(aio_pwrite)           \
	X(aio_trim)             \
	X(aio_zero)             \
	X(can_flush)            \
	X(can_fua)              \
	X(can_trim)             \
	X(can_zero)             \
	X(close)                \
	X(create)               \
	X(get_block_size)       \
	X(get_errno)            \
	X(get_protocol)         \
	X(get_size)             \
	X(is_read_only)         \
	X(set_export_name)      \
	X(set_pread_initialize) \
	X(set_request_structured_replies)

struct nbd_lib {
#define NBD_LIB_MEMBER(name) __typeof__(nbd_##name) *name;
	NBD_LIB_FUNCTIONS(NBD_LIB_MEMBER)
#undef NBD_LIB_MEMBER
};

/* NULL: it is not installed, or lacks a function.  Opens files. */
const struct nbd_lib *nbd_lib_load(void);

#endif /* ZV_BACKENDS_BLK_NBD_LIB_H */
