/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool value_number(const char *text, double least, double most, double *ret)
{
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end || !(v >= least && v <= most))
		return false;
	*ret = v;
	return true;
}

bool value_integer(const char *text, unsigned long least, unsigned long most, unsigned long *ret)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (end == text || *end || errno || *text == '-' || v < least || v > most)
		return false;
	*ret = v;
	return true;
}

bool value_address(const char *text, struct wire_addr *ret)
{
	uint8_t b[16];
	if (inet_pton(AF_INET, text, b) == 1)
		*ret = wire_addr_from_v4(b);
	else if (inet_pton(AF_INET6, text, b) == 1)
		*ret = wire_addr_from_v6(b);
	else
		return false;
	return true;
}

bool value_mac(const char *text, uint8_t mac[6])
{
	int used = 0;
	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
	           &mac[5], &used) == 6 &&
	       !text[used];
}

bool value_ports(const char *text, uint16_t *ret_lo, uint16_t *ret_hi)
{
	int used = 0;
	unsigned lo, hi;
	if (sscanf(text, "%5u-%5u%n", &lo, &hi, &used) != 2 || text[used] || lo > hi || hi > 65535)
		return false;
	*ret_lo = (uint16_t)lo;
	*ret_hi = (uint16_t)hi;
	return true;
}
