/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module's interface, from zone0's userspace: memory that can be pinned,
 * rights of the two kinds of zone fd, eventfds, the restart area, and destroy by
 * reference count.  Prints PASS/FAIL lines and "DONE"; status 1 after a FAIL.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <zonevisor.h>

#define RAM 0x40000000ull
#define SIZE (2 * ZV_CHUNK_SIZE)
#define TRIES 600 /* of 100 ms: pins of a closed ring go asynchronously */

static int device;
static int failed;

static void check(bool ok, const char *what)
{
	printf("%s: %s\n", ok ? "PASS" : "FAIL", what);
	failed += !ok;
}

/* errno of a request, 0 if it succeeded. */
static int request(int fd, unsigned long nr, void *arg)
{
	return ioctl(fd, nr, arg) < 0 ? errno : 0;
}

static unsigned long long pages_free(void)
{
	struct zv_info info;

	return request(device, ZV_IOC_INFO, &info) ? 0 : info.pages_free;
}

static int create(struct zv_ioc_zone_create *c)
{
	memset(c, 0, sizeof(*c));
	strcpy(c->create.name, "kmodtest");
	memset(c->create.uuid, 0xa5, sizeof(c->create.uuid));
	c->create.vcpu_count = 1;
	c->create.pcpu[0] = ZV_PCPU_ANY;
	return ioctl(device, ZV_IOC_ZONE_CREATE, c);
}

static int open_zone(uint32_t id, uint32_t flags, int uuid)
{
	struct zv_ioc_zone_open o = { .id = id, .flags = flags };

	memset(o.uuid, uuid, sizeof(o.uuid));
	return ioctl(device, ZV_IOC_ZONE_OPEN, &o);
}

static void bad_arguments(int zone)
{
	struct zv_ioc_zone_create c;
	struct zv_ioc_populate p = { RAM + 1, ZV_CHUNK_SIZE };
	struct zv_ioc_shadow s = { 0x9000000, ~0u, 0 };
	struct zv_shadow_update u = { .count = ZV_SHADOW_WORDS_MAX + 1 };
	struct zv_ioc_ioeventfd e = { .doorbell = ZV_DOORBELLS_MAX };
	struct zv_ioc_vcpu v = { .vcpu = 1 };

	memset(&c, 0, sizeof(c));
	check(request(device, ZV_IOC_ZONE_CREATE, &c) == EINVAL,
	      "a zone without a name is refused");
	check(request(device, ZV_IOC_ZONE_CREATE, NULL) == EFAULT,
	      "a bad address is EFAULT");
	check(request(device, _IO(ZV_IOC_TYPE, 0x7f), NULL) == ENOTTY,
	      "an unknown request is ENOTTY");
	check(request(zone, ZV_IOC_POPULATE, &p) == EINVAL,
	      "memory off a chunk is refused");
	check(request(zone, ZV_IOC_SHADOW_CREATE, &s) == EINVAL,
	      "unknown shadow flags are refused");
	check(request(zone, ZV_IOC_SHADOW_UPDATE, &u) != 0,
	      "too many words are refused");
	e.fd = eventfd(0, 0);
	check(request(zone, ZV_IOC_IOEVENTFD, &e) == EINVAL,
	      "a doorbell out of range is refused");
	close(e.fd);
	check(request(zone, ZV_IOC_VCPU_GET, &v) != 0,
	      "a vCPU that is not there is refused");
}

static void rights(uint32_t id)
{
	int first = open_zone(id, ZV_OPEN_IO, 0xa5);
	int second;
	struct zv_zone_info info;
	struct pollfd p;

	check(open_zone(id, 0, 0x11) < 0 && errno == ESTALE,
	      "another UUID is ESTALE");
	check(open_zone(200, 0, 0) < 0 && errno == ESRCH,
	      "a zone that is not there is ESRCH");
	check(request(first, ZV_IOC_ZONE_START, NULL) == EPERM,
	      "an I/O fd cannot start its zone");
	check(request(first, ZV_IOC_ZONE_DESTROY, NULL) == EPERM,
	      "nor destroy it");
	check(request(first, ZV_IOC_ZONE_INFO, &info) == 0,
	      "it can ask about it");
	second = open_zone(id, ZV_OPEN_IO, 0xa5);
	p = (struct pollfd){ .fd = first, .events = POLLIN };
	check(request(first, ZV_IOC_ZONE_INFO, &info) == ESTALE &&
		      poll(&p, 1, 0) == 1 && (p.revents & POLLHUP),
	      "a newer I/O fd makes the older stale");
	check(request(second, ZV_IOC_ZONE_INFO, &info) == 0,
	      "the newer one works");
	close(first);
	close(second);
}

static void eventfds(int zone)
{
	struct zv_ioc_ioeventfd e = { .doorbell = 7 };
	uint64_t n = 0;

	e.fd = eventfd(0, EFD_NONBLOCK);
	check(request(zone, ZV_IOC_IOEVENTFD, &e) == 0 &&
		      read(e.fd, &n, sizeof(n)) == sizeof(n) && n == 1,
	      "a doorbell's eventfd is signalled once when bound");
	e.flags = ZV_EVENTFD_DEASSIGN;
	check(request(zone, ZV_IOC_IOEVENTFD, &e) == 0, "it can be unbound");
	check(request(zone, ZV_IOC_IOEVENTFD, &e) == ENOENT, "but once");
	close(e.fd);
}

static void restart_area(int zone, uint32_t id)
{
	int other = open_zone(id, 0, 0xa5);
	char *a = mmap(NULL, ZV_STATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       zone, (off_t)ZV_MMAP_STATE);
	char *b = mmap(NULL, ZV_STATE_SIZE, PROT_READ, MAP_SHARED, other,
		       (off_t)ZV_MMAP_STATE);

	check(a != MAP_FAILED && b != MAP_FAILED && a[0] == 0,
	      "the restart area is there and zero");
	strcpy(a + ZV_STATE_SIZE - 16, "kept");
	munmap(a, ZV_STATE_SIZE);
	check(!strcmp(b + ZV_STATE_SIZE - 16, "kept"),
	      "what one process leaves there another finds");
	munmap(b, ZV_STATE_SIZE);
	close(other);
}

/* Registering a buffer pins its pages for as long as the ring lives. */
static int pin(void *memory, size_t size)
{
	struct io_uring_params p = { 0 };
	struct iovec v = { memory, size };
	int ring = (int)syscall(SYS_io_uring_setup, 4, &p);

	if (ring >= 0 && syscall(SYS_io_uring_register, ring,
				 IORING_REGISTER_BUFFERS, &v, 1) < 0) {
		close(ring);
		return -1;
	}
	return ring;
}

static void pinned_memory(int zone)
{
	char *ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, zone,
			 (off_t)RAM);
	struct zv_zone_info info;
	int ring;
	int rc = EBUSY;

	if (ram == MAP_FAILED) {
		check(false, "the zone's memory can be mapped");
		return;
	}
	check(ram[0] == 0 && ram[SIZE - 1] == 0, "fresh memory is zero");
	memset(ram, 0x5a, SIZE);
	check(request(zone, ZV_IOC_ZONE_INFO, &info) == 0 &&
		      info.pages_granted == SIZE / ZV_PAGE_SIZE,
	      "what is touched is granted to zone0");
	ring = pin(ram, SIZE);
	check(ring >= 0, "io_uring can pin it");
	munmap(ram, SIZE);
	check(request(zone, ZV_IOC_ZONE_DESTROY, NULL) == EBUSY,
	      "a zone whose pages are pinned is not freed");
	check(request(zone, ZV_IOC_ZONE_INFO, &info) == 0 &&
		      info.state == ZV_ZONE_DYING,
	      "it is dying");
	close(ring);
	for (int i = 0; i < TRIES && rc == EBUSY; i++) {
		rc = request(zone, ZV_IOC_ZONE_DESTROY, NULL);
		if (rc == EBUSY) {
			usleep(100000);
		}
	}
	check(rc == 0, "and goes when the pins have gone");
	check(request(zone, ZV_IOC_ZONE_INFO, &info) == ESRCH,
	      "its fd then answers ESRCH");
}

int main(void)
{
	struct zv_ioc_zone_create c;
	struct zv_ioc_populate p = { RAM, SIZE };
	struct zv_ioc_extent x = { 0, 0 };
	unsigned long long before;
	int zone;

	setvbuf(stdout, NULL, _IOLBF, 0);
	device = open(ZV_DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0) {
		perror(ZV_DEVICE);
		return 1;
	}
	before = pages_free();
	zone = create(&c);
	check(zone >= 0, "a zone is created");
	check(request(zone, ZV_IOC_POPULATE, &p) == 0, "and gets memory");
	check(request(zone, ZV_IOC_POPULATE, &p) == EEXIST, "but once");
	check(request(zone, ZV_IOC_EXTENT, &x) == 0 && x.gpa == RAM,
	      "its memory can be listed");
	check(request(zone, ZV_IOC_ZONE_START, NULL) == EINVAL,
	      "without a vCPU to boot it does not start");
	bad_arguments(zone);
	rights(c.id);
	eventfds(zone);
	restart_area(zone, c.id);
	pinned_memory(zone);
	check(pages_free() == before, "the pool is what it was");
	printf("DONE %d failed\n", failed);
	return failed != 0;
}
