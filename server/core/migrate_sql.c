#include "core/migrate_int.h"

#include "base/clock.h"
#include "base/enc.h"

enum { HASH_LEN = 32 };

static struct slice hash_slice(const uint8_t *hash) { return slice_mem(hash, hash ? HASH_LEN : 0); }

enum err migrate_place(struct ctx *cx, struct db *db, const char *device_id, struct migrate_place *out) {
  struct db_rows r;
  *out = (struct migrate_place){0};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.seq, d.generation, d.pending, d.blocked_at IS NOT NULL, d.checked_out_at IS NOT NULL, "
      "coalesce(g.origin = 'migrated', 0), coalesce(p.origin = 'migrated', 0), i.seen_at IS NOT NULL OR "
      "EXISTS (SELECT 1 FROM enrollment e WHERE e.device = d.seq AND e.last_address IS NOT NULL) "
      "FROM device d LEFT JOIN generation g ON g.seq = d.generation LEFT JOIN generation p ON p.seq = d.pending "
      "LEFT JOIN identity i ON i.hash = g.identity WHERE d.id = $1",
      DB_S(device_id)));
  if (db_next(&r))
    *out = (struct migrate_place){.device = db_int(&r, 0),
                                  .generation = db_int(&r, 1),
                                  .pending = db_int(&r, 2),
                                  .blocked = db_int(&r, 3) != 0,
                                  .checked_out = db_int(&r, 4) != 0,
                                  .migrated = db_int(&r, 5) != 0,
                                  .pending_migrated = db_int(&r, 6) != 0,
                                  .seen = db_int(&r, 7) != 0};
  return db_close(&r);
}

/* ---- generations ---- */

enum err migrate_generation_mark(struct ctx *cx, struct db *db, int64_t generation) {
  return db_run(cx, db, "UPDATE generation SET origin = 'migrated' WHERE seq = $1", DB_I(generation));
}

enum err migrate_generation_retell(struct ctx *cx, struct db *db, int64_t generation, const char *topic,
                                   const char *facts) {
  return db_run(cx, db, "UPDATE generation SET topic = $2, facts = $3 WHERE seq = $1", DB_I(generation), DB_S(topic),
                DB_S(facts));
}

/* ---- devices and channels ---- */

enum err migrate_device_back(struct ctx *cx, struct db *db, int64_t device, int64_t until) {
  return db_run(cx, db,
                "UPDATE device SET checked_out_at = NULL, contact_until = CASE WHEN "
                "(SELECT g.identity FROM generation g WHERE g.seq = device.generation) IS NULL THEN $2 END "
                "WHERE seq = $1",
                DB_I(device), DB_I(until));
}

enum err migrate_device_expect(struct ctx *cx, struct db *db, int64_t device, const uint8_t *hash) {
  return db_run(cx, db, "UPDATE device SET contact_hash = $2 WHERE seq = $1", DB_I(device), DB_B(hash_slice(hash)));
}

enum err migrate_identity(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *known, char **owner) {
  struct db_rows r;
  *owner = NULL;
  TRY(db_open_rows(cx, db, &r, "SELECT device_id FROM identity WHERE hash = $1", DB_B(hash_slice(hash))));
  *known = db_next(&r);
  if (*known) *owner = db_text(&r, 0);
  return db_close(&r);
}

/* The token was good when the device was last seen: what APNs says of a later time counts. */
enum err migrate_channel_history(struct ctx *cx, struct db *db, int64_t enrollment, const struct migrate_history *h) {
  TRY(db_run(cx, db,
             "UPDATE generation SET enrolled_at = coalesce($2, enrolled_at) WHERE seq = (SELECT d.generation FROM "
             "device d JOIN enrollment e ON e.device = d.seq AND e.id = d.id WHERE e.seq = $1)",
             DB_I(enrollment), DB_NULL_IF(h->enrolled_at == 0, DB_I(h->enrolled_at))));
  return db_run(cx, db,
                "UPDATE enrollment SET token_update_tally = $2, created_at = coalesce($3, created_at), "
                "token_at = coalesce($4, token_at), last_seen = $4, last_address = NULL WHERE seq = $1",
                DB_I(enrollment), DB_I(h->tally > 0 ? h->tally : 1),
                DB_NULL_IF(h->enrolled_at == 0, DB_I(h->enrolled_at)),
                DB_NULL_IF(h->last_seen == 0, DB_I(h->last_seen)));
}

enum err migrate_channel(struct ctx *cx, struct db *db, const char *id, int64_t *enrollment, bool *seen) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT seq, last_address IS NOT NULL FROM enrollment WHERE id = $1", DB_S(id)));
  bool found = db_next(&r);
  *enrollment = found ? db_int(&r, 0) : 0;
  *seen = found && db_int(&r, 1) != 0;
  return db_close(&r);
}
