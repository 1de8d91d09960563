/* What must come back. */
#include "talk.h"

#include "app/lab_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void expect_none_left(void) {
  if (talk.said) talk_fail("nobody looked at the answer before this line (%s: %d)", talk.message, talk.reply.status);
}

/* ---- paths into answers: "targets.0.status" ---- */

static bool cut_value(const char *word, struct slice *path, const char **value) {
  const char *equals = strchr(word, '=');
  if (!equals) return false;
  *path = slice_mem(word, (size_t)(equals - word));
  *value = equals + 1;
  return true;
}

static struct js *js_walk(struct js *at, struct slice path) {
  struct slice step;
  while (at && slice_cut(&path, '.', &step)) {
    int64_t i;
    char *key = ctx_memdup(talk.cx, step.p, step.n);
    at = js_is_array(at) && slice_to_i64(step, &i) ? js_at(at, (size_t)i) : js_get(at, key);
  }
  return at;
}

/* Strings bare, all else as JSON; absent is "absent". */
static const char *js_shown(struct js *at) {
  if (!at) return "absent";
  return js_string(at) ? js_string(at) : js_text(talk.cx, at, JS_COMPACT).p;
}

static const char *pl_shown(struct pl *root, struct slice path) {
  struct slice step, text;
  bool yes;
  int64_t number;
  while (root && slice_cut(&path, '.', &step)) {
    int64_t i;
    char *key = ctx_memdup(talk.cx, step.p, step.n);
    root = pl_type(root) == PL_ARRAY && slice_to_i64(step, &i) ? pl_at(root, (size_t)i) : pl_get(root, key);
  }
  if (pl_string(root, &text) || pl_data(root, &text)) return ctx_memdup(talk.cx, text.p ? text.p : "", text.n);
  if (pl_bool(root, &yes)) return yes ? "yes" : "no";
  if (pl_int(root, &number)) return ctx_printf(talk.cx, "%lld", (long long)number);
  return root ? "container" : "absent";
}

static void compare(const char *word, const char *got, const char *want) {
  if (strcmp(want, "*") == 0 ? strcmp(got, "absent") == 0 : strcmp(got, want) != 0)
    talk_fail("expected %s, got \"%s\" in %.*s", word, got, (int)talk.reply.body.n, talk.reply.body.p);
}

static struct pl *plist_of(struct slice body) {
  struct pl *root;
  talk_must(pl_parse(talk.cx, body, &pl_limits_report, &root));
  return root;
}

const char *expect_found(const char *path) {
  struct slice body = talk.reply.body;
  struct js *object;
  bool json = body.n && (body.p[0] == '{' || body.p[0] == '[');
  if (!json) return pl_shown(plist_of(body), slice_of(path));
  talk_must(js_parse(talk.cx, body, &object));
  return js_shown(js_walk(object, slice_of(path)));
}

static char *path_of(const char *word, const char **want) {
  struct slice path;
  if (!cut_value(word, &path, want)) talk_fail("PATH=VALUE");
  return ctx_memdup(talk.cx, path.p, path.n);
}

static void expect_values(const struct line *l) {
  const char *want;
  for (size_t i = 3; i < l->n; i++) {
    const char *path = path_of(l->words[i], &want);
    compare(l->words[i], expect_found(path), want);
  }
}

/* A signed one: what a link gives, or what an InstallProfile brings. */
static void expect_profile(const struct line *l) {
  const char *want;
  struct slice profile = talk.reply.body;
  struct pl *root;
  struct pki_cert *signer;
  if (strncmp(talk.reply.content_type, "application/xml", strlen("application/xml")) == 0 &&
      !pl_data(pl_get(pl_get(plist_of(profile), "Command"), "Payload"), &profile))
    talk_fail("that is no InstallProfile");
  talk_must(lab_profile_open(talk.cx, &root, &signer, profile));
  for (size_t i = 3; i < l->n; i++) {
    const char *path = path_of(l->words[i], &want);
    compare(l->words[i], pl_shown(root, slice_of(path)), want);
  }
}

static void expect_text(const struct line *l) {
  for (size_t i = 3; i < l->n; i++)
    if (!talk.reply.body.n || !strstr(talk.reply.body.p, l->words[i]))
      talk_fail("the answer does not hold %s: %.*s", l->words[i], (int)talk.reply.body.n, talk.reply.body.p);
}

static void expect_empty(const struct line *l) {
  (void)l;
  if (talk.reply.body.n) talk_fail("expected nothing, got %.*s", (int)talk.reply.body.n, talk.reply.body.p);
}

/* A command, by its label. */
static void expect_command(const char *label) {
  struct pl *root;
  const char *uuid = label_value(label);
  if (!uuid) talk_fail("there is no label %s", label);
  if (!talk.reply.body.n) talk_fail("expected the command %s, got nothing", label);
  talk_must(pl_parse(talk.cx, talk.reply.body, &pl_limits_report, &root));
  const char *got = pl_str(root, "CommandUUID");
  if (!got || strcmp(got, uuid) != 0) talk_fail("expected the command %s, got %s", label, got ? got : "none");
}

static const struct {
  const char *word;
  void (*run)(const struct line *l);
} contents[] = {{"empty", expect_empty},
                {"json", expect_values},
                {"plist", expect_values},
                {"profile", expect_profile},
                {"text", expect_text}};

static void expect_content(const struct line *l) {
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
    if (strcmp(contents[i].word, l->words[2]) == 0) {
      contents[i].run(l);
      return;
    }
  expect_command(l->words[2]);
}

/* TALKS_LOG in the environment: a file that gets "talk TAB message TAB status" of each expectation that was met. */
static void record(void) {
  const char *path = getenv("TALKS_LOG");
  FILE *f = path ? fopen(path, "a") : NULL;
  if (!f) return;
  fprintf(f, "%s\t%s\t%d\n", talk.file, talk.message, talk.reply.status);
  fclose(f);
}

void expect_answer(const struct line *l) {
  if (l->n < 2) talk_fail("< STATUS [empty | json PATH=VALUE… | plist PATH=VALUE… | text WORD… | LABEL]");
  if (!talk.said) talk_fail("nothing was asked");
  int want = atoi(l->words[1]);
  if (talk.reply.status != want)
    talk_fail("expected %d, got %d %.*s", want, talk.reply.status, (int)talk.reply.body.n, talk.reply.body.p);
  if (l->n > 2) expect_content(l);
  talk.said = false;
  record();
}

void expect_event(const struct line *l) {
  int64_t n;
  if (l->n < 2) talk_fail("event KIND [NUMBER]");
  talk_must(db_one_int(talk.cx, world_reader(), &n, "SELECT count(*) FROM event WHERE kind = $1", DB_S(l->words[1])));
  if (l->n > 2 ? n != atoi(l->words[2]) : n == 0) talk_fail("%lld events %s", (long long)n, l->words[1]);
}
