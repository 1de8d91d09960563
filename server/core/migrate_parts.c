/* What NanoMDM's folder holds beside its channels: certificates of devices, commands, push certificates. */
#include "core/enroll_int.h"
#include "core/migrate_nanomdm.h"

#include "base/enc.h"
#include "base/map.h"
#include "core/pushcert.h"
#include "core/queue.h"

#include <string.h>

enum { FILE_MAX = 1 << 20, COMMAND_MAX = 4 << 20, QUEUE_MAX = 10000, HASH_LEN = 32 };

void migrate_count(struct js *counts, const char *name) {
  int64_t n = 0;
  (void)js_int(js_get(counts, name), &n);
  js_set_int(counts, name, n + 1);
}

static struct slice read_key(struct ctx *cx, struct migration *m, const char *bucket, const char *key) {
  return migrate_read(cx, &m->folder, bucket, key, FILE_MAX);
}

/* ---- certificates of devices ---- */

/* The hash that NanoMDM knows the device by; false: none, or it contradicts itself. */
static bool hash_on_file(struct ctx *cx, struct migration *m, const struct migrate_known *k, uint8_t hash[HASH_LEN]) {
  if (!k->hash.p) return false;
  const char *path = migrate_path(cx, "cert_auth", ctx_printf(cx, "%s.cert_hash", k->id));
  struct slice text = slice_trim(k->hash);
  if (!dec_hex(text, hash, HASH_LEN)) return migrate_left_out(&m->folder, path, "is no SHA-256"), false;
  struct slice owner = read_key(cx, m, "cert_auth", ctx_printf(cx, "%s.hash_cert", enc_hex(cx, hash, HASH_LEN)));
  if (!owner.p || slice_is(owner, k->id)) return true;
  migrate_left_out(&m->folder, path, "the certificate is said to be another device's");
  return false;
}

static struct pki_cert *cert_on_file(struct ctx *cx, struct migration *m, const struct migrate_known *k) {
  struct pki_cert *cert;
  if (!k->cert.p) return NULL;
  if (pki_cert_parse(cx, &cert, k->cert) == OK) return cert;
  ctx_clear_error(cx);
  migrate_left_out(&m->folder, migrate_path(cx, "devices", ctx_printf(cx, "%s.cert", k->id)), "is no certificate");
  return NULL;
}

static enum err bind(struct ctx *cx, struct db *db, const struct migrate_known *k, const struct migrate_place *place,
                     const struct pki_cert *cert) {
  bool known;
  char *owner;
  const uint8_t *hash = pki_cert_sha256(cert);
  TRY(migrate_identity(cx, db, hash, &known, &owner));
  if (!known) TRY(enroll_identity_add(cx, db, cert, 0, NULL));
  TRY(enroll_identity_bind(cx, db, hash, k->id, place->generation));
  return enroll_generation_identify(cx, db, place->device, place->generation, hash);
}

static enum err check_owner(struct ctx *cx, struct db *db, struct migration *m, const struct migrate_known *k,
                            const uint8_t *hash, bool *free) {
  bool known;
  char *owner;
  TRY(migrate_identity(cx, db, hash, &known, &owner));
  *free = !owner || strcmp(owner, k->id) == 0;
  if (!*free)
    migrate_left_out(&m->folder, migrate_path(cx, "devices", ctx_printf(cx, "%s.cert", k->id)),
                     ctx_printf(cx, "the certificate belongs to %s here", owner));
  return OK;
}

enum err migrate_certificate(struct ctx *cx, struct db *db, struct migration *m, const struct migrate_known *k) {
  uint8_t hash[HASH_LEN] = {0};
  struct migrate_place place;
  struct pki_cert *cert = cert_on_file(cx, m, k);
  bool on_file = hash_on_file(cx, m, k, hash), free = true;
  if (cert && on_file && memcmp(hash, pki_cert_sha256(cert), HASH_LEN) != 0) cert = NULL; /* a later one is in use */
  if (cert) memcpy(hash, pki_cert_sha256(cert), HASH_LEN);
  TRY(migrate_place(cx, db, k->id, &place));
  if (cert || on_file) TRY(check_owner(cx, db, m, k, hash, &free));
  if (!free || (!cert && !on_file)) return m->report->open++, OK;
  if (!cert) return m->report->expected++, migrate_device_expect(cx, db, place.device, hash);
  m->report->bound++;
  migrate_count(m->report->issuers, pki_cert_issuer(cx, cert));
  return bind(cx, db, k, &place, cert);
}

/* ---- commands ---- */

struct waiting {
  struct ctx *cx;
  struct migration *m;
  const char *id;
  int64_t enrollment;
};

static void command_left_out(struct waiting *w, const char *key, const char *reason) {
  migrate_left_out(&w->m->folder, migrate_path(w->cx, "queue", key), reason);
}

static bool is_answered(struct waiting *w, const char *uuid) {
  struct slice status = read_key(w->cx, w->m, "queue", ctx_printf(w->cx, "%s.%s.queueitem.status", w->id, uuid));
  return status.p && !slice_is(status, "NotNow");
}

/* *added false: it was reported. */
static enum err bring_command(struct waiting *w, struct db *db, const char *uuid, bool *added) {
  struct command command;
  int64_t row;
  const char *key = ctx_printf(w->cx, "%s.raw", uuid);
  struct slice raw = migrate_read(w->cx, &w->m->folder, "queue", key, COMMAND_MAX);
  *added = false;
  if (!raw.p) return OK;
  enum err e = command_parse(w->cx, &command, raw);
  if (e == OK && strcmp(command.uuid, uuid) != 0) e = FAIL(w->cx, E_INVALID, "speaks of another CommandUUID");
  if (e == OK) e = queue_command(w->cx, db, w->m->core, &command, "migrate", &row);
  if (e == OK && (e = queue_add(w->cx, db, w->m->core, row, &command, w->enrollment)) == E_CONFLICT)
    TRY(queue_command_unused(w->cx, db, row));
  *added = e == OK;
  if (e == OK || (e != E_INVALID && e != E_TOO_LARGE && e != E_CONFLICT)) return e;
  command_left_out(w, key, ctx_error_text(w->cx));
  ctx_clear_error(w->cx);
  return OK;
}

/* The name of a command as it stands in a file: it becomes part of the names of others. */
static const char *uuid_in(struct ctx *cx, struct slice s) {
  bool fine = s.p && s.n <= 150 && text_is_plain(s) && !memchr(s.p, '/', s.n);
  return fine ? ctx_memdup(cx, s.p, s.n) : NULL;
}

static enum err follow(struct waiting *w, struct db *db, struct map *seen, const char *key, int64_t *n) {
  struct slice next = read_key(w->cx, w->m, "queue", key);
  while (next.p) {
    const char *uuid = uuid_in(w->cx, next);
    bool added = false;
    if (!uuid) return command_left_out(w, key, "names no command"), OK;
    if (map_get(seen, next)) return command_left_out(w, key, "leads back to an earlier command"), OK;
    if (map_count(seen) == QUEUE_MAX) return command_left_out(w, key, "more commands wait than are brought over"), OK;
    map_put(seen, next, seen);
    if (!is_answered(w, uuid)) TRY(bring_command(w, db, uuid, &added));
    *n += added;
    key = ctx_printf(w->cx, "%s.%s.queueitem.next", w->id, uuid);
    next = read_key(w->cx, w->m, "queue", key);
  }
  return OK;
}

enum err migrate_queue(struct ctx *cx, struct db *db, struct migration *m, const char *id, int64_t enrollment,
                       int64_t *n) {
  struct waiting w = {.cx = cx, .m = m, .id = id, .enrollment = enrollment};
  struct map *seen = map_new();
  *n = 0;
  enum err e = follow(&w, db, seen, ctx_printf(cx, "%s.queuekey.queue.first", id), n);
  map_free(seen, NULL);
  m->report->commands += *n;
  return e;
}

static void queue_file(void *arg, const char *key) {
  struct migration *m = arg;
  if (!slice_ends(slice_of(key), ".queueitem.status")) return;
  struct ctx *cx = ctx_new();
  struct slice status = read_key(cx, m, "queue", key);
  m->report->answered += status.p && !slice_is(status, "NotNow");
  ctx_free(cx);
}

void migrate_count_answered(struct migration *m) { migrate_walk(&m->folder, "queue", queue_file, m); }

/* ---- push certificates ---- */

struct pushcerts {
  struct db *db;
  struct migration *m;
  enum err e; /* of the database */
};

/* E_INVALID, E_CONFLICT: this one cannot be used; the text says why. */
static enum err bring_pushcert(struct ctx *cx, struct pushcerts *p, const char *topic, struct slice cert,
                               struct slice key) {
  struct pushcert_pair pair;
  struct pushcert here;
  if (!key.p)
    return FAIL(cx, E_INVALID, "its private key (TOPIC.key) is not beside it: `pomona pushcert import` takes both");
  struct slice pem = slice_of(ctx_printf(cx, "%.*s\n%.*s", (int)cert.n, cert.p, (int)key.n, key.p));
  TRY(pushcert_check_pem(cx, &pair, pem));
  if (strcmp(pair.about.topic, topic) != 0) return FAIL(cx, E_INVALID, "is for the topic %s", pair.about.topic);
  enum err found = pushcert_find(cx, p->db, topic, &here);
  if (found == E_NOT_FOUND) ctx_clear_error(cx);
  if (found == OK && here.not_after > pair.about.not_after)
    return FAIL(cx, E_CONFLICT, "a newer one for this topic is here already");
  if (found != OK && found != E_NOT_FOUND) return found;
  TRY(pushcert_store(cx, p->db, p->m->core, &pair, "migrate", PUSHCERT_NEW_TOPIC));
  p->m->report->push_certificates++;
  return OK;
}

static void pushcert_found(void *arg, const char *name) {
  struct pushcerts *p = arg;
  if (p->e != OK || !slice_ends(slice_of(name), ".pem")) return;
  struct ctx *cx = ctx_new();
  const char *topic = ctx_memdup(cx, name, strlen(name) - strlen(".pem"));
  struct slice cert = read_key(cx, p->m, "push_cert", name);
  struct slice key = read_key(cx, p->m, "push_cert", ctx_printf(cx, "%s.key", topic));
  enum err e = cert.p ? bring_pushcert(cx, p, topic, cert, key) : OK;
  if (e == E_INVALID || e == E_CONFLICT || e == E_TOO_LARGE)
    migrate_left_out(&p->m->folder, migrate_path(cx, "push_cert", name), ctx_error_text(cx));
  else if (e != OK)
    p->e = FAIL(p->m->folder.cx, e, "%s", ctx_error_text(cx));
  ctx_free(cx);
}

enum err migrate_pushcerts(struct db *db, struct migration *m) {
  struct pushcerts p = {.db = db, .m = m};
  migrate_walk(&m->folder, "push_cert", pushcert_found, &p);
  return p.e;
}
