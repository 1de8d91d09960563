/* The facts of one question, loaded once. */
#include "core/why_load.h"

#include "base/clock.h"

#include <string.h>

enum { REFUSED_MOST = 8 };
enum { TOPICS = sizeof((struct why_shared *)0)->topics / sizeof *((struct why_shared *)0)->topics };

/* ---- what many share ---- */

enum err why_shared_load(struct ctx *cx, struct db *db, struct core *core, struct why_shared *out) {
  *out = (struct why_shared){.cx = cx, .core = core, .db = db, .now = clock_now_us()};
  return why_server_load(cx, db, core, &out->server);
}

/* The certificate, and whether its key can be read: what fails is a fact, not an error of the question. */
static enum err load_cert(struct ctx *cx, struct why_shared *s, struct why_topic *t) {
  struct slice cert, key;
  int64_t not_after;
  enum err e = pushcert_find(cx, s->db, t->name, &t->cert);
  t->found = e == OK;
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  TRY(e);
  e = pushcert_open(cx, s->db, s->core, t->name, &cert, &key, &not_after);
  if (e == OK) return OK;
  t->key_trouble = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  return OK;
}

static enum err load_topic(struct ctx *cx, struct why_shared *s, const char *name, struct why_topic *t) {
  *t = (struct why_topic){.name = ctx_strdup(cx, name), .people = ""};
  if (!name) return OK;
  TRY(load_cert(cx, s, t));
  TRY(push_topic_hindrance(cx, s->db, name, &t->hindrance));
  TRY(push_link_of(cx, s->db, name, &t->link, &t->link_known));
  TRY(pushcert_record_read(cx, s->db, name, &t->record));
  t->people = pushcert_people(cx, &t->record);
  return why_count_topic(cx, s->db, name, &t->devices);
}

static bool same(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

enum err why_topic_load(struct ctx *cx, struct why_shared *s, const char *topic, struct why_topic **out) {
  for (size_t i = 0; i < s->topics_n; i++)
    if (same(s->topics[i]->name, topic)) return *out = s->topics[i], OK;
  bool kept = s->topics_n < TOPICS;
  if (kept) cx = s->cx;
  *out = ctx_alloc(cx, sizeof **out);
  TRY(load_topic(cx, s, topic, *out));
  if (kept) s->topics[s->topics_n++] = *out;
  return OK;
}

/* ---- of one channel ---- */

static struct why_facts start(struct why_shared *s) {
  return (struct why_facts){.core = s->core, .db = s->db, .now = s->now, .server = &s->server};
}

/* Of the device, whether it has a channel or not. */
static enum err load_device(struct ctx *cx, struct why_shared *s, struct why_facts *f) {
  size_t n = 0;
  const struct why_device *d = &f->device;
  if (d->generation) TRY(why_read_generation(cx, f->db, d->generation, &f->current));
  if (d->pending) TRY(why_read_generation(cx, f->db, d->pending, &f->pending));
  if (d->pending) TRY(enroll_takeovers(cx, f->db, f->core, d->seq, &f->takeover, &n));
  if (n == 0) f->takeover = NULL;
  TRY(refused_list(cx, f->db, d->id, 0, REFUSED_MOST, &f->refused, &f->refused_n));
  if (d->serial) TRY(why_read_other(cx, f));
  TRY(why_read_renewal(cx, f));
  TRY(why_url_load(cx, f));
  TRY(why_hangup_load(cx, f));
  TRY(why_read_past(cx, f));
  const char *topic = f->enrollment.topic ? f->enrollment.topic : d->pending ? f->pending.topic : f->current.topic;
  struct why_topic *t;
  TRY(why_topic_load(cx, s, topic, &t));
  f->topic = t;
  return OK;
}

static enum err load_channel(struct ctx *cx, struct why_shared *s, int64_t enrollment, const char *uuid,
                             struct why_facts *f) {
  bool found;
  TRY(why_read_channel(cx, f, enrollment, &found));
  if (!found) return FAIL(cx, E_NOT_FOUND, "there is no such enrollment");
  f->id = f->enrollment.id;
  TRY(why_read_command(cx, f, uuid));
  if (f->command.waiting) TRY(why_read_head(cx, f));
  TRY(why_outcome_load(cx, f));
  return load_device(cx, s, f);
}

enum err why_facts_channel(struct ctx *cx, struct why_shared *s, int64_t enrollment, struct why_facts *out) {
  *out = start(s);
  return load_channel(cx, s, enrollment, NULL, out);
}

enum err why_facts_topic(struct ctx *cx, struct why_shared *s, const char *topic, struct why_facts *out) {
  struct why_topic *t;
  *out = start(s);
  TRY(why_topic_load(cx, s, topic, &t));
  out->topic = t;
  return why_url_load(cx, out); /* of public-url */
}

/* One that has never finished an enrollment, or is not known at all. */
static enum err load_stranger(struct ctx *cx, struct why_shared *s, const char *name, struct why_facts *f) {
  char *id = NULL;
  bool of_user;
  enum err e = enroll_device_named(cx, f->db, name, &id, &of_user);
  if (e == E_NOT_FOUND) {
    ctx_clear_error(cx);
    TRY(refused_list(cx, f->db, name, 0, REFUSED_MOST, &f->refused, &f->refused_n));
    if (f->refused_n == 0) return FAIL(cx, E_NOT_FOUND, "no device %s is known here, and none has asked to be", name);
    f->id = ctx_strdup(cx, name);
    struct why_topic *t;
    TRY(why_topic_load(cx, s, NULL, &t));
    f->topic = t;
    return OK;
  }
  TRY(e);
  TRY(why_read_device(cx, f, id));
  f->id = f->device.id;
  return load_device(cx, s, f);
}

enum err why_facts_load(struct ctx *cx, struct why_shared *s, const char *name, const char *command_uuid,
                        struct why_facts *out) {
  int64_t enrollment;
  char *id;
  *out = start(s);
  enum err e = enroll_lookup(cx, s->db, name, &enrollment, &id);
  if (e == OK) return load_channel(cx, s, enrollment, command_uuid, out);
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  TRY(load_stranger(cx, s, name, out));
  if (command_uuid) return FAIL(cx, E_NOT_FOUND, "there is no command %s for %s", command_uuid, name);
  return OK;
}
