/* Payloads that name another one by its PayloadUUID, and the certificates that are named. */
#include "core/payload_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "lib/pki_file.h"

#include <string.h>
#include <strings.h>

/* ---- references ---- */

/* Types that may be named, and whether the device has a private key by them. */
static const struct {
  const char *type;
  bool identity;
} certificates[] = {{"com.apple.security.root", false},        {"com.apple.security.pkcs1", false},
                    {"com.apple.security.pem", false},         {"com.apple.security.pkcs12", true},
                    {"com.apple.security.scep", true},         {"com.apple.security.acme", true},
                    {"com.apple.ADCertificate.managed", true}, {"com.apple.security.wapi-identity", true}};

/* Keys that name a payload end so. */
static bool names_payload(const char *key) {
  static const char *const ends[] = {"CertificateUUID", "CertPayloadUUID", "CertificateAnchorUUID"};
  for (size_t i = 0; key && i < sizeof ends / sizeof *ends; i++)
    if (slice_ends(slice_of(key), ends[i]) || strcasecmp(key, ends[i]) == 0) return true;
  return false;
}

/* Of these a certificate will do. */
static bool is_public(const char *key, const char *type) {
  return strcmp(key, "EncryptCertPayloadUUID") == 0 || strstr(key, "Anchor") || strstr(key, "Encryption") ||
         strcmp(type, "com.apple.security.certificatepreference") == 0 || strcmp(type, "com.apple.MCX.FileVault2") == 0;
}

static const struct payload_node *payload_by_uuid(const struct payload_run *r, struct slice uuid) {
  for (size_t i = 0; i < r->payloads_n; i++)
    if (r->uuids[i].n == uuid.n && strncasecmp(r->uuids[i].p, uuid.p, uuid.n) == 0) return r->payloads[i];
  return NULL;
}

static void check_ref(struct payload_run *r, const struct payload_node *n, const char *key,
                      const struct payload_node *from) {
  struct slice uuid = {0};
  if (!pl_string(n->pl, &uuid) || payload_has_variable(uuid)) return;
  if (!uuid_valid(uuid)) {
    if (payload_room(r, SAY_FORMAT_UUID)) SAY_AT(r, FORMAT_UUID, n, payload_shown(r->cx, uuid), NULL);
    return;
  }
  const struct payload_node *to = payload_by_uuid(r, uuid);
  struct slice type = payload_string(to, "PayloadType"), own = payload_string(from, "PayloadType");
  size_t i = 0, known = sizeof certificates / sizeof *certificates;
  while (i < known && !slice_is(type, certificates[i].type)) i++;
  const char *line = payload_number(r->cx, to ? to->line : 0);
  if (!to)
    SAY_AT(r, REF_UNKNOWN, n, payload_shown(r->cx, uuid), NULL);
  else if (to == from)
    SAY_AT(r, REF_SELF, n, NULL);
  else if (i == known)
    SAY_AT(r, REF_KIND, n, line, payload_shown(r->cx, type), NULL);
  else if (!certificates[i].identity && !is_public(key, own.p ? own.p : ""))
    SAY_AT(r, REF_IDENTITY, n, line, NULL);
}

static void find_refs(struct payload_run *r, const struct payload_node *n, const struct payload_node *from) {
  bool names = names_payload(n->key);
  if (names && payload_type_of(n) == PL_STRING) check_ref(r, n, n->key, from);
  for (const struct payload_node *below = n->first; below; below = below->next) {
    if (names && payload_type_of(n) == PL_ARRAY && payload_type_of(below) == PL_STRING)
      check_ref(r, below, n->key, from);
    else
      find_refs(r, below, from);
  }
}

/* ---- certificates ---- */

static void check_cert(struct payload_run *r, const struct payload_node *n, const struct pki_file *file, bool is_root) {
  const struct pki_cert *cert = file->certs[0];
  const char *subject = payload_shown(r->cx, slice_of(pki_cert_subject(r->cx, cert)));
  if (file->keys_n || file->foreign_key) SAY_AT(r, CERT_KEY, n, NULL);
  if (file->certs_n > 1) SAY_AT(r, CERT_MANY, n, payload_number(r->cx, (int64_t)file->certs_n), NULL);
  if (pki_cert_not_after(cert) < clock_now_us())
    SAY_AT(r, CERT_ENDED, n, subject, enc_time(r->cx, pki_cert_not_after(cert)), NULL);
  if (is_root && !pki_cert_is_ca(cert)) SAY_AT(r, CERT_NO_CA, n, subject, NULL);
}

static void check_identity(struct payload_run *r, const struct payload_node *n, const struct pki_file *file,
                           bool has_password) {
  if (file->lock == PKI_LOCKED || (file->lock == PKI_LOCK_WRONG && !has_password))
    SAY_AT(r, P12_LOCKED, n, NULL);
  else if (file->lock == PKI_LOCK_WRONG)
    SAY_AT(r, P12_PASSWORD, n, NULL);
  else if (!file->pkcs12)
    SAY_AT(r, P12_UNREADABLE, n, "it is something else", NULL);
  else if (file->lock == PKI_OPEN && file->keys_n == 0)
    SAY_AT(r, P12_NO_KEY, n, NULL);
}

/* What opens all of a profile's files costs no more than one hostile one may. */
static void check_file(struct payload_run *r, const struct payload_node *payload, struct slice type, int64_t *work) {
  const struct payload_node *n = payload_member(payload, "PayloadContent");
  bool identity = slice_is(type, "com.apple.security.pkcs12");
  struct slice bytes = {0}, password = payload_string(payload, "Password");
  if (!n || !pl_data(n->pl, &bytes)) return;
  struct pki_opener opener = {.passphrase = identity ? password.p : NULL, .work = *work};
  if (payload_has_variable(password)) return;
  struct pki_file *file = ctx_alloc(r->cx, sizeof *file);
  enum err e = pki_file_read(r->cx, file, bytes, &opener);
  const char *why = e == OK ? "it is something else" : ctx_strdup(r->cx, ctx_error_text(r->cx));
  ctx_clear_error(r->cx);
  *work = opener.work;
  if (identity && e == OK)
    check_identity(r, n, file, password.p != NULL);
  else if (identity)
    SAY_AT(r, P12_UNREADABLE, n, why, NULL);
  else if (e != OK || file->certs_n == 0)
    SAY_AT(r, CERT_UNREADABLE, n, why, NULL);
  else
    check_cert(r, n, file, slice_is(type, "com.apple.security.root"));
}

void payload_check_refs(struct payload_run *r) {
  static const char *const with_file[] = {"com.apple.security.root", "com.apple.security.pkcs1",
                                          "com.apple.security.pem", "com.apple.security.pkcs12"};
  int64_t work = PKI_WORK_MOST;
  r->uuids = ctx_alloc(r->cx, (r->payloads_n + 1) * sizeof *r->uuids);
  for (size_t i = 0; i < r->payloads_n; i++) r->uuids[i] = payload_string(r->payloads[i], "PayloadUUID");
  for (size_t i = 0; i < r->payloads_n; i++) {
    struct slice type = payload_string(r->payloads[i], "PayloadType");
    find_refs(r, r->payloads[i], r->payloads[i]);
    for (size_t f = 0; f < sizeof with_file / sizeof *with_file; f++)
      if (slice_is(type, with_file[f])) check_file(r, r->payloads[i], type, &work);
  }
}
