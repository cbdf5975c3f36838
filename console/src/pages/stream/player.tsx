import Button from "@cloudscape-design/components/button";
import Spinner from "@cloudscape-design/components/spinner";
import { type KeyboardEvent, useRef } from "react";
import type { Source } from "../../api/playback";
import { Empty } from "../../ui/empty";
import { localText } from "../../ui/time";
import { Controls } from "./controls";
import type { PlayFailure } from "./hls";
import { type Heard, usePlayer } from "./use-player";

interface Props extends Heard {
  streamName: string;
  source: Source;
  at: number | undefined;
  seek: (at: number) => void;
}

export function Player({ streamName, source, at, seek, ...heard }: Props) {
  const region = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const { failure, waiting, hasSound, live } = usePlayer(video, streamName, source, heard);
  const keys = useRef<(event: KeyboardEvent) => void>(undefined);
  return (
    <div ref={region} className="player" role="group" aria-label="Player" onKeyDown={(event) => keys.current?.(event)}>
      <div className="player-picture">
        <video
          ref={video}
          muted
          playsInline
          tabIndex={0}
          className={failure && "player-unseen"}
          aria-label={`Video of ${streamName}`}
          onClick={({ currentTarget }) => void (currentTarget.paused ? currentTarget.play() : currentTarget.pause())}
        />
        {waiting && !failure && (
          <div className="player-wait">
            <Spinner size="large" />
          </div>
        )}
        {failure && (
          <div className="player-over">
            <Trouble failure={failure} live={live} seek={seek} />
          </div>
        )}
      </div>
      <Controls video={video} region={region} keys={keys} hasSound={hasSound} disabled={!!failure} at={at} seek={seek} />
    </div>
  );
}

function Trouble({ failure, live, seek }: { failure: PlayFailure; live: boolean; seek: (at: number) => void }) {
  const { next } = failure;
  if (failure.name === "ResourceNotFoundException") {
    return live ? (
      <Empty title="No live video">
        Nothing has come in lately. It appears here as soon as it does; the timeline says why there is none.
      </Empty>
    ) : (
      <Empty
        title="No video here"
        action={next !== undefined && <Button onClick={() => seek(next)}>{`Next video: ${localText(next)}`}</Button>}
      >
        Nothing was recorded at this time. Pick a filled part of the timeline.
      </Empty>
    );
  }
  if (failure.name === "Codec") {
    return (
      <Empty title={`This browser cannot play ${failure.message}`}>
        Nothing is wrong with the video. Another browser may play it; a range that is marked below can be shown as images, or
        downloaded as a file.
      </Empty>
    );
  }
  return <Empty title="The video cannot be played">{failure.message}</Empty>;
}
