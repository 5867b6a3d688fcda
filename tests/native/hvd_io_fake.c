/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvd-io over a zone that is a socket: linked with the real main(), sandbox and
 * event loop, without sanitizers, so that the system call filter is on.
 *
 * Requests of the module still go through the kernel, and with that through the
 * filter, which answers before the socket says that it knows no such request.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

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

static int open_state(void)
{
	const char *path = getenv("HVD_IO_FAKE_STATE");

	return path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
}

/*
 * Guest memory and the restart area: zeros.  A file that $HVD_IO_FAKE_STATE names
 * is a restart area that outlives the process.
 */
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
		  off_t offset)
{
	if (fd == FD_ZONE) {
		int state = offset == (off_t)ZV_MMAP_STATE ? open_state() : -1;
		void *p = __real_mmap(
			at, size, prot,
			MAP_SHARED | (state < 0 ? MAP_ANONYMOUS : 0), state, 0);

		if (state >= 0) {
			close(state);
		}
		return p;
	}
	return __real_mmap(at, size, prot, flags, fd, offset);
}
