/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's PSCI (DEN 0022), which the hypervisor calls by SMC. */
#ifndef ZV_AARCH64_PSCI_CLIENT_H
#define ZV_AARCH64_PSCI_CLIENT_H

#include <zv/types.h>

/* 0 or -errno. */
int psci_client_cpu_on(u64 mpidr, paddr_t entry);
void psci_client_system_off(void);
void psci_client_system_reset(void);

#endif /* ZV_AARCH64_PSCI_CLIENT_H */
