/* After an expiry: who came back. And when a topic is lost for good: moving every device to another one. */
import { useState } from 'preact/hooks';
import { api, type ApiError, segment } from '../../api/client';
import { may } from '../../api/session';
import { useAct, useApi } from '../../api/use';
import { number, t, word } from '../../i18n';
import { Badge, Banner, Button, Card, Empty, Facts, Failure } from '../../ui/basics';
import { Confirm } from '../../ui/dialog';
import { save } from '../../ui/files';
import { Form, TextField } from '../../ui/form';
import { Table } from '../../ui/table';
import { Time, Told, Words } from '../../ui/text';

interface Link {
  id: string;
  serial_number: string | null;
  url: string;
  expires_at: string;
}
interface Links {
  links: Link[];
  next: number | null;
}
interface Recovery {
  recovery: { topic: string; dark_since: string; started_at: string; waking: boolean; devices: number; back: number };
  devices: { id: string; serial_number: string | null; name: string | null; seen_before_at: string | null; back_at: string | null; verdict: string | null }[];
  next: number | null;
}
interface Move {
  move: { topic: string; reason: string; started_by: string; started_at: string; ended_at: string | null; devices: number; linked: number; done: number };
  devices: { id: string; serial_number: string | null; name: string | null; way: string; erase: string; what_to_do: string; last_seen: string | null; link_made_at: string | null; done_at: string | null }[];
  next: number | null;
}

const none = (error: ApiError | undefined) => error?.status === 404;
const device = (d: { id: string; name: string | null; serial_number: string | null }) => (
  <a href={`/devices/${segment(d.id)}`}><bdi>{d.name ?? d.serial_number ?? d.id}</bdi></a>
);

/* Links are shown once: they go into a file, by pages of the server's. */
function MakeLinks({ path, topic }: { path: string; topic: string }) {
  const act = useAct(async () => {
    const all: Link[] = [];
    for (let cursor: number | null = 0; cursor !== null;) {
      const page: Links = await api<Links>('POST', path, { body: { topic, ...(cursor ? { cursor } : {}) } });
      all.push(...page.links);
      cursor = page.next;
    }
    const cell = (text: string | null) => `"${(text ?? '').replace(/"/g, '""')}"`;
    save('links.csv', ['id,serial_number,url,expires_at', ...all.map((l) => [l.id, l.serial_number, l.url, l.expires_at].map(cell).join(','))].join('\r\n'), 'text/csv');
  });
  return (
    <>
      <Failure error={act.error} />
      <p><Button busy={act.busy} onClick={() => void act.run()}>{t('links.make')}</Button> <span class="soft">{t('links.make-text')}</span></p>
    </>
  );
}

function Back({ topic }: { topic: string }) {
  const { data, error } = useApi<Recovery>(`/pushcerts/recovery?topic=${segment(topic)}&limit=200`, { every: 10_000 });
  return (
    <Card title={t('recovery.title')}>
      <p>{t('recovery.text')}</p>
      {none(error) ? <Empty>{t('recovery.none')}</Empty> : <Failure error={error} />}
      {data && (
        <>
          <Facts
            rows={[
              [t('recovery.dark'), <Time at={data.recovery.dark_since} />],
              [t('recovery.renewed'), <Time at={data.recovery.started_at} />],
              [t('recovery.back'), t('recovery.of', { back: number(data.recovery.back), all: number(data.recovery.devices) })],
            ]}
          />
          <progress max={data.recovery.devices} value={data.recovery.back} aria-label={t('recovery.back')} />
          <Table
            caption={t('recovery.title')}
            rows={data.devices}
            id={(d) => d.id}
            columns={[
              { id: 'device', name: t('device'), cell: device },
              { id: 'state', name: t('recovery.state'), cell: (d) => (d.back_at ? <Badge tone="ok">{t('recovery.is-back')}</Badge> : <Badge tone="wait">{t('recovery.missing')}</Badge>) },
              { id: 'seen', name: t('recovery.seen'), cell: (d) => <Time at={d.back_at ?? d.seen_before_at} /> },
              { id: 'why', name: t('recovery.why'), cell: (d) => d.verdict && word('verdict', d.verdict) },
            ]}
          />
          {data.next !== null && <p class="soft">{t('list.more')}</p>}
          {may('admin') && data.recovery.back < data.recovery.devices && <MakeLinks path="/pushcerts/recovery/links" topic={topic} />}
        </>
      )}
    </Card>
  );
}

function Begin({ topic, again }: { topic: string; again: () => Promise<void> }) {
  const [reason, setReason] = useState('');
  const act = useAct(async () => {
    await api('POST', '/pushcerts/move', { body: { topic, reason } });
    await again();
  });
  return (
    <Form submit={() => void act.run()}>
      <TextField label={t('move.reason')} help={t('move.reason-help')} value={reason} change={setReason} required />
      <Failure error={act.error} />
      <footer><Button type="submit" kind="danger" busy={act.busy} disabled={reason === ''}>{t('move.begin')}</Button></footer>
    </Form>
  );
}

function Moving({ topic }: { topic: string }) {
  const { data, error, again } = useApi<Move>(`/pushcerts/move?topic=${segment(topic)}&limit=200`, { every: 10_000 });
  const [ending, setEnding] = useState(false);
  const end = useAct(async () => {
    await api('DELETE', '/pushcerts/move', { query: { topic } });
    await again();
    setEnding(false);
  });
  return (
    <Card title={t('move.title')}>
      <Banner tone="warn" title={t('move.warning')}>{t('move.warning-text')}</Banner>
      {!none(error) && <Failure error={error} />}
      {none(error) && may('admin') && <Begin topic={topic} again={again} />}
      {data && !none(error) && (
        <>
          <Facts
            rows={[
              [t('move.reason'), <Told text={data.move.reason} />],
              [t('move.began'), <><Time at={data.move.started_at} />, <bdi>{data.move.started_by}</bdi></>],
              [t('move.done'), t('recovery.of', { back: number(data.move.done), all: number(data.move.devices) })],
            ]}
          />
          <progress max={data.move.devices} value={data.move.done} aria-label={t('move.done')} />
          <Table
            caption={t('move.title')}
            rows={data.devices}
            id={(d) => d.id}
            columns={[
              { id: 'device', name: t('device'), cell: device },
              { id: 'state', name: t('recovery.state'), cell: (d) => (d.done_at ? <Badge tone="ok">{t('move.moved')}</Badge> : <Badge tone="wait">{t(d.link_made_at ? 'move.linked' : 'move.waiting')}</Badge>) },
              { id: 'erase', name: t('move.erase'), cell: (d) => word('move.erase', d.erase) },
              { id: 'todo', name: t('dates.fix'), cell: (d) => <Words text={d.what_to_do} /> },
              { id: 'seen', name: t('recovery.seen'), cell: (d) => <Time at={d.last_seen} /> },
            ]}
          />
          {data.next !== null && <p class="soft">{t('list.more')}</p>}
          {may('admin') && !data.move.ended_at && (
            <>
              <MakeLinks path="/pushcerts/move/links" topic={topic} />
              <p><Button onClick={() => setEnding(true)}>{t('move.end')}</Button></p>
            </>
          )}
        </>
      )}
      {ending && (
        <Confirm title={t('move.end')} verb={t('move.end')} busy={end.busy} error={end.error} go={() => void end.run()} close={() => setEnding(false)}>
          <p>{t('move.end-text')}</p>
        </Confirm>
      )}
    </Card>
  );
}

export function Trouble({ topic }: { topic: string }) {
  return (
    <>
      <Back topic={topic} />
      <Moving topic={topic} />
    </>
  );
}
