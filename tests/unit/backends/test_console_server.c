/* SPDX-License-Identifier: BSD-2-Clause */
/* Consoles as their clients see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console/console_hello.h"
#include "support/process.h"

static struct process *p;

static int setup(void **state)
{
	(void)state;
	p = process_new(NULL, NULL);
	return process_start(p);
}

static int teardown(void **state)
{
	(void)state;
	process_free(p);
	return 0;
}

static void say(const char *text)
{
	console_port_output(&p->io.uart_port, text, strlen(text));
}

static int attach(const char *more)
{
	char line[200];

	snprintf(line, sizeof(line), "{\"device\":\"uart0\"%s}\n", more);
	return process_connect(p, line);
}

#define OK(offset, writer)                                      \
	"{\"ok\":true,\"device\":\"uart0\",\"offset\":" #offset \
	",\"writer\":" #writer "}\n"

static void where_it_starts(void **state)
{
	static const struct {
		const char *from;
		const char *answer;
	} cases[] = {
		{ "", OK(10, false) },
		{ ",\"from\":\"end\"", OK(10, false) },
		{ ",\"from\":\"start\"", OK(0, false) "0123456789" },
		{ ",\"from\":4", OK(4, false) "456789" },
		{ ",\"from\":10", OK(10, false) },
		{ ",\"from\":9999", OK(10, false) },
	};

	(void)state;
	say("0123456789");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = attach(cases[i].from);

		assert_string_equal(process_receive(p, fd), cases[i].answer);
		close(fd);
	}
}

static void many_readers(void **state)
{
	int fd[10];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		fd[i] = attach("");
		assert_string_equal(process_receive(p, fd[i]), OK(0, false));
	}
	say("for all");
	for (size_t i = 0; i < 10; i++) {
		assert_string_equal(process_receive(p, fd[i]), "for all");
		close(fd[i]);
	}
}

static void one_writer(void **state)
{
	int a;
	int b;

	(void)state;
	a = attach(",\"write\":true");
	assert_string_equal(process_receive(p, a), OK(0, true));
	b = attach(",\"write\":true");
	assert_string_equal(process_receive(p, b), OK(0, false));
	/* What a reader types goes nowhere. */
	assert_int_equal(send(b, "b", 1, 0), 1);
	assert_true(event_pump_run(&p->pump));
	assert_int_equal(p->io.uart.state.regs.fifo_len, 0);
	assert_int_equal(send(a, "a", 1, 0), 1);
	assert_true(event_pump_run(&p->pump));
	assert_int_equal(p->io.uart.state.regs.fifo_len, 1);
	close(a);
	assert_true(event_pump_run(&p->pump));
	/* The place is free again. */
	a = attach(",\"write\":true");
	assert_string_equal(process_receive(p, a), OK(0, true));
	close(a);
	close(b);
}

static void forced_writer(void **state)
{
	int a;
	int b;

	(void)state;
	a = attach(",\"write\":true");
	(void)process_receive(p, a);
	b = attach(",\"write\":true,\"force\":true");
	assert_string_equal(process_receive(p, b), OK(0, true));
	/* The other stays, and reads on. */
	assert_int_equal(send(a, "a", 1, 0), 1);
	assert_true(event_pump_run(&p->pump));
	assert_int_equal(p->io.uart.state.regs.fifo_len, 0);
	say("x");
	assert_string_equal(process_receive(p, a), "x");
	close(a);
	close(b);
}

/* A demoted writer whose input was stuck is read from again. */
static void forced_over_a_stuck_writer(void **state)
{
	char text[8192];
	int a;
	int b;

	(void)state;
	memset(text, 'x', sizeof(text));
	a = attach(",\"write\":true");
	(void)process_receive(p, a);
	assert_int_equal(send(a, text, sizeof(text), 0), sizeof(text));
	assert_true(event_pump_run(&p->pump));
	b = attach(",\"write\":true,\"force\":true");
	assert_non_null(strstr(process_receive(p, b), "\"writer\":true"));
	assert_true(event_pump_run(&p->pump));
	close(a);
	assert_true(event_pump_run(&p->pump));
	close(b);
}

static void refused(const char *hello, const char *answer)
{
	int fd = process_connect(p, hello);
	const char *got = process_receive(p, fd);

	assert_non_null(strstr(got, "{\"ok\":false,\"error\":\""));
	assert_non_null(strstr(got, answer));
	assert_non_null(strstr(got, "<EOF>"));
	close(fd);
}

static void bad_hellos(void **state)
{
	(void)state;
	refused("\n", "not JSON");
	refused("hello\n", "not JSON");
	refused("[]\n", "object");
	refused("{}\n", "device is missing");
	refused("{\"device\":1}\n", "device must be a string");
	refused("{\"device\":\"\"}\n", "1 to 31");
	refused("{\"device\":\"0123456789012345678901234567890123\"}\n",
		"1 to 31");
	refused("{\"device\":\"uart1\"}\n", "no such console");
	refused("{\"device\":\"uart0\",\"from\":-1}\n", "from must be");
	refused("{\"device\":\"uart0\",\"from\":\"x\"}\n",
		"from must be an offset, start or end\"}");
	refused("{\"device\":\"uart0\",\"write\":1}\n", "write must be");
	refused("{\"device\":\"uart0\",\"force\":0}\n", "force must be");
	refused("{\"device\":\"uart0\",\"x\":0}\n", "members are");
}

static void hello_too_long(void **state)
{
	char line[CONSOLE_HELLO_MAX + 10];

	(void)state;
	memset(line, ' ', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	refused(line, "too long");
	/* A line end does not save it, and one byte less is well. */
	line[CONSOLE_HELLO_MAX] = '\n';
	line[CONSOLE_HELLO_MAX + 1] = '\0';
	refused(line, "too long");
	line[CONSOLE_HELLO_MAX - 1] = '\n';
	line[CONSOLE_HELLO_MAX] = '\0';
	refused(line, "not JSON");
}

static void limit_descriptors(int count)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = count ? (rlim_t)count : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Who connects meanwhile waits, and so does the loop. */
static void out_of_descriptors(void **state)
{
	int next = dup(0);
	int fd;

	(void)state;
	close(next);
	limit_descriptors(next + 1); /* the client's own is the last one */
	fd = attach("");
	assert_int_equal(fd, next);
	assert_string_equal(process_receive(p, fd), "");
	event_pump_advance(&p->pump, 10 * LISTENER_RETRY_MS);
	assert_true(event_pump_run(&p->pump));
	limit_descriptors(0);
	assert_string_equal(process_receive(p, fd), "");
	event_pump_advance(&p->pump, LISTENER_RETRY_MS);
	assert_string_equal(process_receive(p, fd), OK(0, false));
	close(fd);
}

static void hello_too_late(void **state)
{
	int fd = process_connect(p, "{\"device\"");

	(void)state;
	event_pump_advance(&p->pump, CONSOLE_HELLO_MS - 1);
	assert_string_equal(process_receive(p, fd), "");
	event_pump_advance(&p->pump, 1);
	assert_non_null(strstr(process_receive(p, fd), "in time"));
	close(fd);
	/* A client that is through stays for ever. */
	fd = attach("");
	(void)process_receive(p, fd);
	event_pump_advance(&p->pump, 10 * CONSOLE_HELLO_MS);
	assert_string_equal(process_receive(p, fd), "");
	close(fd);
}

static void hello_in_pieces_with_input_after_it(void **state)
{
	int fd = process_connect(p, "{\"device\":");

	(void)state;
	assert_string_equal(process_receive(p, fd), "");
	assert_int_equal(send(fd, "\"uart0\",\"write\":true}\nabc", 25, 0), 25);
	assert_string_equal(process_receive(p, fd), OK(0, true));
	assert_int_equal(p->io.uart.state.regs.fifo[0], 'a');
	close(fd);
}

static void too_many(void **state)
{
	int fd[CONSOLE_CLIENTS_MAX];

	(void)state;
	for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++) {
		fd[i] = attach("");
		assert_string_equal(process_receive(p, fd[i]), OK(0, false));
	}
	refused("", "too many clients");
	close(fd[17]);
	assert_true(event_pump_run(&p->pump));
	fd[17] = attach("");
	assert_string_equal(process_receive(p, fd[17]), OK(0, false));
	for (size_t i = 0; i < CONSOLE_CLIENTS_MAX; i++) {
		close(fd[i]);
	}
}

/* One that does not read loses the middle; nobody else notices. */
static void slow_reader(void **state)
{
	static char big[100000];
	size_t total = 0;
	char *notice;
	char *text;
	int slow;
	int fast;

	(void)state;
	memset(big, '.', sizeof(big) - 1);
	slow = attach("");
	fast = attach("");
	(void)process_receive(p, slow);
	(void)process_receive(p, fast);
	for (int i = 0; i < 20; i++) {
		say(big);
		total += strlen(process_receive(p, fast));
	}
	say("the end");
	assert_int_equal(total, 20 * (sizeof(big) - 1));
	assert_string_equal(process_receive(p, fast), "the end");
	text = strdup(process_receive(p, slow));
	assert_true(strlen(text) < total);
	notice = strstr(text, "\r\n[hvd-io: ");
	assert_non_null(notice);
	/* What it got, and what it is told it did not, is all. */
	assert_int_equal(strlen(text) + strtoul(notice + 11, NULL, 10) -
				 (size_t)(strchr(notice, ']') + 3 - notice),
			 total + 7);
	assert_string_equal(text + strlen(text) - 7, "the end");
	free(text);
	close(slow);
	close(fast);
}

/* A connection that drops is taken up at the byte where it was. */
static void reconnect(void **state)
{
	int fd = attach("");

	(void)state;
	(void)process_receive(p, fd);
	say("seen ");
	assert_string_equal(process_receive(p, fd), "seen ");
	process_kill(p);
	assert_string_equal(process_receive(p, fd), "<EOF>");
	close(fd);
	assert_int_equal(process_start(p), 0);
	say("missed");
	fd = attach(",\"from\":5");
	assert_string_equal(process_receive(p, fd), OK(5, false) "missed");
	close(fd);
}

/* A writer that has gone while the guest took nothing leaves its place. */
static void stuck_writer_goes(void **state)
{
	char text[8192];
	int fd = attach(",\"write\":true");

	(void)state;
	memset(text, 'x', sizeof(text));
	(void)process_receive(p, fd);
	assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
	assert_true(event_pump_run(&p->pump));
	close(fd);
	assert_true(event_pump_run(&p->pump));
	fd = attach(",\"write\":true");
	assert_string_equal(process_receive(p, fd), OK(0, true));
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(where_it_starts),
		TEST(many_readers),
		TEST(one_writer),
		TEST(forced_writer),
		TEST(forced_over_a_stuck_writer),
		TEST(bad_hellos),
		TEST(hello_too_long),
		TEST(out_of_descriptors),
		TEST(hello_too_late),
		TEST(hello_in_pieces_with_input_after_it),
		TEST(too_many),
		TEST(slow_reader),
		TEST(reconnect),
		TEST(stuck_writer_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
