/* Opening of what a passphrase locks: PKCS #12 (RFC 7292), PKCS #8 (RFC 5958), old keys in PEM (RFC 1421).

   The file says how many rounds of key derivation it wants, so that is read before any is done. What is old, RC2 and
   single DES, is known only to a library context of its own: nothing else in the process gets it. */
#include "lib/pki_file_int.h"

#include "base/secret.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BAGS_DEEP = 4, NAME_MOST = 80 };

/* ---- OpenSSL with its old algorithms ---- */

/* Kept until the process ends: keys and threads remember a context that they were used with, and its provider is a
   module that must not go before them. */
static OSSL_LIB_CTX *old_library;

static void make_old_library(void) {
  old_library = OSSL_LIB_CTX_new();
  if (!old_library || !OSSL_PROVIDER_load(old_library, "default")) abort();
  if (!OSSL_PROVIDER_load(old_library, "legacy")) ERR_clear_error(); /* not installed */
}

OSSL_LIB_CTX *pki_old_library(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_old_library);
  return old_library;
}

/* ---- what an algorithm costs ---- */

struct cost {
  int64_t rounds; /* of about a third of a microsecond */
  int cipher;     /* NID; NID_undef: not known */
};

static bool positive(const ASN1_INTEGER *n, int64_t most, int64_t *out) {
  return n && ASN1_INTEGER_get_int64(out, n) == 1 && *out > 0 && *out <= most;
}

static int64_t rounds_of(const ASN1_INTEGER *n) {
  int64_t rounds;
  return positive(n, INT64_MAX, &rounds) ? rounds : INT64_MAX;
}

static int64_t scrypt_rounds(const X509_ALGOR *kdf) {
  SCRYPT_PARAMS *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), kdf->parameter);
  int64_t n, r, lanes, rounds = INT64_MAX;
  if (p && positive(p->costParameter, PKI_WORK_MOST, &n) && positive(p->blockSize, 1024, &r) &&
      positive(p->parallelizationParameter, 1024, &lanes))
    rounds = n * r * lanes;
  SCRYPT_PARAMS_free(p);
  return rounds;
}

static int64_t kdf_rounds(const X509_ALGOR *kdf) {
  if (OBJ_obj2nid(kdf->algorithm) == NID_id_scrypt) return scrypt_rounds(kdf);
  if (OBJ_obj2nid(kdf->algorithm) != NID_id_pbkdf2) return 0;
  PBKDF2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), kdf->parameter);
  int64_t rounds = p ? rounds_of(p->iter) : INT64_MAX;
  PBKDF2PARAM_free(p);
  return rounds;
}

static struct cost cost_pbes2(const X509_ALGOR *a) {
  PBE2PARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), a->parameter);
  struct cost c = {.cipher = NID_undef};
  if (p && (c.rounds = kdf_rounds(p->keyfunc)) > 0) c.cipher = OBJ_obj2nid(p->encryption->algorithm);
  PBE2PARAM_free(p);
  return c;
}

static struct cost cost_of(const X509_ALGOR *a) {
  struct cost c = {.cipher = NID_undef};
  int nid = OBJ_obj2nid(a->algorithm);
  if (nid == NID_pbes2) return cost_pbes2(a);
  if (EVP_PBE_find(EVP_PBE_TYPE_OUTER, nid, &c.cipher, NULL, NULL) != 1) return c;
  PBEPARAM *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), a->parameter);
  c.rounds = p ? rounds_of(p->iter) : INT64_MAX;
  PBEPARAM_free(p);
  return c;
}

/* ---- locks ---- */

/* True when nothing holds; else the lock is noted. */
static bool lock(struct pki_reader *r, enum pki_lock kind, const char *detail) {
  r->out->lock = kind;
  r->out->lock_detail = detail;
  return false;
}

static bool pay(struct pki_reader *r, int64_t rounds) {
  if (rounds > r->opener->work) {
    const char *text = rounds == INT64_MAX ? "countless" : ctx_printf(r->cx, "%lld", (long long)rounds);
    return lock(r, PKI_LOCK_SLOW, text);
  }
  r->opener->work -= rounds;
  return true;
}

static bool has_cipher(struct pki_reader *r, int nid) {
  EVP_CIPHER *c = nid != NID_undef ? EVP_CIPHER_fetch(r->old, OBJ_nid2sn(nid), NULL) : NULL;
  EVP_CIPHER_free(c);
  ERR_clear_error();
  return c != NULL;
}

static const char *name_of(struct pki_reader *r, const X509_ALGOR *a, int cipher) {
  char oid[NAME_MOST];
  if (cipher != NID_undef) return OBJ_nid2sn(cipher);
  OBJ_obj2txt(oid, sizeof oid, a->algorithm, 0);
  return ctx_strdup(r->cx, oid);
}

static bool affordable(struct pki_reader *r, const X509_ALGOR *a) {
  struct cost c = cost_of(a);
  if (!has_cipher(r, c.cipher)) return lock(r, PKI_LOCK_FOREIGN, name_of(r, a, c.cipher));
  return pay(r, c.rounds);
}

static bool no_key_opens(struct pki_reader *r) {
  ERR_clear_error();
  return lock(r, r->opener->passphrase ? PKI_LOCK_WRONG : PKI_LOCKED, NULL);
}

/* ---- PKCS #8 ---- */

static void release_pkcs8(void *p8) { PKCS8_PRIV_KEY_INFO_free(p8); }

static enum err unlock_pkcs8(struct pki_reader *r, const X509_SIG *sig, const char *passphrase) {
  const X509_ALGOR *a;
  X509_SIG_get0(sig, &a, NULL);
  if (!affordable(r, a)) return OK;
  PKCS8_PRIV_KEY_INFO *p8 = PKCS8_decrypt_ex(sig, passphrase, passphrase ? (int)strlen(passphrase) : 0, r->old, NULL);
  if (!p8) return no_key_opens(r), OK;
  ctx_defer(r->cx, release_pkcs8, p8);
  return pki_reader_add_pkcs8(r, p8);
}

enum err pki_unlock_pkcs8(struct pki_reader *r, const X509_SIG *sig) {
  if (!r->opener->passphrase) return lock(r, PKI_LOCKED, NULL), OK;
  if (!r->old) r->old = pki_old_library();
  return unlock_pkcs8(r, sig, r->opener->passphrase);
}

/* ---- PKCS #12 ---- */

struct pkcs12 {
  struct pki_reader *r;
  PKCS12 *p12;
  const char *passphrase; /* that its MAC was made with; NULL and "" are two */
};

static void release_pkcs12(void *p12) { PKCS12_free(p12); }

/* Read again within the library that knows the old algorithms: the parts inherit it. */
static PKCS12 *parse(struct pki_reader *r, struct slice der) {
  const unsigned char *p = (const unsigned char *)der.p;
  PKCS12 *p12 = PKCS12_init_ex(NID_pkcs7_data, r->old, NULL);
  if (!p12) abort();
  return d2i_PKCS12(&p12, &p, (long)der.n);
}

static bool mac_fits(struct pkcs12 *f, const char *passphrase, int64_t rounds) {
  if (!pay(f->r, rounds)) return false;
  f->passphrase = passphrase;
  bool fits = PKCS12_verify_mac(f->p12, passphrase, passphrase ? (int)strlen(passphrase) : 0) == 1;
  ERR_clear_error();
  return fits;
}

/* Without a passphrase there are two of no letters: programs disagree which one it is. */
static bool find_passphrase(struct pkcs12 *f) {
  const char *given = f->r->opener->passphrase;
  const ASN1_INTEGER *iterations;
  const X509_ALGOR *digest;
  f->passphrase = given;
  if (PKCS12_mac_present(f->p12) != 1) return true;
  PKCS12_get0_mac(NULL, &digest, NULL, &iterations, f->p12);
  /* RFC 9579 puts another derivation there, with a count of its own. */
  if (!EVP_get_digestbyobj(digest->algorithm)) return lock(f->r, PKI_LOCK_FOREIGN, name_of(f->r, digest, NID_undef));
  int64_t rounds = iterations ? rounds_of(iterations) : 1;
  if (given && *given ? mac_fits(f, given, rounds) : mac_fits(f, NULL, rounds) || mac_fits(f, "", rounds)) return true;
  return f->r->out->lock == PKI_OPEN ? no_key_opens(f->r) : false;
}

static enum err take_bags(struct pkcs12 *f, const STACK_OF(PKCS12_SAFEBAG) * bags, int deep);

static enum err take_cert(struct pkcs12 *f, const PKCS12_SAFEBAG *bag) {
  X509 *x = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate ? PKCS12_SAFEBAG_get1_cert(bag) : NULL;
  unsigned char *der = NULL;
  int n = x ? i2d_X509(x, &der) : 0;
  X509_free(x);
  return n > 0 ? pki_reader_add_cert(f->r, pki_take(f->r->cx, der, (size_t)n)) : OK;
}

static enum err take_bag(struct pkcs12 *f, const PKCS12_SAFEBAG *bag, int deep) {
  switch (PKCS12_SAFEBAG_get_nid(bag)) {
  case NID_keyBag:
    return pki_reader_add_pkcs8(f->r, PKCS12_SAFEBAG_get0_p8inf(bag));
  case NID_pkcs8ShroudedKeyBag:
    return unlock_pkcs8(f->r, PKCS12_SAFEBAG_get0_pkcs8(bag), f->passphrase);
  case NID_certBag:
    return take_cert(f, bag);
  case NID_safeContentsBag:
    return take_bags(f, PKCS12_SAFEBAG_get0_safes(bag), deep + 1);
  default:
    return OK; /* lists of revoked certificates, other secrets */
  }
}

static enum err take_bags(struct pkcs12 *f, const STACK_OF(PKCS12_SAFEBAG) * bags, int deep) {
  if (deep > BAGS_DEEP) return FAIL(f->r->cx, E_INVALID, "a PKCS #12 that is nested too deeply");
  for (int i = 0; f->r->out->lock == PKI_OPEN && i < sk_PKCS12_SAFEBAG_num(bags); i++)
    TRY(take_bag(f, sk_PKCS12_SAFEBAG_value(bags, i), deep));
  return OK;
}

/* NULL: nothing in it, or it did not open. */
static STACK_OF(PKCS12_SAFEBAG) * open_safe(struct pkcs12 *f, PKCS7 *safe) {
  if (PKCS7_type_is_data(safe)) return safe->d.data ? PKCS12_unpack_p7data(safe) : NULL;
  if (!PKCS7_type_is_encrypted(safe) || !safe->d.encrypted) return NULL;
  const PKCS7_ENC_CONTENT *locked = safe->d.encrypted->enc_data;
  if (!locked || !locked->enc_data || !affordable(f->r, locked->algorithm)) return NULL;
  const char *p = f->passphrase;
  STACK_OF(PKCS12_SAFEBAG) *bags = PKCS12_unpack_p7encdata(safe, p, p ? (int)strlen(p) : 0);
  if (!bags) no_key_opens(f->r);
  return bags;
}

static void release_bags(void *bags) { sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free); }
static void release_safes(void *safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }

static enum err take_safes(struct pkcs12 *f) {
  STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(f->p12);
  if (!safes) return PKI_FAIL(f->r->cx, E_INVALID, "a PKCS #12 that is damaged");
  ctx_defer(f->r->cx, release_safes, safes);
  for (int i = 0; f->r->out->lock == PKI_OPEN && i < sk_PKCS7_num(safes); i++) {
    STACK_OF(PKCS12_SAFEBAG) *bags = open_safe(f, sk_PKCS7_value(safes, i));
    if (!bags) continue;
    ctx_defer(f->r->cx, release_bags, bags);
    TRY(take_bags(f, bags, 0));
  }
  return OK;
}

enum err pki_unlock_pkcs12(struct pki_reader *r, struct slice der) {
  if (!r->old) r->old = pki_old_library();
  struct pkcs12 f = {.r = r, .p12 = parse(r, der)};
  r->out->pkcs12 = true;
  if (!f.p12) return PKI_FAIL(r->cx, E_INVALID, "a PKCS #12 that is damaged");
  ctx_defer(r->cx, release_pkcs12, f.p12);
  return find_passphrase(&f) ? take_safes(&f) : OK;
}

/* ---- old keys in PEM ---- */

static int tell_passphrase(char *to, int room, int writing, void *passphrase) {
  size_t n = strlen(passphrase);
  (void)writing;
  if (n > (size_t)room) return -1;
  memcpy(to, passphrase, n);
  return (int)n;
}

/* Their key is derived in one round. */
static enum err unlock_block(struct pki_reader *r, char *header, unsigned char *data, long n) {
  EVP_CIPHER_INFO cipher = {0};
  if (PEM_get_EVP_CIPHER_INFO(header, &cipher) != 1 || !cipher.cipher)
    return PKI_FAIL(r->cx, E_INVALID, "a private key is damaged");
  EVP_CIPHER *usable = EVP_CIPHER_fetch(NULL, EVP_CIPHER_get0_name(cipher.cipher), NULL);
  EVP_CIPHER_free(usable);
  ERR_clear_error();
  if (!usable) return lock(r, PKI_LOCK_FOREIGN, EVP_CIPHER_get0_name(cipher.cipher)), OK;
  if (PEM_do_header(&cipher, data, &n, tell_passphrase, (void *)(uintptr_t)r->opener->passphrase) != 1)
    return no_key_opens(r), OK;
  /* One wrong passphrase in 256 seems to fit. */
  if (pki_reader_add_key(r, slice_mem(data, (size_t)n)) == OK) return OK;
  ctx_clear_error(r->cx);
  return no_key_opens(r), OK;
}

enum err pki_unlock_pem(struct pki_reader *r, const struct pki_pem *b) {
  char *name = NULL, *header = NULL;
  unsigned char *data = NULL;
  long n = 0;
  if (!r->opener->passphrase) return lock(r, PKI_LOCKED, NULL), OK;
  char *text = ctx_printf(r->cx, "-----BEGIN %.*s-----%.*s-----END %.*s-----\n", (int)b->label.n, b->label.p,
                          (int)b->body.n, b->body.p, (int)b->label.n, b->label.p);
  BIO *bio = BIO_new_mem_buf(text, -1);
  if (!bio) abort();
  bool read = PEM_read_bio(bio, &name, &header, &data, &n) == 1;
  enum err e = read ? unlock_block(r, header, data, n) : PKI_FAIL(r->cx, E_INVALID, "a private key is damaged");
  if (read) OPENSSL_clear_free(data, (size_t)n);
  OPENSSL_free(name);
  OPENSSL_free(header);
  BIO_free(bio);
  return e;
}
