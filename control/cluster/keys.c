/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/cluster/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/bytes.h"

/* The longest info: "kuafu overlay" and five bytes. */
#define MAX_INFO 32u

static int hkdf(const struct ctl_secret *secret, const uint8_t *info, size_t info_size, uint8_t *key, size_t key_size)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret->bytes, secret->size),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_size),
	    OSSL_PARAM_construct_end(),
	};
	int good = context ? EVP_KDF_derive(context, key, key_size, params) : 0;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return good > 0 ? 0 : -EIO;
}

static int set_key_id(struct ctl_secret *secret)
{
	static const char label[] = "kuafu key id";
	uint8_t id = 0;
	int error = hkdf(secret, (const uint8_t *)label, sizeof(label) - 1, &id, 1);
	secret->key_id = (uint8_t)(id % 255u + 1u);
	return error;
}

int ctl_secret_read(const char *path, struct ctl_secret *ret)
{
	struct ctl_secret secret;
	uint8_t more; /* one byte beyond the limit tells that there is too much */
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = fstat(fd, &st) ? -1 : read(fd, secret.bytes, sizeof(secret.bytes));
	int error = n < 0 ? -errno : 0;
	if (!error && n == (ssize_t)sizeof(secret.bytes) && read(fd, &more, 1) == 1)
		error = -EFBIG;
	close(fd);
	if (!error && st.st_mode & S_IROTH)
		error = -EPERM;
	if (!error && (size_t)n < CTL_SECRET_MIN)
		error = -EINVAL;
	if (!error) {
		secret.size = (size_t)n;
		error = set_key_id(&secret);
	}
	if (!error)
		*ret = secret;
	OPENSSL_cleanse(&secret, sizeof(secret));
	return error;
}

/* The label is without the zero behind it. */
static int derive(const void *label, size_t n, const struct ctl_secret *secret, uint16_t from, uint16_t to,
    uint8_t *ret_key, size_t key_size)
{
	uint8_t info[MAX_INFO], key[CTL_STAMP_KEY_SIZE];
	memcpy(info, label, n);
	wire_put_be16(info + n, from);
	wire_put_be16(info + n + 2, to);
	info[n + 4] = secret->key_id;
	int error = hkdf(secret, info, n + 5, key, key_size);
	if (!error)
		memcpy(ret_key, key, key_size);
	OPENSSL_cleanse(key, sizeof(key));
	return error;
}

int ctl_key_derive(const struct ctl_secret *secret, uint16_t from, uint16_t to, uint8_t ret_key[CTL_KEY_SIZE])
{
	static const char label[] = "kuafu overlay";
	return derive(label, sizeof(label) - 1, secret, from, to, ret_key, CTL_KEY_SIZE);
}

int ctl_stamp_key_derive(
    const struct ctl_secret *secret, uint16_t from, uint16_t to, uint8_t ret_key[CTL_STAMP_KEY_SIZE])
{
	static const char label[] = "kuafu stamp";
	return derive(label, sizeof(label) - 1, secret, from, to, ret_key, CTL_STAMP_KEY_SIZE);
}
