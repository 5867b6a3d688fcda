/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvd-io over a zone that is a socket: linked with the real main(), sandbox and
 * event loop, without sanitizers, so that the system call filter is on.
 *
 * Requests of the module still go through the kernel, and with that through the
 * filter, which answers before the socket says that it knows no such request.
 * An event of the type RING on the socket rings the doorbell of its addr.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zonevisor.h>

#define FD_ZONE 4
#define RING 100u

ssize_t __real_read(int fd, void *ret, size_t len);
ssize_t __wrap_read(int fd, void *ret, size_t len);
int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, ...);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset);

static int bells[ZV_DOORBELLS_MAX];

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	const struct zv_ioc_ioeventfd *bind;
	va_list args;
	void *arg;
	int rc;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	rc = __real_ioctl(fd, request, arg);
	bind = arg;
	if (request == ZV_IOC_IOEVENTFD && bind->doorbell < ZV_DOORBELLS_MAX) {
		bells[bind->doorbell] = bind->fd;
	}
	if (rc < 0 && errno == ENOTTY && fd == FD_ZONE &&
	    _IOC_TYPE(request) == ZV_IOC_TYPE) {
		return 0;
	}
	return rc;
}

ssize_t __wrap_read(int fd, void *ret, size_t len)
{
	ssize_t n = __real_read(fd, ret, len);
	const struct zv_event *event = ret;
	uint64_t one = 1;

	if (fd != FD_ZONE || n != sizeof(*event) || event->type != RING ||
	    event->addr >= ZV_DOORBELLS_MAX) {
		return n;
	}
	if (write(bells[event->addr], &one, sizeof(one)) < 0) {
		abort();
	}
	errno = EAGAIN;
	return -1;
}

static int open_file(const char *variable)
{
	const char *path = getenv(variable);

	return path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
}

/*
 * Guest memory and the restart area: zeros.  A file that $HVD_IO_FAKE_STATE names
 * is a restart area that outlives the process, one that $HVD_IO_FAKE_RAM names
 * guest memory, at the addresses that it has there.
 */
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset)
{
	if (fd == FD_ZONE) {
		bool state = offset == (off_t)ZV_MMAP_STATE;
		int file = open_file(state ? "HVD_IO_FAKE_STATE"
					   : "HVD_IO_FAKE_RAM");
		void *p =
			__real_mmap(at, size, prot,
				    MAP_SHARED | (file < 0 ? MAP_ANONYMOUS : 0),
				    file, state || file < 0 ? 0 : offset);

		if (file >= 0) {
			close(file);
		}
		return p;
	}
	return __real_mmap(at, size, prot, flags, fd, offset);
}
