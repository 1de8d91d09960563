/* What the list can show: every field that filters know. */
import { number, t, word } from '../../i18n';
import { ComplianceBadge, type Device, DeviceLink, deviceName, type FieldValue, PlatformIcon, platformName, PushBadge, StateBadge, VerdictBadge } from '../../parts/device';
import { Name, Time } from '../../ui/text';
import type { Column } from '../../ui/table';

/* As `pomona device list --fields` tells them; a test compares them with core/roster.def. */
export type FieldType = 'text' | 'number' | 'flag' | 'version' | 'time';
export const FIELDS: Record<string, FieldType> = {
  id: 'text', serial: 'text', name: 'text', model: 'text', product: 'text', platform: 'text', os: 'version', build: 'text', state: 'text',
  enrolled: 'time', 'last-seen': 'time', inventory: 'time', topic: 'text', type: 'text', user: 'text', email: 'text', tag: 'text',
  note: 'text', verdict: 'text', compliance: 'text', 'bootstrap-token': 'flag', 'unlock-token': 'flag', 'recovery-key': 'flag',
  'awaiting-configuration': 'flag', supervised: 'flag', hostname: 'text', capacity: 'number', 'free-space': 'number', battery: 'number',
  'wifi-mac': 'text', 'ethernet-mac': 'text', imei: 'text', phone: 'text', cellular: 'number', 'lost-mode': 'flag',
  'activation-lock': 'flag', 'shared-ipad': 'flag', 'apple-silicon': 'flag', sip: 'flag', roaming: 'flag', filevault: 'flag',
  passcode: 'flag', 'passcode-compliant': 'flag', 'passcode-compliant-profiles': 'flag', firewall: 'flag', 'recovery-lock': 'flag',
  'firmware-password': 'flag', 'secure-boot': 'text', 'remote-desktop': 'flag', ade: 'flag', 'user-approved': 'flag',
};

export const fieldName = (field: string) => word('field', field);
const key = (field: string) => field.replaceAll('-', '_');
export const valueOf = (d: Device, field: string): FieldValue | undefined => (field === 'id' ? d.id : d.fields[key(field)]);

function cell(d: Device, field: string) {
  const value = valueOf(d, field);
  if (field === 'name') return <span class="named"><PlatformIcon platform={d.fields.platform as string | undefined} product={d.fields.product} /><DeviceLink id={d.id} name={deviceName(d)} /></span>;
  if (field === 'push') return <PushBadge state={d.push.state} />;
  if (field === 'state') return <StateBadge state={d.former ? 'former' : d.state} />;
  if (value === undefined) return <span class="none">–</span>;
  if (field === 'verdict') return <VerdictBadge verdict={String(value)} />;
  if (field === 'compliance') return <ComplianceBadge state={String(value)} />;
  if (field === 'platform') return platformName(String(value), d.fields.product);
  if (FIELDS[field] === 'time') return <Time at={String(value)} />;
  if (typeof value === 'boolean') return t(value ? 'yes' : 'no');
  return typeof value === 'number' ? number(value) : <Name text={value} />;
}

const WIDTHS: Record<string, string> = {
  name: 'minmax(10rem, 2fr)', id: 'minmax(10rem, 1.5fr)', state: '8.5rem', verdict: 'minmax(10rem, 1fr)', compliance: '9rem', push: '8rem', os: '6rem', platform: '7rem',
  serial: 'minmax(8rem, 1fr)', user: 'minmax(8rem, 1fr)', note: 'minmax(10rem, 2fr)',
};

export const ALL_COLUMNS = ['name', 'push', ...Object.keys(FIELDS).filter((f) => f !== 'name')];
export const COLUMNS_WIDE = ['name', 'serial', 'platform', 'os', 'user', 'state', 'verdict', 'compliance', 'last-seen'];
export const COLUMNS_NARROW = ['name', 'state'];

export function columnOf(field: string): Column<Device> {
  const column: Column<Device> = { id: field, name: fieldName(field), cell: (d) => cell(d, field), width: WIDTHS[field] ?? 'minmax(7rem, 1fr)' };
  if (field !== 'push') column.sort = field;
  if (FIELDS[field] === 'number') column.align = 'end';
  return column;
}
