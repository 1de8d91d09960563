#include "base/log.h"
#include "core/pushcert_seen.h"

#include <string.h>

_Static_assert((int)PUSHCERT_FILE_MOST == (int)PKI_FILE_MOST, "a file that may be handed in is read");

void pushcert_note(struct pushcert_pile *p, const char *text) {
  if (p->notes_n < PUSHCERT_NOTES_MOST) p->notes[p->notes_n++] = text;
}

static bool is_known(const struct pushcert_pile *p, const struct pki_cert *c) {
  for (size_t i = 0; i < p->certs_n; i++)
    if (memcmp(pki_cert_sha256(p->certs[i]), pki_cert_sha256(c), 32) == 0) return true;
  return false;
}

static enum err gather(struct ctx *cx, struct pushcert_pile *p, const struct pki_file *f) {
  if (p->certs_n + f->certs_n > PUSHCERT_CERTS_MOST)
    return FAIL(cx, E_INVALID, "more than %d certificates", PUSHCERT_CERTS_MOST);
  if (p->keys_n + f->keys_n > PUSHCERT_KEYS_MOST)
    return FAIL(cx, E_INVALID, "more than %d private keys", PUSHCERT_KEYS_MOST);
  for (size_t i = 0; i < f->certs_n; i++)
    if (!is_known(p, f->certs[i])) p->certs[p->certs_n++] = f->certs[i];
  for (size_t i = 0; i < f->keys_n; i++) p->keys[p->keys_n++] = f->keys[i];
  return OK;
}

static enum err read_files(struct ctx *cx, struct pushcert_pile *p) {
  const struct pushcert_upload *u = p->upload;
  struct pki_opener opener = {.passphrase = u->passphrase, .work = PKI_WORK_MOST};
  if (u->n > PUSHCERT_FILES_MOST)
    return FAIL(cx, E_TOO_LARGE, "%zu files: at most %d are looked at", u->n, PUSHCERT_FILES_MOST);
  p->seen = ctx_alloc(cx, (u->n + 1) * sizeof *p->seen);
  for (size_t i = 0; i < u->n; i++) {
    if (u->files[i].bytes.n > PUSHCERT_FILE_MOST)
      return FAIL(cx, E_TOO_LARGE, "a push certificate with its key has at most %d bytes, %s %zu", PUSHCERT_FILE_MOST,
                  pushcert_shown_name(cx, u->files[i].name, "this file"), u->files[i].bytes.n);
    TRY(pushcert_see(cx, &p->seen[i], &u->files[i], &opener));
    TRY(gather(cx, p, &p->seen[i].in));
    if (p->seen[i].utf16) pushcert_note(p, "A file was saved as UTF-16; it was read all the same.");
  }
  return OK;
}

enum err pushcert_pile(struct ctx *cx, struct pushcert_pile **out, const struct pushcert_upload *upload) {
  *out = ctx_alloc(cx, sizeof **out);
  (*out)->upload = upload;
  (*out)->notes = ctx_alloc(cx, (PUSHCERT_NOTES_MOST + 1) * sizeof *(*out)->notes);
  return read_files(cx, *out);
}

enum err pushcert_fail_named(struct ctx *cx, const struct pushcert_pile *p) {
  size_t which;
  const struct pushcert_kind *kind = pushcert_name(cx, p->seen, p->upload->n, &which);
  const char *name = p->upload->n ? p->seen[which].name : "this";
  log_info(cx, "a file that is no push certificate was handed in", LOG_S("kind", kind->slug));
  return FAIL(cx, E_INVALID, "%s is %s: %s", name, kind->what, kind->todo);
}

static struct pki_cert *issuer_of(const struct pushcert_pile *p, const struct pki_cert *c) {
  for (size_t i = 0; i < p->certs_n; i++)
    if (p->certs[i] != c && pki_cert_issued(p->certs[i], c)) return p->certs[i];
  return NULL;
}

size_t pushcert_chain(const struct pushcert_pile *p, struct pki_cert *leaf,
                      struct pki_cert *chain[PUSHCERT_CHAIN_MOST]) {
  struct pki_cert *next;
  size_t n = 0;
  chain[n++] = leaf;
  while (n < PUSHCERT_CHAIN_MOST && (next = issuer_of(p, chain[n - 1]))) chain[n++] = next;
  return n;
}

struct slice pushcert_chain_pem(struct ctx *cx, struct pki_cert *const *chain, size_t n) {
  struct buf b = {0};
  for (size_t i = 0; i < n; i++) buf_add_slice(&b, pki_cert_pem(cx, chain[i]));
  struct slice all = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return all;
}
