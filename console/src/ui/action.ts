import { useState } from "react";
import type { Failure } from "../api/failure";
import { noticed } from "./load";

export interface Action {
  busy: boolean;
  /** Why it did not work the last time. */
  failure: Failure | undefined;
  /** Does it. What was wrong before is forgotten; what goes wrong now is kept to be shown. */
  act: (work: () => Promise<void>) => Promise<void>;
  /** Shows something to be wrong before it was tried. */
  refuse: (message: string) => void;
}

/** Something that a person does by a button, which takes a while and may fail. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const act = async (work: () => Promise<void>) => {
    setBusy(true);
    setFailure(undefined);
    try {
      await work();
    } catch (error) {
      setFailure(noticed(error));
    }
    setBusy(false);
  };
  return { busy, failure, act, refuse: (message) => setFailure({ name: "Refused", message }) };
}
