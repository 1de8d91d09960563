/* What is installed, packed: hashes of names and versions, so that a plan compares a whole fleet by numbers. */
#include "core/inventory_int.h"

#include <stdlib.h>
#include <string.h>

/* Of an item in a packed list: name, version, status, little-endian. */
enum { NAME_LEN = 8, VERSION_LEN = 8, STATUS_LEN = 4, ITEM_LEN = NAME_LEN + VERSION_LEN + STATUS_LEN };

/* FNV-1a, and a last mixing step. Two names with one hash only concern the device that tells both of them, which may
   tell what it likes anyway. */
uint64_t inventory_hash(struct slice text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < text.n; i++) h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3u;
  h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
  h ^= h >> 32;
  return h ? h : 1;
}

static int by_name(const void *a, const void *b) {
  const struct inventory_item *x = a, *y = b;
  return (x->name > y->name) - (x->name < y->name);
}

static int by_name_and_version(const void *a, const void *b) {
  const struct inventory_item *x = a, *y = b;
  int order = by_name(a, b);
  return order ? order : (x->version > y->version) - (x->version < y->version);
}

static void put(char *at, uint64_t value, size_t n) {
  for (size_t i = 0; i < n; i++) at[i] = (char)(value >> 8 * i);
}

static uint64_t get(const char *at, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value |= (uint64_t)(unsigned char)at[i] << 8 * i;
  return value;
}

struct slice inventory_pack(struct ctx *cx, struct inventory_item *items, size_t n) {
  char *out = ctx_alloc(cx, n * ITEM_LEN + 1), *at = out;
  if (n) qsort(items, n, sizeof *items, by_name_and_version);
  for (size_t i = 0; i < n; i++) {
    if (i && items[i].name == items[i - 1].name) continue;
    put(at, items[i].name, NAME_LEN);
    put(at + NAME_LEN, items[i].version, VERSION_LEN);
    put(at + NAME_LEN + VERSION_LEN, items[i].status, STATUS_LEN);
    at += ITEM_LEN;
  }
  return slice_mem(out, (size_t)(at - out));
}

enum err inventory_unpack(struct ctx *cx, struct slice packed, struct inventory_items *out) {
  if (packed.n % ITEM_LEN) return FAIL(cx, E_STORAGE, "a stored list of what is installed is damaged");
  struct inventory_item *items = ctx_alloc(cx, packed.n / ITEM_LEN * sizeof *items);
  out->n = packed.n / ITEM_LEN;
  out->items = items;
  for (size_t i = 0; i < out->n; i++) {
    const char *at = packed.p + i * ITEM_LEN;
    items[i] = (struct inventory_item){.name = get(at, NAME_LEN),
                                       .version = get(at + NAME_LEN, VERSION_LEN),
                                       .status = (uint32_t)get(at + NAME_LEN + VERSION_LEN, STATUS_LEN)};
  }
  return OK;
}

const struct inventory_item *inventory_find(const struct inventory_items *in, uint64_t name) {
  struct inventory_item key = {.name = name};
  return in->n ? bsearch(&key, in->items, in->n, sizeof key, by_name) : NULL;
}
