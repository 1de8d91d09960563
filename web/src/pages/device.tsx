/* One device: how it stands and why, what is known of it, what may be done. */
import { useLocation, useRoute } from 'preact-iso';
import { segment, withQuery } from '../api/client';
import { may } from '../api/session';
import { useApi } from '../api/use';
import { t } from '../i18n';
import { commandName } from '../parts/commands';
import { ComplianceBadge, deviceName, devicePath, PlatformIcon, platformName, StateBadge, StatusBadge } from '../parts/device';
import { type Why, WhyChain, WhyText } from '../parts/why';
import { Banner, Card, Facts, Failure, Page, Panel, Tabs, Waiting } from '../ui/basics';
import { Name, Time, Told } from '../ui/text';
import { Reach, Security, Things } from './device/about';
import { Acts } from './device/acts';
import type { Channel, Whole } from './device/data';
import { Escrow } from './device/escrow';
import { Notes } from './device/notes';
import { Software } from './device/software';
import { History, Standing, Users } from './device/standing';
import { Timeline } from './device/timeline';

const TABS = ['overview', 'security', 'software', 'plan', 'users', 'timeline'] as const;
type Tab = (typeof TABS)[number];
const isTab = (x: string | undefined): x is Tab => TABS.some((tab) => tab === x);

function Lead({ d }: { d: Whole }) {
  return (
    <span class="device-lead">
      <PlatformIcon platform={d.fields.platform as string | undefined} product={d.fields.product} />
      <span>{platformName(d.fields.platform as string | undefined, d.fields.product)} <Name text={d.os_version} /></span>
      <Name text={d.model} />
      {d.serial_number && <code><Name text={d.serial_number} /></code>}
      {d.fields.user !== undefined && <Name text={String(d.fields.user)} />}
      <StateBadge state={d.former ? 'former' : d.state} />
      {d.plan.state !== 'none' && <ComplianceBadge state={d.plan.state} />}
    </span>
  );
}

function Overview({ d, why, etag }: { d: Whole; why: Why | undefined; etag: string | null }) {
  return (
    <>
      {why && (
        <Card title={t('why.title')} wide>
          <WhyText why={why} />
          <details class="chain-box" open={why.verdict !== 'fine'}>
            <summary>{t('why.chain')}</summary>
            <WhyChain chain={why.chain} />
          </details>
        </Card>
      )}
      {d.waiting.length > 0 && (
        <Card title={t('device.waiting')} wide>
          <ul class="waits">{d.waiting.map((w) => <li key={w.command_uuid}><a href={`/commands/${segment(w.command_uuid)}`}>{commandName(w.request_type)}</a> <StatusBadge status={w.status} /> <Time at={w.queued_at} /></li>)}</ul>
        </Card>
      )}
      <div class="cards">
        <Things device={d} />
        <Reach device={d} />
        <Notes device={d} etag={etag} />
      </div>
    </>
  );
}

/* A user's channel is no device: what it is, and whose. */
function UserOf({ c, device }: { c: Channel; device: string }) {
  return (
    <Page title={<Told text={deviceName(c)} />} lead={<>{t('device.user-of')} <a href={devicePath(device)}><Name text={device} /></a></>}>
      <Card>
        <Facts
          rows={[
            [t('device.short-name'), <Name text={c.user_short_name} />],
            [t('field.last-seen'), <Time at={c.last_seen} />],
            [t('device.waiting'), <a href={withQuery('/commands', { device: c.id })}>{t('device.commands', { n: c.commands_waiting })}</a>],
            [t('field.id'), <code class="told">{c.id}</code>],
          ]}
        />
      </Card>
      <Software device={c.id} />
    </Page>
  );
}

export default function DevicePage() {
  const { params } = useRoute();
  const { path, query, route } = useLocation();
  const id = params.id ?? '';
  const at = `/devices/${segment(id)}`;
  const mine = (c: { device?: string; enrollment?: string }) => c.device === id || c.enrollment === id;
  const device = useApi<Whole>(at, { on: mine, every: 60_000 });
  const why = useApi<Why>(device.data && !device.data.device ? `${at}/why` : null, { on: mine, every: 30_000 });
  const d = device.data;
  const tab = isTab(query.tab) ? query.tab : 'overview';
  if (device.error && !d) {
    return (
      <Page title={t('device.title')}>
        <Failure error={device.error} />
        {device.error.status === 404 && <p><a href="/devices">{t('nav.devices')}</a></p>}
      </Page>
    );
  }
  if (!d) return <Waiting />;
  if (d.device) return <UserOf c={d} device={d.device} />;
  return (
    <Page title={<Told text={deviceName(d)} most={120} />} lead={<Lead d={d} />} actions={may('operator') ? <Acts device={d} verdicts={why.data ? [why.data.verdict, ...why.data.also] : []} /> : undefined}>
      {d.former && <Banner tone="warn" title={t('device.former')} />}
      <Failure error={device.error ?? why.error} />
      <Tabs tabs={TABS.map((x) => [x, t(`device.tab-${x}`)])} chosen={tab} choose={(x) => route(x === 'overview' ? path : `${path}?tab=${x}`, true)} />
      <Panel id={tab}>
        {tab === 'overview' && <Overview d={d} why={why.data} etag={device.etag} />}
        {tab === 'security' && <><Security device={d} /><Escrow device={d} /></>}
        {tab === 'software' && <Software device={d.id} />}
        {tab === 'plan' && <Standing device={d} />}
        {tab === 'users' && <><Users device={d} /><History device={d} /></>}
        {tab === 'timeline' && <Timeline device={d} />}
      </Panel>
    </Page>
  );
}
