// SPDX-License-Identifier: GPL-2.0
/*
 * The channel to the agent in one cloud VM.
 *
 * Nothing is queued but the state: which VMs have something to tell, and per
 * line an edge_line. Messages are made only when the socket has room, so an
 * agent that does not read costs a fixed amount of memory.
 */
#include "agent-link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib-unix.h>

#include "agent-wire.h"
#include "backoff.h"
#include "edges.h"
#include "listen.h"

#define RETRY_MS	1000
#define NONSENSE_PAUSE_S	1	/* at least */
#define PING_MS		5000
#define PINGS_MAX	3		/* unanswered */
#define OUT_LOW		4096		/* make messages up to about here */
#define NR_LINES	(AGENT_GSI_MAX + 1)

/**
 * struct vm - one user VM
 * @has_frames:	l2_gfn and l1_gfn are known
 * @announce:	"vm" has to be sent
 * @forget:	"forget" has to be sent before anything else
 * @told:	the agent knows this ID
 * @queued:	is in link->work
 * @giving:	"give" has to be sent in place of lines, or its answer is due;
 *		counted in link->giving
 * @ier:	of "give"
 */
struct vm {
	guint32 id;
	guint64 l2_gfn;
	guint64 l1_gfn;
	gboolean has_frames;
	gboolean announce;
	gboolean forget;
	gboolean told;
	gboolean queued;
	gboolean giving;
	guint32 ier;
	enum agent_link_vm said;
	struct edge_line lines[NR_LINES];
};

/**
 * struct agent_link - see agent-link.h
 * @vms:	struct vm by ID; owns them. IDs are few and used again: none is removed.
 * @work:	struct vm that have something to tell
 * @greet:	answer to a hello is due, with @nonce
 * @greeted:	answered; VMs and lines may be told
 * @out:	formatted, not yet taken by the socket
 * @ping:	number of the last ping
 * @unanswered:	pings since the last one that was answered
 * @lost:	too many; a pong or a hello brings the agent back
 * @giving:	number of answers to "give" that are due
 * @nonsense:	of connections that end by nonsense: pauses between them
 * @complained:	the last connect failed, and it has been said
 */
struct agent_link {
	char *path;
	char *cloud;
	int fd;
	guint in_id;
	guint out_id;
	guint retry_id;
	guint ping_id;
	gboolean greet;
	gboolean greeted;
	gboolean complained;
	gboolean lost;
	guint64 nonce;
	guint64 ping;
	guint unanswered;
	guint giving;
	struct backoff nonsense;
	const struct agent_link_ops *ops;
	gpointer data;
	struct agent_reader reader;
	GString *out;
	GHashTable *vms;
	GQueue work;
};

static void fill(struct agent_link *link);
static void start_connect(struct agent_link *link);

static struct vm *find_vm(const struct agent_link *link, guint32 id)
{
	return g_hash_table_lookup(link->vms, GUINT_TO_POINTER(id));
}

static void remove_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

static void put(struct agent_link *link, const struct agent_msg *msg)
{
	char line[AGENT_LINE_MAX + 1];
	gsize len = agent_wire_format(msg, line);

	g_string_append_len(link->out, line, (gssize)len);
}

/* VM has something to tell: tell it when there is room. */
static void queue_vm(struct agent_link *link, struct vm *vm)
{
	if (!link->greeted || vm->queued || (!vm->has_frames && !vm->forget))
		return;
	vm->queued = TRUE;
	g_queue_push_tail(&link->work, vm);
	fill(link);
}

static void unqueue_all(struct agent_link *link)
{
	struct vm *vm;

	while ((vm = g_queue_pop_head(&link->work)))
		vm->queued = FALSE;
}

static void end_give(struct agent_link *link, struct vm *vm)
{
	if (!vm->giving)
		return;
	vm->giving = FALSE;
	if (!--link->giving)
		link->ops->given(link->data);
}

static void set_greeted(struct agent_link *link, gboolean greeted)
{
	if (link->greeted == greeted)
		return;
	link->greeted = greeted;
	link->ops->connected(greeted, link->data);
}

/* A new agent, or an old one that forgot: everything has to be told again. */
static void begin_session(struct agent_link *link)
{
	GHashTableIter iter;
	gpointer value;

	unqueue_all(link);
	g_hash_table_iter_init(&iter, link->vms);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct vm *vm = value;

		vm->forget = FALSE;
		vm->said = AGENT_LINK_VM_UNKNOWN;
		vm->told = FALSE;
		vm->announce = vm->has_frames;
		for (guint gsi = 0; gsi < NR_LINES; gsi++)
			edge_line_forgotten(&vm->lines[gsi]);
		if (vm->has_frames) {
			vm->queued = TRUE;
			g_queue_push_tail(&link->work, vm);
		}
	}
}

static void end_session(struct agent_link *link)
{
	link->greet = FALSE;
	set_greeted(link, FALSE);
	begin_session(link);
	unqueue_all(link);
}

static void tell_vm(struct agent_link *link, struct vm *vm)
{
	if (vm->forget) {
		put(link, &(struct agent_msg){ .type = AGENT_FORGET, .id = vm->id });
		vm->forget = FALSE;
		vm->told = FALSE;
		for (guint gsi = 0; gsi < NR_LINES; gsi++)
			edge_line_forgotten(&vm->lines[gsi]);
	}
	if (!vm->has_frames)
		return;
	if (vm->announce)
		put(link, &(struct agent_msg){ .type = AGENT_VM, .id = vm->id,
					       .l2_gfn = vm->l2_gfn, .l1_gfn = vm->l1_gfn });
	vm->announce = FALSE;
	vm->told = TRUE;
	if (vm->giving) {
		put(link, &(struct agent_msg){ .type = AGENT_GIVE, .id = vm->id,
					       .ier = vm->ier });
		return;
	}
	for (guint gsi = 0; gsi < NR_LINES; gsi++) {
		guint level;

		while (edge_line_next(&vm->lines[gsi], &level))
			put(link, &(struct agent_msg){ .type = AGENT_IRQ, .id = vm->id,
						       .gsi = gsi, .level = level });
	}
}

static gboolean on_writable(int fd, GIOCondition condition, gpointer data)
{
	struct agent_link *link = data;

	link->out_id = 0;
	fill(link);
	return G_SOURCE_REMOVE;
}

/* Drops the connection and tries again after a while. */
static gboolean on_retry(gpointer data)
{
	struct agent_link *link = data;

	link->retry_id = 0;
	start_connect(link);
	return G_SOURCE_REMOVE;
}

static void disconnect(struct agent_link *link, guint pause_ms)
{
	end_session(link);
	link->lost = FALSE;
	link->unanswered = 0;
	remove_source(&link->ping_id);
	remove_source(&link->in_id);
	remove_source(&link->out_id);
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	g_string_truncate(link->out, 0);
	if (!link->retry_id)
		link->retry_id = g_timeout_add(pause_ms, on_retry, link);
}

/* Makes messages while the socket takes them. */
static void fill(struct agent_link *link)
{
	for (;;) {
		struct vm *vm;
		ssize_t n;

		if (link->greet && link->out->len < OUT_LOW) {
			link->greet = FALSE;
			put(link, &(struct agent_msg){ .type = AGENT_HELLO, .nonce = link->nonce });
			begin_session(link);
			set_greeted(link, TRUE);
		}
		while (link->greeted && link->out->len < OUT_LOW &&
		       (vm = g_queue_pop_head(&link->work))) {
			vm->queued = FALSE;
			tell_vm(link, vm);
		}
		if (!link->out->len || link->fd < 0 || link->out_id)
			return;
		n = send(link->fd, link->out->str, link->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			g_string_erase(link->out, 0, n);
			continue;
		}
		/* A dead socket is noticed by the reader, too; it cleans up. */
		if (errno == EAGAIN || errno == EINTR)
			link->out_id = g_unix_fd_add(link->fd, G_IO_OUT, on_writable, link);
		return;
	}
}

static gboolean on_ping(gpointer data)
{
	struct agent_link *link = data;

	if (link->unanswered >= PINGS_MAX && !link->lost) {
		g_message("cloud VM '%s': the agent does not answer; waiting for it",
			  link->cloud);
		link->lost = TRUE;
		end_session(link);
	}
	link->ping++;
	link->unanswered++;
	/* One that is stuck in a full socket needs no other behind it. */
	if (link->out->len < OUT_LOW) {
		put(link, &(struct agent_msg){ .type = AGENT_PING, .n = link->ping });
		fill(link);
	}
	return G_SOURCE_CONTINUE;
}

/* The agent is there: tell it everything, from the start. */
static void greet(struct agent_link *link, guint64 nonce)
{
	if (!link->greeted)
		g_message("cloud VM '%s': the agent is connected", link->cloud);
	/* An agent that says hello all the time gets one answer for many. */
	link->nonce = nonce;
	link->greet = TRUE;
	link->lost = FALSE;
	link->unanswered = 0;
	if (!link->ping_id)
		link->ping_id = g_timeout_add(PING_MS, on_ping, link);
	fill(link);
}

static void handle_pong(struct agent_link *link, guint64 n)
{
	/* Any of those under way; a number from nowhere wraps to a large one. */
	if (link->ping - n >= link->unanswered)
		return;
	link->unanswered = (guint)(link->ping - n);
	if (link->lost)
		greet(link, link->nonce);
}

static void handle_vm(struct agent_link *link, const struct agent_msg *msg)
{
	static const struct {
		enum agent_link_vm said;
		const char *text;
	} answers[] = {
		[AGENT_FOUND] = { AGENT_LINK_VM_FOUND, "found" },
		[AGENT_MISSING] = { AGENT_LINK_VM_MISSING, "not found" },
		[AGENT_AMBIGUOUS] = { AGENT_LINK_VM_AMBIGUOUS, "found more than once" },
	};
	struct vm *vm = find_vm(link, msg->id);

	if (!vm || !vm->told)
		return;
	if (msg->type == AGENT_GONE || (msg->type == AGENT_GIVEN && vm->giving)) {
		/* The agent has forgotten the ID itself. */
		vm->has_frames = FALSE;
		vm->told = FALSE;
		vm->said = AGENT_LINK_VM_UNKNOWN;
		end_give(link, vm);
		if (msg->type == AGENT_GONE)
			link->ops->gone(vm->id, link->data);
		return;
	}
	if (msg->type == AGENT_GIVEN)
		return;		/* was not asked */
	if (vm->said == answers[msg->type].said)
		return;
	vm->said = answers[msg->type].said;
	g_debug("cloud VM '%s': user VM %u is %s by the agent", link->cloud, msg->id,
		answers[msg->type].text);
}

static void handle(struct agent_link *link, const struct agent_msg *msg)
{
	if (msg->type == AGENT_HELLO)
		greet(link, msg->nonce);
	else if (msg->type == AGENT_PONG)
		handle_pong(link, msg->n);
	else if (link->greeted && !link->greet)
		handle_vm(link, msg);
	/* else of an agent before this one */
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer data)
{
	struct agent_link *link = data;
	struct agent_msg msg;
	char buf[1024];
	const char *p = buf;
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	guint pause_s;
	gsize len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		g_message("cloud VM '%s': the agent's channel is closed by QEMU", link->cloud);
		link->in_id = 0;
		disconnect(link, RETRY_MS);
		return G_SOURCE_REMOVE;
	}
	len = (gsize)n;
	while (agent_reader_next(&link->reader, &p, &len, &msg))
		handle(link, &msg);
	if (link->reader.bad < AGENT_BAD_LINES_MAX)
		return G_SOURCE_CONTINUE;

	pause_s = backoff_ended(&link->nonsense, g_get_monotonic_time(), NONSENSE_PAUSE_S);
	g_warning("cloud VM '%s': %u lines of nonsense from its agent; opening the channel anew "
		  "in %u s", link->cloud, link->reader.bad, pause_s);
	link->in_id = 0;
	disconnect(link, pause_s * 1000);
	return G_SOURCE_REMOVE;
}

static void start_connect(struct agent_link *link)
{
	int fd = connect_unix(link->path);

	if (fd < 0) {
		if (!link->complained)
			g_warning("cloud VM '%s': agent channel %s: %s; trying again",
				  link->cloud, link->path, g_strerror(errno));
		link->complained = TRUE;
		link->retry_id = g_timeout_add(RETRY_MS, on_retry, link);
		return;
	}
	link->complained = FALSE;
	backoff_began(&link->nonsense, g_get_monotonic_time());
	link->fd = fd;
	link->reader = (struct agent_reader){ .from = AGENT_FROM_AGENT };
	link->in_id = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, link);
	/* An agent that knew a vsbypassd before this one says hello at once. */
	put(link, &(struct agent_msg){ .type = AGENT_HELLO });
	fill(link);
}

struct agent_link *agent_link_new(const char *path, const char *cloud,
				  const struct agent_link_ops *ops, gpointer data)
{
	struct agent_link *link = g_new0(struct agent_link, 1);

	link->path = g_strdup(path);
	link->cloud = g_strdup(cloud);
	link->ops = ops;
	link->data = data;
	link->fd = -1;
	link->out = g_string_new(NULL);
	link->vms = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	g_queue_init(&link->work);
	if (path)
		start_connect(link);
	return link;
}

void agent_link_free(struct agent_link *link)
{
	if (!link)
		return;
	/* Nobody is told any more. */
	link->greeted = FALSE;
	disconnect(link, RETRY_MS);
	remove_source(&link->retry_id);
	g_hash_table_unref(link->vms);
	g_string_free(link->out, TRUE);
	g_free(link->path);
	g_free(link->cloud);
	g_free(link);
}

static struct vm *get_vm(struct agent_link *link, guint32 id)
{
	struct vm *vm = find_vm(link, id);

	if (!vm) {
		vm = g_new0(struct vm, 1);
		vm->id = id;
		g_hash_table_insert(link->vms, GUINT_TO_POINTER(id), vm);
	}
	return vm;
}

void agent_link_set_vm(struct agent_link *link, guint32 id, guint64 l2_gfn, guint64 l1_gfn)
{
	struct vm *vm = get_vm(link, id);

	if (vm->has_frames && vm->l2_gfn == l2_gfn && vm->l1_gfn == l1_gfn)
		return;
	vm->has_frames = TRUE;
	vm->l2_gfn = l2_gfn;
	vm->l1_gfn = l1_gfn;
	vm->announce = TRUE;
	queue_vm(link, vm);
}

void agent_link_give(struct agent_link *link, guint32 id, guint ier)
{
	struct vm *vm = find_vm(link, id);

	if (!vm || !vm->has_frames || vm->giving)
		return;
	vm->giving = TRUE;
	vm->ier = ier & AGENT_IER_MAX;
	link->giving++;
	queue_vm(link, vm);
}

gboolean agent_link_giving(const struct agent_link *link)
{
	return link->giving > 0;
}

void agent_link_forget(struct agent_link *link, guint32 id)
{
	struct vm *vm = find_vm(link, id);

	if (!vm)
		return;
	end_give(link, vm);
	vm->forget = vm->told;
	vm->has_frames = FALSE;
	vm->announce = FALSE;
	vm->said = AGENT_LINK_VM_UNKNOWN;
	queue_vm(link, vm);
}

void agent_link_irq(struct agent_link *link, guint32 id, guint gsi, guint level)
{
	struct vm *vm;

	if (gsi >= NR_LINES)
		return;
	vm = get_vm(link, id);
	edge_line_set(&vm->lines[gsi], level != 0);
	if (edge_line_pending(&vm->lines[gsi]) && !vm->giving)
		queue_vm(link, vm);
}

void agent_link_lines_low(struct agent_link *link, guint32 id)
{
	if (!find_vm(link, id))
		return;
	for (guint gsi = 0; gsi < NR_LINES; gsi++)
		agent_link_irq(link, id, gsi, 0);
}

enum agent_link_state agent_link_get_state(const struct agent_link *link)
{
	if (!link->path)
		return AGENT_LINK_NONE;
	if (link->fd < 0)
		return AGENT_LINK_LOST;
	return link->greeted ? AGENT_LINK_CONNECTED : AGENT_LINK_WAITING;
}

enum agent_link_vm agent_link_get_vm(const struct agent_link *link, guint32 id)
{
	struct vm *vm = find_vm(link, id);

	return vm ? vm->said : AGENT_LINK_VM_UNKNOWN;
}
