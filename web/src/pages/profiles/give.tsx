/* By hand, once: to these devices, or off them. What is to stay is a group's. */
import { useState } from 'preact/hooks';
import { api, onceKey, segment } from '../../api/client';
import { useAct } from '../../api/use';
import { t } from '../../i18n';
import { Badge, Button, Card, Failure } from '../../ui/basics';
import { TextArea } from '../../ui/form';
import { Name, Words } from '../../ui/text';
import type { Profile } from './parts';

interface Target {
  id: string;
  command_uuid: string | null;
  error?: { code: string; message: string };
}

const namesIn = (text: string) => [...new Set(text.split(/[\s,;]+/).filter((x) => x !== ''))];

export function GiveProfile({ p }: { p: Profile }) {
  const [text, setText] = useState('');
  const [targets, setTargets] = useState<Target[]>([]);
  const ids = namesIn(text);
  const act = useAct(async (verb: 'install' | 'uninstall') => {
    setTargets([]);
    setTargets((await api<{ targets: Target[] }>('POST', `/profiles/${segment(p.identifier)}/${verb}`, { body: { ids }, once: onceKey() })).targets);
  });
  return (
    <Card title={t('profiles.by-hand')}>
      <TextArea label={t('profiles.to-devices')} help={t('profiles.to-devices-help')} value={text} change={setText} rows={3} />
      <div class="actions">
        <Button disabled={ids.length === 0} busy={act.busy} onClick={() => void act.run('install')}>{t('profiles.install', { n: Math.max(1, ids.length) })}</Button>
        <Button kind="danger" disabled={ids.length === 0} busy={act.busy} onClick={() => void act.run('uninstall')}>{t('profiles.uninstall', { n: Math.max(1, ids.length) })}</Button>
      </div>
      <Failure error={act.error} />
      <ul class="rows" aria-live="polite">
        {targets.map((x) => (
          <li key={x.id} class="line">
            <a href={`/devices/${segment(x.id)}`}><Name text={x.id} /></a>{' '}
            {x.error ? <><Badge tone="bad">{t('profiles.refused')}</Badge> <Words text={x.error.message} /></> : <a href={`/commands/${x.command_uuid ?? ''}`}><Badge tone="info">{t('profiles.queued')}</Badge></a>}
          </li>
        ))}
      </ul>
    </Card>
  );
}
