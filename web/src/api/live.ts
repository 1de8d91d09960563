/* What changes on the server, as it happens: server-sent events (HTML 9.2). The browser connects again by itself and says what it
   saw last; the server sends what was missed, or `reset` when that is too much. Hints are not sent again: after each gap all is read. */
import { effect, signal } from '@preact/signals';
import { ask, reachable, streamed, streaming } from './alive';
import { sessionEnded, withQuery } from './client';
import { loadSession } from './session';

export interface Change {
  kind: string; // as in events of webhooks: "device.enrolled", "command.status" …
  device?: string; // id
  enrollment?: string; // id
  command?: string; // uuid
  group?: string;
  profile?: string;
  data?: Record<string, unknown>;
}

/* Of changes of these things: events ("group.changed") and hints ("groups.changed"; include/core/feed.def). */
export const tells = (...things: string[]) => (c: Change) => things.some((x) => c.kind.startsWith(`${x}.`) || c.kind === `${x}s.changed`);

type Hear = (changes: Change[] | 'all') => void;
const hearers = new Set<Hear>();
export const live = signal(false);

let source: EventSource | null = null;
let heard: Change[] = [];
let all = false;
let last = ''; // id of what was heard last: a stream that begins anew goes on behind it
let timer = 0;
const PAUSE = 250; // ms: thousands of changes become one look

function flush() {
  timer = 0;
  const changes = all ? 'all' : heard;
  heard = [];
  all = false;
  for (const h of [...hearers]) h(changes);
}

function later() {
  if (!timer) timer = window.setTimeout(flush, PAUSE);
}

export function hear(h: Hear): () => void {
  hearers.add(h);
  return () => hearers.delete(h);
}

/* What was missed meanwhile is not told: all is read again. */
let gap = false;
function whole() {
  if (gap) {
    all = true;
    later();
  }
  gap = false;
}

/* Without a stream, too, the page goes on when the server is back. */
effect(() => {
  if (reachable.value) whole();
  else gap = true;
});

let wanted = false;
let retry = 0;
const RETRY = 5_000; // ms

export function connect() {
  wanted = true;
  gap = true; // the page has read already, and what changes until the stream begins is told to nobody
  open();
}

export function disconnect() {
  wanted = false;
  close();
}

/* Refused: the session ended, or there are enough streams. Until there is one, all is read again now and then. */
function refused() {
  close();
  if (!sessionEnded.value) void loadSession();
  retry = window.setTimeout(() => {
    all = !sessionEnded.value;
    later();
    open();
  }, RETRY);
}

function open() {
  if (source || !wanted || document.hidden) return;
  window.clearTimeout(retry); // seen again meanwhile
  source = new EventSource(withQuery('/api/v1/events', { after: last }));
  streaming(() => {
    gap = true;
    close();
    open();
  });
  source.addEventListener('open', () => {
    live.value = true;
    streamed();
    whole();
  });
  source.addEventListener('error', () => {
    live.value = false;
    gap = true;
    void ask();
    if (source?.readyState === EventSource.CLOSED) refused();
  });
  source.addEventListener('alive', streamed);
  source.addEventListener('changes', (e: MessageEvent<string>) => {
    streamed();
    last = e.lastEventId;
    heard.push(...(JSON.parse(e.data) as Change[]));
    later();
  });
  source.addEventListener('reset', (e: MessageEvent<string>) => {
    streamed();
    last = e.lastEventId;
    all = true;
    later();
  });
}

function close() {
  window.clearTimeout(retry);
  source?.close();
  source = null;
  streaming(null);
  live.value = false;
}

/* A page that nobody sees needs no stream: a browser has six connections to a server, and each stream holds one. */
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    gap = true;
    close();
  } else {
    open();
  }
});
