#include "core/hangup_int.h"

static struct db_val alert_of(const struct hangup *row) { return DB_NULL_IF(row->alert < 0, DB_I(row->alert)); }

enum err hangup_save(struct ctx *cx, struct db *db, const struct hangup *row) {
  return db_run(cx, db,
                "INSERT INTO hangup (address, first_at, last_at, count, alert) VALUES ($1, $2, $3, $4, $5) "
                "ON CONFLICT (address) DO UPDATE SET last_at = excluded.last_at, "
                "count = hangup.count + excluded.count, alert = excluded.alert",
                DB_S(row->address), DB_I(row->first_at), DB_I(row->last_at), DB_I(row->count), alert_of(row));
}

enum err hangup_trim(struct ctx *cx, struct db *db) {
  return db_run(cx, db,
                "DELETE FROM hangup WHERE address IN (SELECT address FROM hangup ORDER BY last_at DESC, address "
                "LIMIT -1 OFFSET $1)",
                DB_I(HANGUP_ADDRESSES_MAX));
}

enum err hangup_list(struct ctx *cx, struct db *db, const char *address, int64_t since, struct hangup **out,
                     size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, HANGUP_ADDRESSES_MAX * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT address, first_at, last_at, count, alert FROM hangup "
                   "WHERE last_at >= $1 AND address = coalesce($2, address) ORDER BY last_at DESC LIMIT $3",
                   DB_I(since), DB_S(address), DB_I(HANGUP_ADDRESSES_MAX)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct hangup){.address = db_text(&r, 0),
                                     .first_at = db_int(&r, 1),
                                     .last_at = db_int(&r, 2),
                                     .count = db_int(&r, 3),
                                     .alert = db_is_null(&r, 4) ? -1 : (int)db_int(&r, 4)};
  return db_close(&r);
}
