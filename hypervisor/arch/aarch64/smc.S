/* SPDX-License-Identifier: BSD-2-Clause */
	.text
	.globl	smc_call
/* u64 smc_call(u64 fn, u64 a1, u64 a2, u64 a3): SMCCC 1.1, DEN 0028 2.6. */
smc_call:
	smc	#0
	ret
