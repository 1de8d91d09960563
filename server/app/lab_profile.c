/* How a device reads its enrollment profile. */
#include "app/lab_device.h"
#include "lib/pki_cms.h"

#include <string.h>

static struct pl *payload(struct pl *profile, const char *type) {
  struct pl *content = pl_get(profile, "PayloadContent");
  for (size_t i = 0; i < pl_count(content); i++) {
    const char *its = pl_str(pl_at(content, i), "PayloadType");
    if (its && strcmp(its, type) == 0) return pl_at(content, i);
  }
  return NULL;
}

static enum err need(struct ctx *cx, char **out, struct pl *dict, const char *key) {
  const char *value = pl_str(dict, key);
  if (!value || !*value) return FAIL(cx, E_INVALID, "the enrollment profile lacks %s", key);
  *out = ctx_strdup(cx, value);
  return OK;
}

static bool flag(struct pl *dict, const char *key) {
  bool value = false;
  return pl_bool(pl_get(dict, key), &value) && value;
}

/* Subject is an array of RDNs, each an array of [type, value]. */
static char *subject_cn(struct ctx *cx, struct pl *subject) {
  for (size_t i = 0; i < pl_count(subject); i++) {
    struct pl *pair = pl_at(pl_at(subject, i), 0);
    struct slice type, value;
    if (pl_string(pl_at(pair, 0), &type) && pl_string(pl_at(pair, 1), &value) && slice_is(type, "CN"))
      return ctx_memdup(cx, value.p, value.n);
  }
  return ctx_strdup(cx, "MDM Identity");
}

static enum err read_scep(struct ctx *cx, struct lab_profile *out, struct pl *p) {
  struct pl *content = pl_get(p, "PayloadContent");
  struct slice fingerprint;
  if (!p) return FAIL(cx, E_INVALID, "the enrollment profile has no SCEP payload");
  TRY(need(cx, &out->scep_url, content, "URL"));
  out->scep_name = ctx_strdup(cx, pl_str(content, "Name") ? pl_str(content, "Name") : "");
  out->challenge = ctx_strdup(cx, pl_str(content, "Challenge"));
  out->subject_cn = subject_cn(cx, pl_get(content, "Subject"));
  if (pl_data(pl_get(content, "CAFingerprint"), &fingerprint))
    out->ca_fingerprint = slice_mem(ctx_memdup(cx, fingerprint.p, fingerprint.n), fingerprint.n);
  return OK;
}

static enum err read_mdm(struct ctx *cx, struct lab_profile *out, struct pl *p, struct pl *scep) {
  char *identity;
  const char *checkin = pl_str(p, "CheckInURL"), *scep_uuid = pl_str(scep, "PayloadUUID");
  if (!p) return FAIL(cx, E_INVALID, "the profile has no MDM payload: it enrolls nothing");
  TRY(need(cx, &identity, p, "IdentityCertificateUUID"));
  if (!scep_uuid || strcmp(identity, scep_uuid) != 0)
    return FAIL(cx, E_INVALID, "IdentityCertificateUUID does not name the SCEP payload");
  TRY(need(cx, &out->server_url, p, "ServerURL"));
  TRY(need(cx, &out->topic, p, "Topic"));
  out->checkin_url = checkin ? ctx_strdup(cx, checkin) : out->server_url;
  (void)pl_int(pl_get(p, "AccessRights"), &out->rights);
  out->sign_message = flag(p, "SignMessage");
  out->check_out = flag(p, "CheckOutWhenRemoved");
  return OK;
}

static enum err read_root(struct ctx *cx, struct lab_profile *out, struct pl *p) {
  struct slice der;
  struct pki_cert *cert;
  if (!p) return OK;
  if (!pl_data(pl_get(p, "PayloadContent"), &der)) return FAIL(cx, E_INVALID, "the root payload holds no certificate");
  TRY(pki_cert_parse(cx, &cert, der));
  out->root_pem = pki_cert_pem(cx, cert);
  return OK;
}

enum err lab_profile_open(struct ctx *cx, struct pl **root, struct pki_cert **signer, struct slice bytes) {
  *signer = NULL;
  if (!slice_starts(slice_trim(bytes), "<")) TRY(pki_cms_content(cx, &bytes, signer, bytes));
  return pl_parse(cx, bytes, &pl_limits_checkin, root);
}

enum err lab_profile_read(struct ctx *cx, struct lab_profile *out, struct slice bytes) {
  struct pl *root;
  struct pki_cert *signer;
  *out = (struct lab_profile){0};
  TRY(lab_profile_open(cx, &root, &signer, bytes));
  struct pl *scep = payload(root, "com.apple.security.scep");
  TRY(need(cx, &out->identifier, root, "PayloadIdentifier"));
  TRY(need(cx, &out->uuid, root, "PayloadUUID"));
  out->entry = pl_xml(cx, lab_profile_entry(cx, root, signer));
  TRY(read_scep(cx, out, scep));
  TRY(read_mdm(cx, out, payload(root, "com.apple.mdm"), scep));
  return read_root(cx, out, payload(root, "com.apple.security.root"));
}
