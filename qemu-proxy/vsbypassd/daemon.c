// SPDX-License-Identifier: GPL-2.0
/* All that is attached on this host, and the commands of the control socket. */
#include "daemon.h"

#include <string.h>
#include <unistd.h>

#include "access.h"
#include "cloud.h"
#include "error.h"
#include "fdstore.h"
#include "json-line.h"
#include "listen.h"
#include "log.h"
#include "module.h"

/* Brackets in a line of the state: two objects a proxy, and the cloud VM's own. */
#define STATE_MAX_OPEN	(2 * VSB_MAX_PROXIES + 16)

/* An attached cloud VM, and who waits for its attach or detach to end. */
struct entry {
	struct daemon *daemon;
	struct cloud *cloud;
	command_done done;
	gpointer done_data;
};

struct daemon {
	char *device;
	char *state;
	gboolean restoring;	/* what @state has is not all in @entries yet */
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

/* A line for each cloud VM. A proxy that is not in there when we are killed is lost. */
static void save(struct daemon *daemon)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	if (daemon->restoring)
		return;
	for (guint i = 0; i < daemon->entries->len; i++) {
		struct entry *entry = daemon->entries->pdata[i];
		g_autoptr(JsonObject) saved = cloud_save(entry->cloud);
		gsize len;
		g_autofree char *line = json_line_format(saved, &len);

		g_string_append_len(text, line, (gssize)len);
	}
	if (!g_file_set_contents_full(daemon->state, text->str, (gssize)text->len,
				      G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
		g_warning("%s; proxies will not outlive vsbypassd", error->message);
}

static void on_changed(struct cloud *cloud, gpointer data)
{
	struct entry *entry = data;

	save(entry->daemon);
}

/* Detaches; @error goes to the one who waits for the attach, if any. */
static void drop(struct entry *entry, const GError *error)
{
	struct daemon *daemon = entry->daemon;

	g_ptr_array_remove(daemon->entries, entry);
	cloud_free(entry->cloud);
	save(daemon);
	reply(entry, error);
	g_free(entry);
}

static void on_attached(struct cloud *cloud, const GError *error, gpointer data)
{
	struct entry *entry = data;

	if (error) {
		g_warning("cloud VM '%s' is not attached: %s", cloud_name(cloud), error->message);
		drop(entry, error);
		return;
	}
	g_message("cloud VM '%s' (process %d) is attached", cloud_name(cloud), cloud_pid(cloud));
	save(entry->daemon);
	reply(entry, NULL);
}

static void on_ended(struct cloud *cloud, gpointer data)
{
	g_message("cloud VM '%s' (process %d) has ended; detached", cloud_name(cloud),
		  cloud_pid(cloud));
	drop(data, NULL);
}

static void on_released(struct cloud *cloud, gpointer data)
{
	g_message("cloud VM '%s' is detached; claimed ports of its user VMs are reflected",
		  cloud_name(cloud));
	drop(data, NULL);
}

static void on_added(struct cloud *cloud, const GError *error, gpointer data)
{
	if (!error)
		g_message("cloud VM '%s' has more proxies", cloud_name(cloud));
	reply(data, error);
}

static const struct cloud_ops cloud_ops = {
	.attached = on_attached,
	.ended = on_ended,
	.released = on_released,
	.added = on_added,
	.changed = on_changed,
};

static struct entry *find_cloud(struct daemon *daemon, const char *name, GError **error)
{
	for (guint i = 0; i < daemon->entries->len; i++) {
		struct entry *entry = daemon->entries->pdata[i];

		if (!strcmp(cloud_name(entry->cloud), name))
			return entry;
	}
	g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
		    "cloud VM '%s' is not attached; 'vsbctl status' lists those that are", name);
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

/* Whose console has this name, and which one of his is it? NULL: nobody's. */
static struct proxy *find_console(struct daemon *daemon, const char *name, guint *console,
				  GError **error)
{
	for (guint i = 0; i < daemon->entries->len; i++) {
		struct entry *entry = daemon->entries->pdata[i];
		struct proxy *proxy = cloud_find_console(entry->cloud, name, console);

		if (proxy)
			return proxy;
	}
	g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
		    "no user VM has a console '%s'; 'vsbctl status' lists them", name);
	return NULL;
}

/* Names of user VMs are unique on the whole host, and so are those of consoles. */
static gboolean check_name(struct daemon *daemon, const struct attach_uservm *uservm,
			   GError **error)
{
	g_auto(GStrv) consoles = vsb_ports_consoles(&uservm->ports, uservm->name);
	struct proxy *proxy;
	struct cloud *cloud;
	guint n;

	if (find_proxy(daemon, uservm->name, &cloud, NULL)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_EXISTS,
			    "user VM '%s' exists already, in cloud VM '%s'; "
			    "names are unique on a host; 'vsbctl remove %s' frees it", uservm->name,
			    cloud_name(cloud), uservm->name);
		return FALSE;
	}
	for (char **console = consoles; *console; console++) {
		proxy = find_console(daemon, *console, &n, NULL);
		if (!proxy)
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_EXISTS,
			    "'%s' is a console of user VM '%s' already; name user VM '%s' otherwise",
			    *console, proxy_name(proxy), uservm->name);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_names(struct daemon *daemon, const GPtrArray *uservms, GError **error)
{
	for (guint i = 0; i < uservms->len; i++)
		if (!check_name(daemon, uservms->pdata[i], error))
			return FALSE;
	return TRUE;
}

/* The same, and neither process nor name of the cloud VM may be attached. */
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
	return check_names(daemon, args->uservms, error);
}

static void op_attach(struct attach_args *args, command_done done, gpointer done_data,
		      gpointer data)
{
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
		entry->cloud = cloud_new(args, device_fd, &daemon->env, &cloud_ops, entry,
					 &error);
		close(device_fd);
	}
	if (entry->cloud) {
		g_ptr_array_add(daemon->entries, entry);
		save(daemon);
	} else {
		reply(entry, error);
		g_free(entry);
	}
	attach_args_free(args);
}

/* All that can be known before the cloud VM runs. */
static gboolean check(struct daemon *daemon, const struct attach_args *args, GError **error)
{
	int device_fd;

	if (!check_free(daemon, args, error))
		return FALSE;
	for (guint i = 0; i < args->uservms->len; i++) {
		const struct attach_uservm *uservm = args->uservms->pdata[i];
		struct identity identity;
		gboolean fine = identity_load(daemon->env.identity_dir, uservm->name,
					      uservm->identity_required, &identity, error);

		explicit_bzero(&identity, sizeof(identity));
		if (!fine)
			return FALSE;
	}
	device_fd = module_open(daemon->device, error);
	if (device_fd < 0)
		return FALSE;
	close(device_fd);
	return TRUE;
}

static void op_check(struct attach_args *args, command_done done, gpointer done_data,
		     gpointer data)
{
	g_autoptr(GError) error = NULL;

	check(data, args, &error);
	done(done_data, NULL, error);
	attach_args_free(args);
}

static void op_detach(const char *name, gboolean reflect, command_done done,
		      gpointer done_data, gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct entry *entry = find_cloud(data, name, &error);

	if (!entry) {
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
	drop(entry, error);
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

/* Waits for the end of send-break or of what is typed. */
struct waiter {
	command_done done;
	gpointer done_data;
};

static struct waiter *waiter_new(command_done done, gpointer done_data)
{
	struct waiter *waiter = g_new(struct waiter, 1);

	waiter->done = done;
	waiter->done_data = done_data;
	return waiter;
}

static void on_typed(gpointer data, const GError *error)
{
	g_autofree struct waiter *waiter = data;

	waiter->done(waiter->done_data, NULL, error);
}

static void on_break_sent(gpointer data, JsonNode *result, const GError *error)
{
	on_typed(data, error);
}

static void op_send_break(const char *name, command_done done, gpointer done_data,
			  gpointer data)
{
	g_autoptr(GError) error = NULL;
	guint console;
	struct proxy *proxy = find_console(data, name, &console, &error);

	if (proxy && proxy_may_pass(proxy, &error))
		proxy_send_break(proxy, console, on_break_sent, waiter_new(done, done_data));
	else
		done(done_data, NULL, error);
}

static void op_type(const char *name, GArray *strokes, const char *unit, command_done done,
		    gpointer done_data, gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct cloud *cloud;
	struct proxy *proxy = find_proxy(data, name, &cloud, &error);

	if (proxy) {
		proxy_type(proxy, strokes, unit, on_typed, waiter_new(done, done_data));
		return;
	}
	g_array_unref(strokes);
	done(done_data, NULL, error);
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

static void op_memory(const char *name, command_done done, gpointer done_data, gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct cloud *cloud;
	struct proxy *proxy = find_proxy(data, name, &cloud, &error);
	const char *conceals = NULL;
	int fd = proxy ? cloud_memory(proxy, &conceals, &error) : -1;
	JsonObject *result = NULL;

	if (fd >= 0) {
		g_message("user VM '%s': its memory is read%s", name, !proxy_ports(proxy)->veil_mib ? "" :
			  conceals ? ", but for what is behind its veil" : ", also behind its veil");
		result = json_object_new();
		if (conceals)
			json_object_set_string_member(result, "concealed", conceals);
		json_object_set_int_member(result, COMMAND_FD, fd);
	}
	done(done_data, result, error);
}

static void op_rest(const char *name, command_done done, gpointer done_data, gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct cloud *cloud;
	struct proxy *proxy = find_proxy(data, name, &cloud, &error);

	if (proxy)
		cloud_rest(cloud, proxy, &error);
	done(done_data, NULL, error);
}

static void op_reveal(const char *name, gboolean reveal, command_done done, gpointer done_data,
		      gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct cloud *cloud;
	struct proxy *proxy = find_proxy(data, name, &cloud, &error);
	JsonObject *result = NULL;

	if (proxy && proxy_reveal(proxy, reveal, &error)) {
		result = json_object_new();
		json_object_set_int_member(result, "seconds", reveal ? PROXY_REVEAL_S : 0);
		g_message("user VM '%s': what is behind its veil %s", name,
			  reveal ? "may be read for 10 minutes" : "is not to be read any more");
	}
	done(done_data, result, error);
}

static void op_add(const char *name, GPtrArray *uservms, command_done done, gpointer done_data,
		   gpointer data)
{
	struct daemon *daemon = data;
	g_autoptr(GError) error = NULL;
	struct entry *entry = find_cloud(daemon, name, &error);

	if (entry && check_names(daemon, uservms, &error) &&
	    cloud_add(entry->cloud, &daemon->env, uservms, &error)) {
		entry->done = done;
		entry->done_data = done_data;
	} else {
		done(done_data, NULL, error);
	}
	g_ptr_array_unref(uservms);
}

static void op_remove(const char *name, command_done done, gpointer done_data, gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct cloud *cloud;
	struct proxy *proxy = find_proxy(data, name, &cloud, &error);

	if (proxy && cloud_remove(cloud, proxy, &error))
		g_message("user VM '%s' has no proxy any more", name);
	done(done_data, NULL, error);
}

/* It has a part already. */
static gboolean check_process(struct daemon *daemon, pid_t pid, GError **error)
{
	for (guint i = 0; i < daemon->entries->len; i++) {
		struct cloud *cloud = ((struct entry *)daemon->entries->pdata[i])->cloud;

		if (!cloud_has_process(cloud, pid))
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_EXISTS,
			    "process %d is cloud VM '%s' or one of its proxies already; give that of "
			    "another QEMU", pid, cloud_name(cloud));
		return FALSE;
	}
	return TRUE;
}

static void op_serve(const char *name, const char *uservm, const char *domain, pid_t pid,
		     command_done done, gpointer done_data, gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct entry *entry = find_cloud(data, name, &error);
	struct proxy *proxy = entry ? cloud_find_proxy(entry->cloud, uservm) : NULL;

	if (entry && !proxy)
		g_set_error(&error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
			    "cloud VM '%s' has no user VM '%s'; name it in <cloud>, or 'vsbctl add' it",
			    name, uservm);
	if (proxy && check_process(data, pid, &error) &&
	    cloud_serve(entry->cloud, proxy, pid, domain, &error))
		g_message("user VM '%s': its proxy is domain '%s' (process %d)", uservm, domain, pid);
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
	.check = op_check,
	.detach = op_detach,
	.status = op_status,
	.send_break = op_send_break,
	.type = op_type,
	.unbind = op_unbind,
	.memory = op_memory,
	.reveal = op_reveal,
	.rest = op_rest,
	.add = op_add,
	.remove = op_remove,
	.serve = op_serve,
	.log = op_log,
};

struct daemon *daemon_new(const char *device, const char *state, const struct proxy_env *env)
{
	struct daemon *daemon = g_new0(struct daemon, 1);

	daemon->device = g_strdup(device);
	daemon->state = g_strdup(state);
	daemon->env = *env;
	daemon->entries = g_ptr_array_new();
	return daemon;
}

static gboolean restore_line(struct daemon *daemon, const char *line, int device_fd,
			     GError **error)
{
	g_autoptr(JsonObject) saved = json_line_parse(line, strlen(line), STATE_MAX_OPEN, error);
	struct entry *entry;

	if (!saved)
		return FALSE;
	entry = g_new0(struct entry, 1);
	entry->daemon = daemon;
	entry->cloud = cloud_restore(saved, device_fd, &daemon->env, &cloud_ops, entry, error);
	if (!entry->cloud) {
		g_free(entry);
		return FALSE;
	}
	g_ptr_array_add(daemon->entries, entry);
	g_message("cloud VM '%s' (process %d) goes on", cloud_name(entry->cloud),
		  cloud_pid(entry->cloud));
	return TRUE;
}

static gboolean is_there(const char *uservm, gpointer data)
{
	struct cloud *cloud;

	return find_proxy(data, uservm, &cloud, NULL) != NULL;
}

static gboolean is_console(const char *name, gpointer data)
{
	guint console;

	return find_console(data, name, &console, NULL) != NULL;
}

void daemon_restore(struct daemon *daemon)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	int device_fd = -1;

	if (!g_file_get_contents(daemon->state, &text, NULL, NULL))
		text = g_strdup("");
	lines = g_strsplit(text, "\n", -1);
	daemon->restoring = TRUE;
	for (char **line = lines; *line; line++) {
		g_autoptr(GError) error = NULL;

		if (!**line)
			continue;
		/* Without the module no cloud VM can go on; cloud_restore() ends its proxies. */
		if (device_fd < 0)
			device_fd = module_open(daemon->device, &error);
		if (error)
			g_warning("%s", error->message);
		g_clear_error(&error);
		if (!restore_line(daemon, *line, device_fd, &error))
			g_warning("%s: a cloud VM cannot go on: %s", daemon->state,
				  error->message);
	}
	if (device_fd >= 0)
		close(device_fd);
	daemon->restoring = FALSE;
	fdstore_close_rest();
	save(daemon);
	listen_sweep(daemon->env.console_dir, is_console, daemon);
	listen_sweep(daemon->env.qmp_dir, is_there, daemon);
	access_sweep(daemon->env.access_dir, is_there, daemon);
}

void daemon_free(struct daemon *daemon)
{
	g_autoptr(GError) error = g_error_new_literal(VSB_ERROR, VSB_ERROR_FAILED,
						      "vsbypassd is ending");

	for (guint i = daemon->entries->len; i-- > 0; ) {
		struct entry *entry = daemon->entries->pdata[i];

		if (!cloud_is_attached(entry->cloud) || cloud_is_releasing(entry->cloud))
			drop(entry, error);
	}
	while (daemon->entries->len) {
		struct entry *entry = daemon->entries->pdata[0];

		g_ptr_array_remove_index(daemon->entries, 0);
		cloud_leave(entry->cloud);
		g_free(entry);
	}
	g_ptr_array_unref(daemon->entries);
	g_free(daemon->device);
	g_free(daemon->state);
	g_free(daemon);
}
