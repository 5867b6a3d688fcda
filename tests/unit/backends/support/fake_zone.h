/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor and the module as the zone transport sees them: shadow pages,
 * accesses of vCPUs that wait for an answer, doorbells, interrupts.
 */
#ifndef ZV_TESTS_UNIT_BACKENDS_SUPPORT_FAKE_ZONE_H
#define ZV_TESTS_UNIT_BACKENDS_SUPPORT_FAKE_ZONE_H

#include "event_pump.h"
#include "transport/zone/zone_port.h"

#define FAKE_EVENTS 64u
#define FAKE_INTIDS 288u

struct fake_slot {
	bool waiting; /* for IO_COMPLETE */
	struct zv_event event;
	uint64_t value; /* of the answer */
	uint32_t answers;
};

struct fake_irqfd {
	int fd;
	uint32_t intid;
	uint32_t addr;
	uint32_t mask;
};

struct fake_zone {
	struct zone_port port;
	struct event_pump *pump;
	uint32_t shadow[ZV_SHADOWS_MAX][ZV_PAGE_SIZE / 4];
	struct fake_slot slot[ZV_VCPUS_MAX];
	uint32_t next_seq;
	struct zv_event queue[FAKE_EVENTS];
	size_t queue_len;
	int bell[ZV_DOORBELLS_MAX]; /* eventfd, -1: nobody listens */
	struct fake_irqfd irqfd[8];
	size_t irqfd_count;
	uint32_t edges[FAKE_INTIDS];
	bool line[FAKE_INTIDS];
	uint32_t updates;
	int read_error; /* given by the next read, if not 0 */
};

void fake_zone_init(struct fake_zone *fake, struct event_pump *pump);
void fake_zone_fini(struct fake_zone *fake);
/* The process at the other end has died: bindings go, open accesses stay. */
void fake_zone_detach(struct fake_zone *fake);

/* Makes an access wait, without running the loop. */
void fake_zone_post_access(struct fake_zone *fake, uint32_t vcpu, uint32_t addr,
			   uint32_t size, bool write, uint64_t value);
/* An access whose vCPU waits until it is answered; returns what was read. */
uint64_t fake_zone_forward(struct fake_zone *fake, uint32_t vcpu, uint32_t addr,
			   uint32_t size, bool write, uint64_t value);
void fake_zone_posted(struct fake_zone *fake, uint32_t addr, uint32_t value);
void fake_zone_ring(struct fake_zone *fake, uint32_t doorbell);
/* What the irqfds did since last asked, as the kernel would have at once. */
void fake_zone_sync(struct fake_zone *fake);
uint32_t *fake_zone_word(struct fake_zone *fake, uint32_t addr);

#endif /* ZV_TESTS_UNIT_BACKENDS_SUPPORT_FAKE_ZONE_H */
