/* Talks: what devices and operators say to a server, and what must come back, as plain text files (*.talk). A server in
   this process, over a database in memory or on disk, hears them over a real socket; devices sign their messages. The
   language is described in README.md beside this file. */
#ifndef POMONA_TESTS_TALK_H
#define POMONA_TESTS_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/core.h"
#include "lib/db.h"
#include "lib/http.h"
#include "lib/json.h"
#include "lib/net_http.h"
#include "lib/pki_cert.h"
#include "lib/plist.h"

enum { WORDS_MAX = 40, ACTORS_MAX = 32, LABELS_MAX = 64, NAME_MAX_ = 64 };

/* ---- a line, in words ---- */
struct line {
  const char *text; /* as it stands, with variables filled in */
  char *words[WORDS_MAX];
  const char *rest[WORDS_MAX]; /* the text from that word on */
  size_t n;
};

/* ---- who speaks ---- */
struct kind;
struct talk_actor {
  char name[NAME_MAX_];
  const struct kind *kind;
  struct talk_actor *device; /* of a user; NULL: it is a device */
  char *id;                  /* UDID, EnrollmentID, UserID or EnrollmentUserID */
  char *serial, *short_name, *long_name;
  struct pki_cert *identity; /* of a device; NULL: none yet */
  unsigned installs;         /* of the profile: each makes another push token */
};

/* ---- the world of one talk ---- */
struct talk {
  struct ctx *cx;
  const char *file;
  int line;
  /* the server */
  const char *folder; /* NULL: in memory */
  const char *settings[2 * WORDS_MAX];
  size_t settings_n;
  struct conf *conf;
  struct core core;
  struct core_conf core_conf;
  struct http_server *devices, *admin;
  struct nh *client;
  int64_t shift;
  /* the talk */
  struct talk_actor actors[ACTORS_MAX];
  size_t actors_n;
  struct {
    char name[NAME_MAX_], value[512];
  } labels[LABELS_MAX]; /* of commands, links and whatever else has a name */
  size_t labels_n;
  /* the last answer */
  bool said;
  const char *message; /* what was sent: "Authenticate" … */
  struct nh_reply reply;
};
extern struct talk talk;

/* Ends the test, naming file and line. */
_Noreturn void talk_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void talk_must(enum err e);

/* ---- talk_world.c ---- */
void world_open(void); /* starts the server, when it is not running yet */
void world_close(void);
void world_restart(void);      /* all that is not on disk is lost; nothing happens to a database in memory */
void world_break(bool broken); /* storage cannot be written; or can again */
void world_chores(void);       /* what polls taught is written, then everything that the server does by itself */
struct pki_cert *world_device_ca(void); /* of others, and accepted; its key is talk_key */
struct db *world_reader(void);
enum err world_job(enum err (*fn)(struct ctx *cx, struct db *db, void *arg), void *arg);
/* One request; the answer is talk.reply. */
void world_ask(struct http_server *server, const struct nh_req *rq, const char *path);

/* ---- talk_actor.c ---- */
struct talk_actor *actor_find(const char *name);
void actor_new(const struct line *l);      /* "mac NAME Key=Value…" */
void actor_user(const struct line *l);     /* "user NAME of DEVICE Key=Value…" */
void actor_identity(const struct line *l); /* "identity NAME [by LINK] [of ca NAME]" */
void actor_enroll(const struct line *l);   /* "enroll NAME…" */
void actor_install(const struct line *l);  /* "install NAME": the enrollment profile of the last answer */
bool actor_is_kind(const char *word);
const char *actor_channel(const struct talk_actor *a); /* its normalised id */
void actor_say(const struct line *l);                  /* "> NAME MESSAGE …" */
void actor_move(const struct line *l);                 /* "moves NAME MESSAGE …" */
void actor_apns(const struct line *l);                 /* "apns NAME taken | unregistered" */

/* ---- talk_admin.c ---- */
void admin_ask(const struct line *l);      /* "admin METHOD PATH [JSON]" */
void admin_hear(struct slice message);     /* a device's, as the one who moves it tells it */
void public_ask(const struct line *l);     /* "public METHOD PATH [as browser]" */
void anyone_ask(const struct line *l);     /* "anyone METHOD PATH [with KEY]" */
void admin_link(const struct line *l);     /* "link NAME [JSON]" */
void admin_command(const struct line *l);  /* "command LABEL NAME RequestType [JSON]" */
const char *label_value(const char *name); /* NULL when there is none */
void label_set(const char *name, const char *value);
void label_take(const struct line *l); /* "note LABEL PATH": out of the last answer */

/* ---- talk_expect.c ---- */
void expect_answer(const struct line *l);   /* "< STATUS …" */
void expect_event(const struct line *l);    /* "event KIND [N]" */
const char *expect_found(const char *path); /* what the last answer has at this path of its JSON or property list */
void expect_none_left(void);                /* an answer that nobody looked at is a mistake of the talk */

/* ---- talk_run.c ---- */
void talk_run(const char *file, bool on_disk);
void talk_end(void); /* also when it has failed */

#endif
