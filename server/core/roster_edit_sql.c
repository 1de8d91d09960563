#include "core/roster_int.h"

enum err roster_edit(struct ctx *cx, struct db *db, struct core *core, const struct roster_edit *e) {
  int64_t there, changed;
  TRY(db_one_int(cx, db, &there, "SELECT count(*) FROM device WHERE seq = $1", DB_I(e->device)));
  if (!there) return FAIL(cx, E_NOT_FOUND, "the device was forgotten meanwhile");
  TRY(db_run_n(cx, db, &changed,
               "UPDATE device SET assigned_user = nullif(coalesce($2, assigned_user), ''), "
               "email = nullif(coalesce($3, email), ''), asset_tag = nullif(coalesce($4, asset_tag), ''), "
               "note = nullif(coalesce($5, note), ''), edited = edited + 1 WHERE seq = $1 AND NOT ("
               "coalesce($2, assigned_user, '') = coalesce(assigned_user, '') AND coalesce($3, email, '') = "
               "coalesce(email, '') AND coalesce($4, asset_tag, '') = coalesce(asset_tag, '') AND "
               "coalesce($5, note, '') = coalesce(note, ''))",
               DB_I(e->device), DB_S(e->text[0]), DB_S(e->text[1]), DB_S(e->text[2]), DB_S(e->text[3])));
  if (changed) roster_changed(db, core, e->device);
  return OK;
}

enum err roster_version(struct ctx *cx, struct db *db, int64_t device, int64_t *version) {
  return db_one_int(cx, db, version, "SELECT edited FROM device WHERE seq = $1", DB_I(device));
}

enum err roster_named(struct ctx *cx, struct db *db, const char *name, bool by_id, int64_t *device, bool *several) {
  struct db_rows r;
  int64_t found = 0;
  int n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq FROM device WHERE $2 = 1 AND id = $1 UNION ALL "
                   "SELECT seq FROM device WHERE $2 = 0 AND serial_number = $1 AND successor IS NULL LIMIT 2",
                   DB_S(name), DB_I(by_id)));
  for (; db_next(&r); n++) found = db_int(&r, 0);
  *several = n > 1;
  if (n == 1) *device = found;
  return db_close(&r);
}

enum err roster_changes(struct ctx *cx, struct db *db, int64_t device, int most, struct roster_change *out, size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT at, what, was, is_now FROM inventory_change WHERE device = $1 ORDER BY seq DESC LIMIT $2",
                   DB_I(device), DB_I(most)));
  for (; db_next(&r); ++*n)
    out[*n] = (struct roster_change){
        .at = db_int(&r, 0), .what = db_text(&r, 1), .was = db_text(&r, 2), .is_now = db_text(&r, 3)};
  return db_close(&r);
}
