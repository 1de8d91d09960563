/* A command's property list from its row and an object of arguments. */
#include "base/enc.h"
#include "core/command.h"
#include "core/command_int.h"

enum { UUID_MAX = 255 };

static enum err take_uuid(struct ctx *cx, struct pl *root, const char *uuid) {
  char fresh[UUID_LEN + 1];
  struct slice s = slice_of(uuid);
  if (uuid && (s.n == 0 || s.n > UUID_MAX || !text_is_plain(s)))
    return FAIL(cx, E_INVALID, "the command's UUID is not from 1 to %d bytes of plain text", UUID_MAX);
  if (!uuid) uuid_new(fresh);
  pl_set_string(root, "CommandUUID", uuid ? uuid : fresh);
  return OK;
}

enum err command_build(struct ctx *cx, struct command *out, const char *request_type, struct js *args,
                       const char *uuid) {
  const struct command_row *row = command_row(request_type);
  if (!row)
    return FAIL(cx, E_INVALID,
                "there is no command %s; `pomona command types` lists them, a raw property list may hold any other",
                text_is_plain(slice_of(request_type)) ? request_type : "of that name");
  struct pl *root = pl_new_dict(cx), *command = pl_new_dict(cx);
  pl_set_string(command, "RequestType", request_type);
  TRY(command_put_args(cx, command, row, args));
  pl_set(root, "Command", command);
  TRY(take_uuid(cx, root, uuid));
  return command_parse(cx, out, pl_xml(cx, root));
}
