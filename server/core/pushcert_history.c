#include "core/pushcert_int.h"

#include "core/event.h"

#include <string.h>

/* Apple's refusal stands until Apple takes the certificate: that it could not be asked again says nothing. Each change
   is an act of its own; a daily probe that says the same is none. */
enum err pushcert_proved(struct ctx *cx, struct db *db, int64_t pushcert, const char *proof, const char *text) {
  char *topic, *before;
  TRY(pushcert_probed(cx, db, pushcert, &topic, &before));
  if (before && strcmp(before, "refused") == 0 && strcmp(proof, "unreachable") == 0) return OK;
  TRY(pushcert_set_proof(cx, db, pushcert, proof, text));
  if (before && strcmp(before, proof) == 0) return OK;
  struct js *data = js_object(cx), *detail = js_object(cx);
  js_set_string(detail, "proof", proof);
  js_set_string(detail, "text", text);
  TRY(pushcert_history_add(cx, db, topic, pushcert, "probed", "server", detail));
  js_set_string(data, "topic", topic);
  js_set_string(data, "proof", proof);
  js_set_string(data, "text", text);
  return event_add(cx, db, "pushcert.probed", NULL, data);
}
