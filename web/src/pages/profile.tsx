/* One profile: its versions and what differs between them, who has it, and giving it to groups and devices. */
import { useState } from 'preact/hooks';
import { useLocation, useRoute } from 'preact-iso';
import { Download } from 'lucide-preact';
import { api, segment } from '../api/client';
import { tells } from '../api/live';
import { may } from '../api/session';
import { changed, useAct, useApi } from '../api/use';
import { number, t } from '../i18n';
import { Button, Card, Empty, Facts, Failure, Page, Waiting } from '../ui/basics';
import { Confirm } from '../ui/dialog';
import { type Difference, Differences } from '../ui/diff';
import { Choice, TextField } from '../ui/form';
import { type Column, Table } from '../ui/table';
import { Code, Name, Time, Told } from '../ui/text';
import { AssignProfile } from './profiles/assign';
import { GiveProfile } from './profiles/give';
import { NewVersion } from './profiles/new-version';
import { devicesBy, Groups, Platforms, type Profile, profileName, quoted, type Version } from './profiles/parts';

function fileOf(p: Profile, version: number): { href: string; download: string } {
  return { href: `/api/v1/profiles/${segment(p.identifier)}/file?version=${version}`, download: `${p.identifier}-${version}.mobileconfig` };
}

function Versions({ p, compare }: { p: Profile; compare: (v: number) => void }) {
  const columns: Column<Version>[] = [
    { id: 'version', name: t('profiles.version'), cell: (v) => v.version },
    { id: 'added', name: t('profiles.added'), cell: (v) => <><Time at={v.added_at} /> · <Told text={v.added_by} /></> },
    { id: 'devices', name: t('profiles.devices'), cell: (v) => number(v.devices), align: 'end' },
    { id: 'signed', name: t('profiles.signed'), cell: (v) => t(v.signed ? 'profiles.signed-came' : 'profiles.signed-here') },
    {
      id: 'acts',
      name: <span class="hidden">{t('acts')}</span>,
      cell: (v) => (
        <span class="actions">
          {v.version > 1 && may('operator') && <Button kind="quiet" onClick={() => compare(v.version)}>{t('profiles.compare', { version: v.version - 1 })}</Button>}
          {may('operator') && <a class="button quiet" {...fileOf(p, v.version)}><Download size={16} aria-hidden="true" /> {t('profiles.export')}</a>}
        </span>
      ),
      align: 'end',
    },
  ];
  return <Table columns={columns} rows={p.versions} id={(v) => String(v.version)} caption={t('profiles.versions')} />;
}

function Compare({ p, to, from, choose }: { p: Profile; to: number; from: number; choose: (from: number, to: number) => void }) {
  const { data, error } = useApi<{ changes: Difference[] }>(`/profiles/${segment(p.identifier)}/diff?from=${from}&to=${to}`);
  const options = p.versions.map((v): [string, string] => [String(v.version), t('profiles.version-n', { n: v.version })]);
  return (
    <Card title={t('profiles.differences')} wide>
      <div class="pair">
        <Choice label={t('diff.was')} value={String(from)} options={options} change={(v) => choose(Number(v), to)} />
        <Choice label={t('diff.is')} value={String(to)} options={options} change={(v) => choose(from, Number(v))} />
      </div>
      <Failure error={error} />
      {data ? <Differences all={data.changes} was={t('profiles.version-n', { n: from })} is={t('profiles.version-n', { n: to })} /> : <Waiting />}
      <p class="help">{t('profiles.secrets-hidden')}</p>
    </Card>
  );
}

function Export({ p }: { p: Profile }) {
  const [device, setDevice] = useState('');
  const path = `/api/v1/profiles/${segment(p.identifier)}/file?device=${encodeURIComponent(device.trim())}&unsigned=1`;
  return (
    <Card title={t('profiles.as-device')}>
      <TextField label={t('device')} help={t('profiles.as-device-help')} value={device} change={setDevice} autoComplete="off" />
      <p>{device.trim() === '' ? <Button disabled>{t('profiles.export')}</Button> : <a class="button" href={path} download={`${p.identifier}.mobileconfig`}>{t('profiles.export')}</a>}</p>
    </Card>
  );
}

function Remove({ p, etag, close }: { p: Profile; etag: string | null; close: () => void }) {
  const { route } = useLocation();
  const act = useAct(async () => {
    await api('DELETE', `/profiles/${segment(p.identifier)}`, { ifMatch: etag ?? undefined });
    await changed('/profiles');
    route('/profiles');
  });
  const held = p.groups.length > 0;
  if (held)
    return (
      <Confirm title={t('profiles.remove-title', { name: profileName(p) })} verb={t('close')} go={close} close={close}>
        <p>{t('profiles.remove-held')} <Groups names={p.groups} /></p>
      </Confirm>
    );
  return (
    <Confirm title={t('profiles.remove-title', { name: profileName(p) })} verb={t('profiles.remove')} danger busy={act.busy} error={act.error} go={() => void act.run()} close={close}>
      <p>{t('profiles.remove-text', { n: p.versions.reduce((n, v) => n + v.devices, p.other_devices) })}</p>
    </Confirm>
  );
}

export default function ProfilePage() {
  const identifier = useRoute().params.identifier ?? '';
  const { data: p, etag, error, loading } = useApi<Profile>(`/profiles/${segment(identifier)}`, { on: tells('profile', 'group'), every: 30_000 });
  const [pair, setPair] = useState<[number, number] | null>(null);
  const [removing, setRemoving] = useState(false);
  if (!p)
    return (
      <Page title={t('profiles.one')}>
        <Failure error={error} />
        {loading && <Waiting />}
        <p><a href="/profiles">{t('nav.profiles')}</a></p>
      </Page>
    );
  return (
    <Page
      title={<Name text={profileName(p)} />}
      lead={<Code>{p.identifier}</Code>}
      actions={may('operator') && <Button kind="danger" onClick={() => setRemoving(true)}>{t('profiles.remove')}</Button>}
    >
      <Failure error={error} />
      <div class="cards">
        <Card title={t('profiles.what')}>
          <Facts
            rows={[
              [t('profiles.version'), p.version],
              [t('profiles.organization'), <Told text={p.organization} />],
              [t('profiles.scope'), t(p.scope === 'User' ? 'profiles.scope-user' : 'profiles.scope-system')],
              [t('profiles.platforms'), <Platforms of={p.platforms} supervised={p.supervised} />],
              [t('profiles.signed'), p.signed ? <Told text={p.signer ?? t('profiles.signed-came')} /> : t('profiles.signed-here')],
              [t('profiles.devices'), <a href={devicesBy(`profile=${quoted(p.identifier)}`)}>{number(p.versions.reduce((n, v) => n + v.devices, p.other_devices))}</a>],
              ...(p.other_devices > 0 ? [[t('profiles.others'), number(p.other_devices)] as [string, string]] : []),
            ]}
          />
        </Card>
        <Card title={t('profiles.payloads')}>
          {p.payloads.length === 0 && <Empty>{t('profiles.no-payloads')}</Empty>}
          <ul class="rows">{p.payloads.map((x, i) => <li key={i}>{x.name && x.name !== x.type && <div><Told text={x.name} /></div>}<div><Code>{x.type ?? ''}</Code></div></li>)}</ul>
        </Card>
        <Card title={t('profiles.variables')}>
          {p.variables.length === 0 ? <Empty>{t('profiles.no-variables')}</Empty> : <p>{p.variables.map((v) => <Code key={v}>{`%${v}% `}</Code>)}</p>}
          {p.variables.length > 0 && <p class="help">{t('profiles.variables-help')}</p>}
        </Card>
        <AssignProfile p={p} />
        {may('operator') && <GiveProfile p={p} />}
        {may('operator') && <Export p={p} />}
      </div>
      <Card title={t('profiles.versions')} wide><Versions p={p} compare={(v) => setPair([v - 1, v])} /></Card>
      {pair && <Compare p={p} from={pair[0]} to={pair[1]} choose={(from, to) => setPair([from, to])} />}
      {may('operator') && <NewVersion p={p} etag={etag} />}
      {removing && <Remove p={p} etag={etag} close={() => setRemoving(false)} />}
    </Page>
  );
}
