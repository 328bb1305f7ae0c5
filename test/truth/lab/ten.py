"""Ten situations that combine what the other cases hold one by one: streams, teams inside workflows, refusals, pauses, stops."""
from h import *
import h
from b_lib import simple, fstep

def D(member, task): return ("delegate_task_to_member", {"member_id": member, "task": task})

def failing(x: str) -> str:
    """Fails."""
    raise ValueError("the shelf is empty")

def slow(n: int) -> str:
    """Slow."""
    time.sleep(0.6); return f"slow {n}"

def stop_after(comp, seconds, run_id): threading.Timer(seconds, lambda: comp.cancel_run(run_id)).start()

@case
def workflow_team_fails_then_cancelled():
    """A streamed workflow; its team's member has a failing tool, then a slow one, and the workflow is cancelled meanwhile; the same unstreamed."""
    from agno.team import Team
    from agno.workflow import Workflow, Step
    m = simple("picker", "Picker", [[("failing", {"x": "a"})], [("slow", {"n": 1})], [("slow", {"n": 2})], "never said"], [failing, slow])
    plan("desk-m", [[D("picker", "pick")], "desk done"])
    t = Team(id="desk", name="Desk", model=M("desk-m"), members=[m], db=h.DB)
    w = Workflow(id="orders", name="Orders", db=h.DB, steps=[Step(name="pick", team=t), Step(name="pack", executor=fstep("pack"))])
    for stream in (True, False):
        rid = str(uuid.uuid4()); stop_after(w, 0.8, rid)
        go(w, "pick and pack", "cancelled", stream=stream, session_id="s-stream" if stream else "s-plain", user_id="u1", run_id=rid)

@case
def two_members_pause():
    """A team delegates to two members in one turn; the tool of each asks for a confirmation. One run is left alone, one is confirmed, one is confirmed and rejected."""
    from agno.agent import Agent
    from agno.team import Team
    from agno.tools import tool
    def make(name):
        def act(x: str) -> str:
            TOOLS.append({"tool": name, "args": {"x": x}, "ok": True, "t0": now()}); return f"{name} {x}"
        act.__name__ = name; act.__doc__ = "Acts."
        return tool(requires_confirmation=True)(act)
    plan("pa-m", [[("refund", {"x": "1"})], "refunded"]); plan("pb-m", [[("ship", {"x": "2"})], "shipped"])
    a = Agent(id="pa", name="Refunder", model=M("pa-m"), tools=[make("refund")], db=h.DB)
    b = Agent(id="pb", name="Shipper", model=M("pb-m"), tools=[make("ship")], db=h.DB)
    plan("pt-m", [[D("pa", "refund one"), D("pb", "ship two")], "both settled"])
    t = Team(id="pt", name="Settlers", model=M("pt-m"), members=[a, b], db=h.DB)
    def run(session, state, answers):
        r = rec(state, t.name, "team", None, session, "u1"); box = []
        def first():
            try: box.append(t.run("settle both", session_id=session, user_id="u1"))
            except Exception as e: r["raised"] = f"{type(e).__name__}: {e}"[:300]
        x = threading.Thread(target=first); x.start(); x.join()
        if not box: return
        out = box.pop(); r["run_id"] = out.run_id; r["paused_status"] = str(out.status)
        if answers is None: return
        for n in range(4):
            if "paused" not in str(out.status).lower(): break
            for i, q in enumerate(out.active_requirements): q.confirm() if answers[min(i, len(answers) - 1)] else q.reject("too dear")
            def on():
                try: box.append(t.continue_run(out))
                except Exception as e: r["raised"] = f"{type(e).__name__}: {e}"[:300]
            x = threading.Thread(target=on); x.start(); x.join()
            if not box: break
            out = box.pop()
        r["agno_status"] = str(out.status)
    run("s-left", "paused", None)
    run("s-both", "ok", [True, True])
    run("s-one", "ok", [True, False])

@case
def nested_workflow_cached():
    """A workflow inside a workflow whose agent answers from the response cache the second time; streamed and not."""
    import shutil; shutil.rmtree(f"{h.FOLDER}/modelcache", ignore_errors=True)
    from agno.agent import Agent
    from agno.workflow import Workflow, Step
    plan("cache-m", ["a remembered answer"])
    def agent(): return Agent(id="cached", name="Cached", model=M("cache-m", cache_response=True, cache_dir=f"{h.FOLDER}/modelcache"), db=h.DB)
    def flow():
        inner = Workflow(id="inner", name="Inner", db=h.DB, steps=[Step(name="ask", agent=agent()), Step(name="tidy", executor=fstep("tidy"))])
        return Workflow(id="outer", name="Outer", db=h.DB, steps=[Step(name="sub", workflow=inner), Step(name="after", executor=fstep("after"))])
    go(flow(), "ask", session_id="s-first", user_id="u1")
    go(flow(), "ask", session_id="s-hit", user_id="u1")
    go(flow(), "ask", stream=True, session_id="s-first-stream", user_id="u1")
    go(flow(), "ask", stream=True, session_id="s-hit-stream", user_id="u1")
    shutil.rmtree(f"{h.FOLDER}/modelcache", ignore_errors=True)

@case
def subteam_refused_in_workflow():
    """A streamed workflow > team > sub-team > member that hits its tool-call limit; the upper team then calls a tool of its own."""
    from agno.team import Team
    from agno.workflow import Workflow, Step
    def ping(n: int) -> str:
        """Ping."""
        return f"pong {n}"
    def note_down(x: str) -> str:
        """Notes."""
        return f"noted {x}"
    m = simple("pinger", "Pinger", [[("ping", {"n": 1})], [("ping", {"n": 2})], [("ping", {"n": 3})], "pinged"], [ping], tool_call_limit=1)
    plan("low-m", [[D("pinger", "ping thrice")], "low done"])
    low = Team(id="low", name="Low", model=M("low-m"), members=[m], db=h.DB)
    plan("up-m", [[D("low", "do it")], [("note_down", {"x": "result"})], "up done"])
    up = Team(id="up", name="Up", model=M("up-m"), members=[low], tools=[spy(note_down)], db=h.DB)
    w = Workflow(id="pings", name="Pings", db=h.DB, steps=[Step(name="teams", team=up), Step(name="end", executor=fstep("end"))])
    go(up, "alone", "ok", session_id="s-team", user_id="u1")
    go(w, "inside", "ok", session_id="s-wf", user_id="u1")
    go(w, "inside streamed", "ok", stream=True, session_id="s-wf-stream", user_id="u1")
    on_loop(ago(w, "inside async streamed", "ok", stream=True, session_id="s-wf-async-stream", user_id="u1"))

@case
def same_member_one_fails():
    """An async team asks one member three times in one turn, twice the same; the model of one of these is down."""
    from agno.agent import Agent
    from agno.team import Team
    def look(x: str) -> str:
        """Looks."""
        return f"found {x}"
    @script("mem-m")
    def member(c):
        if "dark" in c["ask"]: return {"status": 503, "error": "the lamp is out", "seconds": 0.05}
        if c["turns"] == 0: return {"content": None, "tool_calls": [("look", {"x": c["ask"][:20]})], "seconds": 0.05}
        return {"content": f"saw {c['ask'][:20]}", "seconds": 0.05}
    m = Agent(id="seer", name="Seer", model=M("mem-m"), tools=[spy(look)], db=h.DB)
    plan("see-m", [[D("seer", "look at the dark room"), D("seer", "look at the hall"), D("seer", "look at the hall")], "seen"])
    t = Team(id="seers", name="Seers", model=M("see-m"), members=[m], db=h.DB)
    on_loop(ago(t, "look around", "degraded", session_id="s-async", user_id="u1"))
    on_loop(ago(t, "look around", "degraded", stream=True, session_id="s-async-stream", user_id="u1"))
    go(t, "look around", "degraded", session_id="s-sync", user_id="u1")

@case
def interrupted_agent_in_tool():
    """Ctrl-C in the tool of an agent that is itself called by a tool; the caller goes on. And the same inside a streamed workflow step."""
    from agno.agent import Agent
    from agno.workflow import Workflow, Step
    def stuck(x: str) -> str:
        """Stuck."""
        time.sleep(0.1); raise KeyboardInterrupt()
    inner = simple("inner", "Inner", [[("stuck", {"x": "1"})], "never said"], [stuck])
    def ask_inner(q: str) -> str:
        """Asks."""
        return f"inner says {inner.run(q).content}"
    plan("outer-m", [[("ask_inner", {"q": "try"})], "outer done"])
    def outer(): return Agent(id="outer", name="Outer", model=M("outer-m"), tools=[spy(ask_inner)], db=h.DB)
    go(outer(), "ask it", "degraded", session_id="s-plain", user_id="u1")
    w = Workflow(id="asks", name="Asks", db=h.DB, steps=[Step(name="ask", agent=outer()), Step(name="end", executor=fstep("end"))])
    go(w, "ask it in a step", "degraded", stream=True, session_id="s-wf-stream", user_id="u1")
    go(simple("direct", "Direct", [[("stuck", {"x": "1"})], "never said"], [stuck]), "directly", "cancelled", session_id="s-direct", user_id="u1")

@case
def parallel_same_agent_streamed():
    """Two parallel branches of a streamed workflow run agents of the same name at the same time; one calls a tool that does not exist."""
    from agno.agent import Agent
    from agno.workflow import Workflow, Step, Parallel
    def ping(n: int) -> str:
        """Ping."""
        time.sleep(0.15); return f"pong {n}"
    plan("tw1-m", [[("ping", {"n": 1})], "first twin"], seconds=0.15)
    plan("tw2-m", [[("no_such_tool", {"n": 2})], [("ping", {"n": 2})], "second twin"], seconds=0.15)
    one = Agent(id="twin", name="Twin", model=M("tw1-m"), tools=[spy(ping)], instructions="You are the first.", db=h.DB)
    two = Agent(id="twin", name="Twin", model=M("tw2-m"), tools=[spy(ping)], instructions="You are the second.", db=h.DB)
    def flow(): return Workflow(id="twins", name="Twins", db=h.DB, steps=[Parallel(Step(name="left", agent=one), Step(name="right", agent=two), name="both"), Step(name="join", executor=fstep("join"))])
    go(flow(), "both", "degraded", session_id="s-plain", user_id="u1")
    go(flow(), "both", "degraded", stream=True, session_id="s-stream", user_id="u1")
    on_loop(ago(flow(), "both", "degraded", stream=True, session_id="s-async-stream", user_id="u1"))

@case
def reader_leaves_workflow():
    """The reader closes an async stream of a workflow: inside an agent's tool, and between two steps; and a team's, while its second member works."""
    from agno.team import Team
    from agno.workflow import Workflow, Step
    async def aslow(n: int) -> str:
        """Slow."""
        await asyncio.sleep(0.5); return f"slow {n}"
    a = simple("worker", "Worker", [[("aslow", {"n": 1})], "worked"], [aslow])
    b = simple("second", "Second", [[("aslow", {"n": 2})], "worked too"], [aslow])
    async def leave(comp, session, until):
        r = rec("cancelled", comp.name, type(comp).__name__.lower(), None, session, "u1"); r["t0"] = now()
        it = comp.arun("work", stream=True, stream_events=True, session_id=session, user_id="u1")
        async for e in it:
            if own_event(e, r["kind"]) and not r["run_id"]: r["run_id"] = e.run_id
            if until(e): break
        await it.aclose(); r["t1"] = now(); await asyncio.sleep(0.8)
    def named(what): return lambda e: type(e).__name__.startswith(what)
    w = Workflow(id="left", name="Left", db=h.DB, steps=[Step(name="work", agent=a), Step(name="more", agent=b)])
    on_loop(leave(w, "s-in-tool", named("ToolCallStarted")))
    on_loop(leave(w, "s-between", named("StepCompleted")))
    plan("lt-m", [[D("worker", "one")], [D("second", "two")], "team done"])
    t = Team(id="lt", name="Left Team", model=M("lt-m"), members=[a, b], db=h.DB)
    seen = {"n": 0}
    def second(e):
        if type(e).__name__.startswith("ToolCallStarted") and "aslow" in str(getattr(e, "tool", "")): seen["n"] += 1
        return seen["n"] == 2
    on_loop(leave(t, "s-team", second))

@case
def run_id_given_again():
    """A caller gives one run id to a run that fails and to its second try, streamed; and one to runs of two users."""
    n = {"k": 0}
    @script("again-m")
    def again(c):
        n["k"] += 1
        return {"status": 500, "error": "upstream down"} if n["k"] == 1 else {"content": "second try went well"}
    a = simple("x", "Again"); a.model = M("again-m")
    rid = str(uuid.uuid4())
    go(a, "try", "error", stream=True, session_id="s-first", user_id="u1", run_id=rid)
    time.sleep(0.2)
    go(a, "try", "ok", stream=True, session_id="s-second", user_id="u1", run_id=rid)
    b = simple("y", "Shared Id")
    rid = "order-4711"
    go(b, "one", session_id="s-u1", user_id="u1", run_id=rid)
    go(b, "two", session_id="s-u2", user_id="u2", run_id=rid)

@case
def interleaved_workflow_and_agent():
    """One thread reads a streamed workflow and a streamed agent in turn; the agent's tool fails, the workflow's step has a retried model."""
    from agno.workflow import Workflow, Step
    a = simple("mixed", "Mixed", [[("failing", {"x": "1"})], "mixed done, it says at some length so that its stream has parts"], [failing])
    n = {"k": 0}
    s = simple("stepper", "Stepper"); s.model = M("st-m", retries=2, delay_between_retries=0)
    @script("st-m")
    def st(c):
        n["k"] += 1
        if n["k"] == 1: return {"status": 503, "error": "busy, try again"}
        return {"content": "the step's agent answers with a text long enough for several chunks"}
    w = Workflow(id="mixwf", name="Mix Flow", db=h.DB, steps=[Step(name="one", agent=s), Step(name="two", executor=fstep("two"))])
    def f():
        rw = rec("degraded", w.name, "workflow", None, "s-wf", "u1"); ra = rec("degraded", a.name, "agent", None, "s-agent", "u2")
        rw["t0"] = ra["t0"] = now()
        its = [(rw, iter(w.run("flow", stream=True, stream_events=True, session_id="s-wf", user_id="u1"))), (ra, iter(a.run("agent", stream=True, stream_events=True, session_id="s-agent", user_id="u2")))]
        while its:
            for r, it in list(its):
                try:
                    e = next(it)
                    if own_event(e, r["kind"]) and not r["run_id"]: r["run_id"] = e.run_id
                except StopIteration: r["t1"] = now(); its.remove((r, it))
                except Exception as x: r["raised"] = f"{type(x).__name__}: {x}"[:300]; its.remove((r, it))
    t = threading.Thread(target=f); t.start(); t.join()

@case
def streams_begun_together():
    """One thread, and one loop, begin two streams before either asks its model, and read them in turn: the second outlives the first. One has a hook that runs an agent."""
    from agno.agent import Agent
    def look(x: str) -> str:
        """Looks."""
        return f"found {x}"
    long = "an answer at some length so that its stream has many parts and takes a while to be read"
    def pair(mode):
        helper = simple("helper", "Helper", ["helped"])
        def hook(run_input, **kw): helper.run("help", stream=False)
        plan("quick-m", [[("look", {"x": "1"})], "quick"]); plan("slow-m", [[("look", {"x": "2"})], [("look", {"x": "3"})], long])
        quick = Agent(id="quick", name="Quick", model=M("quick-m"), tools=[spy(look)], db=h.DB, pre_hooks=[hook] if mode == "hook" else None)
        slow = Agent(id="slow", name="Slow", model=M("slow-m"), tools=[spy(look)], db=h.DB)
        return quick, slow
    def turns(its):
        while its:
            for r, it in list(its):
                try:
                    e = next(it)
                    if own_event(e, r["kind"]) and not r["run_id"]: r["run_id"] = e.run_id
                except StopIteration: r["t1"] = now(); its.remove((r, it))
    def f(mode):
        a, b = pair(mode)
        ra = rec("ok", a.name, "agent", None, f"{mode}-a", "u1"); rb = rec("ok", b.name, "agent", None, f"{mode}-b", "u2")
        ra["t0"] = rb["t0"] = now()
        turns([(ra, iter(a.run("look left", stream=True, stream_events=True, session_id=f"{mode}-a", user_id="u1"))), (rb, iter(b.run("look right", stream=True, stream_events=True, session_id=f"{mode}-b", user_id="u2")))])
    for mode in ("plain", "hook"):
        t = threading.Thread(target=f, args=(mode,)); t.start(); t.join()
    async def both():
        a, b = pair("plain")
        ra = rec("ok", a.name, "agent", None, "async-a", "u1"); rb = rec("ok", b.name, "agent", None, "async-b", "u2")
        ra["t0"] = rb["t0"] = now()
        its = [(ra, a.arun("look left", stream=True, stream_events=True, session_id="async-a", user_id="u1").__aiter__()), (rb, b.arun("look right", stream=True, stream_events=True, session_id="async-b", user_id="u2").__aiter__())]
        while its:
            for r, it in list(its):
                try:
                    e = await it.__anext__()
                    if own_event(e, r["kind"]) and not r["run_id"]: r["run_id"] = e.run_id
                except StopAsyncIteration: r["t1"] = now(); its.remove((r, it))
    on_loop(both())

main()
