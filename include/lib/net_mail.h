/* Sends a message by SMTP, over libcurl (RFC 5321; STARTTLS: RFC 3207). Blocking; any thread, a connection each. */
#ifndef POMONA_LIB_NET_MAIL_H
#define POMONA_LIB_NET_MAIL_H

#include "base/buf.h"
#include "base/ctx.h"

#include <stdatomic.h>

struct net_mail {
  const char *url;         /* smtps://[USER:PASSWORD@]HOST[:PORT] or smtp://…; never shown in errors */
  const char *ca_file;     /* PEM; NULL is the system's store */
  const char *from, *to;   /* plain addresses, without angles and control characters: the caller has checked them */
  struct slice message;    /* RFC 5322, CRLF line ends; dots are stuffed here */
  int64_t timeout_us;      /* for all of it; 0 is 30 s */
  const atomic_bool *stop; /* NULL, or: it ends within about a second after this becomes true (E_GONE) */
};
/* OK: the server took it. Its certificate is always checked; by smtp:// TLS is used where it is offered, and demanded
   before a password. E_UNREACHABLE, E_TIMEOUT, E_DENIED (name or password), E_REFUSED (its answer stands in the text),
   E_USAGE: the URL. */
MUST_CHECK enum err net_mail_send(struct ctx *cx, const struct net_mail *m);

#endif
