#include "base/secret.h"
#include "lib/pki_int.h"
#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* What each kind says beyond its names. A CA issues no further CAs (pathlen 0). */
static const struct shape {
  bool ca, may_issue_names; /* may_issue_names: `hosts` are what it may certify, not what it is called */
  uint32_t usage;
  int extended;
} shapes[] = {
    /* SCEP clients encrypt to the CA and read its signature over the answer, so it is more than an issuer. */
    [PKI_CA] = {.ca = true, .usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN | KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT},
    [PKI_TLS_CA] = {.ca = true, .may_issue_names = true, .usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN},
    [PKI_TLS_SERVER] = {.usage = KU_DIGITAL_SIGNATURE, .extended = NID_server_auth},
    [PKI_IDENTITY] = {.usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, .extended = NID_client_auth},
    /* Profiles are CMS like signed mail: Apple's systems and every CMS library take emailProtection by default. */
    [PKI_SIGNING] = {.usage = KU_DIGITAL_SIGNATURE, .extended = NID_email_protect},
    [PKI_PUSH] = {.usage = KU_DIGITAL_SIGNATURE, .extended = NID_client_auth},
    [PKI_ENCRYPTION] = {.usage = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT},
};

/* ---- names ---- */

static enum err name_add(struct ctx *cx, X509_NAME *name, int nid, const char *value) {
  if (value == NULL) return OK;
  if (!text_is_plain(slice_of(value)) ||
      X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) != 1)
    return PKI_FAIL(cx, E_INVALID, ctx_printf(cx, "subject: %s does not fit", OBJ_nid2sn(nid)));
  return OK;
}

/* Order as in Apple's push certificates: UID first. */
static enum err set_names(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  X509_NAME *subject = X509_get_subject_name(x);
  TRY(name_add(cx, subject, NID_userId, what->uid));
  TRY(name_add(cx, subject, NID_commonName, what->cn));
  TRY(name_add(cx, subject, NID_organizationName, what->organization));
  if (X509_set_issuer_name(x, what->issuer != NULL ? X509_get_subject_name(what->issuer->x) : subject) != 1)
    return PKI_FAIL(cx, E_INTERNAL, "issuer's name");
  return OK;
}

static GENERAL_NAME *general_name(int type, const void *p, size_t n) {
  GENERAL_NAME *g = GENERAL_NAME_new();
  ASN1_STRING *s = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  if (g == NULL || s == NULL || ASN1_STRING_set(s, p, (int)n) != 1) abort();
  GENERAL_NAME_set0_value(g, type, s);
  return g;
}

static bool is_dns_name(const char *s) {
  static const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*";
  size_t n = strlen(s);
  return n > 0 && n <= 253 && s[0] != '.' && s[n - 1] != '.' && strspn(s, letters) == n;
}

/* `host` as a name, or, when it is an address, the address with `mask` bytes of ones behind it as constraints need. */
static enum err host_name(struct ctx *cx, GENERAL_NAME **out, const char *host, bool mask) {
  unsigned char address[32];
  memset(address, 0xff, sizeof address);
  size_t n = inet_pton(AF_INET, host, address) == 1 ? 4 : inet_pton(AF_INET6, host, address) == 1 ? 16 : 0;
  if (n == 0 && !is_dns_name(host)) return FAIL(cx, E_INVALID, "neither a DNS name nor an address: %s", host);
  if (n == 0)
    *out = general_name(GEN_DNS, host, strlen(host));
  else {
    memset(address + n, 0xff, n);
    *out = general_name(GEN_IPADD, address, mask ? 2 * n : n);
  }
  return OK;
}

/* ---- extensions ---- */

static enum err add(struct ctx *cx, X509 *x, int nid, void *value, bool critical) {
  if (X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_APPEND) == 1) return OK;
  return PKI_FAIL(cx, E_INTERNAL, ctx_printf(cx, "extension %s", OBJ_nid2sn(nid)));
}

static enum err add_basic_constraints(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  ASN1_INTEGER *depth = ASN1_INTEGER_new(); /* 0 */
  if (depth == NULL) abort();
  bool ca = shapes[what->kind].ca;
  BASIC_CONSTRAINTS value = {.ca = ca ? 0xff : 0, .pathlen = ca ? depth : NULL};
  enum err e = add(cx, x, NID_basic_constraints, &value, true);
  ASN1_INTEGER_free(depth);
  return e;
}

static enum err add_key_usage(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  unsigned char byte = (unsigned char)shapes[what->kind].usage;
  ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
  if (bits == NULL || ASN1_BIT_STRING_set(bits, &byte, 1) != 1) abort();
  enum err e = add(cx, x, NID_key_usage, bits, true);
  ASN1_BIT_STRING_free(bits);
  return e;
}

static enum err add_extended_key_usage(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  if (shapes[what->kind].extended == 0) return OK;
  EXTENDED_KEY_USAGE *uses = sk_ASN1_OBJECT_new_null();
  if (uses == NULL || sk_ASN1_OBJECT_push(uses, OBJ_nid2obj(shapes[what->kind].extended)) <= 0) abort();
  enum err e = add(cx, x, NID_ext_key_usage, uses, false);
  sk_ASN1_OBJECT_free(uses);
  return e;
}

static enum err add_key_ids(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  unsigned char id[20];
  unsigned n = 0;
  if (X509_pubkey_digest(x, EVP_sha1(), id, &n) != 1) return PKI_FAIL(cx, E_INTERNAL, "key identifier");
  ASN1_OCTET_STRING *own = ASN1_OCTET_STRING_new();
  if (own == NULL || ASN1_OCTET_STRING_set(own, id, (int)n) != 1) abort();
  const ASN1_OCTET_STRING *issuer = what->issuer != NULL ? X509_get0_subject_key_id(what->issuer->x) : own;
  AUTHORITY_KEYID above = {.keyid = (ASN1_OCTET_STRING *)(uintptr_t)issuer};
  enum err e = add(cx, x, NID_subject_key_identifier, own, false);
  /* A foreign CA without an identifier of its own leaves nothing to point at. */
  if (e == OK && issuer != NULL) e = add(cx, x, NID_authority_key_identifier, &above, false);
  ASN1_OCTET_STRING_free(own);
  return e;
}

static enum err add_san(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
  if (names == NULL) abort();
  enum err e = OK;
  GENERAL_NAME *g;
  for (const char *const *h = what->hosts; e == OK && h != NULL && *h != NULL; h++)
    if ((e = host_name(cx, &g, *h, false)) == OK && sk_GENERAL_NAME_push(names, g) <= 0) abort();
  if (what->san_uri != NULL &&
      sk_GENERAL_NAME_push(names, general_name(GEN_URI, what->san_uri, strlen(what->san_uri))) <= 0)
    abort();
  if (e == OK && sk_GENERAL_NAME_num(names) > 0) e = add(cx, x, NID_subject_alt_name, names, false);
  GENERAL_NAMES_free(names);
  return e;
}

static void subtree_push(STACK_OF(GENERAL_SUBTREE) * to, GENERAL_NAME *g) {
  GENERAL_SUBTREE *s = GENERAL_SUBTREE_new();
  if (s == NULL) abort();
  GENERAL_NAME_free(s->base);
  s->base = g;
  if (sk_GENERAL_SUBTREE_push(to, s) <= 0) abort();
}

/* A permitted DNS name binds DNS names only and an address only addresses: the sort of which none is permitted has to
   be excluded as a whole. */
static void exclude_rest(NAME_CONSTRAINTS *nc) {
  static const unsigned char everywhere[32];
  bool dns = false, address = false;
  for (int i = 0; i < sk_GENERAL_SUBTREE_num(nc->permittedSubtrees); i++) {
    bool is_dns = sk_GENERAL_SUBTREE_value(nc->permittedSubtrees, i)->base->type == GEN_DNS;
    dns = dns || is_dns;
    address = address || !is_dns;
  }
  if (dns && address) return;
  nc->excludedSubtrees = sk_GENERAL_SUBTREE_new_null();
  if (nc->excludedSubtrees == NULL) abort();
  if (!dns) subtree_push(nc->excludedSubtrees, general_name(GEN_DNS, "", 0));
  if (!address) {
    subtree_push(nc->excludedSubtrees, general_name(GEN_IPADD, everywhere, 8));
    subtree_push(nc->excludedSubtrees, general_name(GEN_IPADD, everywhere, 32));
  }
}

static enum err add_name_constraints(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  NAME_CONSTRAINTS *nc = NAME_CONSTRAINTS_new();
  if (nc == NULL || (nc->permittedSubtrees = sk_GENERAL_SUBTREE_new_null()) == NULL) abort();
  enum err e = OK;
  GENERAL_NAME *g;
  for (const char *const *h = what->hosts; e == OK && *h != NULL; h++)
    if ((e = host_name(cx, &g, *h, true)) == OK) subtree_push(nc->permittedSubtrees, g);
  exclude_rest(nc);
  if (e == OK) e = add(cx, x, NID_name_constraints, nc, true);
  NAME_CONSTRAINTS_free(nc);
  return e;
}

static enum err add_extensions(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  TRY(add_basic_constraints(cx, x, what));
  TRY(add_key_usage(cx, x, what));
  TRY(add_extended_key_usage(cx, x, what));
  TRY(add_key_ids(cx, x, what));
  return shapes[what->kind].may_issue_names ? add_name_constraints(cx, x, what) : add_san(cx, x, what);
}

/* ---- the certificate ---- */

static enum err check_order(struct ctx *cx, const struct pki_issue *what) {
  const struct pki_key *by = what->issuer != NULL ? what->issuer_key : what->subject_key;
  bool needs_hosts = what->kind == PKI_TLS_CA || what->kind == PKI_TLS_SERVER;
  if (by == NULL || !by->is_private) return FAIL(cx, E_INVALID, "a certificate needs the private key of its issuer");
  if (what->issuer != NULL && !pki_cert_is_ca(what->issuer)) return FAIL(cx, E_INVALID, "the issuer is not a CA");
  if (what->issuer != NULL && !pki_cert_fits(what->issuer, by))
    return FAIL(cx, E_INVALID, "the issuer's key does not belong to its certificate");
  if (what->not_after <= what->not_before) return FAIL(cx, E_INVALID, "a certificate that ends before it begins");
  if (needs_hosts && (what->hosts == NULL || what->hosts[0] == NULL))
    return FAIL(cx, E_INVALID, "a TLS certificate without a host");
  if (what->san_uri != NULL && !text_is_plain(slice_of(what->san_uri)))
    return FAIL(cx, E_INVALID, "a URI with control characters");
  return OK;
}

static void release_x509(void *x) { X509_free(x); }

static enum err set_serial(struct ctx *cx, X509 *x) {
  unsigned char bytes[16];
  secret_random(bytes, sizeof bytes);
  bytes[0] &= 0x7f;
  BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
  bool fine = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
  BN_free(number);
  return fine ? OK : PKI_FAIL(cx, E_INTERNAL, "serial number");
}

static enum err set_basics(struct ctx *cx, X509 *x, const struct pki_issue *what) {
  TRY(set_serial(cx, x));
  if (X509_set_version(x, 2) != 1 || X509_set_pubkey(x, what->subject_key->pkey) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(what->not_before / 1000000)) == NULL ||
      ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(what->not_after / 1000000)) == NULL)
    return PKI_FAIL(cx, E_INVALID, "a certificate with this key or these dates cannot be made");
  return OK;
}

enum err pki_cert_issue(struct ctx *cx, struct pki_cert **out, const struct pki_issue *what) {
  TRY(check_order(cx, what));
  X509 *x = X509_new();
  if (x == NULL) abort();
  ctx_defer(cx, release_x509, x);
  TRY(set_basics(cx, x, what));
  TRY(set_names(cx, x, what));
  TRY(add_extensions(cx, x, what));
  const struct pki_key *by = what->issuer != NULL ? what->issuer_key : what->subject_key;
  if (X509_sign(x, by->pkey, EVP_sha256()) <= 0) return PKI_FAIL(cx, E_INTERNAL, "certificate cannot be signed");
  X509_up_ref(x);
  return pki_cert_wrap(cx, out, x);
}
