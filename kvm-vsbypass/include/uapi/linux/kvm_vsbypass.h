/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * VSBypass: port I/O of a nested VM, served outside its guest hypervisor.
 *
 * Objects are file descriptors, as in KVM:
 *
 *   /dev/kvm-vsbypass  --VSB_CREATE_CLOUD-->  cloud fd
 *   cloud fd           --VSB_CREATE_PROXY-->  proxy fd
 *   proxy fd           --VSB_GET_MEMORY---->  memory fd
 *
 * Closing a descriptor undoes what its creation did, in any order and also
 * when the owner is killed. All structures have the same layout for 32- and
 * 64-bit callers. Padding and unknown flags must be zero (EINVAL).
 *
 * Errors that every call may return: ENOTTY (no such call on this
 * descriptor), EFAULT (bad pointer).
 */
#ifndef _UAPI_LINUX_KVM_VSBYPASS_H
#define _UAPI_LINUX_KVM_VSBYPASS_H

#include <linux/ioctl.h>
#include <linux/kvm.h>
#include <linux/types.h>

#define VSB_DEVICE		"/dev/kvm-vsbypass"
#define VSB_API_VERSION		1

#define VSB_NAME_LEN		32	/* bytes, terminating NUL included */
#define VSB_MAX_RANGES		16	/* claimed ranges of one proxy */
#define VSB_MAX_PROXIES		1024	/* proxies of one cloud VM */
#define VSB_MAX_FREEZE_MS	60000	/* of VSB_FREEZE */
#define VSB_MAX_STOP_MS		60000	/* of VSB_STOP */
#define VSB_MAX_VEIL_MIB	0x80000	/* 512 GiB */
#define VSB_MAX_VRAM_MIB	16	/* memory of a graphics card */

/*
 * What an unbound user VM sees on ports that a proxy of its pool claims. One that
 * was bound, and lost its name to another's proof or to VSB_UNBIND, sees an
 * unplugged device in any case.
 */
#define VSB_UNCLAIMED_ABSORB	0	/* an unplugged device */
#define VSB_UNCLAIMED_REFLECT	1	/* the device of the guest hypervisor */

/*
 * After the cloud fd is closed what was claimed stays so, as an unplugged device,
 * until the cloud VM ends or is attached again: the ports of every user VM that has
 * been bound, and with VSB_UNCLAIMED_ABSORB those of the pool for all others, also
 * for those that come later. Proxies that have a descriptor, in whatever process, serve
 * on until that is closed, too: so the owner can be replaced while they work, and the
 * next VSB_CREATE_CLOUD of this VM finds all as it was. Without the flag the proxies are
 * dead and the ports go back to the guest hypervisor; so do those of a pool for which
 * VSB_START was never called.
 */
#define VSB_CLOUD_ABSORB_ON_CLOSE	0x1

/**
 * struct vsb_create_cloud - attach a cloud VM
 * @vm_fd:	its kvm-vm descriptor, e.g. from pidfd_getfd(2)
 * @flags:	VSB_CLOUD_*
 * @unclaimed:	VSB_UNCLAIMED_*
 * @pad:	0
 */
struct vsb_create_cloud {
	__s32 vm_fd;
	__u32 flags;
	__u32 unclaimed;
	__u32 pad[5];
};

/* What stands behind a claimed range. */
#define VSB_DEV_PLAIN		0	/* nothing is known about it */
#define VSB_DEV_16550		1	/* 8 ports; its registers are replayed */
/*
 * The keyboard controller of a PC: two ranges of one port, 0x60 and 0x64. Its state is
 * replayed, and its ways to reset the machine reset the user VM.
 */
#define VSB_DEV_I8042		2
/*
 * A debug console of firmware, usually port 0xe9 or 0x402: reads as 0xe9, and the proxy's
 * gets what is written, off the user VM's path. What has no room is lost.
 */
#define VSB_DEV_DEBUGCON	3
/*
 * A graphics card: VGA with Bochs' VBE extensions, as QEMU has it ("std"). Two ranges, 0x3b0-0x3df
 * and 0x1ce-0x1d1. What the user VM writes to the memory of its card is written to that of
 * the proxy's (struct vsb_create_proxy.vram_frame). Its registers are replayed.
 */
#define VSB_DEV_VGA		4

/**
 * struct vsb_range - claimed ports
 * @first:	first port
 * @last:	last port, inclusive, >= @first
 * @device:	VSB_DEV_*; VSB_DEV_16550 needs exactly 8 ports, VSB_DEV_I8042 both
 *		of its own, VSB_DEV_VGA the two of its own
 * @pad:	0
 */
struct vsb_range {
	__u16 first;
	__u16 last;
	__u16 device;
	__u16 pad;
};

/*
 * Until the user VM has proved its identity (VSB_SET_KEY, vsbypass_identity.h), and
 * again after it lost the proof, no data pass: a VSB_DEV_16550 answers, but each byte
 * sent or received is 0; other devices are unplugged.
 */
#define VSB_PROXY_REQUIRED	0x1
/*
 * The module answers a VSB_DEV_16550 at an address that PCs have one at (0x3f8,
 * 0x2f8, 0x3e8, 0x2e8) itself, and talks to the proxy's off the user VM's path.
 * With the flag each access is handed to the proxy.
 */
#define VSB_PROXY_NO_FRONT	0x2
/*
 * The proxy has no VM yet (vm_fd is -1); it gets one by VSB_SET_VM. Until then, and between
 * two proxies of this kind, devices that the module answers itself do so, and the last 64 KiB
 * of what a VSB_DEV_16550 sends are kept. An access to another one is told by
 * VSB_EVENT_WANTED, and waits as for a proxy that is slow. After the cloud fd is closed such
 * devices of a user VM that has been bound go on as well. Not with VSB_DEV_VGA.
 */
#define VSB_PROXY_RESTS		0x4

/**
 * struct vsb_create_proxy - add a proxy VM to the end of a cloud VM's pool
 * @vm_fd:	its kvm-vm descriptor, or -1 (VSB_PROXY_RESTS). From now on its KVM_RUN never
 *		enters the guest; one in progress does until it returns, for instance for a
 *		signal. When the proxy fd is closed the VM is dead: a KVM_RUN in
 *		progress returns KVM_EXIT_SHUTDOWN, later ioctls on it EIO.
 * @flags:	VSB_PROXY_*
 * @name:	the user VM's name: [A-Za-z0-9][A-Za-z0-9._-]*, NUL-terminated,
 *		NUL-padded. A proxy that is created under the name of a user VM
 *		that lost its proxy takes that user VM over.
 * @timeout_ms:	how long an access may wait for the proxy before it reads as an
 *		unplugged device, 1 to 60000; 0 is 5000
 * @nr_ranges:	number of @ranges; 0 is COM1, 0x3f8-0x3ff, a 16550
 * @ranges:	claimed ports; must not overlap; unused ones must be zero
 * @veil_mib:	the user VM gets a veil (Documentation/veil.rst) that may take so many MiB of
 *		the host's memory, 1 to VSB_MAX_VEIL_MIB; 0: none. One that it has it keeps
 * @vram_frame:	with VSB_DEV_VGA: number of the page at which the proxy's VM has the memory of
 *		its graphics card, which is pinned, else 0
 * @vram_mib:	its size in MiB, 1 to VSB_MAX_VRAM_MIB, else 0
 * @pad:	0
 */
struct vsb_create_proxy {
	__s32 vm_fd;
	__u32 flags;
	char name[VSB_NAME_LEN];
	__u32 timeout_ms;
	__u32 nr_ranges;
	struct vsb_range ranges[VSB_MAX_RANGES];
	__u32 veil_mib;
	__u32 vram_frame;
	__u32 vram_mib;
	__u32 pad[1];
};

/* Counters of one user VM (or of the proxy that waits for one). */
struct vsb_counters {
	__u64 reads;		/* bytes-wide or wider accesses served, in */
	__u64 writes;		/* and out */
	__u64 absorbed;		/* answered as an unplugged device */
	__u64 timeouts;		/* times the proxy did not answer in time */
	__u64 retries;		/* instruction started again for a signal */
	__u64 irq_edges;	/* edges of the proxy's interrupt lines */
	__u64 root_changes;	/* new EPT pointers after the first */
	__u64 replays;		/* times registers were written into its proxy */
	__u64 resets;		/* of the user VM */
};

#define VSB_USERVM_BOUND	0x1	/* has a name: has had a proxy */
#define VSB_USERVM_PROXY	0x2	/* has one now */
#define VSB_USERVM_READY	0x4	/* and it waits in KVM_RUN */
#define VSB_USERVM_FRAMES	0x8	/* l2_gfn and l1_gfn are valid */
#define VSB_USERVM_PROVED	0x10	/* has proved its identity with the proxy's key */
#define VSB_USERVM_FRONT	0x20	/* its 16550s are the module's */
#define VSB_USERVM_VEIL		0x40	/* has a veil */
#define VSB_USERVM_VEILED	0x80	/* and uses it: has private pages */
#define VSB_USERVM_RESTS	0x100	/* its proxy has no VM yet (VSB_PROXY_RESTS) */
#define VSB_USERVM_STOPPED	0x200	/* does not run: a guest hypervisor has changed its vCPU */

/**
 * struct vsb_uservm - what is known of a user VM
 * @index:	in: which one, from 0 in order of first access (cloud fd);
 *		ignored on a proxy fd
 * @flags:	VSB_USERVM_*
 * @name:	the name of its proxy, or empty
 * @ept_pointer: the newest (VMX: EPTP, SVM: nCR3), 0 if none yet
 * @l2_gfn:	a frame number in the user VM and
 * @l1_gfn:	the cloud VM's frame that is mapped there: how the agent finds
 *		the process of the guest hypervisor
 * @bound_ns:	CLOCK_BOOTTIME of the binding, 0 if unbound
 * @vcpus:	anchors (vCPUs of the user VM) seen
 * @roots:	EPT pointers remembered
 * @counters:	see above
 * @ier:	interrupt enable register of its 16550 at 0x3f8 as it was written
 *		last, 0 if it has none: what a UART needs that takes over
 * @com_ier:	the same of those at 0x2f8, 0x3e8 and 0x2e8
 * @refusals:	times that it failed to prove its identity
 * @irq_exits:	synthetic exits shown to the guest hypervisor (VSB_IRQ_EXITS)
 * @irq_direct:	interrupts injected without it (VSB_IRQ_DIRECT)
 * @halts:	times that its HLT was kept from the guest hypervisor
 * @veil_limit:	pages (4 KiB) that its veil may have, 0 if it has none
 * @veil_pages:	private pages now
 * @veil_most:	the most that there have been
 * @veil_shared: page faults, while it is used, that the guest hypervisor's pages resolved
 * @veil_pushes: times that the guest hypervisor was given an instruction to decode
 * @veil_resets: times that the pages were dropped, as the user VM was reset
 * @veil_stops: times that it was stopped (VSB_USERVM_STOPPED)
 * @com_lost:	of each COM port, 0x3f8 first: bytes sent that were not kept, as 64 KiB newer ones
 *		were there before its proxy had a VM
 */
struct vsb_uservm {
	__u32 index;
	__u32 flags;
	char name[VSB_NAME_LEN];
	__u64 ept_pointer;
	__u64 l2_gfn;
	__u64 l1_gfn;
	__u64 bound_ns;
	__u32 vcpus;
	__u32 roots;
	struct vsb_counters counters;
	__u8 ier;
	__u8 com_ier[3];
	__u32 refusals;
	__u64 irq_exits;
	__u64 irq_direct;
	__u64 halts;
	__u64 veil_limit;
	__u64 veil_pages;
	__u64 veil_most;
	__u64 veil_shared;
	__u64 veil_pushes;
	__u64 veil_resets;
	__u64 veil_stops;
	__u64 com_lost[4];
};

/*
 * read(2) on a proxy fd returns whole events; it blocks unless O_NONBLOCK
 * (EAGAIN). Edges of one line come in order; those not read yet are merged,
 * but a line that rose is seen to rise. Those of a 16550 are held, and merged,
 * while the user VM's interrupt handler reads it (at most 400 ms). A fall comes
 * with the next rise, or after 400 ms. The descriptor polls readable while there
 * are events. EINVAL: the buffer holds no event. What could not be copied (EFAULT) is told
 * again, as by VSB_REPORT_ALL.
 *
 * Poll says POLLHUP and read returns 0 when the proxy's process or its cloud VM is
 * gone, and when the user VM was replaced, that is, another one runs on its vCPUs:
 * that has the name now and gets the next proxy that is created under it.
 */
#define VSB_EVENT_IRQ		1	/* line @gsi of the proxy is now @level */
#define VSB_EVENT_USERVM	2	/* binding, frames or proof changed: VSB_GET_USERVM */
#define VSB_EVENT_WANTED	3	/* an access waits for the VM (VSB_SET_VM); told once */

struct vsb_event {
	__u32 type;		/* VSB_EVENT_* */
	__u32 gsi;		/* 0 to 23 */
	__u32 level;		/* 0 or 1; equal levels never follow each other */
	__u32 pad;
};

#define VSB_IOC			0xB6

/* On /dev/kvm-vsbypass */

/* Returns VSB_API_VERSION. EINVAL: the argument is not 0. */
#define VSB_GET_API_VERSION	_IO(VSB_IOC, 0x00)
/*
 * Returns a cloud fd. EBADF: vm_fd is not open. EINVAL: it is no kvm-vm, or a
 * flag, policy or pad is unknown. EBUSY: the VM is attached already, as cloud
 * VM or as proxy, or something else (a live patch) has KVM's functions. ENODEV:
 * KVM's module is not loaded. EOPNOTSUPP: KVM lacks a function, or nested
 * virtualization is off. ESRCH: the VM's process is ending. EINTR: nothing was done. ENOMEM,
 * EMFILE.
 */
#define VSB_CREATE_CLOUD	_IOW(VSB_IOC, 0x01, struct vsb_create_cloud)

/* On a cloud fd */

/*
 * Returns a proxy fd. Errors as for VSB_CREATE_CLOUD, and EINVAL: name or
 * range malformed, ranges overlap, VSB_PROXY_RESTS with a vm_fd or VSB_DEV_VGA; EEXIST: the
 * name is taken; ENOSPC: the pool is full; EOPNOTSUPP: this kernel or CPU has no veils, or no
 * screens; ENXIO: the proxy has no memory of its own at vram_frame, or not as much. A user VM
 * with VSB_DEV_VGA has no veil (EINVAL). The name of a proxy whose
 * process has ended is free.
 */
#define VSB_CREATE_PROXY	_IOW(VSB_IOC, 0x10, struct vsb_create_proxy)
/*
 * Redirect nested exits from now on; before, all is reflected. Of a cloud VM that was
 * taken over they are redirected all the time; 16550s without a proxy answer again.
 * EINVAL: the argument is not 0. EALREADY: started before.
 */
#define VSB_START		_IO(VSB_IOC, 0x11)
/* Replace the flags of VSB_CREATE_CLOUD. EINVAL: a flag is unknown. */
#define VSB_SET_ON_CLOSE		_IOW(VSB_IOC, 0x12, __u32)
/*
 * For so many milliseconds from now, or until the descriptor is closed, user VMs
 * do not get past an access to a claimed port; 0: they go on. Accesses in
 * progress have ended when this returns. So a device can be handed over: what
 * VSB_GET_USERVM says of it stays true. EINVAL: more than VSB_MAX_FREEZE_MS.
 */
#define VSB_FREEZE		_IO(VSB_IOC, 0x13)
/*
 * Returns how many user VMs are known that have no name (without VSB_USERVM_BOUND).
 * EINVAL: the argument is not 0.
 */
#define VSB_COUNT_UNBOUND	_IO(VSB_IOC, 0x14)

/*
 * How the interrupts of a proxy's devices come to the user VM. A new cloud VM has
 * VSB_IRQ_EVENTS alone.
 */
/*
 * The reader of the proxy fd has them raised in the cloud VM (VSB_EVENT_IRQ). With
 * VSB_IRQ_EXITS as well it is told only of what has to wait, as no vCPU of the user
 * VM runs now: it may wake one.
 */
#define VSB_IRQ_EVENTS		0x1
/*
 * The module shows the guest hypervisor nested exits that the user VM never made: port
 * accesses, without data of anybody, by which its own device raises the line.
 */
#define VSB_IRQ_EXITS		0x2
/* What it has learned from these it does without them. Needs VSB_IRQ_EXITS. */
#define VSB_IRQ_DIRECT		0x4
/*
 * Replace them (VSB_IRQ_*) for all proxies of the cloud VM. EINVAL: one is unknown, or
 * there is none, or VSB_IRQ_DIRECT without VSB_IRQ_EXITS.
 */
#define VSB_SET_IRQ		_IOW(VSB_IOC, 0x15, __u32)

/* On a cloud fd or a proxy fd */

/*
 * ENOENT: no user VM with this index; on a proxy fd: none is bound yet.
 * EINVAL: a member besides index is not 0.
 */
#define VSB_GET_USERVM		_IOWR(VSB_IOC, 0x20, struct vsb_uservm)

/* On a proxy fd */

/*
 * The bound user VM loses its name: it counts as new if it makes another access, but
 * its ports do not go back to the guest hypervisor, whatever the policy. The
 * proxy is dead, as if closed: no proxy serves two user VMs. Its veil ends: the private
 * memory is freed. ENOENT: none is bound. EINVAL: the argument is not 0.
 */
#define VSB_UNBIND		_IO(VSB_IOC, 0x21)

/**
 * struct vsb_key - the key with which a user VM proves its identity
 * @key:	32 random bytes, not all 0
 * @pad:	0
 */
struct vsb_key {
	__u8 key[32];
	__u32 pad[8];
};

/*
 * Give the proxy the key of its user VM, once. From now on the ports of
 * vsbypass_identity.h are claimed for every user VM of the cloud VM, before the
 * ranges of any proxy, until the cloud VM is let go of. What the user VM has proved to
 * an earlier proxy of this name with the same key counts. EEXIST: it has one. EINVAL:
 * the key is 0, pad is not, or the proxy claims these ports itself. EOPNOTSUPP: the
 * kernel has no hmac(sha256). ENOMEM.
 */
#define VSB_SET_KEY		_IOW(VSB_IOC, 0x22, struct vsb_key)
/*
 * The descriptor has another reader, who knows nothing: the next events are
 * VSB_EVENT_USERVM and the rise of each line that is high. EINVAL: the argument is
 * not 0.
 */
#define VSB_REPORT_ALL		_IO(VSB_IOC, 0x23)
/*
 * With VSB_IRQ_EXITS: the guest hypervisor's 16550s get the line control and interrupt
 * enable registers that the user VM believes in, so that they can go back to it. From then
 * on no line is raised, until accesses thaw. EBUSY: they are not frozen (VSB_FREEZE). ENOENT:
 * no user VM is bound. EOPNOTSUPP: not with VSB_IRQ_EXITS. ETIMEDOUT: no vCPU of the user VM
 * ran for 2 s, or they have thawed. EINTR. EINVAL: the argument is not 0.
 */
#define VSB_GIVE_BACK		_IO(VSB_IOC, 0x24)
/*
 * Returns a memory fd, see below, for the bound user VM. ENOENT: none is bound. EOPNOTSUPP: it
 * has no page table of four or five levels (its guest hypervisor is a 32-bit one, or shadows
 * page tables). ENODEV: the cloud VM's process is gone. EINVAL: the argument is neither 0 nor
 * VSB_MEMORY_PRIVATE. EINTR, ENOMEM, EMFILE.
 */
#define VSB_GET_MEMORY		_IO(VSB_IOC, 0x25)
/*
 * With the private pages of the user VM's veil, if it has one, in place of what the cloud VM has
 * there. Whether the user VM's owner allows that is for who asks to know.
 */
#define VSB_MEMORY_PRIVATE	0x1
/*
 * The argument is the kvm-vm descriptor of a proxy that has none (VSB_PROXY_RESTS). From now on
 * it is as if created with it. EEXIST: it has one, or gets it now. ESRCH: the proxy is dead, or
 * the VM's process is ending. EBADF, EINVAL, EBUSY, ENOMEM, EINTR: as for VSB_CREATE_PROXY; the
 * proxy is as before.
 */
#define VSB_SET_VM		_IO(VSB_IOC, 0x26)

/* On a memory fd */

/*
 * The memory of a user VM, to be read: offsets are what it has for physical addresses. A page
 * that the guest hypervisor has not mapped for it, or not to memory of the cloud VM, is a hole,
 * and reads as zeros; behind the last one that is mapped the file ends. What is mapped is read
 * anew in the guest hypervisor's page table by each call, which may get what that changes
 * meanwhile half before, half after. It can show whatever the cloud VM has for memory, and
 * nothing else. The descriptor keeps no page.
 *
 * read(2), pread(2), lseek(2) with SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA and SEEK_HOLE: as
 * of a file, and EIO: a page of the cloud VM cannot be read; ELOOP: the page table has far more
 * in it than the cloud VM has memory; ENODEV: the cloud VM's process is gone, it is not attached
 * any more, or the user VM has ended, or lost its name. EINTR, ENOMEM.
 */

/**
 * struct vsb_memory_info - what there is to read
 * @ept_pointer: the newest seen
 * @levels:	of the page table there, 4 or 5
 * @vcpus:	indices of VSB_GET_VCPU are less than this
 * @limit:	bytes of memory that the cloud VM has. A page table that shows more shows some
 *		of it twice
 * @private_mask: the bit of the user VM's own page table entries, and of its CR3, that says
 *		"private" and is none of the address; 0: it uses no veil, or
 *		VSB_MEMORY_PRIVATE was not asked for
 * @pad:	0
 */
struct vsb_memory_info {
	__u64 ept_pointer;
	__u32 levels;
	__u32 vcpus;
	__u64 limit;
	__u64 private_mask;
	__u64 pad[4];
};

/* ENODEV: as above. EINVAL: a member is not 0. */
#define VSB_GET_MEMORY_INFO	_IOWR(VSB_IOC, 0x30, struct vsb_memory_info)
/*
 * For so many milliseconds from now, or until the descriptor is closed, the vCPUs of the user
 * VM execute no instruction; 0: they go on. They stand when this returns. The guest hypervisor
 * does not know, and what it does itself in the user VM's memory it goes on doing, but not on
 * CPUs of the cloud VM on which the user VM stands. EINVAL: more than VSB_MAX_STOP_MS. EBUSY:
 * another descriptor has it stopped. ENODEV: as above. EINTR.
 */
#define VSB_STOP		_IO(VSB_IOC, 0x31)

#define VSB_VCPU_SEEN		0x1	/* the rest is valid */
#define VSB_VCPU_STANDS		0x2	/* for VSB_STOP: what it is now */

/**
 * struct vsb_vcpu_state - a vCPU of the user VM, as it left the guest last
 * @index:	in: which one, from 0 in order of first access
 * @flags:	VSB_VCPU_*. One that the guest hypervisor has not entered since the first memory fd
 *		was opened is not seen
 * @seen_ns:	CLOCK_BOOTTIME of that
 * @regs:	as KVM_GET_REGS and
 * @sregs:	KVM_GET_SREGS have them, but for cr8, apic_base and interrupt_bitmap, which are 0
 *
 * vCPUs of a guest hypervisor that shows no anchor for them (struct vsb_uservm.vcpus is 0) are
 * one: that which left the guest last.
 */
struct vsb_vcpu_state {
	__u32 index;
	__u32 flags;
	__u64 seen_ns;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
};

/* ENOENT: no vCPU with this index. EINVAL: a member besides index is not 0. ENODEV: as above. */
#define VSB_GET_VCPU		_IOWR(VSB_IOC, 0x32, struct vsb_vcpu_state)

#endif
