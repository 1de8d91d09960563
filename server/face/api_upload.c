/* Files that come to the API: alone as the body of a request, or several of them in JSON. */
#include "base/enc.h"
#include "base/secret.h"
#include "core/pushcert.h"
#include "face/api_int.h"

static enum err read_file(struct ctx *cx, struct js *o, struct pushcert_file *out) {
  const char *data = NULL;
  TRY(api_string(cx, o, "name", &out->name));
  TRY(api_string(cx, o, "data", &data));
  if (!data || dec_base64(cx, slice_of(data), &out->bytes) != OK) {
    ctx_clear_error(cx);
    return FAIL(cx, E_INVALID, "the data of each file is its contents in base64");
  }
  secret_in(cx, (void *)(uintptr_t)out->bytes.p, out->bytes.n);
  return OK;
}

static enum err read_files(struct ctx *cx, struct js *list, struct pushcert_upload *out) {
  if (js_is_null(list)) return OK;
  if (!js_is_array(list)) return FAIL(cx, E_INVALID, "files is a list of {\"name\",\"data\"}");
  out->n = js_count(list);
  if (out->n > PUSHCERT_FILES_MOST)
    return FAIL(cx, E_TOO_LARGE, "%zu files: at most %d are looked at", out->n, PUSHCERT_FILES_MOST);
  struct pushcert_file *files = ctx_alloc(cx, (out->n + 1) * sizeof *files);
  for (size_t i = 0; i < out->n; i++) TRY(read_file(cx, js_at(list, i), &files[i]));
  out->files = files;
  return OK;
}

/* What is called JSON and is none may still be a file: clients put that name on everything. */
static bool is_object(struct http_req *rq) {
  return slice_istarts(http_header(rq, "Content-Type"), "application/json") &&
         slice_starts(slice_trim(http_body(rq)), "{");
}

enum err api_upload(struct http_req *rq, struct pushcert_upload *out, struct js **object) {
  struct ctx *cx = http_cx(rq);
  *out = (struct pushcert_upload){0};
  *object = NULL;
  if (!is_object(rq)) {
    struct pushcert_file *file = ctx_alloc(cx, sizeof *file);
    file->bytes = http_body(rq);
    *out = (struct pushcert_upload){.files = file, .n = 1};
    return OK;
  }
  TRY(api_object(rq, object));
  TRY(api_string(cx, *object, "passphrase", &out->passphrase));
  return read_files(cx, js_get(*object, "files"), out);
}
