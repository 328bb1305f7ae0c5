declare module '*/build/build.js' {
  export function build(): Promise<void>;
}
declare module '*/build/man-page.js' {
  export function manPage(root: string): Promise<string>;
}
declare module '*/build/pretty-ms.js' {
  export default function prettyMilliseconds(
    ms: number,
    options: {secondsDecimalDigits: number; keepDecimalsOnWholeSeconds: boolean; unitCount: number},
  ): string;
}
