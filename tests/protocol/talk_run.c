/* Reads a talk line by line: words, loops, and which verb does what. */
#include "talk.h"

#include "base/enc.h"
#include "base/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, LOOP_WORDS = 32 };

struct talk talk;

void talk_fail(const char *fmt, ...) {
  char text[4000];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  fail_msg("%s:%d: %s", talk.file, talk.line, text);
  abort();
}

void talk_must(enum err e) {
  if (e != OK) talk_fail("%s: %s (%s)", err_slug(e), ctx_error_text(talk.cx), ctx_error_place(talk.cx));
}

/* ---- words ---- */

/* A word ends at white space; "…" within it holds white space together. */
static char *take_word(const char **at) {
  struct buf b = {0};
  bool quoted = false;
  for (; **at && (quoted || !isspace((unsigned char)**at)); ++*at) {
    if (**at == '"')
      quoted = !quoted;
    else
      buf_add_char(&b, **at);
  }
  char *word = ctx_memdup(talk.cx, b.p ? b.p : "", b.n);
  buf_free(&b);
  return word;
}

static void split(struct line *l, const char *text) {
  *l = (struct line){.text = text};
  for (const char *at = text;;) {
    while (isspace((unsigned char)*at)) at++;
    if (!*at || *at == '#') return;
    if (l->n == WORDS_MAX) talk_fail("too many words");
    l->rest[l->n] = at;
    l->words[l->n++] = take_word(&at);
  }
}

static const char *grown(struct buf *b) {
  const char *out = ctx_memdup(talk.cx, b->p ? b->p : "", b->n);
  buf_free(b);
  return out;
}

/* $NAME of a loop. */
static const char *fill_variable(const char *text, const char *variable, const char *value) {
  struct buf b = {0};
  size_t n = strlen(variable);
  for (const char *p = text; *p;)
    if (*p == '$' && strncmp(p + 1, variable, n) == 0) {
      buf_add_str(&b, value);
      p += n + 1;
    } else {
      buf_add_char(&b, *p++);
    }
  return grown(&b);
}

/* {LABEL} of what has a name: a command's UUID, a link's path, a device's id. */
static const char *fill_labels(const char *text) {
  struct buf b = {0};
  for (const char *p = text; *p;) {
    const char *end = *p == '{' ? strchr(p, '}') : NULL, *known = NULL;
    if (end && end - p < NAME_MAX_) known = label_value(ctx_memdup(talk.cx, p + 1, (size_t)(end - p - 1)));
    if (known) {
      buf_add_str(&b, known);
      p = end + 1;
    } else {
      buf_add_char(&b, *p++);
    }
  }
  return grown(&b);
}

/* ---- verbs ---- */

static void setting(const struct line *l) {
  if (talk.core.store) talk_fail("settings come before anything else");
  if (l->n != 3) talk_fail("setting NAME VALUE");
  talk.settings[talk.settings_n++] = l->words[1];
  talk.settings[talk.settings_n++] = l->words[2];
}

static void wait_for(const struct line *l) {
  int64_t span;
  if (l->n != 2 || !dec_span(slice_of(l->words[1]), &span)) talk_fail("wait SPAN, as 31d");
  clock_shift(talk.shift += span);
}

static void chores(const struct line *l) {
  (void)l;
  world_chores();
}

static void restart(const struct line *l) {
  (void)l;
  world_restart();
}

static void storage(const struct line *l) {
  if (l->n != 2) talk_fail("storage broken, or storage mended");
  world_break(strcmp(l->words[1], "broken") == 0);
}

static const struct {
  const char *word;
  bool needs_server; /* and every answer before it has been looked at */
  void (*run)(const struct line *l);
} verbs[] = {
    {"setting", false, setting},      {">", true, actor_say},           {"<", false, expect_answer},
    {"user", true, actor_user},       {"moves", true, actor_move},      {"identity", true, actor_identity},
    {"enroll", true, actor_enroll},   {"admin", true, admin_ask},       {"link", true, admin_link},
    {"command", true, admin_command}, {"public", true, public_ask},     {"anyone", true, anyone_ask},
    {"note", true, label_take},       {"install", true, actor_install}, {"apns", true, actor_apns},
    {"event", true, expect_event},    {"wait", true, wait_for},         {"chores", true, chores},
    {"restart", true, restart},       {"storage", true, storage},
};

static void run_line(const char *text, const char *variable, const char *value) {
  struct line l;
  split(&l, fill_labels(variable ? fill_variable(text, variable, value) : text));
  if (l.n == 0) return;
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
    if (strcmp(verbs[i].word, l.words[0]) != 0) continue;
    if (verbs[i].needs_server) {
      expect_none_left();
      world_open();
    }
    verbs[i].run(&l);
    return;
  }
  if (!actor_is_kind(l.words[0])) talk_fail("\"%s\" is no verb", l.words[0]);
  world_open();
  actor_new(&l);
}

/* ---- loops: "for X in a b c" … "end", not within each other ---- */

struct lines {
  char **text;
  size_t n;
};

static struct lines lines_of(struct slice text) {
  struct lines out = {.text = ctx_alloc(talk.cx, (text.n + 1) * sizeof *out.text)};
  struct slice one;
  while (slice_cut(&text, '\n', &one)) out.text[out.n++] = ctx_memdup(talk.cx, one.p, one.n);
  return out;
}

static bool is_verb(const char *text, const char *verb, struct line *l) {
  split(l, text);
  return l->n && strcmp(l->words[0], verb) == 0;
}

static size_t end_of_loop(const struct lines *all, size_t from) {
  struct line l;
  for (size_t i = from; i < all->n; i++)
    if (is_verb(all->text[i], "end", &l)) return i;
  talk_fail("the loop has no end");
}

static void run_loop(const struct lines *all, size_t from, size_t to, const struct line *head) {
  if (head->n < 4 || strcmp(head->words[2], "in") != 0) talk_fail("for NAME in WORD…");
  for (size_t w = 3; w < head->n; w++)
    for (size_t i = from; i < to; i++) {
      talk.line = (int)i + 1;
      run_line(all->text[i], head->words[1], head->words[w]);
    }
}

static void run_all(const struct lines *all) {
  struct line head;
  for (size_t i = 0; i < all->n; i++) {
    talk.line = (int)i + 1;
    if (!is_verb(all->text[i], "for", &head)) {
      run_line(all->text[i], NULL, NULL);
      continue;
    }
    size_t end = end_of_loop(all, i + 1);
    run_loop(all, i + 1, end, &head);
    i = end;
  }
  expect_none_left();
}

void talk_run(const char *file, bool on_disk) {
  struct slice text;
  const char *tmp = getenv("TMPDIR");
  talk = (struct talk){.cx = ctx_new(), .file = strrchr(file, '/') ? strrchr(file, '/') + 1 : file};
  talk_must(file_read(talk.cx, &text, file, FILE_MAX));
  if (on_disk) talk.folder = mkdtemp(ctx_printf(talk.cx, "%s/pomona-talk-XXXXXX", tmp ? tmp : "/tmp"));
  struct lines all = lines_of(text);
  run_all(&all);
}

void talk_end(void) {
  world_close();
  ctx_free(talk.cx);
}
