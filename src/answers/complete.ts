/** Answers a shell. */
export {complete as default} from '../completion/complete.ts';
