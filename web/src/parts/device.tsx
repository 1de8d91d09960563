/* How devices are named and judged, wherever they are shown. */
import { CircleHelp, Glasses, Laptop, Smartphone, Tablet, Tv, Watch } from 'lucide-preact';
import { segment } from '../api/client';
import { word } from '../i18n';
import { Badge, type Tone } from '../ui/basics';
import { isBlank, Name } from '../ui/text';

export type FieldValue = string | number | boolean;

interface Push {
  state: string;
  due_at: string | null;
  sent_at: string | null;
  answered_at: string | null;
  token_gone_at: string | null;
  reason: string | null;
}

/* A row of GET /api/v1/devices. `fields`: those of filters, by name with "_" for "-"; what is not known is not there. */
export interface Device {
  id: string;
  type: string;
  serial_number: string | null;
  name: string | null;
  model: string | null;
  os_version: string | null;
  enrolled: boolean;
  last_seen: string | null;
  push: Push;
  topic: string | null;
  state: string;
  former: boolean;
  fields: Record<string, FieldValue>;
}

const PLATFORMS: Record<string, { name: string; icon: typeof Laptop }> = {
  ios: { name: 'iOS', icon: Smartphone },
  macos: { name: 'macOS', icon: Laptop },
  tvos: { name: 'tvOS', icon: Tv },
  visionos: { name: 'visionOS', icon: Glasses },
  watchos: { name: 'watchOS', icon: Watch },
};

const isPad = (product: unknown) => typeof product === 'string' && product.startsWith('iPad');

export function platformName(platform: string | undefined, product?: unknown): string {
  if (platform === 'ios' && isPad(product)) return 'iPadOS';
  return PLATFORMS[platform ?? '']?.name ?? platform ?? '';
}

export function PlatformIcon({ platform, product }: { platform: string | undefined; product?: unknown }) {
  const Icon = platform === 'ios' && isPad(product) ? Tablet : (PLATFORMS[platform ?? '']?.icon ?? CircleHelp);
  return <Icon class="platform" size={16} aria-hidden="true" />;
}

export const deviceName = (d: { id: string; name?: string | null; serial_number?: string | null }) => [d.name, d.serial_number].find((x) => !isBlank(x)) ?? d.id;
export const devicePath = (id: string) => `/devices/${segment(id)}`;

export function DeviceLink({ id, name }: { id: string; name?: string | null | undefined }) {
  return <a href={devicePath(id)}><Name text={isBlank(name) ? id : name} /></a>;
}

const STATES: Record<string, Tone> = { enrolled: 'ok', pending: 'wait', leaving: 'warn', blocked: 'bad', 'checked-out': 'none' };
export function StateBadge({ state }: { state: string }) {
  return <Badge tone={STATES[state] ?? 'none'}>{word('device-state', state)}</Badge>;
}

/* Which verdicts of `why` are no trouble, pass by themselves, or may be nothing; all others want somebody. */
const VERDICTS: Record<string, Tone> = {
  fine: 'ok', 'on-its-way': 'info', 'waiting-for-pace': 'wait', notnow: 'wait', 'behind-another': 'wait', 'apns-throttled': 'wait',
  'user-absent': 'wait', 'awaiting-configuration': 'wait', 'sent-unanswered': 'wait', 'apns-trouble': 'wait', 'checked-out': 'none',
  superseded: 'none', erased: 'none', silent: 'warn', 'silent-long': 'warn', 'silent-after-restart': 'warn', 'locked-by-us': 'warn',
  'never-finished': 'warn', unconfirmed: 'warn', 'acknowledged-not-done': 'warn', 'takeover-held': 'warn', 'renewal-stuck': 'warn',
  withdrawn: 'warn', unsupported: 'warn',
};
export const verdictTone = (verdict: string): Tone => VERDICTS[verdict] ?? 'bad';
export function VerdictBadge({ verdict }: { verdict: string }) {
  return <Badge tone={verdictTone(verdict)}>{word('verdict', verdict)}</Badge>;
}

const COMPLIANCE: Record<string, Tone> = { compliant: 'ok', working: 'wait', failing: 'bad', none: 'none' };
export function ComplianceBadge({ state }: { state: string }) {
  return <Badge tone={COMPLIANCE[state] ?? 'none'}>{word('compliance', state)}</Badge>;
}

const STATUSES: Record<string, Tone> = {
  Queued: 'wait', Sent: 'info', NotNow: 'wait', Acknowledged: 'ok', Error: 'bad', CommandFormatError: 'bad', Expired: 'warn', Cancelled: 'none',
};
const statusTone = (status: string): Tone => STATUSES[status] ?? 'none';
export const isSettled = (status: string) => !['Queued', 'Sent', 'NotNow'].includes(status);
export function StatusBadge({ status }: { status: string }) {
  return <Badge tone={statusTone(status)}>{word('status', status)}</Badge>;
}

const PUSHES: Record<string, Tone> = { ok: 'ok', pending: 'wait', none: 'none', stopped: 'bad', failing: 'warn' };
export function PushBadge({ state }: { state: string }) {
  return <Badge tone={PUSHES[state] ?? 'none'}>{word('push', state)}</Badge>;
}
