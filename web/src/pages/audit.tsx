/* Who did what, from where, and what came of it. What is looked for stands in the address of the page, so that it can be handed on. */
import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { segment, withQuery } from '../api/client';
import { type Key, t, word } from '../i18n';
import { Badge, Button, Card, Page } from '../ui/basics';
import { CheckBox, Choice, Form, TextField } from '../ui/form';
import { Paged } from '../ui/paged';
import { type Column, Table } from '../ui/table';
import { Code, Moment, Name, Told } from '../ui/text';
import { actText, acts } from './audit/acts';

interface Row {
  id: number;
  at: string;
  who: string;
  kind: string;
  peer: string;
  act: string;
  object: string | null;
  status: number;
  detail: string | null;
  trace: string;
}
interface Asked {
  who: string;
  act: string;
  object: string;
  from: string; // days of the reader's calendar
  to: string;
  failed: string; // "true", or empty
}

const asked = (query: Record<string, string>): Asked => ({
  who: query.who ?? '', act: query.act ?? '', object: query.object ?? '', from: query.from ?? '', to: query.to ?? '', failed: query.failed === 'true' ? 'true' : '',
});

/* Midnight of that day here, as the server takes it; days: so many later. */
function midnight(day: string, days: number): string | undefined {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (!found) return undefined;
  return new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3]) + days).toISOString().replace(/\.\d+Z$/, 'Z');
}

const pathOf = (a: Asked) => withQuery('/audit', { who: a.who, act: a.act, object: a.object, failed: a.failed, from: midnight(a.from, 0), to: midnight(a.to, 1), limit: 100 });

/* One that was asked for by the address and has no text is offered as it is. */
function choices(now: string): [string, string][] {
  const all = acts();
  const known = now === '' || all.some(([act]) => act === now);
  return [['', t('audit.any')], ...(known ? [] : [[now, now] as [string, string]]), ...all];
}

function Filters({ now }: { now: Asked }) {
  const { route } = useLocation();
  const [a, setA] = useState(now);
  const text = JSON.stringify(now);
  useEffect(() => setA(JSON.parse(text) as Asked), [text]);
  const set = (what: Partial<Asked>) => setA({ ...a, ...what });
  const go = (next: Asked) => route(withQuery('/audit', { ...next }));
  return (
    <Form submit={() => go(a)}>
      <div class="pair">
        <TextField label={t('audit.who')} value={a.who} change={(who) => set({ who })} type="search" autoComplete="off" />
        <Choice label={t('audit.act')} value={a.act} change={(act) => set({ act })} options={choices(a.act)} />
        <TextField label={t('audit.object')} value={a.object} change={(object) => set({ object })} autoComplete="off" />
        <TextField label={t('audit.from')} value={a.from} change={(from) => set({ from })} type="date" />
        <TextField label={t('audit.to')} value={a.to} change={(to) => set({ to })} type="date" />
      </div>
      <CheckBox label={t('audit.failed')} value={a.failed === 'true'} change={(on) => set({ failed: on ? 'true' : '' })} />
      <footer>
        <Button type="submit" kind="main">{t('audit.find')}</Button>
        <Button onClick={() => go(asked({}))}>{t('audit.all')}</Button>
      </footer>
    </Form>
  );
}

const OF_MANY = /^([a-z]+): (\d+) [a-z]+$/; // "block: 214 devices": what has no page
const OF = { add: 'audit.of.add', any: 'audit.of.any', block: 'audit.of.block', check: 'audit.of.check', set: 'audit.of.set', unblock: 'audit.of.unblock' } satisfies Record<string, Key>;
const isOf = (act: string): act is keyof typeof OF => Object.hasOwn(OF, act);

/* Of many how many, in words; null of what has a name. */
function ofMany(row: Row): string | null {
  if (row.object === 'check' && row.act === 'POST /api/v1/commands') return t('audit.of.check-one');
  const [, act = '', n] = OF_MANY.exec(row.object ?? '') ?? [];
  return isOf(act) ? t(OF[act], { n: Number(n) }) : null;
}

function Done({ row }: { row: Row }) {
  const to = place(row);
  if (row.object === null) return null;
  if (to !== null) return <a href={to}><Name text={row.object} /></a>;
  const many = ofMany(row);
  return many === null ? <Name text={row.object} /> : <>{many}</>;
}

/* The page that shows what an act was done to. */
function place(row: Row): string | null {
  const found = /\/api\/v1\/(devices|groups|profiles|commands)\b(?!\/[a-z])/.exec(row.act);
  return found?.[1] && row.object && !(found[1] === 'commands' && row.status >= 400) && ofMany(row) === null ? `/${found[1]}/${segment(row.object)}` : null;
}

function Act({ act }: { act: string }) {
  const text = actText(act);
  return text === null ? <Code>{act}</Code> : <>{text}{act.includes(' ') && <div class="soft"><Code>{act}</Code></div>}</>;
}

function columns(): Column<Row>[] {
  return [
    { id: 'at', name: t('audit.at'), cell: (r) => <Moment at={r.at} /> },
    { id: 'who', name: t('audit.who'), cell: (r) => <><Name text={r.who} /><div class="soft">{word('audit.kind', r.kind)}</div></>, width: '6rem' },
    { id: 'act', name: t('audit.act'), cell: (r) => <Act act={r.act} />, width: '15rem' },
    { id: 'object', name: t('audit.object'), cell: (r) => <Done row={r} /> },
    { id: 'status', name: t('audit.outcome'), cell: (r) => <><Badge tone={r.status < 400 ? 'ok' : 'bad'}>{r.status < 400 ? t('audit.done') : t('audit.refused')} {r.status}</Badge>{r.detail && <div class="soft"><Told text={word('error.code', r.detail)} /></div>}</> },
    { id: 'peer', name: t('audit.peer'), cell: (r) => <><Told text={r.peer} /><div class="soft whole">{t('audit.trace')} <Code>{r.trace}</Code></div></>, width: '6.5rem' },
  ];
}

export default function Audit() {
  const { query } = useLocation();
  const now = asked(query);
  const path = pathOf(now);
  return (
    <Page title={t('nav.audit')} lead={t('audit.lead')}>
      <Card><Filters now={now} /></Card>
      <Card wide>
        <Paged<Row> key={path} path={path} of="audit" empty={t('audit.none')} on={(c) => c.kind === 'audit.changed'} every={30_000}>
          {(rows) => <Table columns={columns()} rows={rows} id={(r) => String(r.id)} caption={t('nav.audit')} />}
        </Paged>
      </Card>
    </Page>
  );
}
