// SPDX-License-Identifier: GPL-2.0
/* Descriptors and names come and go while exits are shown. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "module.h"
#include "tap.h"

static struct host h;

static void end(void)
{
	usleep(200000);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

static void begin(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_storm(&h, h.p, 20);
	host_storm_on(&h, h.p);
}

/* Everything is closed, and the module unloaded, in the middle of them. */
void exit_life_closed(void)
{
	begin();
	proxy_close(h.p);
	cloud_close(h.c);
	WAIT_FOR(!module_unload());
	end();
}

void exit_life_cloud_closed_first(void)
{
	begin();
	cloud_close(h.c);
	proxy_close(h.p);
	WAIT_FOR(!module_unload());
	end();
}

void exit_life_proxy_killed(void)
{
	begin();
	proxy_kill(h.p);
	end();
}

void exit_life_unbound(void)
{
	begin();
	OK(ioctl(h.p->fd, VSB_UNBIND, 0));
	end();
}

/* Attached and closed, again and again. */
void exit_life_attached_again(void)
{
	begin();
	for (int i = 0; i < 10; i++) {
		cloud_close(h.c);
		proxy_close(h.p);
		proxy_kill(h.p);
		host_progress(&h, 0);
		cloud_attach(h.c, 0, VSB_UNCLAIMED_ABSORB);
		h.p = proxy_add_lines(h.c, "vm1");
		host_start(&h, VSB_IRQ_EXITS);
		host_storm_on(&h, h.p);
		usleep(50000);
	}
	end();
}
