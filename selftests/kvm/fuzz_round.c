// SPDX-License-Identifier: GPL-2.0
/* A round: draws steps and hands them to workers, some of which it kills; see fuzz.h. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "cloud.h"
#include "fuzz.h"
#include "fuzz_round.h"
#include "module.h"
#include "proxy.h"
#include "tap.h"

#define STEPS	400

/* What the sender does itself. */
enum { OP_KILL = NR_FUZZ_OPS, OP_STOP, OP_RMMOD, NR_ALL };

static const uint32_t weights[NR_ALL] = {
	[OP_OPEN] = 3, [OP_NEW_VM] = 6, [OP_CREATE_CLOUD] = 8, [OP_CREATE_PROXY] = 16,
	[OP_CLOUD_CALL] = 16, [OP_PROXY_CALL] = 14, [OP_MEMORY_CALL] = 14, [OP_ANY_CALL] = 6,
	[OP_READ] = 6, [OP_RUN] = 20, [OP_LINE] = 8, [OP_CLOSE] = 5, [OP_DUP] = 3, [OP_GIVE] = 5,
	[OP_FORK] = 1, [OP_KILL] = 1, [OP_STOP] = 1, [OP_RMMOD] = 1,
};

/*
 * Errors that there are, of whatever call. Not among them: what only the kernel knows
 * (ERESTARTSYS and above), EPERM, EFAULT of a good pointer.
 */
static const int errors[] = {
	0, EBADF, EINVAL, EFAULT, ENOTTY, EBUSY, ESRCH, ENODEV, EIO, EINTR, EAGAIN, EEXIST, ENOSPC,
	EALREADY, ENOENT, ENOMEM, EMFILE, EOPNOTSUPP, ETIMEDOUT, ELOOP, ENXIO, ESPIPE, ENOSYS,
};

static struct worker {
	pid_t pid;
	int sock;
	bool busy;	/* an answer is to come */
	bool stopped;
} workers[FUZZ_WORKERS];

static uint64_t state, round_seed;
static pid_t crowd;	/* of the cloud VM that has user VMs */
static struct fuzz_count *count;

static uint32_t below(uint32_t n)
{
	return fuzz_rnd(&state) % n;
}

/* ---- a cloud VM whose user VMs make accesses all the time ---- */

static void draw_ops(struct op *ops, uint32_t n, uint64_t *rnd)
{
	static const uint16_t ports[] = { COM1, 0x2f8, PLAIN, 0x60, 0x64, 0xe9, 0xfffc };

	for (uint32_t i = 0; i < n; i++) {
		uint64_t r = fuzz_rnd(rnd);

		ops[i] = (struct op){
			.kind = r & 1 ? OP_OUT : OP_IN,
			.port = ports[(r >> 8) % 7] + (r >> 16) % (ports[(r >> 8) % 7] == COM1 ? 8 : 3),
			.size = 1 << (r >> 24) % 3,
			.value = r >> 32,
		};
	}
}

static void __attribute__((noreturn)) crowd_main(int sock, uint64_t rnd)
{
	struct op ops[16];
	struct cloud *c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may be made a proxy, or lose its descriptor: its end is none of ours. */
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(1);
	c = cloud_new_with(1, 3);
	if (fuzz_send(sock, &rnd, sizeof(rnd), c->vm->fd))
		_exit(1);
	for (;;) {
		uint32_t n = 1 + fuzz_rnd(&rnd) % 16;

		draw_ops(ops, n, &rnd);
		l2_run(c, fuzz_rnd(&rnd) % 3, ops, n);
	}
}

static int crowd_begin(void)
{
	uint64_t rnd = round_seed ^ 0xc10bd;
	int pair[2], vm;

	OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	crowd = OK(fork());
	if (!crowd)
		crowd_main(pair[1], rnd);
	close(pair[1]);
	if (fuzz_recv(pair[0], &rnd, sizeof(rnd), &vm) || vm < 0)
		FAIL("no cloud VM");
	close(pair[0]);
	return vm;
}

/* ---- workers ---- */

static void worker_new(struct worker *w, int vm)
{
	int pair[2];

	OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	fflush(stdout);
	w->pid = OK(fork());
	if (!w->pid) {
		/* its end shows when there is no other holder */
		for (uint32_t i = 0; i < FUZZ_WORKERS; i++)
			if (&workers[i] != w && workers[i].pid)
				close(workers[i].sock);
		close(pair[0]);
		fuzz_worker(pair[1], vm);
	}
	close(pair[1]);
	*w = (struct worker){ .pid = w->pid, .sock = pair[0] };
}

/* It ends, whatever it is in. */
static void worker_kill(struct worker *w)
{
	int status;

	kill(w->pid, SIGKILL);
	WAIT_FOR(waitpid(w->pid, &status, WNOHANG) == w->pid);
	close(w->sock);
}

/* Its answer; @fd: -1, or what came along. */
static struct fuzz_answer worker_hear(struct worker *w, int *fd)
{
	struct pollfd p = { .fd = w->sock, .events = POLLIN };
	struct fuzz_answer a;

	if (OK(poll(&p, 1, TAP_PATIENCE * 1000)) != 1)
		FAIL("a worker does not answer");
	if (fuzz_recv(w->sock, &a, sizeof(a), fd))
		FAIL("a worker has ended");
	w->busy = false;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (a.err == errors[i]) {
			count->calls[a.op] += !a.err;
			return a;
		}
	FAIL("step %u: error %d (%s)", a.op, a.err, strerror(a.err));
}

static void worker_ready(struct worker *w)
{
	int fd;

	if (w->stopped)
		kill(w->pid, SIGCONT);
	w->stopped = false;
	if (w->busy) {
		worker_hear(w, &fd);
		close(fd);
	}
}

static void worker_ask(struct worker *w, uint32_t op, uint32_t kind, int fd)
{
	struct fuzz_step step = { .op = op, .kind = kind, .rnd = fuzz_rnd(&state) };

	worker_ready(w);
	if (fuzz_send(w->sock, &step, sizeof(step), fd))
		FAIL("a worker is not there: %s", strerror(errno));
	w->busy = true;
}

/* ---- steps ---- */

static void give(struct worker *from, struct worker *to)
{
	struct fuzz_answer a;
	int fd;

	worker_ask(from, OP_GIVE, 0, -1);
	a = worker_hear(from, &fd);
	if (fd < 0)
		return;
	worker_ask(to, OP_TAKE, a.kind, fd);
	close(fd);
}

/* @to becomes a child of @from. */
static void fork_worker(struct worker *from, struct worker *to)
{
	struct fuzz_answer a;
	int pair[2], fd;

	if (from == to)
		return;
	OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	worker_ask(from, OP_FORK, 0, pair[1]);
	close(pair[1]);
	a = worker_hear(from, &fd);
	if (a.ret < 0) {
		close(pair[0]);
		return;
	}
	worker_kill(to);
	*to = (struct worker){ .pid = a.ret, .sock = pair[0] };
}

static void step(int vm)
{
	struct worker *w = &workers[below(FUZZ_WORKERS)], *other = &workers[below(FUZZ_WORKERS)];
	uint32_t all = 0, op = 0, at;
	int fd;

	for (uint32_t i = 0; i < NR_ALL; i++)
		all += weights[i];
	for (at = below(all); at >= weights[op]; op++)
		at -= weights[op];
	switch (op) {
	case OP_GIVE:
		give(w, other);
		return;
	case OP_FORK:
		fork_worker(w, other);
		return;
	case OP_KILL:
		worker_kill(w);
		worker_new(w, vm);
		return;
	case OP_STOP:
		kill(w->pid, SIGSTOP);
		w->stopped = true;
		return;
	case OP_RMMOD:
		if (!module_unload())
			OK(module_load());
		else if (errno != EAGAIN && errno != EBUSY)
			FAIL("rmmod: %s", strerror(errno));
		return;
	}
	worker_ask(w, op, 0, -1);
	/* or others go on meanwhile */
	if (below(4)) {
		worker_hear(w, &fd);
		close(fd);
	}
}

void fuzz_round(uint64_t seed, bool uservms, struct fuzz_count *c)
{
	int vm = -1, status;

	state = round_seed = seed;
	count = c;
	/* of the cloud VM, whose process is killed */
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	if (uservms)
		vm = crowd_begin();
	memset(workers, 0, sizeof(workers));
	for (uint32_t i = 0; i < FUZZ_WORKERS; i++)
		worker_new(&workers[i], vm);
	for (uint32_t i = 0; i < STEPS; i++)
		step(vm);
	for (uint32_t i = 0; i < FUZZ_WORKERS; i++)
		worker_kill(&workers[i]);
	if (uservms) {
		kill(crowd, SIGKILL);
		WAIT_FOR(waitpid(crowd, &status, WNOHANG) == crowd);
		close(vm);
	}
	while (waitpid(-1, &status, 0) > 0)
		;
	/* It has let go of all: the last reference may be dropped in a thread of its own. */
	WAIT_FOR(!module_unload());
	OK(module_load());
	count->rounds++;
	count->steps += STEPS;
}
