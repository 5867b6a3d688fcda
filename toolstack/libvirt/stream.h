/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams of bytes beside the calls: consoles, and files that are read.
 *
 * A console's far end is the zone's I/O process (docs/reference/rpc.md, Consoles).  When
 * that was replaced the stream goes on where it was; it ends with the zone.  Its
 * output is not read while the client does not read.  Of input at most
 * STREAM_INPUT_MAX and a packet wait for a guest that does not take it; beyond,
 * the stream fails, for holding back the packet would hold up the client's calls.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_STREAM_H
#define ZV_TOOLSTACK_LIBVIRT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_INPUT_MAX (256u << 10)
#define STREAM_OUTPUT_PAUSE (256u << 10)
#define STREAMS_MAX 16u /* of a client, with those that are being opened */

struct call;
struct client;
struct json_object;
struct packet_header;

/*
 * Begins the console of a zone for a call, which is answered when it can be
 * written to.  zone is hvd's answer to zone.get, device may be NULL: hvd's choice.
 * force: who has it reads on.
 */
void stream_open_console(struct call *call, struct json_object *zone,
			 const char *device, bool force);

/*
 * Answers the call, and sends it what fd has, which is used up: a file, which is
 * read without waiting.
 */
void stream_open_file(struct call *call, int fd);

/* A packet of type STREAM. */
void stream_packet(struct client *client, const struct packet_header *header,
		   const uint8_t *data, size_t len);
/* The client reads again: so may the streams. */
void stream_resume_all(struct client *client);
void stream_close_all(struct client *client);

#endif /* ZV_TOOLSTACK_LIBVIRT_STREAM_H */
