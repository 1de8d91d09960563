/* SCEP messages, edited at one of their layers and made whole again above it.

   Input: a byte that chooses the layer, one that chooses the algorithms, then edits (layer RAW: the message itself). */
#include "edits.h"
#include "lib/pki_scep_int.h"
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum layer { RAW, MESSAGE, ENVELOPE, PLAIN, LAYERS };

static struct {
  struct ctx *cx;
  struct pki_key *key;
  struct pki_cert *ca, *self, *issued;
  struct slice csr;
} fuzz;

#define MUST(x)                                                                                                        \
  do {                                                                                                                 \
    if (!(x)) abort();                                                                                                 \
  } while (0)

static struct pki_cert *cert_of(const char *cn, const struct pki_cert *issuer, int kind) {
  struct pki_cert *c;
  struct pki_issue what = {
      .cn = cn, .subject_key = fuzz.key, .issuer = issuer, .issuer_key = fuzz.key, .not_after = INT64_C(1000000000)};
  what.kind = kind;
  MUST(pki_cert_issue(fuzz.cx, &c, &what) == OK);
  return c;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  fuzz.cx = ctx_new();
  MUST(pki_key_new_rsa(fuzz.cx, &fuzz.key, 2048) == OK);
  fuzz.ca = cert_of("CA", NULL, PKI_CA);
  fuzz.self = cert_of("device", NULL, PKI_IDENTITY);
  fuzz.issued = cert_of("device", fuzz.ca, PKI_IDENTITY);
  MUST(pki_csr_new(fuzz.cx, &fuzz.csr, fuzz.key, "device", "challenge") == OK);
  return 0;
}

struct input {
  enum layer layer;
  bool reply;
  const struct scep_cipher *cipher;
  const uint8_t *edits;
  size_t n;
};

/* A message for `d`, with the edits at their layer. */
static struct slice build(struct ctx *cx, struct scep_draft *d, const struct pki_cert *to, const struct input *in) {
  struct slice sealed, der;
  if (in->layer == PLAIN) d->content = edited(cx, d->content, in->edits, in->n);
  MUST(scep_seal(cx, &sealed, d->content, to, in->cipher) == OK);
  d->content = in->layer == ENVELOPE ? edited(cx, sealed, in->edits, in->n) : sealed;
  MUST(scep_sign(cx, &der, d) == OK);
  return in->layer == MESSAGE ? edited(cx, der, in->edits, in->n) : der;
}

static void read_request(struct ctx *cx, struct slice der, bool legacy) {
  const struct scep_ca ca = {fuzz.ca, fuzz.key, legacy};
  struct scep_request rq;
  enum scep_fail fail;
  struct slice reply;
  enum err e = scep_parse(cx, &rq, &fail, &ca, der);
  MUST((e == OK) == (fail == SCEP_NOFAIL));
  if (e == OK) MUST(scep_reply_success(cx, &reply, &ca, &rq, fuzz.issued) == OK);
  if (rq.transaction_id && rq.signer) MUST(scep_reply_failure(cx, &reply, &ca, &rq, fail) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  static const char *const ciphers[] = {"aes-128-cbc", "aes-256-cbc", "des-ede3-cbc", "des-cbc"};
  static const char *const digests[] = {"sha256", "sha512", "sha1", "sha384"};
  if (n < 2) return 0;
  struct ctx *cx = ctx_new();
  struct input in = {.layer = (enum layer)(data[0] % LAYERS), .reply = data[0] & 0x80, .edits = data + 2, .n = n - 2};
  in.cipher = scep_cipher_by_name(ciphers[data[1] % 4]);
  struct scep_draft d = {.cert = in.reply ? fuzz.ca : fuzz.self,
                         .key = fuzz.key,
                         .digest = scep_digest_by_name(digests[data[1] / 4 % 4]),
                         .type = in.reply ? SCEP_CERTREP : SCEP_PKCSREQ,
                         .transaction_id = "T-1",
                         .status = in.reply ? "0" : NULL,
                         .content = fuzz.csr};
  struct scep_reply reply;
  if (in.reply) MUST(scep_degenerate(cx, &d.content, fuzz.issued) == OK);
  struct slice der = slice_mem(data + 2, n - 2);
  if (in.layer != RAW) der = build(cx, &d, in.reply ? fuzz.self : fuzz.ca, &in);
  if (in.reply)
    (void)!scep_reply_parse(cx, &reply, der, fuzz.ca, fuzz.self, fuzz.key, "T-1");
  else
    read_request(cx, der, data[1] & 0x10);
  ctx_free(cx);
  return 0;
}
