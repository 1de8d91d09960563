/* The fleet as a list: found while typing, of any length, acted on together. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { Columns3, Download, Upload } from 'lucide-preact';
import { withQuery } from '../api/client';
import { may } from '../api/session';
import { useApi } from '../api/use';
import { type Key, t, word } from '../i18n';
import { type Device, devicePath } from '../parts/device';
import { conditionOf, FilterField, withCondition } from '../parts/filter';
import type { Targets } from '../parts/commands';
import { type Receivers, SendDialog } from '../parts/send';
import { Button, Empty, Page, Waiting } from '../ui/basics';
import { Menu } from '../ui/menu';
import { LongTable } from '../ui/table';
import { ChooseColumns } from './devices/choose';
import { ALL_COLUMNS, columnOf, summary, useUsual } from './devices/columns';
import { Import } from './devices/import';
import { Many, type ManyAct } from './devices/many';
import { useDevices } from './devices/rows';
import { useSelection } from './devices/selection';

const TYPING = 180; // ms without a key before the server is asked

/* Filter, sort and columns stand in the URL: a link shows the same list. */
function useAsked() {
  const { path, query, route } = useLocation();
  const set = (change: Record<string, string>) => {
    const next = withQuery(path, Object.fromEntries(Object.entries({ ...query, ...change }).filter(([, v]) => v !== '')));
    route(next, true);
  };
  const usual = useUsual();
  const known = (query.columns ?? '').split(',').filter((c) => ALL_COLUMNS.includes(c));
  return {
    asked: { filter: query.filter ?? '', sort: query.sort ?? '', former: query.former === 'yes' },
    columns: known.length > 0 ? known : usual.columns,
    brief: known.length === 0 && usual.brief,
    set,
  };
}

/* What is typed, a moment later what is asked for. */
function useTyped(asked: string, set: (text: string) => void): [string, (text: string) => void] {
  const [typed, setTyped] = useState(asked);
  const last = useRef(asked);
  const timer = useRef(0);
  useEffect(() => {
    if (asked !== last.current) setTyped(asked); // somebody followed a link, or went back
    last.current = asked;
  }, [asked]);
  const send = useRef(set);
  send.current = set;
  return [typed, (text) => {
    setTyped(text);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      last.current = text;
      send.current(text);
    }, TYPING);
  }];
}

const CHIPS: [string, string, Key][] = [
  ['state', 'blocked', 'devices.blocked'], ['state', 'checked-out', 'devices.left'], ['compliance', 'failing', 'devices.failing'], ['supervised', 'on', 'devices.supervised'],
];
const PLATFORMS = ['macos', 'ios', 'tvos', 'watchos', 'visionos'];

/* Of those found. */
const firstLine = () => document.querySelector<HTMLElement>('[data-line][tabindex="0"]')?.focus();

function Chips({ filter, former, set }: { filter: string; former: boolean; set: (change: Record<string, string>) => void }) {
  const held = useApi<{ takeovers: unknown[] }>('/takeovers', { on: (c) => c.kind.startsWith('device.') });
  const unknown = useApi<{ refused: { known: boolean }[] }>('/refused', { every: 60_000 });
  const heldN = held.data?.takeovers.length ?? 0;
  const unknownN = unknown.data?.refused.filter((r) => !r.known).length ?? 0;
  const chip = (field: string, value: string, name: string) => {
    const on = conditionOf(filter, field) === value;
    return <button type="button" key={`${field}-${value}`} class="chip" aria-pressed={on} onClick={() => set({ filter: withCondition(filter, field, on ? '' : value) })}>{name}</button>;
  };
  return (
    <div class="chips quick" role="group" aria-label={t('devices.quick')}>
      {PLATFORMS.map((p) => chip('platform', p, word('platform', p)))}
      {CHIPS.map(([field, value, name]) => chip(field, value, t(name)))}
      <button type="button" class="chip" aria-pressed={former} onClick={() => set({ former: former ? '' : 'yes' })}>{t('devices.former')}</button>
      {heldN > 0 && <a class="chip warn" href="/takeovers">{t('devices.held', { n: heldN })}</a>}
      {unknownN > 0 && <a class="chip warn" href="/takeovers?tab=unknown">{t('devices.unknown', { n: unknownN })}</a>}
    </div>
  );
}

const MANY: ManyAct[] = ['set', 'block', 'unblock'];

function Chosen({ n, total, all, choose, clear, send, act }: { n: number; total: number; all: boolean; choose: () => void; clear: () => void; send: () => void; act: (a: ManyAct) => void }) {
  return (
    <div class="chosen-bar" role="status">
      <strong>{t('devices.chosen', { n })}</strong>
      {!all && n < total && <Button kind="quiet" onClick={choose}>{t('devices.choose-all', { n: total })}</Button>}
      <Button kind="quiet" onClick={clear}>{t('devices.choose-none')}</Button>
      <Button kind="main" onClick={send}>{t('devices.act', { n })}</Button>
      <Menu label={t('act.more')} items={MANY.map((a) => ({ id: a, name: t(`many.${a}`), danger: a === 'block', run: () => act(a) }))} />
    </div>
  );
}

export default function Devices() {
  const { route } = useLocation();
  const { asked, columns, brief, set } = useAsked();
  const [typed, type] = useTyped(asked.filter, (filter) => set({ filter }));
  const list = useDevices(asked);
  const chosen = useSelection(list.rows, list.filter, asked.former);
  const [dialog, setDialog] = useState<'columns' | 'import' | null>(null);
  const [to, setTo] = useState<Receivers | null>(null);
  const [many, setMany] = useState<{ act: ManyAct; targets: Targets } | null>(null);
  const shown = useMemo(() => columns.map((c) => (brief && c === 'name' ? summary() : columnOf(c))), [columns.join(), brief]); // eslint-disable-line react-hooks/exhaustive-deps -- by what is in it
  const sort = asked.sort.replace(/^-/, '');
  const sortBy = (field: string) => set({ sort: sort === field && !asked.sort.startsWith('-') ? `-${field}` : field });
  const csv = withQuery('/api/v1/devices/export', { filter: asked.filter, sort: asked.sort, former: asked.former ? 'yes' : undefined, columns: columns.join() });
  const n = chosen.all ? list.total : chosen.ids.size;
  const targets = chosen.all ? { filter: list.filter } : { ids: [...chosen.ids] };
  return (
    <Page
      title={t('nav.devices')}
      lead={list.known ? t('devices.total', { n: list.total }) : undefined}
      actions={(
        <>
          <Button icon={<Columns3 size={16} aria-hidden="true" />} onClick={() => setDialog('columns')}>{t('devices.columns')}</Button>
          <a class="button plain" href={csv} download="devices.csv"><Download size={16} aria-hidden="true" /><span>{t('devices.export')}</span></a>
          {may('operator') && <Button icon={<Upload size={16} aria-hidden="true" />} onClick={() => setDialog('import')}>{t('devices.import')}</Button>}
        </>
      )}
    >
      <FilterField value={typed} change={type} error={list.error} placeholder={t('devices.find')} down={firstLine} />
      <Chips filter={typed} former={asked.former} set={(change) => { if (change.filter !== undefined) type(change.filter); set(change); }} />
      {n > 0 && <Chosen n={n} total={list.total} all={chosen.all} choose={chosen.chooseAll} clear={chosen.clear} send={() => setTo({ targets, count: n })} act={(act) => setMany({ act, targets })} />}
      {!list.known && list.loading && <Waiting />}
      {list.known && list.total === 0 && <Empty>{asked.filter === '' ? t('devices.none') : t('devices.none-found')}</Empty>}
      {list.known && list.total === 0 && asked.filter === '' && may('operator') && <div class="actions"><a class="button main" href="/enrollment">{t('enroll.make')}</a></div>}
      {list.total > 0 && (
        <LongTable<Device>
          columns={shown} rows={list.rows} total={list.total} need={list.need} id={(d) => d.id} caption={t('nav.devices')}
          sort={sort === '' ? 'enrolled' : sort} descending={asked.sort.startsWith('-')} sortBy={sortBy} open={(d) => route(devicePath(d.id))} tall={brief}
          {...(may('operator') ? { chosen: chosen.seen, choose: chosen.choose } : {})}
        />
      )}
      {dialog === 'columns' && <ChooseColumns chosen={columns} choose={(c) => set({ columns: c.join() })} reset={() => set({ columns: '' })} close={() => setDialog(null)} />}
      {dialog === 'import' && <Import close={() => { setDialog(null); list.again(); }} />}
      {many && <Many act={many.act} targets={many.targets} close={() => { setMany(null); list.again(); }} />}
      {to && <SendDialog to={to} close={() => { setTo(null); list.again(); }} />}
    </Page>
  );
}
