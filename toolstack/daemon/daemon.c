/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "privcmd.h"
#include "trace.h"
#include "zone.h"

int daemon_connect(struct daemon *daemon, struct zerror *ret_error)
{
	struct zv_info info;
	int rc;

	if (daemon->device >= 0) {
		return 0;
	}
	rc = privcmd_open();
	if (rc < 0) {
		return zerror_set(
			ret_error, ZERROR_NO_HYPERVISOR, NULL,
			rc == -EACCES || rc == -EPERM
				? "hvd must run as root in zone0"
				: "boot Zonevisor, and load the module: "
				  "modprobe zonevisor",
			ZV_DEVICE ": %s", strerror(-rc));
	}
	daemon->device = rc;
	rc = privcmd_info(daemon->device, &info);
	if (rc < 0 || info.abi >> 16 != ZV_ABI_MAJOR) {
		close(daemon->device);
		daemon->device = -1;
		return zerror_set(ret_error, ZERROR_NO_HYPERVISOR, NULL,
				  "install hvd and hypervisor of one version",
				  "the hypervisor's ABI is not %u.x",
				  ZV_ABI_MAJOR);
	}
	log_info("connected to Zonevisor %.31s", info.version);
	trace_reset(daemon);
	zone_adopt_running(daemon);
	zone_autostart_begin(daemon);
	return 0;
}
