/* `doctor`: looks at DATA itself, and asks the running server what only that one knows. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/clock.h"
#include "core/doctor.h"
#include "core/keyring.h"
#include "core/vault.h"
#include "lib/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct visit {
  struct core core;
  struct core_conf conf;
  struct doctor doctor;
};

/* ---- what is looked at ---- */

static const char *failure(struct ctx *cx) {
  const char *why = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  return why;
}

static void close_visit(void *arg) {
  struct visit *v = arg;
  keyring_close(v->core.keyring);
  db_store_close(v->core.store);
  vault_close(v->core.vault);
}

static void open_keyring(struct ctx *cx, struct visit *v) {
  struct db *db;
  if (!v->core.store || !v->core.vault)
    v->doctor.keyring_trouble = v->core.vault ? "the database cannot be read" : "the secret key cannot be read";
  else if (db_reader(cx, v->core.store, &db) != OK || keyring_read(cx, &v->core.keyring, &v->core, db) != OK)
    v->doctor.keyring_trouble = failure(cx);
}

static void open_data(struct ctx *cx, const struct conf *conf, struct visit *v) {
  if (vault_open(cx, &v->core.vault, v->conf.secret_key, false) != OK) v->doctor.vault_trouble = failure(cx);
  if (db_store_open_read(cx, &v->core.store, conf_path(cx, conf, "pomona.db")) != OK)
    v->doctor.store_trouble = failure(cx);
  open_keyring(cx, v);
  ctx_defer(cx, close_visit, v);
}

/* ---- the running server ---- */

/* What its own checks say that are not fine. */
static const char *not_ready(struct ctx *cx, struct js *status) {
  struct js *checks = js_get(status, "checks");
  const char *text = "see `pomona status`";
  for (size_t i = 0; i < js_count(checks); i++) {
    struct js *o = js_at(checks, i);
    const char *message = js_str(o, "message");
    if (strcmp(js_str(o, "status"), "ok") != 0 && message) text = ctx_printf(cx, "%s: %s", js_str(o, "name"), message);
  }
  return text;
}

enum { SERVER_S = 9 };

static void ask_server(struct ctx *cx, struct args *a, struct visit *v, struct client **client) {
  struct js *status;
  bool ready = false;
  *client = NULL;
  enum err e = client_open_within(cx, client, a, SERVER_S * US_SECOND);
  if (e == OK) e = client_call(cx, *client, "GET", "/api/v1/status", NULL, &status);
  if (e != OK) {
    v->doctor.server = e == E_TIMEOUT ? "The server" : NULL; /* something listens there, and says nothing */
    char *why = ctx_strdup(cx, failure(cx)), *end = strchr(why, '\n');
    if (end) *end = '\0';
    v->doctor.server_says = why;
    *client = NULL;
    return;
  }
  v->doctor.server = js_str(status, "public_url") ? "The server" : "A server";
  (void)js_bool(js_get(status, "ready"), &ready);
  if (!ready) v->doctor.server_says = not_ready(cx, status);
}

/* ---- what people see ---- */

static const struct {
  const char *status, *word, *color;
} looks[] = {
    {"ok", "ok", "\033[32m"}, {"warn", "warn", "\033[33m"}, {"fail", "FAIL", "\033[1;31m"}, {"skip", "-", "\033[2m"}};
enum { LOOKS = sizeof looks / sizeof *looks, WORD = 5, WIDTH_LEAST = 60, WIDTH_MOST = 110 };

static int terminal_width(void) {
  struct winsize w;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) return 100;
  return w.ws_col < WIDTH_LEAST ? WIDTH_LEAST : w.ws_col > WIDTH_MOST ? WIDTH_MOST : w.ws_col;
}

/* Wraps at spaces; every line after the first begins at `indent`, where the first one stands already. */
static void wrapped(const char *text, int indent, int width) {
  int at = indent;
  struct slice rest = slice_of(text), word;
  for (bool first = true; slice_cut(&rest, ' ', &word); first = false) {
    int n = (int)text_width(word);
    if (!first && at + 1 + n > width) {
      printf("\n%*s", indent, "");
      at = indent;
      first = true;
    }
    printf("%s%.*s", first ? "" : " ", (int)word.n, word.p);
    at += n + !first;
  }
  putchar('\n');
}

static int look_of(const char *status) {
  int i = 0;
  while (i < LOOKS - 1 && strcmp(looks[i].status, status) != 0) i++;
  return i;
}

static void print_line(struct ctx *cx, struct js *o, int column, int width, bool color) {
  int look = look_of(js_str(o, "status"));
  const char *fix = js_str(o, "fix");
  int pad = column - WORD - 1 - (int)text_width(slice_of(js_str(o, "name")));
  printf("%s%-*s%s %s%*s", color ? looks[look].color : "", WORD, looks[look].word, color ? "\033[0m" : "",
         js_str(o, "name"), pad, "");
  wrapped(plain(cx, js_str(o, "message")), column, width);
  if (!fix || !*fix) return;
  printf("%*s→ ", column, "");
  wrapped(plain(cx, fix), column + 2, width);
}

static void print_lines(struct ctx *cx, struct js *checks) {
  int counts[LOOKS] = {0}, column = 0, width = terminal_width();
  bool color = isatty(STDOUT_FILENO);
  for (size_t i = 0; i < js_count(checks); i++) {
    int n = (int)text_width(slice_of(js_str(js_at(checks, i), "name"))) + WORD + 3;
    if (n > column) column = n;
  }
  for (size_t i = 0; i < js_count(checks); i++) {
    counts[look_of(js_str(js_at(checks, i), "status"))]++;
    print_line(cx, js_at(checks, i), column, width, color);
  }
  printf("\n%d fine, %d to look at, %d failed, %d not looked at\n", counts[0], counts[1], counts[2], counts[3]);
}

static bool any_failed(struct js *checks) {
  for (size_t i = 0; i < js_count(checks); i++)
    if (strcmp(js_str(js_at(checks, i), "status"), "fail") == 0) return true;
  return false;
}

enum err cmd_doctor(struct ctx *cx, struct args *a) {
  struct visit *v = ctx_alloc(cx, sizeof *v);
  struct doctor_line *lines;
  struct client *client;
  struct js *answer;
  size_t n;
  TRY(conf_core(cx, a->conf, &v->conf));
  atomic_store(&v->core.conf, &v->conf);
  v->doctor.core = &v->core;
  ask_server(cx, a, v, &client);
  if (client && access(conf_path(cx, a->conf, "pomona.db"), F_OK) != 0) { /* its data is somewhere else */
    TRY(client_open(cx, &client, a));                                     /* who looks himself takes his time */
    TRY(client_call(cx, client, "GET", "/api/v1/doctor", NULL, &answer));
  } else {
    open_data(cx, a->conf, v);
    doctor_run(cx, &v->doctor, &lines, &n);
    answer = doctor_json(cx, lines, n);
  }
  struct js *checks = js_get(answer, "checks");
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    print_lines(cx, checks);
  return any_failed(checks) ? FAIL(cx, E_CONFLICT, "something is wrong: see what FAIL says") : OK;
}
