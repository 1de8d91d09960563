/* How a group stands: what is so, what is on its way, what fails and why. */
import { segment } from '../../api/client';
import { useApi } from '../../api/use';
import { number, t } from '../../i18n';
import type { Group, Standing as Row } from '../../parts/group';
import { Badge, Banner, Card, Empty } from '../../ui/basics';
import { type Column, Table } from '../../ui/table';
import { Code, Name, Time, Told, Words } from '../../ui/text';
import { devicesBy, quoted } from '../profiles/parts';

function Sum({ n, text, filter }: { n: number; text: string; filter: string }) {
  return <div><b><a href={devicesBy(filter)}>{number(n)}</a></b><span class="soft">{text}</span></div>;
}

/* Its name, where it is known; what it is called in rules and by the command line beneath. */
function ref(a: Row, names: Map<string, string | null>) {
  if (a.kind === 'profile') return <><a href={`/profiles/${segment(a.ref)}`}><Name text={names.get(a.ref) ?? a.ref} /></a>{names.get(a.ref) && <div><Code>{a.ref}</Code></div>}</>;
  if (a.kind === 'package') return <a href="/packages"><Code>{a.ref}</Code></a>;
  return <Code>{a.ref}</Code>;
}

const count = (n: number, tone: 'ok' | 'wait' | 'bad' | 'none') => (n === 0 ? <span class="soft">0</span> : <Badge tone={tone}>{number(n)}</Badge>);

function columns(names: Map<string, string | null>): Column<Row>[] {
  return [
    {
      id: 'what',
      name: t('group.what'),
      cell: (a) => (
        <>
          <span class="soft">{t(`group.kind.${a.kind}`)}</span> {ref(a, names)}
          {a.users && <span class="soft"> {t('group.users')}</span>}
          {a.kind === 'command' && <span class="soft"> {t('group.position-n', { n: a.position })}</span>}
          {a.options && Object.keys(a.options).length > 0 && <div><Code>{JSON.stringify(a.options)}</Code></div>}
          {a.trouble && <Banner tone="bad"><Words text={a.trouble} /></Banner>}
        </>
      ),
    },
    { id: 'compliant', name: t('group.compliant'), cell: (a) => count(a.compliant, 'ok'), align: 'end' },
    { id: 'working', name: t('group.working'), cell: (a) => count(a.working, 'wait'), align: 'end' },
    { id: 'failing', name: t('group.failing'), cell: (a) => count(a.failing, 'bad'), align: 'end' },
    { id: 'unfit', name: t('group.not-applicable'), cell: (a) => count(a.not_applicable, 'none'), align: 'end' },
  ];
}

export function Standing({ g }: { g: Group }) {
  const group = `group=${quoted(g.name)}`;
  const profiles = useApi<{ profiles: { identifier: string; name: string | null }[] }>('/profiles');
  const names = new Map(profiles.data?.profiles.map((p) => [p.identifier, p.name]));
  const given = g.assignments.filter((a) => a.kind !== 'requirement');
  const demanded = g.assignments.filter((a) => a.kind === 'requirement');
  const table = (rows: Row[], caption: string) => <Table columns={columns(names)} rows={rows} id={(a) => `${a.kind} ${a.ref} ${String(a.users)}`} caption={caption} />;
  return (
    <>
      <Card title={t('group.standing')} wide>
        <div class="sums">
          <Sum n={g.devices} text={t('group.devices')} filter={group} />
          <Sum n={g.compliant} text={t('group.compliant')} filter={`${group} compliance=compliant`} />
          <Sum n={g.working} text={t('group.working')} filter={`${group} compliance=working`} />
          <Sum n={g.failing} text={t('group.failing')} filter={`${group} compliance=failing`} />
          {g.not_applicable > 0 && <Sum n={g.not_applicable} text={t('group.not-for-them')} filter={group} />}
        </div>
        <p class="help">{t('group.standing-help')}</p>
      </Card>
      {g.failures.length > 0 && (
        <Card title={t('group.failures')} wide>
          <ul class="rows">
            {g.failures.map((f) => (
              <li key={f.id}>
                <div class="line"><a href={`/devices/${segment(f.id)}`}><Name text={f.name ?? f.serial_number ?? f.id} /></a> <span class="soft"><Told text={f.serial_number} /> · <Time at={f.since} /></span></div>
                <div><Words text={f.why} most={500} /></div>
              </li>
            ))}
          </ul>
          {g.failing > g.failures.length && <p><a href={devicesBy(`${group} compliance=failing`)}>{t('group.all-failing', { n: g.failing })}</a></p>}
        </Card>
      )}
      <Card title={t('group.given')} wide>{given.length === 0 ? <Empty>{t('group.no-assignments')}</Empty> : table(given, t('group.given'))}</Card>
      <Card title={t('group.demanded')} wide>{demanded.length === 0 ? <Empty>{t('group.no-requirements')}</Empty> : table(demanded, t('group.demanded'))}</Card>
    </>
  );
}
