// SPDX-License-Identifier: GPL-2.0
/* Tests of links and sessions of the web page, with a clock that is ours. */
#include "console-web.h"

#include <string.h>

#define URL	"https://host:6080"

static gint64 time_now;
static bool listed;

static gint64 now(void)
{
	return time_now;
}

static bool allows(gpointer data, const char *uservm, const char *key)
{
	g_assert_cmpstr(key, ==, "KEY");
	return listed;
}

static struct vsb_web *new_web(void)
{
	time_now = 1000;
	listed = true;
	return vsb_web_new(URL, allows, NULL, now);
}

/* Return: (transfer full): the token of a link. */
static char *new_token(struct vsb_web *web, const char *console)
{
	g_autofree char *uservm = g_strndup(console, strcspn(console, "."));
	g_autofree char *begin = g_strdup_printf(URL "/%s/#", console);
	g_autofree char *link = vsb_web_link(web, console, uservm, "KEY", NULL);

	g_assert_true(link && g_str_has_prefix(link, begin));
	g_assert_cmpuint(strlen(link + strlen(begin)), ==, 32);
	return g_strdup(link + strlen(begin));
}

static void refused(gpointer result, GError *error, const char *words)
{
	g_assert_null(result);
	g_assert_nonnull(error);
	g_assert_nonnull(strstr(error->message, words));
	g_error_free(error);
}

static void login_fails(struct vsb_web *web, const char *console, const char *token,
			const char *words)
{
	GError *error = NULL;
	char *cookie = vsb_web_login(web, console, token, &error);

	refused(cookie, error, words);
}

static void use_fails(struct vsb_web *web, const char *console, const char *cookie,
		      const char *words)
{
	GError *error = NULL;
	gpointer session = (gpointer)vsb_web_use(web, console, cookie, &error);

	refused(session, error, words);
}

static void test_once(void)
{
	struct vsb_web *web = new_web();
	g_autofree char *token = new_token(web, "vm1"), *other = new_token(web, "vm1");
	g_autofree char *cookie = NULL, *second = NULL;
	const struct vsb_web_session *session;

	g_assert_cmpstr(token, !=, other);
	login_fails(web, "vm2", token, "another console");
	login_fails(web, "vm1", "", "not known");
	/* It is as it was. */
	cookie = vsb_web_login(web, "vm1", token, NULL);
	g_assert_nonnull(cookie);
	login_fails(web, "vm1", token, "used already");
	session = vsb_web_use(web, "vm1", cookie, NULL);
	g_assert_cmpstr(session->console, ==, "vm1");
	g_assert_cmpstr(session->uservm, ==, "vm1");
	g_assert_cmpstr(session->key, ==, "KEY");
	use_fails(web, "vm2", cookie, "another console");
	use_fails(web, "vm1", token, "no session");
	use_fails(web, "vm1", session->id, "no session");
	login_fails(web, "vm1", cookie, "not known");
	second = vsb_web_login(web, "vm1", other, NULL);
	g_assert_cmpstr(second, !=, cookie);
	vsb_web_free(web);
}

static void test_time(void)
{
	struct vsb_web *web = new_web();
	g_autofree char *token = new_token(web, "vm1"), *late = new_token(web, "vm1.com2");
	g_autofree char *cookie = NULL, *id = NULL;

	time_now += VSB_WEB_LINK_S;
	cookie = vsb_web_login(web, "vm1", token, NULL);
	g_assert_nonnull(cookie);
	time_now++;
	login_fails(web, "vm1.com2", late, "older than a minute");
	id = g_strdup(vsb_web_use(web, "vm1", cookie, NULL)->id);
	time_now += VSB_WEB_IDLE_S;
	g_assert_true(vsb_web_alive(web, id));
	time_now += VSB_WEB_IDLE_S;
	vsb_web_tidy(web, false);
	g_assert_true(vsb_web_alive(web, id));
	time_now += VSB_WEB_IDLE_S + 1;
	g_assert_false(vsb_web_alive(web, id));
	use_fails(web, "vm1", cookie, "no session");
	vsb_web_free(web);
}

static void test_end(void)
{
	struct vsb_web *web = new_web();
	g_autofree char *token = new_token(web, "vm1"), *cookie = NULL, *id = NULL;
	gint64 begin = time_now;

	cookie = vsb_web_login(web, "vm1", token, NULL);
	id = g_strdup(vsb_web_use(web, "vm1", cookie, NULL)->id);
	while (time_now - begin < VSB_WEB_SESSION_S) {
		g_assert_true(vsb_web_alive(web, id));
		time_now += 100;
	}
	time_now = begin + VSB_WEB_SESSION_S + 1;
	g_assert_false(vsb_web_alive(web, id));
	vsb_web_free(web);
}

static void test_key(void)
{
	struct vsb_web *web = new_web();
	g_autofree char *token = new_token(web, "vm1"), *other = new_token(web, "vm1");
	g_autofree char *cookie = vsb_web_login(web, "vm1", token, NULL), *id = NULL;

	id = g_strdup(vsb_web_use(web, "vm1", cookie, NULL)->id);
	listed = false;
	login_fails(web, "vm1", other, "not listed");
	use_fails(web, "vm1", cookie, "not listed");
	vsb_web_tidy(web, true);
	g_assert_false(vsb_web_alive(web, id));
	listed = true;
	use_fails(web, "vm1", cookie, "no session");
	login_fails(web, "vm1", other, "not known");
	vsb_web_free(web);
}

static void test_logout(void)
{
	struct vsb_web *web = new_web();
	g_autofree char *token = new_token(web, "vm1");
	g_autofree char *cookie = vsb_web_login(web, "vm1", token, NULL), *id = NULL;

	id = g_strdup(vsb_web_use(web, "vm1", cookie, NULL)->id);
	vsb_web_logout(web, id);
	g_assert_false(vsb_web_alive(web, id));
	use_fails(web, "vm1", cookie, "no session");
	vsb_web_free(web);
}

static void test_many(void)
{
	struct vsb_web *web = new_web();
	GError *error = NULL;
	char *link;

	for (guint i = 0; i < VSB_WEB_MAX_USERVM; i++)
		g_free(new_token(web, "vm1"));
	link = vsb_web_link(web, "vm1", "vm1", "KEY", &error);
	refused(link, error, "most there may be");
	/* Others have room, and so has this one later. */
	g_free(new_token(web, "vm2"));
	time_now += VSB_WEB_LINK_S + 1;
	g_free(new_token(web, "vm1"));
	vsb_web_free(web);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/console-web/once", test_once);
	g_test_add_func("/console-web/time", test_time);
	g_test_add_func("/console-web/end", test_end);
	g_test_add_func("/console-web/key", test_key);
	g_test_add_func("/console-web/logout", test_logout);
	g_test_add_func("/console-web/many", test_many);
	return g_test_run();
}
