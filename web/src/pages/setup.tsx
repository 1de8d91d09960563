/* A one-use link: makes the first account, or sets the password of one that was invited or is locked out. The token stands in the
   fragment, which browsers send to nobody. */
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import useSWRImmutable from 'swr/immutable';
import { api, type ApiError } from '../api/client';
import { loggedIn, type Role, type Session } from '../api/session';
import { useAct } from '../api/use';
import { rich, t, word } from '../i18n';
import { Button, Failure, Waiting } from '../ui/basics';
import { Form, PasswordField, TextField } from '../ui/form';

interface Link {
  purpose: 'first' | 'invite' | 'reset';
  name: string | null;
  role: Role;
}
export const PASSWORD_LEAST = 12;

export function Setup() {
  const [token] = useState(window.location.hash.slice(1));
  const { route } = useLocation();
  const { data: link, error } = useSWRImmutable<Link, ApiError>(['setup', token], () => api<Link>('POST', '/setup/look', { quiet: true, body: { token } }));
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const act = useAct(async () => {
    loggedIn(await api<Session>('POST', '/setup', { quiet: true, body: { token, name: link?.name ?? name, password } }));
    route('/account', true);
  });
  const differs = again !== '' && again !== password ? t('setup.differs') : undefined;
  return (
    <main class="alone">
      <h1>{t(link?.purpose === 'reset' ? 'setup.title-reset' : 'setup.title')}</h1>
      <Failure error={error} />
      {error && <p><a href="/">{t('login.go')}</a></p>}
      {!link && !error && <Waiting />}
      {link && (
        <Form submit={() => { if (!differs) void act.run(); }}>
          <p>{rich('setup.lead', { role: <strong>{word('role', link.role)}</strong> })}</p>
          <TextField label={t('login.name')} help={link.name === null ? t('setup.name-help') : undefined} value={link.name ?? name} change={setName} disabled={link.name !== null} autoComplete="username" autoFocus={link.name === null} required />
          <PasswordField label={t('setup.password')} help={t('setup.password-help', { n: PASSWORD_LEAST })} value={password} change={setPassword} autoComplete="new-password" autoFocus={link.name !== null} required />
          <PasswordField label={t('setup.again')} error={differs} value={again} change={setAgain} autoComplete="new-password" required />
          <Failure error={act.error} />
          <footer><Button type="submit" kind="main" busy={act.busy} disabled={again === '' || differs !== undefined}>{t('setup.go')}</Button></footer>
        </Form>
      )}
    </main>
  );
}
