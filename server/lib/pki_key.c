#include "base/enc.h"
#include "base/secret.h"
#include "lib/pki_int.h"
#include <dirent.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef POMONA_TEST_HOOKS
/* Tests start hundreds of servers and made RSA keys for half of their time: they take them from a folder of files
   "BITS-NAME", each once, since only one process can unlink a file. */
static EVP_PKEY *take_key(int bits) {
  const char *folder = getenv("POMONA_TEST_RSA_KEYS");
  DIR *d = folder ? opendir(folder) : NULL;
  EVP_PKEY *key = NULL;
  for (struct dirent *entry; !key && d && (entry = readdir(d));) {
    if (atoi(entry->d_name) != bits) continue;
    int fd = openat(dirfd(d), entry->d_name, O_RDONLY | O_CLOEXEC);
    FILE *f = fd >= 0 && unlinkat(dirfd(d), entry->d_name, 0) == 0 ? fdopen(fd, "r") : NULL;
    if (f) key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    if (f)
      fclose(f);
    else if (fd >= 0)
      close(fd);
  }
  if (d) closedir(d);
  return key;
}
#else
static EVP_PKEY *take_key(int bits) { return (void)bits, NULL; }
#endif

enum err pki_key_new_rsa(struct ctx *cx, struct pki_key **out, int bits) {
  if (bits < 2048 || bits > 8192) return FAIL(cx, E_INVALID, "an RSA key has 2048 to 8192 bits, not %d", bits);
  EVP_PKEY *taken = take_key(bits);
  return pki_key_wrap(cx, out, taken ? taken : EVP_RSA_gen((unsigned)bits), true);
}

enum err pki_key_new_p256(struct ctx *cx, struct pki_key **out) {
  return pki_key_wrap(cx, out, EVP_EC_gen("P-256"), true);
}

struct pki_key *pki_key_keep(struct pki_key *k) {
  atomic_fetch_add(&k->refs, 1);
  return k;
}

void pki_key_free(struct pki_key *k) {
  if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1) return;
  EVP_PKEY_free(k->pkey); /* wipes a private key */
  free(k);
}

bool pki_key_is_rsa(const struct pki_key *k) { return EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_RSA; }

int pki_key_bits(const struct pki_key *k) { return EVP_PKEY_get_bits(k->pkey); }

/* ---- PEM ---- */

static bool is_private(struct slice label) {
  return slice_is(label, "PRIVATE KEY") || slice_is(label, "RSA PRIVATE KEY") || slice_is(label, "EC PRIVATE KEY");
}

/* Why a text without a block that we read holds no key. `seen` is the label that comes nearest. */
static enum err no_key(struct ctx *cx, struct slice seen) {
  if (seen.n == 0) return FAIL(cx, E_INVALID, "no private key: this is not PEM text");
  if (slice_ends(seen, "PUBLIC KEY")) return FAIL(cx, E_INVALID, "this is a public key; the private one is needed");
  if (slice_ends(seen, "CERTIFICATE")) return FAIL(cx, E_INVALID, "this holds a certificate, but no private key");
  if (slice_ends(seen, "PRIVATE KEY"))
    return FAIL(cx, E_INVALID, "a private key in a form that is not read here: convert it with 'openssl pkey'");
  return FAIL(cx, E_INVALID, "no private key in the PEM text");
}

static enum err decode(struct ctx *cx, struct pki_key **out, const struct pki_pem *b) {
  if (pki_pem_encrypted(b))
    return FAIL(cx, E_INVALID, "the private key is encrypted: remove its passphrase with 'openssl pkey -in FILE'");
  struct slice der;
  if (dec_base64(cx, b->body, &der) != OK || der.n == 0) {
    ctx_clear_error(cx);
    return FAIL(cx, E_INVALID, "the private key is damaged: not base64");
  }
  const unsigned char *p = secret_in(cx, (void *)(uintptr_t)der.p, der.n), *end = p + der.n;
  EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
  if (pkey == NULL) return PKI_FAIL(cx, E_INVALID, "the private key is damaged");
  ERR_clear_error(); /* forms that were tried before the right one */
  TRY(pki_key_wrap(cx, out, pkey, true));
  int type = EVP_PKEY_get_base_id(pkey);
  if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC)
    return FAIL(cx, E_INVALID, "the private key is neither RSA nor on an elliptic curve of NIST");
  if (p != end) return FAIL(cx, E_INVALID, "the private key is damaged: bytes after its end");
  return OK;
}

enum err pki_key_parse(struct ctx *cx, struct pki_key **out, struct slice pem) {
  if (pem.n > PKI_PEM_MOST) return FAIL(cx, E_TOO_LARGE, "PEM text of %zu bytes", pem.n);
  struct pki_pem b;
  struct slice seen = {0};
  while (pki_pem_next(&pem, &b)) {
    bool key = slice_ends(b.label, "PRIVATE KEY");
    if (!b.whole && key) return FAIL(cx, E_INVALID, "the private key is damaged: its END line is missing");
    if (b.whole && (is_private(b.label) || (key && pki_pem_encrypted(&b)))) return decode(cx, out, &b);
    if (b.whole && (seen.n == 0 || key)) seen = b.label;
  }
  return no_key(cx, seen);
}

enum err pki_key_pem(struct ctx *cx, struct slice *out, const struct pki_key *k) {
  if (!k->is_private) return FAIL(cx, E_INVALID, "only the public half of this key is known");
  BIO *b = BIO_new(BIO_s_mem());
  if (b == NULL) abort();
  if (PEM_write_bio_PKCS8PrivateKey(b, k->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
    BIO_free(b);
    return PKI_FAIL(cx, E_INTERNAL, "private key cannot be written");
  }
  *out = pki_take_bio(cx, b); /* OpenSSL wipes its own copy */
  secret_in(cx, (void *)(uintptr_t)out->p, out->n);
  return OK;
}

void pki_key_sha256(const struct pki_key *k, uint8_t out[SHA256_LEN]) {
  unsigned char *der = NULL;
  int n = i2d_PUBKEY(k->pkey, &der);
  pki_sha256(out, slice_mem(der, n > 0 ? (size_t)n : 0));
  OPENSSL_free(der);
}

bool pki_key_works(struct ctx *cx, const struct pki_key *k) {
  enum { BITS_MOST = 8192 };
  static const char text[] = "does this key work?";
  struct slice signature;
  bool fits =
      k->is_private && EVP_PKEY_get_bits(k->pkey) <= BITS_MOST && pki_key_sign(cx, &signature, k, slice_of(text)) == OK;
  ctx_clear_error(cx);
  if (!fits) return false;
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  if (c == NULL) abort();
  const unsigned char *s = (const unsigned char *)signature.p, *t = (const unsigned char *)text;
  fits = EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
         EVP_DigestVerify(c, s, signature.n, t, strlen(text)) == 1;
  EVP_MD_CTX_free(c);
  ERR_clear_error();
  return fits;
}

enum err pki_key_sign(struct ctx *cx, struct slice *signature, const struct pki_key *k, struct slice data) {
  size_t n = 0;
  if (!k->is_private) return FAIL(cx, E_INVALID, "cannot sign without the private key");
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  if (c == NULL) abort();
  const unsigned char *p = (const unsigned char *)data.p;
  bool ok =
      EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, k->pkey) == 1 && EVP_DigestSign(c, NULL, &n, p, data.n) == 1;
  unsigned char *made = ctx_alloc(cx, n + 1);
  ok = ok && EVP_DigestSign(c, made, &n, p, data.n) == 1;
  EVP_MD_CTX_free(c);
  if (!ok) return PKI_FAIL(cx, E_INTERNAL, "cannot sign");
  *signature = slice_mem(made, n);
  return OK;
}
