/* SPDX-License-Identifier: GPL-2.0 */
/* A command whose standard input and output are ours to write and to read. */
#ifndef VSB_SELFTESTS_CHILD_H
#define VSB_SELFTESTS_CHILD_H

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/**
 * child_start - start it; it ends with us
 * @argv: NULL-terminated, looked for in PATH
 * @to: its standard input
 * @from: its standard output
 *
 * Return: its process, or -1 and errno.
 */
static inline pid_t child_start(char *const argv[], int *to, int *from)
{
	int in[2], out[2];
	pid_t child;

	if (pipe(in) || pipe(out))
		return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execvp(*argv, argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*to = in[1];
	*from = out[0];
	return child;
}

#endif
