#include "core/feed_int.h"

enum err feed_events(struct ctx *cx, struct db *db, int64_t after, int64_t most, struct feed_event **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r, "SELECT seq, kind, enrollment, data FROM event WHERE seq > $1 ORDER BY seq LIMIT $2",
                   DB_I(after), DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct feed_event){db_int(&r, 0), db_text(&r, 1), db_text(&r, 2), db_text(&r, 3)};
  return db_close(&r);
}

enum err feed_last(struct ctx *cx, struct db *db, int64_t *seq) {
  return db_one_int(cx, db, seq, "SELECT coalesce(max(seq), 0) FROM event");
}

enum err feed_missed(struct ctx *cx, struct db *db, int64_t after, int64_t most, bool *too_many) {
  int64_t oldest, last, n;
  TRY(db_one_int(cx, db, &oldest, "SELECT coalesce(min(seq), 0) FROM event"));
  TRY(feed_last(cx, db, &last));
  TRY(db_one_int(cx, db, &n, "SELECT count(*) FROM (SELECT 1 FROM event WHERE seq > $1 LIMIT $2)", DB_I(after),
                 DB_I(most + 1)));
  *too_many = after > last || after + 1 < oldest || n > most;
  return OK;
}

static enum err one_text(struct db_rows *r, char **out) {
  *out = db_next(r) ? db_text(r, 0) : NULL;
  return db_close(r);
}

enum err feed_device(struct ctx *cx, struct db *db, int64_t device, char **id) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT id FROM device WHERE seq = $1", DB_I(device)));
  return one_text(&r, id);
}

enum err feed_channel(struct ctx *cx, struct db *db, int64_t enrollment, char **id) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT id FROM enrollment WHERE seq = $1", DB_I(enrollment)));
  return one_text(&r, id);
}

enum err feed_target(struct ctx *cx, struct db *db, int64_t target, struct feed_target *out) {
  struct db_rows r;
  *out = (struct feed_target){0};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT e.id, c.uuid, t.status FROM target t JOIN command c ON c.seq = t.command JOIN enrollment e ON "
      "e.seq = t.enrollment WHERE t.seq = $1 AND t.own = 0",
      DB_I(target)));
  if (db_next(&r)) *out = (struct feed_target){db_text(&r, 0), db_text(&r, 1), db_text(&r, 2)};
  return db_close(&r);
}
