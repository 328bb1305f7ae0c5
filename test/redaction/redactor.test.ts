import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {AnswerCleaner} from '../../src/redaction/answers.ts';
import {ContentFilter} from '../../src/redaction/content.ts';
import {DETECTORS} from '../../src/redaction/detectors.ts';
import type {Redaction} from '../../src/redaction/kinds.ts';
import {Pseudonyms, randomKey} from '../../src/redaction/pseudonyms.ts';
import {Redactor} from '../../src/redaction/redactor.ts';
import {RedactionReport} from '../../src/redaction/report.ts';
import {toStoredSpan} from '../../src/trace/stored-span.ts';

const KEY = Buffer.from('a key of the tests');
function redacting(kinds: Redaction = 'all') {
  const report = new RedactionReport();
  return {redactor: new Redactor(kinds, new Pseudonyms(KEY), report), report};
}
const clean = (text: string, kinds: Redaction = 'all') => redacting(kinds).redactor.text(text, 'here');

/**
 * What each detector is for; the stretch between « and » goes. A ¦ is taken out first: whoever hosts this file would refuse
 * what looks like a live key.
 */
const FOUND: Readonly<Record<string, readonly string[]>> = {
  'openai-key': ['key «sk-proj-abcdEFGH1234ijklMNOP5678»', '"«sk-svcacct-aB3_dE-fG7hIjKlMnOpQrStUv»"'],
  'anthropic-key': ['(«sk-ant-api03-AbCdEf123456-xyz»)'],
  'aws-key': ['aws «AKIAIOSFODNN7EXAMPLE» used'],
  'github-token': ['«ghp_abcdefghijklmnopqrstuvwxyz0123456789»', '«github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv»'],
  'gitlab-token': ['«glpat-aBcDeFgHiJkLmNoPqRsT»'],
  'slack-token': [
    '«xoxb-1234567890-abcdefghij»',
    'https://hooks.slack.com/«services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX»',
  ],
  'google-key': ['«AIzaSyA1234567890abcdefghijklmnopqrstuv»', '«ya29.a0AfH6SMBxxxxxxxxxxxxxxxxx»'],
  'stripe-key': ['«sk_live_abcdefghij1234567890»', '«rk_test_abcdefghij1234567890»'],
  jwt: ['«eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U»'],
  'bearer-token': ['Authorization: Bearer «abcdef1234567890ghijkl»', 'basic «dXNlcjpwYXNzd29yZDEyMw==»'],
  'private-key': ['«-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nabc+/==\n-----END RSA PRIVATE KEY-----» after'],
  'connection-password': ['postgresql://user:«p@ss/w0rd»@host:5432/db', 'redis://:«s3cret»@cache'],
  password: ['password: «hunter2!»', "{'PASSWORD': '«a1b2c3»'}", 'DB_PASSWORD=«a1b2c3»'],
  'secret-value': ['api_key="«a8f5f167f44f4964e6c998dee827110c»"', '{"client_secret": "«9Zx8Yw7Vu6Ts5Rq4Po3»"}'],
  email: ['write to «alice.smith+x@example.co.uk».', '<«müller@exämple.de»>'],
  'card-number': ['card «4111 1111 1111 1111»', '«4111111111111111»', '«5500-0000-0000-0004»', '«378282246310005»'],
  iban: ['to «DE89 3704 0044 0532 0130 00» today', '«GB82WEST12345698765432»'],
  ssn: ['ssn «078-05-1120»', 'social security number «078 05 1120»'],
  phone: ['call «+49 30 1234567»', '«+1 (555) 123-4567»', '«(555) 123-4567»', '«555-123-4567»', '«030 1234567»'],
  ipv4: ['from «93.184.216.34»:8080', '[«10.1.2.3»]'],
  ipv6: ['from «2a02:8109:9ac0::8a2e:7334»'],
  'service-token': [
    'key: «gsk_¦aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE»',
    'Fetched https://api.telegram.org/bot«62523¦90078:AAJILz06nXomoJfevfwyCQZa710HAh4cWD1»/x',
    'env «dapi¦0123456789abcdef0123456789abcdef»',
  ],
  'password-hash': ['root:«$6$Zr9kLwPq2c$6rqmz.vpmMTrJALxwzbMlpqsX72sP4m.FSLd2whz»:19874:0'],
  'key-part': ['{"kty":"EC","crv":"P-256","d":"«jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI»"}'],
  'recovery-phrase': ['seed phrase: «witch collapse practice feed shame open despair creek road again ice least»'],
  'one-time-code': ['OTP: «482913»', 'your verification code is «482 913»'],
  'encoded-secret': ['{"ghcr.io": "«Ym90OlNvbm5lbiNibHVtZTQ=»"}'],
  'command-password': [
    'curl -u bot:«Winter_reise9» https://x.de',
    'mysqldump -uroot -p«Wanne!eickel7» shop',
    '["mysql", "-u", "root", "-p«Wanne!eickel7»", "shop"]',
    'echo «Zr7-trumpet-Lk» | docker login -u ci --password-stdin',
  ],
  'login-password': ['smtp.login("bot", "«heringsSalat&5»")', "requests.get(url, auth=('bot', '«Ros!nen-brot2»'))"],
  'url-parameter': ['https://x.de/?q=a&sig=«aB3dE5fG7hJ9kL1mN3pQ5rS7»&b=1'],
  'secret-url': [
    'https://app.x.io/invite/«kX92mQpLz81vNcRt5Wab7»',
    'https://«9f8e7d6c5b4a39281706f5e4d3c2b1a0»@o1.ingest.sentry.io/6',
  ],
  cookie: [
    'Set-Cookie: PHPSESSID=«t4k2b9v8c7x6z5l3j1h0»; path=/',
    '{"name":"PHPSESSID","value":"«t4k2b9v8c7x6z5l3j1h0»"}',
  ],
  authorization: ['Authorization: Digest username="bot", uri="/a", response="«6629fae49393a05397450978507c4ef1»"'],
  'spelled-email': ['«anna.mueller [at] firma [dot] de»', '«anna.mueller(at)firma.de»'],
  'mac-address': ['to «3c:22:fb:9a:41:d7» via', '«f018.98b4.7ce3»'],
  wallet: ['to «1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa»', 'btc «bc1qkkyfr5e3sst0zkp3jeacf4hftxnpzvn0u3hrmg»'],
  'travel-document': ['«L898902C36UTO7408122F1204159ZE184226B<<<<<10»'],
  coordinates: ['location «52.520008, 13.404954»', '{"lat": «52.520008»}', '«52°31\'12.0"N 13°24\'18.0"E»'],
  'national-id': [
    'DNI «12345678Z»',
    '<SteuerID>«86095742719»</SteuerID>',
    'CPF «529.982.247-25»',
    'codice fiscale «RSSMRA85T10A562S»',
    'passport «C01X00T47»',
  ],
};

/** What looks alike and tells nothing. */
const LEFT = [
  '4111 1111 1111 1112 is no card, and 1763795000123 is a time',
  '2026-11-22T06:22:35.055046+00:00 at 17:19:48, version 1.2.3, from 127.0.0.1, ::1',
  'run b1264580-db05-48c7-8e64-6b587d95bb26 trace a61671b4e517a2c89975b858326f2850',
  'token_count: 12345, max_tokens=4096, "total_tokens": 123456789012345678',
  '{"password": {"type": "string"}, "api_key": "<your-api-key>", "secret": "$SECRET_FROM_ENV"}',
  'password: required, Bearer token missing, std::vector<int>, user@host, a@b',
  'http://localhost:8080/path?mail=none, sk-learn, eyJust a word, AKIA',
  'DE89370400440532013001 is no account, 000-12-3456 is nobody',
];

describe('the detectors', () => {
  it('are all looked at here', () => {
    expect(Object.keys(FOUND).sort()).toEqual(DETECTORS.map(({name}) => name).sort());
  });

  it.each(Object.entries(FOUND).flatMap(([name, texts]) => texts.map(text => [name, text] as const)))(
    '%s: %s',
    (name, marked) => {
      const {redactor, report} = redacting();
      expect(redactor.text(marked.replace(/[«»¦]/g, ''), 'here')).toBe(
        marked.replace(/«[^»]*»/s, `[redacted:${name}]`),
      );
      expect(report.findings).toEqual([{detector: name, place: 'here', count: 1}]);
    },
  );

  it.each(LEFT)('leave alone: %s', text => {
    expect(clean(text)).toBe(text);
  });

  it('look for what was asked for', () => {
    const text = 'mail a@example.com key ghp_abcdefghijklmnopqrstuvwxyz0123456789';
    expect(clean(text, 'secrets')).toBe('mail a@example.com key [redacted:github-token]');
    expect(clean(text, 'pii')).toBe('mail [redacted:email] key ghp_abcdefghijklmnopqrstuvwxyz0123456789');
  });

  it('take a key that was cut off', () => {
    expect(clean('x -----BEGIN PRIVATE KEY-----\nMIIEpAIB\nabc')).toBe('x [redacted:private-key]');
  });
});

describe('what was encoded', () => {
  /** As JSON inside JSON's strings, so many times. */
  const nested = (text: string, levels: number): string =>
    levels === 0 ? text : JSON.stringify({content: nested(text, levels - 1)});
  const unnested = (text: string, levels: number): string =>
    levels === 0 ? text : unnested(JSON.parse(text).content, levels - 1);
  const secret = fc.constantFrom(
    ...Object.values(FOUND)
      .flat()
      .map(text => text.replace(/[«»¦]/g, '')),
  );

  it('is found at every level, and everything around it stays as it was', () => {
    fc.assert(
      fc.property(
        secret,
        fc.string({unit: 'grapheme'}),
        fc.string(),
        fc.integer({min: 1, max: 5}),
        (found, before, after, levels) => {
          // Blanks around, so that the two do not become one word.
          const text = `${before} \n${found}\n ${after}`;
          fc.pre(!/[\\]/.test(before + after) && clean(before) === before && clean(after) === after);
          expect(unnested(clean(nested(text, levels)), levels)).toBe(clean(text));
        },
      ),
      {numRuns: 500},
    );
  });

  it('is found where every character is an escape', () => {
    for (const text of Object.values(FOUND).flat()) {
      const plain = text.replace(/[«»¦]/g, '');
      const escaped = Array.from(plain, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
      expect(JSON.parse(clean(`"${escaped}"`))).toBe(clean(plain));
    }
  });

  it('is found in numbers, keys, lists and deep objects, and in JSON that was cut off', () => {
    const {redactor, report} = redacting();
    const span = redactor.span(
      toStoredSpan({
        span_id: 'a'.repeat(16),
        trace_id: 'b'.repeat(32),
        parent_span_id: null,
        name: 'mail to bob@example.com',
        span_kind: 'INTERNAL',
        status_code: 'ERROR',
        status_message: 'refused 4111 1111 1111 1111',
        start_time: '2026-11-22T06:22:35+00:00',
        end_time: 'bob@example.com',
        duration_ms: 1,
        created_at: '2026-11-22T06:22:35+00:00',
        attributes: JSON.stringify({
          number: 4111111111111111,
          'to bob@example.com': 1,
          'llm.input_messages.0.message.content': 'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
          'llm.input_messages.12.message.content': 'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
          list: ['bob@example.com', {deep: [[{'bob@example.com': 'DE89370400440532013000'}]]}],
          headers: {authorization: 'Zm9vYmFyMTIzNDU2', 'x-password': 'pa55word'},
          cut: '{"mail": "bob@exam\\u0070le.com", "rest',
          metadata: '{"user_id": "u-1", "session_id": "s-1"}',
          'user.id': 'bob@example.com',
          'session.id': 's-1',
          safe: 'nothing',
        }),
      }),
    );
    const text = JSON.stringify(span, (_, value) => (typeof value === 'bigint' ? String(value) : value));
    for (const gone of ['bob', '4111', 'ghp_', 'DE89', 'Zm9v', 'pa55', '"s-1', 'u-1', 'exam'])
      expect(text).not.toContain(gone);
    expect(text).toContain('nothing');
    expect(report.findings).toEqual(
      expect.arrayContaining([
        {detector: 'card-number', place: 'number', count: 1},
        {detector: 'card-number', place: 'status_message', count: 1},
        {detector: 'email', place: 'attribute names', count: 1},
        {detector: 'email', place: 'name', count: 1},
        {detector: 'github-token', place: 'llm.input_messages.*.message.content', count: 2},
        {detector: 'iban', place: 'list', count: 1},
        {detector: 'session-id', place: 'metadata', count: 1},
        {detector: 'user-id', place: 'user.id', count: 1},
      ]),
    );
    // Nothing of what was found is in what is told about it.
    expect(JSON.stringify(report.findings)).not.toMatch(/bob|4111|ghp|DE89|s-1/);
  });
});

describe('pseudonyms', () => {
  it('are the same for the same id under the same key, and for nobody else', () => {
    const [one, two] = [new Pseudonyms(KEY), new Pseudonyms(randomKey())];
    expect(one.of('user', 'alice')).toMatch(/^user_[0-9a-f]{16}$/);
    expect(one.of('user', 'alice')).toBe(new Pseudonyms(KEY).of('user', 'alice'));
    const others = [one.of('user', 'bob'), one.of('session', 'alice'), two.of('user', 'alice')];
    expect(others).not.toContain(one.of('user', 'alice'));
  });

  it('stand wherever the id of a run stands, but not in place of a word', () => {
    const {redactor} = redacting();
    redactor.about([{userId: 'alice.smith', sessionId: 'support'}]);
    const alice = new Pseudonyms(KEY).of('user', 'alice.smith');
    expect(redactor.text('support asked alice.smith, not malice.smithy', 'here')).toBe(
      `support asked ${alice}, not malice.smithy`,
    );
    expect(redactor.record({userId: 'alice.smith', state: 'ok', name: 'for alice.smith'})).toEqual({
      userId: alice,
      state: 'ok',
      name: `for ${alice}`,
    });
  });

  it('leave ids that link rows, and stand for one that tells something', () => {
    const {redactor} = redacting();
    expect(redactor.id('b1264580-db05-48c7', 'span_id')).toBe('b1264580-db05-48c7');
    expect(redactor.id('run of bob@example.com', 'span_id')).toBe(
      new Pseudonyms(KEY).of('id', 'run of bob@example.com'),
    );
  });
});

it('of a reason that was cut no half of a secret is left', () => {
  const {redactor} = redacting();
  const reason = `model call failed: Incorrect API key provided: sk-proj-abcdEF…, went on`;
  expect(redactor.record({stateReason: reason}).stateReason).not.toContain('abcd');
});

it('a large text is looked through, whatever is in it: what took the square of its length would take minutes', () => {
  const LENGTH = 500_000;
  const hostile = [
    ...[
      'a',
      '1',
      '1 ',
      'a@',
      '@',
      '+1',
      ' 1',
      ':',
      'a:',
      '\\',
      '\\\\"',
      'A1',
      '.1',
      '-',
      '=',
      'key=',
      'password',
      'token: ',
    ],
    ...[
      '://a:',
      'sk-',
      'eyJ',
      'eyJaaaaaaaa.',
      '-----BEGIN PRIVATE KEY-----',
      'DE89 ',
      '(555) ',
      '0123-',
      'bearer ',
      'user_id=',
    ],
  ];
  for (const text of hostile) {
    const long = `${text.repeat(Math.ceil(LENGTH / text.length))} a@example.com`;
    expect(clean(long).includes('a@example.com')).toBe(false);
  }
});

it('each detector takes time in proportion to a text, whatever is in it', () => {
  const LENGTH = 100_000;
  const hostile = [
    ...['password,a\n', '|password|\n', 'token,', 'secret | ', 'password is ', 'password: {', 'key="', "key='", '`'],
    ...[
      'curl -u ',
      'mysql -p',
      'echo a | ',
      'login("a",',
      'Cookie: a=',
      '; a=1234567890ab',
      '?key=',
      'Authorization: OAuth ',
    ],
    ...[
      'AAAAAAAAAAAAAAAA+',
      'Ym90OlNvbm5lbiNibHVtZTQ=',
      '/reset/',
      '$2y$',
      '<',
      '48.13743 ',
      '00:',
      '0x',
      ' at a dot ',
    ],
    ...[
      '12.345.',
      '+49 ',
      'Aa1',
      '"\n"',
      '\\\n',
      '%20',
      '&#64;',
      '\u200b',
      'ＡＢ',
      'seed phrase: a ',
      'PIN: ',
      'Private-Lines: 1\n',
    ],
  ];
  for (const text of hostile) {
    const long = text.repeat(Math.ceil(LENGTH / text.length));
    for (const {hint, find} of DETECTORS) if (hint.test(long)) expect([...find(long)].length).toBeLessThan(LENGTH);
  }
});

it('without content there are names, figures and kinds, and no attribute that nobody knows', () => {
  const content = new ContentFilter();
  const span = content.span(
    toStoredSpan({
      ...{span_id: 'a', trace_id: 'b', parent_span_id: null, name: 'call', span_kind: 'INTERNAL', status_code: 'ERROR'},
      ...{
        status_message: 'no: Alice',
        start_time: '2026-11-22',
        end_time: '2026-11-22',
        duration_ms: 0,
        created_at: '',
      },
      attributes: JSON.stringify({
        'openinference.span.kind': 'LLM',
        'llm.model_name': 'gpt',
        'llm.token_count.prompt': 7,
        'llm.token_count.prompt_details.cache_read': 3,
        'tool.name': 'look_up',
        'agno.run.id': 'r',
        'input.value': 'a',
        'output.value': 'b',
        'tool.parameters': 'c',
        'tool.description': 'd',
        'llm.input_messages.0.message.content': 'e',
        'llm.invocation_parameters': 'f',
        metadata: 'g',
        'tag.tags': ['h'],
        'my.own': 'i',
      }),
    }),
  );
  expect(Object.keys(span.attributes)).toEqual([
    ...['openinference.span.kind', 'llm.model_name', 'llm.token_count.prompt'],
    ...['llm.token_count.prompt_details.cache_read', 'tool.name', 'agno.run.id'],
  ]);
  expect([span.statusMessage, content.leftOut]).toEqual([null, 9]);
});

it('keeps every value of an answer, whatever its keys become', () => {
  const attributes = JSON.parse(
    '{"a@example.com": 1, "b@example.com": 2, "c@example.com": 3, "constructor": 4, "__proto__": {"x": 5}}',
  );
  expect(JSON.stringify(new AnswerCleaner(redacting().redactor).clean({attributes}))).toBe(
    '{"attributes":{"[redacted:email]":1,"[redacted:email]~2":2,"[redacted:email]~3":3,"constructor":4,"__proto__":{"x":5}}}',
  );
});
