// SPDX-License-Identifier: GPL-2.0
/*
 * Control groups of proxies' QEMUs where systemd has them all: a transient unit for each, a
 * scope, as of a machine of libvirt. It ends with its last process.
 */
#include "cage-group.h"

#include <gio/gio.h>

static void add_bound(GVariantBuilder *all, const char *name, guint64 value)
{
	g_variant_builder_add(all, "(sv)", name, g_variant_new_uint64(value));
}

static void add_devices(GVariantBuilder *all)
{
	GVariantBuilder devices;

	g_variant_builder_init(&devices, G_VARIANT_TYPE("a(ss)"));
	g_variant_builder_add(&devices, "(ss)", "/dev/kvm", "rw");
	g_variant_builder_add(all, "(sv)", "DevicePolicy", g_variant_new_string("closed"));
	g_variant_builder_add(all, "(sv)", "DeviceAllow", g_variant_builder_end(&devices));
}

/* Arguments of StartTransientUnit(), see org.freedesktop.systemd1(5). */
static GVariant *unit_of(uid_t uid, const char *name, const pid_t *pids, gsize n)
{
	/* As vsbypassd.service: at a shutdown what uses the proxies ends first. */
	static const char * const before[] = {
		"vsb-console.service", "libvirtd.service", "virtqemud.service",
		"libvirt-guests.service", NULL
	};
	g_autofree char *unit = g_strdup_printf("vsbypass-proxy-%u.scope", uid);
	g_autofree char *what = g_strdup_printf("VSBypass proxy of %s", name);
	GVariantBuilder all, numbers;

	g_variant_builder_init(&numbers, G_VARIANT_TYPE("au"));
	for (gsize i = 0; i < n; i++)
		if (pids[i])
			g_variant_builder_add(&numbers, "u", (guint32)pids[i]);
	g_variant_builder_init(&all, G_VARIANT_TYPE("a(sv)"));
	g_variant_builder_add(&all, "(sv)", "Description", g_variant_new_string(what));
	g_variant_builder_add(&all, "(sv)", "PIDs", g_variant_builder_end(&numbers));
	g_variant_builder_add(&all, "(sv)", "CollectMode",
			      g_variant_new_string("inactive-or-failed"));
	g_variant_builder_add(&all, "(sv)", "Before", g_variant_new_strv(before, -1));
	add_bound(&all, "MemoryMax", CAGE_MEMORY_MAX);
	add_bound(&all, "TasksMax", CAGE_TASKS_MAX);
	add_devices(&all);
	return g_variant_new("(ssa(sv)a(sa(sv)))", unit, "fail", &all, NULL);
}

static void complain(const char *why)
{
	static gboolean said;

	if (!said)
		g_message("proxies have no control groups: systemd: %s; their memory is bounded by "
			  "resource limits alone", why);
	said = TRUE;
}

static void on_started(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) job =
		g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

	if (!job)
		complain(error->message);
}

void cage_scope_start(uid_t uid, const char *name, const pid_t *pids, gsize n)
{
	static GDBusConnection *bus;	/* kept: closed only by its other end */
	g_autoptr(GError) error = NULL;

	if (bus && g_dbus_connection_is_closed(bus))
		g_clear_object(&bus);
	if (!bus) {
		bus = g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, &error);
		/* Its end is not ours. */
		if (bus)
			g_dbus_connection_set_exit_on_close(bus, FALSE);
	}
	if (bus)
		g_dbus_connection_call(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
				       "org.freedesktop.systemd1.Manager", "StartTransientUnit",
				       unit_of(uid, name, pids, n), NULL,
				       G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, on_started, NULL);
	else
		complain(error->message);
}
