// SPDX-License-Identifier: GPL-2.0
/* vsbctl as a program: what it asks, what it prints, and its exit status, with a vsbypassd of pretence. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib/gstdio.h>

#include "listen.h"

/**
 * host - what it has been asked, and answers
 * @reply:	to all but "status"; NULL: it closes the connection
 * @pass:	a descriptor goes along, of nothing
 */
static struct {
	char *dir, *path;
	int fd;
	const char *reply;
	gboolean pass;
	GString *asked;
} host;

#define STATUS	"{\"return\":{\"clouds\":[{\"name\":\"c\",\"pid\":7,\"irq\":\"auto\",\"agent\":\"none\"," \
		"\"unclaimed\":\"absorb\",\"uservms\":[{\"name\":\"vm1\",\"state\":\"bound\",\"ports\":\"0x3f8-0x3ff\"," \
		"\"veil\":{\"watch\":\"owner\",\"used\":true}}]}]}}"

static void answer(int fd, const char *line)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (void *)line, strlen(line) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (host.pass) {
		memcpy(CMSG_DATA(&control.head), &null, sizeof(null));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	g_assert_cmpint(sendmsg(fd, &msg, MSG_NOSIGNAL), ==, (gssize)strlen(line));
	close(null);
}

static gpointer serve(gpointer data)
{
	struct pollfd poll_fd = { .fd = host.fd, .events = POLLIN };
	char buf[4096];

	while (poll(&poll_fd, 1, -1) > 0) {
		int fd = accept(host.fd, NULL, NULL);
		gssize n;

		if (fd < 0)
			break;
		n = recv(fd, buf, sizeof(buf) - 1, 0);
		g_assert_cmpint(n, >=, 0);
		buf[n] = '\0';
		g_string_append(host.asked, buf);
		if (strstr(buf, "\"status\"") && !host.reply)
			answer(fd, STATUS "\n");
		else if (host.reply && *host.reply)
			answer(fd, host.reply);
		close(fd);
	}
	return NULL;
}

struct run {
	const char *arguments;	/* separated by blanks; % is the folder */
	const char *input;
	const char *reply;	/* "": none */
	gboolean pass;
	int status;
	const char *out, *err, *asked;	/* words in there, or NULL */
};

static void has(const char *what, const char *text, const char *words)
{
	if (words && !strstr(text, words))
		g_error("%s: wanted: ...%s..., seen: %s", what, words, text);
}

static void run(const struct run *run, const char *socket)
{
	g_auto(GStrv) words = g_strsplit(run->arguments, " ", -1);
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *out = NULL, *err = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocessLauncher) launcher = NULL;
	g_autoptr(GSubprocess) process = NULL;

	g_test_message("vsbctl %s", run->arguments);
	g_ptr_array_add(argv, g_strdup(VSBCTL));
	g_ptr_array_add(argv, g_strconcat("--socket=", socket, NULL));
	for (char **word = words; *word; word++) {
		g_auto(GStrv) parts = g_strsplit(*word, "%", -1);

		g_ptr_array_add(argv, g_strjoinv(host.dir, parts));
	}
	g_ptr_array_add(argv, NULL);
	host.reply = run->reply;
	host.pass = run->pass;
	g_string_truncate(host.asked, 0);
	launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
					     G_SUBPROCESS_FLAGS_STDERR_PIPE);
	/* The hook of this machine is not what "validate" is to find. */
	g_subprocess_launcher_setenv(launcher, "PATH", "/nonexistent", TRUE);
	process = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, &error);
	g_assert_no_error(error);
	g_subprocess_communicate_utf8(process, run->input ? run->input : "", NULL, &out, &err, &error);
	g_clear_error(&error);
	has("stderr", err ? err : "", run->err);
	has("stdout", out ? out : "", run->out);
	has("asked", host.asked->str, run->asked);
	g_assert_cmpint(g_subprocess_get_exit_status(process), ==, run->status);
}

#define OK	"{\"return\":{}}\n"
#define FAILED	"{\"error\":{\"class\":\"Failed\",\"desc\":\"because\"}}\n"

static void test_commands(void)
{
	static const struct run table[] = {
		{ "--help", NULL, OK, 0, 0, "Usage: vsbctl", NULL, NULL },
		{ "status --help", NULL, OK, 0, 0, "vsbctl", NULL, NULL },
		{ "x", NULL, OK, 0, 2, NULL, "vsbctl: ", NULL },
		{ "status", NULL, NULL, 0, 0, "Cloud VM c", NULL, "\"status\"" },
		{ "status --json", NULL, NULL, 0, 0, "\"clouds\"", NULL, NULL },
		{ "list", NULL, NULL, 0, 0, "vm1", NULL, "\"status\"" },
		{ "metrics", NULL, NULL, 0, 0, "vsbypass_uservm_bound", NULL, NULL },
		{ "veil vm1", NULL, NULL, 0, 0, "its memory is private", NULL, NULL },
		{ "veil vm2", NULL, NULL, 0, 1, NULL, "no user VM 'vm2'", NULL },
		{ "log", NULL, "{\"return\":{\"lines\":[\"one\",\"two\"]}}\n", 0, 0, "one\ntwo", NULL, "\"log\"" },
		{ "send-break vm1", NULL, OK, 0, 0, NULL, NULL, "\"send-break\"" },
		{ "send-break vm1", NULL, FAILED, 0, 1, NULL, "vsbctl: because", NULL },
		{ "--json send-break vm1", NULL, FAILED, 0, 1, "\"because\"", "vsbctl: because", NULL },
		{ "send-key vm1 ctrl-alt-delete", NULL, OK, 0, 0, NULL, NULL, "ctrl-alt-delete" },
		{ "unbind vm1", NULL, "", 0, 1, NULL, "without a reply", NULL },
		{ "unbind vm1", NULL, "x\n", 0, 1, NULL, "no JSON", NULL },
		{ "unbind vm1", NULL, "{}\n", 0, 1, NULL, "makes no sense", NULL },
		{ "type vm1", "Hello\n", OK, 0, 0, NULL, NULL, "Hello\\n" },
		{ "type vm1", "\x01", OK, 0, 1, NULL, "vsbctl: ", NULL },
		{ "type vm1", "", OK, 0, 1, NULL, "vsbctl: ", NULL },
		{ "attach --pid 7 --cloud c vm1=ps2", NULL, OK, 0, 0, NULL, NULL, "\"attach\"" },
		{ "dump vm1 %/core", NULL, OK, 0, 1, NULL, "no descriptor", "\"memory\"" },
		{ "dump vm1 %/core", NULL, OK, 1, 1, NULL, "its memory: ", NULL },
		{ "dump vm1 %/core", NULL, "{\"return\":{\"concealed\":\"its owner has not revealed it\"}}\n", 1, 1, NULL,
		  "is left out: its owner", NULL },
		{ "dump --json vm1 %/core", NULL, FAILED, 0, 1, "\"because\"", "because", NULL },
		{ "watch vm1 ps", NULL, OK, 1, 1, NULL, "its memory: ", NULL },
		{ "watch vm1 ps", NULL, "{\"return\":{\"concealed\":\"no\"}}\n", 1, 1, NULL, "not to be seen: no", NULL },
		{ "watch --json vm1 ps", NULL, FAILED, 0, 1, "\"because\"", "because", NULL },
		{ "watch --core /dev/null ps", NULL, NULL, 0, 1, NULL, "no ELF core", NULL },
		{ "validate %/x.xml", NULL, NULL, 0, 1, NULL, "vsb-libvirt-hook", NULL },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		run(&table[i], host.path);
	run(&(struct run){ "status", NULL, NULL, 0, 1, NULL, "is vsbypassd running?", NULL }, "/nonexistent/socket");
}

/* What is typed is text, and not too much of it. */
static void test_input(void)
{
	g_autofree char *much = g_strnfill(20000, 'x');

	run(&(struct run){ "type vm1", much, OK, 0, 1, NULL, "it is too long", NULL }, host.path);
}

static void test_key(void)
{
	static const struct run table[] = {
		{ "key --identity %/id vm1", NULL, NULL, 0, 0, "vsbypass-key-1 vm1 ", NULL, NULL },
		{ "key --identity %/id vm1", NULL, NULL, 0, 1, NULL, "it is there already", NULL },
		{ "key --identity %/id --replace --json vm1", NULL, NULL, 0, 0, "{\"return\":{\"key\":\"vsbypass-key-1 vm1 ",
		  NULL, NULL },
		{ "key --identity %/id ../x", NULL, NULL, 0, 2, NULL, "malformed", NULL },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		run(&table[i], host.path);
	g_assert_cmpuint(host.asked->len, ==, 0);
}

int main(int argc, char **argv)
{
	g_autofree char *id = NULL, *key = NULL;
	g_autoptr(GError) error = NULL;
	GThread *thread;
	int status;

	g_test_init(&argc, &argv, NULL);
	host.dir = g_dir_make_tmp("vsb-unit-XXXXXX", NULL);
	host.path = g_build_filename(host.dir, "control", NULL);
	host.asked = g_string_new(NULL);
	host.fd = listen_unix(host.path, 0600, getgid(), 4, &error);
	g_assert_no_error(error);
	thread = g_thread_new("daemon", serve, NULL);
	g_test_add_func("/vsbctl/commands", test_commands);
	g_test_add_func("/vsbctl/input", test_input);
	g_test_add_func("/vsbctl/key", test_key);
	status = g_test_run();
	shutdown(host.fd, SHUT_RDWR);
	g_thread_join(thread);
	close(host.fd);
	id = g_build_filename(host.dir, "id", NULL);
	key = g_build_filename(id, "vm1", NULL);
	g_unlink(key);
	g_rmdir(id);
	g_unlink(host.path);
	g_rmdir(host.dir);
	return status;
}
