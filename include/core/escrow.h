/* Secrets of devices, kept for operators and never given to a device: PINs that lock or erase, Activation Lock bypass
   codes, FileVault recovery keys, passwords that commands set. Sealed; every value ever seen is kept, the same one
   once. One is revealed at a time, with a reason, and that is recorded. Never in logs, lists, events or webhooks. */
#ifndef POMONA_CORE_ESCROW_H
#define POMONA_CORE_ESCROW_H

#include "core/core.h"
#include "lib/db.h"

enum escrow_kind {
  ESCROW_PIN,               /* of DeviceLock or EraseDevice of a Mac */
  ESCROW_BYPASS_CODE,       /* of Activation Lock */
  ESCROW_RECOVERY_KEY,      /* FileVault personal recovery key */
  ESCROW_RECOVERY_LOCK,     /* password of recoveryOS: SetRecoveryLock */
  ESCROW_FIRMWARE_PASSWORD, /* SetFirmwarePassword */
  ESCROW_KINDS,
  ESCROW_BOOTSTRAP_TOKEN = ESCROW_KINDS, /* these two are the generation's, and only read here */
  ESCROW_UNLOCK_TOKEN,
  ESCROW_ALL_KINDS
};
const char *escrow_word(enum escrow_kind k); /* "pin", "bypass-code", "recovery-key" … as stored and as people type */
bool escrow_named(const char *word, enum escrow_kind *k);

/* Inside a job. device: its seq. command: uuid of the command that it stands in or came by, or NULL. The same value
   again confirms it; of what a device has one at a time (recovery key, recovery lock, firmware password) another one
   ends the former. */
MUST_CHECK enum err escrow_add(struct ctx *cx, struct db *db, struct core *core, int64_t device, enum escrow_kind kind,
                               struct slice value, const char *command);

/* What is held of a device, without the values; newest first. */
struct escrow_entry {
  int64_t seq; /* 0: a token of its generation */
  enum escrow_kind kind;
  char *command;
  int64_t at, confirmed_at, ended_at; /* 0: not */
  int64_t revealed_at;
  char *revealed_by;
};
MUST_CHECK enum err escrow_list(struct ctx *cx, struct db *db, int64_t device, struct escrow_entry **out, size_t *n);

/* Inside a job: the value, recorded with who and why (event escrow.revealed, without the value). seq 0: the newest of
   the kind. A recovery key that is in force is replaced by a RotateFileVaultKey, queued here (*rotate: its uuid, NULL
   none). E_NOT_FOUND; E_INVALID: no reason. Tokens come as base64. */
struct escrow_ask {
  int64_t device;
  enum escrow_kind kind;
  int64_t seq;
  const char *by, *reason;
};
MUST_CHECK enum err escrow_reveal(struct ctx *cx, struct db *db, struct core *core, const struct escrow_ask *ask,
                                  struct slice *value, char **rotate);

#endif
