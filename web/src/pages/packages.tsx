/* Files that Macs install: sent up with progress, looked at, removed. */
import { useState } from 'preact/hooks';
import { RotateCcw, X } from 'lucide-preact';
import useSWRImmutable from 'swr/immutable';
import { api, type ApiError, request, segment } from '../api/client';
import { tells } from '../api/live';
import { may } from '../api/session';
import { changed, useAct, useApi } from '../api/use';
import { bytes, t } from '../i18n';
import { forget, send, sendAgain, type Sending, sendings, stop } from '../parts/uploads';
import { Badge, Banner, Button, Card, Clip, Facts, Failure, Page, type Tone, Waiting } from '../ui/basics';
import { Confirm, Dialog } from '../ui/dialog';
import { FileDrop } from '../ui/form';
import { Paged } from '../ui/paged';
import { Code, Time, Told, Words } from '../ui/text';

interface Package {
  name: string;
  identifier: string | null;
  version: string | null;
  title: string | null;
  size: number;
  sha256: string;
  signed: boolean;
  product: boolean;
  added_at: string;
  added_by: string;
  trouble: string | null;
  warnings: string[];
  url?: string;
}
const TONES: Record<Sending['state'], Tone> = { waiting: 'wait', sending: 'info', checking: 'info', done: 'ok', there: 'ok', failed: 'bad', stopped: 'warn' };

function left(s: Sending): string {
  const seconds = (Date.now() - s.began) / 1000;
  if (s.sent === 0 || seconds < 2) return '';
  const rest = Math.ceil(((s.file.size - s.sent) / s.sent) * seconds);
  return rest >= 60 ? t('packages.minutes-left', { n: Math.ceil(rest / 60) }) : t('packages.seconds-left', { n: rest });
}

function SendingRow({ s }: { s: Sending }) {
  const going = s.state === 'sending' || s.state === 'checking' || s.state === 'waiting';
  return (
    <li class="sending">
      <div class="line">
        <strong><Told text={s.file.name} /></strong>
        <Badge tone={TONES[s.state]}>{t(`packages.sending.${s.state}`)}</Badge>
        <span class="soft">{bytes(s.sent)} / {bytes(s.file.size)} {s.state === 'sending' && left(s)}</span>
        <span class="actions">
          {going && <Button kind="quiet" icon={<X size={16} aria-hidden="true" />} onClick={() => stop(s.id)}>{t('packages.stop')}</Button>}
          {(s.state === 'failed' || s.state === 'stopped') && <Button icon={<RotateCcw size={16} aria-hidden="true" />} onClick={() => sendAgain(s.id)}>{t('packages.again')}</Button>}
          {!going && <Button kind="quiet" onClick={() => forget(s.id)}>{t('packages.forget')}</Button>}
        </span>
      </div>
      {going && <progress max={s.file.size} value={s.state === 'checking' ? undefined : s.sent} aria-label={s.file.name} />}
      {s.error && (s.error.status === 0 ? <Banner tone="bad" title={t('packages.broke-off')} /> : <Failure error={s.error} />)}
    </li>
  );
}

function Manifest({ name, close }: { name: string; close: () => void }) {
  const { data, error } = useSWRImmutable<string, ApiError>(['manifest', name], async () => (await request('GET', `/packages/${segment(name)}/manifest`)).text());
  return (
    <Dialog title={t('packages.manifest-of', { name })} close={close} wide>
      <Failure error={error} />
      {!data && !error && <Waiting />}
      {data !== undefined && <pre dir="ltr" tabIndex={0}><Told text={data} most={20_000} /></pre>}
    </Dialog>
  );
}

function Remove({ name, close }: { name: string; close: () => void }) {
  const act = useAct(async () => {
    await api('DELETE', `/packages/${segment(name)}`);
    await changed('/packages');
    close();
  });
  return (
    <Confirm title={t('packages.remove-title', { name })} verb={t('packages.remove')} danger busy={act.busy} error={act.error} go={() => void act.run()} close={close}>
      <p>{t('packages.remove-text')}</p>
    </Confirm>
  );
}

function PackageUrl({ name }: { name: string }) {
  const { data, error } = useApi<Package>(`/packages/${segment(name)}`);
  return (
    <>
      <Failure error={error} />
      {data?.url && <><p class="help">{t('packages.url-help')}</p><Clip text={data.url} /></>}
    </>
  );
}

function One({ p }: { p: Package }) {
  const [open, setOpen] = useState<'manifest' | 'remove' | 'url' | null>(null);
  const badge: [Tone, string] = p.trouble ? ['bad', t('packages.trouble')] : p.warnings.length > 0 ? ['warn', t('packages.warning')] : ['ok', t('packages.fine')];
  return (
    <Card title={<Told text={p.title ?? p.name} />} actions={<Badge tone={badge[0]}>{badge[1]}</Badge>}>
      {p.trouble && <Banner tone="bad" title={<Words text={p.trouble} />}>{t('packages.trouble-text')}</Banner>}
      {p.warnings.map((w) => <Banner key={w} tone="warn" title={<Words text={w} />} />)}
      <Facts
        rows={[
          [t('packages.name'), <Told text={p.name} />],
          [t('packages.identifier'), <Told text={p.identifier} />],
          [t('packages.version'), <Told text={p.version} />],
          [t('packages.size'), bytes(p.size)],
          ['SHA-256', <Code>{p.sha256}</Code>],
          [t('packages.added'), <><Time at={p.added_at} /> · <Told text={p.added_by} /></>],
        ]}
      />
      {open === 'url' && <PackageUrl name={p.name} />}
      <footer>
        {may('operator') && <Button onClick={() => setOpen('manifest')}>{t('packages.manifest')}</Button>}
        {may('operator') && <Button aria-expanded={open === 'url'} onClick={() => setOpen(open === 'url' ? null : 'url')}>{t('packages.url')}</Button>}
        {may('operator') && <Button kind="danger" onClick={() => setOpen('remove')}>{t('packages.remove')}</Button>}
      </footer>
      {open === 'manifest' && <Manifest name={p.name} close={() => setOpen(null)} />}
      {open === 'remove' && <Remove name={p.name} close={() => setOpen(null)} />}
    </Card>
  );
}

export default function Packages() {
  return (
    <Page title={t('nav.packages')} lead={t('packages.lead')}>
      {may('operator') && (
        <Card title={t('packages.add')}>
          <FileDrop label={t('packages.drop')} help={t('packages.drop-help')} accept=".pkg" multiple take={send} />
          {sendings.value.length > 0 && <ul class="rows" aria-live="polite">{sendings.value.map((s) => <SendingRow key={s.id} s={s} />)}</ul>}
        </Card>
      )}
      <Paged<Package> path="/packages?limit=50" of="packages" empty={t('packages.none')} on={tells('package')}>
        {(rows) => <div class="cards">{rows.map((p) => <One key={p.name} p={p} />)}</div>}
      </Paged>
    </Page>
  );
}
