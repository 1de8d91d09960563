/* The dossier of a push certificate: what Apple's support asks for before it moves a certificate to another Apple
   Account, the gaps in it, a checklist, and how far the request is. Kept for each topic.

   Source: what Apple's support asked of administrators who went this way; Apple publishes no form. Threads:
   dossier_change inside a job, dossier_read on a reader's connection too. */
#ifndef POMONA_CORE_DOSSIER_H
#define POMONA_CORE_DOSSIER_H

#include "core/core.h"
#include "lib/db.h"

struct dossier_fact {
  const char *slug, *name;
  const char *value; /* NULL: not known, a gap */
  const char *fill;  /* the command that fills the gap */
};
struct dossier_step { /* of the request, or an item of the checklist */
  const char *slug, *text;
  int64_t at; /* 0: not yet */
};
enum { DOSSIER_FACTS = 12, DOSSIER_STATES = 4, DOSSIER_ITEMS = 4 };
struct dossier {
  const char *topic;
  const char *state; /* "open", "asked", "called-back", "approved", "done" */
  struct dossier_fact facts[DOSSIER_FACTS];
  struct dossier_step states[DOSSIER_STATES]; /* in their order */
  struct dossier_step items[DOSSIER_ITEMS];
  size_t gaps;
  int64_t updated_at; /* 0: never */
  const char *updated_by;
};
/* E_NOT_FOUND: there is no push certificate of topic. */
MUST_CHECK enum err dossier_read(struct ctx *cx, struct db *db, const char *topic, struct dossier *out);

/* What is told; NULL: stays as it is, "": is forgotten. */
struct dossier_change {
  const char *target_account, *created_by, *contact;
  const char *state;           /* those before it that have no time get this one; those after it are undone */
  const char *check, *uncheck; /* slugs of items */
};
/* E_INVALID: no such state or item, or a text that is too long or not plain. E_NOT_FOUND as above. */
MUST_CHECK enum err dossier_change(struct ctx *cx, struct db *db, const char *topic, const struct dossier_change *what,
                                   const char *by);

/* For people: plain text, and a page that stands alone and prints well. In cx. */
struct slice dossier_text(struct ctx *cx, const struct dossier *d);
struct slice dossier_html(struct ctx *cx, const struct dossier *d);

#endif
