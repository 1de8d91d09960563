/* Whether the server is there. What died says so by a broken connection; what hangs says nothing. So the stream tells every 15 seconds
   that it is there (api/live.ts), and when nothing was heard for longer, or an answer is late, the server is asked a small thing with
   a limit of its own. What was asked before goes on meanwhile: a server that was only held up still answers it. */
import { signal } from '@preact/signals';

const LOOK = 2_000; // ms between two looks
const LATE = 6_000; // ms without any sign while somebody waits for an answer
const SILENT = 35_000; // ms without a word of the stream: two of its words are missing
const LIMIT = 5_000; // ms for the small thing
const GIVE_UP = 60_000; // ms without the server, or of one look: what was asked is lost

/* The banner looks at it. */
export const reachable = signal(true);

interface Awaited {
  since: number;
  patience: number; // ms
  look: boolean; // may be given up at any time, and asked again
  giveUp: () => void;
}

const awaited = new Set<Awaited>();
let sign = Date.now(); // the last one of life
let gone = 0; // since when it is not reachable
let asking = false;
let stream: { heard: number; again: () => void } | null = null;

/* Anything came: an answer, a word of the stream; or bytes went. */
export function heard() {
  sign = Date.now();
  reachable.value = true;
}

export function missed() {
  if (reachable.value) gone = Date.now();
  reachable.value = false;
}

/* Somebody waits for an answer. Ends with the function that is returned. */
export function awaiting(giveUp: () => void, look: boolean, patience = GIVE_UP): () => void {
  const one = { since: Date.now(), patience, look, giveUp };
  awaited.add(one);
  return () => awaited.delete(one);
}

/* again: begins the stream anew, since this one is dead though the server is not. */
export function streaming(again: (() => void) | null) {
  stream = again && { heard: Date.now(), again };
}
export function streamed() {
  if (stream) stream.heard = Date.now();
  heard();
}

/* Asks now, if nobody does. Any answer will do. */
export async function ask() {
  if (asking) return;
  asking = true;
  const stop = new AbortController();
  const timer = window.setTimeout(() => stop.abort(), LIMIT);
  try {
    await fetch('/healthz', { cache: 'no-store', signal: stop.signal });
    heard();
    if (stream && Date.now() - stream.heard > SILENT) stream.again();
  } catch {
    missed();
  }
  window.clearTimeout(timer);
  asking = false;
}

function look() {
  const now = Date.now();
  const late = now - sign > LATE && [...awaited].some((a) => now - a.since > LATE);
  const silent = stream !== null && now - stream.heard > SILENT;
  if (!reachable.value || late || silent) void ask();
  for (const a of [...awaited]) {
    if (reachable.value ? a.look && now - a.since > a.patience : now - gone > a.patience) a.giveUp();
  }
}
window.setInterval(look, LOOK);
