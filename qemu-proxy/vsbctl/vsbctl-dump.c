// SPDX-License-Identifier: GPL-2.0
/* vsbctl dump: the memory of a user VM into a file. */
#include "vsbctl-dump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "error.h"
#include "vsbctl-core.h"
#include "vsbctl-memory.h"

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

	if (!memory_info(fd, &memory, error))
		return NULL;
	source.limit = memory.limit;
	if (!memory_wait_vcpus(fd, memory.vcpus, vcpus, &interrupted, error))
		return NULL;
	if (!args->live) {
		if (!memory_stop(fd, args->limit_s, error))
			return NULL;
		dump.end = g_get_monotonic_time() + args->limit_s * G_USEC_PER_SEC;
		if (!memory_vcpus(fd, memory.vcpus, vcpus, error))
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
		memory_error(error, args->file);
		return NULL;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	text = write_core(fd, out, args, error);
	if (close(out) && text) {
		memory_error(error, args->file);
		g_clear_pointer(&text, g_free);
	}
	if (text && g_rename(path, args->file)) {
		memory_error(error, args->file);
		g_clear_pointer(&text, g_free);
	}
	if (!text)
		unlink(path);
	return text;
}
