// SPDX-License-Identifier: GPL-2.0
/* Names of VMs and lists of ports. */
#include "names.h"

#include <string.h>

#include "error.h"

gboolean vsb_name_valid(const char *name)
{
	gsize len = strnlen(name, VSB_NAME_LEN);

	if (len == 0 || len == VSB_NAME_LEN || !g_ascii_isalnum(name[0]))
		return FALSE;
	for (gsize i = 1; i < len; i++)
		if (!g_ascii_isalnum(name[i]) && !strchr("._-", name[i]))
			return FALSE;
	return TRUE;
}

gboolean vsb_name_check(const char *what, const char *name, GError **error)
{
	g_autofree char *shown = NULL;

	if (vsb_name_valid(name))
		return TRUE;
	shown = vsb_error_shown(name, 40);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
		    "%s name '%s' is malformed; use 1 to %d letters, digits, '.', '_' and '-', "
		    "a letter or digit first", what, shown, VSB_NAME_LEN - 1);
	return FALSE;
}

/* The COM ports of a PC and their interrupt lines. */
static const struct {
	guint16 base;
	guint16 irq;
} com_ports[] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };

/* Of debug consoles. */
static const guint16 debug_ports[VSB_MAX_DEBUGS] = { 0xe9, 0x402 };

static gboolean parse_port(const char *text, guint16 *port)
{
	gboolean hex = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X");
	const char *digits = hex ? text + 2 : text;
	guint64 value;

	/* g_ascii_string_to_unsigned() alone would take "0x0x3f8". */
	if (strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits) ||
	    !g_ascii_string_to_unsigned(digits, hex ? 16 : 10, 0, 0xffff, &value, NULL))
		return FALSE;
	*port = (guint16)value;
	return TRUE;
}

static gboolean parse_range(char *text, struct vsb_range *range)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash = '\0';
	if (!parse_port(text, &range->first) ||
	    !parse_port(dash ? dash + 1 : text, &range->last))
		return FALSE;
	if (dash)
		*dash = '-';
	for (gsize i = 0; i < G_N_ELEMENTS(com_ports); i++)
		if (range->first == com_ports[i].base && range->last == range->first + 7)
			range->device = VSB_DEV_16550;
	for (gsize i = 0; i < G_N_ELEMENTS(debug_ports); i++)
		if (range->first == debug_ports[i] && range->last == range->first)
			range->device = VSB_DEV_DEBUGCON;
	return range->first <= range->last;
}

#define KEYBOARD_IRQ	1
#define MOUSE_IRQ	12

#define FRONT_OFF	"front=off"
#define PS2		"ps2"
#define VGA		"vga"
#define VEIL		"veil="
#define WATCH		"watch="
#define RESTS		"start=client"

/*
 * What it stands for. QEMU for PCs has a mouse at VMware's port, too, which drivers
 * prefer (Linux: vmmouse_detect()): the guest hypervisor's would take the place of ours.
 * The proxy has none there.
 */
static const struct vsb_range ps2_ranges[] = {
	{ .first = 0x5658, .last = 0x565b, .device = VSB_DEV_PLAIN },
	{ .first = 0x60, .last = 0x60, .device = VSB_DEV_I8042 },
	{ .first = 0x64, .last = 0x64, .device = VSB_DEV_I8042 },
};

static const struct vsb_range vga_ranges[] = {
	{ .first = 0x1ce, .last = 0x1d1, .device = VSB_DEV_VGA },
	{ .first = 0x3b0, .last = 0x3df, .device = VSB_DEV_VGA },
};

/*
 * Takes out of @words the one that begins with @prefix. Return: (transfer full): or NULL. Once
 * alone: again it is no port.
 */
static char *take_prefixed(char **words, const char *prefix)
{
	for (; *words; words++) {
		char *word = *words;

		if (!g_str_has_prefix(word, prefix))
			continue;
		for (; *words; words++)
			words[0] = words[1];
		return word;
	}
	return NULL;
}

/* The same of a whole word. Return: was it there? */
static gboolean take_word(char **words, const char *word)
{
	for (; *words; words++) {
		if (strcmp(*words, word))
			continue;
		g_free(*words);
		for (; *words; words++)
			words[0] = words[1];
		return TRUE;
	}
	return FALSE;
}

/* @word: "veil=MIB", or NULL. */
static gboolean parse_veil(const char *word, guint *mib, GError **error)
{
	g_autofree char *shown = NULL;
	guint64 value;

	if (!word)
		return TRUE;
	if (g_ascii_string_to_unsigned(word + strlen(VEIL), 10, 1, VSB_MAX_VEIL_MIB, &value,
				       NULL)) {
		*mib = (guint)value;
		return TRUE;
	}
	shown = vsb_error_shown(word, 40);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
		    "'%s' is malformed; write veil=MIB, the memory that the user VM's veil may "
		    "have, 1 to %d MiB", shown, VSB_MAX_VEIL_MIB);
	return FALSE;
}

static const char *const watches[] = {
	[VSB_WATCH_OWNER] = "owner",
	[VSB_WATCH_HOST] = "host",
	[VSB_WATCH_NONE] = "none",
};

const char *vsb_watch_text(enum vsb_watch watch)
{
	return watches[watch];
}

/* @word: "watch=WHO", or NULL. */
static gboolean parse_watch(const char *word, struct vsb_ports *ports, GError **error)
{
	g_autofree char *shown = NULL;

	if (!word)
		return TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(watches) && ports->veil_mib; i++) {
		if (strcmp(word + strlen(WATCH), watches[i]))
			continue;
		ports->watch = i;
		return TRUE;
	}
	shown = vsb_error_shown(word, 40);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, ports->veil_mib ?
		    "'%s' is malformed; write watch=owner, watch=host or watch=none, who lets the host "
		    "read what is behind the user VM's veil" :
		    "'%s' is about a veil; add " VEIL "MIB", shown);
	return FALSE;
}

/* @shown: the whole list, for the error. */
static gboolean add_range(struct vsb_ports *ports, const struct vsb_range *range,
			  const char *shown, GError **error)
{
	if (ports->nr == VSB_MAX_RANGES) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "ports '%s': give 1 to %d ranges (" PS2 " is three, " VGA " two)", shown,
			    VSB_MAX_RANGES);
		return FALSE;
	}
	for (guint i = 0; i < ports->nr; i++) {
		if (range->last < ports->range[i].first || range->first > ports->range[i].last)
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "ports '%s': ranges overlap at 0x%x", shown,
			    MAX(range->first, ports->range[i].first));
		return FALSE;
	}
	ports->range[ports->nr++] = *range;
	return TRUE;
}

gboolean vsb_ports_parse(const char *spec, struct vsb_ports *ports, GError **error)
{
	struct vsb_ports parsed = { 0 };
	g_auto(GStrv) words = NULL;
	g_autofree char *shown = vsb_error_shown(spec, 200);
	g_autofree char *veil = NULL, *watch = NULL;
	gboolean ps2, vga;

	words = g_strsplit(spec, ",", VSB_MAX_RANGES + 7);
	parsed.no_front = take_word(words, FRONT_OFF);
	parsed.rests = take_word(words, RESTS);
	ps2 = take_word(words, PS2);
	vga = take_word(words, VGA);
	veil = take_prefixed(words, VEIL);
	watch = take_prefixed(words, WATCH);
	if (!parse_veil(veil, &parsed.veil_mib, error) || !parse_watch(watch, &parsed, error))
		return FALSE;
	if (vga && parsed.veil_mib) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "ports '%s': a user VM has a veil or a screen outside; leave out "
			    VEIL " or " VGA, shown);
		return FALSE;
	}
	if (vga && parsed.rests) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "ports '%s': a screen is memory of the proxy's process; leave out "
			    RESTS " or " VGA, shown);
		return FALSE;
	}
	if ((parsed.no_front || parsed.rests || ps2 || vga || veil) && !words[0]) {
		g_strfreev(words);
		words = g_strsplit(VSB_DEFAULT_PORTS, ",", 0);
	}
	if (!words[0]) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "ports '%s': give 1 to %d ranges", shown, VSB_MAX_RANGES);
		return FALSE;
	}
	for (char **word = words; *word; word++) {
		struct vsb_range range = { 0 };

		if (!parse_range(*word, &range)) {
			g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "ports '%s' are malformed; write e.g. 0x3f8-0x3ff,0x60, "
				    "ports from 0 to 0xffff, or ps2 and vga", shown);
			return FALSE;
		}
		if (!add_range(&parsed, &range, shown, error))
			return FALSE;
	}
	for (gsize i = 0; ps2 && i < G_N_ELEMENTS(ps2_ranges); i++)
		if (!add_range(&parsed, &ps2_ranges[i], shown, error))
			return FALSE;
	for (gsize i = 0; vga && i < G_N_ELEMENTS(vga_ranges); i++)
		if (!add_range(&parsed, &vga_ranges[i], shown, error))
			return FALSE;
	*ports = parsed;
	return TRUE;
}

char *vsb_ports_format(const struct vsb_ports *ports)
{
	GString *text = g_string_new(NULL);
	guint nr = ports->nr;

	if (vsb_ports_ps2(ports))
		nr -= G_N_ELEMENTS(ps2_ranges);
	if (vsb_ports_vga(ports))
		nr -= G_N_ELEMENTS(vga_ranges);
	for (guint i = 0; i < nr; i++) {
		const struct vsb_range *range = &ports->range[i];

		g_string_append_printf(text, "%s0x%x", i ? "," : "", range->first);
		if (range->last != range->first)
			g_string_append_printf(text, "-0x%x", range->last);
	}
	if (vsb_ports_ps2(ports))
		g_string_append(text, "," PS2);
	if (vsb_ports_vga(ports))
		g_string_append(text, "," VGA);
	if (ports->no_front)
		g_string_append(text, "," FRONT_OFF);
	if (ports->rests)
		g_string_append(text, "," RESTS);
	if (ports->veil_mib)
		g_string_append_printf(text, "," VEIL "%u", ports->veil_mib);
	if (ports->watch != VSB_WATCH_OWNER)
		g_string_append_printf(text, "," WATCH "%s", watches[ports->watch]);
	return g_string_free(text, FALSE);
}

static gboolean has_device(const struct vsb_ports *ports, guint device)
{
	for (guint i = 0; i < ports->nr; i++)
		if (ports->range[i].device == device)
			return TRUE;
	return FALSE;
}

gboolean vsb_ports_ps2(const struct vsb_ports *ports)
{
	return has_device(ports, VSB_DEV_I8042);
}

gboolean vsb_ports_vga(const struct vsb_ports *ports)
{
	return has_device(ports, VSB_DEV_VGA);
}

int vsb_range_com(const struct vsb_range *range)
{
	for (gsize c = 0; range->device == VSB_DEV_16550 && c < G_N_ELEMENTS(com_ports); c++)
		if (com_ports[c].base == range->first)
			return (int)c;
	return -1;
}

guint vsb_ports_coms(const struct vsb_ports *ports, struct vsb_com_port coms[VSB_MAX_COMS])
{
	guint nr = 0;

	G_STATIC_ASSERT(G_N_ELEMENTS(com_ports) == VSB_MAX_COMS);
	for (guint c = 0; c < G_N_ELEMENTS(com_ports); c++)
		for (guint i = 0; i < ports->nr; i++)
			if (vsb_range_com(&ports->range[i]) == (int)c)
				coms[nr++] = (struct vsb_com_port){
					c + 1, com_ports[c].base, com_ports[c].irq };
	return nr;
}

#define CONSOLE_SUFFIX	".com"

static char *console_name(const char *name, guint number)
{
	return g_strdup_printf("%s" CONSOLE_SUFFIX "%u", name, number);
}

char **vsb_ports_consoles(const struct vsb_ports *ports, const char *name)
{
	struct vsb_com_port coms[VSB_MAX_COMS];
	guint nr = vsb_ports_coms(ports, coms);
	char **names = g_new0(char *, MAX(nr, 1) + 1);

	names[0] = g_strdup(name);
	for (guint i = 1; i < nr; i++)
		names[i] = console_name(name, coms[i].number);
	return names;
}

int vsb_ports_find_console(const struct vsb_ports *ports, const char *name,
			   const char *console)
{
	struct vsb_com_port coms[VSB_MAX_COMS];
	guint nr = vsb_ports_coms(ports, coms);

	if (!strcmp(name, console))
		return 0;
	for (guint i = 0; i < nr; i++) {
		g_autofree char *is = console_name(name, coms[i].number);

		if (!strcmp(is, console))
			return (int)i;
	}
	return -1;
}

char *vsb_console_uservm(const char *console)
{
	const char *end = g_strrstr(console, CONSOLE_SUFFIX);
	const char *number = end ? end + strlen(CONSOLE_SUFFIX) : "";

	if (number[0] < '1' || number[0] >= '1' + VSB_MAX_COMS || number[1])
		return g_strdup(console);
	return g_strndup(console, (gsize)(end - console));
}

gboolean vsb_console_name_check(const char *name, GError **error)
{
	g_autofree char *uservm = vsb_console_uservm(name);

	return vsb_name_valid(uservm) || vsb_name_check("user VM", name, error);
}

guint vsb_ports_debugs(const struct vsb_ports *ports, guint debugs[VSB_MAX_DEBUGS])
{
	guint nr = 0;

	for (guint i = 0; i < ports->nr; i++)
		if (ports->range[i].device == VSB_DEV_DEBUGCON)
			debugs[nr++] = ports->range[i].first;
	return nr;
}

gboolean vsb_ports_has_line(const struct vsb_ports *ports, guint gsi)
{
	for (guint i = 0; i < ports->nr; i++) {
		int com = vsb_range_com(&ports->range[i]);

		if (com >= 0 && com_ports[com].irq == gsi)
			return TRUE;
	}
	return vsb_ports_ps2(ports) && (gsi == KEYBOARD_IRQ || gsi == MOUSE_IRQ);
}
