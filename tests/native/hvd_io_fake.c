/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvd-io over a zone that is a socket: linked with the real main(), sandbox and
 * event loop, without sanitizers, so that the system call filter is on.
 *
 * Requests of the module still go through the kernel, and with that through the
 * filter, which answers before the socket says that it knows no such request.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <zonevisor.h>

#define FD_ZONE 4

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, ...);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	int rc;

	va_start(args, request);
	rc = __real_ioctl(fd, request, va_arg(args, void *));
	va_end(args);
	if (rc < 0 && errno == ENOTTY && fd == FD_ZONE &&
	    _IOC_TYPE(request) == ZV_IOC_TYPE) {
		return 0;
	}
	return rc;
}

/* Guest memory and the restart area: zeros. */
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset)
{
	if (fd == FD_ZONE) {
		return __real_mmap(at, size, prot, MAP_SHARED | MAP_ANONYMOUS,
				   -1, 0);
	}
	return __real_mmap(at, size, prot, flags, fd, offset);
}
