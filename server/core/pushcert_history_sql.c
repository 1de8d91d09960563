#include "core/pushcert_int.h"

#include "base/clock.h"

enum err pushcert_history_add(struct ctx *cx, struct db *db, const char *topic, int64_t pushcert, const char *act,
                              const char *by, struct js *detail) {
  return db_run(cx, db,
                "INSERT INTO pushcert_history (topic, at, by, act, pushcert, detail) VALUES ($1, $2, $3, $4, $5, $6)",
                DB_S(topic), DB_I(clock_now_us()), DB_S(by), DB_S(act), DB_NULL_IF(!pushcert, DB_I(pushcert)),
                DB_T(js_text(cx, detail ? detail : js_object(cx), JS_COMPACT)));
}

enum err pushcert_probed(struct ctx *cx, struct db *db, int64_t pushcert, char **topic, char **before) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT topic, proof FROM pushcert WHERE seq = $1", DB_I(pushcert)));
  bool found = db_next(&r);
  *topic = found ? db_text(&r, 0) : NULL;
  *before = found ? db_text(&r, 1) : NULL;
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no such push certificate");
}

enum err pushcert_set_proof(struct ctx *cx, struct db *db, int64_t pushcert, const char *proof, const char *text) {
  return db_run(cx, db,
                "UPDATE pushcert SET probed_at = $2, proof = $3, proof_text = $4,"
                " proven_at = CASE WHEN $3 = 'proven' THEN $2 ELSE proven_at END WHERE seq = $1",
                DB_I(pushcert), DB_I(clock_now_us()), DB_S(proof), DB_S(text));
}

static struct pushcert_act read_act(struct db_rows *r) {
  return (struct pushcert_act){.at = db_int(r, 0),
                               .topic = db_text(r, 1),
                               .act = db_text(r, 2),
                               .by = db_text(r, 3),
                               .pushcert = db_int(r, 4),
                               .serial_number = db_text(r, 5)};
}

enum err pushcert_acts(struct ctx *cx, struct db *db, const char *topic, struct pushcert_act **out, size_t *n) {
  enum { MOST = 10000 };
  int64_t count = 0;
  struct db_rows r;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM pushcert_history WHERE $1 IS NULL OR topic = $1", DB_S(topic)));
  *out = ctx_alloc(cx, (size_t)count * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT h.at, h.topic, h.act, h.by, h.pushcert, p.serial_number, h.detail FROM pushcert_history h"
                   " LEFT JOIN pushcert p ON p.seq = h.pushcert WHERE ($1 IS NULL OR h.topic = $1) AND h.seq >"
                   " (SELECT coalesce(max(seq), 0) - $2 FROM pushcert_history) ORDER BY h.seq LIMIT $3",
                   DB_S(topic), DB_I(MOST), DB_I(count)));
  enum err e = OK;
  for (; e == OK && db_next(&r); ++*n) {
    (*out)[*n] = read_act(&r);
    e = js_parse(cx, slice_of(db_text(&r, 6)), &(*out)[*n].detail);
  }
  enum err closed = db_close(&r);
  return e != OK ? e : closed;
}
