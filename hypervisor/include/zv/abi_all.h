/* SPDX-License-Identifier: BSD-2-Clause */
/* The public ABI headers, under one name. */
#ifndef ZV_ABI_ALL_H
#define ZV_ABI_ALL_H

#include <zv/abi.h>
#include <zv/hypercall.h>
#include <zv/iopage.h>
#include <zv/trace_record.h>

#endif /* ZV_ABI_ALL_H */
