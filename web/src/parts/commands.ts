/* The table of commands as the server tells it, and what came of commands. */
import { type Ask, api, onceKey, segment } from '../api/client';
import { type Used, useApi } from '../api/use';
import { word } from '../i18n';

export interface Support {
  introduced: string;
  deprecated?: string;
  removed?: string;
  access_right: number;
  limits: string[];
}

/* An argument, a member of a dictionary, what a list holds, or a value of a text: docs/commands.md, "A row". */
export interface Argument {
  name?: string;
  help?: string; // what it means, in English
  type: 'string' | 'integer' | 'real' | 'boolean' | 'data' | 'date' | 'array' | 'dictionary' | 'any';
  required: boolean;
  default?: string;
  format?: string;
  one_of?: string[];
  withdrawn?: boolean;
  narrows?: boolean;
  platforms?: Record<string, Support>;
  refused?: string; // with ?device=: why this device does not take it
  arguments?: Argument[];
  elements?: Argument[];
  kinds?: Argument[];
  values?: Argument[];
}

export interface CommandType {
  request_type: string;
  what: string;
  dangerous: boolean;
  once: boolean;
  query: boolean;
  withdrawn: boolean;
  no_group: boolean; // not for everyone who enrolls
  platforms: Record<string, Support>;
  arguments: Argument[];
  refused?: string | null; // with ?device=: why this device cannot do it
  warnings?: string[];
}

export function useCommandTypes(device?: string): Used<{ command_types: CommandType[] }> {
  return useApi<{ command_types: CommandType[] }>(device === undefined ? '/command-types' : `/command-types?device=${segment(device)}`);
}

/* For a device that is known: which platforms take an argument is no news, and what the device does not take says so itself. */
export function forDevice(list: Argument[]): Argument[] {
  return list.map((a) => {
    const own = { ...a };
    delete own.platforms;
    for (const name of ['arguments', 'elements', 'kinds', 'values'] as const) if (a[name]) own[name] = forDevice(a[name]);
    return own;
  });
}

export const commandName = (type: string) => word('command', type);

/* ---- sending ---- */

export interface CheckedTarget {
  id: string;
  platform: string | null;
  error?: { code: string; message: string };
  warnings?: string[];
}
export interface Checked {
  request_type: string;
  dangerous: boolean;
  targets: CheckedTarget[];
}
interface SentTarget {
  id: string;
  status: string | null;
  error?: { code: string; message: string };
  warnings?: string[];
}
export interface Sent {
  command_uuid: string;
  request_type: string;
  targets: SentTarget[];
}

/* Which devices: named, or all that match a filter now. */
export type Targets = { ids: string[] } | { filter: string };
export type Arguments = Record<string, unknown>;

export function checkCommand(targets: Targets, type: string, args: Arguments) {
  return api<Checked>('POST', '/commands', { body: { ...targets, request_type: type, arguments: args, check: true } });
}

/* once: of one press of a button (onceKey()). */
export function sendCommand(ids: string[], type: string, args: Arguments, more: { confirm?: boolean; once?: string } = {}) {
  const ask: Ask = { body: { ids, request_type: type, arguments: args, confirm: more.confirm ?? false }, once: more.once ?? onceKey() };
  return api<Sent>('POST', '/commands', ask);
}

/* ---- what came of it ---- */

export interface ErrorOfDevice {
  code?: number;
  domain?: string;
  localized?: string;
  text?: string; // in English
}
export interface Target {
  id: string;
  name: string | null;
  status: string;
  updated_at: string | null;
  errors: ErrorOfDevice[];
  reason?: string;
  cancelled_by?: string;
  may_have_been_done?: boolean;
  ended_as?: string;
  queued_at: string | null;
  expires_at: string | null;
  deliveries: number;
  first_sent_at: string | null;
  last_sent_at: string | null;
  notnow_count: number;
  notnow_first_at: string | null;
  notnow_last_at: string | null;
  settled_at: string | null;
  unconfirmed?: boolean;
  set_aside?: boolean;
}
interface CommandHead {
  command_uuid: string;
  request_type: string;
  created_at: string;
  created_by: string;
  collapse_key?: string;
}
export type CommandRow = CommandHead & Target;
export interface Command extends CommandHead {
  expires_at: string | null;
  counts: Record<string, number>; // of its targets by status
  targets: Target[];
  next: number | null;
}

/* Of a chain the most telling words. */
export function errorText(errors: ErrorOfDevice[]): string {
  const first = errors[0];
  if (!first) return '';
  const text = first.localized ?? first.text ?? '';
  return `${text} (${first.domain ?? '?'} ${first.code ?? '?'})`.trim();
}
