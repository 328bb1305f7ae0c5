// In place of `yoga-layout`, which waits at its top level, as CommonJS cannot: the same module, whose default export is
// filled when `ready` is done. Ink uses it only when it draws; `src/tui/layout-engine.ts` waits first.
import {loadYoga} from 'yoga-layout/load';

export * from 'yoga-layout/load';

const Yoga = {};
export default Yoga;

export const ready = loadYoga().then(loaded => void Object.assign(Yoga, loaded));
