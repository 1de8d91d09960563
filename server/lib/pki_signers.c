/* Signers that were seen before. A set-associative table: the name's first bytes choose a set, each set has a lock of
   its own, and within a set the entry unused for longest gives way. SHA-256 spreads the names, and only signers whose
   chain was found good come in, so nobody outside can crowd one set. */
#include "lib/pki_signature_int.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 16 };

struct entry {
  struct signer_name name;
  struct signer signer; /* free when pkey is NULL */
  struct signer_span span;
  uint64_t used;
};

struct set {
  pthread_mutex_t lock;
  uint64_t clock; /* counts uses */
  struct entry way[WAYS];
};

struct pki_signers {
  EVP_MD *md[SIGNATURE_DIGESTS];
  size_t ways;
  size_t sets_n; /* a power of two */
  struct set *sets;
};

struct pki_signers *pki_signers_new(size_t most) {
  struct pki_signers *s = mem_alloc(sizeof *s);
  s->ways = most < WAYS ? (most > 0 ? most : 1) : WAYS;
  s->sets_n = 1;
  while (s->sets_n * WAYS < most) s->sets_n *= 2;
  s->sets = mem_alloc(s->sets_n * sizeof *s->sets);
  for (size_t i = 0; i < s->sets_n; i++) pthread_mutex_init(&s->sets[i].lock, NULL);
  for (size_t i = 0; i < SIGNATURE_DIGESTS; i++) {
    s->md[i] = EVP_MD_fetch(NULL, signature_digests[i].name, NULL);
    if (!s->md[i]) abort(); /* an OpenSSL without SHA-2 can do nothing here */
  }
  return s;
}

void pki_signers_forget(struct pki_signers *s) {
  for (size_t i = 0; i < s->sets_n; i++) {
    struct set *set = &s->sets[i];
    pthread_mutex_lock(&set->lock);
    for (size_t w = 0; w < WAYS; w++) EVP_PKEY_free(set->way[w].signer.pkey);
    memset(set->way, 0, sizeof set->way);
    pthread_mutex_unlock(&set->lock);
  }
}

void pki_signers_free(struct pki_signers *s) {
  if (!s) return;
  pki_signers_forget(s);
  for (size_t i = 0; i < s->sets_n; i++) pthread_mutex_destroy(&s->sets[i].lock);
  for (size_t i = 0; i < SIGNATURE_DIGESTS; i++) EVP_MD_free(s->md[i]);
  free(s->sets);
  free(s);
}

const EVP_MD *signers_md(const struct pki_signers *s, const struct signature_digest *d) {
  return s->md[d - signature_digests];
}

struct signer_name signer_name(const struct signature_parts *parts) {
  struct signer_name name;
  struct buf b = {0};
  buf_add(&b, &parts->certs.n, sizeof parts->certs.n); /* the border counts: it could be moved otherwise */
  buf_add_slice(&b, parts->certs);
  buf_add_slice(&b, parts->sid);
  pki_sha256(name.sha256, buf_slice(&b));
  buf_free(&b);
  return name;
}

static struct set *set_of(struct pki_signers *s, struct signer_name name) {
  uint64_t h;
  memcpy(&h, name.sha256, sizeof h);
  return &s->sets[h & (s->sets_n - 1)];
}

static struct entry *find(const struct pki_signers *s, struct set *set, struct signer_name name) {
  for (size_t w = 0; w < s->ways; w++) {
    struct entry *e = &set->way[w];
    if (e->signer.pkey && memcmp(e->name.sha256, name.sha256, SHA256_LEN) == 0) return e;
  }
  return NULL;
}

bool signers_get(struct pki_signers *s, struct signer_name name, const struct pki_trust *trust, int64_t now,
                 struct signer *out) {
  struct set *set = set_of(s, name);
  pthread_mutex_lock(&set->lock);
  struct entry *e = find(s, set, name);
  if (e && trust && (e->span.trust != trust || now < e->span.from || now >= e->span.until)) e = NULL;
  if (e) {
    e->used = ++set->clock;
    *out = e->signer;
    EVP_PKEY_up_ref(out->pkey);
  }
  pthread_mutex_unlock(&set->lock);
  return e != NULL;
}

static struct entry *oldest(const struct pki_signers *s, struct set *set) {
  struct entry *old = &set->way[0];
  for (size_t w = 1; w < s->ways; w++)
    if (set->way[w].used < old->used) old = &set->way[w]; /* free ones were never used */
  return old;
}

void signers_put(struct pki_signers *s, struct signer_name name, const struct signer *signer, struct signer_span span) {
  struct set *set = set_of(s, name);
  EVP_PKEY_up_ref(signer->pkey);
  pthread_mutex_lock(&set->lock);
  struct entry *e = find(s, set, name);
  if (!e) e = oldest(s, set);
  EVP_PKEY *former = e->signer.pkey;
  *e = (struct entry){.name = name, .signer = *signer, .span = span, .used = ++set->clock};
  pthread_mutex_unlock(&set->lock);
  EVP_PKEY_free(former);
}
