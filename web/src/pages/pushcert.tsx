/* The push certificate: how it stands, how it is renewed, who stands behind it, and what to do when something went wrong. */
import { useLocation } from 'preact-iso';
import { useApi } from '../api/use';
import { type Key, t } from '../i18n';
import { Empty, Failure, Page, Panel, Tabs, Waiting } from '../ui/basics';
import { Dates } from './pushcert/dates';
import { Dossier } from './pushcert/dossier';
import { History } from './pushcert/history';
import { People } from './pushcert/people';
import { Renew } from './pushcert/renew';
import { Standing } from './pushcert/standing';
import { Trouble } from './pushcert/trouble';
import { inUse, type PushCert } from './pushcert/types';

const TABS = ['standing', 'renew', 'people', 'dates', 'history', 'trouble', 'dossier'] as const;
type Tab = (typeof TABS)[number];

export default function PushCertPage() {
  const { query, route } = useLocation();
  const list = useApi<{ pushcerts: PushCert[] }>('/pushcerts', { on: (c) => c.kind.startsWith('pushcert.') });
  const tab = TABS.find((x) => x === query.tab) ?? 'standing';
  const certs = inUse(list.data?.pushcerts ?? []);
  const cert = certs.find((c) => c.topic === query.topic) ?? certs[0];
  const go = (to: string, topic = cert?.topic) => route(`/pushcert?tab=${to}${certs.length > 1 && topic ? `&topic=${encodeURIComponent(topic)}` : ''}`);
  const panels: Record<Tab, () => preact.ComponentChildren> = {
    standing: () => <Standing certs={certs} go={go} />,
    renew: () => <Renew cert={cert} done={list.again} />,
    people: () => cert && <People topic={cert.topic} />,
    dates: () => cert && <Dates cert={cert} />,
    history: () => <History />,
    trouble: () => cert && <Trouble topic={cert.topic} />,
    dossier: () => cert && <Dossier topic={cert.topic} />,
  };
  return (
    <Page title={t('nav.pushcert')} lead={t('pushcert.lead')}>
      <Failure error={list.error} />
      <Tabs tabs={TABS.map((x) => [x, t(`pushcert.tab.${x}` satisfies Key)])} chosen={tab} choose={(to) => go(to)} />
      <Panel id={tab}>
        {list.loading && <Waiting />}
        {list.data && (panels[tab]() ?? <Empty>{t('pushcert.none-yet')}</Empty>)}
      </Panel>
    </Page>
  );
}
