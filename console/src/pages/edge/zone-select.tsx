import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Select from "@cloudscape-design/components/select";
import { useMemo } from "react";

/** The zone in which schedules are shown. It is not part of the configuration: they run by the hub's own clock. */
export function ZoneSelect({ zone, change }: { zone: string; change: (zone: string) => void }) {
  const options = useMemo(
    () => [...new Set(["UTC", zone, ...Intl.supportedValuesOf("timeZone")])].map((value) => ({ value, label: value })),
    [zone],
  );
  return (
    <Container>
      <FormField
        label="Show schedules in the time zone"
        description="Schedules run in the time zone of the hub: choose that one to see them as it will."
      >
        <Select
          options={options}
          filteringType="auto"
          virtualScroll
          selectedOption={{ value: zone, label: zone }}
          onChange={({ detail }) => change(detail.selectedOption.value ?? "UTC")}
        />
      </FormField>
    </Container>
  );
}
