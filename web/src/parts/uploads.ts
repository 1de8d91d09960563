/* Packages on their way to the server. They go on while other pages are looked at; one after the other, as the line is one. */
import { signal } from '@preact/signals';
import { ApiError, segment } from '../api/client';
import { type Upload, upload } from '../api/upload';
import { changed } from '../api/use';

export interface Sending {
  id: number;
  file: File;
  state: 'waiting' | 'sending' | 'checking' | 'done' | 'there' | 'failed' | 'stopped';
  sent: number; // bytes
  began: number; // ms
  error?: ApiError;
}
export const sendings = signal<Sending[]>([]);
let last = 0;
let running: { id: number; upload: Upload } | null = null;

const goesOn = (s: Sending) => s.state === 'waiting' || s.state === 'sending' || s.state === 'checking';
const set = (id: number, what: Partial<Sending>) => {
  sendings.value = sendings.value.map((s) => (s.id === id ? { ...s, ...what } : s));
};

/* Who closes the window while something is under way is asked. */
function leaving(e: BeforeUnloadEvent) {
  e.preventDefault();
}

async function next() {
  const one = sendings.value.find((s) => s.state === 'waiting');
  if (running || !one) {
    if (!running) window.removeEventListener('beforeunload', leaving);
    return;
  }
  window.addEventListener('beforeunload', leaving);
  set(one.id, { state: 'sending', sent: 0, began: Date.now() });
  running = {
    id: one.id,
    upload: upload('PUT', `/packages/${segment(one.file.name)}`, one.file, (sent) => set(one.id, { sent, state: sent >= one.file.size ? 'checking' : 'sending' })),
  };
  try {
    const told = (await running.upload.done) as { added?: boolean } | null;
    set(one.id, { state: told?.added === false ? 'there' : 'done', sent: one.file.size });
    void changed('/packages');
  } catch (e) {
    const error = e instanceof ApiError ? e : new ApiError(0, 'unreachable', String(e), '', {});
    set(one.id, error.code === 'aborted' ? { state: 'stopped' } : { state: 'failed', error });
  }
  running = null;
  void next();
}

export function send(files: File[]) {
  const fresh = files.map((file): Sending => ({ id: ++last, file, state: 'waiting', sent: 0, began: 0 }));
  sendings.value = [...sendings.value, ...fresh];
  void next();
}

/* From the beginning: the server keeps nothing of what broke off. */
export function sendAgain(id: number) {
  sendings.value = sendings.value.map((s) => (s.id === id ? { id, file: s.file, state: 'waiting', sent: 0, began: 0 } : s));
  void next();
}

export function stop(id: number) {
  if (running?.id === id) running.upload.stop();
  else set(id, { state: 'stopped' });
}

export function forget(id: number) {
  sendings.value = sendings.value.filter((s) => s.id !== id || goesOn(s));
}
