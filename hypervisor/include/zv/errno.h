/* SPDX-License-Identifier: BSD-2-Clause */
/* Error numbers; equal to Linux's because hypercalls return them. */
#ifndef ZV_ERRNO_H
#define ZV_ERRNO_H

#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EIO 5
#define E2BIG 7
#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define ENODEV 19
#define EINVAL 22
#define ENOSPC 28
#define ERANGE 34
#define ENOSYS 38
#define ENOTSUP 95
#define ESTALE 116

#endif /* ZV_ERRNO_H */
