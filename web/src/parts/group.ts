/* Groups as the server tells them, a change of one, and what it would do. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { api, ApiError, segment } from '../api/client';
import { useAway } from '../api/use';

export type Kind = 'profile' | 'command' | 'setting' | 'package' | 'app' | 'requirement';
export const KINDS: Kind[] = ['profile', 'command', 'setting', 'package', 'app', 'requirement'];

export interface Assignment {
  kind: Kind;
  ref: string;
  users: boolean;
  position?: number;
  options: Record<string, unknown> | null;
}
export interface Standing extends Assignment {
  position: number;
  trouble: string | null;
  compliant: number;
  working: number;
  failing: number;
  not_applicable: number;
}
export interface GroupShort {
  name: string;
  rule: string | null; // null: static
  note: string | null;
  version: number;
  assignments: number;
  devices: number;
  compliant: number;
  working: number;
  failing: number;
}
export interface Group extends Omit<GroupShort, 'assignments'> {
  created_at: string;
  created_by: string;
  not_applicable: number;
  assignments: Standing[];
  failures: { id: string; name: string | null; serial_number: string | null; why: string | null; since: string | null }[];
}
/* What is left out stays as it is. */
export interface Change {
  new_name?: string;
  rule?: string;
  static?: boolean;
  note?: string;
  add?: string[];
  drop?: string[];
  assign?: Assignment[];
  unassign?: Pick<Assignment, 'kind' | 'ref' | 'users'>[];
  remove?: boolean;
}
export interface Acts {
  install: number;
  replace: number;
  remove: number;
  commands: number;
  unmet: number;
}
export interface Plan extends Acts {
  devices: number;
  members_before: number;
  members_after: number;
  plan_limit: number;
  items: (Acts & { kind: Kind; ref: string })[];
  cannot: { kind: Kind; ref: string; why: string; devices: number }[];
  examples: { id: string; name: string | null; serial_number: string | null; does: string[] }[];
}

export const nothing = (c: Change) => Object.keys(c).length === 0;
export const same = (a: Pick<Assignment, 'kind' | 'ref' | 'users'>, b: Pick<Assignment, 'kind' | 'ref' | 'users'>) => a.kind === b.kind && a.ref === b.ref && a.users === b.users;

const PAUSE = 400; // ms after the last key

/* What the change would do, looked at again whenever it is another one. name "": a group that is not there yet. */
export function usePlan(name: string, change: Change | null): { plan: Plan | undefined; error: ApiError | undefined; busy: boolean } {
  const [plan, setPlan] = useState<Plan>();
  const [error, setError] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const [fresh] = useState(() => `new ${Math.random().toString(36).slice(2)}`);
  const text = change && JSON.stringify(change);
  const away = useAway();
  const first = useRef(true);
  useEffect(() => {
    if (text === null || away) return undefined;
    const stop = new AbortController();
    setBusy(true);
    const look = async () => {
      try {
        const found = await api<Plan>('POST', `/groups/${segment(name === '' ? fresh : name)}/plan`, { body: JSON.parse(text) as Change, signal: stop.signal });
        setPlan(found);
        setError(undefined);
      } catch (e) {
        if (stop.signal.aborted) return;
        setError(e as ApiError);
      }
      setBusy(false);
    };
    const timer = window.setTimeout(() => void look(), first.current ? 0 : PAUSE);
    first.current = false;
    return () => {
      window.clearTimeout(timer);
      stop.abort();
    };
  }, [text, name, fresh, away]);
  return { plan, error, busy };
}

/* Sends a change; when it concerns more devices than plan-limit, `ask` is given their number and says whether to go on. */
export async function makeChange(name: string, change: Change, etag: string | null, confirm: number | undefined): Promise<Group | null> {
  const path = `/groups/${segment(name)}`;
  const ifMatch = etag ?? undefined;
  if (change.remove) return api('DELETE', path, { ifMatch, query: { confirm } });
  return api('PATCH', path, { ifMatch, body: change, query: { confirm } });
}

export const unconfirmed = (e: ApiError | undefined): number | undefined => (e?.code === 'unconfirmed' && typeof e.detail.confirm === 'number' ? e.detail.confirm : undefined);
export const moved = (e: ApiError | undefined) => e?.status === 412;
