/* What polls teach, kept in memory and written within a second: when a channel was last seen, which commands it was
   handed, when its session began. An idle poll writes nothing durable; losing this costs only a repeated push or
   delivery.

   Threads: any; it locks itself. A thread of its own writes what has gathered. */
#ifndef POMONA_CORE_SEEN_H
#define POMONA_CORE_SEEN_H

#include "core/core.h"
#include "core/enroll.h"
#include "core/queue.h"

MUST_CHECK enum err seen_start(struct ctx *cx, struct seen **out, struct core *core);
void seen_stop(struct seen *s); /* after the listeners: writes what is left */

/* The channel of that device came at `now`; idle: a session begins with this request. Returns when the present session
   began; one that was begun before the server counts from now, or its NotNows would be asked again and again. Of proof
   count where it came from and its User-Agent: that of one machine does not change to and fro. */
int64_t seen_poll(struct seen *s, int64_t device, int64_t enrollment, int64_t now, bool idle,
                  const struct enroll_proof *proof);
/* A command was handed out without a write of its own. */
void seen_sent(struct seen *s, int64_t enrollment, int64_t target, int64_t now, const uint8_t identity[32]);
/* The same by a write of its own (queue_sent). */
void seen_handed(struct seen *s, int64_t enrollment);
/* It acknowledged a command that has it restart: when others wait it is woken 3 minutes later. */
void seen_restarts(struct seen *s, int64_t enrollment, int64_t now);
/* The session ended: nothing more was handed out. When commands wait, the device is woken at `next` at the earliest (0:
 * by the schedule). */
void seen_ended(struct seen *s, int64_t enrollment, int64_t next);
/* True while a delivery to the channel is not written yet: then the next one is decided by the writer, which sees it.
 */
bool seen_is_dirty(struct seen *s, int64_t enrollment);
/* Inside a job: writes the deliveries to this channel that are not written yet. */
MUST_CHECK enum err seen_write(struct ctx *cx, struct db *db, struct seen *s, int64_t enrollment);

#endif
