/* A hash table from bytes to pointers, with a seed of its own, so that no input can make it slow.

   Who owns what: keys are copied; values are borrowed. Not locked: the owner guards it. */
#ifndef POMONA_BASE_MAP_H
#define POMONA_BASE_MAP_H

#include "base/buf.h"

struct map;

struct map *map_new(void);
void map_free(struct map *m, void (*free_value)(void *));    /* free_value may be NULL */
void *map_get(const struct map *m, struct slice key);        /* NULL when absent */
void *map_put(struct map *m, struct slice key, void *value); /* value not NULL; returns what it replaced, or NULL */
void *map_del(struct map *m, struct slice key);              /* what was there, or NULL */
size_t map_count(const struct map *m);
/* Calls each(value, arg) for every entry, in no order; an entry for which it returns false is removed. */
void map_filter(struct map *m, bool (*each)(struct slice key, void *value, void *arg), void *arg);

#endif
