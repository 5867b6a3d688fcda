/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to domains, told to the clients that asked for it.  One connection
 * to hvd serves them all, while there are any.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_EVENT_H
#define ZV_TOOLSTACK_LIBVIRT_EVENT_H

struct client;

/* The client is gone, or has closed its connection: nothing is told any more. */
void event_client_free(struct client *client);

#endif /* ZV_TOOLSTACK_LIBVIRT_EVENT_H */
