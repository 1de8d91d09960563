/* Commands on their way, seen wherever one goes on to: queued, woken, connected, acknowledged. */
import { useState } from 'preact/hooks';
import { signal } from '@preact/signals';
import { Check, ChevronDown, ChevronUp, Circle, Hourglass, TriangleAlert, X } from 'lucide-preact';
import { api, segment } from '../api/client';
import { may } from '../api/session';
import { changed, useAct, useApi } from '../api/use';
import { type Key, t } from '../i18n';
import { Button, Failure } from '../ui/basics';
import { Name, Time, Words } from '../ui/text';
import { type Command, commandName } from './commands';
import { DeviceLink, isSettled, StatusBadge } from './device';
import { type Why, type WhyLink } from './why';

interface Tracked {
  uuid: string;
  type: string;
  device: { id: string; name: string } | null; // null: many
  count: number;
}

const KEPT = 'pomona.tracked';
const MOST = 6;

function kept(): Tracked[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? '[]') as Tracked[];
  } catch {
    return [];
  }
}
const tracked = signal<Tracked[]>(kept());

function keep(all: Tracked[]) {
  tracked.value = all;
  sessionStorage.setItem(KEPT, JSON.stringify(all));
}
export function track(one: Tracked) {
  keep([one, ...tracked.value.filter((x) => x.uuid !== one.uuid)].slice(0, MOST));
}
const forget = (uuid: string) => keep(tracked.value.filter((x) => x.uuid !== uuid));

type StepState = 'done' | 'now' | 'trouble' | 'later';
interface Step {
  name: Key;
  state: StepState;
  at: string | null;
}

/* What the chain of `why` says of this very command. A later step that happened proves those before it. */
export function steps(chain: WhyLink[]): Step[] {
  const link = (name: string) => chain.find((l) => l.link === name);
  const queued = link('command')?.at ?? null;
  const wake = link('wake-up');
  const woken = wake?.status === 'ok' && wake.at !== null && queued !== null && wake.at >= queued;
  const connection = link('connection');
  const delivery = link('delivery');
  const answer = link('answer');
  const answered = answer?.status === 'ok' || answer?.status === 'trouble';
  const came = connection?.status === 'ok' || delivery?.status === 'ok' || answered;
  const all: Step[] = [
    { name: 'track.queued', state: 'done', at: queued },
    { name: 'track.woken', state: woken || came ? 'done' : wake?.status === 'trouble' ? 'trouble' : 'later', at: woken ? wake.at : null },
    { name: 'track.connected', state: came ? 'done' : connection?.status === 'trouble' ? 'trouble' : 'later', at: came ? (delivery?.at ?? connection?.at ?? null) : null },
    { name: answer?.status === 'trouble' ? 'track.failed' : 'track.acknowledged', state: answer?.status === 'ok' ? 'done' : answer?.status === 'trouble' ? 'trouble' : 'later', at: answered ? answer.at : null },
  ];
  const next = all.find((s) => s.state === 'later');
  if (next && !all.some((s) => s.state === 'trouble')) next.state = 'now';
  return all;
}

const SIGNS = { done: Check, now: Hourglass, trouble: TriangleAlert, later: Circle } as const;

export function Steps({ chain }: { chain: WhyLink[] }) {
  return (
    <ol class="track-steps" aria-live="polite">
      {steps(chain).map((s) => {
        const Icon = SIGNS[s.state];
        return (
          <li key={s.name} class={s.state} aria-current={s.state === 'now' ? 'step' : undefined}>
            <Icon size={16} aria-hidden="true" />
            <span>{t(s.name)}</span>
            {s.at && <small><Time at={s.at} /></small>}
          </li>
        );
      })}
    </ol>
  );
}

const WATCH = 2000; // ms: beside the live stream, for what it does not tell

/* short: when it is over, one line is enough. */
function OneDevice({ one, device, short }: { one: Tracked; device: { id: string; name: string }; short: boolean }) {
  const [over, setOver] = useState(false);
  const why = useApi<Why>(`/devices/${segment(device.id)}/why?command=${segment(one.uuid)}`, {
    on: (c) => c.command === one.uuid || c.device === device.id,
    every: over ? 0 : WATCH,
  });
  const answer = why.data?.chain.find((l) => l.link === 'answer');
  const done = answer?.status === 'ok' || answer?.status === 'trouble';
  if (done !== over) setOver(done);
  return (
    <>
      <p class="who-where"><DeviceLink id={device.id} name={device.name} />{short && done && <StatusBadge status={answer.detail} />}</p>
      {why.data && !(short && done) && <Steps chain={why.data.chain} />}
      {why.data && why.data.verdict !== 'fine' && why.data.verdict !== 'on-its-way' && <p class="help"><Words text={why.data.message} /></p>}
      <Failure error={why.error} />
      {!done && <CancelButton uuid={one.uuid} />}
    </>
  );
}

function ManyDevices({ one }: { one: Tracked }) {
  const command = useApi<Command>(`/commands/${segment(one.uuid)}?limit=1`, { on: (c) => c.command === one.uuid, every: WATCH });
  const counts = Object.entries(command.data?.counts ?? {});
  const open = counts.some(([status]) => !isSettled(status));
  return (
    <>
      <p><a href={`/commands/${segment(one.uuid)}`}>{t('track.devices', { n: one.count })}</a></p>
      <ul class="counts">{counts.map(([status, n]) => <li key={status}><StatusBadge status={status} /> {n}</li>)}</ul>
      <Failure error={command.error} />
      {open && <CancelButton uuid={one.uuid} />}
    </>
  );
}

function CancelButton({ uuid }: { uuid: string }) {
  const act = useAct(async () => {
    await api('DELETE', `/commands/${segment(uuid)}`);
    await changed('/commands', '/devices');
  });
  if (!may('operator')) return null;
  return (
    <>
      <Failure error={act.error} />
      <Button kind="quiet" busy={act.busy} onClick={() => void act.run()}>{t('command.cancel')}</Button>
    </>
  );
}

export function Trackers() {
  const [folded, setFolded] = useState(false);
  const all = tracked.value;
  if (all.length === 0) return null;
  return (
    <aside class={folded ? 'trackers folded' : 'trackers'} aria-label={t('track.title')}>
      <header>
        <h2>{t('track.title')}</h2>
        <button type="button" class="button quiet" aria-expanded={!folded} aria-label={t(folded ? 'unfold' : 'fold')} onClick={() => setFolded(!folded)}>
          {folded ? <ChevronUp size={16} aria-hidden="true" /> : <ChevronDown size={16} aria-hidden="true" />}
        </button>
      </header>
      {!folded && all.map((one, i) => (
        <section key={one.uuid} class="tracked">
          <header>
            <h3><a href={`/commands/${segment(one.uuid)}`}><Name text={commandName(one.type)} /></a></h3>
            <button type="button" class="button quiet" aria-label={t('close')} onClick={() => forget(one.uuid)}><X size={16} aria-hidden="true" /></button>
          </header>
          {one.device ? <OneDevice one={one} device={one.device} short={i > 0} /> : <ManyDevices one={one} />}
        </section>
      ))}
    </aside>
  );
}
