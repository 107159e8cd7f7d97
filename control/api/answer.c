/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api/answer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/fields.h"

/* Every number in an answer has at most this many significant digits: 12.3, not 12.300000000000001. */
#define REAL_DIGITS 10

struct ctl_api_answer *ctl_api_answer_new(void)
{
	struct ctl_api_answer *answer = calloc(1, sizeof(*answer));
	if (answer)
		answer->references = 1;
	return answer;
}

struct ctl_api_answer *ctl_api_answer_ref(struct ctl_api_answer *answer)
{
	answer->references++;
	return answer;
}

void ctl_api_answer_unref(struct ctl_api_answer *answer)
{
	if (--answer->references > 0)
		return;
	free(answer->out);
	free(answer);
}

static void changed(struct ctl_api_answer *answer)
{
	if (answer->changed && !answer->abandoned)
		answer->changed(answer);
}

void ctl_api_answer_begin(struct ctl_api_answer *answer, unsigned status, const char *type)
{
	assert(answer->status == 0);
	answer->status = status;
	answer->type = type;
	changed(answer);
}

static int reserve(struct ctl_api_answer *answer, size_t size)
{
	if (answer->start > 0) {
		memmove(answer->out, answer->out + answer->start, answer->size);
		answer->start = 0;
	}
	size_t needed = answer->size + size;
	if (needed <= answer->capacity)
		return 0;
	size_t capacity = answer->capacity ? answer->capacity : 4096;
	while (capacity < needed)
		capacity *= 2;
	char *out = realloc(answer->out, capacity);
	if (!out)
		return -ENOMEM;
	answer->out = out;
	answer->capacity = capacity;
	return 0;
}

int ctl_api_answer_write(struct ctl_api_answer *answer, const char *data, size_t size)
{
	assert(answer->status != 0 && !answer->ended);
	if (answer->abandoned || size == 0)
		return 0;
	if (size > CTL_API_ANSWER_MAX - answer->size)
		return -ENOBUFS;
	int err = reserve(answer, size);
	if (err)
		return err;
	memcpy(answer->out + answer->size, data, size);
	answer->size += size;
	changed(answer);
	return 0;
}

void ctl_api_answer_end(struct ctl_api_answer *answer)
{
	assert(answer->status != 0 && !answer->ended);
	answer->ended = true;
	changed(answer);
}

void ctl_api_answer_text(
    struct ctl_api_answer *answer, unsigned status, const char *type, const char *text, size_t size)
{
	int err = reserve(answer, size);
	if (!err && size <= CTL_API_ANSWER_MAX) {
		ctl_api_answer_begin(answer, status, type);
		ctl_api_answer_write(answer, text, size);
	} else {
		ctl_api_answer_begin(answer, 500, "application/json");
	}
	ctl_api_answer_end(answer);
}

void ctl_api_answer_json(struct ctl_api_answer *answer, unsigned status, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS)) : NULL;
	json_decref(body);
	if (text)
		ctl_api_answer_text(answer, status, "application/json", text, strlen(text));
	else
		ctl_api_answer_error(answer, 500, "out of memory");
	free(text);
}

void ctl_api_answer_error(struct ctl_api_answer *answer, unsigned status, const char *format, ...)
{
	char line[512];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	json_t *message = ctl_api_string(line);
	char *text = message ? json_dumps(message, JSON_ENCODE_ANY) : NULL;
	json_decref(message);
	char body[sizeof(line) * 6 + 16]; /* a byte is at most \u0000 in JSON */
	int n = snprintf(body, sizeof(body), "{\"error\":%s}", text ? text : "\"out of memory\"");
	free(text);
	ctl_api_answer_text(answer, status, "application/json", body, (size_t)n);
}

size_t ctl_api_answer_take(struct ctl_api_answer *answer, char *ret_data, size_t max)
{
	size_t n = answer->size < max ? answer->size : max;
	if (n == 0)
		return 0;
	memcpy(ret_data, answer->out + answer->start, n);
	answer->start += n;
	answer->size -= n;
	return n;
}

void ctl_api_answer_abandon(struct ctl_api_answer *answer)
{
	answer->abandoned = true;
	answer->changed = NULL;
	if (answer->left && !answer->ended)
		answer->left(answer);
	ctl_api_answer_unref(answer);
}
