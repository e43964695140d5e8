// A store of bounded size: what was not used for longest goes first, but nothing that the screen needs.

export class Cache {
  /** @param most the sum of costs to keep. @param drop called with each value that goes. */
  constructor(most, drop = () => {}) {
    this.most = most;
    this.drop = drop;
    this.entries = new Map();
    this.total = 0;
    this.round = 0;
  }

  /** What is used from now on is kept until the next round, however much it is: a screen can need more than fits. */
  newRound() {
    this.round++;
  }

  get(key) {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    entry.round = this.round;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  set(key, value, cost = 1) {
    this.delete(key);
    this.entries.set(key, { value, cost, round: this.round });
    this.total += cost;
    for (const [oldest, { round }] of this.entries) {
      if (this.total <= this.most || round === this.round) break;
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
