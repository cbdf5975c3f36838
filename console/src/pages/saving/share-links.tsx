import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { useApi } from "../../api/api";
import { isDenied } from "../../api/failure";
import type { ShareLink } from "../../api/operations";
import { linkState } from "../../logic/share-link";
import { durationText } from "../../logic/units";
import { Confirm } from "../../ui/confirm";
import type { Loaded } from "../../ui/load";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { Time, useNow } from "../../ui/time";

/** The links of a stream, with what ends them. Whoever may not see them is shown nothing. */
export function ShareLinks({ streamName, links }: { streamName: string; links: Loaded<ShareLink[]> }) {
  const { extensions } = useApi();
  const notices = useNotices();
  const now = useNow(5000);
  const [revoking, setRevoking] = useState<ShareLink>();
  if (links.failure && isDenied(links.failure)) return null;
  if (!links.data?.length) return links.failure ? <Problem failure={links.failure} retry={links.reload} /> : null;
  return (
    <Container header={<Header variant="h2">Links</Header>}>
      <Table
        variant="embedded"
        items={links.data}
        trackBy="LinkId"
        ariaLabels={{ tableLabel: "Links" }}
        columnDefinitions={[
          { id: "what", header: "Shows", isRowHeader: true, cell: (link) => <Shows link={link} /> },
          { id: "by", header: "By", cell: ({ PrincipalArn }) => PrincipalArn.split(/[/:]/).at(-1) },
          { id: "made", header: "Made", cell: ({ CreationTime }) => <Time at={CreationTime * 1000} /> },
          { id: "until", header: "Until", cell: ({ ExpirationTime }) => <Time at={ExpirationTime * 1000} /> },
          {
            id: "state",
            header: "State",
            cell: (link) => {
              const { type, text } = linkState(link, now);
              return <StatusIndicator type={type}>{text}</StatusIndicator>;
            },
          },
          {
            id: "revoke",
            header: "Revoke",
            cell: (link) =>
              linkState(link, now).holds && (
                <Button variant="inline-link" ariaLabel={`Revoke the link ${link.LinkId}`} onClick={() => setRevoking(link)}>
                  Revoke
                </Button>
              ),
          },
        ]}
      />
      {revoking && (
        <Confirm
          title="Revoke the link"
          action="Revoke"
          run={async () => {
            await extensions.revokeShareLink(streamName, revoking.LinkId);
            notices.done("The link is revoked.");
            links.reload();
          }}
          close={() => setRevoking(undefined)}
        >
          Whoever has it sees nothing any more, and what plays or downloads through it ends within seconds.
        </Confirm>
      )}
    </Container>
  );
}

function Shows({ link: { Kind, StartTimestamp, EndTimestamp } }: { link: ShareLink }) {
  const from = <Time at={StartTimestamp * 1000} />;
  if (Kind === "CLIP" && EndTimestamp) {
    return (
      <>
        Clip of {from}, {durationText((EndTimestamp - StartTimestamp) * 1000)}
      </>
    );
  }
  return <>Live, and recorded since {from}</>;
}
