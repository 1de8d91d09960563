/* What a group gives and demands, as it is and as it will be; and the form for one more. */
import { useState } from 'preact/hooks';
import { useApi } from '../api/use';
import { t } from '../i18n';
import { Button, Empty } from '../ui/basics';
import { CheckBox, Choice, TextField } from '../ui/form';
import { Code } from '../ui/text';
import { type Fields, readArguments } from './command-draft';
import { CommandFields } from './command-form';
import type { Argument, CommandType } from './commands';
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

const PACKAGE_OPTIONS = ['any_version', 'unverified', 'managed'] as const;

interface Known {
  profiles: [string, string][];
  packages: [string, string][];
  commands: CommandType[];
  settings: Argument[]; // items of the command Settings
  app: Argument[]; // of InstallApplication
}

/* How an app is found, and taken over, is the server's business. */
const NOT_OF_APPS = ['iTunesStoreID', 'Identifier', 'ManifestURL', 'ChangeManagementState'];

function useKnown(): Known {
  const profiles = useApi<{ profiles: { identifier: string; name: string | null }[] }>('/profiles?limit=1000');
  const packages = useApi<{ packages: { name: string }[] }>('/packages?limit=1000');
  const types = useApi<{ command_types: CommandType[] }>('/command-types', { calm: true }).data?.command_types ?? [];
  const items = types.find((c) => c.request_type === 'Settings')?.arguments.find((a) => a.name === 'Settings');
  return {
    commands: types.filter((c) => !c.no_group),
    settings: items?.kinds ?? [],
    app: types.find((c) => c.request_type === 'InstallApplication')?.arguments.filter((a) => !NOT_OF_APPS.includes(a.name ?? '')) ?? [],
    profiles: (profiles.data?.profiles ?? []).map((p) => [p.identifier, p.name ? `${p.name} (${p.identifier})` : p.identifier]),
    packages: (packages.data?.packages ?? []).map((p) => [p.name, p.name]),
  };
}

/* The arguments of what was chosen, as its row of the table describes them. */
function argumentsOf(kind: Kind, ref: string, known: Known): Argument[] | null {
  if (kind === 'command') return known.commands.find((c) => c.request_type === ref)?.arguments ?? null;
  if (kind === 'setting') return known.settings.find((s) => s.name === ref)?.arguments?.filter((a) => a.name !== 'Item') ?? null;
  return kind === 'app' ? known.app : null;
}

interface Draft {
  kind: Kind;
  ref: string;
  label: string; // of a command, where a group has several of its type
  identifier: string; // of an app
  users: boolean;
  position: string;
  flags: string[]; // of a package
  fields: Fields; // of a command, setting or app
}
const blank = (kind: Kind): Draft => ({ kind, ref: '', label: '', identifier: '', users: false, position: '', flags: [], fields: {} });

function optionsOf(d: Draft, args: Record<string, unknown>): Record<string, unknown> | null {
  const all = {
    ...(d.kind === 'app' && d.identifier.trim() !== '' ? { identifier: d.identifier.trim() } : {}),
    ...Object.fromEntries(d.flags.map((f) => [f, true])),
    ...args,
  };
  return Object.keys(all).length > 0 ? all : null;
}

/* What an app is called: the number at the end of its address will do, as the address does. */
const storeNumber = (text: string) => (/\/id(\d+)/.exec(text)?.[1] ?? text).trim();

/* What is typed and cannot be right. An empty field is only not filled in yet. */
function wrongOf(d: Draft): { ref?: string; identifier?: string; position?: string } {
  const wrong: { ref?: string; identifier?: string; position?: string } = {};
  if (d.kind === 'app' && d.ref !== '' && !/^[1-9]\d{0,17}$/.test(d.ref)) wrong.ref = t('group.app-number-wrong');
  if (d.kind === 'app' && d.identifier !== '' && !/^[A-Za-z0-9.-]+$/.test(d.identifier.trim())) wrong.identifier = t('group.bundle-wrong');
  if (d.kind === 'command' && !/^\s*\d{0,9}\s*$/.test(d.position)) wrong.position = t('form.no-integer');
  return wrong;
}

function App({ d, set }: { d: Draft; set: (what: Partial<Draft>) => void }) {
  const wrong = wrongOf(d);
  return (
    <>
      <TextField label={t('group.ref.app')} help={t('group.ref-help.app')} error={wrong.ref} value={d.ref} change={(text) => set({ ref: storeNumber(text) })} autoComplete="off" spellcheck={false} />
      <TextField label={t('group.bundle')} help={t('group.bundle-help')} error={wrong.identifier} value={d.identifier} change={(identifier) => set({ identifier })} autoComplete="off" spellcheck={false} />
    </>
  );
}

function Ref({ d, known, set }: { d: Draft; known: Known; set: (what: Partial<Draft>) => void }) {
  const lists: Partial<Record<Kind, [string, string][]>> = {
    profile: known.profiles,
    package: known.packages,
    command: known.commands.map((c) => [c.request_type, c.request_type]),
    setting: known.settings.map((s) => [s.name ?? '', s.name ?? '']),
  };
  const list = lists[d.kind];
  const choose = (ref: string) => set({ ref, fields: {} });
  if (list) return <Choice label={t(`group.ref.${d.kind}`)} value={d.ref} options={[['', list.length === 0 ? t('group.none-kept') : t('group.choose')], ...list]} change={choose} />;
  return <TextField label={t(`group.ref.${d.kind}`)} help={t('group.ref-help.requirement')} value={d.ref} change={choose} autoComplete="off" spellcheck={false} />;
}

export function AddAssignment({ add }: { add: (a: Assignment) => void }) {
  const known = useKnown();
  const [d, setD] = useState<Draft>(() => blank('profile'));
  const set = (what: Partial<Draft>) => setD((before) => ({ ...before, ...what }));
  const list = argumentsOf(d.kind, d.ref, known);
  const { args, mistakes } = list ? readArguments(list, d.fields) : { args: {}, mistakes: {} };
  const wrong = wrongOf(d);
  const ready = d.ref.trim() !== '' && (d.kind !== 'app' || d.identifier.trim() !== '') && Object.keys({ ...wrong, ...mistakes }).length === 0;
  const go = () => {
    const n = Number(d.position);
    const ref = d.kind === 'command' && d.label.trim() !== '' ? `${d.ref}:${d.label.trim()}` : d.ref.trim();
    add({ kind: d.kind, ref, users: d.users, options: optionsOf(d, args), ...(d.kind === 'command' && d.position.trim() !== '' ? { position: n } : {}) });
    setD(blank(d.kind));
  };
  const forUsers = d.kind === 'profile' || d.kind === 'command' || d.kind === 'setting' || d.kind === 'app';
  return (
    <fieldset>
      <legend>{t('group.add-assignment')}</legend>
      <div class="pair">
        <Choice label={t('group.kind')} value={d.kind} options={KINDS.map((k) => [k, t(`group.kind.${k}`)])} change={(k) => setD(blank(k as Kind))} />
        {d.kind !== 'app' && <Ref d={d} known={known} set={set} />}
      </div>
      {d.kind === 'app' && <App d={d} set={set} />}
      {list && d.kind !== 'app' && <CommandFields list={list} value={d.fields} change={(fields) => set({ fields })} mistakes={mistakes} />}
      {list && d.kind === 'app' && (
        <details>
          <summary>{t('group.app-more')}</summary>
          <div class="app-more"><CommandFields list={list} value={d.fields} change={(fields) => set({ fields })} mistakes={mistakes} /></div>
        </details>
      )}
      {d.kind === 'command' && d.ref !== '' && (
        <div class="pair">
          <TextField label={t('group.position')} help={t('group.position-help')} error={wrong.position} value={d.position} change={(position) => set({ position })} inputMode="numeric" />
          <TextField label={t('group.label')} help={t('group.label-help')} value={d.label} change={(label) => set({ label })} autoComplete="off" />
        </div>
      )}
      {d.kind === 'package' && PACKAGE_OPTIONS.map((o) => (
        <CheckBox key={o} label={t(`group.package.${o}`)} value={d.flags.includes(o)} change={(on) => set({ flags: on ? [...d.flags, o] : d.flags.filter((f) => f !== o) })} />
      ))}
      {forUsers && <CheckBox label={t('group.for-users')} help={t('group.for-users-help')} value={d.users} change={(users) => set({ users })} />}
      <p><Button disabled={!ready} onClick={go}>{t('group.add-this')}</Button></p>
    </fieldset>
  );
}
