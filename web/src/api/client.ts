/* Asking the server: one function, one kind of error, and what is known of the connection. */
import { signal } from '@preact/signals';
import { awaiting, heard, missed } from './alive';

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: the server cannot be reached
    readonly code: string,
    message: string,
    readonly trace: string,
    readonly detail: Record<string, unknown>, // what else the error tells, and what stands beside it
  ) {
    super(message);
  }
}

/* The session ended while its page was open: a dialog asks for the login, and the page stays as it is. */
export const sessionEnded = signal(false);

let csrf = '';
export function setCsrf(token: string) {
  csrf = token;
}
export const csrfToken = () => csrf;

export interface Ask {
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown; // sent as JSON; a Blob goes as it is
  type?: string; // of a Blob
  ifMatch?: string | undefined;
  once?: string; // Idempotency-Key
  signal?: AbortSignal;
  quiet?: boolean; // a 401 is an answer, not the end of the session
}

export interface Answer<T> {
  data: T;
  etag: string | null;
}

export function withQuery(path: string, query?: Ask['query']): string {
  const given = Object.entries(query ?? {}).filter((e): e is [string, string | number | boolean] => e[1] !== undefined && e[1] !== '');
  if (given.length === 0) return path;
  return path + '?' + given.map(([k, v]) => encodeURIComponent(k) + '=' + encodeURIComponent(String(v))).join('&');
}

function isRecord(x: unknown): x is Record<string, unknown> {
  return typeof x === 'object' && x !== null;
}

async function errorOf(reply: Response): Promise<ApiError> {
  return errorFrom(reply.status, await reply.json().catch(() => null));
}

export function errorFrom(status: number, body: unknown): ApiError {
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  const text = (key: string) => (typeof error[key] === 'string' ? error[key] : '');
  const beside = isRecord(body) ? body : {};
  return new ApiError(status, text('code') || 'http', text('message') || `HTTP ${status}`, text('trace'), { ...beside, ...error });
}

/* A page that nobody touches reads again by itself what changes; that is no use of the session, which ends after an hour without one. */
let touched = Date.now();
const UNTOUCHED = 60_000; // ms
for (const kind of ['pointerdown', 'pointermove', 'keydown', 'wheel']) {
  window.addEventListener(kind, () => { touched = Date.now(); }, { capture: true, passive: true });
}

async function fetchIt(method: string, path: string, ask: Ask): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json', 'X-CSRF-Token': csrf }; // by it the server knows a page from a person's browser
  if (method === 'GET' && Date.now() - touched > UNTOUCHED) headers['X-By-Itself'] = '1';
  if (ask.ifMatch) headers['If-Match'] = ask.ifMatch;
  if (ask.once) headers['Idempotency-Key'] = ask.once;
  let body: BodyInit | undefined;
  if (ask.body instanceof Blob) {
    body = ask.body;
    headers['Content-Type'] = ask.type ?? 'application/octet-stream';
  } else if (ask.body !== undefined) {
    body = JSON.stringify(ask.body);
    headers['Content-Type'] = 'application/json';
  }
  const stop = new AbortController();
  ask.signal?.addEventListener('abort', () => stop.abort());
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-cache', signal: stop.signal };
  if (body !== undefined) init.body = body;
  const over = awaiting(() => stop.abort(), method === 'GET');
  try {
    const reply = await fetch('/api/v1' + withQuery(path, ask.query), init);
    heard();
    return reply;
  } catch (e) {
    if (ask.signal?.aborted) throw e;
    missed();
    throw new ApiError(0, 'unreachable', '', '', {});
  } finally {
    over();
  }
}

export async function request(method: string, path: string, ask: Ask = {}): Promise<Response> {
  const reply = await fetchIt(method, path, ask);
  if (reply.ok) return reply;
  if (reply.status === 401 && !ask.quiet) sessionEnded.value = true;
  throw await errorOf(reply);
}

/* path: behind /api/v1, its segments encoded (segment()). */
export async function answer<T>(method: string, path: string, ask?: Ask): Promise<Answer<T>> {
  const reply = await request(method, path, ask);
  const data = (reply.status === 204 ? null : await reply.json()) as T;
  return { data, etag: reply.headers.get('ETag') };
}

export async function api<T>(method: string, path: string, ask?: Ask): Promise<T> {
  return (await answer<T>(method, path, ask)).data;
}

export const segment = encodeURIComponent;

/* One for each act that a person begins: pressing twice, or again after a lost answer, does it once. */
export function onceKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}
