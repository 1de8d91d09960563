/* What the files of notice share. */
#ifndef POMONA_CORE_NOTICE_INT_H
#define POMONA_CORE_NOTICE_INT_H

#include "core/notice.h"

#define NOTICE_COMMAND "command"
#define NOTICE_MAILTO "mailto:"

/* One notice on its way to one recipient. */
struct notice_delivery {
  int64_t notice, created_at, attempts;
  char *recipient; /* NOTICE_MAILTO address, or NOTICE_COMMAND */
  char *subject, *step, *title, *text, *attachment;
};

/* Who gets a notice by these settings, mail addresses in lower case and each once; *n may be 0. */
MUST_CHECK enum err notice_recipients(struct ctx *cx, const struct core *core, const char *also_to, const char ***out,
                                      size_t *n);
/* An RFC 5322 message with CRLF line ends, nothing of the notice in its headers but what was made harmless. In cx. */
MUST_CHECK enum err notice_message(struct ctx *cx, const struct core_conf *conf, const struct notice_delivery *d,
                                   struct slice *out);

/* ---- rows ---- */
/* *seq 0: it was raised before. */
MUST_CHECK enum err notice_add(struct ctx *cx, struct db *db, const struct notice *n, int64_t at, int64_t *seq);
MUST_CHECK enum err notice_delivery_add(struct ctx *cx, struct db *db, int64_t notice, const char *recipient,
                                        int64_t at);
/* Those that are due at `now`, oldest first. */
MUST_CHECK enum err notice_due(struct ctx *cx, struct db *db, int64_t now, int most, struct notice_delivery **out,
                               size_t *n);
/* Before an attempt: not due until then, whatever becomes of it and of this server. */
MUST_CHECK enum err notice_claim(struct ctx *cx, struct db *db, const struct notice_delivery *d, int64_t until);
/* What came of an attempt: error NULL: it went well; next_at 0: no more attempts. */
MUST_CHECK enum err notice_delivered(struct ctx *cx, struct db *db, const struct notice_delivery *d, int64_t at,
                                     const char *error, int64_t next_at);

#endif
