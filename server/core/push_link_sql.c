#include "core/push_int.h"

#include "base/clock.h"

static struct push_link read_link(struct db_rows *r) {
  return (struct push_link){.topic = db_text(r, 0),
                            .up = db_int(r, 1) != 0,
                            .since = db_int(r, 2),
                            .kind = push_trouble_of(db_text(r, 3)),
                            .text = db_text(r, 4),
                            .issuer = db_text(r, 5),
                            .proxy_status = (int)db_int(r, 6),
                            .alert = db_is_null(r, 7) ? -1 : (int)db_int(r, 7),
                            .host = db_text(r, 8),
                            .refusal = db_text(r, 9),
                            .refused_at = db_int(r, 10),
                            .pushcert = db_int(r, 11)};
}
#define COLUMNS                                                                                                        \
  "topic, up, since, kind, text, issuer, proxy_status, alert, host, refusal, refused_at, pushcert FROM apns_link "

enum err push_links(struct ctx *cx, struct db *db, struct push_link **out, size_t *n) {
  int64_t count = 0;
  int64_t now = clock_now_us();
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM apns_link"));
  *out = ctx_alloc(cx, (size_t)count * sizeof **out);
  *n = 0;
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT " COLUMNS
                   "WHERE pushcert IN (SELECT seq FROM pushcert WHERE superseded_at IS NULL AND not_after > $2)"
                   " ORDER BY topic LIMIT $1",
                   DB_I(count), DB_I(now)));
  while (db_next(&r)) (*out)[(*n)++] = read_link(&r);
  return db_close(&r);
}

enum err push_link_of(struct ctx *cx, struct db *db, const char *topic, struct push_link *out, bool *found) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT " COLUMNS "WHERE topic = $1", DB_S(topic)));
  *found = db_next(&r);
  if (*found) *out = read_link(&r);
  return db_close(&r);
}

enum err push_link_write(struct ctx *cx, struct db *db, const struct push_link *l) {
  return db_run(
      cx, db,
      "INSERT INTO apns_link (topic, up, since, kind, text, issuer, proxy_status, alert, host, refusal, refused_at,"
      " pushcert) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
      " ON CONFLICT (topic) DO UPDATE SET up = $2, since = $3, kind = $4, text = $5, issuer = $6, proxy_status = $7,"
      " alert = $8, host = $9, refusal = $10, refused_at = $11, pushcert = $12",
      DB_S(l->topic), DB_I(l->up), DB_I(l->since), DB_S(push_trouble_name(l->kind)), DB_S(l->text),
      DB_NULL_IF(!l->issuer || !*l->issuer, DB_S(l->issuer)), DB_NULL_IF(!l->proxy_status, DB_I(l->proxy_status)),
      DB_NULL_IF(l->alert < 0, DB_I(l->alert)), DB_S(l->host),
      DB_NULL_IF(!l->refusal || !*l->refusal, DB_S(l->refusal)), DB_NULL_IF(!l->refused_at, DB_I(l->refused_at)),
      DB_I(l->pushcert));
}
