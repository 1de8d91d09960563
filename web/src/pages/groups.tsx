/* All groups, and how their devices stand. */
import { Plus } from 'lucide-preact';
import { segment } from '../api/client';
import { tells } from '../api/live';
import { may } from '../api/session';
import { useApi } from '../api/use';
import { number, t } from '../i18n';
import type { GroupShort } from '../parts/group';
import { Badge, Card, Empty, Failure, Page, type Tone, Waiting } from '../ui/basics';
import { type Column, Table } from '../ui/table';
import { Code, Name, Told } from '../ui/text';
import { devicesBy, quoted } from './profiles/parts';

function Count({ n, tone, group, state }: { n: number; tone: Tone; group: string; state: string }) {
  if (n === 0) return <span class="soft">0</span>;
  return <a href={devicesBy(`group=${quoted(group)} compliance=${state}`)}><Badge tone={tone}>{number(n)}</Badge></a>;
}

function columns(): Column<GroupShort>[] {
  return [
    { id: 'name', name: t('group.name'), cell: (g) => <><a href={`/groups/${segment(g.name)}`}><Name text={g.name} /></a>{g.note && <div class="soft"><Told text={g.note} most={120} /></div>}</>, width: '9rem' },
    { id: 'rule', name: t('group.which'), cell: (g) => (g.rule === null ? t('group.static') : <Code>{g.rule.length > 160 ? `${g.rule.slice(0, 160)}…` : g.rule}</Code>), width: '8rem' },
    { id: 'devices', name: t('group.devices'), cell: (g) => <a href={devicesBy(`group=${quoted(g.name)}`)}>{number(g.devices)}</a>, align: 'end' },
    { id: 'compliant', name: t('group.compliant'), cell: (g) => <Count n={g.compliant} tone="ok" group={g.name} state="compliant" />, align: 'end' },
    { id: 'working', name: t('group.working'), cell: (g) => <Count n={g.working} tone="wait" group={g.name} state="working" />, align: 'end' },
    { id: 'failing', name: t('group.failing'), cell: (g) => <Count n={g.failing} tone="bad" group={g.name} state="failing" />, align: 'end' },
    { id: 'assignments', name: t('group.assignments'), cell: (g) => number(g.assignments), align: 'end' },
  ];
}

export default function Groups() {
  const { data, error, loading } = useApi<{ groups: GroupShort[] }>('/groups', { on: tells('group'), every: 30_000 });
  return (
    <Page
      title={t('nav.groups')}
      lead={t('groups.lead')}
      actions={may('operator') && <a class="button main" href="/new-group"><Plus size={16} aria-hidden="true" /> {t('group.new')}</a>}
    >
      <Failure error={error} />
      {loading && <Waiting />}
      {data && (
        <Card wide>
          {data.groups.length === 0 ? <Empty>{t('groups.none')}</Empty> : <Table columns={columns()} rows={data.groups} id={(g) => g.name} caption={t('nav.groups')} />}
        </Card>
      )}
    </Page>
  );
}
