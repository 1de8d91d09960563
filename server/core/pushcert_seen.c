#include "core/pushcert_seen.h"

#include "base/enc.h"
#include "base/secret.h"

#include <string.h>

#define TOPIC_PREFIX "com.apple.mgmt."
enum { WRAPPED_DEEP = 3, BASE64_LEAST = 40, HEAD_MOST = 2048, NAME_MOST = 200, TOPIC_MOST = 200 };

/* It stands in headers, texts and files: only what Apple writes into it. */
static bool is_topic(struct slice uid) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return slice_starts(uid, TOPIC_PREFIX) && uid.n > strlen(TOPIC_PREFIX) && uid.n <= TOPIC_MOST &&
         strspn(uid.p, letters) == uid.n;
}

const char *pushcert_topic_of(struct ctx *cx, const struct pki_cert *c) {
  const char *uid = pki_cert_uid(cx, c);
  return is_topic(slice_of(uid)) ? uid : NULL;
}

/* ---- what a text is wrapped in ---- */

static bool has(struct slice s, const char *text) { return s.n && memmem(s.p, s.n, text, strlen(text)) != NULL; }

static struct slice head_of(struct slice s) { return slice_mem(s.p, s.n < HEAD_MOST ? s.n : HEAD_MOST); }

/* Case does not matter in the first lines of a page or a mail. */
static bool head_has(struct slice s, const char *text) {
  struct slice head = head_of(s);
  for (size_t i = 0; i + strlen(text) <= head.n; i++)
    if (slice_istarts(slice_mem(head.p + i, head.n - i), text)) return true;
  return false;
}

static bool only(struct slice s, const char *letters) {
  for (size_t i = 0; i < s.n; i++)
    if (!s.p[i] || !strchr(letters, s.p[i])) return false;
  return true;
}

/* What PowerShell's > writes; whatever is not ASCII is no part of a key or certificate. */
static bool from_utf16(struct ctx *cx, struct pushcert_seen *s) {
  bool little = slice_starts(s->bytes, "\xff\xfe"), big = slice_starts(s->bytes, "\xfe\xff");
  if (!little && !big) return false;
  size_t n = s->bytes.n / 2 - 1;
  char *text = secret_in(cx, ctx_alloc(cx, n + 1), n + 1);
  for (size_t i = 0; i < n; i++) {
    const char *pair = s->bytes.p + 2 + 2 * i;
    text[i] = pair[little ? 1 : 0] ? '?' : pair[little ? 0 : 1];
  }
  s->bytes = slice_mem(text, n);
  return s->utf16 = true;
}

static bool is_container(struct slice s) {
  return s.n && (*s.p == 0x30 || slice_starts(s, "bplist") || slice_starts(s, "<?xml") ||
                 slice_starts(s, "<!DOCTYPE") || slice_starts(s, "-----BEGIN "));
}

static bool from_base64(struct ctx *cx, struct pushcert_seen *s) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_- \t\r\n";
  struct slice inside;
  if (s->bytes.n < BASE64_LEAST || !only(s->bytes, letters)) return false;
  bool fits = dec_base64(cx, s->bytes, &inside) == OK && is_container(inside);
  ctx_clear_error(cx);
  if (fits) s->bytes = slice_mem(secret_in(cx, (void *)(uintptr_t)inside.p, inside.n), inside.n);
  return fits && (s->base64 = true);
}

/* Mail programs break its lines. */
static bool from_hex(struct ctx *cx, struct pushcert_seen *s) {
  struct slice t = slice_trim(s->bytes);
  if (t.n < BASE64_LEAST || !slice_starts(t, "30") || !only(t, "0123456789abcdefABCDEF \t\r\n")) return false;
  char *digits = secret_in(cx, ctx_alloc(cx, t.n), t.n), *inside = secret_in(cx, ctx_alloc(cx, t.n / 2), t.n / 2);
  size_t n = 0;
  for (size_t i = 0; i < t.n; i++)
    if (!strchr(" \t\r\n", t.p[i])) digits[n++] = t.p[i];
  bool fits = n % 2 == 0 && dec_hex(slice_mem(digits, n), inside, n / 2);
  if (fits) s->bytes = slice_mem(inside, n / 2);
  return fits;
}

static bool from_mail(struct ctx *cx, struct pushcert_seen *s) {
  struct slice inside;
  const char *gap = s->bytes.n ? memmem(s->bytes.p, s->bytes.n, "\n\n", 2) : NULL;
  if (!gap) gap = s->bytes.n ? memmem(s->bytes.p, s->bytes.n, "\n\r\n", 3) : NULL;
  if (!gap || !head_has(s->bytes, "pkcs7-mime")) return false;
  s->smime = dec_base64(cx, slice_mem(gap, (size_t)(s->bytes.p + s->bytes.n - gap)), &inside) == OK;
  ctx_clear_error(cx);
  if (s->smime) s->bytes = inside;
  return s->smime;
}

static void unwrap(struct ctx *cx, struct pushcert_seen *s) {
  for (int i = 0; i < WRAPPED_DEEP; i++) {
    if (slice_starts(s->bytes, "\xef\xbb\xbf")) s->bytes = slice_mem(s->bytes.p + 3, s->bytes.n - 3);
    if (!from_utf16(cx, s) && !from_hex(cx, s) && !from_base64(cx, s) && !from_mail(cx, s)) return;
  }
}

/* ---- reading ---- */

const char *pushcert_shown_name(struct ctx *cx, const char *name, const char *otherwise) {
  struct slice s = slice_of(name);
  return s.n && s.n <= NAME_MOST && text_is_plain(s) ? ctx_strdup(cx, name) : otherwise;
}

static enum err locked(struct ctx *cx, const struct pushcert_seen *s) {
  const char *detail = s->in.lock_detail, *what = s->in.pkcs12 ? "PKCS #12" : "private key";
  switch (s->in.lock) {
  case PKI_LOCKED:
    return FAIL(cx, E_INVALID, "%s holds an encrypted %s: give its passphrase, too (--passphrase-file FILE)", s->name,
                what);
  case PKI_LOCK_WRONG:
    return FAIL(cx, E_INVALID,
                "%s holds an encrypted %s, and the passphrase does not open it: give the one that was chosen when "
                "it was exported",
                s->name, what);
  case PKI_LOCK_SLOW:
    return FAIL(cx, E_INVALID,
                "%s holds an encrypted %s that wants %s rounds of key derivation, more than is done here: export it "
                "again with the usual settings",
                s->name, what, detail);
  default:
    return FAIL(cx, E_INVALID,
                "%s holds an encrypted %s whose algorithm (%s) is not there: install OpenSSL's legacy provider on "
                "the server, or export it again with AES (`openssl pkcs12 -legacy -in FILE -nodes -out NEW.pem` "
                "where it was made)",
                s->name, what, detail);
  }
}

enum err pushcert_see(struct ctx *cx, struct pushcert_seen *out, const struct pushcert_file *file,
                      struct pki_opener *opener) {
  *out = (struct pushcert_seen){.name = pushcert_shown_name(cx, file->name, "this"), .bytes = file->bytes};
  unwrap(cx, out);
  enum err e = pki_file_read(cx, &out->in, out->bytes, opener);
  if (e != OK) {
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return FAIL(cx, e, "%s: %s", out->name, why);
  }
  return out->in.lock == PKI_OPEN ? OK : locked(cx, out);
}

/* ---- what it is ---- */

static bool is_plist(const struct pushcert_seen *s) {
  return slice_starts(s->bytes, "bplist") || has(head_of(s->bytes), "<plist") || has(head_of(s->bytes), "<?xml");
}

static bool ends_with(const struct pushcert_seen *s, const char *ending) {
  struct slice name = slice_of(s->name);
  size_t n = strlen(ending);
  return name.n > n && slice_ieq(slice_mem(name.p + name.n - n, n), ending);
}

/* ---- the tests of the table below ---- */

#define TEST(name) static bool name(struct ctx *cx, const struct pushcert_seen *s)

TEST(is_empty) { return (void)cx, slice_trim(s->bytes).n == 0; }
TEST(is_page) {
  (void)cx;
  return head_has(s->bytes, "<!doctype html") || head_has(s->bytes, "<html");
}
TEST(is_archive) { return (void)cx, slice_starts(s->bytes, "PK\x03\x04"); }
TEST(is_signed_request) { return (void)cx, is_plist(s) && has(s->bytes, "PushCertRequestCSR"); }
TEST(is_profile) {
  (void)cx;
  return (is_plist(s) && has(s->bytes, "PayloadType")) || (s->in.pkcs7 && has(s->in.content, "PayloadType"));
}
TEST(is_request) { return (void)cx, s->in.csr.p && !s->in.certs_n; }
TEST(is_server_token) { return (void)cx, s->in.enveloped && (s->smime || ends_with(s, ".p7m")); }
TEST(is_mdmcert_answer) { return (void)cx, s->in.enveloped; }
TEST(is_bare_pkcs12) { return (void)cx, s->in.pkcs12 && !s->in.certs_n; }

/* Does one of the certificates have it? */
static bool any_cert(struct ctx *cx, const struct pushcert_seen *s,
                     bool (*has_it)(struct ctx *, const struct pki_cert *)) {
  for (size_t i = 0; i < s->in.certs_n; i++)
    if (has_it(cx, s->in.certs[i])) return true;
  return false;
}

static bool named(struct ctx *cx, const struct pki_cert *c, const char *beginning) {
  return slice_istarts(slice_of(pki_cert_cn(cx, c)), beginning);
}
static bool for_vendor(struct ctx *cx, const struct pki_cert *c) { return named(cx, c, "MDM Vendor"); }
static bool for_app(struct ctx *cx, const struct pki_cert *c) {
  return named(cx, c, "Apple Push Services") || named(cx, c, "Apple Development IOS Push") ||
         named(cx, c, "Apple Production IOS Push") || named(cx, c, "Apple Sandbox Push Services");
}
static bool for_server(struct ctx *cx, const struct pki_cert *c) { return (void)cx, pki_cert_is_server(c); }
static bool for_device(struct ctx *cx, const struct pki_cert *c) {
  return pki_cert_san_uri(cx, c, "urn:uuid:") != NULL;
}
static bool for_others(struct ctx *cx, const struct pki_cert *c) { return (void)cx, !pki_cert_is_ca(c); }

TEST(is_vendor) { return any_cert(cx, s, for_vendor); }
TEST(is_app) { return any_cert(cx, s, for_app); }
TEST(is_server) { return any_cert(cx, s, for_server); }
TEST(is_device) { return any_cert(cx, s, for_device); }
TEST(is_other_cert) { return any_cert(cx, s, for_others); }
TEST(is_chain) { return (void)cx, s->in.certs_n && s->in.pkcs7; }
TEST(is_ca) { return (void)cx, s->in.certs_n > 0; }

/* Apple makes push certificates for RSA keys only. */
TEST(is_token_key) {
  (void)cx;
  return s->in.keys_n && !s->in.certs_n && (!pki_key_is_rsa(s->in.keys[0]) || ends_with(s, ".p8"));
}
TEST(is_ssh_key) { return (void)cx, s->in.foreign_key; }
TEST(is_public_key) { return (void)cx, s->in.public_key && !s->in.keys_n; }
TEST(is_key) { return (void)cx, s->in.keys_n > 0; }
TEST(is_list) { return (void)cx, is_plist(s); }
TEST(is_json) {
  struct slice t = slice_trim(s->bytes);
  return (void)cx, slice_starts(t, "{") || slice_starts(t, "[");
}
TEST(is_anything) { return (void)cx, (void)s, true; }

#define GET_IT "import the certificate (.pem) downloaded from " PUSHCERT_PORTAL

/* From the most telling to the least: the first row that fits any of the files names the mistake. */
static const struct pushcert_kind kinds[] = {
    {"web-page", is_page, "a web page (HTML), perhaps one to log in that was saved in the file's place",
     "sign in at " PUSHCERT_PORTAL " and press Download once more"},
    {"archive", is_archive, "a ZIP archive", "unpack it, and give the files that are in it"},
    {"signed-request", is_signed_request, "the signed request, which is for Apple, not Apple's certificate",
     "upload it at " PUSHCERT_PORTAL " and import the certificate that Apple gives for it"},
    {"request", is_request, "a certificate request (CSR), not the certificate",
     "have it signed (`pomona pushcert sign`), upload that at " PUSHCERT_PORTAL
     " and import what Apple gives back, together with the private key unless it was made here"},
    {"profile", is_profile, "a configuration profile (.mobileconfig)",
     GET_IT "; the enrollment profile of another MDM goes to `pomona identity profile`"},
    {"server-token", is_server_token, "a server token of Apple's business or school portal (.p7m)",
     "it is for automated enrollment; here, " GET_IT},
    {"mdmcert-answer", is_mdmcert_answer, "encrypted, as mdmcert.download sends its answers (.p7)",
     "open it with `pomona pushcert sign --mdmcert-answer FILE` and upload what comes out at " PUSHCERT_PORTAL},
    {"pkcs12-without-certificate", is_bare_pkcs12, "a PKCS #12 without a certificate",
     "export the certificate together with its key (in Keychain Access: select both)"},
    {"vendor-certificate", is_vendor, "an MDM vendor certificate, with which requests are signed",
     "give it to `pomona pushcert sign --vendor`; here, " GET_IT},
    {"app-certificate", is_app, "a push certificate for an app, not an MDM push certificate", GET_IT},
    {"server-certificate", is_server, "the certificate of a web server, not an MDM push certificate",
     "for this server's own TLS set tls-cert; here, " GET_IT},
    {"device-identity", is_device, "the identity of a device, not an MDM push certificate", GET_IT},
    {"other-certificate", is_other_cert,
     "not an MDM push certificate: its subject holds no topic that begins with " TOPIC_PREFIX, GET_IT},
    {"chain", is_chain, "a chain of CAs (PKCS #7), without the push certificate", GET_IT},
    {"ca", is_ca, "the certificate of a CA, not an MDM push certificate", GET_IT " as well"},
    {"token-key", is_token_key, "a key for APNs tokens (.p8)",
     "MDM does not take token keys; it needs a push certificate: begin with `pomona pushcert csr`"},
    {"ssh-key", is_ssh_key, "a key of SSH or of another program", "give the key that the request (CSR) was made with"},
    {"public-key", is_public_key, "a public key",
     GET_IT ", with the private key that the request (CSR) was made with unless it was made here"},
    {"key", is_key, "a private key without its certificate",
     "add the certificate (.pem) downloaded from " PUSHCERT_PORTAL},
    {"list", is_list, "a property list, not a certificate", GET_IT},
    {"json", is_json, "a JSON text, not a certificate", GET_IT},
    {"empty", is_empty, "empty: no certificate is in it", "export or download it again"},
    {"unknown", is_anything, "no certificate in any form that is known here (PEM, DER, PKCS #12)", GET_IT},
};

const struct pushcert_kind *pushcert_name(struct ctx *cx, const struct pushcert_seen *seen, size_t n, size_t *which) {
  static const struct pushcert_seen nothing = {.name = "this"};
  const size_t rows = sizeof kinds / sizeof *kinds;
  if (!n) seen = &nothing, n = 1;
  for (size_t row = 0; row < rows; row++)
    for (*which = 0; *which < n; ++*which)
      if (kinds[row].is(cx, &seen[*which])) return &kinds[row];
  return &kinds[rows - 1];
}
