/* The statements behind the facts of why: what each reads is said beside its struct in why_int.h. */
#ifndef POMONA_CORE_WHY_LOAD_H
#define POMONA_CORE_WHY_LOAD_H

#include "core/why_int.h"

/* Enrollment, device, wake; *found. */
MUST_CHECK enum err why_read_channel(struct ctx *cx, struct why_facts *f, int64_t enrollment, bool *found);
/* Of a device that has no channel yet. */
MUST_CHECK enum err why_read_device(struct ctx *cx, struct why_facts *f, const char *device_id);
MUST_CHECK enum err why_read_generation(struct ctx *cx, struct db *db, int64_t seq, struct why_generation *out);
/* uuid NULL: the oldest that is not settled. */
MUST_CHECK enum err why_read_command(struct ctx *cx, struct why_facts *f, const char *uuid);
/* why_outcome.c: after enrollment, device and command are there. */
MUST_CHECK enum err why_outcome_load(struct ctx *cx, struct why_facts *f);
MUST_CHECK enum err why_read_head(struct ctx *cx, struct why_facts *f);
MUST_CHECK enum err why_read_past(struct ctx *cx, struct why_facts *f); /* dark and configured */
MUST_CHECK enum err why_read_renewal(struct ctx *cx, struct why_facts *f);
MUST_CHECK enum err why_read_other(struct ctx *cx, struct why_facts *f);
MUST_CHECK enum err why_read_traffic(struct ctx *cx, struct db *db, struct core *core, struct why_server *out);
/* Has any channel come from this address since then? */
MUST_CHECK enum err why_others_came(struct ctx *cx, struct db *db, const char *address, int64_t since, bool *out);
/* why_server.c: after enrollment, wake and generation are there. */
MUST_CHECK enum err why_url_load(struct ctx *cx, struct why_facts *f);
MUST_CHECK enum err why_hangup_load(struct ctx *cx, struct why_facts *f);
MUST_CHECK enum err why_count_topic(struct ctx *cx, struct db *db, const char *topic, int64_t *devices);

/* ---- for words ---- */

/* Devices known here whose requests were refused for this reason after they were seen last; address NULL: from any. */
MUST_CHECK enum err why_count_refused(struct ctx *cx, struct db *db, const char *reason, const char *address,
                                      int64_t *n);
/* Enrolled ones. */
MUST_CHECK enum err why_count_devices(struct ctx *cx, struct db *db, int64_t *n);
/* Of the other devices that were seen last from the same address and were woken since this one was seen: how many, and
   how many came. */
MUST_CHECK enum err why_count_neighbours(struct ctx *cx, const struct why_facts *f, int64_t *woken, int64_t *came);
/* Request types that wait for the channel, "A, B, C", at most five. */
MUST_CHECK enum err why_list_waiting(struct ctx *cx, const struct why_facts *f, char **out);

#endif
