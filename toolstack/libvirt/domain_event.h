/* SPDX-License-Identifier: BSD-2-Clause */
/* hvd's events in libvirt's words. */
#ifndef ZV_TOOLSTACK_LIBVIRT_DOMAIN_EVENT_H
#define ZV_TOOLSTACK_LIBVIRT_DOMAIN_EVENT_H

struct event_hub;
struct hvd_event;

/* To whom it concerns; what libvirt has no word for is told nobody. */
void domain_event_tell(struct event_hub *hub, const struct hvd_event *event);

#endif /* ZV_TOOLSTACK_LIBVIRT_DOMAIN_EVENT_H */
