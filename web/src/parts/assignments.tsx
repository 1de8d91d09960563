/* What a group gives and demands, as it is and as it will be; and the form for one more. */
import { useState } from 'preact/hooks';
import { useApi } from '../api/use';
import { t } from '../i18n';
import { Button, Empty } from '../ui/basics';
import { CheckBox, Choice, TextArea, TextField } from '../ui/form';
import { Code } from '../ui/text';
import { type Assignment, type Kind, KINDS, same } from './group';

/* Rows of before that stay, go or get other options, and the new ones. */
export function Assignments({ base, assign, unassign, setAssign, setUnassign }: {
  base: Assignment[];
  assign: Assignment[];
  unassign: Assignment[];
  setAssign: (all: Assignment[]) => void;
  setUnassign: (all: Assignment[]) => void;
}) {
  const rows = [...base, ...assign.filter((a) => !base.some((b) => same(a, b)))];
  if (rows.length === 0) return <Empty>{t('group.no-assignments')}</Empty>;
  return (
    <div class="table-box">
      <table>
        <caption class="hidden">{t('group.assignments')}</caption>
        <thead>
          <tr><th scope="col">{t('group.what')}</th><th scope="col">{t('group.options')}</th><th scope="col"><span class="hidden">{t('acts')}</span></th></tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const gone = unassign.some((u) => same(u, row));
            const mine = assign.find((a) => same(a, row));
            const fresh = mine !== undefined && !base.some((b) => same(b, row));
            const shown = mine ?? row;
            const toggle = () => {
              if (gone) setUnassign(unassign.filter((u) => !same(u, row)));
              else if (mine) setAssign(assign.filter((a) => !same(a, row)));
              else setUnassign([...unassign, row]);
            };
            return (
              <tr key={`${row.kind} ${row.ref} ${String(row.users)}`} class={gone ? 'gone' : undefined}>
                <td>
                  <span class="soft">{t(`group.kind.${row.kind}`)}</span> <Code>{row.ref}</Code>
                  {row.users && <span class="soft"> {t('group.users')}</span>}
                  {row.kind === 'command' && shown.position !== undefined && <span class="soft"> {t('group.position-n', { n: shown.position })}</span>}
                </td>
                <td>{shown.options && Object.keys(shown.options).length > 0 && <Code>{JSON.stringify(shown.options)}</Code>}</td>
                <td class="end"><Button kind="quiet" onClick={toggle}>{t(gone ? 'group.keep' : mine ? (fresh ? 'group.not-this' : 'group.as-before') : 'group.take-out')}</Button></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/* "Name=Value" on each line: true, false, numbers and what begins with [, { or " are JSON, the rest is text. */
export function readOptions(text: string): Record<string, unknown> | null | undefined {
  const options: Record<string, unknown> = {};
  for (const line of text.split('\n').filter((l) => l.trim() !== '')) {
    const at = line.indexOf('=');
    if (at < 1) return undefined;
    const value = line.slice(at + 1).trim();
    try {
      options[line.slice(0, at).trim()] = /^(true|false|null|-?\d+(\.\d+)?|[[{"].*)$/.test(value) ? (JSON.parse(value) as unknown) : value;
    } catch {
      return undefined;
    }
  }
  return Object.keys(options).length > 0 ? options : null;
}

const PACKAGE_OPTIONS = ['any_version', 'unverified', 'managed'] as const;
const SETTINGS = [
  'AccessibilitySettings', 'AppAnalytics', 'ApplicationAttributes', 'ApplicationConfiguration', 'Bluetooth', 'DataRoaming',
  'DeviceName', 'DiagnosticSubmission', 'HostName', 'MaximumResidentUsers', 'MDMOptions', 'OrganizationInfo',
  'PasscodeLockGracePeriod', 'PersonalHotspot', 'SharedDeviceConfiguration', 'SoftwareUpdateSettings', 'TimeZone', 'VoiceRoaming',
  'Wallpaper',
];

interface Known {
  profiles: [string, string][];
  packages: [string, string][];
}

function useKnown(): Known {
  const profiles = useApi<{ profiles: { identifier: string; name: string | null }[] }>('/profiles?limit=1000');
  const packages = useApi<{ packages: { name: string }[] }>('/packages?limit=1000');
  return {
    profiles: (profiles.data?.profiles ?? []).map((p) => [p.identifier, p.name ? `${p.name} (${p.identifier})` : p.identifier]),
    packages: (packages.data?.packages ?? []).map((p) => [p.name, p.name]),
  };
}

export function AddAssignment({ add }: { add: (a: Assignment) => void }) {
  const known = useKnown();
  const [kind, setKind] = useState<Kind>('profile');
  const [ref, setRef] = useState('');
  const [identifier, setIdentifier] = useState('');
  const [users, setUsers] = useState(false);
  const [position, setPosition] = useState('');
  const [text, setText] = useState('');
  const [flags, setFlags] = useState<string[]>([]);
  const options = readOptions(text);
  const wrong = options === undefined ? t('group.options-wrong') : undefined;
  const choose = (k: string) => {
    setKind(k as Kind);
    setRef('');
    setText('');
    setFlags([]);
    setUsers(false);
  };
  const all = (): Record<string, unknown> | null => {
    const more = { ...(kind === 'app' && identifier.trim() !== '' ? { identifier: identifier.trim() } : {}), ...Object.fromEntries(flags.map((f) => [f, true])) };
    return options || Object.keys(more).length > 0 ? { ...more, ...(options ?? {}) } : null;
  };
  const go = () => {
    const n = Number(position);
    add({ kind, ref: ref.trim(), users, options: all(), ...(kind === 'command' && position.trim() !== '' && Number.isInteger(n) ? { position: n } : {}) });
    setRef('');
    setText('');
  };
  const list = kind === 'profile' ? known.profiles : kind === 'package' ? known.packages : null;
  return (
    <fieldset class="field-set">
      <legend>{t('group.add-assignment')}</legend>
      <div class="pair">
        <Choice label={t('group.kind')} value={kind} options={KINDS.map((k) => [k, t(`group.kind.${k}`)])} change={choose} />
        {list
          ? <Choice label={t(`group.ref.${kind}`)} value={ref} options={[['', list.length === 0 ? t('group.none-kept') : t('group.choose')], ...list]} change={setRef} />
          : kind === 'setting'
            ? <Choice label={t('group.ref.setting')} value={ref} options={[['', t('group.choose')], ...SETTINGS.map((s): [string, string] => [s, s])]} change={setRef} />
            : <TextField label={t(`group.ref.${kind}`)} help={t(`group.ref-help.${kind as 'command' | 'app' | 'requirement'}`)} value={ref} change={setRef} autoComplete="off" spellcheck={false} />}
        {kind === 'app' && <TextField label={t('group.bundle')} value={identifier} change={setIdentifier} autoComplete="off" spellcheck={false} />}
        {kind === 'command' && <TextField label={t('group.position')} help={t('group.position-help')} value={position} change={setPosition} inputMode="numeric" />}
      </div>
      {(kind === 'command' || kind === 'setting' || kind === 'app') && (
        <TextArea label={t('group.options')} help={t('group.options-help')} error={wrong} value={text} change={setText} rows={3} mono />
      )}
      {kind === 'package' && PACKAGE_OPTIONS.map((o) => (
        <CheckBox key={o} label={t(`group.package.${o}`)} value={flags.includes(o)} change={(on) => setFlags(on ? [...flags, o] : flags.filter((f) => f !== o))} />
      ))}
      {(kind === 'profile' || kind === 'command' || kind === 'setting' || kind === 'app') && <CheckBox label={t('group.for-users')} help={t('group.for-users-help')} value={users} change={setUsers} />}
      <p><Button disabled={ref.trim() === '' || wrong !== undefined} onClick={go}>{t('group.add-this')}</Button></p>
    </fieldset>
  );
}
