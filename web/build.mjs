// Builds src/*.ts into one script and one style a kind of report, beside the licences of what is in them. With --check it writes nothing,
// and fails where the files in the repository are not, byte for byte, what this makes.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";

const target = new URL("../src/mfh/report/data/", import.meta.url);

const result = await build({
  entryPoints: { viewer: "src/main.ts", clip: "src/clip/main.ts" },
  absWorkingDir: new URL(".", import.meta.url).pathname,
  bundle: true,
  minify: true,
  write: false,
  outdir: "out",
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  metafile: true,
});
const made = new Map(result.outputFiles.map((one) => [one.path.split("/").at(-1), one.text]));

const packages = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const name = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1];
  if (name) packages.add(name);
}
const licences = ["Libraries in viewer.js, with their licences.\n"];
for (const name of [...packages].sort()) {
  const about = JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8"));
  const text = await readFile(new URL(`node_modules/${name}/LICENSE`, import.meta.url), "utf8");
  licences.push(`\n${name} ${about.version} (${about.license})\n\n${text.trim()}\n`);
}
made.set("viewer-licences.txt", licences.join(""));

let stale = 0;
for (const [name, text] of made) {
  const path = new URL(name, target);
  if (!process.argv.includes("--check")) {
    await writeFile(path, text);
    console.log(`${name}: ${text.length} bytes`);
  } else if ((await readFile(path, "utf8").catch(() => "")) !== text) {
    console.error(`src/mfh/report/data/${name} is not what web/src builds to: make web`);
    stale = 1;
  }
}
process.exitCode = stale;
