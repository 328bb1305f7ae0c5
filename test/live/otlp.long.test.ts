import {execFile} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import {describe, expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {BACKENDS, loadIntoPostgres, sqliteCopy, temporaryFolder} from '../databases.ts';
import {receiver, requestSpans} from '../otlp/receiver.ts';
import {pythonForOtlp} from './python.ts';

/**
 * OpenTelemetry's own messages (opentelemetry-proto from PyPI) read what export writes. Binary and JSON must be one and
 * the same message; of JSON only the ids are put into Protobuf's own form before, as OTLP has them in hex.
 */
const READER = `
import base64, json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

def plain(value):
    if isinstance(value, dict):
        return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in ("traceId", "spanId", "parentSpanId") else plain(v)
                for k, v in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value

written = open(sys.argv[1], "rb").read()
binary = Request.FromString(written)
text = Request()
for line in open(sys.argv[2], encoding="utf-8"):
    text.MergeFrom(json_format.ParseDict(plain(json.loads(line)), Request()))
spans = [span for resource in binary.resource_spans for scope in resource.scope_spans for span in scope.spans]
print(json.dumps({
    "same": binary == text,
    "known": binary.SerializeToString(deterministic=True) == written,
    "spans": [[s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex(), s.name, len(s.attributes)] for s in spans],
}))
`;

describe("OpenTelemetry's own decoder", () => {
  it.for(['3.1.10', '2.9.0'].flatMap(version => BACKENDS.map(backend => ({version, backend}))))(
    'reads what is exported of Agno $version on $backend',
    {timeout: 200_000},
    async ({version, backend}, {skip}) => {
      const python = await pythonForOtlp().catch((error: Error) => error);
      if (python instanceof Error) {
        process.stderr.write(`skipped: OpenTelemetry's own decoder: ${python.message}\n`);
        return skip(python.message);
      }
      const file = sqliteCopy(`agno-${version}-pictures.sqlite`);
      const db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
      const folder = temporaryFolder();
      const [binary, text, reader] = ['a.pb', 'a.otlp', 'read.py'].map(name => path.join(folder, name)) as [
        string,
        string,
        string,
      ];
      const {url, received} = await receiver();
      const all = ['export', '--all', '--traffic', '--db', db];
      expect((await cli([...all, '--to', url])).code).toBe(0);
      expect((await cli([...all, '-o', text])).code).toBe(0);
      // Messages one after the other are one message.
      writeFileSync(binary, Buffer.concat(received.map(({body}) => body)));
      writeFileSync(reader, READER);
      const {stdout} = await promisify(execFile)(python, [reader, binary, text], {maxBuffer: 1e8});
      const wanted = readFileSync(text, 'utf8')
        .trim()
        .split('\n')
        .flatMap(requestSpans)
        .map(span => [span.traceId, span.spanId, span.parentSpanId ?? '', span.name, span.attributes.length]);
      expect(JSON.parse(stdout)).toEqual({same: true, known: true, spans: wanted});
    },
  );
});
