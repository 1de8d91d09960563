/* Mdm-Signature: a strict walk of the one shape of DER that devices send.

   It decides nothing; it takes apart. Whatever is legal CMS and yet not this shape (indefinite lengths, several
   signers, revocation lists, unsigned attributes, an attribute not in the table) is left to OpenSSL. */
#include "lib/pki_signature_int.h"
#include <openssl/obj_mac.h>
#include <string.h>

/* ---- strict DER ---- */
enum { TAG_INTEGER = 0x02, TAG_OCTETS = 0x04, TAG_NULL = 0x05, TAG_OID = 0x06, TAG_UTC_TIME = 0x17, TAG_TIME = 0x18 };
enum { TAG_SEQUENCE = 0x30, TAG_SET = 0x31, TAG_0 = 0xa0, TAG_0_PRIMITIVE = 0x80 };

static int next_tag(struct slice in) { return in.n > 0 ? (uint8_t)in.p[0] : -1; }

/* Takes one element off the front of *in: `whole` with its tag and length, `body` without. Lengths are definite, in the
   shortest form, and at most 65535. */
static bool take_any(struct slice *in, struct slice *whole, struct slice *body) {
  const uint8_t *p = (const uint8_t *)in->p;
  if (in->n < 2) return false;
  size_t head = 2, len = p[1];
  if (len == 0x81) {
    if (in->n < 3 || p[2] < 0x80) return false;
    head = 3, len = p[2];
  } else if (len == 0x82) {
    if (in->n < 4 || p[2] == 0) return false;
    head = 4, len = (size_t)p[2] << 8 | p[3];
  } else if (len >= 0x80) {
    return false;
  }
  if (len > in->n - head) return false;
  *whole = (struct slice){in->p, head + len};
  *body = (struct slice){in->p + head, len};
  *in = (struct slice){in->p + head + len, in->n - head - len};
  return true;
}

static bool take(struct slice *in, int tag, struct slice *body) {
  struct slice whole;
  return next_tag(*in) == tag && take_any(in, &whole, body);
}

static bool take_whole(struct slice *in, int tag, struct slice *whole) {
  struct slice body;
  return next_tag(*in) == tag && take_any(in, whole, &body);
}

/* An element that is all there is in `in`. */
static bool take_only(struct slice in, int tag, struct slice *body) { return take(&in, tag, body) && in.n == 0; }

/* An INTEGER of one byte: the versions. */
static int take_small(struct slice *in) {
  struct slice v;
  return take(in, TAG_INTEGER, &v) && v.n == 1 ? (uint8_t)v.p[0] : -1;
}

/* ---- algorithms ---- */
#define OID(bytes)                                                                                                     \
  { bytes, sizeof bytes - 1 }
#define OID_RSADSI "\x2a\x86\x48\x86\xf7\x0d\x01" /* 1.2.840.113549.1 */
#define OID_NIST_HASH "\x60\x86\x48\x01\x65\x03\x04\x02"
#define OID_ECDSA "\x2a\x86\x48\xce\x3d\x04"
#define OID_APPLE_CMS "\x2a\x86\x48\x86\xf7\x63\x64\x09" /* 1.2.840.113635.100.9 */

const struct signature_digest signature_digests[SIGNATURE_DIGESTS] = {
    {"sha256", NID_sha256, 32, OID(OID_NIST_HASH "\x01"), OID(OID_RSADSI "\x01\x0b"), OID(OID_ECDSA "\x03\x02")},
    {"sha384", NID_sha384, 48, OID(OID_NIST_HASH "\x02"), OID(OID_RSADSI "\x01\x0c"), OID(OID_ECDSA "\x03\x03")},
    {"sha512", NID_sha512, 64, OID(OID_NIST_HASH "\x03"), OID(OID_RSADSI "\x01\x0d"), OID(OID_ECDSA "\x03\x04")},
    {"sha1", NID_sha1, 20, OID("\x2b\x0e\x03\x02\x1a"), OID(OID_RSADSI "\x01\x05"), OID(OID_ECDSA "\x01")},
};
static const struct slice oid_rsa = OID(OID_RSADSI "\x01\x01");
static const struct slice oid_signed_data = OID(OID_RSADSI "\x07\x02");
static const struct slice oid_data = OID(OID_RSADSI "\x07\x01");

/* AlgorithmIdentifier whose parameters are absent or NULL. */
static bool take_algorithm(struct slice *in, struct slice *oid, bool *has_null) {
  struct slice seq, null = {NULL, 0};
  if (!take(in, TAG_SEQUENCE, &seq) || !take(&seq, TAG_OID, oid)) return false;
  *has_null = seq.n > 0;
  return !*has_null || (take_only(seq, TAG_NULL, &null) && null.n == 0);
}

static const struct signature_digest *take_digest(struct slice *in) {
  struct slice oid;
  bool has_null;
  if (!take_algorithm(in, &oid, &has_null)) return NULL;
  for (size_t i = 0; i < SIGNATURE_DIGESTS; i++)
    if (slice_eq(oid, signature_digests[i].oid)) return &signature_digests[i];
  return NULL;
}

static bool take_signature_algorithm(struct slice *in, struct signature_parts *out) {
  struct slice oid;
  bool has_null;
  if (!take_algorithm(in, &oid, &has_null)) return false;
  out->ecdsa = slice_eq(oid, out->digest->ecdsa_oid);
  if (out->ecdsa) return !has_null;
  return slice_eq(oid, oid_rsa) || slice_eq(oid, out->digest->rsa_oid);
}

/* ---- signed attributes ---- */
enum { ATTR_CONTENT_TYPE, ATTR_MESSAGE_DIGEST };

/* The attributes seen in the wild, each with one value of one of two tags. OpenSSL signs over what it has decoded and
   encoded again; values of these tags come out of that byte for byte. */
static const struct {
  struct slice oid;
  int tag, other_tag;
} known_attrs[] = {
    [ATTR_CONTENT_TYPE] = {OID(OID_RSADSI "\x09\x03"), TAG_OID, TAG_OID},
    [ATTR_MESSAGE_DIGEST] = {OID(OID_RSADSI "\x09\x04"), TAG_OCTETS, TAG_OCTETS},
    {OID(OID_RSADSI "\x09\x05"), TAG_UTC_TIME, TAG_TIME},     /* signingTime */
    {OID(OID_RSADSI "\x09\x0f"), TAG_SEQUENCE, TAG_SEQUENCE}, /* smimeCapabilities */
    {OID(OID_RSADSI "\x09\x34"), TAG_SEQUENCE, TAG_SEQUENCE}, /* cmsAlgorithmProtection */
    {OID(OID_APPLE_CMS "\x01"), TAG_OCTETS, TAG_OCTETS},      /* Apple: hash agility */
    {OID(OID_APPLE_CMS "\x02"), TAG_SEQUENCE, TAG_SEQUENCE},  /* Apple: hash agility, second version */
    {OID(OID_APPLE_CMS "\x03"), TAG_UTC_TIME, TAG_TIME},      /* Apple: end of validity */
};
enum { KNOWN_ATTRS = sizeof known_attrs / sizeof known_attrs[0] };

/* One attribute; *seen has a bit per row, since no attribute may come twice. */
static bool take_attribute(struct slice *in, struct signature_parts *out, unsigned *seen) {
  struct slice attr, oid, values, value;
  if (!take(in, TAG_SEQUENCE, &attr) || !take(&attr, TAG_OID, &oid) || !take_only(attr, TAG_SET, &values)) return false;
  size_t i = 0;
  while (i < KNOWN_ATTRS && !slice_eq(oid, known_attrs[i].oid)) i++;
  if (i == KNOWN_ATTRS || (*seen & 1u << i) != 0) return false;
  *seen |= 1u << i;
  if (!take_only(values, known_attrs[i].tag, &value) && !take_only(values, known_attrs[i].other_tag, &value))
    return false;
  if (i == ATTR_CONTENT_TYPE) return slice_eq(value, oid_data);
  if (i != ATTR_MESSAGE_DIGEST) return true;
  out->message_digest = value;
  return value.n == out->digest->len;
}

static bool take_attributes(struct slice *in, struct signature_parts *out) {
  if (next_tag(*in) != TAG_0) return true; /* none: the signature is over the body itself */
  const unsigned needed = 1u << ATTR_CONTENT_TYPE | 1u << ATTR_MESSAGE_DIGEST;
  unsigned seen = 0;
  struct slice rest;
  if (!take_any(in, &out->attrs, &rest)) return false;
  while (rest.n > 0)
    if (!take_attribute(&rest, out, &seen)) return false;
  return (seen & needed) == needed;
}

/* ---- the message ---- */
static bool walk_signer(struct slice set, struct signature_parts *out) {
  struct slice si;
  if (!take_only(set, TAG_SEQUENCE, &si)) return false; /* one signer */
  int version = take_small(&si);
  bool by_key = next_tag(si) == TAG_0_PRIMITIVE;
  if (version != (by_key ? 3 : 1) || !take_whole(&si, by_key ? TAG_0_PRIMITIVE : TAG_SEQUENCE, &out->sid)) return false;
  if (take_digest(&si) != out->digest) return false;
  if (!take_attributes(&si, out) || !take_signature_algorithm(&si, out)) return false;
  return take_only(si, TAG_OCTETS, &out->signature); /* and no unsigned attributes */
}

bool signature_walk(struct signature_parts *out, struct slice der) {
  *out = (struct signature_parts){0};
  struct slice info, oid, boxed, sd, set, content;
  if (!take_only(der, TAG_SEQUENCE, &info) || !take(&info, TAG_OID, &oid) || !slice_eq(oid, oid_signed_data))
    return false;
  if (!take_only(info, TAG_0, &boxed) || !take_only(boxed, TAG_SEQUENCE, &sd)) return false;
  int version = take_small(&sd);
  if (version != 1 && version != 3) return false;
  if (!take(&sd, TAG_SET, &set) || !(out->digest = take_digest(&set)) || set.n > 0) return false;
  if (!take(&sd, TAG_SEQUENCE, &content) || !take_only(content, TAG_OID, &oid) || !slice_eq(oid, oid_data))
    return false;
  if (!take(&sd, TAG_0, &out->certs)) return false;
  return take_only(sd, TAG_SET, &set) && walk_signer(set, out); /* and no revocation lists */
}
