/* SPDX-License-Identifier: BSD-2-Clause */
/* What hvd does for disks of NBD servers: connections, and who has what. */
#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "device_status.h"
#include "io_resource.h"
#include "nbd_socket.h"

static char dir[] = "/tmp/nbd-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* ------------------------------------------------------------ connections */

static int listen_at(const char *name, struct zone_nbd *ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret = (struct zone_nbd){ .port = 0 };
	snprintf(ret->address, sizeof(ret->address), "%s/%s", dir, name);
	strcpy(address.sun_path, ret->address);
	unlink(ret->address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* Of a server that says this, and then no more or nothing any more. */
static int probe_of(const char *greeting, size_t len, bool end)
{
	struct zone_nbd nbd;
	int listener = listen_at("probe", &nbd);
	int rc;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = accept(listener, NULL, NULL);
		char byte;

		if (write(fd, greeting, len) != (ssize_t)len) {
			_exit(1);
		}
		if (end) {
			shutdown(fd, SHUT_WR);
		}
		/* It goes without a word. */
		_exit(read(fd, &byte, 1) == 0 ? 0 : 1);
	}
	rc = nbd_socket_probe(&nbd);
	assert_int_equal(waitpid(pid, &(int){ 0 }, 0), pid);
	close(listener);
	return rc;
}

static void test_probe(void **state)
{
	static const char good[] = "NBDMAGICIHAVEOPT\0\3";

	(void)state;
	assert_int_equal(probe_of(good, 18, false), 0);
	assert_int_equal(probe_of(good, 16, true), 0);
	assert_int_equal(probe_of(good, 15, true), -EPROTO);
	assert_int_equal(probe_of(good, 0, true), -EPROTO);
	assert_int_equal(
		probe_of("NBDMAGIC\0\0\x42\x02\x81\x86\x12\x53", 16, false),
		-EPROTO);
	assert_int_equal(probe_of(good, 0, false), -ETIMEDOUT);
}

static void test_connect_fails(void **state)
{
	struct zone_nbd nbd;
	int listener = listen_at("gone", &nbd);

	(void)state;
	close(listener);
	assert_int_equal(nbd_socket_connect(&nbd), -ECONNREFUSED);
	assert_int_equal(nbd_socket_probe(&nbd), -ECONNREFUSED);
	unlink(nbd.address);
	assert_int_equal(nbd_socket_connect(&nbd), -ENOENT);
}

static int number_of(int fd, int level, int option)
{
	int number = -1;

	assert_int_equal(getsockopt(fd, level, option, &number,
				    &(socklen_t){ sizeof(number) }),
			 0);
	return number;
}

static void expect_no_limit(int fd)
{
	struct timeval limit = { 1, 1 };

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
				    &(socklen_t){ sizeof(limit) }),
			 0);
	assert_true(limit.tv_sec == 0 && limit.tv_usec == 0);
}

static void test_connect(void **state)
{
	struct zone_nbd nbd;
	int listener = listen_at("here", &nbd);
	int fd = nbd_socket_connect(&nbd);

	(void)state;
	assert_true(fd >= 0);
	expect_no_limit(fd);
	close(fd);
	close(listener);
}

static void test_connect_by_tcp(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	struct zone_nbd nbd = { .address = "127.0.0.1" };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	(void)state;
	assert_int_equal(
		bind(listener, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address,
				     &(socklen_t){ sizeof(address) }),
			 0);
	nbd.port = ntohs(address.sin_port);
	fd = nbd_socket_connect(&nbd);
	assert_true(fd >= 0);
	expect_no_limit(fd);
	assert_int_equal(number_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(number_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(number_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 15);
	assert_int_equal(number_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
	close(fd);
	close(listener);
}

/* -------------------------------------------------------------- resources */

static struct zone_def *define(const char *devices)
{
	char text[1024];
	struct zone_def *def = NULL;
	struct zerror error;
	int len = snprintf(text, sizeof(text),
			   "{\"name\":\"z\",\"vcpus\":1,\"memory\":\"64M\","
			   "\"kernel\":\"/k\",\"devices\":[%s]}",
			   devices);

	if (zone_def_parse_text(text, (size_t)len, &def, &error) < 0) {
		fail_msg("%s: %s", error.path, error.message);
	}
	return def;
}

static const struct io_resource_place nowhere;

static struct io_resource resource_of(const char *nbd)
{
	char text[512];
	struct zone_def *def;
	struct io_resources all;
	struct zerror error;

	snprintf(text, sizeof(text), "{\"type\":\"disk\",\"nbd\":%s}", nbd);
	def = define(text);
	assert_int_equal(io_resources_open(def, &nowhere, &all, &error), 0);
	assert_int_equal(all.count, 1);
	zone_def_destroy(def);
	return all.item[0];
}

static void test_same_export(void **state)
{
	const struct io_resource a = resource_of("{\"host\":\"192.0.2.1\"}");
	const struct io_resource b =
		resource_of("{\"host\":\"192.0.2.1\",\"export\":\"b\"}");
	const struct io_resource c =
		resource_of("{\"host\":\"192.0.2.1\",\"port\":1}");
	const struct io_resource d = resource_of("{\"host\":\"192.0.2.2\"}");
	const struct io_resource image = { .lock = true };
	const struct io_resource other = { .fd = -1 };

	(void)state;
	assert_true(io_resource_same(&a, &a));
	assert_true(a.exclusive);
	assert_false(io_resource_same(&a, &b));
	assert_false(io_resource_same(&a, &c));
	assert_false(io_resource_same(&a, &d));
	assert_false(io_resource_same(&a, &image));
	assert_false(io_resource_same(&image, &a));
	assert_true(io_resource_same(&image, &image));
	assert_false(io_resource_same(&other, &other));
}

/* Through a symbolic link, also when the server is away for a while. */
static void test_twins(void **state)
{
	struct zone_nbd nbd;
	struct zerror error;
	struct io_resources all;
	struct zone_def *def;
	char text[512];
	char link[64];

	(void)state;
	close(listen_at("twin", &nbd));
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(nbd.address, link), 0);
	snprintf(text, sizeof(text),
		 "{\"type\":\"disk\",\"nbd\":{\"socket\":\"%s\"}},"
		 "{\"type\":\"disk\",\"nbd\":{\"socket\":\"%s\"}}",
		 nbd.address, link);
	def = define(text);
	assert_int_equal(io_resources_open(def, &nowhere, &all, &error), -1);
	assert_string_equal(error.path, "$.devices[1].nbd");
	assert_non_null(strstr(error.message, "export of disk0 already"));
	zone_def_destroy(def);
}

static void test_resources_are_connected(void **state)
{
	struct zone_nbd nbd;
	struct zerror error;
	struct io_resources all;
	struct zone_def *def;
	int fds[IO_RESOURCE_FDS_MAX];
	uint32_t busy;
	char text[512];
	int listener = listen_at("lock", &nbd);

	(void)state;
	snprintf(text, sizeof(text),
		 "{\"type\":\"disk\",\"nbd\":{\"socket\":\"%s\"}},"
		 "{\"type\":\"disk\",\"name\":\"b\",\"readonly\":true,"
		 "\"nbd\":{\"socket\":\"%s\",\"export\":\"b\"}}",
		 nbd.address, nbd.address);
	def = define(text);
	assert_int_equal(io_resources_open(def, &nowhere, &all, &error), 0);
	assert_true(all.item[0].exclusive);
	assert_false(all.item[1].exclusive);
	assert_int_equal(io_resources_fds(&all, fds), 0);
	assert_int_equal(io_resources_lock(def, 1, false, &all, &busy, &error),
			 1);
	assert_int_equal(io_resources_fds(&all, fds), 2);
	assert_int_not_equal(fds[0], fds[1]);
	io_resources_close(&all);
	close(listener);
	assert_int_equal(io_resources_lock(def, 1, false, &all, &busy, &error),
			 -1);
	assert_string_equal(error.path, "$.devices[0].nbd");
	assert_non_null(strstr(error.message, nbd.address));
	assert_non_null(strstr(error.message, "(disk0)"));
	assert_true(error.hint[0] != '\0');
	zone_def_destroy(def);
}

/* ----------------------------------------------------------------- status */

static void say(struct device_status *status, const struct zone_device *device,
		const char *text)
{
	struct json_object *message = json_tokener_parse(text);
	bool changed;

	assert_int_equal(
		device_status_update(status, device, message, &changed), 0);
	json_object_put(message);
}

static void test_lost(void **state)
{
	static const char lost[] =
		"{\"state\":\"error\",\"error\":\"gone\",\"lost\":true}";
	struct device_status status[ZONE_DEF_DEVICES_MAX] = { 0 };
	struct zone_def *def =
		define("{\"type\":\"disk\",\"nbd\":{\"host\":\"::1\"}},"
		       "{\"type\":\"disk\",\"path\":\"/a\"}");

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		say(&status[i], &def->devices[i], lost);
	}
	/* A process may say what it likes: an image has no server. */
	assert_true(status[0].lost);
	assert_false(status[1].lost);
	/* The server does not come back by a new process. */
	device_status_reset(status, def);
	assert_true(status[0].lost);
	assert_int_equal(status[0].state, DEVICE_ERROR);
	assert_int_equal(status[1].state, DEVICE_OK);
	say(&status[0], &def->devices[0], "{\"state\":\"ok\"}");
	assert_false(status[0].lost);
	say(&status[0], &def->devices[0], lost);
	device_status_reset(status, NULL);
	assert_false(status[0].lost);
	zone_def_destroy(def);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_connect_fails),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_by_tcp),
		cmocka_unit_test(test_same_export),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_resources_are_connected),
		cmocka_unit_test(test_lost),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
