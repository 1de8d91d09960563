#include "core/pushcert_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/event.h"
#include "core/vault.h"
#include "lib/pki_cert.h"

#include <inttypes.h>
#include <string.h>

#define TOPIC_PREFIX "com.apple.mgmt."
#define PORTAL "https://identity.apple.com/pushcert"
enum { PAIR_MAX = 256 * 1024 };

static bool has(struct slice pem, const char *text) {
  return pem.n && memmem(pem.p, pem.n, text, strlen(text)) != NULL;
}

/* What is missing, before anything is parsed: most mistakes are the wrong file. */
static enum err check_blocks(struct ctx *cx, struct slice pem, size_t certs) {
  bool key = has(pem, "PRIVATE KEY-----");
  if (pem.n > PAIR_MAX) return FAIL(cx, E_TOO_LARGE, "a push certificate with its key has at most %d bytes", PAIR_MAX);
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

enum err pushcert_check(struct ctx *cx, struct pushcert_pair *out, struct slice pem) {
  struct pki_cert **certs = NULL;
  struct pki_key *key;
  size_t n = 0, leaf;
  if (pem.n <= PAIR_MAX) TRY(pki_certs_parse_pem(cx, &certs, &n, pem));
  TRY(check_blocks(cx, pem, n));
  TRY(pki_key_parse(cx, &key, pem));
  TRY(choose_leaf(cx, certs, n, key, &leaf));
  *out = (struct pushcert_pair){.about = about_of(cx, certs[leaf]), .cert_pem = chain_pem(cx, certs, n, leaf)};
  TRY(check_about(cx, &out->about));
  memcpy(out->hash, pki_cert_sha256(certs[leaf]), sizeof out->hash);
  return pki_key_pem(cx, &out->key_pem, key);
}

static enum err check_topic(struct ctx *cx, struct db *db, const char *topic) {
  int64_t here, elsewhere;
  char *other;
  TRY(pushcert_listeners(cx, db, topic, &here, &elsewhere, &other));
  if (here > 0 || elsewhere == 0) return OK;
  return FAIL(cx, E_CONFLICT,
              "this certificate is for the topic %s, but the %" PRId64 " enrolled devices listen on %s and could "
              "not be woken with it: renew that certificate (Renew, never Create, with the same Apple Account), "
              "or allow the new topic for devices that enroll from now on",
              topic, elsewhere, other);
}

static const char *sealed_about(struct ctx *cx, struct slice hash) {
  return ctx_printf(cx, "pushcert.key_sealed %s", enc_hex(cx, hash.p, hash.n));
}

static enum err tell(struct ctx *cx, struct db *db, const struct pushcert *c, const char *by) {
  struct js *data = js_object(cx);
  js_set_string(data, "topic", c->topic);
  js_set_string(data, "serial_number", c->serial_number);
  js_set_time(data, "not_after", c->not_after);
  js_set_string(data, "by", by);
  return event_add(cx, db, "pushcert.imported", NULL, data);
}

enum err pushcert_store(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_pair *pair,
                        const char *by, bool new_topic) {
  bool known;
  struct slice sealed;
  int64_t now = clock_now_us();
  TRY(pushcert_has(cx, db, pair->hash, &known));
  if (known) return OK;
  if (!new_topic) TRY(check_topic(cx, db, pair->about.topic));
  TRY(vault_seal(cx, core->vault, sealed_about(cx, slice_mem(pair->hash, sizeof pair->hash)), pair->key_pem, &sealed));
  TRY(pushcert_supersede(cx, db, pair->about.topic, now));
  TRY(pushcert_insert(cx, db, pair, sealed, by, now));
  return tell(cx, db, &pair->about, by);
}

enum err pushcert_open(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct slice *cert_pem,
                       struct slice *key_pem, int64_t *not_after) {
  struct slice sealed, hash;
  TRY(pushcert_row(cx, db, topic, cert_pem, &sealed, &hash, not_after));
  if (vault_unseal(cx, core->vault, sealed_about(cx, hash), sealed, key_pem) == OK) return OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_INVALID,
              "the key of the push certificate for %s does not open with this server's secret key: put the secret "
              "key back that it was stored under, or import certificate and key again",
              topic);
}

const char *pushcert_state(const struct pushcert *c, int64_t now) {
  if (c->superseded_at) return "superseded";
  if (c->not_after <= now) return "expired";
  return c->not_after - now <= 30 * US_DAY ? "expiring" : "ok";
}
