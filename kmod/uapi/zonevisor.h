/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /dev/zonevisor: what zone0's userspace can ask of the hypervisor.
 *
 * Opening the device needs write permission on the node; every request needs
 * CAP_SYS_ADMIN in the initial namespace except on a zone fd made with
 * ZV_OPEN_IO, which carries its own, narrower right and may be passed to an
 * unprivileged process.
 *
 * A zone fd refers to one zone.  No zone's life hangs on an fd: closing one
 * drops its eventfds and mappings, nothing else.  There are two kinds:
 *
 *   control fd   everything below; readable (poll) when the zone's state
 *                changed since the last read; read() gives ZV_EVENT_STATE.
 *   I/O fd       mmap, read, IO_COMPLETE, SHADOW_UPDATE, INJECT, IOEVENTFD,
 *                IRQFD, ZONE_INFO.  At most one is current per zone: opening
 *                another makes the older one stale (-ESTALE, POLLHUP; touching
 *                a mapping made through it: SIGBUS), so a process that lingers
 *                can no longer touch the guest's devices or memory.
 *                read() gives ZV_EVENT_ACCESS and ZV_EVENT_POSTED.  Accesses
 *                that were taken but not answered are presented again to the
 *                next I/O fd.
 *
 * mmap(zone fd, offset): offset is a guest-physical address inside the zone's
 * RAM (any page-aligned part of it), or ZV_MMAP_STATE for the restart area.
 * Guest RAM mapped so can be used for O_DIRECT, io_uring and vhost.
 *
 * All structures: reserved fields and unknown flags must be zero (-EINVAL).
 */
#ifndef ZV_UAPI_ZONEVISOR_H
#define ZV_UAPI_ZONEVISOR_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#include <linux/types.h>
#else
#include <stdint.h>
#include <sys/ioctl.h>
#endif

#include <zv/abi.h>
#include <zv/hypercall.h>
#include <zv/trace_record.h>

#define ZV_DEVICE "/dev/zonevisor"

/* Restart area: per zone, zeroed at creation, lives as long as the zone. */
#define ZV_MMAP_STATE 0x4000000000000000ull
#define ZV_STATE_SIZE 0x200000ull /* bytes */

struct zv_ioc_log {
	uint64_t pos; /* in: from where; out: after the last byte copied */
	uint64_t first; /* out: position of the first byte copied */
	uint64_t buf; /* user address */
	uint32_t len; /* room at buf, in bytes */
	uint32_t got; /* out: bytes copied; 0 at the end of the log */
};

struct zv_ioc_counters {
	uint32_t zone;
	uint32_t reserved;
	struct zv_counters counters; /* out */
};

struct zv_ioc_trace_set {
	uint32_t classes; /* ZV_TRACE_BIT() of events; 0: off */
	uint32_t reserved;
};

#define ZV_TRACE_READ_MAX (ZV_PAGE_SIZE / 32u) /* records at once */
struct zv_ioc_trace_read {
	uint64_t pos; /* in: from where; out: after the last one copied */
	uint64_t first; /* out: position of the first one copied */
	uint64_t buf; /* user address of struct zv_trace_record[] */
	uint32_t pcpu;
	uint32_t room; /* records at buf; at least 1 */
	uint32_t got; /* out: records copied */
	uint32_t reserved;
};

/* In: info.id is the smallest id wanted.  -ESRCH when there is none. */
struct zv_ioc_zone_next {
	struct zv_zone_info info;
};

struct zv_ioc_zone_create {
	struct zv_zone_create create;
	uint32_t id; /* out */
	uint32_t reserved;
};

#define ZV_OPEN_IO (1u << 0) /* make an I/O fd, see above */
struct zv_ioc_zone_open {
	uint32_t id;
	uint32_t flags;
	uint8_t uuid[16]; /* must match the zone's (-ESTALE) */
};

struct zv_ioc_populate {
	uint64_t gpa; /* both multiples of ZV_CHUNK_SIZE */
	uint64_t size;
};

struct zv_ioc_extent {
	uint64_t gpa; /* in: from where; out: start of the extent */
	uint64_t size; /* out; 0 when there is none */
};

struct zv_ioc_vcpu {
	uint32_t vcpu;
	uint32_t reserved;
	struct zv_vcpu_state state;
};

struct zv_ioc_shadow {
	uint64_t gpa;
	uint32_t flags; /* ZV_SHADOW_TRAP_READS */
	uint32_t index; /* out */
};

struct zv_ioc_vcpu_pin {
	uint32_t vcpu;
	uint32_t pcpu; /* index of a pCPU */
};

struct zv_ioc_vcpu_limit {
	uint32_t count; /* in: 0 only asks; out: the limit */
	uint32_t reserved;
};

struct zv_ioc_inject {
	uint32_t intid;
	uint32_t op; /* ZV_IRQ_* */
	uint32_t addr; /* shadow address; ignored when mask is 0 */
	uint32_t mask;
};

#define ZV_EVENTFD_DEASSIGN (1u << 0)
/*
 * Doorbell -> eventfd.  One eventfd per doorbell; assigning signals it once
 * (a doorbell may have rung while nobody listened).  DEASSIGN: fd is ignored.
 */
struct zv_ioc_ioeventfd {
	int32_t fd;
	uint32_t doorbell;
	uint32_t flags;
	uint32_t reserved;
};

/* eventfd -> ZV_HC_IRQ_INJECT with op PULSE and the tuple below. */
struct zv_ioc_irqfd {
	int32_t fd;
	uint32_t intid;
	uint32_t addr;
	uint32_t mask;
	uint32_t flags;
	uint32_t reserved;
};

#define ZV_EVENT_STATE 1u
#define ZV_EVENT_ACCESS 2u
#define ZV_EVENT_POSTED 3u
/* What read() on a zone fd returns: a whole number of these. */
struct zv_event {
	uint32_t type; /* ZV_EVENT_* */
	uint32_t vcpu; /* ACCESS */
	uint32_t addr; /* ACCESS, POSTED: shadow address */
	uint32_t
		seq; /* ACCESS: give it back in IO_COMPLETE; STATE: state_seq */
	uint64_t value; /* ACCESS (write), POSTED; STATE: ZV_ZONE_* */
	uint64_t gpa; /* ACCESS */
	uint8_t size; /* ACCESS: 1, 2, 4, 8 */
	uint8_t write;
	uint8_t reserved[6];
};

#define ZV_IOC_TYPE 'Z'
/* On /dev/zonevisor. */
#define ZV_IOC_INFO _IOR(ZV_IOC_TYPE, 0x00, struct zv_info)
#define ZV_IOC_LOG _IOWR(ZV_IOC_TYPE, 0x01, struct zv_ioc_log)
#define ZV_IOC_COUNTERS _IOWR(ZV_IOC_TYPE, 0x02, struct zv_ioc_counters)
#define ZV_IOC_ZONE_NEXT _IOWR(ZV_IOC_TYPE, 0x03, struct zv_ioc_zone_next)
#define ZV_IOC_ZONE_CREATE _IOWR(ZV_IOC_TYPE, 0x04, struct zv_ioc_zone_create)
#define ZV_IOC_ZONE_OPEN _IOW(ZV_IOC_TYPE, 0x05, struct zv_ioc_zone_open)

#define ZV_IOC_TRACE_SET _IOW(ZV_IOC_TYPE, 0x06, struct zv_ioc_trace_set)
#define ZV_IOC_TRACE_READ _IOWR(ZV_IOC_TYPE, 0x07, struct zv_ioc_trace_read)

/* On a zone fd.  CREATE and OPEN above return one. */
#define ZV_IOC_ZONE_INFO _IOR(ZV_IOC_TYPE, 0x20, struct zv_zone_info)
#define ZV_IOC_ZONE_START _IO(ZV_IOC_TYPE, 0x21)
#define ZV_IOC_ZONE_PAUSE _IO(ZV_IOC_TYPE, 0x22) /* returns when quiet */
#define ZV_IOC_ZONE_RESUME _IO(ZV_IOC_TYPE, 0x23)
#define ZV_IOC_ZONE_STOP _IO(ZV_IOC_TYPE, 0x24) /* returns when quiet */
#define ZV_IOC_ZONE_RESET _IO(ZV_IOC_TYPE, 0x25) /* returns when quiet */
/*
 * Stops the zone, removes every mapping of its memory, revokes it from zone0,
 * frees it.  0: gone.  -EBUSY: DYING, but in-flight I/O still holds pages;
 * call again.  The fd stays open and answers -ESRCH afterwards.
 */
#define ZV_IOC_ZONE_DESTROY _IO(ZV_IOC_TYPE, 0x26)
#define ZV_IOC_POPULATE _IOW(ZV_IOC_TYPE, 0x28, struct zv_ioc_populate)
#define ZV_IOC_EXTENT _IOWR(ZV_IOC_TYPE, 0x29, struct zv_ioc_extent)
#define ZV_IOC_VCPU_SET _IOW(ZV_IOC_TYPE, 0x2a, struct zv_ioc_vcpu)
#define ZV_IOC_VCPU_GET _IOWR(ZV_IOC_TYPE, 0x2b, struct zv_ioc_vcpu)
#define ZV_IOC_VCPU_PIN _IOW(ZV_IOC_TYPE, 0x2c, struct zv_ioc_vcpu_pin)
#define ZV_IOC_VCPU_LIMIT _IOWR(ZV_IOC_TYPE, 0x2d, struct zv_ioc_vcpu_limit)
#define ZV_IOC_SHADOW_CREATE _IOWR(ZV_IOC_TYPE, 0x30, struct zv_ioc_shadow)
#define ZV_IOC_SHADOW_ACTIONS _IOW(ZV_IOC_TYPE, 0x31, struct zv_shadow_actions)
#define ZV_IOC_SHADOW_UPDATE _IOW(ZV_IOC_TYPE, 0x32, struct zv_shadow_update)
#define ZV_IOC_IO_COMPLETE _IOW(ZV_IOC_TYPE, 0x33, struct zv_io_complete)
#define ZV_IOC_INJECT _IOW(ZV_IOC_TYPE, 0x34, struct zv_ioc_inject)
#define ZV_IOC_IOEVENTFD _IOW(ZV_IOC_TYPE, 0x35, struct zv_ioc_ioeventfd)
#define ZV_IOC_IRQFD _IOW(ZV_IOC_TYPE, 0x36, struct zv_ioc_irqfd)

#ifndef __KERNEL__
_Static_assert(sizeof(struct zv_ioc_log) == 32, "zv_ioc_log");
_Static_assert(sizeof(struct zv_ioc_trace_read) == 40, "zv_ioc_trace_read");
_Static_assert(sizeof(struct zv_ioc_zone_create) == 240, "zv_ioc_zone_create");
_Static_assert(sizeof(struct zv_ioc_zone_open) == 24, "zv_ioc_zone_open");
_Static_assert(sizeof(struct zv_event) == 40, "zv_event");
#endif

#endif /* ZV_UAPI_ZONEVISOR_H */
