/* SPDX-License-Identifier: BSD-2-Clause */
/* hvd: the Zonevisor daemon.  docs/man/hvd.8 describes it. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zv/version.h>

#include "daemon.h"
#include "log.h"
#include "metrics_server.h"
#include "net_tap.h"
#include "server.h"
#include "service.h"
#include "store.h"
#include "zone.h"

#define JOB_THREADS "16"
#define DESCRIPTORS 8192
#define CONFIG_DIR "/etc/hvd"
#define RUN_DIR "/run/hvd"
#define IO_PROGRAM "hvd-io"
#define DISPLAY_PROGRAM "hvd-display"
#define LIBEXEC_DIR "/usr/libexec"

static const char usage[] =
	"Usage: hvd [OPTION]...\n"
	"The Zonevisor daemon: owns zones and serves clients.\n"
	"\n"
	"      --foreground       stay in the foreground (it always does)\n"
	"      --config-dir=DIR   definitions are in DIR/zones [" CONFIG_DIR
	"]\n"
	"      --run-dir=DIR      sockets and run-time state [" RUN_DIR "]\n"
	"      --socket=PATH      where clients connect [RUN_DIR/hvd.sock]\n"
	"      --io-program=PATH  the I/O process [hvd-io beside hvd, or in\n"
	"                         " LIBEXEC_DIR "]\n"
	"      --display-program=PATH\n"
	"                         shows zones' screens [hvd-display, likewise]\n"
	"      --metrics-listen=ADDRESS:PORT\n"
	"                         serve /metrics there, too: 127.0.0.1 or [::1]\n"
	"      --stop-zones[=S]   before it ends, shut all zones down; each has\n"
	"                         S seconds [60]\n"
	"      --rate=N           serve N requests a second of a connection, 0:\n"
	"                         any number [100000]\n"
	"      --rate-readonly=N  the same of a user of the read-only socket\n"
	"                         [1000]\n"
	"      --log-level=LEVEL  error, warning, info or debug [info]\n"
	"      --help             print this and exit\n"
	"      --version          print the version and exit\n";

/* Says what is wrong and returns the status to exit with. */
static int bad_usage(const char *what)
{
	fprintf(stderr, "hvd: %s\nTry: hvd --help\n", what);
	return 2;
}

static void set_path(char *to, const char *from)
{
	snprintf(to, PATH_MAX, "%s", from);
}

/* Beside this program if it is there, else the installed one. */
static void find_program(const char *name, char *ret_path)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		if (snprintf(ret_path, PATH_MAX, "%s/%s", self, name) <
			    PATH_MAX &&
		    access(ret_path, X_OK) == 0) {
			return;
		}
	}
	snprintf(ret_path, PATH_MAX, LIBEXEC_DIR "/%s", name);
}

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9' &&
	       *ret <= max;
}

static bool parse_seconds(const char *text, uint64_t *ret_ms)
{
	uint64_t seconds = ZONE_STOP_DEFAULT_S;

	if (text && !parse_number(text, ZONE_STOP_MAX_S, &seconds)) {
		return false;
	}
	*ret_ms = seconds * 1000;
	return seconds > 0;
}

/* Returns -1 to go on, or the status to exit with. */
static int parse_options(int argc, char **argv, struct daemon_options *ret)
{
	static const struct option options[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "config-dir", required_argument, NULL, 'c' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "socket", required_argument, NULL, 's' },
		{ "io-program", required_argument, NULL, 'i' },
		{ "display-program", required_argument, NULL, 'd' },
		{ "metrics-listen", required_argument, NULL, 'm' },
		{ "stop-zones", optional_argument, NULL, 'z' },
		{ "rate", required_argument, NULL, 'R' },
		{ "rate-readonly", required_argument, NULL, 'O' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	enum log_level level;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (optarg && strlen(optarg) >= PATH_MAX) {
			return bad_usage("an argument is too long");
		}
		switch (option) {
		case 'f':
			break;
		case 'c':
			set_path(ret->config_dir, optarg);
			break;
		case 'r':
			set_path(ret->run_dir, optarg);
			break;
		case 's':
			set_path(ret->socket, optarg);
			break;
		case 'i':
			set_path(ret->io_program, optarg);
			break;
		case 'd':
			set_path(ret->display_program, optarg);
			break;
		case 'm':
			if (metrics_address_parse(optarg,
						  &ret->metrics_address) < 0) {
				return bad_usage(
					"--metrics-listen: not ADDRESS:PORT of "
					"a loopback address (127.0.0.1:9101)");
			}
			snprintf(ret->metrics_listen,
				 sizeof(ret->metrics_listen), "%s", optarg);
			break;
		case 'z':
			if (!parse_seconds(optarg, &ret->stop_ms)) {
				return bad_usage("--stop-zones: not 1 to 86400 "
						 "seconds");
			}
			break;
		case 'R':
		case 'O':
			if (!parse_number(optarg, SERVER_RATE_MAX,
					  option == 'R'
						  ? &ret->rate
						  : &ret->rate_readonly)) {
				return bad_usage(
					"--rate, --rate-readonly: not 0 to "
					"1000000000 requests a second");
			}
			break;
		case 'l':
			if (log_parse_level(optarg, &level) < 0) {
				return bad_usage("unknown --log-level");
			}
			log_set_level(level);
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'v':
			puts("hvd " ZV_VERSION);
			return 0;
		default:
			fputs("Try: hvd --help\n", stderr);
			return 2;
		}
	}
	return optind < argc ? bad_usage("unexpected argument") : -1;
}

static int make_dirs(struct daemon *daemon)
{
	struct daemon_options *o = &daemon->options;
	const struct {
		char *path;
		const char *base;
		const char *name;
		unsigned int mode;
	} dirs[] = {
		{ daemon->zones_dir, o->config_dir, "zones", 0755 },
		{ daemon->running_dir, o->run_dir, "zones", 0755 },
		{ daemon->console_dir, o->run_dir, "console", 0755 },
		{ daemon->video_dir, o->run_dir, "video", 0700 },
		{ daemon->viewer_dir, o->run_dir, "vnc", 0755 },
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int rc;

		if (snprintf(dirs[i].path, PATH_MAX, "%s/%s", dirs[i].base,
			     dirs[i].name) >= PATH_MAX) {
			log_error("%s: too long", dirs[i].base);
			return -1;
		}
		rc = store_make_dir(dirs[i].path, dirs[i].mode);
		if (rc < 0) {
			log_error("%s: %s", dirs[i].path, strerror(-rc));
			return -1;
		}
	}
	if (!o->socket[0] && snprintf(o->socket, PATH_MAX, "%s/hvd.sock",
				      o->run_dir) >= PATH_MAX) {
		log_error("%s: too long", o->run_dir);
		return -1;
	}
	return 0;
}

static void close_signal(uv_signal_t *signals)
{
	for (int i = 0; i < 3; i++) {
		if (!uv_is_closing((uv_handle_t *)&signals[i])) {
			uv_close((uv_handle_t *)&signals[i], NULL);
		}
	}
}

/* Ends the loop by closing what keeps it going. */
static void stop(struct daemon *daemon)
{
	daemon->stopping = true;
	service_stopping();
	metrics_server_close(daemon);
	server_close(daemon);
	zone_close_all(daemon);
	close_signal(daemon->signals);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->loop->data;

	if (daemon->options.stop_ms && !daemon->stop.on) {
		log_info("%s: shutting all zones down; the same again leaves "
			 "them running",
			 strsignal(number));
		zone_stop_begin(daemon, stop);
		return;
	}
	log_info("%s: stopping; zones go on running", strsignal(number));
	stop(daemon);
}

static void on_reload(uv_signal_t *handle, int number)
{
	(void)number;
	zone_reload(handle->loop->data);
}

static int serve(struct daemon *daemon)
{
	uv_signal_t signals[3];
	struct zerror error;
	int rc;

	daemon->signals = signals;
	zone_autostart_init(daemon);
	job_init(daemon);
	zone_stop_init(daemon);
	zone_reload_init(daemon);
	zone_adopt_definitions(daemon);
	if (daemon_connect(daemon, &error) < 0) {
		log_warning("no hypervisor: %s (%s)", error.message,
			    error.hint);
	}
	if (!zone_devices_need_bridge(daemon, NULL)) {
		(void)net_tap_tidy(); /* of zones that ended without us */
	}
	for (int i = 0; i < 3; i++) {
		uv_signal_init(&daemon->loop, &signals[i]);
	}
	/* first: who can connect can also tell it to end */
	uv_signal_start(&signals[0], on_signal, SIGTERM);
	uv_signal_start(&signals[1], on_signal, SIGINT);
	uv_signal_start(&signals[2], on_reload, SIGHUP);
	metrics_server_open(daemon);
	rc = server_listen(daemon);
	if (rc < 0) {
		daemon->stopping = true;
		metrics_server_close(daemon);
		server_close(daemon);
		zone_close_all(daemon);
		close_signal(signals);
	} else {
		service_ready(&daemon->loop);
	}
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	return rc;
}

int main(int argc, char **argv)
{
	static struct daemon daemon = { .device = -1 };
	struct daemon_options *o = &daemon.options;
	int rc;

	service_init();
	set_path(o->config_dir, CONFIG_DIR);
	set_path(o->run_dir, RUN_DIR);
	o->rate = SERVER_RATE;
	o->rate_readonly = SERVER_RATE_READONLY;
	rc = parse_options(argc, argv, o);
	if (rc >= 0) {
		return rc;
	}
	if (!o->io_program[0]) {
		find_program(IO_PROGRAM, o->io_program);
	}
	if (!o->display_program[0]) {
		find_program(DISPLAY_PROGRAM, o->display_program);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* an error of who writes a file */
	service_want_descriptors(DESCRIPTORS);
	/* Jobs may wait for servers and network file systems, for seconds. */
	setenv("UV_THREADPOOL_SIZE", JOB_THREADS, 0);
	if (uv_loop_init(&daemon.loop) < 0) {
		log_error("no event loop");
		return 1;
	}
	daemon.loop.data = &daemon;
	if (event_log_init(&daemon.events) < 0) {
		log_error("no random numbers");
		uv_loop_close(&daemon.loop);
		return 1;
	}
	if (make_dirs(&daemon) < 0 || server_lock(&daemon) < 0) {
		uv_loop_close(&daemon.loop);
		return 1;
	}
	rc = serve(&daemon);
	event_log_fini(&daemon.events);
	if (daemon.device >= 0) {
		close(daemon.device);
	}
	server_free(&daemon);
	free(daemon.metrics);
	if (uv_loop_close(&daemon.loop) < 0) {
		log_error("bug: handles are left open");
		return 1;
	}
	return rc < 0 ? 1 : 0;
}
