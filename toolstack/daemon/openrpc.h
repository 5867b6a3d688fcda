/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of openrpc.json, which describes the RPC interface. */
#ifndef ZV_TOOLSTACK_DAEMON_OPENRPC_H
#define ZV_TOOLSTACK_DAEMON_OPENRPC_H

#include <stddef.h>

extern const char openrpc_text[];
size_t openrpc_len(void);

#endif /* ZV_TOOLSTACK_DAEMON_OPENRPC_H */
