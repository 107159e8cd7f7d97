/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket, with real clients. */
#include "dataplane/server.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "shell.h"

static struct shell shell;
static struct dp_server *server;
static char path[64];
static struct {
	unsigned connected, refused, disconnected;
	pid_t pid, holder;
} seen;

static void on_connected(void *arg, pid_t pid)
{
	(void)arg;
	seen.connected++;
	seen.pid = pid;
}

static void on_refused(void *arg, pid_t pid, pid_t holder)
{
	(void)arg;
	seen.refused++;
	seen.pid = pid;
	seen.holder = holder;
}

static void on_disconnected(void *arg, pid_t pid, const char *why)
{
	(void)arg, (void)why;
	seen.disconnected++;
	seen.pid = pid;
}

static void begin(void)
{
	static const struct dp_server_events events = {
	    .connected = on_connected, .refused = on_refused, .disconnected = on_disconnected};
	shell_start(&shell, 1);
	snprintf(path, sizeof(path), "/tmp/kuafu-test-server-%d.sock", (int)getpid());
	cr_assert_eq(dp_server_create(path, shell.session, &events, &server), 0);
}

static void end(void)
{
	dp_server_destroy(server);
	cr_assert_neq(access(path, F_OK), 0, "the socket is removed");
	shell_end(&shell);
}

TestSuite(server, .init = begin, .fini = end, .timeout = 60);

static int connected(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	memcpy(name.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 ? fd : -1;
}

static void say_hello(int fd)
{
	struct {
		struct wire_ctl_header header;
		struct wire_ctl_hello hello;
	} message = {
	    .header = {.type = WIRE_CTL_HELLO, .length = sizeof(message)}, .hello = {.version = WIRE_CTL_VERSION}};
	cr_assert_eq(send(fd, &message, sizeof(message), MSG_NOSIGNAL), sizeof(message));
}

/* Until `fd` has a datagram for us, or the other end has hung up; its type, or 0. */
static unsigned answer(int fd, void *body, size_t size)
{
	static _Alignas(8) uint8_t bytes[WIRE_CTL_MAX_DATAGRAM];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	for (int i = 0; i < 1000 && poll(&p, 1, 0) == 0; i++)
		dp_server_serve(server, -1, 5);
	ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	cr_assert_geq(length, 0, "no answer");
	if (length == 0)
		return 0;
	memcpy(body, bytes + sizeof(struct wire_ctl_header), size);
	return ((const struct wire_ctl_header *)bytes)->type;
}

/* A client in a process of its own, served. */
static pid_t given_client(void)
{
	int said[2];
	char byte = 0;
	cr_assert_eq(pipe(said), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = connected();
		say_hello(fd);
		if (write(said[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	cr_assert_eq(read(said[0], &byte, 1), 1);
	close(said[0]);
	close(said[1]);
	for (int i = 0; i < 1000 && seen.connected == 0; i++)
		dp_server_serve(server, -1, 5);
	cr_assert_eq(seen.pid, pid);
	return pid;
}

Test(server, a_second_client_is_refused_with_the_pid_of_the_first)
{
	struct wire_ctl_error error = {0};
	char pid[32];
	pid_t first = given_client();
	snprintf(pid, sizeof(pid), "pid %d;", (int)first);
	int second = connected();
	cr_assert_eq(answer(second, &error, sizeof(error)), WIRE_CTL_ERROR);
	cr_assert_eq(error.code, -EBUSY);
	cr_assert_not_null(strstr(error.text, pid), "%s", error.text);
	cr_assert_eq(answer(second, &error, sizeof(error)), 0, "and hung up on");
	cr_assert(seen.refused == 1 && seen.holder == first && seen.pid == getpid());
	cr_assert_eq(seen.disconnected, 0, "the first one stays");
	close(second);
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
}

Test(server, the_successor_of_a_killed_client_is_served_at_once)
{
	struct wire_ctl_hello hello = {0};
	pid_t first = given_client();
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	int second = connected(); /* before the server has looked at the first one's end */
	say_hello(second);
	cr_assert_eq(answer(second, &hello, sizeof(hello)), WIRE_CTL_HELLO);
	cr_assert_eq(hello.boot_id, 4711);
	cr_assert(seen.refused == 0 && seen.disconnected == 1 && seen.connected == 2);
	close(second);
}

Test(server, a_client_that_talks_nonsense_is_hung_up_on_and_the_next_is_served)
{
	struct wire_ctl_error error = {0};
	struct wire_ctl_header begin_first = {.type = WIRE_CTL_COMMIT, .length = sizeof(begin_first), .generation = 1};
	int fd = connected();
	cr_assert_eq(send(fd, &begin_first, sizeof(begin_first), 0), sizeof(begin_first));
	cr_assert_eq(answer(fd, &error, sizeof(error)), WIRE_CTL_ERROR);
	cr_assert_str_eq(error.text, "HELLO must come first");
	cr_assert_eq(answer(fd, &error, sizeof(error)), 0);
	close(fd);
	cr_assert_eq(seen.disconnected, 1);
	struct wire_ctl_hello hello = {0};
	fd = connected();
	say_hello(fd);
	cr_assert_eq(answer(fd, &hello, sizeof(hello)), WIRE_CTL_HELLO);
	close(fd);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Sends `size` bytes with a descriptor, which it then closes. */
static void send_with_descriptor(int to, const void *bytes, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.align = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	int sent = dup(to);
	memcpy(CMSG_DATA(&control.align), &sent, sizeof(sent));
	cr_assert_eq(sendmsg(to, &message, MSG_NOSIGNAL), (ssize_t)size);
	close(sent);
}

/* An empty datagram, which reads as the end; one that is too large; one of a type that takes no descriptor. */
Test(server, descriptors_that_nobody_asked_for_are_closed)
{
	static _Alignas(8) uint8_t large[WIRE_CTL_MAX_DATAGRAM + 8];
	struct wire_ctl_header header = {.type = WIRE_CTL_COMMIT, .length = sizeof(header), .generation = 1};
	const struct {
		const void *bytes;
		size_t size;
	} datagrams[] = {{"", 0}, {large, sizeof(large)}, {&header, sizeof(header)}};
	unsigned before = open_descriptors();
	for (unsigned i = 0; i < 3; i++) {
		int fd = connected();
		send_with_descriptor(fd, datagrams[i].bytes, datagrams[i].size);
		for (int turn = 0; turn < 1000 && seen.disconnected == i; turn++)
			dp_server_serve(server, -1, 5);
		cr_assert_eq(seen.disconnected, i + 1);
		close(fd);
		cr_assert_eq(open_descriptors(), before, "datagram %u", i);
	}
}

Test(server, the_socket_is_for_our_own_user_alone)
{
	struct stat about;
	cr_assert_eq(stat(path, &about), 0);
	cr_assert_eq(about.st_mode & 0177u, 0);
}
