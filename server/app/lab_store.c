/* What a simulated device keeps on a channel: profiles, apps, users, settings … each a small property list by its name,
   as text: it is parsed when it is asked for, so that thousands of devices stay small. */
#include "app/lab_device.h"

#include <stdlib.h>
#include <string.h>

static struct lab_thing **find(struct lab_channel *c, enum lab_sort sort, const char *name) {
  struct lab_thing **at = &c->things;
  while (*at && ((*at)->sort != sort || strcmp((*at)->name, name) != 0)) at = &(*at)->next;
  return at;
}

static void release(struct lab_thing *t) {
  free(t->name);
  free(t->xml);
  free(t);
}

void lab_keep_xml(struct lab_channel *c, enum lab_sort sort, const char *name, struct slice xml) {
  struct lab_thing **at = find(c, sort, name), *t = *at;
  if (!t) {
    t = *at = mem_alloc(sizeof *t);
    t->sort = sort;
    t->name = mem_strdup(name);
  }
  t->xml = mem_realloc(t->xml, xml.n + 1);
  memcpy(t->xml, xml.p, xml.n);
  t->n = xml.n;
}

void lab_keep(struct ctx *cx, struct lab_channel *c, enum lab_sort sort, const char *name, struct pl *value) {
  lab_keep_xml(c, sort, name, pl_xml(cx, value));
}

bool lab_drop(struct lab_channel *c, enum lab_sort sort, const char *name) {
  struct lab_thing **at = find(c, sort, name), *t = *at;
  if (!t) return false;
  *at = t->next;
  release(t);
  return true;
}

void lab_drop_all(struct lab_channel *c) {
  while (c->things) {
    struct lab_thing *t = c->things;
    c->things = t->next;
    release(t);
  }
}

static const struct lab_thing *of_sort(const struct lab_thing *t, enum lab_sort sort) {
  while (t && t->sort != sort) t = t->next;
  return t;
}

const struct lab_thing *lab_first(const struct lab_channel *c, enum lab_sort sort) { return of_sort(c->things, sort); }
const struct lab_thing *lab_next(const struct lab_thing *t) { return of_sort(t->next, t->sort); }

struct pl *lab_read(struct ctx *cx, const struct lab_thing *t) {
  struct pl *value;
  if (pl_parse(cx, slice_mem(t->xml, t->n), &pl_limits_report, &value) != OK) abort(); /* we wrote it */
  return value;
}

struct pl *lab_have(struct ctx *cx, const struct lab_channel *c, enum lab_sort sort, const char *name) {
  for (const struct lab_thing *t = lab_first(c, sort); t; t = lab_next(t))
    if (strcmp(t->name, name) == 0) return lab_read(cx, t);
  return NULL;
}

/* ---- facts: a dictionary of the one key ---- */
struct pl *lab_fact(struct ctx *cx, const struct lab_channel *c, const char *name) {
  return pl_get(lab_have(cx, c, LAB_FACT, name), name);
}

void lab_set_fact(struct ctx *cx, struct lab_channel *c, const char *name, struct pl *value) {
  struct pl *one = pl_new_dict(cx);
  pl_set(one, name, value);
  lab_keep(cx, c, LAB_FACT, name, one);
}

bool lab_flag(struct ctx *cx, const struct lab_channel *c, const char *name) {
  bool value = false;
  return pl_bool(lab_fact(cx, c, name), &value) && value;
}

void lab_set_flag(struct ctx *cx, struct lab_channel *c, const char *name, bool value) {
  struct pl *one = pl_new_dict(cx);
  pl_set_bool(one, name, value);
  lab_keep(cx, c, LAB_FACT, name, one);
}

const char *lab_text(struct ctx *cx, const struct lab_channel *c, const char *name) {
  return pl_str(lab_have(cx, c, LAB_FACT, name), name);
}

void lab_set_text(struct ctx *cx, struct lab_channel *c, const char *name, const char *value) {
  struct pl *one = pl_new_dict(cx);
  pl_set_string(one, name, value);
  lab_keep(cx, c, LAB_FACT, name, one);
}

int64_t lab_count(struct ctx *cx, const struct lab_channel *c, const char *name) {
  int64_t value = 0;
  (void)pl_int(lab_fact(cx, c, name), &value);
  return value;
}

void lab_set_count(struct ctx *cx, struct lab_channel *c, const char *name, int64_t value) {
  struct pl *one = pl_new_dict(cx);
  pl_set_int(one, name, value);
  lab_keep(cx, c, LAB_FACT, name, one);
}
