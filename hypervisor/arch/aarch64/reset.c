/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/arch/cpu.h>
#include <zv/log.h>
#include <zv/psci_client.h>

void arch_reset(enum arch_reset kind)
{
	if (kind == ARCH_RESET_OFF) {
		psci_client_system_off();
	} else {
		psci_client_system_reset();
	}
	log_error("the firmware did not %s the machine",
		  kind == ARCH_RESET_OFF ? "power off" : "reset");
	arch_cpu_stop();
}
