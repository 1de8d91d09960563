/* What is known of a device: the thing itself, how it is reached, how safe it is. */
import { withQuery } from '../../api/client';
import { number, percent, t } from '../../i18n';
import { Badge, Banner, Card, Facts } from '../../ui/basics';
import { Moment, Name, Time, Told } from '../../ui/text';
import { platformName, PushBadge } from '../../parts/device';
import { fieldName, FIELDS, valueOf } from '../../parts/fields';
import type { Whole } from './data';

type Rows = Parameters<typeof Facts>[0]['rows'];

function value(device: Whole, field: string) {
  const v = valueOf(device, field);
  if (v === undefined) return null;
  if (typeof v === 'boolean') return t(v ? 'yes' : 'no');
  if (field === 'battery' && typeof v === 'number' && v >= 0) return percent(v);
  if (typeof v === 'number') return number(v);
  return FIELDS[field] === 'time' ? <Moment at={v} /> : <Told text={v} />;
}

const rows = (device: Whole, fields: string[]): Rows => fields.flatMap((f): Rows => {
  const shown = value(device, f);
  return shown === null ? [] : [[fieldName(f), shown]];
});

export function Things({ device }: { device: Whole }) {
  return (
    <Card title={t('device.facts')}>
      <Facts
        rows={[
          ...rows(device, device.fields.model === device.fields.product ? ['serial', 'model'] : ['serial', 'model', 'product']),
          [fieldName('platform'), <>{platformName(device.fields.platform as string | undefined, device.fields.product)} <Name text={device.os_version} /></>],
          ...rows(device, ['build', 'hostname', 'capacity', 'free-space', 'battery', 'wifi-mac', 'ethernet-mac', 'imei', 'phone', 'roaming']),
          [fieldName('id'), <code class="told">{device.id}</code>],
        ]}
      />
      {device.misfits.length > 0 && <p class="help">{t('device.misfits', { n: device.misfits.length })} {device.misfits.map((m) => m.request_type).join(', ')}</p>}
    </Card>
  );
}

export function Reach({ device }: { device: Whole }) {
  return (
    <Card title={t('device.reach')}>
      <Facts
        rows={[
          [t('field.enrolled'), <Moment at={device.enrolled_at} />],
          [t('field.type'), t(device.type.startsWith('User') ? 'device.enrolled-user' : 'device.enrolled-device')],
          [t('field.last-seen'), <><Time at={device.last_seen} />{device.last_address && <> · <Name text={device.last_address} /></>}</>],
          [t('field.push'), <PushBadge state={device.push.state} />],
          [t('device.woken'), <Time at={device.push.sent_at} />],
          [t('device.waiting'), device.commands_waiting > 0 ? <a href={withQuery('/commands', { device: device.id, status: 'waiting', all: 'yes' })}>{t('device.commands', { n: device.commands_waiting })}</a> : t('device.nothing-waits')],
          [t('nav.commands'), <a href={withQuery('/commands', { device: device.id, all: 'yes' })}>{t('device.all-commands')}</a>],
          [t('device.identity'), <Moment at={device.identity_not_after} />],
          [t('field.inventory'), <Time at={device.fields.inventory as string | undefined} />],
          [t('field.topic'), <Name text={device.topic} />],
        ]}
      />
    </Card>
  );
}

/* Flags that somebody should look at when they are off; and those that are neither good nor bad. */
const GOOD = ['filevault', 'passcode', 'passcode-compliant', 'firewall', 'sip', 'user-approved'];
const OPEN = ['supervised', 'ade', 'activation-lock', 'lost-mode', 'recovery-lock', 'firmware-password', 'remote-desktop', 'awaiting-configuration'];
const OF_MACS = ['recovery-key', 'bootstrap-token'];
const OF_OTHERS = ['unlock-token'];

export function Security({ device }: { device: Whole }) {
  const flag = (f: string) => device.fields[f.replaceAll('-', '_')];
  const mac = device.fields.platform === 'macos';
  const known = [...GOOD, ...(mac ? OF_MACS : OF_OTHERS), ...OPEN].filter((f) => typeof flag(f) === 'boolean');
  const secureBoot = rows(device, ['secure-boot']);
  return (
    <Card title={t('device.security')} wide>
      {mac && !device.bootstrap_token_held && <Banner tone="warn" title={t('device.no-bootstrap')} />}
      {known.length === 0 && <p class="empty">{t('software.not-told')}</p>}
      <Facts
        rows={[
          ...known.map((f): Rows[number] => {
            const on = flag(f) === true;
            const tone = on && !OPEN.includes(f) ? 'ok' : !on && GOOD.includes(f) ? 'warn' : 'none';
            return [fieldName(f), tone === 'none' ? t(on ? 'yes' : 'no') : <Badge tone={tone}>{t(on ? 'yes' : 'no')}</Badge>];
          }),
          ...secureBoot,
        ]}
      />
    </Card>
  );
}
