/* What the files of the HTTP server share.

   Who runs what: libmicrohttpd's threads run the hooks in http_server.c and with them http_request.c and the queueing
   in http_reply.c; one thread a server, in http_reaper.c, accepts connections and owns every deadline. A connection and
   the request that stands on it belong to one libmicrohttpd thread. While the request is suspended, the request (struct
   http_req and its cx) belongs to whoever will call http_reply. What other threads may touch is atomic or guarded by
   the lock named beside it.

   An answer and a suspension meet in conn->state; whoever changes it last wakes the connection:
     RUNNING   -> ANSWERED   the answer came before the handler returned, or while it was still suspending
     RUNNING   -> SUSPENDED  the handler returned without an answer
     SUSPENDED -> ANSWERED   http_reply then resumes the connection
     SUSPENDED -> CUT        http_stop gave up: the connection goes, the request stays with its owner until http_reply
 */
#ifndef POMONA_LIB_HTTP_INT_H
#define POMONA_LIB_HTTP_INT_H

#include "lib/http.h"
#include "lib/net_addr.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

enum phase { PHASE_HEADERS, PHASE_BODY, PHASE_WORK, PHASE_REPLY, PHASE_IDLE, PHASE_CLOSING };
enum state { RUNNING, SUSPENDED, ANSWERED, CUT };

struct http_field {
  struct http_field *next;
  const char *name, *value;
};

/* Of the answer. In the request's cx, but for the body, which is wiped. */
struct http_answer {
  int status;
  const char *type;
  struct http_field *fields;
  struct buf body;
  bool is_file; /* then the body is this */
  struct http_file file;
  struct http_stream *stream; /* NULL: it does not go on */
};

struct http_req {
  struct http_req *next; /* among the server's spare ones */
  struct http_conn *conn;
  struct ctx *cx;
  const char *method;
  struct slice path, query;
  struct http_field *headers;
  int64_t length; /* of the body; -1 is chunked */
  int64_t head_us;
  size_t cap, received; /* received: bytes of the body */
  struct buf body;
  bool (*part)(struct http_req *rq, struct slice bytes, void *arg); /* NULL: the body is held */
  void *part_arg;
  void *user;
  struct http_answer answer;
  bool parsed;    /* the headers came and were looked at */
  bool announced; /* the handler's head was called, so its end will be */
  bool handled;   /* the handler's body was called */
  bool queued;    /* libmicrohttpd has the answer */
  bool unread;    /* answered before its body was read: the connection ends */
  bool expects;   /* the client waits for 100 before it sends the body */
  bool http10;
};

struct http_conn {
  struct http_server *server;
  struct MHD_Connection *mhd;
  struct http_conn *prev, *next; /* server->conns_lock */
  int fd;                        /* valid while listed */
  atomic_int refs;               /* one of libmicrohttpd, one of the owner of a request that was cut */
  atomic_int state;
  atomic_int phase;
  atomic_llong deadline; /* monotonic; 0 is none */
  struct http_req *rq;
  struct http_stream *stream; /* of the answer that goes on; server->conns_lock */
  char peer[ADDR_HOST_SIZE];
  struct http_tls_use *tls;
  void *session;       /* of GnuTLS; gone when the CLOSED hook runs */
  struct slice *certs; /* of the client, its own first; owned, with what they point to */
  size_t certs_n;
  bool certs_known;
  bool shaken;     /* its TLS handshake needs nothing more from the client */
  bool surplus;    /* came when there was no room */
  bool heard;      /* bytes of TLS came */
  bool asked;      /* a request began */
  bool alert_next; /* the header of an alert came */
  int alert;       /* of TLS, that the client sent; 0: none, or it only said goodbye */
  bool parked;     /* counted in server->parked */
  bool cut;        /* set before the connection is resumed for the last time */
  void *value;
  void (*free_value)(void *);
};

/* A socket whose peer may still be sending what nobody will read: closed late, or the peer would lose the answer. */
struct late_close {
  int fd;
  int64_t until;
};
enum { LINGERS = 64 };

struct http_server {
  struct http_conf conf;
  struct MHD_Daemon *mhd;
  atomic_int refs; /* http_start's, and one a connection */
  char *address;
  int port;
  int64_t connections_max;

  pthread_mutex_t conns_lock;
  struct http_conn *conns;

  pthread_mutex_t spare_lock;
  struct http_req *spare;
  int spare_n;

  pthread_mutex_t quiet_lock; /* listening; with quiet_cond, also open_requests reaching 0 */
  pthread_cond_t quiet_cond;
  bool listening;

  pthread_t reaper;
  int listen_fd, wake_fd, epoll_fd; /* the reaper's, which waits on the last one */
  pthread_mutex_t linger_lock;
  struct late_close lingers[LINGERS];
  int lingers_n;

  atomic_bool quiescing, stopping, reaper_ends, full;
  atomic_int parked;   /* connections that libmicrohttpd holds suspended */
  atomic_int arriving; /* connections handed to libmicrohttpd that its threads have not begun */
  atomic_int replying; /* threads inside http_reply */
  atomic_llong connections, open_requests, inflight;
  atomic_llong accepted, requests, timeouts, shed, refused;
};

/* ---- http_server.c ---- */
void http_conn_phase(struct http_conn *c, enum phase phase, int64_t deadline);
void http_conn_unref(struct http_conn *c);
void http_wake(int fd);
/* The connection waits for bytes of the TLS handshake: suspended until the reaper sees them. False when the server is
   stopping. */
bool http_await_handshake(struct http_conn *c);
/* Before it is suspended; and when libmicrohttpd's thread has it again. */
void http_count_parked(struct http_conn *c);
void http_unpark(struct http_conn *c);

/* The deadline of what is going on is so many bytes further. */
void http_conn_went_on(struct http_conn *c, size_t bytes);

/* ---- http_request.c ---- */
struct http_req *http_req_take(struct http_conn *c, const char *uri);
/* Gives back its memory, wiped. */
void http_req_drop(struct http_req *rq);
void http_req_free(struct http_req *rq);
/* The headers are complete. */
void http_req_head(struct http_req *rq, const char *method, const char *version);
/* False when the connection must end: the body outgrew its cap, or there is no room. */
bool http_req_part(struct http_req *rq, const char *p, size_t n);

/* ---- http_reply.c ---- */
/* An answer of the server's own, on the listener's thread. */
void http_answer_own(struct http_req *rq, int status);
enum MHD_Result http_answer_queue(struct http_req *rq);
/* The descriptor of an answer that was not begun. */
void http_answer_drop_file(struct http_req *rq);
enum MHD_Result http_answer_cut(struct http_conn *c);
/* Takes a suspended connection away from the request's owner, if it is suspended at this moment. */
void http_cut(struct http_conn *c);

/* ---- http_stream.c ---- */
struct http_stream *http_stream_new(struct http_req *rq); /* with a reference of the sender's */
struct MHD_Response *http_stream_response(struct http_req *rq);
/* The answer is out, or will never be: nothing that is sent goes anywhere any more. */
void http_stream_drop(struct http_req *rq);
/* Under conns_lock: true when the peer has gone; then the connection ends. */
bool http_stream_look(struct http_conn *c);
/* Under conns_lock: its stream, if there is one, ends as soon as the peer takes the rest, or else soon. */
void http_stream_quiesce(struct http_conn *c);

/* ---- http_reaper.c ---- */
void *http_reaper_run(void *server);
/* False without descriptors. */
bool http_reaper_init(struct http_server *s);
void http_reaper_close(struct http_server *s);
/* The reaper resumes the suspended connection once its descriptor is readable, or at its deadline. */
void http_resume_when_readable(struct http_conn *c);
void http_linger(struct http_server *s, int fd);

/* ---- http_tls.c ---- */
struct http_tls_use;
/* Gives the connection's new TLS session (gnutls_session_t) the present certificate, tickets and the request for a
   client's. The result is given back by http_tls_end when the session is gone. */
struct http_tls_use *http_tls_begin(struct http_conn *c, void *session);
void http_tls_end(struct http_tls_use *use);
/* libmicrohttpd tells of trouble with the connection whose TLS this thread read last: was it an alert? */
void http_tls_note_alert(void);
/* On the connection's thread, when its session is gone and its descriptor still open. */
void http_tls_forget(struct http_conn *c);
/* DER of the client's certificates, its own first: one block of memory, which the caller frees. NULL when there are
   none. */
struct slice *http_tls_peers(void *session, size_t *n);
extern const char http_tls_priorities[];
/* Options by which libmicrohttpd starts without a certificate of its own. */
extern struct MHD_OptionItem http_tls_options[];

#endif
