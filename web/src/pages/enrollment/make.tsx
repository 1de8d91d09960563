/* A new link: for whom and how long, and then its address, its QR code and the words to send with it. It is shown once. */
import { useState } from 'preact/hooks';
import { api, ApiError, onceKey } from '../../api/client';
import { session } from '../../api/session';
import { changed, useAct } from '../../api/use';
import { t } from '../../i18n';
import { QrCode } from '../../parts/qr';
import { Banner, Button, Clip, Failure } from '../../ui/basics';
import { Dialog } from '../../ui/dialog';
import { Choice, Form, TextField } from '../../ui/form';
import { Moment, Told } from '../../ui/text';
import { Steps } from './steps';

interface Made {
  url: string;
  expires_at: string;
  uses: number;
  device: string | null;
}
const SPANS = ['1h', '24h', '7d', '30d'] as const;

function MadeLink({ made, close }: { made: Made; close: () => void }) {
  return (
    <>
      <Banner tone="info" title={t('enroll.once')} />
      <div class="qr-beside">
        <QrCode text={made.url} label={t('enroll.qr')} />
        <div>
          <Clip text={made.url} />
          <p>{t('enroll.good-for', { n: made.uses })} <Moment at={made.expires_at} /></p>
          {made.device && <p>{t('enroll.for')} · <Told text={made.device} /></p>}
          <p class="help">{t('enroll.safari')}</p>
        </div>
      </div>
      <h3>{t('enroll.steps')}</h3>
      <Steps address={session.value?.public_url ?? ''} link={made.url} />
      <footer><Button kind="main" onClick={close}>{t('enroll.noted')}</Button></footer>
    </>
  );
}

export function MakeLink({ close, device: forDevice = '' }: { close: () => void; device?: string }) {
  const [ttl, setTtl] = useState<string>('24h');
  const [uses, setUses] = useState('1');
  const [device, setDevice] = useState(forDevice);
  const [made, setMade] = useState<Made | null>(null);
  const [key, setKey] = useState(onceKey);
  const n = Number(uses);
  const wrong = !Number.isInteger(n) || n < 1 || n > 100_000;
  const act = useAct(async (anyway: boolean) => {
    try {
      const body = { ttl, uses: n, ...(device.trim() ? { device: device.trim() } : {}), ...(anyway ? { anyway } : {}) };
      setMade(await api<Made>('POST', '/links', { body, once: key }));
    } finally {
      setKey(onceKey());
    }
    await changed('/links');
  });
  const unready = act.error instanceof ApiError && act.error.status === 409;
  return (
    <Dialog title={t(made ? 'enroll.made-title' : 'enroll.make')} close={close} wide={made !== null}>
      {made ? <MadeLink made={made} close={close} /> : (
        <Form submit={() => { if (!wrong) void act.run(false); }}>
          <Choice label={t('enroll.ttl')} value={ttl} options={SPANS.map((s) => [s, t(`enroll.ttl.${s}`)])} change={setTtl} />
          <TextField label={t('enroll.devices')} help={t('enroll.devices-help')} error={wrong ? t('enroll.devices-wrong') : undefined} value={uses} change={setUses} inputMode="numeric" required />
          <TextField label={t('enroll.for-device')} help={t('enroll.for-device-help')} value={device} change={setDevice} autoComplete="off" />
          {unready ? (
            <Banner tone="bad" title={t('enroll.no-pushcert')} actions={<Button kind="danger" busy={act.busy} onClick={() => void act.run(true)}>{t('enroll.anyway')}</Button>}>
              {t('enroll.no-pushcert-text')}
            </Banner>
          ) : <Failure error={act.error} />}
          <footer>
            <Button onClick={close}>{t('cancel')}</Button>
            <Button type="submit" kind="main" busy={act.busy} disabled={wrong}>{t('enroll.make-go')}</Button>
          </footer>
        </Form>
      )}
    </Dialog>
  );
}
