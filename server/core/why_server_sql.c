#include "core/why_load.h"

#include "base/clock.h"
#include "core/roster.h"

/* Alerts that speak of the server's certificate (RFC 8446, 6.2), and none at all. */
#define OF_CERTIFICATE "(h.alert IS NULL OR h.alert IN (42, 45, 46, 48))"

/* A push that was taken half an hour ago is answered, unless its device sleeps: not five of them. */
/* The database is asked only where nobody came for long: it holds that in no index, for each poll would pay for one. */
static enum err read_silence(struct ctx *cx, struct db *db, struct core *core, struct why_server *out) {
  int64_t now = clock_now_us();
  out->seen_last = roster_last_seen(core);
  if (out->seen_last > now - WHY_SILENCE) return OK;
  TRY(db_one_int(cx, db, &out->seen_last, "SELECT coalesce(max(last_seen), 0) FROM enrollment"));
  if (out->seen_last > now - WHY_SILENCE) return OK; /* somebody comes: nobody asks who does not */
  return db_one_int(cx, db, &out->pushed_in_vain,
                    "SELECT count(*) FROM wake w JOIN enrollment e ON e.seq = w.enrollment WHERE w.status = 200 "
                    "AND w.sent_at >= $1 AND w.sent_at <= $2 AND w.sent_at > coalesce(e.last_seen, 0)",
                    DB_I(now - 2 * WHY_SILENCE), DB_I(now - WHY_SILENCE));
}

/* Where somebody came in since the TLS certificate changed, it is not what others hang up at. */
enum err why_read_traffic(struct ctx *cx, struct db *db, struct core *core, struct why_server *out) {
  TRY(read_silence(cx, db, core, out));
  return db_one_int(cx, db, &out->hung_up,
                    "SELECT count(*) FROM hangup h WHERE " OF_CERTIFICATE " AND EXISTS (SELECT 1 FROM enrollment e "
                    "CROSS JOIN wake w WHERE w.enrollment = e.seq AND e.last_address = h.address AND w.status = 200 "
                    "AND w.sent_at > coalesce(e.last_seen, 0) AND coalesce(w.taken_at, w.sent_at) <= h.last_at) "
                    "AND NOT EXISTS (SELECT 1 FROM enrollment g WHERE g.last_address = h.address AND g.last_seen > $1)",
                    DB_I(out->tls.since));
}

enum err why_others_came(struct ctx *cx, struct db *db, const char *address, int64_t since, bool *out) {
  int64_t found;
  TRY(db_one_int(cx, db, &found, "SELECT EXISTS (SELECT 1 FROM enrollment WHERE last_address = $1 AND last_seen > $2)",
                 DB_S(address), DB_I(since)));
  *out = found != 0;
  return OK;
}
