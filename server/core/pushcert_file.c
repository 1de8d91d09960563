/* What someone hands in as a push certificate: the pair in it, or why there is none. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/pushcert_int.h"
#include "core/pushcert_seen.h"

#include <inttypes.h>
#include <string.h>

/* The certificate that was chosen, and its key. */
struct choice {
  struct pki_cert *leaf;
  struct pki_key *key;
};

/* As much of a digest of a public key as people compare. */
static const char *short_hash(struct ctx *cx, const uint8_t hash[32]) { return enc_hex(cx, hash, 8); }

static const char *key_name(struct ctx *cx, const struct pki_key *k) {
  uint8_t hash[32];
  pki_key_sha256(k, hash);
  return short_hash(cx, hash);
}

static const char *cert_key_name(struct ctx *cx, const struct pki_cert *c) {
  uint8_t hash[32];
  pki_cert_key_sha256(c, hash);
  return short_hash(cx, hash);
}

/* ---- the choice ---- */

/* Push certificates to the front, the newest first. */
static size_t push_certs(struct ctx *cx, struct pki_cert **out, const struct pushcert_pile *p) {
  size_t n = 0;
  for (size_t i = 0; i < p->certs_n; i++) {
    if (!pushcert_topic_of(cx, p->certs[i])) continue;
    size_t at = n++;
    for (; at > 0 && pki_cert_not_before(out[at - 1]) < pki_cert_not_before(p->certs[i]); at--) out[at] = out[at - 1];
    out[at] = p->certs[i];
  }
  return n;
}

static bool choose_given(const struct pushcert_pile *p, struct choice *out, struct pki_cert *cert) {
  for (size_t k = 0; k < p->keys_n; k++)
    if (pki_cert_fits(cert, p->keys[k])) {
      *out = (struct choice){cert, p->keys[k]};
      return true;
    }
  return false;
}

/* E_NOT_FOUND: none fits. */
static enum err choose_kept(struct ctx *cx, struct pushcert_pile *p, struct choice *out, struct pki_cert *cert) {
  struct pushcert_kept_key kept;
  uint8_t hash[32];
  pki_cert_key_sha256(cert, hash);
  TRY(pushcert_kept(cx, p->upload, hash, &kept));
  if (p->keys_n) pushcert_note(p, "The private key that came along is another certificate's; it was left alone.");
  pushcert_note(p, ctx_printf(cx, "Its private key is %s.", kept.what));
  *out = (struct choice){cert, kept.key};
  return OK;
}

/* Whose is the key that does not fit? */
static const char *origin(struct ctx *cx, const struct pushcert_pile *p) {
  struct pushcert_kept_key kept;
  uint8_t hash[32];
  pki_key_sha256(p->keys[0], hash);
  bool known = pushcert_kept(cx, p->upload, hash, &kept) == OK;
  ctx_clear_error(cx);
  return known ? ctx_printf(cx, "; it is %s", kept.what) : "";
}

static enum err fail_foreign_key(struct ctx *cx, const struct pushcert_pile *p, const struct pki_cert *c) {
  return FAIL(cx, E_INVALID,
              "the private key (its public key's SHA-256 begins with %s%s) belongs to another certificate than %s "
              "(%s): give the key that its request (CSR) was made with, or renew with a request made from this key",
              key_name(cx, p->keys[0]), origin(cx, p), pki_cert_subject(cx, c), cert_key_name(cx, c));
}

static bool all_pkcs12(const struct pushcert_pile *p) {
  for (size_t i = 0; i < p->upload->n; i++)
    if (!p->seen[i].in.pkcs12) return false;
  return p->upload->n > 0;
}

static enum err fail_without_key(struct ctx *cx, const struct pushcert_pile *p, const struct pki_cert *c) {
  int64_t waiting = 0;
  if (p->keys_n) return fail_foreign_key(cx, p, c);
  if (p->upload->db) TRY(pushcert_keys_waiting(cx, p->upload->db, &waiting));
  const char *mine =
      waiting == 0   ? ""
      : waiting == 1 ? "; the key made here that waits for its certificate is another one"
                     : ctx_printf(cx, "; none of the %" PRId64 " keys made here that wait for theirs fits", waiting);
  return FAIL(
      cx, E_INVALID,
      "this is a certificate without its private key (its public key's SHA-256 begins with %s): add the key that "
      "its request (CSR) was made with%s%s",
      cert_key_name(cx, c),
      all_pkcs12(p) ? "; a PKCS #12 holds both when certificate and key are exported together (in Keychain "
                      "Access: open the triangle and select both)"
                    : "",
      mine);
}

/* The newest that has its key. */
static enum err choose(struct ctx *cx, struct pushcert_pile *p, struct choice *out) {
  struct pki_cert *certs[PUSHCERT_CERTS_MOST];
  size_t n = push_certs(cx, certs, p);
  if (n == 0) return pushcert_fail_named(cx, p);
  for (size_t i = 0; i < n; i++) {
    if (choose_given(p, out, certs[i])) return OK;
    enum err e = choose_kept(cx, p, out, certs[i]);
    if (e != E_NOT_FOUND) return e;
    ctx_clear_error(cx);
  }
  return fail_without_key(cx, p, certs[0]);
}

/* ---- dates, chain, issuer ---- */

static enum err check_dates(struct ctx *cx, const struct pushcert *c) {
  int64_t now = clock_now_us();
  if (c->not_after <= now)
    return FAIL(cx, E_INVALID,
                "this push certificate expired on %s: renew it at " PUSHCERT_PORTAL " (Renew, never Create) and import "
                "the new one",
                enc_time(cx, c->not_after));
  if (c->not_before > now)
    return FAIL(cx, E_INVALID,
                "this push certificate is not valid before %s: check the clock of this server (it is %s)",
                enc_time(cx, c->not_before), enc_time(cx, now));
  return OK;
}

static bool in_order(const struct pushcert_pile *p, struct pki_cert *const *chain, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p->certs[i] != chain[i]) return false;
  return true;
}

static void note_chain(struct ctx *cx, struct pushcert_pile *p, struct pki_cert *const *chain, size_t n) {
  const char *issuer = pki_cert_issuer(cx, chain[0]);
  if (p->certs_n > 1 && n == 1)
    pushcert_note(
        p, ctx_printf(
               cx, "The other certificates that came along are not its chain (its issuer is %s); they were left out.",
               issuer));
  else if (n < p->certs_n)
    pushcert_note(p, "Certificates that came along and are not part of its chain were left out.");
  else if (!in_order(p, chain, n))
    pushcert_note(p, "The chain was in another order; it was put right.");
  if (!strstr(issuer, "O=Apple Inc."))
    pushcert_note(
        p,
        ctx_printf(cx, "It was not issued by Apple but by %s: fine for a lab, but Apple's push service will refuse it.",
                   issuer));
}

static struct pushcert about_of(struct ctx *cx, const struct pki_cert *c) {
  return (struct pushcert){.topic = pki_cert_uid(cx, c),
                           .serial_number = pki_cert_serial(cx, c),
                           .subject = pki_cert_subject(cx, c),
                           .issuer = pki_cert_issuer(cx, c),
                           .not_before = pki_cert_not_before(c),
                           .not_after = pki_cert_not_after(c)};
}

/* ---- all of it ---- */

enum err pushcert_check(struct ctx *cx, struct pushcert_pair *out, const struct pushcert_upload *upload) {
  struct pushcert_pile *p;
  struct pki_cert *chain[PUSHCERT_CHAIN_MOST];
  struct choice c = {0};
  TRY(pushcert_pile(cx, &p, upload));
  TRY(choose(cx, p, &c));
  if (!pki_key_works(cx, c.key))
    return FAIL(cx, E_INVALID,
                "the private key is damaged (what it signs does not fit its public key, which is that of the "
                "certificate), or it is larger than any of Apple's: take it from where it was made, or a backup");
  *out = (struct pushcert_pair){.about = about_of(cx, c.leaf), .notes = p->notes};
  TRY(check_dates(cx, &out->about));
  size_t n = pushcert_chain(p, c.leaf, chain);
  note_chain(cx, p, chain, n);
  out->cert_pem = pushcert_chain_pem(cx, chain, n);
  memcpy(out->hash, pki_cert_sha256(c.leaf), sizeof out->hash);
  pki_cert_key_sha256(c.leaf, out->public_hash);
  return pki_key_pem(cx, &out->key_pem, c.key);
}

enum err pushcert_check_pem(struct ctx *cx, struct pushcert_pair *out, struct slice pem) {
  struct pushcert_file file = {.bytes = pem};
  return pushcert_check(cx, out, &(struct pushcert_upload){.files = &file, .n = 1});
}
