/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of libvirt's RPC, which its documents call a stable ABI: messages are
 * added, never changed.  https://libvirt.org/kbase/internals/rpc.html describes the packets.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_PROTOCOL_H
#define ZV_TOOLSTACK_LIBVIRT_PROTOCOL_H

#include <stdint.h>

#define PROGRAM_REMOTE 0x20008086u
#define PROGRAM_KEEPALIVE 0x6b656570u
#define PROGRAM_VERSION 1u

#define PACKET_HEADER_SIZE 28u /* the length included */
#define PACKET_STRING_MAX (4u << 20)
#define PACKET_OUT_MAX ((32u << 20) + 4)
/* Longest packet that is taken: a string and room for the rest of a call. */
#define PACKET_IN_MAX (PACKET_STRING_MAX + (64u << 10))
/* Of who may only ask: a thousand domains, or a path. */
#define PACKET_READER_MAX (128u << 10)
#define PACKET_FDS_MAX 32u
#define STREAM_DATA_MAX (256u << 10)

enum packet_type {
	PACKET_CALL = 0,
	PACKET_REPLY = 1,
	PACKET_MESSAGE = 2,
	PACKET_STREAM = 3,
	PACKET_CALL_WITH_FDS = 4,
	PACKET_REPLY_WITH_FDS = 5,
	PACKET_STREAM_HOLE = 6,
};

enum packet_status {
	STATUS_OK = 0,
	STATUS_ERROR = 1,
	STATUS_CONTINUE = 2,
};

struct packet_header {
	uint32_t program;
	uint32_t version;
	int32_t procedure;
	uint32_t type; /* enum packet_type */
	uint32_t serial;
	uint32_t status; /* enum packet_status */
};

enum {
	KEEPALIVE_PING = 1,
	KEEPALIVE_PONG = 2,
};

/* Bounds of arrays in the protocol. */
#define LIST_MAX 16384u /* domains, networks, pools ... */
#define TYPED_PARAMS_MAX 4096u
#define TYPED_FIELD_MAX 80u
#define CPUMAP_MAX 2048u /* bytes */
#define CPUMAPS_MAX 8192u
#define UUID_BYTES 16u

/* Flag of CONNECT_OPEN. */
#define OPEN_READONLY 1u

#endif /* ZV_TOOLSTACK_LIBVIRT_PROTOCOL_H */
