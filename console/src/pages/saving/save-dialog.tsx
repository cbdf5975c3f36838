import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Link from "@cloudscape-design/components/link";
import Modal from "@cloudscape-design/components/modal";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ReactNode } from "react";
import { here } from "../../api/clip-files";
import type { Span } from "../../logic/timeline";
import { durationText, plural, sizeText } from "../../logic/units";
import { useAction } from "../../ui/action";
import { downloadText } from "../../ui/download";
import { useFocusBack } from "../../ui/focus";
import { Problem } from "../../ui/problem";
import { Time } from "../../ui/time";
import { type Row, useSaving } from "./use-saving";

interface Props {
  streams: string[];
  span: Span;
  /** What else can be chosen before it begins. */
  children?: ReactNode;
  /** Hands a saved range over by a link. */
  share?: () => void;
  close: () => void;
}

/** Saves a range of one camera or of several as files, with a text that says what they are. */
export function SaveDialog({ streams, span, children, share, close }: Props) {
  useFocusBack();
  const { stage, rows, text, name, run } = useSaving(streams, span);
  const { failure, act } = useAction();
  const busy = stage === "looking" || stage === "saving";
  const footer = (
    <SpaceBetween direction="horizontal" size="xs">
      <Button variant="link" onClick={close}>
        {busy ? "Stop" : stage === "done" ? "Close" : "Cancel"}
      </Button>
      {stage === "done" && share && <Button onClick={share}>Share this clip</Button>}
      {stage === "done" ? (
        text && <Button onClick={() => downloadText(text, name)}>Save the text again</Button>
      ) : (
        <Button variant="primary" loading={busy} loadingText="Saving" onClick={() => void act(run)}>
          Save
        </Button>
      )}
    </SpaceBetween>
  );
  return (
    <Modal visible size="large" header="Save video" closeAriaLabel="Close" onDismiss={close} footer={<Box float="right">{footer}</Box>}>
      <SpaceBetween size="m">
        <div>
          {streams.join(", ")}: from <Time at={span.from} /> to <Time at={span.until} />, {durationText(span.until - span.from)}
        </div>
        {stage === "idle" && (
          <>
            {children}
            <Box color="text-body-secondary">
              An MP4 file for each camera, and a text with what it is, who saved it, its gaps and its SHA-256. The browser downloads
              them: it shows how far it is, and goes on where it was when the network was away.
            </Box>
          </>
        )}
        {rows.map((row) => (
          <FileRow key={row.file?.FileName ?? row.stream} row={row} />
        ))}
        {stage === "saving" && (
          <Box color="text-body-secondary">Leave this open until the checksums are there; the downloads go on without it.</Box>
        )}
        {stage === "done" && (
          <Alert type={rows.some((row) => row.failure) ? "warning" : "success"}>
            {rows.some((row) => row.sha256)
              ? `The browser has ${plural(rows.filter((row) => row.sha256).length, "file")}, or is still downloading; the text beside them is ${name}.`
              : "Nothing was saved."}
          </Alert>
        )}
        {failure && <Problem failure={failure} />}
      </SpaceBetween>
    </Modal>
  );
}

function FileRow({ row: { stream, file, progress, sizeBytes, sha256, failure } }: { row: Row }) {
  if (!file) return <Alert type="error" header={stream}>{failure}</Alert>;
  return (
    <div role="group" aria-label={file.FileName}>
      <Link href={here(file.ClipFileURL)} variant="primary">
        {file.FileName}
      </Link>
      <Box color="text-body-secondary" fontSize="body-s">
        {sizeText(sizeBytes ?? file.MediaSizeBytes)}
        {sizeBytes === undefined && " or so"}
        {file.GapCount > 0 && `, ${plural(file.GapCount, "gap")}`}
      </Box>
      {sha256 ? (
        <Box variant="code" fontSize="body-s">
          <span className="checksum">SHA-256 {sha256}</span>
        </Box>
      ) : failure ? (
        <Alert type="error">{failure}</Alert>
      ) : (
        <ProgressBar label="Checksum" value={progress * 100} ariaLabel={`Checksum of ${file.FileName}`} />
      )}
    </div>
  );
}
