/* SPDX-License-Identifier: BSD-2-Clause */
#include "rpc.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

static struct rpc_call *kept[128];
static unsigned int kept_count;
static unsigned int runs;
static char output[65536];
static unsigned int messages;

static void on_echo(struct rpc_call *call, struct json_object *params)
{
	runs++;
	rpc_result(call, json_object_get(params));
}

static void on_later(struct rpc_call *call, struct json_object *params)
{
	(void)params;
	runs++;
	kept[kept_count++] = call;
}

static void on_fail(struct rpc_call *call, struct json_object *params)
{
	struct zerror error;

	(void)params;
	zerror_set(&error, ZERROR_BUSY, "$.p", "wait", "it is busy");
	rpc_fail(call, &error);
}

static void on_cancel(struct rpc_call *call, struct json_object *params)
{
	struct zerror error;

	if (rpc_cancel(call, json_object_object_get(params, "id"), &error) <
	    0) {
		rpc_fail(call, &error);
	} else {
		rpc_result(call, NULL);
	}
}

/* As when an answer or event finds it gone. */
static void on_leave(struct rpc_call *call, struct json_object *params)
{
	(void)params;
	rpc_peer_leave(rpc_call_peer(call));
	rpc_result(call, NULL);
}

static const struct rpc_method methods[] = {
	{ "echo",
	  true,
	  on_echo,
	  { { "s", RPC_STRING, false },
	    { "i", RPC_INT, false },
	    { "b", RPC_BOOL, false },
	    { "o", RPC_OBJECT, false },
	    { "si", RPC_STRING | RPC_INT, false } } },
	{ "later", false, on_later, { { "must", RPC_INT, true } } },
	{ "fail", true, on_fail, { { 0 } } },
	{ "leave", true, on_leave, { { 0 } } },
	{ "cancel", true, on_cancel, { { "id", RPC_STRING | RPC_INT, true } } },
	{ 0 },
};

static char audit[1024];
static unsigned int audits;

static void on_audit(const char *what, const char *outcome)
{
	snprintf(audit, sizeof(audit), "%s: %s", what, outcome);
	audits++;
}

static void on_who(struct rpc_peer *asked, char ret_who[RPC_WHO_MAX])
{
	(void)asked;
	snprintf(ret_who, RPC_WHO_MAX, "jan");
}

static void take(struct rpc_peer *peer, const char *text, size_t len)
{
	(void)peer;
	assert_int_equal(strlen(text), len);
	assert_null(strchr(text, '\n'));
	snprintf(output, sizeof(output), "%s", text);
	messages++;
}

static struct rpc_peer peer = { .methods = methods, .send = take };

static int setup(void **state)
{
	(void)state;
	kept_count = runs = messages = audits = 0;
	output[0] = audit[0] = '\0';
	peer = (struct rpc_peer){
		.methods = methods,
		.send = take,
		.audit = on_audit,
		.who = on_who,
	};
	return 0;
}

static void receive(const char *line)
{
	rpc_receive(&peer, line, strlen(line));
}

static void expect(const char *line, const char *answer)
{
	output[0] = '\0';
	receive(line);
	if (strcmp(output, answer) != 0) {
		fail_msg("%s\n gave %s\n not %s", line, output, answer);
	}
}

#define OK(id, result) \
	"{\"jsonrpc\":\"2.0\",\"result\":" result ",\"id\":" id "}"
#define CALL(id, method, params)                                  \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method \
	"\",\"params\":" params "}"

static void test_results(void **state)
{
	(void)state;
	expect(CALL("1", "echo", "{}"), OK("1", "{}"));
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}",
	       OK("1", "{}"));
	expect(CALL("\"a/b\"", "echo", "{\"s\":\"/\",\"i\":1,\"b\":true}"),
	       OK("\"a/b\"", "{\"s\":\"/\",\"i\":1,\"b\":true}"));
	expect(CALL("null", "echo", "{\"si\":5}"), OK("null", "{\"si\":5}"));
	assert_int_equal(peer.inflight, 0);
}

static void test_errors_carry_data(void **state)
{
	(void)state;
	expect(CALL("7", "fail", "{}"),
	       "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":10,\"message\":"
	       "\"it is busy\",\"data\":{\"code\":\"BUSY\",\"path\":\"$.p\","
	       "\"hint\":\"wait\"}},\"id\":7}");
}

static int code_of(const char *line)
{
	struct json_object *answer;
	int code;

	messages = 0;
	receive(line);
	assert_int_equal(messages, 1);
	answer = json_tokener_parse(output);
	code = json_object_get_int(json_object_object_get(
		json_object_object_get(answer, "error"), "code"));
	json_object_put(answer);
	return code;
}

static void test_bad_requests(void **state)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
		{ "", -32700 },
		{ "{", -32700 },
		{ "[]", -32600 },
		{ "\"x\"", -32600 },
		{ "{}", -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1}", -32600 },
		{ "{\"id\":1,\"method\":\"echo\"}", -32600 },
		{ "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"echo\"}", -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"echo\"}",
		  -32600 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"echo\"}",
		  -32600 },
		{ CALL("1", "echo", "null"), -32600 },
		{ CALL("1", "none", "{}"), -32601 },
		{ CALL("1", "echo", "[]"), -32602 },
		{ CALL("1", "echo", "\"x\""), -32602 },
		{ CALL("1", "echo", "{\"s\":1}"), -32602 },
		{ CALL("1", "echo", "{\"s\":null}"), -32602 },
		{ CALL("1", "echo", "{\"i\":\"1\"}"), -32602 },
		{ CALL("1", "echo", "{\"i\":1.5}"), -32602 },
		{ CALL("1", "echo", "{\"b\":0}"), -32602 },
		{ CALL("1", "echo", "{\"o\":[]}"), -32602 },
		{ CALL("1", "echo", "{\"x\":1}"), -32602 },
		{ CALL("1", "later", "{}"), -32602 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int code = code_of(cases[i].line);

		if (code != cases[i].code) {
			fail_msg("%s: %s", cases[i].line, output);
		}
	}
	assert_int_equal(runs, 0);
	assert_int_equal(peer.inflight, 0);
}

static void test_notifications_are_silent(void **state)
{
	(void)state;
	receive("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}");
	receive("{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}");
	receive("{\"jsonrpc\":\"2.0\",\"method\":\"none\"}");
	receive("[{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]");
	assert_int_equal(runs, 2);
	assert_int_equal(messages, 0);
}

static void test_readonly_peer(void **state)
{
	(void)state;
	peer.readonly = true;
	assert_int_equal(code_of(CALL("1", "later", "{\"must\":1}")),
			 ZERROR_PERMISSION);
	expect(CALL("1", "echo", "{}"), OK("1", "{}"));
}

static void test_answers_out_of_order(void **state)
{
	(void)state;
	receive(CALL("1", "later", "{\"must\":1}"));
	receive(CALL("2", "later", "{\"must\":1}"));
	assert_int_equal(peer.inflight, 2);
	rpc_result(kept[1], NULL);
	assert_string_equal(output, OK("2", "{}"));
	rpc_result(kept[0], NULL);
	assert_string_equal(output, OK("1", "{}"));
	assert_int_equal(peer.inflight, 0);
}

static int give_up(void *arg, struct rpc_call *call, struct zerror *ret_error)
{
	struct zerror error;

	if (arg) {
		return zerror_set(ret_error, ZERROR_UNSUPPORTED, NULL, NULL,
				  "%s", (const char *)arg);
	}
	zerror_set(&error, ZERROR_CANCELLED, NULL, NULL, "it was cancelled");
	rpc_fail(call, &error);
	return 0;
}

static void test_cancel(void **state)
{
	static char why[] = "never";

	(void)state;
	receive(CALL("1", "later", "{\"must\":1}"));
	receive(CALL("\"1\"", "later", "{\"must\":1}"));
	rpc_call_on_cancel(kept[0], give_up, NULL);
	rpc_call_on_cancel(kept[1], give_up, why);
	/* a string is no number, and a call does not cancel itself */
	assert_int_equal(code_of(CALL("7", "cancel", "{\"id\":7}")),
			 ZERROR_INVALID_PARAMS);
	assert_int_equal(code_of(CALL("8", "cancel", "{\"id\":\"1\"}")),
			 ZERROR_UNSUPPORTED);
	assert_non_null(strstr(output, "never"));
	messages = 0;
	expect(CALL("1", "cancel", "{\"id\":1}"), OK("1", "{}"));
	assert_int_equal(messages, 2); /* the call's own answer, too */
	assert_non_null(strstr(audit, "CANCELLED"));
	assert_int_equal(peer.inflight, 1);
	assert_int_equal(code_of(CALL("1", "cancel", "{\"id\":1}")),
			 ZERROR_INVALID_PARAMS);
	rpc_result(kept[1], NULL);
}

static void test_cancel_by_a_notification(void **state)
{
	(void)state;
	receive(CALL("5", "later", "{\"must\":1}"));
	rpc_call_on_cancel(kept[0], give_up, NULL);
	receive("{\"jsonrpc\":\"2.0\",\"method\":\"cancel\","
		"\"params\":{\"id\":6}}");
	assert_int_equal(messages, 0);
	receive("{\"jsonrpc\":\"2.0\",\"method\":\"cancel\","
		"\"params\":{\"id\":5}}");
	assert_int_equal(messages, 1);
	assert_non_null(strstr(output, "CANCELLED"));
	assert_int_equal(peer.inflight, 0);
}

/* Nor can anybody else's call be cancelled, or one that has no answer. */
static void test_cancel_only_its_own(void **state)
{
	struct rpc_peer other = peer;

	(void)state;
	receive(CALL("1", "later", "{\"must\":1}"));
	rpc_call_on_cancel(kept[0], give_up, NULL);
	rpc_receive(&other, CALL("2", "cancel", "{\"id\":1}"),
		    strlen(CALL("2", "cancel", "{\"id\":1}")));
	assert_non_null(strstr(output, "INVALID_PARAMS"));
	assert_int_equal(peer.inflight, 1);
	receive(CALL("3", "cancel", "{\"id\":1}"));
	assert_int_equal(peer.inflight, 0);
	/* one that says nothing of it ends by itself */
	receive(CALL("4", "later", "{\"must\":1}"));
	assert_int_equal(code_of(CALL("5", "cancel", "{\"id\":4}")),
			 ZERROR_UNSUPPORTED);
	rpc_result(kept[1], NULL);
}

static void test_batch_answers_together(void **state)
{
	(void)state;
	receive("[" CALL("1", "later", "{\"must\":1}") "," CALL(
		"2", "echo",
		"{}") ",5,"
		      "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]");
	assert_int_equal(messages, 0);
	rpc_result(kept[0], NULL);
	assert_int_equal(messages, 1);
	assert_int_equal(output[0], '[');
	assert_non_null(strstr(output, OK("1", "{}")));
	assert_non_null(strstr(output, OK("2", "{}")));
	assert_non_null(strstr(output, "-32600"));
}

static void test_batch_limits(void **state)
{
	char line[65536] = "[";

	(void)state;
	for (unsigned int i = 0; i <= RPC_BATCH_MAX; i++) {
		strcat(line, i ? "," CALL("1", "echo", "{}")
			       : CALL("1", "echo", "{}"));
		if (i + 1 == RPC_BATCH_MAX) {
			char full[sizeof(line) + 2];

			snprintf(full, sizeof(full), "%s]", line);
			receive(full);
			assert_int_equal(runs, RPC_BATCH_MAX);
			assert_int_equal(messages, 1);
		}
	}
	strcat(line, "]");
	assert_int_equal(code_of(line), -32600);
	assert_int_equal(runs, RPC_BATCH_MAX);
}

static void test_peer_leaves(void **state)
{
	(void)state;
	receive(CALL("1", "later", "{\"must\":1}"));
	receive("[" CALL("2", "later", "{\"must\":1}") "," CALL(
		"3", "later", "{\"must\":1}") "]");
	rpc_peer_leave(&peer);
	assert_int_equal(peer.inflight, 0);
	for (unsigned int i = 0; i < kept_count; i++) {
		assert_null(rpc_call_peer(kept[i]));
		rpc_result(kept[i], NULL);
	}
	assert_int_equal(messages, 0);
}

static void test_peer_leaves_amid_a_batch(void **state)
{
	(void)state;
	receive("[" CALL("1", "leave", "{}") "," CALL(
		"2", "later", "{\"must\":1}") "," CALL("3", "echo", "{}") "]");
	assert_int_equal(runs, 0);
	assert_int_equal(peer.inflight, 0);
	assert_null(peer.calls);
	assert_int_equal(messages, 0);
}

static void test_how_many_requests_it_was(void **state)
{
	static const struct {
		const char *line;
		unsigned int count;
	} cases[] = {
		{ "{", 1 },
		{ "[]", 1 },
		{ CALL("1", "echo", "{}"), 1 },
		{ "[" CALL("1", "echo", "{}") ",1,{}]", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(rpc_receive(&peer, cases[i].line,
					     strlen(cases[i].line)),
				 cases[i].count);
	}
}

static void test_long_ids(void **state)
{
	char id[RPC_ID_MAX + 2];
	char line[1024];

	(void)state;
	memset(id, 'x', sizeof(id));
	id[RPC_ID_MAX + 1] = '\0';
	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"echo\"}", id);
	assert_int_equal(code_of(line), -32600);
	snprintf(line, sizeof(line),
		 "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"echo\"}",
		 id + 1);
	assert_int_equal(code_of(line), 0);
	assert_int_equal(runs, 1);
}

static void expect_audit(const char *line, const char *told)
{
	audits = 0;
	receive(line);
	while (kept_count > 0) {
		assert_int_equal(audits, 0); /* when it has ended */
		rpc_result(kept[--kept_count], NULL);
	}
	assert_int_equal(audits, 1);
	assert_string_equal(audit, told);
}

static void test_audit(void **state)
{
	(void)state;
	expect_audit(CALL("1", "later", "{\"must\":1}"),
		     "jan: later must=1: done");
	expect_audit(CALL("1", "later", "{}"),
		     "jan: later: INVALID_PARAMS: later: parameter must is "
		     "missing");
	expect_audit(CALL("1", "later", "{\"must\":\"a\\n: done\"}"),
		     "jan: later must=\"a\\n: done\": INVALID_PARAMS: later: "
		     "parameter must must be an integer");
	expect_audit(CALL("1", "later", "{\"o\":{\"x\":1,\"name\":\"z1\"}}"),
		     "jan: later o=\"z1\": INVALID_PARAMS: later has no "
		     "parameter o");
	expect_audit(CALL("1", "later", "[7]"),
		     "jan: later: INVALID_PARAMS: later: params must be an "
		     "object");
	/* a notification has no answer, but an outcome */
	expect_audit("{\"jsonrpc\":\"2.0\",\"method\":\"later\",\"params\":"
		     "{\"must\":2}}",
		     "jan: later must=2: done");
	audits = 0;
	receive(CALL("1", "echo", "{}"));
	receive(CALL("1", "fail", "{}"));
	receive(CALL("1", "none", "{}"));
	assert_int_equal(audits, 0);
}

static void test_audit_of_a_peer_that_leaves(void **state)
{
	struct zerror error;

	(void)state;
	receive(CALL("1", "later", "{\"must\":1}"));
	rpc_peer_leave(&peer);
	assert_int_equal(audits, 0);
	zerror_set(&error, ZERROR_BUSY, NULL, NULL, "it is busy");
	rpc_fail(kept[0], &error);
	assert_int_equal(audits, 1);
	assert_string_equal(audit, "jan: later must=1: BUSY: it is busy");
}

static void test_audit_of_a_readonly_peer(void **state)
{
	(void)state;
	peer.readonly = true;
	receive(CALL("1", "later", "{\"must\":1}"));
	assert_int_equal(audits, 1);
	assert_string_equal(audit, "jan: later must=1: PERMISSION: this socket "
				   "is read-only");
	receive(CALL("1", "later", "{\"must\":1}"));
	assert_int_equal(audits, 1); /* a log is not for who may only look */
	assert_int_equal(kept_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_results, setup),
		cmocka_unit_test_setup(test_errors_carry_data, setup),
		cmocka_unit_test_setup(test_bad_requests, setup),
		cmocka_unit_test_setup(test_notifications_are_silent, setup),
		cmocka_unit_test_setup(test_readonly_peer, setup),
		cmocka_unit_test_setup(test_cancel, setup),
		cmocka_unit_test_setup(test_cancel_by_a_notification, setup),
		cmocka_unit_test_setup(test_cancel_only_its_own, setup),
		cmocka_unit_test_setup(test_answers_out_of_order, setup),
		cmocka_unit_test_setup(test_batch_answers_together, setup),
		cmocka_unit_test_setup(test_batch_limits, setup),
		cmocka_unit_test_setup(test_peer_leaves, setup),
		cmocka_unit_test_setup(test_peer_leaves_amid_a_batch, setup),
		cmocka_unit_test_setup(test_how_many_requests_it_was, setup),
		cmocka_unit_test_setup(test_long_ids, setup),
		cmocka_unit_test_setup(test_audit, setup),
		cmocka_unit_test_setup(test_audit_of_a_peer_that_leaves, setup),
		cmocka_unit_test_setup(test_audit_of_a_readonly_peer, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
