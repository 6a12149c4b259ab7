// SPDX-License-Identifier: GPL-2.0
/*
 * Types on a proxy's PS/2 keyboard.
 *
 *   ASK  "i /b 0x64" -> controller empty? and has the user VM read since? -> SEND, or
 *        ASK again in a moment
 *   SEND "input-send-event" with all presses and releases of one stroke -> ASK
 *
 * QEMU's keyboard drops what its queue of 16 bytes cannot hold, so a stroke, which fits
 * (keys.h), goes into an empty one. Reading the status register has no side effect
 * (kbd_read_status()). It shows nothing of a queue whose keyboard the user VM has
 * switched off: hence the count of its reads. QEMU ignores input while its VM does not
 * "run"; a proxy's does.
 *
 * Presses and releases of a stroke are one QMP command: no key stays down if the next
 * thing is an error.
 */
#include "keyboard.h"

#include <string.h>

#include "error.h"

#define POLL_MS		10
#define STATUS_COMMAND	"i /b 0x64"
#define STATUS_ANSWER	"portb[0x0064] = 0x"
#define STATUS_OBF	0x01	/* output buffer full: the user VM has to read 0x60 */

/**
 * struct job - what somebody wants to have typed
 * @next:	stroke to be sent
 * @ended:	of what was asked for, what the user VM has taken; @total: of
 * @since_us:	monotonic time when it began to wait for the user VM
 * @sent:	stroke @next - 1 is not taken yet
 * @reads:	of the user VM before that was sent
 */
struct job {
	GArray *strokes;
	const char *unit;
	keyboard_done done;
	gpointer data;
	guint next;
	guint ended;
	guint total;
	gint64 since_us;
	gboolean sent;
	guint64 reads;
};

/**
 * struct keyboard - see keyboard.h
 * @jobs:	struct job, the first one is being typed
 * @timer_id:	goes on with it
 */
struct keyboard {
	guint wait_ms;
	const struct keyboard_ops *ops;
	gpointer data;
	GQueue jobs;
	guint timer_id;
};

static void ask(struct keyboard *keyboard);

static gboolean on_timer(gpointer data)
{
	struct keyboard *keyboard = data;
	struct job *job = g_queue_peek_head(&keyboard->jobs);

	keyboard->timer_id = 0;
	if (!job->since_us)
		job->since_us = g_get_monotonic_time();
	ask(keyboard);
	return G_SOURCE_REMOVE;
}

static void go_on_in(struct keyboard *keyboard, guint ms)
{
	if (!keyboard->timer_id)
		keyboard->timer_id = g_timeout_add(ms, on_timer, keyboard);
}

/* Ends the first job; the next one is begun from the main loop. What was sent stays. */
static void end_job(struct keyboard *keyboard, const GError *error)
{
	struct job *job = g_queue_pop_head(&keyboard->jobs);
	g_autoptr(GError) told = NULL;

	if (error)
		told = g_error_new(error->domain, error->code, "%s; %u of %u %s typed%s",
				   error->message, job->ended, job->total, job->unit,
				   job->sent ? ", the next may yet be taken" : "");
	g_clear_handle_id(&keyboard->timer_id, g_source_remove);
	if (!g_queue_is_empty(&keyboard->jobs))
		go_on_in(keyboard, 0);
	job->done(job->data, told);
	g_array_unref(job->strokes);
	g_free(job);
}

/* Ends the first job; nothing of it is in a keyboard. */
static void fail_job(struct keyboard *keyboard, const GError *error)
{
	struct job *job = g_queue_peek_head(&keyboard->jobs);

	job->sent = FALSE;
	end_job(keyboard, error);
}

static JsonObject *key_event(const char *name, gboolean down)
{
	JsonObject *event = json_object_new(), *data = json_object_new();
	JsonObject *key = json_object_new();

	json_object_set_string_member(key, "type", "qcode");
	json_object_set_string_member(key, "data", name);
	json_object_set_boolean_member(data, "down", down);
	json_object_set_object_member(data, "key", key);
	json_object_set_string_member(event, "type", "key");
	json_object_set_object_member(event, "data", data);
	return event;
}

static void on_sent(gpointer data, JsonNode *result, const GError *error)
{
	struct keyboard *keyboard = data;

	if (error)
		fail_job(keyboard, error);
	else
		ask(keyboard);
}

static void send_stroke(struct keyboard *keyboard, struct qmp *qmp)
{
	struct job *job = g_queue_peek_head(&keyboard->jobs);
	const struct stroke *stroke = &g_array_index(job->strokes, struct stroke, job->next++);
	JsonObject *args = json_object_new();
	JsonArray *events = json_array_new();

	for (guint i = 0; i < stroke->nr; i++)
		json_array_add_object_element(events, key_event(stroke->key[i], TRUE));
	for (guint i = stroke->nr; i-- > 0; )
		json_array_add_object_element(events, key_event(stroke->key[i], FALSE));
	json_object_set_array_member(args, "events", events);
	job->sent = TRUE;
	job->since_us = g_get_monotonic_time();
	qmp_execute(qmp, "input-send-event", args, on_sent, keyboard);
}

/* Return: has the user VM taken what was sent before? */
static gboolean is_taken(struct job *job, guint status, guint64 reads)
{
	if (status & STATUS_OBF)
		return FALSE;
	if (job->sent) {
		if (reads == job->reads)
			return FALSE;
		job->ended += g_array_index(job->strokes, struct stroke, job->next - 1).ends;
		job->sent = FALSE;
	}
	return TRUE;
}

static void go_on(struct keyboard *keyboard, guint status, GError **error)
{
	struct job *job = g_queue_peek_head(&keyboard->jobs);
	guint64 reads;
	struct qmp *qmp = keyboard->ops->may_type(keyboard->data, &reads, error);

	if (!qmp)
		return;
	if (!is_taken(job, status, reads)) {
		if (g_get_monotonic_time() - job->since_us < keyboard->wait_ms * 1000L)
			go_on_in(keyboard, POLL_MS);
		else
			g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
					    "the user VM does not read its keyboard");
		return;
	}
	if (job->next == job->strokes->len) {
		end_job(keyboard, NULL);
		return;
	}
	job->reads = reads;
	send_stroke(keyboard, qmp);
}

static void on_status(gpointer data, JsonNode *result, const GError *error)
{
	struct keyboard *keyboard = data;
	g_autoptr(GError) failure = NULL;
	const char *text = result && JSON_NODE_HOLDS_VALUE(result) &&
			   json_node_get_value_type(result) == G_TYPE_STRING ?
			   json_node_get_string(result) : "";

	if (error) {
		fail_job(keyboard, error);
		return;
	}
	if (!g_str_has_prefix(text, STATUS_ANSWER))
		failure = g_error_new(VSB_ERROR, VSB_ERROR_FAILED,
				      "this QEMU does not know the monitor command '"
				      STATUS_COMMAND "'");
	else
		go_on(keyboard, (guint)g_ascii_strtoull(text + strlen(STATUS_ANSWER), NULL, 16),
		      &failure);
	if (failure)
		end_job(keyboard, failure);
}

static void ask(struct keyboard *keyboard)
{
	g_autoptr(GError) error = NULL;
	guint64 reads;
	struct qmp *qmp = keyboard->ops->may_type(keyboard->data, &reads, &error);
	JsonObject *args;

	if (!qmp) {
		end_job(keyboard, error);
		return;
	}
	args = json_object_new();
	json_object_set_string_member(args, "command-line", STATUS_COMMAND);
	qmp_execute(qmp, "human-monitor-command", args, on_status, keyboard);
}

struct keyboard *keyboard_new(guint wait_ms, const struct keyboard_ops *ops, gpointer data)
{
	struct keyboard *keyboard = g_new0(struct keyboard, 1);

	keyboard->wait_ms = wait_ms;
	keyboard->ops = ops;
	keyboard->data = data;
	g_queue_init(&keyboard->jobs);
	return keyboard;
}

void keyboard_free(struct keyboard *keyboard)
{
	if (!keyboard)
		return;
	keyboard_stop(keyboard);
	g_free(keyboard);
}

void keyboard_type(struct keyboard *keyboard, GArray *strokes, const char *unit,
		   keyboard_done done, gpointer data)
{
	g_autoptr(GError) error = NULL;
	struct job *job;
	guint64 reads;

	if (!keyboard->ops->may_type(keyboard->data, &reads, &error)) {
		g_array_unref(strokes);
		done(data, error);
		return;
	}
	if (g_queue_get_length(&keyboard->jobs) > KEYBOARD_MAX_JOBS) {
		g_array_unref(strokes);
		error = g_error_new(VSB_ERROR, VSB_ERROR_FAILED, "%d others wait to type here; "
				    "try again when they are done", KEYBOARD_MAX_JOBS);
		done(data, error);
		return;
	}
	job = g_new0(struct job, 1);
	job->strokes = strokes;
	job->unit = unit;
	job->done = done;
	job->data = data;
	for (guint i = 0; i < strokes->len; i++)
		job->total += g_array_index(strokes, struct stroke, i).ends;
	g_queue_push_tail(&keyboard->jobs, job);
	if (g_queue_get_length(&keyboard->jobs) == 1)
		go_on_in(keyboard, 0);
}

gboolean keyboard_progress(const struct keyboard *keyboard, guint *typed, guint *of)
{
	const struct job *job = keyboard->jobs.head ? keyboard->jobs.head->data : NULL;

	if (!job)
		return FALSE;
	*typed = job->ended;
	*of = job->total;
	return TRUE;
}

void keyboard_stop(struct keyboard *keyboard)
{
	g_autoptr(GError) error = g_error_new_literal(VSB_ERROR, VSB_ERROR_FAILED,
						      "the proxy has ended");

	while (!g_queue_is_empty(&keyboard->jobs))
		fail_job(keyboard, error);
	g_clear_handle_id(&keyboard->timer_id, g_source_remove);
}
