/* SPDX-License-Identifier: BSD-2-Clause */
#include "user_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io_user.h"
#include "log.h"
#include "text.h"

#define PROGRAM "passt"
#define PROGRAM_FD "3" /* where it finds its end of the socket */
#define PROGRAM_FD_NUMBER 3
#define START_MS 5000
#define SAID_MAX 2048u

/*
 * What the guest sees, as in QEMU's user mode: addresses of its own, whatever
 * zone0's are at the moment.  To give them all passt wants an interface of zone0
 * and looks at nothing else of it, so it is the one that is always there.
 */
#define INTERFACE "lo"
#define GUEST_ADDRESS "10.0.2.15"
#define GUEST_NETMASK "24"
#define GATEWAY_ADDRESS "10.0.2.2"
#define GATEWAY_MAC "52:55:0a:00:02:02"

#define WORDS_MAX (32u + 2 * ZONE_DEF_FORWARDS_MAX)
#define WORD_SIZE 40u /* "255.255.255.255/65535:65535" and more */

extern char **environ;

struct command {
	unsigned int count;
	unsigned int texts;
	char *word[WORDS_MAX + 1]; /* the last one is NULL */
	char text[WORDS_MAX][WORD_SIZE];
};

static void add(struct command *command, const char *word)
{
	/* posix_spawn() does not write to them. */
	command->word[command->count++] = (char *)(uintptr_t)word;
}

static char *add_text(struct command *command, const char *option)
{
	char *text = command->text[command->texts++];

	add(command, option);
	add(command, text);
	return text;
}

static void add_forward(struct command *command,
			const struct zone_forward *forward)
{
	char *text =
		add_text(command, forward->udp ? "--udp-ports" : "--tcp-ports");

	snprintf(text, WORD_SIZE, "%s%s%u:%u", forward->address,
		 forward->address[0] ? "/" : "", forward->port, forward->to);
}

/* Ports of a kind that are not mentioned would follow those of the other one. */
static void add_forwards(struct command *command,
			 const struct zone_device *device)
{
	unsigned int udp = 0;

	for (uint32_t i = 0; i < device->forward_count; i++) {
		add_forward(command, &device->forward[i]);
		udp += device->forward[i].udp;
	}
	if (udp == device->forward_count) {
		add(command, "--tcp-ports");
		add(command, "none");
	}
	if (udp == 0) {
		add(command, "--udp-ports");
		add(command, "none");
	}
}

static void make_command(struct command *command,
			 const struct zone_device *device)
{
	static const char *const fixed[] = {
		PROGRAM,	 "--quiet",	"--ipv4-only", "--fd",
		PROGRAM_FD,	 "--interface", INTERFACE,     "--address",
		GUEST_ADDRESS,	 "--netmask",	GUEST_NETMASK, "--gateway",
		GATEWAY_ADDRESS, "--mac-addr",	GATEWAY_MAC,
	};
	uid_t uid;
	gid_t gid;

	*command = (struct command){ 0 };
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		add(command, fixed[i]);
	}
	snprintf(add_text(command, "--mtu"), WORD_SIZE, "%u", device->mtu);
	add_forwards(command, device);
	/* Without it root becomes nobody, and others stay who they are. */
	if (geteuid() == 0 && io_user_find(&uid, &gid)) {
		snprintf(add_text(command, "--runas"), WORD_SIZE, "%u:%u", uid,
			 gid);
	}
}

/* ------------------------------------------------------------ the start */

/* said: what it writes to standard output and error. */
static int spawn(const struct command *command, int socket, int said,
		 pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
					      "/dev/null", O_RDONLY, 0);
	rc = rc ? rc
		: posix_spawn_file_actions_adddup2(&actions, said,
						   STDOUT_FILENO);
	rc = rc ? rc
		: posix_spawn_file_actions_adddup2(&actions, said,
						   STDERR_FILENO);
	rc = rc ? rc
		: posix_spawn_file_actions_adddup2(&actions, socket,
						   PROGRAM_FD_NUMBER);
	/* A thread of libuv has them blocked, and hvd ignores some. */
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(&attributes, &signals);
	sigfillset(&signals);
	posix_spawnattr_setsigdefault(&attributes, &signals);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	rc = rc ? rc
		: posix_spawnp(ret_pid, PROGRAM, &actions, &attributes,
			       command->word, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Reads until it closes: it has ended, or has gone into the background.  What
 * exceeds the room is thrown away.  False: it did neither in time.
 */
static bool listen_to(int fd, char said[SAID_MAX])
{
	int64_t deadline = now_ms() + START_MS;
	size_t len = 0;
	char spare[256];

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		bool full = len == SAID_MAX - 1;
		ssize_t n;
		int rc;

		said[len] = '\0';
		rc = left > 0 ? poll(&ready, 1, (int)left) : 0;
		if (rc == 0) {
			return false;
		}
		if (rc < 0) {
			continue; /* a signal */
		}
		n = read(fd, full ? spare : said + len,
			 full ? sizeof(spare) : SAID_MAX - 1 - len);
		if (n == 0 || (n < 0 && errno != EINTR)) {
			return true;
		}
		len += n > 0 && !full ? (size_t)n : 0;
	}
}

/* Its last line: the one with which it gave up.  The others go to the log. */
static const char *last_line(char *said)
{
	const char *last = "it did not say why";

	text_sanitize(said, strlen(said), true);
	for (char *rest = said, *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (line[0] != '\0') {
			log_warning(PROGRAM ": %s", line);
			last = line;
		}
	}
	return last;
}

/* ------------------------------------------------------------ errors */

static int fail(const char *path, enum zerror_code code, const char *hint,
		const char *what, const char *why, struct zerror *ret_error)
{
	char at[ZERROR_PATH_MAX];

	zerror_path(at, "%s.user", path);
	return zerror_set(ret_error, code, at, hint, PROGRAM ": %s%s%.160s",
			  what, why[0] ? ": " : "", why);
}

static int cannot_start(const char *path, int rc, struct zerror *ret_error)
{
	if (rc == -ENOENT) {
		return fail(path, ZERROR_UNSUPPORTED,
			    "install the package 'passt' in zone0",
			    "zone0 does not have this program, which a network "
			    "in user mode needs",
			    "", ret_error);
	}
	return fail(path, ZERROR_IO_ERROR, NULL, "cannot be started",
		    strerror(-rc), ret_error);
}

static bool is_taken(const struct zone_forward *forward)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(forward->port),
		.sin_addr.s_addr = htonl(INADDR_ANY),
	};
	int fd = socket(
		AF_INET,
		(forward->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	int reuse = !forward->udp; /* of connections that have ended */
	bool taken;

	if (forward->address[0]) {
		inet_pton(AF_INET, forward->address, &at.sin_addr);
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	taken = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 &&
		errno == EADDRINUSE;
	if (fd >= 0) {
		close(fd);
	}
	return taken;
}

/* Where the first of them is in the definition that passt cannot have. */
static void taken_path(const struct zone_device *device, const char *path,
		       char ret_path[ZERROR_PATH_MAX])
{
	for (uint32_t i = 0; i < device->forward_count; i++) {
		if (is_taken(&device->forward[i])) {
			zerror_path(ret_path, "%s.forward[%u].port", path, i);
			return;
		}
	}
	zerror_path(ret_path, "%s.forward", path);
}

static int gave_up(const struct zone_device *device, const char *path,
		   char *said, struct zerror *ret_error)
{
	const char *why = last_line(said);
	char at[ZERROR_PATH_MAX];

	if (device->forward_count && strstr(why, "bind")) {
		taken_path(device, path, at);
		return zerror_set(ret_error, ZERROR_BUSY, at,
				  "find out who listens at that port of zone0 "
				  "(netstat -lnp), or forward another one",
				  PROGRAM ": gave up: %.160s", why);
	}
	return fail(path, ZERROR_IO_ERROR, "hvd's log has all that it said",
		    "gave up", why, ret_error);
}

/* --------------------------------------------------------------- API */

static int start(const struct zone_device *device, const char *path, int socket,
		 struct zerror *ret_error)
{
	struct command command;
	char said[SAID_MAX];
	pid_t pid = -1;
	int status = 0;
	int fd[2];
	bool done;
	int rc;

	if (pipe2(fd, O_CLOEXEC) < 0) {
		return cannot_start(path, -errno, ret_error);
	}
	make_command(&command, device);
	rc = spawn(&command, socket, fd[1], &pid);
	close(fd[1]);
	if (rc < 0) {
		close(fd[0]);
		return cannot_start(path, rc, ret_error);
	}
	done = listen_to(fd[0], said);
	close(fd[0]);
	if (!done) {
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
	if (!done) {
		return fail(path, ZERROR_TIMEOUT, "try again",
			    "did not start in time", "", ret_error);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? 0
		       : gave_up(device, path, said, ret_error);
}

/* Ours does not block; passt wants to wait for the rest of a frame on its own. */
static int make_pair(int ret[2])
{
	int rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0) {
		return -errno;
	}
	if (fcntl(ret[0], F_SETFL, O_NONBLOCK) < 0) {
		rc = -errno;
		close(ret[0]);
		close(ret[1]);
		return rc;
	}
	return 0;
}

int user_net_open(const struct zone_device *device, const char *path,
		  int *ret_fd, struct zerror *ret_error)
{
	int pair[2];
	int rc = make_pair(pair);

	if (rc < 0) {
		return cannot_start(path, rc, ret_error);
	}
	rc = start(device, path, pair[1], ret_error);
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return -1;
	}
	*ret_fd = pair[0];
	return 0;
}
