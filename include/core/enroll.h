/* Who may be a device: ids, identities, generations; and how a device comes in: links, sessions, the profile.

   Rules: "Who may be a device" and "Enrollment links and profiles" of the documentation. Functions that take a db run
   inside a job, except those said to run on a reader's connection too. */
#ifndef POMONA_CORE_ENROLL_H
#define POMONA_CORE_ENROLL_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"
#include "lib/pki_cert.h"
#include "lib/plist.h"

/* ---- ids (enroll_ids.c) ---- */

/* Which channel a message speaks for, resolved as NanoMDM does (so that its ids stay valid):
   UDID → "Device", with UserID → "User", with the all-F UserID → "Shared iPad" by UserShortName;
   EnrollmentID → "User Enrollment (Device)", with EnrollmentUserID → "User Enrollment". */
struct enroll_ids {
  const char *device; /* UDID or EnrollmentID */
  const char *id;     /* normalised: device, or device:user */
  const char *type;
  const char *short_name, *long_name; /* of a user; may be NULL */
  bool is_user;
};
/* E_INVALID: none, empty, over 255 bytes, not plain text, or with characters that separate ids (comma, colon, slash,
 * "..") */
MUST_CHECK enum err enroll_ids(struct ctx *cx, struct pl *message, struct enroll_ids *out);

/* ---- identities ---- */

/* What a request proves, and where it came from. The certificate's chain has been checked by the caller. */
struct enroll_proof {
  uint8_t hash[32];   /* SHA-256 of the certificate */
  struct slice cert;  /* DER */
  struct slice extra; /* certificates that came with it to build its chain, DER, one after the other */
  const char *address;
  struct slice agent; /* its User-Agent; p NULL: none */
  bool expired;       /* it has ended, within identity-grace: it is served its renewal and nothing else */
};

enum enroll_refusal {
  ENROLL_FINE,
  ENROLL_UNKNOWN, /* no such device here */
  ENROLL_UNBOUND, /* the identity belongs to no device: only Authenticate binds one */
  ENROLL_MISUSED, /* the identity belongs to another device */
  ENROLL_FORMER,  /* of a generation that was replaced */
  ENROLL_BLOCKED,
  ENROLL_VOIDED,     /* replaced by a later issue, or refused for good */
  ENROLL_OTHER_LINK, /* its link was made for another device */
  ENROLL_FOREIGN,    /* identity of a foreign CA for a device that another identity holds */
  ENROLL_TOPIC,      /* its profile names a topic without a push certificate here */
  ENROLL_CONTESTED,  /* an operator has let another one in, which is on its way */
  ENROLL_EXPIRED,    /* the identity has ended: only its renewal is served */
  ENROLL_UNENROLL    /* an operator wants it to leave, or unknown-devices = unenroll: answered 403, not 400 */
};
const char *enroll_refusal_slug(enum enroll_refusal r);
const char *enroll_refusal_text(enum enroll_refusal r);

/* What the identity may speak for. Also on a reader's connection. refusal is set; the rest only when it is ENROLL_FINE,
   but for may_return and answers. */
struct enroll_channel {
  enum enroll_refusal refusal;
  int64_t device;
  int64_t enrollment; /* 0: this channel has had no TokenUpdate, or is of a user that is gone */
  int64_t generation; /* the one that the identity speaks for: a pending one, else that in force */
  bool pending;       /* that one has had no TokenUpdate */
  bool current;       /* the identity counts for the one in force (too): it is served */
  bool contested;     /* pending, while another identity's is in force */
  bool provisional;   /* contested, and it must prove that the other is gone: 200 and nothing to everything */
  bool challenged;    /* it is in force, and a provisional one stands against it: enroll_defend, inside a job */
  bool first_contact; /* migrated: this identity is the first that is seen, enroll_contact binds it, inside a job */
  bool may_return;    /* ENROLL_FORMER by its silence, lately: enroll_win_back, inside a job, before it is refused */
  bool answers; /* ENROLL_BLOCKED, else it would be served: device and enrollment are set, what it says of commands
                   that it was given is heard */
  bool checked_out;
  bool unseen;       /* the identity's first request since it was bound: renewal_identity_seen, inside a job */
  bool unenroll;     /* an operator wants it to leave */
  bool leaves;       /* ENROLL_UNENROLL, or `answers`: it was told to, its CheckOut is awaited */
  const char *topic; /* of the channel; NULL before its TokenUpdate */
};
MUST_CHECK enum err enroll_find(struct ctx *cx, struct db *db, const struct enroll_ids *ids,
                                const struct enroll_proof *proof, struct enroll_channel *out);
/* Records that a request was refused because its identity is another device's (event identity.misused, once an hour:
   a device that does it without end fills nothing). */
MUST_CHECK enum err enroll_misused(struct ctx *cx, struct db *db, const struct enroll_ids *ids,
                                   const struct enroll_proof *proof);

/* Inside a job: keeps a certificate as an identity; session 0 and transaction_id NULL for one that was not issued here.
 */
MUST_CHECK enum err enroll_identity_add(struct ctx *cx, struct db *db, const struct pki_cert *cert, int64_t session,
                                        const char *transaction_id);
/* Inside a job: keeps with it what its chain needs beside the accepted CAs (DER, one after the other). */
MUST_CHECK enum err enroll_identity_issuers(struct ctx *cx, struct db *db, const uint8_t hash[32], struct slice ders);
/* Inside a job: from now on it belongs to that device, and counts for that generation; 0 leaves what it counts for as
 * it is. */
MUST_CHECK enum err enroll_identity_bind(struct ctx *cx, struct db *db, const uint8_t hash[32], const char *device_id,
                                         int64_t generation);

/* ---- check-ins ---- */

struct enroll_facts { /* of Authenticate; any may be NULL but topic */
  const char *topic, *serial_number, *device_name, *model, *model_name, *product_name, *os_version, *build_version,
      *imei, *meid;
};
MUST_CHECK enum err enroll_authenticate(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                                        const struct enroll_proof *proof, const struct enroll_facts *facts,
                                        enum enroll_refusal *refusal);

struct enroll_token {
  const char *topic, *push_magic;
  struct slice token;
  struct slice unlock_token;  /* p NULL: absent, the stored one stays */
  int awaiting_configuration; /* -1: absent */
};
struct enroll_token_result {
  enum enroll_refusal refusal;
  int64_t device, enrollment; /* enrollment 0: nothing is in force by it */
  bool enrolled;              /* the first one of this generation on this channel */
  bool promoted;              /* a pending generation came into force by it */
  bool token_changed;
  bool waits; /* a user's: it counts when the TokenUpdate of its device comes */
};
MUST_CHECK enum err enroll_token_update(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                                        const struct enroll_proof *proof, const struct enroll_token *token,
                                        struct enroll_token_result *out);
MUST_CHECK enum err enroll_check_out(struct ctx *cx, struct db *db, const struct enroll_ids *ids,
                                     const struct enroll_proof *proof, enum enroll_refusal *refusal);

/* ---- takeovers (enroll_takeover.c) ----

   A provisional generation comes into force by its TokenUpdate when that carries the push token held for the device;
   later when APNs says that the former's token is gone, or when the former keeps silent for takeover-wait after a push
   that APNs took. One request by the former ends it. */

/* Inside a job: the identity in force (ch.challenged) has made a request: what stands against it is refused for good,
   its link revoked, event takeover.refused. */
MUST_CHECK enum err enroll_defend(struct ctx *cx, struct db *db, const struct enroll_ids *ids,
                                  const struct enroll_proof *proof, const struct enroll_channel *ch);
/* Inside a job: a former identity that lost its device by silence within the last 30 days is back (*won): its
   generation is in force again, as it was; the other's identity is refused for good. */
MUST_CHECK enum err enroll_win_back(struct ctx *cx, struct db *db, const struct enroll_ids *ids,
                                    const struct enroll_proof *proof, bool *won);
/* A provisional generation, and what it stands against. */
struct enroll_takeover {
  int64_t device, generation;
  char *id;             /* of the device */
  int64_t since;        /* its Authenticate */
  char *address;        /* that it came from; may be NULL */
  int64_t link;         /* its number; 0: it came without one */
  char *link_by;        /* who made it */
  char *former_address; /* of the one in force; may be NULL */
  int64_t former_seen;
  char *accepted_by; /* an operator has let it in: only its TokenUpdate is missing */
  bool held;         /* its TokenUpdate has come */
  int64_t woken_at;  /* when APNs first took a push to the one in force since; 0: not yet */
  int64_t silent_at; /* when the silence of the one in force is enough; 0: not known yet, or never by itself */
  bool former_spoke; /* it was heard of since the profile was fetched, or never at all: its silence proves nothing */
};
/* Reader's connection: the provisional ones, oldest first; only that of one device, or of all (0). */
MUST_CHECK enum err enroll_takeovers(struct ctx *cx, struct db *db, struct core *core, int64_t device,
                                     struct enroll_takeover **out, size_t *n);
/* Inside a job: puts it in force if it has proved by now that the former is gone. *came says so: then the caller ends
   what its channels were to do (checkin_in_force). */
MUST_CHECK enum err enroll_takeover_check(struct ctx *cx, struct db *db, struct core *core, int64_t generation,
                                          int64_t now, bool *came);
/* Devices are heard now. lead: how far the clock is ahead of the monotonic one. At the start, and when it leaps (the
   machine slept, or its clock was set), nobody was heard before. */
void enroll_listens(struct core *core, int64_t now, int64_t lead);
/* Inside a job, by an operator: E_NOT_FOUND, E_CONFLICT when nothing is provisional. accept: *came is the device, as
   above; 0 when its TokenUpdate is still to come, which then puts it in force. refuse: as if the former had come. */
MUST_CHECK enum err enroll_accept(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                  const char *by, int64_t *came);
MUST_CHECK enum err enroll_refuse(struct ctx *cx, struct db *db, const char *device_id, const char *by);

/* ---- one device a serial number (enroll_succession_sql.c) ----

   A serial number is only a claim: a device that enrolls counts from then on as the one that has it, and those that had
   it before count as former ones, which lists leave out; until such a one is heard of again. */

/* Inside a job: a generation of this device came into force. */
MUST_CHECK enum err enroll_succeeds(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* Inside a job: it was heard of. */
MUST_CHECK enum err enroll_heard(struct ctx *cx, struct db *db, struct core *core, int64_t device);
/* Other devices with its serial number, the newest first, at most 50. Reader's connection. */
struct enroll_namesake {
  char *id, *state; /* state: as in struct enroll_info */
  bool former;      /* counts as such; if it does not, both are shown */
  int64_t enrolled_at, last_seen;
};
MUST_CHECK enum err enroll_namesakes(struct ctx *cx, struct db *db, int64_t device, struct enroll_namesake **out,
                                     size_t *n);
/* Its generations that came into force, the newest first, at most 50. Reader's connection. */
struct enroll_past {
  int64_t authenticated_at, enrolled_at, ended_at; /* 0: not, or not known */
  char *state;                                     /* "current", "former" */
  char *way_in, *address, *topic;                  /* any may be NULL */
};
MUST_CHECK enum err enroll_history(struct ctx *cx, struct db *db, int64_t device, struct enroll_past **out, size_t *n);

/* ---- operators (enroll_operator.c); inside a job, E_NOT_FOUND ---- */

/* The device that an operator means: by its id, by a serial number where it is unique, or by the channel of a user of
   it (*of_user). Reader's connection. E_NOT_FOUND, E_CONFLICT. */
MUST_CHECK enum err enroll_device_named(struct ctx *cx, struct db *db, const char *name, char **device_id,
                                        bool *of_user);
/* Everything that it asks is refused, its wake-ups stop; what it has stays. Again is OK. */
MUST_CHECK enum err enroll_block(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                 const char *by);
/* The caller wakes it where something waits. What claims it waits anew. */
MUST_CHECK enum err enroll_unblock(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                   const char *by);
/* It is to leave: the caller queues RemoveProfile of identifier, delivered once, with this uuid. After that was handed
   over, everything but its CheckOut is answered 403, until it is enrolled anew. E_CONFLICT: it is not enrolled, or
   blocked. */
struct enroll_leave {
  char *command;      /* uuid */
  char *identifier;   /* PayloadIdentifier of its enrollment profile */
  int64_t enrollment; /* its own channel */
  bool asked;         /* before, and that command still stands: nothing is to be queued */
  bool handed;        /* it was handed over */
};
MUST_CHECK enum err enroll_unenroll(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                    const char *by, struct enroll_leave *out);
/* Everything known of it goes, but for its identities: they stay bound to its id. E_CONFLICT while it is enrolled, but
   for `anyway`. */
struct enroll_forget {
  const char *by;
  bool anyway;
  bool more; /* out: what it was sent is long, a part of it is gone; the caller asks again in a job of its own */
};
MUST_CHECK enum err enroll_forget(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                  struct enroll_forget *f);
/* A device that is not known here but claims an id with an identity of an accepted CA (core/refused.h) gets a device
   and a generation in force of that identity; its next TokenUpdate makes it reachable. hash NULL: of the only claimant.
   E_CONFLICT: several, or the id is known here, or the identity is another's. */
MUST_CHECK enum err enroll_adopt(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                 const uint8_t *hash, const char *by);
/* A migrated device (ch.first_contact): its identity is bound. */
MUST_CHECK enum err enroll_contact(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                                   const struct enroll_proof *proof, const struct enroll_channel *ch);

/* An operator lets the next Authenticate of this device in, whoever holds it now (24 h). E_NOT_FOUND. */
MUST_CHECK enum err enroll_release(struct ctx *cx, struct db *db, const char *device_id, const char *by);

/* An operator lets the ended identity of this device renew itself until then, although identity-grace is over.
   E_NOT_FOUND; E_CONFLICT: it has no identity, or one that has not ended. */
MUST_CHECK enum err enroll_grace(struct ctx *cx, struct db *db, const char *device_id, int64_t until, const char *by);
/* Reader's connection: may the identity with this hash do so now? */
MUST_CHECK enum err enroll_graced(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *graced);

/* Inside a job: the channel was seen at `at`, coming from address. agent NULL: as before. */
MUST_CHECK enum err enroll_touch(struct ctx *cx, struct db *db, int64_t enrollment, int64_t at, const char *address,
                                 const char *agent);
/* Inside a job: the identity of this channel's device was used by two machines at `at`; text tells which (event
   device.clone-suspected, once an hour). */
MUST_CHECK enum err enroll_clone(struct ctx *cx, struct db *db, int64_t enrollment, int64_t at, const char *text);
/* Inside a job: what a device told of itself in an answer; -1, NULL: nothing. Another serial number than that of its
   enrollment is another machine. */
struct enroll_told {
  int supervised, filevault, passcode;
  const char *serial_number, *udid;
};
MUST_CHECK enum err enroll_learn(struct ctx *cx, struct db *db, int64_t enrollment, const struct enroll_told *told);

/* Channels of a device. */
struct enroll_channels {
  int64_t *seq;
  size_t n;
};
MUST_CHECK enum err enroll_channels_of(struct ctx *cx, struct db *db, int64_t device, struct enroll_channels *out);
/* Those that can be pushed to: the device's own first, then its users', who were seen last first; 21 at most. */
MUST_CHECK enum err enroll_reachable(struct ctx *cx, struct db *db, int64_t device, struct enroll_channels *out);
/* The same as enroll_channels_of for the device that this channel belongs to. */
MUST_CHECK enum err enroll_siblings(struct ctx *cx, struct db *db, int64_t enrollment, struct enroll_channels *out);
/* Inside a job: a device that checked out came again; told once per check-out (event device.seen-after-checkout). */
MUST_CHECK enum err enroll_seen_again(struct ctx *cx, struct db *db, const char *id, int64_t device);

/* ---- looking devices up (reader's connection) ---- */

/* The channel that an operator means by an enrollment id, or by a serial number where it is unique. E_NOT_FOUND,
 * E_CONFLICT. */
MUST_CHECK enum err enroll_lookup(struct ctx *cx, struct db *db, const char *name, int64_t *enrollment, char **id);

struct enroll_info {
  int64_t enrollment, device;
  char *id, *type, *serial_number, *name, *model, *product_name, *os_version, *build_version, *topic;
  char *user_short_name, *user_long_name;
  char *state; /* "enrolled", "pending", "leaving", "checked-out", "blocked" */
  int64_t enrolled_at, authenticated_at, token_at, checked_out_at, last_seen, token_update_tally;
  char *last_address;
  bool enabled, awaiting_configuration;
  bool unlock_token, bootstrap_token; /* is one held? */
  int64_t identity_not_after;
};
/* By pages: `after` is the enrollment of the last row before, 0 at first; at most `most` rows. only: one enrollment, or
 * 0. */
MUST_CHECK enum err enroll_list(struct ctx *cx, struct db *db, int64_t only, int64_t after, int most,
                                struct enroll_info **out, size_t *n);

/* The device that an identity speaks for now, by the certificate alone: E_REFUSED when it is in force nowhere (unbound,
   former, blocked, checked out, expired). */
MUST_CHECK enum err enroll_device_of(struct ctx *cx, struct db *db, const struct enroll_proof *proof, char **id);

/* What the generation in force holds of a device: the certificate of its newest identity (DER), its unlock token; p
   NULL where there is none. */
struct enroll_secrets {
  struct slice cert;
  struct slice unlock_token; /* unsealed; wiped with cx */
};
MUST_CHECK enum err enroll_secrets(struct ctx *cx, struct db *db, struct core *core, int64_t device,
                                   struct enroll_secrets *out);

/* ---- links (enroll_link.c) ---- */

struct enroll_link {
  int64_t ttl_us; /* 24 h by default */
  int64_t uses;
  const char *device; /* made for this id or serial number; NULL: for any */
  const char *by;
};
/* *token: what stands in the URL; shown once, only its hash is kept. */
MUST_CHECK enum err enroll_link_new(struct ctx *cx, struct db *db, const struct enroll_link *what, char **token);
/* May this link be fetched? Reader's connection. E_NOT_FOUND (never was), E_GONE (used up, ended, revoked, downloaded
 * too often). */
MUST_CHECK enum err enroll_link_check(struct ctx *cx, struct db *db, const char *token);
struct enroll_link_info {
  int64_t link; /* its row: what it is called by, as its token is not kept */
  int64_t created_at, expires_at, revoked_at, uses, uses_max, downloads;
  char *created_by, *revoked_by, *device; /* the last two may be NULL */
  const char *state;                      /* "open", "used", "expired", "revoked", "downloaded" (too often) */
};
/* Reader's connection, newest first: those before `before` (0: all), at most `most`. */
MUST_CHECK enum err enroll_links(struct ctx *cx, struct db *db, int64_t before, int most, struct enroll_link_info **out,
                                 size_t *n);
/* Inside a job: nobody comes in by it any more; one that was revoked stays as it is. E_NOT_FOUND. */
MUST_CHECK enum err enroll_link_revoke(struct ctx *cx, struct db *db, int64_t link, const char *by);

/* ---- sessions and the profile (enroll_profile.c) ---- */

/* One fetch of an enrollment profile: made on the thread that was asked (it signs, which takes its time), stored by a
   job before it is handed out. token NULL: without a link (`open-enrollment`, or an operator). */
struct enroll_session {
  char *id, *challenge, *topic;
  const char *given; /* JSON */
  int64_t expires_at;
  struct slice profile; /* signed, DER */
};
/* On a reader's connection. E_NOT_FOUND: no such link; E_GONE: it was used up; E_UNAVAILABLE: no usable push
 * certificate. */
MUST_CHECK enum err enroll_session_make(struct ctx *cx, struct db *db, struct core *core, const char *token,
                                        struct enroll_session *out);
/* Inside a job: stores it and counts the download. E_NOT_FOUND, E_GONE as above. */
MUST_CHECK enum err enroll_session_store(struct ctx *cx, struct db *db, const char *token,
                                         const struct enroll_session *s);
/* The enrollment profile again, signed: all as in `given` (JSON of a session or of a generation), only the SCEP
   payload, its UUID and the challenge are new. Members of given: ServerURL, CheckInURL, SCEPURL, Topic, AccessRights,
   SignMessage, CheckOutWhenRemoved, ServerCapabilities, PayloadIdentifier, PayloadOrganization; PayloadUUID,
   RootPayloadUUID and MDMPayloadUUID; Roots and Signer (SHA-256 of certificates, hexadecimal), OwnRoot (whether there
   is a root). What was given by an older version lacks some: that is made anew. E_CONFLICT: it cannot be rendered any
   more. */
MUST_CHECK enum err enroll_render(struct ctx *cx, struct db *db, struct core *core, const char *given,
                                  const char *challenge, struct slice *signed_der);
/* Could it be rendered? E_CONFLICT as above. */
MUST_CHECK enum err enroll_given_check(struct ctx *cx, struct core *core, const char *given);
/* Where devices of that profile ask for identities; NULL when it is not known. */
const char *enroll_scep_url(struct ctx *cx, struct js *given);

/* The enrollment profile of devices that another server enrolled (enroll_original.c): they are renewed from it, with
   all its other payloads as they are. */
struct enroll_original {
  const char *topic, *server_url;
  const char *given;  /* JSON */
  struct slice plist; /* without the payload of the identity: that may hold a key */
};
/* A property list, or one signed by CMS. E_INVALID: it is none, or has no MDM payload with an identity. */
MUST_CHECK enum err enroll_original_read(struct ctx *cx, struct core *core, struct slice bytes,
                                         struct enroll_original *out);
/* Inside a job: kept, in the place of a former one of its topic. *devices: so many migrated ones have that topic. */
MUST_CHECK enum err enroll_original_store(struct ctx *cx, struct db *db, const struct enroll_original *o,
                                          const char *by, int64_t *devices);
/* Generations in force of migrated devices that do not count as given the one of their topic yet: those behind `after`,
   at most `most`, ascending. It looks at the whole fleet: on a reader's connection. */
MUST_CHECK enum err enroll_original_lacking(struct ctx *cx, struct db *db, int64_t after, int most,
                                            int64_t **generations, size_t *n);
/* Inside a job: from now on it is what was given to these. */
MUST_CHECK enum err enroll_original_assign(struct ctx *cx, struct db *db, const int64_t *generations, size_t n);

/* The own TLS CA as a profile, signed: E_NOT_FOUND when another certificate is used. */
MUST_CHECK enum err enroll_render_trust(struct ctx *cx, struct core *core, struct slice *signed_der);
/* Any root as a profile, signed. */
MUST_CHECK enum err enroll_render_root(struct ctx *cx, struct core *core, const struct pki_cert *root,
                                       struct slice *signed_der);

#endif
