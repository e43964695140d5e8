// A store of bounded size: what was not used for longest goes first.

export class Cache {
  /** @param most the sum of costs to keep. @param drop called with each value that goes. */
  constructor(most, drop = () => {}) {
    this.most = most;
    this.drop = drop;
    this.entries = new Map();
    this.total = 0;
  }

  get(key) {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  set(key, value, cost = 1) {
    this.delete(key);
    this.entries.set(key, { value, cost });
    this.total += cost;
    for (const oldest of this.entries.keys()) {
      if (this.total <= this.most || oldest === key) break;
      this.delete(oldest);
    }
  }

  delete(key) {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.entries.delete(key);
    this.total -= entry.cost;
    this.drop(entry.value);
  }
}
