/* What every profile and every payload has: names, versions, dates, the array of payloads. */
#include "core/payload_int.h"

#include "base/clock.h"
#include "base/enc.h"

#include <string.h>

static char *copied(struct payload_run *r, struct slice s) { return s.p ? ctx_memdup(r->cx, s.p, s.n) : NULL; }

/* ---- names ---- */

static bool identifier_ok(struct slice s) {
  static const char others[] = ".-_:";
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i], small = (char)(c | 0x20);
    bool ok = (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || (c && strchr(others, c));
    if (!ok) return false;
  }
  return s.n > 0 && s.n <= 255;
}

static bool is_ours(struct slice s) {
  return slice_starts(s, "pomona.") && (slice_ends(s, ".enrollment") || slice_starts(s, "pomona.trust."));
}

static void check_identifier(struct payload_run *r, const struct payload_node *dict) {
  const struct payload_node *n = payload_member(dict, "PayloadIdentifier");
  struct slice s = payload_string(dict, "PayloadIdentifier");
  if (!n)
    SAY_AT(r, IDENTIFIER_MISSING, dict, NULL);
  else if (is_ours(s))
    SAY_AT(r, IDENTIFIER_OURS, n, payload_shown(r->cx, s), NULL);
  else if (!payload_has_variable(s) && !identifier_ok(s))
    SAY_AT(r, IDENTIFIER_FORM, n, NULL);
}

static void check_uuid(struct payload_run *r, const struct payload_node *dict) {
  const struct payload_node *n = payload_member(dict, "PayloadUUID");
  struct slice s = payload_string(dict, "PayloadUUID");
  if (!n)
    SAY_AT(r, UUID_MISSING, dict, NULL);
  else if (!payload_has_variable(s) && !uuid_valid(s))
    SAY_AT(r, UUID_FORM, n, payload_shown(r->cx, s), NULL);
}

static void check_version(struct payload_run *r, const struct payload_node *dict) {
  const struct payload_node *n = payload_member(dict, "PayloadVersion");
  int64_t version = 0;
  if (!n || !pl_int(n->pl, &version) || version != 1) SAY_AT(r, VERSION, n ? n : dict, NULL);
}

/* The earlier of the payloads (the profile being the first) whose text under key is the same in any case. */
static const struct payload_node *same_before(struct payload_run *r, size_t i, const char *key) {
  struct slice s = payload_string(r->payloads[i], key);
  for (size_t j = 0; s.p && j <= i; j++) {
    const struct payload_node *other = j == 0 ? r->root : r->payloads[j - 1];
    if (slice_ieq(payload_string(other, key), s.p)) return payload_member(other, key);
  }
  return NULL;
}

static void check_twice(struct payload_run *r, size_t i) {
  static const struct {
    const char *key;
    enum payload_say say;
  } rows[] = {{"PayloadIdentifier", SAY_IDENTIFIER_TWICE}, {"PayloadUUID", SAY_UUID_TWICE}};
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
    const struct payload_node *former = same_before(r, i, rows[k].key);
    const char *shown = payload_shown(r->cx, payload_string(r->payloads[i], rows[k].key));
    if (former)
      payload_say(r, rows[k].say, payload_member(r->payloads[i], rows[k].key),
                  (const char *const[]){shown, ctx_printf(r->cx, "%d", former->line), NULL});
  }
}

static void check_names(struct payload_run *r, const struct payload_node *dict) {
  check_identifier(r, dict);
  check_uuid(r, dict);
  check_version(r, dict);
}

/* ---- the array of payloads ---- */

/* Payloads are few; each is compared with those before it. */
enum { PAYLOADS_MOST = 500 };

static void find_payloads(struct payload_run *r, const struct payload_node *content) {
  r->payloads = ctx_alloc(r->cx, (PAYLOADS_MOST + 1) * sizeof *r->payloads);
  for (const struct payload_node *n = content->first; n; n = n->next) {
    if (r->payloads_n == PAYLOADS_MOST) {
      SAY_AT(r, MANY_PAYLOADS, n, ctx_printf(r->cx, "%d", PAYLOADS_MOST), NULL);
      return;
    }
    if (payload_type_of(n) == PL_DICT)
      r->payloads[r->payloads_n++] = n;
    else
      SAY_AT(r, CONTENT_ITEM, n, payload_type_name(payload_type_of(n)), NULL);
  }
}

static void check_content(struct payload_run *r) {
  const struct payload_node *content = payload_member(r->root, "PayloadContent");
  const struct payload_node *encrypted = payload_member(r->root, "EncryptedPayloadContent");
  if (encrypted && content)
    SAY_AT(r, ENCRYPTED_BOTH, encrypted, NULL);
  else if (encrypted)
    SAY_AT(r, ENCRYPTED, encrypted, NULL);
  else if (payload_flag(r->root, "IsEncrypted"))
    SAY_AT(r, ENCRYPTED_EMPTY, payload_member(r->root, "IsEncrypted"), NULL);
  else if (!content)
    SAY_AT(r, CONTENT_MISSING, r->root, NULL);
  if (!content) return;
  if (payload_type_of(content) != PL_ARRAY)
    SAY_AT(r, CONTENT_FORM, content, payload_type_name(payload_type_of(content)), NULL);
  else if (!content->first)
    SAY_AT(r, CONTENT_EMPTY, content, NULL);
  else
    find_payloads(r, content);
}

/* ---- the profile's own keys ---- */

static void check_removal(struct payload_run *r) {
  const struct payload_node *date = payload_member(r->root, "RemovalDate");
  const struct payload_node *span = payload_member(r->root, "DurationUntilRemoval");
  const struct payload_node *expires = payload_member(r->root, "PayloadExpirationDate");
  int64_t at = 0, now = clock_now_us(), whole = 1;
  double seconds = 1;
  if (date && pl_date(date->pl, &at) && at < now) SAY_AT(r, REMOVAL_PAST, date, enc_time(r->cx, at), NULL);
  if (span && ((pl_real(span->pl, &seconds) && !(seconds > 0)) || (pl_int(span->pl, &whole) && whole <= 0)))
    SAY_AT(r, REMOVAL_DURATION, span, NULL);
  if (date && span) SAY_AT(r, REMOVAL_BOTH, span, NULL);
  if (expires && pl_date(expires->pl, &at) && at < now) SAY_AT(r, EXPIRED, expires, enc_time(r->cx, at), NULL);
}

static void check_password(struct payload_run *r) {
  if (!payload_flag(r->root, "HasRemovalPasscode")) return;
  for (size_t i = 0; i < r->payloads_n; i++)
    if (slice_is(payload_string(r->payloads[i], "PayloadType"), "com.apple.profileRemovalPassword")) return;
  SAY_AT(r, REMOVAL_PASSWORD, payload_member(r->root, "HasRemovalPasscode"), NULL);
}

static void check_consent(struct payload_run *r) {
  const struct payload_node *consent = payload_member(r->root, "ConsentText");
  if (!consent) return;
  bool ok = payload_type_of(consent) == PL_DICT;
  for (const struct payload_node *n = consent->first; n; n = n->next) ok = ok && payload_type_of(n) == PL_STRING;
  if (!ok)
    SAY_AT(r, CONSENT_FORM, consent, NULL);
  else if (!payload_member(consent, "default"))
    SAY_AT(r, CONSENT_DEFAULT, consent, NULL);
}

static void check_scope(struct payload_run *r) {
  const struct payload_node *n = payload_member(r->root, "PayloadScope");
  struct slice scope = payload_string(r->root, "PayloadScope");
  if (n && !slice_is(scope, "System") && !slice_is(scope, "User")) SAY_AT(r, SCOPE, n, NULL);
  const struct payload_node *target = payload_member(r->root, "TargetDeviceType");
  int64_t type = -1;
  if (target && (!pl_int(target->pl, &type) || type < 0 || type > 6)) SAY_AT(r, DEVICE_TYPE, target, NULL);
}

static void describe(struct payload_run *r) {
  struct payload_check *out = r->out;
  out->identifier = copied(r, payload_string(r->root, "PayloadIdentifier"));
  out->uuid = copied(r, payload_string(r->root, "PayloadUUID"));
  out->name = copied(r, payload_string(r->root, "PayloadDisplayName"));
  out->organization = copied(r, payload_string(r->root, "PayloadOrganization"));
  out->scope = copied(r, payload_string(r->root, "PayloadScope"));
}

void payload_check_envelope(struct payload_run *r) {
  describe(r);
  if (!slice_is(payload_string(r->root, "PayloadType"), "Configuration"))
    SAY_AT(r, ROOT_TYPE, payload_member(r->root, "PayloadType") ? payload_member(r->root, "PayloadType") : r->root,
           NULL);
  check_names(r, r->root);
  if (!payload_member(r->root, "PayloadDisplayName")) SAY_AT(r, NAME_MISSING, r->root, NULL);
  check_content(r);
  check_scope(r);
  check_removal(r);
  check_password(r);
  check_consent(r);
  for (size_t i = 0; i < r->payloads_n; i++) {
    check_names(r, r->payloads[i]);
    check_twice(r, i);
  }
}
