"""Harness: a fake model server (OpenAI, Anthropic, Gemini wire forms), scripted by model id, and a truth log."""
import asyncio, functools, inspect, json, os, random, re, sys, threading, time, uuid, logging, contextlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
os.environ.setdefault("AGNO_TELEMETRY", "false")
os.environ.setdefault("OPENAI_API_KEY", "unused")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("NO_PROXY", "*")
logging.getLogger("opentelemetry").setLevel(logging.ERROR)

FOLDER = os.environ.get("TRUTH", "cases")   # where databases and truth logs go
PG = os.environ.get("PGURL", "postgresql+psycopg://postgres@127.0.0.1:5432/")
SCRIPTS = {}
CALLS = []          # each model call
TOOLS = []          # each tool call
RUNS = []           # each top-level run a person would count
NOTES = []
LOCK = threading.Lock()
COUNT = [0]

def now(): return time.time()

def plan(key, steps, seconds=0.08, **kw):
    """steps by assistant turns since the last user message; str = final text; list = tool calls; dict = raw answer."""
    def fn(ctx):
        s = steps[min(ctx["turns"], len(steps) - 1)]
        if isinstance(s, str): return {"content": s, "seconds": seconds, **kw}
        if isinstance(s, list): return {"content": None, "tool_calls": s, "seconds": seconds, **kw}
        return {"seconds": seconds, **kw, **s}
    SCRIPTS[key] = fn
    return key

def script(key):
    def deco(fn):
        SCRIPTS[key] = fn
        return fn
    return deco

def text_of(content):
    if isinstance(content, str): return content
    if isinstance(content, list): return " ".join(p.get("text", "") if isinstance(p, dict) else str(p) for p in content)
    return ""

class H(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def _json(self, status, payload):
        out = json.dumps(payload).encode()
        self.send_response(status); self.send_header("content-type", "application/json"); self.send_header("content-length", str(len(out))); self.end_headers()
        self.wfile.write(out)
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        path = self.path
        if "/embeddings" in path:
            inp = body["input"] if isinstance(body["input"], list) else [body["input"]]
            return self._json(200, {"object": "list", "model": body["model"], "data": [{"object": "embedding", "index": i, "embedding": [((hash(t) >> k) & 255) / 255 for k in range(8)]} for i, t in enumerate(inp)], "usage": {"prompt_tokens": 3, "total_tokens": 3}})
        if "/messages" in path: return self.anthropic(body)
        if "enerateContent" in path: return self.gemini(path, body)
        return self.openai(body)
    def decide(self, model, messages, tools, stream, body):
        last = max((i for i, m in enumerate(messages) if m["role"] == "user" and "generated the attached media" not in text_of(m.get("content", ""))), default=0)
        ask = text_of(messages[last].get("content", "")) if messages else ""
        turns = sum(1 for m in messages[last:] if m["role"] == "assistant")
        alltext = json.dumps(messages)
        tags = re.findall(r"#R\w+", alltext)
        ctx = {"messages": messages, "ask": ask, "turns": turns, "tools": tools, "stream": stream, "tag": tags[-1] if tags else None, "body": body, "model": model,
               "last": messages[-1] if messages else {}}
        fn = SCRIPTS.get(model) or (lambda c: {"content": f"(no script for {model})"})
        a = dict(fn(ctx))
        with LOCK:
            COUNT[0] += 1; n = COUNT[0]
        a["n"] = n
        a["p"], a["c"] = a.get("tokens") or (random.randint(300, 4000), random.randint(20, 700))
        rec = {"n": n, "model": model, "ask": ask[:80], "tag": ctx["tag"], "stream": stream, "t0": now(), "prompt": a["p"], "completion": a["c"], "status": a.get("status", 200),
               "calls": [c[0] for c in a.get("tool_calls") or []], "content": (a.get("content") or "")[:80], "complete": False}
        with LOCK: CALLS.append(rec)
        return a, rec, ctx
    def openai(self, body):
        tools = [t["function"]["name"] for t in body.get("tools", []) if "function" in t]
        a, rec, ctx = self.decide(body["model"], body["messages"], tools, bool(body.get("stream")), body)
        time.sleep(a.get("seconds", 0.05))
        if a.get("status", 200) != 200:
            rec["t1"] = now(); rec["complete"] = True
            return self._json(a["status"], {"error": {"message": a.get("error", "upstream failure"), "type": "server_error"}})
        calls = [{"id": f"call_{a['n']}_{i}", "type": "function", "function": {"name": c[0], "arguments": c[1] if isinstance(c[1], str) else json.dumps(c[1])}} for i, c in enumerate(a.get("tool_calls") or [])]
        content = a.get("content")
        usage = {"prompt_tokens": a["p"], "completion_tokens": a["c"], "total_tokens": a["p"] + a["c"],
                 "prompt_tokens_details": {"cached_tokens": a.get("cached", 0)}, "completion_tokens_details": {"reasoning_tokens": a.get("reasoning_tokens", 0)}}
        finish = "tool_calls" if calls else "stop"
        if body.get("stream"):
            self.send_response(200); self.send_header("content-type", "text/event-stream"); self.send_header("transfer-encoding", "chunked"); self.end_headers()
            base = {"id": f"chatcmpl-{a['n']}", "object": "chat.completion.chunk", "created": int(time.time()), "model": body["model"]}
            def send(d):
                t = d if isinstance(d, str) else json.dumps(d)
                ch = f"data: {t}\n\n".encode(); self.wfile.write(b"%x\r\n" % len(ch) + ch + b"\r\n"); self.wfile.flush()
            try:
                pieces = [(content or "")[i:i + 12] for i in range(0, len(content or ""), 12)]
                for p in pieces:
                    send({**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": p}, "finish_reason": None}]}); time.sleep(a.get("gap", 0.01))
                if a.get("drop"):  # the connection dies in mid-stream
                    rec["t1"] = now(); self.close_connection = True; self.connection.close(); return
                for i, c in enumerate(calls):
                    send({**base, "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [{"index": i, **c}]}, "finish_reason": None}]})
                send({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
                send({**base, "choices": [], "usage": usage}); send("[DONE]"); self.wfile.write(b"0\r\n\r\n"); self.wfile.flush()
                rec["complete"] = True
            except OSError: pass
            rec["t1"] = now()
            return
        msg = {"role": "assistant", "content": content}
        if calls: msg["tool_calls"] = calls
        if a.get("reasoning"): msg["reasoning_content"] = a["reasoning"]
        try:
            self._json(200, {"id": f"chatcmpl-{a['n']}", "object": "chat.completion", "created": int(time.time()), "model": body["model"], "choices": [{"index": 0, "message": msg, "finish_reason": finish}], "usage": usage})
            rec["complete"] = True
        except OSError: pass
        rec["t1"] = now()
    def anthropic(self, body):
        msgs = []
        if body.get("system"): msgs.append({"role": "system", "content": text_of(body["system"])})
        for m in body["messages"]:
            c = m["content"]
            if isinstance(c, list) and any(p.get("type") == "tool_result" for p in c): msgs.append({"role": "tool", "content": json.dumps(c)})
            else: msgs.append({"role": m["role"], "content": text_of(c)})
        a, rec, ctx = self.decide(body["model"], msgs, [t["name"] for t in body.get("tools", [])], bool(body.get("stream")), body)
        time.sleep(a.get("seconds", 0.05))
        if a.get("status", 200) != 200:
            rec["t1"] = now(); rec["complete"] = True
            return self._json(a["status"], {"type": "error", "error": {"type": "overloaded_error", "message": a.get("error", "Overloaded")}})
        content = []
        if a.get("thinking"): content.append({"type": "thinking", "thinking": a["thinking"], "signature": "sig"})
        if a.get("content"): content.append({"type": "text", "text": a["content"]})
        for i, c in enumerate(a.get("tool_calls") or []): content.append({"type": "tool_use", "id": f"toolu_{a['n']}_{i}", "name": c[0], "input": c[1]})
        usage = {"input_tokens": a["p"], "output_tokens": a["c"], "cache_read_input_tokens": a.get("cached", 0), "cache_creation_input_tokens": a.get("cache_write", 0)}
        stop = "tool_use" if a.get("tool_calls") else "end_turn"
        if not body.get("stream"):
            rec["t1"] = now(); rec["complete"] = True
            return self._json(200, {"id": f"msg_{a['n']}", "type": "message", "role": "assistant", "model": body["model"], "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage})
        self.send_response(200); self.send_header("content-type", "text/event-stream"); self.send_header("transfer-encoding", "chunked"); self.end_headers()
        def send(ev, d):
            ch = f"event: {ev}\ndata: {json.dumps({'type': ev, **d})}\n\n".encode(); self.wfile.write(b"%x\r\n" % len(ch) + ch + b"\r\n"); self.wfile.flush()
        send("message_start", {"message": {"id": f"msg_{a['n']}", "type": "message", "role": "assistant", "model": body["model"], "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}})
        for i, b in enumerate(content):
            if b["type"] == "text":
                send("content_block_start", {"index": i, "content_block": {"type": "text", "text": ""}})
                for k in range(0, len(b["text"]), 12): send("content_block_delta", {"index": i, "delta": {"type": "text_delta", "text": b["text"][k:k + 12]}})
            elif b["type"] == "thinking":
                send("content_block_start", {"index": i, "content_block": {"type": "thinking", "thinking": "", "signature": ""}})
                send("content_block_delta", {"index": i, "delta": {"type": "thinking_delta", "thinking": b["thinking"]}})
                send("content_block_delta", {"index": i, "delta": {"type": "signature_delta", "signature": "sig"}})
            else:
                send("content_block_start", {"index": i, "content_block": {"type": "tool_use", "id": b["id"], "name": b["name"], "input": {}}})
                send("content_block_delta", {"index": i, "delta": {"type": "input_json_delta", "partial_json": json.dumps(b["input"])}})
            send("content_block_stop", {"index": i})
        send("message_delta", {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": a["c"]}})
        send("message_stop", {}); self.wfile.write(b"0\r\n\r\n"); self.wfile.flush()
        rec["t1"] = now(); rec["complete"] = True
    def gemini(self, path, body):
        model = re.search(r"models/([^:]+):", path).group(1)
        stream = "stream" in path
        msgs = []
        if body.get("systemInstruction"): msgs.append({"role": "system", "content": " ".join(p.get("text", "") for p in body["systemInstruction"]["parts"])})
        for m in body["contents"]:
            t = " ".join(p.get("text", "") for p in m["parts"]); fr = any("functionResponse" in p for p in m["parts"])
            msgs.append({"role": "tool" if fr else ("assistant" if m.get("role") == "model" else "user"), "content": t or json.dumps(m["parts"])})
        a, rec, ctx = self.decide(model, msgs, [], stream, body)
        time.sleep(a.get("seconds", 0.05))
        if a.get("status", 200) != 200:
            rec["t1"] = now(); rec["complete"] = True
            return self._json(a["status"], {"error": {"code": a["status"], "message": a.get("error", "overloaded"), "status": "UNAVAILABLE"}})
        parts = []
        if a.get("thinking"): parts.append({"text": a["thinking"], "thought": True})
        if a.get("content"): parts.append({"text": a["content"]})
        for c in a.get("tool_calls") or []: parts.append({"functionCall": {"name": c[0], "args": c[1]}})
        payload = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}], "modelVersion": model,
                   "usageMetadata": {"promptTokenCount": a["p"], "candidatesTokenCount": a["c"], "totalTokenCount": a["p"] + a["c"]}}
        rec["t1"] = now(); rec["complete"] = True
        if not stream: return self._json(200, payload)
        out = f"data: {json.dumps(payload)}\r\n\r\n".encode()
        self.send_response(200); self.send_header("content-type", "text/event-stream"); self.send_header("content-length", str(len(out))); self.end_headers(); self.wfile.write(out)

class Srv(ThreadingHTTPServer):
    request_queue_size = 128
    def handle_error(self, *a): pass

def serve():
    s = Srv(("127.0.0.1", int(os.environ.get("FAKE_PORT", "0"))), H); s.daemon_threads = True
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s.server_address[1]

PORT = None
DB = None
CASE = None
FILE = None

def M(key, **kw):
    from agno.models.openai import OpenAIChat
    return OpenAIChat(id=key, base_url=f"http://127.0.0.1:{PORT}/v1", api_key="unused", max_retries=0, **kw)

def _short(v):
    try: s = v if isinstance(v, str) else repr(v)
    except Exception: s = "?"
    return s[:200]

def spy(fn):
    """Logs each call of a tool: order, thread, outcome."""
    if inspect.isasyncgenfunction(fn):
        @functools.wraps(fn)
        async def w(*a, **k):
            r = {"tool": fn.__name__, "args": k or list(map(_short, a)), "t0": now(), "ok": None}; TOOLS.append(r)
            try:
                async for x in fn(*a, **k): yield x
                r["ok"] = True
            except BaseException as e: r["ok"] = False; r["error"] = f"{type(e).__name__}: {e}"; raise
            finally: r["t1"] = now()
    elif inspect.isgeneratorfunction(fn):
        @functools.wraps(fn)
        def w(*a, **k):
            r = {"tool": fn.__name__, "args": k or list(map(_short, a)), "t0": now(), "ok": None}; TOOLS.append(r)
            try:
                yield from fn(*a, **k); r["ok"] = True
            except BaseException as e: r["ok"] = False; r["error"] = f"{type(e).__name__}: {e}"; raise
            finally: r["t1"] = now()
    elif inspect.iscoroutinefunction(fn):
        @functools.wraps(fn)
        async def w(*a, **k):
            r = {"tool": fn.__name__, "args": {x: _short(y) for x, y in k.items()} or list(map(_short, a)), "t0": now(), "ok": None}; TOOLS.append(r)
            try:
                v = await fn(*a, **k); r["ok"] = True; r["result"] = _short(v); return v
            except BaseException as e: r["ok"] = False; r["error"] = f"{type(e).__name__}: {e}"; raise
            finally: r["t1"] = now()
    else:
        @functools.wraps(fn)
        def w(*a, **k):
            r = {"tool": fn.__name__, "args": {x: _short(y) for x, y in k.items()} or list(map(_short, a)), "t0": now(), "ok": None, "thread": threading.get_ident()}; TOOLS.append(r)
            try:
                v = fn(*a, **k); r["ok"] = True; r["result"] = _short(v); return v
            except BaseException as e: r["ok"] = False; r["error"] = f"{type(e).__name__}: {e}"; raise
            finally: r["t1"] = now()
    return w

def rec(state, who=None, kind="agent", run_id=None, session=None, user=None, tag=None, **more):
    """A run a person would count, added by hand."""
    r = {"state": state, "who": who, "kind": kind, "run_id": run_id, "session": session, "user": user, "tag": tag, **more}
    RUNS.append(r); return r

def _fill(r, out):
    if out is None: return
    r["run_id"] = getattr(out, "run_id", None) or r["run_id"]
    r["agno_status"] = str(getattr(out, "status", None))
    r["content"] = _short(getattr(out, "content", None))
    m = getattr(out, "metrics", None)
    if m is not None: r["agno_metrics"] = [getattr(m, "input_tokens", None), getattr(m, "output_tokens", None), getattr(m, "total_tokens", None)]
    ts = getattr(out, "tools", None)
    if ts: r["agno_tools"] = [[t.tool_name, bool(t.tool_call_error)] for t in ts]

def go(comp, ask, state="ok", stream=False, kind=None, thread=True, **kw):
    """One synchronous run, in a thread of its own, with its truth."""
    kind = kind or type(comp).__name__.lower()
    r = rec(state, comp.name, kind, None, kw.get("session_id"), kw.get("user_id"), None, ask=_short(ask))
    res = []
    def f():
        r["t0"] = now()
        try:
            out = comp.run(ask, stream=True, **kw) if stream else comp.run(ask, **kw)
            if stream:
                evs = list(out); out = None
                for e in evs:
                    rid = getattr(e, "run_id", None)
                    if rid and not r["run_id"]: r["run_id"] = rid
                r["events"] = len(evs)
                r["content"] = _short("".join(getattr(e, "content", "") for e in evs if isinstance(getattr(e, "content", None), str) and "RunContent" == type(e).__name__[:10]))
            else: _fill(r, out); res.append(out)
        except BaseException as e:
            r["raised"] = f"{type(e).__name__}: {e}"[:300]
        r["t1"] = now()
    if thread:
        t = threading.Thread(target=f); t.start(); t.join()
    else: f()
    return res[0] if res else None

def own_event(e, kind):
    """An event of the run itself, not of a member or a step's agent."""
    return bool(getattr(e, "run_id", None)) and type(e).__module__ == f"agno.run.{kind}"

async def ago(comp, ask, state="ok", stream=False, kind=None, **kw):
    kind = kind or type(comp).__name__.lower()
    r = rec(state, comp.name, kind, None, kw.get("session_id"), kw.get("user_id"), None, ask=_short(ask)); r["t0"] = now(); out = None
    try:
        if stream:
            n = 0
            async for e in comp.arun(ask, stream=True, **kw):
                n += 1
                if own_event(e, kind) and not r["run_id"]: r["run_id"] = e.run_id
            r["events"] = n
        else:
            out = await comp.arun(ask, **kw); _fill(r, out)
    except BaseException as e:
        r["raised"] = f"{type(e).__name__}: {e}"[:300]
    r["t1"] = now()
    return out

def note(s): NOTES.append(s); print("NOTE", s, file=sys.stderr)

def save():
    json.dump({"case": CASE, "pg": os.environ.get("PGCASE"), "runs": RUNS, "model_calls": CALLS, "tool_calls": TOOLS, "notes": NOTES,
               "tokens_sent": [sum(c["prompt"] for c in CALLS if c["status"] == 200 and c["complete"]), sum(c["completion"] for c in CALLS if c["status"] == 200 and c["complete"])]},
              open(f"{FOLDER}/{CASE}.{'pg.' if os.environ.get('PGCASE') else ''}truth.json", "w"), indent=1, default=str, ensure_ascii=False)

CASES = {}
def case(fn):
    CASES[fn.__name__] = fn; return fn

def main():
    global PORT, DB, CASE, FILE
    import sys
    name = sys.argv[1]
    if name == "--list": print("\n".join(CASES)); return
    CASE = name
    os.makedirs(FOLDER, exist_ok=True)
    FILE = f"{FOLDER}/{name}.sqlite"
    for s in ("", "-wal", "-shm") if not os.environ.get("PGCASE") else ():
        with contextlib.suppress(FileNotFoundError): os.remove(FILE + s)
    PORT = serve()
    fn = CASES[name]
    opts = getattr(fn, "opts", {})
    if opts.get("db") != "own":
        from agno.db.sqlite import SqliteDb
        from agno.tracing import setup_tracing
        DB = SqliteDb(db_url=f"sqlite:///{FILE}")
        if os.environ.get("PGCASE"):
            from agno.db.postgres import PostgresDb
            DB = PostgresDb(db_url=PG + os.environ["PGCASE"])
        setup_tracing(db=DB, batch_processing=opts.get("batch", False))
    try:
        fn()
    finally:
        save()
    import sqlite3
    if os.path.exists(FILE):
        time.sleep(0.3)
        with contextlib.suppress(Exception):
            c = sqlite3.connect(FILE); c.execute("pragma wal_checkpoint(truncate)"); c.close()
    os._exit(0)

LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()
def on_loop(coro):
    """All async runs on the one loop of this program, each as a task of its own (own context)."""
    return asyncio.run_coroutine_threadsafe(coro, LOOP).result()
