import * as yoga from 'yoga-layout';

/** Resolves when Ink can draw: in the built program its layout engine is loaded separately (`build/yoga.js`). */
export const layoutEngine: Promise<void> = (yoga as {ready?: Promise<void>}).ready ?? Promise.resolve();
