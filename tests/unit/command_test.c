/* Commands: what cannot be built or read, what is built, and what the rows say. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/command.h"
#include "lib/plist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
  *state = ctx_new();
  return 0;
}

static int teardown(void **state) {
  ctx_free(*state);
  return 0;
}

static struct js *json(struct ctx *cx, const char *text) {
  struct js *n = NULL;
  if (text && js_parse(cx, slice_of(text), &n) != OK) fail_msg("%s: %s", text, ctx_error_text(cx));
  return n;
}

static void refused(struct ctx *cx, enum err e, const char *because) {
  if (e != E_INVALID || !strstr(ctx_error_text(cx), because))
    fail_msg("%s \"%s\", not \"%s\"", err_slug(e), ctx_error_text(cx), because);
  ctx_clear_error(cx);
}

static struct pl *built(struct ctx *cx, const char *type, const char *args, struct command *out) {
  struct pl *root;
  if (command_build(cx, out, type, json(cx, args), NULL) != OK) fail_msg("%s %s: %s", type, args, ctx_error_text(cx));
  assert_int_equal(pl_parse(cx, out->plist, &pl_limits_checkin, &root), OK);
  assert_string_equal(pl_str(root, "CommandUUID"), out->uuid);
  return pl_get(root, "Command");
}

/* JSON as a table shows it best: with ' for " */
static struct js *quoted(struct ctx *cx, const char *text) {
  char *copy = ctx_strdup(cx, text);
  for (char *p = copy; *p; p++)
    if (*p == '\'') *p = '"';
  return json(cx, copy);
}

static const struct bad {
  const char *type, *args, *because;
} bad_arguments[] = {
    {"Nonsense", "{}", "no command Nonsense"},
    {"restartdevice", "{}", "no command restartdevice"},
    {"", "{}", "no command"},
    {"Bad\n", "{}", "of that name"},
    {"RestartDevice", "[]", "no JSON object"},
    {"RestartDevice", "'x'", "no JSON object"},
    /* unknown */
    {"RestartDevice", "{'Nope':1}",
     "RestartDevice has no argument Nope; there is: RebuildKernelCache, KextPaths, NotifyUser"},
    {"RestartDevice", "{'notifyuser':true}", "RestartDevice has no argument notifyuser"},
    {"RestartDevice", "{'a\\nb':1}", "has no argument of that name"},
    {"RestartDevice", "{'RequestType':'EraseDevice'}", "has no argument RequestType"},
    {"SecurityInfo", "{'X':1}", "SecurityInfo has no argument X; there is: none"},
    {"EraseDevice", "{'ReturnToService':{'Enabled':true,'Wifi':1}}",
     "ReturnToService has no argument Wifi; there is: Enabled (required)"},
    {"AccountConfiguration", "{'AutoSetupAdminAccounts':[{'shortName':'a','x':1}]}",
     "AutoSetupAdminAccounts[0] has no argument x"},
    {"InstallApplication", "{'Attributes':{'Item':'x'}}", "Attributes has no argument Item"},
    {"Settings", "{'Settings':[{'Item':'Bluetooth','Enabled':true,'X':1}]}",
     "Settings[0] has no argument X; there is: Enabled (required)"},
    {"Settings", "{'Settings':[{'Item':'OrganizationInfo','OrganizationInfo':{'OrganizationName':'a','Item':'x'}}]}",
     "Settings[0].OrganizationInfo has no argument Item"},
    /* missing */
    {"InstallProfile", "{}", "InstallProfile needs the argument Payload (base64 text)"},
    {"ClearPasscode", "{}", "ClearPasscode needs the argument UnlockToken"},
    {"DeviceInformation", "{}", "DeviceInformation needs the argument Queries (an array)"},
    {"Settings", "{}", "Settings needs the argument Settings"},
    {"EraseDevice", "{'ReturnToService':{}}", "ReturnToService needs the argument Enabled (true or false)"},
    {"RotateFileVaultKey", "{'KeyType':'personal'}", "needs the argument FileVaultUnlock (a dictionary)"},
    {"AccountConfiguration", "{'AutoSetupAdminAccounts':[{'shortName':'a'},{}]}",
     "AutoSetupAdminAccounts[1] needs the argument shortName"},
    {"Settings", "{'Settings':[{'Item':'Bluetooth'}]}", "Settings[0] needs the argument Enabled"},
    {"Settings", "{'Settings':[{'Item':'MDMOptions'}]}", "Settings[0] needs the argument MDMOptions"},
    {"ScheduleOSUpdate", "{'Updates':[{'ProductKey':'x'}]}", "Updates[0] needs the argument InstallAction"},
    {"ScheduleOSUpdate", "{'Updates':[]}", "Updates must hold at least one element"},
    {"LOMDeviceRequest", "{'RequestList':[]}", "RequestList must hold at least one"},
    {"LOMDeviceRequest",
     "{'RequestList':[{'DeviceRequestType':'Reset','DeviceRequestUUID':'u','DeviceDNSName':'d','"
     "PrimaryIPv6AddressList':[],'SecondaryIPv6AddressList':['::1'],'LOMProtocolVersion':1}]}",
     "RequestList[0].PrimaryIPv6AddressList must hold at least one"},
    /* of another type */
    {"RestartDevice", "{'NotifyUser':'yes'}", "NotifyUser must be true or false"},
    {"RestartDevice", "{'NotifyUser':1}", "NotifyUser must be true or false"},
    {"RestartDevice", "{'NotifyUser':null}", "NotifyUser must be true or false"},
    {"RestartDevice", "{'KextPaths':{}}", "KextPaths must be an array"},
    {"RestartDevice", "{'KextPaths':'a'}", "KextPaths must be an array"},
    {"RestartDevice", "{'KextPaths':[null]}", "KextPaths[0] must be text"},
    {"RestartDevice", "{'KextPaths':['a',['b']]}", "KextPaths[1] must be text"},
    {"InstallProfile", "{'Payload':'*'}", "Payload must be base64 text"},
    {"InstallProfile", "{'Payload':1}", "Payload must be base64 text"},
    {"InstallProfile", "{'Payload':{'$date':'2026-01-01T00:00:00Z'}}", "Payload must be base64 text"},
    {"InstallProfile", "{'Payload':{'$data':'aGk=','x':1}}", "Payload must be base64 text"},
    {"InstallEnterpriseApplication", "{'ManifestURLPinningCerts':['aGk=','*']}",
     "ManifestURLPinningCerts[1] must be base64 text"},
    {"InstallEnterpriseApplication", "{'Manifest':'x'}", "Manifest must be a dictionary"},
    {"InstallEnterpriseApplication", "{'Manifest':{'':1}}", "Manifest holds a key that no command can carry"},
    {"InstallEnterpriseApplication", "{'Manifest':{'a\\u0001':1}}", "Manifest holds a key that no command can carry"},
    {"InstallEnterpriseApplication", "{'Manifest':{'a':['\\u0001']}}", "Manifest.a[0] holds a control character"},
    {"SetRecoveryLock", "{'NewPassword':'open\\u0001sesame'}", "NewPassword holds a control character"},
    {"SetRecoveryLock", "{'NewPassword':'open\\ufffesesame'}", "NewPassword holds a control character"},
    {"InstallEnterpriseApplication", "{'Manifest':[]}", "Manifest must be a dictionary"},
    {"InstallEnterpriseApplication", "{'Manifest':{'a':{'b':[1,null]}}}", "Manifest.a.b[1]: null has no place"},
    {"InstallEnterpriseApplication", "{'Manifest':{'a':{'$data':'*'}}}", "Manifest.a holds $data that is not base64"},
    {"InstallEnterpriseApplication", "{'Manifest':{'a':{'$date':'yesterday'}}}", "Manifest.a must be a time like"},
    {"InstallApplication", "{'iTunesStoreID':'361309726'}", "iTunesStoreID must be a whole number"},
    {"InstallApplication", "{'iTunesStoreID':1.5}", "iTunesStoreID must be a whole number"},
    {"RequestMirroring", "{'ScanTime':1.5}", "ScanTime must be a whole number"},
    {"EraseDevice", "{'PIN':123456}", "PIN must be text"},
    {"EraseDevice", "{'ReturnToService':true}", "ReturnToService must be a dictionary"},
    {"EraseDevice", "{'ReturnToService':{'Enabled':'true'}}", "ReturnToService.Enabled must be true or false"},
    {"EraseDevice", "{'ReturnToService':{'Enabled':true,'WiFiProfileData':{'$data':'*'}}}",
     "ReturnToService.WiFiProfileData must be base64 text"},
    {"Settings", "{'Settings':{'Item':'Bluetooth','Enabled':true}}", "Settings must be an array"},
    {"Settings", "{'Settings':['Bluetooth']}", "Settings[0] must be a dictionary"},
    {"Settings", "{'Settings':[{'Item':'Bluetooth','Enabled':'on'}]}", "Settings[0].Enabled must be true or false"},
    {"Settings", "{'Settings':[{'Item':'OrganizationInfo','OrganizationInfo':{'OrganizationName':7}}]}",
     "Settings[0].OrganizationInfo.OrganizationName must be text"},
    {"Settings", "{'Settings':[{'Item':'ApplicationConfiguration','Identifier':'a','Configuration':[]}]}",
     "Settings[0].Configuration must be a dictionary"},
    {"AccountConfiguration", "{'AutoSetupAdminAccounts':['admin']}", "AutoSetupAdminAccounts[0] must be a dictionary"},
    {"AccountConfiguration", "{'AutoSetupAdminAccounts':[{'shortName':'a','hidden':0}]}",
     "AutoSetupAdminAccounts[0].hidden must be true or false"},
    {"LOMDeviceRequest",
     "{'RequestList':[{'DeviceRequestType':'Reset','DeviceRequestUUID':'u','DeviceDNSName':'d','"
     "PrimaryIPv6AddressList':[1],'SecondaryIPv6AddressList':['::1'],'LOMProtocolVersion':1}]}",
     "RequestList[0].PrimaryIPv6AddressList[0] must be text"},
    /* of another value */
    {"DeviceLock", "{'PIN':'12345'}", "PIN must be six digits"},
    {"DeviceLock", "{'PIN':'12345a'}", "PIN must be six digits"},
    {"DeviceLock", "{'PIN':''}", "PIN must be six digits"},
    {"EraseDevice", "{'PIN':'1234567'}", "PIN must be six digits"},
    {"EraseDevice", "{'PIN':'１２３４５６'}", "PIN must be six digits"},
    {"EraseDevice", "{'ObliterationBehavior':'Never'}",
     "ObliterationBehavior may not be Never, only: Default, DoNotObliterate, ObliterateWithWarning, Always"},
    {"EraseDevice", "{'ObliterationBehavior':'always'}", "ObliterationBehavior must be Always: capitals count"},
    {"EraseDevice", "{'ObliterationBehavior':''}", "may not be , only"},
    {"EraseDevice", "{'ObliterationBehavior':'a\\nb'}", "may not be that, only"},
    {"DeviceInformation", "{'Queries':['osversion']}", "Queries[0] must be OSVersion: capitals count"},
    {"DeviceInformation", "{'Queries':['UDID','Colour']}",
     "Queries[1] may not be Colour, only: UDID, ProvisioningUDID"},
    {"DeviceInformation", "{'Queries':[1]}", "Queries[0] must be text"},
    {"DeviceInformation", "{'Queries':'UDID'}", "Queries must be an array"},
    {"InstalledApplicationList", "{'Items':['Size']}", "Items[0] may not be Size, only: AdHocCodeSigned"},
    {"InstallApplication", "{'ManagementFlags':2}", "ManagementFlags may not be 2, only: 1, 4, 5"},
    {"InstallApplication", "{'Options':{'PurchaseMethod':2}}", "Options.PurchaseMethod may not be 2, only: 0, 1"},
    {"InstallApplication", "{'ChangeManagementState':'Unmanaged'}", "may not be Unmanaged, only: Managed"},
    {"InstallMedia", "{'MediaType':'Film'}", "MediaType may not be Film, only: Book"},
    {"InstallMedia", "{'MediaType':'Book','Kind':'PDF'}", "Kind must be pdf: capitals count"},
    {"InviteToProgram", "{'ProgramID':'x','InvitationURL':'u'}", "only: com.apple.cloudvpp"},
    {"RotateFileVaultKey", "{'KeyType':'other','FileVaultUnlock':{}}",
     "KeyType may not be other, only: personal, institutional"},
    {"ScheduleOSUpdate", "{'Updates':[{'InstallAction':'Now'}]}",
     "Updates[0].InstallAction may not be Now, only: Default"},
    {"ScheduleOSUpdate", "{'Updates':[{'InstallAction':'Default','Priority':'Urgent'}]}",
     "Updates[0].Priority may not be Urgent, only: Low, High"},
    {"Settings", "{'Settings':[{}]}", "Settings[0].Item must be one of: Wallpaper, DataRoaming"},
    {"Settings", "{'Settings':[{'Item':7}]}", "Settings[0].Item must be one of"},
    {"Settings", "{'Settings':[{'Item':'bluetooth','Enabled':true}]}", "Settings[0].Item must be one of"},
    {"Settings", "{'Settings':[{'Item':'Bluetooth','Enabled':true},{'Item':'Wallpaper','Image':'aGk=','Where':4}]}",
     "Settings[1].Where may not be 4, only: 1, 2, 3"},
    {"Settings", "{'Settings':[{'Item':'AccessibilitySettings','TextSize':12}]}", "Settings[0].TextSize may not be 12"},
    {"Settings", "{'Settings':[{'Item':'SharedDeviceConfiguration','PasscodePolicy':{'PasscodeLockGracePeriod':5}}]}",
     "Settings[0].PasscodePolicy.PasscodeLockGracePeriod may not be 5, only: 0, 60"},
};

/* Goal: an argument that is unknown, missing, or of another type or value is named by its path, with what is allowed.
 */
static void bad_arguments_are_named(void **state) {
  struct ctx *cx = *state;
  struct command c;
  for (size_t i = 0; i < sizeof bad_arguments / sizeof *bad_arguments; i++)
    refused(cx, command_build(cx, &c, bad_arguments[i].type, quoted(cx, bad_arguments[i].args), NULL),
            bad_arguments[i].because);
  refused(cx, command_build(cx, &c, "RestartDevice", NULL, ""), "UUID");
  refused(cx, command_build(cx, &c, "RestartDevice", NULL, "a\nb"), "UUID");
}

/* Goal: what is nested without end is refused, and what is long is not shown at length. */
static void endless_arguments_are_refused(void **state) {
  struct ctx *cx = *state;
  struct command c;
  struct js *deep = js_object(cx), *args = js_object(cx), *words = js_array(cx);
  for (int i = 0; i < 40; i++) {
    struct js *outer = js_object(cx);
    js_set(outer, "a", deep);
    deep = outer;
  }
  js_set(args, "Manifest", deep);
  refused(cx, command_build(cx, &c, "InstallEnterpriseApplication", args, NULL), "nested too deeply");
  char *word = ctx_alloc(cx, 5001);
  memset(word, 'x', 5000);
  js_add_string(words, word);
  args = js_object(cx);
  js_set(args, "Queries", words);
  assert_int_equal(command_build(cx, &c, "DeviceInformation", args, NULL), E_INVALID);
  assert_true(strlen(ctx_error_text(cx)) < 1500);
}

/* Goal: a raw property list that no device could answer for is refused. */
static void unusable_raw_commands_are_refused(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *plist, *because;
  } cases[] = {
      {"", "property list"},
      {"junk", "property list"},
      {"<plist version=\"1.0\"><array/></plist>", "no CommandUUID"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><integer>1</integer></dict></plist>", "it is no string"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><string></string></dict></plist>", "from 1 to 255"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><string>a\tb</string></dict></plist>", "control characters"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><string>a</string></dict></plist>",
       "dictionary named Command"},
      {"<plist "
       "version=\"1.0\"><dict><key>CommandUUID</key><string>a</string><key>Command</key><string>b</string></dict></"
       "plist>",
       "dictionary named Command"},
      {"<plist version=\"1.0\"><dict><key>CommandUUID</key><string>a</string><key>Command</key><dict/></dict></plist>",
       "no RequestType"},
  };
  struct command c;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refused(cx, command_parse(cx, &c, slice_of(cases[i].plist)), cases[i].because);
}

/* Goal: words of the command line that fit no argument are refused as wrong usage. */
static void bad_words_are_refused(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *type, *words[2], *because;
  } cases[] = {
      {"RestartDevice", {"NotifyUser"}, "is not Key=Value"},
      {"RestartDevice", {""}, "is not Key=Value"},
      {"RestartDevice", {"=1"}, "names no argument"},
      {"RestartDevice", {".A=1"}, "names no argument"},
      {"RestartDevice", {"NotifyUser.=1"}, "NotifyUser must be true or false"},
      {"RestartDevice", {"Nope=1"}, "has no argument Nope; there is: RebuildKernelCache"},
      {"RestartDevice", {"NotifyUser=maybe"}, "NotifyUser must be true or false"},
      {"RestartDevice", {"NotifyUser=1"}, "NotifyUser must be true or false"},
      {"RestartDevice", {"NotifyUser.A=1"}, "NotifyUser must be true or false"},
      {"RestartDevice", {"NotifyUser[0]=yes"}, "NotifyUser must be true or false"},
      {"RestartDevice", {"KextPaths=[1"}, "KextPaths is no JSON"},
      {"RestartDevice", {"KextPaths[=1"}, "names no argument"},
      {"RestartDevice", {"KextPaths[x]=1"}, "names no argument"},
      {"RestartDevice", {"KextPaths[-1]=1"}, "names no argument"},
      {"RestartDevice", {"KextPaths[99999]=1"}, "names no argument"},
      {"RestartDevice", {"KextPaths[0]x=1"}, "names no argument"},
      {"RestartDevice", {"KextPaths[1]=a"}, "KextPaths[1] comes before KextPaths[0]"},
      {"RestartDevice", {"KextPaths[0].A=a"}, "no dictionaries"},
      {"RestartDevice", {"KextPaths[0]=a", "KextPaths[0]=b"}, "KextPaths[0] is given twice"},
      {"RestartDevice", {"NotifyUser=yes", "NotifyUser=no"}, "NotifyUser is given twice"},
      {"RequestMirroring", {"ScanTime=soon"}, "ScanTime must be a whole number"},
      {"InstallEnterpriseApplication", {"Manifest=x"}, "Manifest is no JSON"},
      {"EraseDevice", {"ReturnToService.Enabled.X=1"}, "Enabled must be true or false"},
      {"EraseDevice", {"ReturnToService.X=1"}, "has no argument X; there is: Enabled"},
      {"EraseDevice", {"ReturnToService={}", "ReturnToService={}"}, "is given twice"},
      {"InstallApplication", {"Configuration.a=1", "Configuration.a.b=1"}, "both as a value and as a dictionary"},
      {"Settings", {"Settings=Bluetooth"}, "Settings must be an array"},
      {"Settings", {"Settings[0].Item=Bluetooth", "Settings[0].HostName=x"}, "no argument HostName"},
      {"Settings", {"Settings[0].Nope=1"}, "no argument Nope"},
  };
  struct js *args;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t n = cases[i].words[1] ? 2 : 1;
    enum err e = command_args(cx, &args, command_row(cases[i].type), cases[i].words, n);
    if (e != E_USAGE || !strstr(ctx_error_text(cx), cases[i].because))
      fail_msg("\"%s\": %s \"%s\"", cases[i].words[0], err_slug(e), ctx_error_text(cx));
    ctx_clear_error(cx);
  }
}

/* Goal: every kind of value arrives in the property list as what it is. */
static void values_keep_their_types(void **state) {
  struct ctx *cx = *state;
  struct command c;
  struct pl *command =
      built(cx, "InstallEnterpriseApplication",
            "{\"ManifestURL\":\"123456\",\"iOSApp\":true,\"ManagementFlags\":1,\"Manifest\":{\"Enabled\":true,\"n\":-3,"
            "\"r\":0.5,\"d\":{\"$data\":\"aGk=\"},\"t\":{\"$date\":\"2026-11-22T15:00:00Z\"},"
            "\"a\":[1,\"x\",false,{\"$data\":\"aGk=\"},[2.5]]}}",
            &c);
  struct pl *inner = pl_get(command, "Manifest"), *array = pl_get(inner, "a");
  bool yes = false, no = true;
  int64_t n = 0, t = 0;
  double r = 0;
  struct slice d = {0};
  assert_string_equal(pl_str(command, "ManifestURL"), "123456");
  assert_true(pl_bool(pl_get(command, "iOSApp"), &yes) && yes);
  assert_true(pl_int(pl_get(inner, "n"), &n) && n == -3);
  assert_true(pl_real(pl_get(inner, "r"), &r) && r > 0.49 && r < 0.51);
  assert_true(pl_data(pl_get(inner, "d"), &d) && slice_is(d, "hi"));
  assert_true(pl_date(pl_get(inner, "t"), &t) && t == INT64_C(1795359600) * US_SECOND);
  assert_int_equal(pl_count(array), 5);
  assert_true(pl_int(pl_at(array, 0), &n) && n == 1);
  assert_true(pl_bool(pl_at(array, 2), &no) && !no);
  assert_true(pl_data(pl_at(array, 3), &d) && slice_is(d, "hi"));
  assert_true(pl_real(pl_at(pl_at(array, 4), 0), &r) && r > 2.4);
}

/* Goal: words of the command line become the arguments that JSON would give. */
static void words_become_arguments(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *type, *words[6], *json;
  } cases[] = {
      {"EraseDevice",
       {"PIN=123456", "PreserveDataPlan=yes", "ReturnToService.Enabled=true"},
       "{'PIN':'123456','PreserveDataPlan':true,'ReturnToService':{'Enabled':true}}"},
      {"InstallApplication",
       {"iTunesStoreID=361309726", "Configuration.N=7", "Configuration.Deep.Name=x.y", "Configuration.L[0]=a",
        "Configuration.L[1]=2"},
       "{'iTunesStoreID':361309726,'Configuration':{'N':7,'Deep':{'Name':'x.y'},'L':['a',2]}}"},
      {"InstallApplication",
       {"Configuration={\"a\":[1]}", "ManifestURL=https://x/?a=b&c=d"},
       "{'Configuration':{'a':[1]},'ManifestURL':'https://x/?a=b&c=d'}"},
      {"DeviceInformation", {"Queries=UDID, OSVersion"}, "{'Queries':['UDID','OSVersion']}"},
      {"DeviceInformation", {"Queries=UDID", "Queries=OSVersion,IMEI"}, "{'Queries':['UDID','OSVersion','IMEI']}"},
      {"DeviceInformation", {"Queries=[\"a,b\"]"}, "{'Queries':['a,b']}"},
      {"Settings",
       {"Settings[0].Item=Bluetooth", "Settings[0].Enabled=yes", "Settings[1].Enabled=no",
        "Settings[1].Item=DataRoaming"},
       "{'Settings':[{'Item':'Bluetooth','Enabled':true},{'Enabled':false,'Item':'DataRoaming'}]}"},
      {"AccountConfiguration",
       {"AutoSetupAdminAccounts[0].shortName=007", "AutoSetupAdminAccounts[0].hidden=yes"},
       "{'AutoSetupAdminAccounts':[{'shortName':'007','hidden':true}]}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct js *args;
    size_t n = 0;
    while (n < 6 && cases[i].words[n]) n++;
    if (command_args(cx, &args, command_row(cases[i].type), cases[i].words, n) != OK)
      fail_msg("%s: %s", cases[i].words[0], ctx_error_text(cx));
    assert_string_equal(js_text(cx, args, JS_COMPACT).p, js_text(cx, quoted(cx, cases[i].json), JS_COMPACT).p);
  }
}

/* Goal: flags and lives follow the rules: what is done once, what jumps, what expires. */
static void rows_follow_the_rules(void **state) {
  struct ctx *cx = *state;
  static const struct {
    const char *type;
    unsigned flags;
    int64_t life;
  } rules[] = {
      {"RestartDevice", COMMAND_ONCE | COMMAND_EARLY, US_DAY},
      {"ShutDownDevice", COMMAND_ONCE | COMMAND_EARLY, US_DAY},
      {"DeviceLock", COMMAND_ONCE | COMMAND_JUMP | COMMAND_SINGLE | COMMAND_DANGEROUS | COMMAND_NO_GROUP, 0},
      {"EraseDevice", COMMAND_JUMP | COMMAND_DANGEROUS | COMMAND_EARLY | COMMAND_NO_GROUP, 0},
      {"ClearPasscode", COMMAND_ONCE | COMMAND_DANGEROUS | COMMAND_NO_GROUP, 0},
      {"DeviceInformation", COMMAND_QUERY, 7 * US_DAY},
      {"InstallProfile", COMMAND_NO_GROUP, 0},
      {"ScheduleOSUpdate", COMMAND_WITHDRAWN | COMMAND_EARLY, 0},
  };
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    const struct command_row *row = command_row(rules[i].type);
    assert_non_null(row);
    assert_int_equal(row->flags, rules[i].flags);
    assert_true(row->expires_us == rules[i].life);
  }
  size_t rows = 0;
  while (command_rows[rows].request_type) rows++;
  assert_true(rows >= 66);
  struct command c;
  built(cx, "RemoveProfile", "{\"Identifier\":\"com.example.wifi\"}", &c);
  assert_false(c.flags & COMMAND_ONCE);
  built(cx, "RemoveProfile", "{\"Identifier\":\"pomona.1234.enrollment\"}", &c);
  assert_true(c.flags & COMMAND_ONCE);
}

/* Goal: what narrows an answer is seen, so that a part is never taken for the whole. */
static void parts_are_told_from_the_whole(void **state) {
  struct ctx *cx = *state;
  static const char *const parts[][2] = {{"ProfileList", "{\"ManagedOnly\":true}"},
                                         {"InstalledApplicationList", "{\"Identifiers\":[\"com.example\"]}"}};
  static const char *const wholes[][2] = {{"ProfileList", "{}"}, {"ProfileList", "{\"ManagedOnly\":false}"}};
  struct command c;
  for (size_t i = 0; i < 2; i++) {
    built(cx, parts[i][0], parts[i][1], &c);
    assert_true(c.flags & COMMAND_PARTIAL);
    built(cx, wholes[i][0], wholes[i][1], &c);
    assert_false(c.flags & COMMAND_PARTIAL);
  }
}

/* Goal: the bytes of a raw command are kept, and any RequestType passes. */
static void raw_bytes_are_kept(void **state) {
  struct ctx *cx = *state;
  static const char text[] =
      "<plist version=\"1.0\"><!-- odd --><dict><key>Command</key><dict><key>RequestType</key>"
      "<string>Brand New</string></dict><key>CommandUUID</key><string>u 1</string></dict></plist>";
  struct command c;
  assert_int_equal(command_parse(cx, &c, slice_of(text)), OK);
  assert_true(slice_is(c.plist, text));
  assert_string_equal(c.uuid, "u 1");
  assert_string_equal(c.request_type, "Brand New");
  assert_int_equal(c.flags, 0);
  assert_int_equal(command_build(cx, &c, "RestartDevice", NULL, "my-own"), OK);
  assert_string_equal(c.uuid, "my-own");
}

/* How long a queued one lives: restarts and shutdowns a day, what only asks a week, all else until it is done. */
static void rows_live_by_the_rules(void **state) {
  (void)state;
  for (const struct command_row *row = command_rows; row->request_type; row++) {
    bool restart = strcmp(row->request_type, "RestartDevice") == 0 || strcmp(row->request_type, "ShutDownDevice") == 0;
    int64_t life = restart ? US_DAY : row->flags & COMMAND_QUERY ? 7 * US_DAY : 0;
    if (row->expires_us != life) fail_msg("%s lives %lld", row->request_type, (long long)row->expires_us);
  }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(bad_arguments_are_named), TEST(endless_arguments_are_refused), TEST(unusable_raw_commands_are_refused),
      TEST(bad_words_are_refused),   TEST(values_keep_their_types),       TEST(words_become_arguments),
      TEST(rows_follow_the_rules),   TEST(parts_are_told_from_the_whole), TEST(raw_bytes_are_kept),
      TEST(rows_live_by_the_rules),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
