/* Certificates of the lab: the stand-in's CA and certificate, and push certificates as Apple issues them. */
#include "app/lab_apns_int.h"
#include "app/lab_args.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/secret.h"
#include "lib/pki_cert.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LAB_CA_KEY "apns-ca.key"
#define TEN_YEARS (3650 * US_DAY)
enum { PEM_MAX = 1 << 20 };

struct authority {
  struct pki_cert *cert;
  struct pki_key *key;
};

static enum err authority_new(struct ctx *cx, struct authority *out, const char *name) {
  TRY(pki_key_new_rsa(cx, &out->key, 2048));
  struct pki_issue what = {.cn = name,
                           .organization = "Pomona Lab",
                           .subject_key = out->key,
                           .not_before = clock_now_us() - TEN_YEARS, /* tests shift the clock both ways */
                           .not_after = clock_now_us() + TEN_YEARS,
                           .kind = PKI_CA};
  return pki_cert_issue(cx, &out->cert, &what);
}

static enum err authority_load(struct ctx *cx, struct authority *out, const char *cert_file, const char *key_file) {
  struct slice cert_pem, key_pem;
  struct pki_cert **certs;
  size_t n;
  TRY(file_read(cx, &key_pem, key_file, PEM_MAX));
  TRY(file_read(cx, &cert_pem, cert_file, PEM_MAX));
  TRY(pki_key_parse(cx, &out->key, key_pem));
  TRY(pki_certs_parse_pem(cx, &certs, &n, cert_pem));
  if (n == 0 || !pki_cert_fits(certs[0], out->key))
    return FAIL(cx, E_INVALID, "%s and %s do not belong together", cert_file, key_file);
  out->cert = certs[0];
  return OK;
}

static enum err authority_store(struct ctx *cx, const struct authority *ca, const char *cert_file,
                                const char *key_file) {
  struct slice key_pem;
  TRY(pki_key_pem(cx, &key_pem, ca->key));
  TRY(file_replace(cx, cert_file, pki_cert_pem(cx, ca->cert)));
  return file_replace(cx, key_file, key_pem); /* the key last: without it both are made anew */
}

static enum err authority_kept(struct ctx *cx, struct authority *out, const char *dir) {
  const char *cert_file = ctx_printf(cx, "%s/" LAB_CA_FILE, dir), *key_file = ctx_printf(cx, "%s/" LAB_CA_KEY, dir);
  TRY(file_make_folder(cx, dir));
  enum err e = authority_load(cx, out, cert_file, key_file);
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  TRY(authority_new(cx, out, "Pomona Lab APNs CA"));
  return authority_store(cx, out, cert_file, key_file);
}

/* Those every certificate of the lab has, then those of a list with commas; NULL-terminated. */
static const char *const *host_list(struct ctx *cx, const char *hosts) {
  static const char *const own[] = {"localhost", "127.0.0.1", "::1"};
  struct slice rest = slice_of(hosts ? hosts : ""), host;
  const char **names = ctx_alloc(cx, (sizeof own / sizeof *own + rest.n + 2) * sizeof *names);
  size_t n = sizeof own / sizeof *own;
  memcpy(names, own, sizeof own);
  while (slice_cut(&rest, ',', &host))
    if (host.n) names[n++] = ctx_memdup(cx, host.p, host.n);
  return names;
}

enum err lab_certs_server(struct ctx *cx, const char *dir, const char *hosts, struct slice *cert_pem,
                          struct slice *key_pem) {
  struct authority ca;
  struct pki_cert *cert;
  struct pki_key *key;
  TRY(authority_kept(cx, &ca, dir));
  TRY(pki_key_new_p256(cx, &key));
  struct pki_issue what = {.cn = "Pomona Lab APNs",
                           .subject_key = key,
                           .issuer = ca.cert,
                           .issuer_key = ca.key,
                           .not_before = pki_cert_not_before(ca.cert),
                           .not_after = pki_cert_not_after(ca.cert),
                           .kind = PKI_TLS_SERVER,
                           .hosts = host_list(cx, hosts)};
  TRY(pki_cert_issue(cx, &cert, &what));
  *cert_pem = pki_cert_pem(cx, cert);
  return pki_key_pem(cx, key_pem, key);
}

/* ---- push certificates ---- */
static const char *new_topic(struct ctx *cx) {
  char uuid[UUID_LEN + 1];
  uuid_new(uuid);
  return ctx_printf(cx, "com.apple.mgmt.External.%s", uuid);
}

enum err lab_pushcert_make(struct ctx *cx, struct slice *pem, const struct lab_pushcert *what) {
  struct authority ca;
  struct pki_cert *cert;
  struct pki_key *key;
  struct slice key_pem = {0};
  const char *topic = what->topic ? what->topic : new_topic(cx), *last = strrchr(topic, '.');
  int64_t days = what->days ? what->days : 365, now = clock_now_us();
  int64_t ends = what->expired ? now - US_DAY : what->seconds ? now + what->seconds * US_SECOND : now + days * US_DAY;
  if (!slice_starts(slice_of(topic), "com.apple.mgmt."))
    return FAIL(cx, E_USAGE, "a topic begins with com.apple.mgmt., \"%s\" does not", topic);
  if (days > 36500) return FAIL(cx, E_USAGE, "a certificate is valid for 36500 days at most");
  TRY(authority_new(cx, &ca, "Pomona Lab Push CA"));
  TRY(pki_key_new_rsa(cx, &key, 2048));
  struct pki_issue issue = {.cn = ctx_printf(cx, "APSP:%s", last + 1),
                            .uid = topic,
                            .subject_key = key,
                            .issuer = ca.cert,
                            .issuer_key = ca.key,
                            .not_before = what->expired ? ends - days * US_DAY : now - US_HOUR,
                            .not_after = ends,
                            .kind = PKI_PUSH};
  TRY(pki_cert_issue(cx, &cert, &issue));
  TRY(pki_key_pem(cx, &key_pem, key));
  struct slice cert_pem = pki_cert_pem(cx, cert);
  char *both = ctx_alloc(cx, cert_pem.n + key_pem.n + 1);
  memcpy(both, cert_pem.p, cert_pem.n);
  memcpy(both + cert_pem.n, key_pem.p, key_pem.n);
  *pem = slice_mem(secret_in(cx, both, cert_pem.n + key_pem.n), cert_pem.n + key_pem.n);
  return OK;
}

static enum err run(struct ctx *cx, void *options, const char *const *operands, size_t n) {
  (void)operands, (void)n;
  const struct lab_pushcert *what = options;
  struct slice pem = {0};
  TRY(lab_pushcert_make(cx, &pem, what));
  if (what->out) return file_replace(cx, what->out, pem);
  return fwrite(pem.p, 1, pem.n, stdout) == pem.n ? OK : FAIL(cx, E_STORAGE, "cannot write the certificate");
}

#define AT(field) offsetof(struct lab_pushcert, field)
static const struct lab_option options[] = {
    {"topic", "TOPIC", "com.apple.mgmt.External.… of the certificate (default: a new one)", LAB_TEXT, AT(topic)},
    {"days", "N", "how long it is valid (default: 365)", LAB_NUMBER, AT(days)},
    {"seconds", "N", "instead: it ends so soon", LAB_NUMBER, AT(seconds)},
    {"expired", NULL, "one that ended yesterday", LAB_FLAG, AT(expired)},
    {"out", "FILE", "where to write it, with mode 0600 (default: stdout)", LAB_TEXT, AT(out)},
    {0},
};

int lab_pushcert_main(int argc, char **argv) {
  static const struct lab_command command = {.name = "lab pushcert",
                                             .operands = "",
                                             .help = "Makes a test push certificate in the shape of Apple's, with its "
                                                     "key, as PEM.",
                                             .options = options,
                                             .run = run};
  return lab_run(&command, argc, argv, &(struct lab_pushcert){0});
}
