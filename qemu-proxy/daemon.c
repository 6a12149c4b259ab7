// SPDX-License-Identifier: GPL-2.0
/* All that is attached on this host, and the commands of the control socket. */
#include "daemon.h"

#include <string.h>
#include <unistd.h>

#include "cloud.h"
#include "error.h"
#include "log.h"
#include "module.h"

/* An attached cloud VM, and who waits for its attach or detach to end. */
struct entry {
	struct daemon *daemon;
	struct cloud *cloud;
	command_done done;
	gpointer done_data;
};

struct daemon {
	char *device;
	struct proxy_env env;
	GPtrArray *entries;	/* in order of attach */
};

static void reply(struct entry *entry, const GError *error)
{
	command_done done = entry->done;

	entry->done = NULL;
	if (done)
		done(entry->done_data, NULL, error);
}

/* Detaches; @error goes to the one who waits for the attach, if any. */
static void drop(struct entry *entry, const GError *error, gboolean wait)
{
	g_ptr_array_remove(entry->daemon->entries, entry);
	cloud_free(entry->cloud, wait);
	reply(entry, error);
	g_free(entry);
}

static void on_attached(struct cloud *cloud, const GError *error, gpointer data)
{
	struct entry *entry = data;

	if (error) {
		g_warning("cloud VM '%s' is not attached: %s", cloud_name(cloud), error->message);
		drop(entry, error, FALSE);
		return;
	}
	g_message("cloud VM '%s' (process %d) is attached", cloud_name(cloud), cloud_pid(cloud));
	reply(entry, NULL);
}

static void on_ended(struct cloud *cloud, gpointer data)
{
	g_message("cloud VM '%s' (process %d) has ended; detached", cloud_name(cloud),
		  cloud_pid(cloud));
	drop(data, NULL, FALSE);
}

static void on_released(struct cloud *cloud, gpointer data)
{
	g_message("cloud VM '%s' is detached; claimed ports of its user VMs are reflected",
		  cloud_name(cloud));
	drop(data, NULL, FALSE);
}

static struct entry *find_cloud(struct daemon *daemon, const char *name)
{
	for (guint i = 0; i < daemon->entries->len; i++) {
		struct entry *entry = daemon->entries->pdata[i];

		if (!strcmp(cloud_name(entry->cloud), name))
			return entry;
	}
	return NULL;
}

static struct proxy *find_proxy(struct daemon *daemon, const char *name, struct cloud **cloud,
				GError **error)
{
	for (guint i = 0; i < daemon->entries->len; i++) {
		struct entry *entry = daemon->entries->pdata[i];
		struct proxy *proxy = cloud_find_proxy(entry->cloud, name);

		*cloud = entry->cloud;
		if (proxy)
			return proxy;
	}
	g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
		    "there is no user VM '%s'; 'vsbctl status' lists them", name);
	return NULL;
}

/* Names must be free on the whole host, the process not attached. */
static gboolean check_free(struct daemon *daemon, const struct attach_args *args,
			   GError **error)
{
	for (guint i = 0; i < daemon->entries->len; i++) {
		struct cloud *cloud = ((struct entry *)daemon->entries->pdata[i])->cloud;

		if (strcmp(cloud_name(cloud), args->cloud) && cloud_pid(cloud) != args->pid)
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_EXISTS,
			    "process %d is attached as cloud VM '%s'; detach it first",
			    cloud_pid(cloud), cloud_name(cloud));
		return FALSE;
	}
	for (guint i = 0; i < args->uservms->len; i++) {
		const struct attach_uservm *uservm = args->uservms->pdata[i];
		struct cloud *cloud;

		if (!find_proxy(daemon, uservm->name, &cloud, NULL))
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_EXISTS,
			    "user VM '%s' exists already, in cloud VM '%s'; "
			    "names are unique on a host", uservm->name, cloud_name(cloud));
		return FALSE;
	}
	return TRUE;
}

static void op_attach(struct attach_args *args, command_done done, gpointer done_data,
		      gpointer data)
{
	static const struct cloud_ops ops = { on_attached, on_ended, on_released };
	struct daemon *daemon = data;
	struct entry *entry = g_new0(struct entry, 1);
	g_autoptr(GError) error = NULL;
	int device_fd = -1;

	entry->daemon = daemon;
	entry->done = done;
	entry->done_data = done_data;
	if (check_free(daemon, args, &error))
		device_fd = module_open(daemon->device, &error);
	if (device_fd >= 0) {
		entry->cloud = cloud_new(args, device_fd, &daemon->env, &ops, entry, &error);
		close(device_fd);
	}
	if (entry->cloud) {
		g_ptr_array_add(daemon->entries, entry);
	} else {
		reply(entry, error);
		g_free(entry);
	}
	attach_args_free(args);
}

static void op_detach(const char *name, gboolean reflect, command_done done,
		      gpointer done_data, gpointer data)
{
	struct entry *entry = find_cloud(data, name);
	g_autoptr(GError) error = NULL;

	if (!entry) {
		error = g_error_new(VSB_ERROR, VSB_ERROR_NOT_FOUND,
				    "cloud VM '%s' is not attached; 'vsbctl status' lists those "
				    "that are", name);
		done(done_data, NULL, error);
		return;
	}
	if (cloud_is_releasing(entry->cloud)) {
		error = g_error_new(VSB_ERROR, VSB_ERROR_FAILED,
				    "cloud VM '%s' is being detached already", name);
		done(done_data, NULL, error);
		return;
	}
	/* An attach that is not complete has bound nobody. */
	if (reflect && cloud_is_attached(entry->cloud)) {
		if (cloud_release(entry->cloud, &error)) {
			entry->done = done;
			entry->done_data = done_data;
		} else {
			done(done_data, NULL, error);
		}
		return;
	}
	error = g_error_new(VSB_ERROR, VSB_ERROR_FAILED, "cloud VM '%s' was detached meanwhile",
			    name);
	g_message("cloud VM '%s' is detached%s", name, cloud_is_attached(entry->cloud) ?
		  "; claimed ports of its user VMs are absorbed" : "");
	drop(entry, error, FALSE);
	done(done_data, NULL, NULL);
}

static void op_status(command_done done, gpointer done_data, gpointer data)
{
	struct daemon *daemon = data;
	JsonObject *object = json_object_new();
	JsonArray *clouds = json_array_new();

	for (guint i = 0; i < daemon->entries->len; i++) {
		struct entry *entry = daemon->entries->pdata[i];

		json_array_add_object_element(clouds, cloud_status(entry->cloud));
	}
	json_object_set_array_member(object, "clouds", clouds);
	done(done_data, object, NULL);
}

/* Waits for QEMU's answer to send-break. */
struct waiter {
	command_done done;
	gpointer done_data;
};

static void on_break_sent(gpointer data, const GError *error)
{
	g_autofree struct waiter *waiter = data;

	waiter->done(waiter->done_data, NULL, error);
}

static void op_send_break(const char *name, command_done done, gpointer done_data,
			  gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct cloud *cloud;
	struct proxy *proxy = find_proxy(data, name, &cloud, &error);
	struct waiter *waiter;

	if (!proxy) {
		done(done_data, NULL, error);
		return;
	}
	if (!cloud_may_pass(proxy)) {
		error = g_error_new(VSB_ERROR, VSB_ERROR_DENIED, "user VM '%s' has not proved who it "
				    "is: nothing passes in or out", name);
		done(done_data, NULL, error);
		return;
	}
	waiter = g_new(struct waiter, 1);
	waiter->done = done;
	waiter->done_data = done_data;
	proxy_send_break(proxy, on_break_sent, waiter);
}

static void op_unbind(const char *name, command_done done, gpointer done_data, gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct cloud *cloud;
	struct proxy *proxy = find_proxy(data, name, &cloud, &error);

	if (proxy && cloud_unbind(cloud, proxy, &error))
		g_message("user VM '%s' is unbound", name);
	done(done_data, NULL, error);
}

static void op_log(guint max, command_done done, gpointer done_data, gpointer data)
{
	g_auto(GStrv) lines = log_last(max);
	JsonObject *object = json_object_new();
	JsonArray *array = json_array_new();

	for (char **line = lines; *line; line++)
		json_array_add_string_element(array, *line);
	json_object_set_array_member(object, "lines", array);
	done(done_data, object, NULL);
}

const struct command_ops daemon_ops = {
	.attach = op_attach,
	.detach = op_detach,
	.status = op_status,
	.send_break = op_send_break,
	.unbind = op_unbind,
	.log = op_log,
};

struct daemon *daemon_new(const char *device, const struct proxy_env *env)
{
	struct daemon *daemon = g_new0(struct daemon, 1);

	daemon->device = g_strdup(device);
	daemon->env = *env;
	daemon->entries = g_ptr_array_new();
	return daemon;
}

void daemon_free(struct daemon *daemon)
{
	g_autoptr(GError) error = g_error_new_literal(VSB_ERROR, VSB_ERROR_FAILED,
						      "vsbypassd is ending");

	while (daemon->entries->len)
		drop(daemon->entries->pdata[0], error, TRUE);
	g_ptr_array_unref(daemon->entries);
	g_free(daemon->device);
	g_free(daemon);
}
