/* Inside the answers of simulated devices: one being made, and what it may say.

   lab_answer.c decides and dispatches; the deeds stand by their subject: lab_facts.c, lab_security.c, lab_profiles.c,
   lab_apps.c (and lab_package.c), lab_settings.c, lab_people.c, lab_misc.c. A deed is called when its command fits its
   row of commands.def; it fills the report, or refuses. */
#ifndef POMONA_APP_LAB_TASK_H
#define POMONA_APP_LAB_TASK_H

#include "app/lab_device.h"
#include "base/clock.h"

struct lab_task { /* an answer being made */
  struct ctx *cx;
  struct lab_device *device;
  struct lab_channel *channel;
  struct pl *command, *report;
  struct lab_report *out;
};

/* ---- errors: Apple's codes as far as they are known (docs of 2018); they change between releases ---- */
enum lab_fault {
  LAB_MALFORMED,
  LAB_UNKNOWN_COMMAND,
  LAB_NO_RIGHT,
  LAB_NOT_SUPERVISED,
  LAB_NOT_PERMITTED,
  LAB_PROFILE_MALFORMED,
  LAB_PROFILE_NOT_INSTALLED,
  LAB_INSTALL_FAILED,
  LAB_WRONG_TOKEN,
  LAB_MANIFEST,
  LAB_APP_INSTALLED,
  LAB_APP_NOT_MANAGED,
  LAB_NO_LOST_MODE_TEXT,
  LAB_NOT_IN_LOST_MODE,
  LAB_NO_SUCH_USER,
  LAB_USER_LOGGED_IN,
  LAB_NO_SUCH_UPDATE,
  LAB_UNKNOWN_SETTING,
  LAB_NO_HARDWARE,
  LAB_BAD_LUCK /* of --trouble */
};
/* An ErrorChain of one; text NULL: the fault's own. */
struct pl *lab_error_chain(struct ctx *cx, enum lab_fault fault, const char *text);
void lab_refuse(struct lab_task *t, enum lab_fault fault);
void lab_refuse_saying(struct lab_task *t, enum lab_fault fault, const char *text);

/* ---- what commands.def says (lab_rows.c) ---- */
enum lab_verdict {
  LAB_FITS,
  LAB_FORBIDDEN,    /* unknown to the platform, version, channel or enrollment */
  LAB_UNSUPERVISED, /* but it must be */
  LAB_RIGHTLESS,    /* the enrollment profile did not ask for that right */
  LAB_WRONG         /* an argument is missing or not as it must be */
};
/* *wrong: the path of the argument, with LAB_WRONG. */
enum lab_verdict lab_judge_command(struct lab_task *t, const char *request_type, const char **wrong);
enum lab_verdict lab_judge_setting(struct lab_task *t, struct pl *item, const char **wrong);
/* Of which year its system is, whatever the platform: as the major version of iOS (18 with macOS 15 and watchOS 11),
   counted on where Apple has given them the number of the year: 19 is OS 26. */
int lab_generation(const struct lab_device *d);
bool lab_knows_query(const struct lab_device *d, const struct lab_channel *c, const char *query);

/* ---- what goes wrong (lab_trouble.c) ---- */
/* The error that --fail has for this command now; NULL: none. Counts it. */
struct pl *lab_fails(struct lab_task *t);
/* Is it this one's turn to go wrong? A command that did is spared when it comes again. */
enum lab_fortune { LAB_ALL_RIGHT, LAB_PUTS_OFF, LAB_BREAKS };
enum lab_fortune lab_draw(struct lab_task *t);
const char *lab_late_state(const struct lab_device *d, const char *request_type); /* of --late; NULL: none */
bool lab_is_late(const struct lab_device *d, const char *request_type, const char *state);

/* ---- what several deeds need ---- */
#define LAB_PASSCODE_PAYLOAD "com.apple.mobiledevice.passwordpolicy"
#define LAB_ESCROW_CERTIFICATE "LabCertificate" /* in a kept escrow payload: what EncryptCertPayloadUUID names */
#define LAB_LONG_AGO (1767229200 * US_SECOND)   /* 2026-01-01: when whatever was last done was done */

static inline struct lab_channel *lab_own(struct lab_task *t) { return &t->device->channels[0]; }
/* The first payload of this type of any profile on the channel; NULL: none. */
struct pl *lab_payload_in_force(struct ctx *cx, const struct lab_channel *c, const char *type);
/* What is asked for by profiles and takes somebody before the device to do. */
void lab_obey_passcode(struct ctx *cx, struct lab_channel *own);
void lab_obey_filevault(struct ctx *cx, struct lab_channel *own);
/* A number of its own for each device and salt. */
unsigned long long lab_number_of(const struct lab_device *d, unsigned salt);

struct lab_app { /* to be installed */
  const char *identifier, *title, *version;
  const char *status; /* to begin with */
  struct pl *package; /* an asset of a manifest, to be fetched; NULL: from the store */
};
MUST_CHECK enum err lab_manifest_read(struct ctx *cx, struct lab_app *out, struct pl *manifest);
MUST_CHECK enum err lab_manifest_fetch(struct ctx *cx, struct pl **out, const struct lab_device *d, const char *url);
/* A member of what is kept of a managed app; value NULL: empty. False: no such app is managed. */
bool lab_app_set(struct lab_task *t, const char *identifier, const char *key, struct pl *value);

/* ---- the deeds ---- */
typedef void lab_deed(struct lab_task *t);
lab_deed lab_account_configuration, lab_application_list, lab_apply_redemption_code, lab_available_updates,
    lab_bypass_code, lab_certificate_list, lab_clear_bypass_code, lab_clear_passcode, lab_content_caching,
    lab_delete_user, lab_device_configured, lab_device_information, lab_device_location, lab_device_lock,
    lab_disable_lost_mode, lab_disable_remote_desktop, lab_enable_lost_mode, lab_enable_remote_desktop, lab_erase,
    lab_extension_mappings, lab_extensions, lab_install_application, lab_install_enterprise_application,
    lab_install_media, lab_install_profile, lab_install_provisioning_profile, lab_invite_to_program, lab_lom_request,
    lab_lom_setup, lab_managed_application_attributes, lab_managed_application_configuration,
    lab_managed_application_feedback, lab_managed_application_list, lab_managed_media_list, lab_play_lost_mode_sound,
    lab_profile_list, lab_provisioning_profile_list, lab_refresh_cellular_plans, lab_remove_application,
    lab_remove_media, lab_remove_profile, lab_remove_provisioning_profile, lab_request_mirroring,
    lab_request_unlock_token, lab_restart, lab_restrictions, lab_rotate_filevault_key, lab_schedule_update,
    lab_security_info, lab_set_auto_admin_password, lab_set_firmware_password, lab_set_recovery_lock, lab_settings,
    lab_shut_down, lab_unlock_user_account, lab_update_scan, lab_update_status, lab_user_list,
    lab_verify_firmware_password, lab_verify_recovery_lock;

#endif
