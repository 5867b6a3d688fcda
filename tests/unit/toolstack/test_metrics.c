/* SPDX-License-Identifier: BSD-2-Clause */
/* OpenMetrics text, and the heads of HTTP requests. */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_request.h"
#include "metrics_server.h"
#include "openmetrics.h"

/* ----------------------------------------------------------------- text */

static void expect_text(struct openmetrics *m, const char *text)
{
	assert_false(m->failed);
	assert_int_equal(m->len, strlen(text));
	assert_memory_equal(m->text, text, m->len);
	free(m->text);
	*m = (struct openmetrics){ 0 };
}

static void escapes(void **state)
{
	const struct openmetrics_family family = { "a_bytes", OPENMETRICS_GAUGE,
						   "bytes",
						   "say \"a\\b\"\nor not" };
	const struct openmetrics_label labels[] = { { "x", "\"\\\n" },
						    { "y", "" },
						    { 0 } };
	struct openmetrics m = { 0 };

	(void)state;
	openmetrics_begin(&m, &family);
	openmetrics_number(&m, &family, labels, UINT64_MAX);
	openmetrics_end(&m);
	expect_text(&m, "# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n"
			"# HELP a_bytes say \\\"a\\\\b\\\"\\nor not\n"
			"a_bytes{x=\"\\\"\\\\\\n\",y=\"\"} "
			"18446744073709551615\n# EOF\n");
}

static void suffixes(void **state)
{
	static const struct openmetrics_family counter = { "c_seconds",
							   OPENMETRICS_COUNTER,
							   "seconds", "c" };
	static const struct openmetrics_family info = { "i", OPENMETRICS_INFO,
							NULL, "i" };
	static const struct openmetrics_family set = { "s",
						       OPENMETRICS_STATESET,
						       NULL, "s" };
	static const char *const names[] = { "on", "off" };
	const struct openmetrics_label labels[] = { { "z", "1" }, { 0 } };
	struct openmetrics m = { 0 };

	(void)state;
	openmetrics_ns(&m, &counter, NULL, 1000000001);
	openmetrics_number(&m, &info, NULL, 1);
	openmetrics_state(&m, &set, labels, names, 2, "off");
	expect_text(&m, "c_seconds_total 1.000000001\ni_info 1\n"
			"s{z=\"1\",s=\"on\"} 0\ns{z=\"1\",s=\"off\"} 1\n");
}

static void histograms(void **state)
{
	static const struct openmetrics_family family = { "h_seconds",
							  OPENMETRICS_HISTOGRAM,
							  "seconds", "h" };
	const struct openmetrics_label labels[] = { { "z", "1" }, { 0 } };
	const uint64_t bucket[] = { 3, 0, 4, 1 };
	struct openmetrics m = { 0 };

	(void)state;
	openmetrics_histogram(&m, &family, labels, bucket, 4, 12345);
	expect_text(&m, "h_seconds_bucket{z=\"1\",le=\"1e-06\"} 3\n"
			"h_seconds_bucket{z=\"1\",le=\"2e-06\"} 3\n"
			"h_seconds_bucket{z=\"1\",le=\"4e-06\"} 7\n"
			"h_seconds_bucket{z=\"1\",le=\"+Inf\"} 8\n"
			"h_seconds_count{z=\"1\"} 8\n"
			"h_seconds_sum{z=\"1\"} 0.000012345\n");
}

/* What is told of a device may be a lie; a sum that falls is no histogram. */
static void histograms_do_not_fall(void **state)
{
	static const struct openmetrics_family family = { "h",
							  OPENMETRICS_HISTOGRAM,
							  NULL, "h" };
	const struct openmetrics_label labels[] = { { 0 } };
	const uint64_t bucket[] = { UINT64_MAX, 2 };
	struct openmetrics m = { 0 };

	(void)state;
	openmetrics_histogram(&m, &family, labels, bucket, 2, 0);
	expect_text(&m, "h_bucket{le=\"1e-06\"} 18446744073709551615\n"
			"h_bucket{le=\"+Inf\"} 18446744073709551615\n"
			"h_count 18446744073709551615\nh_sum 0.000000000\n");
	assert_int_equal(openmetrics_add(UINT64_MAX - 1, 1), UINT64_MAX);
	assert_int_equal(openmetrics_add(1, UINT64_MAX), UINT64_MAX);
}

static void grows(void **state)
{
	const struct openmetrics_family family = { "a", OPENMETRICS_GAUGE, NULL,
						   "" };
	struct openmetrics m = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		openmetrics_number(&m, &family, NULL, 7);
	}
	assert_false(m.failed);
	assert_int_equal(m.len, 400000);
	for (size_t i = 0; i < m.len; i += 4) {
		assert_memory_equal(m.text + i, "a 7\n", 4);
	}
	free(m.text);
}

/* ----------------------------------------------------------------- heads */

static int status_of(const char *text, size_t len, bool *ret_head)
{
	/* A block of its own, so that a byte too far is seen. */
	char *copy = malloc(len + (len == 0));
	int status;

	memcpy(copy, text, len);
	status = http_request_status(copy, len, "/metrics", true, ret_head);
	free(copy);
	return status;
}

static void heads(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{ "", 0 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\n", 0 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nmore", 200 },
		{ "GET /metrics?a=b HTTP/1.1\r\nHOST:x\r\nA:\tb\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.0\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n", 200 },
		{ "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.1\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost : x\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\n y: z\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\x01\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\ny: z\r\n\r\n", 400 },
		{ "GET  /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET /metrics\r\nHost: x\r\n\r\n", 400 },
		{ "GET /met\x7frics HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "G@T /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ " /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "\r\n\r\n", 400 },
		{ "\r\n\r\n\r\n", 400 },
		{ "GET /metrics JTTP/1.1\r\nHost: x\r\n\r\n", 400 },
		{ "GET /metrics HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
		{ "GET /metrics HTTP/1.10\r\nHost: x\r\n\r\n", 505 },
		{ "POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "get /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /metricsx HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
		{ "GET /metric HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text;
		bool head;

		if (status_of(text, strlen(text), &head) != cases[i].status) {
			fail_msg("%s: not %d", text, cases[i].status);
		}
		assert_int_equal(head, text[0] == 'H' && text[1] == 'E');
		if (cases[i].status != 0) {
			assert_true(http_status_text(cases[i].status)[0]);
		}
	}
}

static void hosts(void **state)
{
	static const struct {
		const char *host;
		int status;
	} cases[] = {
		{ "127.0.0.1", 200 },
		{ "127.0.0.1:9101", 200 },
		{ " \t10.0.2.2:9101 ", 200 },
		{ "[::1]:9101", 200 },
		{ "localhost", 200 },
		{ "LocalHost:9101", 200 },
		{ "", 421 },
		{ ":9101", 421 },
		{ "evil.example", 421 },
		{ "127.0.0.1.evil.example:9101", 421 },
		{ "localhost.evil.example", 421 },
		{ "localhos", 421 },
		{ "evil.example:127.0.0.1", 421 },
	};
	char text[200];
	bool head;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int len = snprintf(text, sizeof(text),
				   "GET /metrics HTTP/1.1\r\nHost:%s\r\n\r\n",
				   cases[i].host);

		if (http_request_status(text, (size_t)len, "/metrics", false,
					&head) != cases[i].status) {
			fail_msg("%s: not %d", cases[i].host, cases[i].status);
		}
		assert_int_equal(status_of(text, (size_t)len, &head), 200);
	}
	assert_int_equal(http_request_status("GET /metrics HTTP/1.0\r\n\r\n",
					     25, "/metrics", false, &head),
			 200);
	assert_true(http_status_text(421)[0]);
}

/* Whatever comes, and however it is cut: no head is longer than the bound. */
static void heads_are_bounded(void **state)
{
	static const char start[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nA: ";
	char text[HTTP_HEAD_MAX + 100];
	bool head;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, start, sizeof(start) - 1);
	assert_int_equal(status_of(text, HTTP_HEAD_MAX - 1, &head), 0);
	assert_int_equal(status_of(text, HTTP_HEAD_MAX, &head), 431);
	memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(status_of(text, HTTP_HEAD_MAX - 1, &head), 0);
	assert_int_equal(status_of(text, HTTP_HEAD_MAX, &head), 200);
	memset(text + HTTP_HEAD_MAX - 4, 'a', 4);
	memcpy(text + HTTP_HEAD_MAX - 3, "\r\n\r\n", 4);
	assert_int_equal(status_of(text, HTTP_HEAD_MAX + 1, &head), 431);
	srand(1);
	for (uint32_t i = 0; i < 20000; i++) {
		static const char bytes[] = "GET /metrics HTTP/1.1\r\n: \0\xff";
		size_t len = (size_t)rand() % 80;
		int status;

		for (size_t b = 0; b < len; b++) {
			text[b] = bytes[(size_t)rand() % (sizeof(bytes) - 1)];
		}
		status = status_of(text, len, &head);
		assert_true(status == 0 || http_status_text(status)[0] != 0);
	}
}

static void addresses(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"127.0.0.1:65536",
		"127.0.0.1:x",
		"127.0.0.1:1x",
		"127.0.0.1: 1",
		"0.0.0.0:1",
		"192.168.1.1:1",
		"128.0.0.1:1",
		"::1:1",
		"[::]:1",
		"[::1]",
		"[::2]:1",
		"localhost:1",
		":1",
		"*:1",
		"127.1:1",
		"127.0.0.1:-1",
		"127.0.0.1:18446744073709551617",
	};
	struct sockaddr_storage address;
	const struct sockaddr_in *in = (const void *)&address;
	const struct sockaddr_in6 *in6 = (const void *)&address;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (metrics_address_parse(bad[i], &address) != -1) {
			fail_msg("%s", bad[i]);
		}
	}
	assert_int_equal(metrics_address_parse("127.1.2.3:65535", &address), 0);
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohl(in->sin_addr.s_addr), 0x7f010203);
	assert_int_equal(ntohs(in->sin_port), 65535);
	assert_int_equal(metrics_address_parse("[::1]:1", &address), 0);
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_memory_equal(&in6->sin6_addr, &in6addr_loopback, 16);
	assert_int_equal(ntohs(in6->sin6_port), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(suffixes),
		cmocka_unit_test(histograms),
		cmocka_unit_test(histograms_do_not_fall),
		cmocka_unit_test(grows),
		cmocka_unit_test(heads),
		cmocka_unit_test(hosts),
		cmocka_unit_test(heads_are_bounded),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
