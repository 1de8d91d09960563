/* `pomona device list`: the fleet as a table for people, as CSV, as JSON. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"
#include "core/roster.h"

#include <inttypes.h>
#include <string.h>

static const char *const for_people[] = {"id", "name", "serial", "os", "state", "push", "last-seen", NULL};
/* These too, where a device of the list has them. */
static const char *const when_known[] = {"user", "compliance", NULL};

struct columns {
  const char *names[TABLE_COLUMNS + 1]; /* NULL ends them */
  size_t n;
};

/* ---- cells ---- */

static const char *key_of(struct ctx *cx, const char *column) {
  char *key = ctx_strdup(cx, column);
  for (char *p = key; *p; p++)
    if (*p == '-') *p = '_';
  return key;
}

static struct js *value_of(struct ctx *cx, struct js *device, const char *column) {
  if (strcmp(column, "id") == 0) return js_get(device, "id");
  if (strcmp(column, "push") == 0) return js_get(js_get(device, "push"), "state");
  return js_get(js_get(device, "fields"), key_of(cx, column));
}

/* NULL: not known. */
static const char *cell_of(struct ctx *cx, struct js *device, const char *column) {
  struct js *value = value_of(cx, device, column);
  enum roster_field f;
  const struct roster_row_of *field = roster_field_named(slice_of(column), &f);
  int64_t i;
  double real;
  bool on;
  if (js_string(value))
    return field && field->type == ROSTER_TIME ? local_time(cx, js_string(value)) : js_string(value);
  if (js_bool(value, &on)) return on ? "on" : "off";
  if (js_int(value, &i)) return ctx_printf(cx, "%lld", (long long)i);
  return js_real(value, &real) ? ctx_printf(cx, "%g", real) : NULL;
}

/* ---- which ones ---- */

static enum err add_column(struct ctx *cx, struct columns *c, struct slice name) {
  enum roster_field f;
  const struct roster_row_of *field = roster_field_named(name, &f);
  if (c->n == TABLE_COLUMNS) return FAIL(cx, E_USAGE, "--columns: at most %d", TABLE_COLUMNS);
  if (!field && !slice_ieq(name, "push"))
    return FAIL(cx, E_USAGE, "--columns: there is no field %.*s; `pomona device list --fields` lists them", (int)name.n,
                name.p);
  c->names[c->n++] = field ? field->name : "push";
  return OK;
}

static void add_columns(struct columns *c, const char *const *names) {
  for (; *names; names++) c->names[c->n++] = *names;
}

static bool is_known(struct ctx *cx, struct js *devices, const char *column) {
  for (size_t i = 0; i < js_count(devices); i++)
    if (cell_of(cx, js_at(devices, i), column)) return true;
  return false;
}

static enum err choose_columns(struct ctx *cx, const struct args *a, struct js *devices, struct columns *c) {
  struct slice rest = slice_of(args_value(a, "columns")), name;
  *c = (struct columns){0};
  while (slice_cut(&rest, ',', &name))
    if (slice_trim(name).n) TRY(add_column(cx, c, slice_trim(name)));
  if (c->n) return OK;
  add_columns(c, for_people);
  for (size_t i = 0; when_known[i]; i++)
    if (is_known(cx, devices, when_known[i])) c->names[c->n++] = when_known[i];
  return OK;
}

/* ---- printing ---- */

/* "last-seen" as "LAST SEEN". */
static const char *header_of(struct ctx *cx, const char *column) {
  char *header = ctx_strdup(cx, column);
  for (char *p = header; *p; p++) *p = *p == '-' ? ' ' : *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
  return header;
}

static void print_table(struct ctx *cx, struct js *devices, const struct columns *c) {
  const char *cells[TABLE_COLUMNS + 1] = {0};
  for (size_t i = 0; i < c->n; i++) cells[i] = header_of(cx, c->names[i]);
  struct table *t = table_new(cx, cells);
  for (size_t row = 0; row < js_count(devices); row++) {
    for (size_t i = 0; i < c->n; i++) cells[i] = cell_of(cx, js_at(devices, row), c->names[i]);
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static enum err print_fields(struct ctx *cx) {
  static const char *const headers[] = {"FIELD", "TYPE", "WHAT IT IS", NULL};
  static const char *const types[] = {[ROSTER_TEXT] = "text",
                                      [ROSTER_NUMBER] = "number",
                                      [ROSTER_FLAG] = "on/off",
                                      [ROSTER_VERSION] = "version",
                                      [ROSTER_TIME] = "time"};
  struct table *t = table_new(cx, headers);
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    const char *cells[] = {roster_fields[f].name, types[roster_fields[f].type], roster_fields[f].help};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

/* ---- asking ---- */

static enum err query_of(struct ctx *cx, const struct args *a, const char **query) {
  struct buf filter = {0};
  struct roster_filter *checked;
  for (size_t i = 0; i < a->n; i++) buf_printf(&filter, "%s%s", i ? " " : "", a->operands[i]);
  struct slice text = slice_of(filter.n ? ctx_strdup(cx, filter.p) : "");
  buf_free(&filter);
  if (roster_filter(cx, &checked, text) != OK) { /* here the mark under the mistake stands where it belongs */
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return FAIL(cx, E_USAGE, "%s", why);
  }
  const char *sort = args_value(a, "sort");
  *query = ctx_printf(cx, "filter=%s%s%s%s", enc_percent(cx, text), sort ? "&sort=" : "",
                      sort ? enc_percent(cx, slice_of(sort)) : "", args_has(a, "former") ? "&former=yes" : "");
  return OK;
}

/* The table is the server's, so that the console's is the same. */
static enum err print_csv(struct ctx *cx, const struct args *a, const char *query, int64_t most) {
  const char *columns = args_value(a, "columns");
  struct client *c;
  struct slice table;
  TRY(client_open(cx, &c, a));
  if (columns) query = ctx_printf(cx, "%s&columns=%s", query, enc_percent(cx, slice_of(columns)));
  if (most) query = ctx_printf(cx, "%s&limit=%" PRId64, query, most);
  TRY(client_bytes(cx, c, "GET", ctx_printf(cx, "/api/v1/devices/export?%s", query), (struct slice){0}, &table));
  fwrite(table.p, 1, table.n, stdout);
  return OK;
}

enum err cmd_device_list(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *all;
  struct columns columns;
  const char *query = NULL;
  int64_t most = 0;
  if (args_has(a, "held")) return cmd_device_held(cx, a);
  if (args_has(a, "unknown")) return cmd_device_refused(cx, a);
  if (args_has(a, "fields")) return print_fields(cx);
  TRY(query_of(cx, a, &query));
  TRY(args_count(cx, a, "limit", &most));
  TRY(choose_columns(cx, a, NULL, &columns));
  if (args_has(a, "csv")) return print_csv(cx, a, query, most);
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, ctx_printf(cx, "/api/v1/devices?%s", query), "devices", most, &all));
  TRY(choose_columns(cx, a, all, &columns));
  if (args_has(a, "json"))
    print_json(cx, all);
  else if (js_count(all))
    print_table(cx, all, &columns);
  else
    fputs(a->n ? "No device matches.\n" : "No devices yet; `pomona enroll link` lets one in.\n", stderr);
  return OK;
}
