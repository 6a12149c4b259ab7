// SPDX-License-Identifier: GPL-2.0
/*
 * A VNC client without a screen (RFC 6143): types and moves a mouse at a server that
 * is behind the pipe to a command.
 *
 *   vnc_send COMMAND ACTION...
 *
 * Actions: "down KEYSYM" and "up KEYSYM" (hexadecimal), "move X Y", "buttons MASK",
 * "pause MILLISECONDS", "leds MASK": wait until the server says that they shine (1: scroll,
 * 2: num, 4: caps lock).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LED_STATE	(-261)

static int server;
static uint16_t x, y;

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void get(void *data, size_t n)
{
	for (char *p = data; n;) {
		ssize_t got = read(server, p, n);

		if (got <= 0)
			die("vnc_send: the server ended the connection");
		p += got;
		n -= got;
	}
}

static void put(const void *data, size_t n)
{
	if (write(server, data, n) != (ssize_t)n)
		die("vnc_send: cannot write to the server: %s", strerror(errno));
}

static uint16_t get_u16(void)
{
	uint16_t v;

	get(&v, sizeof(v));
	return ntohs(v);
}

static uint32_t get_u32(void)
{
	uint32_t v;

	get(&v, sizeof(v));
	return ntohl(v);
}

static void skip(uint32_t n)
{
	char c;

	while (n--)
		get(&c, 1);
}

static void shake_hands(void)
{
	static const uint8_t encodings[] = {
		2, 0, 0, 1, 0xff, 0xff, 0xfe, 0xfb,	/* LED_STATE */
	};
	char version[12];
	uint8_t n, type, none = 0;

	get(version, sizeof(version));
	if (memcmp(version, "RFB 003.", 8))
		die("vnc_send: no VNC server: '%.12s'", version);
	put("RFB 003.008\n", 12);
	get(&n, 1);
	while (n--) {
		get(&type, 1);
		none |= type == 1;
	}
	if (!none)
		die("vnc_send: the server wants a password");
	put("\1", 1);
	if (get_u32())
		die("vnc_send: refused");
	put("\1", 1);
	skip(2 + 2 + 16);
	skip(get_u32());
	put(encodings, sizeof(encodings));
}

static void key(uint32_t sym, bool down)
{
	uint8_t message[8] = { 4, down };

	sym = htonl(sym);
	memcpy(message + 4, &sym, sizeof(sym));
	put(message, sizeof(message));
}

static void pointer(uint8_t buttons)
{
	uint8_t message[6] = { 5, buttons, x >> 8, x, y >> 8, y };

	put(message, sizeof(message));
}

static void wait_leds(uint8_t mask)
{
	for (;;) {
		uint8_t type, leds;
		uint16_t rectangles;

		get(&type, 1);
		if (type)
			die("vnc_send: message %u of the server is not known here", type);
		skip(1);
		for (rectangles = get_u16(); rectangles; rectangles--) {
			skip(8);
			if ((int32_t)get_u32() != LED_STATE)
				die("vnc_send: a picture, which nobody asked for");
			get(&leds, 1);
			if (leds == mask)
				return;
		}
	}
}

static void act(const char *action)
{
	static uint8_t buttons;
	unsigned int a, b;

	if (sscanf(action, "down %x", &a) == 1) {
		key(a, true);
	} else if (sscanf(action, "up %x", &a) == 1) {
		key(a, false);
	} else if (sscanf(action, "move %u %u", &a, &b) == 2) {
		x = a;
		y = b;
		pointer(buttons);
	} else if (sscanf(action, "buttons %u", &a) == 1) {
		buttons = a;
		pointer(buttons);
	} else if (sscanf(action, "pause %u", &a) == 1) {
		usleep(a * 1000);
	} else if (sscanf(action, "leds %u", &a) == 1) {
		wait_leds(a);
	} else {
		die("vnc_send: '%s' is no action", action);
	}
}

int main(int argc, char **argv)
{
	int pair[2];
	pid_t child;

	if (argc < 3)
		die("usage: vnc_send COMMAND ACTION...");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die("vnc_send: %s", strerror(errno));
	child = fork();
	if (!child) {
		dup2(pair[1], 0);
		dup2(pair[1], 1);
		execl("/bin/sh", "sh", "-c", argv[1], NULL);
		_exit(127);
	}
	close(pair[1]);
	server = pair[0];
	shake_hands();
	for (int i = 2; i < argc; i++)
		act(argv[i]);
	shutdown(server, SHUT_WR);
	waitpid(child, NULL, 0);
	return 0;
}
