// SPDX-License-Identifier: GPL-2.0
/*
 * Talks with a micro guest (words.h) over a console, and compares each byte. Usage:
 *
 *   talk NUMBER OUT IN COMMAND...
 *
 * NUMBER: who it has to be. It says OUT lines, and IN lines are typed to it, each with an echo.
 * COMMAND: its standard input and output are the console. Prints "talk OUT IN P50 P99": bytes
 * that came and were typed, milliseconds of a line's echo.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../include/child.h"
#include "words.h"

#define PATIENCE_MS	300000	/* without a byte */
#define AHEAD		4	/* lines that have no echo yet */
#define TYPED		40	/* bytes of a line, behind its number */

static unsigned int number, outs, ins;	/* wanted */
static unsigned int said, echoed, typed;
static unsigned long long bytes_out, bytes_in;
static uint64_t *sent;		/* when */
static uint64_t *took;
static pid_t child;
static int to, from;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("talk: %u of %u lines, %u of %u echoes: ", said, outs, echoed, ins);
	vprintf(fmt, ap);
	printf("\n");
	if (child > 0)
		kill(child, SIGTERM);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

static uint8_t one_of(unsigned int n)
{
	return WORDS_FIRST + n % WORDS_RANGE;
}

/* Line N that is typed, without its end; return: length. */
static size_t typed_line(unsigned int n, uint8_t *line)
{
	size_t len = sprintf((char *)line, "%06u ", n);

	for (unsigned int i = 0; i < TYPED; i++)
		line[len++] = one_of(n * 31 + i * i + number);
	return len;
}

static size_t said_line(unsigned int n, uint8_t *line)
{
	size_t len = sprintf((char *)line, "o %04x ", n);

	for (unsigned int i = 0; i < WORDS_BYTES; i++)
		line[len++] = one_of(n % WORDS_RANGE + i);
	return len;
}

static void type_some(void)
{
	uint8_t line[256];

	while (typed < ins && typed < echoed + AHEAD) {
		size_t len = typed_line(typed, line);

		line[len++] = '\n';
		sent[typed++] = now_us();
		for (size_t at = 0; at < len;) {
			ssize_t n = write(to, line + at, len - at);

			if (n < 0 && errno != EINTR)
				die("typing: %s", strerror(errno));
			at += n < 0 ? 0 : n;
		}
		bytes_in += len;
	}
}

static bool is(const uint8_t *line, size_t len, const uint8_t *wanted, size_t wanted_len)
{
	return len == wanted_len && !memcmp(line, wanted, len);
}

static void show(const char *what, const uint8_t *line, size_t len)
{
	printf("talk: %s", what);
	for (size_t i = 0; i < len; i++)
		printf(line[i] >= 0x20 && line[i] < 0x7f ? "%c" : "\\x%02x", line[i]);
	printf("\n");
}

/* A whole line, without "\r\n". */
static void judge(const uint8_t *line, size_t len)
{
	uint8_t hi[16], o[128], e[256] = "e ";
	size_t hi_len = snprintf((char *)hi, sizeof(hi), "hi %04u", number);
	size_t o_len = said_line(said, o), e_len = 2 + typed_line(echoed, e + 2);

	if (!echoed && is(line, len, hi, hi_len)) {
		type_some();
		return;
	}
	if (echoed < typed && is(line, len, e, e_len)) {
		took[echoed] = now_us() - sent[echoed];
		echoed++;
		type_some();
		return;
	}
	if (echoed && is(line, len, o, o_len)) {
		said++;
		return;
	}
	show("came:   ", line, len);
	show("wanted: ", hi, hi_len);
	show("or:     ", e, e_len);
	show("or:     ", o, o_len);
	die("a line that is none of these");
}

static void listen_all(void)
{
	static uint8_t buf[8192];
	size_t have = 0;
	bool first = true;	/* the first line may have begun before us */

	while (said < outs || echoed < ins) {
		struct pollfd p = { .fd = from, .events = POLLIN };
		uint8_t *end;
		ssize_t n;

		if (poll(&p, 1, PATIENCE_MS) == 0)
			die("no byte for %u s", PATIENCE_MS / 1000);
		n = read(from, buf + have, sizeof(buf) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("the console has ended");
		have += n;
		bytes_out += n;
		while ((end = memchr(buf, '\n', have))) {
			size_t len = end - buf + 1;

			if (!first) {
				if (len < 2 || end[-1] != '\r')
					die("a line without CR");
				judge(buf, len - 2);
			}
			first = false;
			have -= len;
			memmove(buf, end + 1, have);
		}
		if (have == sizeof(buf))
			die("a line without end");
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	if (argc < 5 || atoi(argv[3]) < 1) {
		fprintf(stderr, "usage: talk NUMBER OUT IN COMMAND...\n");
		return 2;
	}
	number = atoi(argv[1]);
	outs = atoi(argv[2]);
	ins = atoi(argv[3]);
	sent = calloc(ins, sizeof(*sent));
	took = calloc(ins, sizeof(*took));
	signal(SIGPIPE, SIG_IGN);
	child = child_start(argv + 4, &to, &from);
	if (child < 0)
		die("%s: %s", argv[4], strerror(errno));
	listen_all();
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	qsort(took, ins, sizeof(*took), compare);
	printf("talk %llu %llu %llu %llu\n", bytes_out, bytes_in, (unsigned long long)took[ins / 2] / 1000,
	       (unsigned long long)took[ins - 1 - ins / 100] / 1000);
	return 0;
}
