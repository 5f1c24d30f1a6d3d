/**
 * Keeps an answer that comes late from undoing what the person has done or what a later answer
 * said, for things that the server holds and the page shows.
 */
export function freshness() {
  let changes = 0;
  /** @type {Promise<unknown>} */
  let changing = Promise.resolve();

  /** Wait until nothing is being changed, and return how many changes there were. */
  const rest = async () => {
    let before;
    do {
      before = changes;
      await changing;
    } while (before !== changes);
    return before;
  };

  return {
    /**
     * Change some of them on the server, and here with what it answers: one change after another.
     * @template T
     * @param {() => Promise<T>} work
     * @returns {Promise<T>}
     */
    change(work) {
      changes += 1;
      const done = changing.then(work).finally(() => { changes += 1; });
      changing = done.catch(() => {});
      return done;
    },

    /** A way to read some of them, whose answers count in the order in which they were asked for. */
    reader() {
      let asked = 0;
      let told = 0;
      /**
       * Read, again if something was changed while the answer was on its way.
       * @template T
       * @param {() => Promise<T>} ask
       * @param {(answer: T) => void} take not called once a read that began later was answered
       * @throws whatever `ask` throws
       */
      return async (ask, take) => {
        const turn = ++asked;
        for (;;) {
          const before = await rest();
          const answer = await ask().catch((error) => {
            if (turn > told) throw error;
            return null;
          });
          if (turn < told || answer === null) return;
          if (before !== changes) continue;
          told = turn;
          return take(answer);
        }
      };
    },
  };
}

/**
 * Takes turns that end as the next is taken: what was asked for in one that is over is not shown.
 * @returns {() => () => boolean} takes the next turn, and returns what says whether it still lasts
 */
export function turns() {
  let last = 0;
  return () => {
    const mine = ++last;
    return () => mine === last;
  };
}
