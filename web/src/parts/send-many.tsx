/* To whom first, then which command. */
import { useState } from 'preact/hooks';
import { withQuery } from '../api/client';
import { useApi } from '../api/use';
import { t } from '../i18n';
import { Button } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Form } from '../ui/form';
import { FilterField } from './filter';
import { SendDialog } from './send';

export function SendMany({ close }: { close: () => void }) {
  const [filter, setFilter] = useState('');
  const [ready, setReady] = useState(false);
  const matching = useApi<{ total: number }>(withQuery('/devices', { filter, limit: 1 }));
  const count = matching.error ? 0 : (matching.data?.total ?? 0);
  if (ready) return <SendDialog to={{ targets: { filter }, count }} close={close} />;
  return (
    <Dialog title={t('send.whom')} close={close} wide>
      <Form submit={() => { if (count > 0) setReady(true); }}>
        <FilterField value={filter} change={setFilter} error={matching.error} placeholder={t('devices.find')} />
        <p role="status">{t('devices.count', { n: count })}</p>
        <footer><Button type="submit" kind="main" disabled={count === 0}>{t('send.next')}</Button></footer>
      </Form>
    </Dialog>
  );
}
