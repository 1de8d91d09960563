#include "base/secret.h"

#include "base/enc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void secret_random(void *out, size_t n) {
  char *p = out;
  while (n) {
    ssize_t got = getrandom(p, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      fputs("pomona: the kernel gives no random bytes\n", stderr);
      abort();
    }
    p += got;
    n -= (size_t)got;
  }
}

bool secret_equal(const void *a, const void *b, size_t n) {
  const volatile unsigned char *x = a, *y = b;
  unsigned char diff = 0;
  for (size_t i = 0; i < n; i++) diff |= (unsigned char)(x[i] ^ y[i]);
  return diff == 0;
}

void secret_wipe(void *p, size_t n) {
  if (n) explicit_bzero(p, n);
}

struct wiped {
  void *p;
  size_t n;
};

static void wipe_deferred(void *arg) {
  struct wiped *w = arg;
  secret_wipe(w->p, w->n);
}

void *secret_in(struct ctx *cx, void *p, size_t n) {
  struct wiped *w = ctx_alloc(cx, sizeof *w);
  *w = (struct wiped){p, n};
  ctx_defer(cx, wipe_deferred, w);
  return p;
}

char *secret_token(struct ctx *cx) {
  unsigned char raw[32];
  secret_random(raw, sizeof raw);
  char *s = enc_base64url(cx, raw, sizeof raw);
  secret_wipe(raw, sizeof raw);
  return secret_in(cx, s, strlen(s));
}
