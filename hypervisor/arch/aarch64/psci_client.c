/* SPDX-License-Identifier: BSD-2-Clause */
#include <zv/el2.h>
#include <zv/errno.h>
#include <zv/psci_client.h>

#define FN_CPU_ON 0xc4000003u
#define FN_SYSTEM_OFF 0x84000008u
#define FN_SYSTEM_RESET 0x84000009u

/* DEN 0022, 5.2.2 */
#define RET_NOT_SUPPORTED (-1)
#define RET_INVALID_PARAMETERS (-2)
#define RET_DENIED (-3)
#define RET_ALREADY_ON (-4)
#define RET_ON_PENDING (-5)
#define RET_INVALID_ADDRESS (-9)

static int to_errno(s32 ret)
{
	switch (ret) {
	case 0:
		return 0;
	case RET_NOT_SUPPORTED:
		return -ENOSYS;
	case RET_DENIED:
		return -EPERM;
	case RET_ALREADY_ON:
	case RET_ON_PENDING:
		return -EBUSY;
	case RET_INVALID_PARAMETERS:
	case RET_INVALID_ADDRESS:
		return -EINVAL;
	default:
		return -EIO;
	}
}

int psci_client_cpu_on(u64 mpidr, paddr_t entry)
{
	return to_errno((s32)smc_call(FN_CPU_ON, mpidr, entry.v, 0));
}

void psci_client_system_off(void)
{
	smc_call(FN_SYSTEM_OFF, 0, 0, 0);
}

void psci_client_system_reset(void)
{
	smc_call(FN_SYSTEM_RESET, 0, 0, 0);
}
