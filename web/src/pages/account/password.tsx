import { useState } from 'preact/hooks';
import { api } from '../../api/client';
import { changed, useAct } from '../../api/use';
import { t } from '../../i18n';
import { ProofFailure } from '../../parts/with-password';
import { Button, Card } from '../../ui/basics';
import { Form, PasswordField } from '../../ui/form';
import { toast } from '../../ui/toasts';
import { PASSWORD_LEAST } from '../setup';

export function ChangePassword() {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const act = useAct(async () => {
    await api('PUT', '/me/password', { body: { current, new: next } });
    await changed('/me/sessions');
    setCurrent('');
    setNext('');
    setAgain('');
    toast(t('password.changed'));
  });
  const differs = again !== '' && again !== next ? t('setup.differs') : undefined;
  return (
    <Card title={t('password.title')}>
      <Form submit={() => { if (!differs) void act.run(); }}>
        <PasswordField label={t('password.current')} value={current} change={setCurrent} autoComplete="current-password" required />
        <PasswordField label={t('password.new')} help={t('setup.password-help', { n: PASSWORD_LEAST })} value={next} change={setNext} autoComplete="new-password" required />
        <PasswordField label={t('setup.again')} error={differs} value={again} change={setAgain} autoComplete="new-password" required />
        <ProofFailure error={act.error} />
        <footer><Button type="submit" busy={act.busy} disabled={current === '' || again === '' || differs !== undefined}>{t('password.go')}</Button></footer>
      </Form>
    </Card>
  );
}
