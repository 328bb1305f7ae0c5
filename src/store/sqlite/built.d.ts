/** What `build/sqlite-driver.js` carries; null where nothing was built. */
declare module 'built:better-sqlite3' {
  const bundled: {readonly version: string; readonly Database: typeof import('better-sqlite3')} | null;
  export default bundled;
}
