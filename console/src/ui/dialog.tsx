import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal, { type ModalProps } from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ReactNode } from "react";
import { useFocusBack } from "./focus";

interface Props {
  title: string;
  size?: ModalProps.Size;
  children: ReactNode;
  /** The label of the button that does it. */
  action: string;
  busy: boolean;
  disabled?: boolean;
  run: () => Promise<void>;
  close: () => void;
}

/** A dialog that is cancelled or does one thing. */
export function Dialog({ title, size, children, action, busy, disabled = false, run, close }: Props) {
  useFocusBack();
  return (
    <Modal
      visible
      size={size}
      header={title}
      closeAriaLabel="Close"
      onDismiss={close}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={close}>
              Cancel
            </Button>
            <Button variant="primary" disabled={disabled} loading={busy} onClick={() => void run()}>
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      {children}
    </Modal>
  );
}
