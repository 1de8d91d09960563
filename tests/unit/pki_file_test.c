/* Files of keys and certificates: every form is read, locks are told apart, and no file can make it slow. */
#include "base/enc.h"
#include "lib/pki_file.h"
#include "pki_world.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#define SECRET "pass phrase"

/* ---- making ---- */

static struct slice taken(struct ctx *cx, unsigned char *p, int n) {
  assert_true(n > 0);
  struct slice s = slice_mem(ctx_memdup(cx, p, (size_t)n), (size_t)n);
  OPENSSL_free(p);
  return s;
}

static EVP_PKEY *pkey_of(struct ctx *cx, const struct pki_key *k) {
  struct slice pem;
  assert_int_equal(pki_key_pem(cx, &pem, k), OK);
  BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
  EVP_PKEY *pkey = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
  BIO_free(b);
  assert_non_null(pkey);
  return pkey;
}

static X509 *x509_of(const struct pki_cert *c) {
  const unsigned char *p = (const unsigned char *)pki_cert_der(c).p;
  return d2i_X509(NULL, &p, (long)pki_cert_der(c).n);
}

struct p12 {
  const char *passphrase;
  int key_cipher, cert_cipher, rounds, mac_rounds;
  bool no_key, no_cert;
};

static struct slice pkcs12(struct ctx *cx, struct p12 o) {
  EVP_PKEY *key = o.no_key ? NULL : pkey_of(cx, ec);
  X509 *cert = o.no_cert ? NULL : x509_of(leaf);
  PKCS12 *p12 =
      PKCS12_create(o.passphrase, "name", key, cert, NULL, o.key_cipher, o.cert_cipher, o.rounds, o.mac_rounds, 0);
  unsigned char *der = NULL;
  assert_non_null(p12);
  int n = i2d_PKCS12(p12, &der);
  PKCS12_free(p12);
  EVP_PKEY_free(key);
  X509_free(cert);
  return taken(cx, der, n);
}

/* A key in PEM under SECRET, in PKCS #8, or the old way. */
static struct slice locked_pem(struct ctx *cx, const struct pki_key *k, bool old) {
  EVP_PKEY *key = pkey_of(cx, k);
  BIO *b = BIO_new(BIO_s_mem());
  char *p;
  int ok =
      old ? PEM_write_bio_PrivateKey_traditional(b, key, EVP_aes_128_cbc(), NULL, 0, NULL, (void *)(uintptr_t)SECRET)
          : PEM_write_bio_PKCS8PrivateKey(b, key, EVP_aes_256_cbc(), NULL, 0, NULL, (void *)(uintptr_t)SECRET);
  assert_int_equal(ok, 1);
  long n = BIO_get_mem_data(b, &p);
  struct slice s = slice_mem(ctx_memdup(cx, p, (size_t)n), (size_t)n);
  BIO_free(b);
  EVP_PKEY_free(key);
  return s;
}

/* ---- reading ---- */

static enum err see(struct ctx *cx, struct pki_file *f, struct slice bytes, const char *passphrase) {
  struct pki_opener o = {.passphrase = passphrase, .work = PKI_WORK_MOST};
  struct slice own = exact(bytes, bytes.n);
  enum err e = pki_file_read(cx, f, own, &o);
  drop(own);
  assert_true(o.work >= 0);
  return e;
}

static void holds(struct ctx *cx, struct slice bytes, const char *passphrase, size_t certs, size_t keys) {
  struct pki_file f;
  if (see(cx, &f, bytes, passphrase) != OK) fail_msg("%s", ctx_error_text(cx));
  assert_int_equal(f.lock, PKI_OPEN);
  assert_int_equal(f.certs_n, certs);
  assert_int_equal(f.keys_n, keys);
  if (certs) assert_true(slice_eq(pki_cert_der(f.certs[0]), pki_cert_der(leaf)));
  if (keys) assert_true(pki_cert_fits(leaf, f.keys[0]));
}

static void is_locked(struct ctx *cx, struct slice bytes, const char *passphrase, enum pki_lock lock) {
  struct pki_file f;
  if (see(cx, &f, bytes, passphrase) != OK) fail_msg("%s", ctx_error_text(cx));
  assert_int_equal(f.lock, lock);
  assert_int_equal(f.keys_n, 0);
}

static struct slice join(struct ctx *cx, struct slice a, const char *between, struct slice b) {
  return slice_of(ctx_printf(cx, "%.*s%s%.*s", (int)a.n, a.p, between, (int)b.n, b.p));
}

static struct slice windows(struct ctx *cx, struct slice s) {
  struct buf b = {0};
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] == '\n') buf_add_char(&b, '\r');
    buf_add_char(&b, s.p[i]);
  }
  struct slice copy = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return copy;
}

/* Goal: certificates and keys are found in PEM and DER, with any line ends, glued together, with text around them. */
static void plain_forms(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct slice key, cert = pki_cert_pem(cx, leaf);
  assert_int_equal(pki_key_pem(cx, &key, ec), OK);
  holds(cx, cert, NULL, 1, 0);
  holds(cx, pki_cert_der(leaf), NULL, 1, 0);
  holds(cx, join(cx, cert, "", key), NULL, 1, 1);
  holds(cx, windows(cx, join(cx, key, "subject=/CN=x\n", cert)), NULL, 1, 1);
  EVP_PKEY *pkey = pkey_of(cx, ec);
  unsigned char *der = NULL, *public = NULL;
  int der_n = i2d_PrivateKey(pkey, &der), public_n = i2d_PUBKEY(pkey, &public);
  holds(cx, taken(cx, der, der_n), NULL, 0, 1);
  struct slice public_der = taken(cx, public, public_n);
  EVP_PKEY_free(pkey);
  struct pki_file f;
  assert_int_equal(see(cx, &f, public_der, NULL), OK);
  assert_true(f.public_key && !f.keys_n);
  assert_int_equal(see(cx, &f, slice_of("hello"), NULL), OK);
  assert_int_equal(see(cx, &f, slice_of(""), NULL), OK);
  assert_int_equal(f.certs_n + f.keys_n, 0);
  ctx_free(cx);
}

/* Goal: a request, a public key and keys of other programs are told apart. */
static void others_are_told_apart(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct pki_file f;
  struct slice csr;
  assert_int_equal(pki_csr_new(cx, &csr, ec, "x", NULL), OK);
  assert_int_equal(see(cx, &f, csr, NULL), OK);
  assert_true(slice_eq(f.csr, csr));
  const char *pem = ctx_printf(cx, "-----BEGIN NEW CERTIFICATE REQUEST-----\n%s\n-----END NEW CERTIFICATE REQUEST-----",
                               enc_base64(cx, csr.p, csr.n));
  assert_int_equal(see(cx, &f, slice_of(pem), NULL), OK);
  assert_true(slice_eq(f.csr, csr));
  assert_int_equal(
      see(cx, &f, slice_of("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"), NULL), OK);
  assert_true(f.foreign_key);
  ctx_free(cx);
}

/* Goal: what is cut off or damaged is an error that says so, never a silent loss. */
static void damage_is_named(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct pki_file f;
  struct slice cert = pki_cert_pem(cx, leaf);
  says(cx, see(cx, &f, slice_mem(cert.p, cert.n / 2), NULL), E_INVALID, "cut off");
  says(cx, see(cx, &f, slice_of("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"), NULL), E_INVALID,
       "damaged");
  says(cx, see(cx, &f, slice_of("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"), NULL), E_INVALID,
       "damaged");
  char *much = memset(ctx_alloc(cx, PKI_FILE_MOST + 1), '0', PKI_FILE_MOST + 1);
  says(cx, see(cx, &f, slice_mem(much, PKI_FILE_MOST + 1), NULL), E_TOO_LARGE, "larger");
  struct slice der = pki_cert_der(leaf), p12 = pkcs12(cx, (struct p12){.passphrase = SECRET});
  for (size_t n = 0; n < der.n; n += 7) (void)see(cx, &f, slice_mem(der.p, n), NULL), ctx_clear_error(cx);
  for (size_t n = 0; n < p12.n; n += 31) (void)see(cx, &f, slice_mem(p12.p, n), SECRET), ctx_clear_error(cx);
  ctx_free(cx);
}

/* Goal: keys under a passphrase open with it, and say what is missing without, in both forms of PEM and in DER. */
static void locked_keys(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  for (int old = 0; old < 2; old++) {
    struct slice pem = locked_pem(cx, ec, old);
    holds(cx, pem, SECRET, 0, 1);
    holds(cx, windows(cx, pem), SECRET, 0, 1);
    holds(cx, join(cx, pki_cert_pem(cx, leaf), "", pem), SECRET, 1, 1);
    is_locked(cx, pem, NULL, PKI_LOCKED);
    is_locked(cx, pem, "another", PKI_LOCK_WRONG);
    is_locked(cx, pem, "", PKI_LOCK_WRONG);
  }
  struct slice der, pem = locked_pem(cx, ec, false);
  size_t head = strlen("-----BEGIN ENCRYPTED PRIVATE KEY-----"), tail = strlen("-----END ENCRYPTED PRIVATE KEY-----\n");
  assert_int_equal(dec_base64(cx, slice_mem(pem.p + head, pem.n - head - tail), &der), OK);
  holds(cx, der, SECRET, 0, 1);
  is_locked(cx, der, NULL, PKI_LOCKED);
  ctx_free(cx);
}

/* Goal: PKCS #12 opens as today's, yesterday's and unprotected programs write it; a missing part is no error. */
static void pkcs12_opens(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  const int triple = NID_pbe_WithSHA1And3_Key_TripleDES_CBC;
  holds(cx, pkcs12(cx, (struct p12){.passphrase = SECRET}), SECRET, 1, 1);
  holds(cx, pkcs12(cx, (struct p12){.passphrase = SECRET, .key_cipher = triple, .cert_cipher = triple}), SECRET, 1, 1);
  holds(cx, pkcs12(cx, (struct p12){.passphrase = ""}), NULL, 1, 1);
  holds(cx, pkcs12(cx, (struct p12){.passphrase = NULL}), NULL, 1, 1);
  holds(cx, pkcs12(cx, (struct p12){.passphrase = NULL, .key_cipher = -1, .cert_cipher = -1, .mac_rounds = -1}), NULL,
        1, 1);
  holds(cx, pkcs12(cx, (struct p12){.passphrase = "\xc3\xa4\xe2\x82\xac"}), "\xc3\xa4\xe2\x82\xac", 1, 1);
  holds(cx, pkcs12(cx, (struct p12){.passphrase = SECRET, .no_key = true}), SECRET, 1, 0);
  holds(cx, pkcs12(cx, (struct p12){.passphrase = SECRET, .no_cert = true}), SECRET, 0, 1);
  ctx_free(cx);
}

/* Goal: a PKCS #12 says whether a passphrase is missing or wrong, also without a MAC. */
static void pkcs12_is_locked(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  for (int mac = -1; mac < 1; mac++) {
    struct slice p12 = pkcs12(cx, (struct p12){.passphrase = SECRET, .mac_rounds = mac});
    is_locked(cx, p12, NULL, PKI_LOCKED);
    is_locked(cx, p12, "another", PKI_LOCK_WRONG);
  }
  ctx_free(cx);
}

/* Every place where it stands. */
static size_t replace(struct slice s, const char *what, const char *with, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i + n <= s.n; i++)
    if (memcmp(s.p + i, what, n) == 0) memcpy((char *)(uintptr_t)s.p + i, with, n), count++;
  return count;
}

/* Goal: a file that asks for more rounds than are done is refused before the first: of its MAC, its contents, its key.
 */
static void rounds_are_bounded(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct pki_file f;
  const int triple = NID_pbe_WithSHA1And3_Key_TripleDES_CBC, ciphers[] = {0, triple};
  for (size_t i = 0; i < 2; i++)
    for (int mac = -1; mac < 2; mac += 2) {
      struct p12 o = {SECRET, ciphers[i], ciphers[i], 0x10203, mac < 0 ? -1 : 0x10203, false, false};
      struct slice p12 = pkcs12(cx, o);
      assert_true(replace(p12, "\x02\x03\x01\x02\x03", "\x02\x03\x7f\xff\xff", 5) >= 1);
      is_locked(cx, p12, SECRET, PKI_LOCK_SLOW);
    }
  struct slice p12 = pkcs12(cx, (struct p12){.passphrase = SECRET});
  struct pki_opener spent = {.passphrase = SECRET, .work = 2000};
  assert_int_equal(pki_file_read(cx, &f, p12, &spent), OK);
  assert_int_equal(f.lock, PKI_LOCK_SLOW);
  assert_true(spent.work >= 0);
  ctx_free(cx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_forms),        cmocka_unit_test(others_are_told_apart), cmocka_unit_test(damage_is_named),
      cmocka_unit_test(locked_keys),        cmocka_unit_test(pkcs12_opens),          cmocka_unit_test(pkcs12_is_locked),
      cmocka_unit_test(rounds_are_bounded),
  };
  return cmocka_run_group_tests(tests, make_world, end_world);
}
