#include "core/payload_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "lib/pki_cms.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  enum payload_grade grade;
  const char *id, *text;
} sentences[SAY_COUNT] = {
#define ERROR PAYLOAD_ERROR
#define WARNING PAYLOAD_WARNING
#define SAY(name, grade, slug, text) [SAY_##name] = {grade, slug, text},
#include "core/payload.def"
#undef SAY
#undef ERROR
#undef WARNING
};

static const struct pl_limits limits = {.bytes = PAYLOAD_FILE_MOST, .depth = 32, .nodes = 100000, .expanded = 8 << 20};

/* ---- findings ---- */

static char *filled(struct ctx *cx, const char *sentence, const char *const *texts) {
  struct buf b = {0};
  for (const char *gap; (gap = strstr(sentence, "{}")); sentence = gap + 2) {
    buf_add(&b, sentence, (size_t)(gap - sentence));
    if (*texts) buf_add_str(&b, *texts++);
  }
  buf_add_str(&b, sentence);
  char *text = ctx_strdup(cx, b.p);
  buf_free(&b);
  return text;
}

bool payload_room(const struct payload_run *r, enum payload_say what) {
  bool is_error = sentences[what].grade == PAYLOAD_ERROR;
  return (is_error ? r->out->errors : r->out->n - r->out->errors) < PAYLOAD_FINDINGS;
}

void payload_say(struct payload_run *r, enum payload_say what, const struct payload_node *n, const char *const *texts) {
  struct payload_check *out = r->out;
  if (!payload_room(r, what)) return;
  if (out->n == r->room) {
    struct payload_finding *former = out->findings;
    r->room = r->room ? 2 * r->room : 16;
    out->findings = ctx_alloc(r->cx, r->room * sizeof *out->findings);
    if (out->n) memcpy(out->findings, former, out->n * sizeof *out->findings);
  }
  out->errors += sentences[what].grade == PAYLOAD_ERROR;
  out->findings[out->n++] = (struct payload_finding){.grade = sentences[what].grade,
                                                     .id = sentences[what].id,
                                                     .line = n ? n->line : 0,
                                                     .key = payload_path(r->cx, n),
                                                     .text = filled(r->cx, sentences[what].text, texts)};
}

static int by_weight(const void *a, const void *b) {
  const struct payload_finding *x = a, *y = b;
  if (x->grade != y->grade) return x->grade < y->grade ? -1 : 1;
  if (x->line != y->line) return x->line < y->line ? -1 : 1;
  int keys = strcmp(x->key, y->key);
  return keys ? keys : strcmp(x->id, y->id);
}

/* ---- reading ---- */

/* A CMS message is a DER sequence; property lists begin otherwise. */
static bool looks_signed(struct slice file) { return file.p[0] == 0x30; }

static bool open_signed(struct payload_run *r, struct slice file) {
  struct pki_cert *signer;
  r->out->is_signed = true;
  if (pki_cms_content(r->cx, &r->out->plist, &signer, file) != OK) {
    SAY_AT(r, SIGNATURE, NULL, ctx_error_text(r->cx), NULL);
    ctx_clear_error(r->cx);
    return false;
  }
  r->out->signer = pki_cert_subject(r->cx, signer);
  int64_t now = clock_now_us();
  if (pki_cert_not_after(signer) < now)
    SAY_AT(r, SIGNER_ENDED, NULL, r->out->signer, enc_time(r->cx, pki_cert_not_after(signer)), NULL);
  if (pki_cert_not_before(signer) > now)
    SAY_AT(r, SIGNER_EARLY, NULL, r->out->signer, enc_time(r->cx, pki_cert_not_before(signer)), NULL);
  return true;
}

static void tell_malformed(struct payload_run *r, enum err e, struct pl_where where) {
  struct payload_node at = {.line = where.line};
  char *why = ctx_strdup(r->cx, ctx_error_text(r->cx));
  ctx_clear_error(r->cx);
  char *byte = strstr(why, ", at byte ");
  if (byte && where.line) *byte = '\0'; /* people count lines */
  const char *line = ctx_printf(r->cx, "%d", where.line), *column = ctx_printf(r->cx, "%d", where.column);
  if (e == E_TOO_LARGE)
    SAY_AT(r, LARGE, NULL, ctx_printf(r->cx, "%d", PAYLOAD_FILE_MOST), NULL);
  else if (where.twice)
    SAY_AT(r, KEY_TWICE, &at, payload_shown(r->cx, slice_of(where.twice)), NULL);
  else if (where.line)
    SAY_AT(r, MALFORMED, &at, why, line, column, NULL);
  else
    SAY_AT(r, NO_PLIST, NULL, why, NULL);
}

/* False when there is nothing to check. */
static bool read_file(struct payload_run *r, struct slice file) {
  struct pl_where where;
  r->out->plist = file;
  if (file.n == 0) return SAY_AT(r, EMPTY, NULL, NULL), false;
  if (file.n <= PAYLOAD_FILE_MOST && looks_signed(file) && !open_signed(r, file)) return false;
  enum err e = pl_scan_where(r->cx, r->out->plist, &limits, &where);
  if (e == OK) e = pl_parse(r->cx, r->out->plist, &limits, &r->out->profile);
  if (e != OK) return tell_malformed(r, e, where), false;
  r->root = payload_tree(r->cx, r->out->profile, r->out->plist);
  if (payload_type_of(r->root) == PL_DICT) return true;
  SAY_AT(r, NO_DICTIONARY, r->root, payload_type_name(payload_type_of(r->root)), NULL);
  r->out->profile = NULL;
  return false;
}

enum err payload_check(struct ctx *cx, struct slice file, struct payload_check *out) {
  static char *none[] = {NULL};
  *out = (struct payload_check){.types = none, .variables = none};
  struct payload_run r = {.cx = cx, .out = out};
  if (read_file(&r, file)) {
    payload_check_envelope(&r);
    payload_check_variables(&r);
    payload_check_types(&r);
    payload_check_keys(&r);
    payload_check_refs(&r);
    payload_check_together(&r);
  }
  if (out->n) qsort(out->findings, out->n, sizeof *out->findings, by_weight);
  return OK;
}
