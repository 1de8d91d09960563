/* All channels of the fleet, one after the other: what groups, lists, givens and items say of each, read in the order
   of their numbers, so that 100,000 are a matter of a second. */
#include "core/plan_int.h"

#include <stdlib.h>

enum { ITEMS_MOST = 512, RESET_EVERY = 512 /* channels */ };

struct scan {
  struct ctx *cx, *scratch; /* scratch: of a few channels at a time */
  struct inventory_scan lists;
  struct plan_given_scan givens;
  struct plan_item_scan items;
  struct plan_given *given; /* room */
  size_t given_room;
  struct plan_item item[ITEMS_MOST];
  size_t counted;
};

static const struct roster_device *device_in(const struct roster_view *v, int64_t device, size_t *at) {
  size_t low = 0, high = v->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (v->devices[middle]->device < device)
      low = middle + 1;
    else
      high = middle;
  }
  *at = low;
  return low < v->n && v->devices[low]->device == device ? v->devices[low] : NULL;
}

static void take_lists(struct scan *s, struct plan_channel *ch) {
  while (s->lists.enrollment < ch->enrollment) inventory_scan_next(&s->lists);
  for (; s->lists.enrollment == ch->enrollment; inventory_scan_next(&s->lists)) {
    struct inventory_items *list = &ch->lists[s->lists.kind];
    list->at = s->lists.at;
    inventory_unpack(s->scratch, s->lists.packed, list);
  }
}

static void take_given(struct scan *s, struct plan_channel *ch) {
  while (s->givens.enrollment < ch->enrollment) plan_sql_givens_next(&s->givens);
  if (s->givens.enrollment != ch->enrollment) return;
  size_t n = s->givens.packed.n / PLAN_GIVEN_SIZE;
  if (n > s->given_room) s->given = ctx_alloc(s->cx, (s->given_room = 2 * n) * sizeof *s->given);
  ch->given_n = plan_unpack(s->givens.packed, s->given);
  ch->given = s->given;
}

static void take_items(struct scan *s, struct plan_channel *ch) {
  while (s->items.item.enrollment < ch->enrollment) plan_sql_scan_next(&s->items);
  for (; s->items.item.enrollment == ch->enrollment; plan_sql_scan_next(&s->items))
    if (ch->items_n < ITEMS_MOST) s->item[ch->items_n++] = s->items.item;
  ch->items = s->item;
}

static enum err visit_all(struct scan *s, const struct roster_view *v, const struct plan_fleet *f) {
  struct plan_way *ways;
  size_t n, at;
  TRY(plan_sql_all_ways(s->cx, f->db, f->users, &ways, &n));
  for (size_t i = 0; i < n; i++) {
    struct plan_channel ch = {.enrollment = ways[i].enrollment, .is_user = ways[i].is_user};
    ch.device = device_in(v, ways[i].device, &at);
    if (!ch.device || !plan_in_force(ch.device)) continue;
    if (f->concerns && !f->concerns(ch.device, f->arg)) continue;
    int64_t taken = roster_number(ch.device, ROSTER_INVENTORY);
    ch.facts_at = taken > 0 ? taken : 0;
    ch.platform = plan_platform(ch.device);
    if (++s->counted % RESET_EVERY == 0) ctx_reset(s->scratch);
    take_lists(s, &ch);
    take_given(s, &ch);
    if (f->items) take_items(s, &ch);
    TRY(f->visit(s->scratch, &ch, at, f->arg));
  }
  return OK;
}

static enum err with_scans(struct scan *s, const struct roster_view *v, const struct plan_fleet *f) {
  enum err closed, e = inventory_scan_open(s->cx, f->db, (1u << INVENTORY_KINDS) - 1, &s->lists);
  if (e != OK) return e;
  e = plan_sql_givens_open(s->cx, f->db, &s->givens);
  if (e == OK) {
    if (f->items) e = plan_sql_scan_open(s->cx, f->db, &s->items);
    if (e == OK) {
      e = visit_all(s, v, f);
      if (f->items && (closed = plan_sql_scan_close(s->cx, &s->items)) != OK && e == OK) e = closed;
    }
    if ((closed = plan_sql_givens_close(s->cx, &s->givens)) != OK && e == OK) e = closed;
  }
  if ((closed = inventory_scan_close(&s->lists)) != OK && e == OK) e = closed;
  return e;
}

enum err plan_fleet(struct ctx *cx, const struct roster_view *view, const struct plan_fleet *f) {
  struct scan *s = ctx_alloc(cx, sizeof *s);
  *s = (struct scan){.cx = cx, .scratch = ctx_new()};
  enum err e = with_scans(s, view, f);
  if (e != OK && ctx_error(cx) == OK) e = FAIL(cx, e, "%s", ctx_error_text(s->scratch));
  ctx_free(s->scratch);
  return e;
}
