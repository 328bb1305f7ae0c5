declare module '*/build/build.js' {
  export function build(): Promise<void>;
}
declare module '*/build/man-page.js' {
  export function manPage(root: string): Promise<string>;
}
