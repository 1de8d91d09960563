/* What the list can show: every field that filters know. */
import { useEffect, useState } from 'preact/hooks';
import { number, t, word } from '../../i18n';
import { ComplianceBadge, type Device, DeviceLink, deviceName, PlatformIcon, platformName, PushBadge, StateBadge, VerdictBadge } from '../../parts/device';
import { FIELDS, fieldName, valueOf } from '../../parts/fields';
import { Name, Time } from '../../ui/text';
import type { Column } from '../../ui/table';

function cell(d: Device, field: string) {
  const value = valueOf(d, field);
  if (field === 'name') return <span class="named"><PlatformIcon platform={d.fields.platform as string | undefined} product={d.fields.product} /><DeviceLink id={d.id} name={deviceName(d)} /></span>;
  if (field === 'push') return <PushBadge state={d.push.state} />;
  if (field === 'state') return <StateBadge state={d.former ? 'former' : d.state} />;
  if (value === undefined) return <span class="none">–</span>;
  if (field === 'verdict') return <span title={word('verdict', String(value))}><VerdictBadge verdict={String(value)} /></span>;
  if (field === 'compliance' && value === 'none') return <span class="none" title={word('compliance', 'none')}>–</span>;
  if (field === 'compliance') return <ComplianceBadge state={String(value)} />;
  if (field === 'platform') return platformName(String(value), d.fields.product);
  if (FIELDS[field] === 'time') return <Time at={String(value)} short />;
  if (typeof value === 'boolean') return t(value ? 'yes' : 'no');
  return typeof value === 'number' ? number(value) : <Name text={value} />;
}

const WIDTHS: Record<string, string> = {
  name: 'minmax(9rem, 2fr)', id: 'minmax(10rem, 1.5fr)', state: '7.5rem', verdict: 'minmax(10.5rem, 1fr)', compliance: '9.75rem', push: '8rem', os: '6.25rem', platform: '7rem',
  serial: 'minmax(9rem, 1fr)', user: 'minmax(7rem, 1.2fr)', note: 'minmax(10rem, 2fr)', 'last-seen': '8.5rem',
};

export const ALL_COLUMNS = ['name', 'push', ...Object.keys(FIELDS).filter((f) => f !== 'name')];

/* What is shown when nothing was chosen: what fits beside the navigation without scrolling sideways, and leaves a name 15rem. */
const USUAL: [string, string[]][] = [
  ['(min-width: 100rem)', ['name', 'serial', 'os', 'user', 'state', 'verdict', 'compliance', 'last-seen']],
  ['(min-width: 88rem)', ['name', 'serial', 'os', 'state', 'verdict', 'compliance', 'last-seen']],
  ['(min-width: 78rem)', ['name', 'serial', 'state', 'verdict', 'compliance', 'last-seen']],
  ['(min-width: 64rem)', ['name', 'state', 'compliance', 'last-seen']],
  ['(min-width: 52rem)', ['name', 'state', 'last-seen']],
];
const BRIEF = ['name', 'state'];
const usual = () => USUAL.find(([query]) => window.matchMedia(query).matches)?.[1];

/* The usual columns of a window as wide as this one, also after it is made wider or turned; brief: names have a second line. */
export function useUsual(): { columns: string[]; brief: boolean } {
  const [found, setFound] = useState(usual);
  useEffect(() => {
    const look = () => setFound(usual());
    const queries = USUAL.map(([query]) => window.matchMedia(query));
    for (const q of queries) q.addEventListener('change', look);
    return () => {
      for (const q of queries) q.removeEventListener('change', look);
    };
  }, []);
  return { columns: found ?? BRIEF, brief: found === undefined };
}

export function columnOf(field: string): Column<Device> {
  const column: Column<Device> = { id: field, name: fieldName(field), cell: (d) => cell(d, field), width: WIDTHS[field] ?? 'minmax(7rem, 1fr)' };
  if (field !== 'push') column.sort = field;
  if (FIELDS[field] === 'number') column.align = 'end';
  return column;
}

/* Where there is no place for columns: the name, and beneath it what is asked for first. */
export function summary(): Column<Device> {
  return {
    ...columnOf('name'),
    width: 'minmax(8rem, 1fr)',
    cell: (d) => (
      <>
        {cell(d, 'name')}
        <small class="beneath"><Name text={d.os_version} most={20} /> · <Time at={d.last_seen} short /></small>
      </>
    ),
  };
}
