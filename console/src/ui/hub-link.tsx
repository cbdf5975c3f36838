import Link from "@cloudscape-design/components/link";
import { useApi } from "../api/api";
import { hubKey, hubLabel } from "../logic/hub";
import { hrefOf } from "../logic/route";

/** A hub by what it goes by here. */
export function HubLink({ arn }: { arn: string }) {
  const { settings } = useApi();
  const place = { region: settings.Region, account: settings.AccountId };
  return <Link href={hrefOf({ page: "hub", name: hubKey(arn, place) })}>{hubLabel(arn, place)}</Link>;
}
