import type {KeyValue} from './any-value.ts';
import type {OtlpSpan} from './otlp-span.ts';
import {ProtobufWriter} from './protobuf.ts';

/** The common data of all spans of an export. */
export interface Origin {
  /** Attributes of the resource, including `service.name`. */
  readonly resource: readonly KeyValue[];
  readonly scope: {readonly name: string; readonly version: string};
}

/** An ExportTraceServiceRequest, which is also a line of OpenTelemetry's file format, as JSON. */
export function requestJson(spans: readonly OtlpSpan[], {resource, scope}: Origin): string {
  return JSON.stringify({resourceSpans: [{resource: {attributes: resource}, scopeSpans: [{scope, spans}]}]});
}

/** The same as binary Protobuf. Field numbers: opentelemetry-proto, trace.proto and common.proto. */
export function requestProtobuf(spans: readonly OtlpSpan[], {resource, scope}: Origin): Buffer {
  const writer = new ProtobufWriter();
  writer.message(1, () => {
    writer.message(2, () => {
      for (let i = spans.length - 1; i >= 0; i--) writer.message(2, () => writeSpan(writer, spans[i]!));
      writer.message(1, () => {
        writer.string(2, scope.version);
        writer.string(1, scope.name);
      });
    });
    writer.message(1, () => writeAttributes(writer, 1, resource));
  });
  return writer.finish();
}

/** From the last field to the first, because the writer goes backwards. */
function writeSpan(writer: ProtobufWriter, span: OtlpSpan): void {
  writer.message(15, () => {
    if (span.status.code) writer.varint(3, BigInt(span.status.code));
    if (span.status.message) writer.string(2, span.status.message);
  });
  writeAttributes(writer, 9, span.attributes);
  writer.fixed64(8, BigInt(span.endTimeUnixNano));
  writer.fixed64(7, BigInt(span.startTimeUnixNano));
  if (span.kind) writer.varint(6, BigInt(span.kind));
  writer.string(5, span.name);
  if (span.parentSpanId !== undefined) writer.bytes(4, Buffer.from(span.parentSpanId, 'hex'));
  writer.bytes(2, Buffer.from(span.spanId, 'hex'));
  writer.bytes(1, Buffer.from(span.traceId, 'hex'));
}

function writeAttributes(writer: ProtobufWriter, field: number, attributes: readonly KeyValue[]): void {
  for (let i = attributes.length - 1; i >= 0; i--) {
    const {key, value} = attributes[i]!;
    writer.message(field, () => {
      writer.message(2, () => writeValue(writer, value));
      writer.string(1, key);
    });
  }
}

function writeValue(writer: ProtobufWriter, value: KeyValue['value']): void {
  const {stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue} = value;
  if (stringValue !== undefined) writer.string(1, stringValue);
  else if (boolValue !== undefined) writer.varint(2, boolValue ? 1n : 0n);
  else if (intValue !== undefined) writer.varint(3, BigInt(intValue));
  else if (doubleValue !== undefined) writer.double(4, Number(doubleValue));
  else if (arrayValue !== undefined)
    writer.message(5, () => {
      for (let i = arrayValue.values.length - 1; i >= 0; i--)
        writer.message(1, () => writeValue(writer, arrayValue.values[i]!));
    });
  else if (kvlistValue !== undefined) writer.message(6, () => writeAttributes(writer, 1, kvlistValue.values));
}
