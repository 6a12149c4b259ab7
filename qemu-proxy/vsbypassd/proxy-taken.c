// SPDX-License-Identifier: GPL-2.0
/* A proxy whose QEMU somebody else has started: an earlier vsbypassd, or libvirt. */
#include "proxy-object.h"

#include <string.h>
#include <unistd.h>

#include "consoles.h"
#include "error.h"
#include "fdstore.h"
#include "module.h"
#include "procfd.h"

gboolean proxy_serve(struct proxy *proxy, int cloud_fd, pid_t pid, const char *domain,
		     GError **error)
{
	g_autofree char *why = g_strdup_printf("libvirt's domain '%s' takes over", domain);
	g_autoptr(GError) cause = NULL;
	int pidfd, vm_fd;

	if (vsb_ports_vga(&proxy->ports)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "user VM '%s' has a screen ('vga'), and of a domain's graphics card is not "
			    "known where its memory is; attach it without 'vga'", proxy->name);
		return FALSE;
	}
	pidfd = procfd_open(pid, error);
	vm_fd = pidfd < 0 ? -1 : procfd_take_vm(pidfd, pid, error);
	if (vm_fd < 0) {
		if (pidfd >= 0)
			close(pidfd);
		return FALSE;
	}
	proxy_kill(proxy);
	proxy_wait_process(proxy);
	proxy_forget_process(proxy);
	/* The consoles are where the domain has them. */
	consoles_remove(proxy->consoles);
	g_message("proxy '%s': %s", proxy->name, why);
	proxy->ops->died(proxy, why, proxy->data);

	g_strlcpy(proxy->life.domain, domain, sizeof(proxy->life.domain));
	proxy->life.pid = pid;
	proxy->life.start_time = procfd_start_time(pid);
	backoff_began(&proxy->backoff, g_get_monotonic_time());
	proxy->state = WAITING;
	proxy_watch_process(proxy, pidfd);
	proxy->ops->changed(proxy, proxy->data);
	/* Its vCPUs are in KVM's own KVM_RUN; the next one is the module's. */
	if (!proxy_hand_over(proxy, cloud_fd, vm_fd, &cause) || !procfd_kick_vcpus(pid, &cause)) {
		proxy_died(proxy, cause->message);
		g_propagate_error(error, g_steal_pointer(&cause));
		return FALSE;
	}
	proxy->kept = fdstore_keep(proxy->name, proxy->fd);
	if (!proxy->kept)
		g_message("proxy '%s': no service manager keeps its descriptor: domain '%s' will "
			  "end with vsbypassd", proxy->name, domain);
	proxy_serves(proxy);
	return TRUE;
}

static int take_kept(struct proxy *proxy, GError **error)
{
	int fd = fdstore_take(proxy->name);

	proxy->kept = fd >= 0;
	if (fd < 0)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the service manager has not kept the descriptor of domain '%s'",
			    proxy->life.domain);
	return fd;
}

/* @pidfd is that of a process that has been its. */
static gboolean take_over(struct proxy *proxy, int pidfd, const struct proxy_life *life,
			  GError **error)
{
	struct vsb_uservm uservm;

	if (proxy_is_domain(proxy))
		proxy->fd = take_kept(proxy, error);
	else
		proxy->fd = procfd_take_proxy(pidfd, life->pid, error);
	if (proxy->fd < 0 || !module_report_all(proxy->fd, error) ||
	    (!proxy_is_domain(proxy) && !proxy_connect_qmp(proxy, error)))
		return FALSE;
	proxy->bound = module_get_uservm(proxy->fd, &uservm);
	proxy->state = proxy_is_domain(proxy) ? READY : STARTING;
	proxy_watch_process(proxy, pidfd);
	if (!proxy_is_domain(proxy))
		proxy_watch_start(proxy);
	proxy_watch_events(proxy);
	return TRUE;
}

gboolean proxy_resume(struct proxy *proxy, const struct proxy_life *life, GError **error)
{
	int pidfd;

	proxy->life = *life;
	backoff_began(&proxy->backoff, g_get_monotonic_time());
	pidfd = life->pid ? procfd_open_same(life->pid, life->start_time, error) : -1;
	if (pidfd >= 0 && take_over(proxy, pidfd, life, error))
		return TRUE;
	if (error && !*error)
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "it had no QEMU");
	proxy_let_go(proxy);
	if (pidfd >= 0)
		close(pidfd);
	proxy_end_left(life);
	proxy_forget_process(proxy);
	return FALSE;
}
