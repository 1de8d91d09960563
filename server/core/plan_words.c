/* Words of plans: of their states, of facts, of what devices said; and what was given, packed. */
#include "core/plan_int.h"

#include <inttypes.h>
#include <string.h>

static const char *const states[PLAN_STATES] = {
    [PLAN_NONE] = "none", [PLAN_COMPLIANT] = "compliant", [PLAN_WORKING] = "working", [PLAN_FAILING] = "failing"};
static const char *const acts[PLAN_ACTS] = {
    [PLAN_NOTHING] = "nothing", [PLAN_INSTALL] = "install", [PLAN_REPLACE] = "replace",
    [PLAN_REMOVE] = "remove",   [PLAN_RUN] = "run",         [PLAN_REQUIRE] = "require"};
static const char *const phases[PLAN_PHASES] = {
    [PLAN_WAITING] = "waiting", [PLAN_SENT] = "sent", [PLAN_ACKNOWLEDGED] = "acknowledged", [PLAN_FAILED] = "failing"};

const char *plan_state_word(enum plan_state s) { return states[s]; }
const char *plan_act_word(enum plan_act a) { return acts[a]; }
const char *plan_phase_word(enum plan_phase p) { return phases[p]; }

static int named(const char *const *words, int n, const char *word) {
  for (int i = 0; word && i < n; i++)
    if (strcmp(words[i], word) == 0) return i;
  return -1;
}

bool plan_act_named(const char *word, enum plan_act *a) {
  int i = named(acts, PLAN_ACTS, word);
  if (i >= 0) *a = (enum plan_act)i;
  return i >= 0;
}

bool plan_phase_named(const char *word, enum plan_phase *p) {
  int i = named(phases, PLAN_PHASES, word);
  if (i >= 0) *p = (enum plan_phase)i;
  return i >= 0;
}

bool plan_state_named(const char *word, enum plan_state *s) {
  int i = named(states, PLAN_STATES, word);
  if (i >= 0) *s = (enum plan_state)i;
  return i >= 0;
}

/* ---- facts ---- */

static const char *fact_text(struct ctx *cx, const struct roster_device *d, enum roster_field f) {
  const char *text = roster_text(d, f);
  int64_t number = roster_number(d, f);
  if (roster_fields[f].type == ROSTER_FLAG) return number == INT64_MIN ? "not known" : number ? "on" : "off";
  if (roster_fields[f].type == ROSTER_NUMBER && number != INT64_MIN)
    return ctx_printf(cx, "%" PRId64 ".%" PRId64, number / 1000, number % 1000 / 100);
  return text && *text ? text : "not known";
}

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || c == '-' || (c >= 'A' && c <= 'Z'); }

/* The words of a filter that are names of fields; values that happen to be one count, too, which does no harm. */
uint64_t plan_fields(const char *filter) {
  uint64_t fields = 0;
  for (const char *p = filter; *p;) {
    size_t n = 0;
    enum roster_field f;
    while (is_name(p[n])) n++;
    if (n && roster_field_named(slice_mem(p, n), &f)) fields |= UINT64_C(1) << f;
    p += n ? n : 1;
  }
  return fields;
}

char *plan_facts(struct ctx *cx, uint64_t fields, const struct roster_device *d) {
  char *out = NULL;
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    if (!(fields & UINT64_C(1) << f)) continue;
    const char *text = fact_text(cx, d, (enum roster_field)f);
    out = ctx_printf(cx, "%s%s%s is %s", out ? out : "", out ? ", " : "", roster_fields[f].name, text);
  }
  return out ? out : ctx_strdup(cx, "it is not so");
}

/* A field that is not known, of an answer of which nothing is known: it has not come. */
bool plan_facts_missing(uint64_t fields, const struct roster_device *d) {
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    bool asked = fields & UINT64_C(1) << f && *roster_fields[f].request;
    bool came = !asked;
    for (int other = 0; !came && other < ROSTER_FIELDS; other++)
      came = d->known & UINT64_C(1) << other && strcmp(roster_fields[other].request, roster_fields[f].request) == 0;
    if (!came) return true;
  }
  return false;
}

const char *plan_why(struct ctx *cx, const struct plan_thing *t, const char *why) {
  return ctx_printf(cx, "%s %s: %s", group_kind_word(t->kind), t->key, why ? why : "failed");
}

/* ---- what a device said ---- */

enum { WHY_MAX = 300 };

const char *plan_device_words(struct ctx *cx, const char *errors) {
  struct js *chain;
  if (!errors || js_parse(cx, slice_of(errors), &chain) != OK) return ctx_clear_error(cx), "the device refused it";
  struct js *first = js_at(chain, 0);
  const char *text = js_str(first, "text");
  if (!text || !*text) text = js_str(first, "localized");
  int64_t code = 0;
  const char *domain = js_str(first, "domain");
  (void)js_int(js_get(first, "code"), &code);
  if (text && *text) return ctx_printf(cx, "\"%.*s\"", WHY_MAX, text);
  return domain ? ctx_printf(cx, "the device refused it: %.*s %" PRId64, WHY_MAX, domain, code)
                : "the device refused it";
}

/* ---- what was given ---- */

static void put(char *at, uint64_t value) {
  for (size_t i = 0; i < sizeof value; i++) at[i] = (char)(value >> 8 * i);
}

static uint64_t get(const char *at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof value; i++) value |= (uint64_t)(unsigned char)at[i] << 8 * i;
  return value;
}

struct slice plan_pack(struct ctx *cx, const struct plan_given *given, size_t n) {
  char *out = ctx_alloc(cx, n * PLAN_GIVEN_SIZE + 1);
  for (size_t i = 0; i < n; i++) {
    char *at = out + i * PLAN_GIVEN_SIZE;
    put(at, (uint64_t)given[i].thing);
    put(at + 8, given[i].version);
    put(at + 16, (uint64_t)given[i].at);
  }
  return slice_mem(out, n * PLAN_GIVEN_SIZE);
}

size_t plan_unpack(struct slice packed, struct plan_given *given) {
  size_t n = packed.n / PLAN_GIVEN_SIZE;
  for (size_t i = 0; i < n; i++) {
    const char *at = packed.p + i * PLAN_GIVEN_SIZE;
    given[i] = (struct plan_given){.thing = (int64_t)get(at), .version = get(at + 8), .at = (int64_t)get(at + 16)};
  }
  return n;
}
