/* Who is logged in. */
import { signal } from '@preact/signals';
import { api, ApiError, sessionEnded, setCsrf } from './client';

export type Role = 'viewer' | 'operator' | 'admin';

export interface Session {
  name: string;
  role: Role;
  csrf: string;
  ends_at: string; // whatever is done
  idle_ends_at: string; // when nothing is done
  second_factor: boolean; // the account has TOTP or a passkey
  totp: boolean; // codes of an app are asked for
  version: string; // of the server
  organization: string;
  public_url: string;
}

/* undefined: not known yet; null: nobody. */
export const session = signal<Session | null | undefined>(undefined);

const RANKS: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };
export function may(role: Role): boolean {
  const own = session.value;
  return own ? RANKS[own.role] >= RANKS[role] : false;
}

export function loggedIn(s: Session) {
  setCsrf(s.csrf);
  session.value = s;
  sessionEnded.value = false;
}

export async function loadSession() {
  try {
    loggedIn(await api<Session>('GET', '/session', { quiet: true }));
  } catch (e) {
    if (!session.value) session.value = null;
    else if (e instanceof ApiError && e.status === 401) sessionEnded.value = true; // what is typed on the page stays
  }
}

export async function logOut() {
  await api('DELETE', '/session');
  setCsrf('');
  session.value = null;
}
