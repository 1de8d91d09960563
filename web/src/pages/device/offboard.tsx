/* A device leaves for good: what that would do and what is missing, doing it, how far it is. */
import { useCallback, useState } from 'preact/hooks';
import { api, segment } from '../../api/client';
import { changed, useAct, useApi } from '../../api/use';
import { t, word } from '../../i18n';
import { Banner, Button, Facts, Failure, Waiting } from '../../ui/basics';
import { Dialog } from '../../ui/dialog';
import { CheckBox, Choice, Form, TextField } from '../../ui/form';
import { Secret } from '../../ui/secret';
import { Name, Told, Words } from '../../ui/text';
import type { Whole } from './data';

interface Report {
  step: string;
  next: string;
  way: string | null;
  by: string | null;
  reason: string | null;
  activation_lock: { state: string; apple_answered: number | null };
  groups: string[];
  links: number;
  missing: string[];
  warnings: string[];
  secrets?: { kind: string; value: string; state: string }[];
}

function Remarks({ texts, tone, title }: { texts: string[]; tone: 'warn' | 'bad'; title: string }) {
  if (texts.length === 0) return null;
  return <Banner tone={tone} title={title}><ul class="reasons">{texts.map((x) => <li key={x}><Words text={x} /></li>)}</ul></Banner>;
}

/* What must be noted before it is gone; hidden again after a minute. */
function Codes({ secrets }: { secrets: { kind: string; value: string; state: string }[] }) {
  const [shown, setShown] = useState(true);
  const over = useCallback(() => setShown(false), []);
  if (secrets.length === 0) return null;
  if (!shown) return <p class="help">{t('offboard.hidden')}</p>;
  return (
    <Banner tone="warn" title={t('offboard.codes')}>
      {secrets.map((s) => (
        <section key={`${s.kind} ${s.value}`}>
          <h3>{word('escrow-kind', s.kind)} · {word('escrow-state', s.state)}</h3>
          <Secret value={s.value} over={over} />
        </section>
      ))}
    </Banner>
  );
}

function Begin({ device, report, begun }: { device: Whole; report: Report; begun: (report: Report) => void }) {
  const [way, setWay] = useState('erase');
  const [reason, setReason] = useState('');
  const [anyway, setAnyway] = useState(false);
  const [typed, setTyped] = useState('');
  const mustType = device.serial_number ?? device.id;
  const ready = reason.trim().length >= 3 && typed.trim() === mustType && (report.missing.length === 0 || anyway);
  const act = useAct(async () => {
    begun(await api<Report>('POST', `/devices/${segment(device.id)}/offboard`, { body: { reason, way, anyway } }));
    await changed('/devices', '/commands');
  });
  return (
    <Form submit={() => { if (ready) void act.run(); }}>
      <Choice label={t('offboard.way')} value={way} options={[['erase', t('offboard.erase')], ['unenroll', t('offboard.unenroll')]]} change={setWay} help={t(way === 'erase' ? 'offboard.erase-help' : 'offboard.unenroll-help')} />
      <TextField label={t('escrow.reason')} value={reason} change={setReason} maxLength={500} autoComplete="off" />
      {report.missing.length > 0 && <CheckBox label={t('offboard.anyway')} value={anyway} change={setAnyway} />}
      <TextField label={t('confirm.type', { word: mustType })} value={typed} change={setTyped} autoComplete="off" />
      <Failure error={act.error} />
      <footer><Button type="submit" kind="danger" busy={act.busy} disabled={!ready}>{t('offboard.go')}</Button></footer>
    </Form>
  );
}

export function Offboard({ device, close }: { device: Whole; close: () => void }) {
  const look = useApi<Report>(`/devices/${segment(device.id)}/offboard`, { on: (c) => c.device === device.id });
  const [begun, setBegun] = useState<Report | null>(null);
  const report = begun ?? look.data;
  return (
    <Dialog title={t('act.offboard')} close={close} wide>
      <p>{t('offboard.text')}</p>
      <Failure error={look.error} />
      {look.loading && <Waiting />}
      {report && (
        <>
          <Remarks texts={report.missing} tone="bad" title={t('offboard.missing')} />
          <Remarks texts={report.warnings} tone="warn" title={t('send.warnings')} />
          <Facts
            rows={[
              [t('offboard.step'), <><strong>{word('offboard-step', report.step)}</strong> <Words text={report.next} /></>],
              [t('field.activation-lock'), word('lock', report.activation_lock.state)],
              [t('nav.groups'), report.groups.length > 0 ? <Name text={report.groups.join(', ')} /> : t('compliance.none')],
              [t('offboard.links'), report.links],
              ...(report.by ? [[t('commands.by'), <><Name text={report.by} />: <Told text={report.reason} /></>] as [string, preact.JSX.Element]] : []),
            ]}
          />
          {report.secrets && <Codes secrets={report.secrets} />}
          {(report.step === 'none' || report.step === 'failed') && !begun && <Begin device={device} report={report} begun={setBegun} />}
        </>
      )}
    </Dialog>
  );
}
