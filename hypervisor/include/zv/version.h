/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ZV_VERSION_H
#define ZV_VERSION_H

#define ZV_VERSION "1.0.0"

#endif /* ZV_VERSION_H */
