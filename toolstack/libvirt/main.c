// SPDX-License-Identifier: BSD-2-Clause
/* virthvdd: hvd for libvirt's clients.  docs/man/virthvdd.8 describes it. */
#include <errno.h>
#include <getopt.h>
#include <libxml/parser.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zv/version.h>

#include "domain_xml.h"
#include "log.h"
#include "procedures.h"
#include "server.h"
#include "service.h"

/* A client has one, and its connection to hvd four. */
#define DESCRIPTORS 8192
#define SOCKET_DIR "/run/libvirt"
#define HVD_DIR "/run/hvd"
#define SYSFS "/sys"
#define CONFIG_DIR "/etc/hvd"
#define IMAGES_DIR "/var/lib/hvd/images"

static const char usage[] =
	"Usage: virthvdd [OPTION]...\n"
	"Serves libvirt's clients (virsh -c hvd:///system) on behalf of hvd.\n"
	"\n"
	"      --socket-dir=DIR   where clients connect: DIR/virthvdd-sock and\n"
	"                         DIR/virthvdd-sock-ro [" SOCKET_DIR "]\n"
	"      --hvd-dir=DIR      where hvd.sock and hvd-ro.sock are [" HVD_DIR
	"]\n"
	"      --config-dir=DIR   storage pools are defined in DIR/pools [" CONFIG_DIR
	"]\n"
	"      --images-dir=DIR   folder of the pool 'default' [" IMAGES_DIR
	"]\n"
	"      --sysfs=DIR        where zone0's bridges are looked for [" SYSFS
	"]\n"
	"      --rate-readonly=N  serve N requests a second of a user of the\n"
	"                         read-only socket, 0: any number [300]\n"
	"      --log-level=LEVEL  error, warning, info or debug [info]\n"
	"      --list=WHAT        print what is supported and exit: procedures\n"
	"                         or elements (of domains' documents)\n"
	"      --help             print this and exit\n"
	"      --version          print the version and exit\n";

static int bad_usage(const char *what)
{
	fprintf(stderr, "virthvdd: %s\nTry: virthvdd --help\n", what);
	return 2;
}

/* "<" begins an element in Markdown, too. */
static void print_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<') {
			fputs("&lt;", out);
		} else {
			fputc(*text, out);
		}
	}
}

static void print_elements(FILE *out)
{
	struct domain_xml_support row;

	fputs("| Below `<domain>` | | How |\n|---|---|---|\n", out);
	for (size_t i = 0; domain_xml_support(i, &row); i++) {
		fprintf(out, "| `%s` | %s | ", row.path,
			domain_xml_status_name(row.status));
		print_text(out, row.how);
		fputs(" |\n", out);
	}
}

static int list(const char *what)
{
	if (strcmp(what, "procedures") == 0) {
		procedures_print(stdout);
	} else if (strcmp(what, "elements") == 0) {
		print_elements(stdout);
	} else {
		return bad_usage("--list: neither procedures nor elements");
	}
	return 0;
}

static void set_hvd_dir(struct server_options *o, const char *dir)
{
	snprintf(o->hvd_socket, PATH_MAX, "%s/hvd.sock", dir);
	snprintf(o->hvd_readonly_socket, PATH_MAX, "%s/hvd-ro.sock", dir);
}

static void set_config_dir(struct server_options *o, const char *dir)
{
	snprintf(o->pools.dir, POOL_PATH_MAX, "%s/pools", dir);
}

static bool parse_rate(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9' &&
	       *ret <= SERVER_RATE_MAX;
}

/* Returns -1 to go on, or the status to exit with. */
static int parse_options(int argc, char **argv, struct server_options *ret)
{
	static const struct option options[] = {
		{ "socket-dir", required_argument, NULL, 's' },
		{ "hvd-dir", required_argument, NULL, 'r' },
		{ "config-dir", required_argument, NULL, 'c' },
		{ "images-dir", required_argument, NULL, 'm' },
		{ "sysfs", required_argument, NULL, 'f' },
		{ "rate-readonly", required_argument, NULL, 'O' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "list", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	enum log_level level;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (optarg && strlen(optarg) >= POOL_PATH_MAX - 32) {
			return bad_usage("an argument is too long");
		}
		switch (option) {
		case 's':
			snprintf(ret->socket_dir, PATH_MAX, "%s", optarg);
			break;
		case 'r':
			set_hvd_dir(ret, optarg);
			break;
		case 'c':
			set_config_dir(ret, optarg);
			break;
		case 'm':
			snprintf(ret->pools.images, POOL_PATH_MAX, "%s",
				 optarg);
			break;
		case 'f':
			snprintf(ret->sysfs, PATH_MAX, "%s", optarg);
			break;
		case 'O':
			if (!parse_rate(optarg, &ret->rate_readonly)) {
				return bad_usage(
					"--rate-readonly: not 0 to 1000000000 "
					"requests a second");
			}
			break;
		case 'l':
			if (log_parse_level(optarg, &level) < 0) {
				return bad_usage("unknown --log-level");
			}
			log_set_level(level);
			break;
		case 'i':
			return list(optarg);
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'v':
			puts("virthvdd " ZV_VERSION);
			return 0;
		default:
			fputs("Try: virthvdd --help\n", stderr);
			return 2;
		}
	}
	return optind < argc ? bad_usage("unexpected argument") : -1;
}

static uv_signal_t signals[2];

static void on_signal(uv_signal_t *handle, int number)
{
	log_info("%s: stopping", strsignal(number));
	service_stopping();
	server_close(handle->data);
	for (int i = 0; i < 2; i++) {
		uv_close((uv_handle_t *)&signals[i], NULL);
	}
}

static int serve(uv_loop_t *loop, const struct server_options *options)
{
	struct server *server;

	/* Before anybody can see that it is there; they come up in uv_run(). */
	for (int i = 0; i < 2; i++) {
		uv_signal_init(loop, &signals[i]);
		uv_signal_start(&signals[i], on_signal, i ? SIGINT : SIGTERM);
	}
	server = server_open(loop, options);
	if (!server) {
		return 1;
	}
	for (int i = 0; i < 2; i++) {
		signals[i].data = server;
	}
	service_ready(loop);
	uv_run(loop, UV_RUN_DEFAULT);
	server_free(server);
	return 0;
}

int main(int argc, char **argv)
{
	struct server_options options = { .socket_dir = SOCKET_DIR,
					  .sysfs = SYSFS,
					  .pools = { .images = IMAGES_DIR },
					  .rate_readonly =
						  SERVER_RATE_READONLY };
	uv_loop_t loop;
	int rc;

	service_init();
	set_hvd_dir(&options, HVD_DIR);
	set_config_dir(&options, CONFIG_DIR);
	rc = parse_options(argc, argv, &options);
	if (rc >= 0) {
		return rc;
	}
	signal(SIGPIPE, SIG_IGN);
	/* Or threads do it, all at the same time. */
	xmlInitParser();
	service_want_descriptors(DESCRIPTORS);
	if (uv_loop_init(&loop) < 0) {
		log_error("no event loop");
		return 1;
	}
	rc = serve(&loop, &options);
	uv_loop_close(&loop);
	return rc;
}
