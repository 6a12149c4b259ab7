// SPDX-License-Identifier: GPL-2.0
/*
 * One end of a serial line, at the other a shell of a user VM: how fast is the line,
 * and what does it cost the host on which this runs? Usage:
 *
 *   bench_line PID OUT IN KEYS COMMAND...
 *
 * PID: of the QEMU that is the user VM, or the cloud VM around it. OUT and IN: bytes.
 * COMMAND: its standard input and output are the line. Prints "NAME VALUE" lines.
 * The user VM has guest/l2-bench. What arrives is compared.
 */
#include <dirent.h>
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
#include <x86intrin.h>

#include "../include/child.h"

#define PATIENCE	300	/* seconds without a byte */
#define PAUSE_NS	30000000	/* between two keys: nobody types faster */

static int to, from;
static const char *kvm_pid;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# bench_line: ");
	vprintf(fmt, ap);
	printf("\n");
	exit(1);
}

/* ---- what it costs ---- */

/**
 * struct cost - counters of the host, since it was booted
 * @ns:		CLOCK_MONOTONIC
 * @tsc:	in an emulator that counts instructions: those, idle time included
 * @exits:	of the VM
 * @run:	ns that tasks had the CPU. Ticks do not see what is always done between two of them
 */
struct cost {
	uint64_t ns, tsc, exits, run;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t number_in(const char *path)
{
	unsigned long long n = 0;
	FILE *f = fopen(path, "r");

	if (!f || fscanf(f, "%llu", &n) != 1)
		die("%s: no number", path);
	fclose(f);
	return n;
}

/* A VM's counters are in a folder named PID-FD. */
static uint64_t count_exits(void)
{
	DIR *d = opendir("/sys/kernel/debug/kvm");
	size_t len = strlen(kvm_pid);
	struct dirent *e;
	uint64_t n = 0;
	char path[512];

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, kvm_pid, len) || e->d_name[len] != '-')
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%s/exits", e->d_name);
		n += number_in(path);
	}
	if (!d || !n)
		die("process %s has no VM", kvm_pid);
	closedir(d);
	return n;
}

/* The seventh number of a CPU's line (Documentation/scheduler/sched-stats.rst). */
static uint64_t run_time(void)
{
	FILE *f = fopen("/proc/schedstat", "r");
	unsigned long long run, sum = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "cpu%*u %*u %*u %*u %*u %*u %*u %llu", &run) == 1)
			sum += run;
	if (!f || !sum)
		die("/proc/schedstat");
	fclose(f);
	return sum;
}

static struct cost cost(void)
{
	struct cost c;

	c.exits = count_exits();
	c.run = run_time();
	c.ns = now();
	c.tsc = __rdtsc();
	return c;
}

static void report(const char *name, const struct cost *a, const struct cost *b, uint32_t bytes)
{
	printf("%s_bytes %u\n", name, bytes);
	printf("%s_ns %llu\n", name, (unsigned long long)(b->ns - a->ns));
	printf("%s_tsc %llu\n", name, (unsigned long long)(b->tsc - a->tsc));
	printf("%s_exits %llu\n", name, (unsigned long long)(b->exits - a->exits));
	printf("%s_run_ns %llu\n", name, (unsigned long long)(b->run - a->run));
}

/* ---- the line ---- */

/* Return: bytes that came, at most @max. */
static size_t receive(char *buf, size_t max)
{
	struct pollfd pfd = { .fd = from, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, PATIENCE * 1000) != 1)
		die("nothing came for %u s", PATIENCE);
	n = read(from, buf, max);
	if (n <= 0)
		die("the line was closed");
	return n;
}

/* As much as the line takes, and no waiting for an answer that fills the other way. */
static void transmit(const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(to, p, n);

		if (done <= 0)
			die("the line was closed");
		p += done;
		n -= done;
	}
}

static void say(const char *text)
{
	transmit(text, strlen(text));
}

/* Up to and including @text. What is before it is not kept. Return: what is behind, a number. */
static unsigned long await(const char *text)
{
	size_t len = strlen(text), at = 0;
	char number[32] = "", c;
	unsigned int n = 0;

	while (at < len) {
		receive(&c, 1);
		at = c == text[at] ? at + 1 : c == text[0];
	}
	do {
		receive(&c, 1);
		if (n < sizeof(number) - 1)
			number[n++] = c;
	} while (c != '\n');
	return strtoul(number, NULL, 10);
}

/* The same pattern as in guest/l2-bench. */
static char *pattern(size_t n)
{
	static const char line[] = "abcdefghijklmnopqrstuvwxyz0123456789\n";
	char *p = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = line[i % (sizeof(line) - 1)];
	return p;
}

static void guest(const char *what, unsigned int n)
{
	char line[64];

	snprintf(line, sizeof(line), "bench-line %s %u\r", what, n);
	say(line);
	await("@ready ");
}

static void bench_out(uint32_t bytes)
{
	char *want = pattern(bytes), *got = malloc(bytes);
	struct cost begin, end;
	uint32_t n = 0;

	guest("out", bytes);
	begin = cost();
	say("\n");
	while (n < bytes)
		n += receive(got + n, bytes - n);
	end = cost();
	if (memcmp(want, got, bytes))
		die("out: other bytes than were sent");
	say("\n");
	report("out", &begin, &end, bytes);
	printf("out_irqs %lu\n", await("@irqs "));
}

static void bench_in(uint32_t bytes)
{
	char *data = pattern(bytes);
	struct cost begin, end;

	guest("in", bytes);
	begin = cost();
	transmit(data, bytes);
	await("@got ");
	end = cost();
	if (await("@same "))
		die("in: other bytes than were sent");
	report("in", &begin, &end, bytes);
	printf("in_irqs %lu\n", await("@irqs "));
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void bench_echo(uint32_t keys)
{
	struct pollfd pfd = { .fd = from, .events = POLLIN };
	uint64_t *ns = calloc(keys, sizeof(*ns));
	struct cost begin, end;
	char key = 'k', c;

	guest("echo", keys);
	begin = cost();
	for (uint32_t i = 0; i < keys; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
		/* It would pass for the next key's. */
		if (poll(&pfd, 1, 0))
			die("echo: more came than was typed");
		ns[i] = now();
		transmit(&key, 1);
		receive(&c, 1);
		ns[i] = now() - ns[i];
		if (c != key)
			die("echo: %#x instead of the key", c);
	}
	end = cost();
	report("echo", &begin, &end, keys);
	/* What the same time costs with nobody typing is not the keys'. */
	begin = cost();
	for (uint32_t i = 0; i < keys; i++)
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	end = cost();
	report("pause", &begin, &end, keys);
	printf("echo_irqs %lu\n", await("@irqs "));
	qsort(ns, keys, sizeof(*ns), by_value);
	printf("echo_p50_ns %llu\n", (unsigned long long)ns[keys / 2]);
	printf("echo_p99_ns %llu\n", (unsigned long long)ns[(keys * 99 - 1) / 100]);
}

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc < 6)
		die("see its source");
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	kvm_pid = argv[1];
	pid = child_start(argv + 5, &to, &from);
	if (pid < 0)
		die("%s does not start", argv[5]);
	bench_echo(atoi(argv[4]));
	bench_in(atoi(argv[3]));
	bench_out(atoi(argv[2]));
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return 0;
}
