// SPDX-License-Identifier: GPL-2.0
/* vsbctl dump: the memory of a user VM into a file. */
#include "vsbctl-dump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "error.h"
#include "vsbctl-core.h"

/* For vCPUs that stand still in the guest hypervisor to come by: Linux wakes each now and then. */
#define SEEN_MS	2000

/**
 * struct dump - one that is being made
 * @end:	g_get_monotonic_time() when the user VM goes on, or 0
 * @shown:	when progress was
 * @tty:	there is a person to show it to
 */
struct dump {
	gint64 end;
	gint64 shown;
	gboolean tty;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

static gboolean set_error(GError **error, const char *what)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s", what,
		    errno == ENODEV ? "the user VM or its cloud VM has ended" :
		    errno == EBUSY ? "somebody else has stopped it" : g_strerror(errno));
	return FALSE;
}

static gboolean on_progress(guint64 done, guint64 of, gpointer data, GError **error)
{
	struct dump *dump = data;
	gint64 now = g_get_monotonic_time();

	if (interrupted) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "interrupted");
		return FALSE;
	}
	if (dump->end && now >= dump->end) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "it took longer than the user VM may stand; give more with --limit, "
				    "or take it with --live");
		return FALSE;
	}
	if (dump->tty && (now - dump->shown > G_USEC_PER_SEC / 4 || done == of)) {
		fprintf(stderr, "\r%3u %% of %" G_GUINT64_FORMAT " MiB",
			(guint)(done * 100 / of), of >> 20);
		dump->shown = now;
	}
	return TRUE;
}

/* Those that were seen, of @nr. */
static gboolean get_vcpus(int fd, guint nr, GArray *vcpus, GError **error)
{
	g_array_set_size(vcpus, 0);
	for (guint i = 0; i < nr; i++) {
		struct vsb_vcpu_state v = { .index = i };

		if (ioctl(fd, VSB_GET_VCPU, &v))
			return set_error(error, "its vCPUs");
		if (v.flags & VSB_VCPU_SEEN)
			g_array_append_val(vcpus, v);
	}
	return TRUE;
}

static gboolean wait_for_vcpus(int fd, guint nr, GArray *vcpus, GError **error)
{
	gint64 end = g_get_monotonic_time() + SEEN_MS * 1000;

	while (get_vcpus(fd, nr, vcpus, error)) {
		if (vcpus->len == nr || g_get_monotonic_time() > end || interrupted)
			return TRUE;
		g_usleep(20 * 1000);
	}
	return FALSE;
}

static char *write_core(int fd, int out, const struct dump_args *args, GError **error)
{
	g_autoptr(GArray) vcpus = g_array_new(FALSE, FALSE, sizeof(struct vsb_vcpu_state));
	gint64 begin = g_get_monotonic_time();
	struct dump dump = { .tty = isatty(STDERR_FILENO) };
	struct vsb_memory_info memory = { 0 };
	struct core_source source = {
		.fd = fd, .vcpus = vcpus, .progress = on_progress, .data = &dump,
	};
	struct core_info info;
	gboolean fine;

	if (ioctl(fd, VSB_GET_MEMORY_INFO, &memory)) {
		set_error(error, "its memory");
		return NULL;
	}
	source.limit = memory.limit;
	if (!wait_for_vcpus(fd, memory.vcpus, vcpus, error))
		return NULL;
	if (!args->live) {
		if (ioctl(fd, VSB_STOP, args->limit_s * 1000)) {
			set_error(error, "stopping it");
			return NULL;
		}
		dump.end = g_get_monotonic_time() + args->limit_s * G_USEC_PER_SEC;
		if (!get_vcpus(fd, memory.vcpus, vcpus, error))
			return NULL;
	}
	fine = core_write(&source, out, &info, error);
	if (dump.shown)
		fputc('\n', stderr);
	if (!fine)
		return NULL;
	return g_strdup_printf("%" G_GUINT64_FORMAT " MiB in %.1f s, registers of %u of %u vCPUs, %s%s\n",
			       info.bytes >> 20,
			       (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC,
			       vcpus->len, memory.vcpus,
			       info.vmcoreinfo ? "Linux " : "no VMCOREINFO of a Linux in it",
			       info.release);
}

char *dump_memory(int fd, const struct dump_args *args, GError **error)
{
	const struct sigaction act = { .sa_handler = on_signal };
	g_autofree char *path = g_strconcat(args->file, ".XXXXXX", NULL);
	/* What is in there may be anybody's password. */
	int out = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
	char *text;

	if (out < 0) {
		set_error(error, args->file);
		return NULL;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	text = write_core(fd, out, args, error);
	if (close(out) && text) {
		set_error(error, args->file);
		g_clear_pointer(&text, g_free);
	}
	if (text && g_rename(path, args->file)) {
		set_error(error, args->file);
		g_clear_pointer(&text, g_free);
	}
	if (!text)
		unlink(path);
	return text;
}
