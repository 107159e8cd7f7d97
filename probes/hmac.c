/* SPDX-License-Identifier: BSD-2-Clause */
#include "probes/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

bool probe_hmac(const uint8_t key[PROBE_KEY_SIZE], const void *head, size_t head_size, const void *rest,
    size_t rest_size, uint8_t ret_tag[WIRE_STAMP_HMAC_SIZE])
{
	uint8_t text[PROBE_HMAC_MAX], digest[EVP_MAX_MD_SIZE];
	memset(ret_tag, 0, WIRE_STAMP_HMAC_SIZE);
	if (head_size + rest_size > sizeof(text))
		return false;
	memcpy(text, head, head_size);
	if (rest_size)
		memcpy(text + head_size, rest, rest_size);
	if (!HMAC(EVP_sha256(), key, PROBE_KEY_SIZE, text, head_size + rest_size, digest, NULL))
		return false;
	memcpy(ret_tag, digest, WIRE_STAMP_HMAC_SIZE);
	return true;
}

int probe_hmac_key(const struct probe_keys *keys, const void *head, size_t head_size, const void *rest,
    size_t rest_size, const uint8_t tag[WIRE_STAMP_HMAC_SIZE])
{
	int found = -1;
	for (unsigned i = keys->n; i-- > 0;) {
		uint8_t right[WIRE_STAMP_HMAC_SIZE];
		if (probe_hmac(keys->key[i], head, head_size, rest, rest_size, right) &&
		    CRYPTO_memcmp(right, tag, sizeof(right)) == 0)
			found = (int)i;
	}
	return found;
}
