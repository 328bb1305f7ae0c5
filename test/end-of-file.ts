const works: (() => Promise<void> | void)[] = [];

/** Done after the last test of the file that asks for it, the latest first. */
export function atEndOfFile(work: () => Promise<void> | void): void {
  works.push(work);
}

/** Called by `setup.ts`, which each test file has run anew, while the modules beside it stay loaded from file to file. */
export async function endFile(): Promise<void> {
  for (const work of works.splice(0).reverse()) await work();
}
