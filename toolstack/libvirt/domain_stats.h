/* SPDX-License-Identifier: BSD-2-Clause */
/* ConnectGetAllDomainStats: a row of proc_stats.c, large enough for a file. */
#ifndef ZV_TOOLSTACK_LIBVIRT_DOMAIN_STATS_H
#define ZV_TOOLSTACK_LIBVIRT_DOMAIN_STATS_H

struct call;

void all_domain_stats(struct call *call);

#endif /* ZV_TOOLSTACK_LIBVIRT_DOMAIN_STATS_H */
