/**
 * `/openapi.json` for programs and `/docs` for people.
 *
 * @module
 */

import { z } from "zod";
import { renderDocs } from "./docs_page.ts";
import type { OpenApiDocument } from "./document.ts";
import type { Endpoint } from "../http/route_table.ts";

const DOCUMENT_PATH = "/openapi.json";
const PAGE_PATH = "/docs";

/** The paths of {@linkcode docsEndpoints}. */
export const DOCS_PATHS: readonly string[] = [DOCUMENT_PATH, PAGE_PATH];

/** The page loads nothing from anywhere, so nothing may be loaded. */
const PAGE_HEADERS: HeadersInit = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
  "X-Content-Type-Options": "nosniff",
};

/** The endpoints of a document, which is made anew each time: what a processor takes may be known later. */
export function docsEndpoints(document: () => OpenApiDocument): Endpoint[] {
  return [
    {
      method: "GET",
      paths: [DOCUMENT_PATH],
      handler: () => Response.json(document()),
      doc: {
        tag: "system",
        summary: "This API as an OpenAPI 3.1 document",
        answers: { 200: { description: "The document.", schema: documentBody } },
      },
    },
    {
      method: "GET",
      paths: [PAGE_PATH],
      handler: (request) =>
        new Response(renderDocs(document(), new URL(request.url).origin), {
          headers: PAGE_HEADERS,
        }),
      doc: {
        tag: "system",
        summary: "This API as a page to read",
        answers: { 200: { description: "The page.", contentType: "text/html" } },
      },
    },
  ];
}

const documentBody = z.looseObject({ openapi: z.string() }).meta({ title: "OpenApi" });
