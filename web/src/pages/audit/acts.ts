/* What somebody did, in words. The server records a route ("PATCH /api/v1/devices/:id"), whose key is audit.do.patch.devices._id:
   the texts are the list of all there is, and a test compares them with the routes. */
import { word, wordsOf } from '../../i18n';

const API = '/api/v1/';
const NOTHING = 'nothing'; // for a path that is none, the server records "GET ?"

function key(act: string): string {
  const [method = '', path] = act.split(' ');
  if (path === undefined) return act; // "login"
  if (path === '?') return NOTHING;
  const shown = path.startsWith(API) ? path.slice(API.length) : path;
  return `${method === '*' ? 'any' : method.toLowerCase()}.${shown.replaceAll('/', '.').replaceAll(':', '_')}`;
}

/* As the server looks for it: * stands for anything. */
function pattern(of: string): string {
  if (of === NOTHING) return '* [?]';
  const [, method = '', path] = /^([a-z]+)\.(.*)$/.exec(of) ?? [];
  if (path === undefined) return of;
  const shown = path.replaceAll('.', '/').replaceAll('_', ':');
  return `${method === 'any' ? '*' : method.toUpperCase()} ${shown.startsWith('/') ? shown : API + shown}`;
}

/* Null of one that has no text: of a route of another version. */
export function actText(act: string): string | null {
  for (const of of [key(act), key(act.replace(/^\S+ /, '* '))]) {
    const text = word('audit.do', of);
    if (text !== of) return text;
  }
  return null;
}

/* (what to look for, its text), in the order of the reader's alphabet. */
export const acts = (): [string, string][] =>
  wordsOf('audit.do').map((of): [string, string] => [pattern(of), word('audit.do', of)]).sort(([, a], [, b]) => a.localeCompare(b));
