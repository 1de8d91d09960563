#include "app/args.h"
#include "app/cmd.h"
#include "app/lab.h"

#include <locale.h>

#define JSON                                                                                                           \
  { "json", NULL, "for machines: JSON" }
#define END                                                                                                            \
  { NULL, NULL, NULL }

#define IF_VERSION(shown_by)                                                                                           \
  { "if-version", "N", "only if it is still at this version, as " shown_by " tells it" }

static const struct option_row json_only[] = {JSON, END};
static const struct option_row device_list_options[] = {
    {"sort", "FIELD", "by this field, -FIELD the other way round; without it, those that enrolled first before others"},
    {"columns", "FIELDS", "which fields to show, separated by commas"},
    {"csv", NULL, "for spreadsheets: RFC 4180"},
    {"former", NULL, "also devices whose serial number enrolled again with another id"},
    {"limit", "N", "at most so many; 0: all"},
    {"fields", NULL, "instead: the fields that filters, --sort and --columns know"},
    {"held", NULL, "instead: identities that claim an enrolled device, and what they wait for"},
    {"unknown", NULL, "instead: requests in a device's name that were refused, also of ids that are not known here"},
    JSON,
    END,
};
static const struct option_row device_set_options[] = {
    {"csv", "FILE", "set many: a table with the columns id or serial, and any of user, email, tag, note; - is stdin"},
    {"filter", "FILTER", "set all devices that match (pomona device list FILTER), instead of ID"},
    {"dry-run", NULL, "with --csv, --filter: tell what is wrong, or how many it would change, and change nothing"},
    {"yes", NULL, "with --filter: do it"},
    IF_VERSION("device show"),
    JSON,
    END,
};
static const struct option_row block_options[] = {
    {"filter", "FILTER", "all devices that match (pomona device list FILTER), instead of ID…"},
    {"dry-run", NULL, "of many: tell how many it would change, and change nothing"},
    {"yes", NULL, "of many: do it"},
    JSON,
    END,
};
static const struct option_row rename_options[] = {
    {"wait", "SECONDS", "wait so long for the answer; exit status 0 only when it acknowledged"}, JSON, END};
static const struct option_row forget_options[] = {{"anyway", NULL, "although it is enrolled"}, JSON, END};
static const struct option_row changes_options[] = {{"all", NULL, "not only the last 100"}, JSON, END};
static const struct option_row escrow_options[] = {
    {"reason", "TEXT", "why you need it; it is recorded"},
    {"number", "N", "this one of the list instead of the newest in force"},
    {"all-codes", NULL, "every one of its kind, each on its line"},
    {"no-rotate", NULL, "a recovery key: do not have the Mac make another one after it was seen"},
    {"rotate", NULL, "instead: have the Mac make another recovery key now"},
    JSON,
    END,
};
static const struct option_row offboard_options[] = {
    {"reason", "TEXT", "why it leaves; it is recorded"},
    {"erase", NULL, "erase it"},
    {"unenroll", NULL, "have it remove its enrollment profile, and leave what its users have on it"},
    {"yes", NULL, "do it; without it only what would be done, or how far it is, is shown"},
    {"anyway", NULL, "although something is missing to use it later"},
    JSON,
    END,
};
#define YES                                                                                                            \
  { "yes", NULL, "although it concerns more devices than plan-limit" }
#define GROUP_VERSION IF_VERSION("group show")
static const struct option_row group_yes_options[] = {YES, GROUP_VERSION, JSON, END};
static const struct option_row group_add_options[] = {
    {"rule", "FILTER", "all devices that this fits, as 'platform=macos and os>=14'; without: static"},
    {"note", "TEXT", "what it is for"},
    JSON,
    END,
};
static const struct option_row group_set_options[] = {
    {"name", "NAME", "another name"},
    {"rule", "FILTER", "all devices that this fits"},
    {"static", NULL, "no rule any more; its members are named"},
    {"note", "TEXT", "what it is for"},
    YES,
    GROUP_VERSION,
    JSON,
    END,
};
static const struct option_row group_assign_options[] = {
    {"users", NULL, "for the users of the devices instead"},
    {"position", "N", "of a command: those with lower numbers run before it"},
    YES,
    GROUP_VERSION,
    JSON,
    END,
};
static const struct option_row group_unassign_options[] = {
    {"users", NULL, "what was assigned for users"}, YES, GROUP_VERSION, JSON, END};
static const struct option_row group_plan_options[] = {
    {"rule", "FILTER", "with this rule"},
    {"static", NULL, "without a rule"},
    {"add", "ID", "with this device as a member; may be repeated, as the next four"},
    {"drop", "ID", "without it"},
    {"assign", "\"KIND REF …\"", "with this given, too"},
    {"unassign", "\"KIND REF\"", "without this given"},
    {"require", "FILTER", "with this demanded, too"},
    {"users", NULL, "--assign and --unassign are for users"},
    {"remove", NULL, "without the group"},
    GROUP_VERSION,
    JSON,
    END,
};
static const struct option_row adopt_options[] = {
    {"certificate", "HASH", "of this certificate, when several claim the id"}, JSON, END};
#define SURE                                                                                                           \
  { "yes", NULL, "do not ask: what is dangerous is done" }
#define FORCE                                                                                                          \
  { "force", NULL, "although the device cannot do it, as far as is known: a warning instead of a refusal" }
static const struct option_row send_options[] = {
    {"filter", "FILTER", "to all devices that match (pomona device list FILTER), instead of ID…"},
    {"dry-run", NULL, "tell who would get it, and who would not and why; nothing is queued"},
    {"wait", "SECONDS", "wait so long for the answers; exit status 0 only when all acknowledged"},
    {"plist", "FILE", "send this property list (- is stdin) instead of REQUESTTYPE"},
    {"expires", "SPAN", "do not deliver it any more after this time, e.g. 24h"},
    {"collapse-key", "KEY", "replace what was sent with this key before and is not settled"},
    {"no-push", NULL, "do not wake the devices"},
    SURE,
    FORCE,
    JSON,
    END,
};
static const struct option_row restart_options[] = {
    {"wait", "SECONDS", "wait so long for the answers; exit status 0 only when all acknowledged"},
    FORCE,
    JSON,
    END,
};
static const struct option_row lock_options[] = {
    {"message", "TEXT", "shown on the locked screen"},
    {"phone", "NUMBER", "shown there, too"},
    {"wait", "SECONDS", "wait so long for the answers; exit status 0 only when all acknowledged"},
    SURE,
    FORCE,
    JSON,
    END,
};
static const struct option_row erase_options[] = {
    {"preserve-data-plan", NULL, "keep the eSIM of an iPhone or iPad"},
    {"obliteration", "HOW", "a Mac that cannot erase all content and settings: Default, DoNotObliterate …"},
    {"wait", "SECONDS", "wait so long for the answers; exit status 0 only when all acknowledged"},
    SURE,
    FORCE,
    JSON,
    END,
};
static const struct option_row command_list_options[] = {
    {"status", "STATUS", "only those: waiting (not settled), Queued, Sent, NotNow, Acknowledged, Error …"},
    {"type", "REQUESTTYPE", "only this command"},
    {"people", NULL, "without what the server asks by itself"},
    {"limit", "N", "at most so many; 0 is all (100)"},
    JSON,
    END,
};
static const struct option_row command_show_options[] = {
    {"device", "ID", "for this device only"},
    {"plist", NULL, "instead: its property list, without PINs and passwords"},
    JSON,
    END,
};
static const struct option_row one_device_options[] = {{"device", "ID", "for this device only"}, JSON, END};
static const struct option_row link_options[] = {
    {"ttl", "SPAN", "how long it is good (24h)"},
    {"uses", "N", "for how many devices (1)"},
    {"device", "ID", "for this enrollment id or serial number only, which it may take over"},
    {"anyway", NULL, "although there is no usable push certificate"},
    JSON,
    END,
};
static const struct option_row stage_options[] = {
    {"check", NULL, "only tell how many devices would not trust the certificate"}, JSON, END};
static const struct option_row profile_options[] = {{"out", "FILE", "write it there"}, END};
static const struct option_row profile_add_options[] = {
    {"anyway", NULL, "keep it although it has mistakes"},
    {"if-version", "N", "only when the newest version is this one (0: there is none)"},
    JSON,
    END};
static const struct option_row profile_remove_options[] = {IF_VERSION("profile show"), END};
static const struct option_row profile_show_options[] = {
    {"version", "N", "the payloads of this version, not of the newest"}, JSON, END};
static const struct option_row profile_export_options[] = {
    {"version", "N", "this version, not the newest"},
    {"device", "ID", "as this device would get it: filled and signed"},
    {"unsigned", NULL, "with --device: filled only"},
    {"out", "FILE", "write it there"},
    END};
static const struct option_row package_add_options[] = {
    {"name", "NAME", "another name than that of the file"},
    {"identifier", "TEXT", "bundle identifier of what it installs, instead of what the file tells"},
    {"version", "TEXT", "its version, likewise"},
    {"title", "TEXT", "its title, likewise"},
    JSON,
    END};
static const struct option_row package_show_options[] = {
    {"manifest", NULL, "print the manifest that Macs are given"}, JSON, END};
static const struct option_row webhook_list_options[] = {
    {"dead", NULL, "list the messages that were given up"},
    {"limit", "N", "with --dead: at most so many; 0 is all (100)"},
    JSON,
    END,
};
static const struct option_row webhook_replay_options[] = {
    {"since", "SPAN", "everything of this time, e.g. 1h, delivered or not, instead of dead letters"},
    {"device", "ID", "of this enrollment only"},
    JSON,
    END,
};
#define PASSPHRASE                                                                                                     \
  { "passphrase-file", "FILE", "holds the passphrase of encrypted keys; without it you are asked" }
static const struct option_row csr_options[] = {
    {"topic", "TOPIC", "renew the certificate of this topic (the only one in use)"},
    {"new-topic", NULL, "for a new certificate, although there is one already"},
    {"same-key", NULL, "with the key of the certificate in use"},
    {"email", "ADDRESS", "e-mail address in the request"},
    {"cn", "NAME", "common name in the request (made of public-url)"},
    {"out", "FILE", "write the request there"},
    {"list", NULL, "instead: list the requests made here"},
    JSON,
    END,
};
static const struct option_row sign_options[] = {
    {"vendor", NULL, "instead: take FILE…, an MDM vendor certificate with its key, Apple's intermediate and root"},
    {"csr", "FILE", "sign this request instead of one made here"},
    {"request", "ID", "sign this one (pushcert csr --list) instead of the newest"},
    {"mdmcert", "EMAIL", "instead: ask mdmcert.download, where EMAIL is registered, to sign it"},
    {"mdmcert-answer", "FILE", "instead: open the file that mdmcert.download sent by mail"},
    PASSPHRASE,
    {"out", "FILE", "write the signed request there"},
    JSON,
    END,
};
static const struct option_row import_options[] = {
    PASSPHRASE,
    {"new-topic", NULL, "although enrolled devices listen on another topic, and will never hear this one"},
    {"anyway", NULL, "although it ends before the one in use, or Apple refuses it"},
    {"yes", NULL, "do not ask who stands behind it"},
    {"ics", "FILE", "write its dates there for calendars, with owner and deputy as attendees"},
    JSON,
    END,
};

#define TOPIC                                                                                                          \
  { "topic", "TOPIC", "of this topic, when there are several" }
static const struct option_row topic_options[] = {TOPIC, JSON, END};
static const struct option_row rollback_options[] = {
    {"topic", "TOPIC", "the last one of this topic"}, {"anyway", NULL, "although Apple refuses it"}, JSON, END};
static const struct option_row record_options[] = {
    TOPIC,
    {"apple-account", "ADDRESS", "the Apple Account that the certificate was made with; \"\" clears, here and below"},
    {"account-kind", "KIND", "personal, organization, or managed (a Managed Apple Account)"},
    {"second-factor", "TEXT", "which numbers and devices get its codes"},
    {"trusted-person-1", "NAME", "a person whose number gets the codes"},
    {"trusted-person-2", "NAME", "another one"},
    {"password-place", "TEXT", "where its password is kept: the place, never the password"},
    {"owner", "NAME", "who renews the certificate"},
    {"owner-email", "ADDRESS", "is told before it ends"},
    {"deputy", "NAME", "who does when the owner does not"},
    {"deputy-email", "ADDRESS", "is told, too"},
    {"organization", "TEXT", "that owns the devices"},
    {"address", "TEXT", "of the organization"},
    {"web-site", "URL", "of the organization"},
    {"note", "TEXT", "anything else"},
    {"confirm", NULL, "two people have just signed in to the Apple Account"},
    JSON,
    END,
};
static const struct option_row account_options[] = {
    TOPIC,
    {"to", "ADDRESS", "the new address of the Apple Account"},
    {"done", NULL, "the account has it by now: the record is changed"},
    JSON,
    END,
};
static const struct option_row plan_options[] = {
    TOPIC,
    {"every", "DAYS", "so long after each import, e.g. 90d"},
    {"on", "MM-DD", "on this day of each year, e.g. 04-01"},
    {"none", NULL, "not at all: only the expiry counts"},
    JSON,
    END,
};
static const struct option_row calendar_options[] = {
    {"new", NULL, "make a new address; a former one is worth nothing any more"},
    {"revoke", NULL, "end the address"},
    {"out", "FILE", "write the calendar to a file instead, to import it by hand"},
    {"topic", "TOPIC", "with --out: only the dates of this push certificate, with owner and deputy as attendees"},
    JSON,
    END,
};
static const struct option_row dossier_options[] = {
    TOPIC,
    {"html", NULL, "as a page that can be printed"},
    {"out", "FILE", "write it there"},
    {"target-account", "ADDRESS", "the Apple Account that is to have the certificate; \"\" clears, here and below"},
    {"created-by", "NAME", "the person who made the certificate"},
    {"contact", "TEXT", "whom Apple is to contact from now on: name, telephone, mail"},
    {"state", "STATE", "how far it is: asked, called-back, approved, done; open begins anew"},
    {"check", "ITEM", "it is seen to: names-equal, senior-reachable, waited, names-restored; may be repeated"},
    {"uncheck", "ITEM", "it is not"},
    JSON,
    END,
};
static const struct option_row recovery_options[] = {
    TOPIC,
    {"links", NULL, "make an enrollment link for each device that did not come back"},
    {"ttl", "SPAN", "with --links: how long they are good (14d)"},
    JSON,
    END,
};
static const struct option_row move_start_options[] = {
    TOPIC, {"reason", "TEXT", "why it is lost, for the record"}, JSON, END};
static const struct option_row move_links_options[] = {
    TOPIC, {"ttl", "SPAN", "how long they are good (14d)"}, JSON, END};

static const struct option_row migrate_options[] = {
    {"dry-run", NULL, "only tell what would come over"},
    JSON,
    END,
};

static const struct option_row reminders_options[] = {
    {"test", NULL, "instead: send a test notice to every recipient now; exit status 0 when all took it"},
    JSON,
    END,
};

static const struct option_row why_options[] = {
    {"command", "UUID", "about this command instead of the oldest that waits"},
    {"fleet", NULL, "about the whole fleet: what holds for the server, for topics, for how many devices"},
    JSON,
    END,
};

static const struct option_row renewals_options[] = {
    {"start", "ID", "renew the identity of this device now"},
    {"resume", NULL, "go on after a halt, with a new canary"},
    JSON,
    END,
};

static const struct option_row user_add_options[] = {
    {"role", "ROLE", "what it may: viewer (look), operator (act on devices) or admin (everything)"}, JSON, END};
static const struct option_row user_change_options[] = {IF_VERSION("user list"), JSON, END};
static const struct option_row user_remove_options[] = {IF_VERSION("user list"), END};
static const struct option_row user_sessions_options[] = {
    {"end", "SESSION", "instead: end this one, by its number, or `all` of the list"}, JSON, END};
static const struct option_row token_add_options[] = {
    {"role", "ROLE", "what it may: viewer, operator or admin"},
    {"scope", "SCOPE", "only this part, as devices or commands:read; may be repeated; without: all that the role may"},
    {"ttl", "SPAN", "how long it is good, as 90d; without: until it is revoked"},
    JSON,
    END,
};
static const struct option_row audit_options[] = {
    {"who", "NAME", "of this account, of token:NAME, of admin (DATA/admin.token) or api-key"},
    {"act", "TEXT", "this act, as 'Sent a command'; or a route as --json tells it (* is anything)"},
    {"object", "TEXT", "done to this: an id, a name, a UUID"},
    {"from", "TIME", "since this time or day, as 2026-11-22; or so long ago, as 24h"},
    {"to", "TIME", "before this one"},
    {"failed", NULL, "only what was refused or failed"},
    {"limit", "N", "at most so many (100); 0: all"},
    JSON,
    END,
};

/* A new subcommand is a row here and a function of cmd.h. */
static const struct subcommand subcommands[] = {
    {"serve", "", 0, 0, SETTINGS_ALL, NULL, cmd_serve, NULL,
     "The server, in the foreground; SIGHUP reloads settings and certificates."},
    {"init", "", 0, 0, SETTINGS_ALL, NULL, cmd_init, NULL,
     "Makes the data folder, keys and the admin's token; serve does it too."},
    {"doctor", "", 0, 0, SETTINGS_ALL, json_only, cmd_doctor, NULL,
     "Checks everything from the clock to APNs and says what to do, with a server or without one; exit status 1 when a "
     "check fails."},
    {"status", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_status, NULL,
     "Is everything fine; exit status 0 when the server is ready."},
    {"device list", "[FILTER…]", 0, -1, SETTINGS_CLIENT, device_list_options, cmd_device_list, NULL,
     "Lists the fleet, or what matches: platform=macos 'os<15' filevault=off 'last-seen>7d' anna"},
    {"device show", "ID", 1, 1, SETTINGS_CLIENT, json_only, cmd_device_show, NULL,
     "Shows one; ID is an enrollment id, or a serial number where it is unique."},
    {"device set", "ID user=… email=… tag=… note=…", 0, -1, SETTINGS_CLIENT, device_set_options, cmd_device_set, NULL,
     "Sets what you know of a device; --csv FILE, --filter: of many."},
    {"device rename", "ID NAME", 2, 2, SETTINGS_CLIENT, rename_options, cmd_device_rename, NULL,
     "Gives the device another name (supervised iPhones and iPads, Macs)."},
    {"device plan", "ID", 1, 1, SETTINGS_CLIENT, json_only, cmd_device_plan, NULL,
     "Its groups, and what is not as they say, and why."},
    {"device inventory", "ID [TYPE]", 1, 2, SETTINGS_CLIENT, json_only, cmd_device_inventory, NULL,
     "What it answered to each command that asks, and when; with TYPE (ProfileList, SecurityInfo …) that answer."},
    {"device changes", "ID", 1, 1, SETTINGS_CLIENT, changes_options, cmd_device_changes, NULL,
     "What changed on it: facts, apps, profiles, certificates; newest first."},
    {"device timeline", "ID", 1, 1, SETTINGS_CLIENT, changes_options, cmd_device_timeline, NULL,
     "Everything that happened to it, newest first: events, commands, pushes, changes, secrets that were looked at."},
    {"device refresh", "ID", 1, 1, SETTINGS_CLIENT, json_only, cmd_device_refresh, NULL,
     "Asks the device for everything that it can tell, now."},
    {"device restart", "ID…", 1, -1, SETTINGS_CLIENT, restart_options, cmd_device_restart, NULL, "Restarts devices."},
    {"device lock", "ID…", 1, -1, SETTINGS_CLIENT, lock_options, cmd_device_lock, NULL,
     "Locks devices; a Mac with a PIN of its own, which is in escrow. Asks first, or --yes."},
    {"device erase", "ID…", 1, -1, SETTINGS_CLIENT, erase_options, cmd_device_erase, NULL,
     "Erases devices. Tells what will happen and asks first, or --yes."},
    {"device escrow", "ID [KIND]", 1, 2, SETTINGS_CLIENT, escrow_options, cmd_device_escrow, NULL,
     "Lists the secrets that are kept of a device; with KIND and --reason, shows one: its value alone on stdout."},
    {"device offboard", "ID", 1, 1, SETTINGS_CLIENT, offboard_options, cmd_device_offboard, NULL,
     "A device leaves for good: shows its unlock codes, lifts Activation Lock, ends groups and links, erases or "
     "unenrolls it."},
    {"device release", "ID", 1, 1, SETTINGS_CLIENT, json_only, cmd_device_release, NULL,
     "Lets the device enroll anew for 24 hours, whoever holds it now."},
    {"device accept", "ID", 1, 1, SETTINGS_CLIENT, json_only, cmd_device_accept, NULL,
     "Gives the device to the identity that claims it (device list --held)."},
    {"device refuse", "ID", 1, 1, SETTINGS_CLIENT, json_only, cmd_device_refuse, NULL,
     "Refuses the identity that claims the device for good, and revokes its link."},
    {"device block", "ID…", 0, -1, SETTINGS_CLIENT, block_options, cmd_device_block, NULL,
     "Refuses everything that the device asks, until it is unblocked; it stays enrolled. Many, or --filter: --yes."},
    {"device unblock", "ID…", 0, -1, SETTINGS_CLIENT, block_options, cmd_device_unblock, NULL, "Serves it again."},
    {"device unenroll", "ID", 1, 1, SETTINGS_CLIENT, json_only, cmd_device_unenroll, NULL,
     "Has the device remove its enrollment profile, and then tells it that it is not managed."},
    {"device forget", "ID", 1, 1, SETTINGS_CLIENT, forget_options, cmd_device_forget, NULL,
     "Forgets a device that is not enrolled: its commands, secrets and history go."},
    {"device adopt", "ID", 1, 1, SETTINGS_CLIENT, adopt_options, cmd_device_adopt, NULL,
     "Takes over a device that is not known here but comes with a certificate of ours (device list --unknown)."},
    {"device configured", "ID", 1, 1, SETTINGS_CLIENT, json_only, cmd_device_configured, NULL,
     "Lets a device go on that waits in Setup Assistant: DeviceConfigured, now."},
    {"device grace", "ID SPAN", 2, 2, SETTINGS_CLIENT, json_only, cmd_device_grace, NULL,
     "Lets a device whose identity ended longer ago than identity-grace renew it within this time, e.g. 7d."},
    {"why", "[ID]", 0, 1, SETTINGS_CLIENT, why_options, cmd_why, NULL,
     "Why is this device not doing what I asked: every link of the chain, and what to do."},
    {"command send", "ID… REQUESTTYPE [Key=Value…]", 0, -1, SETTINGS_CLIENT, send_options, cmd_command_send, NULL,
     "Queues a command and wakes the devices. Key=a,b is a list, Key.Sub=Value a member, Key=@FILE the contents of a "
     "file."},
    {"command list", "[ID]", 0, 1, SETTINGS_CLIENT, command_list_options, cmd_command_list, NULL,
     "Lists commands by device, newest first."},
    {"command show", "UUID", 1, 1, SETTINGS_CLIENT, command_show_options, cmd_command_show, NULL,
     "Shows what came of one, with every time."},
    {"command cancel", "UUID", 1, 1, SETTINGS_CLIENT, one_device_options, cmd_command_cancel, NULL,
     "Takes one back: it is not handed out any more. A device that has it already may have done it."},
    {"command retry", "UUID", 1, 1, SETTINGS_CLIENT, one_device_options, cmd_command_retry, NULL,
     "Hands out once more what was delivered without an answer and is not repeated by itself."},
    {"command types", "[REQUESTTYPE]", 0, 1, SETTINGS_NONE, json_only, cmd_command_types, NULL,
     "Lists the commands and their arguments."},
    {"push", "ID…", 1, -1, SETTINGS_CLIENT, json_only, cmd_push, NULL, "Wakes devices now."},
    {"pushcert show", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_pushcert_show, NULL,
     "Shows the push certificates in use: their state, who stands behind them, what is wrong, what to do next."},
    {"pushcert csr", "", 0, 0, SETTINGS_CLIENT, csr_options, cmd_pushcert_csr, NULL,
     "Makes a key, which stays on the server, and a request for a push certificate, and tells what to do with it."},
    {"pushcert sign", "[FILE…]", 0, -1, SETTINGS_CLIENT, sign_options, cmd_pushcert_sign, NULL,
     "Signs a request for Apple's portal, with an MDM vendor certificate or by mdmcert.download."},
    {"pushcert import", "FILE…", 1, -1, SETTINGS_CLIENT, import_options, cmd_pushcert_import, NULL,
     "Imports a push certificate: PEM, DER or PKCS #12, in one file or several, with its key unless it is here."},
    {"pushcert history", "[TOPIC]", 0, 1, SETTINGS_CLIENT, json_only, cmd_pushcert_history, NULL,
     "Shows all push certificates that there were, and what was done with them and with their Apple Account."},
    {"pushcert rollback", "[SERIAL]", 0, 1, SETTINGS_CLIENT, rollback_options, cmd_pushcert_rollback, NULL,
     "Goes back to a former push certificate that is still valid, after asking Apple."},
    {"pushcert record", "", 0, 0, SETTINGS_CLIENT, record_options, cmd_pushcert_record, NULL,
     "Shows who stands behind the certificate, and what is wrong with that; with options, records it."},
    {"pushcert account change", "", 0, 0, SETTINGS_CLIENT, account_options, cmd_pushcert_account_change, NULL,
     "Another address for the Apple Account: Apple's steps, and, with --done, the record of it."},
    {"pushcert reminders", "", 0, 0, SETTINGS_CLIENT, reminders_options, cmd_pushcert_reminders, NULL,
     "Lists every date that can end the service, what to do about it, and who was told."},
    {"pushcert plan", "", 0, 0, SETTINGS_CLIENT, plan_options, cmd_pushcert_plan, NULL,
     "Plans renewals besides the expiry: every so long, or on a day of each year."},
    {"pushcert calendar", "", 0, 0, SETTINGS_CLIENT, calendar_options, cmd_pushcert_calendar, NULL,
     "The secret address of a calendar with every date that can end the service."},
    {"pushcert recovery", "", 0, 0, SETTINGS_CLIENT, recovery_options, cmd_pushcert_recovery, NULL,
     "After a renewal that came late: which devices came back, and which did not."},
    {"pushcert dossier", "", 0, 0, SETTINGS_CLIENT, dossier_options, cmd_pushcert_dossier, NULL,
     "What Apple's support asks for to move the certificate to another Apple Account, and how far that is."},
    {"pushcert move start", "", 0, 0, SETTINGS_CLIENT, move_start_options, cmd_pushcert_move_start, NULL,
     "A topic is lost: lists the devices that have to enroll anew, and what each needs for it."},
    {"pushcert move links", "", 0, 0, SETTINGS_CLIENT, move_links_options, cmd_pushcert_move_links, NULL,
     "Makes an enrollment link for each device that has not moved yet."},
    {"pushcert move end", "", 0, 0, SETTINGS_CLIENT, topic_options, cmd_pushcert_move_end, NULL,
     "Ends the move: it is not followed any more."},
    {"pushcert move show", "", 0, 0, SETTINGS_CLIENT, topic_options, cmd_pushcert_move, NULL,
     "Shows how far the move is; the same as pushcert move."},
    {"pushcert move", "", 0, 0, SETTINGS_CLIENT, topic_options, cmd_pushcert_move, NULL,
     "How far the move of devices off a lost topic is, device by device."},
    {"enroll link", "", 0, 0, SETTINGS_CLIENT, link_options, cmd_enroll_link, NULL,
     "Makes a link by which a device enrolls; it stands alone on stdout."},
    {"enroll links", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_enroll_links, NULL,
     "Lists the links that were made, newest first, and who may still come in by them."},
    {"enroll revoke", "NUMBER", 1, 1, SETTINGS_CLIENT, NULL, cmd_enroll_revoke, NULL,
     "Revokes a link of the list: nobody comes in by it any more."},
    {"enroll profile", "", 0, 0, SETTINGS_CLIENT, profile_options, cmd_enroll_profile, NULL,
     "An enrollment profile as a file, good for one device within an hour."},
    {"migrate nanomdm", "DIR", 1, 1, SETTINGS_ALL, migrate_options, cmd_migrate_nanomdm, NULL,
     "Takes over the devices of a NanoMDM from its file storage (filekv), while no server runs on DATA. NanoMDMs on "
     "SQL "
     "move by nano2nano, MicroMDM by micro2nano's llorne: both send to /migration of a running server."},
    {"identity list", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_identity_list, NULL,
     "Lists the identities of devices: when they end, and their renewal."},
    {"identity renewals", "", 0, 0, SETTINGS_CLIENT, renewals_options, cmd_identity_renewals, NULL,
     "Shows the renewal of identities: open and recent ones, its waves, whether it is halted and why."},
    {"identity profile", "FILE", 1, 1, SETTINGS_CLIENT, json_only, cmd_identity_profile, NULL,
     "Takes the original enrollment profile of migrated devices, so that their identities can be renewed."},
    {"profile check", "FILE…", 1, -1, SETTINGS_NONE, json_only, cmd_profile_check, NULL,
     "Checks profiles, or all in a folder, against Apple's schema; no server is needed."},
    {"profile template", "[NAME]", 0, 1, SETTINGS_NONE, NULL, cmd_profile_template, NULL,
     "Prints a profile to begin with; without NAME, which ones there are."},
    {"profile add", "FILE…", 1, -1, SETTINGS_CLIENT, profile_add_options, cmd_profile_add, NULL,
     "Keeps profiles, or new versions of them, after a check: files, or all in a folder; all of them or none."},
    {"profile list", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_profile_list, NULL, "Lists the profiles that are kept."},
    {"profile show", "PROFILE", 1, 1, SETTINGS_CLIENT, profile_show_options, cmd_profile_show, NULL,
     "Shows a profile: payloads, variables, platforms, versions, and how many devices have each."},
    {"profile diff", "PROFILE [V1 [V2]]", 1, 3, SETTINGS_CLIENT, json_only, cmd_profile_diff, NULL,
     "What differs between two versions; without V1 and V2 between the newest and the one before."},
    {"profile export", "PROFILE", 1, 1, SETTINGS_CLIENT, profile_export_options, cmd_profile_export, NULL,
     "The file as it was given, or as a device would get it."},
    {"profile remove", "PROFILE", 1, 1, SETTINGS_CLIENT, profile_remove_options, cmd_profile_remove, NULL,
     "Removes a profile from what is kept; devices keep it."},
    {"profile install", "ID… PROFILE", 2, -1, SETTINGS_CLIENT, json_only, cmd_profile_install, NULL,
     "Sends a profile to devices, once; what is to stay there is given by a group."},
    {"profile uninstall", "ID… PROFILE", 2, -1, SETTINGS_CLIENT, json_only, cmd_profile_uninstall, NULL,
     "Has devices remove a profile, once."},
    {"package add", "FILE", 1, 1, SETTINGS_CLIENT, package_add_options, cmd_package_add, NULL,
     "Adds a package (.pkg) that Macs can be told to install; it is served to them by this server."},
    {"package list", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_package_list, NULL, "Lists the packages."},
    {"package show", "NAME", 1, 1, SETTINGS_CLIENT, package_show_options, cmd_package_show, NULL,
     "Shows a package, its URL, and what is wrong with it."},
    {"package remove", "NAME", 1, 1, SETTINGS_CLIENT, NULL, cmd_package_remove, NULL,
     "Removes a package and its file."},
    {"group list", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_group_list, NULL,
     "Lists the groups, and how their devices stand."},
    {"group show", "NAME", 1, 1, SETTINGS_CLIENT, json_only, cmd_group_show, NULL,
     "Shows what a group gives and demands, how that stands, and who fails and why."},
    {"group add", "NAME", 1, 1, SETTINGS_CLIENT, group_add_options, cmd_group_add, NULL,
     "Makes a group: of devices that are named (group member add), or of those that a rule fits."},
    {"group set", "NAME", 1, 1, SETTINGS_CLIENT, group_set_options, cmd_group_set, NULL,
     "Changes name, rule or note of a group."},
    {"group remove", "NAME", 1, 1, SETTINGS_CLIENT, group_yes_options, cmd_group_remove, NULL,
     "Removes a group; its devices lose what only it gave."},
    {"group member add", "NAME ID…", 2, -1, SETTINGS_CLIENT, group_yes_options, cmd_group_member_add, NULL,
     "Takes devices into a group without a rule."},
    {"group member remove", "NAME ID…", 2, -1, SETTINGS_CLIENT, group_yes_options, cmd_group_member_remove, NULL,
     "Takes devices out of a group; they lose what only it gave."},
    {"group assign", "NAME KIND REF [KEY=VALUE…]", 3, -1, SETTINGS_CLIENT, group_assign_options, cmd_group_assign, NULL,
     "Has its devices get a profile, command (at enrollment), setting, package or app."},
    {"group unassign", "NAME KIND REF", 3, 3, SETTINGS_CLIENT, group_unassign_options, cmd_group_unassign, NULL,
     "Ends that; KIND may be requirement, too."},
    {"group require", "NAME FILTER", 2, 2, SETTINGS_CLIENT, group_yes_options, cmd_group_require, NULL,
     "Demands something of the facts of its devices, as 'filevault=on'."},
    {"group plan", "NAME", 1, 1, SETTINGS_CLIENT, group_plan_options, cmd_group_plan, NULL,
     "Shows what a change would do, without doing it."},
    {"webhook list", "", 0, 0, SETTINGS_CLIENT, webhook_list_options, cmd_webhook_list, NULL,
     "Lists the receivers of webhooks, and what waits for them."},
    {"webhook test", "[URL]", 0, 1, SETTINGS_CLIENT, json_only, cmd_webhook_test, NULL,
     "Sends a signed test event now, to every receiver or to URL; exit status 0 when all took it."},
    {"webhook replay", "", 0, 0, SETTINGS_CLIENT, webhook_replay_options, cmd_webhook_replay, NULL,
     "Sends dead letters again."},
    {"tls show", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_tls_show, NULL,
     "The TLS certificate, roots given to devices ahead, and former addresses that devices hold."},
    {"tls stage", "FILE", 1, 1, SETTINGS_CLIENT, stage_options, cmd_tls_stage, NULL,
     "Gives the root of a coming TLS certificate (PEM: its chain, root last) to all devices, so that none is cut off."},
    {"user list", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_user_list, NULL, "Lists the accounts of people."},
    {"user add", "NAME", 1, 1, SETTINGS_CLIENT, user_add_options, cmd_user_add, NULL,
     "Makes an account, and a link by which its password is set: alone on the first line of stdout, good for an hour."},
    {"user role", "NAME ROLE", 2, 2, SETTINGS_CLIENT, user_change_options, cmd_user_role, NULL,
     "Changes what an account may: viewer, operator or admin."},
    {"user disable", "NAME", 1, 1, SETTINGS_CLIENT, user_change_options, cmd_user_disable, NULL,
     "Nobody can log in with it until it is enabled, and its sessions end."},
    {"user enable", "NAME", 1, 1, SETTINGS_CLIENT, user_change_options, cmd_user_enable, NULL, "Ends that."},
    {"user remove", "NAME", 1, 1, SETTINGS_CLIENT, user_remove_options, cmd_user_remove, NULL, "Removes an account."},
    {"user setup-link", "[NAME]", 0, 1, SETTINGS_CLIENT, json_only, cmd_user_setup_link, NULL,
     "A one-use link by which a password is set, good for an hour; without NAME, for the very first account, an "
     "admin."},
    {"user reset", "NAME", 1, 1, SETTINGS_CLIENT, json_only, cmd_user_reset, NULL,
     "The same for who lost the password or the second factor: the link replaces both."},
    {"user sessions", "[NAME]", 0, 1, SETTINGS_CLIENT, user_sessions_options, cmd_user_sessions, NULL,
     "Who is logged in."},
    {"token list", "", 0, 0, SETTINGS_CLIENT, json_only, cmd_token_list, NULL, "Lists the tokens of programs."},
    {"token add", "NAME", 1, 1, SETTINGS_CLIENT, token_add_options, cmd_token_add, NULL,
     "Makes a token: alone on the first line of stdout, this once."},
    {"token revoke", "NAME", 1, 1, SETTINGS_CLIENT, NULL, cmd_token_revoke, NULL, "Ends a token."},
    {"audit", "", 0, 0, SETTINGS_CLIENT, audit_options, cmd_audit, NULL,
     "Who did what, from where, and what came of it; newest first."},
    {"conf", "", 0, 0, SETTINGS_ALL, json_only, cmd_conf, NULL,
     "Prints every setting with its value, source and help, as a file."},
    {"lab up", "", 0, 0, SETTINGS_NONE, NULL, NULL, lab_up_main,
     "A server, a stand-in for APNs and three simulated devices: the whole loop, told as it happens."},
    {"lab apns", "", 0, -1, SETTINGS_NONE, NULL, NULL, lab_apns_main, "A stand-in for Apple's push service."},
    {"lab drill", "[NAME]", 0, 1, SETTINGS_NONE, NULL, NULL, lab_drill_main,
     "Plays a trouble, such as a push certificate that was created anew, and shows what an operator sees of it."},
    {"lab device", "LINK…", 0, -1, SETTINGS_NONE, NULL, NULL, lab_device_main,
     "Simulated devices, from enrollment links."},
    {"lab bench", "", 0, 0, SETTINGS_NONE, NULL, NULL, lab_bench_main,
     "What the server costs, under load over the wire."},
    {"lab pushcert", "", 0, -1, SETTINGS_NONE, NULL, NULL, lab_pushcert_main, "A test push certificate with its key."},
    {0},
};

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "C.UTF-8");
  return dispatch(subcommands, argc - 1, argv + 1);
}
