/* One's own passkeys. */
import { useState } from 'preact/hooks';
import { api } from '../../api/client';
import { addPasskey, noPasskeys } from '../../api/passkeys';
import { loadSession } from '../../api/session';
import { useAct, useApi } from '../../api/use';
import { t } from '../../i18n';
import { WithPassword } from '../../parts/with-password';
import { Button, Card, Failure, Waiting } from '../../ui/basics';
import { Dialog } from '../../ui/dialog';
import { Form, TextField } from '../../ui/form';
import { Table } from '../../ui/table';
import { Time } from '../../ui/text';

interface Passkey {
  id: number;
  name: string;
  created_at: string;
  used_at: string | null;
}
const MOST = 10;
const NAME_MOST = 64; // bytes

function Name({ value, change }: { value: string; change: (name: string) => void }) {
  const long = new TextEncoder().encode(value).length > NAME_MOST;
  return <TextField label={t('passkeys.name')} help={t('passkeys.name-help')} error={long ? t('passkeys.name-long') : undefined} value={value} change={change} autoComplete="off" required />;
}

function Add({ done, close }: { done: () => Promise<void>; close: () => void }) {
  const [name, setName] = useState('');
  return (
    <WithPassword
      title={t('passkeys.add')}
      verb={t('passkeys.go')}
      act={async (password) => {
        await addPasskey(name.trim(), password);
        await done();
      }}
      close={close}
    >
      <p>{t('passkeys.add-text')}</p>
      <Name value={name} change={setName} />
    </WithPassword>
  );
}

function Rename({ passkey, done, close }: { passkey: Passkey; done: () => Promise<void>; close: () => void }) {
  const [name, setName] = useState(passkey.name);
  const act = useAct(async () => {
    await api('PATCH', `/me/passkeys/${passkey.id}`, { body: { name: name.trim() } });
    await done();
  });
  return (
    <Dialog title={t('passkeys.rename')} close={close}>
      <Form submit={() => void act.run()}>
        <Name value={name} change={setName} />
        <Failure error={act.error} />
        <footer>
          <Button onClick={close}>{t('cancel')}</Button>
          <Button type="submit" kind="main" busy={act.busy} disabled={name.trim() === ''}>{t('passkeys.rename')}</Button>
        </footer>
      </Form>
    </Dialog>
  );
}

export function Passkeys() {
  const { data, error, loading, again } = useApi<{ passkeys: Passkey[] }>('/me/passkeys');
  const [open, setOpen] = useState<{ act: 'add' } | { act: 'rename' | 'remove'; passkey: Passkey } | null>(null);
  const held = data?.passkeys ?? [];
  const no = noPasskeys();
  const why = no ? t(`passkeys.no-${no}`) : held.length >= MOST ? t('passkeys.most', { n: MOST }) : undefined;
  const close = () => setOpen(null);
  const done = async () => {
    close();
    await again();
    await loadSession();
  };
  return (
    <Card title={t('passkeys.title')} actions={<Button disabled={why !== undefined} title={why} onClick={() => setOpen({ act: 'add' })}>{t('passkeys.add')}</Button>}>
      <p>{t('passkeys.text')}</p>
      {why !== undefined && <p class="help">{why}</p>}
      <Failure error={error} />
      {loading && <Waiting />}
      {held.length > 0 && (
        <Table
          caption={t('passkeys.title')}
          rows={held}
          id={(k) => String(k.id)}
          columns={[
            { id: 'name', name: t('passkeys.name'), cell: (k) => <bdi>{k.name}</bdi> },
            { id: 'made', name: t('passkeys.made'), cell: (k) => <Time at={k.created_at} /> },
            { id: 'used', name: t('passkeys.used'), cell: (k) => (k.used_at ? <Time at={k.used_at} /> : t('passkeys.never')) },
            {
              id: 'acts',
              name: <span class="hidden">{t('acts')}</span>,
              cell: (k) => (
                <div class="actions">
                  <Button onClick={() => setOpen({ act: 'rename', passkey: k })}>{t('passkeys.rename')}</Button>
                  <Button kind="danger" onClick={() => setOpen({ act: 'remove', passkey: k })}>{t('passkeys.remove')}</Button>
                </div>
              ),
              align: 'end',
            },
          ]}
        />
      )}
      {open?.act === 'add' && <Add done={done} close={close} />}
      {open?.act === 'rename' && <Rename passkey={open.passkey} done={done} close={close} />}
      {open?.act === 'remove' && (
        <WithPassword
          title={t('passkeys.remove')}
          verb={t('passkeys.remove')}
          danger
          act={async (password) => {
            await api('DELETE', `/me/passkeys/${open.passkey.id}`, { quiet: true, body: { password } });
            await done();
          }}
          close={close}
        >
          <p><bdi>{open.passkey.name}</bdi></p>
          <p>{t('passkeys.remove-text')}</p>
        </WithPassword>
      )}
    </Card>
  );
}
