// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the agent's parts, against fake QEMUs (child processes that speak
 * just enough QMP) and a fake /proc.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <glib-unix.h>

#include "channel.h"
#include "lines.h"
#include "monitor.h"
#include "pagemap.h"
#include "vms.h"

#define GIVE_UP_SECONDS	60	/* only ever reached by a failure */

static char *dir;

static gboolean give_up(gpointer what)
{
	g_error("gave up waiting for: %s", (const char *)what);
	return G_SOURCE_REMOVE;
}

/* Runs the main loop until @cond holds. */
#define wait_for(cond) do {						\
	guint id_ = g_timeout_add_seconds(GIVE_UP_SECONDS, give_up, (gpointer)#cond);	\
	while (!(cond))							\
		g_main_context_iteration(NULL, TRUE);			\
	g_source_remove(id_);						\
} while (0)

static char *in_dir(const char *name)
{
	return g_build_filename(dir, name, NULL);
}

static int listen_on(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(fd, >=, 0);
	g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
	g_unlink(path);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
	g_assert_cmpint(listen(fd, 4), ==, 0);
	return fd;
}

/* Fake QEMU */

/**
 * struct qemu - a child process with one or two monitor sockets
 * @pid:	its pid
 * @fd:		what it was told in its human monitor, a line each
 * @heard:	what came out of @fd so far
 */
struct qemu {
	pid_t pid;
	int fd;
	GString *heard;
	char *path[2];
};

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		_exit(1);
}

static void serve(int conn, int log, const char *hva)
{
	FILE *in = fdopen(conn, "r");
	char line[512];

	say(conn, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22}}, \"capabilities\": []}}\r\n");
	while (fgets(line, sizeof(line), in)) {
		char *cmd = strstr(line, "\"command-line\":\"");

		if (!cmd) {
			say(conn, "{\"timestamp\": {\"seconds\": 1}, \"event\": \"X\"}\r\n");
			say(conn, "{\"return\": {}}\r\n");
			continue;
		}
		cmd += strlen("\"command-line\":\"");
		*strchr(cmd, '"') = '\n';
		*(strchr(cmd, '\n') + 1) = 0;
		if (!strncmp(cmd, "gpa2hva", 7)) {
			say(conn, "{\"return\": \"");
			say(conn, hva);
			say(conn, "\\r\\n\"}\r\n");
		} else {
			say(log, cmd);
			say(conn, "{\"return\": \"\"}\r\n");
		}
	}
	fclose(in);
}

/* Echoes each byte as QEMU's line editor does: the whole line again. */
static void serve_human(int conn, int log, const char *hva)
{
	char line[512], echo[600];
	unsigned int n = 0;

	say(conn, "QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ");
	while (n < sizeof(line) - 1 && read(conn, line + n, 1) == 1) {
		if (line[n] != '\n') {
			line[++n] = 0;
			snprintf(echo, sizeof(echo), "\033[D%s\033[K", line);
			say(conn, echo);
			continue;
		}
		line[n + 1] = 0;
		say(conn, "\r\n");
		if (!strncmp(line, "gpa2hva", 7)) {
			say(conn, hva);
			say(conn, "\r\n");
		} else {
			say(log, line);
		}
		say(conn, "(qe");
		say(conn, "mu) ");
		n = 0;
	}
	close(conn);
}

/* @name2 may be NULL. *.hmp is a human monitor. @hva: what gpa2hva prints. */
static struct qemu *qemu_start(const char *name, const char *name2, const char *hva)
{
	struct qemu *q = g_new0(struct qemu, 1);
	const char *names[2] = { name, name2 };
	int pipefd[2], ready[2];
	char c;

	g_assert_cmpint(pipe(pipefd), ==, 0);
	g_assert_cmpint(pipe(ready), ==, 0);
	for (int i = 0; i < 2 && names[i]; i++)
		q->path[i] = in_dir(names[i]);
	q->pid = fork();
	g_assert_cmpint(q->pid, >=, 0);
	if (!q->pid) {
		int fd[2] = { -1, -1 };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < 2 && q->path[i]; i++)
			fd[i] = listen_on(q->path[i]);
		say(ready[1], "x");
		/* The second socket is served by a child; the listener stays us. */
		if (fd[1] >= 0 && !fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			fd[0] = fd[1];
		}
		for (;;) {
			int conn = accept(fd[0], NULL, NULL);

			if (conn < 0)
				_exit(1);
			if (g_str_has_suffix(names[fd[0] == fd[1]], ".hmp"))
				serve_human(conn, pipefd[1], hva);
			else
				serve(conn, pipefd[1], hva);
		}
	}
	close(pipefd[1]);
	close(ready[1]);
	g_assert_cmpint(read(ready[0], &c, 1), ==, 1);
	close(ready[0]);
	q->fd = pipefd[0];
	g_assert_true(g_unix_set_fd_nonblocking(q->fd, TRUE, NULL));
	q->heard = g_string_new(NULL);
	return q;
}

static void qemu_stop(struct qemu *q)
{
	kill(q->pid, SIGKILL);
	waitpid(q->pid, NULL, 0);
	close(q->fd);
	g_string_free(q->heard, TRUE);
	for (int i = 0; i < 2; i++) {
		if (q->path[i])
			g_unlink(q->path[i]);
		g_free(q->path[i]);
	}
	g_free(q);
}

static void collect(struct qemu *q)
{
	char buf[512];
	ssize_t n = read(q->fd, buf, sizeof(buf));

	if (n > 0)
		g_string_append_len(q->heard, buf, n);
	else
		g_usleep(1000);
}

static gboolean heard(struct qemu *q, const char *want)
{
	collect(q);
	if (q->heard->len >= strlen(want))
		g_assert_cmpstr(q->heard->str, ==, want);
	return q->heard->len >= strlen(want);
}

static gboolean tick(gpointer p)
{
	(void)p;
	return G_SOURCE_CONTINUE;
}

/* Frame @pfn is at address 0x10000 of process @pid. */
static void fake_pagemap(pid_t pid, uint64_t entry)
{
	g_autofree char *d = g_strdup_printf("%s/proc/%ld", dir, (long)pid);
	g_autofree char *f = g_build_filename(d, "pagemap", NULL);
	uint64_t map[0x11] = { [0x10] = entry };

	g_assert_cmpint(g_mkdir_with_parents(d, 0700), ==, 0);
	g_assert_true(g_file_set_contents(f, (char *)map, sizeof(map), NULL));
}

#define PRESENT		(1ULL << 63)
#define HVA_TEXT	"Host virtual address for 0x5000 (pc.ram) is 0x10000"
#define LOWER		"o/b 1017 0\n"
#define PULSE		"o/b 1017 2\n" LOWER
#define READ		"i/b 96\n"
#define KEY		"o/b 100 210\no/b 96 0\n" READ
#define MOUSE		"o/b 100 211\no/b 96 0\n" READ
#define GIVE(ier)	LOWER "o/b 1017 " #ier "\n\n"

struct seen {
	enum vm_state state[8];
	unsigned int reports;
};

static void report(uint32_t id, enum vm_state state, void *user)
{
	struct seen *s = user;

	g_assert_cmpuint(id, <, G_N_ELEMENTS(s->state));
	s->state[id] = state;
	s->reports++;
}

static struct vms *make_vms(struct seen *s)
{
	g_autofree char *glob = in_dir("*.?mp");
	g_autofree char *proc = in_dir("proc");
	const char *globs[] = { glob, NULL };

	return vms_new(globs, proc, report, s);
}

/* Lines */

static void check_line(gboolean level, const char *edges, gboolean want)
{
	struct line l = { .level = level };

	for (; *edges; edges++)
		line_set(&l, *edges == '1');
	g_assert_cmpint(l.rise, ==, want);
	g_assert_cmpint(l.level, ==, edges[-1] == '1');
}

static void test_lines(void)
{
	check_line(FALSE, "1", TRUE);
	check_line(FALSE, "0", FALSE);
	check_line(FALSE, "10", TRUE);
	check_line(TRUE, "1", FALSE);
	check_line(TRUE, "0", FALSE);
	check_line(TRUE, "01", TRUE);
	check_line(TRUE, "01010101010", TRUE);
	g_assert_cmpint(line_index(4), ==, 0);
	g_assert_cmpint(line_index(3), >, 0);
	g_assert_cmpint(line_index(5), ==, -1);
}

static void test_hva(void)
{
	uint64_t hva = 0;

	g_assert_true(vms_parse_hva(HVA_TEXT "\r\n", &hva));
	g_assert_cmphex(hva, ==, 0x10000);
	g_assert_true(vms_parse_hva("Host virtual address for 0x0 (a) is 0x1) is 0x7f0012345678", &hva));
	g_assert_cmphex(hva, ==, 0x7f0012345678);
	g_assert_false(vms_parse_hva("No memory is mapped at address 0x5000", &hva));
	g_assert_false(vms_parse_hva("", &hva));
	g_assert_false(vms_parse_hva("(x) is 0x", &hva));
	g_assert_false(vms_parse_hva("(x) is 0x-5", &hva));
	g_assert_false(vms_parse_hva("(x) is 0x11112222333344445555", &hva));
	g_assert_false(vms_parse_hva("(x) is 0x1zz", &hva));
}

static void test_pagemap(void)
{
	g_autofree char *proc = in_dir("proc");
	static char page[4096] = { 1 };
	uint64_t pfn = 0;
	int err;

	fake_pagemap(77, PRESENT | 0x1234);
	g_assert_cmpint(pagemap_lookup(proc, 77, 0x10abc, &pfn), ==, 0);
	g_assert_cmphex(pfn, ==, 0x1234);
	g_assert_cmpint(pagemap_lookup(proc, 77, 0xf000, &pfn), ==, -ENOENT);
	g_assert_cmpint(pagemap_lookup(proc, 77, 0x11000, &pfn), ==, -ENOENT);
	fake_pagemap(77, PRESENT);
	g_assert_cmpint(pagemap_lookup(proc, 77, 0x10000, &pfn), ==, -EPERM);
	g_assert_cmpint(pagemap_lookup(proc, 78, 0x10000, &pfn), ==, -ENOENT);

	err = pagemap_lookup("/proc", getpid(), (uintptr_t)page, &pfn);
	g_assert_true(err == 0 || err == -EPERM);
}

/* Search */

static void test_found(void)
{
	struct seen s = { 0 };
	struct qemu *other = qemu_start("a.qmp", NULL, HVA_TEXT);
	struct qemu *q = qemu_start("b.qmp", "b2.qmp", HVA_TEXT);
	struct vms *vms;

	fake_pagemap(other->pid, PRESENT | 0x99);
	fake_pagemap(q->pid, PRESENT | 0x42);
	vms = make_vms(&s);
	vms_set(vms, 3, 5, 0x42);
	g_assert_cmpint(s.state[3], ==, VM_MISSING);	/* nothing is connected yet */
	vms_irq(vms, 3, 4, TRUE);
	vms_irq(vms, 3, 9, TRUE);			/* no such line: ignored */
	vms_irq(vms, 2, 4, TRUE);			/* no such VM: ignored */
	wait_for(s.state[3] == VM_FOUND);
	wait_for(heard(q, LOWER PULSE));

	vms_irq(vms, 3, 4, FALSE);

	/* Said again: reported again, played not again. */
	s.reports = 0;
	vms_set(vms, 3, 5, 0x42);
	g_assert_cmpuint(s.reports, ==, 1);
	vms_irq(vms, 3, 4, TRUE);
	wait_for(heard(q, LOWER PULSE PULSE));

	/* Another frame: searched, not there. */
	vms_set(vms, 3, 5, 0x43);
	wait_for(s.state[3] == VM_MISSING);
	g_assert_cmpuint(other->heard->len, ==, 0);

	vms_set(vms, 3, 5, 0x42);
	wait_for(s.state[3] == VM_FOUND);
	wait_for(heard(q, LOWER PULSE PULSE LOWER PULSE));
	vms_give(vms, 2, 5);				/* no such VM: ignored */
	vms_give(vms, 3, 7);
	vms_give(vms, 3, 5);				/* once */
	vms_irq(vms, 3, 4, FALSE);			/* not played any more */
	g_assert_cmpint(s.state[3], ==, VM_FOUND);	/* QEMU has not done it yet */
	wait_for(s.state[3] == VM_GIVEN);
	wait_for(heard(q, LOWER PULSE PULSE LOWER PULSE GIVE(7)));
	/* At once: it is found first. */
	vms_set(vms, 3, 5, 0x42);
	vms_give(vms, 3, 5);
	s.state[3] = VM_UNKNOWN;
	wait_for(s.state[3] == VM_GIVEN);
	wait_for(heard(q, LOWER PULSE PULSE LOWER PULSE GIVE(7) GIVE(5)));
	/* It may come again. */
	vms_set(vms, 3, 5, 0x42);
	wait_for(s.state[3] == VM_FOUND);
	vms_irq(vms, 3, 4, TRUE);
	wait_for(heard(q, LOWER PULSE PULSE LOWER PULSE GIVE(7) GIVE(5) LOWER PULSE));
	vms_forget_all(vms);
	/* Answered: the agent may end now. */
	wait_for(!vms_busy(vms));
	vms_free(vms);
	qemu_stop(q);
	qemu_stop(other);
}

static void test_ambiguous(void)
{
	struct seen s = { 0 };
	struct qemu *a = qemu_start("a.qmp", NULL, HVA_TEXT);
	struct qemu *b = qemu_start("b.qmp", NULL, HVA_TEXT);
	struct vms *vms;

	fake_pagemap(a->pid, PRESENT | 0x42);
	fake_pagemap(b->pid, PRESENT | 0x42);
	vms = make_vms(&s);
	/* The sockets become ready one after the other: ask until both are. */
	wait_for((vms_forget(vms, 1), vms_set(vms, 1, 5, 0x42),
		  g_main_context_iteration(NULL, TRUE), s.state[1] == VM_AMBIGUOUS));
	vms_irq(vms, 1, 4, TRUE);
	/* One of them goes away: it is the other. */
	qemu_stop(b);
	wait_for(s.state[1] == VM_FOUND);
	wait_for((collect(a), g_str_has_suffix(a->heard->str, LOWER PULSE)));
	vms_free(vms);
	qemu_stop(a);
}

/* VM 1 is found in *@q, whose monitor is @name, and its line has risen once. */
static struct vms *begin_found(struct seen *s, const char *name, struct qemu **q)
{
	struct vms *vms;

	*q = qemu_start(name, NULL, HVA_TEXT);
	fake_pagemap((*q)->pid, PRESENT | 0x42);
	vms = make_vms(s);
	vms_set(vms, 1, 5, 0x42);
	wait_for(s->state[1] == VM_FOUND);
	vms_irq(vms, 1, 4, TRUE);
	wait_for(heard(*q, LOWER PULSE));
	return vms;
}

/* COM2 has a line and a dummy of its own; those of ports that are not ours are let alone. */
static void test_com2(void)
{
	struct seen s = { 0 };
	struct qemu *q;
	struct vms *vms = begin_found(&s, "a.hmp", &q);

	vms_irq(vms, 1, 3, TRUE);
	wait_for(heard(q, LOWER PULSE "o/b 761 0\no/b 761 2\no/b 761 0\n"));
	vms_give(vms, 1, 0x1a0f50);
	wait_for(s.state[1] == VM_GIVEN);
	wait_for(heard(q, LOWER PULSE "o/b 761 0\no/b 761 2\no/b 761 0\n"
		       "o/b 761 0\no/b 761 5\no/b 745 0\no/b 745 0\n\n"));
	/* None at all. */
	vms_set(vms, 1, 5, 0x42);
	s.state[1] = VM_UNKNOWN;
	vms_give(vms, 1, 0x100000);
	wait_for(s.state[1] == VM_GIVEN);
	wait_for(heard(q, LOWER PULSE "o/b 761 0\no/b 761 2\no/b 761 0\n"
		       "o/b 761 0\no/b 761 5\no/b 745 0\no/b 745 0\n\n\n"));
	/* A number that QEMU does not take for a name. */
	vms_set(vms, 1, 5, 0x42);
	s.state[1] = VM_UNKNOWN;
	vms_give(vms, 1, 0xd);
	wait_for(s.state[1] == VM_GIVEN);
	collect(q);
	g_assert_true(g_str_has_suffix(q->heard->str, GIVE(13)));
	vms_free(vms);
	qemu_stop(q);
}

/* A line that vsbypassd never spoke of has a device that may be in use. */
static void test_keyboard(void)
{
	struct seen s = { 0 };
	struct qemu *q;
	struct vms *vms = begin_found(&s, "a.hmp", &q);

	vms_irq(vms, 1, 1, TRUE);
	wait_for(heard(q, LOWER PULSE READ KEY));
	vms_irq(vms, 1, 1, FALSE);
	vms_irq(vms, 1, 1, TRUE);
	wait_for(heard(q, LOWER PULSE READ KEY KEY));
	vms_irq(vms, 1, 12, TRUE);
	wait_for(heard(q, LOWER PULSE READ KEY KEY READ MOUSE));
	vms_free(vms);
	qemu_stop(q);
}

/* With a human monitor: the same commands. */
static void test_human(void)
{
	struct seen s = { 0 };
	struct qemu *q;
	struct vms *vms = begin_found(&s, "a.hmp", &q);

	vms_irq(vms, 1, 4, FALSE);
	vms_irq(vms, 1, 4, TRUE);
	wait_for(heard(q, LOWER PULSE PULSE));
	vms_give(vms, 1, 5);
	wait_for(s.state[1] == VM_GIVEN);
	wait_for(heard(q, LOWER PULSE PULSE GIVE(5)));
	wait_for(!vms_busy(vms));
	vms_free(vms);
	qemu_stop(q);
}

static void test_restart(void)
{
	struct seen s = { 0 };
	struct qemu *q;
	struct vms *vms = begin_found(&s, "a.qmp", &q);

	/* Its end is told once, and it is forgotten. */
	s.reports = 0;
	qemu_stop(q);
	wait_for(s.state[1] == VM_GONE);
	vms_irq(vms, 1, 4, FALSE);
	q = qemu_start("a.qmp", NULL, HVA_TEXT);
	fake_pagemap(q->pid, PRESENT | 0x42);
	vms_set(vms, 1, 5, 0x42);
	wait_for(s.state[1] == VM_FOUND);
	vms_irq(vms, 1, 4, TRUE);
	wait_for((collect(q), g_str_has_suffix(q->heard->str, LOWER PULSE)));
	vms_free(vms);
	qemu_stop(q);
}

/* Edges faster than the monitor answers: merged, and the last rise is not lost. */
static void test_storm(void)
{
	struct seen s = { 0 };
	struct qemu *q = qemu_start("a.qmp", NULL, HVA_TEXT);
	struct vms *vms;

	fake_pagemap(q->pid, PRESENT | 0x42);
	vms = make_vms(&s);
	vms_set(vms, 1, 5, 0x42);
	wait_for(s.state[1] == VM_FOUND);
	for (int i = 0; i < 100001; i++)
		vms_irq(vms, 1, 4, !(i & 1));
	wait_for(heard(q, LOWER PULSE PULSE PULSE));
	vms_free(vms);
	qemu_stop(q);
}

/* What calls itself a monitor */

static const char *gone_why;

static void bad_ready(struct monitor *m, void *user)
{
	(void)m;
	(void)user;
}

static void bad_gone(struct monitor *m, const char *why, void *user)
{
	(void)m;
	(void)user;
	gone_why = g_intern_string(why);
}

static const struct monitor_ops bad_ops = { bad_ready, bad_gone };

struct garbage {
	const char *name;
	const char *text;	/* NULL: an endless line */
	gsize len;
	gsize repeat;
	const char *why;
};

static void test_garbage(void)
{
	static const struct garbage table[] = {
		{ "not JSON", "hello\n", 6, 1, "it sent a line that is no JSON object" },
		{ "endless human", "QEMU 7.2.22 monitor\r\n", 21, 1000, "it sent a line that does not end" },
		{ "human, not asked", "QEMU 7\r\n(qemu) (qemu) ", 22, 1, "it answers what was not asked" },
		{ "endless", "x", 1, 100000, "it sent a line that does not end" },
		{ "deep", "[", 1, 15000, NULL },
		{ "comment", "{\"QMP\": {} /* \" */}\n", 20, 1, "it sent a line that is no JSON object" },
		{ "NUL", "{}\0\n", 4, 1, "it sent a NUL byte" },
		{ "not UTF-8", "\"\xff\"\n", 4, 1, "it sent a line that is no JSON object" },
		{ "number", "5\n", 2, 1, "it sent a line that is no JSON object" },
		{ "no greeting", "{\"return\": {}}\n", 15, 1, "it is no QMP monitor" },
		{ "not asked", "{\"QMP\": {}}\n{\"return\": {}}\n{\"return\": \"x\"}\n", 43, 1,
		  "it answers what was not asked" },
		{ "refused", "{\"QMP\": {}}\n{\"error\": {}}\n", 26, 1, "it refuses qmp_capabilities" },
		{ "neither", "{\"QMP\": {}}\n{}\n", 15, 1, "it sent an object that is not of QMP" },
	};
	g_autofree char *path = in_dir("garbage");
	int err, lfd = listen_on(path);

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		const struct garbage *g = &table[i];
		struct monitor *m = monitor_connect(path, &bad_ops, NULL, &err);
		int conn = accept(lfd, NULL, NULL);

		g_assert_nonnull(m);
		g_assert_true(g_unix_set_fd_nonblocking(conn, TRUE, NULL));
		gone_why = NULL;
		for (gsize n = 0; n < g->repeat && !gone_why; n++)
			while (send(conn, g->text, g->len, MSG_NOSIGNAL) < 0 && errno == EAGAIN &&
			       !gone_why)
				g_main_context_iteration(NULL, TRUE);
		if (!g->why)
			g_assert_cmpint(send(conn, "\n", 1, MSG_NOSIGNAL), ==, 1);
		wait_for(gone_why);
		g_assert_cmpstr(gone_why, ==, g->why ?: "it sent a line that is no JSON object");
		monitor_free(m);
		close(conn);
	}
	close(lfd);
	g_assert_null(monitor_connect("/nonexistent", &bad_ops, NULL, &err));
	g_assert_cmpint(err, ==, -ENOENT);
}

/* Channel */

struct told {
	struct agent_msg last;
	unsigned int hellos;
	unsigned int gone;
	unsigned int n;
};

static void told(const struct agent_msg *msg, void *user)
{
	struct told *t = user;

	if (!msg) {
		t->gone++;
		return;
	}
	t->last = *msg;
	t->n++;
	if (msg->type == AGENT_HELLO)
		t->hellos++;
}

struct peer {
	int fd;
	struct agent_reader reader;
	char buf[4096];
	const char *data;
	gsize len;
};

static gboolean hear(struct peer *p, struct agent_msg *msg)
{
	ssize_t n;

	if (agent_reader_next(&p->reader, &p->data, &p->len, msg))
		return TRUE;
	n = recv(p->fd, p->buf, sizeof(p->buf), MSG_DONTWAIT);
	if (n <= 0) {
		g_usleep(1000);
		return FALSE;
	}
	p->data = p->buf;
	p->len = n;
	return agent_reader_next(&p->reader, &p->data, &p->len, msg);
}

static void tell(struct peer *p, const struct agent_msg *msg)
{
	char buf[AGENT_LINE_MAX + 1];
	gsize len = agent_wire_format(msg, buf);

	g_assert_cmpint(send(p->fd, buf, len, MSG_NOSIGNAL), ==, (ssize_t)len);
}

static void test_channel(void)
{
	g_autofree char *path = in_dir("port");
	struct peer p = { .reader.from = AGENT_FROM_AGENT };
	struct agent_msg msg, hello, vm = { .type = AGENT_VM, .id = 1, .l2_gfn = 2, .l1_gfn = 3 };
	struct agent_msg ping = { .type = AGENT_PING, .n = 0x77 };
	struct agent_msg found = { .type = AGENT_FOUND, .id = 1 };
	struct told t = { 0 };
	struct channel *c;
	int lfd;

	/* The port appears later. */
	c = channel_new(path, told, &t);
	lfd = listen_on(path);
	g_assert_true(g_unix_set_fd_nonblocking(lfd, TRUE, NULL));
	wait_for((p.fd = accept(lfd, NULL, NULL)) >= 0);
	wait_for(hear(&p, &hello));
	g_assert_cmpint(hello.type, ==, AGENT_HELLO);

	/* Old lines and another's hello before ours is back: ignored. */
	channel_send(c, &found);
	tell(&p, &vm);
	msg = hello;
	msg.nonce ^= 1;
	tell(&p, &msg);
	/* It is said again. */
	wait_for(hear(&p, &msg));
	g_assert_cmpint(msg.type, ==, AGENT_HELLO);
	g_assert_true(msg.nonce == hello.nonce);
	g_assert_cmpuint(t.n, ==, 0);

	tell(&p, &hello);
	tell(&p, &vm);
	wait_for(t.n == 2);
	g_assert_cmpuint(t.hellos, ==, 1);
	g_assert_cmpint(t.last.type, ==, AGENT_VM);
	g_assert_true(t.last.id == 1 && t.last.l2_gfn == 2 && t.last.l1_gfn == 3);
	channel_send(c, &found);
	wait_for(hear(&p, &msg));
	g_assert_cmpint(msg.type, ==, AGENT_FOUND);

	g_assert_cmpint(send(p.fd, "nonsense\n", 9, 0), ==, 9);
	tell(&p, &ping);
	wait_for(hear(&p, &msg));
	g_assert_cmpint(msg.type, ==, AGENT_PONG);
	g_assert_cmphex(msg.n, ==, 0x77);

	/* Another vsbypassd: a new hello with a new nonce. */
	msg = hello;
	msg.nonce ^= 1;
	tell(&p, &msg);
	wait_for(hear(&p, &msg));
	g_assert_cmpint(msg.type, ==, AGENT_HELLO);
	g_assert_true(msg.nonce != hello.nonce);
	tell(&p, &msg);
	wait_for(t.hellos == 2);
	g_assert_cmpuint(t.gone, ==, 1);

	/* Closed: opened again, hello again. */
	close(p.fd);
	p.len = 0;
	wait_for(t.gone == 2);
	wait_for((p.fd = accept(lfd, NULL, NULL)) >= 0);
	wait_for(hear(&p, &msg));
	g_assert_cmpint(msg.type, ==, AGENT_HELLO);
	channel_free(c);
	close(p.fd);
	close(lfd);
}

static void remove_tree(const char *path)
{
	g_autoptr(GDir) d = g_dir_open(path, 0, NULL);
	const char *name;

	while (d && (name = g_dir_read_name(d))) {
		g_autofree char *sub = g_build_filename(path, name, NULL);

		remove_tree(sub);
	}
	g_remove(path);
}

int main(int argc, char **argv)
{
	int ret;

	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
	signal(SIGPIPE, SIG_IGN);
	dir = g_dir_make_tmp("vsb-agent-XXXXXX", NULL);
	g_assert_nonnull(dir);
	/* Conditions on descriptors that no source watches are looked at often. */
	g_timeout_add(5, tick, NULL);

	g_test_add_func("/agent/lines", test_lines);
	g_test_add_func("/agent/com2", test_com2);
	g_test_add_func("/agent/hva", test_hva);
	g_test_add_func("/agent/pagemap", test_pagemap);
	g_test_add_func("/agent/found", test_found);
	g_test_add_func("/agent/ambiguous", test_ambiguous);
	g_test_add_func("/agent/restart", test_restart);
	g_test_add_func("/agent/human", test_human);
	g_test_add_func("/agent/keyboard", test_keyboard);
	g_test_add_func("/agent/storm", test_storm);
	g_test_add_func("/agent/garbage", test_garbage);
	g_test_add_func("/agent/channel", test_channel);
	ret = g_test_run();
	remove_tree(dir);
	g_free(dir);
	return ret;
}
