// SPDX-License-Identifier: GPL-2.0
/*
 * vsb-identify: a user VM proves to its host who it is, and the host to it. Runs in
 * the user VM, as root; needs nothing but two I/O ports, a key and random numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <linux/vsbypass_identity.h>

#include "identify.h"
#include "key-file.h"

#define DEFAULT_KEY	"/etc/vsbypass/identity.key"
#define TRIES		5

enum { STATUS_PROVED, STATUS_FAILED, STATUS_USAGE, STATUS_ABSENT };

static void help(void)
{
	printf("Usage: vsb-identify [OPTION...]\n\n"
	       "Proves to the host of this VM who it is, and checks that it is the host that\n"
	       "answers. To be run in the VM, as root, at each start.\n\n"
	       "  -k, --key=FILE   key that 'vsbctl key' has made on the host\n"
	       "                   (default " DEFAULT_KEY ")\n"
	       "  -p, --port=PORT  first of the host's two I/O ports (default 0x%x)\n"
	       "  -r, --renew=SECONDS  prove it every so often, until ended; the host believes\n"
	       "                   each proof for twice that time or a little more (1 to 16384)\n"
	       "  -q, --quiet      say nothing unless something is wrong\n"
	       "  -h, --help       show this\n\n"
	       "Exit status: 0 proved, 1 not proved, 2 wrong command line, 3 no host is at\n"
	       "these ports.\n", VSB_ID_PORT);
}

/* The two ports: by /dev/port, or by instructions of our own if @dev is -1. */
struct access {
	unsigned int base;
	int dev;
};

static void dev_failed(void)
{
	fprintf(stderr, "vsb-identify: /dev/port: %s\n", strerror(errno));
	exit(STATUS_FAILED);
}

static uint8_t port_in(unsigned int port, void *data)
{
	const struct access *access = data;
	uint8_t value;

	if (access->dev < 0)
		return inb((unsigned short)(access->base + port));
	if (pread(access->dev, &value, 1, (off_t)access->base + port) != 1)
		dev_failed();
	return value;
}

static void port_out(unsigned int port, uint8_t value, void *data)
{
	const struct access *access = data;

	if (access->dev < 0)
		outb(value, (unsigned short)(access->base + port));
	else if (pwrite(access->dev, &value, 1, (off_t)access->base + port) != 1)
		dev_failed();
}

/*
 * ioperm() is enough on real CPUs. An I/O instruction of user space takes the CPU to
 * the bitmap in the TSS, though, which TCG refuses in a guest of SVM (helper_check_io()
 * takes a busy TSS for none): so the kernel's own instructions first, if it has /dev/port.
 */
static bool open_ports(struct access *access)
{
	access->dev = open("/dev/port", O_RDWR | O_CLOEXEC);
	return access->dev >= 0 || !ioperm(access->base, VSB_ID_NR_PORTS, 1);
}

/* Another vsb-identify may be at the ports, or we were stopped for long: try again. */
static enum identify_result try(const struct identify_ports *ports, const struct key *key,
				uint8_t how_long)
{
	enum identify_result result = IDENTIFY_CONFUSED;
	uint8_t nonce[VSB_ID_NONCE];

	for (int i = 0; i < TRIES; i++) {
		if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce)) {
			fprintf(stderr, "vsb-identify: no random numbers: %s\n", strerror(errno));
			exit(STATUS_FAILED);
		}
		result = identify(ports, key, nonce, how_long);
		if (result != IDENTIFY_CONFUSED && result != IDENTIFY_REFUSED)
			break;
		usleep(20000u + nonce[0] * 1000u);
	}
	return result;
}

static int report(enum identify_result result, const char *name, unsigned int port, bool quiet)
{
	const char *why = "?";

	switch (result) {
	case IDENTIFY_PROVED:
		if (!quiet)
			printf("vsb-identify: proved to the host: this is '%s'\n", name);
		return STATUS_PROVED;
	case IDENTIFY_ABSENT:
		fprintf(stderr, "vsb-identify: no VSBypass host answers at port 0x%x: it has no "
			"key for a VM here, or this host does not have VSBypass\n", port);
		return STATUS_ABSENT;
	case IDENTIFY_UNKNOWN:
		why = "the host does not serve this VM under that name, or has no key for it; "
		      "'vsbctl status' there shows what it has";
		break;
	case IDENTIFY_WRONG_HOST:
		why = "who answers does not have our key: another key was made there since, or "
		      "it is not the host; it was told nothing";
		break;
	case IDENTIFY_REFUSED:
		why = "the host has our key, but did not accept the proof: it came too late, "
		      "each time";
		break;
	case IDENTIFY_CONFUSED:
		why = "what answers is no VSBypass host, or another program is at its ports";
		break;
	}
	fprintf(stderr, "vsb-identify: '%s' is not proved: %s\n", name, why);
	return STATUS_FAILED;
}

static bool parse_port(const char *text, unsigned int *port)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || end == text || *end || text[0] == '-' || value > 0x10000 - VSB_ID_NR_PORTS)
		return false;
	*port = (unsigned int)value;
	return true;
}

/* The least power of two that is twice @seconds or more. */
static uint8_t how_long(unsigned int seconds)
{
	uint8_t n = 0;

	while (1u << n < 2 * seconds)
		n++;
	return n;
}

static bool parse_renew(const char *text, unsigned int *seconds)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || !value ||
	    value > (1ul << VSB_ID_MOST_FOR) / 2)
		return false;
	*seconds = (unsigned int)value;
	return true;
}

/* The key is in memory for the time of a proof, not in between. Return: exit status. */
static int prove_once(const struct identify_ports *ports, const char *path,
		      unsigned int renew, unsigned int port, bool quiet)
{
	const char *why;
	struct key key;
	enum identify_result result;

	why = key_file_read(AT_FDCWD, path, &key);
	if (why) {
		fprintf(stderr, "vsb-identify: key file %s: %s\n", path, why);
		return STATUS_FAILED;
	}
	result = try(ports, &key, renew ? how_long(renew) : IDENTIFY_FOR_EVER);
	explicit_bzero(key.bytes, sizeof(key.bytes));
	return report(result, key.name, port, quiet);
}

/* Says what has changed, and each failure. Does not return. */
static void prove_again(const struct identify_ports *ports, const char *path,
			unsigned int renew, unsigned int port, bool quiet)
{
	int status = STATUS_FAILED;

	for (;;) {
		status = prove_once(ports, path, renew, port, quiet || status == STATUS_PROVED);
		fflush(stdout);
		sleep(renew);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "port", required_argument, NULL, 'p' },
		{ "renew", required_argument, NULL, 'r' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct access access = { .base = VSB_ID_PORT };
	const struct identify_ports ports = { port_in, port_out, &access };
	const char *path = DEFAULT_KEY;
	unsigned int renew = 0;
	bool quiet = false;
	int option;

	while ((option = getopt_long(argc, argv, "k:p:r:qh", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			path = optarg;
			break;
		case 'p':
			if (parse_port(optarg, &access.base))
				break;
			fprintf(stderr, "vsb-identify: --port %s: a port is from 0 to 0xfffe\n",
				optarg);
			return STATUS_USAGE;
		case 'r':
			if (parse_renew(optarg, &renew))
				break;
			fprintf(stderr, "vsb-identify: --renew %s: seconds, from 1 to %u\n",
				optarg, (1u << VSB_ID_MOST_FOR) / 2);
			return STATUS_USAGE;
		case 'q':
			quiet = true;
			break;
		case 'h':
			help();
			return STATUS_PROVED;
		default:
			fprintf(stderr, "vsb-identify: see vsb-identify --help\n");
			return STATUS_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vsb-identify: unexpected argument '%s'; see vsb-identify --help\n",
			argv[optind]);
		return STATUS_USAGE;
	}
	/* Not fatal: in an initramfs there is no swap anyway. */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	if (!open_ports(&access)) {
		fprintf(stderr, "vsb-identify: no access to I/O ports: %s; %s\n", strerror(errno),
			geteuid() ? "run as root" : "is the kernel locked down?");
		return STATUS_FAILED;
	}
	if (renew)
		prove_again(&ports, path, renew, access.base, quiet);
	return prove_once(&ports, path, 0, access.base, quiet);
}
