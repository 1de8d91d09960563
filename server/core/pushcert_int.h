/* What the files of this module share. */
#ifndef POMONA_CORE_PUSHCERT_INT_H
#define POMONA_CORE_PUSHCERT_INT_H

#include "core/pushcert.h"

#define PUSHCERT_PORTAL "https://identity.apple.com/pushcert"

/* ---- pushcert_sql.c ---- */
MUST_CHECK enum err pushcert_supersede(struct ctx *cx, struct db *db, const char *topic, int64_t at);
MUST_CHECK enum err pushcert_reinstate(struct ctx *cx, struct db *db, int64_t seq);
MUST_CHECK enum err pushcert_insert(struct ctx *cx, struct db *db, const struct pushcert_pair *pair,
                                    struct slice key_sealed, const char *by, int64_t at);
/* Its chain and its key anew. */
MUST_CHECK enum err pushcert_refresh(struct ctx *cx, struct db *db, int64_t seq, struct slice cert_pem,
                                     struct slice key_sealed);
/* E_NOT_FOUND */
MUST_CHECK enum err pushcert_by_seq(struct ctx *cx, struct db *db, int64_t seq, struct pushcert *out);
MUST_CHECK enum err pushcert_by_hash(struct ctx *cx, struct db *db, const uint8_t hash[32], struct pushcert *out);
MUST_CHECK enum err pushcert_row(struct ctx *cx, struct db *db, int64_t seq, struct slice *cert_pem,
                                 struct slice *key_sealed, struct slice *hash);

/* ---- pushcert_guard_sql.c ---- */
/* Do enabled channels listen on this topic, on others? */
MUST_CHECK enum err pushcert_heard(struct ctx *cx, struct db *db, const char *topic, bool *here, bool *elsewhere);
/* The topics that enabled channels listen on, with their devices, most devices first. */
struct pushcert_topic {
  char *topic;
  int64_t devices;
};
MUST_CHECK enum err pushcert_topics(struct ctx *cx, struct db *db, struct pushcert_topic **out, size_t *n);
MUST_CHECK enum err pushcert_knows(struct ctx *cx, struct db *db, const char *topic, bool *known); /* any certificate */
/* The topic that the request with this key was made here to renew; NULL: none was. */
MUST_CHECK enum err pushcert_request(struct ctx *cx, struct db *db, const uint8_t public_hash[32], char **topic);

/* ---- keys that are kept: pushcert_keys.c ---- */
struct pki_key;
struct pushcert_kept_key {
  struct pki_key *key;
  const char *what; /* for people: "the key that was made here on 2026-11-22" */
};
/* The kept key of this public key's digest: E_NOT_FOUND, also where the upload names no database. */
MUST_CHECK enum err pushcert_kept(struct ctx *cx, const struct pushcert_upload *u, const uint8_t public_hash[32],
                                  struct pushcert_kept_key *out);
/* What sealed keys are bound to: of a request, by its public key; of a certificate, by its hash. */
const char *pushcert_key_about(struct ctx *cx, struct slice public_hash);
const char *pushcert_sealed_about(struct ctx *cx, struct slice hash);

/* ---- pushcert_keys_sql.c ---- */
MUST_CHECK enum err pushcert_key_row(struct ctx *cx, struct db *db, struct slice public_hash, struct slice *sealed,
                                     int64_t *at);
struct pushcert_stored {
  struct slice cert_pem, key_sealed, hash;
  const char *serial_number;
};
MUST_CHECK enum err pushcert_stored_rows(struct ctx *cx, struct db *db, struct pushcert_stored **out, size_t *n);
/* Keys made here whose certificate did not come yet. */
MUST_CHECK enum err pushcert_keys_waiting(struct ctx *cx, struct db *db, int64_t *n);
/* Its certificate was imported; nothing happens when the key was not made here. */
MUST_CHECK enum err pushcert_key_used(struct ctx *cx, struct db *db, const uint8_t public_hash[32], int64_t at);

/* ---- pushcert_history_sql.c ---- */
/* Topic and last proof (NULL: none) of a certificate: E_NOT_FOUND. */
MUST_CHECK enum err pushcert_probed(struct ctx *cx, struct db *db, int64_t pushcert, char **topic, char **before);
MUST_CHECK enum err pushcert_set_proof(struct ctx *cx, struct db *db, int64_t pushcert, const char *proof,
                                       const char *text);

#endif
