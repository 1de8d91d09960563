/* What is known of each device, by the names that filters and the API have for it. */
import { word } from '../i18n';
import type { Device, FieldValue } from './device';

/* As `pomona device list --fields` tells them; a test compares them with core/roster.def. */
type FieldType = 'text' | 'number' | 'flag' | 'version' | 'time';
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
