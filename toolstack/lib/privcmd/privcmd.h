/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the toolstack asks of the hypervisor, one function per request of
 * kmod/uapi/zonevisor.h, which documents them.  privcmd.c implements it over
 * /dev/zonevisor; tests link another implementation in its place.
 *
 * Every function returns 0 (or what is stated) or a negative errno, may be
 * called from any thread, and is interrupted by no signal.  A zone is a file
 * descriptor that the caller closes.
 */
#ifndef ZV_TOOLSTACK_PRIVCMD_H
#define ZV_TOOLSTACK_PRIVCMD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <zonevisor.h>

/* The device.  -ENOENT, -ENXIO: no hypervisor or no module. */
int privcmd_open(void);

int privcmd_info(int device, struct zv_info *ret_info);

/*
 * Reads the hypervisor's log from *pos on; returns the bytes read, 0 at the
 * end.  *pos moves behind them, *ret_first is where they start.
 */
ssize_t privcmd_log(int device, uint64_t *pos, uint64_t *ret_first,
		    char *ret_text, size_t room);

int privcmd_counters(int device, uint32_t zone,
		     struct zv_counters *ret_counters);

/* Which classes of events the hypervisor traces; 0: none. */
int privcmd_trace_set(int device, uint32_t classes);

/*
 * Reads up to room records of a pCPU from *pos on; returns their number.  *pos
 * moves behind them, *ret_first is where they start: what is between the *pos
 * asked for and it is lost.
 */
ssize_t privcmd_trace_read(int device, uint32_t pcpu, uint64_t *pos,
			   uint64_t *ret_first,
			   struct zv_trace_record *ret_records, uint32_t room);

/* The zone with the smallest id >= id; -ESRCH: none. */
int privcmd_zone_next(int device, uint32_t id, struct zv_zone_info *ret_info);

/* Return a control fd, an fd of either kind. */
int privcmd_zone_create(int device, const struct zv_zone_create *create,
			uint32_t *ret_id);
int privcmd_zone_open(int device, uint32_t id, const uint8_t uuid[16],
		      uint32_t flags);

int privcmd_zone_info(int zone, struct zv_zone_info *ret_info);
int privcmd_zone_start(int zone);
int privcmd_zone_pause(int zone);
int privcmd_zone_resume(int zone);
int privcmd_zone_stop(int zone);
int privcmd_zone_reset(int zone);
int privcmd_zone_destroy(int zone);

int privcmd_populate(int zone, uint64_t gpa, uint64_t size);

/*
 * The first extent of guest memory at or above gpa; *ret_size is 0 if there is
 * none.
 */
int privcmd_extent(int zone, uint64_t gpa, uint64_t *ret_gpa,
		   uint64_t *ret_size);

/* Guest memory, for reading and writing; munmap() it. */
int privcmd_map(int zone, uint64_t gpa, size_t size, void **ret_memory);

/*
 * Makes what was written to mapped guest memory visible to a guest whose
 * caches are off, as they are at its first instruction.
 */
void privcmd_clean(const void *memory, size_t size);

/*
 * Makes what a guest has written past its caches visible in memory that was
 * mapped before.
 */
void privcmd_refresh(const void *memory, size_t size);

int privcmd_vcpu_set(int zone, uint32_t vcpu,
		     const struct zv_vcpu_state *state);
int privcmd_vcpu_get(int zone, uint32_t vcpu, struct zv_vcpu_state *ret_state);

/* At once; -ENOTTY, -ENOSYS: the module or the hypervisor cannot do it. */
int privcmd_vcpu_pin(int zone, uint32_t vcpu, uint32_t pcpu);

/* *count: 0 only asks; then the limit. */
int privcmd_vcpu_limit(int zone, uint32_t *count);

int privcmd_shadow_create(int zone, uint64_t gpa, uint32_t flags,
			  uint32_t *ret_index);
int privcmd_shadow_actions(int zone, const struct zv_shadow_actions *actions);

/*
 * A control fd is readable when the zone's state has changed: takes what there
 * is to read, without waiting.
 */
int privcmd_zone_drain(int zone);

#endif /* ZV_TOOLSTACK_PRIVCMD_H */
