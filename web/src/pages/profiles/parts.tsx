/* What the pages of profiles share. */
import { segment } from '../../api/client';
import { t } from '../../i18n';
import { Badge } from '../../ui/basics';
import { isBlank } from '../../ui/text';

interface ProfileRow {
  identifier: string;
  name: string | null;
  version: number;
  organization: string | null;
  scope: string | null;
  types: string[];
  variables: string[];
  platforms: string[];
  supervised: boolean;
  signed: boolean;
  added_at: string;
  added_by: string;
  groups: string[];
}
export interface Listed extends ProfileRow {
  devices: number;
  devices_newest: number;
}
export interface Version {
  version: number;
  added_at: string;
  added_by: string;
  signed: boolean;
  devices: number;
}
interface Payload {
  type: string | null;
  identifier: string | null;
  name: string | null;
}
export interface Profile extends ProfileRow {
  payloads: Payload[];
  signer: string | null;
  versions: Version[];
  other_devices: number;
}

const NAMES: Record<string, string> = { ios: 'iOS', ipados: 'iPadOS', macos: 'macOS', tvos: 'tvOS', visionos: 'visionOS', watchos: 'watchOS' };

export function Platforms({ of, supervised }: { of: string[]; supervised: boolean }) {
  return (
    <>
      {of.map((p) => NAMES[p] ?? p).join(', ')} {supervised && <Badge tone="info">{t('profiles.supervised')}</Badge>}
    </>
  );
}

export const profileName = (p: { identifier: string; name: string | null }) => (isBlank(p.name) ? p.identifier : p.name);

export function Groups({ names }: { names: string[] }) {
  if (names.length === 0) return <span class="none">{t('profiles.no-group')}</span>;
  return (
    <>
      {names.map((g, i) => <span key={g}>{i > 0 && ', '}<a href={`/groups/${segment(g)}`}><bdi class="told">{g}</bdi></a></span>)}
    </>
  );
}

/* A text in a filter, quoted as docs/devices.md says. */
export const quoted = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
export const devicesBy = (filter: string) => `/devices?filter=${encodeURIComponent(filter)}`;
