import {build} from '../build/build.js';
import {once} from './once.ts';

export default async function setup(): Promise<void> {
  await once('build', build);
}
