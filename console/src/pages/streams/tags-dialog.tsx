import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TagEditor, { type TagEditorProps } from "@cloudscape-design/components/tag-editor";
import { useEffect, useState } from "react";
import { useApi } from "../../api/api";
import { type Failure, failureOf } from "../../api/failure";
import { changeTags, listTags } from "../../api/streams";
import { tagChanges } from "../../logic/stream-form";
import { useLoad } from "../../ui/load";

interface Props {
  streamName: string;
  close: () => void;
  done: (text: string) => void;
}

export function TagsDialog({ streamName, close, done }: Props) {
  const { kinesisVideo } = useApi();
  const before = useLoad(`tags ${streamName}`, () => listTags(kinesisVideo, streamName));
  const [tags, setTags] = useState<readonly TagEditorProps.Tag[]>([]);
  const [valid, setValid] = useState(true);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  useEffect(() => {
    if (!before.data) return;
    setTags(Object.entries(before.data).map(([key, value]) => ({ key, value, existing: true })));
  }, [before.data]);
  const save = async () => {
    setBusy(true);
    try {
      const wanted = tags.filter((tag) => !tag.markedForRemoval);
      await changeTags(kinesisVideo, streamName, tagChanges(before.data ?? {}, wanted));
      done(`Tags of ${streamName} were saved.`);
      close();
    } catch (error) {
      setFailure(failureOf(error));
      setBusy(false);
    }
  };
  return (
    <Modal
      visible
      size="large"
      header={`Tags of ${streamName}`}
      closeAriaLabel="Close"
      onDismiss={close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close}>
              Cancel
            </Button>
            <Button variant="primary" loading={busy} disabled={!valid || !before.data} onClick={() => void save()}>
              Save
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <TagEditor
          tags={tags}
          tagLimit={50}
          loading={before.loading}
          onChange={({ detail }) => {
            setTags(detail.tags);
            setValid(detail.valid);
          }}
        />
        {(failure ?? before.failure) && <Alert type="error">{(failure ?? before.failure)?.message}</Alert>}
      </SpaceBetween>
    </Modal>
  );
}
