import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import LineChart from "@cloudscape-design/components/line-chart";
import Link from "@cloudscape-design/components/link";
import Table from "@cloudscape-design/components/table";
import { useEffect, useState } from "react";
import { ageHoldMs, parseMetrics, quantile, rate, type Reading, total } from "../../logic/metrics";
import { durationText, sizeText } from "../../logic/units";
import { Frame } from "../../ui/frame";
import { useLoad } from "../../ui/load";
import { Problem } from "../../ui/problem";

const EVERY_MS = 5000;
const READINGS_MAX = 120;
const PREFIX = "vigie_server_";

async function fetchMetrics(): Promise<Reading> {
  const answer = await fetch("/metrics");
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return parseMetrics(await answer.text(), Date.now());
}

export function MetricsPage() {
  const loaded = useLoad("metrics", fetchMetrics, EVERY_MS);
  const [readings, setReadings] = useState<Reading[]>([]);
  const latest = loaded.data;
  useEffect(() => {
    if (latest) setReadings((before) => [...before, latest].slice(-READINGS_MAX));
  }, [latest]);
  if (loaded.failure && !latest) return <Problem failure={loaded.failure} retry={loaded.reload} />;
  const held = latest && ageHoldMs(latest);
  const latency = latest && quantile(latest, `${PREFIX}put_media_persist_seconds`, 0.99);
  return (
    <Frame
      title="Metrics"
      description={
        <>
          Of this server, since it started. Prometheus reads them at{" "}
          <Link href="/metrics" target="_blank">
            /metrics
          </Link>
          .
        </>
      }
    >
      {held !== undefined && (
        <Alert type="info" header="Nothing is deleted by age now">
          This server's clock jumped, or the server was off for more than five minutes. What is past its retention goes in{" "}
          {durationText(held)}; limits of size stay in force.
        </Alert>
      )}
      <Container header={<Header variant="h2">Now</Header>}>
        <KeyValuePairs
          columns={4}
          items={[
            { label: "Media stored", value: latest ? sizeText(total(latest, `${PREFIX}stored_bytes`)) : "–" },
            { label: "Hubs connected", value: number(latest, "connected_hubs") },
            { label: "Uploads open", value: number(latest, "put_media_connections") },
            { label: "Readers open", value: number(latest, "get_media_connections") },
            { label: "Fragments received", value: number(latest, "put_media_fragments_total") },
            { label: "Fragments refused", value: number(latest, "put_media_errors_total") },
            { label: "99 % of fragments safe on disk within", value: latency === undefined ? "–" : secondsText(latency) },
            { label: "Media lying aside", value: latest ? sizeText(total(latest, `${PREFIX}unclaimed_bytes`)) : "–" },
            { label: "Answered requests", value: number(latest, "requests_total") },
          ]}
        />
      </Container>
      <ColumnLayout columns={2}>
        <Chart title="Received" unit="bytes/s" name="put_media_bytes_total" readings={readings} text={sizeText} />
        <Chart title="Sent to readers" unit="bytes/s" name="get_media_bytes_total" readings={readings} text={sizeText} />
      </ColumnLayout>
      <Requests reading={latest} />
    </Frame>
  );
}

function number(reading: Reading | undefined, name: string): string {
  return reading ? total(reading, PREFIX + name).toLocaleString() : "–";
}

function secondsText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "more than 8 s";
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

interface ChartProps {
  title: string;
  unit: string;
  name: string;
  readings: Reading[];
  text: (value: number) => string;
}

function Chart({ title, unit, name, readings, text }: ChartProps) {
  const points = readings.slice(1).flatMap((after, index) => {
    const before = readings[index];
    const y = before && rate(before, after, PREFIX + name);
    return y === undefined ? [] : [{ x: new Date(after.at), y }];
  });
  const first = points[0]?.x ?? new Date();
  const last = points.at(-1)?.x ?? new Date();
  return (
    <Container header={<Header variant="h2">{title}</Header>}>
      <LineChart
        series={
          points.length === 0
            ? []
            : [{ title, type: "line", data: points, valueFormatter: (value) => `${text(value)}/s` }]
        }
        xScaleType="time"
        xDomain={[first, last]}
        yDomain={[0, Math.max(1000, ...points.map(({ y }) => y)) * 1.1]}
        yTickFormatter={text}
        xTickFormatter={(at) => at.toLocaleTimeString()}
        ariaLabel={`${title}, ${unit}`}
        xTitle="Time"
        yTitle={unit}
        height={180}
        hideFilter
        hideLegend
        empty={<Box color="text-body-secondary">The first figures come after a few seconds.</Box>}
      />
    </Container>
  );
}

function Requests({ reading }: { reading: Reading | undefined }) {
  const rows = (reading?.samples ?? [])
    .filter(({ name }) => name === `${PREFIX}requests_total`)
    .sort((a, b) => b.value - a.value);
  return (
    <Table
      header={<Header variant="h2">Requests by operation</Header>}
      items={rows}
      trackBy={({ labels }) => `${labels.operation} ${labels.status}`}
      ariaLabels={{ tableLabel: "Requests by operation" }}
      empty="No request was answered yet."
      columnDefinitions={[
        { id: "operation", header: "Operation", isRowHeader: true, cell: ({ labels }) => labels.operation },
        { id: "status", header: "Status", cell: ({ labels }) => labels.status },
        { id: "count", header: "Count", cell: ({ value }) => value.toLocaleString() },
      ]}
    />
  );
}
