/* Secrets of devices, kept for operators and never given to a device: PINs that lock or erase, Activation Lock bypass
   codes, FileVault recovery keys, passwords that commands set. Sealed; every value ever seen is kept, the same one
   once. One is revealed at a time, with a reason, and that is recorded. Never in logs, lists, events or webhooks. */
#ifndef POMONA_CORE_ESCROW_H
#define POMONA_CORE_ESCROW_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/plist.h"

enum escrow_kind {
  ESCROW_PIN,               /* of DeviceLock or EraseDevice of a Mac */
  ESCROW_BYPASS_CODE,       /* of Activation Lock */
  ESCROW_RECOVERY_KEY,      /* FileVault personal recovery key */
  ESCROW_UNREAD_KEY,        /* a recovery key that does not open here: the message that it came as */
  ESCROW_RECOVERY_LOCK,     /* password of recoveryOS: SetRecoveryLock; "": it was cleared */
  ESCROW_FIRMWARE_PASSWORD, /* SetFirmwarePassword; "": it was cleared */
  ESCROW_KINDS,
  ESCROW_BOOTSTRAP_TOKEN = ESCROW_KINDS, /* these two are the generation's, and only read here */
  ESCROW_UNLOCK_TOKEN,
  ESCROW_ALL_KINDS
};
const char *escrow_word(enum escrow_kind k); /* "pin", "bypass-code", "recovery-key" … as stored and as people type */
bool escrow_named(const char *word, enum escrow_kind *k);
const char *escrow_words(struct ctx *cx);  /* all of them, for people: "pin, bypass-code, …" */
bool escrow_is_binary(enum escrow_kind k); /* shown as base64 */

/* ---- taking in; inside a job. device: its seq ---- */

/* What a command sets, before the command can be delivered: in force when the device has acknowledged it. The same
   value again is kept once, and stands in the later command. */
MUST_CHECK enum err escrow_add(struct ctx *cx, struct db *db, struct core *core, int64_t device, enum escrow_kind kind,
                               struct slice value, const char *command);
/* The device acknowledged the command: what it set is in force, and what it had before, or what it clears, is not. */
MUST_CHECK enum err escrow_acknowledged(struct ctx *cx, struct db *db, int64_t device, const char *command,
                                        const char *request_type);

/* What an answer tells of secrets, in the memory of the message. */
struct escrow_told {
  struct slice bypass_code;  /* ActivationLockBypassCode; p NULL: none, here and below */
  struct slice recovery_key; /* FDE_PersonalRecoveryKeyCMS of SecurityInfo, or EncryptedNewRecoveryKey of a rotation */
};
void escrow_read(struct pl *message, struct escrow_told *out);
/* Keeps it as what is in force now. A recovery key is opened (CMS EnvelopedData for the escrow certificate or a former
   one, at most 16 KiB) and must be six groups of four; what does not open is kept as it came, with the reason, and told
   once (event escrow.unread). *changed: something new is held. */
MUST_CHECK enum err escrow_tell(struct ctx *cx, struct db *db, struct core *core, int64_t device,
                                const struct escrow_told *told, const char *command, bool *changed);
/* Whether a bypass code is held that the present enrollment of the device told. */
MUST_CHECK enum err escrow_has_bypass_code(struct ctx *cx, struct db *db, int64_t device, bool *has);

/* ---- for operators ---- */

MUST_CHECK enum err escrow_device(struct ctx *cx, struct db *db, const char *device_id, int64_t *device);

/* What is held of a device, without the values; newest first, those in force before others. */
struct escrow_entry {
  int64_t seq; /* 0: a token of its generation */
  enum escrow_kind kind;
  const char *state; /* "in-force"; "waiting": its command is not acknowledged; "former"; "unread" */
  char *command;
  int64_t at, confirmed_at, ended_at; /* 0: not, not known */
  char *note;
  int64_t revealed_at; /* last */
  char *revealed_by, *revealed_reason;
};
enum { ESCROW_LIST_MOST = 500 };
/* Reader's connection. */
MUST_CHECK enum err escrow_list(struct ctx *cx, struct db *db, int64_t device, struct escrow_entry **out, size_t *n);
/* Whether a token or anything of this kind is held that is in force. Reader's connection. */
MUST_CHECK enum err escrow_holds(struct ctx *cx, struct db *db, int64_t device, enum escrow_kind kind, bool *holds);

/* From 3 to 500 characters of plain text on one line. E_INVALID. */
MUST_CHECK enum err escrow_check_reason(struct ctx *cx, const char *reason);

/* Inside a job: the value, recorded with who and why (event escrow.revealed, without the value). seq 0: the newest of
   the kind, one in force before others. E_NOT_FOUND; E_INVALID: no reason. A recovery key that was seen should be
   replaced: core/filevault.h. */
struct escrow_ask {
  int64_t device;
  enum escrow_kind kind;
  int64_t seq;
  const char *by, *reason;
};
struct escrow_revealed {
  int64_t seq, reveal; /* reveal: its row in the record */
  struct slice value;  /* wiped with cx */
  bool in_force;
  int64_t at;
  char *note;
};
MUST_CHECK enum err escrow_reveal(struct ctx *cx, struct db *db, struct core *core, const struct escrow_ask *ask,
                                  struct escrow_revealed *out);
/* Inside a job: the value for the server's own use (the password of a rotation); by and reason may be NULL. seq 0: the
   newest that is in force; else that one, whatever its state. E_NOT_FOUND. */
MUST_CHECK enum err escrow_use(struct ctx *cx, struct db *db, struct core *core, const struct escrow_ask *ask,
                               struct slice *value);
/* Inside a job: notes in the record that this command replaces what was revealed. */
MUST_CHECK enum err escrow_replaces(struct ctx *cx, struct db *db, int64_t reveal, const char *command);

#endif
