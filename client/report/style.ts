/** The page's own style: nothing is fetched. Roles have colours, charts use them by name. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --panel: #f6f7f9; --ink: #1b2330; --muted: #5b6676; --line: #dfe3e9;
  --copied: #2f6fde; --repeated: #d98a00; --skipped: #c3cad4; --zeroed: #8fb4a4;
  --unreadable: #c62f3b; --missing: #7d4fc4; --done: #2f6fde; --good: #177a4b; --bad: #c62f3b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --panel: #1a2029; --ink: #e6eaf0; --muted: #98a4b5; --line: #2c3541;
    --copied: #5b93f5; --repeated: #eba93a; --skipped: #46515f; --zeroed: #4f8a72;
    --unreadable: #f0626c; --missing: #a982e8; --done: #5b93f5; --good: #4cc38a; --bad: #f0626c;
  }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #ffffff; --panel: #ffffff; --ink: #000000; --muted: #444c58; --line: #c8ced6;
    --copied: #2f6fde; --repeated: #d98a00; --skipped: #c3cad4; --zeroed: #8fb4a4;
    --unreadable: #c62f3b; --missing: #7d4fc4; --done: #2f6fde; --good: #177a4b; --bad: #c62f3b;
  }
  body { font-size: 10pt; }
  section, figure, tr { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 40px 40px 64px; max-width: 1200px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', sans-serif;
}
h1 { margin: 0; font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h1 span { color: var(--muted); font-weight: 400; }
h2 { margin: 48px 0 12px; font-size: 18px; }
h3 { margin: 0 0 6px; font-size: 13px; color: var(--muted); font-weight: 600; }
header p { margin: 6px 0 0; color: var(--muted); }
.verdict { margin-top: 16px; padding: 10px 14px; border-left: 4px solid var(--good); background: var(--panel); }
.verdict.without { border-color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0 0; }
.tiles div { background: var(--panel); padding: 12px 14px; border-radius: 6px; }
.tiles dt { color: var(--muted); font-size: 13px; }
.tiles dd { margin: 2px 0 0; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; font-family: inherit; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 0 0 12px; padding: 0; list-style: none; color: var(--muted); font-size: 13px; }
p.legend { margin: 10px 0 0; }
.legend i { display: inline-block; width: 11px; height: 11px; margin-right: 7px; border-radius: 2px; vertical-align: -1px; }
.facts { display: grid; grid-template-columns: 1fr 1fr; gap: 28px 40px; margin-bottom: 28px; }
.facts section.wide { grid-column: 1 / -1; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { padding: 4px 0; vertical-align: top; text-align: left; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
th { width: 1%; padding-right: 20px; font-weight: 400; color: var(--muted); white-space: nowrap; }
pre { margin: 0; padding: 14px; background: var(--panel); border-radius: 6px; font: 12px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--muted); margin-bottom: 10px; }
`;
