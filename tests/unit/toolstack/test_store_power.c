/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Definitions survive power cuts and failing disks.  Whatever a disk may hold
 * after a cut before any system call of a change, a daemon that starts from it
 * finds the old definition or the new one, whole, and the new one if it was
 * acknowledged.  A change that fails leaves the old one in force.
 */
#include "store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "fake_disk.h"
#include "log.h"

#define DIR FAKE_DISK "/etc/zones"
#define OTHER "{\"name\":\"other\",\"generation\":4}"
#define RECORD(members) "{\"name\":\"z\",\"vcpus\":1," members "}"

/* What hvd writes: NULL is no file. */
static const struct change {
	const char *what;
	const char *old;
	const char *new;
} changes[] = {
	{ "define", NULL, RECORD("\"generation\":1") },
	{ "redefine", RECORD("\"generation\":1"),
	  RECORD("\"memory\":\"64M\",\"cmdline\":\"quiet\",\"generation\":2") },
	{ "shorter", RECORD("\"memory\":\"64M\",\"generation\":2"),
	  RECORD("\"generation\":3") },
	{ "undefine", RECORD("\"generation\":1"), NULL },
	{ "undefine nothing", NULL, NULL },
	{ "autostart", RECORD("\"autostart\":false,\"generation\":1"),
	  RECORD("\"autostart\":true,\"generation\":2") },
	{ "intent", RECORD("\"generation\":1"),
	  RECORD("\"generation\":1,\"intent\":\"start\"") },
};

static const struct fake_disk_fault no_fault = { .after = -1 };

static int put(const char *text, struct zerror *ret_error)
{
	return text ? store_save(DIR, "z", text, ret_error)
		    : store_remove(DIR, "z", ret_error);
}

static void must_put(const char *text)
{
	struct zerror error;

	fake_disk_set_fault(&no_fault);
	if (put(text, &error) != 0) {
		fail_msg("%s", error.message);
	}
}

static void prepare(const struct change *change)
{
	struct zerror error;

	fake_disk_format();
	assert_int_equal(store_make_dir(DIR, 0755), 0);
	assert_int_equal(store_save(DIR, "other", OTHER, &error), 0);
	if (change->old) {
		must_put(change->old);
	}
}

struct seen {
	char z[256]; /* "": not there */
	bool other;
};

static const char *collect(void *arg, const char *name, const char *text,
			   size_t len)
{
	struct seen *seen = arg;

	assert_int_equal(strlen(text), len);
	if (strcmp(name, "other") == 0) {
		assert_string_equal(text, OTHER);
		seen->other = true;
	} else {
		assert_string_equal(name, "z");
		assert_string_equal(seen->z, "");
		assert_true(len > 0);
		snprintf(seen->z, sizeof(seen->z), "%s", text);
	}
	return NULL;
}

/* What a daemon that starts now finds; it tidies up. */
static struct seen load(void)
{
	struct seen seen = { 0 };

	fake_disk_set_fault(&no_fault);
	assert_int_equal(store_load(DIR, collect, &seen), 0);
	assert_true(seen.other);
	assert_null(fake_disk_text(DIR "/z.json.new"));
	assert_int_equal(fake_disk_open_files(), 0);
	return seen;
}

static bool is(const char *found, const char *text)
{
	return strcmp(found, text ? text : "") == 0;
}

/* Every state of the disk has one of these; the file system is as before. */
static unsigned int cut_power(const char *what, const char *a, const char *b,
			      const char *c)
{
	unsigned int n;

	fake_disk_keep();
	for (n = 0; fake_disk_cut(n); n++) {
		struct seen seen = load();

		if (!is(seen.z, a) && !is(seen.z, b) && !is(seen.z, c)) {
			fail_msg("%s: state %u of the disk: \"%s\"", what, n,
				 seen.z);
		}
		fake_disk_restore();
	}
	fake_disk_restore();
	return n;
}

static void only(const char *what, const char *text)
{
	cut_power(what, text, text, text);
}

/* The daemon is killed, not the machine; what the next one shows stays. */
static void restart_then_cut(const struct change *change)
{
	struct seen seen = load();

	assert_true(is(seen.z, change->old) || is(seen.z, change->new));
	only(change->what, seen.z);
}

static bool stopped_at(const struct change *change, int at, int *ret_rc)
{
	const struct fake_disk_fault fault = {
		.after = at,
		.err = EIO,
		.lasting = true,
	};
	struct zerror error;
	int calls;

	prepare(change);
	fake_disk_set_fault(&fault);
	*ret_rc = put(change->new, &error);
	calls = fake_disk_calls();
	assert_int_equal(fake_disk_open_files(), 0);
	fake_disk_set_fault(&no_fault);
	return calls > at;
}

static void stop_anywhere(const struct change *change)
{
	unsigned int states = 0;
	bool stopped = true;
	int rc;

	for (int at = 0; stopped; at++) {
		stopped = stopped_at(change, at, &rc);
		assert_true(stopped || rc == 0);
		if (rc == 0) {
			only(change->what, change->new);
		} else {
			states += cut_power(change->what, change->old,
					    change->new, change->new);
		}
		restart_then_cut(change);
	}
	assert_true(states > 0);
}

static void test_power_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		stop_anywhere(&changes[i]);
	}
}

/* A disk that failed for a while, then another change and a cut in that one. */
static void test_power_cut_after_errors(void **state)
{
	static const char third[] = RECORD("\"third\":3,\"generation\":9");
	struct fake_disk_fault fault = { .err = EIO, .lasting = true };
	struct zerror error;

	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		const struct change *change = &changes[i];
		bool first = true;
		int rc;

		for (int at = 0; first; at++) {
			bool second = true;

			for (fault.after = 0; second; fault.after++) {
				first = stopped_at(change, at, &rc);
				fake_disk_set_fault(&fault);
				if (put(third, &error) == 0) {
					only(change->what, third);
				} else {
					cut_power(change->what, change->old,
						  change->new, third);
				}
				second = fake_disk_calls() > fault.after;
				fake_disk_set_fault(&no_fault);
			}
		}
	}
}

/* One call fails: an error is told, and all is as it was. */
static bool one_failure(const struct change *change,
			const struct fake_disk_fault *fault)
{
	struct zerror error = { 0 };
	int calls;
	int rc;

	prepare(change);
	fake_disk_set_fault(fault);
	rc = put(change->new, &error);
	calls = fake_disk_calls();
	fake_disk_set_fault(&no_fault);
	assert_int_equal(fake_disk_open_files(), 0);
	only(change->what, rc == 0 ? change->new : change->old);
	if (rc != 0) {
		const char *now = fake_disk_text(DIR "/z.json");

		assert_int_equal(error.code, ZERROR_IO_ERROR);
		assert_non_null(strstr(error.message, DIR "/z.json"));
		assert_non_null(strstr(error.message, strerror(fault->err)));
		assert_true(!!error.hint[0] == (fault->err == ENOSPC));
		assert_true(is(now ? now : "", change->old));
	}
	must_put(change->new); /* works again, whatever was left behind */
	only(change->what, change->new);
	return calls > fault->after;
}

static void test_each_call_fails(void **state)
{
	static const struct fake_disk_fault faults[] = {
		{ .err = ENOSPC },
		{ .err = EIO },
		{ .err = ENOSPC, .half = true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		for (size_t j = 0; j < COUNT(faults); j++) {
			struct fake_disk_fault fault = faults[j];

			while (one_failure(&changes[i], &fault)) {
				fault.after++;
			}
		}
	}
}

/* A call that was interrupted or did a part is no failure. */
static void test_short_calls(void **state)
{
	struct fake_disk_fault fault = { .short_ = true };
	bool more = true;

	(void)state;
	for (; more; fault.after++) {
		struct zerror error;
		struct seen seen = { 0 };

		prepare(&changes[1]);
		fake_disk_set_fault(&fault);
		assert_int_equal(put(changes[1].new, &error), 0);
		assert_int_equal(store_load(DIR, collect, &seen), 0);
		assert_true(is(seen.z, changes[1].new));
		more = fake_disk_calls() > fault.after;
	}
}

/* Whether the load came as far as that. */
static bool load_failing(const struct fake_disk_fault *fault)
{
	struct seen seen = { 0 };
	bool failed;
	int rc;

	fake_disk_set_fault(fault);
	rc = store_load(DIR, collect, &seen);
	failed = fake_disk_calls() > fault->after;
	assert_int_equal(rc, fault->after == 0 ? -EIO : 0);
	assert_true(is(seen.z, "") || is(seen.z, changes[1].old));
	assert_int_equal(fake_disk_open_files(), 0);
	return failed;
}

/* A definition that cannot be read is left out: no part of one is taken. */
static void test_each_call_of_a_load_fails(void **state)
{
	struct fake_disk_fault fault = { .err = EIO };

	(void)state;
	prepare(&changes[1]);
	while (load_failing(&fault)) {
		fault.after++;
	}
	assert_true(fault.after > 8);
	fault.half = true; /* also when some of it was read */
	for (fault.after = 0; load_failing(&fault); fault.after++) {
		continue;
	}
	assert_true(is(load().z, changes[1].old));
}

/* Where names cannot be exchanged it is as safe, but for the way back. */
static void test_plain_file_system(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		const struct change *change = &changes[i];
		bool stopped = true;
		int rc;

		for (int at = 0; stopped; at++) {
			prepare(change);
			fake_disk_set_plain(true);
			fake_disk_set_fault(&(struct fake_disk_fault){
				.after = at, .err = EIO, .lasting = true });
			rc = put(change->new, &(struct zerror){ 0 });
			stopped = fake_disk_calls() > at;
			fake_disk_set_fault(&no_fault);
			cut_power(change->what,
				  rc == 0 ? change->new : change->old,
				  change->new, change->new);
		}
	}
}

/* Whether the fault was reached; *ret_rc is what came of it. */
static bool make_dir_failing(const struct fake_disk_fault *fault, int *ret_rc)
{
	bool reached;

	fake_disk_set_fault(fault);
	*ret_rc = store_make_dir(DIR, 0755);
	reached = fake_disk_calls() > fault->after;
	fake_disk_set_fault(&no_fault);
	assert_int_equal(fake_disk_open_files(), 0);
	assert_true(*ret_rc == 0 || (*ret_rc == -EIO && reached));
	return reached;
}

/*
 * The second attempt may fail, too; not after one that could not even tidy up,
 * as then it finds the directory and takes it as it is.
 */
static bool make_dir_twice(const struct fake_disk_fault *first)
{
	static const char text[] = RECORD("\"generation\":1");
	struct fake_disk_fault second = {
		.after = first->lasting ? -1 : 0,
		.err = EIO,
	};
	struct zerror error;
	bool reached;
	bool more;
	int rc;

	do {
		fake_disk_format();
		reached = make_dir_failing(first, &rc);
		more = make_dir_failing(&second, &rc) && !first->lasting;
		if (rc != 0) {
			assert_int_equal(store_make_dir(DIR, 0755), 0);
		}
		assert_int_equal(store_save(DIR, "other", OTHER, &error), 0);
		must_put(text);
		only("make the directory", text);
		second.after++;
	} while (more);
	return reached;
}

/* The directory itself is there for good before a definition is. */
static void test_make_dir(void **state)
{
	struct fake_disk_fault first = { .err = EIO };

	(void)state;
	while (make_dir_twice(&first)) {
		first.after++;
	}
	first.lasting = true;
	for (first.after = 0; make_dir_twice(&first); first.after++) {
		continue;
	}
}

/* ------------------------------------------------- a file gets another name */

#define BEFORE RECORD("\"generation\":1")
#define AFTER "{\"name\":\"y\",\"renamed-from\":\"z\",\"generation\":2}"

struct names {
	char z[256]; /* "": not there */
	char y[256];
};

/* As the daemon: what was cut short is ended. */
static const char *collect_names(void *arg, const char *name, const char *text,
				 size_t len)
{
	struct names *names = arg;
	struct zerror error;

	(void)len;
	if (strcmp(name, "z") == 0 && strcmp(text, AFTER) == 0) {
		assert_int_equal(store_move(DIR, "z", "y", &error), 0);
		name = "y";
	}
	if (strcmp(name, "z") == 0) {
		snprintf(names->z, sizeof(names->z), "%s", text);
	} else if (strcmp(name, "y") == 0) {
		assert_string_equal(names->y, ""); /* once */
		snprintf(names->y, sizeof(names->y), "%s", text);
	}
	return NULL;
}

/* Exactly one of both is there, and a second look finds the same. */
static bool load_renamed(void)
{
	struct names names = { 0 };
	struct names again = { 0 };

	fake_disk_set_fault(&no_fault);
	assert_int_equal(store_load(DIR, collect_names, &names), 0);
	assert_true(is(names.z, BEFORE) != is(names.y, AFTER));
	assert_true(is(names.z, "") || is(names.y, ""));
	assert_int_equal(store_load(DIR, collect_names, &again), 0);
	assert_string_equal(names.z, again.z);
	assert_string_equal(names.y, again.y);
	assert_null(fake_disk_text(DIR "/z.json.new"));
	assert_int_equal(fake_disk_open_files(), 0);
	return is(names.y, AFTER);
}

static void cut_renamed(bool old, bool new)
{
	fake_disk_keep();
	for (unsigned int n = 0; fake_disk_cut(n); n++) {
		bool renamed = load_renamed();

		if (renamed ? !new : !old) {
			fail_msg("state %u of the disk: %s", n,
				 renamed ? "renamed" : "not renamed");
		}
		fake_disk_restore();
	}
	fake_disk_restore();
}

/* Whether the fault was reached. */
static bool rename_failing(const struct fake_disk_fault *fault, int *ret_rc,
			   struct zerror *ret_error)
{
	bool reached;

	prepare(&changes[1]);
	must_put(BEFORE);
	fake_disk_set_fault(fault);
	*ret_rc = store_rename(DIR, "z", "y", AFTER, ret_error);
	reached = fake_disk_calls() > fault->after;
	assert_int_equal(fake_disk_open_files(), 0);
	fake_disk_set_fault(&no_fault);
	return reached;
}

/* The machine stops before any call: it has the old name or the new one. */
static void test_rename_power_cut(void **state)
{
	struct fake_disk_fault fault = { .err = EIO, .lasting = true };
	struct zerror error;
	bool reached = true;
	bool renamed;
	int rc;

	(void)state;
	for (; reached; fault.after++) {
		reached = rename_failing(&fault, &rc, &error);
		assert_true(reached || rc == 0);
		cut_renamed(rc != 0, true);
		/* The daemon is killed: what the next one shows stays. */
		renamed = load_renamed();
		cut_renamed(!renamed, renamed);
	}
	assert_true(fault.after > 8);
}

/* One call fails: an error is told, and the name is as it was. */
static void test_rename_fails(void **state)
{
	struct fake_disk_fault fault = { .err = EIO };
	struct zerror error;
	bool reached = true;
	int rc;

	(void)state;
	for (; reached; fault.after++) {
		reached = rename_failing(&fault, &rc, &error);
		cut_renamed(rc != 0, rc == 0);
		if (rc != 0) {
			assert_int_equal(error.code, ZERROR_IO_ERROR);
			assert_non_null(strstr(error.message, DIR "/z.json"));
			assert_false(load_renamed());
			assert_int_equal(
				store_rename(DIR, "z", "y", AFTER, &error), 0);
		}
		cut_renamed(false, true);
	}
}

/* Whoever put a file there keeps it. */
static void test_rename_never_replaces(void **state)
{
	struct zerror error;

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		prepare(&changes[1]);
		must_put(BEFORE);
		fake_disk_set_plain(plain);
		if (!plain) {
			assert_int_equal(
				store_rename(DIR, "z", "other", AFTER, &error),
				-1);
			assert_string_equal(fake_disk_text(DIR "/z.json"),
					    BEFORE);
		}
		assert_int_equal(store_move(DIR, "z", "other", &error), -1);
		assert_non_null(strstr(error.message, strerror(EEXIST)));
		assert_string_equal(fake_disk_text(DIR "/other.json"), OTHER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_cut),
		cmocka_unit_test(test_power_cut_after_errors),
		cmocka_unit_test(test_each_call_fails),
		cmocka_unit_test(test_short_calls),
		cmocka_unit_test(test_rename_power_cut),
		cmocka_unit_test(test_rename_fails),
		cmocka_unit_test(test_rename_never_replaces),
		cmocka_unit_test(test_each_call_of_a_load_fails),
		cmocka_unit_test(test_plain_file_system),
		cmocka_unit_test(test_make_dir),
	};

	log_set_level(
		LOG_LEVEL_ERROR); /* what is skipped, thousands of times */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
