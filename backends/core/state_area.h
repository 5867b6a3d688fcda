/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The restart area: what outlives the I/O process (the module keeps it as long
 * as the zone lives; zeroed when the zone is made).
 *
 *   header | 36 records of 4 KiB: one per device | a note per slot
 *          | 6 logs: one per console
 *          | chains in flight: a place for each queue of each slot
 *
 * A kill may fall between any two instructions, so nothing is changed in place
 * but single aligned words.  A record has two copies of the device's state and
 * a generation whose lowest bit names the valid one: a commit writes the other
 * copy, then the generation.  Beside them are the marks, words a device writes
 * one at a time.  A note is what a device's type keeps beside that: it counts
 * once it is whole.  A log is bytes and one count (log_ring.h).
 *
 * The area is written by a process that handles hostile input, so a reader
 * treats it as input: what it finds is checked before use.
 */
#ifndef ZV_BACKENDS_CORE_STATE_AREA_H
#define ZV_BACKENDS_CORE_STATE_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/inflight.h"
#include "core/log_ring.h"

#define STATE_AREA_SIZE 0x200000u
#define STATE_RECORDS 36u
#define STATE_RECORD_MAX 1920u /* bytes of state of one device */
#define STATE_MARKS 8u
#define STATE_NOTE_MAX 120u /* bytes */
#define STATE_LOGS 6u
#define STATE_SLOTS 32u
#define STATE_SLOT_QUEUES 8u
#define STATE_NAME_MAX 32u /* NUL included */

/* Fixed places: three platform devices, then the virtio-mmio slots. */
#define STATE_RECORD_UART 0u
#define STATE_RECORD_RTC 1u
#define STATE_RECORD_GPIO 2u
#define STATE_RECORD_VIRTIO 4u /* + slot, 0 .. 31 */

enum state_found {
	STATE_FRESH, /* the device never ran in this zone */
	STATE_RESUMED, /* work holds what was last committed */
	STATE_LOST, /* something ran, but we cannot tell what it did */
};

struct state_area {
	uint8_t *base;
	enum state_found found;
};

struct state_record {
	uint8_t *shared;
	void *work; /* the caller's copy, of size bytes */
	size_t size;
	uint32_t kind;
	uint64_t *mark; /* STATE_MARKS words */
};

/*
 * base must be page-aligned and STATE_AREA_SIZE bytes long.  An area of another
 * layout is cleared; every record in it is then LOST, also in later processes,
 * until state_area_settle().
 */
void state_area_open(struct state_area *area, void *base);
/* All devices have committed a state that the guest can live with. */
void state_area_settle(struct state_area *area);

/*
 * kind: never 0; tells device types and versions of their state apart.  work is
 * filled if RESUMED; otherwise the caller fills it and commits.
 */
enum state_found state_record_open(struct state_area *area, uint32_t index,
				   uint32_t kind, void *work, size_t size,
				   struct state_record *ret_record);
void state_record_commit(struct state_record *record);

/* Replaces the note of that slot; size: 1 .. STATE_NOTE_MAX. */
void state_note_write(struct state_area *area, uint32_t slot, const void *note,
		      size_t size);
/* False: there is none of that size. */
bool state_note_read(const struct state_area *area, uint32_t slot,
		     void *ret_note, size_t size);

/* The log of that name, made if need be; -ENOSPC when all are taken. */
int state_log_open(struct state_area *area, const char *name,
		   struct log_ring *ret_ring);

/* Room for INFLIGHT_QUEUE_MAX descriptors of that queue. */
struct inflight_area *state_inflight(struct state_area *area, uint32_t slot,
				     uint32_t queue);

#endif /* ZV_BACKENDS_CORE_STATE_AREA_H */
