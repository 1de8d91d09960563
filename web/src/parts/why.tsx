/* Why a device does not do what it was asked: the verdict, what to do, and every link of the chain. */
import { Circle, CircleCheck, CircleDashed, CircleX } from 'lucide-preact';
import { type Key, languageNow, t, word } from '../i18n';
import { Banner } from '../ui/basics';
import { Moment, Words } from '../ui/text';
import { VerdictBadge, verdictTone } from './device';

export interface WhyLink {
  link: string;
  status: 'ok' | 'wait' | 'trouble' | 'none';
  at: string | null;
  detail: string;
}
export interface Why {
  id: string;
  verdict: string;
  message: string;
  fix: string;
  chain: WhyLink[];
  also: string[];
  command_uuid: string | null;
  request_type: string | null;
  plan: { state: string; why: string | null } | null;
}

const SIGNS = { ok: CircleCheck, wait: CircleDashed, trouble: CircleX, none: Circle } as const;
const TONES = { ok: 'ok', wait: 'wait', trouble: 'bad', none: 'none' } as const;

const COMMAND = /`[a-z]+ [a-z]/; // a setting is one word

/* What to do about a verdict: in the server's words, which are English and name the device; before them, where those are for the command line or
   not in the reader's language, in general, by the console's buttons. */
export function Fix({ verdict, fix }: { verdict: string; fix: string }) {
  if (languageNow() === 'en' && !COMMAND.test(fix)) return <Words text={fix} />;
  return <>{word('verdict-fix', verdict)} <small class="in-full"><Words text={fix} /></small></>;
}

export function WhyText({ why }: { why: Why }) {
  return (
    <Banner tone={verdictTone(why.verdict)} title={word('verdict', why.verdict)}>
      <p><Words text={why.message} /></p>
      {why.verdict !== 'fine' && <p>{t('why.fix')} <Fix verdict={why.verdict} fix={why.fix} /></p>}
      {why.also.length > 0 && <p class="also">{t('why.also')} {why.also.map((v) => <VerdictBadge key={v} verdict={v} />)}</p>}
    </Banner>
  );
}

export function WhyChain({ chain }: { chain: WhyLink[] }) {
  return (
    <ol class="chain">
      {chain.map((l) => {
        const Icon = SIGNS[l.status];
        return (
          <li key={l.link} class={l.status}>
            <Icon class={`sign ${TONES[l.status]}`} size={16} aria-label={t(`chain-status.${l.status}` satisfies Key)} role="img" />
            <strong>{word('chain', l.link)}</strong>
            <span><Words text={l.detail} /></span>
            {l.at && <small><Moment at={l.at} /></small>}
          </li>
        );
      })}
    </ol>
  );
}
