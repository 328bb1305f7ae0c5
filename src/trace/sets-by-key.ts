/** The set for the key; a new one if there is none yet. */
export function setOf<T>(map: Map<string, Set<T>>, key: string): Set<T> {
  const found = map.get(key) ?? new Set();
  map.set(key, found);
  return found;
}
