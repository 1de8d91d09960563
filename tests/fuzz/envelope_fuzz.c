/* Recovery keys as a hostile Mac may encrypt them: an EnvelopedData that was edited, opened with its key.

   Input: a byte that chooses cipher and layer, then edits: of the message, or of what is inside it. */
#include "edits.h"
#include "lib/pki_cms.h"
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(x)                                                                                                        \
  do {                                                                                                                 \
    if (!(x)) abort();                                                                                                 \
  } while (0)

static const char *const ciphers[] = {"des-ede3-cbc", "aes-128-cbc", "aes-256-cbc", "aes-192-cbc"};

static struct {
  struct ctx *cx;
  struct pki_key *key;
  struct pki_cert *cert;
  struct slice sealed[4];
} fuzz;

static const char plain[] = "ABCD-1234-EFGH-5678-IJKL-9012";

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  fuzz.cx = ctx_new();
  MUST(pki_key_new_rsa(fuzz.cx, &fuzz.key, 2048) == OK);
  struct pki_issue what = {.cn = "Escrow",
                           .subject_key = fuzz.key,
                           .issuer_key = fuzz.key,
                           .not_after = INT64_C(1000000000),
                           .kind = PKI_ENCRYPTION};
  MUST(pki_cert_issue(fuzz.cx, &fuzz.cert, &what) == OK);
  for (int i = 0; i < 4; i++)
    MUST(pki_cms_seal(fuzz.cx, &fuzz.sealed[i], slice_of(plain), fuzz.cert, ciphers[i]) == OK);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  struct slice der, content;
  if (n < 1) return 0;
  struct ctx *cx = ctx_new();
  bool inside = data[0] & 4;
  if (inside) {
    struct slice edited_plain = edited(cx, slice_of(plain), data + 1, n - 1);
    MUST(pki_cms_seal(cx, &der, edited_plain, fuzz.cert, ciphers[data[0] % 4]) == OK);
  } else {
    der = edited(cx, fuzz.sealed[data[0] % 4], data + 1, n - 1);
  }
  enum err e = pki_cms_open(cx, &content, der, fuzz.cert, fuzz.key);
  MUST(e == OK || e == E_INVALID || e == E_REFUSED);
  MUST(!inside || e == OK);
  ctx_free(cx);
  return 0;
}
