/** Two names may have become one. */
export function freeIn(taken: object, name: string): string {
  let free = name;
  for (let n = 2; free in taken; n++) free = `${name}~${n}`;
  return free;
}
