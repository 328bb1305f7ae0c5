// Required by the built program before it starts (node --require): ends it as a power cut would, by SIGKILL, just before or just
// after a call that changes a disk or a database, or writes down which calls there are.
//   KILL_AT="before commit 2"   before the second call of this name
//   POINTS_FILE=FILE            the name of every call, a line each
const fs = require('node:fs');
const net = require('node:net');

const [when, what, number] = (process.env.KILL_AT ?? '').split(' ');
const pointsFile = process.env.POINTS_FILE;
const counts = {};

/** @returns whether it is killed after this call; before it, this does not return */
function isLast(name) {
  counts[name] = (counts[name] ?? 0) + 1;
  if (pointsFile) appendFileSync(pointsFile, `${name}\n`);
  if (name !== what || counts[name] !== Number(number)) return false;
  if (when === 'before') kill();
  return true;
}

function kill() {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

/** What a statement is called: its verb. */
const verbOf = sql => /^\s*(?:with\b.*?\)\s*(?=delete|insert|select))?(\w+)/is.exec(sql)?.[1].toLowerCase() ?? 'other';

const {appendFileSync} = fs;
/** Handles of an archive and of the folder it is in. */
const handles = new Set();
const isArchive = file => /\.ndjson/.test(String(file));

function wrap(object, method, nameOf) {
  const real = object[method];
  object[method] = function (...args) {
    const name = nameOf(this, args);
    const last = name !== null && isLast(name);
    const result = real.apply(this, args);
    if (last) kill();
    return result;
  };
}

const open = fs.openSync;
fs.openSync = (file, ...rest) => {
  const last = isArchive(file) && isLast('open');
  const handle = open(file, ...rest);
  if (last) kill();
  // A folder is opened to be synced.
  if (isArchive(file) || fs.fstatSync(handle).isDirectory()) handles.add(handle);
  return handle;
};
for (const [method, name] of [
  ['writeSync', 'write'],
  ['fsyncSync', 'sync'],
  ['ftruncateSync', 'truncate'],
])
  wrap(fs, method, (_, [handle]) => (handles.has(handle) ? name : null));
wrap(fs, 'renameSync', (_, [file]) => (isArchive(file) ? 'rename' : null));
wrap(fs, 'rmSync', (_, [file]) => (isArchive(file) ? 'remove' : null));

// SQLite: its binding, once it is loaded.
const {dlopen} = process;
process.dlopen = function (module, file, ...rest) {
  dlopen.call(this, module, file, ...rest);
  const {Database, Statement} = module.exports;
  if (!Database || !Statement) return;
  wrap(Database.prototype, 'exec', (_, [sql]) => verbOf(sql));
  for (const method of ['run', 'all', 'get']) wrap(Statement.prototype, method, ({source}) => verbOf(source));
};

// Postgres: each message that holds the text of a statement. The server has it when the socket has taken it.
const {write} = net.Socket.prototype;
net.Socket.prototype.write = function (...args) {
  const bytes = args[0];
  const sql = this.remotePort && Buffer.isBuffer(bytes) ? statementIn(bytes) : null;
  if (sql === null || !isLast(verbOf(sql))) return write.apply(this, args);
  return write.call(this, bytes, () => kill());
};

/** The text in a message Query, or in Parse, whose first text is a name. */
function statementIn(bytes) {
  const type = String.fromCharCode(bytes[0]);
  if (type !== 'Q' && type !== 'P') return null;
  const start = type === 'Q' ? 5 : bytes.indexOf(0, 5) + 1;
  return bytes.toString('utf8', start, bytes.indexOf(0, start));
}
