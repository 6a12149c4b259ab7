// SPDX-License-Identifier: GPL-2.0
/*
 * The libvirt hook as a process, with XML on its standard input, and the daemon that it
 * talks to: all of vsbypassd but its main(), with a module of pretence and real QEMUs.
 */
#include "daemon.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib/gstdio.h>

#include "control.h"
#include "element.h"
#include "listen.h"
#include "rundir.h"
#include "unit-fake-module.h"

#define NS	"xmlns:v='" ELEMENT_NS "'"
#define KEY	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8KaigEfVo+XequfWVYnACz/psaaEfmV4uQ8pNLoKQt"
#define CHANNEL	"<channel type='unix'><source mode='bind' path='/nowhere/agent'/>" \
		"<target type='virtio' name='org.vsbypass.agent.0'/></channel>"
#define CPU	"<cpu mode='host-passthrough'/>"
#define XML(cloud, cpu, devices) \
	"<domain type='kvm' id='7'>\n<name>c1</name>\n<metadata>\n" cloud "\n</metadata>\n" cpu \
	"\n<devices>\n" devices "\n</devices>\n</domain>\n"
#define VMS	"<v:uservm name='vm1'><v:key>" KEY "</v:key></v:uservm><v:uservm name='vm2'/>"
#define GOOD	XML("<v:cloud " NS ">" VMS "</v:cloud>", CPU, CHANNEL)
#define HALT	"<os><loader type='rom'>/run/vsbypass/proxy/halt.rom</loader></os>"
#define PROXY(attributes, devices) "<domain type='kvm' id='8'>\n<name>c1</name>\n<metadata>\n" \
	"<v:proxy " NS " " attributes "/>\n</metadata>\n" HALT "\n<devices>" devices "</devices></domain>\n"
#define COM1	"<serial type='pty'><target port='0'/></serial>"
#define PLAIN	XML("<other xmlns='urn:other'/>", "", "")

struct rig {
	char *dir;
	struct rundir *rundir;
	struct daemon *daemon;
	struct control *control;
	struct proxy_env env;
	GPid victim;		/* plays the cloud VM's QEMU */
	/* the hook's */
	char *socket;
	const char *timeout_ms;
	/* of the last call */
	int status;
	char *said;
};

static void in_victim(gpointer data)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void start_victim(struct rig *rig)
{
	static char *sleeper[] = { "sleep", "1000", NULL };

	g_assert_true(g_spawn_async(NULL, sleeper, NULL, G_SPAWN_SEARCH_PATH |
				    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
				    G_SPAWN_STDERR_TO_DEV_NULL, in_victim, NULL, &rig->victim,
				    NULL));
}

static void end_victim(struct rig *rig)
{
	kill(rig->victim, SIGKILL);
	waitpid(rig->victim, NULL, 0);
}

/* What libvirt writes when QEMU runs. */
static void write_pid(struct rig *rig, const char *text)
{
	g_autofree char *path = g_build_filename(rig->dir, "c1.pid", NULL);

	if (text)
		g_assert_true(g_file_set_contents(path, text, -1, NULL));
	else
		g_unlink(path);
}

static void write_victim(struct rig *rig)
{
	g_autofree char *pid = g_strdup_printf("%d\n", rig->victim);

	write_pid(rig, pid);
}

static void setup(struct rig *rig)
{
	g_autofree char *run = NULL;
	g_autoptr(GError) error = NULL;

	fake_module_reset();
	memset(rig, 0, sizeof(*rig));
	rig->dir = g_dir_make_tmp("vsb-unit-XXXXXX", NULL);
	run = g_build_filename(rig->dir, "run", NULL);
	rig->rundir = rundir_open(run, getgid(), &error);
	g_assert_no_error(error);
	rig->env = (struct proxy_env){
		.qemu = "qemu-system-x86_64", .accel = "tcg", .rom = rig->rundir->rom,
		.console_dir = rig->rundir->console_dir, .console_gid = getgid(),
		.qmp_dir = rig->rundir->proxy_dir, .identity_dir = "/nonexistent/identity",
		.access_dir = rig->rundir->access_dir,
		.log_dir = "/nonexistent/logs", .key_wait_ms = KEYBOARD_WAIT_MS,
	};
	rig->daemon = daemon_new("/dev/null", rig->rundir->state, &rig->env);
	rig->control = control_new(rig->rundir->control, 12345, getgid(), &daemon_ops,
				   rig->daemon, &error);
	g_assert_no_error(error);
	rig->socket = g_strdup(rig->rundir->control);
	rig->timeout_ms = "60000";
	start_victim(rig);
	write_victim(rig);
}

static void teardown(struct rig *rig)
{
	g_autofree char *run = g_build_filename(rig->dir, "run", NULL);
	g_autofree char *lock = g_build_filename(run, "lock", NULL);

	end_victim(rig);
	control_free(rig->control);
	daemon_free(rig->daemon);
	g_unlink(rig->rundir->rom);
	g_unlink(rig->rundir->state);
	g_unlink(lock);
	write_pid(rig, NULL);
	/* Only succeeds if nothing was left behind. */
	g_assert_cmpint(g_rmdir(rig->rundir->console_dir), ==, 0);
	g_assert_cmpint(g_rmdir(rig->rundir->access_dir), ==, 0);
	g_assert_cmpint(g_rmdir(rig->rundir->proxy_dir), ==, 0);
	g_assert_cmpint(g_rmdir(run), ==, 0);
	g_assert_cmpint(g_rmdir(rig->dir), ==, 0);
	rundir_free(rig->rundir);
	g_free(rig->socket);
	g_free(rig->said);
	g_free(rig->dir);
	fake_module_reset();
}

static void on_said(GObject *source, GAsyncResult *result, gpointer data)
{
	struct rig *rig = data;
	g_autoptr(GBytes) out = NULL, err = NULL;
	g_autoptr(GError) error = NULL;

	/* EPIPE: the hook need not read what it has no use for. */
	if (!g_subprocess_communicate_finish(G_SUBPROCESS(source), result, &out, &err, &error))
		g_error("%s", error->message);
	/* libvirt would take that for another XML of the domain. */
	g_assert_cmpuint(g_bytes_get_size(out), ==, 0);
	g_assert_null(memchr(g_bytes_get_data(err, NULL) ?: "", 0, g_bytes_get_size(err)));
	rig->said = g_strndup(g_bytes_get_data(err, NULL) ?: "", g_bytes_get_size(err));
}

/* Calls the hook as libvirt does. The daemon serves meanwhile. */
static void hook_len(struct rig *rig, const char *operation, const char *xml, gsize len)
{
	g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
		G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
		G_SUBPROCESS_FLAGS_STDERR_PIPE);
	g_autoptr(GBytes) input = g_bytes_new(xml, len);
	g_autoptr(GSubprocess) process = NULL;
	g_autoptr(GError) error = NULL;

	g_subprocess_launcher_setenv(launcher, "VSB_HOOK_SOCKET", rig->socket, TRUE);
	g_subprocess_launcher_setenv(launcher, "VSB_HOOK_PID_DIR", rig->dir, TRUE);
	g_subprocess_launcher_setenv(launcher, "VSB_HOOK_TIMEOUT_MS", rig->timeout_ms, TRUE);
	/* A finding must not look like a refusal. */
	g_subprocess_launcher_setenv(launcher, "ASAN_OPTIONS", "exitcode=99", TRUE);
	g_subprocess_launcher_setenv(launcher, "UBSAN_OPTIONS", "exitcode=99", TRUE);
	process = g_subprocess_launcher_spawn(launcher, &error, HOOK, "c1", operation, "begin", "-",
					      NULL);
	g_assert_no_error(error);
	g_clear_pointer(&rig->said, g_free);
	g_subprocess_communicate_async(process, input, NULL, on_said, rig);
	while (!rig->said)
		g_main_context_iteration(NULL, TRUE);
	g_assert_true(g_subprocess_get_if_exited(process));
	rig->status = g_subprocess_get_exit_status(process);
}

static void passes(struct rig *rig, const char *operation, const char *xml)
{
	hook_len(rig, operation, xml, strlen(xml));
	g_assert_cmpstr(rig->said, ==, "");
	g_assert_cmpint(rig->status, ==, 0);
}

/* @status: 1 refused, 0 only a complaint */
static void complains(struct rig *rig, const char *operation, const char *xml, int status,
		      const char *words)
{
	hook_len(rig, operation, xml, strlen(xml));
	g_test_message("%s: %s", operation, g_strchomp(rig->said));
	if (!g_str_has_prefix(rig->said, "VSBypass: domain 'c1': ") || !strstr(rig->said, words) ||
	    strchr(rig->said, '\n'))
		g_error("seen: %s\nwanted: one line with %s", rig->said, words);
	g_assert_cmpint(rig->status, ==, status);
}

static void refused(struct rig *rig, const char *operation, const char *xml, const char *words)
{
	complains(rig, operation, xml, 1, words);
}

static void on_status(gpointer data, JsonObject *result, const GError *error)
{
	*(JsonObject **)data = result;
}

/* Process of the only cloud VM, 0: none. */
static gint64 attached(struct rig *rig)
{
	g_autoptr(JsonObject) status = NULL;
	JsonArray *clouds;

	daemon_ops.status(on_status, &status, rig->daemon);
	clouds = json_object_get_array_member(status, "clouds");
	return json_array_get_length(clouds) ?
	       json_object_get_int_member(json_array_get_object_element(clouds, 0), "pid") : 0;
}

/* Nobody asks the daemon about a domain that is none of ours. */
static void test_others(void)
{
	static const char * const operations[] = {
		"prepare", "start", "started", "stopped", "release", "reconnect", "migrate", "restore",
		"attach", "nosuch",
	};
	struct rig rig;

	setup(&rig);
	g_free(rig.socket);
	rig.socket = g_strdup("/nonexistent/control.sock");
	write_pid(&rig, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
		passes(&rig, operations[i], PLAIN);
	/* Nor does an operation that does not concern us matter. */
	passes(&rig, "start", GOOD);
	passes(&rig, "restore", GOOD);
	teardown(&rig);
}

static void test_life(void)
{
	g_autofree char *keys = NULL, *text = NULL;
	struct rig rig;

	setup(&rig);
	passes(&rig, "prepare", GOOD);
	g_assert_cmpint(attached(&rig), ==, 0);
	passes(&rig, "started", GOOD);
	g_assert_cmpint(attached(&rig), ==, rig.victim);
	g_assert_cmpuint(fake.names->len, ==, 2);
	g_assert_cmpstr(fake.names->pdata[0], ==, "vm1");
	g_assert_cmpstr(fake.names->pdata[1], ==, "vm2");
	keys = g_build_filename(rig.rundir->access_dir, "vm1", NULL);
	g_assert_true(g_file_get_contents(keys, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, KEY "\n");
	/* libvirtd was started again: all is as it was. */
	passes(&rig, "reconnect", GOOD);
	g_assert_cmpint(attached(&rig), ==, rig.victim);
	/* Another domain that calls itself the same does not start, and its end changes nothing. */
	refused(&rig, "prepare", GOOD, "attached as cloud VM 'c1'; detach it first");
	passes(&rig, "stopped", GOOD);
	passes(&rig, "release", GOOD);
	g_assert_cmpint(attached(&rig), ==, rig.victim);
	/* The end, which vsbypassd has not seen when the hook is called; then a new start. */
	end_victim(&rig);
	passes(&rig, "stopped", GOOD);
	g_assert_cmpint(attached(&rig), ==, 0);
	passes(&rig, "release", GOOD);
	start_victim(&rig);
	write_victim(&rig);
	passes(&rig, "prepare", GOOD);
	passes(&rig, "started", GOOD);
	g_assert_cmpint(attached(&rig), ==, rig.victim);
	/* And without the hook. */
	end_victim(&rig);
	while (attached(&rig))
		g_main_context_iteration(NULL, TRUE);
	start_victim(&rig);
	teardown(&rig);
}

/* A cloud VM with nothing of ours in it. */
static void test_no_agent(void)
{
	static const struct {
		const char *xml;
		guint32 mask;
	} cases[] = {
		{ XML("<v:cloud " NS " irq='auto'>" VMS "</v:cloud>", CPU, ""),
		  VSB_IRQ_EXITS | VSB_IRQ_DIRECT },
		{ XML("<v:cloud " NS " irq='exit'>" VMS "</v:cloud>", CPU, ""), VSB_IRQ_EXITS },
	};
	struct rig rig;

	setup(&rig);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		passes(&rig, "prepare", cases[i].xml);
		passes(&rig, "started", cases[i].xml);
		g_assert_cmpint(attached(&rig), ==, rig.victim);
		g_assert_cmphex(fake.irq, ==, cases[i].mask);
		end_victim(&rig);
		while (attached(&rig))
			g_main_context_iteration(NULL, TRUE);
		start_victim(&rig);
		write_victim(&rig);
	}
	teardown(&rig);
}

static void test_refused(void)
{
	static const struct {
		const char *xml, *words;
	} cases[] = {
		{ "", "line 1: no XML" },
		{ "<domain>", "line 1: no XML" },
		{ XML("<v:cloud " NS "/>", CPU, CHANNEL), "line 4: <cloud> has 0 <uservm>" },
		{ XML("<v:cloud " NS ">" VMS "</v:cloud>", "", CHANNEL),
		  "line 1: the CPU has no nested virtualization; use <cpu mode='host-passthrough'/>" },
		{ XML("<v:cloud " NS " irq='agent'>" VMS "</v:cloud>", CPU, ""),
		  "line 7: irq='agent', but the agent's channel is missing; add to <devices>: "
		  "<channel type='unix'><target type='virtio' name='org.vsbypass.agent.0'/></channel>" },
		{ XML("<v:cloud " NS "><v:uservm name='vm1'><v:identity policy='required'/></v:uservm>"
		      "</v:cloud>", CPU, CHANNEL), "make it with 'vsbctl key'" },
		{ "<domain type='kvm'><name>c2</name><metadata><v:cloud " NS ">" VMS "</v:cloud>"
		  "</metadata></domain>", "the XML is that of another domain" },
	};
	struct rig rig;

	setup(&rig);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		refused(&rig, "prepare", cases[i].xml, cases[i].words);
		refused(&rig, "started", cases[i].xml, cases[i].words);
		g_assert_cmpint(attached(&rig), ==, 0);
	}
	refused(&rig, "migrate", GOOD, "cannot be migrated");
	fake.fail = "open";
	refused(&rig, "prepare", GOOD, "as told");
	fake.fail = "take_vm";
	refused(&rig, "started", GOOD, "as told");
	fake.fail = NULL;
	g_assert_cmpint(attached(&rig), ==, 0);
	/* Where libvirt keeps process numbers. */
	write_pid(&rig, NULL);
	refused(&rig, "started", GOOD, "c1.pid: ");
	write_pid(&rig, "12x\n");
	refused(&rig, "started", GOOD, "it holds no process number");
	write_pid(&rig, "0");
	refused(&rig, "started", GOOD, "it holds no process number");
	write_pid(&rig, "123456789012345678901234567890123456789012345");
	refused(&rig, "started", GOOD, "it is longer than 32 bytes");
	refused(&rig, "started", XML("<v:cloud " NS " irq='agent'>" VMS "</v:cloud>", CPU, "<channel type='unix'>"
		"<target type='virtio' name='org.vsbypass.agent.0'/></channel>"), "has no path");
	write_victim(&rig);
	passes(&rig, "prepare", GOOD);
	/* Never a reason for libvirt to kill it. */
	complains(&rig, "reconnect", GOOD, 0, "runs without being attached");
	complains(&rig, "reconnect", "<domain>", 0, "no XML");
	complains(&rig, "stopped", "<domain>", 0, "no XML");
	teardown(&rig);
}

/* The domain that is the proxy of the first user VM, "": none; *pid is that of the proxy. */
static const char *proxy_domain(struct rig *rig, gint64 *pid)
{
	static char name[VSB_NAME_LEN];
	g_autoptr(JsonObject) status = NULL;
	JsonObject *cloud, *uservm;

	daemon_ops.status(on_status, &status, rig->daemon);
	cloud = json_array_get_object_element(json_object_get_array_member(status, "clouds"), 0);
	uservm = json_array_get_object_element(json_object_get_array_member(cloud, "uservms"), 0);
	*pid = json_object_get_int_member(uservm, "proxy_pid");
	g_strlcpy(name, json_object_has_member(uservm, "domain") ?
		  json_object_get_string_member(uservm, "domain") : "", sizeof(name));
	return name;
}

/* A domain that is the proxy of vm1; libvirt says c1 of it, too. */
static void test_proxy(void)
{
	static const char good[] = PROXY("cloud='c1' uservm='vm1'", COM1);
	struct rig rig, cloud;
	gint64 pid;

	setup(&rig);
	refused(&rig, "prepare", good, "<proxy>: cloud VM 'c1' is not attached; start that first");
	refused(&rig, "started", good, "cloud VM 'c1' is not attached");
	passes(&rig, "started", GOOD);
	refused(&rig, "prepare", PROXY("cloud='c1' uservm='vm3'", COM1),
		"cloud VM 'c1' has no user VM 'vm3'; name it in <cloud>, or 'vsbctl add' it");
	refused(&rig, "started", PROXY("cloud='c1' uservm='vm3'", COM1), "has no user VM 'vm3'");
	refused(&rig, "prepare", PROXY("cloud='c1' uservm='vm1'", ""),
		"add to <devices>: <serial type='pty'><target port='0'/></serial>");
	refused(&rig, "prepare", PROXY("cloud='c1'", COM1), "needs the attribute 'uservm'");
	refused(&rig, "migrate", good, "a proxy cannot be migrated");
	complains(&rig, "reconnect", good, 0, "runs without being the proxy of user VM 'vm1'");
	passes(&rig, "prepare", good);
	g_assert_cmpstr(proxy_domain(&rig, &pid), ==, "");

	/* Its QEMU: another process than that of the cloud VM. */
	cloud = rig;
	start_victim(&rig);
	write_victim(&rig);
	passes(&rig, "started", good);
	g_assert_cmpstr(proxy_domain(&rig, &pid), ==, "c1");
	g_assert_cmpint(pid, ==, rig.victim);
	g_assert_cmpint(fake.kicked, ==, rig.victim);
	passes(&rig, "reconnect", good);
	passes(&rig, "prepare", good);
	passes(&rig, "stopped", good);
	passes(&rig, "release", good);
	g_assert_cmpint(attached(&rig), ==, cloud.victim);
	/* It ends: one of ours takes over. */
	end_victim(&rig);
	while (*proxy_domain(&rig, &pid) || !pid)
		g_main_context_iteration(NULL, TRUE);
	end_victim(&cloud);
	while (attached(&rig))
		g_main_context_iteration(NULL, TRUE);
	start_victim(&rig);
	teardown(&rig);
}

/* Nobody there, and somebody who does not answer. */
static void test_no_daemon(void)
{
	g_autofree char *path = NULL;
	struct rig rig;
	int fd;

	setup(&rig);
	path = g_build_filename(rig.dir, "silent.sock", NULL);
	fd = listen_unix(path, 0600, getgid(), 16, NULL);
	g_assert_cmpint(fd, >=, 0);
	for (int i = 0; i < 2; i++) {
		const char *words = i ? "vsbypassd does not answer in time" : "is vsbypassd running?";

		g_free(rig.socket);
		rig.socket = g_strdup(i ? path : "/nonexistent/control.sock");
		rig.timeout_ms = "300";
		refused(&rig, "prepare", GOOD, words);
		refused(&rig, "started", GOOD, words);
		complains(&rig, "stopped", GOOD, 0, words);
		complains(&rig, "reconnect", GOOD, 0, words);
		refused(&rig, "prepare", PROXY("cloud='c1' uservm='vm1'", COM1), words);
		refused(&rig, "started", PROXY("cloud='c1' uservm='vm1'", COM1), words);
	}
	close(fd);
	g_unlink(path);
	teardown(&rig);
}

/* Whatever becomes of the XML of a cloud VM: no crash, and no start without the daemon. */
static void test_mutations(void)
{
	static const char * const operations[] = { "prepare", "started" };
	const char *xml = GOOD, *ns = strstr(xml, NS);
	g_autoptr(GRand) rand = g_rand_new_with_seed(6);
	gsize len = strlen(xml);
	struct rig rig;

	setup(&rig);
	g_free(rig.socket);
	rig.socket = g_strdup("/nonexistent/control.sock");
	for (int i = 0; i < 200; i++) {
		g_autofree char *copy = g_strdup(xml);
		int changes = g_rand_int_range(rand, 1, 5);
		gsize used = i % 10 ? len : (gsize)g_rand_int_range(rand, 0, (gint32)len - 2);

		while (changes--)
			copy[g_rand_int_range(rand, 0, (gint32)len)] = i % 2 ? (char)g_rand_int(rand) :
				"<>/'= v:\n0"[g_rand_int_range(rand, 0, 10)];
		/* With another namespace it would be no cloud VM. */
		memcpy(copy + (ns - xml), NS, strlen(NS));
		hook_len(&rig, operations[i / 2 % 2], copy, used);
		if (rig.status != 1 || !g_str_has_prefix(rig.said, "VSBypass: domain 'c1': "))
			g_error("round %d: exit status %d\n%s\n%.*s", i, rig.status, rig.said, (int)used,
				copy);
	}
	teardown(&rig);
}

/* What 'vsbctl validate' runs, and what nobody calls it with. */
static void runs(int status, const char *words, const char *first, const char *second, const char *third)
{
	g_autofree char *out = NULL, *err = NULL;
	g_autoptr(GSubprocess) process = NULL;
	g_autoptr(GError) error = NULL;

	process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error, HOOK,
				   first, second, third, NULL);
	g_assert_no_error(error);
	g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, &out, &err, &error));
	if (!strstr(status ? err : out, words))
		g_error("wanted: ...%s..., seen: %s%s", words, out, err);
	g_assert_cmpint(g_subprocess_get_exit_status(process), ==, status);
}

static void test_validate(void)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("vsb-unit-XXXXXX", &path, NULL);

	close(fd);
	runs(0, "with 2 user VMs", "--validate", EXAMPLES "/cloud.xml", NULL);
	runs(0, "proxy of user VM", "--validate", EXAMPLES "/proxy.xml", NULL);
	runs(1, "No such file", "--validate", "/nonexistent/x.xml", NULL);
	/* As compilers say it, also if another file is fine. */
	runs(1, ":1: ", "--validate", EXAMPLES "/cloud.xml", path);
	g_assert_true(g_file_set_contents(path, "<domain type='kvm'>\n<x>\n</domain>", -1, NULL));
	runs(1, ":3: no XML", "--validate", path, NULL);
	g_assert_true(g_file_set_contents(path, "<domain/>", -1, NULL));
	runs(1, "has no element of namespace", "--validate", path, NULL);
	g_unlink(path);
	runs(0, "prepare", "--help", NULL, NULL);
	runs(2, "give a domain and an operation", "c1", NULL, NULL);
	runs(0, "", "c1", "no-such-operation", NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
	g_test_add_func("/hook/others", test_others);
	g_test_add_func("/hook/validate", test_validate);
	if (geteuid()) {
		g_test_message("not root: vsbypassd would not listen to the hook");
		return g_test_run();
	}
	g_test_add_func("/hook/life", test_life);
	g_test_add_func("/hook/no-agent", test_no_agent);
	g_test_add_func("/hook/refused", test_refused);
	g_test_add_func("/hook/proxy", test_proxy);
	g_test_add_func("/hook/no-daemon", test_no_daemon);
	g_test_add_func("/hook/mutations", test_mutations);
	return g_test_run();
}
