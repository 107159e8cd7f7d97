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

static const struct ctl_secret secret = {.size = 40, .key_id = 5, .bytes = "0123456789abcdef0123456789abcdef01234567"};

/* RFC 5869 by hand: PRK = HMAC(zeros, secret), T(1) = HMAC(PRK, info | 0x01). */
static void naive_hkdf(const uint8_t *info, size_t size, uint8_t *ret_key, size_t key_size)
{
	uint8_t zeros[32] = {0}, prk[32], block[64], t[32];
	unsigned n = 32;
	HMAC(EVP_sha256(), zeros, 32, secret.bytes, secret.size, prk, &n);
	memcpy(block, info, size);
	block[size] = 1;
	HMAC(EVP_sha256(), prk, 32, block, size + 1, t, &n);
	memcpy(ret_key, t, key_size);
}

Test(keys, are_hkdf_of_the_documented_words)
{
	static const uint8_t info[] = "kuafu overlay\x01\x02\x00\x03\x05",
	                     stamp_info[] = "kuafu stamp\x01\x02\x00\x03\x05";
	uint8_t expected[32], key[CTL_KEY_SIZE], stamp_key[CTL_STAMP_KEY_SIZE];
	naive_hkdf(info, sizeof(info) - 1, expected, sizeof(key));
	cr_assert(ctl_key_derive(&secret, 0x0102, 3, key) == 0);
	cr_assert(memcmp(key, expected, sizeof(key)) == 0);
	naive_hkdf(stamp_info, sizeof(stamp_info) - 1, expected, sizeof(stamp_key));
	cr_assert(ctl_stamp_key_derive(&secret, 0x0102, 3, stamp_key) == 0);
	cr_assert(memcmp(stamp_key, expected, sizeof(stamp_key)) == 0);
}

Test(keys, of_the_two_directions_and_of_other_pairs_differ)
{
	struct ctl_secret other = secret;
	uint8_t key[4][CTL_KEY_SIZE];
	other.key_id = 6;
	ctl_key_derive(&secret, 1, 2, key[0]);
	ctl_key_derive(&secret, 2, 1, key[1]);
	ctl_key_derive(&other, 1, 2, key[2]);
	ctl_key_derive(&secret, 1, 3, key[3]);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert(memcmp(key[i], key[j], CTL_KEY_SIZE) != 0);
}

static struct ctl_secret read_back;

static int read_file(const void *bytes, size_t size, mode_t mode)
{
	char path[] = "/tmp/kuafu-secret-XXXXXX";
	read_back = (struct ctl_secret){.size = 777};
	int fd = mkstemp(path);
	cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fchmod(fd, mode) == 0);
	close(fd);
	int error = ctl_secret_read(path, &read_back);
	unlink(path);
	cr_assert(error ? read_back.size == 777 : read_back.size == size && memcmp(read_back.bytes, bytes, size) == 0);
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
	cr_assert(ctl_secret_read("/nonexistent", &read_back) == -ENOENT);
}

/* Key ids are what packets are told apart by: alike at every POP, whatever the secret's place. */
Test(secret, has_a_key_id_from_itself)
{
	uint8_t bytes[CTL_SECRET_MIN] = {0}, seen[256] = {0};
	unsigned different = 0;
	for (unsigned i = 0; i < 64; i++) {
		bytes[7] = (uint8_t)i;
		cr_assert(read_file(bytes, sizeof(bytes), 0600) == 0 && read_back.key_id != 0);
		different += !seen[read_back.key_id]++;
		uint8_t once = read_back.key_id;
		cr_assert(read_file(bytes, sizeof(bytes), 0600) == 0 && read_back.key_id == once);
	}
	cr_assert(different > 40, "%u of 64", different);
}
