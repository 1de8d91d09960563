/* Sending a command to one device or to many: choose it, fill in its form, see who can and who cannot, and go. */
import { useMemo, useRef, useState } from 'preact/hooks';
import { onceKey } from '../api/client';
import { changed, useAct } from '../api/use';
import { t } from '../i18n';
import { Badge, Banner, Button, Empty, Failure, Waiting } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Form, TextField } from '../ui/form';
import { Told, Words } from '../ui/text';
import { type Fields, type Mistakes, readArguments } from './command-draft';
import { CommandFields, supportText } from './command-form';
import { type Arguments, checkCommand, type Checked, type CheckedTarget, commandName, type CommandType, forDevice, sendCommand, type Targets, useCommandTypes } from './commands';
import { type Device, DeviceLink, deviceName } from './device';
import { track } from './tracker';

interface ToOne {
  device: Device;
}
interface ToMany {
  targets: Targets;
  count: number;
}
export type Receivers = ToOne | ToMany;

const targetsOf = (to: Receivers): Targets => ('device' in to ? { ids: [to.device.id] } : to.targets);
const countOf = (to: Receivers) => ('device' in to ? 1 : to.count);

/* ---- which command ---- */

function matches(row: CommandType, words: string) {
  const text = `${row.request_type} ${commandName(row.request_type)} ${row.what}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((w) => text.includes(w));
}

function Picker({ types, choose }: { types: CommandType[]; choose: (row: CommandType) => void }) {
  const [find, setFind] = useState('');
  const list = useRef<HTMLUListElement>(null);
  const found = types.filter((row) => matches(row, find.trim()));
  const ordered = [...found.filter((r) => !r.refused), ...found.filter((r) => r.refused)];
  const keys = (e: KeyboardEvent) => {
    const first = ordered[0];
    if (e.key === 'Enter' && e.target instanceof HTMLInputElement && find.trim() !== '' && first && !first.refused) {
      e.preventDefault();
      choose(first);
      return;
    }
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    if (step === 0) return;
    e.preventDefault();
    const buttons = [...(list.current?.querySelectorAll<HTMLElement>('button') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at + step))]?.focus();
  };
  return (
    <div onKeyDown={keys}>
      <TextField label={t('send.find')} type="search" value={find} change={setFind} autoFocus autoComplete="off" />
      <ul class="picker" ref={list}>
        {ordered.map((row) => (
          <li key={row.request_type}>
            <button type="button" disabled={Boolean(row.refused)} onClick={() => choose(row)}>
              <strong>{commandName(row.request_type)}</strong>
              {commandName(row.request_type) !== row.request_type && <code class="key">{row.request_type}</code>}
              {row.dangerous && <Badge tone="warn">{t('send.dangerous')}</Badge>}
              <small>{row.refused ? <Words text={row.refused} /> : <Words text={row.what} />}</small>
            </button>
          </li>
        ))}
      </ul>
      {ordered.length === 0 && <Empty>{t('send.none')}</Empty>}
    </div>
  );
}

/* ---- who can, who cannot, and why ---- */

function grouped(targets: CheckedTarget[], texts: (target: CheckedTarget) => string[]): [string, CheckedTarget[]][] {
  const groups = new Map<string, CheckedTarget[]>();
  for (const target of targets) {
    for (const text of texts(target)) {
      const list = groups.get(text);
      if (list) list.push(target);
      else groups.set(text, [target]);
    }
  }
  return [...groups].sort((a, b) => b[1].length - a[1].length);
}

const SHOWN = 10;

function Reasons({ groups, one }: { groups: [string, CheckedTarget[]][]; one: boolean }) {
  return (
    <ul class="reasons">
      {groups.map(([text, list]) => (
        <li key={text}>
          <Words text={text} />
          {!one && (
            <details>
              <summary>{t('devices.count', { n: list.length })}</summary>
              <ul>
                {list.slice(0, SHOWN).map((x) => <li key={x.id}><DeviceLink id={x.id} /></li>)}
                {list.length > SHOWN && <li>{t('group.more-members', { n: list.length - SHOWN })}</li>}
              </ul>
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}

function Preview({ checked }: { checked: Checked }) {
  const one = checked.targets.length === 1;
  const can = checked.targets.filter((x) => !x.error);
  const refused = grouped(checked.targets, (x) => (x.error ? [x.error.message] : []));
  const warned = grouped(can, (x) => x.warnings ?? []);
  return (
    <>
      {!one && can.length > 0 && <Banner tone="ok" title={t('send.can', { n: can.length })} />}
      {refused.length > 0 && (
        <Banner tone="bad" title={one ? t('send.cannot-one') : t('send.cannot', { n: checked.targets.length - can.length })}>
          <Reasons groups={refused} one={one} />
        </Banner>
      )}
      {warned.length > 0 && <Banner tone="warn" title={t('send.warnings')}><Reasons groups={warned} one={one} /></Banner>}
    </>
  );
}

/* What must be typed before something that cannot be undone: the serial number of one, the number of many. */
const secret = (to: Receivers, can: number) => ('device' in to ? (to.device.serial_number ?? to.device.id) : String(can));

function Go({ to, checked, args, back, sent }: { to: Receivers; checked: Checked; args: Arguments; back: (() => void) | undefined; sent: () => void }) {
  const [typed, setTyped] = useState('');
  const once = useMemo(onceKey, []);
  const ids = checked.targets.filter((x) => !x.error).map((x) => x.id);
  const word = secret(to, ids.length);
  const ready = ids.length > 0 && (!checked.dangerous || typed.trim() === word);
  const act = useAct(async () => {
    const reply = await sendCommand(ids, checked.request_type, args, { confirm: checked.dangerous, once });
    follow(to, reply.command_uuid, checked.request_type, reply.targets.filter((x) => !x.error).length);
    sent();
  });
  return (
    <Form submit={() => { if (ready) void act.run(); }}>
      <Preview checked={checked} />
      {checked.dangerous && ids.length > 0 && (
        <>
          <Banner tone="warn" title={t('send.no-way-back')} />
          <TextField label={t('confirm.type', { word })} value={typed} change={setTyped} autoComplete="off" autoFocus />
        </>
      )}
      <Failure error={act.error} />
      <footer>
        {back && <Button onClick={back}>{t('back')}</Button>}
        <Button type="submit" kind={checked.dangerous ? 'danger' : 'main'} busy={act.busy} disabled={!ready}>
          {'device' in to ? commandName(checked.request_type) : t('send.go', { n: ids.length })}
        </Button>
      </footer>
    </Form>
  );
}

function follow(to: Receivers, uuid: string, type: string, count: number) {
  const device = 'device' in to ? { id: to.device.id, name: deviceName(to.device) } : null;
  track({ uuid, type, device, count });
  void changed('/commands', '/devices');
}

/* ---- the dialog ---- */

function Filled({ to, row, start, back, done }: { to: Receivers; row: CommandType; start: Fields; back: (() => void) | undefined; done: () => void }) {
  const [draft, setDraft] = useState<Fields>(start);
  const [mistakes, setMistakes] = useState<Mistakes>({});
  const [checked, setChecked] = useState<{ checked: Checked; args: Arguments } | null>(null);
  const act = useAct(async (args: Arguments) => {
    setChecked({ checked: await checkCommand(targetsOf(to), row.request_type, args), args });
  });
  if (checked) return <Go to={to} checked={checked.checked} args={checked.args} back={() => setChecked(null)} sent={done} />;
  const submit = () => {
    const read = readArguments(row.arguments, draft);
    setMistakes(read.mistakes);
    if (Object.keys(read.mistakes).length === 0) void act.run(read.args);
    else window.requestAnimationFrame(() => document.querySelector<HTMLElement>('dialog .wrong input, dialog .wrong select, dialog .wrong textarea')?.focus());
  };
  return (
    <Form submit={submit}>
      <p class="lead"><Words text={row.what} />{row.refused === undefined && <> <small>({supportText(row.platforms)})</small></>}</p>
      <CommandFields list={row.refused === undefined ? row.arguments : forDevice(row.arguments)} value={draft} change={setDraft} mistakes={mistakes} />
      {Object.keys(mistakes).length > 0 && <Banner tone="bad" title={t('form.mistakes', { n: Object.keys(mistakes).length })} />}
      <Failure error={act.error} />
      <footer>
        {back && <Button onClick={back}>{t('back')}</Button>}
        <Button type="submit" kind="main" busy={act.busy}>{t('send.next')}</Button>
      </footer>
    </Form>
  );
}

/* type: of a command that is chosen already. start: what its form holds at first. */
export function SendDialog({ to, type, start = {}, close }: { to: Receivers; type?: string; start?: Fields; close: () => void }) {
  const types = useCommandTypes('device' in to ? to.device.id : undefined);
  const [chosen, setChosen] = useState(type);
  const row = types.data?.command_types.find((r) => r.request_type === chosen);
  const title = row ? commandName(row.request_type) : t('send.title');
  return (
    <Dialog title={<>{title} · {'device' in to ? <Told text={deviceName(to.device)} most={60} /> : t('devices.count', { n: countOf(to) })}</>} close={close} wide>
      <Failure error={types.error} />
      {types.loading && <Waiting />}
      {types.data && !row && <Picker types={types.data.command_types} choose={(r) => setChosen(r.request_type)} />}
      {row && <Filled key={row.request_type} to={to} row={row} start={start} back={type === undefined ? () => setChosen(undefined) : undefined} done={close} />}
    </Dialog>
  );
}

/* ---- one click ---- */

/* A command without arguments goes at once; what somebody must know before is asked for in a dialog. */
export function useOneClick(device: Device) {
  const [asked, setAsked] = useState<Checked | null>(null);
  const act = useAct(async (type: string) => {
    const checked = await checkCommand({ ids: [device.id] }, type, {});
    const target = checked.targets[0];
    if (checked.dangerous || target?.error || (target?.warnings?.length ?? 0) > 0) {
      setAsked(checked);
      return;
    }
    const reply = await sendCommand([device.id], type, {});
    follow({ device }, reply.command_uuid, type, 1);
  });
  const dialog = asked && (
    <Dialog title={<>{commandName(asked.request_type)} · <Told text={deviceName(device)} most={60} /></>} close={() => setAsked(null)}>
      <Go to={{ device }} checked={asked} args={{}} back={undefined} sent={() => setAsked(null)} />
    </Dialog>
  );
  return { act, dialog };
}
