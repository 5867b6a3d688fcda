// SPDX-License-Identifier: BSD-2-Clause
/* top: what zones do, again and again. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

#define INTERVAL_MAX_S 3600
#define INTERVAL_DEFAULT_S 2
#define LINES_AROUND 4 /* that are no zones, the last one empty */

/* The letter that is typed is the first one. */
static const char *const orders[] = { "cpu", "steal",  "exits",
				      "io",  "memory", "name" };

struct row {
	const struct top_zone *zone;
	struct top_rate rate;
};

struct screen {
	bool terminal;
	bool json;
	size_t order; /* in orders[] */
	uint64_t interval_ms;
	uint64_t left; /* how often to show it; UINT64_MAX: for ever */
	bool shown; /* ... before */
};

/* ---- rows ---- */

static size_t row_order; /* qsort() has no argument for it */

static double key_of(const struct row *row)
{
	switch (row_order) {
	case 0:
		return row->rate.cpu;
	case 1:
		return row->rate.steal;
	case 2:
		return row->rate.exits;
	case 3:
		return row->rate.io;
	case 4:
		return (double)row->zone->memory;
	default:
		return 0;
	}
}

static int by_order(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	double l = key_of(left), r = key_of(right);

	if (l != r) {
		return l < r ? 1 : -1;
	}
	return strcmp(left->zone->name, right->zone->name);
}

static struct row *make_rows(const struct screen *screen,
			     const struct top *before, const struct top *now)
{
	struct row *rows = calloc(now->zone_count + 1, sizeof(*rows));

	if (rows == NULL) {
		exit(out_of_memory());
	}
	for (size_t i = 0; i < now->zone_count; i++) {
		rows[i].zone = &now->zones[i];
		top_rate(top_zone_before(before, &now->zones[i]),
			 &now->zones[i], &rows[i].rate);
	}
	row_order = screen->order;
	qsort(rows, now->zone_count, sizeof(*rows), by_order);
	return rows;
}

/* ---- for people ---- */

/* "812" or "12.3k": three digits are enough to look at. */
static void format_rate(double rate, char *buf, size_t size)
{
	static const char units[] = " kMG";
	size_t unit = 0;

	while (rate >= 9999.5 && unit + 2 < sizeof(units)) {
		rate /= 1000;
		unit++;
	}
	if (unit == 0) {
		snprintf(buf, size, "%.0f", rate);
	} else {
		snprintf(buf, size, "%.*f%c", rate < 99.95 ? 1 : 0, rate,
			 units[unit]);
	}
}

static void add_rate(struct table *table, bool known, double rate)
{
	char text[32];

	format_rate(rate, text, sizeof(text));
	table_add(table, known ? PAINT_NONE : PAINT_DIM, "%s",
		  known ? text : "-");
}

static void add_percent(struct table *table, bool known, double percent,
			enum paint paint)
{
	if (known) {
		table_add(table, paint, "%.1f", percent);
	} else {
		table_add(table, PAINT_DIM, "-");
	}
}

/* The reasons that make up most of them. */
static void add_reasons(struct table *table, const struct top_rate *rate)
{
	char text[128] = "";
	char number[32];
	size_t len = 0;

	for (size_t i = 0; rate->known && i < rate->reasons && i < 3; i++) {
		if (rate->by_reason[i].rate < 0.5) {
			break;
		}
		format_rate(rate->by_reason[i].rate, number, sizeof(number));
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%.24s %s", len != 0 ? ", " : "",
					rate->by_reason[i].reason, number);
	}
	table_add(table, PAINT_NONE, "%s", text);
}

static void add_row(struct table *table, const struct row *row)
{
	const struct top_rate *rate = &row->rate;
	bool off = strcmp(row->zone->state, HVD_STATE_DEFINED) == 0;
	char text[32];

	table_add(table, PAINT_NONE, "%s", row->zone->name);
	table_add(table, paint_of_state(row->zone->state), "%s",
		  off ? "shut off" : row->zone->state);
	add_percent(table, rate->known, rate->cpu, PAINT_NONE);
	add_percent(table, rate->known, rate->steal,
		    rate->steal >= 10 ? PAINT_WARN : PAINT_NONE);
	add_rate(table, rate->known, rate->exits);
	add_rate(table, rate->io_known, rate->io);
	if (rate->io_known) {
		format_bytes((uint64_t)rate->io_bytes, text, sizeof(text));
		table_add(table, PAINT_NONE, "%s", text);
	} else {
		table_add(table, PAINT_DIM, "-");
	}
	format_bytes(row->zone->memory, text, sizeof(text));
	table_add(table, PAINT_NONE, "%s", text);
	add_reasons(table, rate);
}

static void print_head(const struct screen *screen, const struct top *now)
{
	char total[32], unused[32], clock[16];
	time_t seconds = time(NULL);
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	printf("%s  %zu zones", clock, now->zone_count);
	if (now->pcpus != 0) {
		format_bytes(now->memory_total, total, sizeof(total));
		format_bytes(now->memory_free, unused, sizeof(unused));
		printf(", %" PRIu32 " CPUs, %s of %s free", now->pcpus, unused,
		       total);
	}
	printf(", by %s\n", orders[screen->order]);
}

static void print_table(const struct context *ctx, const struct screen *screen,
			const struct top *now, const struct row *rows)
{
	static const struct column columns[] = {
		{ "NAME", false, true },       { "STATE", false, true },
		{ "CPU%", true, false },       { "STEAL%", true, false },
		{ "EXITS/S", true, false },    { "IO/S", true, false },
		{ "IO BYTES", true, false },   { "MEMORY", true, false },
		{ "MAIN EXITS", false, true },
	};
	size_t height = screen->terminal ? term_height() : 0;
	size_t count = now->zone_count;
	struct table table;

	if (height > LINES_AROUND && count > height - LINES_AROUND) {
		count = height - LINES_AROUND;
	}
	if (screen->terminal) {
		fputs("\033[H\033[J", stdout); /* an empty screen */
	} else if (screen->shown) {
		putchar('\n');
	}
	print_head(screen, now);
	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < count; i++) {
		add_row(&table, &rows[i]);
	}
	table_print(&table, ctx->color);
	table_fini(&table);
	if (count < now->zone_count) {
		printf("%zu more\n", now->zone_count - count);
	}
}

/* ---- for programs ---- */

static struct json_object *number(bool known, double value)
{
	char text[48];

	if (!known) {
		return NULL;
	}
	snprintf(text, sizeof(text), "%.3f", value);
	return json_object_new_double_s(value, text);
}

static struct json_object *row_json(const struct row *row)
{
	const struct top_rate *rate = &row->rate;
	struct json_object *json = json_object_new_object();
	struct json_object *exits = NULL;

	json_object_object_add(json, "name",
			       json_object_new_string(row->zone->name));
	json_object_object_add(json, "state",
			       json_object_new_string(row->zone->state));
	json_object_object_add(json, "memory",
			       json_object_new_uint64(row->zone->memory));
	json_object_object_add(json, "cpu_percent",
			       number(rate->known, rate->cpu));
	json_object_object_add(json, "steal_percent",
			       number(rate->known, rate->steal));
	if (rate->known) {
		exits = json_object_new_object();
		for (size_t i = 0; i < rate->reasons; i++) {
			json_object_object_add(
				exits, rate->by_reason[i].reason,
				number(true, rate->by_reason[i].rate));
		}
	}
	json_object_object_add(json, "exits_per_s", exits);
	json_object_object_add(json, "io_per_s",
			       number(rate->io_known, rate->io));
	json_object_object_add(json, "io_bytes_per_s",
			       number(rate->io_known, rate->io_bytes));
	return json;
}

/* A line for each time. */
static void print_rows_json(const struct top *now, const struct row *rows)
{
	struct json_object *json = json_object_new_object();
	struct json_object *zones = json_object_new_array();
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	for (size_t i = 0; i < now->zone_count; i++) {
		json_object_array_add(zones, row_json(&rows[i]));
	}
	json_object_object_add(
		json, "time",
		number(true, (double)time.tv_sec + (double)time.tv_nsec / 1e9));
	json_object_object_add(json, "zones", zones);
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
}

/* ---- again and again ---- */

static int show(const struct context *ctx, struct screen *screen,
		const struct top *before, const struct top *now)
{
	struct row *rows = make_rows(screen, before, now);

	if (screen->json) {
		print_rows_json(now, rows);
	} else {
		print_table(ctx, screen, now, rows);
	}
	free(rows);
	screen->shown = true;
	return finish_output(EXIT_OK);
}

/* A key: does it leave?  Another may choose an order. */
static bool take_key(struct screen *screen, bool *ret_again)
{
	char key;

	if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q') {
		return true;
	}
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (key == orders[i][0]) {
			screen->order = i;
			*ret_again = true;
		}
	}
	return false;
}

/* The interval is over: true; a key or a signal leaves: false. */
static bool wait_interval(const struct context *ctx, struct screen *screen,
			  const struct top *before, const struct top *now)
{
	uint64_t end = top_now_ns() + screen->interval_ms * 1000000;
	struct pollfd fds[2] = {
		{ .fd = signals_fd(), .events = POLLIN },
		{ .fd = screen->terminal ? STDIN_FILENO : -1,
		  .events = POLLIN },
	};
	bool again = false;

	while (signals_pending() == 0) {
		uint64_t time = top_now_ns();

		if (time >= end) {
			return true;
		}
		if (poll(fds, 2, (int)((end - time) / 1000000) + 1) <= 0 ||
		    fds[1].revents == 0) {
			continue;
		}
		if (take_key(screen, &again)) {
			return false;
		}
		if (again) {
			again = false;
			(void)show(ctx, screen, before, now);
		}
	}
	return false;
}

/* An exit status.  The daemon may be restarted meanwhile. */
static int sample(struct context *ctx, const struct top *before,
		  struct top *ret)
{
	int err = top_sample(ctx, before, ret);

	while (err == -ECONNRESET && signals_pending() == 0) {
		int status = events_reconnect(ctx, "top");

		if (status != EXIT_OK) {
			return status;
		}
		err = top_sample(ctx, before, ret);
	}
	/* A signal ends the wait for an answer; the caller sees it, too. */
	return err == 0 || signals_pending() != 0 ? EXIT_OK
						  : report(ctx, err, "top");
}

static int repeat(struct context *ctx, struct screen *screen)
{
	struct top before = { 0 }, now;
	int status = sample(ctx, NULL, &now);

	/* There are no rates yet: only who sits there wants to see that. */
	if (status == EXIT_OK && screen->terminal) {
		status = show(ctx, screen, NULL, &now);
	}
	while (status == EXIT_OK && screen->left != 0 &&
	       wait_interval(ctx, screen, &before, &now)) {
		top_fini(&before);
		before = now;
		status = sample(ctx, &before, &now);
		if (status == EXIT_OK && signals_pending() == 0) {
			status = show(ctx, screen, &before, &now);
			screen->left -= screen->left != UINT64_MAX;
		}
	}
	top_fini(&before);
	if (status == EXIT_OK) {
		top_fini(&now);
	}
	if (signals_pending() == 0) {
		return status;
	}
	/* Ctrl-C is how this is meant to end. */
	return signals_exit_status() == EXIT_INTERRUPTED
		       ? EXIT_OK
		       : signals_exit_status();
}

/* Seconds, as in 0.5. */
static bool parse_interval(const struct args *args, uint64_t *ret_ms)
{
	const char *text = args_value(args, "interval");
	double seconds;
	char *end;

	*ret_ms = INTERVAL_DEFAULT_S * 1000;
	if (text == NULL) {
		return true;
	}
	if (text[0] == '\0' || strspn(text, "0123456789.") != strlen(text)) {
		return false;
	}
	seconds = strtod(text, &end);
	if (*end != '\0' || seconds < 0.1 || seconds > INTERVAL_MAX_S) {
		return false;
	}
	*ret_ms = (uint64_t)(seconds * 1000);
	return true;
}

static bool parse_screen(const struct args *args, struct screen *ret)
{
	const char *order = args_value(args, "sort");

	*ret = (struct screen){ .json = args_has(args, "json") };
	if (!parse_interval(args, &ret->interval_ms)) {
		complain("top: --interval: not 0.1 to %d seconds",
			 INTERVAL_MAX_S);
		return false;
	}
	if (!args_number(args, "count", UINT64_MAX, INT64_MAX, &ret->left)) {
		return false;
	}
	if (ret->left == 0) {
		complain("top: --count: 0 is nothing to do");
		return false;
	}
	/* It is one of them, as the table of commands has it. */
	while (order != NULL && strcmp(order, orders[ret->order]) != 0) {
		ret->order++;
	}
	return true;
}

int cmd_top(struct context *ctx, const struct args *args)
{
	struct screen screen;
	int status;

	if (!parse_screen(args, &screen)) {
		return EXIT_USAGE;
	}
	status = context_connect(ctx);
	if (status != EXIT_OK) {
		return status;
	}
	screen.terminal = !screen.json && isatty(STDOUT_FILENO) &&
			  isatty(STDIN_FILENO) && term_keys();
	status = repeat(ctx, &screen);
	term_restore();
	if (ctx->interactive) {
		signals_clear();
	}
	return status;
}
