import type {Reporter, TestModule} from 'vitest/node';

/** Says at the end what the long suite did not run, and why. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = new Set<string>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result();
        const note = result.state === 'skipped' ? result.note : undefined;
        lines.add(`${module.relativeModuleId}: ${test.fullName}: ${note ?? 'not on this machine'}`);
      }
    }
    process.stdout.write(
      `\nnot run: npm run bench, which measures and decides nothing${[...lines].map(line => `\nnot run: ${line}`).join('')}\n\n`,
    );
  }
}
