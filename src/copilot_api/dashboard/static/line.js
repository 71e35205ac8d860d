// The live line: what the gateway says as it happens. Lost, it is looked for again, ever more slowly.

import { KeyNeeded, Refused, listen } from "./api.js";

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

// `on` has up(state), down(pause) and closed(error): the last is for what no second try mends.
export function openLine(on) {
  let current = null;
  let wake = () => {};

  async function run(mine) {
    let pause = FIRST_PAUSE;
    while (!mine.signal.aborted) {
      try {
        await listen("live", mine.signal, (state) => {
          pause = FIRST_PAUSE;
          on.up(state);
        });
      } catch (error) {
        if (mine.signal.aborted) return;
        if (error instanceof KeyNeeded || error instanceof Refused) {
          on.closed(error);
          return;
        }
      }
      if (mine.signal.aborted) return;
      on.down(pause);
      await new Promise((done) => { wake = done; setTimeout(done, pause); });
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  return {
    open() {
      current?.abort();
      wake();
      current = new AbortController();
      run(current);
    },
    close() {
      current?.abort();
      wake();
    },
    now() { wake(); },
  };
}
