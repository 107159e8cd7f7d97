/* SPDX-License-Identifier: BSD-2-Clause */
/* Against a real etcd on loopback, on ports that were free a moment ago. Skipped (77) where etcd is not installed. */
#include "watcher.h"

#include <arpa/inet.h>
#include <criterion/options.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/kuafu-etcd-XXXXXX";
static char url[64];
static unsigned port;
static pid_t etcd;

static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert(bind(fd, (struct sockaddr *)&address, size) == 0);
	cr_assert(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* In a child that is silent and dies with the test, also with one that failed half-way. Returns its pid to the parent, 0
 * in the child. */
static pid_t fork_server(void)
{
	pid_t test = getpid(), child = fork();
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != test)
		_exit(127);
	int null = open("/dev/null", O_WRONLY);
	dup2(null, 1);
	dup2(null, 2);
	return 0;
}

static void start_etcd(unsigned client_port)
{
	char client[64], peer[64], data[64];
	snprintf(client, sizeof(client), "http://127.0.0.1:%u", client_port);
	snprintf(peer, sizeof(peer), "http://127.0.0.1:%u", free_port());
	snprintf(data, sizeof(data), "%s/data", directory);
	etcd = fork_server();
	if (etcd)
		return;
	execlp("etcd", "etcd", "--data-dir", data, "--listen-client-urls", client, "--advertise-client-urls", client,
	    "--listen-peer-urls", peer, "--force-new-cluster", "--unsafe-no-fsync", (char *)NULL);
	execlp("etcd", "etcd", "--data-dir", data, "--listen-client-urls", client, "--advertise-client-urls", client,
	    "--listen-peer-urls", peer, (char *)NULL);
	_exit(127);
}

static void kill_etcd(void)
{
	kill(etcd, SIGKILL);
	waitpid(etcd, NULL, 0);
}

/* Returns when the process stands still: a signal alone lets it answer for a while. */
static void freeze(pid_t pid)
{
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
}

static void begin(void)
{
	cr_assert(mkdtemp(directory));
	port = free_port();
	snprintf(url, sizeof(url), "etcd://127.0.0.1:%u", port);
	start_etcd(port);
}

static void end(void)
{
	char command[64];
	kill_etcd();
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	cr_assert(system(command) == 0);
}

TestSuite(etcd, .init = begin, .fini = end, .timeout = 120);

/* Until etcd answers, so that a put does not fail because it is still starting. */
static void wait_for_etcd(void)
{
	struct watcher w;
	watcher_open(&w, url);
	ctl_store_watch(w.store, "/nothing/", watcher_hear, &w);
	watcher_expect(&w, "listed");
	watcher_close(&w);
}

Test(etcd, a_watch_lists_what_is_there_and_follows)
{
	wait_for_etcd();
	a_watch_lists_what_is_there_and_follows(url);
}

Test(etcd, a_commit_is_heard_by_its_maker_too)
{
	wait_for_etcd();
	a_commit_is_heard_by_its_maker_too(url);
}

Test(etcd, a_commit_that_compares_is_taken_once)
{
	wait_for_etcd();
	a_commit_that_compares_is_taken_once(url);
}

Test(etcd, what_is_kept_is_compared_and_not_written)
{
	wait_for_etcd();
	what_is_kept_is_compared_and_not_written(url);
}

Test(etcd, a_second_watch_lists_for_itself_and_large_commits_are_refused)
{
	wait_for_etcd();
	a_second_watch_lists_for_itself(url);
	what_is_too_large_is_refused_at_once(url);
	closing_answers_what_is_under_way(url);
}

Test(etcd, a_watch_goes_on_after_etcd_was_killed_and_restarted)
{
	struct watcher a, b;
	struct ctl_store_status status;
	wait_for_etcd();
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	cr_assert(watcher_put(&a, "/k/a", "1") == 0);
	watcher_expect(&a, "+/k/a=1");
	kill_etcd();
	cr_assert(watcher_put(&a, "/k/lost", "1") == -ENOTCONN, "%s", a.commit_text);
	ctl_store_status(a.store, &status);
	cr_assert(!status.connected && status.error[0]);
	start_etcd(port);
	wait_for_etcd();
	watcher_open(&b, url);
	cr_assert(watcher_put(&b, "/k/b", "2") == 0, "%s", b.commit_text);
	watcher_expect(&a, "+/k/b=2");
	ctl_store_status(a.store, &status);
	cr_assert(status.connected && !status.error[0]);
	watcher_close(&a);
	watcher_close(&b);
}

/* Forgets all revisions before the current one. */
static void compact(unsigned at_port)
{
	char command[256];
	snprintf(command, sizeof(command),
	    "r=$(ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:%u get / -w json | tr ',{' '\\n\\n' | "
	    "sed -n 's/^\"revision\":\\([0-9]*\\).*/\\1/p') && "
	    "ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:%u compact \"$r\" >/dev/null",
	    at_port, at_port);
	cr_assert(system(command) == 0);
}

Test(etcd, after_a_compaction_the_watch_hears_the_difference)
{
	struct watcher a, b;
	wait_for_etcd();
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	struct ctl_store_op ops[] = {{"/k/changed", "1"}, {"/k/gone", "1"}, {"/k/same", "1"}};
	cr_assert(watcher_commit(&a, ops, 3) == 0);
	watcher_expect(&a, "+/k/changed=1 +/k/gone=1 +/k/same=1");
	kill_etcd();
	unsigned other = free_port(); /* where a does not look */
	start_etcd(other);
	snprintf(url, sizeof(url), "etcd://127.0.0.1:%u", other);
	wait_for_etcd();
	watcher_open(&b, url);
	cr_assert(watcher_put(&b, "/k/changed", "2") == 0);
	cr_assert(watcher_put(&b, "/k/gone", NULL) == 0);
	watcher_close(&b);
	compact(other);
	kill_etcd();
	start_etcd(port);
	watcher_expect(&a, "+/k/changed=2 -/k/gone");
	watcher_close(&a);
}

static void wipe_etcd(void)
{
	char command[64];
	kill_etcd();
	snprintf(command, sizeof(command), "rm -rf '%s/data'", directory);
	cr_assert(system(command) == 0);
	start_etcd(port);
}

/* A new etcd, without data, where no watcher looks. */
static void start_empty_elsewhere(void)
{
	char command[64];
	unsigned other = free_port();
	kill_etcd();
	snprintf(command, sizeof(command), "rm -rf '%s/data'", directory);
	cr_assert(system(command) == 0);
	start_etcd(other);
	snprintf(url, sizeof(url), "etcd://127.0.0.1:%u", other);
	wait_for_etcd();
}

static unsigned lost(const struct watcher *w)
{
	struct ctl_store_status status;
	ctl_store_status(w->store, &status);
	return status.lost;
}

Test(etcd, a_store_that_lost_its_data_deletes_nothing_until_somebody_does)
{
	struct watcher a;
	wait_for_etcd();
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	for (unsigned i = 0; i < 5; i++)
		cr_assert(watcher_put(&a, "/elsewhere", "1") == 0);
	struct ctl_store_op ops[] = {{"/k/again", "1"}, {"/k/deleted", "1"}};
	cr_assert(watcher_commit(&a, ops, 2) == 0);
	watcher_expect(&a, "+/k/again=1 +/k/deleted=1");
	wipe_etcd();
	watcher_expect(&a, "lost");
	cr_assert(lost(&a) == 2, "%u", lost(&a));
	cr_assert(watcher_put(&a, "/k/again", "2") == 0);
	watcher_expect(&a, "+/k/again=2");
	cr_assert(lost(&a) == 1, "%u", lost(&a));
	cr_assert(watcher_put(&a, "/k/deleted", "1") == 0);
	cr_assert(watcher_put(&a, "/k/deleted", NULL) == 0);
	watcher_expect(&a, "+/k/deleted=1 -/k/deleted");
	cr_assert(lost(&a) == 0, "%u", lost(&a));
	watcher_close(&a);
}

Test(etcd, an_older_backup_deletes_nothing_either)
{
	struct watcher a, b;
	wait_for_etcd();
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	for (unsigned i = 0; i < 5; i++)
		cr_assert(watcher_put(&a, "/k/new", i % 2 ? "1" : "0") == 0);
	cr_assert(watcher_put(&a, "/k/old", "2") == 0);
	watcher_expect(&a, "+/k/new=0 +/k/new=1 +/k/new=0 +/k/new=1 +/k/new=0 +/k/old=2");
	start_empty_elsewhere();
	watcher_open(&b, url);
	cr_assert(watcher_put(&b, "/k/old", "1") == 0);
	watcher_close(&b);
	kill_etcd();
	start_etcd(port);
	watcher_expect(&a, "+/k/old=1 lost");
	cr_assert(lost(&a) == 1, "%u", lost(&a));
	watcher_close(&a);
}

Test(etcd, a_watch_moves_with_the_commits_when_its_server_falls_silent)
{
	struct watcher a, b;
	unsigned gate_port = free_port();
	char from[64], to[64], both[128];
	wait_for_etcd();
	snprintf(from, sizeof(from), "--listen-addr=127.0.0.1:%u", gate_port);
	snprintf(to, sizeof(to), "--endpoints=127.0.0.1:%u", port);
	pid_t gate = fork_server();
	if (gate == 0) {
		execlp("etcd", "etcd", "gateway", "start", from, to, (char *)NULL);
		_exit(127);
	}
	char *usual = strdup(url);
	snprintf(url, sizeof(url), "etcd://127.0.0.1:%u", gate_port);
	wait_for_etcd();
	snprintf(both, sizeof(both), "etcd://127.0.0.1:%u,127.0.0.1:%u", gate_port, port);
	watcher_open(&a, both);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	cr_assert(watcher_put(&a, "/k/a", "1") == 0);
	watcher_expect(&a, "+/k/a=1");
	freeze(gate);
	cr_assert(watcher_put(&a, "/k/b", "1") == -EINPROGRESS, "%s", a.commit_text);
	watcher_open(&b, usual);
	cr_assert(watcher_put(&b, "/k/c", "1") == 0, "%s", b.commit_text);
	a.waited_ms = 0; /* the commit that was given up may have happened */
	while (!strstr(a.heard, "+/k/c=1") && a.waited_ms < WATCHER_PATIENCE_MS)
		uv_run(&a.loop, UV_RUN_ONCE);
	cr_assert(strstr(a.heard, "+/k/c=1"), "%s", a.heard);
	kill(gate, SIGKILL);
	waitpid(gate, NULL, 0);
	watcher_close(&a);
	watcher_close(&b);
	free(usual);
}

Test(etcd, a_store_that_stands_still_blocks_nobody_and_is_shown)
{
	struct watcher a;
	struct ctl_store_status status;
	wait_for_etcd();
	watcher_open(&a, url);
	ctl_store_watch(a.store, "/k/", watcher_hear, &a);
	watcher_expect(&a, "listed");
	freeze(etcd);
	cr_assert(watcher_put(&a, "/k/a", "1") == -EINPROGRESS, "%d", a.commit_error);
	cr_assert(a.waited_ms >= 1000 && a.waited_ms < 8000, "the loop turned meanwhile: %u", a.waited_ms);
	ctl_store_status(a.store, &status);
	cr_assert(!status.connected);
	kill(etcd, SIGCONT);
	a.waited_ms = 0;
	while (!status.connected && a.waited_ms < WATCHER_PATIENCE_MS) {
		uv_run(&a.loop, UV_RUN_ONCE);
		ctl_store_status(a.store, &status);
	}
	a.heard[0] = '\0'; /* the commit that was given up may have happened */
	cr_assert(watcher_put(&a, "/k/b", "2") == 0, "%s", a.commit_text);
	a.waited_ms = 0;
	while (!strstr(a.heard, "+/k/b=2") && a.waited_ms < WATCHER_PATIENCE_MS)
		uv_run(&a.loop, UV_RUN_ONCE);
	cr_assert(strstr(a.heard, "+/k/b=2"), "%s", a.heard);
	watcher_close(&a);
}

int main(int argc, char *argv[])
{
	if (system("command -v etcd >/dev/null && command -v etcdctl >/dev/null") != 0)
		return 77;
	struct criterion_test_set *tests = criterion_initialize();
	int good = criterion_handle_args(argc, argv, true) ? criterion_run_all_tests(tests) : 0;
	criterion_finalize(tests);
	return !good;
}
