// SPDX-License-Identifier: GPL-2.0
/* What is put into a user VM from outside: a break, keys; and whether it may be. */
#include "proxy-object.h"

#include "error.h"
#include "module.h"
#include "proxy-cmd.h"

/* It has no QMP: why, and what to do. @instead: of a domain */
static void set_no_qmp(const struct proxy *proxy, const char *instead, GError **error)
{
	if (proxy_is_domain(proxy)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the proxy of user VM '%s' is libvirt's domain '%s'; use 'virsh %s'",
			    proxy->name, proxy->life.domain, instead);
		return;
	}
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
		    "the proxy of user VM '%s' is being started; try again", proxy->name);
}

/* No key may wait in the device for whoever comes next. */
static struct qmp *may_type(gpointer data, guint64 *reads, GError **error)
{
	struct proxy *proxy = data;
	struct vsb_uservm uservm;

	if (proxy->state != READY || !proxy->qmp) {
		proxy_wanted(proxy);
		set_no_qmp(proxy, "send-key", error);
		return NULL;
	}
	if (!module_get_uservm(proxy->fd, &uservm)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "user VM '%s' is not bound: nobody is there to read its keyboard",
			    proxy->name);
		return NULL;
	}
	if (!proxy_may_pass(proxy, error))
		return NULL;
	*reads = uservm.counters.reads;
	return proxy->qmp;
}

gboolean proxy_may_pass(const struct proxy *proxy, GError **error)
{
	struct vsb_uservm uservm;

	if (!proxy->identity.required || (module_get_uservm(proxy->fd, &uservm) &&
					  uservm.flags & VSB_USERVM_PROVED))
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_DENIED,
		    "user VM '%s' has not proved who it is: nothing passes in or out",
		    proxy->name);
	return FALSE;
}

gboolean proxy_typing(const struct proxy *proxy, guint *typed, guint *of)
{
	return proxy->keyboard && keyboard_progress(proxy->keyboard, typed, of);
}

void proxy_type(struct proxy *proxy, GArray *strokes, const char *unit, keyboard_done done,
		gpointer data)
{
	g_autoptr(GError) error = NULL;

	if (proxy->keyboard) {
		keyboard_type(proxy->keyboard, strokes, unit, done, data);
		return;
	}
	g_array_unref(strokes);
	error = g_error_new(VSB_ERROR, VSB_ERROR_FAILED,
			    "user VM '%s' has no keyboard here; attach it with 'ps2' among its "
			    "ports", proxy->name);
	done(data, error);
}

void proxy_send_break(struct proxy *proxy, guint console, qmp_done done, gpointer data)
{
	g_autofree char *id = proxy_cmd_chardev(&proxy->ports, console);
	struct vsb_com_port coms[VSB_MAX_COMS] = { { .number = 1 } };
	JsonObject *args;
	g_autoptr(GError) error = NULL;

	if (proxy->state != READY || !proxy->qmp) {
		g_autofree char *instead = NULL;

		proxy_wanted(proxy);
		vsb_ports_coms(&proxy->ports, coms);
		instead = g_strdup_printf("qemu-monitor-command --hmp' with "
					  "'chardev-send-break charserial%u",
					  coms[console].number - 1);
		set_no_qmp(proxy, instead, &error);
		done(data, NULL, error);
		return;
	}
	args = json_object_new();
	json_object_set_string_member(args, "id", id);
	qmp_execute(proxy->qmp, "chardev-send-break", args, done, data);
}

const struct keyboard_ops proxy_keyboard_ops = { may_type };
