/* What filters ask of devices that is not in the roster: groups, apps, profiles. */
#include "core/plan_int.h"

#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Devices whose own channel has the profile in its list, which holds the hash of its identifier. */
static void collect(struct inventory_scan *s, uint64_t name, const struct plan_way *ways, size_t ways_n,
                    int64_t **devices, size_t *n) {
  struct ctx *own = ctx_new();
  for (size_t i = 0; i < ways_n; i++) {
    struct inventory_items list = {0};
    while (s->enrollment < ways[i].enrollment) inventory_scan_next(s);
    if (s->enrollment != ways[i].enrollment) continue;
    inventory_unpack(own, s->packed, &list);
    if (inventory_find(&list, name)) (*devices)[(*n)++] = ways[i].device;
    ctx_reset(own);
  }
  ctx_free(own);
}

static enum err with_profile(struct ctx *cx, struct db *db, const char *identifier, int64_t **devices, size_t *n) {
  struct inventory_scan s;
  struct plan_way *ways;
  size_t ways_n;
  TRY(plan_sql_all_ways(cx, db, false, &ways, &ways_n));
  *devices = ctx_alloc(cx, (ways_n + 1) * sizeof **devices);
  *n = 0;
  TRY(inventory_scan_open(cx, db, 1u << INVENTORY_PROFILES, &s));
  collect(&s, inventory_hash(slice_of(identifier)), ways, ways_n, devices, n);
  if (*n) qsort(*devices, *n, sizeof **devices, ascending);
  return inventory_scan_close(&s);
}

static enum err find(struct ctx *cx, struct db *db, struct core *core, const char *field, const char *value,
                     int64_t **devices, size_t *n) {
  if (strcmp(field, "group") == 0) return plan_members(cx, db, core, value, devices, n);
  if (strcmp(field, "app") == 0) return plan_sql_with_app(cx, db, value, devices, n);
  return with_profile(cx, db, value, devices, n);
}

const struct roster_sets plan_sets = {find};
