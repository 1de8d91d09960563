/* One command: whom it was for, what came of it on each, and what may still be done. */
import { useState } from 'preact/hooks';
import { useLocation, useRoute } from 'preact-iso';
import { api, request, segment, withQuery } from '../api/client';
import { may } from '../api/session';
import { changed, useAct, useApi } from '../api/use';
import { number, t, word } from '../i18n';
import { type Command as CommandData, commandName, type ErrorOfDevice, errorText, type Target } from '../parts/commands';
import { DeviceLink, isSettled, StatusBadge } from '../parts/device';
import { Banner, Button, Card, CopyButton, Facts, Failure, Page, Waiting } from '../ui/basics';
import { Confirm } from '../ui/dialog';
import { Paged } from '../ui/paged';
import { type Column, Table } from '../ui/table';
import { Code, Moment, Name, Told } from '../ui/text';
import { toast } from '../ui/toasts';

type Fact = [string, preact.JSX.Element];

function Errors({ errors }: { errors: ErrorOfDevice[] }) {
  return <ul class="errors">{errors.map((e, i) => <li key={i}><Told text={errorText([e])} /></li>)}</ul>;
}

/* What came of it in words, with what an operator should know of it. */
function Outcome({ x }: { x: Target }) {
  return (
    <>
      <StatusBadge status={x.status} />
      {x.reason && <p class="help">{word('reason', x.reason)}{x.cancelled_by && <> · <Name text={x.cancelled_by} /></>}</p>}
      {x.unconfirmed && <p class="help">{t('command.unconfirmed')}</p>}
      {x.may_have_been_done && <p class="help">{t('command.may-be-done')}</p>}
      {x.ended_as && <p class="help">{t('command.ended-as', { status: word('status', x.ended_as) })}</p>}
      {x.set_aside && <p class="help">{t('command.set-aside')}</p>}
      {x.notnow_count > 0 && <p class="help">{t('command.notnow', { n: x.notnow_count })}</p>}
      {x.errors.length > 0 && <Errors errors={x.errors} />}
    </>
  );
}

function Way({ x }: { x: Target }) {
  return (
    <ul class="way">
      <li>{t('track.queued')} · <Moment at={x.queued_at} /></li>
      {x.first_sent_at && <li>{t('command.handed')} · <Moment at={x.first_sent_at} />{x.deliveries > 1 && ` (${number(x.deliveries)}×)`}</li>}
      {x.settled_at && <li>{word('status', x.status)} · <Moment at={x.settled_at} /></li>}
    </ul>
  );
}

function OneAct({ uuid, x }: { uuid: string; x: Target }) {
  const act = useAct(async (what: 'retry' | 'cancel') => {
    if (what === 'retry') await api('POST', `/commands/${segment(uuid)}/retry`, { body: { id: x.id } });
    else await api('DELETE', `/commands/${segment(uuid)}`, { query: { device: x.id } });
    await changed('/commands', '/devices');
  });
  if (isSettled(x.status) || !may('operator')) return null;
  return (
    <>
      <span class="actions">
        {x.unconfirmed && <Button busy={act.busy} onClick={() => void act.run('retry')}>{t('command.retry')}</Button>}
        <Button kind="quiet" busy={act.busy} onClick={() => void act.run('cancel')}>{t('command.cancel')}</Button>
      </span>
      <Failure error={act.error} />
    </>
  );
}

const columns = (uuid: string): Column<Target>[] => [
  { id: 'device', name: t('commands.device'), cell: (x) => <DeviceLink id={x.id} name={x.name} /> },
  { id: 'status', name: t('commands.status'), cell: (x) => <Outcome x={x} /> },
  { id: 'way', name: t('command.way'), cell: (x) => <Way x={x} /> },
  { id: 'acts', name: <span class="hidden">{t('command.acts')}</span>, cell: (x) => <OneAct uuid={uuid} x={x} />, align: 'end' },
];

/* May hold passwords of networks: only for who may send such a thing. */
function Plist({ uuid }: { uuid: string }) {
  const [text, setText] = useState('');
  const act = useAct(async () => setText(await (await request('GET', `/commands/${segment(uuid)}/plist`)).text()));
  return (
    <Card title={t('command.plist')} wide>
      <p class="help">{t('command.plist-help')}</p>
      <Failure error={act.error} />
      {text === '' ? <div class="actions"><Button busy={act.busy} onClick={() => void act.run()}>{t('command.plist-show')}</Button></div> : <pre dir="ltr" tabIndex={0}><Told text={text} most={20_000} /></pre>}
    </Card>
  );
}

function CancelAll({ command, open, close }: { command: CommandData; open: number; close: () => void }) {
  const act = useAct(async () => {
    const done = await api<{ cancelled: number }>('DELETE', `/commands/${segment(command.command_uuid)}`);
    toast(t('command.cancelled', { n: done.cancelled }));
    await changed('/commands', '/devices');
    close();
  });
  return (
    <Confirm title={t('command.cancel-title', { command: commandName(command.request_type) })} verb={t('command.cancel-go', { n: open })} busy={act.busy} error={act.error} go={() => void act.run()} close={close}>
      <p>{t('command.cancel-text', { n: open })}</p>
    </Confirm>
  );
}

export default function Command() {
  const { params } = useRoute();
  const { path, query, route } = useLocation();
  const uuid = params.uuid ?? '';
  const [cancelling, setCancelling] = useState(false);
  const command = useApi<CommandData>(`/commands/${segment(uuid)}?limit=1`, { on: (c) => c.command === uuid });
  const data = command.data;
  const counts = Object.entries(data?.counts ?? {});
  const open = counts.reduce((sum, [status, n]) => sum + (isSettled(status) ? 0 : n), 0);
  const total = counts.reduce((sum, [, n]) => sum + n, 0);
  const status = query.status ?? '';
  return (
    <Page
      title={data ? commandName(data.request_type) : t('nav.commands')}
      actions={open > 0 && may('operator') && <Button onClick={() => setCancelling(true)}>{t('command.cancel')}</Button>}
    >
      <Failure error={command.error} />
      {command.loading && <Waiting />}
      {data && (
        <>
          <Card>
            <Facts
              rows={[
                [t('command.type'), <Code>{data.request_type}</Code>],
                [t('commands.queued'), <><Moment at={data.created_at} /> · <Name text={data.created_by} /></>],
                ...(data.expires_at ? [[t('command.expires'), <Moment at={data.expires_at} />] as Fact] : []),
                ...(data.collapse_key ? [[t('command.key'), <Code>{data.collapse_key}</Code>] as Fact] : []),
                [t('command.uuid'), <span class="line"><Code>{data.command_uuid}</Code><CopyButton text={data.command_uuid} /></span>],
              ]}
            />
          </Card>
          {total > 1 && <div class="chips" role="group" aria-label={t('commands.status')}>
            <button type="button" class="chip" aria-pressed={status === ''} onClick={() => route(path, true)}>{t('command.all', { n: total })}</button>
            {counts.map(([s, n]) => <button type="button" key={s} class="chip" aria-pressed={status === s} onClick={() => route(withQuery(path, { status: s }), true)}>{word('status', s)} {number(n)}</button>)}
          </div>}
          {open > 0 && <Banner tone="info" title={t('command.open', { n: open })}>{t('command.open-text')}</Banner>}
          <Card title={t('command.targets')} wide>
            <Paged<Target> key={status} path={withQuery(`/commands/${segment(uuid)}`, { status, limit: 100 })} of="targets" empty={t('command.no-target')} on={(c) => c.command === uuid}>
              {(rows) => <Table columns={columns(uuid)} rows={rows} id={(x) => x.id} caption={t('command.targets')} />}
            </Paged>
          </Card>
          {may('operator') && <Plist uuid={uuid} />}
        </>
      )}
      {cancelling && data && <CancelAll command={data} open={open} close={() => setCancelling(false)} />}
    </Page>
  );
}
