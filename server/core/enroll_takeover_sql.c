#include "core/enroll_int.h"

#include "base/clock.h"

enum { RETURN_DAYS = 30 };

static struct slice hash_slice(const uint8_t *hash) { return slice_mem(hash, SHA256_LEN); }

/* ---- one that lost its device by silence ---- */

enum err enroll_lost_to(struct ctx *cx, struct db *db, int64_t device, const uint8_t hash[32],
                        struct enroll_loss *out) {
  struct db_rows r;
  int64_t now = clock_now_us();
  *out = (struct enroll_loss){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT i.generation, t.seq FROM identity i JOIN device d ON d.id = i.device_id "
                   "JOIN generation t ON t.device = d.seq AND t.replaced = i.generation "
                   "WHERE i.hash = $1 AND d.seq = $2 AND i.voided_at IS NULL AND (i.ends_at IS NULL OR i.ends_at > $3) "
                   "AND i.generation <> d.generation AND t.way_in = 'silence' AND t.enrolled_at > $4 "
                   "AND NOT EXISTS (SELECT 1 FROM generation o WHERE o.device = d.seq AND o.seq > t.seq "
                   "AND o.way_in = 'operator' AND o.enrolled_at IS NOT NULL)",
                   DB_B(hash_slice(hash)), DB_I(device), DB_I(now), DB_I(now - RETURN_DAYS * US_DAY)));
  if (db_next(&r)) *out = (struct enroll_loss){.former = db_int(&r, 0), .usurper = db_int(&r, 1)};
  return db_close(&r);
}

enum err enroll_may_return(struct ctx *cx, struct db *db, int64_t device, const uint8_t hash[32], bool *may_return) {
  struct enroll_loss loss;
  TRY(enroll_lost_to(cx, db, device, hash, &loss));
  *may_return = loss.usurper != 0;
  return OK;
}

/* ---- first contact of a migrated device ---- */

enum err enroll_generation_identify(struct ctx *cx, struct db *db, int64_t device, int64_t generation,
                                    const uint8_t hash[32]) {
  TRY(db_run(cx, db, "UPDATE generation SET identity = $2 WHERE seq = $1", DB_I(generation), DB_B(hash_slice(hash))));
  return db_run(cx, db, "UPDATE device SET contact_until = NULL WHERE seq = $1", DB_I(device));
}
