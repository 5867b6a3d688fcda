/* SPDX-License-Identifier: BSD-2-Clause */
/* What hvd-display and its forks may do to sockets: each test is in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "display/display_sandbox.h"

static bool can_set(int fd, int level, int name)
{
	int value = 1;

	errno = 0;
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ||
	       errno != EPERM;
}

/* libvncserver asks for TCP_NODELAY, and nobody for anything else. */
static int try_options(int (*enter)(void))
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || fd < 0 ||
	    enter() != 0) {
		return 1;
	}
	return !can_set(fd, IPPROTO_TCP, TCP_NODELAY)  ? 2
	       : can_set(fd, SOL_SOCKET, SO_RCVBUF)    ? 3
	       : can_set(fd, SOL_SOCKET, SO_DEBUG)     ? 4
	       : can_set(fd, IPPROTO_TCP, TCP_ULP)     ? 5
	       : can_set(fd, SOL_SOCKET, SO_REUSEPORT) ? 6
						       : 0;
}

static void check(int (*enter)(void))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(try_options(enter));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int enter_without_card(void)
{
	return display_sandbox(false);
}

static int enter_with_card(void)
{
	return display_sandbox(true);
}

static void test_main(void **state)
{
	(void)state;
	check(enter_without_card);
	check(enter_with_card);
}

static void test_child(void **state)
{
	(void)state;
	check(display_sandbox_child);
}

/* No file is larger than any picture. */
static void test_file_size(void **state)
{
	FILE *file = tmpfile();
	int status = -1;
	pid_t pid;

	(void)state;
	assert_non_null(file);
	assert_int_equal(lseek(fileno(file), (256 << 20) - 1, SEEK_SET),
			 (256 << 20) - 1);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGXFSZ, SIG_IGN);
		_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? 1
		      : display_sandbox(false) != 0		  ? 2
		      : write(fileno(file), "x", 1) != 1	  ? 3
		      : write(fileno(file), "x", 1) != -1	  ? 4
		      : errno != EFBIG				  ? 5
								  : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_main),
		cmocka_unit_test(test_child),
		cmocka_unit_test(test_file_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
