// SPDX-License-Identifier: GPL-2.0
/*
 * find-bytes PID|FILE TEXT [OTHER]: how often is TEXT in the memory of a process, or in a file? With
 * OTHER, of the same length, that is written in its place. For the lab's machines; busybox has no
 * tool that does not take memory for lines.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK	(1 << 20)

static unsigned char buf[2 * CHUNK];
static const char *other;

/* From @from to @to of @fd; what cannot be read is skipped. */
static unsigned long search(int fd, off_t from, off_t to, const char *text, unsigned long *bytes)
{
	size_t len = strlen(text), kept = 0;
	unsigned long found = 0;

	while (from < to) {
		size_t want = to - from < CHUNK ? to - from : CHUNK;
		ssize_t n = pread(fd, buf + kept, want, from);
		unsigned char *p = buf, *end;

		if (n <= 0) {	/* a page that is not there ends it, or nothing is */
			from = (from + 4096) & ~4095L;
			kept = 0;
			continue;
		}
		from += n;
		*bytes += n;
		end = buf + kept + n;
		while ((p = memmem(p, end - p, text, len))) {
			found++;
			if (other && pwrite(fd, other, len, from - (end - p)) != (ssize_t)len)
				perror("writing");
			p++;
		}
		kept = end - buf < (ssize_t)len - 1 ? end - buf : (ssize_t)len - 1;
		memmove(buf, end - kept, kept);
	}
	return found;
}

static unsigned long search_process(const char *pid, const char *text, unsigned long *bytes)
{
	unsigned long from, to, found = 0;
	char path[64], line[512], perms[8];
	FILE *maps;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "r");
	if (fd < 0 || !maps) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3 && perms[0] == 'r' &&
		    !strstr(line, "[v"))
			found += search(fd, from, to, text, bytes);
	return found;
}

int main(int argc, char **argv)
{
	unsigned long found, bytes = 0;
	int fd;

	if (argc < 3 || argc > 4 || !argv[2][0] || strlen(argv[2]) > CHUNK ||
	    (argc == 4 && strlen(argv[2]) != strlen(argv[3]))) {
		fprintf(stderr, "find-bytes PID|FILE TEXT [OTHER]\n");
		return 1;
	}
	other = argc == 4 ? argv[3] : NULL;
	if (strspn(argv[1], "0123456789") == strlen(argv[1])) {
		found = search_process(argv[1], argv[2], &bytes);
	} else {
		fd = open(argv[1], other ? O_RDWR : O_RDONLY);
		if (fd < 0) {
			perror(argv[1]);
			return 1;
		}
		found = search(fd, 0, lseek(fd, 0, SEEK_END), argv[2], &bytes);
	}
	printf("%lu in %lu MiB\n", found, bytes >> 20);
	return 0;
}
