#include "core/timeline_int.h"

#include <inttypes.h>

static enum err read_cursor(struct ctx *cx, const char *cursor, struct timeline_place *out) {
  struct slice rest = slice_of(cursor), at, source;
  *out = (struct timeline_place){.at = INT64_MAX};
  if (!cursor) return OK;
  bool ok = slice_cut(&rest, '-', &at) && slice_cut(&rest, '-', &source) && slice_to_i64(at, &out->at) &&
            slice_to_i64(source, &out->source) && slice_to_i64(rest, &out->seq);
  return ok ? OK : FAIL(cx, E_INVALID, "cursor is not `next` of a former answer");
}

static void set(struct js *o, const char *key, const char *value) {
  if (value && *value) js_set_string(o, key, value);
}

static enum err row_json(struct ctx *cx, const struct timeline_row *row, struct js **out) {
  struct js *o = *out = js_object(cx), *data;
  js_set_time(o, "at", row->at);
  js_set_string(o, "kind", row->kind);
  set(o, "channel", row->channel);
  set(o, "command", row->command);
  set(o, "request_type", row->request_type);
  set(o, "what", row->what);
  set(o, "was", row->was);
  set(o, "now", row->now);
  set(o, "by", row->by);
  if (!row->data) return OK;
  TRY(js_parse(cx, slice_of(row->data), &data));
  js_set(o, "data", data);
  return OK;
}

enum err timeline(struct ctx *cx, struct db *db, int64_t device, const char *cursor, int most, struct js **out,
                  char **next) {
  struct timeline_place before;
  struct timeline_row *rows;
  struct js *o;
  size_t n;
  *next = NULL;
  TRY(read_cursor(cx, cursor, &before));
  TRY(timeline_rows(cx, db, device, &before, most, &rows, &n));
  *out = js_array(cx);
  for (size_t i = 0; i < n; i++) {
    TRY(row_json(cx, &rows[i], &o));
    js_add(*out, o);
  }
  if (n == (size_t)most)
    *next = ctx_printf(cx, "%" PRId64 "-%" PRId64 "-%" PRId64, rows[n - 1].at, rows[n - 1].source, rows[n - 1].seq);
  return OK;
}
