/* Secrets: random bytes, comparing without telling where, wiping. Any thread. */
#ifndef POMONA_BASE_SECRET_H
#define POMONA_BASE_SECRET_H

#include "base/buf.h"
#include "base/ctx.h"

void secret_random(void *out, size_t n);                   /* from the kernel; aborts when it has none */
bool secret_equal(const void *a, const void *b, size_t n); /* constant time in n */
void secret_wipe(void *p, size_t n);                       /* not optimised away */
/* Wipes p when cx ends. Returns p. */
void *secret_in(struct ctx *cx, void *p, size_t n);
/* 256 random bits as 43 characters of base64url, in cx, wiped with it. */
char *secret_token(struct ctx *cx);

#endif
