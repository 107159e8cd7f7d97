/* SPDX-License-Identifier: BSD-2-Clause */
#include "watcher.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/kuafu-store-XXXXXX";
static char url[96];

static void make_directory(void)
{
	cr_assert(mkdtemp(directory));
	snprintf(url, sizeof(url), "sqlite://%s/store.db", directory);
}

static void remove_directory(void)
{
	static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};
	char path[96];
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
}

TestSuite(sqlite, .init = make_directory, .fini = remove_directory, .timeout = 60);

Test(sqlite, a_watch_lists_what_is_there_and_follows)
{
	a_watch_lists_what_is_there_and_follows(url);
}

Test(sqlite, a_commit_is_heard_by_its_maker_too)
{
	a_commit_is_heard_by_its_maker_too(url);
}

Test(sqlite, a_commit_that_compares_is_taken_once)
{
	a_commit_that_compares_is_taken_once(url);
}

Test(sqlite, what_is_kept_is_compared_and_not_written)
{
	what_is_kept_is_compared_and_not_written(url);
}

Test(sqlite, a_second_watch_lists_for_itself)
{
	a_second_watch_lists_for_itself(url);
}

Test(sqlite, what_is_too_large_is_refused_at_once)
{
	what_is_too_large_is_refused_at_once(url);
}

Test(sqlite, closing_answers_what_is_under_way)
{
	closing_answers_what_is_under_way(url);
}

Test(sqlite, a_full_disk_refuses_the_commit_whole_and_is_got_over)
{
	struct watcher a;
	struct rlimit unlimited, full;
	static char large[600000];
	memset(large, 'x', sizeof(large) - 1);
	signal(SIGXFSZ, SIG_IGN);
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	getrlimit(RLIMIT_FSIZE, &unlimited);
	full = unlimited;
	full.rlim_cur = 400000;
	setrlimit(RLIMIT_FSIZE, &full);
	struct ctl_store_op ops[] = {{"/k/small", "1"}, {"/k/large", large}};
	int error = watcher_commit(&a, ops, 2); /* a limit is EFBIG, which SQLite calls an I/O error */
	cr_assert(error == -ENOSPC || error == -EIO, "%d %s", error, a.commit_text);
	struct ctl_store_status status;
	ctl_store_status(a.store, &status);
	cr_assert(status.connected && status.error[0] && status.failures == 1);
	uint64_t contact = status.last_contact_ns;
	while (status.last_contact_ns == contact) { /* it can still be read, and that says nothing of commits */
		uv_run(&a.loop, UV_RUN_ONCE);
		ctl_store_status(a.store, &status);
	}
	cr_assert(status.connected && status.refuses && status.error[0]);
	setrlimit(RLIMIT_FSIZE, &unlimited);
	cr_assert(watcher_put(&a, "/k/next", "2") == 0, "%s", a.commit_text);
	ctl_store_status(a.store, &status);
	cr_assert(!status.refuses && !status.error[0] && status.last_commit_ns > 0);
	watcher_expect(&a, "+/k/next=2");
	watcher_close(&a);
}

Test(sqlite, a_file_that_cannot_be_made_is_tried_again)
{
	struct watcher a;
	char missing[96];
	snprintf(missing, sizeof(missing), "sqlite://%s/sub/store.db", directory);
	watcher_open(&a, missing);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	cr_assert(watcher_put(&a, "/k/a", "1") == -ENOTCONN, "%s", a.commit_text);
	struct ctl_store_status status;
	ctl_store_status(a.store, &status);
	cr_assert(!status.connected && strstr(status.error, "unable to open"), "%s", status.error);
	char sub[96], file[128];
	snprintf(sub, sizeof(sub), "%s/sub", directory);
	cr_assert(mkdir(sub, 0755) == 0);
	watcher_expect(&a, "listed");
	watcher_close(&a);
	snprintf(file, sizeof(file), "%s/store.db", sub);
	unlink(file);
	rmdir(sub);
}

Test(sqlite, many_writers_of_one_file_all_get_through)
{
	struct watcher w[3];
	for (unsigned i = 0; i < 3; i++) {
		watcher_open(&w[i], url);
		ctl_store_watch(w[i].store, "/k/last", watcher_hear, &w[i]);
		watcher_expect(&w[i], "listed");
	}
	for (unsigned round = 0; round < 20; round++)
		for (unsigned i = 0; i < 3; i++) {
			char key[32];
			snprintf(key, sizeof(key), "/k/%u", i);
			cr_assert(watcher_put(&w[i], key, "v") == 0, "%s", w[i].commit_text);
		}
	cr_assert(watcher_put(&w[0], "/k/last", "v") == 0);
	for (unsigned i = 0; i < 3; i++)
		watcher_expect(&w[i], "+/k/last=v");
	for (unsigned i = 0; i < 3; i++)
		watcher_close(&w[i]);
}

Test(store, an_unknown_kind_is_refused)
{
	uv_loop_t loop;
	struct ctl_store *store = NULL;
	static const char *const bad[] = {
	    "redis://x", "sqlite://relative", "etcd://", "etcd://host", "etcd://h:x", "etcd://a:1,,b:2", "/a/path", ""};
	uv_loop_init(&loop);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(ctl_store_open(&loop, bad[i], &store) == -EINVAL, "%s", bad[i]);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
}
