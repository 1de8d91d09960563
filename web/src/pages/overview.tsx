/* Is everything fine, and if not, what is to be done? */
import { segment } from '../api/client';
import { may } from '../api/session';
import { useApi } from '../api/use';
import { days, daysTo, type Key, number, rich, t, word } from '../i18n';
import { commandName } from '../parts/commands';
import { DeviceLink } from '../parts/device';
import { Fix } from '../parts/why';
import { Badge, Banner, Card, Empty, Failure, Page, Sign, type Tone, Waiting } from '../ui/basics';
import { Day, Name, Time, Words } from '../ui/text';
import { checkName } from './doctor';
import type { Overview } from './overview/types';
import { Wakeups } from './overview/wakeups';
import { dateTone, inUse } from './pushcert/types';

const EXPIRY_WARN = 60;
const EXPIRY_BAD = 14;

/* What keeps devices from being woken at all. */
const DARK = new Set(['pushcert-expired', 'pushcert-missing', 'pushcert-refused', 'push-stopped']);

/* Where the next step is, by how the guardian's slug begins; the first row that fits. */
const STEPS: [slug: string, page: string, name: Key][] = [
  ['pushcert-none', '/pushcert?tab=renew', 'pushcert.make'],
  ['pushcert-unproven', '/doctor', 'nav.doctor'], // Apple could not be asked: nothing is to be renewed
  ['pushcert-', '/pushcert?tab=renew', 'pushcert.renew'],
  ['vendor-', '/pushcert?tab=renew', 'pushcert.renew'],
  ['account-', '/pushcert?tab=people', 'pushcert.tab.people'],
  ['push-', '/doctor', 'nav.doctor'],
  ['apns-', '/doctor', 'nav.doctor'],
];

/* What the guardian says. */
function Said({ b, tone }: { b: Overview['banner'][number]; tone: Tone }) {
  const step = STEPS.find(([slug]) => b.slug.startsWith(slug));
  const [, page, name] = step ?? [];
  const next = page && name && (page === '/doctor' || may('admin')) && <a class="button" href={page}>{t(name)}</a>;
  return (
    <Banner tone={tone} title={<Words text={b.title} />} actions={next || undefined}>
      <p><Words text={b.text} most={600} /></p>
      <p><Words text={b.fix} most={600} /></p>
    </Banner>
  );
}

/* What is wrong, worst first, each with its next step; nothing: all is well. */
function Health({ o }: { o: Overview }) {
  const bad = o.doctor.checks.filter((c) => c.status === 'fail');
  const unsettled = inUse(o.pushcerts).reduce((n, c) => n + (c.warnings?.length ?? 0), 0);
  const dark = o.banner.filter((b) => DARK.has(b.slug));
  const others = o.banner.filter((b) => !DARK.has(b.slug) && b.slug !== 'record'); // told below, in the reader's language
  const fine = !o.alarm && o.banner.length === 0 && bad.length === 0;
  return (
    <>
      {o.alarm && <Banner tone="bad" title={<Words text={o.alarm.text} />}>{t('overview.since')} <Time at={o.alarm.since} /></Banner>}
      {dark.map((b) => <Said key={b.slug} b={b} tone="bad" />)}
      {bad.filter((c) => dark.length === 0 || c.name !== 'push certificate').map((c) => (
        <Banner key={c.name} tone="bad" title={<Words text={c.message} />} actions={<a class="button" href="/doctor">{t('nav.doctor')}</a>}>
          <Words text={c.fix} most={600} />
        </Banner>
      ))}
      {others.map((b) => <Said key={b.slug} b={b} tone="warn" />)}
      {o.takeovers.length > 0 && (
        <Banner tone="warn" title={t('overview.takeovers', { n: o.takeovers.length })} actions={<a class="button" href="/takeovers">{t('overview.decide')}</a>}>
          {t('overview.takeovers-text')}
        </Banner>
      )}
      {unsettled > 0 && (
        <Banner tone="warn" title={t('pushcert.warnings', { n: unsettled })} actions={<a class="button" href="/pushcert?tab=people">{t('pushcert.tab.people')}</a>}>
          {t('overview.unsettled')}
        </Banner>
      )}
      {fine && <Banner tone="ok" title={t('overview.fine')} />}
    </>
  );
}

function Certificate({ o }: { o: Overview }) {
  const certs = inUse(o.pushcerts);
  return (
    <Card title={<a href="/pushcert">{t('nav.pushcert')}</a>}>
      {certs.length === 0 && <Empty>{t('pushcert.none-yet')}</Empty>}
      {certs.map((c) => {
        const tone: Tone = c.days_left <= EXPIRY_BAD || c.state === 'expired' || c.state === 'revoked' ? 'bad' : c.days_left <= EXPIRY_WARN ? 'warn' : 'ok';
        return (
          <div key={c.serial_number}>
            <p><span class="soft">{rich('pushcert.left', { n: Math.max(0, c.days_left), days: <strong class={`big ${tone}`}>{days(Math.max(0, c.days_left))}</strong> })}</span></p>
            <p class="line"><span>{rich(c.state === 'expired' ? 'overview.ended' : 'overview.ends', { date: <Day at={c.not_after} /> })}</span> <Badge tone={tone}>{word('pushcert.state', c.state)}</Badge></p>
            {certs.length > 1 && <small><Name text={c.topic} /></small>}
          </div>
        );
      })}
    </Card>
  );
}

function Figures({ rows }: { rows: [preact.ComponentChildren, number][] }) {
  if (rows.length === 0) return null;
  return <dl class="figures">{rows.map(([name, n], i) => <div key={i}><dt>{name}</dt><dd>{number(n)}</dd></div>)}</dl>;
}

function Devices({ d }: { d: Overview['devices'] }) {
  const platforms = Object.entries(d.by_platform).sort((a, b) => b[1] - a[1]);
  return (
    <Card title={<a href="/devices">{t('nav.devices')}</a>}>
      <p><strong class="big">{number(d.total)}</strong> <span class="soft">{t('overview.seen', { day: number(d.seen_within_day), week: number(d.seen_within_week) })}</span></p>
      <Figures rows={platforms.map(([p, n]) => [<a href={`/devices?filter=${segment(`platform=${p}`)}`}>{word('platform', p)}</a>, n])} />
      <Figures rows={Object.entries(d.by_state).filter(([s]) => s !== 'enrolled').map(([s, n]) => [<a href={`/devices?filter=${segment(`state=${s}`)}`}>{word('device-state', s)}</a>, n])} />
    </Card>
  );
}

const COMPLIANCE: [keyof Overview['compliance'], Tone][] = [['compliant', 'ok'], ['working', 'wait'], ['failing', 'bad']];

function Compliance({ c }: { c: Overview['compliance'] }) {
  return (
    <Card title={<a href="/groups">{t('overview.compliance')}</a>}>
      {c.compliant + c.working + c.failing === 0 ? <Empty>{t('overview.no-groups')}</Empty> : (
        <Figures rows={COMPLIANCE.map(([state, tone]) => [<><Sign tone={tone} /> <a href={`/devices?filter=${segment(`compliance=${state}`)}`}>{word('compliance', state)}</a></>, c[state]])} />
      )}
    </Card>
  );
}

function Commands({ c }: { c: Overview['commands'] }) {
  return (
    <Card title={<a href="/commands">{t('overview.commands')}</a>}>
      <p><strong class="big">{number(c.waiting)}</strong> {c.oldest_at && <span class="soft">{t('overview.oldest')} <Time at={c.oldest_at} /></span>}</p>
      <Figures rows={c.by_request_type.slice(0, 6).map((r) => [commandName(r.request_type), r.waiting])} />
      {c.own_questions > 0 && <p class="soft">{t('overview.questions', { n: c.own_questions })}</p>}
    </Card>
  );
}

const GO_ON = new Set(['on-its-way', 'waiting-for-pace']); // by themselves, in a moment

function Verdicts({ all }: { all: Overview['verdicts'] }) {
  const list = all.filter((v) => !GO_ON.has(v.verdict));
  return (
    <Card title={t('overview.verdicts')} wide>
      {list.length === 0 && <Empty>{t('overview.no-verdicts')}</Empty>}
      <ul class="rows">
        {list.map((v) => (
          <li key={`${v.verdict} ${v.scope}`}>
            <p>
              <strong>{word('verdict', v.verdict)}</strong>{' '}
              {v.devices > 0 && <a href={`/devices?filter=${segment(`verdict=${v.verdict}`)}`}>{t('devices.n', { n: v.devices })}</a>}
            </p>
            <p><Words text={v.message} most={400} /></p>
            <p class="soft"><Fix verdict={v.verdict} fix={v.fix} /></p>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Guardian({ list }: { list: Overview['guardian'] }) {
  return (
    <Card title={<a href="/pushcert?tab=dates">{t('overview.dates')}</a>}>
      <ul class="rows">
        {list.slice(0, 3).map((d) => (
          <li key={d.subject}>
            <p><Day at={d.at} /> <Badge tone={dateTone(d)}>{daysTo(d.days_left)}</Badge></p>
            <p class="soft">{word('dates.kind', d.kind)}</p>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Doctor({ d }: { d: Overview['doctor'] }) {
  return (
    <Card title={<a href="/doctor">{t('overview.doctor')}</a>}>
      {!d.at && <Empty>{t('overview.not-looked')}</Empty>}
      {d.at && d.checks.length === 0 && <p><Badge tone="ok">{t('overview.no-findings')}</Badge></p>}
      <ul class="rows">{d.checks.map((c) => <li key={c.name} class="check-row"><Badge tone={c.status === 'fail' ? 'bad' : 'warn'}>{checkName(c.name)}</Badge><p class="brief"><Words text={c.message} /></p></li>)}</ul>
      {d.at && <p class="soft">{t('overview.looked')} <Time at={d.at} /></p>}
    </Card>
  );
}

const SUBJECTS = ['name', 'group', 'profile', 'identifier', 'serial_number', 'topic'];

/* Whom or what an event is about, and who did it: as it names them. */
function Subject({ e }: { e: Overview['recent'][number] }) {
  if (e.enrollment) return <DeviceLink id={e.enrollment} name={e.device_name} />;
  const named = SUBJECTS.map((key) => e.data[key]).find((x) => typeof x === 'string' && x !== '');
  return typeof named === 'string' ? <Name text={named} /> : null;
}

function Recent({ list }: { list: Overview['recent'] }) {
  return (
    <Card title={t('overview.recent')} wide>
      {list.length === 0 && <Empty>{t('overview.nothing-yet')}</Empty>}
      <ul class="timeline recent">
        {list.slice(0, 8).map((e) => (
          <li key={e.event}>
            <Time at={e.at} />
            <span class="what">
              <span>{word('event', e.kind)}</span>
              <Subject e={e} />
              {typeof e.data.by === 'string' && <span class="soft">{t('timeline.by')} <Name text={e.data.by} /></span>}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

export default function OverviewPage() {
  const { data: o, error, loading } = useApi<Overview>('/overview', { on: () => true, every: 30_000 });
  return (
    <Page title={t('nav.overview')}>
      <Failure error={error} />
      {loading && <Waiting />}
      {o && (
        <>
          <Health o={o} />
          <div class="cards even">
            <Devices d={o.devices} />
            <Certificate o={o} />
            <Compliance c={o.compliance} />
            <Commands c={o.commands} />
            <Guardian list={o.guardian} />
            <Doctor d={o.doctor} />
            <Verdicts all={o.verdicts} />
            <Wakeups hours={o.wakeups.hours} />
            <Recent list={o.recent} />
          </div>
          {o.webhooks.dead > 0 && may('admin') && <Banner tone="warn" title={t('overview.dead', { n: o.webhooks.dead })} actions={<a class="button" href="/webhooks">{t('nav.webhooks')}</a>} />}
        </>
      )}
    </Page>
  );
}

