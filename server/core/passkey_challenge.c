/* Challenges, in memory: a server that starts anew forgets them, and the browser asks again. */
#include "core/passkey_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "lib/net_addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ID_CHARS = 43, ORIGIN_MOST = 300 };

struct row {
  char id[ID_CHARS + 1]; /* "": free */
  char origin[ORIGIN_MOST + 1], peer[INET6_ADDRSTRLEN];
  uint8_t bytes[CHALLENGE_LEN];
  int64_t at, login;
};

struct challenges {
  pthread_mutex_t lock;
  struct row rows[CHALLENGES_MOST];
};

struct challenges *challenges_new(void) {
  struct challenges *c = mem_alloc(sizeof *c);
  pthread_mutex_init(&c->lock, NULL);
  return c;
}

void challenges_free(struct challenges *c) {
  if (!c) return;
  pthread_mutex_destroy(&c->lock);
  secret_wipe(c->rows, sizeof c->rows);
  free(c);
}

/* ---- where ---- */

static bool is_name(const char *host) {
  struct in_addr a;
  bool dotted = inet_pton(AF_INET, host, &a) == 1;
  return *host && *host != '[' && !dotted && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(host);
}

/* The host of scheme://host[:port], as an RP id; a browser has passkeys where nobody between can change the page. */
static enum err rp_of(struct ctx *cx, struct slice origin, char **rp) {
  bool tls = slice_starts(origin, "https://");
  size_t scheme = tls ? 8 : slice_starts(origin, "http://") ? 7 : origin.n;
  struct slice rest = slice_mem(origin.p + scheme, origin.n - scheme), host;
  if (origin.n > ORIGIN_MOST || rest.n == 0) return FAIL(cx, E_CONFLICT, "passkeys are for pages of a browser");
  (void)slice_cut(&rest, ':', &host);
  *rp = ctx_memdup(cx, host.p, host.n);
  for (char *c = *rp; *c; c++) *c = (char)tolower((unsigned char)*c);
  if (!is_name(*rp))
    return FAIL(cx, E_CONFLICT, "passkeys are for a host name, not an address: open the console by its name");
  if (!tls && strcmp(*rp, "localhost") != 0)
    return FAIL(cx, E_CONFLICT, "passkeys want TLS: open the console by https");
  return OK;
}

/* ---- rows ---- */

static bool stands(const struct row *r, int64_t now) { return *r->id && r->at + CHALLENGE_US > now && r->at <= now; }

/* A free one, else the oldest; of the same address, when that has its share. */
static struct row *place_for(struct challenges *c, const char *peer, int64_t now) {
  struct row *oldest = NULL, *own = NULL;
  int of_peer = 0;
  for (size_t i = 0; i < CHALLENGES_MOST; i++) {
    struct row *r = &c->rows[i];
    if (*r->id && !stands(r, now)) *r = (struct row){0};
    if (!oldest || r->at < oldest->at) oldest = r;
    if (!*r->id || strcmp(r->peer, peer) != 0) continue;
    of_peer++;
    if (!own || r->at < own->at) own = r;
  }
  return of_peer >= CHALLENGES_OF_PEER ? own : oldest;
}

enum err challenge_new(struct ctx *cx, struct core *core, struct slice origin, int64_t login, const char *peer,
                       struct challenge *out) {
  struct row fresh = {.at = clock_now_us(), .login = login};
  TRY(rp_of(cx, origin, &out->rp));
  out->id = secret_token(cx);
  secret_random(out->bytes, sizeof out->bytes);
  memcpy(fresh.id, out->id, ID_CHARS);
  memcpy(fresh.bytes, out->bytes, sizeof fresh.bytes);
  memcpy(fresh.origin, origin.p, origin.n);
  memcpy(fresh.peer, peer, strnlen(peer, sizeof fresh.peer - 1));
  pthread_mutex_lock(&core->challenges->lock);
  *place_for(core->challenges, fresh.peer, fresh.at) = fresh;
  pthread_mutex_unlock(&core->challenges->lock);
  return OK;
}

/* Looks at all, so that the time tells nothing of where it stands. */
static struct row take(struct challenges *c, const char *id, int64_t login, int64_t now) {
  struct row found = {0};
  if (strnlen(id, ID_CHARS + 1) != ID_CHARS) return found;
  for (size_t i = 0; i < CHALLENGES_MOST; i++) {
    struct row *r = &c->rows[i];
    if (!secret_equal(r->id, id, ID_CHARS) || r->login != login) continue;
    if (stands(r, now)) found = *r;
    *r = (struct row){0};
  }
  return found;
}

enum err challenge_take(struct ctx *cx, struct core *core, const char *id, int64_t login, struct challenge_held *out) {
  pthread_mutex_lock(&core->challenges->lock);
  struct row r = take(core->challenges, id, login, clock_now_us());
  pthread_mutex_unlock(&core->challenges->lock);
  if (!*r.id) return FAIL(cx, E_GONE, "this took longer than five minutes, or was tried already: begin again");
  out->origin = ctx_strdup(cx, r.origin);
  memcpy(out->bytes, r.bytes, sizeof out->bytes);
  return rp_of(cx, slice_of(out->origin), &out->rp);
}
