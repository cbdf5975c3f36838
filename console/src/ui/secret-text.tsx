import Box from "@cloudscape-design/components/box";
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";

/** Text to take over as it is, with a button that copies it. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="copy-block">
      <Box variant="code">
        <pre tabIndex={0} aria-label={label}>
          {text}
        </pre>
      </Box>
      <CopyToClipboard
        copyButtonAriaLabel={`Copy ${label}`}
        copySuccessText="Copied"
        copyErrorText="Copying failed"
        textToCopy={text}
        variant="icon"
      />
    </div>
  );
}
