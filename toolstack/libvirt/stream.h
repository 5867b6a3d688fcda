/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams of bytes beside the calls: consoles. */
#ifndef ZV_TOOLSTACK_LIBVIRT_STREAM_H
#define ZV_TOOLSTACK_LIBVIRT_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct client;
struct packet_header;

/* A packet of type STREAM. */
void stream_packet(struct client *client, const struct packet_header *header,
		   const uint8_t *data, size_t len);
/* The client reads again: so may the streams. */
void stream_resume_all(struct client *client);
void stream_close_all(struct client *client);

#endif /* ZV_TOOLSTACK_LIBVIRT_STREAM_H */
