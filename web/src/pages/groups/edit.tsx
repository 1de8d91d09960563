/* A group is made or changed: which devices, and what they get. What it would do stands beside, looked at while typing; nothing is
   done before it is saved. */
import { useState } from 'preact/hooks';
import { segment } from '../../api/client';
import { useApi } from '../../api/use';
import { t } from '../../i18n';
import { AddAssignment, Assignments } from '../../parts/assignments';
import { type Assignment, type Change, type Group, nothing, same, usePlan } from '../../parts/group';
import { PlanPreview } from '../../parts/plan-preview';
import { useSaveGroup } from '../../parts/save-group';
import { Button, Card, Empty, Failure, Waiting } from '../../ui/basics';
import { Form, TextArea, TextField } from '../../ui/form';
import { isOfRule, RuleField } from '../../ui/rule';
import { Name, Told } from '../../ui/text';
import { quoted } from '../profiles/parts';

const MEMBERS_MOST = 1000;

interface Member {
  id: string;
  name: string | null;
  serial_number: string | null;
}

function Members({ group, drop, setDrop, text, setText }: { group: string | null; drop: string[]; setDrop: (ids: string[]) => void; text: string; setText: (t: string) => void }) {
  const { data, error } = useApi<{ devices: Member[]; total: number }>(group === null ? null : `/devices?limit=${MEMBERS_MOST}&sort=name&filter=${encodeURIComponent(`group=${quoted(group)}`)}`, { calm: true });
  const toggle = (id: string) => setDrop(drop.includes(id) ? drop.filter((d) => d !== id) : [...drop, id]);
  return (
    <>
      <Failure error={error} />
      <TextArea label={t('group.add-members')} help={t('group.add-members-help')} value={text} change={setText} rows={3} mono />
      {data && data.devices.length === 0 && <Empty>{t('group.no-members')}</Empty>}
      {data && data.devices.length > 0 && (
        <div class="table-box members">
          <table>
            <caption class="hidden">{t('group.members')}</caption>
            <tbody>
              {data.devices.map((d) => (
                <tr key={d.id} class={drop.includes(d.id) ? 'gone' : undefined}>
                  <td><a href={`/devices/${segment(d.id)}`}><Name text={d.name ?? d.id} /></a></td>
                  <td><Told text={d.serial_number} /></td>
                  <td class="end"><Button kind="quiet" onClick={() => toggle(d.id)}>{t(drop.includes(d.id) ? 'group.keep' : 'group.take-out')}</Button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {data && data.total > data.devices.length && <p class="soft">{t('group.more-members', { n: data.total - data.devices.length })}</p>}
    </>
  );
}

interface State {
  name: string;
  note: string;
  isStatic: boolean;
  rule: string;
  add: string;
  drop: string[];
  assign: Assignment[];
  unassign: Assignment[];
}

const start = (g: Group | null): State => ({
  name: g?.name ?? '', note: g?.note ?? '', isStatic: g !== null && g.rule === null, rule: g?.rule ?? '', add: '', drop: [], assign: [], unassign: [],
});
const listed = (text: string) => [...new Set(text.split(/[\s,;]+/).filter((x) => x !== ''))];

/* Only what differs from what it was. */
function changeOf(base: Group | null, s: State): Change {
  const c: Change = {};
  if (base && s.name.trim() !== base.name) c.new_name = s.name.trim();
  if (s.note !== (base?.note ?? '')) c.note = s.note;
  if (s.isStatic && base?.rule != null) c.static = true;
  if (!s.isStatic && s.rule.trim() !== '' && s.rule.trim() !== base?.rule) c.rule = s.rule.trim();
  if (s.isStatic && listed(s.add).length > 0) c.add = listed(s.add);
  if (s.isStatic && s.drop.length > 0) c.drop = s.drop;
  if (s.assign.length > 0) c.assign = s.assign;
  if (s.unassign.length > 0) c.unassign = s.unassign.map(({ kind, ref, users }) => ({ kind, ref, users }));
  return c;
}

export function EditGroup({ group, etag, close, saved }: { group: Group | null; etag: string | null; close: () => void; saved: (name: string) => void }) {
  /* What the change is made of stays while others change the group: their change comes by the conflict. */
  const [base, setBase] = useState({ group, etag });
  const [s, setS] = useState<State>(() => start(group));
  const set = (what: Partial<State>) => setS((before) => ({ ...before, ...what }));
  const change = changeOf(base.group, s);
  const unruly = !s.isStatic && s.rule.trim() === '';
  const { plan, error, busy } = usePlan(base.group?.name ?? '', unruly ? null : change);
  const ofRule = isOfRule(error);
  const save = useSaveGroup({
    name: s.name.trim(),
    base: base.group,
    etag: base.etag,
    change,
    rebase: (now, tag) => {
      setBase({ group: now, etag: tag });
      const kept = s.unassign.filter((u) => now.assignments.some((a) => same(a, u)));
      set({ unassign: kept, ...(s.rule.trim() === base.group?.rule ? { rule: now.rule ?? '', isStatic: now.rule === null } : {}), ...(s.note === base.group?.note ? { note: now.note ?? '' } : {}) });
    },
    giveUp: close,
    done: (g) => saved(g?.name ?? s.name.trim()),
  });
  const members = plan && !error ? t('rule.finds', { n: plan.members_after }) : busy ? t('rule.looking') : '';
  return (
    <div class="with-plan">
      <Form submit={() => void save.run()}>
        <Card title={t('group.which')}>
          <TextField label={t('group.name')} value={s.name} change={(name) => set({ name })} autoFocus={group === null} required autoComplete="off" />
          <TextField label={t('group.note')} value={s.note} change={(note) => set({ note })} autoComplete="off" />
          <fieldset>
            <legend>{t('group.members')}</legend>
            <label class="line"><input type="radio" name="kind" checked={!s.isStatic} onChange={() => set({ isStatic: false })} /> {t('group.by-rule')}</label>
            <label class="line"><input type="radio" name="kind" checked={s.isStatic} onChange={() => set({ isStatic: true })} /> {t('group.by-name')}</label>
          </fieldset>
          {s.isStatic
            ? <Members group={base.group?.rule === null ? base.group.name : null} drop={s.drop} setDrop={(drop) => set({ drop })} text={s.add} setText={(add) => set({ add })} />
            : <RuleField label={t('group.rule')} help={t('rule.help')} value={s.rule} change={(rule) => set({ rule })} error={ofRule ? error : undefined} live={<p class="soft">{unruly ? t('rule.empty') : members}</p>} />}
        </Card>
        <Card title={t('group.assignments')}>
          <Assignments base={base.group?.assignments ?? []} assign={s.assign} unassign={s.unassign} setAssign={(assign) => set({ assign })} setUnassign={(unassign) => set({ unassign })} />
          <AddAssignment add={(a) => setS((before) => ({ ...before, assign: [...before.assign.filter((x) => !same(x, a)), a], unassign: before.unassign.filter((x) => !same(x, a)) }))} />
        </Card>
        {save.dialogs}
        <footer>
          <Button type="submit" kind="main" busy={save.busy} disabled={error !== undefined || unruly || s.name.trim() === '' || (base.group !== null && nothing(change))}>{t(group ? 'group.save' : 'group.make')}</Button>
          <Button onClick={close}>{t('cancel')}</Button>
        </footer>
      </Form>
      <aside aria-live="polite" aria-busy={busy}>
        <Card title={t('plan.title')}>
          {!ofRule && <Failure error={error} />}
          {plan && !error ? <PlanPreview plan={plan} /> : (unruly || ofRule ? <Empty>{t('plan.later')}</Empty> : !error && <Waiting />)}
        </Card>
      </aside>
    </div>
  );
}
