declare module '*/build/build.js' {
  export function build(): Promise<void>;
}
