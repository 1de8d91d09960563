/* People: accounts, roles, links that set a password, and who is logged in. */
import { useState } from 'preact/hooks';
import { Plus } from 'lucide-preact';
import { answer, api, segment } from '../api/client';
import { type Role, session } from '../api/session';
import { tells } from '../api/live';
import { useAct, useApi } from '../api/use';
import { t, word } from '../i18n';
import { Sessions } from '../parts/sessions';
import { Badge, Button, Card, Clip, Failure, Page, Waiting } from '../ui/basics';
import { Confirm, Dialog } from '../ui/dialog';
import { Choice, Form, TextField } from '../ui/form';
import { Table } from '../ui/table';
import { Time } from '../ui/text';
import { toast } from '../ui/toasts';

const ROLES: Role[] = ['viewer', 'operator', 'admin'];
export const roleOptions = () => ROLES.map((r): [string, string] => [r, word('role', r)]);

interface User {
  name: string;
  role: Role;
  disabled: boolean;
  has_password: boolean;
  has_totp: boolean;
  recovery_codes: number;
  passkeys: number;
  created_at: string;
  created_by: string;
  last_login_at: string | null;
  version: number;
}
interface Link {
  url: string;
  name: string;
  expires_at: string;
}

function ShowLink({ link, close }: { link: Link; close: () => void }) {
  return (
    <Dialog title={t('users.link')} close={close}>
      <p>{t('users.link-text', { name: link.name })}</p>
      <Clip text={link.url} />
      <p class="soft">{t('users.link-ends')} <Time at={link.expires_at} /></p>
      <footer><Button kind="main" onClick={close}>{t('close')}</Button></footer>
    </Dialog>
  );
}

function Add({ done, close }: { done: (link: Link) => void; close: () => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<string>('operator');
  const act = useAct(async () => {
    await api('POST', '/users', { body: { name, role } });
    done(await api<Link>('POST', `/users/${segment(name)}/setup-link`, { body: {} }));
  });
  return (
    <Dialog title={t('users.add')} close={close}>
      <Form submit={() => void act.run()}>
        <TextField label={t('login.name')} help={t('users.name-help')} value={name} change={setName} autoComplete="off" autoFocus required />
        <Choice label={t('account.role')} help={word('role-help', role)} value={role} options={roleOptions()} change={setRole} />
        <Failure error={act.error} />
        <footer>
          <Button onClick={close}>{t('cancel')}</Button>
          <Button type="submit" kind="main" busy={act.busy} disabled={name === ''}>{t('users.add-go')}</Button>
        </footer>
      </Form>
    </Dialog>
  );
}

/* One account: each act asks for its version, so that two admins do not undo each other unseen. */
function Edit({ user, done, link, close }: { user: User; done: () => Promise<void>; link: (l: Link) => void; close: () => void }) {
  const [role, setRole] = useState<string>(user.role);
  const [removing, setRemoving] = useState(false);
  const self = user.name === session.value?.name;
  const path = `/users/${segment(user.name)}`;
  /* Refused, the account is read again: what it is now is seen when it is opened anew. */
  const versioned = async (method: string, body?: Record<string, unknown>) => {
    try {
      await answer(method, path, { ...(body ? { body } : {}), ifMatch: `"${user.version}"` });
    } catch (e) {
      void done();
      throw e;
    }
  };
  const change = useAct(async (body: Record<string, unknown>) => {
    await versioned('PATCH', body);
    await done();
    toast(t('saved'));
    close();
  });
  const reset = useAct(async (all: boolean) => {
    const made = await api<Link>('POST', `${path}/setup-link`, { body: all ? { reset: true } : {} });
    await done();
    link(made);
  });
  const remove = useAct(async () => {
    await versioned('DELETE');
    await done();
    close();
  });
  if (removing) {
    return (
      <Confirm title={t('users.remove')} verb={t('users.remove')} danger busy={remove.busy} error={remove.error} go={() => void remove.run()} close={() => setRemoving(false)}>
        <p>{t('users.remove-text', { name: user.name })}</p>
      </Confirm>
    );
  }
  return (
    <Dialog title={<bdi>{user.name}</bdi>} close={close}>
      <Choice label={t('account.role')} help={word('role-help', role)} value={role} options={roleOptions()} change={setRole} />
      <Failure error={change.error ?? reset.error} />
      <div class="actions">
        <Button kind="main" busy={change.busy} disabled={role === user.role} onClick={() => void change.run({ role })}>{t('save')}</Button>
        {!user.disabled && <Button busy={reset.busy} onClick={() => void reset.run(user.has_password)}>{t(user.has_password ? 'users.reset' : 'users.link-new')}</Button>}
        {!self && <Button busy={change.busy} onClick={() => void change.run({ disabled: !user.disabled })}>{t(user.disabled ? 'users.enable' : 'users.disable')}</Button>}
        {!self && <Button kind="danger" onClick={() => setRemoving(true)}>{t('users.remove')}</Button>}
      </div>
      {user.has_password && !user.disabled && <p class="soft">{t('users.reset-text')}</p>}
    </Dialog>
  );
}

const state = (u: User) =>
  u.disabled ? <Badge tone="none">{t('users.disabled')}</Badge> : u.has_password ? <Badge tone="ok">{t('users.active')}</Badge> : <Badge tone="wait">{t('users.invited')}</Badge>;

export default function Users() {
  const { data, error, loading, again } = useApi<{ users: User[] }>('/users', { on: tells('account') });
  const [adding, setAdding] = useState(false);
  const [link, setLink] = useState<Link | null>(null);
  const [chosen, setChosen] = useState<User | null>(null);
  const show = (l: Link) => {
    setAdding(false);
    setChosen(null);
    setLink(l);
    void again();
  };
  return (
    <Page title={t('nav.users')} lead={t('users.lead')} actions={<Button kind="main" icon={<Plus size={16} aria-hidden="true" />} onClick={() => setAdding(true)}>{t('users.add')}</Button>}>
      <Failure error={error} />
      {loading && <Waiting />}
      {data && (
        <Card>
          <Table
            caption={t('nav.users')}
            rows={data.users}
            id={(u) => u.name}
            columns={[
              { id: 'name', name: t('login.name'), cell: (u) => <button type="button" class="link" onClick={() => setChosen(u)}><bdi>{u.name}</bdi></button> },
              { id: 'role', name: t('account.role'), cell: (u) => word('role', u.role) },
              { id: 'state', name: t('users.state'), cell: state },
              { id: 'factor', name: t('factor.title'), cell: (u) => <Badge tone={u.has_totp || u.passkeys > 0 ? 'ok' : 'warn'}>{t(u.has_totp || u.passkeys > 0 ? 'factor.on' : 'factor.off')}</Badge> },
              { id: 'login', name: t('users.last-login'), cell: (u) => <Time at={u.last_login_at} /> },
            ]}
          />
        </Card>
      )}
      <Card title={t('sessions.title')}>
        <Sessions path="/sessions" people />
      </Card>
      {adding && <Add done={show} close={() => setAdding(false)} />}
      {chosen && <Edit user={chosen} done={again} link={show} close={() => setChosen(null)} />}
      {link && <ShowLink link={link} close={() => setLink(null)} />}
    </Page>
  );
}
