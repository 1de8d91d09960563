/* What someone hands in as a push certificate: is it one, and if not, what is it? */
#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/pushcert_int.h"
#include "lib/pki_cert.h"

#include <string.h>

#define TOPIC_PREFIX "com.apple.mgmt."
#define PORTAL "https://identity.apple.com/pushcert"

static bool has(struct slice pem, const char *text) {
  return pem.n && memmem(pem.p, pem.n, text, strlen(text)) != NULL;
}

/* What is missing, before anything is parsed: most mistakes are the wrong file. */
static enum err check_blocks(struct ctx *cx, struct slice pem, size_t certs) {
  bool key = has(pem, "PRIVATE KEY-----");
  if (!certs && has(pem, "CERTIFICATE REQUEST-----"))
    return FAIL(cx, E_INVALID,
                "this is a certificate request (CSR), not the certificate: have it signed, upload it at " PORTAL
                " and import what Apple gives back, together with the private key");
  if (!certs && key)
    return FAIL(cx, E_INVALID,
                "this is a private key without its certificate: add the certificate (.pem) downloaded from " PORTAL);
  if (!certs)
    return FAIL(cx, E_INVALID,
                "this holds no certificate in PEM form: give the certificate (.pem) downloaded from " PORTAL
                " and its private key");
  if (!key)
    return FAIL(cx, E_INVALID,
                "this is a certificate without its private key: add the key that its request (CSR) was made with");
  return OK;
}

static enum err choose_leaf(struct ctx *cx, struct pki_cert *const *certs, size_t n, const struct pki_key *key,
                            size_t *leaf) {
  for (*leaf = 0; *leaf < n; ++*leaf)
    if (pki_cert_fits(certs[*leaf], key)) return OK;
  return FAIL(cx, E_INVALID,
              "the private key belongs to another certificate than %s: give the key that its request (CSR) was "
              "made with, or renew with a request made from this key",
              pki_cert_subject(cx, certs[0]));
}

static enum err check_about(struct ctx *cx, const struct pushcert *c) {
  int64_t now = clock_now_us();
  if (strncmp(c->topic, TOPIC_PREFIX, strlen(TOPIC_PREFIX)) != 0 || !text_is_plain(slice_of(c->topic)))
    return FAIL(cx, E_INVALID,
                "this is not an MDM push certificate: its subject (%s) holds no topic that begins with " TOPIC_PREFIX
                "; get one at " PORTAL,
                c->subject);
  if (c->not_after <= now)
    return FAIL(cx, E_INVALID,
                "this push certificate expired on %s: renew it at " PORTAL " (Renew, never Create) and import "
                "the new one",
                enc_time(cx, c->not_after));
  if (c->not_before > now)
    return FAIL(cx, E_INVALID,
                "this push certificate is not valid before %s: check the clock of this server (it is %s)",
                enc_time(cx, c->not_before), enc_time(cx, now));
  return OK;
}

static struct pushcert about_of(struct ctx *cx, const struct pki_cert *c) {
  return (struct pushcert){.topic = pki_cert_uid(cx, c),
                           .serial_number = pki_cert_serial(cx, c),
                           .subject = pki_cert_subject(cx, c),
                           .issuer = pki_cert_issuer(cx, c),
                           .not_before = pki_cert_not_before(c),
                           .not_after = pki_cert_not_after(c)};
}

/* The leaf first, whatever the order was. */
static struct slice chain_pem(struct ctx *cx, struct pki_cert *const *certs, size_t n, size_t leaf) {
  struct slice first = pki_cert_pem(cx, certs[leaf]);
  struct buf b = {0};
  buf_add_slice(&b, first);
  for (size_t i = 0; i < n; i++)
    if (i != leaf) buf_add_slice(&b, pki_cert_pem(cx, certs[i]));
  struct slice all = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return all;
}

static enum err check_text(struct ctx *cx, struct pushcert_pair *out, struct slice pem) {
  static const char *const no_notes[] = {NULL};
  struct pki_cert **certs;
  struct pki_key *key;
  size_t n, leaf;
  TRY(pki_certs_parse_pem(cx, &certs, &n, pem));
  TRY(check_blocks(cx, pem, n));
  TRY(pki_key_parse(cx, &key, pem));
  TRY(choose_leaf(cx, certs, n, key, &leaf));
  *out = (struct pushcert_pair){
      .about = about_of(cx, certs[leaf]), .cert_pem = chain_pem(cx, certs, n, leaf), .notes = no_notes};
  TRY(check_about(cx, &out->about));
  memcpy(out->hash, pki_cert_sha256(certs[leaf]), sizeof out->hash);
  pki_cert_key_sha256(certs[leaf], out->public_hash);
  return pki_key_pem(cx, &out->key_pem, key);
}

static enum err check_sizes(struct ctx *cx, const struct pushcert_upload *upload) {
  if (upload->n > PUSHCERT_FILES_MOST)
    return FAIL(cx, E_TOO_LARGE, "%zu files: at most %d are looked at", upload->n, PUSHCERT_FILES_MOST);
  for (size_t i = 0; i < upload->n; i++)
    if (upload->files[i].bytes.n > PUSHCERT_FILE_MOST)
      return FAIL(cx, E_TOO_LARGE, "a push certificate with its key has at most %d bytes", PUSHCERT_FILE_MOST);
  return OK;
}

enum err pushcert_check(struct ctx *cx, struct pushcert_pair *out, const struct pushcert_upload *upload) {
  struct buf all = {0};
  TRY(check_sizes(cx, upload));
  for (size_t i = 0; i < upload->n; i++) {
    buf_add_slice(&all, upload->files[i].bytes);
    buf_add_char(&all, '\n');
  }
  struct slice text = slice_mem(secret_in(cx, ctx_memdup(cx, all.p, all.n), all.n), all.n);
  buf_wipe(&all);
  return check_text(cx, out, text);
}

enum err pushcert_check_pem(struct ctx *cx, struct pushcert_pair *out, struct slice pem) {
  struct pushcert_file file = {.bytes = pem};
  return pushcert_check(cx, out, &(struct pushcert_upload){.files = &file, .n = 1});
}
