/**
 * The document of the API as a page: HTML and a stylesheet of its own, no script.
 *
 * @module
 */

import { escapeHtml as text, fieldRows, schemaNamed, typeName } from "./docs_schema.ts";
import { DOCS_STYLE } from "./docs_style.ts";
import type { OpenApiDocument, Operation } from "./document.ts";

interface Shown {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  readonly aliases: readonly string[];
}

/** Renders the page; `origin` is where it was asked for, which the commands name. */
export function renderDocs(document: OpenApiDocument, origin: string): string {
  const prefix = document.servers[0]?.url.replace(/\/$/, "") ?? "";
  const shown = operationsOf(document);
  const sections = document.tags.map(({ name }) => ({
    name,
    operations: shown.filter(({ operation }) => operation.tags.includes(name)),
  }));
  const { title, version, description } = document.info;
  const base = origin + prefix;
  const body = sections.map(({ name, operations }) =>
    `<section aria-labelledby="tag-${text(name)}"><h2 id="tag-${text(name)}">${text(name)}</h2>
${operations.map((item) => renderOperation(document, item, base)).join("\n")}</section>`
  ).join("\n");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}: API</title>
<style>${DOCS_STYLE}</style>
</head>
<body>
<header><h1>${text(title)} <small>${text(version)}</small></h1>
<p>${text(description)} Base URL: <code>${text(base)}</code>.
For programs: <a href="${text(prefix)}/openapi.json">openapi.json</a>.</p></header>
<div class="columns">
<nav aria-label="Endpoints">${sections.map(renderNavigation).join("\n")}</nav>
<main>
${body}
</main>
</div>
</body>
</html>
`;
}

/** An operation at several paths is shown once, at the first. */
function operationsOf(document: OpenApiDocument): Shown[] {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation }))
  );
  return all.filter(({ operation }) => operation["x-alias-of"] === undefined).map((item) => ({
    ...item,
    aliases: all.filter(({ method, operation }) =>
      method === item.method && operation["x-alias-of"] === item.path
    ).map(({ path }) => path),
  }));
}

function renderNavigation(
  { name, operations }: { readonly name: string; readonly operations: readonly Shown[] },
): string {
  const items = operations.map(({ method, path, operation }) =>
    `<li><a href="#${text(operation.operationId)}">${badge(method)} ${text(path)}</a></li>`
  );
  return `<h3>${text(name)}</h3><ul>${items.join("")}</ul>`;
}

function badge(method: string): string {
  return `<b class="${text(method)}">${text(method.toUpperCase())}</b>`;
}

function renderOperation(document: OpenApiDocument, shown: Shown, base: string): string {
  const { method, path, operation, aliases } = shown;
  const secured = operation.security === undefined ? "" : ` <i class="lock">needs the token</i>`;
  const also = aliases.length === 0
    ? ""
    : `<p class="also">Also at ${aliases.map((alias) => code(alias)).join(", ")}.</p>`;
  return `<article id="${text(operation.operationId)}">
<h3>${badge(method)} <code>${text(path)}</code>${secured}</h3>
<p class="summary">${text(operation.summary)}.</p>
${operation.description === undefined ? "" : `<p>${text(operation.description)}</p>`}
${also}
${renderParameters(operation)}${renderBody(document, operation)}
<h4>Try it</h4>
<pre><code>${text(curlLine(shown, base))}</code></pre>
${renderAnswers(document, operation)}
</article>`;
}

function code(value: string): string {
  return `<code>${text(value)}</code>`;
}

function table(caption: string, heads: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return "";
  const head = heads.map((name) => `<th scope="col">${name}</th>`).join("");
  return `<h4>${caption}</h4>
<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${
    rows.join("\n")
  }</tbody></table></div>
`;
}

function renderParameters({ parameters = [] }: Operation): string {
  const rows = parameters.map(({ name, in: where, description = "", required }) =>
    `<tr><td>${code(String(name))}${required === true ? STAR : ""}</td><td>${text(String(where))}` +
    `</td><td>${text(String(description))}</td></tr>`
  );
  return table("Parameters", ["name", "in", "what it is"], rows);
}

const STAR = ` <abbr title="required">*</abbr>`;

function renderBody(document: OpenApiDocument, operation: Operation): string {
  const schema = operation.requestBody?.content["application/json"]?.schema;
  if (schema === undefined) return "";
  const rows = fieldRows(document, schema).map(({ name, type, description, required }) =>
    `<tr><td>${code(name)}${required ? STAR : ""}</td><td>${text(type)}</td>` +
    `<td>${text(description)}</td></tr>`
  );
  return table("Body", ["field", "type", "what it is"], rows);
}

function renderAnswers(document: OpenApiDocument, operation: Operation): string {
  const rows = Object.entries(operation.responses).map(([status, { description, content }]) => {
    const [type, body] = Object.entries(content ?? {})[0] ?? [];
    const shape = body?.schema === undefined ? text(type ?? "") : link(typeName(body.schema));
    return `<tr><td><b class="s${status[0]}">${text(status)}</b></td><td>${
      text(description)
    }</td>` +
      `<td>${shape}</td></tr>`;
  });
  const success = operation.responses["200"]?.content?.["application/json"]?.schema;
  const fields = success === undefined ? [] : fieldRows(document, success);
  const details = fields.length === 0
    ? ""
    : `<details><summary>Fields of the answer</summary>${
      table(
        "",
        ["field", "type", "what it is"],
        fields.map(({ name, type, description }) =>
          `<tr><td>${code(name)}</td><td>${text(type)}</td><td>${text(description)}</td></tr>`
        ),
      ).replace("<h4></h4>", "")
    }</details>`;
  return table("Answers", ["status", "when", "body"], rows) + details;
  function link(name: string): string {
    return schemaNamed(document, name) === undefined ? text(name) : code(name);
  }
}

/** A command that can be pasted into a shell. */
function curlLine({ method, path, operation }: Shown, base: string): string {
  const parts = [method === "get" ? "curl" : `curl -X ${method.toUpperCase()}`];
  if (operation.security !== undefined) parts.push(`-H "Authorization: Bearer $TOKEN"`);
  const body = operation.requestBody?.content["application/json"];
  if (body !== undefined) {
    parts.push(`-H 'Content-Type: application/json'`);
    parts.push(`-d ${quote(JSON.stringify(body.example ?? {}, null, 2))}`);
  }
  parts.push(quote(base + path));
  return parts.length < 3 ? parts.join(" ") : parts.join(" \\\n  ");
}

function quote(value: string): string {
  return /^[\w:/.@-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
