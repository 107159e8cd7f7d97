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

static const char label[] = "kuafu overlay";

int ctl_secret_read(const char *path, uint8_t *ret_secret, size_t *ret_size)
{
	uint8_t bytes[CTL_SECRET_MAX + 1];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = fstat(fd, &st) ? -1 : read(fd, bytes, sizeof(bytes));
	int error = n < 0 ? -errno : 0;
	close(fd);
	if (!error && st.st_mode & S_IROTH)
		error = -EPERM;
	if (!error && (size_t)n < CTL_SECRET_MIN)
		error = -EINVAL;
	if (!error && (size_t)n > CTL_SECRET_MAX)
		error = -EFBIG;
	if (!error) {
		memcpy(ret_secret, bytes, (size_t)n);
		*ret_size = (size_t)n;
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return error;
}

static int hkdf(const uint8_t *secret, size_t size, const uint8_t *info, size_t info_size, uint8_t *key)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, size),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_size),
	    OSSL_PARAM_construct_end(),
	};
	int good = context ? EVP_KDF_derive(context, key, CTL_KEY_SIZE, params) : 0;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return good > 0 ? 0 : -EIO;
}

int ctl_key_derive(
    const uint8_t *secret, size_t size, uint16_t from, uint16_t to, uint8_t key_id, uint8_t ret_key[CTL_KEY_SIZE])
{
	uint8_t info[sizeof(label) - 1 + 5], key[CTL_KEY_SIZE];
	memcpy(info, label, sizeof(label) - 1);
	wire_put_be16(info + sizeof(label) - 1, from);
	wire_put_be16(info + sizeof(label) + 1, to);
	info[sizeof(info) - 1] = key_id;
	int error = hkdf(secret, size, info, sizeof(info), key);
	if (!error)
		memcpy(ret_key, key, sizeof(key));
	OPENSSL_cleanse(key, sizeof(key));
	return error;
}
