#include "base/map.h"

#include "base/ctx.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

struct entry {
  struct entry *next;
  uint64_t hash;
  void *value;
  size_t n;
  char key[];
};

struct map {
  struct entry **slots;
  size_t slot_count; /* a power of two */
  size_t count;
  uint64_t seed[2];
};

static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static void sip_round(uint64_t v[4]) {
  v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
  v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
  v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
  v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein): ids come from devices, and a keyed hash keeps chains short whatever they
 * choose. */
static uint64_t hash_of(const struct map *m, struct slice key) {
  uint64_t v[4] = {m->seed[0] ^ 0x736f6d6570736575, m->seed[1] ^ 0x646f72616e646f6d, m->seed[0] ^ 0x6c7967656e657261,
                   m->seed[1] ^ 0x7465646279746573};
  uint64_t word;
  size_t i = 0;
  for (; i + 8 <= key.n; i += 8) {
    memcpy(&word, key.p + i, 8);
    v[3] ^= word, sip_round(v), v[0] ^= word;
  }
  word = (uint64_t)key.n << 56;
  for (size_t k = 0; i + k < key.n; k++) word |= (uint64_t)(unsigned char)key.p[i + k] << (8 * k);
  v[3] ^= word, sip_round(v), v[0] ^= word;
  v[2] ^= 0xff;
  sip_round(v), sip_round(v), sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void) {
  struct map *m = mem_alloc(sizeof *m);
  m->slot_count = 16;
  m->slots = mem_alloc(m->slot_count * sizeof *m->slots);
  secret_random(m->seed, sizeof m->seed);
  return m;
}

void map_free(struct map *m, void (*free_value)(void *)) {
  if (!m) return;
  for (size_t i = 0; i < m->slot_count; i++)
    while (m->slots[i]) {
      struct entry *e = m->slots[i];
      m->slots[i] = e->next;
      if (free_value) free_value(e->value);
      free(e);
    }
  free(m->slots);
  free(m);
}

/* The link that points to the entry of key, or to the NULL at the end of its chain. */
static struct entry **find(const struct map *m, struct slice key, uint64_t hash) {
  struct entry **at = &m->slots[hash & (m->slot_count - 1)];
  while (*at && ((*at)->hash != hash || !slice_eq(slice_mem((*at)->key, (*at)->n), key))) at = &(*at)->next;
  return at;
}

void *map_get(const struct map *m, struct slice key) {
  struct entry *e = *find(m, key, hash_of(m, key));
  return e ? e->value : NULL;
}

static void grow(struct map *m) {
  size_t old_count = m->slot_count;
  struct entry **old = m->slots;
  m->slot_count *= 2;
  m->slots = mem_alloc(m->slot_count * sizeof *m->slots);
  for (size_t i = 0; i < old_count; i++)
    while (old[i]) {
      struct entry *e = old[i];
      old[i] = e->next;
      struct entry **slot = &m->slots[e->hash & (m->slot_count - 1)];
      e->next = *slot;
      *slot = e;
    }
  free(old);
}

void *map_put(struct map *m, struct slice key, void *value) {
  uint64_t hash = hash_of(m, key);
  struct entry **at = find(m, key, hash);
  if (*at) {
    void *before = (*at)->value;
    (*at)->value = value;
    return before;
  }
  struct entry *e = mem_alloc(sizeof *e + key.n);
  e->hash = hash;
  e->value = value;
  e->n = key.n;
  if (key.n) memcpy(e->key, key.p, key.n);
  *at = e;
  if (++m->count > m->slot_count) grow(m);
  return NULL;
}

void *map_del(struct map *m, struct slice key) {
  struct entry **at = find(m, key, hash_of(m, key));
  struct entry *e = *at;
  if (!e) return NULL;
  void *value = e->value;
  *at = e->next;
  free(e);
  m->count--;
  return value;
}

size_t map_count(const struct map *m) { return m->count; }

void map_filter(struct map *m, bool (*each)(struct slice key, void *value, void *arg), void *arg) {
  for (size_t i = 0; i < m->slot_count; i++)
    for (struct entry **at = &m->slots[i]; *at;) {
      struct entry *e = *at;
      if (each(slice_mem(e->key, e->n), e->value, arg)) {
        at = &e->next;
        continue;
      }
      *at = e->next;
      free(e);
      m->count--;
    }
}
