/* Everything from the clock to APNs, checked now: what was found, why it matters, what to do. */
import { RefreshCw } from 'lucide-preact';
import { useApi } from '../api/use';
import { t, word } from '../i18n';
import { Badge, Button, Card, Empty, Failure, Page, type Tone } from '../ui/basics';
import { Words } from '../ui/text';

export interface Check {
  name: string;
  status: 'ok' | 'warn' | 'fail' | 'skip';
  message: string;
  fix: string;
}
const TONES: Record<Check['status'], Tone> = { ok: 'ok', warn: 'warn', fail: 'bad', skip: 'none' };
const ORDER: Check['status'][] = ['fail', 'warn', 'skip', 'ok'];

/* "data folder" is doctor.check.data-folder; "APNs 443 directly" is one of the ways to Apple. */
export function checkName(name: string): string {
  const [, port, how] = /^APNs (\d+) (directly|by proxy)$/.exec(name) ?? [];
  if (port !== undefined) return t(how === 'directly' ? 'doctor.way' : 'doctor.way-proxy', { port });
  const key = name.toLowerCase().replace(/[^a-z]+/g, '-');
  const text = word('doctor.check', key);
  return text === key ? name : text;
}

function CheckBadge({ status }: { status: Check['status'] }) {
  return <Badge tone={TONES[status]}>{word('doctor.status', status)}</Badge>;
}

export function Checks({ checks }: { checks: Check[] }) {
  return (
    <ul class="rows">
      {checks.map((c) => (
        <li key={c.name} class="check-row">
          <CheckBadge status={c.status} />
          <div>
            <h3>{checkName(c.name)}</h3>
            <p><Words text={c.message} most={1000} /></p>
            {c.fix !== '' && <p class="fix"><strong>{t('doctor.fix')}</strong> <Words text={c.fix} most={1000} /></p>}
          </div>
        </li>
      ))}
    </ul>
  );
}

export default function Doctor() {
  const { data, error, loading, again, busy } = useDoctor();
  const checks = data?.checks ?? [];
  const counted = (s: Check['status']) => checks.filter((c) => c.status === s).length;
  return (
    <Page
      title={t('nav.doctor')}
      lead={t('doctor.lead')}
      actions={<Button busy={busy} icon={<RefreshCw size={16} aria-hidden="true" />} onClick={() => void again()}>{t('doctor.again')}</Button>}
    >
      <Failure error={error} />
      {loading && <p role="status">{t('doctor.takes')}</p>}
      {data && (
        <p class="actions" role="status">
          {ORDER.filter((s) => counted(s) > 0).map((s) => <Badge key={s} tone={TONES[s]}>{word('doctor.status', s)} {counted(s)}</Badge>)}
        </p>
      )}
      {ORDER.map((status) => {
        const group = checks.filter((c) => c.status === status);
        return group.length > 0 && <Card key={status} title={word('doctor.group', status)}><Checks checks={group} /></Card>;
      })}
      {data && checks.length === 0 && <Empty>{t('doctor.none')}</Empty>}
    </Page>
  );
}

/* It asks others and waits for them: not again with every look at the window. */
export function useDoctor() {
  const used = useApi<{ checks: Check[] }>('/doctor', { calm: true });
  return { ...used, busy: used.looking };
}
