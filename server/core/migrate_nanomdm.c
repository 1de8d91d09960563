/* NanoMDM's filekv folder: what a channel is made of there, told again as the check-ins that it came by. A kill -9
   leaves files of zero length there: what one of them held is taken from another one where there is one. */
#include "core/migrate_nanomdm.h"
#include "core/checkin_int.h"
#include "core/enroll_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/map.h"
#include "core/push.h"
#include "core/pushcert.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, IDS_MAX = 1000000, HASH_LEN = 32 };

/* ---- what there is of one channel ---- */

/* Attributes of an id: ID.NAME in its bucket. */
struct facts {
  struct slice auth, device_token, user_token, cert, serial, bootstrap_token;
  struct slice type, topic, token, push_magic, tally, enrolled_at, disabled, last_seen, unlock_token, cert_hash;
};

static const struct {
  const char *bucket, *name;
  size_t at;
} attributes[] = {
    {"devices", "auth", offsetof(struct facts, auth)},
    {"devices", "tok_upd", offsetof(struct facts, device_token)},
    {"devices", "cert", offsetof(struct facts, cert)},
    {"devices", "serial", offsetof(struct facts, serial)},
    {"devices", "bstoken", offsetof(struct facts, bootstrap_token)},
    {"users", "tok_upd", offsetof(struct facts, user_token)},
    {"enrollments", "type", offsetof(struct facts, type)},
    {"enrollments", "topic", offsetof(struct facts, topic)},
    {"enrollments", "token", offsetof(struct facts, token)},
    {"enrollments", "push_magic", offsetof(struct facts, push_magic)},
    {"enrollments", "tok_tal", offsetof(struct facts, tally)},
    {"enrollments", "enrolled_at", offsetof(struct facts, enrolled_at)},
    {"enrollments", "disabled", offsetof(struct facts, disabled)},
    {"enrollments", "last_seen_at", offsetof(struct facts, last_seen)},
    {"enrollments", "unl_tok", offsetof(struct facts, unlock_token)},
    {"cert_auth", "cert_hash", offsetof(struct facts, cert_hash)},
};
enum { ATTRIBUTES = sizeof attributes / sizeof *attributes };

struct channel {
  struct ctx *cx; /* ends with it */
  struct migration *m;
  const char *id;
  struct enroll_ids ids;
  struct facts facts;
  struct checkin auth, token;
};

static void left_out(struct channel *c, const char *bucket, const char *name, const char *reason) {
  const char *key = ctx_printf(c->cx, "%s.%s", c->id, name);
  migrate_left_out(&c->m->folder, migrate_path(c->cx, bucket, key), reason);
}

static void read_facts(struct channel *c) {
  for (int i = 0; i < ATTRIBUTES; i++) {
    const char *key = ctx_printf(c->cx, "%s.%s", c->id, attributes[i].name);
    struct slice value = migrate_read(c->cx, &c->m->folder, attributes[i].bucket, key, FILE_MAX);
    *(struct slice *)((char *)&c->facts + attributes[i].at) = value;
  }
}

/* ---- messages ---- */

static const char *text_of(struct ctx *cx, struct slice s) { return s.p ? ctx_memdup(cx, s.p, s.n) : NULL; }

/* The beginning of a message of this channel, as its device would write it. */
static struct pl *message_new(struct channel *c, const char *message_type) {
  struct pl *m = pl_new_dict(c->cx);
  const char *colon = strchr(c->id, ':');
  bool by_enrollment = slice_starts(c->facts.type, "User Enrollment"), shared = slice_is(c->facts.type, "Shared iPad");
  pl_set_string(m, "MessageType", message_type);
  pl_set_string(m, by_enrollment ? "EnrollmentID" : "UDID",
                colon ? ctx_memdup(c->cx, c->id, (size_t)(colon - c->id)) : c->id);
  if (colon && by_enrollment)
    pl_set_string(m, "EnrollmentUserID", colon + 1);
  else if (colon)
    pl_set_string(m, "UserID", shared ? ENROLL_SHARED_IPAD_USER : colon + 1);
  if (colon && shared) pl_set_string(m, "UserShortName", colon + 1);
  return m;
}

/* E_INVALID: it is no such message of this channel; the text says why. */
static enum err read_message(struct channel *c, const char *message_type, struct slice body, struct checkin *out) {
  *out = (struct checkin){.core = c->m->core};
  TRY(checkin_read(c->cx, body, out));
  if (strcmp(out->row->message_type, message_type) != 0) return FAIL(c->cx, E_INVALID, "is no %s", message_type);
  return strcmp(out->ids.id, c->id) == 0 ? OK : FAIL(c->cx, E_INVALID, "speaks of another id than its name");
}

static bool read_stored(struct channel *c, const char *bucket, const char *name, const char *message_type,
                        struct slice body, struct checkin *out) {
  if (!body.p) return false;
  if (read_message(c, message_type, body, out) == OK) return true;
  left_out(c, bucket, name, ctx_error_text(c->cx));
  ctx_clear_error(c->cx);
  out->row = NULL;
  return false;
}

static bool read_made(struct channel *c, const char *message_type, struct pl *message, struct checkin *out) {
  if (read_message(c, message_type, pl_xml(c->cx, message), out) == OK) return true;
  ctx_clear_error(c->cx);
  return false;
}

static const char *topic_of(struct channel *c) {
  if (c->facts.topic.p) return text_of(c->cx, c->facts.topic);
  if (c->token.row) return ((const struct enroll_token *)c->token.state)->topic;
  return c->auth.row ? ((const struct enroll_facts *)c->auth.state)->topic : NULL;
}

static void set_text(struct pl *m, const char *key, const char *value) {
  if (value) pl_set_string(m, key, value);
}

static bool make_token(struct channel *c) {
  struct pl *m = message_new(c, "TokenUpdate");
  set_text(m, "Topic", topic_of(c));
  set_text(m, "PushMagic", text_of(c->cx, c->facts.push_magic));
  pl_set_data(m, "Token", c->facts.token);
  return read_made(c, "TokenUpdate", m, &c->token);
}

static bool make_auth(struct channel *c) {
  struct pl *m = message_new(c, "Authenticate");
  set_text(m, "Topic", topic_of(c));
  set_text(m, "SerialNumber", text_of(c->cx, c->facts.serial));
  return read_made(c, "Authenticate", m, &c->auth);
}

/* Both messages of a device, the one of a user; from what else there is when they are torn. */
static bool read_messages(struct channel *c) {
  bool user = c->ids.is_user, token;
  if (!user) (void)read_stored(c, "devices", "auth", "Authenticate", c->facts.auth, &c->auth);
  token = user ? read_stored(c, "users", "tok_upd", "TokenUpdate", c->facts.user_token, &c->token)
               : read_stored(c, "devices", "tok_upd", "TokenUpdate", c->facts.device_token, &c->token);
  if (!token && !make_token(c)) {
    bool begun = !c->facts.device_token.p && !c->facts.user_token.p && !c->facts.token.p;
    migrate_left_out(&c->m->folder, c->id,
                     begun ? "never finished its enrollment: no token"
                           : "neither its TokenUpdate nor its token is whole");
    return false;
  }
  if (user || c->auth.row || make_auth(c)) return true;
  migrate_left_out(&c->m->folder, c->id, "its Authenticate is not whole, and nothing replaces it");
  return false;
}

/* ---- one channel ---- */

static int64_t number_of(struct slice s, int64_t most) {
  int64_t n;
  return slice_to_i64(slice_trim(s), &n) && n > 0 && n <= most ? n : 0;
}

static enum err keep_history(struct channel *c, struct db *db, int64_t enrollment) {
  int64_t now = clock_now_us();
  struct migrate_history h = {.tally = number_of(c->facts.tally, INT32_MAX),
                              .enrolled_at = number_of(c->facts.enrolled_at, now),
                              .last_seen = number_of(c->facts.last_seen, now)};
  return migrate_channel_history(c->cx, db, enrollment, &h);
}

static enum err tell(struct channel *c, struct db *db, struct checkin *message) {
  return migrate_checkin(c->cx, db, message);
}

/* The one on file is the newest that NanoMDM saw: later messages come without one. */
static void add_unlock_token(struct channel *c) {
  struct enroll_token *t = c->token.state;
  if (c->facts.unlock_token.n > CHECKIN_UNLOCK_MAX)
    left_out(c, "enrollments", "unl_tok", "is too large for an unlock token");
  else if (!t->unlock_token.p)
    t->unlock_token = c->facts.unlock_token;
  c->m->report->unlock_tokens += t->unlock_token.p != NULL;
}

static enum err bring_bootstrap_token(struct channel *c, struct db *db) {
  struct checkin set;
  struct pl *m = message_new(c, "SetBootstrapToken");
  pl_set_data(m, "BootstrapToken", c->facts.bootstrap_token);
  if (!read_stored(c, "devices", "bstoken", "SetBootstrapToken", pl_xml(c->cx, m), &set)) return OK;
  c->m->report->bootstrap_tokens++;
  return tell(c, db, &set);
}

static enum err bring_device(struct channel *c, struct db *db) {
  TRY(tell(c, db, &c->auth));
  add_unlock_token(c);
  TRY(tell(c, db, &c->token));
  if (c->facts.bootstrap_token.p) TRY(bring_bootstrap_token(c, db));
  TRY(migrate_certificate(c->cx, db, c->m,
                          &(struct migrate_known){.id = c->id, .cert = c->facts.cert, .hash = c->facts.cert_hash}));
  c->m->report->devices++;
  return OK;
}

static enum err bring_user(struct channel *c, struct db *db) {
  TRY(tell(c, db, &c->token));
  c->m->report->users++;
  return OK;
}

static enum err leave(struct channel *c, struct db *db) {
  struct checkin out;
  TRY(read_message(c, "CheckOut", pl_xml(c->cx, message_new(c, "CheckOut")), &out));
  c->m->report->checked_out++;
  return tell(c, db, &out);
}

static void count_topic(struct channel *c, struct db *db) {
  const char *topic = ((const struct enroll_token *)c->token.state)->topic;
  struct pushcert ours;
  if (pushcert_find(c->cx, db, topic, &ours) == OK) return;
  ctx_clear_error(c->cx);
  migrate_count(c->m->report->topics, topic);
}

static enum err bring(struct channel *c, struct db *db) {
  int64_t enrollment, commands;
  bool seen;
  TRY(c->ids.is_user ? bring_user(c, db) : bring_device(c, db));
  TRY(migrate_channel(c->cx, db, c->id, &enrollment, &seen));
  TRY(keep_history(c, db, enrollment));
  count_topic(c, db);
  TRY(migrate_queue(c->cx, db, c->m, c->id, enrollment, &commands));
  if (c->facts.disabled.p) return leave(c, db);
  return commands ? push_due(c->cx, db, c->m->core, enrollment, PUSH_COMMAND, 0, NULL, NULL) : OK;
}

/* What a message cannot carry is replaced in it: then it is another id. */
static bool is_id(struct channel *c) {
  bool fine = enroll_ids(c->cx, message_new(c, "Authenticate"), &c->ids) == OK && strcmp(c->ids.id, c->id) == 0;
  ctx_clear_error(c->cx);
  return fine;
}

/* Is there room for it here? */
static enum err check_place(struct channel *c, struct db *db, bool *room) {
  struct migrate_place place;
  TRY(migrate_place(c->cx, db, c->ids.device, &place));
  *room = false;
  if (migrate_is_taken(&place)) {
    c->m->report->present += !c->ids.is_user;
    if (place.blocked) migrate_left_out(&c->m->folder, c->id, "is blocked here");
  } else if (c->ids.is_user && !migrate_is_waiting(&place)) {
    migrate_left_out(&c->m->folder, c->id, "its device did not come over");
  } else {
    *room = true;
  }
  return OK;
}

static enum err bring_channel(struct channel *c, struct db *db) {
  bool room;
  if (!is_id(c)) {
    migrate_left_out(&c->m->folder, c->id, "is no id that a device can have");
    return OK;
  }
  TRY(check_place(c, db, &room));
  if (!room) return OK;
  read_facts(c);
  return read_messages(c) ? bring(c, db) : OK;
}

/* ---- all of them ---- */

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

struct ids {
  struct migration *m;
  struct map *known;
  char **all;
  size_t n, room;
  const char *bucket;
};

static void add_id(struct ids *l, struct slice id) {
  if (map_get(l->known, id)) return;
  if (l->n == IDS_MAX) {
    migrate_left_out(&l->m->folder, l->bucket, "holds more devices and users than are brought over");
    return;
  }
  if (l->n == l->room) l->all = mem_realloc(l->all, (l->room = l->room ? 2 * l->room : 64) * sizeof *l->all);
  l->all[l->n] = ctx_memdup(l->m->folder.cx, id.p, id.n);
  map_put(l->known, id, l->all[l->n++]);
}

static bool is_attribute(const char *bucket, const char *name) {
  static const char *const others[] = {"device_ch", "user_auth", "user_auth_digest"}; /* of users; nothing to bring */
  for (int i = 0; i < ATTRIBUTES; i++)
    if (strcmp(attributes[i].bucket, bucket) == 0 && strcmp(attributes[i].name, name) == 0) return true;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(bucket, "users") == 0 && strcmp(others[i], name) == 0) return true;
  return false;
}

static void key_found(void *arg, const char *key) {
  struct ids *l = arg;
  const char *dot = strrchr(key, '.');
  if (strcmp(l->bucket, "enrollments") == 0 && strstr(key, ".user_ch.")) return; /* told by the user's own files */
  if (dot && is_attribute(l->bucket, dot + 1)) {
    add_id(l, slice_mem(key, (size_t)(dot - key)));
    return;
  }
  struct ctx *cx = ctx_new();
  migrate_left_out(&l->m->folder, migrate_path(cx, l->bucket, key), "is no file of NanoMDM's");
  ctx_free(cx);
}

/* "ID" comes before "ID:USER". */
static void list_ids(struct ids *l) {
  static const char *const buckets[] = {"devices", "users", "enrollments"};
  for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++) {
    l->bucket = buckets[i];
    migrate_walk(&l->m->folder, buckets[i], key_found, l);
  }
  if (l->n) qsort(l->all, l->n, sizeof *l->all, by_text);
}

/* What a channel of the folder did wrong hinders no other. */
static enum err bring_one(struct db *db, struct channel *c) {
  enum err e = bring_channel(c, db);
  bool its_own = e == E_INVALID || e == E_TOO_LARGE || e == E_CONFLICT || e == E_NOT_FOUND;
  if (!its_own) return e == OK ? OK : FAIL(c->m->folder.cx, e, "%s: %s", c->id, ctx_error_text(c->cx));
  migrate_left_out(&c->m->folder, c->id, ctx_error_text(c->cx));
  return OK;
}

static enum err bring_all(struct db *db, const struct ids *l) {
  enum err e = OK;
  for (size_t i = 0; i < l->n && e == OK; i++) {
    struct channel c = {.cx = ctx_new(), .m = l->m, .id = l->all[i]};
    e = bring_one(db, &c);
    ctx_free(c.cx);
  }
  return e;
}

static enum err bring_folder(struct db *db, struct migration *m) {
  TRY(migrate_pushcerts(db, m));
  struct ids l = {.m = m, .known = map_new()};
  list_ids(&l);
  enum err e = bring_all(db, &l);
  map_free(l.known, NULL);
  free(l.all);
  migrate_count_answered(m);
  return e;
}

enum err migrate_nanomdm(struct ctx *cx, struct db *db, struct core *core, const char *path,
                         struct migrate_report *out) {
  struct migration m = {.core = core, .report = out};
  *out = (struct migrate_report){.left_out = js_array(cx), .issuers = js_object(cx), .topics = js_object(cx)};
  TRY(migrate_folder_open(cx, path, out, &m.folder));
  enum err e = bring_folder(db, &m);
  migrate_folder_close(&m.folder);
  return e;
}
