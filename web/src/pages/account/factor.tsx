/* The second factor: codes of an app (TOTP), with recovery codes for a lost telephone. */
import { useState } from 'preact/hooks';
import { api } from '../../api/client';
import { loadSession, session } from '../../api/session';
import { useAct } from '../../api/use';
import { t } from '../../i18n';
import { QrCode } from '../../parts/qr';
import { WithPassword } from '../../parts/with-password';
import { Badge, Banner, Button, Card, Clip, Failure } from '../../ui/basics';
import { Dialog } from '../../ui/dialog';
import { save } from '../../ui/files';
import { Form, TextField } from '../../ui/form';

interface Key {
  secret: string;
  uri: string;
}
interface Codes {
  recovery_codes: string[];
}

function Recovery({ codes, close }: { codes: string[]; close: () => void }) {
  return (
    <Dialog title={t('factor.codes')}>
      <p>{t('factor.codes-text')}</p>
      <ul class="codes">{codes.map((c) => <li key={c}><code>{c}</code></li>)}</ul>
      <footer>
        <Button onClick={() => save('recovery-codes.txt', codes.join('\n') + '\n', 'text/plain')}>{t('factor.codes-save')}</Button>
        <Button kind="main" onClick={close}>{t('factor.codes-kept')}</Button>
      </footer>
    </Dialog>
  );
}

function Begin({ done, close }: { done: (codes: string[]) => void; close: () => void }) {
  const [key, setKey] = useState<Key | null>(null);
  const [code, setCode] = useState('');
  const begin = useAct(async () => setKey(await api<Key>('POST', '/me/totp')));
  const confirm = useAct(async () => done((await api<Codes>('PUT', '/me/totp', { body: { code: code.replace(/\s/g, '') } })).recovery_codes));
  if (!key) {
    return (
      <Dialog title={t('factor.add')} close={close}>
        <p>{t('factor.add-text')}</p>
        <Failure error={begin.error} />
        <footer><Button kind="main" busy={begin.busy} onClick={() => void begin.run()}>{t('factor.begin')}</Button></footer>
      </Dialog>
    );
  }
  return (
    <Dialog title={t('factor.add')} close={close}>
      <Form submit={() => void confirm.run()}>
        <p>{t('factor.scan')}</p>
        <QrCode text={key.uri} label={t('factor.scan')} />
        <p>{t('factor.type')}</p>
        <Clip text={key.secret} />
        <TextField label={t('login.code')} value={code} change={setCode} inputMode="numeric" autoComplete="one-time-code" required />
        <Failure error={confirm.error} />
        <footer><Button type="submit" kind="main" busy={confirm.busy} disabled={code === ''}>{t('factor.confirm')}</Button></footer>
      </Form>
    </Dialog>
  );
}

export function SecondFactor() {
  const [open, setOpen] = useState<'add' | 'remove' | 'codes' | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const on = session.value?.totp ?? false;
  const safe = session.value?.second_factor ?? false;
  const shown = (list: string[]) => {
    setOpen(null);
    setCodes(list);
    void loadSession();
  };
  return (
    <Card title={t('factor.title')} actions={<Badge tone={on ? 'ok' : 'warn'}>{t(on ? 'factor.on' : 'factor.off')}</Badge>}>
      {!safe && <Banner tone="warn" title={t('factor.off-title')}>{t('factor.off-text')}</Banner>}
      <div class="actions">
        {!on && <Button kind="main" onClick={() => setOpen('add')}>{t('factor.add')}</Button>}
        {on && <Button onClick={() => setOpen('codes')}>{t('factor.codes-new')}</Button>}
        {on && <Button kind="danger" onClick={() => setOpen('remove')}>{t('factor.remove')}</Button>}
      </div>
      {open === 'add' && <Begin done={shown} close={() => setOpen(null)} />}
      {open === 'codes' && (
        <WithPassword
          title={t('factor.codes-new')}
          verb={t('factor.codes-new')}
          act={async (password) => shown((await api<Codes>('POST', '/me/recovery-codes', { body: { password } })).recovery_codes)}
          close={() => setOpen(null)}
        />
      )}
      {open === 'remove' && (
        <WithPassword
          title={t('factor.remove')}
          verb={t('factor.remove')}
          danger
          act={async (password) => {
            await api('DELETE', '/me/totp', { body: { password } });
            setOpen(null);
            await loadSession();
          }}
          close={() => setOpen(null)}
        />
      )}
      {codes && <Recovery codes={codes} close={() => setCodes(null)} />}
    </Card>
  );
}
