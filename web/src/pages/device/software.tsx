/* What the device told last of its profiles, apps and certificates. */
import { useState } from 'preact/hooks';
import { segment } from '../../api/client';
import { useApi } from '../../api/use';
import { bytes, number, t } from '../../i18n';
import { Button, Card, Empty, Failure, Waiting } from '../../ui/basics';
import { TextField } from '../../ui/form';
import { type Column, Table } from '../../ui/table';
import { Name, Time, Told } from '../../ui/text';

interface Answer {
  at: string;
  changed_at: string;
  misfits: number;
  answer: Record<string, unknown>;
}
type Row = Record<string, unknown>;

const isRow = (x: unknown): x is Row => typeof x === 'object' && x !== null && !Array.isArray(x);
const text = (row: Row, key: string): string => (typeof row[key] === 'string' ? row[key] : typeof row[key] === 'number' ? String(row[key]) : '');
const PAGE = 200;

/* One list of the inventory: a list, or a dictionary by identifiers. */
function List({ device, type, title, member, columns, name }: { device: string; type: string; title: string; member: string; columns: Column<Row>[]; name: (row: Row) => string }) {
  const told = useApi<Answer>(`/devices/${segment(device)}/inventory/${type}`, { on: (c) => c.device === device });
  const [find, setFind] = useState('');
  const [most, setMost] = useState(PAGE);
  const value = told.data?.answer[member];
  const rows = Array.isArray(value) ? value.filter(isRow) : isRow(value) ? Object.entries(value).map(([Identifier, v]): Row => ({ Identifier, ...(isRow(v) ? v : {}) })) : [];
  const found = rows.filter((row) => JSON.stringify(row).toLowerCase().includes(find.toLowerCase()));
  const sorted = found.sort((a, b) => name(a).localeCompare(name(b))).slice(0, most);
  return (
    <Card title={<>{title} {told.data && <span class="count">{number(rows.length)}</span>}</>} wide actions={told.data && <small>{t('software.told')} <Time at={told.data.at} /></small>}>
      {told.error?.status === 404 ? <Empty>{t('software.not-told')}</Empty> : <Failure error={told.error} />}
      {told.loading && <Waiting />}
      {rows.length > 10 && <TextField type="search" label={t('software.find')} value={find} change={setFind} autoComplete="off" />}
      {told.data && rows.length === 0 && <Empty>{t('software.none')}</Empty>}
      {sorted.length > 0 && <Table caption={title} rows={sorted} id={(row) => JSON.stringify(row).slice(0, 300)} columns={columns} />}
      {found.length > most && <Button onClick={() => setMost(most + PAGE)}>{t('more')}</Button>}
    </Card>
  );
}

const count = (row: Row, key: string) => (Array.isArray(row[key]) ? row[key].length : 0);

export function Software({ device }: { device: string }) {
  return (
    <>
      <List
        device={device} type="ProfileList" member="ProfileList" title={t('software.profiles')} name={(r) => text(r, 'PayloadDisplayName')}
        columns={[
          { id: 'name', name: t('field.name'), cell: (r) => <Told text={text(r, 'PayloadDisplayName')} /> },
          { id: 'identifier', name: t('software.identifier'), cell: (r) => <Name text={text(r, 'PayloadIdentifier')} /> },
          { id: 'organization', name: t('software.organization'), cell: (r) => <Name text={text(r, 'PayloadOrganization')} /> },
          { id: 'payloads', name: t('software.payloads'), cell: (r) => number(count(r, 'PayloadContent')), align: 'end' },
          { id: 'managed', name: t('software.managed'), cell: (r) => t(r.IsManaged === false ? 'no' : 'yes') },
        ]}
      />
      <List
        device={device} type="InstalledApplicationList" member="InstalledApplicationList" title={t('software.apps')} name={(r) => text(r, 'Name')}
        columns={[
          { id: 'name', name: t('field.name'), cell: (r) => <Told text={text(r, 'Name')} /> },
          { id: 'identifier', name: t('software.identifier'), cell: (r) => <Name text={text(r, 'Identifier')} /> },
          { id: 'version', name: t('software.version'), cell: (r) => <Name text={text(r, 'ShortVersion') || text(r, 'Version')} /> },
          { id: 'size', name: t('software.size'), cell: (r) => (typeof r.BundleSize === 'number' ? bytes(r.BundleSize) : '–'), align: 'end' },
        ]}
      />
      <List
        device={device} type="ManagedApplicationList" member="ManagedApplicationList" title={t('software.managed-apps')} name={(r) => text(r, 'Identifier')}
        columns={[
          { id: 'identifier', name: t('software.identifier'), cell: (r) => <Name text={text(r, 'Identifier')} /> },
          { id: 'status', name: t('field.state'), cell: (r) => <Name text={text(r, 'Status')} /> },
        ]}
      />
      <List
        device={device} type="CertificateList" member="CertificateList" title={t('software.certificates')} name={(r) => text(r, 'CommonName')}
        columns={[
          { id: 'name', name: t('field.name'), cell: (r) => <Told text={text(r, 'CommonName')} /> },
          { id: 'identity', name: t('software.identity'), cell: (r) => t(r.IsIdentity === true ? 'yes' : 'no') },
          { id: 'hash', name: 'SHA-256', cell: (r) => <code class="told">{isRow(r.Data) ? text(r.Data, 'sha256') : '–'}</code> },
        ]}
      />
    </>
  );
}
