/* A filter that is typed: what is wrong with it is shown at its place. */
import { useId, useRef } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/client';
import { t } from '../i18n';
import { visible } from '../i18n/visible';
import { Words } from './text';

/* "the filter, at character 12: …", as the server says it; behind it come lines for terminals. What a requirement demands is a filter, too,
   but says so first: "the requirement …: the filter, at …". */
function placeOf(error: ApiError | undefined): { at: number; text: string } | undefined {
  const found = error && /^the filter, at character (\d+): ([^\n]*)/.exec(error.message);
  return found ? { at: Number(found[1]), text: found[2] ?? '' } : undefined;
}
export const isOfRule = (error: ApiError | undefined) => placeOf(error) !== undefined;

const AROUND = 60;

export function RuleField({ label, help, value, change, error, live }: {
  label: ComponentChildren;
  help?: ComponentChildren;
  value: string;
  change: (rule: string) => void;
  error?: ApiError | undefined; // of this rule
  live?: ComponentChildren; // what it finds, said while typing
}) {
  const id = useId();
  const box = useRef<HTMLTextAreaElement>(null);
  const wrong = placeOf(error);
  const letters = Array.from(value);
  const at = wrong ? Math.min(wrong.at - 1, letters.length) : 0;
  const shown = (from: number, to: number) => visible(letters.slice(from, to).join(''));
  const go = () => {
    const place = letters.slice(0, at).join('').length;
    box.current?.focus();
    box.current?.setSelectionRange(place, place + (letters[at]?.length ?? 0));
  };
  return (
    <div class={wrong ? 'field rule wrong' : 'field rule'}>
      <label for={id}>{label}</label>
      <textarea
        ref={box}
        id={id}
        class="mono"
        rows={2}
        spellcheck={false}
        autocapitalize="off"
        value={value}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={`${id}-help ${id}-live`}
        onInput={(e) => change(e.currentTarget.value)}
      />
      <div id={`${id}-live`} aria-live="polite">
        {wrong ? (
          <div class="rule-wrong">
            <button type="button" class="link" onClick={go}>{t('rule.at', { n: wrong.at })}</button> <Words text={wrong.text} />
            <div>
              <code>
                {at > AROUND && '…'}{shown(Math.max(0, at - AROUND), at)}<mark>{shown(at, at + 1) || '⌷'}</mark>{shown(at + 1, at + AROUND)}
              </code>
            </div>
          </div>
        ) : live}
      </div>
      <p class="help" id={`${id}-help`}>{help}</p>
    </div>
  );
}
