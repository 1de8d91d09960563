/* What a change of groups would do, before it is made: to how many, what, who cannot and why. */
import { segment } from '../api/client';
import { number, t } from '../i18n';
import type { Acts, Plan } from './group';
import { Badge, Empty, Sign } from '../ui/basics';
import { Code, Name, Words } from '../ui/text';

const ACTS: (keyof Acts)[] = ['install', 'replace', 'remove', 'commands', 'unmet'];

function Sum({ n, text }: { n: number; text: string }) {
  return <div><b>{number(n)}</b><span class="soft">{text}</span></div>;
}

function actsText(a: Acts): string {
  return ACTS.filter((k) => a[k] > 0).map((k) => t(`plan.${k}`, { n: a[k] })).join(', ');
}

export function PlanPreview({ plan }: { plan: Plan }) {
  return (
    <>
      <div class="sums">
        <Sum n={plan.members_after} text={t('plan.members', { n: plan.members_after })} />
        <Sum n={plan.devices} text={t('plan.concerned', { n: plan.devices })} />
      </div>
      {plan.members_after !== plan.members_before && <p class="soft">{t('plan.members-before', { n: plan.members_before })}</p>}
      {plan.devices > plan.plan_limit && <p class="line"><Sign tone="warn" /> {t('plan.over-limit', { limit: plan.plan_limit })}</p>}
      {plan.devices === 0 && plan.cannot.length === 0 && <Empty>{t('plan.nothing')}</Empty>}
      {plan.items.length > 0 && (
        <ul class="rows">
          {plan.items.map((i) => (
            <li key={`${i.kind} ${i.ref}`}>
              <div><span class="soft">{t(`group.kind.${i.kind}`)}</span> <Code>{i.ref}</Code></div>
              <div>{actsText(i)}</div>
            </li>
          ))}
        </ul>
      )}
      {plan.cannot.length > 0 && (
        <section>
          <h3>{t('plan.cannot')}</h3>
          <ul class="rows">
            {plan.cannot.map((c, i) => (
              <li key={i}>
                <div class="line"><Badge tone="warn">{t('plan.devices', { n: c.devices })}</Badge> <span class="soft">{t(`group.kind.${c.kind}`)}</span> <Code>{c.ref}</Code></div>
                <div><Words text={c.why} /></div>
              </li>
            ))}
          </ul>
        </section>
      )}
      {plan.examples.length > 0 && (
        <details>
          <summary>{t('plan.examples')}</summary>
          <ul class="rows">
            {plan.examples.map((d) => (
              <li key={d.id}>
                <div><a href={`/devices/${segment(d.id)}`}><Name text={d.name ?? d.serial_number ?? d.id} /></a></div>
                {d.does.map((x) => <div key={x} class="soft"><Words text={x} /></div>)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
