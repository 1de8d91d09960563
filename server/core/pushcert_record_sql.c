#include "core/pushcert_int.h"

#include "base/clock.h"

static void read_people(struct db_rows *r, struct pushcert_record *out) {
  out->apple_account = db_text(r, 0);
  out->account_kind = db_text(r, 1);
  out->second_factor = db_text(r, 2);
  out->trusted_person_1 = db_text(r, 3);
  out->trusted_person_2 = db_text(r, 4);
  out->password_place = db_text(r, 5);
  out->owner = db_text(r, 6);
  out->owner_email = db_text(r, 7);
  out->deputy = db_text(r, 8);
  out->deputy_email = db_text(r, 9);
  out->organization = db_text(r, 10);
  out->address = db_text(r, 11);
  out->web_site = db_text(r, 12);
  out->note = db_text(r, 13);
}

enum err pushcert_record_read(struct ctx *cx, struct db *db, const char *topic, struct pushcert_record *out) {
  struct db_rows r;
  *out = (struct pushcert_record){.topic = ctx_strdup(cx, topic)};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT apple_account, account_kind, second_factor, trusted_person_1, trusted_person_2,"
                   " password_place, owner, owner_email, deputy, deputy_email, organization, address, web_site, note,"
                   " confirmed_at, confirmed_by, plan_every_us, plan_on, updated_at, updated_by"
                   " FROM pushcert_record WHERE topic = $1",
                   DB_S(topic)));
  if (db_next(&r)) {
    read_people(&r, out);
    out->confirmed_at = db_int(&r, 14);
    out->confirmed_by = db_text(&r, 15);
    out->plan_every_us = db_int(&r, 16);
    out->plan_on = db_text(&r, 17);
    out->updated_at = db_int(&r, 18);
    out->updated_by = db_text(&r, 19);
  }
  return db_close(&r);
}

enum err pushcert_record_write(struct ctx *cx, struct db *db, const struct pushcert_record *r) {
  TRY(db_run(cx, db, "DELETE FROM pushcert_record WHERE topic = $1", DB_S(r->topic)));
  return db_run(cx, db,
                "INSERT INTO pushcert_record (topic, apple_account, account_kind, second_factor,"
                " trusted_person_1, trusted_person_2, password_place, owner, owner_email, deputy, deputy_email,"
                " organization, address, web_site, note, confirmed_at, confirmed_by, plan_every_us, plan_on,"
                " updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
                " $16, $17, $18, $19, $20, $21)",
                DB_S(r->topic), DB_S(r->apple_account), DB_S(r->account_kind), DB_S(r->second_factor),
                DB_S(r->trusted_person_1), DB_S(r->trusted_person_2), DB_S(r->password_place), DB_S(r->owner),
                DB_S(r->owner_email), DB_S(r->deputy), DB_S(r->deputy_email), DB_S(r->organization), DB_S(r->address),
                DB_S(r->web_site), DB_S(r->note), DB_NULL_IF(!r->confirmed_at, DB_I(r->confirmed_at)),
                DB_S(r->confirmed_by), DB_NULL_IF(!r->plan_every_us, DB_I(r->plan_every_us)), DB_S(r->plan_on),
                DB_I(r->updated_at), DB_S(r->updated_by));
}
