/* The language of filters: from text to a tree of terms.

   any: all ("or" all)*
   all: one (["and" | ","] one)*
   one: "not" one | "(" any ")" | FIELD [OPERATOR VALUE] | WORD */
#include "core/roster_filter_int.h"

#include <string.h>

enum { BYTES_MAX = 4000, DEPTH_MAX = 16, TERMS_MAX = 100, SHOWN = 60 };

struct parser {
  struct ctx *cx;
  struct slice text;
  size_t at; /* of the next byte */
  int depth, terms;
};
#define WRONG(p, at, ...) ROSTER_WRONG((p)->cx, (p)->text, (at), __VA_ARGS__)

/* ---- what is wrong, and where ---- */

static bool begins_character(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

static size_t characters(struct slice s) {
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++) n += begins_character(s.p[i]);
  return n;
}

static size_t to_character(struct slice s, size_t at) {
  if (at >= s.n) return s.n;
  while (at > 0 && !begins_character(s.p[at])) at--;
  return at;
}

enum err roster_wrong(struct ctx *cx, struct slice text, size_t at, const char *sentence) {
  size_t from = to_character(text, at > SHOWN / 2 ? at - SHOWN / 2 : 0);
  size_t to = to_character(text, from + SHOWN);
  size_t column = characters(slice_mem(text.p + from, at - from)) + (from ? 1 : 0);
  return FAIL(cx, E_INVALID, "the filter, at character %zu: %s\n  %s%.*s%s\n  %*s^",
              characters(slice_mem(text.p, at)) + 1, sentence, from ? "…" : "", (int)(to - from), text.p + from,
              to < text.n ? "…" : "", (int)column, "");
}

/* ---- tokens ---- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_word(char c) { return !is_space(c) && !strchr("(),\"=!<>~", c); }

/* The next character that is no space; NUL at the end. */
static char peek(struct parser *p) {
  while (p->at < p->text.n && is_space(p->text.p[p->at])) p->at++;
  return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

static struct slice take_word(struct parser *p) {
  size_t from = p->at;
  while (p->at < p->text.n && is_word(p->text.p[p->at])) p->at++;
  return slice_mem(ctx_memdup(p->cx, p->text.p + from, p->at - from), p->at - from);
}

static bool take_keyword(struct parser *p, const char *keyword) {
  (void)peek(p);
  size_t at = p->at;
  if (slice_ieq(take_word(p), keyword)) return true;
  p->at = at;
  return false;
}

static bool take_char(struct parser *p, char c) {
  if (peek(p) != c) return false;
  p->at++;
  return true;
}

static enum err take_quoted(struct parser *p, struct slice *out) {
  size_t opened = p->at++, n = 0;
  char *text = ctx_alloc(p->cx, p->text.n - p->at + 1);
  while (p->at < p->text.n && p->text.p[p->at] != '"') {
    bool escaped = p->text.p[p->at] == '\\';
    if (escaped && (p->at + 1 == p->text.n || !strchr("\"\\", p->text.p[p->at + 1])))
      return WRONG(p, p->at, "behind \\ stands \" or \\");
    if (escaped) p->at++;
    text[n++] = p->text.p[p->at++];
  }
  if (p->at == p->text.n) return WRONG(p, opened, "this quotation mark is never closed");
  p->at++;
  *out = slice_mem(text, n);
  return OK;
}

static bool take_operator(struct parser *p, enum roster_op *op) {
  static const struct {
    const char *text;
    enum roster_op op;
  } rows[] = {{"!=", ROSTER_NE}, {"<=", ROSTER_LE}, {">=", ROSTER_GE}, {"=", ROSTER_EQ},
              {"<", ROSTER_LT},  {">", ROSTER_GT},  {"~", ROSTER_HAS}};
  (void)peek(p);
  struct slice rest = slice_mem(p->text.p + p->at, p->text.n - p->at);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (!slice_starts(rest, rows[i].text)) continue;
    p->at += strlen(rows[i].text);
    *op = rows[i].op;
    return true;
  }
  return false;
}

/* ---- terms ---- */

static struct roster_term *term_new(struct parser *p, enum roster_kind kind, size_t at) {
  struct roster_term *t = ctx_alloc(p->cx, sizeof *t);
  t->kind = kind;
  t->at = at;
  return t;
}

static void make_lower(struct slice s) {
  for (size_t i = 0; i < s.n; i++) ((char *)s.p)[i] = roster_lower(s.p[i]); /* the term's own copy */
}

static const char *set_named(struct slice word) {
  static const char *const sets[] = {"group", "app", "profile"};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (slice_ieq(word, sets[i])) return sets[i];
  return NULL;
}

/* How many letters stand between what both begin and end with. */
static size_t difference(struct slice a, struct slice b) {
  size_t same = 0, tail = 0, least = a.n < b.n ? a.n : b.n;
  while (same < least && roster_lower(a.p[same]) == b.p[same]) same++;
  while (tail < least - same && roster_lower(a.p[a.n - 1 - tail]) == b.p[b.n - 1 - tail]) tail++;
  return (a.n > b.n ? a.n : b.n) - same - tail;
}

static enum err wrong_field(struct parser *p, size_t at, struct slice word) {
  const char *nearest = NULL;
  size_t least = 3;
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    struct slice name = slice_of(roster_fields[f].name);
    size_t d = difference(word, name);
    if (d >= least || d >= name.n) continue;
    nearest = name.p;
    least = d;
  }
  if (word.n > 40) return WRONG(p, at, "there is no field of this name");
  if (nearest) return WRONG(p, at, "there is no field %.*s: is %s meant?", (int)word.n, word.p, nearest);
  return WRONG(p, at, "there is no field %.*s (a word that is to be looked for stands in \"\" when it has such signs)",
               (int)word.n, word.p);
}

static bool is_keyword(struct slice s) { return slice_ieq(s, "and") || slice_ieq(s, "or") || slice_ieq(s, "not"); }

static enum err take_value(struct parser *p, struct roster_term *t, bool *quoted) {
  *quoted = peek(p) == '"';
  t->value_at = p->at;
  if (*quoted) return take_quoted(p, &t->text);
  t->text = take_word(p);
  char c = p->at < p->text.n ? p->text.p[p->at] : '\0';
  if (t->text.n == 0) return WRONG(p, p->at, "here a value is missing (\"\" is none)");
  if (is_keyword(t->text)) return WRONG(p, t->value_at, "here a value is missing, or %s in quotation marks", t->text.p);
  if (c && strchr("=!<>~\"", c)) return WRONG(p, p->at, "a value with %c stands in quotation marks", c);
  return OK;
}

static enum err set_term(struct parser *p, struct roster_term *t) {
  if (t->op != ROSTER_EQ && t->op != ROSTER_NE) return WRONG(p, t->at, "%s is compared by = and !=", t->set);
  if (t->text.n == 0) return WRONG(p, t->value_at, "here the name of the %s is missing", t->set);
  return OK;
}

/* name OPERATOR VALUE; p stands behind the operator, at: before it. */
static enum err comparison(struct parser *p, struct roster_term *t, struct slice name, size_t at) {
  bool quoted;
  t->set = set_named(name);
  t->kind = t->set ? ROSTER_SET : ROSTER_COMPARE;
  if (!t->set && !roster_field_named(name, &t->field)) return wrong_field(p, t->at, name);
  t->at = at;
  TRY(take_value(p, t, &quoted));
  if (t->set) return set_term(p, t);
  TRY(roster_value(p->cx, p->text, t, quoted));
  if (t->op == ROSTER_HAS) make_lower(t->text);
  return OK;
}

static enum err missing(struct parser *p) {
  char c = peek(p);
  if (p->terms == 0 && c == '\0') return WRONG(p, p->at, "here a condition is missing");
  if (c == '\0') return WRONG(p, p->at, "the filter ends where a condition is missing");
  if (c == ')') return WRONG(p, p->at, "a condition is missing before this bracket");
  if (c == ',') return WRONG(p, p->at, "a condition is missing before this comma");
  return WRONG(p, p->at, "before this sign stands the name of a field");
}

static enum err count_term(struct parser *p) {
  if (++p->terms <= TERMS_MAX) return OK;
  return WRONG(p, p->at, "a filter has at most %d conditions", TERMS_MAX);
}

static enum err take_term(struct parser *p, struct roster_term **out) {
  char c = peek(p);
  size_t from = p->at;
  enum roster_op op;
  struct roster_term *t = *out = term_new(p, ROSTER_WORD, from);
  if (c == '"') TRY(take_quoted(p, &t->text));
  if (c != '"') t->text = take_word(p);
  if (t->text.n == 0) return c == '"' ? WRONG(p, from, "a word that is looked for has letters") : missing(p);
  if (c != '"' && is_keyword(t->text)) return WRONG(p, from, "before \"%s\" a condition is missing", t->text.p);
  (void)peek(p);
  size_t at = p->at;
  TRY(count_term(p));
  if (take_operator(p, &op)) {
    if (c == '"') return WRONG(p, from, "the name of a field stands without quotation marks");
    t->op = op;
    return comparison(p, t, t->text, at);
  }
  if (peek(p) == '!') return WRONG(p, p->at, "! stands only before =, and \"not\" before a condition");
  bool flag = c != '"' && roster_field_named(t->text, &t->field) && roster_fields[t->field].type == ROSTER_FLAG;
  if (flag) t->kind = ROSTER_COMPARE, t->op = ROSTER_EQ, t->number = 1;
  make_lower(t->text);
  return OK;
}

/* ---- the tree ---- */

static enum err take_any(struct parser *p, struct roster_term **out);

static enum err take_group(struct parser *p, struct roster_term **out) {
  size_t opened = p->at - 1;
  if (peek(p) == ')') return WRONG(p, p->at, "between these brackets a condition is missing");
  TRY(take_any(p, out));
  return take_char(p, ')') ? OK : WRONG(p, opened, "this bracket is never closed");
}

static enum err take_one(struct parser *p, struct roster_term **out) {
  (void)peek(p);
  size_t at = p->at;
  if (++p->depth > DEPTH_MAX) return WRONG(p, at, "brackets and \"not\" are nested at most %d deep", DEPTH_MAX);
  enum err e;
  if (take_keyword(p, "not")) {
    *out = term_new(p, ROSTER_NOT, at);
    e = take_one(p, &(*out)->first);
  } else {
    e = take_char(p, '(') ? take_group(p, out) : take_term(p, out);
  }
  p->depth--;
  return e;
}

/* True when another condition follows: with "and", a comma, or neither. */
static bool goes_on(struct parser *p) {
  size_t at;
  if (take_keyword(p, "and") || take_char(p, ',')) return true;
  char c = peek(p);
  at = p->at;
  bool is_or = take_keyword(p, "or");
  p->at = at;
  return c != '\0' && c != ')' && !is_or;
}

/* One alone stands for itself. */
static void close_list(struct roster_term **out) {
  if (!(*out)->first->next) *out = (*out)->first;
}

static enum err take_all(struct parser *p, struct roster_term **out) {
  struct roster_term **end = &(*out = term_new(p, ROSTER_ALL, p->at))->first;
  do {
    TRY(take_one(p, end));
    end = &(*end)->next;
  } while (goes_on(p));
  close_list(out);
  return OK;
}

static enum err take_any(struct parser *p, struct roster_term **out) {
  struct roster_term **end = &(*out = term_new(p, ROSTER_ANY, p->at))->first;
  do {
    TRY(take_all(p, end));
    end = &(*end)->next;
  } while (take_keyword(p, "or"));
  close_list(out);
  return OK;
}

enum err roster_filter(struct ctx *cx, struct roster_filter **out, struct slice text) {
  struct parser p = {.cx = cx, .text = text};
  *out = ctx_alloc(cx, sizeof **out);
  (*out)->text = text;
  if (text.n > BYTES_MAX) return FAIL(cx, E_INVALID, "a filter has at most %d bytes", BYTES_MAX);
  if (!utf8_valid(text)) return FAIL(cx, E_INVALID, "the filter is not valid UTF-8");
  for (size_t i = 0; i < text.n; i++)
    if (!is_space(text.p[i]) && (unsigned char)text.p[i] < ' ')
      return FAIL(cx, E_INVALID, "the filter, at byte %zu: a control character", i + 1);
  if (peek(&p) == '\0') return OK;
  TRY(take_any(&p, &(*out)->root));
  return peek(&p) == '\0' ? OK : WRONG(&p, p.at, "this bracket was never opened");
}

/* ---- what may be a rule ---- */

static enum err check_steady(struct ctx *cx, struct slice text, const struct roster_term *t) {
  static const enum roster_field unsteady[] = {ROSTER_LAST_SEEN, ROSTER_ENROLLED, ROSTER_INVENTORY, ROSTER_VERDICT,
                                               ROSTER_COMPLIANCE};
  for (size_t i = 0; t->kind == ROSTER_COMPARE && i < sizeof unsteady / sizeof *unsteady; i++)
    if (t->field == unsteady[i])
      return ROSTER_WRONG(cx, text, t->at, "%s changes by itself: no rule can be made of it",
                          roster_fields[t->field].name);
  if (t->kind == ROSTER_SET && strcmp(t->set, "group") == 0)
    return ROSTER_WRONG(cx, text, t->at, "a rule cannot be made of another group");
  for (const struct roster_term *child = t->first; child; child = child->next) TRY(check_steady(cx, text, child));
  return OK;
}

enum err roster_filter_steady(struct ctx *cx, const struct roster_filter *f) {
  return f->root ? check_steady(cx, f->text, f->root) : OK;
}

static bool by_lists(const struct roster_term *t) {
  if (t->kind == ROSTER_SET) return strcmp(t->set, "group") != 0;
  const struct roster_term *child = t->first;
  while (child && !by_lists(child)) child = child->next;
  return child != NULL;
}

bool roster_filter_by_lists(const struct roster_filter *f) { return f->root && by_lists(f->root); }
