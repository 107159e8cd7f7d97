/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/pktgen/popularity.h"

#include <math.h>

/* SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* In [0, 1). */
static double next_share(uint64_t *state)
{
	return (double)(next_random(state) >> 11) * 0x1p-53;
}

/* The area below x^-s from 1 to x, (x^(1-s) - 1) / (1 - s), steady where s is near 1. */
static double area(double s, double x)
{
	double l = log(x), t = (1 - s) * l;
	return fabs(t) > 1e-8 ? expm1(t) / t * l : l * (1 + t / 2);
}

static double area_inverse(double s, double a)
{
	double t = a * (1 - s);
	if (t < -1)
		t = -1; /* rounding, far in the tail */
	return exp(fabs(t) > 1e-8 ? log1p(t) / t * a : a * (1 - t / 2));
}

static double height(double s, double x)
{
	return exp(-s * log(x));
}

void popularity_start(struct popularity *p, enum popularity_kind kind, uint32_t n, double exponent, uint64_t seed)
{
	*p = (struct popularity){.kind = kind, .n = n, .exponent = exponent, .state = seed};
	if (kind == POPULARITY_TURN)
		p->state = 0;
	if (kind != POPULARITY_ZIPF)
		return;
	p->first = area(exponent, 1.5) - 1;
	p->last = area(exponent, n + 0.5);
	p->inner = 2 - area_inverse(exponent, area(exponent, 2.5) - height(exponent, 2));
}

static uint32_t next_zipf(struct popularity *p)
{
	for (;;) {
		double u = p->last + next_share(&p->state) * (p->first - p->last);
		double x = area_inverse(p->exponent, u), k = floor(x + 0.5);
		k = k < 1 ? 1 : k > p->n ? p->n : k;
		if (k - x <= p->inner || u >= area(p->exponent, k + 0.5) - height(p->exponent, k))
			return (uint32_t)k - 1;
	}
}

uint32_t popularity_next(struct popularity *p)
{
	switch (p->kind) {
	case POPULARITY_UNIFORM:
		return (uint32_t)((next_random(&p->state) >> 32) * p->n >> 32);
	case POPULARITY_ZIPF:
		return next_zipf(p);
	default:
		return (uint32_t)(p->state++ % p->n);
	}
}
