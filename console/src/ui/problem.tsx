import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import { type Failure, isDenied } from "../api/failure";

/** A call that failed, in the place of what it was to show. */
export function Problem({ failure, retry }: { failure: Failure; retry?: () => void }) {
  const again = retry && <Button onClick={retry}>Try again</Button>;
  if (isDenied(failure)) {
    return (
      <Alert type="warning" header="Your access key may not do this" action={again}>
        {failure.message}
      </Alert>
    );
  }
  return (
    <Alert type="error" header={`It did not work: ${failure.name}`} action={again}>
      {failure.message}
    </Alert>
  );
}
