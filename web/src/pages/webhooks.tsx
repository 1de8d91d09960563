/* Who is told of what devices send: receivers, letters that nobody took, tests, sending again. */
import { useState } from 'preact/hooks';
import { api, onceKey } from '../api/client';
import { tells } from '../api/live';
import { may } from '../api/session';
import { changed, useAct, useApi } from '../api/use';
import { number, span, t, word } from '../i18n';
import { Badge, Banner, Button, Card, Clip, Facts, Failure, Page, type Tone, Waiting } from '../ui/basics';
import { Confirm } from '../ui/dialog';
import { Choice, Form, TextField } from '../ui/form';
import { Paged } from '../ui/paged';
import { type Column, Table } from '../ui/table';
import { Code, Name, Time, Told, Words } from '../ui/text';
import { toast } from '../ui/toasts';

interface Receiver {
  url: string;
  state: 'new' | 'ok' | 'failing' | 'removed';
  due: number;
  dead: number;
  last_success: string | null;
  last_failure: string | null;
  last_error: string | null;
}
interface Dead {
  delivery: number;
  event_id: string;
  topic: string;
  id: string | null;
  url: string;
  created_at: string;
  ended_at: string;
  attempts: number;
  status: number | null;
  error: string;
}
interface Answer {
  url: string;
  ok: boolean;
  status: number | null;
  latency_ms: number;
  error: string | null;
  advice: string | null;
}
const TONES: Record<Receiver['state'], Tone> = { new: 'info', ok: 'ok', failing: 'bad', removed: 'none' };

function Receivers({ all }: { all: Receiver[] }) {
  return (
    <>
      {all.map((w, i) => (
        <Card key={i} title={<Told text={w.url} />} actions={<Badge tone={TONES[w.state]}>{word('webhooks.state', w.state)}</Badge>}>
          <Facts
            rows={[
              [t('webhooks.due'), number(w.due)],
              [t('webhooks.dead'), number(w.dead)],
              [t('webhooks.success'), <Time at={w.last_success} />],
              [t('webhooks.failure'), <><Time at={w.last_failure} />{w.last_error && <> · <Words text={w.last_error} /></>}</>],
            ]}
          />
        </Card>
      ))}
    </>
  );
}

function Test({ any }: { any: boolean }) {
  const [url, setUrl] = useState('');
  const [results, setResults] = useState<Answer[]>([]);
  const act = useAct(async () => {
    setResults((await api<{ results: Answer[] }>('POST', '/webhooks/test', { body: url.trim() ? { url: url.trim() } : {} })).results);
    await changed('/webhooks');
  });
  return (
    <Card title={t('webhooks.test')}>
      <Form submit={() => void act.run()}>
        <TextField label={t('webhooks.url')} help={t(any ? 'webhooks.url-help' : 'webhooks.url-help-none')} value={url} change={setUrl} type="url" inputMode="url" />
        <footer><Button type="submit" busy={act.busy} disabled={!any && url.trim() === ''}>{t('webhooks.test-go')}</Button></footer>
      </Form>
      <Failure error={act.error} />
      <div aria-live="polite">
        {results.map((r) => (
          <Banner key={r.url} tone={r.ok ? 'ok' : 'bad'} title={<Told text={r.url} />}>
            {r.ok ? t('webhooks.took', { status: String(r.status ?? ''), ms: r.latency_ms }) : <><Words text={r.error} />{r.advice && <div><Words text={r.advice} /></div>}</>}
          </Banner>
        ))}
      </div>
    </Card>
  );
}

const SPANS = ['1h', '6h', '24h', '7d'];

function Replay({ close }: { close: () => void }) {
  const [what, setWhat] = useState('dead');
  const [device, setDevice] = useState('');
  const [key] = useState(onceKey);
  const act = useAct(async () => {
    const body = { ...(what === 'dead' ? { dead: true } : { since: what }), ...(device.trim() ? { enrollment: device.trim() } : {}) };
    const { replayed } = await api<{ replayed: number }>('POST', '/webhooks/replay', { body, once: key });
    toast(t('webhooks.replayed', { n: replayed }));
    await changed('/webhooks');
    close();
  });
  const spans = SPANS.map((s): [string, string] => [s, t('webhooks.since', { span: span(s) })]);
  return (
    <Confirm title={t('webhooks.replay')} verb={t('webhooks.replay-go')} busy={act.busy} error={act.error} go={() => void act.run()} close={close}>
      <p>{t('webhooks.replay-text')}</p>
      <Choice label={t('webhooks.replay-what')} value={what} options={[['dead', t('webhooks.replay-dead')], ...spans]} change={setWhat} />
      <TextField label={t('webhooks.replay-device')} help={t('webhooks.replay-device-help')} value={device} change={setDevice} autoComplete="off" />
    </Confirm>
  );
}

function columns(): Column<Dead>[] {
  return [
    { id: 'ended', name: t('webhooks.ended'), cell: (d) => <Time at={d.ended_at} /> },
    { id: 'topic', name: t('webhooks.event'), cell: (d) => <Code>{d.topic}</Code>, width: '10rem' },
    { id: 'device', name: t('device'), cell: (d) => (d.id ? <a href={`/devices/${encodeURIComponent(d.id.split(':')[0] ?? '')}`}><Name text={d.id} /></a> : <Told text={null} />) },
    { id: 'url', name: t('webhooks.receiver'), cell: (d) => <Told text={d.url} /> },
    { id: 'attempts', name: t('webhooks.attempts'), cell: (d) => number(d.attempts), align: 'end' },
    { id: 'error', name: t('webhooks.error'), cell: (d) => <Words text={d.error} /> },
  ];
}

export default function Webhooks() {
  const { data, error, loading } = useApi<{ webhooks: Receiver[] }>('/webhooks', { on: tells('webhook'), every: 30_000 });
  const [replay, setReplay] = useState(false);
  const all = data?.webhooks ?? [];
  return (
    <Page title={t('nav.webhooks')} lead={t('webhooks.lead')} actions={may('admin') && all.length > 0 && <Button onClick={() => setReplay(true)}>{t('webhooks.replay')}</Button>}>
      <Failure error={error} />
      {loading && <Waiting />}
      {data && all.length === 0 && (
        <Card title={t('webhooks.none')}>
          <p>{t('webhooks.none-text')}</p>
          <Clip text="webhook-url = https://example.org/hook" />
        </Card>
      )}
      <Receivers all={all} />
      {may('admin') && <Test any={all.some((w) => w.state !== 'removed')} />}
      {all.length > 0 && <Card title={t('webhooks.dead-title')} wide>
          <Paged<Dead> path="/webhooks/dead?limit=50" of="dead" empty={t('webhooks.no-dead')} on={tells('webhook')}>
            {(rows) => <Table columns={columns()} rows={rows} id={(d) => String(d.delivery)} caption={t('webhooks.dead-title')} />}
          </Paged>
        </Card>}
      {replay && <Replay close={() => setReplay(false)} />}
    </Page>
  );
}
