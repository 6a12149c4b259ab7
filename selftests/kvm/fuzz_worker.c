// SPDX-License-Identifier: GPL-2.0
/* A process with descriptors, which does what it is told; see fuzz.h. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "fuzz.h"
#include "tap.h"
#include "vsb.h"

struct slot {
	int fd;
	enum fuzz_kind kind;
};

static struct slot slots[FUZZ_SLOTS];
static uint64_t seed;		/* of this step */

uint64_t fuzz_rnd(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);		/* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint32_t below(uint32_t n)
{
	return fuzz_rnd(&seed) % n;
}

static bool one_in(uint32_t n)
{
	return !below(n);
}

int fuzz_send(int sock, const void *data, uint32_t len, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == len ? 0 : -1;
}

int fuzz_recv(int sock, void *data, uint32_t len, int *fd)
{
	char control[CMSG_SPACE(sizeof(*fd))] = { 0 };
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	*fd = -1;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != len)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return 0;
}

/* ---- slots ---- */

static struct slot *any_slot(void)
{
	return &slots[below(FUZZ_SLOTS)];
}

/* One of that kind if there is one; sometimes any. */
static struct slot *slot_of(enum fuzz_kind kind)
{
	uint32_t from = below(FUZZ_SLOTS);

	if (!one_in(12))
		for (uint32_t i = 0; i < FUZZ_SLOTS; i++) {
			struct slot *s = &slots[(from + i) % FUZZ_SLOTS];

			if (s->kind == kind)
				return s;
		}
	return &slots[from];
}

/* Those that stay: the VM that has user VMs, and the device. */
enum { SLOT_VM, SLOT_DEV, NR_KEPT };

/* Into a free slot; if there is none in place of one. */
static int keep(int fd, enum fuzz_kind kind)
{
	uint32_t at = NR_KEPT + below(FUZZ_SLOTS - NR_KEPT);

	if (fd < 0)
		return fd;
	for (uint32_t i = NR_KEPT; i < FUZZ_SLOTS; i++)
		if (slots[i].kind == KIND_NONE)
			at = i;
	if (slots[at].kind != KIND_NONE)
		close(slots[at].fd);
	slots[at] = (struct slot){ fd, kind };
	return fd;
}

/* ---- steps ---- */

static void *bad_or(void *good)
{
	return one_in(24) ? (void *)8 : good;
}

static uint32_t few_bits(void)
{
	return one_in(8) ? fuzz_rnd(&seed) : below(8);
}

/* A byte of it is another one. */
static void spoil(void *data, uint32_t len)
{
	if (one_in(12))
		((uint8_t *)data)[below(len)] ^= 1 << below(8);
}

static int do_new_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	close(kvm);
	if (vm < 0)
		return -1;
	if (!one_in(8))
		ioctl(vm, KVM_CREATE_IRQCHIP, 0);
	for (uint32_t i = 0, n = below(3); i < n; i++)
		keep(ioctl(vm, KVM_CREATE_VCPU, i), KIND_VCPU);
	return keep(vm, KIND_VM);
}

static void draw_ranges(struct vsb_create_proxy *p)
{
	static const struct vsb_range known[] = {
		{ 0x3f8, 0x3ff, VSB_DEV_16550, 0 }, { 0x2f8, 0x2ff, VSB_DEV_16550, 0 },
		{ 0x60, 0x60, VSB_DEV_I8042, 0 }, { 0x64, 0x64, VSB_DEV_I8042, 0 },
		{ 0x5c0, 0x5c7, VSB_DEV_PLAIN, 0 }, { 0xe9, 0xe9, VSB_DEV_DEBUGCON, 0 },
		{ 0xffff, 0xffff, VSB_DEV_PLAIN, 0 }, { 0, 0xffff, VSB_DEV_PLAIN, 0 },
	};

	p->nr_ranges = one_in(24) ? few_bits() : below(5);
	for (uint32_t i = 0; i < p->nr_ranges && i < VSB_MAX_RANGES; i++)
		p->ranges[i] = known[one_in(16) ? below(8) : i * 2 % 6 + below(2)];
}

static int create_proxy(int cloud)
{
	struct vsb_create_proxy p = {
		.vm_fd = one_in(4) ? slot_of(KIND_VM)->fd : do_new_vm(),
		.flags = one_in(16) ? few_bits() : below(4),
		.timeout_ms = one_in(16) ? few_bits() : 1 + below(40),
		.veil_mib = one_in(4) ? 1 + below(4) : 0,
	};

	/* It would take its user VMs away. */
	if (p.vm_fd == slots[SLOT_VM].fd && !one_in(16))
		return 0;
	if (one_in(4)) {
		p.flags |= VSB_PROXY_RESTS;
		p.vm_fd = -1;
	}
	memcpy(p.name, "vm0", 4);
	p.name[2] += below(4);
	draw_ranges(&p);
	spoil(&p, sizeof(p));
	return keep(ioctl(cloud, VSB_CREATE_PROXY, bad_or(&p)), KIND_PROXY);
}

static int do_create_cloud(void)
{
	struct vsb_create_cloud c = {
		.vm_fd = slots[SLOT_VM].fd,
		.flags = below(2),
		.unclaimed = below(2),
	};
	int fd;

	if (c.vm_fd < 0 || one_in(4))
		c.vm_fd = slot_of(KIND_VM)->fd;
	spoil(&c, sizeof(c));
	fd = keep(ioctl(slot_of(KIND_DEV)->fd, VSB_CREATE_CLOUD, bad_or(&c)), KIND_CLOUD);
	/* All at once, as vsbypassd does it: else few user VMs would ever be bound. */
	if (fd >= 0 && one_in(2)) {
		create_proxy(fd);
		create_proxy(fd);
		vsb_start(fd);
	}
	return fd;
}

static int do_cloud_call(void)
{
	struct vsb_uservm u = { .index = below(4) };
	int fd = slot_of(KIND_CLOUD)->fd;
	uint32_t bits = few_bits();

	switch (below(8)) {
	case 0:
	case 1:
		return vsb_start(fd);
	case 2:
		return ioctl(fd, VSB_SET_ON_CLOSE, bad_or(&bits));
	case 3:
		return ioctl(fd, VSB_FREEZE, one_in(16) ? bits : below(20));
	case 4:
		return ioctl(fd, VSB_COUNT_UNBOUND, one_in(16));
	case 5:
	case 6:
		return ioctl(fd, VSB_SET_IRQ, bad_or(&bits));
	default:
		spoil(&u, sizeof(u));
		return ioctl(fd, VSB_GET_USERVM, bad_or(&u));
	}
}

static int set_vm(int proxy)
{
	int vm = one_in(4) ? slot_of(KIND_VM)->fd : do_new_vm();

	/* As above. */
	if (vm == slots[SLOT_VM].fd && !one_in(16))
		return 0;
	return ioctl(proxy, VSB_SET_VM, (long)vm);
}

static int do_proxy_call(void)
{
	struct vsb_key key = { .key = { below(3) } };
	struct vsb_uservm u = { 0 };
	int fd = slot_of(KIND_PROXY)->fd;

	switch (below(9)) {
	case 8:
		return set_vm(fd);
	case 0:
		return ioctl(fd, VSB_UNBIND, one_in(16));
	case 1:
		spoil(&key, sizeof(key));
		return ioctl(fd, VSB_SET_KEY, bad_or(&key));
	case 2:
		return ioctl(fd, VSB_REPORT_ALL, one_in(16));
	case 3:
		return ioctl(fd, VSB_GIVE_BACK, one_in(16));
	case 4:
		return ioctl(fd, VSB_GET_USERVM, bad_or(&u));
	default:
		return keep(ioctl(fd, VSB_GET_MEMORY, one_in(16)), KIND_MEMORY);
	}
}

static int do_memory_call(void)
{
	struct vsb_vcpu_state v = { .index = below(3) };
	struct vsb_memory_info info = { 0 };
	static char buf[64 * 1024];
	int fd = slot_of(KIND_MEMORY)->fd;
	uint64_t at = one_in(4) ? fuzz_rnd(&seed) >> below(64) : below(1 << 20);

	switch (below(8)) {
	case 0:
		spoil(&info, sizeof(info));
		return ioctl(fd, VSB_GET_MEMORY_INFO, bad_or(&info));
	case 1:
	case 2:
		return ioctl(fd, VSB_STOP, one_in(16) ? few_bits() : below(30));
	case 3:
		spoil(&v, sizeof(v));
		return ioctl(fd, VSB_GET_VCPU, bad_or(&v));
	case 4:
		return lseek(fd, at, below(6)) < 0 ? -1 : 0;
	case 5:
		return read(fd, bad_or(buf), below(sizeof(buf)));
	default:
		return pread(fd, bad_or(buf), below(sizeof(buf)), at);
	}
}

/* Every number of ours, and others, on every kind. */
static int do_any_call(void)
{
	static char buf[16384];
	uint32_t size = one_in(2) ? below(sizeof(buf)) : 0;
	int fd = any_slot()->fd;

	for (uint32_t i = 0; i < sizeof(struct vsb_create_proxy); i++)
		buf[i] = one_in(4) ? fuzz_rnd(&seed) : 0;
	/* Not those of KVM: it is not what is tried here. */
	return ioctl(fd, _IOC(below(4), VSB_IOC, below(0x40), size), one_in(2) ? buf : NULL);
}

static int do_read(void)
{
	struct slot *s = slot_of(KIND_PROXY);
	struct pollfd p = { .fd = s->fd, .events = POLLIN | POLLPRI | POLLOUT };
	struct vsb_event e[4];

	if (s->kind == KIND_OTHER)
		return 0;
	if (one_in(2))
		return poll(&p, 1, below(10));
	if (one_in(2))
		fcntl(s->fd, F_SETFL, O_NONBLOCK);
	return read(s->fd, bad_or(e), below(sizeof(e) + 1));
}

/* A vCPU of a proxy waits for accesses, and gives an answer if there is one. */
static int do_run(void)
{
	int fd = slot_of(KIND_VCPU)->fd, ret = 0;
	struct kvm_run *run = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (run == MAP_FAILED)
		return -1;
	run->immediate_exit = one_in(16);
	for (uint32_t i = 0, n = 1 + below(50); i < n && !ret; i++) {
		ret = ioctl(fd, KVM_RUN, 0);
		if (!ret && run->exit_reason != KVM_EXIT_IO)
			break;
		/* as a VMM that is not a good one */
		if (!ret && one_in(4))
			memset((char *)run + run->io.data_offset % 8192, below(256), 8);
	}
	munmap(run, 2 * 4096);
	return ret;
}

static int do_line(void)
{
	struct kvm_irq_level l = { .irq = one_in(8) ? below(30) : 3 + below(2), .level = below(2) };

	return ioctl(slot_of(KIND_VM)->fd, one_in(4) ? KVM_IRQ_LINE_STATUS : KVM_IRQ_LINE, &l);
}

static int do_close(void)
{
	struct slot *s = any_slot();

	if (s < &slots[NR_KEPT] || s->kind == KIND_NONE)
		return 0;
	close(s->fd);
	*s = (struct slot){ -1, KIND_NONE };
	return 0;
}

static int do_dup(void)
{
	struct slot s = *any_slot();

	return s.kind == KIND_NONE ? 0 : keep(dup(s.fd), s.kind);
}

/*
 * The call is interrupted then, and those behind it again and again: a short one that does not
 * wait mostly comes to its end.
 */
static void interrupt_after(uint32_t us)
{
	struct itimerval in = { { 0, FUZZ_TICK_US }, { us / 1000000, us % 1000000 } };

	setitimer(ITIMER_REAL, &in, NULL);
}

static int act(uint32_t op)
{
	interrupt_after(one_in(16) ? 1 + below(2000) : op == OP_RUN || op == OP_READ ? FUZZ_TICK_US :
			FUZZ_LONG_US);
	switch (op) {
	case OP_OPEN:
		return keep(vsb_open(), KIND_DEV);
	case OP_NEW_VM:
		return do_new_vm();
	case OP_CREATE_CLOUD:
		return do_create_cloud();
	case OP_CREATE_PROXY:
		return create_proxy(slot_of(KIND_CLOUD)->fd);
	case OP_CLOUD_CALL:
		return do_cloud_call();
	case OP_PROXY_CALL:
		return do_proxy_call();
	case OP_MEMORY_CALL:
		return do_memory_call();
	case OP_ANY_CALL:
		return do_any_call();
	case OP_READ:
		return do_read();
	case OP_RUN:
		return do_run();
	case OP_LINE:
		return do_line();
	case OP_CLOSE:
		return do_close();
	case OP_DUP:
		return do_dup();
	}
	return 0;
}

/* ---- the process ---- */

static void tick(int sig)
{
	(void)sig;
}

static void start(int *sock, int new_sock)
{
	struct sigaction sa = { .sa_handler = tick };

	*sock = new_sock;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* without SA_RESTART */
	sigaction(SIGALRM, &sa, NULL);
}

void fuzz_worker(int sock, int vm)
{
	struct fuzz_answer answer;
	struct fuzz_step step;
	struct slot *s;
	int fd;

	for (uint32_t i = 0; i < FUZZ_SLOTS; i++)
		slots[i] = (struct slot){ -1, KIND_NONE };
	slots[SLOT_VM] = (struct slot){ vm, KIND_VM };
	slots[SLOT_DEV] = (struct slot){ vsb_open(), KIND_DEV };
	start(&sock, sock);
	while (!fuzz_recv(sock, &step, sizeof(step), &fd)) {
		seed = step.rnd;
		answer = (struct fuzz_answer){ .op = step.op };
		errno = 0;
		if (step.op == OP_TAKE) {
			keep(fd, step.kind);
		} else if (step.op == OP_FORK) {
			/* a child of who sends the steps, who waits for it */
			pid_t pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

			if (!pid) {
				close(sock);
				start(&sock, fd);
				continue;
			}
			answer.ret = pid;
			close(fd);
		} else {
			answer.ret = act(step.op);
		}
		answer.err = answer.ret < 0 ? errno : 0;
		s = any_slot();
		answer.kind = s->kind;
		fuzz_send(sock, &answer, sizeof(answer), step.op == OP_GIVE ? s->fd : -1);
	}
	_exit(0);
}
