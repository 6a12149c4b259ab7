// SPDX-License-Identifier: GPL-2.0
/* vsbypassd as a program: options, what keeps it from starting, and a life without a module. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib/gstdio.h>

#include "conlog.h"
#include "control-client.h"
#include "unit-program.h"

/* Root is what it has to be; who builds need not. */
#define NOT_ROOT	(geteuid() != 0)

static GSubprocess *start(const char *const *arguments)
{
	return unit_program_start(VSBYPASSD, arguments);
}

static void ends(GSubprocess *process, int status, const char *words)
{
	g_autofree char *out = NULL, *err = NULL;

	g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, &out, &err, NULL));
	if (!strstr(err, words) && !strstr(out, words))
		g_error("wanted: ...%s..., seen: %s%s", words, out, err);
	g_assert_cmpint(g_subprocess_get_exit_status(process), ==, status);
	g_object_unref(process);
}

#define ARGS(...)	((const char *[]){ __VA_ARGS__, NULL })

static void test_options(void)
{
	ends(start(ARGS("--help")), 0, "--uid-base");
	ends(start(ARGS("--x")), 2, "see vsbypassd --help");
	ends(start(ARGS("x")), 2, "unexpected argument 'x'");
	ends(start(ARGS("--uid-base", "5")), 2, "give a number from");
	ends(start(ARGS(CONLOG_OPTION, "too", "few")), 2, "");
}

static void test_refused(void)
{
	if (NOT_ROOT) {
		ends(start(ARGS("--user", "root")), 1, "must be root");
		return;
	}
	ends(start(ARGS("--user", "nobody-of-this-name")), 1, "there is no user");
	ends(start(ARGS("--user", "root", "--qemu", "no-such-program")), 1, "there is no program");
	ends(start(ARGS("--user", "root", "--qemu", "true", "--run-dir", "/nonexistent/x")), 1, "No such file");
}

static JsonObject *ask(const char *path, const char *line, GError **error)
{
	g_autoptr(JsonNode) node = json_from_string(line, NULL);
	g_autoptr(GString) reply = NULL;

	return control_ask(path, json_node_get_object(node), NULL, &reply, error);
}

/* Until it answers: what it is asked first may come before its socket. */
static JsonObject *first(const char *path, GSubprocess *process)
{
	JsonObject *result;

	while (!(result = ask(path, "{\"execute\":\"status\"}", NULL))) {
		g_assert_nonnull(g_subprocess_get_identifier(process));
		g_usleep(10000);
	}
	return result;
}

static void test_life(void)
{
	g_autofree char *dir = NULL, *socket = NULL, *attach = NULL, *bwrap = g_find_program_in_path("bwrap");
	g_autoptr(JsonObject) status = NULL, log = NULL;
	g_autoptr(GError) error = NULL;
	const char *const *arguments;
	GSubprocess *process;

	if (NOT_ROOT) {
		g_test_skip("it wants to be root");
		return;
	}
	if (!bwrap) {
		g_test_skip("bwrap is missing: package bubblewrap");
		return;
	}
	dir = g_dir_make_tmp("vsb-unit-XXXXXX", NULL);
	socket = g_build_filename(dir, "control.sock", NULL);
	arguments = ARGS("--run-dir", dir, "--user", "root", "--qemu", "true", "--device", "/dev/null", "--identity",
			 "/nonexistent/id");
	process = start(arguments);
	status = first(socket, process);
	g_assert_cmpuint(json_array_get_length(json_object_get_array_member(status, "clouds")), ==, 0);
	/* One at a time. */
	ends(start(arguments), 1, "another vsbypassd runs in");
	/* No module, and no such thing. */
	attach = g_strdup_printf("{\"execute\":\"attach\",\"arguments\":{\"pid\":%d,\"uservms\":[{\"name\":\"vm1\"}]}}",
				 getpid());
	g_assert_null(ask(socket, attach, &error));
	g_assert_nonnull(strstr(error->message, "is it the device of kvm-vsbypass?"));
	g_clear_error(&error);
	g_assert_null(ask(socket, "{\"execute\":\"unbind\",\"arguments\":{\"uservm\":\"vm1\"}}", &error));
	g_assert_nonnull(strstr(error->message, "there is no user VM 'vm1'"));
	log = ask(socket, "{\"execute\":\"log\"}", NULL);
	g_assert_cmpuint(json_array_get_length(json_object_get_array_member(log, "lines")), >, 0);
	g_subprocess_send_signal(process, SIGTERM);
	ends(process, 0, "ending");
	g_assert_false(g_file_test(socket, G_FILE_TEST_EXISTS));
	/* A state that makes no sense is told, and is no reason not to start. */
	g_free(attach);
	attach = g_build_filename(dir, "state", NULL);
	g_assert_true(g_file_set_contents(attach, "x\n{}\n", -1, NULL));
	process = start(arguments);
	json_object_unref(first(socket, process));
	g_subprocess_send_signal(process, SIGINT);
	ends(process, 0, "a cloud VM cannot go on");
	g_assert_cmpint(g_spawn_sync(NULL, (char *[]){ "rm", "-rf", dir, NULL }, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
				     NULL, NULL, NULL, NULL), ==, TRUE);
}

int main(int argc, char **argv)
{
	/* Its options live as long as it does. */
	g_setenv("ASAN_OPTIONS", "detect_leaks=0", TRUE);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vsbypassd/options", test_options);
	g_test_add_func("/vsbypassd/refused", test_refused);
	g_test_add_func("/vsbypassd/life", test_life);
	return g_test_run();
}
