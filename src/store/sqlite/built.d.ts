/** The contents of `build/sqlite-driver.js`; null if nothing was built. */
declare module 'built:better-sqlite3' {
  const bundled: {readonly version: string; readonly Database: typeof import('better-sqlite3')} | null;
  export default bundled;
}
