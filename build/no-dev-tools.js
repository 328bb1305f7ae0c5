/**
 * Ink would offer React's developer tools, and a socket to them; the import alone fails where they are not installed.
 * @type {import('esbuild').Plugin}
 */
export const noDevTools = {
  name: 'no-dev-tools',
  setup(build) {
    build.onResolve({filter: /^(react-devtools-core|ws)$/}, args => ({path: args.path, namespace: 'absent-tools'}));
    build.onLoad({filter: /.*/, namespace: 'absent-tools'}, () => ({contents: 'export default {};', loader: 'js'}));
  },
};
