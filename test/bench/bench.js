// Benchmarks, each against its baseline in the same run: npm run bench [-- start size writer prune facts screens redaction]. Quiet machine, please.
const ALL = ['start', 'size', 'writer', 'prune', 'facts', 'screens', 'redaction'];
const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : ALL) {
  if (!ALL.includes(name)) throw new Error(`no benchmark "${name}"; there are ${ALL.join(', ')}`);
  process.stdout.write(`\n== ${name}\n`);
  const {default: run} = await import(`./${name}.js`);
  await run();
}
