/* What may be done with a device, each with its consequences in words. What a command is for stands in the table of commands. */
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { Power, Send } from 'lucide-preact';
import { api, segment } from '../../api/client';
import { changed, useAct } from '../../api/use';
import { type Key, t } from '../../i18n';
import { deviceName } from '../../parts/device';
import { SendDialog, useOneClick } from '../../parts/send';
import { Banner, Button, Failure } from '../../ui/basics';
import { Confirm } from '../../ui/dialog';
import { Menu, type MenuItem } from '../../ui/menu';
import { Name } from '../../ui/text';
import { toast } from '../../ui/toasts';
import { MakeLink } from '../enrollment/make';
import { DecideTakeover } from '../takeovers';
import type { Whole } from './data';
import { Offboard } from './offboard';

interface Row {
  id: 'push' | 'refresh' | 'block' | 'unblock' | 'unenroll' | 'release' | 'forget' | 'grace' | 'configured';
  when: (d: Whole, verdicts: string[]) => boolean;
  method: 'POST' | 'DELETE';
  path: string; // behind the device
  body?: unknown;
  ask: 'no' | 'yes' | 'type';
  leaves?: boolean; // the device is not there afterwards
}

const here = (d: Whole) => d.state === 'enrolled' || d.state === 'leaving';
const ACTS: Row[] = [
  { id: 'push', when: here, method: 'POST', path: '/push', ask: 'no' },
  { id: 'refresh', when: here, method: 'POST', path: '/inventory/refresh', ask: 'no' },
  { id: 'grace', when: (_, verdicts) => verdicts.includes('identity-expired'), method: 'POST', path: '/grace', body: { span: '7d' }, ask: 'yes' },
  { id: 'configured', when: (d) => d.awaiting_configuration, method: 'POST', path: '/configured', ask: 'yes' },
  { id: 'block', when: (d) => d.state !== 'blocked', method: 'POST', path: '/block', ask: 'yes' },
  { id: 'unblock', when: (d) => d.state === 'blocked', method: 'POST', path: '/unblock', ask: 'yes' },
  { id: 'release', when: () => true, method: 'POST', path: '/release', ask: 'yes' },
  { id: 'unenroll', when: here, method: 'POST', path: '/unenroll', ask: 'type' },
  { id: 'forget', when: () => true, method: 'DELETE', path: '', ask: 'type', leaves: true },
];
const key = (id: Row['id'], part: '' | '-text' | '-done') => `act.${id}${part}` as Key;

function Ask({ device, row, close }: { device: Whole; row: Row; close: () => void }) {
  const { route } = useLocation();
  const act = useAct(async () => {
    const query = row.id === 'forget' && device.enrolled ? { anyway: 'yes' } : {};
    await api(row.method, `/devices/${segment(device.id)}${row.path}`, { query, ...(row.body === undefined ? {} : { body: row.body }) });
    toast(t(key(row.id, '-done')));
    close();
    if (row.leaves) route('/devices');
    else await changed('/devices', '/commands');
  });
  return (
    <Confirm
      title={<>{t(key(row.id, ''))} · <Name text={deviceName(device)} most={60} /></>} verb={t(key(row.id, ''))} danger={row.ask === 'type'}
      {...(row.ask === 'type' ? { type: device.serial_number ?? device.id } : {})}
      busy={act.busy} error={act.error} go={() => void act.run()} close={close}
    >
      <p>{t(key(row.id, '-text'))}</p>
    </Confirm>
  );
}

type Open = { row: Row } | 'send' | 'link' | 'offboard' | 'accept' | 'refuse' | null;

/* verdicts: what holds of it, the first of them and the others. */
export function Acts({ device, verdicts }: { device: Whole; verdicts: string[] }) {
  const [open, setOpen] = useState<Open>(null);
  const once = useOneClick(device);
  const now = useAct(async (row: Row) => {
    await api(row.method, `/devices/${segment(device.id)}${row.path}`);
    toast(t(key(row.id, '-done')), 'info');
    await changed('/devices');
  });
  const itemsOf = (danger: boolean) => ACTS.filter((row) => row.when(device, verdicts) && (row.ask === 'type') === danger).map((row): MenuItem => ({
    id: row.id, name: row.ask === 'no' ? t(key(row.id, '')) : `${t(key(row.id, ''))}…`, danger,
    run: () => { if (row.ask === 'no') void now.run(row); else setOpen({ row }); },
  }));
  const items: MenuItem[] = [
    ...itemsOf(false), { id: 'link', name: t('act.link'), run: () => setOpen('link') },
    ...itemsOf(true), { id: 'offboard', name: t('act.offboard'), danger: true, run: () => setOpen('offboard') },
  ];
  const close = () => setOpen(null);
  const { takeover } = device;
  return (
    <>
      <div class="actions">
        {here(device) && device.fields.platform !== 'watchos' && <Button kind="main" icon={<Power size={16} aria-hidden="true" />} busy={once.act.busy} onClick={() => void once.act.run('RestartDevice')}>{t('command.RestartDevice')}</Button>}
        {here(device) && <Button icon={<Send size={16} aria-hidden="true" />} onClick={() => setOpen('send')}>{t('act.send')}</Button>}
        <Menu label={t('act.more')} items={items} />
      </div>
      <Failure error={once.act.error ?? now.error} />
      {takeover && (
        <Banner
          tone="warn" title={t('takeover.what')}
          actions={<>{!takeover.accepted_by && <Button onClick={() => setOpen('accept')}>{t('takeover.accept')}</Button>}<Button onClick={() => setOpen('refuse')}>{t('takeover.refuse')}</Button></>}
        />
      )}
      {once.dialog}
      {open === 'send' && <SendDialog to={{ device }} close={close} />}
      {open === 'link' && <MakeLink device={device.id} close={close} />}
      {open === 'offboard' && <Offboard device={device} close={close} />}
      {(open === 'accept' || open === 'refuse') && <DecideTakeover id={device.id} name={deviceName(device)} what={open} close={close} />}
      {open !== null && typeof open === 'object' && <Ask device={device} row={open.row} close={close} />}
    </>
  );
}
