/* A button that opens a list of acts: arrow keys go through it, Escape closes it, focus returns. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ChevronDown } from 'lucide-preact';

export interface MenuItem {
  id: string;
  name: ComponentChildren;
  help?: ComponentChildren;
  danger?: boolean;
  run: () => void;
}

export function Menu({ label, items }: { label: ComponentChildren; items: MenuItem[] }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    box.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const away = (e: Event) => { if (!box.current?.contains(e.target as Node) && !button.current?.contains(e.target as Node)) setOpen(false); };
    document.addEventListener('pointerdown', away);
    return () => document.removeEventListener('pointerdown', away);
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const keys = (e: KeyboardEvent) => {
    const all = [...(box.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = e.key === 'ArrowDown' ? (at + 1) % all.length : e.key === 'ArrowUp' ? (at - 1 + all.length) % all.length : e.key === 'Home' ? 0 : e.key === 'End' ? all.length - 1 : -1;
    if (e.key === 'Escape' || e.key === 'Tab') close();
    if (to < 0) return;
    e.preventDefault();
    all[to]?.focus();
  };
  return (
    <div class="menu-box">
      <button type="button" class="button plain" ref={button} aria-haspopup="menu" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <span>{label}</span><ChevronDown size={16} aria-hidden="true" />
      </button>
      {open && (
        <div class="menu-list" role="menu" id={id} ref={box} onKeyDown={keys}>
          {items.map((item) => (
            <button type="button" role="menuitem" key={item.id} tabIndex={-1} class={item.danger ? 'danger' : undefined} onClick={() => { close(); item.run(); }}>
              <span>{item.name}</span>
              {item.help !== undefined && <small>{item.help}</small>}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
