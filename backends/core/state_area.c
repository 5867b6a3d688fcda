/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/state_area.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* "ZONVST02": the number is the version of the layout. */
#define AREA_MAGIC 0x32305453564e4f5aull

struct area_header {
	uint64_t magic; /* written last */
	uint64_t lost; /* an area of unknown content was here */
};

struct record_header {
	uint32_t kind; /* 0: never used; written last */
	uint32_t size;
	uint32_t generation;
	uint32_t reserved;
	uint64_t mark[STATE_MARKS];
};

struct note {
	uint32_t size; /* 0: none; written last */
	uint32_t reserved;
	uint8_t bytes[STATE_NOTE_MAX];
};

struct log_header {
	char name[STATE_NAME_MAX]; /* first byte 0: free; written last */
	uint64_t tail;
};

#define RECORDS_OFFSET 0x1000u
#define RECORD_STRIDE 0x1000u
#define RECORD_COPIES 256u /* offset of the two copies in a record */
#define NOTES_OFFSET 0x25000u /* zero where an older version wrote none */
#define LOGS_OFFSET 0x40000u
#define LOG_STRIDE 0x30000u
#define LOG_DATA 64u
#define INFLIGHT_OFFSET 0x160000u
#define INFLIGHT_STRIDE INFLIGHT_SIZE(INFLIGHT_QUEUE_MAX)

_Static_assert(sizeof(struct record_header) <= RECORD_COPIES, "record");
_Static_assert(RECORD_COPIES + 2 * STATE_RECORD_MAX <= RECORD_STRIDE, "record");
_Static_assert(RECORDS_OFFSET + STATE_RECORDS * RECORD_STRIDE <= NOTES_OFFSET,
	       "records end before the notes");
_Static_assert(NOTES_OFFSET + STATE_SLOTS * sizeof(struct note) <= LOGS_OFFSET,
	       "notes end before the logs");
_Static_assert(LOGS_OFFSET + STATE_LOGS * LOG_STRIDE <= INFLIGHT_OFFSET,
	       "logs end before the chains in flight");
_Static_assert(INFLIGHT_OFFSET + STATE_SLOTS * STATE_SLOT_QUEUES *
					 INFLIGHT_STRIDE <=
		       STATE_AREA_SIZE,
	       "they end inside the area");
_Static_assert(sizeof(struct log_header) <= LOG_DATA, "log header");

/* Orders stores as another process will find them after a kill. */
static void store_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static bool all_zero(const uint8_t *p, size_t len)
{
	/* Every byte equals the one before it. */
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

void state_area_open(struct state_area *area, void *base)
{
	struct area_header *header = base;
	bool fresh;

	area->base = base;
	if (header->magic == AREA_MAGIC) {
		area->found = header->lost != 0 ? STATE_LOST : STATE_RESUMED;
		return;
	}
	fresh = all_zero(base, STATE_AREA_SIZE);
	area->found = fresh ? STATE_FRESH : STATE_LOST;
	if (!fresh) {
		/* Killed in here, the next process finds it foreign again. */
		__atomic_store_n(&header->magic, 1, __ATOMIC_RELEASE);
		memset(area->base + sizeof(header->magic), 0,
		       STATE_AREA_SIZE - sizeof(header->magic));
		header->lost = 1;
	}
	__atomic_store_n(&header->magic, AREA_MAGIC, __ATOMIC_RELEASE);
}

void state_area_settle(struct state_area *area)
{
	struct area_header *header = (struct area_header *)area->base;

	__atomic_store_n(&header->lost, 0, __ATOMIC_RELEASE);
}

static uint8_t *record_copy(const struct state_record *record,
			    uint32_t generation)
{
	return record->shared + RECORD_COPIES +
	       (generation & 1) * STATE_RECORD_MAX;
}

/* Makes a record ours; it counts as used from its first commit on. */
static enum state_found record_begin(struct state_record *record)
{
	struct record_header *header = (struct record_header *)record->shared;
	bool used = header->kind != 0;

	if (used) {
		/* Until then it is nobody's, and not unused either. */
		__atomic_store_n(&header->kind, UINT32_MAX, __ATOMIC_RELEASE);
	}
	header->size = (uint32_t)record->size;
	header->generation = 0;
	memset(header->mark, 0, sizeof(header->mark));
	memset(record->work, 0, record->size);
	return used ? STATE_LOST : STATE_FRESH;
}

enum state_found state_record_open(struct state_area *area, uint32_t index,
				   uint32_t kind, void *work, size_t size,
				   struct state_record *ret_record)
{
	uint8_t *shared =
		area->base + RECORDS_OFFSET + (size_t)index * RECORD_STRIDE;
	struct record_header *header = (struct record_header *)shared;
	enum state_found found = STATE_RESUMED;

	*ret_record = (struct state_record){
		.shared = shared,
		.work = work,
		.size = size,
		.kind = kind,
		.mark = header->mark,
	};
	if (header->kind == kind && header->size == size) {
		memcpy(work,
		       record_copy(ret_record,
				   __atomic_load_n(&header->generation,
						   __ATOMIC_ACQUIRE)),
		       size);
	} else {
		found = record_begin(ret_record);
	}
	return area->found == STATE_LOST ? STATE_LOST : found;
}

void state_record_commit(struct state_record *record)
{
	struct record_header *header = (struct record_header *)record->shared;
	uint32_t next = header->generation + 1;

	memcpy(record_copy(record, next), record->work, record->size);
	__atomic_store_n(&header->generation, next, __ATOMIC_RELEASE);
	if (header->kind != record->kind) {
		__atomic_store_n(&header->kind, record->kind, __ATOMIC_RELEASE);
	}
}

static struct note *note_at(const struct state_area *area, uint32_t slot)
{
	return (struct note *)(area->base + NOTES_OFFSET) + slot;
}

void state_note_write(struct state_area *area, uint32_t slot, const void *note,
		      size_t size)
{
	struct note *at = note_at(area, slot);

	__atomic_store_n(&at->size, 0, __ATOMIC_RELEASE);
	store_barrier();
	memcpy(at->bytes, note, size);
	__atomic_store_n(&at->size, (uint32_t)size, __ATOMIC_RELEASE);
}

bool state_note_read(const struct state_area *area, uint32_t slot,
		     void *ret_note, size_t size)
{
	const struct note *at = note_at(area, slot);

	if (__atomic_load_n(&at->size, __ATOMIC_ACQUIRE) != size) {
		return false;
	}
	memcpy(ret_note, at->bytes, size);
	return true;
}

static struct log_header *log_at(const struct state_area *area, uint32_t i)
{
	return (struct log_header *)(area->base + LOGS_OFFSET +
				     (size_t)i * LOG_STRIDE);
}

int state_log_open(struct state_area *area, const char *name,
		   struct log_ring *ret_ring)
{
	struct log_header *log = NULL;

	for (uint32_t i = 0; i < STATE_LOGS; i++) {
		struct log_header *at = log_at(area, i);

		if (strncmp(at->name, name, STATE_NAME_MAX) == 0) {
			log = at;
			break;
		}
		if (log == NULL && at->name[0] == '\0') {
			log = at;
		}
	}
	if (log == NULL) {
		return -ENOSPC;
	}
	if (log->name[0] == '\0') {
		log->tail = 0;
		strncpy(log->name + 1, name + 1, STATE_NAME_MAX - 2);
		store_barrier();
		__atomic_store_n(&log->name[0], name[0], __ATOMIC_RELEASE);
	}
	log_ring_init(ret_ring, &log->tail, (uint8_t *)log + LOG_DATA,
		      LOG_STRIDE - LOG_DATA);
	return 0;
}

struct inflight_area *state_inflight(struct state_area *area, uint32_t slot,
				     uint32_t queue)
{
	return (struct inflight_area *)(area->base + INFLIGHT_OFFSET +
					(slot * STATE_SLOT_QUEUES + queue) *
						INFLIGHT_STRIDE);
}
