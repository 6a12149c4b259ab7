// SPDX-License-Identifier: GPL-2.0
/* What vsbypassd says of a user VM's identity, and the words for it. */
#include "console-identity.h"

#include "console-control.h"

enum vsb_identity vsb_identity_of(JsonObject *status, const char *name)
{
	JsonObject *vm = status ? vsb_control_uservm(status, name) : NULL;
	JsonNode *mode = vm ? json_object_get_member(vm, "identity") : NULL;
	JsonNode *node = vm ? json_object_get_member(vm, "proved") : NULL;
	gboolean proved = node && json_node_get_value_type(node) == G_TYPE_BOOLEAN &&
			  json_node_get_boolean(node);
	const char *text;

	if (!mode || json_node_get_value_type(mode) != G_TYPE_STRING)
		return VSB_IDENTITY_UNKNOWN;
	text = json_node_get_string(mode);
	if (!g_strcmp0(text, "required"))
		return proved ? VSB_IDENTITY_REQUIRED : VSB_IDENTITY_MISSING;
	if (!g_strcmp0(text, "first-seen"))
		return proved ? VSB_IDENTITY_PROVED : VSB_IDENTITY_FIRST_SEEN;
	return VSB_IDENTITY_UNKNOWN;
}

const char *vsb_identity_text(enum vsb_identity identity)
{
	switch (identity) {
	case VSB_IDENTITY_FIRST_SEEN:
		return "identity: first seen; nothing proves that this is the VM that you think it is";
	case VSB_IDENTITY_PROVED:
		return "identity: proved";
	case VSB_IDENTITY_MISSING:
		return "identity: not proved; nothing passes in or out until the user VM proves who it is (vsb-identify)";
	case VSB_IDENTITY_REQUIRED:
		return "identity: proved, as required";
	case VSB_IDENTITY_UNKNOWN:
		break;
	}
	return NULL;
}
