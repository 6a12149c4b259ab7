// SPDX-License-Identifier: GPL-2.0
/*
 * A VNC client without a screen (RFC 6143): types and moves a mouse at a server that
 * is behind the pipe to a command.
 *
 *   vnc_send COMMAND ACTION...
 *
 * Actions: "down KEYSYM" and "up KEYSYM" (hexadecimal), "move X Y", "buttons MASK",
 * "pause MILLISECONDS", "leds MASK": wait until the server says that they shine (1: scroll,
 * 2: num, 4: caps lock), "picture FILE": what the screen shows, as a PPM. And for who measures:
 * "latency KEYSYM TIMES": from a key to what it changes on the screen, where nothing else does;
 * "watch SECONDS": how many updates come meanwhile, and of how many screens.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LED_STATE	(-261)
#define PICTURE_S	20	/* that a picture may take */

static int server;
static uint16_t x, y, width, height;

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static char buf[65536];
static size_t has, at;

static void get(void *data, size_t n)
{
	for (char *p = data; n; n--) {
		if (at == has) {
			ssize_t got = read(server, buf, sizeof(buf));

			if (got <= 0)
				die("vnc_send: the server ended the connection");
			has = got;
			at = 0;
		}
		*p++ = buf[at++];
	}
}

static void put(const void *data, size_t n)
{
	if (write(server, data, n) != (ssize_t)n)
		die("vnc_send: cannot write to the server: %s", strerror(errno));
}

/* Return: has the server something to say, within @ms? */
static bool readable(int ms)
{
	struct pollfd fd = { .fd = server, .events = POLLIN };

	return at < has || poll(&fd, 1, ms) > 0;
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
	/* 32 bits a pixel, of them 24 that count: 0x00rrggbb, the lowest byte first */
	static const uint8_t format[20] = {
		0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0,
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
	width = get_u16();
	height = get_u16();
	skip(16);
	skip(get_u32());
	put(format, sizeof(format));
	put(encodings, sizeof(encodings));
}

/* Raw pixels of a rectangle into @picture, three bytes each. Return: how many. */
static unsigned int get_rectangle(uint8_t *picture)
{
	uint16_t left = get_u16(), top = get_u16(), w = get_u16(), h = get_u16();
	int32_t encoding = (int32_t)get_u32();
	uint8_t pixel[4];

	if (encoding == LED_STATE) {
		skip(1);
		return 0;
	}
	if (encoding || left + w > width || top + h > height)
		die("vnc_send: a rectangle that nobody asked for");
	for (unsigned int i = 0; i < (unsigned int)w * h; i++) {
		uint8_t *to = picture + 3 * ((size_t)(top + i / w) * width + left + i % w);

		get(pixel, sizeof(pixel));
		to[0] = pixel[2];
		to[1] = pixel[1];
		to[2] = pixel[0];
	}
	return (unsigned int)w * h;
}

/* @changed: only what has. */
static void ask_for_picture(bool changed)
{
	uint8_t ask[10] = { 3, changed, 0, 0, 0, 0, width >> 8, width, height >> 8, height };

	put(ask, sizeof(ask));
}

/* One update. Return: how many pixels; none, if it is of LEDs. */
static unsigned int get_update(uint8_t *picture)
{
	unsigned int pixels = 0;
	uint8_t type;

	get(&type, 1);
	if (type)
		die("vnc_send: message %u of the server is not known here", type);
	skip(1);
	for (uint16_t n = get_u16(); n; n--)
		pixels += get_rectangle(picture);
	return pixels;
}

static void take_picture(const char *path)
{
	uint8_t *picture = calloc((size_t)width * height, 3);
	FILE *file = fopen(path, "w");

	if (!picture || !file)
		die("vnc_send: %s: %s", path, strerror(errno));
	/* A screen that is another one meanwhile has no end of what was asked for. */
	alarm(PICTURE_S);
	ask_for_picture(false);
	/* What the server says of LEDs comes first. */
	for (unsigned int pixels = 0; pixels < (unsigned int)width * height;)
		pixels += get_update(picture);
	alarm(0);
	fprintf(file, "P6\n%u %u\n255\n", width, height);
	fwrite(picture, 3, (size_t)width * height, file);
	if (fclose(file))
		die("vnc_send: %s: %s", path, strerror(errno));
	free(picture);
}

static void key(uint32_t sym, bool down)
{
	uint8_t message[8] = { 4, down };

	sym = htonl(sym);
	memcpy(message + 4, &sym, sizeof(sym));
	put(message, sizeof(message));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return (d > 0) - (d < 0);
}

static void measure_latency(uint32_t sym, unsigned int times)
{
	uint8_t *picture = calloc((size_t)width * height, 3);
	double *took = calloc(times, sizeof(*took));

	if (!picture || !took || !times)
		die("vnc_send: nothing to measure");
	alarm(PICTURE_S * times);
	ask_for_picture(false);
	while (get_update(picture) < (unsigned int)width * height)
		;
	for (unsigned int i = 0; i < times; i++) {
		double begin;

		/* what changed before is not this key's */
		for (ask_for_picture(true); readable(1000);)
			if (get_update(picture))
				ask_for_picture(true);
		begin = now();
		key(sym, true);
		while (!get_update(picture))
			;
		took[i] = now() - begin;
		key(sym, false);
	}
	alarm(0);
	qsort(took, times, sizeof(*took), compare);
	printf("latency_p50_ns %.0f\nlatency_max_ns %.0f\n", took[times / 2] * 1e9, took[times - 1] * 1e9);
	free(took);
	free(picture);
}

static void watch(unsigned int seconds)
{
	uint8_t *picture = calloc((size_t)width * height, 3);
	double begin = now(), end = begin + seconds, pixels = 0;
	unsigned int updates = 0;

	if (!picture)
		die("vnc_send: no memory");
	for (ask_for_picture(true); now() < end;) {
		unsigned int n = readable(100) ? get_update(picture) : 0;

		if (n) {
			ask_for_picture(true);
			pixels += n;
			updates++;
		}
	}
	printf("watched_ns %.0f\nupdates %u\nscreens_milli %.0f\n", (now() - begin) * 1e9, updates,
	       pixels * 1000 / ((double)width * height));
	free(picture);
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
	} else if (!strncmp(action, "picture ", 8)) {
		take_picture(action + 8);
	} else if (sscanf(action, "latency %x %u", &a, &b) == 2) {
		measure_latency(a, b);
	} else if (sscanf(action, "watch %u", &a) == 1) {
		watch(a);
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
