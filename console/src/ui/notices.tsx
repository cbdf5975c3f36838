/** Messages about what was just done, above every page. */
import Flashbar, { type FlashbarProps } from "@cloudscape-design/components/flashbar";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";
import { useSilence } from "./connection";
import { Time } from "./time";

interface Notices {
  done: (text: string) => void;
}

const Context = createContext<Notices>({ done: () => {} });

export function useNotices(): Notices {
  return useContext(Context);
}

export function useNoticeBoard(): { notices: ReactNode; provide: (children: ReactNode) => ReactNode } {
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const next = useRef(0);
  const silentSince = useSilence();
  const done = useCallback((header: string) => {
    const id = String(next.current++);
    const dismiss = () => setItems((before) => before.filter((item) => item.id !== id));
    const item = { id, type: "success", header, dismissible: true, dismissLabel: "Dismiss", onDismiss: dismiss } as const;
    setItems((before) => [item, ...before].slice(0, 5));
    setTimeout(dismiss, 8000);
  }, []);
  const value = useMemo<Notices>(() => ({ done }), [done]);
  const silence = silentSince === undefined ? [] : [silenceNotice(silentSince)];
  return {
    notices: <Flashbar items={[...silence, ...items]} />,
    provide: (children) => <Context.Provider value={value}>{children}</Context.Provider>,
  };
}

function silenceNotice(since: number): FlashbarProps.MessageDefinition {
  return {
    id: "silence",
    type: "warning",
    header: "The server does not answer",
    content: (
      <>
        What you see is from before <Time at={since} />. It is asked again every few seconds.
      </>
    ),
  };
}
