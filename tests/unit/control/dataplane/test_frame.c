/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/dataplane/frame.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Test(frame, messages_fill_datagrams_whole_and_come_out_in_order)
{
	struct ctl_frames frames = {0};
	for (uint64_t generation = 0; generation < 5000; generation++) {
		struct wire_ctl_link_state state = {.at_ns = generation};
		cr_assert(ctl_frame_add(&frames, WIRE_CTL_LINK_STATE, 0, generation, &state, sizeof(state), -1) == 0);
	}
	uint64_t expected = 0;
	int datagrams = 0;
	for (struct ctl_datagram *datagram; (datagram = ctl_frames_pop(&frames)); datagrams++, free(datagram)) {
		size_t offset = 0;
		const struct wire_ctl_header *header;
		const void *body;
		cr_assert(datagram->length <= WIRE_CTL_MAX_DATAGRAM);
		while (ctl_frame_next(datagram->bytes, datagram->length, &offset, &header, &body) == 1) {
			cr_assert(header->generation == expected);
			cr_assert(((const struct wire_ctl_link_state *)body)->at_ns == expected++);
		}
		cr_assert(offset == datagram->length);
	}
	cr_assert(expected == 5000 && datagrams == 3, "%d datagrams", datagrams);
}

Test(frame, of_random_bytes_is_refused_or_stays_within_them)
{
	srand(2);
	for (int round = 0; round < 200000; round++) {
		_Alignas(8) uint8_t bytes[400];
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(rand() % 3 ? 0 : rand());
		struct wire_ctl_header *first = (void *)bytes;
		first->type = (uint16_t)(rand() % 20);
		first->length = (uint32_t)(rand() % 40 * (rand() % 9 ? 8 : 1));
		size_t length = (size_t)rand() % sizeof(bytes), offset = 0;
		const struct wire_ctl_header *header;
		const void *body;
		int more;
		while ((more = ctl_frame_next(bytes, length, &offset, &header, &body)) > 0)
			cr_assert(offset <= length && (const uint8_t *)body <= bytes + offset);
		cr_assert(more == 0 || more == -EBADMSG);
	}
}

Test(frame, with_a_body_of_another_size_than_its_type_is_refused)
{
	_Alignas(8) uint8_t bytes[64] = {0};
	struct wire_ctl_header *header = (void *)bytes;
	const struct wire_ctl_header *got;
	const void *body;
	*header = (struct wire_ctl_header){.type = WIRE_CTL_LINK_STATE, .length = 32};
	size_t offset = 0;
	cr_assert(ctl_frame_next(bytes, 32, &offset, &got, &body) == 1);
	header->length = 24;
	cr_assert(ctl_frame_next(bytes, 24, &(size_t){0}, &got, &body) == -EBADMSG);
	header->length = 40;
	cr_assert(ctl_frame_next(bytes, 40, &(size_t){0}, &got, &body) == -EBADMSG);
	cr_assert(ctl_frame_next(bytes, 32, &(size_t){0}, &got, &body) == -EBADMSG);
	header->length = 0; /* must not loop for ever */
	cr_assert(ctl_frame_next(bytes, 32, &(size_t){0}, &got, &body) == -EBADMSG);
}
