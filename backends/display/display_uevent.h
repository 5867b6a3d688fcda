/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel says of its devices (NETLINK_KOBJECT_UEVENT): here, that
 * monitors have been plugged in or out.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_UEVENT_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_UEVENT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A non-blocking socket that gets changes of devices, or negative errno.  It is of
 * the network namespace that it is made in.
 */
int display_uevent_open(void);

/* A message: NUL-terminated texts.  Whether a graphics card has changed. */
bool display_uevent_is_card(const char *message, size_t len);

/*
 * Reads all there is.  1: a graphics card has changed, or news were lost; 0: none
 * has; negative errno: the socket has failed.
 */
int display_uevent_read(int fd);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_UEVENT_H */
