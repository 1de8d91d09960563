/* What the parts of the enroll module share. */
#ifndef POMONA_CORE_ENROLL_INT_H
#define POMONA_CORE_ENROLL_INT_H

#include "core/enroll.h"

/* What its unlock token is sealed under. */
const char *enroll_unlock_name(struct ctx *cx, int64_t generation);
/* The UserID of a Shared iPad's messages: UserShortName tells its users apart. */
#define ENROLL_SHARED_IPAD_USER "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"

/* A device as the decision about an Authenticate needs it. */
struct enroll_device {
  int64_t seq;                 /* 0: there is none */
  int64_t generation, pending; /* 0: none */
  bool checked_out, blocked;
  int64_t released_until;
  char *serial_number; /* on file; may be NULL */
};
MUST_CHECK enum err enroll_device_load(struct ctx *cx, struct db *db, const char *id, struct enroll_device *out);
MUST_CHECK enum err enroll_device_new(struct ctx *cx, struct db *db, const char *id, int64_t *seq);
MUST_CHECK enum err enroll_device_facts(struct ctx *cx, struct db *db, int64_t device, const struct enroll_facts *f);
MUST_CHECK enum err enroll_device_set_pending(struct ctx *cx, struct db *db, int64_t device, int64_t generation);
MUST_CHECK enum err enroll_device_set_out(struct ctx *cx, struct db *db, int64_t device, int64_t now);
MUST_CHECK enum err enroll_device_set_released(struct ctx *cx, struct db *db, const char *id, int64_t until,
                                               int64_t *changed);

/* An identity, and the session that it was issued in. */
struct enroll_identity {
  bool known;
  char *device_id;    /* NULL: bound to none */
  int64_t generation; /* that it counted for last; 0: none of its came into force */
  bool voided;
  bool ended;      /* it was renewed, and the overlap is over */
  int64_t session; /* 0: none (a foreign CA, or the database is older than it) */
  bool renews;     /* its session renews the identity of session_device */
  bool from_link, link_revoked;
  char *session_device; /* what the link or the renewal was made for; NULL: any */
  char *given;
};
MUST_CHECK enum err enroll_identity_load(struct ctx *cx, struct db *db, const uint8_t hash[32],
                                         struct enroll_identity *out);
/* The generation that this identity counted for last, and the one that replaced it because it kept silent, within the
   last 30 days; 0 when there is none, or when an operator let another one in since. */
struct enroll_loss {
  int64_t former, usurper;
};
MUST_CHECK enum err enroll_lost_to(struct ctx *cx, struct db *db, int64_t device, const uint8_t hash[32],
                                   struct enroll_loss *out);
MUST_CHECK enum err enroll_may_return(struct ctx *cx, struct db *db, int64_t device, const uint8_t hash[32],
                                      bool *may_return);
/* Was its misuse told after `since`? If not, it is told now. */
MUST_CHECK enum err enroll_identity_told(struct ctx *cx, struct db *db, const uint8_t hash[32], int64_t since,
                                         bool *told);
/* When the newest identity of that generation ends; 0 when it has none. */
MUST_CHECK enum err enroll_identity_end(struct ctx *cx, struct db *db, int64_t generation, int64_t *not_after);

struct enroll_generation {
  int64_t device;
  bool provisional;
  const uint8_t *identity;
  int64_t session;
  const char *topic, *facts, *given;
  int64_t replaced; /* 0: none */
  const char *way_in, *address;
};
MUST_CHECK enum err enroll_generation_new(struct ctx *cx, struct db *db, const struct enroll_generation *g,
                                          int64_t *seq);
/* What it told is told anew. */
MUST_CHECK enum err enroll_generation_again(struct ctx *cx, struct db *db, int64_t seq, const char *facts);
/* Ends a pending or provisional one, with what was held for it. */
MUST_CHECK enum err enroll_generation_drop(struct ctx *cx, struct db *db, int64_t pending);
/* Is that pending one of another identity, which an operator has let in, and which authenticated after `since`? */
MUST_CHECK enum err enroll_awaited(struct ctx *cx, struct db *db, int64_t pending, const uint8_t identity[32],
                                   int64_t since, bool *awaited);
/* Puts a pending one in force: the device's former one ends, its identity counts from now on. */
MUST_CHECK enum err enroll_generation_promote(struct ctx *cx, struct db *db, int64_t device, int64_t seq);
/* The identity of one in force that had none: it is a migrated device's. */
MUST_CHECK enum err enroll_generation_identify(struct ctx *cx, struct db *db, int64_t device, int64_t generation,
                                               const uint8_t hash[32]);
/* JSON of an Authenticate, as a generation keeps it. */
const char *enroll_facts_text(struct ctx *cx, const struct enroll_facts *f);
MUST_CHECK enum err enroll_generation_facts(struct ctx *cx, struct db *db, int64_t seq, char **facts);
MUST_CHECK enum err enroll_generation_secrets(struct ctx *cx, struct db *db, int64_t seq,
                                              struct slice unlock_token_sealed, int awaiting);

/* Was this device erased by us: EraseDevice Acknowledged, or handed over at least `silence` ago and nothing since? */
MUST_CHECK enum err enroll_erased(struct ctx *cx, struct db *db, int64_t device, int64_t generation, int64_t silence,
                                  bool *erased);

/* enroll_generation_promote, with what its Authenticate told, and with no channel yet. */
MUST_CHECK enum err enroll_promote(struct ctx *cx, struct db *db, int64_t device, int64_t generation);
/* Keeps the certificate of a foreign CA as an identity. */
MUST_CHECK enum err enroll_add_foreign(struct ctx *cx, struct db *db, struct core *core,
                                       const struct enroll_proof *proof);

MUST_CHECK enum err enroll_channel_off(struct ctx *cx, struct db *db, int64_t device, const char *only_id);
/* E_INVALID: this device has as many users as it may have. */
MUST_CHECK enum err enroll_check_users(struct ctx *cx, struct db *db, int64_t device);
MUST_CHECK enum err enroll_channel_count(struct ctx *cx, struct db *db, int64_t device, int64_t *n);
struct enroll_channel_row {
  int64_t seq; /* 0: there is none */
  struct slice token;
  char *push_magic;
  bool enabled;
};
MUST_CHECK enum err enroll_channel_load(struct ctx *cx, struct db *db, const char *id, struct enroll_channel_row *out);
MUST_CHECK enum err enroll_channel_save(struct ctx *cx, struct db *db, const struct enroll_ids *ids, int64_t device,
                                        const struct enroll_token *token, int64_t *seq);

/* ---- operators (enroll_operator_sql.c) ---- */

MUST_CHECK enum err enroll_device_set_blocked(struct ctx *cx, struct db *db, int64_t device, int64_t at,
                                              const char *by); /* at 0: no longer */
/* What an operator's wish that it leaves has come to. */
struct enroll_wish {
  char *command;      /* uuid of its RemoveProfile; NULL: never asked */
  char *given;        /* JSON, of the generation in force; NULL: not known */
  int64_t enrollment; /* its own channel; 0: none */
  bool waiting, handed;
};
MUST_CHECK enum err enroll_wish_load(struct ctx *cx, struct db *db, int64_t device, struct enroll_wish *out);
MUST_CHECK enum err enroll_wish_save(struct ctx *cx, struct db *db, int64_t device, const char *command,
                                     const char *by);
/* Of a channel that may be served but is to leave (ch->unenroll): refused once RemoveProfile was handed over. */
MUST_CHECK enum err enroll_leaving(struct ctx *cx, struct db *db, struct enroll_channel *ch);
/* Removes up to `most` of its queue and history, and the commands that were for nobody else; *n of them. */
MUST_CHECK enum err enroll_delete_targets(struct ctx *cx, struct db *db, int64_t device, int most, int64_t *n);
MUST_CHECK enum err enroll_delete_device(struct ctx *cx, struct db *db, int64_t device);
/* The device is to be forgotten: whom it succeeded counts again. */
MUST_CHECK enum err enroll_succession_end(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* What came with that identity in the name of that id (of core/refused.h). */
struct enroll_claim {
  uint8_t hash[32];
  struct slice cert;
  char *serial_number;
};
MUST_CHECK enum err enroll_claims(struct ctx *cx, struct db *db, const char *id, const uint8_t *hash,
                                  struct enroll_claim *first, int64_t *n);
struct enroll_adoption {
  int64_t device;
  const char *id, *topic, *serial_number;
  const struct enroll_identity *identity;
  const uint8_t *hash;
};
MUST_CHECK enum err enroll_adopted(struct ctx *cx, struct db *db, const struct enroll_adoption *a, int64_t *generation);

/* ---- takeovers ---- */

/* What decides about a provisional generation. */
struct enroll_case {
  struct enroll_takeover t;
  bool blocked;
  struct slice identity;   /* hash */
  int64_t fetched_at;      /* its profile */
  int64_t uses_max;        /* of its link */
  struct slice held_token; /* of its TokenUpdate, with its topic */
  char *held_topic;
  /* of the one in force */
  int64_t former;
  bool former_known; /* an identity of it was seen */
  struct slice token;
  int64_t token_at;
  /* of the last push to it */
  struct slice pushed;
  int64_t status, sent_at, dead_at, gone_at;
};
/* By the generation, or the device (the other is 0); t.generation 0: none is provisional. */
MUST_CHECK enum err enroll_case_load(struct ctx *cx, struct db *db, int64_t generation, int64_t device,
                                     struct enroll_case *out);
MUST_CHECK enum err enroll_cases(struct ctx *cx, struct db *db, struct enroll_case **out, size_t *n);
MUST_CHECK enum err enroll_case_woken(struct ctx *cx, struct db *db, int64_t generation, int64_t at);
MUST_CHECK enum err enroll_case_anew(struct ctx *cx, struct db *db, int64_t generation, int64_t at);
MUST_CHECK enum err enroll_case_accepted(struct ctx *cx, struct db *db, int64_t generation, const char *by);
MUST_CHECK enum err enroll_generation_way_in(struct ctx *cx, struct db *db, int64_t generation, const char *way);

/* A new provisional one stands: the one in force is woken, and it is told. */
MUST_CHECK enum err enroll_contest(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* What is provisional waits from now on, and the one in force is woken: it could not be heard. */
MUST_CHECK enum err enroll_contest_anew(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* A new Authenticate takes the place of what is pending: told when that was provisional. *again: it is that one, by the
   same identity; NULL: it is not. */
MUST_CHECK enum err enroll_displace(struct ctx *cx, struct db *db, int64_t device, const uint8_t *identity,
                                    bool *again);
/* Nobody gets in any more by what the device's generations from this one on came by, but for those that an operator
   wants: identities, sessions, links (which `by` revokes). Those that are not in force yet are dropped. */
MUST_CHECK enum err enroll_claims_end(struct ctx *cx, struct db *db, int64_t device, int64_t from, const char *by);
/* Keeps a TokenUpdate of a provisional one, or of a user whose device is pending; those beyond its 20th channel are
   dropped. */
MUST_CHECK enum err enroll_held_put(struct ctx *cx, struct db *db, int64_t generation, const struct enroll_ids *ids,
                                    const struct enroll_token *token);
/* Keeps the tokens of the device's channels for the generation that loses it. */
MUST_CHECK enum err enroll_held_save(struct ctx *cx, struct db *db, int64_t device, int64_t generation);
/* The channels are what was held for that generation. */
MUST_CHECK enum err enroll_held_apply(struct ctx *cx, struct db *db, int64_t device, int64_t generation);
/* Its generation is in force again, with nothing that came after it. */
MUST_CHECK enum err enroll_generation_restore(struct ctx *cx, struct db *db, int64_t device,
                                              const struct enroll_loss *loss);

/* A link, by the hash of its token. */
struct enroll_link_row {
  int64_t seq; /* 0: there is none */
  int64_t expires_at, uses_max, uses, downloads;
  bool revoked;
  char *device;
};
MUST_CHECK enum err enroll_link_load(struct ctx *cx, struct db *db, const uint8_t hash[32],
                                     struct enroll_link_row *out);
MUST_CHECK enum err enroll_link_add(struct ctx *cx, struct db *db, const struct enroll_link *what,
                                    const uint8_t hash[32], int64_t expires_at);
MUST_CHECK enum err enroll_link_count(struct ctx *cx, struct db *db, int64_t seq, int64_t *n);
MUST_CHECK enum err enroll_link_set_revoked(struct ctx *cx, struct db *db, int64_t seq, const char *by,
                                            int64_t *changed);
MUST_CHECK enum err enroll_link_downloaded(struct ctx *cx, struct db *db, int64_t seq);
const char *enroll_link_state(const struct enroll_link_row *l, int64_t now);
MUST_CHECK enum err enroll_link_usable(struct ctx *cx, const struct enroll_link_row *l, int64_t now);
struct enroll_session_row {
  const char *id, *kind, *device, *given;
  int64_t link, expires_at, issues_max;
  const uint8_t *challenge_hash;
};
MUST_CHECK enum err enroll_session_add(struct ctx *cx, struct db *db, const struct enroll_session_row *s);

/* The enrollment profile by our template; wiped by the caller. */
struct buf;
MUST_CHECK enum err enroll_given_xml(struct ctx *cx, struct core *core, struct js *given, const char *challenge,
                                     struct buf *xml);
MUST_CHECK enum err enroll_sign(struct ctx *cx, struct core *core, struct slice xml, struct slice *signed_der);
/* The original profile of that topic, with the SCEP payload of ours. E_CONFLICT when it is not known any more. */
MUST_CHECK enum err enroll_original_render(struct ctx *cx, struct db *db, struct core *core, const char *topic,
                                           struct slice ours, struct slice *signed_der);
/* p NULL: there is none. */
MUST_CHECK enum err enroll_original_load(struct ctx *cx, struct db *db, const char *topic, struct slice *plist);

/* ---- what a device tells of itself: enroll_told_sql.c ---- */

struct enroll_self { /* the device of a channel; id NULL: there is none */
  int64_t device, clone_at;
  char *id, *serial_number;
};
MUST_CHECK enum err enroll_self(struct ctx *cx, struct db *db, int64_t enrollment, struct enroll_self *out);
MUST_CHECK enum err enroll_set_clone(struct ctx *cx, struct db *db, int64_t device, int64_t at, const char *text);
MUST_CHECK enum err enroll_set_grace(struct ctx *cx, struct db *db, int64_t device, int64_t until);
MUST_CHECK enum err enroll_set_told(struct ctx *cx, struct db *db, int64_t device, const struct enroll_told *told);

#endif
