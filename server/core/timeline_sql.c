#include "core/timeline_int.h"

/* Each source is found by an index of the device or of its channels, of whose rows there are some thousands at most. */
static const char rows_sql[] =
    "SELECT at, source, seq, kind, channel, command, request_type, what, was, is_now, by, data FROM ("
    "SELECT v.at AS at, 1 AS source, v.seq AS seq, v.kind AS kind, v.enrollment AS channel, NULL AS command,"
    " NULL AS request_type, NULL AS what, NULL AS was, NULL AS is_now, NULL AS by, v.data AS data"
    " FROM (SELECT id FROM device WHERE seq = $1 UNION SELECT id FROM enrollment WHERE device = $1) i"
    " JOIN event v ON v.enrollment = i.id"
    " WHERE v.kind NOT IN ('command.status', 'inventory.changed', 'escrow.revealed')"
    " UNION ALL SELECT c.created_at, 2, t.seq, 'command.queued', e.id, c.uuid, c.request_type, NULL, NULL, NULL,"
    " c.created_by, NULL FROM enrollment e JOIN target t ON t.enrollment = e.seq JOIN command c ON c.seq = t.command"
    " WHERE e.device = $1 AND t.own = 0"
    " UNION ALL SELECT t.first_sent_at, 3, t.seq, 'command.sent', e.id, c.uuid, c.request_type, NULL, NULL, NULL, NULL,"
    " NULL FROM enrollment e JOIN target t ON t.enrollment = e.seq JOIN command c ON c.seq = t.command"
    " WHERE e.device = $1 AND t.own = 0 AND t.first_sent_at IS NOT NULL"
    " UNION ALL SELECT t.notnow_at, 4, t.seq, 'command.not-now', e.id, c.uuid, c.request_type, NULL, NULL, NULL, NULL,"
    " NULL FROM enrollment e JOIN target t ON t.enrollment = e.seq JOIN command c ON c.seq = t.command"
    " WHERE e.device = $1 AND t.own = 0 AND t.notnow_at IS NOT NULL"
    " UNION ALL SELECT t.settled_at, 5, t.seq, 'command.settled', e.id, c.uuid, c.request_type, t.status, t.reason,"
    " NULL, t.cancelled_by, NULL FROM enrollment e JOIN target t ON t.enrollment = e.seq"
    " JOIN command c ON c.seq = t.command WHERE e.device = $1 AND t.own = 0 AND t.settled_at IS NOT NULL"
    " UNION ALL SELECT w.sent_at, 6, e.seq, 'push.sent', e.id, NULL, NULL, w.why, NULL, NULL, NULL, NULL"
    " FROM enrollment e JOIN wake w ON w.enrollment = e.seq WHERE e.device = $1 AND w.sent_at IS NOT NULL"
    " UNION ALL SELECT w.answered_at, 7, e.seq, 'push.answered', e.id, NULL, NULL, CAST(w.status AS TEXT), w.reason,"
    " NULL, NULL, NULL FROM enrollment e JOIN wake w ON w.enrollment = e.seq"
    " WHERE e.device = $1 AND w.answered_at IS NOT NULL"
    " UNION ALL SELECT e.last_seen, 8, e.seq, 'device.seen', e.id, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
    " FROM enrollment e WHERE e.device = $1 AND e.last_seen IS NOT NULL"
    " UNION ALL SELECT c.at, 9, c.seq, 'inventory.changed', NULL, NULL, NULL, c.what, c.was, c.is_now, NULL, NULL"
    " FROM inventory_change c WHERE c.device = $1"
    " UNION ALL SELECT s.at, 10, s.seq, 'escrow.kept', NULL, s.command, NULL, s.kind, NULL, NULL, NULL, NULL"
    " FROM escrow s WHERE s.device = $1"
    " UNION ALL SELECT r.at, 11, r.seq, 'escrow.revealed', NULL, r.rotate, NULL, r.kind, r.reason, NULL, r.by, NULL"
    " FROM escrow_reveal r WHERE r.device = $1"
    ") x WHERE at < $2 OR (at = $2 AND (source < $3 OR (source = $3 AND seq < $4)))"
    " ORDER BY at DESC, source DESC, seq DESC LIMIT $5";

static struct timeline_row read_row(struct db_rows *r) {
  return (struct timeline_row){.at = db_int(r, 0),
                               .source = db_int(r, 1),
                               .seq = db_int(r, 2),
                               .kind = db_text(r, 3),
                               .channel = db_text(r, 4),
                               .command = db_text(r, 5),
                               .request_type = db_text(r, 6),
                               .what = db_text(r, 7),
                               .was = db_text(r, 8),
                               .now = db_text(r, 9),
                               .by = db_text(r, 10),
                               .data = db_text(r, 11)};
}

enum err timeline_rows(struct ctx *cx, struct db *db, int64_t device, const struct timeline_place *before, int most,
                       struct timeline_row **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r, rows_sql, DB_I(device), DB_I(before->at), DB_I(before->source), DB_I(before->seq),
                   DB_I(most)));
  while (db_next(&r)) (*out)[(*n)++] = read_row(&r);
  return db_close(&r);
}
