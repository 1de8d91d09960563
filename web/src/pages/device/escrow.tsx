/* What opens a device when nobody else can: listed without values; one is revealed with a reason that is kept. */
import { useCallback, useState } from 'preact/hooks';
import { api, segment } from '../../api/client';
import { may } from '../../api/session';
import { changed, useAct, useApi } from '../../api/use';
import { t, word } from '../../i18n';
import { track } from '../../parts/tracker';
import { Badge, Banner, Button, Card, Empty, Failure, type Tone, Waiting } from '../../ui/basics';
import { Confirm, Dialog } from '../../ui/dialog';
import { CheckBox, Form, TextField } from '../../ui/form';
import { Secret } from '../../ui/secret';
import { Table } from '../../ui/table';
import { Moment, Name, Told, Words } from '../../ui/text';
import { deviceName } from '../../parts/device';
import type { Whole } from './data';

interface Held {
  kind: string;
  number: number | null;
  state: string;
  note: string | null;
  at: string;
  revealed_at: string | null;
  revealed_by: string | null;
  revealed_reason: string | null;
}
interface Revealed {
  value: string;
  encoding: 'text' | 'base64';
  note: string | null;
  rotate_command_uuid: string | null;
  not_rotated: string | null;
}

const STATES: Record<string, Tone> = { 'in-force': 'ok', waiting: 'wait', former: 'none', unread: 'bad' };
const REASON_LEAST = 3;

function Reveal({ device, held, close }: { device: Whole; held: Held; close: () => void }) {
  const [reason, setReason] = useState('');
  const [rotate, setRotate] = useState(true);
  const [shown, setShown] = useState<Revealed | null>(null);
  const rotates = held.kind === 'recovery-key' && held.state === 'in-force';
  const act = useAct(async () => {
    const body = { kind: held.kind, reason, ...(held.number === null ? {} : { number: held.number }), ...(rotates ? { rotate } : {}) };
    const got = await api<Revealed>('POST', `/devices/${segment(device.id)}/escrow/reveal`, { body });
    setShown(got);
    if (got.rotate_command_uuid) track({ uuid: got.rotate_command_uuid, type: 'RotateFileVaultKey', device: { id: device.id, name: deviceName(device) }, count: 1 });
    await changed(`/devices/${segment(device.id)}`);
  });
  const over = useCallback(() => close(), [close]);
  return (
    <Dialog title={word('escrow-kind', held.kind)} close={close}>
      {shown
        ? (
          <>
            <Secret value={shown.value} over={over} />
            {shown.encoding === 'base64' && <p class="help">{t('escrow.base64')}</p>}
            {shown.note && <p class="help"><Words text={shown.note} /></p>}
            {shown.rotate_command_uuid && <Banner tone="info" title={t('escrow.rotates')} />}
            {shown.not_rotated && <Banner tone="warn" title={t('escrow.not-rotated')}><Words text={shown.not_rotated} /></Banner>}
            <footer><Button kind="main" onClick={close}>{t('escrow.hide')}</Button></footer>
          </>
        )
        : (
          <Form submit={() => { if (reason.trim().length >= REASON_LEAST) void act.run(); }}>
            <p>{t('escrow.recorded')}</p>
            <TextField label={t('escrow.reason')} help={t('escrow.reason-help')} value={reason} change={setReason} autoFocus autoComplete="off" maxLength={500} />
            {rotates && <CheckBox label={t('escrow.rotate')} help={t('escrow.rotate-help')} value={rotate} change={setRotate} />}
            <Failure error={act.error} />
            <footer><Button onClick={close}>{t('cancel')}</Button><Button type="submit" kind="main" busy={act.busy} disabled={reason.trim().length < REASON_LEAST}>{t('escrow.reveal')}</Button></footer>
          </Form>
        )}
    </Dialog>
  );
}

function Rotate({ device, close }: { device: Whole; close: () => void }) {
  const act = useAct(async () => {
    const got = await api<{ command_uuid: string }>('POST', `/devices/${segment(device.id)}/escrow/rotate`);
    track({ uuid: got.command_uuid, type: 'RotateFileVaultKey', device: { id: device.id, name: deviceName(device) }, count: 1 });
    await changed(`/devices/${segment(device.id)}`);
    close();
  });
  return (
    <Confirm title={t('escrow.rotate-title')} verb={t('escrow.rotate-go')} busy={act.busy} error={act.error} go={() => void act.run()} close={close}>
      <p>{t('escrow.rotate-text')}</p>
    </Confirm>
  );
}

export function Escrow({ device }: { device: Whole }) {
  const list = useApi<{ secrets: Held[] }>(`/devices/${segment(device.id)}/escrow`, { on: (c) => c.device === device.id });
  const [revealing, setRevealing] = useState<Held | null>(null);
  const [rotating, setRotating] = useState(false);
  const secrets = list.data?.secrets ?? [];
  const close = useCallback(() => setRevealing(null), []);
  const key = secrets.some((s) => s.kind === 'recovery-key' && s.state === 'in-force');
  return (
    <Card title={t('escrow.title')} wide actions={key && may('operator') && <Button onClick={() => setRotating(true)}>{t('escrow.rotate-go')}</Button>}>
      <Failure error={list.error} />
      {list.loading && <Waiting />}
      {list.data && secrets.length === 0 && <Empty>{t('escrow.none')}</Empty>}
      {secrets.length > 0 && (
        <Table
          caption={t('escrow.title')} rows={secrets} id={(s) => `${s.kind} ${s.number ?? ''}`}
          columns={[
            { id: 'kind', name: t('escrow.kind'), cell: (s) => word('escrow-kind', s.kind) },
            { id: 'state', name: t('field.state'), cell: (s) => <><Badge tone={STATES[s.state] ?? 'none'}>{word('escrow-state', s.state)}</Badge>{s.note && <p class="help"><Words text={s.note} /></p>}</> },
            { id: 'at', name: t('escrow.at'), cell: (s) => s.at && <Moment at={s.at} /> },
            { id: 'seen', name: t('escrow.seen'), cell: (s) => (s.revealed_at ? <><Moment at={s.revealed_at} /> · <Name text={s.revealed_by} /><p class="help"><Told text={s.revealed_reason} /></p></> : <span class="none">{t('never')}</span>) },
            { id: 'act', name: <span class="hidden">{t('command.acts')}</span>, cell: (s) => may('operator') && s.state !== 'unread' && <Button onClick={() => setRevealing(s)}>{t('escrow.reveal')}</Button>, align: 'end' },
          ]}
        />
      )}
      {revealing && <Reveal device={device} held={revealing} close={close} />}
      {rotating && <Rotate device={device} close={() => setRotating(false)} />}
    </Card>
  );
}
