// SPDX-License-Identifier: GPL-2.0
/* A cloud VM outlives vsbypassd: what is written down of it, and how the next one goes on. */
#include "cloud-object.h"

#include <string.h>

#include "error.h"
#include "json-line.h"
#include "module.h"

static JsonObject *save_proxy(const struct proxy *proxy)
{
	JsonObject *object = json_object_new();
	struct proxy_life life;

	proxy_get_life(proxy, &life);
	json_object_set_int_member(object, "pid", life.pid);
	json_object_set_int_member(object, "start_time", (gint64)life.start_time);
	json_object_set_int_member(object, "generation", life.generation);
	json_object_set_int_member(object, "restarts", life.restarts);
	if (life.domain[0])
		json_object_set_string_member(object, "domain", life.domain);
	return object;
}

JsonObject *cloud_save(struct cloud *cloud)
{
	struct attach_args args = {
		.cloud = cloud->name, .pid = cloud->pid, .agent = cloud->agent_path,
		.irq = cloud->irq, .unclaimed = cloud->unclaimed,
		.uservms = g_ptr_array_new_with_free_func(g_free),
	};
	JsonObject *object = json_object_new();
	JsonArray *proxies = json_array_new();

	for (guint i = 0; i < cloud->proxies->len; i++) {
		struct proxy *proxy = cloud->proxies->pdata[i];
		struct attach_uservm *uservm = g_new0(struct attach_uservm, 1);

		uservm->name = (char *)proxy_name(proxy);
		uservm->ports = *proxy_ports(proxy);
		uservm->identity_required = proxy_identity(proxy)->required;
		g_ptr_array_add(args.uservms, uservm);
		json_array_add_object_element(proxies, save_proxy(proxy));
	}
	json_object_set_object_member(object, "attach", attach_args_format(&args));
	json_object_set_int_member(object, "start_time", (gint64)cloud->start_time);
	json_object_set_boolean_member(object, "attached", cloud->attached);
	json_object_set_array_member(object, "proxies", proxies);
	g_ptr_array_unref(args.uservms);
	return object;
}

/**
 * struct saved - what cloud_save() made
 * @attached:	the attach was complete
 * @lives:	struct proxy_life, one for each of @args->uservms
 */
struct saved {
	struct attach_args *args;
	guint64 start_time;
	gboolean attached;
	GArray *lives;
};

static gboolean parse_life(JsonObject *object, struct proxy_life *life, GError **error)
{
	gint64 pid, start_time, generation, restarts;
	const char *domain = "";

	if (!json_line_int(object, "pid", 0, G_MAXINT32, TRUE, &pid, error) ||
	    !json_line_int(object, "start_time", 0, G_MAXINT64, TRUE, &start_time, error) ||
	    !json_line_int(object, "generation", 0, G_MAXUINT32, TRUE, &generation, error) ||
	    !json_line_int(object, "restarts", 0, G_MAXUINT32, TRUE, &restarts, error) ||
	    !json_line_string(object, "domain", FALSE, &domain, error) ||
	    (*domain && !vsb_name_check("domain", domain, error)))
		return FALSE;
	g_strlcpy(life->domain, domain, sizeof(life->domain));
	life->pid = (pid_t)pid;
	life->start_time = (guint64)start_time;
	life->generation = (guint)generation;
	life->restarts = (guint)restarts;
	return TRUE;
}

static gboolean parse_saved(JsonObject *object, struct saved *saved, GError **error)
{
	JsonNode *attach = json_object_get_member(object, "attach");
	JsonNode *proxies = json_object_get_member(object, "proxies");
	gint64 start_time;

	if (!attach || !JSON_NODE_HOLDS_OBJECT(attach) ||
	    !proxies || !JSON_NODE_HOLDS_ARRAY(proxies)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "it has no object 'attach' or no array 'proxies'");
		return FALSE;
	}
	if (!json_line_int(object, "start_time", 1, G_MAXINT64, TRUE, &start_time, error) ||
	    !json_line_boolean(object, "attached", &saved->attached, error))
		return FALSE;
	saved->start_time = (guint64)start_time;
	saved->args = attach_args_parse(json_node_get_object(attach), error);
	if (!saved->args)
		return FALSE;
	for (guint i = 0; i < json_array_get_length(json_node_get_array(proxies)); i++) {
		JsonNode *node = json_array_get_element(json_node_get_array(proxies), i);
		struct proxy_life life;

		if (!JSON_NODE_HOLDS_OBJECT(node)) {
			g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
					    "'proxies' must hold objects");
			return FALSE;
		}
		if (!parse_life(json_node_get_object(node), &life, error))
			return FALSE;
		g_array_append_val(saved->lives, life);
	}
	if (saved->lives->len != saved->args->uservms->len) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "it has %u proxies for %u user VMs", saved->lives->len,
			    saved->args->uservms->len);
		return FALSE;
	}
	return TRUE;
}

/* Those that cannot go on are started anew; they take their user VMs over. */
static gboolean resume(struct cloud *cloud, const struct saved *saved,
		       const struct proxy_env *env, GError **error)
{
	guint i;

	for (i = 0; i < saved->lives->len; i++) {
		const struct proxy_life *life = &g_array_index(saved->lives, struct proxy_life, i);
		struct attach_uservm *uservm = saved->args->uservms->pdata[i];
		struct proxy *proxy = cloud_add_proxy(cloud, env, uservm, error);
		g_autoptr(GError) cause = NULL;

		if (!proxy)
			break;
		if (!life->pid && uservm->ports.rests) {
			proxy_recall(proxy, life);
			proxy_start(proxy);
			continue;
		}
		if (proxy_resume(proxy, life, &cause)) {
			cloud_tell_agent(cloud, proxy);
			proxy_note_proved(proxy, cloud_is_proved(proxy));
			continue;
		}
		g_warning("proxy '%s' cannot go on: %s; starting another one",
			  proxy_name(proxy), cause->message);
		proxy_start(proxy);
	}
	if (i == saved->lives->len)
		return TRUE;
	for (; i < saved->lives->len; i++)
		proxy_end_left(&g_array_index(saved->lives, struct proxy_life, i));
	return FALSE;
}

static struct cloud *restore(const struct saved *saved, int device_fd,
			     const struct proxy_env *env, const struct cloud_ops *ops,
			     gpointer data, GError **error)
{
	struct cloud *cloud = NULL;

	if (saved->attached)
		cloud = cloud_begin(saved->args, saved->start_time, device_fd, ops, data, error);
	else
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "its attach was not complete");
	if (!cloud) {
		for (guint i = 0; i < saved->lives->len; i++)
			proxy_end_left(&g_array_index(saved->lives, struct proxy_life, i));
		return NULL;
	}
	cloud->attached = TRUE;
	if (resume(cloud, saved, env, error) && module_start(cloud->fd, error)) {
		cloud->started = cloud->registered = cloud->ready = cloud->proxies->len;
		return cloud;
	}
	cloud_free(cloud);
	return NULL;
}

struct cloud *cloud_restore(JsonObject *object, int device_fd, const struct proxy_env *env,
			    const struct cloud_ops *ops, gpointer data, GError **error)
{
	struct saved saved = { .lives = g_array_new(FALSE, FALSE, sizeof(struct proxy_life)) };
	struct cloud *cloud = NULL;

	if (parse_saved(object, &saved, error))
		cloud = restore(&saved, device_fd, env, ops, data, error);
	attach_args_free(saved.args);
	g_array_unref(saved.lives);
	return cloud;
}

