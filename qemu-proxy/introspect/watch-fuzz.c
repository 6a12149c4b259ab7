// SPDX-License-Identifier: GPL-2.0
/*
 * A VM whose memory lies: a core of a real one, of which words that a look reads are changed at
 * random, into garbage or into other pointers of the same kernel. Whatever comes out, nothing may
 * crash, run on or be overrun (it is built with the sanitizers).
 *
 *   watch-fuzz CORE SEED SECONDS		prints how many looks there were, or ends otherwise
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core-file.h"
#include "files.h"
#include "modules.h"
#include "processes.h"
#include "text.h"

#define MAX_CHANGES	16
/* One look. It takes milliseconds; what is made to last has limits that are far from this one. */
#define LOOK_S		60

/* A word that is not what it was. */
struct change {
	guint64 at, value;
};

struct liar {
	struct guest_source core;
	GRand *rand;
	GHashTable *touched;	/* frames that a look has read in single pages */
	GArray *frames;		/* the same, to choose from */
	GArray *image;		/* frames of what is read in larger pieces: the kernel's image */
	struct change changes[MAX_CHANGES];
	guint nr;
	gboolean learning;
};

static gssize read_lies(gpointer data, guint64 at, gpointer buf, gsize len)
{
	struct liar *liar = data;
	gssize n = liar->core.read(liar->core.data, at, buf, len);
	guint64 frame = at / GUEST_PAGE;

	if (n > 0 && liar->learning && len == GUEST_PAGE &&
	    g_hash_table_add(liar->touched, g_memdup2(&frame, sizeof(frame))))
		g_array_append_val(liar->frames, frame);
	for (gssize i = 0; liar->learning && n > GUEST_PAGE && i < n / GUEST_PAGE; i++, frame++)
		g_array_append_val(liar->image, frame);
	for (guint i = 0; n > 0 && i < liar->nr; i++) {
		const struct change *c = &liar->changes[i];

		if (c->at >= at && c->at + 8 <= at + (guint64)n)
			memcpy((char *)buf + (c->at - at), &c->value, 8);
	}
	return n;
}

static guint64 word_of(struct liar *liar, const GArray *frames)
{
	guint64 frame = g_array_index(frames, guint64, g_rand_int_range(liar->rand, 0, (gint32)frames->len));

	return frame * GUEST_PAGE + (guint64)g_rand_int_range(liar->rand, 0, GUEST_PAGE / 8) * 8;
}

static guint64 value_of(struct liar *liar, guint64 at)
{
	guint64 value = 0;

	liar->core.read(liar->core.data, at, &value, sizeof(value));
	return value;
}

/* A word that has something in it, mostly a pointer: most of memory says nothing. */
static guint64 some_word(struct liar *liar)
{
	guint64 at = word_of(liar, liar->frames);

	for (guint i = 0; i < 200 && !guest_is_pointer(value_of(liar, at)); i++)
		at = word_of(liar, liar->frames);
	return at;
}

static guint64 lie_for(struct liar *liar, guint64 at)
{
	guint64 random = (guint64)g_rand_int(liar->rand) << 32 | g_rand_int(liar->rand);

	switch (g_rand_int_range(liar->rand, 0, 6)) {
	case 0:
		return random;
	case 1:
		return value_of(liar, at) ^ 1ull << (random % 64);
	case 2:
		return random % 2 ? 0 : ~0ull;
	case 3:
		return value_of(liar, at) + 8 * (random % 64) - 256;
	default:
		return value_of(liar, some_word(liar));
	}
}

/* @image: about that, where symbols and types are */
static void lie(struct liar *liar, gboolean image)
{
	guint nr = (guint)g_rand_int_range(liar->rand, 1, MAX_CHANGES + 1);

	liar->nr = 0;
	for (guint i = 0; i < nr; i++) {
		guint64 at = image && i % 4 ? word_of(liar, liar->image) : some_word(liar);

		liar->changes[i] = (struct change){ at, lie_for(liar, at) };
	}
	liar->nr = nr;
}

static void look(const struct kernel *kernel, const guint8 *before, gsize len)
{
	struct processes *processes = processes_find(kernel, NULL);
	struct modules *modules = modules_find(kernel, NULL);
	struct text *text = text_read(kernel, NULL);
	GArray *files = processes ? files_find(kernel, processes, NULL) : NULL;

	if (files)
		g_array_unref(files);
	if (text && text->bytes->len == len)
		g_array_unref(text_compare(kernel, text, before));
	for (guint i = 0; text && i < text->syscalls->len; i++)
		text_syscall(kernel, text, i);
	processes_free(processes);
	modules_free(modules);
	text_free(text);
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct core_file *core = argc == 4 ? core_file_open(argv[1], &error) : NULL;
	struct liar liar = { .learning = TRUE };
	const struct guest_source source = { read_lies, &liar, 0 };
	guint looks = 0, finds = 0, found = 0;
	struct kernel *kernel;
	struct guest *guest;
	struct text *text;
	gint64 end;

	if (!core) {
		fprintf(stderr, "%s\n", error ? error->message : "usage: watch-fuzz CORE SEED SECONDS");
		return 1;
	}
	liar.core = core_file_source(core);
	liar.rand = g_rand_new_with_seed((guint32)atoi(argv[2]));
	liar.touched = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	liar.image = g_array_new(FALSE, FALSE, sizeof(guint64));
	liar.frames = g_array_new(FALSE, FALSE, sizeof(guint64));
	guest = guest_new(&source);
	kernel = kernel_find(guest, core_file_vcpus(core), &error);
	text = kernel ? text_read(kernel, &error) : NULL;
	if (!text) {
		fprintf(stderr, "%s\n", error->message);
		return 1;
	}
	look(kernel, text->bytes->data, text->bytes->len);
	liar.learning = FALSE;
	printf("%u pages are read\n", liar.frames->len);
	end = g_get_monotonic_time() + atoi(argv[3]) * G_USEC_PER_SEC;
	while (g_get_monotonic_time() < end) {
		alarm(LOOK_S);
		guest_forget(guest);
		lie(&liar, FALSE);
		look(kernel, text->bytes->data, text->bytes->len);
		/* And one who is lied to from the beginning. */
		if (looks++ % 4 == 0) {
			struct guest *other = guest_new(&source);
			struct kernel *his;

			lie(&liar, TRUE);
			his = kernel_find(other, core_file_vcpus(core), NULL);
			finds++;
			found += his != NULL;
			if (his)
				look(his, text->bytes->data, text->bytes->len);
			kernel_free(his);
			guest_free(other);
		}
	}
	alarm(0);
	printf("%u looks, %u of %u times the kernel was found\n", looks, found, finds);
	text_free(text);
	kernel_free(kernel);
	guest_free(guest);
	g_array_unref(liar.frames);
	g_array_unref(liar.image);
	g_hash_table_unref(liar.touched);
	g_rand_free(liar.rand);
	core_file_close(core);
	return 0;
}
