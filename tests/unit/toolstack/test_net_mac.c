/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet addresses: defaults, texts, duplicates. */
#include "cmocka_all.h"

#include <stdio.h>

#include "net_mac.h"

static const uint8_t uuid[UUID_SIZE] = { 1, 2,	3,  4,	5,  6,	7,  8,
					 9, 10, 11, 12, 13, 14, 15, 16 };

static void default_is_stable_and_usable(void **state)
{
	uint8_t mac[NET_MAC_BYTES];
	char text[NET_MAC_TEXT_SIZE];

	(void)state;
	net_mac_default(uuid, "net0", mac);
	net_mac_format(mac, text);
	/* Written down: a new version must not give guests new addresses. */
	assert_string_equal(text, "5a:78:df:9c:e0:4e");
	assert_true(net_mac_is_usable(mac));
	assert_int_equal(mac[0] & 3, 2);
}

static void defaults_differ(void **state)
{
	static uint8_t macs[2000][NET_MAC_BYTES];
	uint8_t other[UUID_SIZE];
	char name[16];

	(void)state;
	memcpy(other, uuid, sizeof(other));
	for (int i = 0; i < 2000; i++) {
		other[0] = (uint8_t)(i / 2);
		other[9] = (uint8_t)(i / 512);
		snprintf(name, sizeof(name), "net%d", i % 2);
		net_mac_default(other, name, macs[i]);
		assert_int_equal(
			net_mac_find((const uint8_t(*)[NET_MAC_BYTES])macs,
				     (size_t)i, macs[i]),
			-1);
	}
	assert_int_equal(net_mac_find((const uint8_t(*)[NET_MAC_BYTES])macs,
				      2000, macs[1234]),
			 1234);
}

static void texts(void **state)
{
	static const char *const bad[] = {
		"",
		"5a",
		"5a:00:11:22:33",
		"5a:00:11:22:33:4",
		"5a:00:11:22:33:44:",
		"5a:00:11:22:33:444",
		"5a-00-11-22-33-44",
		"5g:00:11:22:33:44",
		" 5a:00:11:22:33:44",
		"5a:0:11:22:33:44:55",
	};
	uint8_t mac[NET_MAC_BYTES] = { 0 };
	char text[NET_MAC_TEXT_SIZE];

	(void)state;
	assert_true(net_mac_parse("5A:00:aB:22:33:f4", mac));
	net_mac_format(mac, text);
	assert_string_equal(text, "5a:00:ab:22:33:f4");
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(net_mac_parse(bad[i], mac));
		assert_int_equal(mac[5], 0xf4);
	}
}

static void usable(void **state)
{
	static const uint8_t zero[NET_MAC_BYTES] = { 0 };
	static const uint8_t group[NET_MAC_BYTES] = { 1, 0, 0x5e, 0, 0, 1 };
	static const uint8_t host[NET_MAC_BYTES] = { 0xfe, 1, 2, 3, 4, 5 };
	uint8_t end[NET_MAC_BYTES];

	(void)state;
	assert_false(net_mac_is_usable(zero));
	assert_false(net_mac_is_usable(group));
	assert_true(net_mac_is_usable(host));
	/* Never the guest's own. */
	net_mac_of_host_end(host, end);
	assert_memory_not_equal(end, host, NET_MAC_BYTES);
	assert_true(net_mac_is_usable(end));
	net_mac_of_host_end(uuid, end);
	assert_int_equal(end[0], 0xfe);
	assert_memory_equal(end + 1, uuid + 1, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_is_stable_and_usable),
		cmocka_unit_test(defaults_differ),
		cmocka_unit_test(texts),
		cmocka_unit_test(usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
