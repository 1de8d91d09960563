/* Logging in: name and password, then the second factor where there is one; or a passkey. */
import { useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import { logInByPasskey, noPasskeys } from '../api/passkeys';
import { loggedIn, type Session, session } from '../api/session';
import { useAct } from '../api/use';
import { t } from '../i18n';
import { Banner, Button, Failure } from '../ui/basics';
import { Form, PasswordField, TextField } from '../ui/form';

export function Login({ again = false }: { again?: boolean }) {
  const [name, setName] = useState(again ? (session.value?.name ?? '') : '');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [second, setSecond] = useState(false);
  const act = useAct(async () => {
    try {
      loggedIn(await api<Session>('POST', '/session', { quiet: true, body: second ? { name, password, code } : { name, password } }));
    } catch (e) {
      if (!(e instanceof ApiError) || e.code !== 'second-factor' || second) throw e;
      setSecond(true);
    }
  });
  const byPasskey = useAct(async () => {
    const who = await logInByPasskey();
    if (again && who.name !== session.value?.name) window.location.reload(); // the page is of somebody else
    else loggedIn(who);
  });
  const wrong = second && act.error?.status === 401; // the password was right: a code is asked for only then
  const form = (
    <Form submit={() => void act.run()}>
      <TextField label={t('login.name')} value={name} change={setName} autoComplete="username" autoFocus={!again} disabled={again || second} required />
      <PasswordField label={t('login.password')} value={password} change={setPassword} autoComplete="current-password" autoFocus={again} disabled={second} required />
      {second && <TextField label={t('login.code')} help={t('login.code-help')} value={code} change={setCode} autoComplete="one-time-code" autoFocus required />}
      {wrong ? <Banner tone="bad" title={t('login.code-wrong')} /> : <Failure error={act.error ?? byPasskey.error} />}
      <footer>
        {noPasskeys() === null && !second && (
          <Button busy={byPasskey.busy} onClick={() => { act.clear(); void byPasskey.run(); }}>{t('login.passkey')}</Button>
        )}
        {second && <Button onClick={() => { act.clear(); setCode(''); setSecond(false); }}>{t('back')}</Button>}
        <Button type="submit" kind="main" busy={act.busy} onClick={byPasskey.clear}>{t('login.go')}</Button>
      </footer>
    </Form>
  );
  if (again) return form;
  return (
    <main class="alone">
      <h1>{t('login.title')}</h1>
      {form}
      <p class="help">{t('login.first')} <code>pomona user setup-link</code></p>
      <p class="help">{t('login.help')} <code>pomona user reset</code></p>
    </main>
  );
}
