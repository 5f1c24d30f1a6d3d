/** What this browser remembers; silently nothing where storage is barred. */
export const storage = {
  /** @param {string} key */
  get(key) {
    try {
      return localStorage.getItem(`consigne.${key}`);
    } catch {
      return null;
    }
  },

  /**
   * @param {string} key
   * @param {string | null} value `null` forgets it
   */
  set(key, value) {
    try {
      if (value === null) localStorage.removeItem(`consigne.${key}`);
      else localStorage.setItem(`consigne.${key}`, value);
    } catch {
      // Full or barred: the page works without a memory.
    }
  },

  /**
   * Forget whatever is kept under keys that begin so.
   * @param {readonly string[]} beginnings
   */
  forget(beginnings) {
    try {
      for (const key of Object.keys(localStorage)) {
        if (beginnings.some((one) => key.startsWith(`consigne.${one}`))) localStorage.removeItem(key);
      }
    } catch {
      // Barred: there is nothing.
    }
  },
};
