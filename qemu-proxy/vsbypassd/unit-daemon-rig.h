/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For unit tests: the whole daemon but its main(), with a module of pretence and real QEMUs
 * that run no KVM.
 */
#ifndef VSB_UNIT_DAEMON_RIG_H
#define VSB_UNIT_DAEMON_RIG_H

#include <glib.h>
#include <json-glib/json-glib.h>

#include "control.h"
#include "daemon.h"
#include "rundir.h"

struct rig {
	char *dir;
	char *identity;		/* folder of keys, not there at first */
	struct rundir *rundir;
	struct daemon *daemon;
	struct control *control;
	struct proxy_env env;
	GPid victim;		/* plays the cloud VM's QEMU */
	/* of the last command */
	gboolean done;
	JsonObject *result;
	GError *error;
};

/* @qemu: its program; setup() has QEMU's own. A rundir, a daemon, a cloud VM's process. */
void setup_qemu(struct rig *rig, const char *qemu);
void setup(struct rig *rig);

/* Detaches what is attached. Fails if anything is left behind. */
void teardown(struct rig *rig);

/* A command of root's: begun, or done, with @rig->result or @rig->error. */
void begin(struct rig *rig, const char *command, const char *arguments);
void run(struct rig *rig, const char *command, const char *arguments);
void forget_result(struct rig *rig);

/* Cloud VM "c", whose QEMU is @rig->victim; @vms: objects of "uservms". */
void attach_begin(struct rig *rig, const char *vms);
void attach(struct rig *rig, const char *vms);

/* Return: (transfer none) status of user VM @index of the only cloud VM, or NULL. */
JsonObject *uservm_status(struct rig *rig, guint index);
pid_t proxy_pid_of(struct rig *rig, guint index);
void wait_state(struct rig *rig, guint index, const char *state);

/* vsbypassd ends, and another one starts. */
void restart_daemon(struct rig *rig);

/* A process that does nothing, until the test has ended. */
GPid sleeper(void);

/* Warnings are part of what is tested here. Return: that of g_test_run(). */
int run_tests(void);

#endif
