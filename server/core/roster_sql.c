#include "core/roster_int.h"

#include "base/log.h"
#include "core/platform.h"

#include <math.h>

/* Columns of the query below. */
enum { C_DEVICE, C_ENROLLMENT, C_LAST_SEEN, C_FORMER, C_ENABLED, C_FACTS, C_FIRST_FIELD };

/* What stands in the columns after them, in their order. */
static const enum roster_field columns[] = {
    ROSTER_ID,           ROSTER_SERIAL,      ROSTER_NAME,      ROSTER_MODEL,    ROSTER_PRODUCT,
    ROSTER_OS,           ROSTER_BUILD,       ROSTER_STATE,     ROSTER_TOPIC,    ROSTER_ENROLLMENT_TYPE,
    ROSTER_USER,         ROSTER_EMAIL,       ROSTER_TAG,       ROSTER_NOTE,     ROSTER_VERDICT,
    ROSTER_COMPLIANCE,   ROSTER_ENROLLED,    ROSTER_INVENTORY, ROSTER_AWAITING, ROSTER_BOOTSTRAP_TOKEN,
    ROSTER_UNLOCK_TOKEN, ROSTER_RECOVERY_KEY};

static void read_column(struct db_rows *r, int column, enum roster_field f, struct roster_draft *d) {
  if (db_is_null(r, column)) return;
  switch (roster_fields[f].type) {
  case ROSTER_TEXT:
  case ROSTER_VERSION:
    roster_draft_text(d, f, slice_of(db_text(r, column)));
    break;
  case ROSTER_FLAG:
    roster_draft_flag(d, f, db_int(r, column) != 0);
    break;
  case ROSTER_NUMBER:
  case ROSTER_TIME:
    roster_draft_number(d, f, db_int(r, column));
    break;
  }
}

/* A number that does not fit is not known. */
static void read_number(struct js *value, enum roster_field f, struct roster_draft *d) {
  double number;
  if (js_real(value, &number) && fabs(number) < 1e12) roster_draft_number(d, f, llround(number * 1000));
}

static void read_fact(struct js *value, enum roster_field f, struct roster_draft *d) {
  bool on;
  if (js_string(value))
    roster_draft_text(d, f, slice_of(js_string(value)));
  else if (roster_fields[f].type == ROSTER_FLAG && js_bool(value, &on))
    roster_draft_flag(d, f, on);
  else if (roster_fields[f].type == ROSTER_NUMBER)
    read_number(value, f, d);
}

static bool is_texts(enum roster_field f) {
  return roster_fields[f].type == ROSTER_TEXT || roster_fields[f].type == ROSTER_VERSION;
}

static void read_facts(struct ctx *cx, struct slice text, struct roster_draft *d) {
  struct js *facts;
  if (text.n == 0) return;
  if (js_parse(cx, text, &facts) != OK) {
    log_failure(LOG_WARN, cx, "the facts of a device cannot be read");
    ctx_clear_error(cx);
    return;
  }
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    struct js *value = *roster_fields[f].request ? js_get(facts, roster_fields[f].name) : NULL;
    if (value && is_texts((enum roster_field)f) == (js_string(value) != NULL))
      read_fact(value, (enum roster_field)f, d);
  }
}

/* cx: of this row alone, for its facts: memory that was freed just now is the fastest there is. */
static struct roster_device *read_row(struct ctx *cx, struct db_rows *r) {
  struct roster_draft d = {.device = db_int(r, C_DEVICE),
                           .enrollment = db_int(r, C_ENROLLMENT),
                           .last_seen = db_int(r, C_LAST_SEEN),
                           .former = db_int(r, C_FORMER) != 0,
                           .enabled = db_int(r, C_ENABLED) != 0};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) read_column(r, C_FIRST_FIELD + (int)i, columns[i], &d);
  const struct slice product = d.text[ROSTER_PRODUCT].n ? d.text[ROSTER_PRODUCT] : d.text[ROSTER_MODEL];
  enum platform p = platform_of(product.p); /* a whole text of the row: it ends with NUL */
  if (p != PLATFORM_UNKNOWN) roster_draft_text(&d, ROSTER_PLATFORM, slice_of(platform_word(p)));
  read_facts(cx, slice_of(db_text(r, C_FACTS)), &d);
  return roster_pack(&d);
}

enum err roster_read(struct ctx *cx, struct db *db, int64_t first, int64_t last, int most, struct roster_device **rows,
                     size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.seq, e.seq, e.last_seen, d.successor IS NOT NULL, e.enabled, i.facts, "
      "d.id, d.serial_number, coalesce(d.device_name, d.model_name, d.product_name), "
      "coalesce(d.model, d.product_name), d.product_name, d.os_version, d.build_version, "
      "CASE WHEN d.blocked_at IS NOT NULL THEN 'blocked' WHEN d.checked_out_at IS NOT NULL THEN 'checked-out' "
      "WHEN d.unenroll_at IS NOT NULL THEN 'leaving' WHEN e.enabled = 1 THEN 'enrolled' ELSE 'pending' END, "
      "e.topic, e.type, d.assigned_user, d.email, d.asset_tag, d.note, v.slug, p.state, "
      "g.enrolled_at, i.taken_at, g.awaiting_configuration, g.bootstrap_token_sealed IS NOT NULL, "
      "g.unlock_token_sealed IS NOT NULL, EXISTS (SELECT 1 FROM escrow s WHERE s.device = d.seq "
      "AND s.kind = 'recovery-key' AND s.ended_at IS NULL) "
      "FROM device d JOIN enrollment e ON e.id = d.id LEFT JOIN generation g ON g.seq = d.generation "
      "LEFT JOIN inventory i ON i.device = d.seq LEFT JOIN plan p ON p.device = d.seq "
      "LEFT JOIN device_verdict v ON v.enrollment = e.seq WHERE d.seq >= $1 AND d.seq <= $2 ORDER BY d.seq LIMIT $3",
      DB_I(first), DB_I(last), DB_I(most)));
  struct ctx *own = ctx_new();
  for (; db_next(&r); ctx_reset(own)) rows[(*n)++] = read_row(own, &r);
  ctx_free(own);
  return db_close(&r);
}

enum err roster_channel_changed(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment) {
  int64_t device;
  if (!core->roster) return OK;
  enum err e = db_one_int(cx, db, &device, "SELECT device FROM enrollment WHERE seq = $1", DB_I(enrollment));
  if (e == E_NOT_FOUND) return ctx_clear_error(cx), OK;
  if (e == OK) roster_changed(db, core, device);
  return e;
}
