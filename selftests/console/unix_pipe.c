// SPDX-License-Identifier: GPL-2.0
/* Standard input and output on a UNIX socket, as nc -U, which busybox has not. */
#include <err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Return: 0 at the end of what @from has. */
static int pass(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf)), done = 0, more;

	if (n < 0)
		err(1, "read");
	for (; done < n; done += more) {
		more = write(to, buf + done, (size_t)(n - done));
		if (more < 0)
			err(1, "write");
	}
	return n > 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

	if (argc != 2 || strlen(argv[1]) >= sizeof(addr.sun_path))
		errx(2, "give the path of a socket");
	strcpy(addr.sun_path, argv[1]);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		err(1, "%s", argv[1]);
	while (poll(fds, 2, -1) >= 0) {
		if (fds[0].revents && !pass(fd, 1))
			return 0;
		if (fds[1].revents && !pass(0, fd))
			fds[1].fd = -1;
	}
	err(1, "poll");
}
