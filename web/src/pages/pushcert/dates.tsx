/* Every date that can end the service, a planned renewal, and the calendar that has them. */
import { useEffect, useState } from 'preact/hooks';
import { api, request } from '../../api/client';
import { may } from '../../api/session';
import { changed, useAct, useApi } from '../../api/use';
import { daysTo, rich, t, word } from '../../i18n';
import { Badge, Banner, Button, Card, Clip, Empty, Failure, Waiting } from '../../ui/basics';
import { Confirm } from '../../ui/dialog';
import { save } from '../../ui/files';
import { Choice, Form, TextField } from '../../ui/form';
import { Day, Words } from '../../ui/text';
import { toast } from '../../ui/toasts';
import { dateTone, type PushCert } from './types';

interface GuardDate {
  kind: string;
  subject: string;
  name: string;
  at: string;
  days_left: number;
  effect: string;
  fix: string;
}

function Guardian() {
  const { data, error, loading } = useApi<{ dates: GuardDate[] }>('/guardian', { every: 60_000 });
  return (
    <Card title={t('dates.all')}>
      <Failure error={error} />
      {loading && <Waiting />}
      {data && (
        <ul class="rows">
          {data.dates.map((d) => (
            <li key={d.subject} class="check-row">
              <div class="date">
                <strong><Day at={d.at} /></strong>
                <Badge tone={dateTone(d)}>{daysTo(d.days_left)}</Badge>
              </div>
              <div>
                <h3>{word('dates.kind', d.kind)}</h3>
                <p class="soft"><Words text={d.name} /></p>
                <p class="fix"><Words text={d.effect} /></p>
                <p class="fix"><strong>{t('doctor.fix')}</strong> <Words text={d.fix} /></p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

interface Record {
  plan_every_days: number;
  plan_on: string | null;
  updated_at: string | null;
}

type Way = 'every' | 'on' | 'none';
const wayOf = (r: Record): Way => (r.plan_every_days > 0 ? 'every' : r.plan_on !== null ? 'on' : 'none');

const shown = (way: Way, every: string, on: string) => `${t(`plan.way-${way}`)} ${way === 'every' ? every : way === 'on' ? on : ''}`.trim();

/* Of the record as it was read: when somebody changed it meanwhile, that is said, and what is chosen here stays. */
function PlanForm({ topic, record, again }: { topic: string; record: Record; again: () => Promise<void> }) {
  const [way, setWay] = useState<Way>(() => wayOf(record));
  const [every, setEvery] = useState(String(record.plan_every_days || 90));
  const [on, setOn] = useState(record.plan_on ?? '04-01');
  const [seen, setSeen] = useState(record.updated_at);
  const act = useAct(async () => {
    const chosen = way === 'every' ? { every: `${every}d` } : way === 'on' ? { on } : {};
    await api('PUT', '/pushcerts/plan', { body: { topic, updated_at: seen, ...chosen } });
    await changed('/pushcerts', '/guardian');
    toast(t('saved'));
  });
  const conflict = act.error?.status === 409;
  useEffect(() => {
    if (conflict) void again();
  }, [conflict]); // eslint-disable-line react-hooks/exhaustive-deps -- what stands now is read once for each refusal
  const stored = shown(wayOf(record), String(record.plan_every_days), record.plan_on ?? '');
  useEffect(() => {
    if (conflict || shown(way, every, on) === stored) setSeen(record.updated_at); // it is shown now
  }, [conflict, record.updated_at]); // eslint-disable-line react-hooks/exhaustive-deps -- not when something is chosen
  return (
    <Form submit={() => void act.run()}>
      <Choice label={t('plan.way')} help={conflict ? t('conflict.now', { text: stored }) : undefined} value={way} change={(w) => setWay(w as Way)} options={[['none', t('plan.way-none')], ['every', t('plan.way-every')], ['on', t('plan.way-on')]]} />
      {way === 'every' && <TextField label={t('plan.every')} type="number" min={1} max={364} value={every} change={setEvery} />}
      {way === 'on' && <TextField label={t('plan.on')} help={t('plan.on-help')} value={on} change={setOn} pattern="\d\d-\d\d" />}
      {conflict ? <Banner tone="warn" title={t('conflict.title')}>{t('conflict.text')}</Banner> : <Failure error={act.error} />}
      <footer><Button type="submit" busy={act.busy}>{t('save')}</Button></footer>
    </Form>
  );
}

function Plan({ cert }: { cert: PushCert }) {
  const { data, error, again } = useApi<{ record: Record }>(`/pushcerts/record?topic=${encodeURIComponent(cert.topic)}`, { on: (c) => c.kind.startsWith('pushcert.') });
  return (
    <Card title={t('plan.renewal')}>
      <p>{t('plan.text')}</p>
      <p>{cert.planned_at ? rich('plan.next', { date: <Day at={cert.planned_at} /> }) : t('plan.none')}</p>
      <Failure error={error} />
      {may('admin') && data && <PlanForm topic={cert.topic} record={data.record} again={again} />}
    </Card>
  );
}

function Calendar() {
  const { data, error, again } = useApi<{ url: string; created_by: string }>('/calendar');
  const [ending, setEnding] = useState(false);
  const make = useAct(async () => {
    await api('POST', '/calendar');
    await again();
  });
  const end = useAct(async () => {
    await api('DELETE', '/calendar');
    await again();
    setEnding(false);
  });
  const file = useAct(async () => save('pomona.ics', await (await request('GET', '/calendar/ics')).blob()));
  const none = (error)?.status === 404;
  return (
    <Card title={t('calendar.title')}>
      <p>{t('calendar.text')}</p>
      {!none && <Failure error={error} />}
      {none ? <Empty>{t('calendar.none')}</Empty> : data && <Clip text={data.url} />}
      <Failure error={make.error ?? file.error} />
      <div class="actions">
        {may('admin') && <Button busy={make.busy} onClick={() => void make.run()}>{t(none ? 'calendar.make' : 'calendar.make-another')}</Button>}
        {may('admin') && !none && <Button kind="danger" onClick={() => setEnding(true)}>{t('calendar.end')}</Button>}
        <Button busy={file.busy} onClick={() => void file.run()}>{t('calendar.file')}</Button>
      </div>
      {ending && (
        <Confirm title={t('calendar.end')} verb={t('calendar.end')} danger busy={end.busy} error={end.error} go={() => void end.run()} close={() => setEnding(false)}>
          <p>{t('calendar.end-text')}</p>
        </Confirm>
      )}
    </Card>
  );
}

export function Dates({ cert }: { cert: PushCert }) {
  return (
    <>
      <Guardian />
      <Plan cert={cert} />
      {may('operator') && <Calendar />}
    </>
  );
}
