// SPDX-License-Identifier: GPL-2.0
/*
 * vsb-console: SSH access to the serial consoles of user VMs.
 *
 * Started as root it makes or reads the host key and binds the port; the rest runs as an
 * unprivileged user in sandboxes: the server, which has the consoles and knows no SSH
 * (console-server.c), a process that starts others (console-spawner.c), and one for each
 * connection (console-session.c; console-webend.c for the web page's).
 */
#include "console-hostkey.h"
#include "console-keys.h"
#include "console-log.h"
#include "console-sandbox.h"
#include "console-server.h"
#include "console-session.h"
#include "console-spawner.h"
#include "console-webend.h"
#include "ready.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <locale.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static int port = 2222;
static char *bind_address;
static char *run_dir;
static char *keys_dir;
static char *host_key;
static char *user;
static char *web_url;
static int grace = 120;
static int stall = 300;

static const GOptionEntry options[] = {
	{ "port", 'p', 0, G_OPTION_ARG_INT, &port,
	  "TCP port to listen on (2222); 0 takes a free one, see the log", "PORT" },
	{ "bind", 'b', 0, G_OPTION_ARG_STRING, &bind_address,
	  "numeric address to listen on (all)", "ADDR" },
	{ "run-dir", 0, 0, G_OPTION_ARG_FILENAME, &run_dir,
	  "where control.sock and console/ are (/run/vsbypass)", "DIR" },
	{ "keys", 0, 0, G_OPTION_ARG_FILENAME, &keys_dir,
	  "folder with a file of public keys for each user VM (/etc/vsbypass/keys)", "DIR" },
	{ "host-key", 0, 0, G_OPTION_ARG_FILENAME, &host_key,
	  "made if missing (/var/lib/vsbypass/ssh_host_ed25519_key)", "FILE" },
	{ "user", 'u', 0, G_OPTION_ARG_STRING, &user,
	  "user to run as when started as root (vsbypass)", "NAME" },
	{ "web-url", 0, 0, G_OPTION_ARG_STRING, &web_url,
	  "where browsers find vsb-web (https://NAME-OF-THIS-HOST:6080)", "URL" },
	{ "login-grace", 0, 0, G_OPTION_ARG_INT, &grace,
	  "seconds to log in (120)", "SECONDS" },
	{ "stall-time", 0, 0, G_OPTION_ARG_INT, &stall,
	  "seconds that the user VM waits for a client that writes and takes no output (300)",
	  "SECONDS" },
	{ 0 }
};

static gboolean parse_options(int argc, char **argv, GError **error)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_set_summary(context,
		"SSH server for the serial consoles of user VMs: ssh -p PORT NAME@HOST");
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, error))
		return FALSE;
	if (argc > 1)
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			    "unexpected argument '%s'", argv[1]);
	else if (port < 0 || port > 65535)
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "--port %d: a port is 0 to 65535", port);
	else if (web_url && (!g_str_has_prefix(web_url, "https://") || g_str_has_suffix(web_url, "/")))
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "--web-url %s: it begins with https://, and does not end with /", web_url);
	else if (grace < 1 || stall < 1)
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "--login-grace and --stall-time are at least 1 second");
	if (*error)
		return FALSE;
	run_dir = run_dir ? run_dir : g_strdup("/run/vsbypass");
	keys_dir = keys_dir ? keys_dir : g_strdup("/etc/vsbypass/keys");
	host_key = host_key ? host_key : g_strdup("/var/lib/vsbypass/ssh_host_ed25519_key");
	user = user ? user : g_strdup("vsbypass");
	web_url = web_url ? web_url : g_strdup_printf("https://%s:6080", g_get_host_name());
	return TRUE;
}

/* Return: a listening socket, or -1 with errno. */
static int listen_on(const struct sockaddr *address, socklen_t len)
{
	const int on = 1, off = 0;
	int saved, fd;

	fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/* Who comes too fast is refused, but others' SYNs are not dropped meanwhile. */
	if (bind(fd, address, len) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int bind_port(GError **error)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	g_autofree char *service = g_strdup_printf("%d", port);
	struct addrinfo *info = NULL;
	int fd;

	if (getaddrinfo(bind_address ? bind_address : "::", service, &hints, &info) != 0) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "--bind %s: no numeric IPv4 or IPv6 address", bind_address);
		return -1;
	}
	fd = listen_on(info->ai_addr, info->ai_addrlen);
	freeaddrinfo(info);
	/* A host without IPv6. */
	if (fd < 0 && !bind_address && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };

		fd = listen_on((struct sockaddr *)&any, sizeof(any));
	}
	if (fd < 0)
		g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
			    "cannot listen on port %d%s%s: %s; %s", port,
			    bind_address ? " of " : "", bind_address ? bind_address : "",
			    g_strerror(errno), errno == EADDRINUSE ?
			    "another program has it ('ss -ltnp' shows which): stop that one, or choose another port with --port" :
			    "choose another with --port or --bind");
	return fd;
}

static int bound_port(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &len);
	/* clang loses it in the cast. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
	return ntohs(address.ss_family == AF_INET6 ?
		     ((struct sockaddr_in6 *)&address)->sin6_port :
		     ((struct sockaddr_in *)&address)->sin_port);
}

/*
 * A descriptor for SIGTERM, SIGINT and SIGHUP: GLib's own signal source would start a
 * thread, and the sandbox wants one thread.
 */
static int signal_descriptor(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * What the starter left open is not for a program that faces the network, but for the socket
 * of the web gateway (vsb-web-backend.socket). Return: that, or -1.
 */
static int inherit_web_socket(void)
{
	const int to = SD_LISTEN_FDS_START;
	g_auto(GStrv) names = NULL;
	int nr = sd_listen_fds_with_names(1, &names), fd = -1;

	for (int i = 0; i < nr; i++) {
		if (!strcmp(names[i], "web") &&
		    sd_is_socket(to + i, AF_UNIX, SOCK_STREAM, 1) > 0)
			fd = to + i;
	}
	if (fd > to)
		fd = dup3(fd, to, O_CLOEXEC);
	close_range(fd == to ? to + 1 : to, ~0U, 0);
	if (fd == to)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* Hands the host key on; the server itself does not keep it. Takes @key over. */
static gboolean start_spawner(struct vsb_server *server, ssh_key key, char **fingerprint,
			      GError **error)
{
	char *public = NULL, *private = NULL;

	server->spawner = -1;
	if (ssh_pki_export_pubkey_base64(key, &public) == SSH_OK &&
	    ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &private) == SSH_OK) {
		*fingerprint = vsb_key_fingerprint(public);
		server->spawner = vsb_spawner_start(user, private,
						    (int[]){ server->listen_fd, server->web_fd },
						    error);
		explicit_bzero(private, strlen(private));
	} else {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
			    "libssh cannot write the host key %s", host_key);
	}
	ssh_key_free(key);
	ssh_string_free_char(public);
	ssh_string_free_char(private);
	return server->spawner >= 0;
}

struct running {
	GMainLoop *loop;
	struct vsb_server *server;
};

static gboolean on_signal(gint fd, GIOCondition condition, gpointer data)
{
	struct running *running = data;
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return G_SOURCE_CONTINUE;
	if (info.ssi_signo != SIGHUP) {
		g_main_loop_quit(running->loop);
		return G_SOURCE_CONTINUE;
	}
	ready_reloading();
	vsb_log("keys are read anew");
	vsb_server_recheck(running->server);
	ready_tell();
	return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
	struct vsb_server server = { 0 };
	struct running running = { .server = &server };
	g_autofree char *fingerprint = NULL;
	GError *error = NULL;
	ssh_key key = NULL;
	int signals;

	if (argc == 2 && !strcmp(argv[1], "--session"))
		return vsb_session_main();
	if (argc == 2 && !strcmp(argv[1], "--web-session"))
		return vsb_webend_main();
	setlocale(LC_ALL, "C");
	server.web_fd = inherit_web_socket();
	vsb_log_init();
	if (!parse_options(argc, argv, &error)) {
		g_printerr("vsb-console: %s; --help lists the options\n", error->message);
		return 2;
	}
	ssh_set_log_level(SSH_LOG_NOLOG);
	signals = signal_descriptor();
	key = vsb_hostkey_load(host_key, &error);
	server.listen_fd = key ? bind_port(&error) : -1;
	if (server.listen_fd < 0 || !start_spawner(&server, key, &fingerprint, &error) ||
	    !vsb_sandbox_enter(user, &error)) {
		vsb_log("%s", error->message);
		return 1;
	}
	server.run_dir = run_dir;
	server.keys_dir = keys_dir;
	server.attached_keys_dir = g_build_filename(run_dir, "keys", NULL);
	server.web_url = web_url;
	server.grace_s = grace;
	server.stall_s = stall;
	vsb_server_start(&server);
	vsb_log("listening on port %d, host key %s", bound_port(server.listen_fd), fingerprint);
	if (server.web)
		vsb_log("links to the web page begin with %s", web_url);

	running.loop = g_main_loop_new(NULL, FALSE);
	g_unix_fd_add(signals, G_IO_IN, on_signal, &running);
	ready_tell();
	g_main_loop_run(running.loop);
	g_main_loop_unref(running.loop);
	ready_stopping();
	vsb_log("stopping");
	vsb_server_stop(&server);
	close(server.listen_fd);
	return 0;
}
