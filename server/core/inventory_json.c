/* An answer as JSON: what the schema names, bounded, without secrets; what does not fit beside it. Written as text, not
   by way of a tree of values: lists of apps are long. */
#include "core/inventory_int.h"

#include "base/enc.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
  JSON_MOST = 512 << 10, /* bytes: what stands behind them is cut off */
  VALUES_MOST = 60000,
  DEPTH_MOST = 16,
  ITEMS_MOST = 5000,   /* of an array */
  MEMBERS_MOST = 2000, /* of a dictionary */
  KEY_MOST = 255,
  STRING_MOST = 4096,
  NOTES_MOST = 20,
  RAW_MOST = 1000, /* bytes of one value that does not fit */
  PATH_MOST = 200
};

struct writer {
  struct ctx *cx;
  struct buf text, raw, cut; /* raw, cut: items of the notes beside it */
  size_t most, values;
  int raws, cuts;
  int64_t misfits;
  bool noted; /* false: it writes a note itself */
};

/* Where a value stands, up to the top. */
struct place {
  const struct place *up; /* NULL: top */
  const char *key;        /* NULL: an item */
  size_t index;
  int depth;
};

static bool is_full(const struct writer *w) { return w->text.n > w->most || w->values > VALUES_MOST; }

static void put_string(struct buf *to, struct slice s, size_t most) {
  static const char dots[] = "\xE2\x80\xA6";
  bool cut = s.n > most;
  while (cut && most > 0 && ((unsigned char)s.p[most] & 0xc0) == 0x80) most--;
  if (cut) s.n = most;
  buf_add_char(to, '"');
  size_t from = 0;
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    buf_add(to, s.p + from, i - from);
    buf_printf(to, "\\u%04x", c);
    from = i + 1;
  }
  buf_add(to, s.p + from, s.n - from);
  buf_add_str(to, cut ? dots : "");
  buf_add_char(to, '"');
}

static void add_path(struct buf *to, const struct place *at) {
  if (!at->up) return;
  add_path(to, at->up);
  if (!at->key)
    buf_printf(to, "[%zu]", at->index);
  else
    buf_printf(to, "%s%s", to->n ? "." : "", at->key);
}

static void put_path(struct buf *to, const struct place *at) {
  struct buf path = {0};
  add_path(&path, at);
  put_string(to, buf_slice(&path), PATH_MOST);
  buf_free(&path);
}

static void put_value(struct writer *w, struct pl *node, const struct inventory_shape *shape, const struct place *at);

static void note_misfit(struct writer *w, struct pl *node, const struct place *at) {
  w->misfits++;
  if (!w->noted || w->raws++ == NOTES_MOST || w->raws > NOTES_MOST) return;
  struct writer one = {.cx = w->cx, .most = RAW_MOST};
  put_value(&one, node, NULL, &(struct place){0});
  buf_add_str(&w->raw, w->raws > 1 ? ",{\"at\":" : "{\"at\":");
  put_path(&w->raw, at);
  buf_add_str(&w->raw, ",\"value\":");
  buf_add_slice(&w->raw, buf_slice(&one.text));
  buf_add_char(&w->raw, '}');
  buf_free(&one.text);
}

static void note_cut(struct writer *w, const struct place *at, size_t told, size_t kept) {
  if (!w->noted || ++w->cuts > NOTES_MOST) return;
  buf_add_str(&w->cut, w->cuts > 1 ? ",{\"at\":" : "{\"at\":");
  put_path(&w->cut, at);
  buf_printf(&w->cut, ",\"told\":%zu,\"kept\":%zu}", told, kept);
}

/* ---- scalars ---- */

static bool is_finite(struct pl *node) {
  double d;
  return pl_real(node, &d) && isfinite(d);
}

static bool fits(const struct inventory_shape *shape, struct pl *node) {
  enum pl_type t = pl_type(node);
  int64_t n;
  switch (shape ? shape->type : INVENTORY_ANY) {
  case INVENTORY_STRING:
    return t == PL_STRING;
  case INVENTORY_INTEGER:
    return t == PL_INT && pl_int(node, &n);
  case INVENTORY_REAL:
    return is_finite(node) || pl_int(node, &n);
  case INVENTORY_BOOLEAN:
    return t == PL_BOOL;
  case INVENTORY_DATA:
    return t == PL_DATA;
  case INVENTORY_DATE:
    return t == PL_DATE;
  case INVENTORY_ARRAY:
    return t == PL_ARRAY;
  case INVENTORY_DICTIONARY:
    return t == PL_DICT;
  case INVENTORY_ANY:
  case INVENTORY_SECRET:
    return t != PL_NONE;
  }
  return false;
}

static void put_data(struct writer *w, struct slice data) {
  uint8_t hash[SHA256_LEN];
  buf_printf(&w->text, "{\"bytes\":%zu", data.n);
  if (data.n <= INVENTORY_HASHED_MOST) {
    pki_sha256(hash, data);
    buf_printf(&w->text, ",\"sha256\":\"%s\"", enc_hex(w->cx, hash, sizeof hash));
  }
  buf_add_char(&w->text, '}');
}

static void put_text(struct writer *w, struct slice s) {
  put_string(&w->text, s, w->noted ? STRING_MOST : RAW_MOST / 2);
}

static void put_scalar(struct writer *w, struct pl *node, enum pl_type type) {
  struct slice s;
  int64_t n;
  double d;
  bool yes;
  if (type == PL_STRING && pl_string(node, &s))
    put_text(w, s);
  else if (type == PL_BOOL && pl_bool(node, &yes))
    buf_add_str(&w->text, yes ? "true" : "false");
  else if (type == PL_INT && pl_int(node, &n))
    buf_printf(&w->text, "%" PRId64, n);
  else if (type == PL_REAL && pl_real(node, &d) && isfinite(d))
    buf_printf(&w->text, "%.15g", d);
  else if (type == PL_DATA && pl_data(node, &s))
    put_data(w, s);
  else if (type == PL_DATE && pl_date(node, &n))
    put_text(w, slice_of(enc_time(w->cx, n)));
  else
    buf_add_str(&w->text, "null");
}

/* ---- containers ---- */

struct members {
  struct writer *w;
  const struct inventory_shape *shape;
  const struct place *at;
  size_t kept, told;
  bool cut;
};

/* A key that is too long may stand for several when it is cut. */
static bool is_key(const char *key) { return strlen(key) <= KEY_MOST; }

static void put_member(const char *key, struct pl *value, void *arg) {
  struct members *m = arg;
  struct writer *w = m->w;
  struct place here = {.up = m->at, .key = key, .depth = m->at->depth + 1};
  const struct inventory_shape *shape = inventory_shape_key(m->shape, key);
  m->told++;
  if (shape ? shape->type == INVENTORY_SECRET : inventory_is_secret(key)) return;
  if (m->cut || m->kept == MEMBERS_MOST || is_full(w)) {
    m->cut = true;
    return;
  }
  if (!is_key(key) || !fits(shape, value)) {
    note_misfit(w, value, &here);
    return;
  }
  if (m->kept++) buf_add_char(&w->text, ',');
  put_string(&w->text, slice_of(key), KEY_MOST);
  buf_add_char(&w->text, ':');
  put_value(w, value, shape, &here);
}

static void put_dictionary(struct writer *w, struct pl *dict, const struct inventory_shape *shape,
                           const struct place *at) {
  struct members m = {.w = w, .shape = shape, .at = at};
  buf_add_char(&w->text, '{');
  pl_each(dict, put_member, &m);
  buf_add_char(&w->text, '}');
  if (m.cut) note_cut(w, at, m.told, m.kept);
}

static void put_array(struct writer *w, struct pl *array, const struct inventory_shape *shape, const struct place *at) {
  const struct inventory_shape *item = inventory_shape_key(shape, "[]");
  size_t n = pl_count(array), kept = 0, i;
  buf_add_char(&w->text, '[');
  for (i = 0; i < n && kept < ITEMS_MOST && !is_full(w); i++) {
    struct place here = {.up = at, .index = i, .depth = at->depth + 1};
    struct pl *node = pl_at(array, i);
    if (!fits(item, node)) {
      note_misfit(w, node, &here);
      continue;
    }
    if (kept++) buf_add_char(&w->text, ',');
    put_value(w, node, item, &here);
  }
  buf_add_char(&w->text, ']');
  if (i < n) note_cut(w, at, n, kept);
}

static void put_value(struct writer *w, struct pl *node, const struct inventory_shape *shape, const struct place *at) {
  w->values++;
  enum pl_type type = pl_type(node);
  if (type != PL_DICT && type != PL_ARRAY) {
    put_scalar(w, node, type);
  } else if (at->depth >= DEPTH_MOST) {
    buf_add_str(&w->text, "null");
    note_cut(w, at, pl_count(node), 0);
  } else {
    (type == PL_DICT ? put_dictionary : put_array)(w, node, shape, at);
  }
}

/* ---- all ---- */

static size_t put_top(struct writer *w, struct pl *message, const struct inventory_shape *answer) {
  const struct place top = {0};
  const struct inventory_shape *s = NULL;
  size_t kept = 0;
  while ((s = inventory_shape_child(answer, s))) {
    struct place here = {.up = &top, .key = s->name, .depth = 1};
    struct pl *node = pl_get(message, s->name);
    if (!node) continue;
    if (!fits(s, node)) {
      note_misfit(w, node, &here);
      continue;
    }
    buf_printf(&w->text, "%s\"%s\":", kept++ ? "," : "", s->name);
    put_value(w, node, s, &here);
  }
  return kept;
}

static void put_notes(struct writer *w, const char *name, struct buf *notes, bool first) {
  if (notes->n) buf_printf(&w->text, "%s\"%s\":[%s]", first ? "" : ",", name, notes->p);
  buf_free(notes);
}

void inventory_to_json(struct ctx *cx, struct pl *message, const struct inventory_shape *answer,
                       struct inventory_text *out) {
  struct writer w = {.cx = cx, .most = JSON_MOST, .noted = true};
  buf_add_char(&w.text, '{');
  out->broken = put_top(&w, message, answer) == 0;
  bool raw = w.raw.n > 0;
  put_notes(&w, "raw", &w.raw, out->broken);
  put_notes(&w, "truncated", &w.cut, out->broken && !raw);
  buf_add_char(&w.text, '}');
  out->misfits = w.misfits + (out->broken && w.misfits == 0);
  out->json = slice_mem(ctx_memdup(cx, w.text.p, w.text.n), w.text.n);
  buf_free(&w.text);
}
