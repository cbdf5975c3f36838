import Alert from "@cloudscape-design/components/alert";
import SpaceBetween from "@cloudscape-design/components/space-between";
import TagEditor, { type TagEditorProps } from "@cloudscape-design/components/tag-editor";
import { useEffect, useState } from "react";
import { useApi } from "../../api/api";
import { changeTags, listTags } from "../../api/streams";
import { tagChanges } from "../../logic/stream-form";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/dialog";
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
  const { busy, failure, act } = useAction();
  useEffect(() => {
    if (!before.data) return;
    setTags(Object.entries(before.data).map(([key, value]) => ({ key, value, existing: true })));
  }, [before.data]);
  const save = async () => {
    await act(async () => {
      const wanted = tags.filter((tag) => !tag.markedForRemoval);
      await changeTags(kinesisVideo, streamName, tagChanges(before.data ?? {}, wanted));
      done(`Tags of ${streamName} were saved.`);
      close();
    });
  };
  return (
    <Dialog
      size="large"
      title={`Tags of ${streamName}`}
      action="Save"
      busy={busy}
      disabled={!valid || !before.data}
      run={save}
      close={close}
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
    </Dialog>
  );
}
