/* A certificate that the server refuses, to keep the fleet reachable: one that is imported, or a former one. */
import { useState } from 'preact/hooks';
import type { ApiError } from '../../api/client';
import { t, word } from '../../i18n';
import { Banner, Button, Facts, Failure } from '../../ui/basics';
import { CheckBox } from '../../ui/form';
import { Words } from '../../ui/text';

export type Anyway = 'new-topic' | 'anyway'; // in the query of the same request

/* What the guard refuses, as the server says it: a sentence, and lines of "  name: text". What is for the command line alone is left out: "(`pomona …`)",
   and the options that do it all the same, for which there is a button. */
function saidOf(message: string): { what: string; lines: [string, string][] } {
  const [what = '', ...rest] = message.replace(/ \(`pomona [^`]+`\)/g, '').split('\n');
  const lines = rest.map((line) => /^ +([^:]+): +(.*)$/.exec(line)).filter((m) => m !== null && m[1] !== 'or else');
  return { what, lines: lines.map((m) => [m?.[1] ?? '', m?.[2] ?? '']) };
}

/* What was handed in, what devices have, what probably happened, what to do; and the button that does it all the same, called `verb` but for one
   of another topic. Any other error is told as everywhere. */
export function Refusal({ error, verb, anyway }: { error: ApiError | undefined; verb: string; anyway: (how: Anyway) => void }) {
  const [sure, setSure] = useState(false);
  if (error?.status !== 409 || !error.message.includes('or else:')) return <Failure error={error} />;
  const other = error.message.includes('--new-topic');
  const { what, lines } = saidOf(error.message);
  return (
    <Banner tone="bad" title={t('renew.refused')}>
      <p><Words text={what} /></p>
      <div class="refusal"><Facts rows={lines.map(([name, text]) => [word('renew.said', name.replace(/ /g, '-')), <Words text={text} />])} /></div>
      <p>{t('renew.refused-here')}</p>
      <CheckBox label={t(other ? 'renew.sure-topic' : 'renew.sure-anyway')} value={sure} change={setSure} />
      <p><Button kind="danger" disabled={!sure} onClick={() => anyway(other ? 'new-topic' : 'anyway')}>{other ? t('renew.go-topic') : verb}</Button></p>
    </Banner>
  );
}
