/* SPDX-License-Identifier: BSD-2-Clause */
/* Which domains a client wants to hear of. */
#ifndef ZV_TOOLSTACK_LIBVIRT_DOMAIN_FILTER_H
#define ZV_TOOLSTACK_LIBVIRT_DOMAIN_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/*
 * Does a zone of zone.list or zone.get pass flags (VIR_CONNECT_LIST_DOMAINS_*)?
 * They come in groups: none or all of one mean that it does not matter.
 */
bool domain_matches(struct json_object *zone, uint32_t flags);

#endif /* ZV_TOOLSTACK_LIBVIRT_DOMAIN_FILTER_H */
