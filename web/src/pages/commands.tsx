/* What was asked of devices, newest first, and what came of it. */
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { Send } from 'lucide-preact';
import { withQuery } from '../api/client';
import { may } from '../api/session';
import { t, word } from '../i18n';
import { commandName, type CommandRow, errorText, useCommandTypes } from '../parts/commands';
import { DeviceLink, StatusBadge } from '../parts/device';
import { SendMany } from '../parts/send-many';
import { Button, Card, Page } from '../ui/basics';
import { CheckBox, Choice } from '../ui/form';
import { Paged } from '../ui/paged';
import { type Column, Table } from '../ui/table';
import { Name, Time } from '../ui/text';

const STATUSES = ['waiting', 'Queued', 'Sent', 'NotNow', 'Acknowledged', 'Error', 'CommandFormatError', 'Expired', 'Cancelled'];

const columns = (): Column<CommandRow>[] => [
  { id: 'command', name: t('commands.command'), cell: (c) => <a href={`/commands/${c.command_uuid}`}>{commandName(c.request_type)}</a>, width: '11rem' },
  { id: 'device', name: t('commands.device'), cell: (c) => <DeviceLink id={c.id} name={c.name} />, width: '9rem' },
  { id: 'status', name: t('commands.status'), cell: (c) => <StatusBadge status={c.status} /> },
  { id: 'answer', name: t('commands.answer'), cell: (c) => (c.errors.length > 0 ? <Name text={errorText(c.errors)} /> : c.reason && word('reason', c.reason)) },
  { id: 'queued', name: t('commands.queued'), cell: (c) => <Time at={c.queued_at} short /> },
  { id: 'by', name: t('commands.by'), cell: (c) => <Name text={c.created_by} /> },
];

export default function Commands() {
  const { path, query, route } = useLocation();
  const types = useCommandTypes();
  const [sending, setSending] = useState(false);
  const set = (change: Record<string, string>) => route(withQuery(path, { ...query, ...change }), true);
  const asked = { status: query.status ?? '', type: query.type ?? '', people: query.all === 'yes' ? '' : 'yes', device: query.device ?? '' };
  const list = withQuery('/commands', { ...asked, limit: 100 });
  const names = (types.data?.command_types ?? []).map((row): [string, string] => [row.request_type, commandName(row.request_type)]);
  return (
    <Page title={t('nav.commands')} lead={t('commands.lead')} actions={may('operator') && <Button kind="main" icon={<Send size={16} aria-hidden="true" />} onClick={() => setSending(true)}>{t('commands.send')}</Button>}>
      <div class="filters">
        <Choice label={t('commands.status')} value={asked.status} options={[['', t('any')], ...STATUSES.map((s): [string, string] => [s, word('status', s)])]} change={(status) => set({ status })} />
        <Choice label={t('commands.command')} value={asked.type} options={[['', t('any')], ...names.sort((a, b) => a[1].localeCompare(b[1]))]} change={(type) => set({ type })} />
        <CheckBox label={t('commands.own')} value={query.all === 'yes'} change={(on) => set({ all: on ? 'yes' : '' })} />
      </div>
      {asked.device !== '' && <p class="chips"><span>{t('commands.of')} <DeviceLink id={asked.device} /></span><Button kind="quiet" onClick={() => set({ device: '' })}>{t('filter.clear')}</Button></p>}
      <Card>
        <Paged<CommandRow> key={list} path={list} of="commands" empty={t(asked.status || asked.type || asked.device ? 'commands.none' : 'commands.none-yet')} on={(c) => c.kind.startsWith('command.') || c.command !== undefined} every={10_000}>
          {(rows) => <Table columns={columns()} rows={rows} id={(c) => `${c.command_uuid} ${c.id}`} caption={t('nav.commands')} />}
        </Paged>
      </Card>
      {sending && <SendMany close={() => setSending(false)} />}
    </Page>
  );
}
