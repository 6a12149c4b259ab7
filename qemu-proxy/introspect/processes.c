// SPDX-License-Identifier: GPL-2.0
/* The processes of a Linux; see processes.h. */
#include "processes.h"

#include "clock.h"
#include "error.h"
#include "xarray.h"

#define MAX_PROCESSES	(1 << 18)
#define MAX_THREADS	(1 << 18)
#define MAX_NOTES	20
/* enum pid_type: a pid as that of a process. */
#define PIDTYPE_TGID	1
#define HLIST_NODE	16
#define POINTER		8

#define PF_KTHREAD	0x00200000

/* __state and exit_state, include/linux/sched.h. */
#define TASK_REPORT	0x7f
#define TASK_IDLE	0x402

/* Offsets in the kernel's structures. */
struct offsets {
	guint32 tasks, pid, tgid, parent, children, sibling, comm, start, state, exit_state, flags, cred;
	guint32 signal, thread_node, pid_links, uid, euid, nr_threads, thread_head;
	guint32 idr, pid_tasks;
};

/**
 * struct look - one that is under way
 * @kernel:	where
 * @o:		offsets
 * @clock:	of the kernel
 * @by_task:	address of a task: index in all + 1
 * @threads:	that were seen
 * @out:	what was found
 * @found:	by what now
 */
struct look {
	const struct kernel *kernel;
	struct offsets o;
	struct clock clock;
	GHashTable *by_task;
	guint threads;
	struct processes *out;
	guint found;
};

static gboolean get_offsets(struct look *l, GError **error)
{
	struct offsets *o = &l->o;
	const struct layout_want want[] = {
		{ "task_struct", "tasks", &o->tasks },
		{ "task_struct", "pid", &o->pid },
		{ "task_struct", "tgid", &o->tgid },
		{ "task_struct", "real_parent", &o->parent },
		{ "task_struct", "children", &o->children },
		{ "task_struct", "sibling", &o->sibling },
		{ "task_struct", "comm", &o->comm },
		{ "task_struct", "start_boottime|real_start_time", &o->start },
		{ "task_struct", "__state|state", &o->state },
		{ "task_struct", "exit_state", &o->exit_state },
		{ "task_struct", "flags", &o->flags },
		{ "task_struct", "cred", &o->cred },
		{ "task_struct", "signal", &o->signal },
		{ "task_struct", "thread_node", &o->thread_node },
		{ "task_struct", "pid_links", &o->pid_links },
		{ "cred", "uid", &o->uid },
		{ "cred", "euid", &o->euid },
		{ "signal_struct", "nr_threads", &o->nr_threads },
		{ "signal_struct", "thread_head", &o->thread_head },
		{ "pid_namespace", "idr.idr_rt", &o->idr },
		{ "pid", "tasks", &o->pid_tasks },
	};

	return layout_get(l->kernel->layout, want, G_N_ELEMENTS(want), error);
}

static void note(struct look *l, char *text)
{
	if (l->out->notes->len < MAX_NOTES)
		g_ptr_array_add(l->out->notes, text);
	else
		g_free(text);
}

/* ---- one process ---- */

/* As task_state_index() has them. */
static char state_of(guint32 state, guint32 exit_state)
{
	static const char letters[] = "RSDTtXZP";
	guint32 reported = (state | exit_state) & TASK_REPORT;

	if ((state & TASK_IDLE) == TASK_IDLE)
		return 'I';
	return letters[reported ? g_bit_storage(reported) : 0];
}

static guint32 u32_of(struct look *l, guint64 at)
{
	guint32 v = 0;

	guest_u32(l->kernel->guest, at, &v);
	return v;
}

static guint64 u64_of(struct look *l, guint64 at)
{
	guint64 v = 0;

	guest_u64(l->kernel->guest, at, &v);
	return v;
}

/* The process of @task was found. Return: FALSE: there is no task, or it is one too much. */
static gboolean add(struct look *l, guint64 task)
{
	const struct offsets *o = &l->o;
	struct guest *guest = l->kernel->guest;
	struct process p = { .task = task, .found = l->found };
	guint i = GPOINTER_TO_UINT(g_hash_table_lookup(l->by_task, &task));
	guint64 cred, signal;

	if (i) {
		g_array_index(l->out->all, struct process, i - 1).found |= l->found;
		return TRUE;
	}
	if (!guest_is_pointer(task) || !guest_u32(guest, task + o->tgid, &p.pid) ||
	    l->out->all->len == MAX_PROCESSES)
		return FALSE;
	/* That of a CPU that has nothing to do. */
	if (!p.pid)
		return TRUE;
	p.comm = guest_string(guest, task + o->comm, PROCESS_COMM);
	if (!p.comm)
		return FALSE;
	p.parent = u32_of(l, u64_of(l, task + o->parent) + o->tgid);
	cred = u64_of(l, task + o->cred);
	p.uid = u32_of(l, cred + o->uid);
	p.euid = u32_of(l, cred + o->euid);
	p.start = u64_of(l, task + o->start);
	p.date = clock_date(&l->clock, p.start);
	p.state = state_of(u32_of(l, task + o->state), u32_of(l, task + o->exit_state));
	p.kernel = (u32_of(l, task + o->flags) & PF_KTHREAD) != 0;
	signal = u64_of(l, task + o->signal);
	p.threads = u32_of(l, signal + o->nr_threads);
	g_array_append_val(l->out->all, p);
	g_hash_table_insert(l->by_task, g_memdup2(&task, sizeof(task)),
			    GUINT_TO_POINTER(l->out->all->len));
	return TRUE;
}

/* ---- the list ---- */

static gboolean add_listed(guint64 at, gpointer data)
{
	struct look *l = data;

	return add(l, at - l->o.tasks);
}

static gboolean find_listed(struct look *l, GError **error)
{
	g_autofree char *why = NULL;
	guint64 init;

	if (!kernel_symbol(l->kernel, "init_task", &init, error))
		return FALSE;
	l->found = PROCESS_IN_LIST;
	why = guest_list(l->kernel->guest, init + l->o.tasks, MAX_PROCESSES, add_listed, l);
	if (why)
		note(l, g_strdup_printf("the list of tasks is %s", why));
	return TRUE;
}

/* ---- the table of process IDs ---- */

static gboolean add_pid(guint64 index, guint64 pid, gpointer data)
{
	struct look *l = data;
	guint64 node = u64_of(l, pid + l->o.pid_tasks + PIDTYPE_TGID * POINTER);

	/* Most are those of threads, groups and sessions, too: then this is empty. */
	if (node)
		add(l, node - l->o.pid_links - PIDTYPE_TGID * HLIST_NODE);
	return l->out->all->len < MAX_PROCESSES;
}

static gboolean find_pids(struct look *l, GError **error)
{
	g_autofree char *why = NULL;
	guint64 ns;

	if (!kernel_symbol(l->kernel, "init_pid_ns", &ns, error))
		return FALSE;
	l->found = PROCESS_IN_PIDS;
	why = xarray_each(l->kernel, ns + l->o.idr, MAX_THREADS, add_pid, l);
	if (why)
		note(l, g_strdup_printf("the table of process IDs is %s", why));
	return TRUE;
}

/* ---- families ---- */

static gboolean add_child(guint64 at, gpointer data)
{
	struct look *l = data;

	return add(l, at - l->o.sibling);
}

static void find_children(struct look *l, guint64 task)
{
	g_autofree char *why = guest_list(l->kernel->guest, task + l->o.children, MAX_PROCESSES,
					  add_child, l);

	if (why)
		note(l, g_strdup_printf("the list of children of process %u is %s",
					u32_of(l, task + l->o.tgid), why));
}

static gboolean find_children_of_thread(guint64 at, gpointer data)
{
	struct look *l = data;

	if (l->threads++ == MAX_THREADS)
		return FALSE;
	find_children(l, at - l->o.thread_node);
	return TRUE;
}

/* Of every thread of every process that is known: those that this finds come behind. */
static gboolean find_families(struct look *l, GError **error)
{
	guint64 init;

	if (!kernel_symbol(l->kernel, "init_task", &init, error))
		return FALSE;
	l->found = PROCESS_IN_FAMILY;
	find_children(l, init);
	for (guint i = 0; i < l->out->all->len; i++) {
		guint64 task = g_array_index(l->out->all, struct process, i).task;
		guint64 signal = u64_of(l, task + l->o.signal);
		g_autofree char *why = guest_list(l->kernel->guest, signal + l->o.thread_head, MAX_THREADS,
						  find_children_of_thread, l);

		if (why)
			note(l, g_strdup_printf("the list of threads of process %u is %s",
						u32_of(l, task + l->o.tgid), why));
	}
	return TRUE;
}

/* ---- all ---- */

static gint compare(gconstpointer a, gconstpointer b)
{
	const struct process *pa = a, *pb = b;

	if (pa->pid != pb->pid)
		return pa->pid < pb->pid ? -1 : 1;
	return pa->task < pb->task ? -1 : pa->task > pb->task;
}

static void clear(gpointer data)
{
	struct process *p = data;

	g_free(p->comm);
}

struct processes *processes_find(const struct kernel *kernel, GError **error)
{
	struct processes *out = g_new0(struct processes, 1);
	struct look l = { .kernel = kernel, .out = out };
	gboolean fine;

	out->all = g_array_new(FALSE, FALSE, sizeof(struct process));
	g_array_set_clear_func(out->all, clear);
	out->notes = g_ptr_array_new_with_free_func(g_free);
	l.by_task = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	clock_read(&l.clock, kernel);
	fine = get_offsets(&l, error) && find_listed(&l, error) && find_pids(&l, error) &&
	       find_families(&l, error);
	g_hash_table_unref(l.by_task);
	if (fine) {
		g_array_sort(out->all, compare);
		return out;
	}
	processes_free(out);
	return NULL;
}

void processes_free(struct processes *processes)
{
	if (!processes)
		return;
	g_array_unref(processes->all);
	g_ptr_array_unref(processes->notes);
	g_free(processes);
}
