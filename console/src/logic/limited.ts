/** At most `count` pieces of work at a time; the others wait for their turn. */
export function limited(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= count) await new Promise<void>((turn) => waiting.push(turn));
    else running += 1;
    try {
      return await work();
    } finally {
      // The turn goes over to the next one, or is over.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
