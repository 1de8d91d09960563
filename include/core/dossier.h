/* The dossier of a topic: what Apple's support asks for to move its push certificate to another Apple Account, and how
   far that is. The topic stays, so that devices notice nothing of it.

   Fact: Apple takes such a request by telephone, asks for what dossier_page lists, calls back, and the certificate is
   in the other account 2 to 3 days after the approval; not verified with Apple, as nothing of it is documented. */
#ifndef POMONA_CORE_DOSSIER_H
#define POMONA_CORE_DOSSIER_H

#include "core/core.h"
#include "core/pushcert.h"
#include "lib/db.h"

enum dossier_state { DOSSIER_OPEN, DOSSIER_ASKED, DOSSIER_CALLED_BACK, DOSSIER_APPROVED, DOSSIER_DONE, DOSSIER_STATES };
extern const char *const dossier_states[DOSSIER_STATES]; /* "open", "asked", … */

enum { DOSSIER_ITEMS = 4 };
struct dossier_item {
  const char *slug, *text;
};
extern const struct dossier_item dossier_items[DOSSIER_ITEMS]; /* what people have to see to */

struct dossier_mark {
  int64_t at; /* 0: not yet */
  const char *by;
};
struct dossier {
  const char *topic;
  const char *target_account, *created_by, *contact; /* NULL: not told */
  struct dossier_mark states[DOSSIER_STATES]; /* since when it was in each; later ones than its state are empty */
  struct dossier_mark checklist[DOSSIER_ITEMS];
  int64_t updated_at; /* 0: nothing was told yet */
  const char *updated_by;
};
/* Never E_NOT_FOUND: a topic without a dossier has an empty one. */
MUST_CHECK enum err dossier_read(struct ctx *cx, struct db *db, const char *topic, struct dossier *out);
/* Inside a job. */
MUST_CHECK enum err dossier_write(struct ctx *cx, struct db *db, const struct dossier *d);

enum dossier_state dossier_state(const struct dossier *d);
/* The dossier is in this state from now on; what it knows of later ones is forgotten, and with DOSSIER_OPEN the
   checklist: it begins anew. False: it was in that state already (DOSSIER_OPEN always begins anew). */
bool dossier_enter(struct dossier *d, enum dossier_state state, int64_t now, const char *by);

/* One thing that Apple asks for. */
struct dossier_fact {
  const char *name, *label;
  const char *value; /* NULL: a gap */
  const char *fill;  /* of a gap: the command that fills it */
};
enum { DOSSIER_FACTS_MOST = 16, DOSSIER_WARNINGS_MOST = 4 };
struct dossier_page {
  struct dossier d;
  int64_t made_at;
  struct dossier_fact facts[DOSSIER_FACTS_MOST];
  size_t n;
  const char *warnings[DOSSIER_WARNINGS_MOST];
  size_t warnings_n;
  const char *next; /* what to do next: sentences */
};
/* On any connection. E_NOT_FOUND: no certificate is in use for the topic. */
MUST_CHECK enum err dossier_page(struct ctx *cx, struct db *db, struct core *core, const char *topic,
                                 struct dossier_page *out);
/* For people, and to be handed on: plain text with lines of at most 110 columns where words and commands allow it; a
   page of HTML that stands alone and asks nobody for anything. Characters that would be obeyed and not shown (controls,
   directions, invisible ones) are named: "[U+202E]". In cx. */
struct slice dossier_text(struct ctx *cx, const struct dossier_page *p);
struct slice dossier_html(struct ctx *cx, const struct dossier_page *p);

#endif
