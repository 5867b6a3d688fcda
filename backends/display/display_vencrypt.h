/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said in RFB around the beginning of TLS: to the viewer up to it, and by
 * its proxy, which is a viewer itself, to the process that shows the picture.  Only
 * security type 19 (VeNCrypt, version 0.2) is offered, and of its kinds one.  Both
 * wait for who has the other end; set an alarm before.  The descriptors may be
 * non-blocking.
 */
#ifndef ZV_BACKENDS_DISPLAY_DISPLAY_VENCRYPT_H
#define ZV_BACKENDS_DISPLAY_DISPLAY_VENCRYPT_H

#include <stdbool.h>

/* As poll() says; until there is one of these events. */
void display_vencrypt_wait(int fd, short events);

/* true: TLS begins with the next byte.  password: X509Vnc, else X509None. */
bool display_vencrypt_offer(int fd, bool password);

/*
 * true: what comes of fd from now on is what a viewer waits for after TLS has
 * begun: a challenge or, without a password, the result.
 */
bool display_vencrypt_enter(int fd, bool password);

#endif /* ZV_BACKENDS_DISPLAY_DISPLAY_VENCRYPT_H */
