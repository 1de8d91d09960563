/* Files of the person who looks: dropped, read, and saved. */
import { useEffect } from 'preact/hooks';

const FILES_MOST = 1000; // of folders

export interface Dropped {
  files: File[];
  folders: string[]; // their names
}

function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader(); // gives a hundred at a time, and none at the end
  const all: FileSystemEntry[] = [];
  return new Promise((resolve, reject) => {
    const next = () => reader.readEntries((some) => {
      all.push(...some);
      if (some.length === 0 || all.length >= FILES_MOST) resolve(all);
      else next();
    }, reject);
    next();
  });
}

async function filesIn(folder: FileSystemDirectoryEntry, fits: (name: string) => boolean, files: File[]) {
  for (const entry of await entriesOf(folder)) {
    if (files.length >= FILES_MOST) return;
    if (entry.isDirectory) await filesIn(entry as FileSystemDirectoryEntry, fits, files);
    else if (fits(entry.name)) files.push(await new Promise<File>((resolve, reject) => { (entry as FileSystemFileEntry).file(resolve, reject); }));
  }
}

/* What was dropped, with the files of folders, at any depth, whose names fit. A folder that is named like such a file is none of them:
   what is in it is no such file either. */
export async function dropped(transfer: DataTransfer, fits: (name: string) => boolean): Promise<Dropped> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()); // gone after the first wait
  const all = [...transfer.files];
  const folders = entries.filter((e): e is FileSystemDirectoryEntry => e?.isDirectory === true);
  const files = all.filter((f) => !folders.some((e) => e.name === f.name));
  for (const folder of folders) if (!fits(folder.name)) await filesIn(folder, fits, files);
  return { files, folders: folders.map((e) => e.name) };
}

/* Files are dragged over the page: it may show where they can be dropped. */
export function useDragged(begin: () => void) {
  useEffect(() => {
    const dragged = (e: DragEvent) => {
      if (e.dataTransfer?.types.includes('Files')) begin();
    };
    document.addEventListener('dragenter', dragged);
    return () => document.removeEventListener('dragenter', dragged);
  });
}

export async function base64(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

export function save(name: string, content: string | Blob, type = 'application/octet-stream') {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
