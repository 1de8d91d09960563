#include "core/escrow_int.h"

#include "base/clock.h"

enum err escrow_row_add(struct ctx *cx, struct db *db, const struct escrow_row *row, const char *command) {
  return db_run(cx, db,
                "INSERT INTO escrow (device, kind, digest, value_sealed, command, at) VALUES ($1, $2, $3, $4, $5, $6) "
                "ON CONFLICT (device, kind, digest) DO NOTHING",
                DB_I(row->device), DB_S(row->kind), DB_B(row->digest), DB_B(row->sealed), DB_S(command),
                DB_I(clock_now_us()));
}
