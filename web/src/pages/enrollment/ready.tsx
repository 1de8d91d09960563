/* What is missing before an enrollment can work; more of the same is found by the doctor. */
import { useApi } from '../../api/use';
import { t } from '../../i18n';
import { Banner, Button, Card, Failure } from '../../ui/basics';
import { Checks, useDoctor } from '../doctor';
import { ownCa, type Tls } from './tls';

interface Pushcert {
  state: string;
}

/* Those of the doctor's checks that an enrollment stands on; by their names. */
const CONCERNS = new Set(['push certificate', 'topics', 'TLS certificate', 'public-url', 'signed request', 'keys', 'clock', 'server']);
const LOCAL = /^https?:\/\/(localhost|127\.|\[::1\])/;

export function Ready() {
  const certs = useApi<{ pushcerts: Pushcert[] }>('/pushcerts');
  const tls = useApi<Tls>('/tls');
  const doctor = useDoctor();
  const usable = certs.data?.pushcerts.some((c) => c.state === 'ok' || c.state === 'expiring');
  const local = tls.data !== undefined && LOCAL.test(tls.data.public_url);
  const troubles = doctor.data?.checks.filter((c) => CONCERNS.has(c.name) && (c.status === 'fail' || c.status === 'warn') && !(ownCa(tls.data) && c.name === 'TLS certificate' && c.status === 'warn')) ?? []; // told above
  return (
    <Card title={t('enroll.ready')} wide actions={<Button busy={doctor.busy} onClick={() => void doctor.again()}>{t('doctor.again')}</Button>}>
      <Failure error={certs.error ?? tls.error ?? doctor.error} />
      {usable === false && (
        <Banner tone="bad" title={t('enroll.no-pushcert')} actions={<a class="button" href="/pushcert">{t('enroll.to-pushcert')}</a>}>{t('enroll.no-pushcert-text')}</Banner>
      )}
      {tls.data && local && (
        <Banner tone="warn" title={t('enroll.local', { url: tls.data.public_url })}>{t('enroll.local-text')}</Banner>
      )}
      {ownCa(tls.data) && (
        <Banner tone="info" title={t('enroll.own-ca')}>
          {t('enroll.own-ca-text')} <a href={`${tls.data?.public_url ?? ''}/trust`} rel="noreferrer">{tls.data?.public_url}/trust</a>
        </Banner>
      )}
      {doctor.loading && <p class="soft" role="status">{t('doctor.takes')}</p>}
      {troubles.length > 0 && <Checks checks={troubles} />}
      {usable && doctor.data && !local && troubles.length === 0 && <Banner tone="ok" title={t('enroll.all-ready')} />}
    </Card>
  );
}
