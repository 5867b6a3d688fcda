// SPDX-License-Identifier: BSD-2-Clause
/* Prints the name and the state of each zone. */
#include <hvd.h>
#include <stdio.h>

int main(void)
{
	struct hvd_conn *conn = hvd_new(NULL);
	struct hvd_zone *zones;
	size_t count;

	if (conn == NULL) {
		return 1;
	}
	if (hvd_connect(conn) != 0 ||
	    hvd_zone_list(conn, &zones, &count) != 0) {
		fprintf(stderr, "%s\n", hvd_last_error(conn)->message);
		hvd_close(conn);
		return 1;
	}
	for (size_t i = 0; i < count; i++) {
		printf("%s %s\n", zones[i].name, zones[i].state);
	}
	hvd_zone_list_free(zones, count);
	hvd_close(conn);
	return 0;
}
