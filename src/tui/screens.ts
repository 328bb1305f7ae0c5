import {layoutEngine} from './layout-engine.ts';
import type {Screens, ScreensOptions} from './run.tsx';

/**
 * Takes the terminal for the screens.
 *
 *     const screens = await openScreens({terminal, ascii, env});
 *     try { await screens.show(await openSource()); } finally { screens.close(); }
 */
export async function openScreens(options: ScreensOptions): Promise<Screens> {
  // Ink reads constants of it while it is loaded itself.
  await layoutEngine;
  const {Screens} = await import('./run.tsx');
  return new Screens(options);
}
