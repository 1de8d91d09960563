/* Devices that somebody else claims to be, and devices that knock and are not known. */
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { api, segment } from '../api/client';
import { may } from '../api/session';
import { tells } from '../api/live';
import { changed, useAct, useApi } from '../api/use';
import { t, word } from '../i18n';
import { type Device, DeviceLink, deviceName, StateBadge } from '../parts/device';
import { Badge, Button, Card, Empty, Facts, Failure, Page, Panel, Tabs, Waiting } from '../ui/basics';
import { Confirm } from '../ui/dialog';
import { Moment, Name, Time, Words } from '../ui/text';
import { toast } from '../ui/toasts';

export interface Takeover {
  id: string;
  since: string;
  address: string | null;
  link: number | null;
  link_by: string | null;
  accepted_by: string | null;
  waits_for: string;
  silent_at: string | null;
  former_address: string | null;
  former_seen: string | null;
}

type Word = 'accept' | 'refuse';
const DECIDED = { accept: 'takeover.accepted', refuse: 'takeover.refused' } as const;

export function DecideTakeover({ id, name, what, close }: { id: string; name: string; what: Word; close: () => void }) {
  const act = useAct(async () => {
    await api('POST', `/devices/${segment(id)}/${what}`);
    toast(t(DECIDED[what]));
    await changed('/takeovers', '/devices');
    close();
  });
  return (
    <Confirm title={<>{t(`takeover.${what}-title`)} <Name text={name} /></>} verb={t(`takeover.${what}`)} danger={what === 'refuse'} busy={act.busy} error={act.error} go={() => void act.run()} close={close}>
      <p>{t(`takeover.${what}-text`)}</p>
    </Confirm>
  );
}

/* Both sides next to each other: what is known of who has it, and of who claims it. */
function TakeoverCard({ x }: { x: Takeover }) {
  const device = useApi<Device>(`/devices/${segment(x.id)}`, { on: (c) => c.device === x.id });
  const [deciding, setDeciding] = useState<Word | null>(null);
  const d = device.data;
  const name = d ? deviceName(d) : x.id;
  return (
    <Card title={<DeviceLink id={x.id} name={name} />} wide>
      <p>{t('takeover.what')}</p>
      <div class="sides">
        <section>
          <h3>{t('takeover.has')}</h3>
          <Facts
            rows={[
              [t('field.serial'), <Name text={d?.serial_number} />],
              [t('field.model'), <Name text={d?.model} />],
              [t('field.user'), <Name text={d?.fields.user === undefined ? null : String(d.fields.user)} />],
              [t('field.last-seen'), <Time at={x.former_seen} />],
              [t('takeover.address'), <Name text={x.former_address} />],
            ]}
          />
        </section>
        <section>
          <h3>{t('takeover.claims')}</h3>
          <Facts
            rows={[
              [t('takeover.since'), <Moment at={x.since} />],
              [t('takeover.address'), <Name text={x.address} />],
              [t('takeover.link'), x.link === null ? t('takeover.no-link') : <>{t('takeover.link-n', { link: String(x.link) })} · <Name text={x.link_by} /></>],
              [t('takeover.waits'), <Words text={x.waits_for} />],
              ...(x.accepted_by ? [[t('takeover.accepted-by'), <Name text={x.accepted_by} />] as [string, preact.JSX.Element]] : []),
            ]}
          />
        </section>
      </div>
      {may('operator') && (
        <div class="actions">
          {!x.accepted_by && <Button kind="main" onClick={() => setDeciding('accept')}>{t('takeover.accept')}</Button>}
          <Button kind="danger" onClick={() => setDeciding('refuse')}>{t('takeover.refuse')}</Button>
        </div>
      )}
      {deciding && <DecideTakeover id={x.id} name={name} what={deciding} close={() => setDeciding(null)} />}
    </Card>
  );
}

/* ---- who knocks ---- */

interface Refused {
  id: string;
  known: boolean;
  reason: string;
  message_type: string;
  first_at: string;
  last_at: string;
  count: number;
  address: string | null;
  certificate: string | null;
  serial_number: string | null;
}

function Knocker({ x }: { x: Refused }) {
  const [adopting, setAdopting] = useState(false);
  const act = useAct(async () => {
    await api('POST', `/devices/${segment(x.id)}/adopt`, { body: x.certificate ? { certificate: x.certificate } : {} });
    toast(t('knock.adopted'));
    await changed('/refused', '/devices');
    setAdopting(false);
  });
  return (
    <Card title={x.known ? <DeviceLink id={x.id} name={x.serial_number ?? x.id} /> : <Name text={x.serial_number ?? x.id} />} actions={x.known ? <StateBadge state="enrolled" /> : <Badge tone="warn">{t('knock.unknown')}</Badge>}>
      <Facts
        rows={[
          [t('field.id'), <Name text={x.id} />],
          [t('knock.reason'), word('refused', x.reason)],
          [t('knock.last'), <Time at={x.last_at} />],
          [t('knock.count'), <>{x.count} · {x.message_type}</>],
          [t('takeover.address'), <Name text={x.address} />],
          [t('knock.certificate'), x.certificate ? <code class="told">{x.certificate}</code> : t('no')],
        ]}
      />
      {!x.known && x.certificate && may('operator') && <div class="actions"><Button kind="main" onClick={() => setAdopting(true)}>{t('knock.adopt')}</Button></div>}
      {adopting && (
        <Confirm title={t('knock.adopt-title')} verb={t('knock.adopt')} busy={act.busy} error={act.error} go={() => void act.run()} close={() => setAdopting(false)}>
          <p>{t('knock.adopt-text')}</p>
        </Confirm>
      )}
    </Card>
  );
}

export default function Takeovers() {
  const { path, query, route } = useLocation();
  const tab = query.tab === 'unknown' ? 'unknown' : 'held';
  const held = useApi<{ takeovers: Takeover[] }>('/takeovers', { on: tells('device', 'takeover'), every: 30_000 });
  const refused = useApi<{ refused: Refused[] }>('/refused', { on: tells('device', 'refused'), every: 30_000 });
  const all = held.data?.takeovers ?? [];
  const knocking = refused.data?.refused ?? [];
  return (
    <Page title={t('takeover.title')} lead={t('takeover.lead')}>
      <Tabs
        tabs={[['held', t('takeover.tab', { n: all.length })], ['unknown', t('knock.tab', { n: knocking.length })]]}
        chosen={tab}
        choose={(id) => route(id === 'held' ? path : `${path}?tab=${id}`, true)}
      />
      <Panel id={tab}>
        <Failure error={tab === 'held' ? held.error : refused.error} />
        {(tab === 'held' ? held : refused).loading && <Waiting />}
        {tab === 'held' && held.data && all.length === 0 && <Empty>{t('takeover.none')}</Empty>}
        {tab === 'held' && all.map((x) => <TakeoverCard key={x.id} x={x} />)}
        {tab === 'unknown' && knocking.length > 0 && <p class="help">{t('knock.what')}</p>}
        {tab === 'unknown' && refused.data && knocking.length === 0 && <Empty>{t('knock.none')}</Empty>}
        {tab === 'unknown' && <div class="cards">{knocking.map((x) => <Knocker key={`${x.id} ${x.certificate ?? ''} ${x.reason}`} x={x} />)}</div>}
      </Panel>
    </Page>
  );
}
