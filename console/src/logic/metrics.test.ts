import { expect, test } from "vitest";
import { ageHoldMs, parseMetrics, quantile, rate, total } from "./metrics";

const text = (bytes: number) => `# HELP a_bytes Body bytes.
# TYPE a_bytes counter
a_bytes_total ${bytes}
a_requests_total{operation="DescribeStream",status="200"} 5
a_requests_total{operation="Odd \\"name\\"",status="403"} 2
a_seconds_bucket{le="0.001"} 1
a_seconds_bucket{le="0.1"} 9
a_seconds_bucket{le="+Inf"} 10
# EOF
`;

test("samples are read with their labels", () => {
  const reading = parseMetrics(text(10), 0);
  expect(reading.samples).toHaveLength(6);
  expect(reading.samples[2]?.labels).toEqual({ operation: 'Odd \\"name\\"', status: "403" });
  expect(reading.help).toEqual({ a_bytes: "Body bytes" });
  expect(total(reading, "a_requests_total")).toBe(7);
});

test("rates are told between readings of one run", () => {
  const [before, after] = [parseMetrics(text(1000), 0), parseMetrics(text(6000), 2000)];
  expect(rate(before, after, "a_bytes_total")).toBe(2500);
  expect(rate(after, parseMetrics(text(0), 4000), "a_bytes_total")).toBeUndefined();
});

test("quantiles are upper bounds", () => {
  const reading = parseMetrics(text(1), 0);
  expect(quantile(reading, "a_seconds", 0.5)).toBe(0.1);
  expect(quantile(reading, "a_seconds", 0.99)).toBe(Number.POSITIVE_INFINITY);
  expect(quantile(parseMetrics("", 0), "a_seconds", 0.5)).toBeUndefined();
});

test("while nothing is deleted by age it is told for how long", () => {
  const reading = (seconds: number) => parseMetrics(`vigie_server_age_hold_seconds_left ${seconds}`, 0);
  expect(ageHoldMs(reading(3540))).toBe(3_540_000);
  expect(ageHoldMs(reading(0))).toBeUndefined();
  expect(ageHoldMs(parseMetrics("", 0))).toBeUndefined();
});
