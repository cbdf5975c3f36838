/** Messages about what was just done, above every page. */
import Flashbar, { type FlashbarProps } from "@cloudscape-design/components/flashbar";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";
import { noticed } from "./load";

interface Notices {
  done: (text: string) => void;
  failed: (what: string, error: unknown) => void;
}

const Context = createContext<Notices>({ done: () => {}, failed: () => {} });

export function useNotices(): Notices {
  return useContext(Context);
}

export function useNoticeBoard(): { notices: ReactNode; provide: (children: ReactNode) => ReactNode } {
  const [items, setItems] = useState<FlashbarProps.MessageDefinition[]>([]);
  const next = useRef(0);
  const add = useCallback((type: FlashbarProps.Type, header: string, content?: string) => {
    const id = String(next.current++);
    const dismiss = () => setItems((before) => before.filter((item) => item.id !== id));
    const item = { id, type, header, content, dismissible: true, dismissLabel: "Dismiss", onDismiss: dismiss };
    setItems((before) => [item, ...before].slice(0, 5));
    if (type === "success") setTimeout(dismiss, 8000);
  }, []);
  const value = useMemo<Notices>(
    () => ({
      done: (text) => add("success", text),
      failed: (what, error) => add("error", what, noticed(error).message),
    }),
    [add],
  );
  return {
    notices: <Flashbar items={items} />,
    provide: (children) => <Context.Provider value={value}>{children}</Context.Provider>,
  };
}
