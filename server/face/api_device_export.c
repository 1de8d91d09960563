/* The fleet as a table for spreadsheets (RFC 4180). */
#include "base/enc.h"
#include "core/roster.h"
#include "face/api_int.h"
#include "face/outbound.h"

#include <string.h>

enum { COLUMNS = ROSTER_FIELDS + 1, PUSH = ROSTER_FIELDS }; /* PUSH: its state, which is no field of filters */

struct columns {
  int fields[COLUMNS]; /* enum roster_field, or PUSH */
  size_t n;
};

static const int usual[] = {ROSTER_ID,   ROSTER_NAME,  ROSTER_SERIAL, ROSTER_MODEL, ROSTER_PRODUCT,  ROSTER_PLATFORM,
                            ROSTER_OS,   ROSTER_BUILD, ROSTER_STATE,  PUSH,         ROSTER_ENROLLED, ROSTER_LAST_SEEN,
                            ROSTER_USER, ROSTER_EMAIL, ROSTER_TAG,    ROSTER_NOTE};

static enum err add_column(struct ctx *cx, struct columns *c, struct slice name) {
  enum roster_field f = ROSTER_ID;
  bool push = slice_ieq(name, "push");
  if (c->n == COLUMNS) return FAIL(cx, E_INVALID, "columns: at most %d", COLUMNS);
  if (!push && !roster_field_named(name, &f))
    return FAIL(cx, E_INVALID, "columns: there is no field %.*s; `pomona device list --fields` lists them",
                (int)(name.n < 40 && text_is_plain(name) ? name.n : 0), name.p);
  c->fields[c->n++] = push ? PUSH : (int)f;
  return OK;
}

static enum err read_columns(struct http_req *rq, struct columns *c) {
  struct slice rest = http_query(rq, "columns"), name;
  *c = (struct columns){0};
  while (slice_cut(&rest, ',', &name))
    if (slice_trim(name).n) TRY(add_column(http_cx(rq), c, slice_trim(name)));
  if (c->n) return OK;
  c->n = sizeof usual / sizeof *usual;
  memcpy(c->fields, usual, sizeof usual);
  return OK;
}

/* A cell that a spreadsheet would take for a formula gets a ' before it; POST /api/v1/devices/import takes it off. */
static void add_cell(struct buf *b, const char *text) {
  bool quote = strpbrk(text, ",\"\r\n") != NULL;
  if (quote) buf_add_char(b, '"');
  if (*text && strchr("=+-@\t\r", *text)) buf_add_char(b, '\'');
  for (; *text; text++) {
    if (*text == '"') buf_add_char(b, '"');
    buf_add_char(b, *text);
  }
  if (quote) buf_add_char(b, '"');
}

/* What is not known is "". */
static const char *text_of(struct ctx *cx, const struct roster_device *d, enum roster_field f) {
  enum roster_type type = roster_fields[f].type;
  const char *text = type == ROSTER_TEXT || type == ROSTER_VERSION ? roster_text(d, f) : NULL;
  if (text || type == ROSTER_TEXT || type == ROSTER_VERSION) return text ? text : "";
  int64_t n = roster_number(d, f);
  if (n == INT64_MIN || (type == ROSTER_TIME && n == 0)) return "";
  if (type == ROSTER_FLAG) return n ? "on" : "off";
  return type == ROSTER_TIME ? enc_time(cx, n) : ctx_printf(cx, "%g", (double)n / 1000);
}

static enum err add_row(struct ctx *cx, struct db *db, struct buf *b, const struct columns *c,
                        const struct roster_device *d) {
  struct push_state push;
  for (size_t i = 0; i < c->n; i++) {
    if (i) buf_add_char(b, ',');
    if (c->fields[i] == PUSH) TRY(push_state(cx, db, d->enrollment, &push));
    add_cell(b, c->fields[i] == PUSH ? push.state : text_of(cx, d, (enum roster_field)c->fields[i]));
  }
  buf_add_str(b, "\r\n");
  return OK;
}

/* A table has no pages: all of them, unless somebody wants fewer. */
static enum err read_most(struct http_req *rq, size_t *most) {
  struct slice text = http_query(rq, "limit");
  int64_t n = 0;
  *most = SIZE_MAX;
  if (!text.p) return OK;
  if (!slice_to_i64(text, &n) || n < 1) return FAIL(http_cx(rq), E_INVALID, "limit is no number from 1 on");
  *most = (size_t)n;
  return OK;
}

static enum err table(struct http_req *rq, struct core *core, struct buf *b) {
  struct ctx *cx = http_cx(rq);
  struct columns c;
  struct roster_query q = {0};
  struct roster_page page;
  struct db *db;
  TRY(read_columns(rq, &c));
  TRY(db_reader(cx, core->store, &db));
  TRY(api_roster_query(rq, core, db, &q));
  TRY(read_most(rq, &q.most));
  TRY(roster_list(cx, db, core, &q, &page));
  for (size_t i = 0; i < c.n; i++)
    buf_printf(b, "%s%s", i ? "," : "", c.fields[i] == PUSH ? "push" : roster_fields[c.fields[i]].name);
  buf_add_str(b, "\r\n");
  for (size_t i = 0; i < page.n; i++) TRY(add_row(cx, db, b, &c, page.devices[i]));
  return OK;
}

static void export_elsewhere(struct http_req *rq, struct core *core) {
  struct buf b = {0};
  enum err e = table(rq, core, &b);
  http_set_header(rq, "Content-Disposition", "attachment; filename=\"devices.csv\"");
  if (e == OK)
    reply_bytes(rq, 200, "text/csv; charset=utf-8", buf_slice(&b));
  else
    reply_error(rq, e);
  buf_free(&b);
}

/* All of a large fleet take their time: not on the listener's thread. */
static void export(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, export_elsewhere);
  if (e != OK) reply_error(rq, e);
}

const struct route device_export_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/devices/export",
     .flags = ROUTE_FLEET,
     .query = "filter:text sort:text former:bool columns:text limit:int",
     .run = export,
     .summary = "The list of devices as CSV, without pages: ?filter=, ?sort= and ?former= as of the list, ?columns= "
                "fields with commas between them, and push; at most ?limit= of them."},
    {.method = NULL},
};
