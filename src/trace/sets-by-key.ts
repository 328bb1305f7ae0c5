/** The set that stands under the key; a new one, where none does yet. */
export function setOf<T>(map: Map<string, Set<T>>, key: string): Set<T> {
  const found = map.get(key) ?? new Set();
  map.set(key, found);
  return found;
}
