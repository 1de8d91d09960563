/* What the parts of the inventory share. */
#ifndef POMONA_CORE_INVENTORY_INT_H
#define POMONA_CORE_INVENTORY_INT_H

#include "core/inventory.h"

/* ---- packed lists (inventory_list.c) ---- */

/* Sorted and without repeats; the array is changed. */
struct slice inventory_pack(struct ctx *cx, struct inventory_item *items, size_t n);

/* ---- statements (inventory_sql.c) ---- */

MUST_CHECK enum err inventory_list_put(struct ctx *cx, struct db *db, int64_t enrollment, enum inventory_kind kind,
                                       int64_t at, struct slice packed);

#endif
