#!/usr/bin/env -S node --no-liftoff
// Exceptions and atomics against V8: modules that nobody wrote, each run by this program's own engine and by
// `spoor run`. What `main` gives must be the same: a number, the tag and the operands of an exception that
// nothing took, or a trap.
//
// Usage: .ci/v8.mjs [--spoor PROGRAM] [--modules N] [--seed N] [--keep FOLDER]
//
// A module has functions of statements: assignments, bounded loops, calls of functions before it, through the
// table, through the host (`invoke_ii`), `throw`, `try` with `catch`, `catch_all`, `rethrow` and `delegate`,
// atomic loads, stores, read-modify-write, compare and exchange, `notify`, waits without time, unaligned
// accesses now and then. V8's optimising compiler alone is asked: its first one forgets in a loop that a local
// changed before a wait (node 20). Not part of the tests: it needs node 17 or later.
// Exit code 1: something differs; the module stays in FOLDER.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const spoor = option("spoor", "target/release/spoor");
const modules = Number(option("modules", 300));
const firstSeed = Number(option("seed", 1));
const keep = option("keep", null);

// Numbers without order.
let state = 0n;
const next = () => {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number(state >> 33n);
};
const below = (n) => next() % n;
const one = (list) => list[below(list.length)];

// The binary format.
const u = (value) => {
  const bytes = [];
  do {
    const low = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low | 128 : low);
  } while (value > 0);
  return bytes;
};
const s = (value) => {
  const bytes = [];
  for (let left = BigInt(value); ; ) {
    const low = Number(left & 127n);
    left >>= 7n;
    const done = (left === 0n && (low & 64) === 0) || (left === -1n && (low & 64) !== 0);
    bytes.push(done ? low : low | 128);
    if (done) return bytes;
  }
};
const list = (items) => [...u(items.length), ...items.flat()];
const text = (value) => list([...Buffer.from(value)].map((byte) => [byte]));
const section = (id, bytes) => [id, ...u(bytes.length), ...bytes];
const I32 = 0x7f, I64 = 0x7e, F64 = 0x7c, VOID = 0x40;
const i32 = (value) => [0x41, ...s(value | 0)];
const get = (local) => [0x20, ...u(local)];
const set = (local) => [0x21, ...u(local)];

// Tags, by what they carry. The last has more than 12 bytes.
const TAGS = [[I32], [I32, I32], [], [I64, I32], [F64], [I64, F64, I32]];
// Types: those of the tags, then (i32) -> i32, (i32, i32) -> i32, () -> ().
const TAKING = TAGS.length, INVOKE = TAGS.length + 1;
const LOCALS = 4; // the parameter and three more
const COUNTER = LOCALS; // the first of those that count rounds
const DEPTH = 4;
// Calls and rounds are used up some time: global 0.
const FUEL = [0x23, 0, 0x45, 0x04, VOID, ...get(0), 0x0f, 0x0b, 0x23, 0, ...i32(1), 0x6b, 0x24, 0];

class Body {
  constructor(index, functions) {
    Object.assign(this, { index, functions, counters: 0, rounds: 0, labels: [], fuel: 40 });
  }
  // A number.
  expression(depth = 0) {
    const kind = below(depth > 2 ? 2 : 12);
    if (kind === 0) return i32(one([0, 1, 2, 3, 7, -1, 255, 65536, below(1000)]));
    if (kind <= 4) return get(below(LOCALS));
    if (kind <= 7) {
      const operator = one([0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x76, 0x48, 0x4b]);
      return [...this.expression(depth + 1), ...this.expression(depth + 1), operator];
    }
    if (kind === 8) return this.call(depth);
    if (kind === 9) return [...this.expression(depth + 1), 0x45];
    return this.atomic(depth);
  }
  call(depth) {
    if (this.index === 0 || this.rounds > 1) return get(below(LOCALS));
    const callee = below(this.index), argument = this.expression(depth + 1);
    switch (below(4)) {
      case 0: return [...i32(callee), ...argument, 0x10, 0];
      case 1: return [...argument, ...i32(callee), 0x11, ...u(TAKING), 0];
      default: return [...argument, 0x10, ...u(callee + 1)];
    }
  }
  // An address: aligned, but now and then.
  address(size) {
    const offset = below(60) === 0 && size > 1 ? 1 : 0;
    return [[...this.expression(2), ...i32(0xff8), 0x71, ...i32(offset), 0x6a], below(4) * 8];
  }
  atomic(depth) {
    const [address, offset] = this.address(4);
    const memarg = [2, ...u(offset)];
    const value = () => this.expression(depth + 1);
    switch (below(6)) {
      case 0: return [...address, 0xfe, 0x10, ...memarg];
      case 1: return [...address, 0xfe, 0x12, 0, ...u(offset)]; // load8_u
      case 2: return [...address, ...value(), 0xfe, one([0x1e, 0x25, 0x2c, 0x33, 0x3a, 0x41]), ...memarg];
      case 3: return [...address, ...value(), ...value(), 0xfe, 0x48, ...memarg];
      case 4: return [...address, ...value(), 0xfe, 0x00, ...memarg];
      default: return [...address, ...value(), 0x42, 0, 0xfe, 0x01, ...memarg];
    }
  }
  store() {
    const [address, offset] = this.address(4);
    return [...address, ...this.expression(), 0xfe, 0x17, 2, ...u(offset)];
  }
  throws() {
    const tag = below(TAGS.length);
    const operands = TAGS[tag].map((type) => {
      const value = this.expression(1);
      return type === I32 ? value : type === I64 ? [...value, 0xac] : [...value, 0xb7];
    });
    return [...operands.flat(), 0x08, ...u(tag)];
  }
  // What a handler of a tag does with the operands.
  takes(tag) {
    const local = one([1, 2, 3]);
    const narrow = { [I32]: [], [I64]: [0xa7], [F64]: [0xfc, 2] };
    return [...TAGS[tag]].reverse().flatMap((type) => [...narrow[type], ...get(local), 0x6a, ...set(local)]);
  }
  block(depth, kind) {
    this.labels.push(kind);
    const code = this.statements(depth + 1);
    this.labels.pop();
    return code;
  }
  attempt(depth) {
    const body = this.block(depth, "try");
    if (below(6) === 0) {
      // A label around: the function's body is the last.
      return [0x06, VOID, ...body, 0x18, ...u(below(this.labels.length + 1))];
    }
    const code = [0x06, VOID, ...body];
    const tags = [...new Set([below(TAGS.length), below(TAGS.length)])].slice(0, 1 + below(2));
    for (const tag of tags) {
      code.push(0x07, ...u(tag), ...this.takes(tag), ...this.block(depth, "catch"), ...this.again());
    }
    if (below(3) === 0) code.push(0x19, ...this.block(depth, "catch"), ...this.again());
    return [...code, 0x0b];
  }
  // Throws again what this handler took, or one around.
  again() {
    if (below(5) !== 0) return [];
    const handlers = [0];
    [...this.labels].reverse().forEach((kind, at) => kind === "catch" && handlers.push(at + 1));
    return [0x09, ...u(one(handlers))];
  }
  loop(depth) {
    if (this.rounds > 1) return [];
    const counter = COUNTER + this.counters++;
    this.rounds += 1;
    const body = this.block(depth, "loop");
    this.rounds -= 1;
    const goesOn = [...get(counter), ...i32(1), 0x6a, 0x22, ...u(counter), ...i32(1 + below(5)), 0x49];
    return [...i32(0), ...set(counter), 0x03, VOID, ...FUEL, ...body, ...goesOn, 0x0d, 0, 0x0b];
  }
  statement(depth) {
    this.fuel -= 1;
    const kind = below(depth > DEPTH || this.fuel < 0 ? 4 : 10);
    if (kind <= 2) return [...this.expression(), ...set(below(LOCALS))];
    if (kind === 3) return this.store();
    if (kind === 4) return [...this.expression(), 0x04, VOID, ...this.throws(), 0x0b];
    if (kind <= 7) return this.attempt(depth);
    if (kind === 8) return this.loop(depth);
    const then = this.block(depth, "if");
    return [...this.expression(), 0x04, VOID, ...then, 0x0b];
  }
  statements(depth) {
    return Array.from({ length: 1 + below(3) }, () => this.statement(depth)).flat();
  }
  encode() {
    const code = [...FUEL, ...this.statements(0), ...this.statements(0)];
    const result = [1, 2, 3].flatMap((local) => [...get(local), ...i32(31), 0x6c, 0x6a]);
    const body = [...u(1), ...u(LOCALS - 1 + this.counters), I32, ...code, ...get(0), ...result, 0x0b];
    return [...u(body.length), ...body];
  }
}

function generated(seed) {
  state = BigInt(seed) * 0x9e3779b97f4a7c15n & 0xffffffffffffffffn;
  const count = 3 + below(4);
  const types = TAGS.map((params) => [0x60, ...list(params.map((type) => [type])), 0]);
  types.push([0x60, 1, I32, 1, I32], [0x60, 2, I32, I32, 1, I32]);
  const bodies = Array.from({ length: count }, (_, index) => new Body(index, count).encode());
  const exports = [[...text("main"), 0, ...u(count)], [...text("memory"), 2, 0]];
  exports.push([...text("__indirect_function_table"), 1, 0]);
  TAGS.forEach((_, tag) => exports.push([...text(`t${tag}`), 4, ...u(tag)]));
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, list(types)),
    ...section(2, list([[...text("env"), ...text("invoke_ii"), 0, ...u(INVOKE)]])),
    ...section(3, list(bodies.map(() => u(TAKING)))),
    ...section(4, list([[0x70, 1, ...u(count), ...u(count)]])),
    ...section(5, list([[3, 1, 1]])),
    ...section(13, list(TAGS.map((_, tag) => [0, ...u(tag)]))),
    ...section(6, list([[I32, 1, ...i32(500), 0x0b]])),
    ...section(7, list(exports)),
    ...section(9, list([[0, ...i32(0), 0x0b, ...list(bodies.map((_, index) => u(index + 1)))]])),
    ...section(10, list(bodies)),
  ]);
}

function byV8(bytes, argument) {
  let instance;
  const env = { invoke_ii: (index, value) => instance.exports.__indirect_function_table.get(index)(value) };
  instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
  try {
    return `${instance.exports.main(argument)}`;
  } catch (error) {
    if (!(error instanceof WebAssembly.Exception)) return "trap";
    const tag = TAGS.findIndex((_, tag) => error.is(instance.exports[`t${tag}`]));
    const operand = (_, at) => `${error.getArg(instance.exports[`t${tag}`], at)}`;
    // Of one with many operands the report says the tag.
    const operands = tag === TAGS.length - 1 ? [] : TAGS[tag].map(operand);
    return `t${tag} ${operands.join(" ")}`.trim();
  }
}

function bySpoor(file, argument) {
  const args = ["run", file, "--invoke", "main", `${argument}`, "--json", "--fail-on", "never"];
  const output = execFileSync(spoor, args, { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });
  const report = JSON.parse(output);
  const entry = report.entries.find((entry) => entry.name === "main");
  if (!entry) return `no entry: ${report.status}`;
  const { end, results } = entry;
  switch (end.status) {
    case "returned": return results.map((result) => `${Object.values(result)[0]}`).join(" ");
    // A trap in what the host called ends the call of the host.
    case "aborted":
    case "trapped": return "trap";
    case "thrown": return `${end.name} ${(end.operands ?? []).join(" ")}`.trim();
  }
  return JSON.stringify(end);
}

const folder = keep ?? mkdtempSync(join(tmpdir(), "spoor-v8-"));
const ends = {};
let wrong = 0;
for (let seed = firstSeed; seed < firstSeed + modules; seed += 1) {
  const bytes = generated(seed), file = join(folder, `${seed}.wasm`);
  writeFileSync(file, bytes);
  const argument = seed % 17;
  const [expected, found] = [byV8(bytes, argument), bySpoor(file, argument)];
  const kind = /^-?\d+$/.test(expected) ? "returned" : expected.split(" ")[0];
  ends[kind] = (ends[kind] ?? 0) + 1;
  if (expected !== found) {
    wrong += 1;
    console.log(`seed ${seed}: V8 says ${expected}, spoor ${found}`);
  } else if (!keep) rmSync(file);
}
console.log(`${modules} modules, ${wrong} differ; ends of V8: ${JSON.stringify(ends)}`);
if (wrong === 0 && !keep) rmSync(folder, { recursive: true });
process.exit(wrong === 0 ? 0 : 1);
