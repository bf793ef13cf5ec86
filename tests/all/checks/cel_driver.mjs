// Evaluates conditions with `@bufbuild/cel`: reads requests as JSON lines from one file, writes answers to another.
//
// A request is {"texts": […], "values": {…}}: several ways to write one condition, and the values of its names, each a
// variable with a dotted name. An integer is {"int": "…"}, a map {"map": {…}}. The answer has for each text true, false,
// {"error": "…"}, or {"unknown": "…"} where this runtime does not read the text, lacks something that it asks for, or gives
// a value that is no truth value.

import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";

const environment = celEnv({ funcs: strings });
const plans = new Map();

function valueOf(coded) {
  if (Array.isArray(coded)) return coded.map(valueOf);
  if (coded === null || typeof coded !== "object") return coded;
  if ("int" in coded) return BigInt(coded.int);
  return new Map(Object.entries(coded.map).map(([key, value]) => [key, valueOf(value)]));
}

function planOf(text) {
  if (!plans.has(text)) plans.set(text, plan(environment, parse(text)));
  return plans.get(text);
}

// Errors of this runtime that are no errors of evaluation: it resolves functions and names while it evaluates.
const LACKING = /no matching overload|unbound function|unresolved attribute/;

function answer(text, bindings) {
  let evaluate;
  try {
    evaluate = planOf(text);
  } catch (error) {
    return { unknown: String(error.message ?? error) };
  }
  const value = evaluate(bindings);
  if (isCelError(value)) return LACKING.test(value.message) ? { unknown: value.message } : { error: value.message };
  return typeof value === "boolean" ? value : { unknown: `a value of type ${typeof value}` };
}

const [, , requests, answers] = process.argv;
const out = createWriteStream(answers);
for await (const line of createInterface({ input: createReadStream(requests, "utf8"), crlfDelay: Infinity })) {
  const { texts, values } = JSON.parse(line);
  const bindings = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, valueOf(value)]));
  out.write(`${JSON.stringify(texts.map((text) => answer(text, bindings)))}\n`);
}
out.end();
