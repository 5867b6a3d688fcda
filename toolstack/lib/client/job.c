// SPDX-License-Identifier: BSD-2-Clause
/* Jobs: what the daemon has been asked for and has not finished. */
#include "client_internal.h"

#include <stdlib.h>

static void job_fini(struct hvd_job *job)
{
	free(job->kind);
	free(job->zone);
	free(job->by);
	free(job->unit);
}

void hvd_job_list_free(struct hvd_job *jobs, size_t count)
{
	if (jobs == NULL) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		job_fini(&jobs[i]);
	}
	free(jobs);
}

static double read_double(struct json_object *json, const char *key)
{
	struct json_object *value = hvd__json_get(json, key);

	return json_object_is_type(value, json_type_double) ||
			       json_object_is_type(value, json_type_int)
		       ? json_object_get_double(value)
		       : 0;
}

/* On failure the caller finishes what has been read so far. */
static int job_read(struct hvd_conn *conn, struct json_object *json,
		    struct hvd_job *job)
{
	struct json_object *progress = hvd__json_get(json, "progress");

	if (!hvd__json_copy(json, "kind", &job->kind) ||
	    !hvd__json_copy(json, "zone", &job->zone) ||
	    !hvd__json_copy(json, "by", &job->by) ||
	    !hvd__json_copy(progress, "unit", &job->unit)) {
		return hvd__fail_nomem(conn);
	}
	job->id = hvd__json_u64(json, "id", 0);
	if (job->id == 0 || job->kind == NULL || job->zone == NULL ||
	    job->by == NULL) {
		return hvd__fail_reply(conn, "job.list",
				       "lacks 'id', 'kind', 'zone' or 'by'");
	}
	job->since = read_double(json, "since");
	job->cancellable = hvd__json_bool(json, "cancellable", false);
	job->done = hvd__json_u64(progress, "done", 0);
	job->total = hvd__json_u64(progress, "total", 0);
	return 0;
}

static int list_read(struct hvd_conn *conn, struct json_object *list,
		     struct hvd_job **ret_jobs, size_t *ret_count)
{
	struct hvd_job *jobs;
	size_t count;

	if (!json_object_is_type(list, json_type_array)) {
		return hvd__fail_reply(conn, "job.list", "is not an array");
	}
	count = json_object_array_length(list);
	jobs = calloc(count + 1, sizeof(*jobs));
	if (jobs == NULL) {
		return hvd__fail_nomem(conn);
	}
	for (size_t i = 0; i < count; i++) {
		int err = job_read(conn, json_object_array_get_idx(list, i),
				   &jobs[i]);

		if (err != 0) {
			hvd_job_list_free(jobs, count);
			return err;
		}
	}
	*ret_jobs = jobs;
	*ret_count = count;
	return 0;
}

int hvd_job_list(struct hvd_conn *conn, struct hvd_job **ret_jobs,
		 size_t *ret_count)
{
	struct json_object *result;
	int err = hvd__invoke(conn, "job.list", NULL, 0, &result);

	if (err != 0) {
		return err;
	}
	err = list_read(conn, result, ret_jobs, ret_count);
	json_object_put(result);
	return err;
}

int hvd_job_cancel(struct hvd_conn *conn, uint64_t id)
{
	struct json_object *params = json_object_new_object();

	if (params == NULL ||
	    !hvd__params_add(params, "job", json_object_new_uint64(id))) {
		json_object_put(params);
		return hvd__fail_nomem(conn);
	}
	return hvd__invoke(conn, "job.cancel", params, 0, NULL);
}
