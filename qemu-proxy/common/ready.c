// SPDX-License-Identifier: GPL-2.0
/* What the service manager wants to know. */
#include "ready.h"

#include <systemd/sd-daemon.h>

void ready_tell(void)
{
	sd_notify(0, "READY=1");
}

void ready_reloading(void)
{
	sd_notify(0, "RELOADING=1");
}

void ready_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void ready_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
