// In place of `yoga-layout`, which waits at its top level, as CommonJS cannot: the same module, whose default export is
// filled when `ready` is done. Ink reads it while it is loaded itself, so `src/tui/screens.ts` waits for this before.
import {loadYoga} from 'yoga-layout/load';

export * from 'yoga-layout/load';

const Yoga = {};
export default Yoga;

export const ready = loadYoga().then(loaded => void Object.assign(Yoga, loaded));
