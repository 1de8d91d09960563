/* Short words that something was done; read aloud, and gone by themselves. */
import { signal } from '@preact/signals';
import { type Tone, Sign } from './basics';

interface Toast {
  id: number;
  tone: Tone;
  text: string;
}
const toasts = signal<Toast[]>([]);
let last = 0;

export function toast(text: string, tone: Tone = 'ok') {
  const id = ++last;
  toasts.value = [...toasts.value, { id, tone, text }];
  window.setTimeout(() => {
    toasts.value = toasts.value.filter((x) => x.id !== id);
  }, 6000);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((x) => (
        <div class={`toast ${x.tone}`} key={x.id}>
          <Sign tone={x.tone} />
          <span>{x.text}</span>
        </div>
      ))}
    </div>
  );
}
