/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For unit tests: stands in for module.c, procfd.c, fdstore.c and cage.c, so that the daemon runs
 * on a machine without the module and with QEMUs that have no KVM.
 */
#ifndef VSB_UNIT_FAKE_MODULE_H
#define VSB_UNIT_FAKE_MODULE_H

#include <linux/kvm_vsbypass.h>
#include <glib.h>

/**
 * struct fake_module - what was asked, and what to answer
 * @fail:	name of the call that is to fail, or NULL
 * @clouds:	VSB_CREATE_CLOUD calls
 * @cloud_flags, @cloud_unclaimed: of the last one
 * @on_close:	last VSB_SET_ON_CLOSE, -1: none
 * @frozen:	VSB_FREEZE, and not to 0 later
 * @names:	of VSB_CREATE_PROXY calls, in order
 * @proxy_flags: of the last one
 * @vms:	VSB_SET_VM calls
 * @keyed:	and whether it was given a key,
 * @key:	which
 * @irq:	last VSB_SET_IRQ, 0: none
 * @irq_when:	and how many times VSB_START had been called then
 * @started:	VSB_START calls
 * @unbound:	VSB_UNBIND calls
 * @nameless:	VSB_COUNT_UNBOUND says so
 * @given:	VSB_GIVE_BACK calls
 * @private:	last VSB_GET_MEMORY was with VSB_MEMORY_PRIVATE
 * @bound:	VSB_GET_USERVM finds a user VM, @uservm,
 * @reading:	which has read a port since the last time
 * @event_fds:	write ends of the proxy descriptors, in order
 * @proxy_fds:	copies of these, which QEMUs keep
 * @taken:	of those, how many procfd_take_proxy() has handed out; it begins again
 *		where the test says
 * @reports:	VSB_REPORT_ALL calls
 * @kicked:	last process of procfd_kick_vcpus()
 * @spawned:	processes that cage_spawn() has started
 * @kept_fd:	of the service manager's store, 0: none, -1: there is no manager
 */
struct fake_module {
	const char *fail;
	guint clouds;
	guint32 cloud_flags;
	guint32 cloud_unclaimed;
	int on_close;
	gboolean frozen;
	GPtrArray *names;
	guint32 proxy_flags;
	guint vms;
	gboolean keyed;
	guint8 key[32];
	guint32 irq;
	guint irq_when;
	guint started;
	guint unbound;
	guint nameless;
	guint given;
	gboolean private;
	gboolean bound;
	gboolean reading;
	struct vsb_uservm uservm;
	GArray *event_fds;
	GArray *proxy_fds;
	guint taken;
	guint reports;
	pid_t kicked;
	guint spawned;
	int kept_fd;
};

extern struct fake_module fake;

void fake_module_reset(void);

/* The last proxy's module side says this. */
void fake_module_event(guint type, guint gsi, guint level);

#endif
