import Spinner from "@cloudscape-design/components/spinner";
import { useEffect, useRef } from "react";
import { failureOf } from "../api/failure";
import { signInByCode } from "../api/exchange";
import { beginSession, endSession } from "../api/session";
import { hrefOf } from "../logic/route";

/** Signs in by the code of a link, which then leaves the address, and goes to what the link was about. */
export function Welcome({ code, stream }: { code: string; stream: string | undefined }) {
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const arrive = () => {
      history.replaceState(null, "", stream ? hrefOf({ page: "stream", name: stream, at: undefined }) : "#/streams");
      dispatchEvent(new HashChangeEvent("hashchange"));
    };
    signInByCode(code).then(
      (session) => {
        arrive();
        beginSession(session);
      },
      (error: unknown) => {
        arrive();
        endSession(failureOf(error).message);
      },
    );
  }, [code, stream]);
  return <Spinner size="large" />;
}
