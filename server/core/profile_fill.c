/* What a device gets of a profile: variables filled, a PayloadUUID that names this very content, a signature.

   The PayloadUUID is of version 8 (RFC 9562, 5.8): the digest of the version and of the values that stand in it, so
   that the same content has the same one for ever, and ProfileList tells whether a device has it. */
#include "core/profile_int.h"

#include "base/enc.h"
#include "base/secret.h"
#include "core/inventory.h"
#include "core/keyring.h"
#include "lib/pki_crypto.h"
#include "lib/plist.h"

#include <ctype.h>
#include <string.h>

enum {
  VALUE_MOST = 1000,    /* bytes of a value */
  GROWN_MOST = 4 << 20, /* bytes of all values in one profile: a device's words may not make it endless */
  UUID_BYTES = 16
};

/* As payload_check reads them, and for a binary list as it expands. */
static const struct pl_limits limits = {.bytes = PAYLOAD_FILE_MOST, .depth = 64, .nodes = 100000, .expanded = 8 << 20};

/* ---- the values ---- */

/* Whose value stands for a name of payload_variables: a field of the device, or the server's own. */
static const char *organization(const struct core *core) { return core_conf(core)->organization; }
static const char *server_url(const struct core *core) { return core_conf(core)->public_url; }
static const struct source {
  const char *name;
  enum roster_field field; /* ROSTER_FIELDS: the server's */
  const char *(*text)(const struct core *core);
  const struct pki_cert *(*cert)(const struct keyring *k);
} sources[] = {
    {"SerialNumber", ROSTER_SERIAL, NULL, NULL},
    {"UDID", ROSTER_ID, NULL, NULL},
    {"DeviceName", ROSTER_NAME, NULL, NULL},
    {"HostName", ROSTER_HOST_NAME, NULL, NULL},
    {"ProductName", ROSTER_PRODUCT, NULL, NULL},
    {"ModelName", ROSTER_MODEL, NULL, NULL},
    {"OSVersion", ROSTER_OS, NULL, NULL},
    {"WiFiMAC", ROSTER_WIFI_MAC, NULL, NULL},
    {"IMEI", ROSTER_IMEI, NULL, NULL},
    {"AssetTag", ROSTER_TAG, NULL, NULL},
    {"UserName", ROSTER_USER, NULL, NULL},
    {"Email", ROSTER_EMAIL, NULL, NULL},
    {"Organization", ROSTER_FIELDS, organization, NULL},
    {"ServerURL", ROSTER_FIELDS, server_url, NULL},
    {"EscrowCertificate", ROSTER_FIELDS, NULL, keyring_escrow},
};
enum { SOURCES = sizeof sources / sizeof *sources };

static const struct source *source_named(struct slice name) {
  for (int i = 0; i < SOURCES; i++)
    if (slice_is(name, sources[i].name)) return &sources[i];
  return NULL;
}

/* Texts of devices are of any length: what no profile has a use for counts as none. */
static const char *of_device(const struct roster_device *d, enum roster_field field) {
  const char *value = roster_text(d, field);
  return value && *value && strlen(value) <= VALUE_MOST ? value : NULL;
}

/* p NULL: there is none. */
static struct slice value_of(const struct source *s, const struct core *core, const struct roster_device *d) {
  const char *text = s->text ? s->text(core) : s->cert ? NULL : of_device(d, s->field);
  const struct pki_cert *cert = s->cert && core->keyring ? s->cert(core->keyring) : NULL;
  return cert ? pki_cert_der(cert) : text && *text ? slice_of(text) : (struct slice){0};
}

/* ---- the version ---- */

/* One value after the other, each into the digest of those before it. */
static void digest_add(uint8_t sum[SHA256_LEN], struct slice value) {
  uint8_t both[2 * SHA256_LEN];
  memcpy(both, sum, SHA256_LEN);
  pki_sha256(both + SHA256_LEN, value);
  pki_sha256(sum, slice_mem(both, sizeof both));
}

static void uuid_of(const uint8_t sum[SHA256_LEN], char out[UUID_LEN + 1]) {
  uint8_t b[UUID_BYTES];
  char hex[2 * UUID_BYTES + 1], *to = out;
  memcpy(b, sum, sizeof b);
  b[6] = (uint8_t)((b[6] & 0x0f) | 0x80); /* version 8 */
  b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* variant 10 */
  enc_hex_to(hex, b, sizeof b);
  for (int i = 0; i < 2 * UUID_BYTES; i++) {
    if (i == 8 || i == 12 || i == 16 || i == 20) *to++ = '-';
    *to++ = (char)toupper((unsigned char)hex[i]);
  }
  *to = '\0';
}

/* Each value with its length before it. False: a variable has no value. */
static bool uuid_for(const struct profile_want *w, const struct roster_device *d, char out[UUID_LEN + 1]) {
  uint8_t all[SHA256_LEN + SOURCES * (2 + VALUE_MOST)], sum[SHA256_LEN];
  size_t n = sizeof w->digest;
  memcpy(all, w->digest, n);
  for (size_t i = 0; i < w->variables_n; i++) {
    const char *value = of_device(d, w->variables[i]);
    if (!value) return false;
    size_t length = strlen(value);
    all[n++] = (uint8_t)(length >> 8);
    all[n++] = (uint8_t)length;
    memcpy(all + n, value, length);
    n += length;
  }
  pki_sha256(sum, slice_mem(all, n));
  uuid_of(sum, out);
  return true;
}

uint64_t profile_version(const struct profile_want *w, const struct roster_device *d) {
  char uuid[UUID_LEN + 1];
  if (w->constant) return w->constant;
  return uuid_for(w, d, uuid) ? inventory_hash(slice_mem(uuid, UUID_LEN)) : 0;
}

static const char *name_of(enum roster_field field) {
  for (int i = 0; i < SOURCES; i++)
    if (sources[i].field == field) return sources[i].name;
  return roster_fields[field].name;
}

const char *profile_lacks(const struct profile_want *w, const struct roster_device *d) {
  for (size_t i = 0; i < w->variables_n; i++)
    if (!of_device(d, w->variables[i])) return name_of(w->variables[i]);
  return NULL;
}

/* ---- what is wanted ---- */

/* Sorts the words into what is the device's and what is the server's: that goes into the digest. */
static enum err take_variables(struct ctx *cx, const struct core *core, const char *words, struct profile_want *w) {
  struct slice rest = slice_of(words), word;
  w->variables = ctx_alloc(cx, SOURCES * sizeof *w->variables);
  while (slice_cut(&rest, ' ', &word)) {
    const struct source *s = source_named(word);
    if (word.n == 0) continue;
    if (!s || w->variables_n == SOURCES) return FAIL(cx, E_INTERNAL, "no such variable: %.*s", (int)word.n, word.p);
    if (s->field != ROSTER_FIELDS) {
      w->variables[w->variables_n++] = s->field;
      continue;
    }
    struct slice value = value_of(s, core, NULL);
    if (!value.p) return FAIL(cx, E_CONFLICT, "%%%s%% has no value on this server", s->name);
    digest_add(w->digest, value);
  }
  return OK;
}

static char *upper(struct ctx *cx, const char *text) {
  char *out = ctx_strdup(cx, text);
  for (char *p = out; *p; p++) *p = (char)toupper((unsigned char)*p);
  return out;
}

enum err profile_want_of(struct ctx *cx, struct core *core, const struct profile_row *r, struct profile_want *w) {
  char uuid[UUID_LEN + 1];
  *w = (struct profile_want){.profile = r->p.profile,
                             .row = r->seq,
                             .name = inventory_hash(slice_of(r->p.identifier)),
                             .identifier = r->p.identifier,
                             .is_signed = r->p.is_signed,
                             .uuid = upper(cx, r->uuid),
                             .platforms = r->p.platforms};
  if (r->digest.n != sizeof w->digest) return FAIL(cx, E_INTERNAL, "the digest of a profile has another length");
  memcpy(w->digest, r->digest.p, sizeof w->digest);
  if (w->is_signed) {
    w->constant = inventory_hash(slice_of(w->uuid));
    return OK;
  }
  TRY(take_variables(cx, core, r->p.variables, w));
  if (w->variables_n == 0 && uuid_for(w, NULL, uuid)) w->constant = inventory_hash(slice_mem(uuid, UUID_LEN));
  return OK;
}

enum err profile_want(struct ctx *cx, struct db *db, struct core *core, int64_t profile, struct profile_want *out) {
  struct profile_row r;
  TRY(profile_sql_version(cx, db, profile, 0, &r));
  return profile_want_of(cx, core, &r, out);
}

/* ---- filling ---- */

struct filling {
  struct ctx *cx;
  const struct core *core;
  const struct roster_device *device;
  size_t grown; /* bytes that values put in */
  enum err e;
  struct pl *to;
};

static struct slice value_for(struct filling *f, const struct payload_piece *piece) {
  const struct source *s = source_named(slice_of(piece->variable->name));
  struct slice value = s ? value_of(s, f->core, f->device) : (struct slice){0};
  if (!value.p) f->e = FAIL(f->cx, E_CONFLICT, "%%%s%% has no value", piece->variable->name);
  f->grown += value.n;
  if (f->grown > GROWN_MOST && f->e == OK)
    f->e = FAIL(f->cx, E_TOO_LARGE, "its variables make it larger than devices take");
  return value;
}

/* What is unknown, or data among text, stands as it is: the check has warned of it. */
static void add_piece(struct filling *f, struct buf *b, const struct payload_piece *piece) {
  struct slice text = piece->text;
  bool named = piece->kind == PAYLOAD_UNKNOWN || piece->kind == PAYLOAD_VARIABLE;
  if (piece->kind == PAYLOAD_VARIABLE && !piece->variable->is_data)
    buf_add_slice(b, value_for(f, piece));
  else
    buf_printf(b, "%s%.*s%s", named ? "%" : "", (int)text.n, text.p, named ? "%" : "");
}

static const char *filled(struct filling *f, struct slice text) {
  struct buf b = {0};
  for (struct payload_piece piece; f->e == OK && payload_piece(&text, &piece);) add_piece(f, &b, &piece);
  const char *out = ctx_memdup(f->cx, b.p ? b.p : "", b.n);
  buf_wipe(&b);
  return out;
}

/* A text that is nothing but the name of data. */
static bool is_data(struct filling *f, struct slice text, struct slice *out) {
  struct payload_piece piece;
  if (!payload_piece(&text, &piece) || piece.kind != PAYLOAD_VARIABLE || !piece.variable->is_data || text.n)
    return false;
  *out = value_for(f, &piece);
  return f->e == OK;
}

/* By these the device and ProfileList tell profiles and payloads apart. */
static bool is_fixed(const char *key) {
  static const char *const keys[] = {"PayloadIdentifier", "PayloadUUID", "PayloadType", "PayloadScope"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (strcmp(key, keys[i]) == 0) return true;
  return false;
}

static struct pl *copy(struct filling *f, struct pl *from);

static void copy_member(const char *key, struct pl *value, void *arg) {
  struct filling *f = arg;
  struct slice text, data;
  if (f->e != OK) return;
  if (is_fixed(key))
    pl_set(f->to, key, value);
  else if (!pl_string(value, &text))
    pl_set(f->to, key, copy(f, value));
  else if (is_data(f, text, &data))
    pl_set_data(f->to, key, data);
  else
    pl_set_string(f->to, key, filled(f, text));
}

static struct pl *copy_array(struct filling *f, struct pl *from) {
  struct pl *to = pl_new_array(f->cx);
  struct slice text, data;
  for (size_t i = 0; i < pl_count(from) && f->e == OK; i++) {
    struct pl *item = pl_at(from, i);
    if (!pl_string(item, &text))
      pl_add(to, copy(f, item));
    else if (is_data(f, text, &data))
      pl_add_data(to, data);
    else
      pl_add_string(to, filled(f, text));
  }
  return to;
}

/* A copy with its strings filled; what holds none is the node itself, which the new list copies. As deep as a list may
   be. */
static struct pl *copy(struct filling *f, struct pl *from) {
  struct filling below = *f;
  struct pl *to = from;
  if (pl_type(from) == PL_ARRAY) to = copy_array(&below, from);
  if (pl_type(from) == PL_DICT) {
    to = below.to = pl_new_dict(f->cx);
    pl_each(from, copy_member, &below);
  }
  f->grown = below.grown;
  f->e = below.e;
  return to;
}

static enum err fill(struct filling *f, struct slice file, const char *uuid, struct slice *out) {
  struct pl *profile;
  TRY(pl_parse(f->cx, file, &limits, &profile));
  if (pl_type(profile) != PL_DICT) return FAIL(f->cx, E_INVALID, "the profile is no dictionary");
  f->to = pl_new_dict(f->cx);
  pl_each(profile, copy_member, f);
  if (f->e != OK) return f->e;
  pl_set_string(f->to, "PayloadUUID", uuid);
  *out = pl_xml(f->cx, f->to);
  secret_in(f->cx, (void *)(uintptr_t)out->p, out->n);
  return OK;
}

/* ---- one for a device ---- */

struct one {
  struct profile_row row;
  struct profile_want want;
  char uuid[UUID_LEN + 1]; /* that it gets here; unless it is signed already */
};

static enum err find_one(struct ctx *cx, struct db *db, struct core *core, const struct profile_ask *ask,
                         struct one *one) {
  TRY(profile_sql_version(cx, db, ask->profile, ask->version, &one->row));
  TRY(profile_want_of(cx, core, &one->row, &one->want));
  if (one->want.is_signed) return OK;
  const char *lacks = profile_lacks(&one->want, ask->device);
  if (lacks) return FAIL(cx, E_CONFLICT, "%s: %%%s%% has no value for this device", one->want.identifier, lacks);
  return uuid_for(&one->want, ask->device, one->uuid) ? OK : FAIL(cx, E_INTERNAL, "a profile without a version");
}

static enum err fill_one(struct ctx *cx, struct db *db, struct core *core, const struct one *one,
                         const struct roster_device *device, struct slice *out) {
  struct slice file;
  TRY(profile_open(cx, db, core, &one->row, &file));
  *out = file;
  if (one->want.is_signed) return OK;
  struct filling f = {.cx = cx, .core = core, .device = device};
  return fill(&f, file, one->uuid, out);
}

enum err profile_fill(struct ctx *cx, struct db *db, struct core *core, const struct profile_ask *ask,
                      struct slice *out) {
  struct one one;
  TRY(find_one(cx, db, core, ask, &one));
  return fill_one(cx, db, core, &one, ask->device, out);
}

enum err profile_render(struct ctx *cx, struct db *db, struct core *core, int64_t profile,
                        const struct roster_device *d, struct slice *out) {
  struct profile_ask ask = {.profile = profile, .device = d};
  struct one one;
  struct slice plain;
  TRY(find_one(cx, db, core, &ask, &one));
  bool all_alike = one.want.constant && !one.want.is_signed;
  if (all_alike && profile_signed(cx, core, one.uuid, out)) return OK;
  TRY(fill_one(cx, db, core, &one, d, &plain));
  if (!one.want.is_signed) return profile_sign(cx, core, all_alike ? one.uuid : NULL, plain, out);
  *out = plain;
  return OK;
}

/* ---- strings of JSON ---- */

/* As deep as JSON may be that was read. */
enum err profile_words_check(struct ctx *cx, struct js *value, bool *any) {
  const char *key, *text = js_string(value);
  if (text && strchr(text, '%')) {
    *any = true;
    return payload_text_check(cx, slice_of(text));
  }
  for (size_t i = 0; js_is_array(value) && i < js_count(value); i++) TRY(profile_words_check(cx, js_at(value, i), any));
  for (size_t i = 0; js_member(value, i, &key); i++) TRY(profile_words_check(cx, js_get(value, key), any));
  return OK;
}

static struct js *copy_words(struct filling *f, struct js *from);

static void put_word(struct filling *f, struct js *to, const char *key, struct js *value) {
  const char *text = js_string(value);
  const char *word = text ? filled(f, slice_of(text)) : NULL;
  if (key && text)
    js_set_string(to, key, word);
  else if (key)
    js_set(to, key, copy_words(f, value));
  else if (text)
    js_add_string(to, word);
  else
    js_add(to, copy_words(f, value));
}

static struct js *copy_words(struct filling *f, struct js *from) {
  const char *key;
  if (!js_is_object(from) && !js_is_array(from)) return from;
  struct js *to = js_is_array(from) ? js_array(f->cx) : js_object(f->cx);
  for (size_t i = 0; js_is_array(from) && i < js_count(from); i++) put_word(f, to, NULL, js_at(from, i));
  for (size_t i = 0; js_member(from, i, &key); i++) put_word(f, to, key, js_get(from, key));
  return to;
}

enum err profile_words_fill(struct ctx *cx, const struct core *core, struct js *value, const struct roster_device *d,
                            struct js **out) {
  struct filling f = {.cx = cx, .core = core, .device = d};
  *out = copy_words(&f, value);
  return f.e;
}
