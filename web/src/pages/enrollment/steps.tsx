/* What people see on their devices when they enroll, kind by kind: to be read to them, or sent. */
import { useState } from 'preact/hooks';
import { type Key, t } from '../../i18n';
import { useApi } from '../../api/use';
import { CopyButton, Panel, Tabs } from '../../ui/basics';
import { ownCa, type Tls } from './tls';

const KINDS: [string, Key, Key[]][] = [
  ['ios', 'enroll.kind.ios', ['enroll.ios.2', 'enroll.ios.1', 'enroll.ios.3', 'enroll.ios.4', 'enroll.ios.5']],
  ['macos', 'enroll.kind.macos', ['enroll.macos.1', 'enroll.macos.2', 'enroll.macos.3', 'enroll.macos.4']],
  ['tvos', 'enroll.kind.tvos', ['enroll.tvos.1', 'enroll.tvos.2', 'enroll.tvos.3']],
  ['watchos', 'enroll.kind.watchos', ['enroll.watchos.1', 'enroll.watchos.2']],
];

export function Steps({ address, link }: { address: string; link?: string }) {
  const [kind, setKind] = useState('ios');
  const own = ownCa(useApi<Tls>('/tls').data);
  const steps = (KINDS.find(([id]) => id === kind)?.[2] ?? []).filter((k) => own || k !== 'enroll.ios.2');
  const trust = `${address}/trust`;
  const letter = [t('enroll.letter'), link ?? '', '', ...steps.map((k, i) => `${i + 1}. ${t(k, { address: trust })}`)].join('\n');
  return (
    <>
      <Tabs tabs={KINDS.map(([id, name]) => [id, t(name)])} chosen={kind} choose={setKind} />
      <Panel id={kind}>
        <ol class="howto">
          {steps.map((k) => <li key={k}>{t(k, { address: trust })}</li>)}
        </ol>
        {link !== undefined && <p><CopyButton text={letter} label="enroll.copy-letter" /></p>}
      </Panel>
    </>
  );
}
