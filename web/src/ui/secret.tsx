/* Something that is seen once: hidden again after a minute, and when its page is left. */
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n';
import { Clip } from './basics';

const SHOWN = 60; // seconds

export function Secret({ value, over }: { value: string; over: () => void }) {
  const [left, setLeft] = useState(SHOWN);
  useEffect(() => {
    const timer = window.setInterval(() => setLeft((n) => n - 1), 1000);
    return () => window.clearInterval(timer);
  }, []);
  useEffect(() => {
    if (left <= 0) over();
  }, [left, over]);
  return (
    <div class="secret">
      <Clip text={value} />
      <p class="help" role="timer">{t('secret.hides', { n: left })}</p>
    </div>
  );
}
