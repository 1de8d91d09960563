/* The pool of RSA keys. */
#include "app/lab_device.h"
#include "base/file.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

enum { POOL = 16, BITS = 2048, FILE_MAX = 4 << 20 };
static const char end_line[] = "-----END PRIVATE KEY-----";

struct lab_keys {
  struct ctx *cx; /* holds the keys */
  struct lab_key **v;
  size_t n;
};

static struct lab_key *add(struct lab_keys *k, struct pki_key *key, struct slice pem) {
  struct lab_key *one = mem_alloc(sizeof *one);
  *one = (struct lab_key){key, pem};
  k->v = mem_realloc(k->v, (k->n + 1) * sizeof(struct lab_key *));
  k->v[k->n++] = one;
  return one;
}

enum err lab_keys_add(struct ctx *cx, struct lab_keys *k, struct slice pem, const struct lab_key **out) {
  struct pki_key *key;
  for (size_t i = 0; i < k->n; i++)
    if (slice_eq(k->v[i]->pem, pem)) {
      *out = k->v[i];
      return OK;
    }
  enum err e = pki_key_parse(k->cx, &key, pem);
  if (e != OK) return FAIL(cx, e, "%s", ctx_error_text(k->cx));
  *out = add(k, key, slice_mem(ctx_memdup(k->cx, pem.p, pem.n), pem.n));
  return OK;
}

/* Each PEM block of the text is a key. */
static enum err parse(struct ctx *cx, struct lab_keys *k, struct slice text) {
  const struct lab_key *ignored;
  for (;;) {
    const char *end = text.n ? memmem(text.p, text.n, end_line, sizeof end_line - 1) : NULL;
    if (!end) break;
    size_t n = (size_t)(end - text.p) + sizeof end_line - 1;
    n += n < text.n; /* the line break */
    TRY(lab_keys_add(cx, k, slice_mem(text.p, n), &ignored));
    text = slice_mem(text.p + n, text.n - n);
  }
  return k->n ? OK : FAIL(cx, E_INVALID, "the file of keys holds none");
}

struct making { /* one of two threads that make keys */
  struct ctx *cx;
  size_t n;
  struct lab_key made[POOL];
  enum err e;
};

static void *make(void *arg) {
  struct making *m = arg;
  for (size_t i = 0; i < m->n && m->e == OK; i++) {
    m->e = pki_key_new_rsa(m->cx, &m->made[i].key, BITS);
    if (m->e == OK) m->e = pki_key_pem(m->cx, &m->made[i].pem, m->made[i].key);
  }
  return NULL;
}

static enum err make_keys(struct ctx *cx, struct lab_keys *k, size_t wanted) {
  enum { AT_A_TIME = 2 };
  struct making halves[AT_A_TIME] = {{0}};
  pthread_t threads[AT_A_TIME];
  enum err e = OK;
  for (size_t t = 0; t < AT_A_TIME; t++) {
    halves[t].cx = ctx_new();
    halves[t].n = (wanted + t) / AT_A_TIME;
    threads[t] = thread_start("lab-keys", make, &halves[t]);
  }
  for (size_t t = 0; t < AT_A_TIME; t++) {
    const struct lab_key *ignored;
    thread_join(threads[t]);
    if (e == OK && halves[t].e != OK) e = FAIL(cx, halves[t].e, "%s", ctx_error_text(halves[t].cx));
    for (size_t i = 0; e == OK && i < halves[t].n; i++) e = lab_keys_add(cx, k, halves[t].made[i].pem, &ignored);
    ctx_free(halves[t].cx);
  }
  return e;
}

static enum err keep(struct ctx *cx, const struct lab_keys *k, const char *file) {
  struct buf text = {0};
  for (size_t i = 0; i < k->n; i++) buf_add_slice(&text, k->v[i]->pem);
  enum err e = file_create(cx, file, buf_slice(&text));
  buf_wipe(&text);
  return e;
}

static enum err fill(struct ctx *cx, struct lab_keys *k, const char *file, size_t wanted) {
  struct slice text;
  enum err e = file ? file_read(cx, &text, file, FILE_MAX) : E_NOT_FOUND;
  if (e == OK) return parse(cx, k, text);
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  TRY(make_keys(cx, k, wanted < POOL ? wanted : POOL));
  return file ? keep(cx, k, file) : OK;
}

enum err lab_keys_open(struct ctx *cx, struct lab_keys **out, const char *file, size_t wanted) {
  struct lab_keys *k = mem_alloc(sizeof *k);
  k->cx = ctx_new();
  enum err e = fill(cx, k, file, wanted ? wanted : 1);
  if (e != OK) {
    lab_keys_close(k);
    return e;
  }
  *out = k;
  return OK;
}

const struct lab_key *lab_keys_at(const struct lab_keys *k, size_t i) { return k->v[i % k->n]; }

void lab_keys_close(struct lab_keys *k) {
  if (!k) return;
  for (size_t i = 0; i < k->n; i++) free(k->v[i]);
  free(k->v);
  ctx_free(k->cx);
  free(k);
}
