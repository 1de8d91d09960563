/* How devices come in: is everything ready for it, links with their QR code, and what people will see on their devices. */
import { useState } from 'preact/hooks';
import { Plus } from 'lucide-preact';
import { api, segment } from '../api/client';
import { tells } from '../api/live';
import { session } from '../api/session';
import { changed, useAct } from '../api/use';
import { number, t, word } from '../i18n';
import { Badge, Button, Card, Page, type Tone } from '../ui/basics';
import { Confirm } from '../ui/dialog';
import { Paged } from '../ui/paged';
import { type Column, Table } from '../ui/table';
import { Name, Time } from '../ui/text';
import { MakeLink } from './enrollment/make';
import { Ready } from './enrollment/ready';
import { Steps } from './enrollment/steps';

interface Link {
  link: number;
  state: 'open' | 'used' | 'expired' | 'revoked' | 'downloaded';
  uses: number;
  uses_max: number;
  downloads: number;
  device: string | null;
  created_at: string;
  created_by: string;
  expires_at: string;
  revoked_by: string | null;
}
const TONES: Record<Link['state'], Tone> = { open: 'ok', used: 'none', expired: 'none', revoked: 'warn', downloaded: 'warn' };

function Revoke({ link, close }: { link: Link; close: () => void }) {
  const act = useAct(async () => {
    await api('DELETE', `/links/${link.link}`);
    await changed('/links');
    close();
  });
  return (
    <Confirm title={t('enroll.revoke-title', { link: String(link.link) })} verb={t('enroll.revoke')} danger busy={act.busy} error={act.error} go={() => void act.run()} close={close}>
      <p>{t('enroll.revoke-text')}</p>
    </Confirm>
  );
}

function columns(revoke: (l: Link) => void): Column<Link>[] {
  return [
    { id: 'link', name: t('enroll.one'), cell: (l) => t('takeover.link-n', { link: String(l.link) }) },
    { id: 'state', name: t('enroll.state'), cell: (l) => <Badge tone={TONES[l.state]}>{word('enroll.link', l.state)}</Badge> },
    { id: 'uses', name: t('enroll.uses'), cell: (l) => t('enroll.uses-of', { n: l.uses, most: l.uses_max }), align: 'end' },
    { id: 'downloads', name: t('enroll.downloads'), cell: (l) => number(l.downloads), align: 'end' },
    { id: 'device', name: t('enroll.for'), cell: (l) => (l.device ? <a href={`/devices/${segment(l.device)}`}><Name text={l.device} /></a> : t('enroll.any')) },
    { id: 'until', name: t('enroll.until'), cell: (l) => l.state === 'open' && <Time at={l.expires_at} /> },
    { id: 'made', name: t('enroll.made'), cell: (l) => <><Time at={l.created_at} /> · <Name text={l.created_by} /></> },
    { id: 'act', name: <span class="hidden">{t('acts')}</span>, cell: (l) => l.state === 'open' && <Button kind="quiet" onClick={() => revoke(l)}>{t('enroll.revoke')}</Button>, align: 'end' },
  ];
}

export default function Enrollment() {
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Link | null>(null);
  const address = session.value?.public_url ?? '';
  return (
    <Page
      title={t('nav.enrollment')}
      lead={t('enroll.lead')}
      actions={<Button kind="main" icon={<Plus size={16} aria-hidden="true" />} onClick={() => setMaking(true)}>{t('enroll.make')}</Button>}
    >
      <Ready />
      <Card title={t('enroll.links')} wide>
        <Paged<Link> path="/links?limit=25" of="links" empty={t('enroll.no-links')} on={tells('link')} every={30_000}>
          {(rows) => <Table columns={columns(setRevoking)} rows={rows} id={(l) => String(l.link)} caption={t('enroll.links')} />}
        </Paged>
      </Card>
      <Card title={t('enroll.steps')} wide><Steps address={address} /></Card>
      <Card title={t('enroll.file')}>
        <p>{t('enroll.file-text')}</p>
        <p><a class="button" href="/api/v1/enroll-profile" download="enroll.mobileconfig">{t('enroll.file-go')}</a></p>
      </Card>
      {making && <MakeLink close={() => setMaking(false)} />}
      {revoking && <Revoke link={revoking} close={() => setRevoking(null)} />}
    </Page>
  );
}
