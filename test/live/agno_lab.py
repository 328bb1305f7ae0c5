"""Writes real traces: drives the real Agno framework against the fake model server in fake_openai.py.

    python agno_lab.py --db sqlite:////tmp/lab.db --runs 80
    python agno_lab.py --db postgresql+psycopg://user:pw@127.0.0.1:5432/lab --runs 80 --batch
    python agno_lab.py --db sqlite:////tmp/lab.db --live 60 --rate 3      # keep writing for 60 s, 3 runs a second
    python agno_lab.py --db sqlite:////tmp/lab.db --pictures              # one run per life-cycle picture

Everything in agno_traces and agno_spans is written by Agno itself; nothing here touches those tables.
Runs on Agno 2.9 and 3.1; a picture that this Agno cannot make is left out and named on stderr.
--seed makes the choice of scenarios repeatable (ids and times never are). --speed 0.1 makes models ten times faster.
"""
import argparse
import asyncio
import inspect
import json
import logging
import os
import random
import sys
import threading
import time
import uuid

os.environ.setdefault("AGNO_TELEMETRY", "false")
os.environ.setdefault("OPENAI_API_KEY", "unused")

import fake_openai

SPEED = 1.0
RANDOM = random.Random(7)
LOCK = threading.Lock()
LOOP = asyncio.new_event_loop()

PARAGRAPHS = [
    "The customer ordered two units on the third and asked for express delivery to Zürich. The courier reported a customs hold; the parcel left the depot a day later than promised.",
    "Revenue in the northern region grew by 12.4 % quarter over quarter, driven mostly by renewals. Churn stayed flat at 1.9 %, while new business slowed towards the end of the period.",
    "The incident began at 02:14 UTC when a configuration change removed the read replica from the pool. Latency rose for eleven minutes until the change was reverted; no data was lost.",
    "Both papers measure recall on the same benchmark, but the second one filters duplicates first, so the headline figures cannot be compared without rerunning the baseline.",
    "退款政策：购买后三十天内可以全额退款。定制商品除外。 The policy page says the same in English, with one exception for gift cards.",
    "1. Check the order status.\n2. Compare it with the courier's last scan.\n3. Offer a refund when the delay exceeds five working days. 📦",
]


def prose(words: int) -> str:
    out = []
    while sum(len(p.split()) for p in out) < words:
        with LOCK:
            out.append(RANDOM.choice(PARAGRAPHS))
    return "\n\n".join(out)


def chance(p: float) -> bool:
    with LOCK:
        return RANDOM.random() < p


def between(low: float, high: float) -> float:
    with LOCK:
        return RANDOM.uniform(low, high)


def awaited(coroutine):
    """Runs a coroutine on the one event loop of this program: a model's client cannot outlive the loop it first ran on."""
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result()


# ---------------------------------------------------------------- the fake model's behaviour

PLANS = {
    "delegate": [[("delegate_task_to_member", {"member_id": "billing-agent", "task": "refund order 4417"})], [("delegate_task_to_member", {"member_id": "research-agent", "task": "compare the two papers"})]],
    "refund": [[("lookup_order", {"order_id": "4417"})], [("courier_status", {"tracking": "CH-90211"})], [("issue_refund", {"order_id": "4417", "amount": 89.5})]],
    "weather": [[("get_weather", {"city": "Zürich"})]],
    "compare": [[("web_search", {"query": "recall benchmark 2026"}), ("web_search", {"query": "deduplicated recall baseline"})], [("read_page", {"url": "https://example.org/paper/2"})]],
    "export": [[("export_sales", {"query": "select * from sales"})]],
    "report": [[("run_sql", {"query": "select region, sum(amount) from sales group by region"})], [("make_chart", {"kind": "bar", "title": "Revenue by region"})]],
    "loop": [[("web_search", {"query": "status page"})]] * 6,
    "stock": [[("flaky_inventory", {"sku": "A-113"})], [("flaky_inventory", {"sku": "A-113"})]],
    "policy": [[("search_knowledge_base", {"query": "refund window"})]],
    "danger": [[("wipe_cache", {"scope": "all"})]],
    "clear everything": [[("delegate_task_to_member", {"member_id": "careful", "task": "danger: wipe the cache"})]],
}
STUMBLES = {}


def brain(messages, body):
    answer = decide(messages, body)
    if body["model"].startswith("claude"):  # reached through a router, which reports what the call cost
        answer["price"] = (3e-6, 15e-6)
    return answer


def decide(messages, body):
    tools = {t["function"]["name"] for t in body.get("tools", [])}
    last_user = max((i for i, m in enumerate(messages) if m["role"] == "user"), default=0)
    ask = str(messages[last_user].get("content", "")).lower() if messages else ""
    turns = sum(1 for m in messages[last_user:] if m["role"] == "assistant")
    seconds = between(0.25, 1.4) * SPEED
    if "model outage" in ask or body["model"] == "offline":
        return {"status": 503, "error": "The engine is currently overloaded, please try again later", "seconds": seconds}
    if "rate limited" in ask:
        return {"status": 429, "error": "Rate limit reached for requests", "seconds": 0.05}
    if "second attempt" in ask:
        with LOCK:
            STUMBLES[ask] = STUMBLES.get(ask, 0) + 1
        if STUMBLES[ask] % 2:
            return {"status": 503, "error": "The engine is currently overloaded, please try again later", "seconds": seconds}
    if "slow answer" in ask:
        return {"content": prose(60), "seconds": 6 * SPEED}
    if body.get("response_format"):
        return {"content": json.dumps({"title": "t", "action": "a", "result": "r", "reasoning": "because", "next_action": "final_answer", "confidence": 0.9,
                                       "reasoning_steps": [{"title": "t", "action": "a", "result": "r", "reasoning": "because", "next_action": "final_answer", "confidence": 0.9}]}), "seconds": seconds}
    for key, plan in PLANS.items():
        usable = [step for step in plan if any(name in tools for name, _ in step)]
        if key in ask and usable:
            if turns < len(usable):
                return {"content": None, "tool_calls": [c for c in usable[turns] if c[0] in tools], "seconds": seconds}
            break
    return {"content": prose(int(between(20, 160))), "seconds": seconds}


# ---------------------------------------------------------------- tools

def lookup_order(order_id: str) -> str:
    """Look an order up in the shop's database."""
    time.sleep(between(0.01, 0.12) * SPEED)
    return json.dumps({"order_id": order_id, "status": "shipped", "total": 89.5, "items": [{"sku": "A-113", "qty": 2}]})


def courier_status(tracking: str) -> dict:
    """Ask the courier for the last scan."""
    time.sleep(between(0.2, 0.9) * SPEED)
    return {"tracking": tracking, "last_scan": "customs", "days_late": 6}


def issue_refund(order_id: str, amount: float) -> str:
    """Refund an order."""
    time.sleep(between(0.05, 0.2) * SPEED)
    return f"refunded {amount} for {order_id}"


def get_weather(city: str) -> str:
    """Weather for a city."""
    time.sleep(between(0.02, 0.1) * SPEED)
    return f"sunny in {city}, 21 °C"


def web_search(query: str) -> str:
    """Search the web."""
    time.sleep(between(0.1, 1.2) * SPEED)
    return json.dumps([{"title": f"Result {i} for {query}", "snippet": prose(30)} for i in range(3)])


def read_page(url: str) -> str:
    """Read a page."""
    time.sleep(between(0.1, 0.6) * SPEED)
    return prose(400)


def run_sql(query: str) -> str:
    """Run a query on the warehouse."""
    time.sleep(between(0.3, 2.0) * SPEED)
    return "region,amount\nnorth,120400\nsouth,88210"


def export_sales(query: str) -> str:
    """Export the sales of the quarter, line by line."""
    return "region,day,amount\n" + "\n".join(f"north,2026-07-{1 + i % 28:02},{i * 37 % 1000}" for i in range(1500))


def make_chart(kind: str, title: str) -> str:
    """Draw a chart."""
    time.sleep(between(0.05, 0.2) * SPEED)
    return "chart.png"


def flaky_inventory(sku: str) -> str:
    """Stock level of an article."""
    time.sleep(between(0.05, 0.3) * SPEED)
    raise ConnectionError(f"inventory service refused the connection for {sku}")


# ---------------------------------------------------------------- agents, team, workflow

def accepted(callable_, *choices: dict) -> dict:
    """The first of the keyword sets that this Agno accepts: names of arguments change between its versions."""
    known = inspect.signature(callable_).parameters
    return next((kwargs for kwargs in choices if kwargs.keys() <= known.keys()), {})


class Shop:
    """The agents of an imaginary shop, built on one Agno database."""

    def __init__(self, db):
        from agno.agent import Agent
        from agno.exceptions import CheckTrigger, InputCheckError
        from agno.knowledge.document import Document
        from agno.knowledge.knowledge import Knowledge
        from agno.models.openai import OpenAIChat
        from agno.team import Team
        from agno.tools import tool
        from agno.vectordb.base import VectorDb
        from agno.workflow import Condition, Loop, Parallel, Step, Workflow
        from agno.workflow.types import HumanReview, StepInput, StepOutput

        self.db, self.Agent, self.Team = db, Agent, Team

        def model(model_id="gpt-5.5-mini", **kwargs):
            return OpenAIChat(id=model_id, base_url=f"http://127.0.0.1:{PORT}/v1", api_key="unused", max_retries=0, **kwargs)

        self.model = model

        class Shelf(VectorDb):
            """One policy document; enough for a retrieval span."""
            def search(self, query, limit=5, filters=None, user_id=None, **kwargs):
                return [Document(id="policy-3", name="refunds.pdf", content=PARAGRAPHS[4], meta_data={"page": 3}, reranking_score=0.87),
                        Document(id="policy-9", name="shipping.pdf", content=PARAGRAPHS[0], meta_data={"page": 1}, reranking_score=0.41)]
            async def async_search(self, query, limit=5, filters=None, user_id=None, **kwargs): return self.search(query)
            def exists(self): return True
            async def async_exists(self): return True
            def get_supported_search_types(self): return []
        for name in VectorDb.__abstractmethods__:
            if name not in Shelf.__dict__:
                setattr(Shelf, name, lambda self, *a, **k: None)
        Shelf.__abstractmethods__ = frozenset()
        shelf = Knowledge(name="policies", vector_db=Shelf())

        self.billing = Agent(id="billing-agent", name="Billing Agent", role="refunds and invoices", model=model("gpt-5.5", temperature=0.2), db=db,
                             tools=[lookup_order, courier_status, issue_refund, flaky_inventory], metadata={"team": "support", "env": "prod"})
        self.research = Agent(id="research-agent", name="Research Agent", role="reads and compares sources", model=model("claude-sonnet-5", temperature=0.7), db=db,
                              tools=[web_search, read_page])
        self.analyst = Agent(id="analyst", name="Data Analyst", model=model("gpt-5.5"), db=db, tools=[run_sql, make_chart], add_history_to_context=True)
        self.policy = Agent(id="policy-agent", name="Policy-Bot", model=model(), db=db, knowledge=shelf, search_knowledge=True)
        self.rag = Agent(id="rag-agent", name="Rag", model=model(), db=db, knowledge=shelf, search_knowledge=False, add_knowledge_to_context=True)
        self.weather = Agent(id="weather-agent", name="Weather Agent", model=model("gpt-5.5-nano"), db=db, tools=[get_weather])

        def shout(run_input, **kwargs): run_input.input_content = f"{run_input.input_content} (be brief)"
        def sign(run_output, **kwargs): run_output.content = f"{run_output.content}\n-- the shop"
        def guard(run_input, **kwargs): raise InputCheckError("credit card number in the message", check_trigger=CheckTrigger.INPUT_NOT_ALLOWED)
        self.hooked = Agent(id="hooked", name="Hooked", model=model(), db=db, pre_hooks=[shout], post_hooks=[sign])
        self.guarded = Agent(id="guarded", name="Guarded", model=model(), db=db, pre_hooks=[guard])
        self.memo = Agent(id="memo", name="Memo", model=model(), db=db, enable_session_summaries=True,
                          **accepted(Agent, {"enable_user_memories": True}, {"update_memory_on_run": True}))
        self.thinker = Agent(id="thinker", name="Thinker", model=model(), db=db, **accepted(Agent, {"reasoning": True}, {"reasoning_model": model("gpt-5.5")}))

        @tool(requires_confirmation=True)
        def wipe_cache(scope: str) -> str:
            """Wipe the cache."""
            return f"wiped {scope}"
        self.careful = Agent(id="careful", name="Careful", model=model(), db=db, tools=[wipe_cache])

        def team(**kwargs):
            return Team(id="support-team", name="Support Team", model=model("gpt-5.5"), members=[self.billing, self.research], db=db, **kwargs)
        self.team = team

        def tidy(step_input: StepInput) -> StepOutput:
            time.sleep(between(0.02, 0.1) * SPEED)
            return StepOutput(content=str(step_input.previous_step_content or step_input.input)[:200])

        def explode(step_input: StepInput) -> StepOutput:
            raise RuntimeError("publisher API returned 502")

        def workflow(fail=False):
            """fail=True: the last step is skipped after its error, as by default; fail="hard": it ends the workflow."""
            steps = [Step(name="gather", agent=self.research),
                     Parallel(Step(name="numbers", agent=self.analyst), Step(name="weather", agent=self.weather), name="enrich"),
                     Loop(name="polish", steps=[Step(name="edit", executor=tidy)], max_iterations=2),
                     Condition(name="long enough", evaluator=lambda step_input: True, steps=[Step(name="check", executor=tidy)]),
                     Step(name="publish", executor=explode if fail else tidy, max_retries=0, **({"human_review": HumanReview(on_error="fail")} if fail == "hard" else {}))]
            return Workflow(id="content-pipeline", name="Content Pipeline", description="Gather, enrich, polish, publish", db=db, steps=steps)
        self.workflow = workflow

        def approval():
            return Workflow(id="announcement", name="Announcement", db=db,
                            steps=[Step(name="draft", agent=self.analyst), Step(name="approve", executor=tidy, human_review=HumanReview(requires_confirmation=True)), Step(name="send", agent=self.weather)])
        self.approval = approval


ASKS = [
    (16, "billing", "Please refund order 4417, it is late"),
    (10, "research", "Compare the two papers on recall"),
    (12, "analyst", "Make the weekly report by region"),
    (12, "weather", "What is the weather in Zürich?"),
    (6, "policy", "What is our refund policy window?"),
    (3, "rag", "How long may customers return things?"),
    (5, "billing", "Stock for A-113 looks broken, check it"),
    (3, "research", "Keep an eye on the status loop"),
    (3, "hooked", "Say hello to the new customer"),
    (2, "guarded", "My card is 4111 1111 1111 1111"),
    (2, "memo", "Remember that I prefer email"),
    (2, "thinker", "Think about the incident"),
    (3, "weather", "simulate a model outage"),
    (2, "weather", "we are rate limited"),
]


def one_run(shop: Shop, index: int) -> None:
    user = f"user-{1 + index % 9}"
    session = f"session-{1 + index // 3}"
    with LOCK:
        weights = [w for w, _, _ in ASKS] + [8, 6]
        pick = RANDOM.choices(range(len(weights)), weights)[0]
    try:
        if pick == len(ASKS):
            shop.team().run("delegate the refund and the comparison", user_id=user, session_id=session)
        elif pick == len(ASKS) + 1:
            shop.workflow(fail=chance(0.25)).run(input="Write the weekly report with weather", user_id=user, session_id=session)
        else:
            _, name, ask = ASKS[pick]
            agent = getattr(shop, name)
            mode = RANDOM.choice(["run", "stream", "arun"])
            if mode == "run":
                agent.run(ask, user_id=user, session_id=session)
            elif mode == "stream":
                for _ in agent.run(ask, user_id=user, session_id=session, stream=True):
                    pass
            else:
                awaited(agent.arun(ask, user_id=user, session_id=session))
    except Exception as error:  # a failing run is part of the scenery
        print(f"run {index}: {type(error).__name__}: {error}", file=sys.stderr)


def in_thread(target, *args) -> None:
    """Each run in a thread of its own: Agno leaks its tracing context between runs of one thread."""
    thread = threading.Thread(target=target, args=args)
    thread.start()
    thread.join()


def pictures(shop: Shop) -> None:
    """One run per life-cycle picture, each in a session named after it."""
    def simple(name, agent, ask, **kwargs):
        def go():
            try:
                agent.run(ask, user_id="user-1", session_id=name, **kwargs)
            except Exception as error:
                print(f"{name}: {type(error).__name__}", file=sys.stderr)
        in_thread(go)

    simple("agent-ok", shop.weather, "What is the weather in Zürich?")
    simple("tool-error", shop.billing, "Stock for A-113 looks broken, check it")
    simple("model-error", shop.weather, "simulate a model outage")
    simple("tool-loop", shop.research, "Keep an eye on the status loop")
    simple("hooks", shop.hooked, "Say hello")
    simple("guardrail", shop.guarded, "My card is 4111 1111 1111 1111")
    simple("retrieval-tool", shop.policy, "What is our refund policy window?")
    simple("retrieval-context", shop.rag, "How long may customers return things?")
    simple("memory", shop.memo, "Remember that I prefer email")
    simple("reasoning", shop.thinker, "Think about the incident")
    in_thread(lambda: list(shop.billing.run("Please refund order 4417", user_id="user-1", session_id="agent-stream", stream=True)))
    in_thread(lambda: awaited(shop.billing.arun("Please refund order 4417", user_id="user-1", session_id="agent-async")))
    in_thread(lambda: shop.team().run("delegate the refund and the comparison", user_id="user-1", session_id="team"))
    in_thread(lambda: shop.workflow().run(input="Write the weekly report with weather", user_id="user-1", session_id="workflow"))
    in_thread(lambda: shop.workflow(fail=True).run(input="Write the weekly report with weather", user_id="user-1", session_id="workflow-failed-step"))

    def human_in_the_loop():
        paused = shop.careful.run("danger: wipe the cache", user_id="user-1", session_id="human-in-the-loop")
        for call in paused.tools_requiring_confirmation or []:
            call.confirmed = True
        shop.careful.continue_run(run_response=paused)
    in_thread(human_in_the_loop)

    def abandoned():
        for _ in shop.weather.run("What is the weather in Zürich?", user_id="user-1", session_id="abandoned-stream", stream=True):
            break
        import gc
        gc.collect()
    in_thread(abandoned)

    def cancelled():
        async def go():
            task = asyncio.create_task(shop.weather.arun("slow answer please", user_id="user-1", session_id="cancelled"))
            await asyncio.sleep(0.4)
            task.cancel()
            try:
                await task
            except BaseException:
                pass
        awaited(go())
    in_thread(cancelled)

    def leaked():
        shop.team().run("delegate the refund", user_id="user-1", session_id="leaked-1")
        shop.weather.run("What is the weather in Zürich?", user_id="user-2", session_id="leaked-2")
    in_thread(leaked)

    def long_history():
        from agno.models.message import Message
        chat = [Message(role="user" if i % 2 == 0 else "assistant", content=f"turn {i}: {PARAGRAPHS[i % 4]}") for i in range(150)]
        shop.Agent(id="long", name="Long", model=shop.model(), db=shop.db, additional_input=chat).run("and now?", user_id="user-1", session_id="attribute-limit")
    in_thread(long_history)

    def longer_history():
        from agno.models.message import Message
        chat = [Message(role="user" if i % 2 == 0 else "assistant", content=f"turn {i}") for i in range(520)]
        shop.Agent(id="longer", name="Longer", model=shop.model(), additional_input=chat).run("and now?", user_id="user-1", session_id="attribute-limit-1024")
    in_thread(longer_history)

    in_thread(lambda: list(shop.weather.run("simulate a model outage", user_id="user-1", session_id="model-error-stream", stream=True)))
    in_thread(lambda: list(shop.guarded.run("My card is 4111 1111 1111 1111", user_id="user-1", session_id="guardrail-stream", stream=True)))
    simple("model-retry", shop.Agent(id="stubborn", name="Stubborn", model=shop.model(), db=shop.db, retries=2, delay_between_retries=0), "works on the second attempt")

    async def abandoned_async():
        events = shop.weather.arun("What is the weather in Zürich?", user_id="user-1", session_id="abandoned-async-stream", stream=True)
        async for _ in events:
            break
        await events.aclose()
    in_thread(lambda: awaited(abandoned_async()))

    def cancelled_by_request():
        run_id = str(uuid.uuid4())
        threading.Timer(3 * SPEED, lambda: shop.weather.cancel_run(run_id)).start()
        shop.weather.run("slow answer please", user_id="user-1", session_id="cancelled-by-request", run_id=run_id)
    in_thread(cancelled_by_request)

    async def background():
        await shop.weather.arun("What is the weather in Zürich?", user_id="user-1", session_id="background", background=True)
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
    in_thread(lambda: awaited(background()))

    def team_member_error():
        broken = shop.Agent(id="billing-agent", name="Billing Agent", model=shop.model("offline"), db=shop.db, tools=[lookup_order])
        shop.Team(id="support-team", name="Support Team", model=shop.model("gpt-5.5"), members=[broken, shop.research], db=shop.db).run(
            "delegate the refund and the comparison", user_id="user-1", session_id="team-member-error")
    in_thread(team_member_error)

    # a person answers later: pause and continuation are separate requests, so separate threads
    def paused_and_continued(component, **ask):
        waiting = []
        in_thread(lambda: waiting.append(component.run(**ask, user_id="user-1")))
        for requirement in getattr(waiting[0], "requirements", None) or getattr(waiting[0], "step_requirements", None) or []:
            requirement.confirm()
        in_thread(component.continue_run, waiting[0])
    paused_and_continued(shop.Team(id="careful-team", name="Careful Team", model=shop.model("gpt-5.5"), members=[shop.careful], db=shop.db),
                         input="clear everything", session_id="team-human-in-the-loop")
    paused_and_continued(shop.approval(), input="Write the announcement", session_id="workflow-human-in-the-loop")

    def workflow_failed():
        try:
            shop.workflow(fail="hard").run(input="Write the weekly report with weather", user_id="user-1", session_id="workflow-failed")
        except Exception as error:
            print(f"workflow-failed: {type(error).__name__}", file=sys.stderr)
    in_thread(workflow_failed)

    if offload := accepted(shop.Agent, {"offload_tool_results": True}):
        simple("offload", shop.Agent(id="exporter", name="Exporter", model=shop.model(), db=shop.db, tools=[export_sales], **offload), "Please export the quarter")
    else:
        print("offload: not in this Agno", file=sys.stderr)

    if accepted(shop.Agent, {"compaction": True}):
        from agno.compaction import Compaction
        talker = shop.Agent(id="talker", name="Talker", model=shop.model(), db=shop.db, add_history_to_context=True, compaction=Compaction(compact_at_tokens=250, uncompacted_runs=1))
        for ask in ("Tell me about the incident", "And about the courier", "And about the benchmark", "And what did we start with?"):
            simple("compaction", talker, ask)
    else:
        print("compaction: not in this Agno", file=sys.stderr)

    in_thread(over_http, Shop(shop.db))


def over_http(shop: Shop) -> None:
    """What AgentOS stores today: FastAPI puts spans of its own around every run, and around every other request."""
    try:
        from agno.os import AgentOS
        from fastapi.testclient import TestClient
        app = AgentOS(agents=[shop.weather], db=shop.db, telemetry=False).get_app()
    except (ImportError, RuntimeError) as error:
        print(f"http: left out, {error}", file=sys.stderr)
        return
    with TestClient(app) as client:
        def run(session, headers=None, ask="What is the weather in Zürich?", **form):
            client.post("/agents/weather-agent/runs", data={"message": ask, "session_id": session, "user_id": "user-1", **form}, headers=headers)
        run("http", stream="false")
        run("http-stream", stream="true")
        run("http-stream-error", stream="true", ask="simulate a model outage")
        run("http-background", stream="false", background="true")
        run("http-remote-parent", stream="false", headers={"traceparent": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"})
        client.get("/sessions", params={"type": "agent"})
        time.sleep(3 * SPEED + 1)  # the background run


def write_down_commits(db, file: str) -> None:
    """Looks at a clock after each of Agno's inserts; the inserts themselves stay as they are."""
    insert, out, lock = db.create_spans, open(file, "w"), threading.Lock()

    def create_spans(spans):
        insert(spans)
        at = time.time() * 1000
        with lock:
            print(json.dumps({"at": at, "spans": [span.span_id for span in spans]}), file=out, flush=True)
    db.create_spans = create_spans


def main() -> None:
    global PORT, SPEED, RANDOM
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--db", required=True, help="SQLAlchemy URL: sqlite:////abs.db or postgresql+psycopg://…")
    args.add_argument("--schema", default="ai", help="Postgres schema (Agno's default is ai)")
    args.add_argument("--runs", type=int, default=0)
    args.add_argument("--live", type=float, default=0, metavar="SECONDS")
    args.add_argument("--rate", type=float, default=2.0, help="runs started per second with --live")
    args.add_argument("--ids", nargs=2, metavar=("OK", "ERROR"), help="begin with a run of this id that goes well and one of that id that fails")
    args.add_argument("--commits", metavar="FILE", help="write down when each insert of spans returned to Agno, that is, after its commit: a JSON line with ms since 1970 and the span ids")
    args.add_argument("--pictures", action="store_true")
    args.add_argument("--die-after", type=float, default=0, metavar="SECONDS", help="kill this process hard, in the middle of its runs")
    args.add_argument("--batch", action="store_true", help="BatchSpanProcessor instead of one export per span")
    args.add_argument("--seed", type=int, default=7)
    args.add_argument("--speed", type=float, default=1.0)
    opts = args.parse_args()
    SPEED, RANDOM = opts.speed, random.Random(opts.seed)
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    PORT = fake_openai.start(brain)
    threading.Thread(target=LOOP.run_forever, daemon=True).start()

    from agno.tracing import setup_tracing
    if opts.db.startswith("sqlite"):
        from agno.db.sqlite import SqliteDb
        db = SqliteDb(db_url=opts.db)
    else:
        from agno.db.postgres import PostgresDb
        db = PostgresDb(db_url=opts.db, db_schema=opts.schema)
    if opts.commits:
        write_down_commits(db, opts.commits)
    setup_tracing(db=db, batch_processing=opts.batch)
    shop = Shop(db)

    if opts.die_after:
        threading.Timer(opts.die_after, lambda: os._exit(137)).start()
    if opts.pictures:
        pictures(shop)
    for index in range(opts.runs):
        in_thread(one_run, shop, index)
    if opts.ids:
        # One after the other and before all others: Agno 2 loses rows when several threads create its tables at once.
        for run_id, ask in zip(opts.ids, ("What is the weather in Zürich?", "simulate a model outage")):
            in_thread(lambda: shop.weather.run(ask, run_id=run_id, session_id=run_id))
    if opts.live:
        end, index, running = time.monotonic() + opts.live, 0, []
        while time.monotonic() < end:
            running.append(threading.Thread(target=one_run, args=(shop, index), daemon=True))
            running[-1].start()
            index += 1
            time.sleep(1 / opts.rate)
        # A run that is still at work when the interpreter ends can abort the process.
        for thread in running:
            thread.join(max(0.0, end + 30 - time.monotonic()))


if __name__ == "__main__":
    main()
