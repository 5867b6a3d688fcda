/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hvsh, the shell of Zonevisor: what its files share.
 *
 * One table (commands.c) names every command with its group, arguments,
 * options, help and handler.  Parsing, help and completion all read it.
 * Handlers live in cmd_<noun>.c and return an exit status.
 */
#ifndef ZV_TOOLSTACK_HVSH_HVSH_H
#define ZV_TOOLSTACK_HVSH_HVSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hvd.h"

/* Exit statuses; part of the interface, see hvsh(1). */
enum exit_status {
	EXIT_OK = 0,
	EXIT_REQUEST = 1, /* the daemon, or a file, said no */
	EXIT_USAGE = 2,
	EXIT_CONNECT = 3, /* no daemon, or the connection was lost */
	EXIT_TIMEOUT = 4,
	EXIT_DIFFERENT = 5, /* diff has found something */
	EXIT_INTERRUPTED = 130, /* as the shell says for SIGINT */
};

#define OPTIONS_MAX 12
#define MANY_MAX 32 /* words of options that may be given often */
#define POSITIONALS_MAX 16

/* ---- context ---- */

struct context {
	struct hvd_conn *conn; /* made at first use */
	const char *socket; /* NULL: libhvd's default */
	int timeout_s; /* of a request; 0: none */
	bool color;
	bool interactive; /* inside the prompt */
};

/* Connected, or an exit status after saying why not. */
int context_connect(struct context *ctx);
void context_fini(struct context *ctx);

#define ZONE_NAME_MAX 64 /* NUL included */
/* What events and jobs call the zone that a user named, perhaps by its uuid; what
 * was given if that is not known.  Connected. */
void context_zone_name(struct context *ctx, const char *given,
		       char ret_name[ZONE_NAME_MAX]);

/* ---- args.c ---- */

struct option {
	const char *name; /* without the dashes */
	char letter; /* '\0': none */
	/* What it takes, for people, or NULL.  With "..." at its end the option
	 * may be given often: see args.many. */
	const char *value;
	const char *words; /* allowed values, '|' between, or NULL */
	const char *help;
};

struct args {
	const char *command; /* its name, once it runs */
	const struct option *options;
	/* One for each option: NULL absent, "" present, or its value. */
	const char *values[OPTIONS_MAX];
	/* Of options that may be given often, each, in their order. */
	struct {
		const struct option *option;
		const char *value;
	} many[MANY_MAX];
	size_t many_count;
	const char *positionals[POSITIONALS_MAX];
	size_t positional_count;
	bool help;
};

/* What went wrong, for people; empty if nothing. */
struct args_error {
	char text[160];
};

/*
 * argv[0] is the first word after the command.  Options may stand anywhere,
 * "--" ends them.  options ends with an entry without a name.
 */
bool args_parse(const struct option *options, size_t positionals_max, int argc,
		const char *const *argv, struct args *ret_args,
		struct args_error *ret_error);
/* Only before the first word that is no option; ret_used counts them. */
bool args_parse_leading(const struct option *options, int argc,
			const char *const *argv, struct args *ret_args,
			int *ret_used, struct args_error *ret_error);
bool args_has(const struct args *args, const char *name);
const char *args_value(const struct args *args, const char *name);
/* A decimal number up to max; the default if absent; false if it is none. */
bool args_number(const struct args *args, const char *name, uint64_t def,
		 uint64_t max, uint64_t *ret_value);
bool parse_number(const char *text, uint64_t max, uint64_t *ret_value);

/* ---- commands.c ---- */

enum group {
	GROUP_ZONES,
	GROUP_DEFINITIONS,
	GROUP_CONSOLES,
	GROUP_HOST,
	GROUP_SHELL,
	GROUP_COUNT,
};

enum operand {
	OPERAND_NONE,
	OPERAND_ZONE,
	OPERAND_NEW_ZONE, /* a name that none has */
	OPERAND_CPUS, /* a zone, then perhaps a vCPU, then perhaps a CPU */
	OPERAND_COUNT, /* a zone, then a number */
	OPERAND_MEMORY, /* a zone, then a size */
	OPERAND_TWO_NAMES, /* a zone, then a name that none has */
	OPERAND_DEVICE, /* a zone, then one of its disks */
	OPERAND_ANY_DEVICE, /* perhaps a zone, then perhaps a device of it */
	OPERAND_CHANGES, /* a zone, one of its devices, then KEY=VALUE... */
	OPERAND_FILE,
	OPERAND_FILES,
	OPERAND_ZONE_FILE, /* a zone, then a file, perhaps */
	OPERAND_COMMAND,
	OPERAND_LEVEL, /* of hvd's log */
	OPERAND_JOB, /* one that is under way */
	OPERAND_KEYS, /* a zone, then keys */
};

struct command {
	const char *name;
	const char *alias; /* or NULL */
	enum group group;
	enum operand operand;
	uint8_t operand_min; /* how many of it */
	uint8_t operand_max;
	const struct option *options;
	const char *summary; /* a line */
	const char *help; /* more, or NULL */
	int (*run)(struct context *ctx, const struct args *args);
};

extern const struct command commands[]; /* ends with an entry without a name */
extern const struct option global_options[];

const struct command *command_find(const char *name);
/* Complains of a name that is no command's; tells one that is near. */
void command_unknown(const char *name);
const char *group_title(enum group group);
#define USAGE_MAX 400
/* The usage line after "hvsh ", e.g. "start [--console] NAME". */
void command_usage(const struct command *command, char *buf, size_t size);
/* Parses and runs; argv[0] is the command's name. */
int command_run(struct context *ctx, int argc, const char *const *argv);

/* Handlers. */
int cmd_list(struct context *ctx, const struct args *args);
int cmd_info(struct context *ctx, const struct args *args);
int cmd_start(struct context *ctx, const struct args *args);
int cmd_run(struct context *ctx, const struct args *args);
int cmd_shutdown(struct context *ctx, const struct args *args);
int cmd_reboot(struct context *ctx, const struct args *args);
int cmd_reset(struct context *ctx, const struct args *args);
int cmd_destroy(struct context *ctx, const struct args *args);
int cmd_pause(struct context *ctx, const struct args *args);
int cmd_resume(struct context *ctx, const struct args *args);
int cmd_resize(struct context *ctx, const struct args *args);
int cmd_set(struct context *ctx, const struct args *args);
/* The part of resume that is about a device. */
int device_resume(struct context *ctx, const char *zone, const char *device);
int cmd_jobs(struct context *ctx, const struct args *args);
int cmd_dump(struct context *ctx, const struct args *args);
int cmd_cancel(struct context *ctx, const struct args *args);
int cmd_vcpupin(struct context *ctx, const struct args *args);
int cmd_setvcpus(struct context *ctx, const struct args *args);
int cmd_autostart(struct context *ctx, const struct args *args);
int cmd_setmem(struct context *ctx, const struct args *args);
int cmd_define(struct context *ctx, const struct args *args);
int cmd_diff(struct context *ctx, const struct args *args);
int cmd_edit(struct context *ctx, const struct args *args);
int cmd_create(struct context *ctx, const struct args *args);
int cmd_import(struct context *ctx, const struct args *args);
int cmd_undefine(struct context *ctx, const struct args *args);
int cmd_rename(struct context *ctx, const struct args *args);
int cmd_clone(struct context *ctx, const struct args *args);
int cmd_describe(struct context *ctx, const struct args *args);
int cmd_dumpdef(struct context *ctx, const struct args *args);
int cmd_display(struct context *ctx, const struct args *args);
int cmd_vnc(struct context *ctx, const struct args *args);
int cmd_screenshot(struct context *ctx, const struct args *args);
int cmd_sendkey(struct context *ctx, const struct args *args);
int cmd_console(struct context *ctx, const struct args *args);
int cmd_events(struct context *ctx, const struct args *args);
int cmd_host(struct context *ctx, const struct args *args);
int cmd_log(struct context *ctx, const struct args *args);
int cmd_log_level(struct context *ctx, const struct args *args);
int cmd_counters(struct context *ctx, const struct args *args);
int cmd_top(struct context *ctx, const struct args *args);
int cmd_trace(struct context *ctx, const struct args *args);
int cmd_doctor(struct context *ctx, const struct args *args);
int cmd_version(struct context *ctx, const struct args *args);
int cmd_help(struct context *ctx, const struct args *args);
int cmd_quit(struct context *ctx, const struct args *args);

/* Leaves the interactive prompt; see cmd_quit(). */
#define EXIT_QUIT (-1)

void help_overview(void);
void help_command(const struct command *command);

/* ---- definition.c ---- */

struct json_object;

/* NUL-terminated, to be freed; NULL after a complaint.  "-": standard input. */
char *file_read(const char *name, size_t *ret_len);
/* One JSON object, no member twice?  Complains of the place in the file. */
bool definition_check(const char *name, const char *text, size_t len);
/* Both. */
char *definition_read(const char *file);
/* JSON as people read it, to be freed; NULL if text is none. */
char *definition_format(const char *text);
/* The daemon has another working directory.  NULL after a complaint. */
struct json_object *definition_path(const char *path);
/* With all members, as the daemon tells it, to be freed; NULL after a complaint.
 * A text without a uuid gets that one. */
char *definition_complete(const char *file, const char *text, const char *uuid);
/* The object's member "name", to be freed; NULL after a complaint. */
char *definition_name(const char *file, const char *text);
/* A zone that has a definition, or an exit status after saying why not. */
int definition_get(struct context *ctx, const char *verb, const char *name,
		   struct hvd_zone_detail **ret_detail);
/* Defines and says so, if the zone's definition has that generation still; 0:
 * if it has none.  Else a negative errno value. */
int definition_put(struct context *ctx, const char *text, uint64_t generation);
/* Did the last one fail as the generation is another? */
bool definition_was_changed(struct context *ctx);
/* How many vCPUs a definition has, 0: it is none; and how many of them may be on. */
uint64_t definition_vcpus(struct json_object *json);
uint64_t definition_vcpus_on(struct json_object *json);

/* ---- cmd_create.c ---- */

/* A zone that is not there yet: checks the definition, and prints or defines it.
 * Its exit status. */
int definition_make(struct context *ctx, const char *verb,
		    struct json_object *definition, bool print);

/* ---- editor.c ---- */

/* Runs the user's editor on a file; false if it cannot be run or fails. */
bool editor_run(const char *path);
/* Yes or no, of a user at a terminal; false if there is none. */
bool ask(const char *question);

/* ---- watch.c ---- */

/* Shows once what a command shows; connected.  An exit status. */
typedef int (*show_fn)(struct context *ctx, const struct args *args);

/*
 * Shows it now and after each event, of that zone or, NULL, of any: on a
 * terminal in place of what was shown, until q or Ctrl-C.
 */
int watch(struct context *ctx, const struct args *args, const char *zone,
	  show_fn show);

/* ---- cmd_events.c ---- */

/* Waits for a daemon that is being restarted, subscribed as before.  EXIT_OK
 * also if a signal came. */
int events_reconnect(struct context *ctx, const char *verb);

/* ---- key_names.c ---- */

/* Of "KEY_LEFTCTRL", "leftctrl", "ctrl" or a number; 0: there is none. */
uint32_t key_code(const char *word);
void key_names(void (*found)(void *arg, const char *name), void *arg);

/* ---- words.c ---- */

#define WORDS_MAX 64

struct words {
	char *words[WORDS_MAX + 1]; /* ends with NULL */
	int count;
	bool open; /* the last word is not finished: a quote is open */
	char *buf;
};

/* Splits a line as a shell does: blanks, '...', "...", \x, and # comments. */
bool words_split(const char *line, struct words *ret_words,
		 struct args_error *ret_error);
void words_fini(struct words *words);

/* ---- complete.c ---- */

typedef void (*complete_fn)(const char *candidate, void *arg);

/*
 * Calls back for each word that may stand in place of the last one of
 * words[0 .. count), which start with the command's name.
 */
void complete_words(struct context *ctx, int count, const char *const *words,
		    complete_fn found, void *arg);

/* ---- table.c ---- */

#define TABLE_COLUMNS 9

enum paint {
	PAINT_NONE,
	PAINT_GOOD,
	PAINT_WARN,
	PAINT_BAD,
	PAINT_DIM,
	PAINT_BOLD,
};

struct column {
	const char *title;
	bool right; /* flush right */
	bool shrink; /* may be cut to fit the terminal */
};

struct cell {
	char *text;
	enum paint paint;
};

struct table {
	const struct column *columns;
	size_t column_count;
	struct cell *cells;
	size_t cell_count;
	size_t cell_capacity;
};

void table_init(struct table *table, const struct column *columns,
		size_t column_count);
void table_fini(struct table *table);
/* Cells go from left to right, row after row.  Control characters become
 * '?': the text may come from a guest. */
void table_add(struct table *table, enum paint paint, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The whole table as text; width 0: no limit.  free() it. */
char *table_format(const struct table *table, size_t width, bool color);
void table_print(const struct table *table, bool color);

/* ---- histogram.c ---- */

/* "12 us", "1.5 ms", "2.0 s". */
void format_latency(uint64_t us, char *buf, size_t size);
/* The member "latency" of a device's counters, if there is one. */
void print_latency(struct json_object *latency);

/* ---- output.c ---- */

const char *paint_start(enum paint paint, bool color);
const char *paint_end(enum paint paint, bool color);
enum paint paint_of_state(const char *state);
/* "512 MiB"; one decimal if it is not a whole number. */
void format_bytes(uint64_t bytes, char *buf, size_t size);
/* "45% of 2 GiB", or "-" if it is not known (total is 0). */
void format_progress(uint64_t done, uint64_t total, char *buf, size_t size);
/* "1d 02:03:04" or "12.345 s". */
void format_duration(uint64_t ns, char *buf, size_t size);
/* Local time with milliseconds, or "-". */
void format_time(double seconds, char *buf, size_t size);
/* Text that may be a guest's, without control characters. */
void print_clean(const char *text);
/* Indented for people; false if text is not JSON. */
bool print_json(const char *text);
/* One line of stderr: "hvsh: ...". */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What a FILE operand is called: "-" is standard input. */
const char *file_title(const char *file);
/* Says what libhvd's last error says, gives the exit status for it. */
int report(struct context *ctx, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for a request about a zone: of a name that no zone has it tells one
 * that is near, of a definition the place in it. */
int report_zone(struct context *ctx, int err, const char *verb,
		const char *name);
/* The same for one that makes a zone like that: the place is in the new one's. */
int report_new(struct context *ctx, int err, const char *verb, const char *name,
	       const char *new_name);
/* The same for a definition that is in a file: tells the place in it. */
int report_file(struct context *ctx, int err, const char *verb,
		const char *file);
int exit_status_of(int err);
int out_of_memory(void);
/* Results have reached stdout, else says so. */
int finish_output(int status);

/* ---- progress.c ---- */

/* While a blocking call about a zone waits: a spinner on stderr if that is a
 * terminal, with how far the zone's job is if the daemon knows, and an end to the
 * wait on SIGINT and the like: the daemon is asked to cancel the call. */
void progress_start(struct context *ctx, const char *verb, const char *zone);
void progress_stop(struct context *ctx);

/* ---- signals.c ---- */

/* SIGINT, SIGTERM, SIGHUP and SIGQUIT set a flag and wake polls on the fd. */
void signals_init(void);
int signals_fd(void);
int signals_pending(void); /* the signal's number, or 0 */
void signals_clear(void);
/* 128 + the signal. */
int signals_exit_status(void);
/* Of what is meant to end by Ctrl-C: that gives 0. */
int signals_follow_status(void);

/* ---- term.c ---- */

/* 0 if stdout is no terminal. */
size_t term_width(void);
/* Lines; 0 if that is not known. */
size_t term_height(void);
/* Raw input on stdin until term_restore(), which also runs at exit. */
bool term_raw(void);
void term_restore(void);
/* Keys one by one and without echo; Ctrl-C stays a signal, output as it is. */
bool term_keys(void);

/* ---- offsets.c: where each console was left ---- */

struct offset_key {
	const char *uuid;
	const char *device; /* NULL: the default one */
	int64_t zone_id; /* tells one run of a zone from the next */
};

bool offset_load(const struct offset_key *key, uint64_t *ret_offset);
void offset_save(const struct offset_key *key, uint64_t offset);
/* Makes DIR/hvsh under the user's cache directory; free() it. */
char *cache_path(const char *name);

/* ---- console_session.c ---- */

struct console_request {
	const char *zone;
	struct hvd_console_options options;
	bool resume; /* go on from where it was left, if that is known */
};

int console_session(struct context *ctx, const struct console_request *request);

/* ---- interactive.c ---- */

int interactive(struct context *ctx);
/* Commands from stdin that is no terminal; ends at the first failure. */
int batch(struct context *ctx);

#endif /* ZV_TOOLSTACK_HVSH_HVSH_H */
