// SPDX-License-Identifier: BSD-2-Clause
#include "stream.h"

#include "client.h"
#include "protocol.h"
#include "vir_error.h"
#include "xdr.h"

void stream_packet(struct client *client, const struct packet_header *header,
		   const uint8_t *data, size_t len)
{
	struct packet_header reply = *header;
	struct vir_error_text error;
	struct xdr_writer w;

	(void)data;
	(void)len;
	if (header->status != STATUS_CONTINUE) {
		return; /* the end of one that has ended here, too */
	}
	reply.status = STATUS_ERROR;
	packet_begin(&w, &reply);
	vir_error_set(&error, VIR_ERR_RPC, "no such stream is open");
	vir_error_put(&w, &error);
	client_send(client, &w);
}

void stream_resume_all(struct client *client)
{
	(void)client;
}

void stream_close_all(struct client *client)
{
	(void)client;
}
