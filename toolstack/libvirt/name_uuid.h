/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The uuid of what has only a name here: always the same for the same kind and
 * name, on every machine (RFC 9562 version 8).  It is no secret and no proof.
 */
#ifndef ZV_TOOLSTACK_LIBVIRT_NAME_UUID_H
#define ZV_TOOLSTACK_LIBVIRT_NAME_UUID_H

#include <stdint.h>

#include "uuid.h"

void name_uuid(const char *kind, const char *name, uint8_t ret_uuid[UUID_SIZE]);

#endif /* ZV_TOOLSTACK_LIBVIRT_NAME_UUID_H */
