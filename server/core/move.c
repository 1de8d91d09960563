#include "core/move_int.h"

#include "base/clock.h"
#include "core/enroll.h"
#include "core/event.h"
#include "core/pushcert.h"

#include <string.h>

enum { CHUNK = 100 };

/* ---- ways ---- */

#define OPEN_LINK "then open its link on the device."
#define LOSES " What was managed goes with the profile (apps, accounts, settings): it comes again after enrolling."

/* First match wins: the order is that of move_way_of. */
enum { SIGN_IN, SETUP, FOREIGN, REMOVE_SUPERVISED, REMOVE, UNKNOWN, WAYS };
static const struct move_way ways[WAYS] = {
    [SIGN_IN] =
        {"sign-in", "no",
         "User Enrollment: its user signs out of the account in Settings, General, VPN & Device Management, and "
         "enrolls again by signing in." LOSES},
    [SETUP] = {"setup-assistant", "yes",
               "It waits in Setup Assistant, which only automated enrollment does: erase it, so that Setup Assistant "
               "fetches the new profile."},
    [FOREIGN] = {"look", "unknown",
                 "Another server enrolled it: whether its profile can be removed is not known here. Look in Settings, "
                 "General, VPN & Device Management: when there is a button to remove it, remove it and open the link; "
                 "when there is none (automated enrollment), erase the device." LOSES},
    [REMOVE_SUPERVISED] = {"remove-supervised", "no",
                           "Supervised, but enrolled by a link: its profile can be removed. Remove it in Settings, "
                           "General, VPN & Device Management, " OPEN_LINK LOSES},
    [REMOVE] = {"remove", "no",
                "Enrolled by a link: remove the profile in Settings, General, VPN & Device Management (a Mac: System "
                "Settings, General, Device Management), " OPEN_LINK LOSES},
    [UNKNOWN] = {"unknown", "unknown",
                 "How it was enrolled is not known here. When its profile can be removed, remove it and open the "
                 "link; else erase the device." LOSES},
};

const struct move_way *move_way_of(const struct move_facts *f) {
  if (f->user_enrollment) return &ways[SIGN_IN];
  if (f->awaiting) return &ways[SETUP];
  if (f->migrated || f->adopted) return &ways[FOREIGN];
  if (!f->by_link) return &ways[UNKNOWN];
  return &ways[f->supervised ? REMOVE_SUPERVISED : REMOVE];
}

const struct move_way *move_way_named(const char *slug) {
  for (int i = 0; i < WAYS; i++)
    if (slug && strcmp(ways[i].slug, slug) == 0) return &ways[i];
  return &ways[UNKNOWN];
}

/* ---- beginning and end ---- */

static enum err tell(struct ctx *cx, struct db *db, const char *kind, const char *topic, const char *reason,
                     const char *by) {
  struct js *data = js_object(cx);
  js_set_string(data, "topic", topic);
  if (reason) js_set_string(data, "reason", reason);
  js_set_string(data, "by", by);
  TRY(pushcert_history_add(cx, db, topic, 0, kind + strlen("pushcert."), by, data));
  return event_add(cx, db, kind, NULL, data);
}

enum err move_start(struct ctx *cx, struct db *db, const char *topic, const char *reason, const char *by) {
  struct move_open open[2];
  size_t n;
  bool any;
  if (!reason || !*reason) return FAIL(cx, E_INVALID, "say why the topic is lost (--reason): it stays on record");
  TRY(move_open(cx, db, topic, open, &n));
  if (n) return FAIL(cx, E_CONFLICT, "the devices of %s are being moved already (`pomona pushcert move`)", topic);
  TRY(move_has_listeners(cx, db, topic, &any));
  if (!any) return FAIL(cx, E_NOT_FOUND, "no enrolled device listens on %s: there is nothing to move", topic);
  TRY(move_add(cx, db, topic, reason, by, clock_now_us()));
  return tell(cx, db, "pushcert.move-started", topic, reason, by);
}

static enum err the_open_one(struct ctx *cx, struct db *db, const char *topic, struct move_open *out) {
  struct move_open open[2];
  size_t n;
  TRY(move_open(cx, db, topic, open, &n));
  if (!n)
    return FAIL(cx, E_NOT_FOUND, "no move%s%s is open (`pomona pushcert move start`)", topic ? " of " : "",
                topic ? topic : "");
  if (n > 1) return FAIL(cx, E_CONFLICT, "several topics are being moved: say which (--topic)");
  *out = open[0];
  return OK;
}

enum err move_end(struct ctx *cx, struct db *db, const char **topic, const char *by) {
  struct move_open open;
  TRY(the_open_one(cx, db, *topic, &open));
  *topic = open.topic;
  TRY(move_close(cx, db, open.seq, clock_now_us()));
  return tell(cx, db, "pushcert.move-ended", open.topic, NULL, by);
}

/* ---- following ---- */

struct planning {
  bool more;
};

static enum err plan_job(struct ctx *cx, struct db *db, void *arg) {
  struct planning *p = arg;
  struct move_planning m;
  struct move_candidate *rows;
  size_t n;
  TRY(move_planning(cx, db, &m));
  p->more = m.seq != 0;
  if (!m.seq) return OK;
  TRY(move_candidates(cx, db, &(struct move_wanted){m.seq, m.reached, m.topic}, CHUNK, &rows, &n));
  for (size_t i = 0; i < n; i++) TRY(move_add_device(cx, db, m.seq, rows[i].device, move_way_of(&rows[i].facts)->slug));
  return move_reached(cx, db, m.seq, n < CHUNK ? 0 : rows[n - 1].enrollment);
}

struct following {
  struct move_arrival *rows;
  size_t n;
};

static enum err follow_job(struct ctx *cx, struct db *db, void *arg) {
  const struct following *f = arg;
  for (size_t i = 0; i < f->n; i++) TRY(move_mark_done(cx, db, &f->rows[i]));
  return OK;
}

enum err move_list(struct ctx *cx, struct core *core) {
  struct planning p;
  struct move_planning m;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(move_planning(cx, db, &m));
  p.more = m.seq != 0;
  while (p.more && !atomic_load(&core->ending)) TRY(db_call(cx, core->store, plan_job, &p));
  return OK;
}

enum err move_chore(struct ctx *cx, struct core *core) {
  struct following f = {.n = CHUNK};
  struct db *db;
  TRY(move_list(cx, core));
  TRY(db_reader(cx, core->store, &db));
  while (f.n == CHUNK) {
    TRY(move_arrivals(cx, db, CHUNK, &f.rows, &f.n));
    if (f.n) TRY(db_call(cx, core->store, follow_job, &f));
  }
  return OK;
}

struct latecomers {
  int64_t move;
  struct move_candidate *rows;
  size_t n;
};

static enum err late_job(struct ctx *cx, struct db *db, void *arg) {
  const struct latecomers *l = arg;
  for (size_t i = 0; i < l->n; i++)
    TRY(move_add_device(cx, db, l->move, l->rows[i].device, move_way_of(&l->rows[i].facts)->slug));
  return OK;
}

/* Enrolled before there was another topic, or back from being disabled. */
enum err move_late_chore(struct ctx *cx, struct core *core) {
  struct move_open m = {0};
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  for (;;) {
    TRY(move_listed(cx, db, m.seq, &m));
    if (!m.seq) return OK;
    struct latecomers l = {.move = m.seq, .n = CHUNK};
    while (l.n == CHUNK && !atomic_load(&core->ending)) {
      TRY(move_candidates(cx, db, &(struct move_wanted){m.seq, 0, m.topic}, CHUNK, &l.rows, &l.n));
      if (l.n) TRY(db_call(cx, core->store, late_job, &l));
    }
  }
}

/* ---- links ---- */

/* A link gives the topic of the newest valid certificate: that must not be the lost one. */
static enum err check_target(struct ctx *cx, struct db *db, const char *lost) {
  char *topic = NULL;
  enum err e = pushcert_topic(cx, db, &topic);
  if (e != OK && e != E_NOT_FOUND) return e;
  if (e == OK && strcmp(topic, lost) != 0) return OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_CONFLICT,
              "devices that enroll now would %s: import the certificate of the new topic first "
              "(`pomona pushcert import --new-topic FILE…`)",
              topic ? "listen on the lost topic again" : "have no valid push certificate");
}

enum err move_links(struct ctx *cx, struct db *db, struct move_links *l) {
  struct move_open open;
  TRY(the_open_one(cx, db, l->topic, &open));
  TRY(check_target(cx, db, open.topic));
  if (open.planning)
    return FAIL(cx, E_CONFLICT, "the devices of %s are still being listed: try again in a moment", open.topic);
  TRY(move_missing(cx, db, open.seq, l->after, l->most, &l->out, &l->n));
  for (size_t i = 0; i < l->n; i++) {
    struct enroll_link what = {.ttl_us = l->ttl_us, .uses = 1, .device = l->out[i].id, .by = l->by};
    TRY(enroll_link_new(cx, db, &what, &l->out[i].token));
    TRY(move_set_link(cx, db, open.seq, l->out[i].device));
  }
  return OK;
}
