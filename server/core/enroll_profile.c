#include "core/enroll_int.h"

#include "base/clock.h"
#include "base/embedded.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/keyring.h"
#include "core/pushcert.h"
#include "lib/pki_cms.h"

#include <string.h>

enum { CHALLENGE_MINUTES = 60, ACCESS_RIGHTS = 8191 };

/* ---- the session ---- */

static const char *uuid(struct ctx *cx) {
  char *u = ctx_alloc(cx, UUID_LEN + 1);
  uuid_new(u);
  return u;
}

static const char *const capabilities[] = {"com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken",
                                           "com.apple.mdm.token"};

static struct js *words(struct ctx *cx, const char *const *all, size_t n) {
  struct js *list = js_array(cx);
  for (size_t i = 0; i < n; i++) js_add_string(list, all[i]);
  return list;
}

/* All that the profile burns in but for the SCEP payload, so that it can be rendered again. */
static const char *given_text(struct ctx *cx, const struct core *core, const char *topic) {
  const struct core_conf *conf = core_conf(core);
  const char *root = enc_hex(cx, pki_cert_sha256(keyring_tls_ca(core->keyring)), SHA256_LEN);
  struct js *o = js_object(cx);
  js_set_string(o, "ServerURL", ctx_printf(cx, "%s/mdm", conf->public_url));
  js_set_string(o, "CheckInURL", ctx_printf(cx, "%s/mdm", conf->public_url));
  js_set_string(o, "SCEPURL", ctx_printf(cx, "%s/scep", conf->public_url));
  js_set_string(o, "Topic", topic);
  js_set_int(o, "AccessRights", ACCESS_RIGHTS);
  js_set_bool(o, "SignMessage", conf->sign_message);
  js_set_bool(o, "CheckOutWhenRemoved", true);
  js_set(o, "ServerCapabilities", words(cx, capabilities, sizeof capabilities / sizeof *capabilities));
  js_set_string(o, "PayloadIdentifier", ctx_printf(cx, "pomona.%s.enrollment", keyring_server_id(core->keyring)));
  js_set_string(o, "PayloadOrganization", conf->organization);
  js_set_string(o, "PayloadUUID", uuid(cx));
  js_set_string(o, "RootPayloadUUID", uuid(cx));
  js_set_string(o, "MDMPayloadUUID", uuid(cx));
  js_set_bool(o, "OwnRoot", conf->own_tls);
  js_set(o, "Roots", words(cx, &root, conf->own_tls ? 1 : 0));
  js_set_string(o, "Signer", enc_hex(cx, pki_cert_sha256(keyring_signing(core->keyring)), SHA256_LEN));
  return js_text(cx, o, JS_COMPACT).p;
}

static enum err use_link(struct ctx *cx, struct db *db, const char *token, struct enroll_link_row *link) {
  uint8_t hash[SHA256_LEN];
  pki_sha256(hash, slice_of(token));
  TRY(enroll_link_load(cx, db, hash, link));
  TRY(enroll_link_usable(cx, link, clock_now_us()));
  return enroll_link_downloaded(cx, db, link->seq);
}

/* ---- the profile ---- */

struct hole { /* {{name}} in a template */
  const char *name, *value;
};

static void add_xml(struct buf *b, const char *s) {
  for (; *s; s++) {
    if (*s == '<')
      buf_add_str(b, "&lt;");
    else if (*s == '>')
      buf_add_str(b, "&gt;");
    else if (*s == '&')
      buf_add_str(b, "&amp;");
    else
      buf_add_char(b, *s);
  }
}

static const char *find_hole(const struct hole *holes, struct slice name) {
  for (; holes->name; holes++)
    if (slice_is(name, holes->name)) return holes->value;
  return NULL;
}

/* {{name}} is replaced by its escaped value; the text from {{#name}} to {{/name}} stands only when name has a value. */
static enum err fill(struct ctx *cx, struct buf *b, struct slice t, const struct hole *holes) {
  while (t.n) {
    const char *open = memmem(t.p, t.n, "{{", 2);
    if (!open) {
      buf_add_slice(b, t);
      return OK;
    }
    buf_add(b, t.p, (size_t)(open - t.p));
    t = slice_mem(open + 2, t.n - (size_t)(open + 2 - t.p));
    const char *close = memmem(t.p, t.n, "}}", 2);
    if (!close) return FAIL(cx, E_INTERNAL, "a template has an open {{");
    struct slice name = slice_mem(t.p, (size_t)(close - t.p));
    t = slice_mem(close + 2, t.n - (size_t)(close + 2 - t.p));
    if (slice_starts(name, "/")) continue;
    if (slice_starts(name, "#")) {
      char *end = ctx_printf(cx, "{{/%.*s}}", (int)name.n - 1, name.p + 1);
      const char *at = memmem(t.p, t.n, end, strlen(end));
      if (!at) return FAIL(cx, E_INTERNAL, "a template lacks %s", end);
      if (!find_hole(holes, slice_mem(name.p + 1, name.n - 1))) t = slice_mem(at, t.n - (size_t)(at - t.p));
      continue;
    }
    const char *value = find_hole(holes, name);
    if (!value) return FAIL(cx, E_INTERNAL, "a template asks for %.*s", (int)name.n, name.p);
    add_xml(b, value);
  }
  return OK;
}

static enum err render_xml(struct ctx *cx, const char *template, const struct hole *holes, struct buf *xml) {
  const struct embedded *t = embedded_profiles;
  while (t->name && strcmp(t->name, template) != 0) t++;
  if (!t->name) return FAIL(cx, E_INTERNAL, "there is no template %s", template);
  return fill(cx, xml, slice_mem(t->text, t->n), holes);
}

enum err enroll_sign(struct ctx *cx, struct core *core, struct slice xml, struct slice *signed_der) {
  return pki_cms_sign(cx, signed_der, xml, keyring_signing(core->keyring), keyring_signing_key(core->keyring), NULL, 0);
}

static enum err render(struct ctx *cx, struct core *core, const char *template, const struct hole *holes,
                       struct slice *signed_der) {
  struct buf xml = {0};
  enum err e = render_xml(cx, template, holes, &xml);
  if (e == OK) e = enroll_sign(cx, core, buf_slice(&xml), signed_der);
  buf_wipe(&xml);
  return e;
}

static const char *root_base64(struct ctx *cx, const struct core *core) {
  struct slice der = pki_cert_der(keyring_tls_ca(core->keyring));
  return enc_base64(cx, der.p, der.n);
}

/* CAFingerprint is the SHA-1 of the CA's certificate (Apple, SCEP payload). */
static const char *ca_fingerprint(struct ctx *cx, const struct core *core) {
  uint8_t sha1[20];
  pki_sha1(sha1, pki_cert_der(keyring_device_ca(core->keyring)));
  return enc_base64(cx, sha1, sizeof sha1);
}

/* The root that it was given; NULL: none. It must stay in the profile: with it the device trusts this server. */
static enum err given_root(struct ctx *cx, const struct core *core, struct js *given, const char **root) {
  const char *ours = enc_hex(cx, pki_cert_sha256(keyring_tls_ca(core->keyring)), SHA256_LEN);
  struct js *roots = js_get(given, "Roots");
  bool own = false;
  (void)js_bool(js_get(given, "OwnRoot"), &own);
  *root = own ? root_base64(cx, core) : NULL;
  for (size_t i = 0; i < js_count(roots); i++)
    if (!js_string(js_at(roots, i)) || strcmp(js_string(js_at(roots, i)), ours) != 0)
      return FAIL(cx, E_CONFLICT, "the root certificate that it was given is not known here");
  return OK;
}

static const char *given_flag(struct js *given, const char *key, bool absent) {
  (void)js_bool(js_get(given, key), &absent);
  return absent ? "yes" : NULL;
}

static const char *given_word(struct js *given, const char *key, const char *absent) {
  return js_str(given, key) ? js_str(given, key) : absent;
}

static const char *given_capability(struct js *given, const char *name) {
  struct js *list = js_get(given, "ServerCapabilities");
  for (size_t i = 0; i < js_count(list); i++)
    if (js_string(js_at(list, i)) && strcmp(js_string(js_at(list, i)), name) == 0) return name;
  return list ? NULL : name;
}

/* The identifiers of the payloads begin as that of the profile. */
static const char *without(struct ctx *cx, const char *text, const char *end) {
  struct slice s = slice_of(text);
  return slice_ends(s, end) ? ctx_memdup(cx, s.p, s.n - strlen(end)) : text;
}

const char *enroll_scep_url(struct ctx *cx, struct js *given) {
  const char *url = js_str(given, "SCEPURL"), *server_url = js_str(given, "ServerURL");
  if (url || !server_url) return url;
  return ctx_printf(cx, "%s/scep", without(cx, server_url, "/mdm"));
}

static enum err check_given(struct ctx *cx, struct js *given) {
  static const char *const needed[] = {"ServerURL", "Topic", "PayloadIdentifier"};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
    if (!js_str(given, needed[i])) return FAIL(cx, E_CONFLICT, "what it was given is not known: %s", needed[i]);
  return OK;
}

enum err enroll_given_xml(struct ctx *cx, struct core *core, struct js *given, const char *challenge, struct buf *xml) {
  const char *server_url = js_str(given, "ServerURL"), *topic = js_str(given, "Topic"), *root;
  const char *identifier = js_str(given, "PayloadIdentifier");
  int64_t rights;
  TRY(check_given(cx, given));
  TRY(given_root(cx, core, given, &root));
  const char *base = without(cx, server_url, "/mdm");
  const struct hole holes[] = {
      {"organization", given_word(given, "PayloadOrganization", core_conf(core)->organization)},
      {"identifier", without(cx, identifier, ".enrollment")},
      {"public_url", base},
      {"scep_url", enroll_scep_url(cx, given)},
      {"server_url", server_url},
      {"checkin_url", given_word(given, "CheckInURL", server_url)},
      {"topic", topic},
      {"challenge", challenge},
      {"access_rights",
       js_int(js_get(given, "AccessRights"), &rights) ? ctx_printf(cx, "%lld", (long long)rights) : NULL},
      {"sign_message", given_flag(given, "SignMessage", false)},
      {"check_out", given_flag(given, "CheckOutWhenRemoved", true)},
      {"users", given_capability(given, capabilities[0])},
      {"bootstraptoken", given_capability(given, capabilities[1])},
      {"token", given_capability(given, capabilities[2])},
      {"root", root},
      {"ca_fingerprint", ca_fingerprint(cx, core)},
      {"uuid_profile", given_word(given, "PayloadUUID", uuid(cx))},
      {"uuid_root", given_word(given, "RootPayloadUUID", uuid(cx))},
      {"uuid_scep", uuid(cx)},
      {"uuid_mdm", given_word(given, "MDMPayloadUUID", uuid(cx))},
      {NULL, NULL},
  };
  return render_xml(cx, "enrollment.mobileconfig", holes, xml);
}

enum err enroll_given_check(struct ctx *cx, struct core *core, const char *given) {
  const char *root;
  struct js *o;
  TRY(js_parse(cx, slice_of(given), &o));
  TRY(check_given(cx, o));
  return given_root(cx, core, o, &root);
}

enum err enroll_render(struct ctx *cx, struct db *db, struct core *core, const char *given, const char *challenge,
                       struct slice *signed_der) {
  struct js *o;
  struct buf xml = {0};
  TRY(js_parse(cx, slice_of(given), &o));
  enum err e = enroll_given_xml(cx, core, o, challenge, &xml);
  if (e == OK && js_str(o, "Original"))
    e = enroll_original_render(cx, db, core, js_str(o, "Original"), buf_slice(&xml), signed_der);
  else if (e == OK)
    e = enroll_sign(cx, core, buf_slice(&xml), signed_der);
  buf_wipe(&xml);
  return e;
}

enum err enroll_session_make(struct ctx *cx, struct db *db, struct core *core, const char *token,
                             struct enroll_session *out) {
  *out = (struct enroll_session){.id = ctx_alloc(cx, UUID_LEN + 1), .challenge = secret_token(cx)};
  if (token) TRY(enroll_link_check(cx, db, token));
  enum err e = pushcert_topic(cx, db, &out->topic);
  if (e == E_NOT_FOUND) {
    ctx_clear_error(cx);
    return FAIL(cx, E_UNAVAILABLE, "no device can enroll before there is a push certificate that is valid now");
  }
  TRY(e);
  uuid_new(out->id);
  out->expires_at = clock_now_us() + CHALLENGE_MINUTES * US_MINUTE;
  out->given = given_text(cx, core, out->topic);
  return enroll_render(cx, db, core, out->given, out->challenge, &out->profile);
}

enum err enroll_session_store(struct ctx *cx, struct db *db, const char *token, const struct enroll_session *s) {
  struct enroll_link_row link = {0};
  uint8_t challenge_hash[SHA256_LEN];
  if (token) TRY(use_link(cx, db, token, &link));
  pki_sha256(challenge_hash, slice_of(s->challenge));
  struct enroll_session_row row = {.id = s->id,
                                   .kind = "enroll",
                                   .device = link.device,
                                   .link = link.seq,
                                   .issues_max = 1,
                                   .given = s->given,
                                   .expires_at = s->expires_at,
                                   .challenge_hash = challenge_hash};
  return enroll_session_add(cx, db, &row);
}

enum err enroll_render_root(struct ctx *cx, struct core *core, const struct pki_cert *root, struct slice *signed_der) {
  struct slice der = pki_cert_der(root);
  uint8_t hash[20];
  pki_sha1(hash, der);
  const struct hole holes[] = {
      {"organization", core_conf(core)->organization},
      {"identifier", ctx_printf(cx, "pomona.trust.%s", enc_hex(cx, hash, 8))},
      {"root", enc_base64(cx, der.p, der.n)},
      {"uuid_profile", uuid(cx)},
      {"uuid_root", uuid(cx)},
      {NULL, NULL},
  };
  return render(cx, core, "trust.mobileconfig", holes, signed_der);
}

enum err enroll_render_trust(struct ctx *cx, struct core *core, struct slice *signed_der) {
  if (!core_conf(core)->own_tls) return FAIL(cx, E_NOT_FOUND, "the TLS certificate is not by our own CA");
  return enroll_render_root(cx, core, keyring_tls_ca(core->keyring), signed_der);
}
