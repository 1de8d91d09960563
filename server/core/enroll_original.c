/* Enrollment profiles of devices that another server enrolled. */
#include "core/enroll_int.h"

#include "base/enc.h"
#include "lib/pki_cms.h"

#include <string.h>

static struct pl *payload(struct pl *profile, const char *key, const char *value) {
  struct pl *all = pl_get(profile, "PayloadContent");
  for (size_t i = 0; i < pl_count(all); i++) {
    const char *its = pl_str(pl_at(all, i), key);
    if (its && strcmp(its, value) == 0) return pl_at(all, i);
  }
  return NULL;
}

/* All payloads but the one with that PayloadUUID, copied. */
static struct pl *others(struct ctx *cx, struct pl *profile, const char *uuid) {
  struct pl *all = pl_get(profile, "PayloadContent"), *rest = pl_new_array(cx);
  for (size_t i = 0; i < pl_count(all); i++) {
    const char *its = pl_str(pl_at(all, i), "PayloadUUID");
    if (!its || strcmp(its, uuid) != 0) pl_add(rest, pl_at(all, i));
  }
  return rest;
}

/* ---- reading ---- */

static enum err need(struct ctx *cx, struct pl *dict, const char *key, const char *where) {
  const char *value = pl_str(dict, key);
  return value && *value ? OK : FAIL(cx, E_INVALID, "%s has no %s", where, key);
}

static enum err check(struct ctx *cx, struct pl *profile, struct pl **mdm) {
  *mdm = payload(profile, "PayloadType", "com.apple.mdm");
  if (!*mdm) return FAIL(cx, E_INVALID, "the profile has no MDM payload: it enrolls nothing");
  TRY(need(cx, profile, "PayloadIdentifier", "the profile"));
  TRY(need(cx, profile, "PayloadUUID", "the profile"));
  TRY(need(cx, *mdm, "Topic", "the MDM payload"));
  TRY(need(cx, *mdm, "ServerURL", "the MDM payload"));
  TRY(need(cx, *mdm, "IdentityCertificateUUID", "the MDM payload"));
  return payload(profile, "PayloadUUID", pl_str(*mdm, "IdentityCertificateUUID"))
             ? OK
             : FAIL(cx, E_INVALID, "IdentityCertificateUUID names no payload of the profile");
}

static void take_string(struct js *given, struct pl *from, const char *key) {
  if (pl_str(from, key)) js_set_string(given, key, pl_str(from, key));
}

static void take_bool(struct js *given, struct pl *from, const char *key) {
  bool value = false;
  (void)pl_bool(pl_get(from, key), &value);
  js_set_bool(given, key, value);
}

static struct js *capabilities(struct ctx *cx, struct pl *list) {
  struct js *out = js_array(cx);
  struct slice one;
  for (size_t i = 0; i < pl_count(list); i++)
    if (pl_string(pl_at(list, i), &one)) js_add_string(out, ctx_memdup(cx, one.p, one.n));
  return out;
}

static const char *given_of(struct ctx *cx, const struct core_conf *conf, struct pl *profile, struct pl *mdm) {
  struct js *o = js_object(cx);
  int64_t rights;
  take_string(o, mdm, "ServerURL");
  take_string(o, mdm, "CheckInURL");
  js_set_string(o, "SCEPURL", ctx_printf(cx, "%s/scep", conf->public_url));
  take_string(o, mdm, "Topic");
  if (pl_int(pl_get(mdm, "AccessRights"), &rights)) js_set_int(o, "AccessRights", rights);
  take_bool(o, mdm, "SignMessage");
  take_bool(o, mdm, "CheckOutWhenRemoved");
  js_set(o, "ServerCapabilities", capabilities(cx, pl_get(mdm, "ServerCapabilities")));
  take_string(o, profile, "PayloadIdentifier");
  take_string(o, profile, "PayloadOrganization");
  take_string(o, profile, "PayloadUUID");
  if (pl_str(mdm, "PayloadUUID")) js_set_string(o, "MDMPayloadUUID", pl_str(mdm, "PayloadUUID"));
  js_set_string(o, "Original", pl_str(mdm, "Topic"));
  return js_text(cx, o, JS_COMPACT).p;
}

enum err enroll_original_read(struct ctx *cx, struct core *core, struct slice bytes, struct enroll_original *out) {
  struct pki_cert *signer;
  struct pl *profile, *mdm;
  if (!slice_starts(slice_trim(bytes), "<") && !slice_starts(bytes, "bplist"))
    TRY(pki_cms_content(cx, &bytes, &signer, bytes));
  TRY(pl_parse(cx, bytes, &pl_limits_checkin, &profile));
  TRY(check(cx, profile, &mdm));
  *out = (struct enroll_original){.topic = ctx_strdup(cx, pl_str(mdm, "Topic")),
                                  .server_url = ctx_strdup(cx, pl_str(mdm, "ServerURL")),
                                  .given = given_of(cx, core_conf(core), profile, mdm)};
  pl_set(profile, "PayloadContent", others(cx, profile, pl_str(mdm, "IdentityCertificateUUID")));
  if (!payload(profile, "PayloadType", "com.apple.mdm"))
    return FAIL(cx, E_INVALID, "IdentityCertificateUUID names the MDM payload itself");
  out->plist = pl_xml(cx, profile);
  return OK;
}

/* ---- rendering ---- */

enum err enroll_original_render(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct slice ours,
                                struct slice *signed_der) {
  struct slice stored;
  struct pl *profile, *template;
  TRY(enroll_original_load(cx, db, topic, &stored));
  if (!stored.p) return FAIL(cx, E_CONFLICT, "the original profile of this topic is not known any more");
  TRY(pl_parse(cx, stored, &pl_limits_checkin, &profile));
  TRY(pl_parse(cx, ours, &pl_limits_checkin, &template));
  struct pl *scep = payload(template, "PayloadType", "com.apple.security.scep");
  struct pl *mdm = payload(profile, "PayloadType", "com.apple.mdm");
  if (!scep || !mdm) return FAIL(cx, E_INTERNAL, "a profile lacks a payload");
  pl_set_string(mdm, "IdentityCertificateUUID", pl_str(scep, "PayloadUUID"));
  pl_add(pl_get(profile, "PayloadContent"), scep);
  return enroll_sign(cx, core, pl_xml(cx, profile), signed_der);
}
