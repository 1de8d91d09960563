/* With the password once more: whoever finds an open browser cannot change how one logs in. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { ApiError } from '../api/client';
import { useAct } from '../api/use';
import { t } from '../i18n';
import { Banner, Button, Failure } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Form, PasswordField } from '../ui/form';

/* Here a refusal is of the password: whatever the role, one may change one's own. */
export function ProofFailure({ error }: { error: ApiError | undefined }) {
  return error?.status === 403 ? <Banner tone="bad" title={t('password.wrong')} /> : <Failure error={error} />;
}

export function WithPassword({ title, verb, danger, act, close, children }: {
  title: string;
  verb: string;
  danger?: boolean;
  act: (password: string) => Promise<void>;
  close: () => void;
  children?: ComponentChildren;
}) {
  const [password, setPassword] = useState('');
  const run = useAct(() => act(password));
  return (
    <Dialog title={title} close={close}>
      <Form submit={() => void run.run()}>
        {children}
        <PasswordField label={t('password.current')} value={password} change={setPassword} autoComplete="current-password" required />
        <ProofFailure error={run.error} />
        <footer>
          <Button onClick={close}>{t('cancel')}</Button>
          <Button type="submit" kind={danger ? 'danger' : 'main'} busy={run.busy} disabled={password === ''}>{verb}</Button>
        </footer>
      </Form>
    </Dialog>
  );
}
