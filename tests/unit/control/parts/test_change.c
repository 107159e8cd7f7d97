/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of a daemon that has not heard yet what another POP, with a loop of its own, has committed. */
#include "control/parts/change.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/control/store/watcher.h"

#define KEY        "/kuafu/v1/object/policy/p"
#define WITH_PIN   "{kind: policy, name: p, rules: [{match: {from: a}, pin: [a, b]}]}"
#define WITH_CLASS "{\"kind\": \"policy\", \"name\": \"p\", \"classes\": {\"x\": {\"objective\": \"cost\"}}}"

static char directory[] = "/tmp/kuafu-change-XXXXXX";
static uv_loop_t loop;
static struct ctl_parts parts;
static struct ctl_daemon d = {.loop = &loop, .parts = &parts, .config = {.name = "a", .id = 1, .region = "r"}};
static struct watcher other;

static struct {
	bool given;
	int error;
	char text[256]; /* what has become of the object, or the message */
} answer;

static void begin(void)
{
	cr_assert(mkdtemp(directory));
	snprintf(d.config.store, sizeof(d.config.store), "sqlite://%s/store.db", directory);
	watcher_open(&other, d.config.store);
	cr_assert(watcher_put(&other, "/kuafu/v1/pop/b", "{\"id\":2,\"region\":\"r\"}") == 0);
	uv_loop_init(&loop);
	uv_timer_init(&loop, &parts.change_wait);
	parts.change_wait.data = &d;
	uv_timer_init(&loop, &parts.soon);
	uv_close((uv_handle_t *)&parts.soon, NULL); /* what is due stays due */
	cr_assert(route_engine_new(1, &d.engine) == 0);
	cr_assert(ctl_taken_start(&d) == 0);
	cr_assert(ctl_watch_start(&d) == 0);
	while (!parts.listed_ns)
		uv_run(&loop, UV_RUN_ONCE);
}

static void end(void)
{
	static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};
	char path[96];
	watcher_close(&other);
	ctl_watch_stop(&d);
	ctl_taken_stop(&d);
	uv_close((uv_handle_t *)&parts.change_wait, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert(uv_loop_close(&loop) == 0);
	ctl_objects_free(&d.objects);
	ctl_cluster_free(&d.cluster);
	ctl_taken_free(parts.taken);
	route_engine_free(d.engine);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
}

TestSuite(change, .init = begin, .fini = end, .timeout = 60);

static void take_answer(void *to, const struct ctl_api_result *result)
{
	(void)to;
	answer.given = true;
	answer.error = result->error;
	snprintf(
	    answer.text, sizeof(answer.text), "%s", result->error ? result->message[0] : result->applied[0].change);
}

static void expect(int error, const char *text)
{
	while (!answer.given)
		uv_run(&loop, UV_RUN_ONCE);
	answer.given = false;
	cr_assert(answer.error == error && strstr(answer.text, text), "%d %s", answer.error, answer.text);
}

static void apply(const char *text)
{
	struct ctl_api_documents documents = {.text = text, .size = strlen(text)};
	ctl_change_apply(&d, &documents, take_answer, NULL);
}

/* The daemon hears of it when its loop turns next. */
static void other_pop_puts(const char *key, const char *value)
{
	cr_assert(watcher_put(&other, key, value) == 0, "%s", other.commit_text);
}

static void until_it_is_known(enum ctl_kind kind, const char *name)
{
	while (!ctl_objects_find(&d.objects, kind, name))
		uv_run(&loop, UV_RUN_ONCE);
}

static unsigned rules_of_p(void)
{
	const struct ctl_object *object = ctl_objects_find(&d.objects, CTL_KIND_POLICY, "p");
	return object ? object->policy.n_rules : 0;
}

Test(change, what_is_as_it_should_be_is_left_alone)
{
	apply(WITH_PIN);
	expect(0, "created");
	bool lost;
	uint64_t revision = ctl_store_known(d.store, KEY, &lost);
	apply(WITH_PIN);
	expect(0, "unchanged");
	cr_assert(revision && ctl_store_known(d.store, KEY, &lost) == revision);
}

Test(change, is_refused_if_a_rule_leaves_no_path_unless_it_falls_back)
{
	static const struct route_link_config config = {.provider = "isp", .mtu = 1500};
	uint32_t link;
	cr_assert(route_set_pop(d.engine, 2, false) == 0);
	cr_assert(route_link_add(d.engine, (struct route_link_key){.from = 1, .to = 2}, &config, &link) == 0);
	apply("{kind: policy, name: p, rules: [{avoid: {providers: [other]}}, {avoid: {providers: [isp]}}]}");
	expect(
	    -EINVAL, "body:1: policy 'p': rules[1] leaves no path from a to b; name less, or say 'fallback: direct'");
	apply("{kind: policy, name: p, rules: [{avoid: {providers: [isp]}, fallback: direct}]}");
	expect(0, "created");
}

Test(change, of_too_many_documents_says_how_many_are_possible)
{
	char text[64 * (CTL_STORE_MAX_OPS + 1)];
	size_t used = 0;
	for (unsigned i = 0; i <= CTL_STORE_MAX_OPS; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "---\n{kind: pop, name: p%u}\n", i);
	apply(text);
	expect(-EINVAL, "more than 128 documents for one change");
}

Test(change, is_not_called_unchanged_by_what_was_known_before)
{
	apply(WITH_PIN);
	expect(0, "created");
	other_pop_puts(KEY, WITH_CLASS);
	apply(WITH_PIN);
	expect(0, "changed");
	cr_assert(rules_of_p() == 1);
}

static void drain_pop_b(bool drained)
{
	ctl_change_drain(&d, "pop", "b", drained, take_answer, NULL);
}

Test(change, that_drains_or_undrains_a_pop_says_whether_it_was_so_already)
{
	drain_pop_b(false);
	expect(0, "unchanged");
	cr_assert(!ctl_objects_find(&d.objects, CTL_KIND_POP, "b"));
	drain_pop_b(true);
	expect(0, "drained");
	drain_pop_b(true);
	expect(0, "unchanged");
	drain_pop_b(false);
	expect(0, "undrained");
	drain_pop_b(false);
	expect(0, "unchanged");
}

Test(change, does_not_overlook_that_another_pop_has_drained_one)
{
	other_pop_puts("/kuafu/v1/object/pop/b", "{\"kind\":\"pop\",\"name\":\"b\",\"drained\":true}");
	drain_pop_b(false);
	expect(0, "undrained");
}

Test(change, creates_nothing_over_what_another_pop_has_created)
{
	other_pop_puts(KEY, WITH_CLASS);
	apply(WITH_PIN);
	expect(0, "changed");
	cr_assert(rules_of_p() == 1);
}

Test(change, deletes_nothing_that_another_pop_has_changed_unseen)
{
	other_pop_puts("/kuafu/v1/object/accelerator/web",
	    "{kind: accelerator, name: web, vips: [10.0.0.1], listeners: [{name: l, protocol: udp, ports: [1], "
	    "class: x, groups: [{region: r, pops: [a], endpoints: []}]}]}");
	until_it_is_known(CTL_KIND_ACCELERATOR, "web");
	apply(WITH_PIN);
	expect(0, "created");
	other_pop_puts(KEY, WITH_CLASS);
	ctl_change_delete(&d, "policy", "p", take_answer, NULL);
	expect(-EINVAL, "defines class 'x'");
	cr_assert(ctl_objects_find(&d.objects, CTL_KIND_POLICY, "p"));
}

Test(change, takes_no_vip_that_this_pop_needs_itself)
{
	static const char web[] = "{kind: accelerator, name: web, vips: [%s], listeners: [{name: l, protocol: udp, "
	                          "ports: [1], groups: [{region: r, pops: [a], endpoints: []}]}]}";
	static const struct {
		const char *vip, *line;
	} rows[] = {{"10.9.0.1", "body:1: vips: '10.9.0.1': is an address of this POP's store; choose another"},
	    {"10.9.0.2", "body:1: vips: '10.9.0.2': is in this POP's nat-pool; choose another"},
	    {"10.9.0.3", "body:1: vips: '10.9.0.3': is the address of a link of this POP; choose another"}};
	char text[256];
	cr_assert(ctl_address_parse("10.9.0.1", &d.config.server[0]) == 0);
	cr_assert(ctl_address_parse("10.9.0.2", &d.config.dataplane.nats[0].address) == 0);
	cr_assert(ctl_address_parse("10.9.0.3", &d.config.links[0].address) == 0);
	d.config.n_servers = d.config.dataplane.n_nats = d.config.n_links = 1;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), web, rows[i].vip);
		apply(text);
		expect(-EINVAL, rows[i].line);
	}
	snprintf(text, sizeof(text), web, "10.9.0.4");
	apply(text);
	expect(0, "created");
}

Test(change, deletes_what_is_there)
{
	apply(WITH_PIN);
	expect(0, "created");
	ctl_change_delete(&d, "policy", "p", take_answer, NULL);
	expect(0, "deleted");
	cr_assert(!ctl_objects_find(&d.objects, CTL_KIND_POLICY, "p"));
}

Test(change, replaces_what_nobody_can_read)
{
	bool lost;
	other_pop_puts(KEY, "{kind: policy, name: p, hello: 1}");
	while (!ctl_store_known(d.store, KEY, &lost))
		uv_run(&loop, UV_RUN_ONCE);
	cr_assert(!ctl_objects_find(&d.objects, CTL_KIND_POLICY, "p"));
	apply(WITH_PIN);
	expect(0, "created");
	cr_assert(rules_of_p() == 1);
}
