// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a user VM as a file: see include/uapi/linux/kvm_vsbypass.h.
 *
 * The descriptor may outlive proxy, user VM and cloud VM. It holds the cloud VM's kvm-vm file,
 * so that there is something to look into, and no more of its process than the name of the
 * address space; users of that it has for the time of a call.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core/cloud.h"
#include "core/host.h"
#include "core/memory.h"
#include "core/proxy.h"
#include "core/uservm.h"
#include "core/veil.h"
#include "core/watch.h"

#define MOST	BIT_ULL(52)	/* bytes: no x86 CPU has more */
#define ZEROS	BIT(20)		/* bytes of them at a time */

/* For struct vsb_span.l1_gfn: it is no frame of the cloud VM's */
#define VSB_PRIVATE	(MOST >> PAGE_SHIFT)

/**
 * struct vsb_memory - a memory fd
 * @cloud:	the cloud VM, referenced
 * @u:		the user VM, referenced
 * @name:	that it had when this was opened
 * @watch:	of @u, referenced
 * @vm:		the cloud VM's file
 * @mm:		of its process; mm_count held
 * @lock:	one call at a time; outside of cloud->lock
 * @view:	that; @lock
 * @page:	a copy of a private one; @lock. NULL: they are not shown
 * @veil:	of @u, referenced, for a call, if it is shown and there is one; @lock
 */
struct vsb_memory {
	struct vsb_cloud *cloud;
	struct vsb_l2 *u;
	char name[VSB_NAME_LEN];
	struct vsb_watch *watch;
	struct file *vm;
	struct mm_struct *mm;
	struct mutex lock;	/* outside of cloud->lock */
	struct vsb_view *view;
	void *page;
	struct vsb_veil *veil;
};

/* Is there still what it was opened for? */
static bool vsb_memory_is_there(struct vsb_memory *m)
{
	struct vsb_cloud *cloud = m->cloud;
	bool there;

	mutex_lock(&cloud->lock);
	there = !cloud->dead && !cloud->gone && !list_empty(&m->u->node) &&
		!memcmp(m->u->name, m->name, sizeof(m->name));
	mutex_unlock(&cloud->lock);
	return there;
}

/* Return: referenced, or NULL. */
static struct vsb_veil *vsb_memory_veil(struct vsb_memory *m)
{
	struct vsb_cloud *cloud = m->cloud;
	struct vsb_veil *veil;

	mutex_lock(&cloud->lock);
	veil = vsb_locked(cloud, m->u->veil);
	if (veil)
		vsb_veil_get(veil);
	mutex_unlock(&cloud->lock);
	return veil;
}

static void vsb_memory_root(struct vsb_memory *m, u64 *root, int *levels)
{
	spin_lock(&m->watch->lock);
	*root = m->watch->root;
	*levels = m->watch->levels;
	spin_unlock(&m->watch->lock);
}

/* Three-level tables are those of 32-bit hypervisors, with roots of another kind. */
static bool vsb_memory_reads(u64 root, int levels)
{
	return root && levels >= 4;
}

/* Begin to look. Return: 0: to be ended; or an error. */
static int vsb_memory_begin(struct vsb_memory *m)
{
	int levels, ret;
	u64 root;

	if (mutex_lock_interruptible(&m->lock))
		return -EINTR;
	ret = -ENODEV;
	if (!vsb_memory_is_there(m) || !mmget_not_zero(m->mm))
		goto unlock;
	vsb_memory_root(m, &root, &levels);
	ret = vsb_memory_reads(root, levels) ? vsb_host->begin(m->view, root, levels) : -ENODEV;
	if (!ret) {
		m->veil = m->page ? vsb_memory_veil(m) : NULL;
		return 0;
	}
	mmput(m->mm);
unlock:
	mutex_unlock(&m->lock);
	return ret;
}

static void vsb_memory_end(struct vsb_memory *m)
{
	if (m->veil)
		vsb_veil_put(m->veil);
	m->veil = NULL;
	/* The last user's end may be the end of the cloud VM, which takes cloud->lock. */
	mmput(m->mm);
	mutex_unlock(&m->lock);
}

/* ---- between begin and end ---- */

/*
 * What is at frame @gfn: private pages, whatever the guest hypervisor has there, or what that has
 * as far as the next one. Return: as vsb_host->span().
 */
static int vsb_memory_span(struct vsb_memory *m, u64 gfn, struct vsb_span *span)
{
	u64 first = U64_MAX, end;
	int ret;

	if (m->veil)
		vsb_veil_next(m->veil, gfn, &first, &end);
	if (first == gfn) {
		*span = (struct vsb_span){ .gfn = gfn, .end = end, .memory = true,
					   .l1_gfn = VSB_PRIVATE };
		return 0;
	}
	ret = vsb_host->span(m->view, gfn, span);
	if (!ret)
		span->end = min(span->end, first);
	return ret;
}

/* The first memory from frame @gfn on. Return: 0, -ENXIO: there is none, or an error. */
static int vsb_memory_next(struct vsb_memory *m, u64 gfn, struct vsb_span *span)
{
	int ret;

	for (; gfn < MOST >> PAGE_SHIFT; gfn = span->end) {
		ret = vsb_memory_span(m, gfn, span);
		if (ret || span->memory)
			return ret;
	}
	return -ENXIO;
}

/* Frame @gfn or the first behind it that is no memory. */
static int vsb_memory_hole(struct vsb_memory *m, u64 gfn, u64 *hole)
{
	struct vsb_span span;
	int ret;

	for (; gfn < MOST >> PAGE_SHIFT; gfn = span.end) {
		ret = vsb_memory_span(m, gfn, &span);
		if (ret)
			return ret;
		if (!span.memory)
			break;
	}
	*hole = gfn;
	return 0;
}

/* The end of what is memory, in frames, from @gfn on. 0: there is none. */
static int vsb_memory_last(struct vsb_memory *m, u64 gfn, u64 *end)
{
	struct vsb_span span;
	int ret;

	*end = 0;
	while (!(ret = vsb_memory_next(m, gfn, &span))) {
		*end = span.end;
		gfn = span.end;
	}
	return ret == -ENXIO ? 0 : ret;
}

/* The same as vsb_memory_copy(), of private pages. */
static ssize_t vsb_memory_private(struct vsb_memory *m, const struct vsb_span *span, loff_t pos,
				  char __user *to, size_t len)
{
	size_t offset = pos & (PAGE_SIZE - 1), done = 0, n;
	u64 gfn;

	for (gfn = pos >> PAGE_SHIFT; done < len && gfn < span->end; gfn++, offset = 0) {
		if (!vsb_veil_read(m->veil, gfn, m->page))
			return done ?: -EIO;	/* dropped meanwhile */
		n = min(len - done, PAGE_SIZE - offset);
		if (copy_to_user(to + done, m->page + offset, n))
			return -EFAULT;
		done += n;
		cond_resched();
	}
	return done;
}

/* Up to @len bytes at @pos, of memory in @span. Return: how many, or an error. */
static ssize_t vsb_memory_copy(struct vsb_memory *m, const struct vsb_span *span, loff_t pos,
			       char __user *to, size_t len)
{
	size_t offset = pos & (PAGE_SIZE - 1);
	const void *data;
	int frames;

	if (span->l1_gfn == VSB_PRIVATE)
		return vsb_memory_private(m, span, pos, to, len);
	frames = vsb_host->read(m->view, span, pos >> PAGE_SHIFT, &data);
	if (frames < 0)
		return frames == -EINTR ? -EINTR : -EIO;
	len = min(len, frames * PAGE_SIZE - offset);
	return copy_to_user(to, data + offset, len) ? -EFAULT : len;
}

/* The same at @pos: a hole reads as zeros. 0: behind it there is nothing. */
static ssize_t vsb_memory_some(struct vsb_memory *m, loff_t pos, char __user *to, size_t len)
{
	struct vsb_span span;
	int ret;

	ret = vsb_memory_next(m, pos >> PAGE_SHIFT, &span);
	if (ret)
		return ret == -ENXIO ? 0 : ret;
	if (span.gfn == pos >> PAGE_SHIFT)
		return vsb_memory_copy(m, &span, pos, to, len);
	len = min3((u64)len, (span.gfn << PAGE_SHIFT) - pos, (u64)ZEROS);
	return clear_user(to, len) ? -EFAULT : len;
}

/* ---- the file ---- */

static ssize_t vsb_memory_read(struct file *file, char __user *to, size_t len, loff_t *ppos)
{
	struct vsb_memory *m = file->private_data;
	ssize_t done = 0, n;

	if (*ppos < 0)
		return -EINVAL;
	n = vsb_memory_begin(m);
	if (n)
		return n;
	while (done < (ssize_t)len && *ppos < MOST) {
		n = signal_pending(current) ? -EINTR :
		    vsb_memory_some(m, *ppos, to + done, min_t(u64, len - done, MOST - *ppos));
		if (n <= 0)
			break;
		done += n;
		*ppos += n;
	}
	vsb_memory_end(m);
	return done ?: n;
}

static int vsb_memory_seek(struct vsb_memory *m, int whence, loff_t from, loff_t *to)
{
	struct vsb_span span = {};
	u64 frame = 0;
	int ret;

	switch (whence) {
	case SEEK_DATA:
		ret = vsb_memory_next(m, from >> PAGE_SHIFT, &span);
		frame = span.gfn;
		break;
	case SEEK_HOLE:
		/* Behind the last one there is no hole: the file has ended. */
		ret = vsb_memory_next(m, from >> PAGE_SHIFT, &span);
		if (!ret)
			ret = vsb_memory_hole(m, from >> PAGE_SHIFT, &frame);
		break;
	default:
		ret = vsb_memory_last(m, 0, &frame);
	}
	*to = max_t(loff_t, frame << PAGE_SHIFT, from);
	return ret;
}

static loff_t vsb_memory_llseek(struct file *file, loff_t offset, int whence)
{
	struct vsb_memory *m = file->private_data;
	loff_t to;
	int ret;

	if (whence == SEEK_SET || whence == SEEK_CUR)
		return generic_file_llseek_size(file, offset, whence, MOST, 0);
	if (whence != SEEK_END && whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (whence != SEEK_END && (offset < 0 || offset >= MOST))
		return -ENXIO;
	ret = vsb_memory_begin(m);
	if (ret)
		return ret;
	ret = vsb_memory_seek(m, whence, whence == SEEK_END ? 0 : offset, &to);
	vsb_memory_end(m);
	if (ret)
		return ret;
	if (whence == SEEK_END)
		return generic_file_llseek_size(file, offset, whence, MOST, to);
	return vfs_setpos(file, to, MOST);
}

static long vsb_memory_info(struct vsb_memory *m, void __user *argp)
{
	struct vsb_memory_info info;
	int levels, ret;

	if (copy_from_user(&info, argp, sizeof(info)))
		return -EFAULT;
	if (memchr_inv(&info, 0, sizeof(info)))
		return -EINVAL;
	ret = vsb_memory_begin(m);
	if (ret)
		return ret;
	vsb_memory_root(m, &info.ept_pointer, &levels);
	info.levels = levels;
	info.vcpus = READ_ONCE(m->watch->nr);
	if (m->veil && READ_ONCE(m->veil->nr))
		info.private_mask = vsb_host->veil_mask();
	info.limit = vsb_host->frames_of(m->cloud->vm.kvm) << PAGE_SHIFT;
	vsb_memory_end(m);
	return copy_to_user(argp, &info, sizeof(info)) ? -EFAULT : 0;
}

static long vsb_memory_stop(struct vsb_memory *m, unsigned long ms)
{
	int ret;

	if (ms > VSB_MAX_STOP_MS)
		return -EINVAL;
	ret = vsb_memory_begin(m);
	if (ret)
		return ret;
	ret = vsb_watch_stop(m->watch, m, ms);
	if (!ret && ms) {
		ret = vsb_host->summon(m->cloud->vm.kvm);
		/* Nobody else has ended it: who forgets it meanwhile has. */
		if (!ret && !vsb_memory_is_there(m))
			ret = -ENODEV;
		if (ret)
			vsb_watch_stop(m->watch, m, 0);
	}
	vsb_memory_end(m);
	return ret;
}

static long vsb_memory_vcpu(struct vsb_memory *m, void __user *argp)
{
	struct vsb_watch *w = m->watch;
	struct vsb_vcpu_state state;
	long ret = -ENOENT;
	u32 index;

	if (copy_from_user(&state, argp, sizeof(state)))
		return -EFAULT;
	index = state.index;
	state.index = 0;
	if (memchr_inv(&state, 0, sizeof(state)))
		return -EINVAL;
	if (!vsb_memory_is_there(m))
		return -ENODEV;
	spin_lock(&w->lock);
	if (index < w->nr) {
		state = w->state[index];
		ret = 0;
	}
	spin_unlock(&w->lock);
	state.index = index;
	if (!ret && copy_to_user(argp, &state, sizeof(state)))
		ret = -EFAULT;
	return ret;
}

static long vsb_memory_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vsb_memory *m = file->private_data;

	switch (cmd) {
	case VSB_GET_MEMORY_INFO:
		return vsb_memory_info(m, (void __user *)arg);
	case VSB_STOP:
		return vsb_memory_stop(m, arg);
	case VSB_GET_VCPU:
		return vsb_memory_vcpu(m, (void __user *)arg);
	}
	return -ENOTTY;
}

/* ---- life ---- */

static void vsb_memory_free(struct vsb_memory *m)
{
	if (m->watch) {
		vsb_watch_stop(m->watch, m, 0);
		mutex_lock(&m->cloud->lock);
		vsb_watch_close(m->cloud, m->u, m->watch);
		mutex_unlock(&m->cloud->lock);
	}
	if (m->view)
		vsb_host->close(m->view);
	kfree_sensitive(m->page);
	if (m->mm)
		mmdrop(m->mm);
	if (m->vm)
		fput(m->vm);
	if (m->u)
		vsb_uservm_put(m->u);
	vsb_cloud_put(m->cloud);
	kfree(m);
}

static int vsb_memory_release(struct inode *inode, struct file *file)
{
	vsb_memory_free(file->private_data);
	return 0;
}

static const struct file_operations vsb_memory_fops = {
	.owner = THIS_MODULE,
	.read = vsb_memory_read,
	.llseek = vsb_memory_llseek,
	.unlocked_ioctl = vsb_memory_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vsb_memory_release,
};

/* Take hold of all that is read later. Under cloud->lock. */
static int vsb_memory_take(struct vsb_memory *m, struct vsb_proxy *proxy)
{
	struct vsb_cloud *cloud = m->cloud;
	struct vsb_l2 *u = vsb_locked(cloud, proxy->uservm);

	if (cloud->dead || cloud->gone)
		return -ENODEV;
	if (!u)
		return -ENOENT;
	if (!vsb_memory_reads(u->ept_pointer, u->levels))
		return -EOPNOTSUPP;
	refcount_inc(&u->ref);
	m->u = u;
	memcpy(m->name, u->name, sizeof(m->name));
	m->watch = vsb_watch_open(cloud, u);
	m->vm = get_file(cloud->vm.file);
	m->mm = cloud->vm.mm;
	mmgrab(m->mm);
	return m->watch ? 0 : -ENOMEM;
}

static struct vsb_memory *vsb_memory_create(struct vsb_proxy *proxy, unsigned long flags)
{
	struct vsb_memory *m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!m)
		return ERR_PTR(-ENOMEM);
	mutex_init(&m->lock);
	m->cloud = proxy->cloud;
	kref_get(&m->cloud->ref);
	mutex_lock(&m->cloud->lock);
	ret = vsb_memory_take(m, proxy);
	mutex_unlock(&m->cloud->lock);
	if (!ret) {
		m->view = vsb_host->open(m->cloud->vm.kvm, m->mm);
		if (flags & VSB_MEMORY_PRIVATE)
			m->page = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
		if (!m->view || (flags & VSB_MEMORY_PRIVATE && !m->page))
			ret = -ENOMEM;
	}
	/* Its vCPUs, where they run, show what they are, and which root is in use now. */
	if (!ret)
		ret = vsb_host->summon(m->cloud->vm.kvm);
	if (!ret)
		return m;
	vsb_memory_free(m);
	return ERR_PTR(ret);
}

/**
 * vsb_memory_open - VSB_GET_MEMORY
 * @proxy: of the user VM
 * @flags: VSB_MEMORY_*
 *
 * Ioctl context. Return: a descriptor, or an error as the UAPI header documents.
 */
long vsb_memory_open(struct vsb_proxy *proxy, unsigned long flags)
{
	struct vsb_memory *m;
	struct file *file;
	int fd;

	if (flags & ~VSB_MEMORY_PRIVATE)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC | O_RDONLY);
	if (fd < 0)
		return fd;
	m = vsb_memory_create(proxy, flags);
	if (IS_ERR(m)) {
		put_unused_fd(fd);
		return PTR_ERR(m);
	}
	file = anon_inode_getfile("[vsbypass-memory]", &vsb_memory_fops, m, O_RDONLY);
	if (IS_ERR(file)) {
		vsb_memory_free(m);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD;
	fd_install(fd, file);
	return fd;
}
