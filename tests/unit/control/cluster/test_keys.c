/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cluster/keys.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t secret[40] = "0123456789abcdef0123456789abcdef01234567";

/* RFC 5869 by hand: PRK = HMAC(zeros, secret), T(1) = HMAC(PRK, info | 0x01). */
static void naive_hkdf(const uint8_t *info, size_t size, uint8_t *ret_key)
{
	uint8_t zeros[32] = {0}, prk[32], block[64], t[32];
	unsigned n = 32;
	HMAC(EVP_sha256(), zeros, 32, secret, sizeof(secret), prk, &n);
	memcpy(block, info, size);
	block[size] = 1;
	HMAC(EVP_sha256(), prk, 32, block, size + 1, t, &n);
	memcpy(ret_key, t, CTL_KEY_SIZE);
}

Test(keys, are_hkdf_of_the_documented_words)
{
	static const uint8_t info[] = "kuafu overlay\x01\x02\x00\x03\x05";
	uint8_t expected[CTL_KEY_SIZE], key[CTL_KEY_SIZE];
	naive_hkdf(info, sizeof(info) - 1, expected);
	cr_assert(ctl_key_derive(secret, sizeof(secret), 0x0102, 3, 5, key) == 0);
	cr_assert(memcmp(key, expected, sizeof(key)) == 0);
}

Test(keys, of_the_two_directions_and_of_other_pairs_differ)
{
	uint8_t key[4][CTL_KEY_SIZE];
	ctl_key_derive(secret, sizeof(secret), 1, 2, 1, key[0]);
	ctl_key_derive(secret, sizeof(secret), 2, 1, 1, key[1]);
	ctl_key_derive(secret, sizeof(secret), 1, 2, 2, key[2]);
	ctl_key_derive(secret, sizeof(secret), 1, 3, 1, key[3]);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert(memcmp(key[i], key[j], CTL_KEY_SIZE) != 0);
}

static int read_file(const void *bytes, size_t size, mode_t mode)
{
	char path[] = "/tmp/kuafu-secret-XXXXXX";
	static uint8_t read_back[CTL_SECRET_MAX];
	size_t n = 777;
	int fd = mkstemp(path);
	cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fchmod(fd, mode) == 0);
	close(fd);
	int error = ctl_secret_read(path, read_back, &n);
	unlink(path);
	cr_assert(error ? n == 777 : n == size && memcmp(read_back, bytes, n) == 0);
	return error;
}

Test(secret, is_long_enough_not_too_long_and_not_for_everybody)
{
	static uint8_t bytes[CTL_SECRET_MAX + 1];
	cr_assert(read_file(bytes, CTL_SECRET_MIN, 0600) == 0);
	cr_assert(read_file(bytes, CTL_SECRET_MAX, 0640) == 0);
	cr_assert(read_file(bytes, CTL_SECRET_MIN - 1, 0600) == -EINVAL);
	cr_assert(read_file(bytes, CTL_SECRET_MAX + 1, 0600) == -EFBIG);
	cr_assert(read_file(bytes, CTL_SECRET_MIN, 0644) == -EPERM);
	uint8_t unused[CTL_SECRET_MAX];
	size_t n;
	cr_assert(ctl_secret_read("/nonexistent", unused, &n) == -ENOENT);
}
