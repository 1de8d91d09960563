/* Configuration profiles on a simulated device. Of each are kept what ProfileList tells of it, and its payloads that
   change what the device tells of itself. */
#include "app/lab_task.h"
#include "lib/pki_cert.h"

#include <string.h>

/* Payloads that a device's answers depend on. */
static const char *const minded[] = {
    LAB_PASSCODE_PAYLOAD,          "com.apple.MCX.FileVault2",    "com.apple.security.FDERecoveryKeyEscrow",
    "com.apple.security.firewall", "com.apple.applicationaccess", "com.apple.security.root",
    "com.apple.security.pkcs1",    "com.apple.security.pem",      NULL};

/* ---- what is kept of a profile ---- */
static void copy_members(struct pl *to, struct pl *from, const char *const *keys) {
  for (; *keys; keys++)
    if (pl_get(from, *keys)) pl_set(to, *keys, pl_get(from, *keys));
}

/* And the UUID. */
static const char *const told_of_payload[] = {"PayloadType",
                                              "PayloadVersion",
                                              "PayloadIdentifier",
                                              "PayloadDisplayName",
                                              "PayloadDescription",
                                              "PayloadOrganization",
                                              NULL};

struct pl *lab_profile_entry(struct ctx *cx, struct pl *profile, const struct pki_cert *signer) {
  static const char *const told[] = {
      "PayloadUUID",         "PayloadIdentifier",  "PayloadVersion",           "PayloadDisplayName",
      "PayloadOrganization", "PayloadDescription", "PayloadRemovalDisallowed", NULL};
  struct pl *entry = pl_new_dict(cx), *payloads = pl_new_array(cx), *content = pl_get(profile, "PayloadContent"),
            *signers = pl_new_array(cx);
  copy_members(entry, profile, told);
  for (size_t i = 0; i < pl_count(content); i++) {
    struct pl *one = pl_new_dict(cx);
    copy_members(one, pl_at(content, i), told_of_payload);
    if (pl_get(pl_at(content, i), "PayloadUUID")) pl_set(one, "PayloadUUID", pl_get(pl_at(content, i), "PayloadUUID"));
    pl_add(payloads, one);
  }
  if (!pl_get(entry, "PayloadVersion")) pl_set_int(entry, "PayloadVersion", 1);
  pl_set_bool(entry, "HasRemovalPasscode", pl_get(profile, "HasRemovalPasscode") != NULL);
  pl_set_bool(entry, "IsEncrypted", pl_get(profile, "EncryptedPayloadContent") != NULL);
  pl_set(entry, "PayloadContent", payloads);
  if (signer) {
    pl_add_data(signers, pki_cert_der(signer));
    pl_set(entry, "SignerCertificates", signers);
  }
  return entry;
}

static struct pl *payload_of_uuid(struct pl *content, const char *uuid) {
  for (size_t i = 0; uuid && i < pl_count(content); i++) {
    const char *its = pl_str(pl_at(content, i), "PayloadUUID");
    if (its && strcmp(its, uuid) == 0) return pl_at(content, i);
  }
  return NULL;
}

/* The escrow payload only names its certificate: what it will be needed for it gets here. */
static bool resolve_escrow(struct pl *payload, struct pl *content) {
  struct slice certificate;
  struct pl *named = payload_of_uuid(content, pl_str(payload, "EncryptCertPayloadUUID"));
  if (!pl_data(pl_get(named, "PayloadContent"), &certificate)) return false;
  pl_set_data(payload, LAB_ESCROW_CERTIFICATE, certificate);
  return true;
}

static bool is_minded(const char *type) {
  for (const char *const *m = minded; type && *m; m++)
    if (strcmp(type, *m) == 0) return true;
  return false;
}

/* *whole is false when a payload needs one that is not there. NULL: it holds nothing that matters here. */
static struct pl *minded_payloads(struct ctx *cx, struct pl *profile, bool *whole) {
  struct pl *content = pl_get(profile, "PayloadContent"), *list = NULL;
  *whole = true;
  for (size_t i = 0; i < pl_count(content); i++) {
    struct pl *payload = pl_at(content, i);
    const char *type = pl_str(payload, "PayloadType");
    if (!is_minded(type)) continue;
    if (strcmp(type, "com.apple.security.FDERecoveryKeyEscrow") == 0 && !resolve_escrow(payload, content))
      *whole = false;
    if (!list) list = pl_new_array(cx);
    pl_add(list, payload);
  }
  return list;
}

/* ---- what is in force ---- */
static void each_payload(struct ctx *cx, const struct lab_channel *c, const char *type,
                         void (*each)(const char *profile, struct pl *payload, void *arg), void *arg) {
  for (const struct lab_thing *t = lab_first(c, LAB_PAYLOAD); t; t = lab_next(t)) {
    struct pl *list = lab_read(cx, t);
    for (size_t i = 0; i < pl_count(list); i++) {
      const char *its = pl_str(pl_at(list, i), "PayloadType");
      if (its && slice_starts(slice_of(its), type)) each(t->name, pl_at(list, i), arg);
    }
  }
}

static void take_first(const char *profile, struct pl *payload, void *arg) {
  struct pl **found = arg;
  (void)profile;
  if (!*found) *found = payload;
}

struct pl *lab_payload_in_force(struct ctx *cx, const struct lab_channel *c, const char *type) {
  struct pl *found = NULL;
  each_payload(cx, c, type, take_first, &found);
  return found;
}

/* ---- installing ---- */

/* The enrollment profile is the device's, not a user's. */
static bool is_enrollment(const struct lab_task *t, const char *identifier) {
  return t->channel == t->device->channels && strcmp(identifier, t->device->profile.identifier) == 0;
}

static void renew(struct lab_task *t, struct slice profile) {
  if (lab_renew(t->cx, t->device, profile) == OK) return;
  lab_refuse_saying(t, LAB_INSTALL_FAILED, ctx_error_text(t->cx));
  ctx_clear_error(t->cx);
}

static void install(struct lab_task *t, struct pl *profile, const struct pki_cert *signer) {
  const char *identifier = pl_str(profile, "PayloadIdentifier");
  bool whole;
  struct pl *payloads = minded_payloads(t->cx, profile, &whole), *entry = lab_profile_entry(t->cx, profile, signer);
  if (!whole) {
    lab_refuse_saying(t, LAB_INSTALL_FAILED, "EncryptCertPayloadUUID names no certificate of this profile.");
    return;
  }
  if (t->device->platform->os != MAC) pl_set_bool(entry, "IsManaged", true);
  lab_keep(t->cx, t->channel, LAB_PROFILE, identifier, entry);
  if (payloads)
    lab_keep(t->cx, t->channel, LAB_PAYLOAD, identifier, payloads);
  else
    (void)lab_drop(t->channel, LAB_PAYLOAD, identifier); /* of the one whose place it takes */
  lab_obey_passcode(t->cx, t->channel);
  lab_obey_filevault(t->cx, t->channel);
}

void lab_install_profile(struct lab_task *t) {
  struct slice payload = {0};
  struct pl *profile = NULL;
  struct pki_cert *signer = NULL;
  (void)pl_data(pl_get(t->command, "Payload"), &payload);
  if (lab_profile_open(t->cx, &profile, &signer, payload) != OK || !pl_str(profile, "PayloadIdentifier") ||
      !pl_str(profile, "PayloadUUID")) {
    ctx_clear_error(t->cx);
    lab_refuse(t, LAB_PROFILE_MALFORMED);
  } else if (is_enrollment(t, pl_str(profile, "PayloadIdentifier"))) {
    renew(t, payload);
  } else {
    install(t, profile, signer);
  }
}

bool lab_take_profile(struct lab_channel *c, const char *identifier) {
  (void)lab_drop(c, LAB_PAYLOAD, identifier);
  return lab_drop(c, LAB_PROFILE, identifier);
}

void lab_remove_profile(struct lab_task *t) {
  const char *identifier = pl_str(t->command, "Identifier");
  if (is_enrollment(t, identifier))
    t->out->effect = LAB_UNENROLLS;
  else if (!lab_take_profile(t->channel, identifier))
    lab_refuse(t, LAB_PROFILE_NOT_INSTALLED);
}

/* ---- lists ---- */
static struct pl *enrollment_entry(struct lab_task *t) {
  struct pl *entry;
  struct slice kept = t->device->profile.entry;
  if (!kept.n || pl_parse(t->cx, kept, &pl_limits_report, &entry) != OK) {
    ctx_clear_error(t->cx);
    entry = pl_new_dict(t->cx);
    pl_set_string(entry, "PayloadIdentifier", t->device->profile.identifier);
    pl_set_string(entry, "PayloadUUID", t->device->profile.uuid);
  }
  if (t->device->platform->os != MAC) pl_set_bool(entry, "IsManaged", true);
  return entry;
}

/* Of its payloads the UUIDs are told since iOS 17. */
static struct pl *as_told(struct lab_task *t, struct pl *entry) {
  struct pl *content = pl_get(entry, "PayloadContent"), *payloads = pl_new_array(t->cx);
  if (lab_generation(t->device) >= 17) return entry;
  for (size_t i = 0; i < pl_count(content); i++) {
    struct pl *one = pl_new_dict(t->cx);
    copy_members(one, pl_at(content, i), told_of_payload);
    pl_add(payloads, one);
  }
  pl_set(entry, "PayloadContent", payloads);
  return entry;
}

void lab_profile_list(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx);
  if (t->channel == t->device->channels) pl_add(list, as_told(t, enrollment_entry(t)));
  for (const struct lab_thing *p = lab_first(t->channel, LAB_PROFILE); p; p = lab_next(p))
    pl_add(list, as_told(t, lab_read(t->cx, p)));
  pl_set(t->report, "ProfileList", list);
}

static void add_certificate(struct ctx *cx, struct pl *list, const struct pki_cert *cert, bool is_identity) {
  struct pl *c = pl_new_dict(cx);
  pl_set_string(c, "CommonName", pki_cert_cn(cx, cert));
  pl_set_bool(c, "IsIdentity", is_identity);
  pl_set_data(c, "Data", pki_cert_der(cert));
  pl_add(list, c);
}

struct certificates {
  struct ctx *cx;
  struct pl *list;
};

/* In DER, or as PEM. */
static void add_of_payload(const char *profile, struct pl *payload, void *arg) {
  struct certificates *to = arg;
  struct slice content;
  struct pki_cert *one, **all;
  size_t n = 0;
  (void)profile;
  if (!pl_data(pl_get(payload, "PayloadContent"), &content)) return;
  if (pki_cert_parse(to->cx, &one, content) == OK)
    add_certificate(to->cx, to->list, one, false);
  else if (pki_certs_parse_pem(to->cx, &all, &n, content) == OK)
    for (size_t i = 0; i < n; i++) add_certificate(to->cx, to->list, all[i], false);
  ctx_clear_error(to->cx);
}

void lab_certificate_list(struct lab_task *t) {
  struct certificates to = {t->cx, pl_new_array(t->cx)};
  if (t->device->identity && t->channel == t->device->channels)
    add_certificate(t->cx, to.list, t->device->identity, true);
  each_payload(t->cx, t->channel, "com.apple.security.root", add_of_payload, &to);
  each_payload(t->cx, t->channel, "com.apple.security.pkcs1", add_of_payload, &to);
  each_payload(t->cx, t->channel, "com.apple.security.pem", add_of_payload, &to);
  pl_set(t->report, "CertificateList", to.list);
}

/* ---- restrictions ---- */
struct restrictions {
  struct ctx *cx;
  struct pl *kinds[3]; /* restrictedBool, restrictedValue, union */
  struct pl *by_profile;
};
static const char *const kind_names[] = {"restrictedBool", "restrictedValue", "union"};

static void add_restriction(const char *key, struct pl *value, void *arg) {
  struct restrictions *r = arg;
  enum pl_type type = pl_type(value);
  int kind = type == PL_BOOL ? 0 : type == PL_INT ? 1 : type == PL_ARRAY ? 2 : -1;
  if (kind < 0 || slice_starts(slice_of(key), "Payload")) return;
  struct pl *one = pl_new_dict(r->cx);
  pl_set(one, kind == 2 ? "values" : "value", value);
  pl_set(r->kinds[kind], key, one);
}

static struct pl *dict_of_kinds(struct restrictions *r) {
  struct pl *dict = pl_new_dict(r->cx);
  for (int i = 0; i < 3; i++) pl_set(dict, kind_names[i], r->kinds[i]);
  return dict;
}

static struct restrictions fresh(struct ctx *cx) {
  return (struct restrictions){cx, {pl_new_dict(cx), pl_new_dict(cx), pl_new_dict(cx)}, NULL};
}

static void add_payload(const char *profile, struct pl *payload, void *arg) {
  struct restrictions *all = arg, own = fresh(all->cx);
  pl_each(payload, add_restriction, all);
  pl_each(payload, add_restriction, &own);
  pl_set(all->by_profile, profile, dict_of_kinds(&own));
}

/* Those of several profiles are not weighed: the last one tells. */
void lab_restrictions(struct lab_task *t) {
  struct restrictions all = fresh(t->cx);
  bool by_profile = false;
  all.by_profile = pl_new_dict(t->cx);
  each_payload(t->cx, t->channel, "com.apple.applicationaccess", add_payload, &all);
  pl_set(t->report, "GlobalRestrictions", dict_of_kinds(&all));
  if (pl_bool(pl_get(t->command, "ProfileRestrictions"), &by_profile) && by_profile)
    pl_set(t->report, "ProfileRestrictions", all.by_profile);
}

/* ---- provisioning profiles ---- */
void lab_install_provisioning_profile(struct lab_task *t) {
  struct slice bytes = {0};
  struct pl *profile = NULL, *entry = pl_new_dict(t->cx);
  struct pki_cert *signer;
  (void)pl_data(pl_get(t->command, "ProvisioningProfile"), &bytes);
  if (lab_profile_open(t->cx, &profile, &signer, bytes) != OK || !pl_str(profile, "UUID") || !pl_str(profile, "Name")) {
    ctx_clear_error(t->cx);
    lab_refuse_saying(t, LAB_PROFILE_MALFORMED, "The provisioning profile is malformed.");
    return;
  }
  pl_set_string(entry, "Name", pl_str(profile, "Name"));
  pl_set_string(entry, "UUID", pl_str(profile, "UUID"));
  if (pl_type(pl_get(profile, "ExpirationDate")) == PL_DATE)
    pl_set(entry, "ExpiryDate", pl_get(profile, "ExpirationDate"));
  lab_keep(t->cx, t->channel, LAB_PROVISIONING, pl_str(profile, "UUID"), entry);
}

void lab_remove_provisioning_profile(struct lab_task *t) {
  if (!lab_drop(t->channel, LAB_PROVISIONING, pl_str(t->command, "UUID")))
    lab_refuse_saying(t, LAB_PROFILE_NOT_INSTALLED, "The provisioning profile is not installed.");
}

void lab_provisioning_profile_list(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx);
  for (const struct lab_thing *p = lab_first(t->channel, LAB_PROVISIONING); p; p = lab_next(p))
    pl_add(list, lab_read(t->cx, p));
  pl_set(t->report, "ProvisioningProfileList", list);
}
