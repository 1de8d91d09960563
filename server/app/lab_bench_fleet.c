#include "app/lab_bench.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "base/thread.h"
#include "lib/pki_cms.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 16, THREADS = 2 };

/* ---- in parallel ---- */
struct job {
  struct bench_fleet *fleet;
  enum err (*each)(struct ctx *cx, struct bench_fleet *f, size_t i, const void *arg);
  const void *arg;
  atomic_size_t next;
  atomic_int e;
  char trouble[256];
};

static void *work(void *arg) {
  struct job *j = arg;
  struct ctx *cx = ctx_new();
  for (size_t i; (i = atomic_fetch_add(&j->next, 1)) < j->fleet->n && !j->e; ctx_reset(cx)) {
    enum err e = j->each(cx, j->fleet, i, j->arg);
    int none = OK;
    if (e != OK && atomic_compare_exchange_strong(&j->e, &none, (int)e))
      snprintf(j->trouble, sizeof j->trouble, "%s", ctx_error_text(cx));
  }
  ctx_free(cx);
  return NULL;
}

static enum err for_all(struct ctx *cx, struct bench_fleet *f, size_t from,
                        enum err (*each)(struct ctx *cx, struct bench_fleet *f, size_t i, const void *arg),
                        const void *arg) {
  struct job j = {.fleet = f, .each = each, .arg = arg, .next = from};
  pthread_t threads[THREADS];
  for (size_t t = 0; t < THREADS; t++) threads[t] = thread_start("bench-sign", work, &j);
  for (size_t t = 0; t < THREADS; t++) thread_join(threads[t]);
  return j.e == OK ? OK : FAIL(cx, (enum err)j.e, "%s", j.trouble);
}

/* ---- requests ---- */
static enum err request(struct ctx *cx, struct buf *out, const struct bench_fleet *f, const struct lab_device *d,
                        const char *type, struct slice body) {
  struct slice der;
  buf_clear(out);
  buf_printf(out, "PUT /mdm HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", type, body.n);
  if (f->sign) {
    TRY(pki_cms_sign_detached(cx, &der, body, d->identity, d->key->key));
    buf_printf(out, "Mdm-Signature: %s\r\n", enc_base64(cx, der.p, der.n));
  }
  buf_add_str(out, "\r\n");
  buf_add_slice(out, body);
  return OK;
}

static const char checkin_type[] = "application/x-apple-aspen-mdm-checkin";
static const char report_type[] = "application/x-apple-aspen-mdm; charset=UTF-8";

static enum err sign_requests(struct ctx *cx, struct bench_fleet *f, struct bench_device *b) {
  TRY(request(cx, &b->request[BENCH_AUTHENTICATE], f, b->d, checkin_type, lab_authenticate(cx, b->d)));
  TRY(request(cx, &b->request[BENCH_TOKEN_UPDATE], f, b->d, checkin_type, lab_token_update(cx, b->d, b->d->channels)));
  return request(cx, &b->request[BENCH_IDLE], f, b->d, report_type, lab_idle(cx, b->d, b->d->channels));
}

/* ---- devices ---- */
static enum err issue(struct ctx *cx, struct pki_cert **out, const struct bench_fleet *f, const struct lab_device *d) {
  int64_t now = clock_now_us();
  struct pki_issue what = {.cn = d->udid,
                           .subject_key = d->key->key,
                           .issuer = f->ca,
                           .issuer_key = f->ca_key,
                           .not_before = now - US_DAY,
                           .not_after = now + 365 * US_DAY,
                           .kind = PKI_IDENTITY};
  return pki_cert_issue(cx, out, &what);
}

static enum err make_device(struct ctx *cx, struct bench_fleet *f, size_t i, const void *arg) {
  (void)arg;
  char none[] = "";
  struct pki_cert *identity;
  struct bench_device *b = &f->devices[i];
  struct lab_profile profile = {.identifier = none,
                                .uuid = none,
                                .scep_url = none,
                                .scep_name = none,
                                .subject_cn = none,
                                .server_url = none,
                                .checkin_url = none,
                                .topic = ctx_strdup(cx, f->topic)};
  b->d = lab_device_new(lab_platform("macos"), NULL, NULL, (int64_t)i + 1);
  b->d->key = lab_keys_at(f->keys, i < f->rsa ? i % KEYS : KEYS + i % KEYS);
  TRY(issue(cx, &identity, f, b->d));
  lab_device_adopt(b->d, &profile, identity);
  secret_random(b->d->channels[0].token, sizeof b->d->channels[0].token);
  uuid_new(b->d->channels[0].magic);
  return sign_requests(cx, f, b);
}

static enum err make_ca(struct ctx *cx, struct bench_fleet *f) {
  int64_t now = clock_now_us();
  TRY(pki_key_new_p256(cx, &f->ca_key));
  struct pki_issue what = {.cn = "Pomona Lab Bench CA",
                           .subject_key = f->ca_key,
                           .issuer_key = f->ca_key,
                           .not_before = now - 2 * US_DAY,
                           .not_after = now + 3650 * US_DAY,
                           .kind = PKI_CA};
  return pki_cert_issue(cx, &f->ca, &what);
}

/* RSA ones first, then as many on P-256. */
static enum err make_keys(struct ctx *cx, struct bench_fleet *f) {
  const struct lab_key *ignored;
  TRY(lab_keys_open(cx, &f->keys, NULL, KEYS));
  for (int i = 0; i < KEYS; i++) {
    struct pki_key *key;
    struct slice pem;
    TRY(pki_key_new_p256(cx, &key));
    TRY(pki_key_pem(cx, &pem, key));
    TRY(lab_keys_add(cx, f->keys, pem, &ignored));
  }
  return OK;
}

enum err bench_fleet_new(struct ctx *cx, struct bench_fleet **out, size_t n, size_t rsa, bool sign, const char *topic) {
  struct bench_fleet *f = mem_alloc(sizeof *f);
  *f = (struct bench_fleet){.topic = topic, .n = n, .rsa = rsa, .sign = sign};
  f->devices = mem_alloc(n * sizeof *f->devices);
  enum err e = make_ca(cx, f);
  if (e == OK) e = make_keys(cx, f);
  if (e == OK) e = for_all(cx, f, 0, make_device, NULL);
  if (e != OK) {
    bench_fleet_free(f);
    return e;
  }
  *out = f;
  return OK;
}

static enum err make_report(struct ctx *cx, struct bench_fleet *f, size_t i, const void *uuid) {
  struct bench_device *b = &f->devices[i];
  struct pl *report = pl_new_dict(cx);
  pl_set_string(report, "UDID", b->d->udid);
  pl_set_string(report, "CommandUUID", uuid);
  pl_set_string(report, "Status", "Acknowledged");
  return request(cx, &b->request[BENCH_REPORT], f, b->d, report_type, pl_xml(cx, report));
}

enum err bench_fleet_reports(struct ctx *cx, struct bench_fleet *f, size_t from, const char *command_uuid) {
  return for_all(cx, f, from, make_report, command_uuid);
}

void bench_fleet_free(struct bench_fleet *f) {
  if (!f) return;
  for (size_t i = 0; i < f->n; i++) {
    lab_device_free(f->devices[i].d);
    for (int r = 0; r < BENCH_REQUESTS; r++) buf_free(&f->devices[i].request[r]);
  }
  lab_keys_close(f->keys);
  free(f->devices);
  free(f);
}
