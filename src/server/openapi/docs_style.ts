/**
 * The stylesheet of the page of the API.
 *
 * @module
 */

/** Follows the reader's colours; the system's fonts; readable on a phone and on paper. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4;
  --page: #fff; --panel: #f6f8fa; --get: #0757b8; --post: #1a6b34; --other: #7a4100; --bad: #b32020; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4b0; --line: #30363d;
  --page: #0d1117; --panel: #161b22; --get: #6cb2ff; --post: #5fd38a; --other: #f0b072;
  --bad: #ff8a80; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.8rem; } h1 small { color: var(--soft); font-weight: normal; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; }
header p { color: var(--soft); }
a { color: var(--get); }
.columns { display: grid; grid-template-columns: 17rem minmax(0, 1fr); gap: 2.5rem; }
nav { position: sticky; top: 1rem; align-self: start; max-height: calc(100vh - 2rem);
  overflow: auto; font-size: 0.87rem; }
nav h3 { margin: 0 0 0.3rem; text-transform: capitalize; } nav ul { list-style: none; padding: 0; }
nav li a { display: block; padding: 0.15rem 0; color: inherit; text-decoration: none;
  white-space: nowrap; }
nav li a:hover, nav li a:focus { text-decoration: underline; }
nav b { display: inline-block; width: 3.4rem; font-size: 0.75rem; }
h2 { text-transform: capitalize; margin: 0 0 1rem; }
section + section { margin-top: 2.5rem; }
article { border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.25rem;
  margin-bottom: 1.25rem; }
article:target { border-color: var(--get); }
article h3 { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
article h3 b { margin-right: 0.4rem; } h4 { margin: 1rem 0 0.4rem; font-size: 0.9rem; }
p { margin: 0.4rem 0; } .summary { font-weight: 600; } .also { color: var(--soft); }
.get { color: var(--get); } .post { color: var(--post); }
.put, .patch, .delete, .options { color: var(--other); }
.s2 { color: var(--post); } .s4, .s5 { color: var(--bad); }
.lock { color: var(--soft); font-size: 0.8rem; font-weight: normal; border: 1px solid var(--line);
  border-radius: 1rem; padding: 0.1rem 0.6rem; white-space: nowrap; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.87em; }
pre { background: var(--panel); border-radius: 6px; padding: 0.75rem 1rem; margin: 0;
  overflow-x: auto; }
pre code { font-size: 0.85rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th { text-align: left; color: var(--soft); font-weight: normal; }
th, td { padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td:first-child { white-space: nowrap; } td:nth-child(2) { min-width: 8rem; }
abbr { color: var(--bad); text-decoration: none; }
details { margin-top: 0.6rem; } summary { cursor: pointer; color: var(--soft); font-size: 0.9rem; }
@media (max-width: 50rem) { .columns { display: block; } nav { position: static; max-height: none;
  margin-bottom: 1.5rem; } }
@media print { nav { display: none; } .columns { display: block; }
  article { break-inside: avoid; } }
`;
