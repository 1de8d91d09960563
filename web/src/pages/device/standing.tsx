/* Groups of a device, what they want of it, what is missing and why; who uses it, and who it was before. */
import { segment } from '../../api/client';
import { t, word } from '../../i18n';
import { ComplianceBadge, DeviceLink, PushBadge, StateBadge } from '../../parts/device';
import { Badge, Banner, Card, Empty, type Tone } from '../../ui/basics';
import { Table } from '../../ui/table';
import { Moment, Name, Time, Words } from '../../ui/text';
import type { PlanItem, Whole } from './data';

const PHASES: Record<string, Tone> = { failing: 'bad', waiting: 'wait', sent: 'info', acknowledged: 'info' };

function Item({ item }: { item: PlanItem }) {
  return (
    <>
      <Badge tone={PHASES[item.state] ?? 'wait'}>{word('plan-state', item.state)}</Badge>
      {item.why && <p class="help"><Words text={item.why} /></p>}
    </>
  );
}

export function Standing({ device }: { device: Whole }) {
  const { plan } = device;
  return (
    <Card title={t('device.plan')} wide actions={<ComplianceBadge state={plan.state} />}>
      {plan.why && <Banner tone={plan.state === 'failing' ? 'bad' : 'info'} title={<Words text={plan.why} />} />}
      {plan.being_looked_at && <p class="help">{t('plan.looked-at')}</p>}
      {plan.groups.length === 0 && <Empty>{t('plan.no-groups')}</Empty>}
      {plan.groups.length > 0 && <p>{t('plan.groups')} {plan.groups.map((g, i) => <span key={g}>{i > 0 && ', '}<a href={`/groups/${segment(g)}`}><Name text={g} /></a></span>)}</p>}
      {plan.items.length > 0 && (
        <Table
          caption={t('device.plan')} rows={plan.items} id={(i) => `${i.kind} ${i.ref} ${i.channel ?? ''}`}
          columns={[
            { id: 'what', name: t('plan.what'), cell: (i) => <>{word('plan-kind', i.kind)} <Name text={i.ref} /></> },
            { id: 'act', name: t('plan.act'), cell: (i) => word('plan-act', i.act) },
            { id: 'state', name: t('field.state'), cell: (i) => <Item item={i} /> },
            { id: 'since', name: t('takeover.since'), cell: (i) => <Time at={i.since} /> },
            { id: 'next', name: t('plan.next-look'), cell: (i) => (i.command_uuid ? <a href={`/commands/${segment(i.command_uuid)}`}>{t('commands.command')}</a> : i.next_at && <Time at={i.next_at} />) },
            { id: 'groups', name: t('plan.wanted-by'), cell: (i) => <Name text={i.groups.join(', ')} /> },
          ]}
        />
      )}
      {plan.not_applicable.length > 0 && (
        <>
          <h3>{t('plan.not-here')}</h3>
          <ul class="reasons">{plan.not_applicable.map((x) => <li key={`${x.kind} ${x.ref}`}>{word('plan-kind', x.kind)} <Name text={x.ref} />: <Words text={x.why} /></li>)}</ul>
        </>
      )}
    </Card>
  );
}

export function Users({ device }: { device: Whole }) {
  return (
    <Card title={t('device.users')} wide>
      {device.users.length === 0 && <Empty>{t('device.no-users')}</Empty>}
      {device.users.length > 0 && (
        <Table
          caption={t('device.users')} rows={device.users} id={(u) => u.id}
          columns={[
            { id: 'name', name: t('field.name'), cell: (u) => <DeviceLink id={u.id} name={u.long_name ?? u.short_name} /> },
            { id: 'short', name: t('device.short-name'), cell: (u) => <Name text={u.short_name} /> },
            { id: 'seen', name: t('field.last-seen'), cell: (u) => <Time at={u.last_seen} /> },
            { id: 'push', name: t('field.push'), cell: (u) => <PushBadge state={u.push} /> },
            { id: 'waits', name: t('device.waiting'), cell: (u) => u.commands_waiting, align: 'end' },
          ]}
        />
      )}
    </Card>
  );
}

export function History({ device }: { device: Whole }) {
  return (
    <Card title={t('device.history')} wide>
      <Table
        caption={t('device.history')} rows={device.history} id={(p) => `${p.authenticated_at ?? ''} ${p.state}`}
        columns={[
          { id: 'state', name: t('field.state'), cell: (p) => word('past', p.state) },
          { id: 'from', name: t('field.enrolled'), cell: (p) => <Moment at={p.enrolled_at ?? p.authenticated_at} /> },
          { id: 'to', name: t('device.ended'), cell: (p) => p.ended_at && <Moment at={p.ended_at} /> },
          { id: 'way', name: t('device.way-in'), cell: (p) => p.way_in && word('way-in', p.way_in) },
          { id: 'address', name: t('takeover.address'), cell: (p) => <Name text={p.address} /> },
        ]}
      />
      {device.same_serial_number.length > 0 && (
        <>
          <h3>{t('device.namesakes')}</h3>
          <ul class="reasons">{device.same_serial_number.map((n) => <li key={n.id}><DeviceLink id={n.id} /> <StateBadge state={n.former ? 'former' : n.state} /> <Time at={n.last_seen} /></li>)}</ul>
        </>
      )}
    </Card>
  );
}
