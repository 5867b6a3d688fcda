/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls about pools and volumes.  They wait for disks, so they are carried out on
 * a thread of libuv's pool with copies of their arguments: a file system that hangs
 * stops calls of this kind, nothing else.  Readers get half of the threads.
 *
 * What changes something is carried out when its client has gone, too; but a volume
 * is copied for somebody who waits for it.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_STORAGE_CALL_H
#define ZV_TOOLSTACK_LIBVIRT_STORAGE_CALL_H

#include <stdatomic.h>
#include <stdint.h>

#include "call.h"
#include "pool.h"
#include "thread_work.h"
#include "uuid.h"
#include "vir_error.h"
#include "xdr.h"

#define STORAGE_EVENTS_MAX 2u
#define STORAGE_REFRESHED (-1)

/* What has become of a pool: virStoragePoolEventLifecycleType, or refreshed. */
struct storage_event {
	int32_t type;
	uint8_t uuid[UUID_SIZE];
	char name[POOL_NAME_MAX];
};

struct storage_call {
	struct thread_work work; /* the first member */
	struct call *call; /* NULL: its client is gone */
	atomic_bool gone; /* the same for the thread */
	char what
		[CALL_WHAT_SIZE]; /* then, if it changes something: for the audit */
	/* On the thread: 0 with the answer in reply, or -1 with the error. */
	int (*run)(struct storage_call *s);
	struct storage_event events[STORAGE_EVENTS_MAX];
	unsigned int event_count;
	struct server *server;
	struct pool_store store;
	struct xdr_writer reply;
	struct vir_error_text error;
	/* Those of the arguments that there are. */
	const uint8_t *uuid; /* of a pool */
	const char *volume_pool; /* a volume's pool and name */
	const char *volume;
	const char *text;
	int32_t number;
	uint32_t flags;
	uint8_t body[];
};

/*
 * Reads the arguments and has run() carry it out.  Each letter of arguments is
 * one: p a pool, v a volume, u a uuid, s a string, i a number, f flags, of which
 * those in known may be set.
 */
void storage_call(struct call *call, const char *arguments, uint32_t known,
		  int (*run)(struct storage_call *s));

/* Those who want to hear of it are told when the call has succeeded. */
void storage_event(struct storage_call *s, const struct pool *pool,
		   int32_t type);

#endif /* ZV_TOOLSTACK_LIBVIRT_STORAGE_CALL_H */
