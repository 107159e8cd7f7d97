/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/control_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

static size_t put(uint8_t *at, uint16_t type, uint16_t object, uint32_t length)
{
	struct wire_ctl_header header = {.type = type, .object = object, .length = length, .generation = 9};
	memset(at, 0, length);
	memcpy(at, &header, sizeof(header));
	return length;
}

Test(control_message, a_datagram_of_several_messages_is_taken_apart)
{
	_Alignas(8) uint8_t datagram[512];
	size_t n = put(datagram, WIRE_CTL_BEGIN, 0, 24), offset = 0;
	n += put(datagram + n, WIRE_CTL_DELETE, WIRE_OBJ_VIP, 16 + sizeof(struct wire_ctl_vip));
	n += put(datagram + n, WIRE_CTL_COMMIT, 0, 16);
	const uint16_t types[] = {WIRE_CTL_BEGIN, WIRE_CTL_DELETE, WIRE_CTL_COMMIT};
	struct dp_message m;
	struct wire_ctl_error error;
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(dp_message_next(datagram, n, &offset, &m, &error), 1);
		cr_assert_eq(m.type, types[i]);
		cr_assert_eq(m.generation, 9);
	}
	cr_assert_eq(dp_message_next(datagram, n, &offset, &m, &error), 0);
}

Test(control_message, a_wrong_length_type_object_or_reserved_field_is_refused)
{
	static const struct {
		uint16_t type, object;
		uint32_t length;
		uint32_t present;
	} rows[] = {
	    {WIRE_CTL_BEGIN, 0, 24, 16},               /* cut off */
	    {WIRE_CTL_BEGIN, 0, 16, 16},               /* no body */
	    {WIRE_CTL_BEGIN, 0, 32, 32},               /* too long */
	    {WIRE_CTL_BEGIN, 0, 8, 24},                /* shorter than its header */
	    {WIRE_CTL_BEGIN, 0, 0, 24},                /* would loop */
	    {WIRE_CTL_BEGIN, 0, 23, 24},               /* no multiple of 8 */
	    {WIRE_CTL_BEGIN, WIRE_OBJ_VIP, 24, 24},    /* object where none belongs */
	    {WIRE_CTL_UPSERT, 0, 24, 24},              /* none where one belongs */
	    {WIRE_CTL_UPSERT, WIRE_OBJ_COUNT, 24, 24}, /* unknown object */
	    {WIRE_CTL_ACK, 0, 16, 16},                 /* ours to send */
	    {99, 0, 16, 16},                           /* unknown type */
	    {WIRE_CTL_COMMIT, 0, 0x80000010u, 16},     /* huge */
	    {WIRE_CTL_UPSERT, WIRE_OBJ_ROUTE, 40, 40}, /* size of another object */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_Alignas(8) uint8_t datagram[64] = {0};
		struct wire_ctl_header header = {
		    .type = rows[i].type, .object = rows[i].object, .length = rows[i].length};
		memcpy(datagram, &header, sizeof(header));
		size_t offset = 0;
		struct dp_message m;
		struct wire_ctl_error error = {0};
		cr_assert_eq(dp_message_next(datagram, rows[i].present, &offset, &m, &error), -EINVAL, "row %zu", i);
		cr_assert_neq(error.text[0], '\0');
		cr_assert_eq(offset, 0);
	}
	_Alignas(8) uint8_t begin[24];
	size_t n = put(begin, WIRE_CTL_BEGIN, 0, 24), offset = 0;
	begin[16] = 2; /* an unknown flag */
	struct dp_message m;
	struct wire_ctl_error error;
	cr_assert_eq(dp_message_next(begin, n, &offset, &m, &error), -EINVAL);
}

Test(control_message, random_bytes_end_and_stay_inside)
{
	unsigned seed = 3;
	for (int round = 0; round < 20000; round++) {
		size_t size = (size_t)rand_r(&seed) % 200, offset = 0;
		uint8_t *bytes = malloc(size + 1); /* so that valgrind and ASan see the end */
		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(rand_r(&seed) % (i % 16 < 8 && i % 2 ? 1 : 30));
		struct dp_message m;
		struct wire_ctl_error error;
		size_t before = 0;
		while (dp_message_next(bytes, size, &offset, &m, &error) == 1) {
			cr_assert_gt(offset, before);
			cr_assert_leq(offset, size);
			before = offset;
		}
		free(bytes);
	}
}

Test(control_message, the_outbox_pads_and_refuses_what_does_not_fit)
{
	struct dp_outbox *out = calloc(1, sizeof(*out));
	uint8_t body[13] = {1, 2, 3};
	unsigned n = 0;
	while (dp_outbox_add(out, WIRE_CTL_TRACE, 0, body, sizeof(body)) == 0)
		n++;
	cr_assert_eq(n, sizeof(out->bytes) / 32);
	cr_assert_eq(out->used % 8, 0);
	free(out);
}
