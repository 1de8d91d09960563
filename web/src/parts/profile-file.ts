/* A profile on its way in: its bytes, the text that may be shown of it, and what the check says. */
import { api, ApiError } from '../api/client';
import { t } from '../i18n';
import type { Finding } from '../ui/lines';

export interface Checked {
  identifier: string | null;
  name: string | null;
  scope: string | null;
  platforms: string[];
  types: string[];
  variables: string[];
  supervised: boolean;
  signed: boolean;
  signer: string | null;
  errors: number;
  findings: Finding[];
}
export interface Draft {
  id: number;
  name: string; // of the file
  bytes: Uint8Array;
  text: string | null; // of the list in it; null: it is none that can be read
  editable: boolean; // the text is all of the file
  check?: Checked;
  error?: ApiError;
}

export const FILE_MOST = 4 * 1024 * 1024;
let last = 0;

const decode = (bytes: Uint8Array) => new TextDecoder('utf-8').decode(bytes);

/* The list inside of a signed file lies in it as it is, where the signature was made in one piece. */
function inside(bytes: Uint8Array): string | null {
  const text = new TextDecoder('latin1').decode(bytes);
  const from = text.indexOf('<?xml');
  const to = text.indexOf('</plist>', from);
  return from >= 0 && to > from ? decode(bytes.subarray(from, to + 8)) : null;
}

/* What was signed, and property lists in binary, have zeros in them. */
export function draftOf(name: string, bytes: Uint8Array): Draft {
  const editable = !bytes.includes(0);
  return { id: ++last, name, bytes, text: editable ? decode(bytes) : inside(bytes), editable };
}

/* A file that went away meanwhile, or may not be read, is told beside its name. */
export async function readDraft(file: File): Promise<Draft> {
  try {
    return draftOf(file.name, new Uint8Array(await file.arrayBuffer()));
  } catch {
    return { ...draftOf(file.name, new Uint8Array()), error: new ApiError(400, 'invalid', t('drop.unreadable'), '', {}) };
  }
}

export function withText(draft: Draft, text: string): Draft {
  const { id, name, editable } = draft;
  return { id, name, editable, text, bytes: new TextEncoder().encode(text) };
}

export const blobOf = (draft: Draft) => new Blob([draft.bytes as BlobPart]);

export async function checkDraft(draft: Draft): Promise<Draft> {
  const clean = { ...draft };
  delete clean.error;
  try {
    return { ...clean, check: await api<Checked>('POST', '/profiles/check', { body: blobOf(draft) }) };
  } catch (e) {
    return { ...draft, error: e as ApiError };
  }
}

function uuid(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40; // RFC 9562 5.4
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('').toUpperCase();
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
}

/* A template as one's own: other UUIDs (those that name each other stay alike), and `identifier` for the one it has. */
export function makeOwn(template: string, identifier: string): string {
  const fresh = new Map<string, string>();
  const text = template.replace(/\b[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\b/gi, (old) => {
    const own = fresh.get(old.toUpperCase()) ?? uuid();
    fresh.set(old.toUpperCase(), own);
    return own;
  });
  const own = /<key>PayloadIdentifier<\/key>\s*<string>([^<]*)<\/string>/.exec(text)?.[1];
  return own ? text.replaceAll(`<string>${own}`, `<string>${identifier}`) : text;
}
