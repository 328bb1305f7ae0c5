/** Answers a shell; beside the other answers, because a bundle of its own would cost every start further modules. */
export {complete as default} from '../completion/complete.ts';
