/* SPDX-License-Identifier: BSD-2-Clause */
#include "privcmd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The result of the ioctl, or -errno. */
static int request(int fd, unsigned long number, void *arg)
{
	int rc;

	do {
		rc = ioctl(fd, number, arg);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

int privcmd_open(void)
{
	int fd = open(ZV_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int privcmd_info(int device, struct zv_info *ret_info)
{
	return request(device, ZV_IOC_INFO, ret_info);
}

ssize_t privcmd_log(int device, uint64_t *pos, uint64_t *ret_first,
		    char *ret_text, size_t room)
{
	struct zv_ioc_log log = {
		.pos = *pos,
		.buf = (uintptr_t)ret_text,
		.len = (uint32_t)room,
	};
	int rc = request(device, ZV_IOC_LOG, &log);

	if (rc < 0) {
		return rc;
	}
	*pos = log.pos;
	*ret_first = log.first;
	return log.got;
}

int privcmd_counters(int device, uint32_t zone,
		     struct zv_counters *ret_counters)
{
	struct zv_ioc_counters counters = { .zone = zone };
	int rc = request(device, ZV_IOC_COUNTERS, &counters);

	if (rc == 0) {
		*ret_counters = counters.counters;
	}
	return rc;
}

int privcmd_trace_set(int device, uint32_t classes)
{
	struct zv_ioc_trace_set arg = { .classes = classes };

	return request(device, ZV_IOC_TRACE_SET, &arg);
}

ssize_t privcmd_trace_read(int device, uint32_t pcpu, uint64_t *pos,
			   uint64_t *ret_first,
			   struct zv_trace_record *ret_records, uint32_t room)
{
	struct zv_ioc_trace_read arg = {
		.pos = *pos,
		.buf = (uintptr_t)ret_records,
		.pcpu = pcpu,
		.room = room,
	};
	int rc = request(device, ZV_IOC_TRACE_READ, &arg);

	if (rc < 0) {
		return rc;
	}
	*pos = arg.pos;
	*ret_first = arg.first;
	return arg.got;
}

int privcmd_zone_next(int device, uint32_t id, struct zv_zone_info *ret_info)
{
	struct zv_ioc_zone_next next = { .info = { .id = id } };
	int rc = request(device, ZV_IOC_ZONE_NEXT, &next);

	if (rc == 0) {
		*ret_info = next.info;
	}
	return rc;
}

int privcmd_zone_create(int device, const struct zv_zone_create *create,
			uint32_t *ret_id)
{
	struct zv_ioc_zone_create arg = { .create = *create };
	int fd = request(device, ZV_IOC_ZONE_CREATE, &arg);

	if (fd >= 0) {
		*ret_id = arg.id;
	}
	return fd;
}

int privcmd_zone_open(int device, uint32_t id, const uint8_t uuid[16],
		      uint32_t flags)
{
	struct zv_ioc_zone_open arg = { .id = id, .flags = flags };

	memcpy(arg.uuid, uuid, sizeof(arg.uuid));
	return request(device, ZV_IOC_ZONE_OPEN, &arg);
}

int privcmd_zone_info(int zone, struct zv_zone_info *ret_info)
{
	return request(zone, ZV_IOC_ZONE_INFO, ret_info);
}

int privcmd_zone_start(int zone)
{
	return request(zone, ZV_IOC_ZONE_START, NULL);
}

int privcmd_zone_pause(int zone)
{
	return request(zone, ZV_IOC_ZONE_PAUSE, NULL);
}

int privcmd_zone_resume(int zone)
{
	return request(zone, ZV_IOC_ZONE_RESUME, NULL);
}

int privcmd_zone_stop(int zone)
{
	return request(zone, ZV_IOC_ZONE_STOP, NULL);
}

int privcmd_zone_reset(int zone)
{
	return request(zone, ZV_IOC_ZONE_RESET, NULL);
}

int privcmd_zone_destroy(int zone)
{
	return request(zone, ZV_IOC_ZONE_DESTROY, NULL);
}

int privcmd_populate(int zone, uint64_t gpa, uint64_t size)
{
	struct zv_ioc_populate arg = { .gpa = gpa, .size = size };

	return request(zone, ZV_IOC_POPULATE, &arg);
}

int privcmd_extent(int zone, uint64_t gpa, uint64_t *ret_gpa,
		   uint64_t *ret_size)
{
	struct zv_ioc_extent arg = { .gpa = gpa };
	int rc = request(zone, ZV_IOC_EXTENT, &arg);

	if (rc == 0) {
		*ret_gpa = arg.gpa;
		*ret_size = arg.size;
	}
	return rc;
}

int privcmd_map(int zone, uint64_t gpa, size_t size, void **ret_memory)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    zone, (off_t)gpa);

	int rc;

	if (memory == MAP_FAILED) {
		return -errno;
	}
	/* What cannot be granted is an error here, and not a SIGBUS later. */
	if (madvise(memory, size, MADV_POPULATE_WRITE) < 0) {
		rc = -errno;
		munmap(memory, size);
		return rc;
	}
	*ret_memory = memory;
	return 0;
}

/*
 * Arm ARM D7.4 (cache maintenance to the point of coherency): a vCPU with its
 * MMU off reads memory directly, while our stores may still be in a cache.
 * Linux lets EL0 use DC CVAC (SCTLR_EL1.UCI), and where line sizes differ
 * between cores it shows EL0 the smallest in CTR_EL0.
 */
#ifdef __aarch64__
static uintptr_t line_size(void)
{
	uint64_t ctr;

	__asm__ volatile("mrs %0, ctr_el0" : "=r"(ctr));
	return 4ul << (ctr >> 16 & 15); /* DminLine: log2 of words */
}

void privcmd_clean(const void *memory, size_t size)
{
	uintptr_t end = (uintptr_t)memory + size;
	uintptr_t step = line_size();

	for (uintptr_t line = (uintptr_t)memory & ~(step - 1); line < end;
	     line += step) {
		__asm__ volatile("dc cvac, %0" : : "r"(line) : "memory");
	}
	__asm__ volatile("dsb sy" : : : "memory");
}

/* There is no invalidation at EL0, but what is clean is only dropped. */
void privcmd_refresh(const void *memory, size_t size)
{
	uintptr_t end = (uintptr_t)memory + size;
	uintptr_t step = line_size();

	for (uintptr_t line = (uintptr_t)memory & ~(step - 1); line < end;
	     line += step) {
		__asm__ volatile("dc civac, %0" : : "r"(line) : "memory");
	}
	__asm__ volatile("dsb sy" : : : "memory");
}
#else
void privcmd_clean(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}

void privcmd_refresh(const void *memory, size_t size)
{
	(void)memory;
	(void)size;
}
#endif

int privcmd_vcpu_set(int zone, uint32_t vcpu, const struct zv_vcpu_state *state)
{
	struct zv_ioc_vcpu arg = { .vcpu = vcpu, .state = *state };

	return request(zone, ZV_IOC_VCPU_SET, &arg);
}

int privcmd_vcpu_get(int zone, uint32_t vcpu, struct zv_vcpu_state *ret_state)
{
	struct zv_ioc_vcpu arg = { .vcpu = vcpu };
	int rc = request(zone, ZV_IOC_VCPU_GET, &arg);

	if (rc == 0) {
		*ret_state = arg.state;
	}
	return rc;
}

int privcmd_vcpu_pin(int zone, uint32_t vcpu, uint32_t pcpu)
{
	struct zv_ioc_vcpu_pin arg = { .vcpu = vcpu, .pcpu = pcpu };

	return request(zone, ZV_IOC_VCPU_PIN, &arg);
}

int privcmd_vcpu_limit(int zone, uint32_t *count)
{
	struct zv_ioc_vcpu_limit arg = { .count = *count };
	int rc = request(zone, ZV_IOC_VCPU_LIMIT, &arg);

	if (rc == 0) {
		*count = arg.count;
	}
	return rc;
}

int privcmd_shadow_create(int zone, uint64_t gpa, uint32_t flags,
			  uint32_t *ret_index)
{
	struct zv_ioc_shadow arg = { .gpa = gpa, .flags = flags };
	int rc = request(zone, ZV_IOC_SHADOW_CREATE, &arg);

	if (rc == 0) {
		*ret_index = arg.index;
	}
	return rc;
}

int privcmd_shadow_actions(int zone, const struct zv_shadow_actions *actions)
{
	struct zv_shadow_actions copy = *actions;

	return request(zone, ZV_IOC_SHADOW_ACTIONS, &copy);
}

int privcmd_zone_drain(int zone)
{
	struct zv_event events[8];
	int flags = fcntl(zone, F_GETFL);
	ssize_t got;

	if (flags < 0) {
		return -errno;
	}
	if (!(flags & O_NONBLOCK) &&
	    fcntl(zone, F_SETFL, flags | O_NONBLOCK) < 0) {
		return -errno;
	}
	do {
		got = read(zone, events, sizeof(events));
	} while (got < 0 && errno == EINTR);
	return got < 0 && errno != EAGAIN ? -errno : 0;
}
