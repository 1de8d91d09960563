/* Profiles that are kept: who has them, which groups give them; and taking in others. */
import { useState } from 'preact/hooks';
import { Plus } from 'lucide-preact';
import { segment } from '../api/client';
import { tells } from '../api/live';
import { may } from '../api/session';
import { useApi } from '../api/use';
import { number, t } from '../i18n';
import { Button, Card, Page } from '../ui/basics';
import { useDragged } from '../ui/files';
import { Paged } from '../ui/paged';
import { type Column, Table } from '../ui/table';
import { Code, Name, Time } from '../ui/text';
import { AddProfiles } from './profiles/add';
import { devicesBy, Groups, type Listed, Platforms, profileName, quoted } from './profiles/parts';

function columns(): Column<Listed>[] {
  return [
    { id: 'name', name: t('profiles.name'), cell: (p) => <><a href={`/profiles/${segment(p.identifier)}`}><Name text={profileName(p)} /></a><div><Code>{p.identifier}</Code></div></> },
    { id: 'version', name: t('profiles.version'), cell: (p) => p.version, align: 'end' },
    { id: 'platforms', name: t('profiles.platforms'), cell: (p) => <Platforms of={p.platforms} supervised={p.supervised} /> },
    {
      id: 'devices',
      name: t('profiles.devices'),
      cell: (p) => (
        <>
          <a href={devicesBy(`profile=${quoted(p.identifier)}`)}>{number(p.devices)}</a>
          {p.devices > p.devices_newest && <div class="soft">{t('profiles.former', { n: p.devices - p.devices_newest })}</div>}
        </>
      ),
      align: 'end',
    },
    { id: 'groups', name: t('profiles.given-by'), cell: (p) => <Groups names={p.groups} />, width: '6rem' },
    { id: 'added', name: t('profiles.added'), cell: (p) => <Time at={p.added_at} /> },
  ];
}

const PATH = '/profiles?devices=yes&limit=100';

export default function Profiles() {
  const [adding, setAdding] = useState(false);
  const { data } = useApi<{ profiles: Listed[] }>(PATH);
  useDragged(() => setAdding(may('operator')));
  return (
    <Page
      title={t('nav.profiles')}
      lead={t('profiles.lead')}
      actions={may('operator') && !adding && <Button kind="main" icon={<Plus size={16} aria-hidden="true" />} onClick={() => setAdding(true)}>{t('profiles.add')}</Button>}
    >
      {adding && <AddProfiles known={data?.profiles ?? []} done={() => setAdding(false)} />}
      <Card wide>
        <Paged<Listed> path={PATH} of="profiles" empty={t('profiles.none')} on={tells('profile', 'group')} every={30_000}>
          {(rows) => <Table columns={columns()} rows={rows} id={(p) => p.identifier} caption={t('nav.profiles')} />}
        </Paged>
      </Card>
    </Page>
  );
}
