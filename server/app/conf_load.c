/* Where settings come from: each source in turn, the weakest first, so that a stronger one overwrites. */
#include "app/conf.h"
#include "app/conf_int.h"
#include "base/file.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1024 * 1024, VALUE_MAX = 64 * 1024 };

/* Is it of the same source as what is there: the same flag, another line of the same file? */
static bool same_source(const char *a, const char *b) {
  const char *line = strrchr(a, ':');
  size_t n = line ? (size_t)(line - a) : strlen(a) + 1;
  return strncmp(a, b, n) == 0;
}

/* Several of one value are separated by blanks, as `pomona conf` prints them, or by line ends, as files of the
   environment may have them. */
static enum err set_urls(struct ctx *cx, struct conf *c, const struct conf_row *row, struct slice text, bool more) {
  for (size_t n; (text = slice_trim(text)).n; text = slice_mem(text.p + n, text.n - n), more = true) {
    for (n = 0; n < text.n && !memchr(" \t\r\n", text.p[n], 4);) n++;
    TRY(conf_set(cx, c, row, slice_mem(text.p, n), more));
  }
  return OK;
}

/* Checks and stores one value. A place in a file does not name the setting by itself. */
static enum err take(struct ctx *cx, struct conf *c, const char *place, const struct conf_row *row, struct slice text) {
  bool more = same_source(c->sources[row - conf_rows], place);
  enum err e = row->type == CONF_URLS ? set_urls(cx, c, row, text, more) : conf_set(cx, c, row, text, false);
  if (e != OK) {
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    bool in_file = strchr(place, ':') != NULL;
    return FAIL(cx, E_USAGE, "%s: %s%s%s", place, in_file ? row->name : "", in_file ? ": " : "", why);
  }
  c->sources[row - conf_rows] = ctx_strdup(c->cx, place);
  return OK;
}

/* ---- the environment ---- */

static char *variable_of(struct ctx *cx, const char *name) {
  char *v = ctx_printf(cx, "POMONA_%s", name);
  for (char *p = v; *p; p++) *p = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
  return v;
}

/* Compose files hand on variables that are empty because nobody set them: these count as not set. */
static const char *variable(const char *name) {
  const char *v = getenv(name);
  return v && *v ? v : NULL;
}

static enum err value_from_file(struct ctx *cx, struct slice *out, const char *variable_name, const char *path) {
  struct slice bytes;
  if (file_read(cx, &bytes, path, VALUE_MAX) != OK) {
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return FAIL(cx, E_USAGE, "environment %s: %s", variable_name, why);
  }
  *out = slice_trim(bytes);
  if (out->n == 0) return FAIL(cx, E_USAGE, "environment %s: %s is empty", variable_name, path);
  return OK;
}

static enum err take_variable(struct ctx *cx, struct conf *c, const struct conf_row *row) {
  const char *name = variable_of(cx, row->name), *file_name = ctx_printf(cx, "%s_FILE", name);
  const char *value = variable(name), *path = variable(file_name);
  if (value && path) return FAIL(cx, E_USAGE, "environment: both %s and %s are set", name, file_name);
  if (!value && !path) return OK;
  struct slice text = slice_of(value);
  if (path) TRY(value_from_file(cx, &text, file_name, path));
  return take(cx, c, ctx_printf(cx, "environment %s", path ? file_name : name), row, text);
}

/* Kubernetes and Docker set POMONA_PORT… and POMONA_SERVICE_… for a service named pomona; the others are for tests. */
static bool not_a_setting(struct slice name) {
  static const char *const others[] = {"POMONA_PORT", "POMONA_SERVICE_", "POMONA_CLOCK_SHIFT", "POMONA_BIN",
                                       "POMONA_TEST_"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (slice_starts(name, others[i])) return true;
  return !slice_starts(name, "POMONA_");
}

static bool names_row(struct ctx *cx, struct slice name) {
  for (const struct conf_row *row = conf_rows; row->name; row++) {
    const char *v = variable_of(cx, row->name);
    if (slice_is(name, v) || slice_is(name, ctx_printf(cx, "%s_FILE", v))) return true;
  }
  return false;
}

static enum err check_environment(struct ctx *cx) {
  for (char **e = environ; *e; e++) {
    struct slice rest = slice_of(*e), name;
    if (!slice_cut(&rest, '=', &name) || not_a_setting(name) || names_row(cx, name)) continue;
    return FAIL(cx, E_USAGE, "environment %.*s: there is no such setting (see `pomona conf`)", (int)name.n, name.p);
  }
  return OK;
}

/* ---- the file ---- */

static enum err take_line(struct ctx *cx, struct conf *c, const char *place, struct slice line, bool *seen) {
  line = slice_trim(line);
  if (line.n == 0 || line.p[0] == '#') return OK;
  struct slice rest = line, name;
  if (!memchr(line.p, '=', line.n)) return FAIL(cx, E_USAGE, "%s: this line is not \"name = value\"", place);
  (void)slice_cut(&rest, '=', &name);
  name = slice_trim(name);
  const struct conf_row *row = conf_row(name);
  if (!row || row->at == offsetof(struct conf, config))
    return FAIL(cx, E_USAGE, "%s: %s: there is no such setting (see `pomona conf`)", place,
                text_is_plain(name) ? (char *)ctx_memdup(cx, name.p, name.n) : "(unprintable)");
  if (seen[row - conf_rows] && row->type != CONF_URLS)
    return FAIL(cx, E_USAGE, "%s: %s stands here for the second time", place, row->name);
  seen[row - conf_rows] = true;
  struct slice value = slice_trim(rest);
  if (value.n == 0)
    return FAIL(cx, E_USAGE, "%s: %s has no value; to leave it unset, remove the line", place, row->name);
  return take(cx, c, place, row, value);
}

static enum err take_file(struct ctx *cx, struct conf *c, const char *path, struct slice bytes) {
  bool *seen = ctx_alloc(cx, conf_row_count() * sizeof *seen);
  struct slice line;
  for (int n = 1; slice_cut(&bytes, '\n', &line); n++)
    TRY(take_line(cx, c, ctx_printf(cx, "%s:%d", path, n), line, seen));
  return OK;
}

static bool same_folder(const char *a, const char *b) {
  struct stat x, y;
  if (strcmp(a, b) == 0) return true;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The file that `config` names must be there; the one in DATA need not, and cannot move DATA. */
static enum err read_file(struct ctx *cx, struct conf *c) {
  bool named = c->config != NULL;
  const char *path = named ? c->config : conf_path(cx, c, "pomona.conf"), *data = c->data;
  struct slice bytes;
  enum err e = file_read(cx, &bytes, path, FILE_MAX);
  if (e == E_NOT_FOUND && !named) return ctx_clear_error(cx), OK;
  if (e != OK) {
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return FAIL(cx, e == E_DENIED ? e : E_USAGE, "settings: %s", why);
  }
  TRY(take_file(cx, c, path, bytes));
  if (!named && !same_folder(data, c->data))
    return FAIL(cx, E_USAGE, "%s: data cannot be set in the file that lies in it; use --data or --config", path);
  return OK;
}

/* ---- all of it ---- */

static enum err take_defaults(struct ctx *cx, struct conf *c) {
  for (const struct conf_row *row = conf_rows; row->name; row++) {
    c->sources[row - conf_rows] = "default";
    if (row->by_default) TRY(take(cx, c, "default", row, slice_of(row->by_default)));
  }
  return OK;
}

static enum err take_flags(struct ctx *cx, struct conf *c, const struct conf_flag *flags, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const struct conf_row *row = conf_row(slice_of(flags[i].name));
    if (!row) return FAIL(cx, E_USAGE, "--%s: there is no such option", flags[i].name);
    struct slice value = slice_of(flags[i].value);
    if (value.n == 0) return FAIL(cx, E_USAGE, "--%s: the value is empty", flags[i].name);
    TRY(take(cx, c, ctx_printf(cx, "flag --%s", row->name), row, value));
  }
  return OK;
}

static enum err take_environment(struct ctx *cx, struct conf *c) {
  for (const struct conf_row *row = conf_rows; row->name; row++) TRY(take_variable(cx, c, row));
  return OK;
}

/* Settings that only make sense together. */
static enum err check_whole(struct ctx *cx, const struct conf *c) {
  if (strncmp(c->database, "postgresql://", 13) == 0)
    return FAIL(cx, E_USAGE, "database: PostgreSQL is not supported yet; use sqlite");
  if (strcmp(c->database, "sqlite") != 0) return FAIL(cx, E_USAGE, "database: \"%s\" is not sqlite", c->database);
  if (!c->tls_cert != !c->tls_key)
    return FAIL(cx, E_USAGE, "tls-cert and tls-key belong together; only one of them is set");
  return OK;
}

/* Where the file lies depends on the flags and the environment, and these beat the file: so they are taken twice. */
static enum err load_into(struct ctx *cx, struct conf *c, const struct conf_flag *flags, size_t n) {
  TRY(check_environment(cx));
  TRY(take_defaults(cx, c));
  TRY(take_environment(cx, c));
  TRY(take_flags(cx, c, flags, n));
  TRY(read_file(cx, c));
  TRY(take_environment(cx, c));
  TRY(take_flags(cx, c, flags, n));
  return check_whole(cx, c);
}

enum err conf_load(struct ctx *cx, struct conf **out, const struct conf_flag *flags, size_t n) {
  struct ctx *own = ctx_new();
  struct conf *c = ctx_alloc(own, sizeof *c);
  c->cx = own;
  c->sources = ctx_alloc(own, conf_row_count() * sizeof *c->sources);
  enum err e = load_into(cx, c, flags, n);
  if (e == OK)
    *out = c;
  else
    conf_free(c);
  return e;
}

void conf_free(struct conf *c) {
  if (!c) return;
  if (c->api_key) explicit_bzero((char *)(uintptr_t)c->api_key, strlen(c->api_key));
  if (c->webhook_hmac_key) explicit_bzero((char *)(uintptr_t)c->webhook_hmac_key, strlen(c->webhook_hmac_key));
  ctx_free(c->cx);
}
