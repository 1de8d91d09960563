#include "core/dossier_int.h"

enum err dossier_row(struct ctx *cx, struct db *db, const char *topic, struct dossier_row *out) {
  struct db_rows r;
  *out = (struct dossier_row){.states = "{}", .checklist = "{}"};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT target_account, created_by_person, contact, states, checklist, updated_at, updated_by"
                   " FROM dossier WHERE topic = $1",
                   DB_S(topic)));
  if (db_next(&r))
    *out = (struct dossier_row){.target_account = db_text(&r, 0),
                                .created_by = db_text(&r, 1),
                                .contact = db_text(&r, 2),
                                .states = db_text(&r, 3),
                                .checklist = db_text(&r, 4),
                                .updated_at = db_int(&r, 5),
                                .updated_by = db_text(&r, 6)};
  return db_close(&r);
}

enum err dossier_row_save(struct ctx *cx, struct db *db, const char *topic, const struct dossier_row *row) {
  return db_run(cx, db,
                "INSERT INTO dossier (topic, target_account, created_by_person, contact, states, checklist, updated_at,"
                " updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (topic) DO UPDATE SET"
                " target_account = $2, created_by_person = $3, contact = $4, states = $5, checklist = $6,"
                " updated_at = $7, updated_by = $8",
                DB_S(topic), DB_S(row->target_account), DB_S(row->created_by), DB_S(row->contact), DB_S(row->states),
                DB_S(row->checklist), DB_I(row->updated_at), DB_S(row->updated_by));
}
