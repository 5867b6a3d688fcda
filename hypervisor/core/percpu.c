// SPDX-License-Identifier: BSD-2-Clause
#include <zv/percpu.h>

struct percpu percpu_table[ZV_PCPUS_MAX];
u32 percpu_count;
