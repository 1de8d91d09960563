/* A QR code (ISO/IEC 18004), drawn black on white whatever the colours of the page are, since cameras want it so. */
import qrcode from 'qrcode-generator';

const QUIET = 4; // modules around it

export function QrCode({ text, label }: { text: string; label: string }) {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const n = code.getModuleCount();
  let path = '';
  for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) if (code.isDark(y, x)) path += `M${x + QUIET} ${y + QUIET}h1v1h-1z`;
  return (
    <svg class="qr" viewBox={`0 0 ${n + 2 * QUIET} ${n + 2 * QUIET}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect width="100%" height="100%" fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
