/* What the schema does not say: settings that make sense together only. One function a type of payload. */
#include "core/payload_int.h"

#include <string.h>

static bool is(const struct payload_node *dict, const char *key, const char *text) {
  return slice_is(payload_string(dict, key), text);
}

static const struct payload_node *other(struct payload_run *r, const char *type) {
  for (size_t i = 0; i < r->payloads_n; i++)
    if (is(r->payloads[i], "PayloadType", type)) return r->payloads[i];
  return NULL;
}

static bool contains_int(const struct payload_node *array, int64_t wanted) {
  int64_t v;
  for (const struct payload_node *n = array ? array->first : NULL; n; n = n->next)
    if (pl_int(n->pl, &v) && v == wanted) return true;
  return false;
}

/* ---- networks ---- */

static void proxy(struct payload_run *r, const struct payload_node *p) {
  if (is(p, "ProxyType", "Manual") && (!payload_member(p, "ProxyServer") || !payload_member(p, "ProxyServerPort")))
    SAY_AT(r, PROXY_SERVER, payload_member(p, "ProxyType"), NULL);
}

static bool is_psk(struct slice s) {
  size_t hex = 0;
  while (hex < s.n && s.p[hex] && strchr("0123456789abcdefABCDEF", s.p[hex])) hex++;
  return (s.n >= 8 && s.n <= 63) || (s.n == 64 && hex == 64);
}

static void wifi_password(struct payload_run *r, const struct payload_node *p) {
  const struct payload_node *n = payload_member(p, "Password"), *kind = payload_member(p, "EncryptionType");
  struct slice password = payload_string(p, "Password"), type = payload_string(p, "EncryptionType");
  bool wpa = slice_starts(type, "WPA"), wep = slice_is(type, "WEP");
  if ((wpa || wep) && !n)
    SAY_AT(r, WIFI_PASSWORD, kind, type.p, NULL);
  else if (slice_is(type, "None") && n)
    SAY_AT(r, WIFI_OPEN, n, NULL);
  else if (wpa && password.p && !payload_has_variable(password) && !is_psk(password))
    SAY_AT(r, WIFI_PASSWORD_LENGTH, n, NULL);
}

static void wifi(struct payload_run *r, const struct payload_node *p) {
  const struct payload_node *eap = payload_member(p, "EAPClientConfiguration"), *name = payload_member(p, "SSID_STR");
  struct slice ssid = payload_string(p, "SSID_STR");
  if (!name && !payload_member(p, "DomainName")) SAY_AT(r, WIFI_NAME, p, NULL);
  if (ssid.n > 32 && !payload_has_variable(ssid)) SAY_AT(r, WIFI_NAME_LONG, name, NULL);
  proxy(r, p);
  if (!eap) {
    wifi_password(r, p);
    return;
  }
  if (contains_int(payload_member(eap, "AcceptEAPTypes"), 13) && !payload_member(p, "PayloadCertificateUUID"))
    SAY_AT(r, WIFI_IDENTITY, eap, NULL);
  if (!payload_member(eap, "TLSTrustedServerNames") && !payload_member(eap, "PayloadCertificateAnchorUUID"))
    SAY_AT(r, WIFI_TRUST, eap, NULL);
}

static void vpn_sign_in(struct payload_run *r, const struct payload_node *settings) {
  const struct payload_node *method = payload_member(settings, "AuthenticationMethod");
  if (is(settings, "AuthenticationMethod", "Certificate") && !payload_member(settings, "PayloadCertificateUUID"))
    SAY_AT(r, VPN_CERTIFICATE, method, NULL);
  if (is(settings, "AuthenticationMethod", "SharedSecret") && !payload_member(settings, "SharedSecret"))
    SAY_AT(r, VPN_SECRET, method, NULL);
}

static void vpn(struct payload_run *r, const struct payload_node *p) {
  static const char *const settings[][2] = {{"VPN", "VPN"},           {"IKEv2", "IKEv2"},
                                            {"IPSec", "IPSec"},       {"L2TP", "IPSec"},
                                            {"AlwaysOn", "AlwaysOn"}, {"TransparentProxy", "TransparentProxy"}};
  const struct payload_node *type = payload_member(p, "VPNType");
  if (is(p, "VPNType", "VPN") && !payload_member(p, "VPNSubType")) SAY_AT(r, VPN_SUBTYPE, type, NULL);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    if (!is(p, "VPNType", settings[i][0])) continue;
    if (payload_member(p, settings[i][1]))
      vpn_sign_in(r, payload_member(p, settings[i][1]));
    else
      SAY_AT(r, VPN_SETTINGS, type, settings[i][0], settings[i][1], NULL);
  }
}

static void scep(struct payload_run *r, const struct payload_node *p) {
  const struct payload_node *content = payload_member(p, "PayloadContent");
  if (content && !payload_member(content, "Challenge")) SAY_AT(r, SCEP_CHALLENGE, content, NULL);
}

/* ---- security ---- */

static void passcode(struct payload_run *r, const struct payload_node *p) {
  int64_t complex = 0, length = 0;
  const struct payload_node *n = payload_member(p, "minComplexChars"), *least = payload_member(p, "minLength");
  if (n && least && pl_int(n->pl, &complex) && pl_int(least->pl, &length) && complex > length)
    SAY_AT(r, PASSCODE_COMPLEX, n, payload_number(r->cx, complex), payload_number(r->cx, length), NULL);
}

static void filevault(struct payload_run *r, const struct payload_node *p) {
  const struct payload_node *show = payload_member(p, "ShowRecoveryKey"), *on = payload_member(p, "Enable");
  if (!is(p, "Enable", "On") || other(r, "com.apple.security.FDERecoveryKeyEscrow")) return;
  if (show && !payload_flag(p, "ShowRecoveryKey"))
    SAY_AT(r, FILEVAULT_LOST, show, NULL);
  else
    SAY_AT(r, FILEVAULT_UNKNOWN, on, NULL);
}

/* The switches that only the person at the Mac can turn on, and what a profile can say of them. */
static const char *const never[][2] = {
    {"Camera", "Deny"},
    {"Microphone", "Deny"},
    {"ScreenCapture", "AllowStandardUserToSetSystemService"},
    {"ListenEvent", "AllowStandardUserToSetSystemService"},
};

static void privacy_one(struct payload_run *r, const char *service, const struct payload_node *app) {
  const struct payload_node *how = payload_member(app, "Authorization"), *allowed = payload_member(app, "Allowed");
  if (how && allowed) SAY_AT(r, PRIVACY_BOTH, how, NULL);
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (strcmp(service, never[i][0]) == 0 && (is(app, "Authorization", "Allow") || payload_flag(app, "Allowed")))
      SAY_AT(r, PRIVACY_NEVER, how ? how : allowed, service, never[i][1], NULL);
  if (strcmp(service, "AppleEvents") == 0 &&
      (!payload_member(app, "AEReceiverIdentifier") || !payload_member(app, "AEReceiverIdentifierType") ||
       !payload_member(app, "AEReceiverCodeRequirement")))
    SAY_AT(r, PRIVACY_EVENTS, app, NULL);
}

static void privacy(struct payload_run *r, const struct payload_node *p) {
  const struct payload_node *services = payload_member(p, "Services");
  for (const struct payload_node *s = services ? services->first : NULL; s && s->key; s = s->next)
    for (const struct payload_node *app = s->first; app && !app->key; app = app->next) privacy_one(r, s->key, app);
}

/* ---- apps ---- */

static void notifications(struct payload_run *r, const struct payload_node *p) {
  enum { MOST = 300 };
  const struct payload_node *list = payload_member(p, "NotificationSettings");
  size_t i = 0;
  for (const struct payload_node *n = list ? list->first : NULL; n && i < MOST; n = n->next, i++) {
    struct slice app = payload_string(n, "BundleIdentifier");
    const struct payload_node *before = list->first;
    while (before != n && !(app.p && slice_eq(payload_string(before, "BundleIdentifier"), app))) before = before->next;
    if (before != n)
      SAY_AT(r, NOTIFY_TWICE, payload_member(n, "BundleIdentifier"), payload_shown(r->cx, app),
             payload_number(r->cx, before->line), NULL);
  }
}

static void restrictions(struct payload_run *r, const struct payload_node *p) {
  static const char *const lists[][2] = {{"allowListedAppBundleIDs", "blockedAppBundleIDs"},
                                         {"whitelistedAppBundleIDs", "blacklistedAppBundleIDs"}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    if (payload_member(p, lists[i][0]) && payload_member(p, lists[i][1]))
      SAY_AT(r, APPS_BOTH, payload_member(p, lists[i][1]), lists[i][0], lists[i][1], NULL);
}

static void web_clip(struct payload_run *r, const struct payload_node *p) {
  const struct payload_node *icon = payload_member(p, "Icon");
  struct slice picture = {0};
  if (icon && pl_data(icon->pl, &picture) && !slice_starts(picture, "\x89PNG") &&
      !slice_starts(picture, "\xFF\xD8\xFF"))
    SAY_AT(r, WEBCLIP_ICON, icon, NULL);
}

/* ---- all of them ---- */

static const struct {
  const char *type;
  void (*check)(struct payload_run *r, const struct payload_node *payload);
} rules[] = {
    {"com.apple.wifi.managed", wifi},
    {"com.apple.proxy.http.global", proxy},
    {"com.apple.vpn.managed", vpn},
    {"com.apple.security.scep", scep},
    {"com.apple.mobiledevice.passwordpolicy", passcode},
    {"com.apple.MCX.FileVault2", filevault},
    {"com.apple.TCC.configuration-profile-policy", privacy},
    {"com.apple.notificationsettings", notifications},
    {"com.apple.applicationaccess", restrictions},
    {"com.apple.webClip.managed", web_clip},
};

void payload_check_together(struct payload_run *r) {
  for (size_t i = 0; i < r->payloads_n; i++)
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
      if (is(r->payloads[i], "PayloadType", rules[k].type)) rules[k].check(r, r->payloads[i]);
}
