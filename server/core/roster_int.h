/* What the parts of the roster share. */
#ifndef POMONA_CORE_ROSTER_INT_H
#define POMONA_CORE_ROSTER_INT_H

#include "core/roster.h"

#define ROSTER_BIT(field) (UINT64_C(1) << (field))

/* A row being made; texts are borrowed until roster_pack. */
struct roster_draft {
  int64_t device, enrollment, last_seen;
  bool former, enabled;
  uint64_t known, on;
  struct slice text[ROSTER_FIELDS];
  int64_t number[ROSTER_FIELDS];
};
/* What is empty stays unknown; of a text longer than 1,000 bytes the beginning is kept. */
void roster_draft_text(struct roster_draft *d, enum roster_field f, struct slice text);
void roster_draft_number(struct roster_draft *d, enum roster_field f, int64_t number);
void roster_draft_flag(struct roster_draft *d, enum roster_field f, bool on);
struct roster_device *roster_pack(const struct roster_draft *d); /* free() */
/* A copy that lives with cx. */
const struct roster_device *roster_copy(struct ctx *cx, const struct roster_device *d);

/* Rows of the database, devices from first to last in their order, at most `most`; free() each. */
MUST_CHECK enum err roster_read(struct ctx *cx, struct db *db, int64_t first, int64_t last, int most,
                                struct roster_device **rows, size_t *n);

/* Texts are compared without regard to the case of A to Z. */
int roster_compare(const char *a, const char *b);
/* Does one of the texts of these fields, which stand beside each other in roster.def, contain the word? It is in lower
   case and holds no NUL. */
bool roster_search(const struct roster_device *d, enum roster_field first, enum roster_field last, struct slice word);
char roster_lower(char c);

#endif
