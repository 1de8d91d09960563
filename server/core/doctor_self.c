/* How devices find this server: its TLS certificate, public-url, and what a request suffers on the way. */
#include "core/doctor_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/guard.h"
#include "core/keyring.h"
#include "lib/pki_cms.h"

#include <string.h>

/* ---- the TLS certificate ---- */

void check_tls(struct check *c) {
  const struct shared *s = c->shared;
  struct doctor_chain chain = {.host = s->public_known ? s->public_url.host : ""};
  struct pki_cert **certs;
  struct doctor_flaw *flaws;
  size_t n;
  if (guard_tls_chain(c->cx, c->db, &certs, &chain.n) != OK) {
    not_read(c);
    return;
  }
  if (chain.n == 0) {
    found(c, DOCTOR_SKIP, "TLS is off here: the certificate is a proxy's, `public-url` below meets it.", NULL);
    return;
  }
  chain.certs = certs;
  chain.own = core_conf(c->doctor->core)->own_tls;
  chain.public = pki_chain_reaches(c->cx, certs, chain.n, NULL, clock_now_us());
  doctor_tls_flaws(c->cx, &chain, clock_now_us(), &flaws, &n);
  for (size_t i = 0; i < n; i++)
    found(c, flaws[i].fatal ? DOCTOR_FAIL : DOCTOR_WARN, flaws[i].text,
          chain.own ? "The own certificate is renewed by the server 30 days ahead: see its log."
                    : "Put a certificate without this fault into tls-cert and tls-key; it is read again when the file "
                      "changes.");
  if (n == 0)
    found(c, DOCTOR_OK,
          ctx_printf(c->cx, "%s by %s is as Apple's devices demand; it ends on %.10s.",
                     pki_cert_subject(c->cx, certs[0]), pki_cert_issuer(c->cx, certs[0]),
                     enc_time(c->cx, pki_cert_not_after(certs[0]))),
          NULL);
  if (!chain.public && chain.own)
    found(c, DOCTOR_WARN,
          "It is by the own TLS CA: devices get that root with their profile, but an iPhone that enrolls by a link may "
          "want it to be trusted by hand first (Settings, General, About, Certificate Trust Settings).",
          "For real iPhones use a certificate of a public CA (tls-cert, tls-key).");
}

/* ---- public-url ---- */

void check_public_url(struct check *c) {
  const char *url = core_conf(c->doctor->core)->public_url;
  struct guard_look look;
  if (!c->doctor->server) {
    found(c, DOCTOR_SKIP, "No server runs that could answer.", NULL);
    return;
  }
  if (guard_look(c->cx, c->doctor->core, c->db, url, NET_S * US_SECOND, &look) != OK) {
    not_read(c);
    return;
  }
  if (look.trouble)
    found(
        c, DOCTOR_FAIL, ctx_printf(c->cx, "%s does not lead here: %s. Devices can only come by it.", url, look.trouble),
        look.status ? "Have the proxy or firewall hand everything below public-url on, without a login page."
                    : "Bring name, port and route back; if only this machine cannot reach its public name (no hairpin "
                      "NAT), give it the name in /etc/hosts.");
  else
    found(c, DOCTOR_OK, ctx_printf(c->cx, "%s leads here.", url), NULL);
}

/* ---- a device's request, sent by way of public-url ---- */

/* An identity that is forgotten at once, of a device that does not exist. */
struct guest {
  struct slice cert_pem, key_pem, body;
  const char *signature;
};

static enum err make_guest(struct ctx *cx, const struct core *core, struct guest *g) {
  static const char body[] =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict><key>Status</key><string>Idle</string>"
      "<key>UDID</key><string>pomona-doctor</string></dict></plist>\n";
  struct pki_key *key;
  struct pki_cert *cert;
  struct slice der;
  TRY(pki_key_new_p256(cx, &key));
  struct pki_issue what = {.cn = "Pomona doctor",
                           .subject_key = key,
                           .issuer = keyring_device_ca(core->keyring),
                           .issuer_key = keyring_device_ca_key(core->keyring),
                           .not_before = clock_now_us() - US_HOUR,
                           .not_after = clock_now_us() + US_HOUR,
                           .kind = PKI_IDENTITY};
  TRY(pki_cert_issue(cx, &cert, &what));
  g->body = slice_of(body);
  TRY(pki_cms_sign_detached(cx, &der, g->body, cert, key));
  g->signature = ctx_printf(cx, "Mdm-Signature: %s", enc_base64(cx, der.p, der.n));
  g->cert_pem = pki_cert_pem(cx, cert);
  return pki_key_pem(cx, &g->key_pem, key);
}

struct asking {
  struct core *core;
  const char *token, *word; /* word: what the server said of it; NULL: it was not the server who answered */
};

static bool is_ours(struct ctx *cx, const struct nh_reply *reply, void *arg) {
  struct asking *a = arg;
  const char *value = NULL;
  for (size_t i = 0; i < reply->headers_n; i++)
    if (slice_ieq(slice_of(reply->headers[i].name), GUARD_MARK_HEADER)) value = reply->headers[i].value;
  a->word = guard_mark_read(cx, a->core, a->token, value);
  return a->word != NULL;
}

/* What a stranger's answer to a device means for the fleet. */
static const struct {
  int status;
  const char *text, *fix;
} answers[] = {
    {401, "it is answered with 401: a device that gets this removes its management profile by itself",
     "Take authentication away from everything below public-url, now: each poll may cost a device."},
    {403,
     "it is answered with 403, as a firewall for web applications does: some devices take that for an end of "
     "management",
     "Exempt PUT requests below public-url from inspection."},
    {413, "it is answered with 413: the proxy takes no larger bodies",
     "Allow bodies of 16 MiB (reports of devices) there, e.g. client_max_body_size 16m."},
    {405, "it is answered with 405: the proxy does not let PUT pass", "Allow the method PUT below public-url."},
    {431, "it is answered with 431: the proxy takes no headers as long as Mdm-Signature",
     "Allow headers of 16 KiB there, e.g. large_client_header_buffers 4 16k."},
    {400, "it is answered with 400 by something else than this server: the proxy refuses it, or replaces our answer",
     "Have the proxy hand requests on unchanged, with headers of 16 KiB, and leave our answers alone."},
};

static void tell_stranger(struct check *c, const struct nh_reply *reply) {
  const char *text = ctx_printf(c->cx, "it is answered with %d by something else than this server", reply->status);
  const char *fix = "Have the proxy hand everything below public-url on to this server.";
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    if (answers[i].status == reply->status) text = answers[i].text, fix = answers[i].fix;
  if (reply->status >= 300 && reply->status < 400)
    text = ctx_printf(c->cx, "it is answered with %d, a redirection: devices do not come to the login page",
                      reply->status);
  found(c, DOCTOR_FAIL, ctx_printf(c->cx, "A device's request does not arrive: %s.", text), fix);
}

static bool says(const char *word, const char *part) { return strstr(word, part) != NULL; }

/* word: "proved signature", "no-proof nothing", "other-bytes signature+certificate" … */
static void tell_arrival(struct check *c, const char *word) {
  const struct core_conf *conf = core_conf(c->doctor->core);
  bool proved = slice_starts(slice_of(word), "proved");
  if (says(word, "other-bytes"))
    found(c, DOCTOR_FAIL, "The signature arrives, but not over the same bytes: something changes bodies on the way.",
          "Turn off rewriting and compression of requests below public-url.");
  else if (conf->sign_message && conf->identity_signature && !says(word, "signature"))
    found(
        c, DOCTOR_FAIL,
        ctx_printf(c->cx, "The request arrives, but without its Mdm-Signature%s: a device has no other proof.",
                   proved ? " (a certificate still proves it)" : ""),
        "Stop the proxy from stripping the header Mdm-Signature, or have it hand the client certificate on (`identity "
        "header:NAME`, `trusted-proxies`).");
  else if (!proved)
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "The request arrives, but proves nothing (%s).", word),
          "See `identity`: devices must be able to prove themselves by what it names.");
  else
    found(c, DOCTOR_OK, "A device's signed request arrives by way of public-url as it was sent, and its proof holds.",
          NULL);
}

void check_signature(struct check *c) {
  struct core *core = c->doctor->core;
  struct guest g;
  if (!c->doctor->server || !core->keyring || !core->vault) {
    found(c, DOCTOR_SKIP, c->doctor->server ? "The device CA cannot be opened." : "No server runs that could answer.",
          NULL);
    return;
  }
  struct asking a = {.core = core, .token = guard_mark_ask(c->cx, core)};
  struct nh_req rq = {.method = "PUT",
                      .url = ctx_printf(c->cx, "%s/mdm?" GUARD_MARK_QUERY "=%s", core_conf(core)->public_url, a.token),
                      .body_max = 65536};
  struct guard_ask ask = {.rq = &rq, .timeout_us = NET_S * US_SECOND, .good = is_ours, .arg = &a};
  enum err e = make_guest(c->cx, core, &g);
  if (e == OK) {
    const char *headers[] = {"Content-Type: application/x-apple-aspen-mdm; charset=UTF-8", g.signature, NULL};
    rq.headers = headers;
    rq.body = g.body;
    ask.cert_pem = g.cert_pem;
    ask.key_pem = g.key_pem;
    e = guard_ask(c->cx, core, c->db, &ask);
  }
  if (e != OK)
    not_read(c);
  else if (ask.found)
    tell_arrival(c, a.word);
  else if (ask.reply.status)
    tell_stranger(c, &ask.reply);
  else
    found(c, DOCTOR_FAIL, ctx_printf(c->cx, "It cannot be sent: %s.", ask.trouble), "See `public-url` above.");
}

/* ---- what enrollments were given ---- */

static void check_former(struct check *c) {
  struct js *urls;
  if (guard_urls(c->cx, c->db, c->doctor->core, &urls) != OK) {
    not_read(c);
    return;
  }
  for (size_t i = 0; i < js_count(urls); i++) {
    struct js *u = js_at(urls, i);
    int64_t devices = 0;
    bool ok = false, known = js_bool(js_get(u, "ok"), &ok);
    (void)js_int(js_get(u, "devices"), &devices);
    const char *error = js_str(u, "error");
    found(c,
          !known ? DOCTOR_WARN
          : ok   ? DOCTOR_OK
                 : DOCTOR_FAIL,
          ctx_printf(c->cx, "%s told to come to %s, which %s%s%s.", many(c->cx, devices, "device"), js_str(u, "url"),
                     !known ? "was not probed yet"
                     : ok   ? "leads here"
                            : "does not lead here",
                     error ? ": " : "", error ? error : ""),
          ok ? NULL : "Keep that name and port leading here: the address of an enrollment can never change.");
  }
}

/* Those who were not given the root of the certificate in use hang up. */
static void check_roots(struct check *c) {
  struct pki_cert **chain;
  struct guard_trust t = {0};
  size_t n;
  enum err e = guard_tls_chain(c->cx, c->db, &chain, &n);
  if (e == OK && n && c->doctor->core->keyring) e = guard_tls_count(c->cx, c->doctor->core, c->db, chain, n, &t);
  if (e != OK)
    not_read(c);
  else if (t.cut_off)
    found(
        c, DOCTOR_FAIL,
        ctx_printf(c->cx, "%s not given the root of the TLS certificate in use: each hangs up at the handshake.",
                   many(c->cx, t.cut_off, "device")),
        "Put the former certificate back, give the new root by `pomona tls stage FILE`, and switch when all have it.");
}

void check_given(struct check *c) {
  struct doctor_given g;
  if (doctor_given(c->cx, c->db, &g) != OK) {
    not_read(c);
    return;
  }
  if (g.devices == 0) {
    found(c, DOCTOR_SKIP, "No device is enrolled.", NULL);
    return;
  }
  check_former(c);
  check_roots(c);
  bool proxied = c->shared->public_known && core_conf(c->doctor->core)->trusted_proxies;
  if (g.unsigned_messages)
    found(c, proxied ? DOCTOR_FAIL : DOCTOR_WARN,
          ctx_printf(c->cx, "%s not signing messages (SignMessage): behind a proxy that ends TLS there is no proof.",
                     many(c->cx, g.unsigned_messages, "device")),
          "Have the proxy hand the client certificate on (`identity header:NAME`), or enroll them again.");
  if (g.unknown)
    found(c, DOCTOR_WARN,
          ctx_printf(c->cx, "What was given to %s is not known: identities cannot be renewed.",
                     many(c->cx, g.unknown, "device")),
          "`pomona identity profile FILE` takes their original enrollment profile.");
  if (c->n == 0)
    found(c, DOCTOR_OK,
          ctx_printf(c->cx, "%s holding this address and signing messages.", many(c->cx, g.devices, "device")), NULL);
}

void check_ports(struct check *c) {
  found(
      c, DOCTOR_SKIP,
      "Devices need TCP 5223 (else 443) to Apple from their own networks, and nobody can try that from here; 2195 and "
      "2196 are shut since 2021.",
      "If devices are silent in one network only, open 5223 there to 17.0.0.0/8.");
}
