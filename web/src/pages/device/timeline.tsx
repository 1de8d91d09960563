/* Everything that happened to a device, newest first: a sentence each, by its kind. */
import { BellRing, CircleUser, KeyRound, ListChecks, type LucideIcon, Package, Radio, ShieldQuestion, SquareTerminal } from 'lucide-preact';
import { segment } from '../../api/client';
import { t, word } from '../../i18n';
import { commandName } from '../../parts/commands';
import { DeviceLink } from '../../parts/device';
import { Card } from '../../ui/basics';
import { Paged } from '../../ui/paged';
import { Moment, Name, Told } from '../../ui/text';
import type { Whole } from './data';

interface Entry {
  at: string;
  kind: string;
  channel?: string;
  command?: string;
  request_type?: string;
  what?: string;
  was?: string;
  now?: string;
  by?: string;
  data?: { by?: string | null; compliance?: string }; // of an event
}

const ICONS: Record<string, LucideIcon> = {
  device: Radio, command: SquareTerminal, push: BellRing, inventory: Package, escrow: KeyRound, group: ListChecks, takeover: ShieldQuestion, identity: CircleUser,
};
const STATES = ['command.settled'];
const SECRETS = ['escrow.kept', 'escrow.revealed'];
const TAKEN = '200'; // by Apple

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/* From what to what. A profile's version is a UUID, which tells a person only that it is another. */
function Change({ e: { was, now } }: { e: Entry }) {
  if (was === undefined && now === undefined) return null;
  if ([was, now].every((one) => one === undefined || UUID.test(one)))
    return <span class="soft">{t(was === undefined ? 'timeline.came' : now === undefined ? 'timeline.went' : 'timeline.replaced')}</span>;
  return <span class="soft">{was !== undefined && <Told text={was} />}{now !== undefined && <> → <Told text={now} /></>}</span>;
}

/* What it was about, in the words that stand elsewhere for it. */
function What({ e }: { e: Entry }) {
  const what = e.what === undefined ? null : e.kind === 'push.sent' ? word('wake', e.what) : e.kind === 'push.answered' && e.what === TAKEN ? word('wake', 'taken') : STATES.includes(e.kind) ? word('status', e.what) : SECRETS.includes(e.kind) ? word('escrow-kind', e.what) : e.what;
  const by = e.by ?? e.data?.by;
  return (
    <>
      {e.request_type && e.command && <a href={`/commands/${segment(e.command)}`}>{commandName(e.request_type)}</a>}
      {what !== null && <Told text={what} />}
      <Change e={e} />
      {e.data?.compliance !== undefined && <span>{word('compliance', e.data.compliance)}</span>}
      {by && <span class="soft">{t('timeline.by')} <Name text={by} /></span>}
    </>
  );
}

/* The names of its users, by their channels. */
type Names = Map<string, string | null>;

function Row({ e, device, users }: { e: Entry; device: string; users: Names }) {
  const Icon = ICONS[e.kind.split('.')[0] ?? ''] ?? Radio;
  return (
    <li>
      <Moment at={e.at} />
      <Icon size={16} class="platform" aria-hidden="true" />
      <span class="what">
        <strong>{word('event', e.kind)}</strong>
        <What e={e} />
        {e.channel && e.channel !== device && <DeviceLink id={e.channel} name={users.get(e.channel)} />}
      </span>
    </li>
  );
}

export function Timeline({ device }: { device: Whole }) {
  const users = new Map(device.users.map((u) => [u.id, u.long_name ?? u.short_name]));
  return (
    <Card title={t('device.tab-timeline')} wide>
      <Paged<Entry> path={`/devices/${segment(device.id)}/timeline?limit=50`} of="timeline" empty={t('timeline.none')} on={(c) => c.device === device.id}>
        {(rows) => <ol class="timeline">{rows.map((e, i) => <Row key={`${e.at} ${e.kind} ${i}`} e={e} device={device.id} users={users} />)}</ol>}
      </Paged>
    </Card>
  );
}
