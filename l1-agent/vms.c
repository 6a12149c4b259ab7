// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the monitor of each user VM and plays the edges of its lines there.
 *
 * vsbypassd names a user VM by a pair of frames: frame L1GFN of the cloud VM,
 * our own physical memory, is at frame L2GFN in the user VM. So every monitor
 * is asked where the user VM's address is in its QEMU (gpa2hva), and the QEMU
 * that has frame L1GFN there is the one.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib-unix.h>

#include "agent-wire.h"
#include "lines.h"
#include "pagemap.h"
#include "vms.h"

#define SEARCH_SECONDS	1

/**
 * struct vm - a user VM; counted references, commands on their way hold one
 * @owner:	the set it is in, NULL once forgotten
 * @id:		vsbypassd's number
 * @state:	what was found, and reported
 * @l2_gfn:	frame in the user VM
 * @l1_gfn:	our frame behind it
 * @mon:	its monitor if @state is VM_FOUND
 * @pidfd:	of the QEMU that it was last found in, -1: none
 * @pidfd_id:	waits for its end
 * @epoch:	grows whenever answers on their way become meaningless
 * @round:	answers that this search waits for, 0: none goes on
 * @hit:	a monitor that has the frame, of this search
 * @hits:	how many QEMUs have it
 * @giving:	is to be handed back, once found
 * @ier:	with these, see agent-wire.h
 * @lines:	in the order of line_table
 */
struct vm {
	struct vms *owner;
	uint32_t id;
	enum vm_state state;
	uint64_t l2_gfn;
	uint64_t l1_gfn;
	struct monitor *mon;
	int pidfd;
	guint pidfd_id;
	unsigned int epoch;
	unsigned int round;
	struct monitor *hit;
	unsigned int hits;
	gboolean giving;
	unsigned int ier;
	struct line lines[LINES_MAX];
};

struct vms {
	GHashTable *table;	/* id -> struct vm */
	struct monitors *monitors;
	char *proc;
	guint search_id;
	gboolean warned_pfn;
	guint64 warned_gsi;	/* bit mask */
	vms_report_fn report;
	void *user;
};

/* What a command on its way remembers. */
struct ticket {
	struct vm *vm;
	unsigned int epoch;
	unsigned int line;
};

static struct ticket *ticket_new(struct vm *vm, unsigned int line)
{
	struct ticket *t = g_new0(struct ticket, 1);

	t->vm = g_rc_box_acquire(vm);
	t->epoch = vm->epoch;
	t->line = line;
	return t;
}

static void ticket_free(struct ticket *t)
{
	g_rc_box_release(t->vm);
	g_free(t);
}

static gboolean ticket_valid(const struct ticket *t)
{
	return t->vm->owner && t->vm->epoch == t->epoch;
}

/* Lines */

static void line_play(struct vm *vm, unsigned int i);

/* HMP prints nothing for "o", and what was read for "i"; else it is an error. */
static void line_printed(struct monitor *m, const char *text, void *data)
{
	(void)data;
	if (text && *text && !g_str_has_prefix(text, "port"))
		g_warning("monitor %s: %s", monitor_path(m), text);
}

static void line_played(struct monitor *m, const char *text, void *data)
{
	struct ticket *t = data;

	line_printed(m, text, NULL);
	if (ticket_valid(t)) {
		t->vm->lines[t->line].in_flight--;
		line_play(t->vm, t->line);
	}
	ticket_free(t);
}

static void line_lower(struct vm *vm, unsigned int i)
{
	if (vm->lines[i].raised)
		monitor_hmp(vm->mon, line_table[i].after, line_printed, NULL);
	vm->lines[i].raised = FALSE;
}

/*
 * The user VM waits for the raise, nobody for the rest. So the line is lowered when
 * QEMU has answered, or before it rises again.
 */
static void line_play(struct vm *vm, unsigned int i)
{
	struct line *l = &vm->lines[i];

	if (vm->state != VM_FOUND || l->in_flight == LINE_IN_FLIGHT_MAX)
		return;
	if (l->rise || !l->in_flight)
		line_lower(vm, i);
	if (!l->rise)
		return;
	l->rise = FALSE;
	if (!l->ours)
		monitor_hmp(vm->mon, line_table[i].lower, NULL, NULL);
	l->ours = TRUE;
	l->raised = line_table[i].after != NULL;
	l->in_flight++;
	for (unsigned int n = 0; n < LINE_PULSE_MAX && line_table[i].pulse[n]; n++) {
		gboolean last = n + 1 == LINE_PULSE_MAX || !line_table[i].pulse[n + 1];

		monitor_hmp(vm->mon, line_table[i].pulse[n], last ? line_played : line_printed,
			    last ? ticket_new(vm, i) : NULL);
	}
}

/* Forgets about the monitor. */
static void vm_leave(struct vm *vm)
{
	vm->mon = NULL;
	vm->state = VM_UNKNOWN;
	vm->round = 0;
	vm->epoch++;
}

/* Forgets it, and says why. */
static void vm_end(struct vm *vm, enum vm_state why)
{
	struct vms *vms = vm->owner;
	uint32_t id = vm->id;

	vms_forget(vms, id);
	vms->report(id, why, vms->user);
}

/* QEMU has done it, or is gone. */
static void give_done(struct monitor *m, const char *text, void *data)
{
	struct ticket *t = data;

	if (text && *text)
		g_warning("monitor %s: %s", monitor_path(m), text);
	if (ticket_valid(t))
		vm_end(t->vm, VM_GIVEN);
	ticket_free(t);
}

static void set_ier(struct vm *vm, unsigned int com, unsigned int ier)
{
	g_autofree char *cmd = g_strdup_printf("o/b %u %u", com_ier_port[com], ier);

	monitor_hmp(vm->mon, cmd, line_printed, NULL);
}

/*
 * Off and on again, so that what is enabled and the device has is signalled. Edges on
 * their way are before this one, and none follows.
 */
static void give(struct vm *vm)
{
	unsigned int coms = agent_ier_coms(vm->ier);

	vm->state = VM_GIVEN;
	vm->epoch++;
	for (unsigned int com = 0; com < AGENT_IER_COMS; com++) {
		if (!(coms & 1u << com))
			continue;
		set_ier(vm, com, 0);
		set_ier(vm, com, agent_ier_of(vm->ier, com));
	}
	/* Nothing: the answer comes behind those of all commands. */
	monitor_hmp(vm->mon, "", give_done, ticket_new(vm, 0));
}

/* Search */

gboolean vms_parse_hva(const char *text, uint64_t *hva)
{
	/* "Host virtual address for 0x1000 (pc.ram) is 0x7f..." */
	const char *p = g_strrstr(text, ") is 0x");
	char *end;

	if (!p || !g_ascii_isxdigit(p[7]))
		return FALSE;
	errno = 0;
	*hva = g_ascii_strtoull(p + 7, &end, 16);
	return !errno && (!*end || g_ascii_isspace(*end));
}

static const char *state_name(enum vm_state state)
{
	static const char *const names[] = {
		[VM_UNKNOWN] = "unknown", [VM_FOUND] = "found",
		[VM_MISSING] = "missing", [VM_AMBIGUOUS] = "ambiguous",
		[VM_GIVEN] = "given", [VM_GONE] = "gone",
	};

	return names[state];
}

static void unwatch(struct vm *vm)
{
	if (vm->pidfd_id)
		g_source_remove(vm->pidfd_id);
	vm->pidfd_id = 0;
	if (vm->pidfd >= 0)
		close(vm->pidfd);
	vm->pidfd = -1;
}

static gboolean qemu_ended(gint fd, GIOCondition cond, gpointer data)
{
	struct vm *vm = data;

	(void)fd;
	(void)cond;
	vm->pidfd_id = 0;
	g_message("VM %x: its QEMU has ended", vm->id);
	vm_end(vm, VM_GONE);
	return G_SOURCE_REMOVE;
}

/* A monitor that closes says little; its process ends once. */
static void watch(struct vm *vm)
{
	unwatch(vm);
	vm->pidfd = (int)syscall(SYS_pidfd_open, monitor_pid(vm->mon), 0);
	if (vm->pidfd >= 0)
		vm->pidfd_id = g_unix_fd_add(vm->pidfd, G_IO_IN, qemu_ended, vm);
}

static void search_end(struct vm *vm)
{
	enum vm_state old = vm->state;

	vm->state = vm->hits == 1 ? VM_FOUND : vm->hits ? VM_AMBIGUOUS : VM_MISSING;
	if (vm->state == VM_FOUND) {
		vm->mon = vm->hit;
		watch(vm);
		if (vm->giving) {
			give(vm);
			return;
		}
		for (unsigned int i = 0; i < line_table_len; i++) {
			line_restart(&vm->lines[i]);
			line_play(vm, i);
		}
	}
	if (vm->state == old)
		return;
	g_message("VM %x (frame %" G_GINT64_MODIFIER "x is frame %" G_GINT64_MODIFIER "x here): %s%s%s",
		  vm->id, vm->l2_gfn, vm->l1_gfn, state_name(vm->state),
		  vm->mon ? ", monitor " : "", vm->mon ? monitor_path(vm->mon) : "");
	vm->owner->report(vm->id, vm->state, vm->owner->user);
}

static gboolean has_frame(struct vm *vm, struct monitor *m, const char *text)
{
	struct vms *vms = vm->owner;
	uint64_t hva, pfn;
	int err;

	if (!text || !vms_parse_hva(text, &hva))
		return FALSE;
	err = pagemap_lookup(vms->proc, monitor_pid(m), hva, &pfn);
	if (!err)
		return pfn == vm->l1_gfn;
	if (err != -ENOENT && !vms->warned_pfn) {
		vms->warned_pfn = TRUE;
		g_warning("cannot read the page map of QEMU, process %ld: %s; the agent needs CAP_SYS_ADMIN and CAP_SYS_PTRACE, run it as root",
			  (long)monitor_pid(m), g_strerror(-err));
	}
	return FALSE;
}

static void search_answer(struct monitor *m, const char *text, void *data)
{
	struct ticket *t = data;
	struct vm *vm = t->vm;

	if (ticket_valid(t) && vm->round) {
		if (has_frame(vm, m, text)) {
			/* A QEMU may have more than one monitor that matches. */
			if (!vm->hit || monitor_pid(vm->hit) != monitor_pid(m))
				vm->hits++;
			vm->hit = m;
		}
		if (!--vm->round)
			search_end(vm);
	}
	ticket_free(t);
}

static void search_ask(struct monitor *m, void *data)
{
	struct vm *vm = data;
	char cmd[64];

	g_snprintf(cmd, sizeof(cmd), "gpa2hva 0x%" G_GINT64_MODIFIER "x", vm->l2_gfn << 12);
	vm->round++;
	monitor_hmp(m, cmd, search_answer, ticket_new(vm, 0));
}

static void search(struct vm *vm)
{
	if (vm->state == VM_FOUND || vm->state == VM_GIVEN || vm->round)
		return;
	vm->hit = NULL;
	vm->hits = 0;
	monitors_foreach_ready(vm->owner->monitors, search_ask, vm);
	if (!vm->round)
		search_end(vm);
}

static gboolean search_all(gpointer v)
{
	struct vms *vms = v;
	GHashTableIter it;
	gpointer vm;

	g_hash_table_iter_init(&it, vms->table);
	while (g_hash_table_iter_next(&it, NULL, &vm))
		search(vm);
	return G_SOURCE_CONTINUE;
}

static void monitor_is_ready(struct monitor *m, void *user)
{
	(void)m;
	search_all(user);
}

static void monitor_is_gone(struct monitor *m, void *user)
{
	struct vms *vms = user;
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, vms->table);
	while (g_hash_table_iter_next(&it, NULL, &v)) {
		struct vm *vm = v;

		if (vm->mon == m) {
			vm->state = VM_UNKNOWN;
			vm_leave(vm);
		}
		/* Its answer never comes; the next second searches anew. */
		if (vm->round) {
			vm->round = 0;
			vm->epoch++;
		}
	}
}

static const struct monitors_ops ops = {
	.ready = monitor_is_ready,
	.gone = monitor_is_gone,
};

/* The set */

static void vm_drop(gpointer v)
{
	struct vm *vm = v;

	for (unsigned int i = 0; vm->state == VM_FOUND && i < line_table_len; i++)
		line_lower(vm, i);
	vm_leave(vm);
	unwatch(vm);
	vm->owner = NULL;
	g_rc_box_release(vm);
}

/* @proc is "/proc" but for tests. */
struct vms *vms_new(const char *const *globs, const char *proc, vms_report_fn report,
		    void *user)
{
	struct vms *vms = g_new0(struct vms, 1);

	vms->table = g_hash_table_new_full(NULL, NULL, NULL, vm_drop);
	vms->proc = g_strdup(proc);
	vms->report = report;
	vms->user = user;
	vms->monitors = monitors_new(globs, &ops, vms);
	vms->search_id = g_timeout_add_seconds(SEARCH_SECONDS, search_all, vms);
	return vms;
}

void vms_free(struct vms *vms)
{
	g_source_remove(vms->search_id);
	g_hash_table_destroy(vms->table);
	monitors_free(vms->monitors);
	g_free(vms->proc);
	g_free(vms);
}

void vms_set(struct vms *vms, uint32_t id, uint64_t l2_gfn, uint64_t l1_gfn)
{
	struct vm *vm = g_hash_table_lookup(vms->table, GUINT_TO_POINTER(id));

	if (!vm) {
		if (g_hash_table_size(vms->table) >= VMS_MAX) {
			g_warning("VM %x: too many VMs, ignored", id);
			return;
		}
		vm = g_rc_box_new0(struct vm);
		vm->owner = vms;
		vm->pidfd = -1;
		vm->id = id;
		g_hash_table_insert(vms->table, GUINT_TO_POINTER(id), vm);
	} else if (vm->l2_gfn == l2_gfn && vm->l1_gfn == l1_gfn) {
		if (vm->state != VM_UNKNOWN)
			vms->report(id, vm->state, vms->user);
		return;
	}
	vm_leave(vm);
	vm->giving = FALSE;
	vm->l2_gfn = l2_gfn;
	vm->l1_gfn = l1_gfn;
	search(vm);
}

void vms_forget(struct vms *vms, uint32_t id)
{
	g_hash_table_remove(vms->table, GUINT_TO_POINTER(id));
}

void vms_forget_all(struct vms *vms)
{
	g_hash_table_remove_all(vms->table);
}

void vms_give(struct vms *vms, uint32_t id, unsigned int ier)
{
	struct vm *vm = g_hash_table_lookup(vms->table, GUINT_TO_POINTER(id));

	if (!vm || vm->giving)
		return;
	vm->giving = TRUE;
	vm->ier = ier;
	if (vm->state == VM_FOUND)
		give(vm);
}

static void add_busy(struct monitor *m, void *data)
{
	gboolean *busy = data;

	*busy |= monitor_busy(m);
}

gboolean vms_busy(struct vms *vms)
{
	gboolean busy = FALSE;

	monitors_foreach_ready(vms->monitors, add_busy, &busy);
	return busy;
}

void vms_irq(struct vms *vms, uint32_t id, unsigned int gsi, gboolean level)
{
	struct vm *vm = g_hash_table_lookup(vms->table, GUINT_TO_POINTER(id));
	int i = line_index(gsi);

	if (!vm)
		return;
	if (i < 0) {
		if (gsi < 64 && !(vms->warned_gsi & (1ULL << gsi))) {
			vms->warned_gsi |= 1ULL << gsi;
			g_warning("line %u: no device of the guest hypervisor is known to raise it, ignored", gsi);
		}
		return;
	}
	line_set(&vm->lines[i], level);
	line_play(vm, i);
}
