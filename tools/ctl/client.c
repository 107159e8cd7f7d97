/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/ctl/client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define DEFAULT_SOCKETS      "/run/kuafu/*/api.sock"
#define HTTP_GATEWAY_TIMEOUT 504

static enum cli_exit only_socket(char *ret_path, size_t size)
{
	glob_t found = {0};
	glob(DEFAULT_SOCKETS, 0, NULL, &found);
	enum cli_exit result = CLI_OK;
	if (found.gl_pathc == 1) {
		snprintf(ret_path, size, "%s", found.gl_pathv[0]);
	} else if (found.gl_pathc == 0) {
		fprintf(stderr, "kuafuctl: no kuafud found (%s); start it, or name its socket with --socket PATH\n",
		    DEFAULT_SOCKETS);
		result = CLI_NO_CONNECT;
	} else {
		fprintf(stderr, "kuafuctl: several kuafud found; choose one with --socket PATH or KUAFU_SOCKET:\n");
		for (size_t i = 0; i < found.gl_pathc; i++)
			fprintf(stderr, "  %s\n", found.gl_pathv[i]);
		result = CLI_USAGE;
	}
	globfree(&found);
	return result;
}

enum cli_exit cli_socket_path(const struct cli_args *args, char *ret_path, size_t size)
{
	const char *path = args->value[CLI_OPT_SOCKET];
	if (!path)
		path = getenv("KUAFU_SOCKET");
	if (!path || !*path)
		return only_socket(ret_path, size);
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		fprintf(stderr, "kuafuctl: '%.64s...' is longer than a socket's path can be\n", path);
		return CLI_USAGE;
	}
	snprintf(ret_path, size, "%s", path);
	return CLI_OK;
}

void cli_encode(const char *text, char *ret_text, size_t size)
{
	size_t used = 0;
	for (; *text && used + 4 <= size; text++) {
		unsigned char c = (unsigned char)*text;
		if (isalnum(c) || strchr("-._~", c))
			ret_text[used++] = *text;
		else
			used += (size_t)snprintf(ret_text + used, size - used, "%%%02X", c);
	}
	ret_text[used] = '\0';
}

/* ---- one request ---- */

struct exchange {
	CURL *curl;
	const struct cli_request *request;
	struct cli_reply reply;
	bool ended; /* by part() or go_on() */
};

static size_t on_data(char *data, size_t one, size_t size, void *context)
{
	(void)one;
	struct exchange *e = context;
	long status = 0;
	curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
	if (e->request->part && status == 200) {
		e->ended = !e->request->part(e->request->to, data, size);
		return e->ended ? 0 : size;
	}
	char *text = realloc(e->reply.text, e->reply.size + size + 1);
	if (!text)
		return 0;
	memcpy(text + e->reply.size, data, size);
	e->reply.text = text;
	e->reply.size += size;
	text[e->reply.size] = '\0';
	return size;
}

/* libcurl: not 0 ends the transfer. */
static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct exchange *e = context;
	(void)a, (void)b, (void)c, (void)d;
	e->ended = e->ended || !e->request->go_on();
	return e->ended;
}

static CURLcode perform(struct exchange *e, const char *socket_path)
{
	char url[2048], type[128];
	const struct cli_request *r = e->request;
	snprintf(url, sizeof(url), "http://kuafud%s", r->path);
	snprintf(type, sizeof(type), "Content-Type: %s", r->type ? r->type : "application/octet-stream");
	struct curl_slist *headers = curl_slist_append(NULL, type);
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(e->curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
	curl_easy_setopt(e->curl, CURLOPT_URL, url);
	curl_easy_setopt(e->curl, CURLOPT_CUSTOMREQUEST, r->method);
	curl_easy_setopt(e->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(e->curl, CURLOPT_TIMEOUT, r->timeout_seconds);
	curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, e);
	if (r->go_on) {
		curl_easy_setopt(e->curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(e->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(e->curl, CURLOPT_XFERINFODATA, e);
	}
	if (r->body) {
		curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, r->body);
		curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->size);
	}
	CURLcode code = curl_easy_perform(e->curl);
	curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &e->reply.status);
	curl_slist_free_all(headers);
	return code;
}

static enum cli_exit no_answer(CURLcode code, const struct cli_request *request, const char *socket_path)
{
	if (code == CURLE_COULDNT_CONNECT) {
		fprintf(stderr, "kuafuctl: cannot connect to %s; is kuafud running, and may you open the socket?\n",
		    socket_path);
		return CLI_NO_CONNECT;
	}
	bool asks_only = strcmp(request->method, "GET") == 0;
	fprintf(stderr, "kuafuctl: no answer from %s: %s%s\n", socket_path, curl_easy_strerror(code),
	    asks_only ? "" : "; the change may or may not have been made");
	return CLI_NO_CONNECT;
}

/* A mistake in a file is named by the file; in a document that the user never saw, the place says nothing. */
static void print_complaint(const struct cli_documents *documents, const char *line)
{
	int place = 0;
	char *text = documents && line ? cli_documents_blame(documents, line) : NULL;
	if (!documents && line)
		sscanf(line, "body:%*u: %n", &place);
	fprintf(stderr, "kuafuctl: %s\n", text ? text : line ? line + place : "the API refused without a reason");
	free(text);
}

static void print_refusal(const struct cli_request *request, const struct cli_reply *reply)
{
	json_t *body = json_loads(reply->text ? reply->text : "", 0, NULL);
	json_t *lines = json_object_get(body, "errors");
	json_t *line;
	size_t i;
	json_array_foreach(lines, i, line) print_complaint(request->documents, json_string_value(line));
	if (json_array_size(lines) == 0)
		print_complaint(request->documents, json_string_value(json_object_get(body, "error")));
	json_decref(body);
}

enum cli_exit cli_ask(const struct cli_args *args, const struct cli_request *request, struct cli_reply *ret_reply)
{
	char socket_path[256];
	enum cli_exit result = cli_socket_path(args, socket_path, sizeof(socket_path));
	if (result != CLI_OK)
		return result;
	struct exchange e = {.curl = curl_easy_init(), .request = request};
	if (!e.curl)
		return CLI_REFUSED;
	CURLcode code = perform(&e, socket_path);
	curl_easy_cleanup(e.curl);
	bool timed_out = code == CURLE_OPERATION_TIMEDOUT && request->part && e.reply.status == 200;
	if (code != CURLE_OK && !e.ended && !timed_out) {
		result = no_answer(code, request, socket_path);
	} else if (e.reply.status != 200) {
		print_refusal(request, &e.reply);
		result = e.reply.status == HTTP_GATEWAY_TIMEOUT ? CLI_NO_CONNECT : CLI_REFUSED;
	}
	if (result != CLI_OK) {
		free(e.reply.text);
		return result;
	}
	if (!e.reply.text)
		e.reply.text = strdup("");
	*ret_reply = e.reply;
	return CLI_OK;
}
