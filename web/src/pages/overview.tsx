/* Is everything fine, and if not, what is to be done? */
import { useApi } from '../api/use';
import { t } from '../i18n';
import { Card, Failure, Page, Waiting } from '../ui/basics';

export default function Overview() {
  const status = useApi<Record<string, unknown>>('/status', { every: 30_000 });
  return (
    <Page title={t('nav.overview')}>
      <Failure error={status.error} />
      {status.loading && <Waiting />}
      {status.data && <Card><pre>{JSON.stringify(status.data, null, 2)}</pre></Card>}
    </Page>
  );
}
