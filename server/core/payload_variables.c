#include "core/payload_int.h"

#include <ctype.h>
#include <string.h>

// clang-format off
const struct payload_variable payload_variables[] = {
    {"SerialNumber", "serial number of the device", false},
    {"UDID", "its UDID, or enrollment id", false},
    {"DeviceName", "its name", false},
    {"HostName", "host name of a Mac", false},
    {"ProductName", "its product, as iPhone17,1", false},
    {"ModelName", "its model", false},
    {"OSVersion", "version of its OS", false},
    {"WiFiMAC", "address of its Wi-Fi", false},
    {"IMEI", "its IMEI", false},
    {"AssetTag", "asset tag, given by device set or a CSV", false},
    {"UserName", "its assigned user", false},
    {"Email", "e-mail address of its assigned user", false},
    {"Organization", "the server's setting organization", false},
    {"ServerURL", "the server's setting public-url", false},
    {"EscrowCertificate", "certificate for which Macs encrypt FileVault recovery keys", true},
    {NULL, NULL, false},
};
// clang-format on

const struct payload_variable *payload_variable(struct slice name) {
  const struct payload_variable *v = payload_variables;
  while (v->name && !slice_is(name, v->name)) v++;
  return v->name ? v : NULL;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

/* Begins it with two hexadecimal digits, as web addresses are full of (%C3%A4)? */
static bool is_escape(struct slice name) {
  return name.n >= 2 && isxdigit((unsigned char)name.p[0]) && isxdigit((unsigned char)name.p[1]);
}

/* At a '%': how many characters the piece has. */
static size_t take_mark(struct slice rest, struct payload_piece *out) {
  size_t n = 1;
  while (n < rest.n && is_word(rest.p[n])) n++;
  struct slice name = slice_mem(rest.p + 1, n - 1);
  bool closed = n < rest.n && rest.p[n] == '%';
  out->text = slice_mem(rest.p, 1);
  if (closed && name.n == 0) return 2;
  if (name.n == 0 || !is_letter(name.p[0]) || (is_escape(name) && (!closed || name.n == 2))) return 1;
  out->variable = closed ? payload_variable(name) : NULL;
  out->kind = !closed ? PAYLOAD_UNCLOSED : out->variable ? PAYLOAD_VARIABLE : PAYLOAD_UNKNOWN;
  out->text = closed ? name : slice_mem(rest.p, n);
  return n + closed;
}

bool payload_piece(struct slice *rest, struct payload_piece *out) {
  *out = (struct payload_piece){0};
  if (rest->n == 0) return false;
  const char *mark = memchr(rest->p, '%', rest->n);
  size_t n = mark ? (size_t)(mark - rest->p) : rest->n;
  if (n > 0)
    out->text = slice_mem(rest->p, n);
  else
    n = take_mark(*rest, out);
  rest->p += n;
  rest->n -= n;
  return true;
}

bool payload_has_variable(struct slice text) {
  struct payload_piece piece;
  while (payload_piece(&text, &piece))
    if (piece.kind == PAYLOAD_VARIABLE || piece.kind == PAYLOAD_UNKNOWN) return true;
  return false;
}

const struct payload_variable *payload_data_variable(struct slice text) {
  struct payload_piece piece;
  size_t whole = text.n;
  if (!payload_piece(&text, &piece) || piece.kind != PAYLOAD_VARIABLE || piece.text.n + 2 != whole) return NULL;
  return piece.variable->is_data ? piece.variable : NULL;
}

/* ---- the check ---- */

static const char *name_at(size_t i, const void *arg) {
  (void)arg;
  return payload_variables[i].name;
}

static const char *nearest(struct slice name) {
  size_t known = sizeof payload_variables / sizeof *payload_variables - 1;
  const char *near = payload_nearest(name, name_at, NULL, known);
  return near ? near : payload_variables[0].name;
}

enum err payload_text_check(struct ctx *cx, struct slice text) {
  for (struct payload_piece p; payload_piece(&text, &p);) {
    const char *shown = payload_shown(cx, p.text);
    if (p.kind == PAYLOAD_UNKNOWN)
      return FAIL(cx, E_INVALID,
                  "there is no variable %%%s%%; did you mean %%%s%%? For a text that the device itself fills, write "
                  "%%%%%s%%%%",
                  shown, nearest(p.text), shown);
    if (p.kind == PAYLOAD_VARIABLE && p.variable->is_data)
      return FAIL(cx, E_INVALID, "%%%s%% is data, for profiles only", shown);
  }
  return OK;
}

static void unknown(struct payload_run *r, const struct payload_node *n, struct slice name) {
  if (!payload_room(r, SAY_VARIABLE_UNKNOWN)) return;
  const char *shown = payload_shown(r->cx, name);
  SAY_AT(r, VARIABLE_UNKNOWN, n, shown, nearest(name), shown, NULL);
}

static void remember(struct payload_check *out, const struct payload_variable *v) {
  char **slot = out->variables;
  while (*slot && strcmp(*slot, v->name) != 0) slot++;
  *slot = (char *)(uintptr_t)v->name;
}

/* Names and types tell payloads apart, and are the same on every device. */
static bool is_fixed(const struct payload_node *n) {
  static const char *const keys[] = {"PayloadIdentifier", "PayloadUUID", "PayloadType", "PayloadScope"};
  for (size_t i = 0; n->key && i < sizeof keys / sizeof *keys; i++)
    if (strcmp(n->key, keys[i]) == 0) return true;
  return false;
}

static void one_variable(struct payload_run *r, const struct payload_node *n, const struct payload_variable *v,
                         bool alone) {
  remember(r->out, v);
  if (is_fixed(n)) SAY_AT(r, VARIABLE_NAME, n, n->key, NULL);
  if (r->out->is_signed) SAY_AT(r, SIGNED_VARIABLES, n, v->name, NULL);
  if (v->is_data && !alone) SAY_AT(r, VARIABLE_DATA, n, v->name, NULL);
}

static void in_text(struct payload_run *r, const struct payload_node *n, struct slice text) {
  size_t whole = text.n;
  for (struct payload_piece p; payload_piece(&text, &p);) {
    if (p.kind == PAYLOAD_UNKNOWN) unknown(r, n, p.text);
    if (p.kind == PAYLOAD_UNCLOSED && payload_room(r, SAY_VARIABLE_UNCLOSED))
      SAY_AT(r, VARIABLE_UNCLOSED, n, payload_shown(r->cx, p.text), NULL);
    if (p.kind == PAYLOAD_VARIABLE) one_variable(r, n, p.variable, p.text.n + 2 == whole);
  }
}

static void in_node(struct payload_run *r, const struct payload_node *n) {
  struct slice text;
  if (n->key && strchr(n->key, '%') && payload_has_variable(slice_of(n->key)))
    SAY_AT(r, VARIABLE_KEY, n, payload_shown(r->cx, slice_of(n->key)), NULL);
  if (pl_string(n->pl, &text)) in_text(r, n, text);
  for (n = n->first; n; n = n->next) in_node(r, n);
}

void payload_check_variables(struct payload_run *r) {
  r->out->variables = ctx_alloc(r->cx, sizeof payload_variables / sizeof *payload_variables * sizeof(char *));
  in_node(r, r->root);
}
