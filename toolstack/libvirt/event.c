// SPDX-License-Identifier: BSD-2-Clause
#include "event.h"

#include <stdlib.h>

#include "client.h"

void event_client_free(struct client *client)
{
	struct event_client **events = client_events(client);

	free(*events);
	*events = NULL;
}
