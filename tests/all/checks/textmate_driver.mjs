// Prints how the TextMate grammar colours files: for each line a list of [start, end, scopes]. Called with the folder of
// vscode-textmate, that of vscode-oniguruma, the grammar and the files.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [textmatePlace, onigurumaPlace, grammarPath, ...files] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const { Registry, INITIAL, parseRawGrammar } = require(textmatePlace);
const { loadWASM, createOnigScanner, createOnigString } = require(onigurumaPlace);

await loadWASM(readFileSync(`${onigurumaPlace}/release/onig.wasm`).buffer);
const registry = new Registry({
  onigLib: Promise.resolve({ createOnigScanner, createOnigString }),
  loadGrammar: async () => parseRawGrammar(readFileSync(grammarPath, "utf8"), grammarPath),
});
const grammar = await registry.loadGrammar("source.rspp");
const answer = {};
for (const file of files) {
  let state = INITIAL;
  answer[file] = readFileSync(file, "utf8").split("\n").map((line) => {
    const found = grammar.tokenizeLine(line, state);
    state = found.ruleStack;
    return found.tokens.map((token) => [token.startIndex, token.endIndex, token.scopes.slice(1)]);
  });
}
process.stdout.write(JSON.stringify(answer));
