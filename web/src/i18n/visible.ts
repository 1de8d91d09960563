/* Bidirectional controls would turn what stands around them (marks of direction do not, and belong to names in Hebrew and
   Arabic); control characters are drawn as their pictures; marks heaped on one letter, more than any script has, would cover
   the lines above and below. */
export function visible(text: string): string {
  return text
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCodePoint(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/g, '\ufffd')
    .replace(/(\p{M}{4})\p{M}+/gu, '$1');
}
