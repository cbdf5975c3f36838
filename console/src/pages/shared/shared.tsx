import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import { type FormEvent, useCallback, useEffect, useState } from "react";
import { here } from "../../api/clip-files";
import { type Failure, failureOf } from "../../api/failure";
import type { ClipFile } from "../../api/operations";
import { openShareLink, type Shared } from "../../api/shared";
import { durationText, sizeText } from "../../logic/units";
import { Empty } from "../../ui/empty";
import { Time } from "../../ui/time";
import { SharedPlayer } from "./shared-player";

/** So often a page that shows nothing, or whose video stopped, asks again. */
const ASK_EACH_MS = 10_000;

/** What a share link shows, for whoever has it: the video, who shared it, and until when. */
export function SharedPage({ secret }: { secret: string }) {
  const [shared, setShared] = useState<Shared>();
  const [failure, setFailure] = useState<Failure>();
  const [from, setFrom] = useState<number>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let over = false;
    openShareLink(secret, from).then(
      (opened) => {
        if (over) return;
        setFailure(undefined);
        setShared(opened);
      },
      (error: unknown) => !over && setFailure(failureOf(error)),
    );
    return () => {
      over = true;
    };
  }, [secret, from, round]);
  const name = shared?.StreamName;
  useEffect(() => {
    document.title = name ? `${name} – Vigie` : "Vigie";
  }, [name]);
  const again = useCallback(() => setRound((before) => before + 1), []);
  const isEnded = failure?.name === "LinkEnded";
  const waits = !isEnded && (failure !== undefined || (shared !== undefined && !shared.HLSStreamingSessionPath));
  useEffect(() => {
    if (!waits) return;
    const timer = setInterval(again, ASK_EACH_MS);
    return () => clearInterval(timer);
  }, [waits, again]);
  if (isEnded) {
    return (
      <main className="shared">
        <Alert type="error" header="This link shows nothing">
          {failure.message}
        </Alert>
      </main>
    );
  }
  if (!shared) {
    return (
      <main className="shared">{failure ? <Alert type="error">{failure.message}</Alert> : <Spinner size="large" />}</main>
    );
  }
  const begin = shared.StartTimestamp * 1000;
  const end = shared.EndTimestamp && shared.EndTimestamp * 1000;
  return (
    <main className="shared">
      <Container
        header={
          <Header
            variant="h1"
            description={
              <>
                Shared by {shared.SharedBy} until <Time at={shared.ExpirationTime * 1000} />
              </>
            }
          >
            {shared.StreamName}
          </Header>
        }
      >
        <SpaceBetween size="m">
          <div>
            {end ? (
              <>
                From <Time at={begin} /> to <Time at={end} />, {durationText(end - begin)}
              </>
            ) : (
              <>
                {from === undefined ? "Live" : "Recorded"}, and what was recorded since <Time at={begin} />
              </>
            )}
          </div>
          {shared.HLSStreamingSessionPath ? (
            <SharedPlayer
              key={shared.HLSStreamingSessionPath}
              shared={shared}
              path={shared.HLSStreamingSessionPath}
              span={end ? { from: begin, until: end } : undefined}
              seek={end ? undefined : setFrom}
              stopped={again}
            />
          ) : (
            <Empty title="No video now">It appears here as soon as there is some.</Empty>
          )}
          {!end && <GoBack begin={begin} from={from} go={setFrom} />}
          {shared.Files && <Downloads files={shared.Files} />}
        </SpaceBetween>
      </Container>
    </main>
  );
}

/** What was recorded, from a moment on, and live again. */
function GoBack({ begin, from, go }: { begin: number; from: number | undefined; go: (at: number | undefined) => void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget).get("from");
    const at = Date.parse(String(typed));
    if (!Number.isNaN(at)) go(Math.max(at, begin));
  };
  return (
    <form className="shared-row" onSubmit={submit}>
      <label>
        Recorded from <input type="datetime-local" name="from" min={forInput(begin)} defaultValue={forInput(from ?? begin)} required />
      </label>
      <Button formAction="submit">Play</Button>
      <Button formAction="none" disabled={from === undefined} onClick={() => go(undefined)}>
        Live
      </Button>
    </form>
  );
}

/** A moment as `datetime-local` has it: of this browser's zone, without one. */
function forInput(at: number): string {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function Downloads({ files }: { files: ClipFile[] }) {
  return (
    <SpaceBetween size="xs">
      {files.map(({ FileName, ClipFileURL, MediaSizeBytes }) => (
        <div key={FileName} className="shared-row">
          <Button iconName="download" href={here(ClipFileURL)} ariaLabel={`Download ${FileName}`}>
            Download
          </Button>
          <Box color="text-body-secondary">
            {FileName}, {sizeText(MediaSizeBytes)} or so
          </Box>
        </div>
      ))}
    </SpaceBetween>
  );
}
