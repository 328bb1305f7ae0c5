declare module 'built:page' {
  /** What runs in a page, and how it looks (src/page/browser/), as texts. */
  export const runScript: string;
  export const answerScript: string;
  export const style: string;
}
