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
