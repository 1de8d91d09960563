/* Files of the command line on their way to the API, and the passphrase of what is locked in them. */
#include "app/client.h"
#include "app/table.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/secret.h"
#include "lib/pki_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { FILE_MOST = 1 << 20, PASSPHRASE_MOST = 1024, CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, DELETE = 127 };

/* Would a passphrase help? What is damaged or something else is for the server to name. */
static bool is_locked(struct ctx *cx, struct slice bytes) {
  struct pki_opener none = {.work = PKI_WORK_MOST};
  struct pki_file file;
  bool locked = bytes.n <= PKI_FILE_MOST && pki_file_read(cx, &file, bytes, &none) == OK && file.lock == PKI_LOCKED;
  ctx_clear_error(cx);
  return locked;
}

/* A line without its end, letter by letter, as a person types it: the last ones can be taken back. */
static bool read_line(int tty, char *to, size_t room) {
  size_t n = 0;
  for (char c; n + 1 < room && read(tty, &c, 1) == 1 && c != CTRL_C && c != CTRL_D;) {
    if (c == '\n' || c == '\r') return to[n] = '\0', true;
    if (c != BACKSPACE && c != DELETE)
      to[n++] = c;
    else if (n > 0)
      n--;
  }
  return false;
}

/* Keys that end a program come as letters meanwhile, so that the terminal is never left without its echo. */
static enum err ask(struct ctx *cx, const char *path, const char **out) {
  struct termios before, quiet;
  int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (tty < 0 || tcgetattr(tty, &before) != 0) {
    if (tty >= 0) close(tty);
    return OK; /* nobody to ask: the server says what is missing */
  }
  char *line = secret_in(cx, ctx_alloc(cx, PASSPHRASE_MOST), PASSPHRASE_MOST);
  quiet = before;
  quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG | ICANON);
  quiet.c_cc[VMIN] = 1;
  quiet.c_cc[VTIME] = 0;
  (void)tcsetattr(tty, TCSAFLUSH, &quiet);
  dprintf(tty, "Passphrase of %s: ", plain(cx, path));
  bool given = read_line(tty, line, PASSPHRASE_MOST);
  (void)tcsetattr(tty, TCSAFLUSH, &before);
  dprintf(tty, "\n");
  close(tty);
  *out = line;
  return given ? OK : FAIL(cx, E_USAGE, "no passphrase was given");
}

/* The last line's end is the editor's, not the passphrase's. */
static enum err read_passphrase(struct ctx *cx, const char *path, const char **out) {
  struct slice text;
  TRY(file_read(cx, &text, path, PASSPHRASE_MOST));
  if (slice_ends(text, "\n")) text.n--;
  if (slice_ends(text, "\r")) text.n--;
  *out = secret_in(cx, ctx_memdup(cx, text.p, text.n), text.n);
  return OK;
}

enum err client_files(struct ctx *cx, const struct args *a, const char *const *paths, size_t n, struct js **out) {
  const char *passphrase = NULL, *locked = NULL, *file = args_value(a, "passphrase-file");
  struct js *files = js_array(cx);
  *out = js_object(cx);
  for (size_t i = 0; i < n; i++) {
    struct slice bytes;
    struct js *one = js_object(cx);
    TRY(file_read(cx, &bytes, paths[i], FILE_MOST));
    if (!file && !locked && is_locked(cx, bytes)) locked = paths[i];
    char *data = enc_base64(cx, bytes.p, bytes.n);
    js_set_string(one, "name", paths[i]);
    js_set_string(one, "data", secret_in(cx, data, strlen(data)));
    js_add(files, one);
  }
  if (file) TRY(read_passphrase(cx, file, &passphrase));
  if (locked) TRY(ask(cx, locked, &passphrase));
  js_set(*out, "files", files);
  if (passphrase) js_set_string(*out, "passphrase", passphrase);
  return OK;
}
