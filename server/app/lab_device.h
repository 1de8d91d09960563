/* Inside the simulated devices: what a device is (lab_platform.c), how it reads its enrollment profile (lab_profile.c),
   gets its identity (lab_scep.c), talks to the server (lab_talk.c), answers commands (lab_answer.c, and what lab_task.h
   names), remembers what they did (lab_store.c), renews its identity (lab_renew.c), is kept between runs (lab_state.c);
   and many of them at work (lab_fleet.c, lab_push.c).

   Who owns what: a device owns its texts, identity and list of profiles until lab_device_free; keys are the pool's.
   Threads: one at a time works on a device. */
#ifndef POMONA_APP_LAB_DEVICE_H
#define POMONA_APP_LAB_DEVICE_H

#include "app/lab.h"
#include "lib/net_http.h"
#include "lib/pki_cert.h"
#include "lib/plist.h"

/* ---- platforms ---- */
enum lab_os { MAC = 1, PHONE = 2, IPAD = 4, SHARED = 8 /* iPad */, TV = 16, WATCH = 32, VISION = 64, ALL = 127 };
#define MOBILE (PHONE | IPAD | SHARED | VISION)

enum lab_udid_form { LAB_UDID_UUID, LAB_UDID_SHORT /* a prefix and 16 hex digits */, LAB_UDID_HEX /* 40, as of old */ };
enum { /* what Authenticate tells beside the UDID */
       LAB_TELLS_SYSTEM = 1 /* OSVersion, BuildVersion, ProductName, SerialNumber */,
       LAB_TELLS_NAMES = 2 /* DeviceName, Model, ModelName */,
       LAB_TELLS_CELLULAR = 4 /* IMEI, MEID */
};

struct lab_platform {
  const char *word; /* of --platform; NULL ends the table */
  enum lab_os os;
  const char *name; /* of a device, before its number */
  const char *product, *model, *model_name, *os_version, *build;
  enum lab_udid_form udid_form;
  const char *udid_prefix;
  int tells;
  bool intel; /* a Mac of old */
};
extern const struct lab_platform lab_platforms[];
const struct lab_platform *lab_platform(const char *word); /* NULL when there is none */

/* ---- keys ---- */
struct lab_key {
  struct pki_key *key;
  struct slice pem;
};
struct lab_keys; /* a pool: making an RSA key takes longer than all the rest of an enrollment */
/* Those of the PEM file, or `wanted` new ones (16 at most); a file that is missing is made from the new ones. */
MUST_CHECK enum err lab_keys_open(struct ctx *cx, struct lab_keys **out, const char *file, size_t wanted);
const struct lab_key *lab_keys_at(const struct lab_keys *k, size_t i); /* any i: devices share keys */
/* Adds the one of a device that comes back. */
MUST_CHECK enum err lab_keys_add(struct ctx *cx, struct lab_keys *k, struct slice pem, const struct lab_key **out);
void lab_keys_close(struct lab_keys *k);

/* ---- the enrollment profile ---- */
struct lab_profile {
  char *identifier, *uuid;
  char *scep_url, *scep_name, *subject_cn;
  char *challenge;             /* NULL once it is used up */
  struct slice ca_fingerprint; /* SHA-1 of the CA's certificate; n 0: none given */
  char *server_url, *checkin_url, *topic;
  struct slice root_pem; /* trusted from now on for TLS; n 0: none given */
  struct slice entry;    /* what ProfileList tells of it, as a property list */
  int64_t rights;        /* AccessRights; 0: none were asked for */
  bool sign_message, check_out;
};
/* Any configuration profile: signed content in DER (*signer) or the bare property list (NULL). */
MUST_CHECK enum err lab_profile_open(struct ctx *cx, struct pl **root, struct pki_cert **signer, struct slice bytes);
/* What ProfileList tells of a profile; signer may be NULL. */
struct pl *lab_profile_entry(struct ctx *cx, struct pl *profile, const struct pki_cert *signer);
/* An enrollment profile; everything lives in cx. E_INVALID says what is missing. */
MUST_CHECK enum err lab_profile_read(struct ctx *cx, struct lab_profile *out, struct slice bytes);

/* ---- a device ---- */
enum lab_phase { LAB_NEW, LAB_AUTHENTICATED, LAB_ENROLLED, LAB_GONE /* erased, removed, refused for good */ };

enum lab_proof {
  LAB_PROOF_DEVICE, /* as real ones: TLS certificate, and a signature if the profile says so */
  LAB_PROOF_MTLS,
  LAB_PROOF_SIGNATURE /* as behind a proxy that ends TLS */
};

/* ---- channels: the device's own, and those of its users ---- */
enum lab_effect { LAB_NO_EFFECT, LAB_RESTARTS, LAB_SHUTS_DOWN, LAB_ERASES, LAB_UNENROLLS };

struct lab_report {
  const char *uuid, *request_type, *status; /* of the command; status as in core/report.def, NULL: swallowed */
  enum lab_effect effect;                   /* once the report has been taken */
  struct slice body;                        /* the report; n 0: swallowed */
};

struct lab_unsent { /* a report that was not answered with 2xx: sent again before anything else */
  struct buf body;  /* n 0: there is none */
  char uuid[128], request_type[64];
  const char *status;
  enum lab_effect effect;
};

enum { LAB_FAILURES = 8, LAB_SPARED = 16 };
struct lab_luck { /* how its troubles went so far */
  int64_t failed[LAB_FAILURES];
  uint64_t answers, spared[LAB_SPARED]; /* what went wrong and is all right when it comes again */
  size_t next;
};

enum lab_sort { LAB_FACT, LAB_PROFILE, LAB_PAYLOAD, LAB_APP, LAB_BOOK, LAB_PROVISIONING, LAB_USER, LAB_SORTS };
struct lab_thing { /* what is kept on a channel (lab_store.c) */
  struct lab_thing *next;
  enum lab_sort sort;
  char *name; /* unique in its sort */
  char *xml;  /* a property list */
  size_t n;
};

struct lab_channel {
  char user_id[48], short_name[64], long_name[48]; /* of a user's */
  uint8_t token[32];
  char magic[40];
  struct lab_unsent unsent;
  int64_t not_now; /* so many answers are still NotNow */
  struct lab_thing *things;
  struct lab_luck luck;
};
enum { LAB_CHANNELS = 4, LAB_ID_MAX = 160 };

struct lab_device {
  const struct lab_platform *platform;
  char udid[72]; /* EnrollmentID in a User Enrollment */
  char serial[16], name[48];
  bool user_enrollment;
  bool awaits;                               /* awaits configuration */
  bool vanishes;                             /* is erased without an answer */
  struct lab_channel channels[LAB_CHANNELS]; /* the first is the device's own */
  size_t channels_n;
  int64_t number; /* among those of its run */
  const struct lab_key *key;
  enum lab_phase phase;
  enum lab_proof proof;
  struct ctx *cx; /* holds profile and identity; NULL before the enrollment */
  struct lab_profile profile;
  struct pki_cert *identity;
  struct slice identity_pem;
  bool supervised; /* by a person; see lab_is_supervised */
  bool automated;  /* enrolled by Automated Device Enrollment */
  char os_version[16], build[16];
  const struct lab_trouble *trouble; /* what goes wrong with it; NULL: nothing; borrowed */
  bool erased;                       /* that is why it is gone */
  bool renewed;                      /* its identity, by itself */
  const char *swallow;               /* commands of this type are never answered; NULL: none; borrowed */
  int64_t acknowledged;              /* commands */
  const struct lab_way *way; /* while it is in a session: what commands do by the wire needs it; NULL: it is in none */
};

/* A new device of its own; udid and serial NULL: made up. number goes into its name, when it is not 0. */
struct lab_device *lab_device_new(const struct lab_platform *platform, const char *udid, const char *serial,
                                  int64_t number);
void lab_device_free(struct lab_device *d);
/* It enrolls for its user (User Enrollment): another id, and it tells less. Before any user is added. */
void lab_device_enroll_for_user(struct lab_device *d);
/* A user with a channel of its own; no more than LAB_CHANNELS - 1 are. */
void lab_device_add_user(struct lab_device *d);
/* The i-th of a mixed fleet: every kind by its share, half of them with mutual TLS, half signing (lab_mix.c). */
struct lab_device *lab_mixed_device(size_t i);
/* The id of a channel as servers write it: UDID, UDID:USERID, UDID:SHORTNAME (Shared iPad). */
void lab_id(char out[LAB_ID_MAX], const struct lab_device *d, const struct lab_channel *c);
/* Puts the device back to where it was before it was enrolled. */
void lab_device_forget(struct lab_device *d);
/* Copies what the device keeps of its profile, and its identity. */
void lab_device_adopt(struct lab_device *d, const struct lab_profile *p, const struct pki_cert *identity);
/* The same for a profile that takes the place of its own: nothing else of the device changes. */
void lab_device_replace(struct lab_device *d, const struct lab_profile *p, const struct pki_cert *identity);

/* ---- messages (lab_message.c) ---- */
struct slice lab_authenticate(struct ctx *cx, const struct lab_device *d);
struct slice lab_token_update(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c);
struct slice lab_check_out(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c);
struct slice lab_idle(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c);
/* The keys that say whose a message is. */
void lab_put_ids(struct pl *message, const struct lab_device *d, const struct lab_channel *c);

/* ---- commands ---- */

/* What the device says to a command on one of its channels. E_INVALID when it is none that could be answered. */
MUST_CHECK enum err lab_answer(struct ctx *cx, struct lab_device *d, struct lab_channel *c, struct slice command,
                               struct lab_report *out);

/* Supervised, or in a way that counts as that: a Shared iPad, a Mac whose user allowed the enrollment. */
bool lab_is_supervised(const struct lab_device *d);
/* A version as a number that compares as versions do: "18.1" < "18.10". */
int64_t lab_version(const char *text);
const char *lab_imei(struct ctx *cx, const struct lab_device *d);
const char *lab_meid(struct ctx *cx, const struct lab_device *d);
void lab_unlock_token(struct ctx *cx, struct slice *out, const struct lab_channel *own);
/* A hand at the device takes a configuration profile away. False: it has none of that name. */
bool lab_take_profile(struct lab_channel *c, const char *identifier);

/* ---- what goes wrong on purpose (lab_trouble.c) ---- */
struct lab_failure { /* commands of this type are answered with this error, so many times a channel (0: always) */
  char request_type[64], domain[64];
  int64_t code, times;
};
struct lab_delay { /* installations of apps stop there */
  char request_type[64], state[32];
};
struct lab_trouble {
  struct lab_failure failures[LAB_FAILURES];
  size_t failures_n;
  struct lab_delay late[LAB_FAILURES];
  size_t late_n;
  int64_t percent; /* of the answers are NotNow or an error; asked again the device does what it should */
  uint64_t seed;   /* which ones */
};
struct lab_trouble_words { /* as options say it: "TYPE=DOMAIN:CODExTIMES,…", "TYPE=STATE,…"; NULL: none */
  const char *fail, *late;
  int64_t percent, seed;
};
MUST_CHECK enum err lab_trouble_read(struct ctx *cx, struct lab_trouble *out, const struct lab_trouble_words *words);

/* ---- what a channel keeps (lab_store.c): property lists by sort and name ---- */
void lab_keep(struct ctx *cx, struct lab_channel *c, enum lab_sort sort, const char *name, struct pl *value);
void lab_keep_xml(struct lab_channel *c, enum lab_sort sort, const char *name, struct slice xml);
struct pl *lab_have(struct ctx *cx, const struct lab_channel *c, enum lab_sort sort, const char *name); /* or NULL */
bool lab_drop(struct lab_channel *c, enum lab_sort sort, const char *name); /* false: it was not there */
void lab_drop_all(struct lab_channel *c);
const struct lab_thing *lab_first(const struct lab_channel *c, enum lab_sort sort);
const struct lab_thing *lab_next(const struct lab_thing *t); /* of the same sort */
struct pl *lab_read(struct ctx *cx, const struct lab_thing *t);
/* Facts: single values of the sort LAB_FACT. What was never set is NULL, false or 0. */
struct pl *lab_fact(struct ctx *cx, const struct lab_channel *c, const char *name);
void lab_set_fact(struct ctx *cx, struct lab_channel *c, const char *name, struct pl *value);
bool lab_flag(struct ctx *cx, const struct lab_channel *c, const char *name);
void lab_set_flag(struct ctx *cx, struct lab_channel *c, const char *name, bool value);
const char *lab_text(struct ctx *cx, const struct lab_channel *c, const char *name);
void lab_set_text(struct ctx *cx, struct lab_channel *c, const char *name, const char *value);
int64_t lab_count(struct ctx *cx, const struct lab_channel *c, const char *name);
void lab_set_count(struct ctx *cx, struct lab_channel *c, const char *name, int64_t value);

/* ---- the wire (lab_talk.c) ---- */

/* What happened, for people: "enrolled", "woken", …; detail may be NULL. Any thread. */
typedef void lab_tell(void *arg, const struct lab_device *d, const struct lab_channel *c, const char *what,
                      const char *detail);
/* What was done, for accounts: "given" a command, its report was "taken" or "lost". Any thread. */
typedef void lab_note(void *arg, const char *what, const char *id, const struct lab_report *report);

struct lab_way {          /* how devices reach the server */
  const char *ca_file;    /* for the first fetch; NULL: the system's store, or on loopback whatever comes */
  bool only_authenticate; /* stop there: an aborted installation */
  lab_tell *tell;
  void *tell_arg;
  lab_note *note; /* may be NULL */
  void *note_arg;
};

/* How a device trusts whoever answers at url: by the root of its profile, else as the way says. */
struct nh_conf lab_trust(const struct lab_way *way, const char *url, struct slice root_pem);
/* Packages that commands on this channel asked for (lab_package.c), at the end of a session. */
void lab_fetch_packages(struct ctx *cx, struct lab_device *d, struct lab_channel *c, const struct lab_way *way);
/* https, on this machine, and nothing to check the first fetch with. */
bool lab_trusts_blindly(const struct lab_way *way, const char *link);
/* From the link to TokenUpdate. */
MUST_CHECK enum err lab_enroll(struct ctx *cx, struct lab_device *d, const struct lab_way *way, const char *link);
struct lab_session { /* what came of one */
  int commands;
  int64_t again_us; /* the device comes again by itself after so long: NotNow, a restart; 0: it waits for a push */
  bool off;         /* it was shut down */
};
/* Polls on a channel and answers until the server has nothing more. An error leaves the device as it is, to try again.
 */
MUST_CHECK enum err lab_session(struct ctx *cx, struct lab_device *d, struct lab_channel *c, const struct lab_way *way,
                                struct lab_session *out);
MUST_CHECK enum err lab_leave(struct ctx *cx, struct lab_device *d, const struct lab_way *way); /* CheckOut */
/* The identity that the profile's SCEP server gives: for the challenge, or as a renewal of `old` (NULL: none). */
MUST_CHECK enum err lab_scep(struct ctx *cx, struct pki_cert **out, const struct lab_profile *profile,
                             struct nh *client, const struct pki_key *key, const struct pki_cert *old);

/* The enrollment profile again (lab_renew.c): a new identity by its SCEP payload, which the device uses from then on.
   E_INVALID: it changes what must stay as it is (Apple: Topic, ServerURL, CheckInURL). */
MUST_CHECK enum err lab_renew(struct ctx *cx, struct lab_device *d, struct slice profile);
/* A new identity that the device asks for by itself (SCEP RenewalReq), and uses from then on. */
MUST_CHECK enum err lab_renew_alone(struct ctx *cx, struct lab_device *d, const struct lab_way *way);
/* By the profile's SCEP payload, with the device's key; a renewal when the profile's challenge is used up. */
MUST_CHECK enum err lab_identity(struct ctx *cx, struct pki_cert **out, const struct lab_device *d,
                                 const struct lab_profile *profile, const struct lab_way *way);

/* ---- kept between runs (lab_state.c) ---- */
MUST_CHECK enum err lab_state_save(struct ctx *cx, const struct lab_device *d, const char *dir);
/* All devices kept in dir, as an array in cx; their keys join the pool. The caller frees each. */
MUST_CHECK enum err lab_state_load(struct ctx *cx, struct lab_device ***out, size_t *n, struct lab_keys *keys,
                                   const char *dir);

/* ---- pushes, by the stand-in's control port (lab_push.c) ---- */
struct lab_push_port;
/* on_push runs on a thread of its own. A lost connection is made again. */
MUST_CHECK enum err lab_push_open(struct ctx *cx, struct lab_push_port **out, const char *address,
                                  void (*on_push)(void *arg, struct slice token, struct slice magic), void *arg);
void lab_push_listen(struct lab_push_port *p, const char *token_hex, const char *topic); /* any thread */
void lab_push_close(struct lab_push_port *p);

/* ---- many devices (lab_fleet.c) ---- */
struct lab_fleet;

struct lab_fleet_conf {
  struct lab_way way;
  const char *apns_control; /* "127.0.0.1:4000"; NULL: devices poll */
  int64_t poll_us;          /* 0: devices wait for pushes only */
  unsigned workers;         /* connections at a time; 0 is 16 */
  bool offline;             /* devices enroll, then never come */
  bool once;                /* a device is done after its first acknowledged command */
  bool only_enroll;         /* a device is done when it is enrolled */
  const char *return_link;  /* an erased device comes back by it; NULL: it is gone */
  int64_t renew_after;      /* a device renews its identity after so many acknowledged commands; 0: never */
};

struct lab_fleet_counts {
  size_t devices, enrolled, failed /* enrollments */, done, returned, renewed;
  int64_t sessions, commands;
};

MUST_CHECK enum err lab_fleet_start(struct ctx *cx, struct lab_fleet **out, const struct lab_fleet_conf *conf);
/* The fleet takes d over. link is borrowed; NULL: the device comes back, enrolled. */
void lab_fleet_add(struct lab_fleet *f, struct lab_device *d, const char *link);
struct lab_fleet_counts lab_fleet_counts(struct lab_fleet *f);
/* A hand at the devices: takes this profile away from `most` of those that have it, one after the other, while they go
   on. Gives how many had it. */
size_t lab_fleet_take_profile(struct lab_fleet *f, const char *identifier, size_t most);
/* Ends what runs, then runs `each` (may be NULL) for every device by the workers, then frees all. */
void lab_fleet_stop(struct lab_fleet *f, void (*each)(struct ctx *cx, struct lab_device *d, void *arg), void *arg);

#endif
