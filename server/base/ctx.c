#include "base/ctx.h"

#include "base/enc.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most requests need less than one block; larger demands get blocks of their own size. */
enum { BLOCK = 8192, ALIGN = 16, TEXT_MAX = 512 };

struct block {
  struct block *next;
  size_t used, size;
  _Alignas(ALIGN) char bytes[];
};

struct deferred {
  struct deferred *next;
  void (*release)(void *);
  void *arg;
};

struct ctx {
  struct block *blocks; /* newest first; the last one is kept by ctx_reset */
  struct deferred *deferred;
  int64_t deadline;
  char trace[17];
  enum err error;
  const char *file;
  int line;
  const char *text; /* within, unless it is longer */
  char within[TEXT_MAX];
  char place[80];
};

static void out_of_memory(void) {
  fputs("pomona: out of memory\n", stderr);
  abort();
}

void *mem_alloc(size_t n) {
  void *p = calloc(1, n ? n : 1);
  if (!p) out_of_memory();
  return p;
}

void *mem_realloc(void *p, size_t n) {
  p = realloc(p, n ? n : 1);
  if (!p) out_of_memory();
  return p;
}

char *mem_strdup(const char *s) {
  if (!s) return NULL;
  size_t n = strlen(s) + 1;
  return memcpy(mem_alloc(n), s, n);
}

static struct block *block_new(size_t size) {
  struct block *b = malloc(sizeof *b + size);
  if (!b) out_of_memory();
  *b = (struct block){.size = size};
  return b;
}

/* Trace ids are no secrets: one system call serves many of them. */
static void begin(struct ctx *cx) {
  static _Thread_local uint64_t stock[64];
  static _Thread_local size_t left;
  if (left == 0) {
    secret_random(stock, sizeof stock);
    left = sizeof stock / sizeof *stock;
  }
  enc_hex_to(cx->trace, &stock[--left], sizeof *stock);
}

struct ctx *ctx_new(void) {
  struct ctx *cx = mem_alloc(sizeof *cx);
  cx->blocks = block_new(BLOCK);
  begin(cx);
  return cx;
}

static void release_all(struct ctx *cx) {
  while (cx->deferred) {
    struct deferred *d = cx->deferred;
    cx->deferred = d->next;
    d->release(d->arg);
  }
  while (cx->blocks->next) {
    struct block *b = cx->blocks;
    cx->blocks = b->next;
    free(b);
  }
}

void ctx_free(struct ctx *cx) {
  if (!cx) return;
  release_all(cx);
  free(cx->blocks);
  free(cx);
}

void ctx_reset(struct ctx *cx) {
  release_all(cx);
  cx->blocks->used = 0;
  cx->deadline = 0;
  ctx_clear_error(cx);
  begin(cx);
}

void *ctx_alloc(struct ctx *cx, size_t n) {
  if (n > SIZE_MAX - ALIGN - sizeof(struct block)) out_of_memory();
  size_t need = (n + ALIGN - 1) / ALIGN * ALIGN;
  if (need == 0) need = ALIGN;
  struct block *b = cx->blocks;
  if (b->size - b->used < need) {
    b = block_new(need > BLOCK ? need : BLOCK);
    b->next = cx->blocks;
    cx->blocks = b;
  }
  void *p = b->bytes + b->used;
  b->used += need;
  return memset(p, 0, need);
}

void *ctx_memdup(struct ctx *cx, const void *p, size_t n) {
  char *copy = ctx_alloc(cx, n + 1);
  if (n) memcpy(copy, p, n);
  return copy;
}

char *ctx_strdup(struct ctx *cx, const char *s) { return s ? ctx_memdup(cx, s, strlen(s)) : NULL; }

char *ctx_printf(struct ctx *cx, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) abort();
  char *s = ctx_alloc(cx, (size_t)n + 1);
  va_start(ap, fmt);
  vsnprintf(s, (size_t)n + 1, fmt, ap);
  va_end(ap);
  return s;
}

void ctx_defer(struct ctx *cx, void (*release)(void *), void *arg) {
  struct deferred *d = ctx_alloc(cx, sizeof *d);
  *d = (struct deferred){.next = cx->deferred, .release = release, .arg = arg};
  cx->deferred = d;
}

const char *ctx_trace(const struct ctx *cx) { return cx->trace; }
void ctx_set_deadline(struct ctx *cx, int64_t mono_us) { cx->deadline = mono_us; }
int64_t ctx_deadline(const struct ctx *cx) { return cx->deadline; }

enum err ctx_fail(struct ctx *cx, enum err e, const char *file, int line, const char *fmt, ...) {
  if (cx->error != OK) return e;
  cx->error = e;
  const char *slash = strrchr(file, '/');
  cx->file = slash ? slash + 1 : file;
  cx->line = line;
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(cx->within, sizeof cx->within, fmt, ap);
  cx->text = cx->within;
  if (n >= TEXT_MAX) {
    char *all = ctx_alloc(cx, (size_t)n + 1);
    vsnprintf(all, (size_t)n + 1, fmt, again);
    cx->text = all;
  }
  va_end(again);
  va_end(ap);
  snprintf(cx->place, sizeof cx->place, "%s:%d", cx->file, cx->line);
  return e;
}

enum err ctx_error(const struct ctx *cx) { return cx->error; }
const char *ctx_error_text(const struct ctx *cx) { return cx->error == OK ? "" : cx->text; }
const char *ctx_error_place(const struct ctx *cx) { return cx->error == OK ? "" : cx->place; }
void ctx_clear_error(struct ctx *cx) { cx->error = OK; }
