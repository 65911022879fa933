/** Text that is HTML already; every other one is escaped where it is put in. */
export class Markup {
  constructor(readonly text: string) {}
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters are no characters of HTML. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

export function plain(text: string): string {
  return text.replace(CONTROL, '\ufffd');
}

type Value = string | number | Markup | readonly Value[];

function write(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(write).join('');
  return plain(String(value)).replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
}

/** A template of HTML whose values are escaped, unless they are markup themselves. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Markup {
  const parts = strings.map((text, i) => {
    const value = values[i];
    return value === undefined ? text : text + write(value);
  });
  return new Markup(parts.join(''));
}
