/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rpc_load: clients of a daemon that speaks JSON by lines over a unix socket, or
 * of libvirtd by libvirt's own library; each has one request under way.
 *
 *   rpc_load (--hvd PATH | --qmp PATH | --libvirt URI | --echo PATH)
 *            --clients N --seconds N
 *   rpc_load --serve PATH
 *
 * --serve: sends back whatever comes, which is what --echo asks for: the time
 * that the machine alone takes.
 * hvd is asked for zone.list, QEMU's monitor for query-status, libvirtd for the
 * state of its test driver's one domain (a thread for each client, as the
 * library wants it).  A monitor has one client, so the sockets of QEMU's are
 * PATH0, PATH1 and so on.  Prints one line of JSON.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 256
#define BACKLOG 64
#define ANSWER_MAX 65536u
#define SAMPLES_MAX (4u << 20)
#define PATIENCE_MS 30000

static const char ask_hvd[] =
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"zone.list\"}\n";
static const char ask_qmp[] = "{\"execute\":\"query-status\"}\n";
static const char hello_qmp[] = "{\"execute\":\"qmp_capabilities\"}\n";

struct client {
	int fd;
	uint64_t asked;
	size_t got;
	char answer[ANSWER_MAX];
};

struct thread {
	pthread_t thread;
	virConnectPtr connection;
	virDomainPtr domain;
};

static uint32_t samples[SAMPLES_MAX]; /* ns */
static size_t sample_count;
static uint64_t end;

static void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "rpc_load: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Any thread. */
static void count(uint64_t ns)
{
	size_t at = __atomic_fetch_add(&sample_count, 1, __ATOMIC_RELAXED);

	if (at >= SAMPLES_MAX) {
		die("more than %u answers: fewer seconds", SAMPLES_MAX);
	}
	samples[at] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

/* ------------------------------------------------------------ JSON lines */

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path)) {
		die("%s: too long", path);
	}
	strcpy(address.sun_path, path);
	return address;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		die("%s: %s", path, strerror(errno));
	}
	return fd;
}

static void ask(struct client *c, const char *line)
{
	size_t len = strlen(line);

	c->got = 0;
	if (write(c->fd, line, len) != (ssize_t)len) {
		die("a request could not be written");
	}
}

/* Has the whole answer come? */
static bool take(struct client *c)
{
	ssize_t got =
		read(c->fd, c->answer + c->got, sizeof(c->answer) - c->got);

	if (got <= 0) {
		die("no answer: %s", got < 0 ? strerror(errno) : "closed");
	}
	c->got += (size_t)got;
	return c->answer[c->got - 1] == '\n';
}

static void wait_for_answer(struct client *c)
{
	while (!take(c)) {}
}

static void check(const struct client *c, const char *word)
{
	if (!memmem(c->answer, c->got, word, strlen(word))) {
		die("not an answer: %.*s", (int)c->got, c->answer);
	}
}

static void run_lines(const char *path, int kind, int count_of_clients,
		      uint64_t ns)
{
	bool qmp = kind == 'q';
	const char *question = qmp ? ask_qmp : ask_hvd;
	const char *word = qmp		 ? "\"return\""
			   : kind == 'h' ? "\"result\""
					 : "\"method\"";
	struct client *clients =
		calloc((size_t)count_of_clients, sizeof(*clients));
	struct epoll_event events[CLIENTS_MAX];
	int epoll = epoll_create1(0);

	if (!clients || epoll < 0) {
		die("out of memory");
	}
	for (int i = 0; i < count_of_clients; i++) {
		struct epoll_event event = { .events = EPOLLIN };
		char where[PATH_MAX];

		if (qmp) {
			snprintf(where, sizeof(where), "%s%d", path, i);
		} else {
			snprintf(where, sizeof(where), "%s", path);
		}
		clients[i].fd = connect_to(where);
		event.data.ptr = &clients[i];
		epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event);
		if (qmp) {
			wait_for_answer(&clients[i]); /* its greeting */
			ask(&clients[i], hello_qmp);
			wait_for_answer(&clients[i]);
		}
	}
	end = now() + ns;
	for (int i = 0; i < count_of_clients; i++) {
		clients[i].asked = now();
		ask(&clients[i], question);
	}
	while (now() < end) {
		int ready = epoll_wait(epoll, events, CLIENTS_MAX, PATIENCE_MS);

		if (ready <= 0) {
			die("no answers for %d ms", PATIENCE_MS);
		}
		for (int i = 0; i < ready; i++) {
			struct client *c = events[i].data.ptr;

			if (!take(c)) {
				continue;
			}
			check(c, word);
			count(now() - c->asked);
			c->asked = now();
			ask(c, question);
		}
	}
}

/* ----------------------------------------------------------------- echo */

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		die("no client: %s", strerror(errno));
	}
}

static void serve(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	int epoll = epoll_create1(0);
	struct epoll_event events[CLIENTS_MAX];
	char text[ANSWER_MAX];

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, BACKLOG) < 0) {
		die("%s: %s", path, strerror(errno));
	}
	watch(epoll, listener);
	for (;;) {
		int ready = epoll_wait(epoll, events, CLIENTS_MAX, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;
			ssize_t got;

			if (fd == listener) {
				watch(epoll, accept(listener, NULL, NULL));
				continue;
			}
			got = read(fd, text, sizeof(text));
			if (got <= 0 || write(fd, text, (size_t)got) != got) {
				close(fd);
			}
		}
	}
}

/* -------------------------------------------------------------- libvirt */

static void *run_thread(void *data)
{
	struct thread *t = data;

	for (uint64_t asked = now(); asked < end;) {
		virDomainInfo info;
		uint64_t then;

		if (virDomainGetInfo(t->domain, &info) < 0) {
			die("virDomainGetInfo has failed");
		}
		then = now();
		count(then - asked);
		asked = then;
	}
	return NULL;
}

static void run_libvirt(const char *uri, int count_of_clients, uint64_t ns)
{
	static struct thread threads[CLIENTS_MAX];

	for (int i = 0; i < count_of_clients; i++) {
		threads[i].connection = virConnectOpen(uri);
		if (!threads[i].connection) {
			die("%s: %s", uri, virGetLastErrorMessage());
		}
		threads[i].domain =
			virDomainLookupByName(threads[i].connection, "test");
		if (!threads[i].domain) {
			die("no domain: %s", virGetLastErrorMessage());
		}
	}
	end = now() + ns;
	for (int i = 0; i < count_of_clients; i++) {
		if (pthread_create(&threads[i].thread, NULL, run_thread,
				   &threads[i]) != 0) {
			die("no thread");
		}
	}
	for (int i = 0; i < count_of_clients; i++) {
		pthread_join(threads[i].thread, NULL);
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "hvd", required_argument, NULL, 'h' },
		{ "qmp", required_argument, NULL, 'q' },
		{ "libvirt", required_argument, NULL, 'l' },
		{ "echo", required_argument, NULL, 'e' },
		{ "serve", required_argument, NULL, 'S' },
		{ "clients", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ 0 },
	};
	const char *where = NULL;
	double seconds = 0;
	int clients = 0;
	int kind = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'h':
		case 'q':
		case 'l':
		case 'e':
		case 'S':
			kind = option;
			where = optarg;
			break;
		case 'c':
			clients = atoi(optarg);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		default:
			return 2;
		}
	}
	if (kind == 'S') {
		signal(SIGPIPE, SIG_IGN);
		serve(where);
	}
	if (!where || clients < 1 || clients > CLIENTS_MAX || seconds <= 0) {
		die("see the head of rpc_load.c for its arguments");
	}
	if (kind == 'l') {
		run_libvirt(where, clients, (uint64_t)(seconds * 1e9));
	} else {
		run_lines(where, kind, clients, (uint64_t)(seconds * 1e9));
	}
	if (sample_count == 0) {
		die("no answers");
	}
	qsort(samples, sample_count, sizeof(samples[0]), compare);
	printf("{\"answers\": %zu, \"per_second\": %.0f, \"p50_us\": %.1f, "
	       "\"p99_us\": %.1f}\n",
	       sample_count, (double)sample_count / seconds,
	       samples[sample_count / 2] / 1e3,
	       samples[sample_count * 99 / 100] / 1e3);
	return 0;
}
