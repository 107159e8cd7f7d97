/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer to one request, as its handler writes it and the server sends it. A handler may answer at once, later, or
 * bit by bit; it never sees the connection.
 *
 * Invariant: begun (status set), then written, then ended, each at most once and in this order. Both sides hold a
 * reference; what is written after the client has gone is thrown away. */
#pragma once

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes that may wait for a slow reader; more are refused (ctl_api_answer_write returns -ENOBUFS). It holds the longest
 * list of flows that may be asked for. */
#define CTL_API_ANSWER_MAX (32u << 20)

/* After so long without anything new, idle is called, again and again. */
#define CTL_API_IDLE_MS 250u

struct ctl_api_answer {
	unsigned references;
	unsigned status;  /* HTTP; 0: not begun */
	const char *type; /* Content-Type */
	char allow[64];   /* Allow header of a 405, else empty */
	bool ended;
	bool abandoned; /* the client has gone */
	char *out;      /* out[start .. start + size): written, not yet taken */
	size_t start;
	size_t size;
	size_t capacity;

	void (*changed)(struct ctl_api_answer *answer); /* the server's: there is something to send */
	void *server;
	void (*left)(
	    struct ctl_api_answer *answer); /* the handler's: the client has gone, write no more; may be NULL */
	void (*idle)(
	    struct ctl_api_answer *answer); /* the handler's: nothing new for a while; NULL: it does not care */
	void *handler;
};

/* With one reference, or NULL without memory. */
struct ctl_api_answer *ctl_api_answer_new(void);
struct ctl_api_answer *ctl_api_answer_ref(struct ctl_api_answer *answer);
void ctl_api_answer_unref(struct ctl_api_answer *answer);

/* Whole answers: begin, write and end. json takes the reference of body; NULL becomes a 500. */
void ctl_api_answer_json(struct ctl_api_answer *answer, unsigned status, json_t *body);
void ctl_api_answer_text(
    struct ctl_api_answer *answer, unsigned status, const char *type, const char *text, size_t size);
void ctl_api_answer_error(struct ctl_api_answer *answer, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers in parts. write returns 0, -ENOBUFS when the reader is too slow, or -ENOMEM; then nothing was written. */
void ctl_api_answer_begin(struct ctl_api_answer *answer, unsigned status, const char *type);
int ctl_api_answer_write(struct ctl_api_answer *answer, const char *data, size_t size);
void ctl_api_answer_end(struct ctl_api_answer *answer);

/* The server's side: up to max bytes that were written, in order; returns how many. */
size_t ctl_api_answer_take(struct ctl_api_answer *answer, char *ret_data, size_t max);
/* The server's side: the client has gone. Tells the handler, and drops the server's reference. */
void ctl_api_answer_abandon(struct ctl_api_answer *answer);
