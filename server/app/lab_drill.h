/* Recovery drills: each plays one trouble against a running server, with the stand-in refusing as Apple would, and
   shows what an operator sees at each step: the very output of the command line.

   lab_drill.c        the cast, and what a scene may do
   lab_drill_scenes.c the scenes, a function each */
#ifndef POMONA_APP_LAB_DRILL_H
#define POMONA_APP_LAB_DRILL_H

#include "app/lab.h"
#include "app/lab_device.h"
#include "app/lab_server.h"

enum { DRILL_DEVICES = 3 };

struct drill {
  const char *dir, *topic; /* topic: of the certificate that the devices enrolled with */
  struct lab_apns *apns;
  struct lab_apns_conf apns_conf;
  struct lab_server *server;
  struct lab_server_conf server_conf;
  struct lab_keys *keys;
  /* Each device is a fleet of its own, so that one of them can be gone. device[i] is fleet[i]'s. */
  struct lab_fleet *fleet[DRILL_DEVICES];
  struct lab_device *device[DRILL_DEVICES];
  char id[DRILL_DEVICES][LAB_ID_MAX];
  int64_t poll_us;                    /* of devices that enroll from now on; 0: they come when they are woken */
  const char *waiting[DRILL_DEVICES]; /* uuid of the last command for it */
};

/* ---- what a scene does; each prints what happens ---- */

/* Something outside the server happens; the next steps show what becomes of it. */
void drill_happens(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What the operator does about it. */
void drill_remedy(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Runs `pomona WORDS…` against the server and prints what it says. words is NULL-terminated. *status (may be NULL): its
   exit status; without it, it must be 0. */
MUST_CHECK enum err drill_shows(struct ctx *cx, struct drill *d, int *status, const char *const *words);
#define DRILL_SHOWS(cx, d, ...) drill_shows(cx, d, NULL, (const char *const[]){__VA_ARGS__, NULL})

/* A line to the control port of the stand-in, see app/lab.h. */
MUST_CHECK enum err drill_apple(struct ctx *cx, struct drill *d, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The stand-in ends; comes back at the same port, with the CA of `dir` (NULL: its own). */
void drill_apple_stops(struct drill *d);
MUST_CHECK enum err drill_apple_starts(struct ctx *cx, struct drill *d, const char *dir);

/* The server ends; comes back with flags (NULL: as before) at the same port with the same data. */
void drill_server_stops(struct drill *d);
MUST_CHECK enum err drill_server_starts(struct ctx *cx, struct drill *d, const char *const *flags);

/* A device enrolls by a link for anybody, or for it alone, and answers from then on. */
MUST_CHECK enum err drill_enrolls(struct ctx *cx, struct drill *d, int i, bool for_it_alone);
/* It goes without a word. */
void drill_vanishes(struct drill *d, int i);

/* A command is queued for the device, which is woken. */
MUST_CHECK enum err drill_asks(struct ctx *cx, struct drill *d, int i);
/* Waits until it has acknowledged the last one. E_TIMEOUT. */
MUST_CHECK enum err drill_answers(struct ctx *cx, struct drill *d, int i);
/* Waits until `why` says so of the device and its last command, then shows what it says. E_TIMEOUT names what it said
   instead. */
MUST_CHECK enum err drill_verdict(struct ctx *cx, struct drill *d, int i, const char *slug);

/* Waits until so many devices are back after a late renewal, then shows who. E_TIMEOUT. */
MUST_CHECK enum err drill_recovers(struct ctx *cx, struct drill *d, int n);
/* A certificate of the topic that ends in so many seconds (0: in a year), imported; query: of the API's path, or "".
 *status (may be NULL) is the HTTP status; without it, it must be 200. */
MUST_CHECK enum err drill_imports(struct ctx *cx, struct drill *d, const char *topic, int64_t seconds,
                                  const char *query, int *status);

/* ---- scenes ---- */
struct drill_scene {
  const char *name; /* NULL ends the table */
  const char *story;
  enum err (*play)(struct ctx *cx, struct drill *d);
};
extern const struct drill_scene drill_scenes[];

#endif
