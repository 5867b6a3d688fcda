/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "display/display_vencrypt.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(text) text, sizeof(text) - 1
#define NO "TLS (VeNCrypt) is asked for here, which takes a viewer with RFB 3.8"
#define OURS "RFB 003.008\n"
#define TYPES OURS "\x01\x13"
#define KINDS TYPES "\0\x02\0\x01\0\0\x01\x04"

struct conversation {
	const char *says;
	size_t says_len;
	bool password;
	bool through;
	const char *hears;
	size_t hears_len;
};

/* The other one says all at once, and nothing more. */
static void assert_goes(bool (*talk)(int fd, bool password),
			const struct conversation *c)
{
	char heard[256] = { 0 };
	size_t len = 0;
	ssize_t n;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[1], c->says, c->says_len), c->says_len);
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(talk(fds[0], c->password), c->through);
	close(fds[0]);
	while ((n = read(fds[1], heard + len, sizeof(heard) - len)) > 0) {
		len += (size_t)n;
	}
	close(fds[1]);
	assert_int_equal(len, c->hears_len);
	assert_memory_equal(heard, c->hears, len);
}

static void test_offer(void **state)
{
	static const struct conversation all[] = {
		{ TEXT("RFB 003.008\n\x13\0\x02\0\0\x01\x04"), false, true,
		  TEXT(KINDS "\x01") },
		{ TEXT("RFB 003.889\n\x13\0\x02\0\0\x01\x04"), false, true,
		  TEXT(KINDS "\x01") },
		{ TEXT("RFB 003.008\n\x13\0\x02\0\0\x01\x05"), true, true,
		  TEXT(TYPES "\0\x02\0\x01\0\0\x01\x05\x01") },
		/* another kind, version of VeNCrypt, or type */
		{ TEXT("RFB 003.008\n\x13\0\x02\0\0\x01\x05"), false, false,
		  TEXT(KINDS "\0") },
		{ TEXT("RFB 003.008\n\x13\0\x02\0\0\x01\x04"), true, false,
		  TEXT(TYPES "\0\x02\0\x01\0\0\x01\x05\0") },
		{ TEXT("RFB 003.008\n\x13\0\x02\0\0\0\x01"), false, false,
		  TEXT(KINDS "\0") },
		{ TEXT("RFB 003.008\n\x13\0\x01\0\0\x01\x04"), false, false,
		  TEXT(TYPES "\0\x02\x01") },
		{ TEXT("RFB 003.008\n\x01\0\x02\0\0\x01\x04"), false, false,
		  TEXT(TYPES) },
		/* of RFB */
		{ TEXT("RFB 003.007\n\x13"), false, false,
		  TEXT(OURS "\0\0\0\0\x43" NO) },
		{ TEXT("RFB 003.003\n\x13"), false, false,
		  TEXT(OURS "\0\0\0\0\0\0\0\x43" NO) },
		{ TEXT("RFC 003.008\n\x13\0\x02\0\0\x01\x04"), false, false,
		  TEXT(OURS "\0\0\0\0\0\0\0\x43" NO) },
		/* the end */
		{ TEXT("RFB 003.008"), false, false, TEXT(OURS) },
		{ TEXT("RFB 003.008\n"), false, false, TEXT(TYPES) },
		{ TEXT("RFB 003.008\n\x13\0"), false, false,
		  TEXT(TYPES "\0\x02") },
		{ TEXT("RFB 003.008\n\x13\0\x02\0\0\x01"), false, false,
		  TEXT(KINDS) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_goes(display_vencrypt_offer, &all[i]);
	}
}

static void test_enter(void **state)
{
	static const struct conversation all[] = {
		{ TEXT(OURS "\x01\x01"), false, true, TEXT(OURS "\x01") },
		{ TEXT(OURS "\x03\x10\x13\x02"), true, true,
		  TEXT(OURS "\x02") },
		/* It must not be let in in another way than it was told. */
		{ TEXT(OURS "\x01\x01"), true, false, TEXT(OURS) },
		{ TEXT(OURS "\x01\x02"), false, false, TEXT(OURS) },
		{ TEXT(OURS "\0"), false, false, TEXT(OURS) },
		{ TEXT("RFB 003.003\n\0\0\0\x01"), false, false, TEXT("") },
		{ TEXT(OURS "\xff\x01"), false, false, TEXT(OURS) },
		{ TEXT("RFB"), false, false, TEXT("") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_goes(display_vencrypt_enter, &all[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
