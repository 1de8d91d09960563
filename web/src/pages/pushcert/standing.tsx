/* How the certificates in use stand, and what is to be done next. */
import { Badge, Banner, Button, Card, Empty, Facts, type Tone } from '../../ui/basics';
import { Code, Moment, Time } from '../../ui/text';
import { days, number, rich, t, word } from '../../i18n';
import { may } from '../../api/session';
import type { PushCert } from './types';

const TONES: Record<PushCert['state'], Tone> = { ok: 'ok', expiring: 'warn', expired: 'bad', revoked: 'bad', superseded: 'none' };
const WARN_DAYS = 60;

/* How much of its life is left, of the year that it has. */
function Life({ cert }: { cert: PushCert }) {
  const whole = Date.parse(cert.not_after) - Date.parse(cert.not_before);
  const left = Math.max(0, Date.parse(cert.not_after) - Date.now());
  const tone = cert.state === 'ok' && cert.days_left <= WARN_DAYS ? 'warn' : TONES[cert.state];
  return (
    <figure class="life">
      <figcaption>
        <span class="soft">{rich('pushcert.left', { n: Math.max(0, cert.days_left), days: <strong class={`big ${tone}`}>{days(Math.max(0, cert.days_left))}</strong> })}</span>
      </figcaption>
      <progress max={whole} value={left} class={tone} aria-label={t('pushcert.life')} />
    </figure>
  );
}

export function Standing({ certs, go }: { certs: PushCert[]; go: (tab: string, topic?: string) => void }) {
  if (certs.length === 0) {
    return (
      <>
        <Empty>{t('pushcert.none')}</Empty>
        {may('admin') && <p><Button kind="main" onClick={() => go('renew')}>{t('pushcert.make')}</Button></p>}
      </>
    );
  }
  return (
    <>
      {certs.map((cert) => (
        <Card
          key={cert.serial_number}
          title={<Badge tone={TONES[cert.state]}>{word('pushcert.state', cert.state)}</Badge>}
          actions={may('admin') && <Button kind="main" onClick={() => go('renew', cert.topic)}>{t('pushcert.renew')}</Button>}
        >
          <Life cert={cert} />
          <Facts
            rows={[
              [t('pushcert.ends'), <><Moment at={cert.not_after} /> (<Time at={cert.not_after} />)</>],
              [t('pushcert.account'), cert.apple_id === null ? <Badge tone="warn">{t('pushcert.account-unknown')}</Badge> : <bdi>{cert.apple_id}</bdi>],
              [t('pushcert.topic'), <Code>{cert.topic}</Code>],
              [t('pushcert.serial'), <><Code>{cert.serial_number}</Code> <span class="soft">{t('pushcert.decimal', { serial: cert.serial_number_decimal })}</span></>],
              [t('pushcert.issuer'), <bdi>{cert.issuer}</bdi>],
              [t('pushcert.enrollments'), number(cert.enrollments)],
              [t('pushcert.proof'), <Badge tone={cert.proof === 'proven' ? 'ok' : cert.proof === 'refused' ? 'bad' : 'wait'}>{word('pushcert.proof', cert.proof)}</Badge>],
              ...(certs.length > 1 ? [[t('pushcert.new-enrollments'), cert.new_enrollments ? t('yes') : t('no')] as [string, string]] : []),
            ]}
          />
          <Banner tone="info" title={t('pushcert.never')}>{t('pushcert.never-text', { topic: cert.topic })}</Banner>
          {(cert.warnings ?? []).length > 0 && (
            <Banner
              tone="warn"
              title={t('pushcert.warnings', { n: cert.warnings?.length ?? 0 })}
              actions={<Button onClick={() => go('people', cert.topic)}>{t('pushcert.tab.people')}</Button>}
            >
              <ul>{cert.warnings?.map((w) => <li key={w.slug}>{word('pushcert.warning', w.slug)}</li>)}</ul>
            </Banner>
          )}
        </Card>
      ))}
    </>
  );
}

